//! The end of the process while a thread computes.
//!
//! At exit llama.cpp's own globals are destroyed. A thread that is inside the library then would read what is gone; so computing is
//! ended and waited for first, and no thread enters again.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

static EXITING: AtomicBool = AtomicBool::new(false);
static INSIDE: AtomicUsize = AtomicUsize::new(0);

/// The longest wait for threads inside the library: loading a model cannot be ended.
const PATIENCE: Duration = Duration::from_secs(2);

unsafe extern "C" {
    fn atexit(call: extern "C" fn()) -> std::ffi::c_int;
}

/// Has computing end, at exit, before anything is destroyed that exists now. To be called again when the library may have made more
/// globals: it makes some when they are first used, and what was made last is destroyed first.
pub(super) fn watch() {
    // SAFETY: the function lives as long as the library, which is never unloaded. Without room for it there is no remedy.
    let _ = unsafe { atexit(leave) };
}

extern "C" fn leave() {
    EXITING.store(true, Ordering::SeqCst);
    let start = Instant::now();
    while INSIDE.load(Ordering::SeqCst) > 0 && start.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// True once the process is ending.
pub(super) fn is_exiting() -> bool {
    EXITING.load(Ordering::Relaxed)
}

/// A thread's stay inside the library.
pub(super) struct Inside(());

/// Enters the library; at the end of the process it waits for that end instead.
pub(super) fn enter() -> Inside {
    INSIDE.fetch_add(1, Ordering::SeqCst);
    let inside = Inside(());
    if EXITING.load(Ordering::SeqCst) {
        drop(inside);
        loop {
            std::thread::park();
        }
    }
    inside
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.fetch_sub(1, Ordering::SeqCst);
    }
}
