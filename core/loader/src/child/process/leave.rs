//! How a child is made to leave a call, or to end: asked first, then told, then killed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process_group};

use super::super::ended::{Failure, Why};
use super::{Counts, Shared, run, seconds};

/// How long a child has to end after it was told to, and again after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(2);

impl Shared {
    /// Ends the child for this reason, unless there is one already.
    pub(super) fn doom(&self, why: Why, what: String) {
        {
            let mut state = self.state();
            if state.end.is_some() {
                return;
            }
            state.doom.get_or_insert((why, what));
        }
        self.changed.notify_all();
        self.signal(Signal::KILL);
    }

    /// Sends a signal to the child's whole group, as long as its number is surely its own.
    pub(in crate::child) fn signal(&self, signal: Signal) {
        let state = self.state();
        if !state.reaped {
            // A group that is gone already is what is wanted.
            let _ = kill_process_group(self.pid, signal);
        }
    }

    pub(super) fn abandon(self: &Arc<Self>, id: u64) {
        match self.state().open.get_mut(&id) {
            Some(open) => open.done = None,
            None => return,
        }
        if !self.caps.get().is_some_and(|caps| caps.cancel) {
            let what = "a call was given up, and the plugin does not know `cancel`";
            return self.doom(Why::Hung, what.to_owned());
        }
        self.send(format!("{{\"op\":\"cancel\",\"id\":{id}}}\n").into_bytes());
        let shared = self.clone();
        let within = self.terms.cancel_within;
        let hung = move || format!("it did not answer a cancelled call within {}", seconds(within));
        let watch = move || {
            if !shared.closes_within(id, within) {
                shared.doom(Why::Hung, hung());
            }
        };
        if run("plugin-watch", watch).is_err() {
            self.doom(Why::Hung, hung());
        }
    }

    pub(super) fn late(&self, op: &str, within: Duration) -> Failure {
        let (origin, within) = (&self.terms.origin, seconds(within));
        let tail = self.tail.shown();
        Failure::Late(format!("the plugin `{origin}` did not answer `{op}` within {within}{tail}"))
    }

    /// Says goodbye and closes standard input; false when that was done before.
    pub(in crate::child) fn say_goodbye(&self, handle: Option<u64>) -> bool {
        {
            let mut state = self.state();
            if state.end.is_some() || state.doom.is_some() {
                return false;
            }
            state.doom = Some((Why::Wanted, "was told to end".to_owned()));
        }
        self.changed.notify_all();
        if let Some(handle) = handle {
            let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
            self.open(id, Counts::NotYet, None);
            let line = format!("{{\"op\":\"destroy\",\"id\":{id},\"handle\":{handle}}}\n");
            self.send(line.into_bytes());
        }
        self.send(b"{\"op\":\"shutdown\"}\n".to_vec());
        self.close_input();
        true
    }

    pub(super) fn dismiss(self: &Arc<Self>, handle: Option<u64>) {
        if !self.say_goodbye(handle) {
            return;
        }
        let shared = self.clone();
        let escalate = move || {
            for signal in [Signal::TERM, Signal::KILL] {
                if shared.ends_by(Instant::now() + PATIENCE) {
                    return;
                }
                shared.signal(signal);
            }
        };
        if run("plugin-bye", escalate).is_err() {
            self.signal(Signal::KILL);
        }
    }

    /// Waits until the child is gone; false when it is not by then.
    pub(in crate::child) fn ends_by(&self, until: Instant) -> bool {
        let within = until.saturating_duration_since(Instant::now());
        self.wait(within, |state| state.end.is_some())
    }
}
