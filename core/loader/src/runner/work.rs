//! What the operations do, but for `score`.

use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tribunal_api::registry::NoGenerators;
use tribunal_api::wire::{
    CompletionBody, Completions, Declares, ErrorBody, GenerateRequest, InspectRequest,
    PromptRequest, ServedSuite,
};
use tribunal_api::{
    Generator, Identity, Inspection, Question, Registry, RewardSource, SourceError,
};

use super::session::{Body, Refusal, broken, fields};

/// A component that a host has created.
pub(super) struct Held {
    pub(super) part: Part,
    /// One permit for each call that it takes at once.
    permits: Semaphore,
}

/// One of the three traits.
pub(super) enum Part {
    Source(Arc<dyn RewardSource>),
    Generator(Arc<dyn Generator>),
    Suite(ServedSuite),
}

#[derive(Deserialize)]
struct Making {
    component: String,
    kind: String,
    #[serde(default)]
    settings: Value,
}

/// What a component with these settings is.
pub(super) fn check(registry: &Registry, line: &str) -> Body {
    let declares = match make(registry, line)? {
        Part::Source(source) => Declares::of_source(&*source),
        Part::Generator(generator) => Declares::of_generator(&*generator),
        Part::Suite(suite) => suite.declares(),
    };
    fields(&json!({ "declares": declares }))
}

/// A component with these settings.
pub(super) fn create(registry: &Registry, line: &str) -> Result<Held, Refusal> {
    let part = make(registry, line)?;
    let permits = match &part {
        Part::Source(source) => source.limits().in_flight,
        Part::Generator(generator) => generator.limits().in_flight,
        Part::Suite(_) => 1,
    };
    let permits = Semaphore::new(permits.clamp(1, Semaphore::MAX_PERMITS));
    Ok(Held { part, permits })
}

fn make(registry: &Registry, line: &str) -> Result<Part, Refusal> {
    let Making { component, kind, settings } = parse(line)?;
    let context = &NoGenerators;
    match component.as_str() {
        "source" => registry.build_source(&kind, settings, context).map(Part::Source),
        "generator" => registry.build_generator(&kind, settings, context).map(Part::Generator),
        "suite" => {
            registry.build_suite(&kind, settings).map(|suite| Part::Suite(ServedSuite::new(suite)))
        }
        other => return Err(broken(format!("there is no component `{other}`"))),
    }
    .map_err(|error| match crate::library::is_failure(&error.message) {
        true => broken(error.message),
        false => Box::new(ErrorBody::from(error)),
    })
}

/// Gives back what is heavy.
pub(super) async fn close(held: &Held) {
    match &held.part {
        Part::Source(source) => source.close().await,
        Part::Generator(generator) => generator.close().await,
        Part::Suite(_) => {}
    }
}

/// `load`, `identify`, `inspect` and `generate`.
pub(super) async fn ask(held: &Held, op: &str, line: &str) -> Body {
    match (&held.part, op) {
        (Part::Source(source), "load") => done(source.open().await),
        (Part::Generator(generator), "load") => done(generator.open().await),
        (Part::Source(source), "identify") => identity(source.identify().await),
        (Part::Generator(generator), "identify") => identity(generator.identify().await),
        (Part::Source(source), "inspect") => {
            let InspectRequest { turns, candidates } = parse(line)?;
            inspection(source.inspect(&Question::new(turns, candidates)).await)
        }
        (Part::Generator(generator), "inspect") => {
            let PromptRequest { prompt } = parse(line)?;
            inspection(generator.inspect(&prompt).await)
        }
        (Part::Generator(generator), "generate") => {
            let GenerateRequest { prompts } = parse(line)?;
            let _permit = held.permit().await?;
            let results = generator.generate(&prompts).await;
            let completions = results.into_iter().map(CompletionBody::of).collect();
            fields(&Completions { completions })
        }
        (_, op) => Err(held.lacks(op)),
    }
}

fn done(result: Result<(), SourceError>) -> Body {
    result.map_err(source_error)?;
    Ok(String::new())
}

fn identity(result: Result<Identity, SourceError>) -> Body {
    fields(&json!({ "identity": result.map_err(source_error)? }))
}

fn inspection(result: Result<Option<Inspection>, SourceError>) -> Body {
    fields(&json!({ "inspection": result.map_err(source_error)? }))
}

fn source_error(error: SourceError) -> Refusal {
    Box::new(ErrorBody::from(&error))
}

/// The operations of suites.
pub(super) fn suite(held: &Held, op: &str, line: &str) -> Body {
    match &held.part {
        Part::Suite(suite) => fields(&suite.answer(op, line.as_bytes())?),
        _ => Err(held.lacks(op)),
    }
}

impl Held {
    /// Leave for one more call at the same time.
    pub(super) async fn permit(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Refusal> {
        self.permits.acquire().await.map_err(|closed| broken(closed.to_string()))
    }

    pub(super) fn lacks(&self, op: &str) -> Refusal {
        let part = match self.part {
            Part::Source(_) => "source",
            Part::Generator(_) => "generator",
            Part::Suite(_) => "suite",
        };
        broken(format!("a {part} has no operation `{op}`"))
    }
}

pub(super) fn parse<T: DeserializeOwned>(line: &str) -> Result<T, Refusal> {
    serde_json::from_str(line)
        .map_err(|cause| broken(format!("the request cannot be read: {cause}")))
}
