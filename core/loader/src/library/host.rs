//! What the host offers to libraries: the functions behind `trb_host`.

use std::ffi::c_void;
use std::sync::Arc;
use std::time::Duration;

use tribunal_api::abi::{self, Host, Sink, Str};
use tribunal_api::{Reason, SourceError, Usage};

use super::job::{self, Job, SampleSaid};
use crate::{Level, Log};

/// Whose log lines these are.
struct Speaker {
    origin: Arc<str>,
    log: Log,
}

/// The functions for one plugin. They live as long as the program, like the plugin.
pub(super) fn host_for(origin: Arc<str>, log: Log) -> &'static Host {
    let speaker = Box::leak(Box::new(Speaker { origin, log }));
    Box::leak(Box::new(Host {
        size: size_of::<Host>() as u32,
        abi_major: abi::ABI_MAJOR,
        abi_minor: abi::ABI_MINOR,
        ctx: std::ptr::from_mut(speaker).cast(),
        log: Some(log_line),
        cancelled: Some(cancelled),
        error: Some(error),
        busy: Some(busy),
        abstain: Some(abstain),
        part: Some(part),
        transcript: Some(transcript),
        usage: Some(usage),
        served: Some(served),
        complete: Some(complete),
        json_number: Some(json_number),
        json_text: Some(json_text),
    }))
}

/// A sink that adds to a vector of the calling frame.
pub(super) fn sink_to(bytes: &mut Vec<u8>) -> Sink {
    Sink { ctx: std::ptr::from_mut(bytes).cast(), write: Some(add) }
}

unsafe extern "C" fn add(ctx: *mut c_void, text: Str<'_>) {
    // SAFETY: `sink_to` made it of a vector that outlives the synchronous call it is lent for.
    unsafe { (*ctx.cast::<Vec<u8>>()).extend_from_slice(text.bytes()) }
}

/// Sinks of a job, by its number: what comes after its end is dropped.
pub(super) fn sinks_of(job: &Job) -> [Sink; 2] {
    let ctx = job.pointer().cast::<c_void>();
    [Sink { ctx, write: Some(add_reply) }, Sink { ctx, write: Some(add_error) }]
}

unsafe extern "C" fn add_reply(ctx: *mut c_void, text: Str<'_>) {
    if let Some(job) = job::find(ctx.cast()) {
        // SAFETY: lent for the call.
        job.said().reply.extend_from_slice(unsafe { text.bytes() });
    }
}

unsafe extern "C" fn add_error(ctx: *mut c_void, text: Str<'_>) {
    if let Some(job) = job::find(ctx.cast()) {
        // SAFETY: lent for the call.
        job.said().error.extend_from_slice(unsafe { text.bytes() });
    }
}

unsafe extern "C" fn log_line(ctx: *mut c_void, level: i32, text: Str<'_>) {
    // SAFETY: the context that `host_for` made, and a text lent for the call.
    let (speaker, text) = unsafe { (&*ctx.cast::<Speaker>(), text.lossy()) };
    let level = match level {
        1 => Level::Error,
        2 => Level::Warn,
        3 => Level::Info,
        _ => Level::Debug,
    };
    for line in text.lines() {
        (speaker.log)(level, &speaker.origin, line);
    }
}

unsafe extern "C" fn cancelled(job: *const abi::Job) -> i32 {
    i32::from(job::find(job).is_none_or(|job| job.is_cancelled()))
}

/// Does something about an open job. What is said of one that is over is dropped.
fn with(job: *mut abi::Job, work: impl FnOnce(&Job)) {
    if let Some(job) = job::find(job) {
        work(&job);
    }
}

/// Notes something about one sample, when there is such a sample.
fn sample(
    job: *mut abi::Job,
    question: usize,
    sample: usize,
    note: impl FnOnce(&mut SampleSaid, usize),
) {
    with(job, |job| {
        let asked = job.questions.get(question);
        let mut said = job.said();
        match asked {
            Some(asked) if sample < asked.samples() => {
                note(said.samples.entry((question, sample)).or_default(), asked.arity());
            }
            _ => said.broke.push(format!(
                "it speaks of sample {sample} of question {question}, which was not asked"
            )),
        }
    });
}

fn fail(job: *mut abi::Job, question: usize, error: SourceError) {
    with(job, |job| {
        let mut said = job.said();
        if question == abi::ALL {
            said.all.get_or_insert(error);
        } else if question < job.questions.len() {
            said.errors.entry(question).or_insert(error);
        } else {
            said.broke.push(format!("it speaks of question {question}, which was not asked"));
        }
    });
}

unsafe extern "C" fn error(job: *mut abi::Job, question: usize, code: i32, message: Str<'_>) {
    // SAFETY: lent for the call.
    let message = unsafe { message.lossy() };
    fail(
        job,
        question,
        match code {
            abi::E_BUSY => SourceError::Busy { wait: None, remaining: None, message },
            abi::E_UNREACHABLE | abi::E_CANCELLED => SourceError::Unreachable { message },
            abi::E_REJECTED => SourceError::Rejected { message },
            abi::E_DENIED => SourceError::Denied { message },
            _ => SourceError::Broken { message },
        },
    );
}

unsafe extern "C" fn busy(job: *mut abi::Job, question: usize, wait_ms: i64, message: Str<'_>) {
    // SAFETY: lent for the call.
    let message = unsafe { message.lossy() };
    let wait = u64::try_from(wait_ms).ok().map(Duration::from_millis);
    fail(job, question, SourceError::Busy { wait, remaining: None, message });
}

unsafe extern "C" fn abstain(
    job: *mut abi::Job,
    question: usize,
    number: usize,
    reason: i32,
    note: Str<'_>,
) {
    // SAFETY: lent for the call.
    let note = unsafe { note.lossy() };
    let reason = match reason {
        0 => Reason::Unreadable,
        1 => Reason::Refused,
        2 => Reason::Truncated,
        3 => Reason::TooLong,
        4 => Reason::Missing,
        other => {
            let message = format!("`{other}` is no reason to abstain");
            return fail(job, question, SourceError::Broken { message });
        }
    };
    sample(job, question, number, |said, _| said.abstained = Some((reason, note)));
}

unsafe extern "C" fn part(
    job: *mut abi::Job,
    question: usize,
    number: usize,
    candidate: usize,
    name: Str<'_>,
    value: f64,
) {
    // SAFETY: lent for the call.
    let name = unsafe { name.lossy() };
    let mut odd = None;
    sample(job, question, number, |said, arity| {
        let values = said.parts.entry(name).or_insert_with(|| vec![None; arity]);
        match values.get_mut(candidate) {
            Some(place) => *place = Some(value),
            None => odd = Some(candidate),
        }
    });
    if let Some(candidate) = odd {
        let what = format!("it gives a part of candidate {candidate}, which was not asked");
        with(job, |job| job.said().broke.push(what));
    }
}

unsafe extern "C" fn transcript(job: *mut abi::Job, question: usize, number: usize, json: Str<'_>) {
    // SAFETY: lent for the call.
    let text = unsafe { json.lossy() };
    let value = serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text));
    sample(job, question, number, |said, _| said.transcript = Some(value));
}

unsafe extern "C" fn usage(
    job: *mut abi::Job,
    question: usize,
    number: usize,
    cost: *const abi::Usage,
) {
    if cost.is_null() {
        return;
    }
    // SAFETY: not null, and lent for the call.
    let cost = unsafe { &*cost };
    if (cost.size as usize) < size_of::<abi::Usage>() {
        return with(job, |job| job.said().broke.push("its `trb_usage` has no size".to_owned()));
    }
    let known = Usage {
        input_tokens: u64::try_from(cost.input_tokens).ok(),
        output_tokens: u64::try_from(cost.output_tokens).ok(),
        usd: Some(cost.usd).filter(|usd| usd.is_finite()),
    };
    sample(job, question, number, |said, _| said.usage = Some(known));
}

unsafe extern "C" fn served(job: *mut abi::Job, question: usize, number: usize, model: Str<'_>) {
    // SAFETY: lent for the call.
    let model = unsafe { model.lossy() };
    sample(job, question, number, |said, _| said.served = Some(model));
}

unsafe extern "C" fn complete(job: *mut abi::Job, status: i32) {
    with(job, |job| {
        let status = if status == abi::PENDING { abi::E_PROTOCOL } else { status };
        job.end(status);
    });
}

fn looked_up(json: Str<'_>, pointer: Str<'_>) -> Option<serde_json::Value> {
    // SAFETY: lent for the call.
    let (json, pointer) = unsafe { (json.bytes(), pointer.lossy()) };
    let value: serde_json::Value = serde_json::from_slice(json).ok()?;
    match pointer.starts_with('/') || pointer.is_empty() {
        true => value.pointer(&pointer).cloned(),
        false => value.get(&pointer).cloned(),
    }
}

unsafe extern "C" fn json_number(json: Str<'_>, pointer: Str<'_>, out: *mut f64) -> i32 {
    let number = match looked_up(json, pointer) {
        Some(serde_json::Value::Number(number)) => number.as_f64(),
        Some(serde_json::Value::Bool(flag)) => Some(f64::from(u8::from(flag))),
        _ => None,
    };
    match number {
        Some(number) if !out.is_null() => {
            // SAFETY: not null, and the plugin's to be written.
            unsafe { *out = number };
            abi::OK
        }
        _ => abi::E_CONFIG,
    }
}

unsafe extern "C" fn json_text(json: Str<'_>, pointer: Str<'_>, out: *const Sink) -> i32 {
    let Some(value) = looked_up(json, pointer).filter(|_| !out.is_null()) else {
        return abi::E_CONFIG;
    };
    let text = match value {
        serde_json::Value::String(text) => text,
        serde_json::Value::Null => return abi::E_CONFIG,
        other => other.to_string(),
    };
    // SAFETY: not null, and lent for the call.
    let sink = unsafe { &*out };
    if let Some(write) = sink.write {
        // SAFETY: the plugin's sink copies.
        unsafe { write(sink.ctx, Str::of(&text)) }
    }
    abi::OK
}
