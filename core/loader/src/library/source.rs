//! Sources of libraries: questions are lent, numbers come back in the host's buffer.

use std::ffi::c_void;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde_json::json;
use tribunal_api::abi::{self, Str};
use tribunal_api::wire::{Declares, ErrorBody};
use tribunal_api::{
    Answers, Arity, Identity, Inspection, Limits, Question, Reads, RewardSource, Scale, SourceError,
};

use super::host::sinks_of;
use super::instance::{Blueprint, Instance, NotCreated};
use super::job::{self, Job, Request, at_once};

/// A source behind a table of functions.
pub(super) struct LibrarySource {
    table: &'static abi::Source,
    opened: Opened,
    declares: Declares,
    digest: Arc<str>,
}

/// An instance that is made when it is needed and ended by `close`.
pub(super) struct Opened {
    pub(super) blueprint: Blueprint,
    pub(super) in_flight: usize,
    instance: Mutex<Option<Arc<Instance>>>,
    /// What is heavy is loaded; held while it is being loaded.
    loaded: tokio::sync::Mutex<bool>,
}

impl Opened {
    /// With an instance that is there already.
    pub(super) fn with(blueprint: Blueprint, in_flight: usize, instance: Instance) -> Self {
        instance.widen(in_flight);
        let instance = Mutex::new(Some(Arc::new(instance)));
        Self { blueprint, in_flight, instance, loaded: tokio::sync::Mutex::default() }
    }

    /// The instance; a new one after a `close`.
    pub(super) async fn get(&self) -> Result<Arc<Instance>, SourceError> {
        if let Some(instance) = self.known() {
            return Ok(instance);
        }
        let blueprint = self.blueprint.clone();
        let in_flight = self.in_flight;
        let (sender, receiver) = tokio::sync::oneshot::channel();
        // Making an instance blocks; a plain thread waits for it.
        std::thread::spawn(move || {
            let _ = sender.send(Instance::create(&blueprint, in_flight));
        });
        let made = receiver.await.map_err(|_| SourceError::Broken {
            message: format!("the plugin `{}` made no instance", self.blueprint.origin),
        })?;
        let made = Arc::new(made.map_err(NotCreated::into_source_error)?);
        let mut place = self.instance.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(place.get_or_insert(made).clone())
    }

    /// The same, waited for on this thread.
    pub(super) fn get_blocking(&self) -> Result<Arc<Instance>, SourceError> {
        if let Some(instance) = self.known() {
            return Ok(instance);
        }
        let made = Instance::create(&self.blueprint, self.in_flight);
        let made = Arc::new(made.map_err(NotCreated::into_source_error)?);
        let mut place = self.instance.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(place.get_or_insert(made).clone())
    }

    fn known(&self) -> Option<Arc<Instance>> {
        self.instance.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has the instance load what is heavy, where it knows how to.
    pub(super) async fn load(&self, call: Option<abi::CallFn>) -> Result<(), SourceError> {
        let Some(call) = call else { return Ok(()) };
        let instance = self.get().await?;
        let mut loaded = self.loaded.lock().await;
        if *loaded {
            return Ok(());
        }
        let Blueprint { origin, load_within, .. } = &self.blueprint;
        let asked =
            instance.ask(Vec::new(), move |this, job| call_json(call, this, "load", "{}", job));
        let (job, status) =
            tokio::time::timeout(*load_within, asked).await.unwrap_or_else(|_| {
                let message =
                    format!("the plugin `{origin}` was not loaded within {load_within:?}");
                Err(SourceError::Broken { message })
            })?;
        let said = std::mem::take(&mut *job.said());
        if !matches!(status, abi::OK | abi::E_REJECTED) {
            reply::<serde_json::Value>(origin, status, &said.reply, &said.error, "load")?;
        }
        *loaded = true;
        Ok(())
    }

    /// Ends the instance when its calls have ended.
    pub(super) async fn close(&self) {
        *self.loaded.lock().await = false;
        let instance = self.instance.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(instance) = instance.and_then(Arc::into_inner) else { return };
        let within = self.blueprint.cancel_within;
        let (sender, receiver) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            instance.close(within);
            let _ = sender.send(());
        });
        let _ = receiver.await;
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        let instance = self.instance.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(instance) = instance.and_then(Arc::into_inner) {
            // Weights and devices are given back before the program ends, unless the plugin does not come back.
            instance.close(std::time::Duration::from_secs(1));
        }
    }
}

impl LibrarySource {
    /// The source of a table, with the instance that was made to check its settings.
    pub(super) fn new(
        table: &'static abi::Source,
        blueprint: Blueprint,
        digest: Arc<str>,
    ) -> Result<Self, NotCreated> {
        let instance = Instance::create(&blueprint, 1)?;
        let declares = declares(table, &instance, &blueprint)?;
        let in_flight = declares.limits(1).in_flight;
        let opened = Opened::with(blueprint, in_flight, instance);
        Ok(Self { table, opened, declares, digest })
    }

    fn origin(&self) -> &str {
        &self.opened.blueprint.origin
    }
}

/// What the table says, and on top of it what the instance says.
fn declares(
    table: &'static abi::Source,
    instance: &Instance,
    Blueprint { origin, start_within, .. }: &Blueprint,
) -> Result<Declares, NotCreated> {
    let mut declares = of_table(table);
    let Some(declare) = table.declare else { return Ok(declares) };
    let broken = |what: String| NotCreated::Broken(format!("the plugin `{origin}` {what}"));
    let asked = instance.ask_blocking(*start_within, move |this, job| {
        let [json, _] = &job.keep(Request::plain(sinks_of(job))).sinks;
        // SAFETY: the instance's own pointer, on its own thread; the sink lives as long as the job.
        at_once(unsafe { declare(this, json) })
    });
    let (job, status) = asked.map_err(|error| NotCreated::Broken(error.to_string()))?;
    if status != abi::OK {
        return Err(broken(format!("failed to declare what it is (status {status})")));
    }
    let json = std::mem::take(&mut job.said().reply);
    let own: Declares = serde_json::from_slice(&json)
        .map_err(|cause| broken(format!("declares something unreadable: {cause}")))?;
    declares.arity = own.arity.or(declares.arity);
    declares.reads = own.reads.or(declares.reads);
    declares.draws = own.draws.or(declares.draws);
    declares.scale = own.scale.or(declares.scale);
    declares.batch = own.batch.or(declares.batch);
    declares.in_flight = own.in_flight.or(declares.in_flight);
    declares.lane = own.lane.or(declares.lane);
    declares.unhurried = own.unhurried.or(declares.unhurried);
    Ok(declares)
}

fn of_table(table: &abi::Source) -> Declares {
    let least = table.least.max(1);
    // SAFETY: tables are read-only and live as long as the program.
    let lane = unsafe { table.lane.lossy() };
    let known = |count: u32| (count > 0).then_some(count as usize);
    Declares {
        arity: Some([least, table.most.max(least)]),
        reads: Some(match table.reads {
            1 => Reads::Subset,
            2 => Reads::Key,
            _ => Reads::Text,
        }),
        draws: Some(table.draws != 0),
        scale: Some(match table.scale {
            1 => Scale::Logit,
            2 => Scale::Unit,
            _ => Scale::Free,
        }),
        batch: known(table.max_batch),
        in_flight: known(table.max_in_flight),
        lane: (!lane.is_empty()).then_some(lane),
        ..Declares::default()
    }
}

#[async_trait]
impl RewardSource for LibrarySource {
    fn arity(&self) -> Arity {
        self.declares.arity()
    }

    fn reads(&self) -> Reads {
        self.declares.reads.unwrap_or(Reads::Text)
    }

    fn draws(&self) -> bool {
        self.declares.draws.unwrap_or(false)
    }

    fn unhurried(&self) -> bool {
        self.declares.unhurried.unwrap_or(false)
    }

    fn scale(&self) -> Scale {
        self.declares.scale.unwrap_or_default()
    }

    fn limits(&self) -> Limits {
        self.declares.limits(32)
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        let broken = |what: String| SourceError::Broken {
            message: format!("the plugin `{}` {what}", self.origin()),
        };
        let identify = self.table.identify.ok_or_else(|| broken("has no identity".to_owned()))?;
        let instance = self.opened.get().await?;
        let asked = instance.ask(Vec::new(), move |this, job| {
            let [json, err] = &job.keep(Request::plain(sinks_of(job))).sinks;
            // SAFETY: the instance's own pointer, on one of its threads; the sinks live as long as the job.
            at_once(unsafe { identify(this, json, err) })
        });
        let within = self.opened.blueprint.start_within;
        let (job, status) = tokio::time::timeout(within, asked).await.unwrap_or_else(|_| {
            let message =
                format!("the plugin `{}` did not answer within {within:?}", self.origin());
            Err(SourceError::Unreachable { message })
        })?;
        let said = std::mem::take(&mut *job.said());
        let identity: Identity =
            reply(self.origin(), status, &said.reply, &said.error, "identify")?;
        with_digest(self.origin(), identity, &self.digest)
    }

    async fn inspect(&self, question: &Question) -> Result<Option<Inspection>, SourceError> {
        let Some(call) = self.table.call else { return Ok(None) };
        let candidates: Vec<&str> = question.candidates().iter().map(AsRef::as_ref).collect();
        let request = json!({ "turns": question.prompt(), "candidates": candidates }).to_string();
        let instance = self.opened.get().await?;
        let asked = instance
            .ask(Vec::new(), move |this, job| call_json(call, this, "inspect", &request, job));
        let (job, status) = asked.await?;
        inspection(self.origin(), &job, status)
    }

    async fn score(&self, batch: &[Question]) -> Answers {
        // A recipe may ask for larger batches than the plugin says it can take.
        let mut answers = Vec::with_capacity(batch.len());
        for part in batch.chunks(self.declares.limits(32).batch) {
            answers.extend(self.score_part(part).await.into_vec());
        }
        answers.into_iter().collect()
    }

    async fn open(&self) -> Result<(), SourceError> {
        self.opened.load(self.table.call).await
    }

    async fn close(&self) {
        self.opened.close().await;
    }
}

/// An identity with the library's digest: another build is another source, whatever it says of itself.
pub(super) fn with_digest(
    origin: &str,
    identity: Identity,
    digest: &str,
) -> Result<Identity, SourceError> {
    if identity.name.trim().is_empty() || identity.fingerprint.trim().is_empty() {
        let message = format!("the plugin `{origin}` has an identity without name or fingerprint");
        return Err(SourceError::Broken { message });
    }
    let fingerprint = format!("{} library {digest}", identity.fingerprint);
    Ok(Identity { fingerprint, ..identity })
}

impl LibrarySource {
    async fn score_part(&self, batch: &[Question]) -> Answers {
        let Some(score) = self.table.score else {
            let message = format!("the plugin `{}` cannot score", self.origin());
            return Answers::failed(batch.len(), &SourceError::Broken { message });
        };
        let asked = async {
            let instance = self.opened.get().await?;
            instance
                .ask(batch.to_vec(), move |this, job| {
                    let (out, count) = job.out();
                    // SAFETY: the instance's own pointer, on one of its threads; batch, buffer and job live until the job ends.
                    unsafe { score(this, &job.batch(), out, count, job.pointer()) }
                })
                .await
        };
        match asked.await {
            Ok((job, status)) => job.results(status).into_iter().collect(),
            Err(error) => Answers::failed(batch.len(), &error),
        }
    }
}

/// A request in JSON, on a thread of the instance. Its reply and error are kept in the job.
pub(super) fn call_json(
    call: abi::CallFn,
    this: *mut c_void,
    method: &str,
    request: &str,
    job: &Job,
) -> i32 {
    let (method, json) = (method.to_owned(), request.to_owned());
    let Request { method, json, sinks } = job.keep(Request { method, json, sinks: sinks_of(job) });
    let [reply, err] = sinks;
    // SAFETY: the instance's own pointer, on one of its threads; sinks and texts live as long as the job.
    unsafe { call(this, Str::of(method), Str::of(json), reply, err, job.pointer()) }
}

/// The reply of a call that ended with this status.
pub(super) fn reply<T: DeserializeOwned>(
    origin: &str,
    status: i32,
    json: &[u8],
    err: &[u8],
    method: &str,
) -> Result<T, SourceError> {
    if status != abi::OK {
        let text = String::from_utf8_lossy(err).trim().to_owned();
        let said = match serde_json::from_slice::<ErrorBody>(err) {
            Ok(body) if !body.message.is_empty() => Some(body.into_source_error()),
            _ if text.is_empty() => None,
            _ => Some(match job::failure(origin, status, None) {
                SourceError::Busy { .. } => {
                    SourceError::Busy { wait: None, remaining: None, message: text }
                }
                SourceError::Unreachable { .. } => SourceError::Unreachable { message: text },
                SourceError::Rejected { .. } => SourceError::Rejected { message: text },
                SourceError::Denied { .. } => SourceError::Denied { message: text },
                SourceError::Broken { .. } => SourceError::Broken { message: text },
            }),
        };
        return Err(job::failure(origin, status, said));
    }
    serde_json::from_slice(json).map_err(|cause| SourceError::Broken {
        message: format!(
            "the plugin `{origin}` answered `{method}` with something unreadable: {cause}"
        ),
    })
}

/// What a call of `inspect` said; a method that is not known is nothing to see.
pub(super) fn inspection(
    origin: &str,
    job: &Job,
    status: i32,
) -> Result<Option<Inspection>, SourceError> {
    #[derive(serde::Deserialize)]
    struct Reply {
        inspection: Option<Inspection>,
    }
    let said = std::mem::take(&mut *job.said());
    if status == abi::E_REJECTED {
        return Ok(None);
    }
    let reply: Reply = reply(origin, status, &said.reply, &said.error, "inspect")?;
    Ok(reply.inspection)
}
