//! Asking: units go through lanes in plan order, answers are checked, stored, and only then told.

mod batch;
mod queue;

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use foldhash::HashSet;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tribunal_api::Strength;

use crate::closing::Closing;
use crate::digest::Digest;
use crate::event::{Event, Reporter};
use crate::lane::{Attempt, Overseer, Traffic};
use crate::ready::Ready;
use crate::store::{self, RunFolder, Segment, StoreError, StoredUnit, Timing};

pub use queue::{Counts, Shard, counts};
pub(crate) use queue::{Visit, each_unit};

/// A run that is asked to stop: nothing new is asked, what is under way is finished and stored.
#[derive(Clone)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Default for Stop {
    fn default() -> Self {
        Self(Arc::new(watch::channel(false).0))
    }
}

impl Stop {
    /// Asks the run to stop.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// True once it was asked to.
    pub fn stopped(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when it is asked to stop.
    pub async fn wait(&self) {
        let mut receiver = self.0.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = receiver.wait_for(|stopped| *stopped).await;
    }
}

/// What a process does of a run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The part of the questions that this process answers.
    pub shard: Option<Shard>,
    /// Earlier run folders whose answers are taken over.
    pub reuse: Vec<PathBuf>,
    /// Whether answers of sources known by name only are taken over, too.
    pub accept_weak: bool,
    /// What the run may spend.
    pub budget: crate::recipe::Budget,
    /// Sources that are open at the same time, at least 1: one that has been asked everything is closed before another is
    /// asked in its place.
    pub open_sources: usize,
}

/// How a process's part of a run ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// Units answered by this process.
    pub answered: usize,
    /// Units of this process's part without answer.
    pub unanswered: usize,
    /// Units that were stored before.
    pub known: usize,
    /// Set when the run was asked to stop.
    pub interrupted: bool,
    /// The budget that is used up, if one is.
    pub over_budget: Option<String>,
    /// Sources that were given up.
    pub stopped_sources: Vec<StoppedSource>,
}

/// A source that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoppedSource {
    /// Name of its block.
    pub name: String,
    /// Why.
    pub reason: String,
    /// True when it could not be opened, by a fault of its own that no waiting mends.
    pub unopened: bool,
}

/// Why a run could not go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The run folder fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A part of the program broke.
    #[error("a task of the run broke off: {0}")]
    Task(String),
}

/// What all tasks of a run share.
struct Shared {
    segment: Segment,
    reporters: Vec<Arc<dyn Reporter>>,
    stop: Stop,
    /// Set when storing failed: nothing more is asked.
    failed: AtomicBool,
    answered: AtomicUsize,
    traffic: Arc<Traffic>,
    budget: crate::recipe::Budget,
    /// Whether a source may go on whose server reports another model than before.
    accept_weak: bool,
}

impl Shared {
    fn tell(&self, event: &Event<'_>) {
        for reporter in &self.reporters {
            reporter.event(event);
        }
    }

    /// The budget that is used up, in words. What the self-check spent counts.
    fn over_budget(&self) -> Option<String> {
        let counts = self.traffic.counts();
        let [calls, tokens, micro_usd] = [&counts.calls, &counts.tokens, &counts.micro_usd]
            .map(|count| count.load(Ordering::Relaxed));
        let usd = micro_usd as f64 / 1e6;
        let budget = &self.budget;
        if let Some(most) = budget.calls.filter(|most| calls >= *most) {
            return Some(format!("{calls} of {most} calls are made"));
        }
        if let Some(most) = budget.tokens.filter(|most| tokens >= *most) {
            return Some(format!("{tokens} of {most} tokens are used"));
        }
        budget
            .usd
            .filter(|most| usd >= *most)
            .map(|most| format!("{usd:.2} of {most:.2} USD are spent"))
    }

    fn halted(&self) -> bool {
        self.stop.stopped() || self.failed.load(Ordering::Relaxed) || self.over_budget().is_some()
    }
}

/// What the lanes below a source ask of a run.
struct Oversight {
    shared: Arc<Shared>,
    /// Set when the source is given up: what waits for its turn or for another attempt is not asked.
    given_up: Stop,
}

impl Overseer for Oversight {
    fn most_calls(&self) -> Option<u64> {
        let Shared { failed, budget, .. } = &*self.shared;
        if failed.load(Ordering::Relaxed) { Some(0) } else { budget.calls }
    }

    fn halted(&self) -> bool {
        self.given_up.stopped() || self.shared.halted()
    }

    fn stopped(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            tokio::select! {
                () = self.shared.stop.wait() => {}
                () = self.given_up.wait() => {}
            }
        })
    }

    fn failed(&self, attempt: &Attempt<'_>) {
        let wait_ms = attempt.wait.as_millis() as u64;
        // A disk that fails shows where trials are stored.
        let _ = self.shared.segment.note(&Timing {
            wait_ms: Some(wait_ms),
            error: Some(attempt.error.to_string()),
            ..Timing::of(attempt.source, attempt.units.to_vec(), attempt.number, attempt.took)
        });
        self.shared.tell(&Event::Retrying {
            source: attempt.source,
            units: attempt.units.len(),
            attempt: attempt.number,
            wait_ms,
            error: attempt.error.to_string(),
        });
    }
}

/// Asks everything that the plan needs and the folder does not hold.
///
/// # Errors
///
/// When trials cannot be stored. What was stored before stays.
pub async fn drive(
    ready: &Ready,
    folder: &RunFolder,
    options: &Options,
    reporters: Vec<Arc<dyn Reporter>>,
    stop: Stop,
) -> Result<End, RunError> {
    let mut known: HashSet<Digest> = store::read_trials(folder)?.units.into_keys().collect();
    let shared = Arc::new(Shared {
        segment: Segment::create(folder)?,
        reporters,
        stop,
        failed: AtomicBool::new(false),
        answered: AtomicUsize::new(0),
        traffic: ready.plan.traffic.clone(),
        budget: options.budget,
        accept_weak: options.accept_weak,
    });
    take_over(ready, options, &shared, &mut known)?;
    let (queues, known) = queue::queues(ready, options.shard, &known);
    let units = queues.iter().map(Vec::len).sum();
    let run = folder.path().file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    shared.tell(&Event::Started { run: &run, units, known });
    let started = Instant::now();
    let stopped_sources = ask_all(ready, folder, queues, options, &shared).await?;
    let seconds = started.elapsed().as_secs_f64();
    let interrupted = shared.stop.stopped();
    let over_budget = shared.over_budget();
    let answered = shared.answered.load(Ordering::Relaxed);
    let end = End {
        answered,
        unanswered: units - answered,
        known,
        interrupted,
        over_budget: over_budget.filter(|_| answered < units),
        stopped_sources,
    };
    let counts = shared.traffic.counts();
    shared.tell(&Event::Finished {
        answered,
        unanswered: end.unanswered,
        peak_in_flight: counts.peak.load(Ordering::Relaxed),
        calls: counts.calls.load(Ordering::Relaxed),
        seconds,
    });
    match Arc::into_inner(shared) {
        Some(shared) => shared.segment.finish()?,
        None => return Err(RunError::Task("the segment is still in use".to_owned())),
    }
    Ok(end)
}

/// Drives the sources in plan order, `open_sources` at a time, and closes each when it has been asked everything.
async fn ask_all(
    ready: &Ready,
    folder: &RunFolder,
    queues: Vec<Vec<queue::Pending>>,
    options: &Options,
    shared: &Arc<Shared>,
) -> Result<Vec<StoppedSource>, RunError> {
    let served = store::served_models(folder)?;
    let mut open = JoinSet::new();
    let mut stopped = Vec::new();
    let mut settle = |done: Result<batch::SourceEnd, tokio::task::JoinError>| match done {
        Ok(Ok(None)) => Ok(()),
        Ok(Ok(Some(reason))) => {
            stopped.push(reason);
            Ok(())
        }
        Ok(Err(error)) => Err(error),
        Err(error) => Err(RunError::Task(error.to_string())),
    };
    let asked = (0..queues.len()).filter(|&place| ready.plan.sources[place].members.is_empty());
    let closing = Arc::new(Closing::new(&ready.plan.sources, asked));
    for place in (0..queues.len()).filter(|&place| queues[place].is_empty()) {
        closing.done(place).await;
    }
    for (place, queue) in queues.into_iter().enumerate() {
        if queue.is_empty() || shared.halted() {
            continue;
        }
        while open.len() >= options.open_sources.max(1) {
            if let Some(done) = open.join_next().await {
                settle(done)?;
            }
        }
        let asking = batch::Asking::new(ready, place, &served);
        let (shared, closing) = (shared.clone(), closing.clone());
        open.spawn(async move {
            let end = batch::ask_source(asking, queue, shared).await;
            if end.is_ok() {
                closing.done(place).await;
            }
            end
        });
    }
    while let Some(done) = open.join_next().await {
        settle(done)?;
    }
    closing.all().await;
    Ok(stopped)
}

/// Copies answers of earlier runs to trials of the same id.
fn take_over(
    ready: &Ready,
    options: &Options,
    shared: &Shared,
    known: &mut HashSet<Digest>,
) -> Result<(), RunError> {
    if options.reuse.is_empty() {
        return Ok(());
    }
    let wanted = queue::wanted(ready, options.shard, |source| {
        options.accept_weak || source.identity.strength != Strength::Name
    });
    for path in &options.reuse {
        let earlier = RunFolder::open(path)?;
        let mut units: Vec<StoredUnit> = Vec::new();
        store::visit_trials(&earlier, |unit| {
            if wanted.contains(&unit.trial) && known.insert(unit.trial) {
                units.push(unit);
            }
        })?;
        shared.segment.append(&units)?;
        shared.tell(&Event::Reused { folder: path.display().to_string(), units: units.len() });
    }
    Ok(())
}
