//! One source: its batches under way at once, each asked until answered or given up.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::task::JoinSet;
use tribunal_api::{
    Answer, Limits, Question, Readout, Reason, RewardSource, SourceError, Usage, conformance,
};

use super::queue::Pending;
use super::{RunError, Shared};
use crate::ask::{self, Asked, Manner};
use crate::cases::Cases;
use crate::digest::Digest;
use crate::event::{Event, now_ms};
use crate::lane::{self, Lane, Lanes};
use crate::plan::Calls;
use crate::ready::Ready;
use crate::store::{StoredSample, StoredUnit, Timing};

/// `None` when a source is done, else its name and why it was given up.
pub(super) type SourceEnd = Result<Option<(String, String)>, RunError>;

/// This many batches in a row without any answer break the circuit: the backend is gone.
const BREAK_AFTER: usize = 5;

/// What it takes to ask one source.
#[derive(Clone)]
pub(super) struct Asking {
    name: Arc<str>,
    identity: String,
    source: Arc<dyn RewardSource>,
    asked: Asked,
    calls: Calls,
    limits: Limits,
    lane: Lane,
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
    pub(super) fn new(ready: &Ready, place: usize, lanes: &Lanes) -> Self {
        let planned = &ready.plan.sources[place];
        let limits = planned.source.limits();
        let cells = ready
            .stored
            .cells
            .iter()
            .map(|cell| AskedCell {
                suite: ready.plan.suites[cell.suite].name.clone(),
                cases: ready.suites[cell.suite].clone(),
                manner: cell.manner.clone(),
            })
            .collect();
        Self {
            name: planned.name.clone(),
            identity: ready.stored.sources[place].identity.name.clone(),
            source: planned.source.clone(),
            asked: ready.stored.sources[place].asked.clone(),
            calls: planned.calls.clone(),
            lane: lanes.lane(&limits, &planned.calls),
            limits,
            seed: ready.stored.seed,
            cells,
        }
    }

    fn question(&self, pending: &Pending) -> Question {
        let AskedCell { suite, cases, manner } = &self.cells[pending.cell as usize];
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
    /// The credentials do not hold: asking on is pointless.
    Denied(String),
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
    let width = asking.calls.in_flight.unwrap_or(asking.limits.in_flight).max(1);
    let size = asking.calls.batch.unwrap_or(asking.limits.batch).max(1);
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
            under_way.spawn(ask_batch(asking.clone(), batch, shared.clone()));
        }
        let Some(done) = under_way.join_next().await else { break };
        match done.map_err(|error| RunError::Task(error.to_string()))? {
            Ok(BatchEnd::Done) => silent = 0,
            Ok(BatchEnd::Silent(error)) => {
                silent += 1;
                if silent >= BREAK_AFTER {
                    stopped = Some(format!("{silent} calls in a row got no answer: {error}"));
                }
            }
            Ok(BatchEnd::Denied(error)) => stopped = Some(error),
            Err(error) => {
                shared.failed.store(true, Ordering::Relaxed);
                return Err(error);
            }
        }
    }
    let Some(reason) = stopped else { return Ok(None) };
    shared.tell(&Event::SourceStopped { source: &asking.name, reason: reason.clone() });
    Ok(Some((asking.name.to_string(), reason)))
}

async fn ask_batch(
    asking: Asking,
    batch: Vec<Pending>,
    shared: Arc<Shared>,
) -> Result<BatchEnd, RunError> {
    let mut open = batch;
    let mut answered_any = false;
    for attempt in 1.. {
        let questions: Vec<Question> =
            open.iter().map(|pending| asking.question(pending)).collect();
        let started = Instant::now();
        let answers = call(&asking, &questions, &shared).await;
        let took_ms = started.elapsed().as_secs_f64() * 1e3;
        let sorted = sort(&questions, answers);
        answered_any |= !sorted.units.is_empty();
        let ids: Vec<Digest> = open.iter().map(|pending| pending.unit.id).collect();
        store(&asking, &shared, attempt, took_ms, &ids, &sorted)?;
        let Some(worst) = sorted.worst() else { return Ok(BatchEnd::Done) };
        if let SourceError::Denied { .. } = worst {
            give_up(&asking, &shared, &sorted.failed);
            return Ok(BatchEnd::Denied(worst.to_string()));
        }
        let last = attempt >= asking.calls.attempts || shared.halted();
        let (again, lost): (Vec<_>, Vec<_>) =
            sorted.failed.into_iter().partition(|(_, error)| error.may_retry() && !last);
        give_up(&asking, &shared, &lost);
        if again.is_empty() {
            return Ok(match lost.iter().find(|(_, error)| error.may_retry()) {
                Some((_, error)) if !answered_any => BatchEnd::Silent(error.to_string()),
                _ => BatchEnd::Done,
            });
        }
        let wait = again
            .iter()
            .map(|(place, error)| {
                lane::backoff(&asking.calls, attempt, error, lane::jitter(*place as u64, attempt))
            })
            .max()
            .unwrap_or_default();
        shared.tell(&Event::Retrying {
            source: &asking.name,
            units: again.len(),
            attempt,
            wait_ms: wait.as_millis() as u64,
            error: again[0].1.to_string(),
        });
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = shared.stop.wait() => {
                give_up(&asking, &shared, &again);
                return Ok(BatchEnd::Done);
            }
        }
        let places: std::collections::HashSet<usize> =
            again.iter().map(|(place, _)| *place).collect();
        open = open
            .into_iter()
            .enumerate()
            .filter(|(place, _)| places.contains(place))
            .map(|(_, pending)| pending)
            .collect();
    }
    Ok(BatchEnd::Done)
}

/// One call through the lane. A panic of the source is an error of the source.
async fn call(
    asking: &Asking,
    questions: &[Question],
    shared: &Shared,
) -> Vec<Result<Vec<Answer>, SourceError>> {
    let source = asking.source.clone();
    let owned: Vec<Question> = questions.to_vec();
    let now = shared.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
    shared.peak.fetch_max(now, Ordering::Relaxed);
    shared.spent.calls.fetch_add(1, Ordering::Relaxed);
    let answers = asking
        .lane
        .call(asking.calls.timeout, async move {
            let task = tokio::spawn(async move { source.score(&owned).await });
            let guard = AbortOnDrop(task.abort_handle());
            let done = task.await;
            drop(guard);
            done
        })
        .await;
    shared.in_flight.fetch_sub(1, Ordering::Relaxed);
    let same = |error: SourceError| questions.iter().map(|_| Err(error.clone())).collect();
    match answers {
        None => same(lane::timed_out(asking.calls.timeout)),
        Some(Err(error)) => same(SourceError::Broken { message: panic_text(error) }),
        Some(Ok(answers)) if answers.len() != questions.len() => same(SourceError::Broken {
            message: format!("{} questions, {} answers", questions.len(), answers.len()),
        }),
        Some(Ok(answers)) => answers.into_vec(),
    }
}

/// Ends a call's task when its caller gives it up.
struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn panic_text(error: tokio::task::JoinError) -> String {
    match error.try_into_panic() {
        Ok(payload) => {
            let text = payload
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| payload.downcast_ref::<String>().cloned());
            format!("the source panicked: {}", text.unwrap_or_else(|| "without a message".into()))
        }
        Err(error) => error.to_string(),
    }
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

/// Stores what was answered, then tells.
fn store(
    asking: &Asking,
    shared: &Shared,
    attempt: u32,
    took_ms: f64,
    ids: &[Digest],
    sorted: &Sorted,
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
        let samples = samples.iter().cloned().map(StoredSample::of).collect();
        units.push(StoredUnit { trial: ids[*place], samples });
    }
    spend(shared, &usage);
    if !units.is_empty() {
        shared.segment.append(&units)?;
        shared.answered.fetch_add(units.len(), Ordering::Relaxed);
    }
    shared.segment.note(&Timing {
        at_ms: now_ms(),
        source: &asking.name,
        units: ids.to_vec(),
        attempt,
        took_ms,
        answered: units.len(),
        error: sorted.worst().map(ToString::to_string),
        usage: (usage != Usage::default()).then_some(usage),
    })?;
    if !units.is_empty() {
        shared.tell(&Event::Answered {
            source: &asking.name,
            units: units.len(),
            abstained,
            attempt,
        });
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
            *sum = Some(sum.unwrap_or(0) + one);
        }
    };
    add(&mut sum.input_tokens, one.input_tokens);
    add(&mut sum.output_tokens, one.output_tokens);
    if let Some(usd) = one.usd {
        sum.usd = Some(sum.usd.unwrap_or(0.0) + usd);
    }
}

fn spend(shared: &Shared, usage: &Usage) {
    let tokens = usage.input_tokens.unwrap_or(0) + usage.output_tokens.unwrap_or(0);
    shared.spent.tokens.fetch_add(tokens, Ordering::Relaxed);
    let micro_usd = (usage.usd.unwrap_or(0.0) * 1e6).round() as u64;
    shared.spent.micro_usd.fetch_add(micro_usd, Ordering::Relaxed);
}
