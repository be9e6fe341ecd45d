//! Sources: questions are copied out of the host's memory, answers are written into its buffer and told to its callbacks.

#[cfg(feature = "guest-tokio")]
use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::Arc;

use serde_json::Value;

use super::drive::block_on;
use super::{Entry, answer, code, create, destroy, guarded, host, leaked, unknown};
use crate::abi::{self, Batch, Host, Job, Sink, Str};
use crate::answer::{Answer, Answers, Readout, Reason};
use crate::conformance::check_answer;
use crate::error::SourceError;
use crate::question::{Key, Question, Role, Turn};
use crate::registry::{NoGenerators, SelfCheck};
use crate::source::RewardSource;
use crate::wire::{Declares, InspectRequest};

/// A source and what its calls need.
struct Instance {
    source: Arc<dyn RewardSource>,
    #[cfg(feature = "guest-tokio")]
    tasks: std::sync::Mutex<HashMap<usize, tokio::task::AbortHandle>>,
}

/// The table of a source.
pub(super) fn table(entry: &'static Entry) -> *const abi::Source {
    let card = &entry.registered.card;
    Box::leak(Box::new(abi::Source {
        size: size_of::<abi::Source>() as u32,
        max_in_flight: 0,
        max_batch: 0,
        least: 0,
        most: 0,
        reads: 0,
        scale: 0,
        draws: 0,
        no_self_check: u16::from(card.self_check == SelfCheck::Skip),
        name: Str::of(card.kind),
        summary: Str::of(card.summary),
        version: Str::of(card.version),
        example: Str::of(card.example),
        schema: leaked(entry.registered.schema.to_string()),
        lane: Str::EMPTY,
        data: std::ptr::from_ref(entry).cast(),
        create: Some(create_source),
        destroy: Some(destroy::<Instance>),
        identify: Some(identify),
        score: Some(score),
        #[cfg(feature = "guest-tokio")]
        cancel: Some(cancel),
        #[cfg(not(feature = "guest-tokio"))]
        cancel: None,
        declare: Some(declare),
        call: Some(call),
    }))
}

unsafe extern "C" fn create_source(
    kind: *const abi::Source,
    _: *const Host,
    settings: Str<'_>,
    out: *mut *mut c_void,
    err: *const Sink,
) -> i32 {
    // SAFETY: the host gives back the table that `table` made, whose data is an entry.
    let entry = unsafe { &*(*kind).data.cast::<Entry>() };
    let build = |settings: Value| {
        let kind = entry.registered.card.kind;
        let source = entry.registry.build_source(kind, settings, &NoGenerators)?;
        Ok(Instance {
            source,
            #[cfg(feature = "guest-tokio")]
            tasks: std::sync::Mutex::default(),
        })
    };
    // SAFETY: pointers of the host, valid during the call.
    unsafe { create(settings, out, err, build) }
}

/// The source behind a pointer of the host.
unsafe fn instance<'a>(this: *mut c_void) -> &'a Instance {
    // SAFETY: made by `create::<Instance>`; the host ends it only when no call is open.
    unsafe { &*this.cast::<Instance>() }
}

unsafe extern "C" fn declare(this: *mut c_void, json: *const Sink) -> i32 {
    // SAFETY: pointers of the host, valid during the call.
    let source = unsafe { &instance(this).source };
    let work = || Ok(Declares::of_source(&**source));
    // SAFETY: as above.
    unsafe { answer(json, std::ptr::null(), work) }
}

unsafe extern "C" fn identify(this: *mut c_void, json: *const Sink, err: *const Sink) -> i32 {
    // SAFETY: pointers of the host, valid during the call.
    let source = unsafe { &instance(this).source };
    // SAFETY: as above.
    unsafe { answer(json, err, || Ok(block_on(source.identify())?)) }
}

unsafe extern "C" fn call(
    this: *mut c_void,
    method: Str<'_>,
    request: Str<'_>,
    reply: *const Sink,
    err: *const Sink,
    job: *mut Job,
) -> i32 {
    let _current = Current::enter(job);
    // SAFETY: pointers of the host, valid during the call.
    let (source, method, request) =
        unsafe { (&instance(this).source, method.lossy(), request.bytes()) };
    let work = || match method.as_str() {
        "inspect" => {
            let InspectRequest { turns, candidates } = serde_json::from_slice(request)?;
            let seen = block_on(source.inspect(&Question::new(turns, candidates)))?;
            Ok(serde_json::json!({ "inspection": seen }))
        }
        "load" => {
            block_on(source.open())?;
            Ok(serde_json::json!({}))
        }
        _ => Err(unknown(&method)),
    };
    // SAFETY: as above.
    unsafe { answer(reply, err, work) }
}

thread_local! {
    /// The job that this thread works on.
    static CURRENT: std::cell::Cell<*mut Job> = const { std::cell::Cell::new(std::ptr::null_mut()) };
}

/// Marks the job of a call while it runs on this thread.
pub(super) struct Current;

impl Current {
    pub(super) fn enter(job: *mut Job) -> Self {
        CURRENT.set(job);
        Self
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        CURRENT.set(std::ptr::null_mut());
    }
}

/// True when nobody waits for the call that runs on this thread any longer: ask it in long loops of a source or generator, and end.
/// Always false in `identify`, and on other threads, such as those that the source starts itself.
pub fn cancelled() -> bool {
    let job = CURRENT.get();
    // SAFETY: the job is open while it is current; the host's function may be called from any thread.
    !job.is_null() && host().cancelled.is_some_and(|cancelled| unsafe { cancelled(job) } != 0)
}

/// What a call writes to: it may cross to another thread.
#[derive(Clone, Copy)]
struct Place {
    out: *mut f64,
    n_out: usize,
    job: *mut Job,
}

// SAFETY: the host keeps buffer and job valid, and lets one thread at a time write, until the job ends.
unsafe impl Send for Place {}

unsafe extern "C" fn score(
    this: *mut c_void,
    batch: *const Batch,
    out: *mut f64,
    n_out: usize,
    job: *mut Job,
) -> i32 {
    let place = Place { out, n_out, job };
    let _current = Current::enter(job);
    // SAFETY: pointers of the host, valid during the call.
    let (instance, questions) = unsafe { (instance(this), owned(&*batch)) };
    let status = guarded(|| ask(instance, questions, place));
    status.unwrap_or_else(|panic| {
        say_error(place.job, abi::ALL, abi::E_PANIC, &panic);
        abi::E_PANIC
    })
}

#[cfg(not(feature = "guest-tokio"))]
fn ask(instance: &Instance, questions: Vec<Question>, place: Place) -> i32 {
    let answers = block_on(instance.source.score(&questions));
    tell(&questions, answers, place)
}

/// Polls once in place; a future that is not ready goes on as a task, and the job is completed by it.
#[cfg(feature = "guest-tokio")]
fn ask(instance: &Instance, questions: Vec<Question>, place: Place) -> i32 {
    use std::task::{Context, Poll, Waker};
    let source = instance.source.clone();
    let runtime = super::drive::runtime();
    let _inside = runtime.enter();
    let mut asked = Box::pin(async move {
        let answers = source.score(&questions).await;
        (questions, answers)
    });
    if let Poll::Ready((questions, answers)) =
        asked.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    {
        return tell(&questions, answers, place);
    }
    let task = task::Task { asked: Some(asked), end: task::End(place) };
    let mut tasks = instance.tasks.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    tasks.retain(|_, handle| !handle.is_finished());
    let handle = runtime.spawn(task).abort_handle();
    if cancelled() {
        // It was cancelled before there was a task to abort.
        handle.abort();
    }
    tasks.insert(place.job as usize, handle);
    abi::PENDING
}

#[cfg(feature = "guest-tokio")]
unsafe extern "C" fn cancel(this: *mut c_void, job: *mut Job) {
    // SAFETY: a pointer of the host, valid during the call.
    let tasks = unsafe { &instance(this).tasks };
    let task =
        tasks.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(&(job as usize));
    if let Some(task) = task {
        task.abort();
    }
}

#[cfg(feature = "guest-tokio")]
mod task {
    //! A call that goes on after it returned.

    use std::pin::Pin;
    use std::task::{Context, Poll};

    use super::{Place, host, tell};
    use crate::abi;
    use crate::answer::Answers;
    use crate::guest::guarded;
    use crate::question::Question;

    type Asked = Pin<Box<dyn Future<Output = (Vec<Question>, Answers)> + Send>>;

    /// The future stands before the guard, so that an aborted task drops it before the job ends.
    pub(super) struct Task {
        pub(super) asked: Option<Asked>,
        pub(super) end: End,
    }

    /// Completes the job exactly once, also when the task is aborted before its first poll.
    pub(super) struct End(pub(super) Place);

    impl End {
        fn complete(&mut self, status: i32) {
            let job = std::mem::replace(&mut self.0.job, std::ptr::null_mut());
            if let (false, Some(complete)) = (job.is_null(), host().complete) {
                // SAFETY: the job is open, and this is the only place that ends it.
                unsafe { complete(job, status) }
            }
        }
    }

    impl Drop for End {
        fn drop(&mut self) {
            self.complete(abi::E_CANCELLED);
        }
    }

    impl Future for Task {
        type Output = ();

        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
            let Some(mut asked) = self.asked.take() else { return Poll::Ready(()) };
            let place = self.end.0;
            let _current = super::Current::enter(place.job);
            match guarded(|| asked.as_mut().poll(context)) {
                Ok(Poll::Pending) => {
                    self.asked = Some(asked);
                    return Poll::Pending;
                }
                Ok(Poll::Ready((questions, answers))) => {
                    let status = guarded(|| tell(&questions, answers, place));
                    self.end.complete(status.unwrap_or(abi::E_PANIC));
                }
                Err(panic) => {
                    super::say_error(place.job, abi::ALL, abi::E_PANIC, &panic);
                    let dropped = guarded(|| drop(asked));
                    self.end.complete(dropped.map_or(abi::E_PANIC, |()| abi::E_PANIC));
                }
            }
            Poll::Ready(())
        }
    }
}

/// The host's questions as our own. Questions in a row about one prompt share it.
unsafe fn owned(batch: &Batch) -> Vec<Question> {
    let mut last: Option<(*const abi::Turn<'_>, Arc<[Turn]>)> = None;
    let one = |place: usize| {
        let at = place * batch.question_stride as usize;
        // SAFETY: the host lends `n_questions` questions, a stride apart, and all that they point at, for the job.
        unsafe {
            let question = &*batch.questions.byte_add(at).cast::<abi::Question<'_>>();
            let turn = |turn: &abi::Turn<'_>| Turn {
                role: role(turn.role),
                content: host_text(turn.content).to_owned(),
            };
            let prompt = match &last {
                Some((known, prompt)) if *known == question.turns => prompt.clone(),
                _ => {
                    let prompt: Arc<[Turn]> =
                        slice(question.turns, question.n_turns).iter().map(turn).collect();
                    last = Some((question.turns, prompt.clone()));
                    prompt
                }
            };
            let candidates = match question.candidates.is_null() {
                true => &[],
                false => slice(question.candidates, question.n_candidates),
            };
            let texts: Arc<[Arc<str>]> =
                candidates.iter().map(|text| Arc::from(host_text(*text))).collect();
            let mut own = Question::new(prompt, texts);
            let seeds = slice(question.seeds, question.n_samples);
            // One sample with seed 0 is what a question asks for anyway.
            if !matches!(seeds, [] | [0]) {
                own = own.with_seeds(seeds.to_vec());
            }
            let subset = host_text(question.subset);
            if !subset.is_empty() {
                own = own.with_subset(Arc::from(subset));
            }
            let key = question.key_json.bytes();
            match (!key.is_empty()).then(|| serde_json::from_slice::<Key>(key)) {
                Some(Ok(key)) => own.with_key(key),
                _ => own,
            }
        }
    };
    (0..batch.n_questions).map(one).collect()
}

/// A text that the host lends.
unsafe fn host_text<'a>(text: Str<'a>) -> &'a str {
    // SAFETY: lent for the job, and valid UTF-8 by rule 7 of the header; a check would read every text once more.
    unsafe { std::str::from_utf8_unchecked(text.bytes()) }
}

/// A slice of the host; empty for a null pointer.
unsafe fn slice<'a, T>(start: *const T, count: usize) -> &'a [T] {
    if start.is_null() || count == 0 {
        return &[];
    }
    // SAFETY: promised by the caller.
    unsafe { std::slice::from_raw_parts(start, count) }
}

fn role(text: Str<'_>) -> Role {
    // SAFETY: lent for the job.
    match unsafe { text.bytes() } {
        b"system" => Role::System,
        b"assistant" => Role::Assistant,
        _ => Role::User,
    }
}

/// Tells the host all answers and gives the status of the call.
fn tell(questions: &[Question], answers: Answers, place: Place) -> i32 {
    let answers = answers.into_vec();
    if answers.len() != questions.len() {
        let message = format!("{} questions, {} answers", questions.len(), answers.len());
        say_error(place.job, abi::ALL, abi::E_FAILED, &message);
        return abi::E_FAILED;
    }
    let mut at = 0;
    for (number, (question, answer)) in questions.iter().zip(answers).enumerate() {
        let slots = question.arity() * question.samples();
        let wrong = match &answer {
            Ok(samples) => check_answer(question, samples),
            Err(_) => Vec::new(),
        };
        match answer {
            Err(SourceError::Busy { wait, message, .. }) => {
                let wait_ms = wait.map_or(-1, |wait| i64::try_from(wait.as_millis()).unwrap_or(-1));
                if let Some(busy) = host().busy {
                    // SAFETY: the job is open.
                    unsafe { busy(place.job, number, wait_ms, Str::of(&message)) }
                }
            }
            Err(error) => say_error(place.job, number, code(&error), error.message()),
            Ok(_) if !wrong.is_empty() => {
                say_error(place.job, number, abi::E_FAILED, &wrong.join(", "));
            }
            Ok(samples) => {
                for (sample, answer) in samples.iter().enumerate() {
                    let first = at + sample * question.arity();
                    say_answer(place, number, sample, first, answer);
                }
            }
        }
        at += slots;
    }
    abi::OK
}

fn say_answer(place: Place, question: usize, sample: usize, first: usize, answer: &Answer) {
    let (host, job) = (host(), place.job);
    match &answer.readout {
        Readout::Scores(scores) => {
            for (offset, score) in scores.iter().enumerate().take(place.n_out.saturating_sub(first))
            {
                // SAFETY: within the host's buffer of `n_out` numbers, which is ours until the job ends.
                unsafe { *place.out.add(first + offset) = score.value() };
            }
        }
        Readout::Abstained(abstention) => {
            let reason = match abstention.reason {
                Reason::Unreadable => 0,
                Reason::Refused => 1,
                Reason::Truncated => 2,
                Reason::TooLong => 3,
                Reason::Missing => 4,
            };
            if let Some(abstain) = host.abstain {
                // SAFETY: the job is open, here and below.
                unsafe { abstain(job, question, sample, reason, Str::of(&abstention.note)) }
            }
        }
    }
    if let Some(part) = host.part {
        for (name, values) in &answer.parts {
            for (candidate, value) in values.iter().enumerate() {
                unsafe { part(job, question, sample, candidate, Str::of(name), *value) }
            }
        }
    }
    if let (Some(json), Some(transcript)) = (&answer.transcript, host.transcript) {
        unsafe { transcript(job, question, sample, Str::of(&json.to_string())) }
    }
    if let (false, Some(usage)) = (answer.usage.is_unknown(), host.usage) {
        let count = |tokens: Option<u64>| {
            tokens.map_or(-1, |tokens| i64::try_from(tokens).unwrap_or(i64::MAX))
        };
        let cost = abi::Usage {
            size: size_of::<abi::Usage>() as u32,
            reserved: 0,
            input_tokens: count(answer.usage.input_tokens),
            output_tokens: count(answer.usage.output_tokens),
            usd: answer.usage.usd.unwrap_or(f64::NAN),
        };
        unsafe { usage(job, question, sample, &cost) }
    }
    if let (Some(model), Some(served)) = (&answer.origin.served, host.served) {
        unsafe { served(job, question, sample, Str::of(model)) }
    }
}

fn say_error(job: *mut Job, question: usize, status: i32, message: &str) {
    if let Some(error) = host().error {
        // SAFETY: the job is open.
        unsafe { error(job, question, status, Str::of(message)) }
    }
}
