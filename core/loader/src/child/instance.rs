//! A component and its processes: started when the first question comes, started again when one ends.
//!
//! Each of the equal children (`replicas`) has a slot. A question goes to the slot with the fewest calls under way; a slot whose
//! child ended too often is left out, and when all are, every call fails at once.

mod slot;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::oneshot;
use tribunal_api::{Component, SourceError};

use self::slot::{Ready, Slot};
use super::Carrier;
use super::process::{Caps, Counts, LONGEST, Process, Reply};
use super::request;

/// What every process of an instance makes.
pub(super) struct Made {
    pub(super) carrier: Arc<Carrier>,
    pub(super) component: Component,
    pub(super) kind: String,
    pub(super) version: String,
    pub(super) settings: Value,
}

/// A component of a child.
pub(super) struct Instance {
    made: Arc<Made>,
    slots: Vec<Arc<Slot>>,
}

impl Instance {
    /// A component that starts nothing yet.
    pub(super) fn new(made: Made) -> Self {
        let made = Arc::new(made);
        let replicas = made.carrier.spec.replicas.max(1);
        let slots = (0..replicas).map(|replica| Slot::new(made.clone(), replica)).collect();
        Self { made, slots }
    }

    pub(super) fn origin(&self) -> &str {
        &self.made.carrier.origin
    }

    pub(super) fn replicas(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn start_within(&self) -> Duration {
        self.made.carrier.spec.start_within
    }

    /// Asks one of the children, and waits as a task. When the wait is given up, so is the request.
    pub(super) async fn ask(
        &self,
        op: &'static str,
        counts: Counts,
        within: Option<Duration>,
        line: impl FnOnce(u64, u64, Caps) -> Vec<u8>,
    ) -> Result<Reply, SourceError> {
        let (slot, _under_way) = self.pick()?;
        let (sender, receiver) = oneshot::channel();
        slot.when_ready(Box::new(move |ready| {
            // Whoever asked may have given up; the child stays for the next one.
            let _ = sender.send(ready);
        }));
        let Ready { process, handle, .. } = receiver.await.map_err(|_| self.lost())??;
        let id = process.next_id();
        let line = self.sized(line(id, handle, process.caps()))?;
        let (sender, receiver) = oneshot::channel();
        let mut open = Open { process: &process, id, answered: false };
        let done = Box::new(move |reply| {
            // As above.
            let _ = sender.send(reply);
        });
        process.ask(id, counts, line, done);
        if let Some(within) = within {
            process.expect_within(id, op, within);
        }
        let reply = receiver.await;
        open.answered = true;
        refuse_errors(
            reply.map_err(|_| self.lost())?.map_err(|failure| failure.into_source_error())?,
        )
    }

    /// Asks one of the children with these keys, and waits on this thread.
    pub(super) fn ask_and_wait(
        &self,
        op: &str,
        within: Duration,
        keys: &Value,
    ) -> Result<Reply, SourceError> {
        let (slot, _under_way) = self.pick()?;
        let (sender, receiver) = mpsc::channel();
        slot.when_ready(Box::new(move |ready| {
            // The receiver waits below for as long as it takes.
            let _ = sender.send(ready);
        }));
        let Ready { process, handle, .. } = receiver.recv().map_err(|_| self.lost())??;
        let line = |id| request::line(op, id, Some(handle), keys);
        let reply = process
            .ask_and_wait(op, Counts::AsAnswer, within, line)
            .map_err(|failure| failure.into_source_error())?;
        refuse_errors(reply)
    }

    /// Has all children load what is heavy, side by side; the first that cannot says why.
    pub(super) async fn open(&self) -> Result<(), SourceError> {
        // One that ended too often is left out while others are sound.
        self.pick()?;
        let sound = self.slots.iter().filter(|slot| slot.broken().is_none());
        let loading: Vec<_> = sound.map(Slot::load).collect();
        for one in loading {
            one.await.map_err(|_| self.lost())??;
        }
        Ok(())
    }

    /// Ends all children and returns when they are gone; the next question starts them again.
    pub(super) async fn close(&self) {
        let ends: Vec<_> = self.slots.iter().filter_map(|slot| slot.close()).collect();
        for end in ends {
            // The sender goes with the child either way.
            let _ = end.await;
        }
    }

    fn pick(&self) -> Result<(&Arc<Slot>, UnderWay<'_>), SourceError> {
        let sound = self.slots.iter().filter(|slot| slot.broken().is_none());
        let Some(slot) = sound.min_by_key(|slot| slot.under_way.load(Ordering::Relaxed)) else {
            let message = self.slots.iter().find_map(|slot| slot.broken()).unwrap_or_default();
            return Err(SourceError::Broken { message });
        };
        Ok((slot, UnderWay::of(&slot.under_way)))
    }

    fn sized(&self, line: Vec<u8>) -> Result<Vec<u8>, SourceError> {
        // A blob stands behind its line and is no part of it, but no less to hold.
        if line.len() <= LONGEST {
            return Ok(line);
        }
        let message = format!(
            "a request of {} bytes is too long for the plugin `{}`: a line has at most 64 MiB; declare a smaller `batch`",
            line.len(),
            self.origin()
        );
        Err(SourceError::Rejected { message })
    }

    /// A thread of ours ended without a word.
    fn lost(&self) -> SourceError {
        let message = format!("the plugin `{}` could not be asked", self.origin());
        SourceError::Broken { message }
    }
}

fn refuse_errors(mut reply: Reply) -> Result<Reply, SourceError> {
    match reply.error.take() {
        Some(error) => Err(error.into_source_error()),
        None => Ok(reply),
    }
}

/// A call that counts as under way until it is dropped.
struct UnderWay<'a>(&'a AtomicUsize);

impl<'a> UnderWay<'a> {
    fn of(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A request that is given up when it is dropped without an answer.
struct Open<'a> {
    process: &'a Process,
    id: u64,
    answered: bool,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.process.abandon(self.id);
        }
    }
}
