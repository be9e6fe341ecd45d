//! All children that are alive, so that none outlives the program.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::process::Shared;

/// Set once the program ends: nothing is started any longer.
static CLOSED: AtomicBool = AtomicBool::new(false);
static ALIVE: Mutex<Vec<Weak<Shared>>> = Mutex::new(Vec::new());

/// How long the end of killed processes is waited for: the kernel needs a moment.
const REAPING: Duration = Duration::from_millis(500);

/// Enters a child that was started.
pub(super) fn add(child: &Arc<Shared>) {
    let mut alive = ALIVE.lock().unwrap_or_else(PoisonError::into_inner);
    alive.retain(|known| known.upgrade().is_some_and(|known| !known.has_ended()));
    alive.push(Arc::downgrade(child));
}

/// True once the program ends.
pub(super) fn closed() -> bool {
    CLOSED.load(Ordering::Relaxed)
}

/// Ends all children that are alive, at the same time: each is told to, gets SIGTERM after half of `within` and SIGKILL after all
/// of it. None can be started after that: it is the last thing that a program does.
pub fn shutdown_all(within: Duration) {
    CLOSED.store(true, Ordering::Relaxed);
    let begun = Instant::now();
    let children: Vec<Arc<Shared>> = {
        let alive = ALIVE.lock().unwrap_or_else(PoisonError::into_inner);
        alive.iter().filter_map(Weak::upgrade).filter(|child| !child.has_ended()).collect()
    };
    for child in &children {
        child.say_goodbye(None);
    }
    for (until, signal) in [(within / 2, Signal::TERM), (within, Signal::KILL)] {
        for child in &children {
            child.ends_by(begun + until);
        }
        children.iter().filter(|child| !child.has_ended()).for_each(|child| child.signal(signal));
    }
    for child in &children {
        child.ends_by(begun + within + REAPING);
    }
}
