//! The end of a child: its group goes with it, what it still wrote is read, and all who wait are told.

use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Signal, WaitId, WaitIdOptions, waitid};

use super::super::ended::{End, Failure, Why, words};
use super::Shared;
use crate::spec::Level;

/// How long the rest of what it wrote is waited for: processes that left its group may hold the pipes open.
const DRAIN: Duration = Duration::from_secs(1);

/// Waits for the child's end.
pub(super) fn attend(mut child: Child, shared: &Shared) {
    // Not reaped yet, so that its number, which is its group's too, stays its own.
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while let Err(Errno::INTR) = waitid(WaitId::Pid(shared.pid), ended) {}
    shared.state().leaving = true;
    shared.signal(Signal::KILL);
    shared.wait(DRAIN, |state| state.read && state.heard);
    shared.state().reaped = true;
    let status = child.wait().unwrap_or_default();
    shared.finish(status);
}

impl Shared {
    fn finish(&self, status: ExitStatus) {
        let (end, open, at_end) = {
            let mut state = self.state();
            let (why, what) = judge(status, state.doom.take(), state.half.take());
            let origin = self.terms.origin.clone();
            let end = Arc::new(End { why, origin, what, tail: self.tail.shown() });
            state.end = Some(end.clone());
            (end, std::mem::take(&mut state.open), std::mem::take(&mut state.at_end))
        };
        self.close_input();
        self.changed.notify_all();
        let level = match end.why {
            Why::Violated => Level::Error,
            Why::Died | Why::Hung => Level::Warn,
            Why::Wanted => Level::Debug,
        };
        (self.terms.log)(level, &self.terms.origin, &format!("it {}", end.what));
        for done in open.into_values().filter_map(|open| open.done) {
            done(Err(Failure::Ended(end.clone())));
        }
        at_end.into_iter().for_each(|call| call());
    }
}

fn judge(status: ExitStatus, doom: Option<(Why, String)>, half: Option<String>) -> (Why, String) {
    match (doom, half) {
        (Some((Why::Violated, what)), _) => (Why::Violated, format!("broke the protocol: {what}")),
        (Some((Why::Wanted, what)), _) => (Why::Wanted, what),
        (Some((why, what)), _) => (why, format!("was ended: {what}")),
        // A crash may cut a line; ending by itself in the middle of one is a mistake in the program.
        (None, Some(half)) if status.code().is_some() => {
            let how = words(status);
            let what =
                format!("broke the protocol: it ended with {how} in the middle of a line: {half}");
            (Why::Violated, what)
        }
        (None, _) => (Why::Died, format!("ended with {}", words(status))),
    }
}
