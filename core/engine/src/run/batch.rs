//! One source: its batches under way at once, each asked until answered or given up.

use std::any::Any;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tribunal_api::{
    Answer, Generator, Limits, Question, Readout, Reason, RewardSource, SourceError, Usage,
    conformance,
};

use super::queue::Pending;
use super::{Oversight, RunError, Shared, Stop};
use crate::ask::{self, Asked, Manner};
use crate::cases::Cases;
use crate::digest::Digest;
use crate::event::Event;
use crate::lane::{self, CALLER, Caller, Lane, Overseer, Patience, Signal};
use crate::opening;
use crate::plan::Calls;
use crate::ready::Ready;
use crate::run::StoppedSource;
use crate::store::{StoredSample, StoredUnit, Timing};

/// `None` when a source is done.
pub(super) type SourceEnd = Result<Option<StoppedSource>, RunError>;

/// This many batches in a row without any answer break the circuit: the backend is gone.
const BREAK_AFTER: usize = 5;

/// What it takes to ask one source.
#[derive(Clone)]
pub(super) struct Asking {
    name: Arc<str>,
    identity: String,
    source: Arc<dyn RewardSource>,
    generators: Arc<[Arc<dyn Generator>]>,
    asked: Asked,
    calls: Calls,
    limits: Limits,
    /// `None` for a source that is built on generators: their lanes limit and repeat its calls.
    lane: Option<Lane>,
    /// The model id that the server first reported.
    served: Arc<Mutex<Option<String>>>,
    seed: u64,
    cells: Arc<[AskedCell]>,
}

/// What of a cell it takes to ask its questions.
struct AskedCell {
    suite: Arc<str>,
    cases: Arc<Cases>,
    manner: Manner,
}

impl Asking {
    /// True when no call leaves this machine, as far as source and generators say.
    fn computes_here(&self) -> bool {
        match self.generators.is_empty() {
            true => self.source.unhurried(),
            false => self.generators.iter().all(|generator| generator.unhurried()),
        }
    }

    pub(super) fn new(ready: &Ready, place: usize, served: &HashMap<String, String>) -> Self {
        let planned = &ready.plan.sources[place];
        let limits = planned.source.limits();
        let cells = ready
            .stored
            .asks()
            .into_iter()
            .map(|(_, cell, ask)| AskedCell {
                suite: ready.plan.suites[cell.suite].name.clone(),
                cases: ready.suites[cell.suite].clone(),
                manner: ask.manner.clone(),
            })
            .collect();
        Self {
            name: planned.name.clone(),
            identity: ready.stored.sources[place].identity.name.clone(),
            source: planned.source.clone(),
            generators: planned.generators.iter().cloned().collect(),
            asked: ready.stored.sources[place].asked.clone(),
            calls: planned.calls.clone(),
            lane: (!planned.generated()).then(|| ready.plan.traffic.lane(&limits, &planned.calls)),
            served: Arc::new(Mutex::new(served.get(planned.name.as_ref()).cloned())),
            limits,
            seed: ready.stored.seed,
            cells,
        }
    }

    fn question(&self, pending: &Pending) -> Question {
        let AskedCell { suite, cases, manner } = &self.cells[pending.ask as usize];
        let case = &cases.cases[pending.case as usize];
        ask::question(suite, case, &pending.unit, &self.asked, manner, self.seed)
    }
}

/// How a batch ended for the source as a whole.
enum BatchEnd {
    /// Some units are answered, or none could be for reasons of their own.
    Done,
    /// Nothing was answered, although it was asked often enough.
    Silent(String),
    /// Asking on is pointless: the credentials do not hold, or the server answers as another model.
    Over(String),
}

/// Asks one source everything in its queue.
pub(super) async fn ask_source(
    asking: Asking,
    queue: Vec<Pending>,
    shared: Arc<Shared>,
) -> SourceEnd {
    shared.tell(&Event::Source {
        source: &asking.name,
        identity: &asking.identity,
        units: queue.len(),
    });
    tokio::select! {
        opened = opening::open(&asking.source, &asking.generators, &asking.calls) => {
            if let Err(error) = opened {
                let reason = error.to_string();
                shared.tell(&Event::SourceStopped { source: &asking.name, reason: reason.clone() });
                let unopened = matches!(error, SourceError::Broken { .. });
                return Ok(Some(StoppedSource { name: asking.name.to_string(), reason, unopened }));
            }
        }
        () = shared.stop.wait() => return Ok(None),
    }
    let width = asking.calls.in_flight.unwrap_or(asking.limits.in_flight).max(1);
    let size = asking.calls.batch.unwrap_or(asking.limits.batch).max(1);
    let given_up = Stop::default();
    let oversight = Oversight { shared: shared.clone(), given_up: given_up.clone() };
    let overseer: Arc<dyn Overseer> = Arc::new(oversight);
    let mut queue = queue.into_iter();
    let mut under_way: JoinSet<Result<BatchEnd, RunError>> = JoinSet::new();
    let mut silent = 0;
    let mut stopped: Option<String> = None;
    loop {
        while under_way.len() < width && stopped.is_none() && !shared.halted() {
            let batch: Vec<Pending> = queue.by_ref().take(size).collect();
            if batch.is_empty() {
                break;
            }
            under_way.spawn(ask_batch(asking.clone(), batch, shared.clone(), overseer.clone()));
        }
        let Some(done) = under_way.join_next().await else { break };
        match done.map_err(|error| RunError::Task(error.to_string()))? {
            Ok(BatchEnd::Done) => silent = 0,
            Ok(BatchEnd::Silent(error)) => {
                silent += 1;
                if silent >= BREAK_AFTER && stopped.is_none() {
                    stopped = Some(format!("{silent} calls in a row got no answer: {error}"));
                    given_up.stop();
                }
            }
            Ok(BatchEnd::Over(error)) => {
                stopped.get_or_insert(error);
                given_up.stop();
            }
            Err(error) => {
                shared.failed.store(true, Ordering::Relaxed);
                return Err(error);
            }
        }
    }
    let Some(reason) = stopped else { return Ok(None) };
    shared.tell(&Event::SourceStopped { source: &asking.name, reason: reason.clone() });
    Ok(Some(StoppedSource { name: asking.name.to_string(), reason, unopened: false }))
}

async fn ask_batch(
    asking: Asking,
    batch: Vec<Pending>,
    shared: Arc<Shared>,
    overseer: Arc<dyn Overseer>,
) -> Result<BatchEnd, RunError> {
    let mut open: Vec<(Pending, Patience)> =
        batch.into_iter().map(|pending| (pending, Patience::default())).collect();
    let mut answered_any = false;
    let once = Calls { attempts: 1, ..asking.calls.clone() };
    for attempt in 1.. {
        let questions: Vec<Question> =
            open.iter().map(|(pending, _)| asking.question(pending)).collect();
        let ids: Vec<Digest> = open.iter().map(|(pending, _)| pending.unit.id).collect();
        // Something that fell over in between loads again, and that counts in no timeout. What fails here fails in the call.
        tokio::select! {
            _ = opening::open(&asking.source, &asking.generators, &once) => {}
            () = overseer.stopped() => return Ok(BatchEnd::Done),
        }
        let started = Instant::now();
        let caller = Caller {
            source: asking.name.clone(),
            units: Arc::from(ids.as_slice()),
            overseer: overseer.clone(),
        };
        let answers = CALLER.scope(caller, call(&asking, questions.clone()));
        let answers = tokio::select! {
            answers = answers => answers,
            // What is computed here costs nothing but time: it is left, and asked again when the run goes on.
            () = shared.stop.wait(), if asking.computes_here() => return Ok(BatchEnd::Done),
        };
        let took = started.elapsed();
        let sorted = sort(&questions, answers);
        answered_any |= !sorted.units.is_empty();
        let changed = asking.changed_model(&sorted);
        store(&asking, &shared, attempt, took, ids, &sorted, changed.as_ref())?;
        if let Some((before, now)) = changed
            && !shared.accept_weak
        {
            give_up(&asking, &shared, &sorted.failed);
            return Ok(BatchEnd::Over(format!(
                "the server now answers as `{now}`, and answered as `{before}` before; \
                 `run.accept-weak = true` goes on and marks the trials"
            )));
        }
        let Some(worst) = sorted.worst() else { return Ok(BatchEnd::Done) };
        if let SourceError::Denied { .. } = worst {
            give_up(&asking, &shared, &sorted.failed);
            return Ok(BatchEnd::Over(worst.to_string()));
        }
        let mut again = Vec::new();
        let mut lost = Vec::new();
        let mut wait = Duration::ZERO;
        for (place, error) in sorted.failed {
            // What is built on generators was asked often enough by their lanes.
            let repeated = asking.lane.is_some() && !overseer.halted();
            let patience = &mut open[place].1;
            match patience.next(&asking.calls, &error, place as u64).filter(|_| repeated) {
                Some(needed) => {
                    wait = wait.max(needed);
                    again.push((place, error));
                }
                None => lost.push((place, error)),
            }
        }
        if overseer.halted() {
            // Not lost: the run or the source is to stop, and they are asked again when it goes on.
            return Ok(BatchEnd::Done);
        }
        give_up(&asking, &shared, &lost);
        let asks = lost.iter().find_map(|(_, error)| lane::too_long_a_wait(&asking.calls, error));
        if let Some(wait) = asks {
            return Ok(BatchEnd::Over(format!(
                "the backend asks to wait {}: go on later, or raise `retry.most` of the recipe",
                crate::recipe::format_duration(wait)
            )));
        }
        if again.is_empty() {
            let silent = |error: &SourceError| !matches!(error, SourceError::Rejected { .. });
            return Ok(match lost.iter().find(|(_, error)| silent(error)) {
                Some((_, error)) if !answered_any => BatchEnd::Silent(error.to_string()),
                _ => BatchEnd::Done,
            });
        }
        shared.tell(&Event::Retrying {
            source: &asking.name,
            units: again.len(),
            attempt,
            wait_ms: wait.as_millis() as u64,
            error: again[0].1.to_string(),
        });
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = overseer.stopped() => return Ok(BatchEnd::Done),
        }
        let mut kept = again.iter().map(|(place, _)| *place).peekable();
        let mut place = 0;
        open.retain(|_| {
            place += 1;
            kept.next_if_eq(&(place - 1)).is_some()
        });
    }
    Ok(BatchEnd::Done)
}

/// One call through the lane, where the source has one. A panic of the source is an error of the source.
async fn call(asking: &Asking, questions: Vec<Question>) -> Vec<Result<Vec<Answer>, SourceError>> {
    let source = asking.source.clone();
    let count = questions.len();
    let asked = async move {
        match Caught(Box::pin(source.score(&questions))).await {
            Err(payload) => Err(SourceError::Broken { message: panic_text(&*payload) }),
            Ok(answers) if answers.len() != count => Err(SourceError::Broken {
                message: format!("{count} questions, {} answers", answers.len()),
            }),
            Ok(answers) => Ok(answers.into_vec()),
        }
    };
    let signal = |answers: &Result<Vec<_>, SourceError>| match answers {
        Ok(answers) => Signal::of(answers),
        Err(_) => Signal::Fine,
    };
    let answers = match &asking.lane {
        None => asked.await,
        Some(lane) => lane
            .call(asking.calls.timeout, asked, signal, || asking.source.quota())
            .await
            .unwrap_or_else(|why| Err(lane::no_result(why, asking.calls.timeout))),
    };
    answers.unwrap_or_else(|error| (0..count).map(|_| Err(error.clone())).collect())
}

impl Asking {
    /// The model that the server reported first, and another one that it reports now.
    fn changed_model(&self, sorted: &Sorted) -> Option<(String, String)> {
        let mut known = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        for served in sorted.units.iter().flat_map(|(_, samples)| samples) {
            let Some(served) = &served.origin.served else { continue };
            match &*known {
                None => *known = Some(served.clone()),
                Some(before) if before != served => {
                    return Some((before.clone(), served.clone()));
                }
                Some(_) => {}
            }
        }
        None
    }
}

/// A future whose panic is a value.
struct Caught<'a, T>(Pin<Box<dyn Future<Output = T> + Send + 'a>>);

impl<T> Future for Caught<'_, T> {
    type Output = Result<T, Box<dyn Any + Send>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = AssertUnwindSafe(|| self.0.as_mut().poll(context));
        // After a panic the future is dropped, not polled again.
        match catch_unwind(polled) {
            Ok(polled) => polled.map(Ok),
            Err(payload) => Poll::Ready(Err(payload)),
        }
    }
}

fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned());
    format!("the source panicked: {}", text.unwrap_or_else(|| "without a message".into()))
}

/// The results of a call: units by their place in the batch.
struct Sorted {
    units: Vec<(usize, Vec<Answer>)>,
    failed: Vec<(usize, SourceError)>,
}

impl Sorted {
    /// The error that decides what happens next: denied before all others, then any.
    fn worst(&self) -> Option<&SourceError> {
        let denied =
            |(_, error): &&(usize, SourceError)| matches!(error, SourceError::Denied { .. });
        self.failed.iter().find(denied).or(self.failed.first()).map(|(_, error)| error)
    }
}

fn sort(questions: &[Question], answers: Vec<Result<Vec<Answer>, SourceError>>) -> Sorted {
    let mut sorted = Sorted { units: Vec::new(), failed: Vec::new() };
    for (place, (question, answer)) in questions.iter().zip(answers).enumerate() {
        match answer {
            Ok(samples) => {
                let wrong = conformance::check_answer(question, &samples);
                if wrong.is_empty() {
                    sorted.units.push((place, samples));
                } else {
                    let message = wrong.join(", ");
                    sorted.failed.push((place, SourceError::Broken { message }));
                }
            }
            Err(error) => sorted.failed.push((place, error)),
        }
    }
    sorted
}

/// Stores what was answered, then tells. Answers of another model than the one first reported are marked.
fn store(
    asking: &Asking,
    shared: &Shared,
    attempt: u32,
    took: Duration,
    ids: Vec<Digest>,
    sorted: &Sorted,
    changed: Option<&(String, String)>,
) -> Result<(), RunError> {
    let mut abstained: Vec<(Reason, usize)> = Vec::new();
    let mut usage = Usage::default();
    let mut units = Vec::with_capacity(sorted.units.len());
    for (place, samples) in &sorted.units {
        for answer in samples {
            add_usage(&mut usage, &answer.usage);
            if let Readout::Abstained(abstention) = &answer.readout {
                match abstained.iter_mut().find(|(reason, _)| *reason == abstention.reason) {
                    Some((_, count)) => *count += 1,
                    None => abstained.push((abstention.reason, 1)),
                }
            }
        }
        let served = changed.and_then(|(before, _)| {
            let mut named = samples.iter().filter_map(|answer| answer.origin.served.as_ref());
            named.find(|served| *served != before).cloned()
        });
        let samples = samples.iter().cloned().map(StoredSample::of).collect();
        units.push(StoredUnit { trial: ids[*place], samples, served });
    }
    if asking.lane.is_some() {
        // What generators cost was counted in their lanes.
        shared.traffic.counts().spend(&usage);
    }
    let answered = units.len();
    if answered > 0 {
        shared.segment.append(&units)?;
        shared.answered.fetch_add(answered, Ordering::Relaxed);
    }
    let origins = || sorted.units.iter().flat_map(|(_, samples)| samples).map(|a| &a.origin);
    shared.segment.note(&Timing {
        answered,
        error: sorted.worst().map(ToString::to_string),
        usage: (usage != Usage::default()).then_some(usage),
        served: origins().find_map(|origin| origin.served.as_deref()),
        requests: origins().flat_map(|origin| &origin.requests).map(String::as_str).collect(),
        ..Timing::of(&asking.name, ids, attempt, took)
    })?;
    if answered > 0 {
        shared.tell(&Event::Answered { source: &asking.name, units: answered, abstained, attempt });
    }
    Ok(())
}

fn give_up(asking: &Asking, shared: &Shared, lost: &[(usize, SourceError)]) {
    let mut told: Vec<(String, usize, &'static str)> = Vec::new();
    for (_, error) in lost {
        let text = error.to_string();
        match told.iter_mut().find(|(known, _, _)| *known == text) {
            Some((_, count, _)) => *count += 1,
            None => told.push((text, 1, error.name())),
        }
    }
    for (error, units, kind) in told {
        shared.tell(&Event::Unanswered { source: &asking.name, units, kind, error });
    }
}

fn add_usage(sum: &mut Usage, one: &Usage) {
    let add = |sum: &mut Option<u64>, one: Option<u64>| {
        if let Some(one) = one {
            *sum = Some(sum.unwrap_or(0).saturating_add(one));
        }
    };
    add(&mut sum.input_tokens, one.input_tokens);
    add(&mut sum.output_tokens, one.output_tokens);
    if let Some(usd) = one.usd {
        sum.usd = Some(sum.usd.unwrap_or(0.0) + usd);
    }
}
