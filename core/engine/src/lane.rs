//! The queue in front of a backend: how many calls run at once, and how long each may take.
//!
//! One policy for all: sources that are asked by the engine, and generators that are asked by judges. A lane starts
//! narrow and widens while its backend keeps up; [`retry`] says when a call is made again.

mod caller;
mod generator;
mod retry;
mod width;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};
use tribunal_api::{Limits, Quota, SourceError, Usage};

use crate::plan::Calls;
use width::Width;

pub(crate) use caller::{Attempt, CALLER, Caller, Overseer};
pub use generator::LanedGenerator;
pub(crate) use retry::{Patience, no_result, too_long_a_wait};
pub use retry::{backoff, jitter, retry, timed_out};

/// What the calls of a plan share: the lanes by key, and what has been spent.
#[derive(Default)]
pub struct Traffic {
    lanes: Mutex<HashMap<String, Lane>>,
    counts: Arc<Counts>,
}

/// What all lanes of a plan count together.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) calls: AtomicU64,
    pub(crate) tokens: AtomicU64,
    pub(crate) micro_usd: AtomicU64,
    pub(crate) in_flight: AtomicUsize,
    pub(crate) peak: AtomicUsize,
}

impl Counts {
    /// Adds what an answer cost.
    pub(crate) fn spend(&self, usage: &Usage) {
        let tokens =
            usage.input_tokens.unwrap_or(0).saturating_add(usage.output_tokens.unwrap_or(0));
        self.tokens.fetch_add(tokens, Ordering::Relaxed);
        let micro_usd = (usage.usd.unwrap_or(0.0) * 1e6).round() as u64;
        self.micro_usd.fetch_add(micro_usd, Ordering::Relaxed);
    }

    /// Counts a call, unless `most` are counted already.
    fn begins(&self, most: Option<u64>) -> bool {
        let more = |calls| most.is_none_or(|most| calls < most).then_some(calls + 1);
        self.calls.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn enter(&self) -> InFlight<'_> {
        let now = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.peak.fetch_max(now, Ordering::Relaxed);
        InFlight(self)
    }
}

/// A call under way; dropped when it ends, however it ends.
struct InFlight<'a>(&'a Counts);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Traffic {
    /// The lane for these limits: shared where they name a key, and as wide as the widest that names it.
    pub fn lane(&self, limits: &Limits, calls: &Calls) -> Lane {
        let most = calls.in_flight.unwrap_or(limits.in_flight);
        let new = || Lane::new(most, self.counts.clone());
        match &limits.lane {
            None => new(),
            Some(key) => {
                let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
                let lane = lanes.entry(key.clone()).or_insert_with(new).clone();
                lane.admit(most);
                lane
            }
        }
    }

    pub(crate) fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }
}

/// A queue shared by all callers that name the same lane key. Calls run in the order in which they were queued.
#[derive(Clone)]
pub struct Lane(Arc<Inner>);

struct Inner {
    places: Semaphore,
    width: Mutex<Width>,
    counts: Arc<Counts>,
}

/// How a call went, as far as the lane's width is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// It was answered, or failed for reasons of its own.
    Fine,
    /// The backend asked for patience.
    Busy,
    /// The backend did not answer, or broke off.
    Failing,
}

impl Signal {
    /// What a call says whose entries ended like this.
    pub(crate) fn of<'a, T: 'a>(
        results: impl IntoIterator<Item = &'a Result<T, SourceError>>,
    ) -> Self {
        let mut signal = Signal::Fine;
        for result in results {
            match result {
                Err(SourceError::Busy { .. }) => return Signal::Busy,
                Err(SourceError::Unreachable { .. }) => signal = Signal::Failing,
                _ => {}
            }
        }
        signal
    }
}

/// Why a call through a lane has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoResult {
    /// Its time is over.
    TimedOut,
    /// The budget allows no further call; none was made.
    OverBudget,
    /// The run is to stop, or the source is given up; no call was made.
    Halted,
}

impl Lane {
    fn new(most: usize, counts: Arc<Counts>) -> Self {
        let width = Width::new(most.max(1));
        let places = Semaphore::new(width.places());
        Self(Arc::new(Inner { places, width: Mutex::new(width), counts }))
    }

    /// Lets the lane grow to this width, if it is wider than before.
    fn admit(&self, most: usize) {
        let mut width = self.0.width.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.places.add_permits(width.admit(most));
    }

    /// Runs a call when there is room for it, gives it up after `timeout`, and learns from how it went.
    ///
    /// `signal` reads the result; `quota` is what the backend says afterwards about what is left.
    pub(crate) async fn call<T>(
        &self,
        timeout: Duration,
        call: impl Future<Output = T>,
        signal: fn(&T) -> Signal,
        quota: impl FnOnce() -> Option<Quota>,
    ) -> Result<T, NoResult> {
        let lane = &*self.0;
        let place = lane.places.acquire().await.expect("a lane's semaphore is never closed");
        // The wait for a place may have been long.
        if CALLER.try_with(Caller::halted).unwrap_or(false) {
            return Err(NoResult::Halted);
        }
        let most = CALLER.try_with(Caller::most_calls).unwrap_or(None);
        if !lane.counts.begins(most) {
            return Err(NoResult::OverBudget);
        }
        let in_flight = lane.counts.enter();
        let started = Instant::now();
        let result = tokio::time::timeout(timeout, call).await.ok();
        drop(in_flight);
        let signal = result.as_ref().map_or(Signal::Failing, signal);
        self.learn(place, started, signal, quota());
        result.ok_or(NoResult::TimedOut)
    }

    /// Gives the place back, or withdraws it when the lane has become narrower.
    fn learn(
        &self,
        place: SemaphorePermit<'_>,
        started: Instant,
        signal: Signal,
        quota: Option<Quota>,
    ) {
        let lane = &*self.0;
        let crowded = lane.places.available_permits() == 0;
        let mut width = lane.width.lock().unwrap_or_else(PoisonError::into_inner);
        width.learn(started, Instant::now(), signal, crowded, quota);
        if width.surplus() > 0 {
            place.forget();
            width.withdrawn(1);
            let idle = lane.places.forget_permits(width.surplus());
            width.withdrawn(idle);
        } else {
            drop(place);
            lane.places.add_permits(width.widen());
        }
    }
}
