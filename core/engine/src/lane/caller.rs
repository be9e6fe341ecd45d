//! On whose behalf a call is made: lets a lane below a judge note its attempts for the units that are being asked.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tribunal_api::SourceError;

use crate::digest::Digest;

tokio::task_local! {
    /// Set while a source is asked by a run; absent in the self-check and while identities are asked.
    pub(crate) static CALLER: Caller;
}

/// A source that is being asked for some units.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) source: Arc<str>,
    pub(crate) units: Arc<[Digest]>,
    pub(crate) overseer: Arc<dyn Overseer>,
}

/// A call that failed and is made again.
pub(crate) struct Attempt<'a> {
    /// The source on whose behalf it was made.
    pub(crate) source: &'a str,
    /// The units that it was made for.
    pub(crate) units: &'a [Digest],
    /// Which attempt failed, from 1.
    pub(crate) number: u32,
    pub(crate) took: Duration,
    pub(crate) error: &'a SourceError,
    /// How long until the next attempt.
    pub(crate) wait: Duration,
}

/// What a run offers to the lanes below its sources.
pub(crate) trait Overseer: Send + Sync {
    /// Calls that the budget allows in all; 0 once the run has failed, `None` for no limit.
    fn most_calls(&self) -> Option<u64>;

    /// True when nothing is to be asked again.
    fn halted(&self) -> bool;

    /// Returns when the run is asked to stop.
    fn stopped(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// Takes note of a call that failed and is made again.
    fn failed(&self, attempt: &Attempt<'_>);
}

impl Caller {
    pub(crate) fn halted(&self) -> bool {
        self.overseer.halted()
    }

    pub(crate) fn most_calls(&self) -> Option<u64> {
        self.overseer.most_calls()
    }

    pub(crate) fn failed(&self, number: u32, took: Duration, error: &SourceError, wait: Duration) {
        let Self { source, units, overseer } = self;
        overseer.failed(&Attempt { source, units, number, took, error, wait });
    }
}

/// Waits, unless the run of this task is asked to stop: then false, at once.
pub(crate) async fn sleep(wait: Duration) -> bool {
    let Ok(caller) = CALLER.try_with(Caller::clone) else {
        tokio::time::sleep(wait).await;
        return true;
    };
    if caller.overseer.halted() {
        return false;
    }
    tokio::select! {
        () = tokio::time::sleep(wait) => true,
        () = caller.overseer.stopped() => false,
    }
}
