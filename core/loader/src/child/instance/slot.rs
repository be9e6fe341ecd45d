//! One process of an instance: not started, starting, up, or ended too often.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

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
    /// What is heavy is loaded; held while it is being loaded.
    loaded: Arc<Mutex<bool>>,
}

/// The place of one process.
pub(super) struct Slot {
    made: Arc<Made>,
    replica: usize,
    pub(super) under_way: AtomicUsize,
    /// From now on a process is only ready when what is heavy is loaded.
    loads: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    now: Now,
    /// How often a process was started again since the last answer; `None` before the first start.
    again: Option<u32>,
    /// How the last one ended.
    last: String,
    /// It was closed while it was starting.
    close_when_up: bool,
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
        Arc::new(Self {
            made,
            replica,
            under_way: AtomicUsize::new(0),
            loads: AtomicBool::new(false),
            state: Mutex::default(),
        })
    }

    /// Has the process load what is heavy, started where it is not there, and every one that is started in its place.
    pub(super) fn load(self: &Arc<Self>) -> oneshot::Receiver<Result<(), SourceError>> {
        self.loads.store(true, Ordering::Release);
        let (sender, receiver) = oneshot::channel();
        let is_loaded = match &self.state().now {
            Now::Up(ready) => {
                let loaded = ready.loaded.try_lock().is_ok_and(|loaded| *loaded);
                (loaded || !ready.process.caps().load) && !ready.process.leaves()
            }
            _ => false,
        };
        if is_loaded {
            // The receiver is still here.
            let _ = sender.send(Ok(()));
            return receiver;
        }
        let slot = self.clone();
        self.when_ready(Box::new(move |ready| {
            // One that was up before has not loaded yet; waiting for it takes a thread.
            thread::spawn(move || {
                // Whoever asked may have given up.
                let _ = sender.send(ready.and_then(|ready| slot.load_in(&ready)));
            });
        }));
        receiver
    }

    fn load_in(&self, ready: &Ready) -> Result<(), SourceError> {
        let mut loaded = ready.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if !ready.process.caps().load || *loaded {
            return Ok(());
        }
        let within = self.made.carrier.spec.load_within;
        let line = |id| request::line("load", id, Some(ready.handle), &json!({}));
        let started = Instant::now();
        let asked = ready.process.ask_and_wait("load", Counts::NotYet, within, line);
        let reply = asked.map_err(|failure| match started.elapsed() < within {
            true => failure.into_source_error(),
            // Asking again would take as long again.
            false => SourceError::Broken {
                message: format!(
                    "the plugin `{}` was not loaded within {within:?} (`load-within`)",
                    self.made.carrier.origin
                ),
            },
        })?;
        if let Some(error) = reply.error {
            return Err(error.into_source_error());
        }
        *loaded = true;
        Ok(())
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
            Now::Starting(waiters) => {
                waiters.push(waiter);
                // Somebody wants it after all.
                state.close_when_up = false;
            }
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
                "the plugin `{}` is not started again, since it ended {} times without an answer in between (`restarts` is {restarts}); the last time: {}",
                carrier.origin,
                u64::from(restarts) + 1,
                state.last
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
            let unwanted = std::mem::take(&mut state.close_when_up);
            let next = match &opened {
                Ok(ready) if unwanted => {
                    state.again = None;
                    ready.process.dismiss(Some(ready.handle));
                    Now::Idle
                }
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
        let ready = Ready { process, handle: created.handle, loaded: Arc::default() };
        if self.loads.load(Ordering::Acquire) {
            self.load_in(&ready)?;
        }
        Ok(ready)
    }

    /// Ends the process; what is returned resolves when it is gone.
    pub(super) fn close(&self) -> Option<oneshot::Receiver<()>> {
        self.loads.store(false, Ordering::Release);
        let ready = {
            let mut state = self.state();
            state.close_when_up = matches!(state.now, Now::Starting(_));
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
