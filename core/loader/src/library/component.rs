//! Generators and suites of libraries: requests and replies in JSON.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tribunal_api::abi::{self, CallFn};
use tribunal_api::wire::{Completions, Declares};
use tribunal_api::{
    Completion, Generator, Identity, Inspection, Limits, Prompt, SourceError, Suite,
};

use super::instance::{Blueprint, Instance, NotCreated};
use super::source::{Opened, call_json, inspection, reply, with_digest};
use crate::suite::{Call, foreign_suite};

/// Longest wait for one request to a suite.
const SUITE_WITHIN: Duration = Duration::from_secs(600);

/// A generator behind a table of functions.
pub(super) struct LibraryGenerator {
    call: CallFn,
    opened: Opened,
    declares: Declares,
    digest: Arc<str>,
}

impl LibraryGenerator {
    /// The generator of a table, with the instance that was made to check its settings.
    pub(super) fn new(
        table: &'static abi::Generator,
        call: CallFn,
        blueprint: Blueprint,
        digest: Arc<str>,
    ) -> Result<Self, NotCreated> {
        let instance = Instance::create(&blueprint, 1)?;
        let own = declared(call, &instance, &blueprint)?;
        let known = |count: u32| (count > 0).then_some(count as usize);
        // SAFETY: tables are read-only and live as long as the program.
        let lane = unsafe { table.lane.lossy() };
        let declares = Declares {
            batch: own.batch.or(known(table.max_batch)),
            in_flight: own.in_flight.or(known(table.max_in_flight)),
            lane: own.lane.or((!lane.is_empty()).then_some(lane)),
            ..own
        };
        let in_flight = declares.limits(1).in_flight;
        Ok(Self { call, opened: Opened::with(blueprint, in_flight, instance), declares, digest })
    }

    async fn ask(&self, method: &'static str, request: Value) -> Result<Vec<u8>, SourceError> {
        let instance = self.opened.get().await?;
        let (call, request) = (self.call, request.to_string());
        let asked =
            instance.ask(Vec::new(), move |this, job| call_json(call, this, method, &request, job));
        let (job, status) = asked.await?;
        let said = std::mem::take(&mut *job.said());
        let origin = &self.opened.blueprint.origin;
        if status == abi::OK {
            return Ok(said.reply);
        }
        reply::<Value>(origin, status, &said.reply, &said.error, method).map(|_| Vec::new())
    }

    fn read<T: serde::de::DeserializeOwned>(
        &self,
        json: &[u8],
        method: &str,
    ) -> Result<T, SourceError> {
        reply(&self.opened.blueprint.origin, abi::OK, json, &[], method)
    }
}

/// What an instance declares; nothing when it does not know the method.
fn declared(
    call: CallFn,
    instance: &Instance,
    Blueprint { origin, start_within, .. }: &Blueprint,
) -> Result<Declares, NotCreated> {
    let within = *start_within;
    let asked =
        instance.ask_blocking(within, move |this, job| call_json(call, this, "declare", "{}", job));
    let (job, status) = asked.map_err(|error| NotCreated::Broken(error.to_string()))?;
    let said = std::mem::take(&mut *job.said());
    if status == abi::E_REJECTED {
        return Ok(Declares::default());
    }
    reply(origin, status, &said.reply, &said.error, "declare")
        .map_err(|error| NotCreated::Broken(error.to_string()))
}

#[async_trait]
impl Generator for LibraryGenerator {
    fn limits(&self) -> Limits {
        self.declares.limits(1)
    }

    fn unhurried(&self) -> bool {
        self.declares.unhurried.unwrap_or(false)
    }

    fn renders_markers(&self) -> bool {
        self.declares.renders_markers.unwrap_or(false)
    }

    fn samples_at_once(&self) -> usize {
        self.declares.samples_at_once.unwrap_or(usize::MAX).max(1)
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        let within = self.opened.blueprint.start_within;
        let asked = tokio::time::timeout(within, self.ask("identify", json!({}))).await;
        let json = asked.unwrap_or_else(|_| {
            let origin = &self.opened.blueprint.origin;
            let message = format!("the plugin `{origin}` did not answer within {within:?}");
            Err(SourceError::Unreachable { message })
        })?;
        let identity: Identity = self.read(&json, "identify")?;
        with_digest(&self.opened.blueprint.origin, identity, &self.digest)
    }

    async fn inspect(&self, prompt: &Prompt) -> Result<Option<Inspection>, SourceError> {
        let instance = self.opened.get().await?;
        let (call, request) = (self.call, json!({ "prompt": prompt }).to_string());
        let asked = instance
            .ask(Vec::new(), move |this, job| call_json(call, this, "inspect", &request, job));
        let (job, status) = asked.await?;
        inspection(&self.opened.blueprint.origin, &job, status)
    }

    async fn generate(&self, batch: &[Prompt]) -> Vec<Result<Completion, SourceError>> {
        // A recipe may ask for larger batches than the plugin says it can take.
        let mut results = Vec::with_capacity(batch.len());
        for part in batch.chunks(self.declares.limits(1).batch) {
            results.extend(self.generate_part(part).await);
        }
        results
    }

    async fn open(&self) -> Result<(), SourceError> {
        self.opened.load(Some(self.call)).await
    }

    async fn close(&self) {
        self.opened.close().await;
    }
}

impl LibraryGenerator {
    async fn generate_part(&self, batch: &[Prompt]) -> Vec<Result<Completion, SourceError>> {
        let asked = async {
            let json = self.ask("generate", json!({ "prompts": batch })).await?;
            let Completions { completions } = self.read(&json, "generate")?;
            match completions.len() == batch.len() {
                true => Ok(completions),
                false => Err(SourceError::Broken {
                    message: format!(
                        "the plugin `{}` answered {} prompts of {}",
                        self.opened.blueprint.origin,
                        completions.len(),
                        batch.len()
                    ),
                }),
            }
        };
        match asked.await {
            Ok(completions) => completions.into_iter().map(|one| one.into_result()).collect(),
            Err(error) => batch.iter().map(|_| Err(error.clone())).collect(),
        }
    }
}

/// A suite's instance, asked in JSON.
struct SuiteCall {
    call: CallFn,
    opened: Opened,
}

impl Call for SuiteCall {
    fn call(&self, method: &str, request: Value) -> Result<Value, SourceError> {
        let instance = self.opened.get_blocking()?;
        let (call, name, request) = (self.call, method.to_owned(), request.to_string());
        let (job, status) = instance.ask_blocking(SUITE_WITHIN, move |this, job| {
            call_json(call, this, &name, &request, job)
        })?;
        let said = std::mem::take(&mut *job.said());
        reply(&self.opened.blueprint.origin, status, &said.reply, &said.error, method)
    }
}

/// The suite of a table, with the instance that was made to check its settings.
pub(super) fn suite(
    kind: &str,
    version: &str,
    call: CallFn,
    blueprint: Blueprint,
) -> Result<Arc<dyn Suite>, NotCreated> {
    let instance = Instance::create(&blueprint, 1)?;
    let declares = declared(call, &instance, &blueprint)?;
    let opened = Opened::with(blueprint, 1, instance);
    Ok(foreign_suite(kind, version, &declares, Arc::new(SuiteCall { call, opened })))
}
