//! What the operations do, but for `score`.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tribunal_api::registry::NoGenerators;
use tribunal_api::wire::{
    ChanceRequest, CompletionBody, Completions, Declares, ErrorBody, GradeRequest, Grades, Grading,
    ItemBody, ItemsPage, ItemsRequest,
};
use tribunal_api::{
    Generator, Identity, Inspection, Limits, Loaded, Prompt, Question, Registry, RewardSource,
    SourceError, Suite, SuiteError, Turn,
};

use super::session::{Body, Refusal, broken, fields};

/// A component that a host has created.
pub(super) struct Held {
    pub(super) part: Part,
    /// One permit for each call that it takes at once.
    permits: Semaphore,
    /// What a suite read, until its last page is asked for.
    loaded: Mutex<Option<Arc<Loaded>>>,
}

/// One of the three traits.
pub(super) enum Part {
    Source(Arc<dyn RewardSource>),
    Generator(Arc<dyn Generator>),
    Suite(Arc<dyn Suite>),
}

#[derive(Deserialize)]
struct Making {
    component: String,
    kind: String,
    #[serde(default)]
    settings: Value,
}

#[derive(Deserialize)]
struct InspectRequest {
    prompt: Option<Prompt>,
    #[serde(default)]
    turns: Vec<Turn>,
    #[serde(default)]
    candidates: Vec<Arc<str>>,
}

#[derive(Deserialize)]
struct GenerateRequest {
    prompts: Vec<Prompt>,
}

#[derive(Deserialize)]
struct SubsetRequest {
    #[serde(default)]
    subset: Arc<str>,
    #[serde(default)]
    subsets: Vec<Arc<str>>,
}

/// What a component with these settings is.
pub(super) fn check(registry: &Registry, line: &str) -> Body {
    let declares = match make(registry, line)? {
        Part::Source(source) => Declares {
            arity: Some([source.arity().least, source.arity().most]),
            reads: Some(source.reads()),
            draws: Some(source.draws()),
            scale: Some(source.scale()),
            ..limited(source.limits())
        },
        Part::Generator(generator) => {
            let at_once = generator.samples_at_once();
            Declares {
                renders_markers: Some(generator.renders_markers()),
                samples_at_once: (at_once < usize::MAX).then_some(at_once),
                ..limited(generator.limits())
            }
        }
        // How a suite grades does not show from outside, so it is always asked.
        Part::Suite(suite) => Declares {
            card: Some(suite.card().into()),
            grading: Some(Grading::Own),
            ..Declares::default()
        },
    };
    fields(&json!({ "declares": declares }))
}

fn limited(limits: Limits) -> Declares {
    let Limits { batch, in_flight, lane } = limits;
    Declares { batch: Some(batch), in_flight: Some(in_flight), lane, ..Declares::default() }
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
    Ok(Held { part, permits, loaded: Mutex::default() })
}

fn make(registry: &Registry, line: &str) -> Result<Part, Refusal> {
    let Making { component, kind, settings } = parse(line)?;
    let context = &NoGenerators;
    match component.as_str() {
        "source" => registry.build_source(&kind, settings, context).map(Part::Source),
        "generator" => registry.build_generator(&kind, settings, context).map(Part::Generator),
        "suite" => registry.build_suite(&kind, settings).map(Part::Suite),
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

/// `identify`, `inspect` and `generate`.
pub(super) async fn ask(held: &Held, op: &str, line: &str) -> Body {
    match (&held.part, op) {
        (Part::Source(source), "load") => done(source.open().await),
        (Part::Generator(generator), "load") => done(generator.open().await),
        (Part::Source(source), "identify") => identity(source.identify().await),
        (Part::Generator(generator), "identify") => identity(generator.identify().await),
        (Part::Source(source), "inspect") => {
            let InspectRequest { turns, candidates, .. } = parse(line)?;
            inspection(source.inspect(&Question::new(turns, candidates)).await)
        }
        (Part::Generator(generator), "inspect") => {
            let InspectRequest { prompt, .. } = parse(line)?;
            inspection(generator.inspect(&prompt.unwrap_or_default()).await)
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
    let Part::Suite(suite) = &held.part else { return Err(held.lacks(op)) };
    let body = match op {
        "items" => fields(&items(held, &**suite, parse(line)?)?),
        "contest" => {
            let SubsetRequest { subset, .. } = parse(line)?;
            fields(&json!({ "contest": suite.contest(&subset) }))
        }
        "grade" => {
            let GradeRequest { item, outcome, rules } = parse(line)?;
            fields(&Grades { grades: suite.grade(&item, &outcome, &rules) })
        }
        "chance" => {
            let ChanceRequest { item, guess } = parse(line)?;
            fields(&Grades { grades: suite.chance(&item, &guess) })
        }
        "aggregates" => {
            let SubsetRequest { subsets, .. } = parse(line)?;
            fields(&json!({ "aggregates": suite.aggregates(&subsets) }))
        }
        other => Err(held.lacks(other)),
    }?;
    match suite.fault() {
        Some(fault) => Err(suite_error(&fault)),
        None => Ok(body),
    }
}

fn items(held: &Held, suite: &dyn Suite, request: ItemsRequest) -> Result<ItemsPage, Refusal> {
    let ItemsRequest { from, max } = request;
    let mut kept = held.loaded.lock().unwrap_or_else(PoisonError::into_inner);
    let loaded = match kept.take().filter(|_| from > 0) {
        Some(loaded) => loaded,
        None => Arc::new(suite.items().map_err(|error| suite_error(&error))?),
    };
    let until = from.saturating_add(max).min(loaded.items.len());
    let page = loaded.items.get(from..until).unwrap_or_default();
    let end = until >= loaded.items.len();
    let page = ItemsPage {
        items: page.iter().cloned().map(ItemBody::from).collect(),
        absent: if end { loaded.absent.clone() } else { Vec::new() },
        end,
    };
    if !end {
        *kept = Some(loaded);
    }
    Ok(page)
}

fn suite_error(error: &SuiteError) -> Refusal {
    let mut message = error.message.clone();
    if let Some(path) = &error.path {
        message = format!("{message} (`{}`)", path.display());
    }
    Box::new(ErrorBody { hint: error.hint.clone(), ..*broken(message) })
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
