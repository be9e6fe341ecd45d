//! Generators and suites: requests and replies in JSON.

use std::ffi::c_void;
use std::sync::Arc;

use serde_json::{Value, json};

use super::drive::block_on;
use super::score::Current;
use super::{Entry, answer, create, destroy, leaked, unknown};
use crate::abi::{self, Host, Job, Sink, Str};
use crate::generator::Generator;
use crate::registry::NoGenerators;
use crate::wire::{
    CompletionBody, Completions, Declares, GenerateRequest, PromptRequest, ServedSuite,
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

unsafe extern "C" fn call_generator(
    this: *mut c_void,
    method: Str<'_>,
    request: Str<'_>,
    reply: *const Sink,
    err: *const Sink,
    job: *mut Job,
) -> i32 {
    let _current = Current::enter(job);
    // SAFETY: pointers of the host, valid during the call; the instance was made by `create_generator`.
    let (generator, method, request) =
        unsafe { (&*this.cast::<Arc<dyn Generator>>(), method.lossy(), request.bytes()) };
    let work = || match method.as_str() {
        "declare" => Ok(serde_json::to_value(Declares::of_generator(&**generator))?),
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
            let PromptRequest { prompt } = serde_json::from_slice(request)?;
            Ok(json!({ "inspection": block_on(generator.inspect(&prompt))? }))
        }
        _ => Err(unknown(&method)),
    };
    // SAFETY: as above.
    unsafe { answer(reply, err, work) }
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
        destroy: Some(destroy::<ServedSuite>),
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
    let build = |settings: Value| entry.registry.build_suite(kind, settings).map(ServedSuite::new);
    // SAFETY: pointers of the host, valid during the call.
    unsafe { create(settings, out, err, build) }
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
    let (served, method, request) =
        unsafe { (&*this.cast::<ServedSuite>(), method.lossy(), request.bytes()) };
    let work = || match method.as_str() {
        "declare" => Ok(serde_json::to_value(served.declares())?),
        method => Ok(served.answer(method, request)?),
    };
    // SAFETY: as above.
    unsafe { answer(reply, err, work) }
}
