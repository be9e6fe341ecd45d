//! What the server has seen so far, shared by its thread and the test.

use std::any::Any;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::Request;

/// Counts and records of one server.
pub(crate) struct Tally {
    seen: Mutex<Seen>,
    arrived: Condvar,
    keep: AtomicBool,
    in_flight: AtomicUsize,
    peak: AtomicUsize,
    connections: AtomicUsize,
}

#[derive(Default)]
struct Seen {
    count: usize,
    requests: Vec<Request>,
    mistake: Option<String>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            seen: Mutex::default(),
            arrived: Condvar::new(),
            keep: AtomicBool::new(true),
            in_flight: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
        }
    }

    /// Numbers a request that is complete and records it, if records are kept.
    pub(crate) fn record(&self, mut request: Request) -> Request {
        let mut seen = self.seen();
        request.number = seen.count;
        seen.count += 1;
        if self.keep.load(Ordering::Relaxed) {
            seen.requests.push(request.clone());
        }
        drop(seen);
        self.arrived.notify_all();
        request
    }

    /// Notes a mistake of the test, to be raised in the test's own thread. The first one counts.
    pub(crate) fn note_mistake(&self, mistake: String) {
        self.seen().mistake.get_or_insert(mistake);
    }

    pub(crate) fn take_mistake(&self) -> Option<String> {
        self.seen().mistake.take()
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen().requests.clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.seen().count
    }

    /// Blocks until so many requests were seen or the time is up; whether they were seen.
    pub(crate) fn wait_for(&self, count: usize, within: Duration) -> bool {
        let end = Instant::now() + within;
        let mut seen = self.seen();
        while seen.count < count {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let woken = self.arrived.wait_timeout(seen, left);
            seen = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    pub(crate) fn keep(&self, keep: bool) {
        self.keep.store(keep, Ordering::Relaxed);
    }

    pub(crate) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(crate) fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request between its arrival and the last byte of its reply, or its end. Counts itself.
pub(crate) struct Flight(Arc<Tally>);

impl Flight {
    pub(crate) fn begin(tally: &Arc<Tally>) -> Self {
        let now = tally.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        tally.peak.fetch_max(now, Ordering::Relaxed);
        Self(Arc::clone(tally))
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The words of a panic.
pub(crate) fn words_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message").to_owned()
}
