//! Generators and suites: requests and replies in JSON.

use std::ffi::c_void;
use std::sync::{Arc, OnceLock};

use serde::Deserialize;
use serde_json::{Value, json};

use super::drive::block_on;
use super::{Entry, Failed, answer, create, destroy, leaked};
use crate::abi::{self, Host, Job, Sink, Str};
use crate::error::{SourceError, SuiteError};
use crate::generator::{Generator, Prompt};
use crate::item::Loaded;
use crate::registry::NoGenerators;
use crate::suite::{Suite, Tree};
use crate::wire::{
    ChanceRequest, CompletionBody, Completions, Declares, GradeRequest, Grades, Grading, ItemsPage,
    ItemsRequest,
};

/// The table of a generator.
pub(super) fn generator_table(entry: &'static Entry) -> *const abi::Generator {
    let card = &entry.registered.card;
    Box::leak(Box::new(abi::Generator {
        size: size_of::<abi::Generator>() as u32,
        max_in_flight: 0,
        max_batch: 0,
        reserved: 0,
        name: Str::of(card.kind),
        summary: Str::of(card.summary),
        version: Str::of(card.version),
        example: Str::of(card.example),
        schema: leaked(entry.registered.schema.to_string()),
        lane: Str::EMPTY,
        data: std::ptr::from_ref(entry).cast(),
        create: Some(create_generator),
        destroy: Some(destroy::<Arc<dyn Generator>>),
        call: Some(call_generator),
        cancel: None,
    }))
}

unsafe extern "C" fn create_generator(
    kind: *const abi::Generator,
    _: *const Host,
    settings: Str<'_>,
    out: *mut *mut c_void,
    err: *const Sink,
) -> i32 {
    // SAFETY: the host gives back the table that `generator_table` made.
    let entry = unsafe { &*(*kind).data.cast::<Entry>() };
    let kind = entry.registered.card.kind;
    let build = |settings: Value| entry.registry.build_generator(kind, settings, &NoGenerators);
    // SAFETY: pointers of the host, valid during the call.
    unsafe { create(settings, out, err, build) }
}

#[derive(Deserialize)]
struct GenerateRequest {
    prompts: Vec<Prompt>,
}

#[derive(Deserialize)]
struct InspectRequest {
    prompt: Prompt,
}

unsafe extern "C" fn call_generator(
    this: *mut c_void,
    method: Str<'_>,
    request: Str<'_>,
    reply: *const Sink,
    err: *const Sink,
    _: *mut Job,
) -> i32 {
    // SAFETY: pointers of the host, valid during the call; the instance was made by `create_generator`.
    let (generator, method, request) =
        unsafe { (&*this.cast::<Arc<dyn Generator>>(), method.lossy(), request.bytes()) };
    let work = || match method.as_str() {
        "declare" => {
            let limits = generator.limits();
            let samples = generator.samples_at_once();
            Ok(serde_json::to_value(Declares {
                batch: Some(limits.batch),
                in_flight: Some(limits.in_flight),
                lane: limits.lane,
                renders_markers: Some(generator.renders_markers()),
                samples_at_once: (samples != usize::MAX).then_some(samples),
                ..Declares::default()
            })?)
        }
        "identify" => Ok(serde_json::to_value(block_on(generator.identify())?)?),
        "generate" => {
            let GenerateRequest { prompts } = serde_json::from_slice(request)?;
            let results = block_on(generator.generate(&prompts));
            let completions = results.into_iter().map(CompletionBody::of).collect();
            Ok(serde_json::to_value(Completions { completions })?)
        }
        "load" => {
            block_on(generator.open())?;
            Ok(json!({}))
        }
        "inspect" => {
            let InspectRequest { prompt } = serde_json::from_slice(request)?;
            Ok(json!({ "inspection": block_on(generator.inspect(&prompt))? }))
        }
        _ => Err(unknown(&method)),
    };
    // SAFETY: as above.
    unsafe { answer(reply, err, work) }
}

fn unknown(method: &str) -> Failed {
    Failed::from(SourceError::Rejected { message: format!("there is no method `{method}`") })
}

/// A suite and the items that it has read.
struct SuiteInstance {
    suite: Arc<dyn Suite>,
    loaded: OnceLock<Result<Loaded, SuiteError>>,
}

/// The table of a suite.
pub(super) fn suite_table(entry: &'static Entry) -> *const abi::Suite {
    let card = &entry.registered.card;
    Box::leak(Box::new(abi::Suite {
        size: size_of::<abi::Suite>() as u32,
        reserved: 0,
        name: Str::of(card.kind),
        summary: Str::of(card.summary),
        version: Str::of(card.version),
        example: Str::of(card.example),
        schema: leaked(entry.registered.schema.to_string()),
        data: std::ptr::from_ref(entry).cast(),
        create: Some(create_suite),
        destroy: Some(destroy::<SuiteInstance>),
        call: Some(call_suite),
    }))
}

unsafe extern "C" fn create_suite(
    kind: *const abi::Suite,
    _: *const Host,
    settings: Str<'_>,
    out: *mut *mut c_void,
    err: *const Sink,
) -> i32 {
    // SAFETY: the host gives back the table that `suite_table` made.
    let entry = unsafe { &*(*kind).data.cast::<Entry>() };
    let kind = entry.registered.card.kind;
    let build = |settings: Value| {
        let suite = entry.registry.build_suite(kind, settings)?;
        Ok(SuiteInstance { suite, loaded: OnceLock::new() })
    };
    // SAFETY: pointers of the host, valid during the call.
    unsafe { create(settings, out, err, build) }
}

#[derive(Deserialize)]
struct SubsetRequest {
    subset: String,
}

#[derive(Deserialize)]
struct AggregatesRequest {
    subsets: Vec<Arc<str>>,
}

unsafe extern "C" fn call_suite(
    this: *mut c_void,
    method: Str<'_>,
    request: Str<'_>,
    reply: *const Sink,
    err: *const Sink,
    _: *mut Job,
) -> i32 {
    // SAFETY: pointers of the host, valid during the call; the instance was made by `create_suite`.
    let (SuiteInstance { suite, loaded }, method, request) =
        unsafe { (&*this.cast::<SuiteInstance>(), method.lossy(), request.bytes()) };
    let work = || match method.as_str() {
        "declare" => Ok(serde_json::to_value(Declares {
            card: Some(suite.card().into()),
            grading: Some(Grading::Own),
            ..Declares::default()
        })?),
        "items" => {
            let ItemsRequest { from, max } = serde_json::from_slice(request)?;
            let loaded = loaded.get_or_init(|| suite.items()).as_ref().map_err(failed)?;
            Ok(serde_json::to_value(page(loaded, from, max))?)
        }
        "contest" => {
            let SubsetRequest { subset } = serde_json::from_slice(request)?;
            Ok(json!({ "contest": suite.contest(&subset) }))
        }
        "grade" => {
            let GradeRequest { item, outcome, rules } = serde_json::from_slice(request)?;
            let grades = suite.grade(&item, &outcome, &rules);
            Ok(serde_json::to_value(Grades { grades })?)
        }
        "chance" => {
            let ChanceRequest { item, guess } = serde_json::from_slice(request)?;
            Ok(serde_json::to_value(Grades { grades: suite.chance(&item, &guess) })?)
        }
        "aggregates" => {
            let AggregatesRequest { subsets } = serde_json::from_slice(request)?;
            let aggregates = suite.aggregates(&subsets);
            if let Some(odd) = aggregates.iter().find(|one| holds_a_set(&one.tree)) {
                let message = format!(
                    "the measure `{}` is no mean of grades, and such measures cannot cross the plugin boundary",
                    odd.measure
                );
                return Err(Failed::from(SourceError::Broken { message }));
            }
            Ok(json!({ "aggregates": aggregates }))
        }
        _ => Err(unknown(&method)),
    };
    // SAFETY: as above.
    unsafe { answer(reply, err, work) }
}

fn failed(error: &SuiteError) -> Failed {
    let mut message = error.message.clone();
    if let Some(path) = &error.path
        && !message.contains(&*path.to_string_lossy())
    {
        message = format!("`{}`: {message}", path.display());
    }
    if let Some(hint) = &error.hint {
        message = format!("{message}; {hint}");
    }
    Failed::from(SourceError::Rejected { message })
}

fn page(loaded: &Loaded, from: usize, max: usize) -> ItemsPage {
    let items = loaded.items.iter().skip(from).take(max).cloned().map(Into::into).collect();
    let end = from.saturating_add(max) >= loaded.items.len();
    ItemsPage { items, absent: if from == 0 { loaded.absent.clone() } else { Vec::new() }, end }
}

fn holds_a_set(tree: &Tree) -> bool {
    match tree {
        Tree::Mean { .. } => false,
        Tree::Set(_) => true,
        Tree::Average(parts) => parts.iter().any(holds_a_set),
        Tree::Weighted(parts) => parts.iter().any(|(_, part)| holds_a_set(part)),
    }
}
