//! One process of an instance: not started, starting, up, or ended too often.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use serde::Deserialize;
use serde_json::json;
use tokio::sync::oneshot;
use tribunal_api::SourceError;

use super::super::ended::{Failure, Why};
use super::super::process::{Counts, Process};
use super::super::{greeting, request};
use super::Made;
use crate::spec::Level;

/// Told once when a process is up, or why it is not.
pub(super) type Waiter = Box<dyn FnOnce(Result<Ready, SourceError>) + Send>;

/// A process and its component.
#[derive(Clone)]
pub(super) struct Ready {
    pub(super) process: Arc<Process>,
    pub(super) handle: u64,
}

/// The place of one process.
pub(super) struct Slot {
    made: Arc<Made>,
    replica: usize,
    pub(super) under_way: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    now: Now,
    /// How often a process was started again since the last answer; `None` before the first start.
    again: Option<u32>,
    /// How the last one ended.
    last: String,
}

#[derive(Default)]
enum Now {
    #[default]
    Idle,
    Starting(Vec<Waiter>),
    Up(Ready),
    Broken(String),
}

#[derive(Deserialize)]
struct Created {
    handle: u64,
}

impl Slot {
    pub(super) fn new(made: Arc<Made>, replica: usize) -> Arc<Self> {
        Arc::new(Self { made, replica, under_way: AtomicUsize::new(0), state: Mutex::default() })
    }

    /// Why nothing can be asked here any longer.
    pub(super) fn broken(&self) -> Option<String> {
        match &self.state().now {
            Now::Broken(message) => Some(message.clone()),
            _ => None,
        }
    }

    /// Hands over the process, started where it is not there. The waiter may be called at once or from another thread.
    pub(super) fn when_ready(self: &Arc<Self>, waiter: Waiter) {
        let mut state = self.state();
        if let Now::Up(ready) = &state.now {
            match ready.process.end() {
                None => {
                    let ready = ready.clone();
                    drop(state);
                    if !ready.process.leaves() {
                        return waiter(Ok(ready));
                    }
                    // Its successor may need what it still holds.
                    let slot = self.clone();
                    return ready.process.at_end(Box::new(move || slot.when_ready(waiter)));
                }
                Some(end) => {
                    // Answers before a breach of the protocol are no reason to trust it once more.
                    if end.why != Why::Violated && ready.process.answered() {
                        state.again = Some(0);
                    }
                    state.last = end.message();
                    state.now = Now::Idle;
                }
            }
        }
        match &mut state.now {
            Now::Starting(waiters) => waiters.push(waiter),
            Now::Broken(message) => {
                let message = message.clone();
                drop(state);
                waiter(Err(SourceError::Broken { message }));
            }
            Now::Idle | Now::Up(_) => self.begin(state, waiter),
        }
    }

    fn begin(self: &Arc<Self>, mut state: MutexGuard<'_, State>, waiter: Waiter) {
        let carrier = &self.made.carrier;
        let restarts = carrier.spec.restarts;
        if state.again.is_some_and(|again| again >= restarts) {
            let message = format!(
                "the plugin `{}` is not started again, since it was {restarts} times without an answer; the last time: {}",
                carrier.origin, state.last
            );
            (carrier.spec.log)(
                Level::Error,
                &carrier.origin,
                "it ended too often and is not started again",
            );
            state.now = Now::Broken(message.clone());
            drop(state);
            return waiter(Err(SourceError::Broken { message }));
        }
        state.again = Some(state.again.map_or(0, |again| again + 1));
        state.now = Now::Starting(vec![waiter]);
        drop(state);
        let slot = self.clone();
        let start = move || slot.finish(slot.open());
        let started = thread::Builder::new().name("plugin-open".to_owned()).spawn(start);
        if let Err(cause) = started {
            let message = format!("there is no thread left to start it: {cause}");
            self.finish(Err(SourceError::Unreachable { message }));
        }
    }

    /// Tells all who wait.
    fn finish(&self, opened: Result<Ready, SourceError>) {
        let before = {
            let mut state = self.state();
            let next = match &opened {
                Ok(ready) => Now::Up(ready.clone()),
                Err(error) => {
                    state.last = error.to_string();
                    Now::Idle
                }
            };
            std::mem::replace(&mut state.now, next)
        };
        if let Now::Starting(waiters) = before {
            waiters.into_iter().for_each(|waiter| waiter(opened.clone()));
        }
    }

    /// A process with its component.
    fn open(&self) -> Result<Ready, SourceError> {
        let Made { carrier, component, kind, version, settings } = &*self.made;
        let within = carrier.spec.start_within;
        let process = match carrier.adopt(self.replica) {
            Some(process) => process,
            None => {
                let (process, greeting) = greeting::start(&carrier.launch, self.replica, within)
                    .map_err(|error| SourceError::Unreachable { message: error.to_string() })?;
                let same = greeting.kinds.iter().any(|offered| {
                    offered.component == *component
                        && offered.name == *kind
                        && offered.version == *version
                });
                if !same {
                    let message = format!(
                        "the plugin `{}` has changed since it was loaded: it does not offer version {version} of the {component} kind `{kind}` any longer",
                        carrier.origin
                    );
                    return Err(SourceError::Broken { message });
                }
                Arc::new(process)
            }
        };
        let keys = json!({"component": component.as_str(), "kind": kind, "settings": settings});
        let reply = process
            .ask_and_wait("create", Counts::NotYet, within, |id| {
                request::line("create", id, None, &keys)
            })
            .map_err(Failure::into_source_error)?;
        if let Some(error) = reply.error {
            return Err(error.into_source_error());
        }
        let created: Created = serde_json::from_str(&reply.line).map_err(|cause| {
            let origin = &carrier.origin;
            let message =
                format!("the plugin `{origin}` answered `create` with no handle: {cause}");
            SourceError::Broken { message }
        })?;
        Ok(Ready { process, handle: created.handle })
    }

    /// Ends the process; what is returned resolves when it is gone.
    pub(super) fn close(&self) -> Option<oneshot::Receiver<()>> {
        let ready = {
            let mut state = self.state();
            if !matches!(state.now, Now::Up(_)) {
                return None;
            }
            state.again = None;
            match std::mem::take(&mut state.now) {
                Now::Up(ready) => ready,
                Now::Idle | Now::Starting(_) | Now::Broken(_) => return None,
            }
        };
        let (sender, receiver) = oneshot::channel();
        ready.process.at_end(Box::new(move || {
            // Whoever closed it may not wait.
            let _ = sender.send(());
        }));
        ready.process.dismiss(Some(ready.handle));
        Some(receiver)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // Nobody waits for the end; the receiver is not needed.
        let _ = self.close();
    }
}
