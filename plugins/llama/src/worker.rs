//! The thread that owns model and context.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tribunal_api::SourceError;

use crate::ticket::{Promise, Ticket, promise};

/// How often a thread that computes looks whether its work is still wanted.
const LOOK: Duration = Duration::from_millis(50);

/// llama.cpp splits texts of some vocabularies by a regular expression that goes as deep as a word is long. The memory is taken when used.
const COMPUTE_STACK: usize = 256 << 20;
const WATCH_STACK: usize = 1 << 20;

/// What computes on the thread.
pub(crate) trait Engine {
    type Job: Send + 'static;

    /// Takes a job in; called between steps.
    fn take(&mut self, job: Self::Job);

    /// True while there is something to compute.
    fn is_busy(&self) -> bool;

    /// Computes a part of it: one question, or one token of all that are under way.
    fn step(&mut self);
}

/// Ends what is being computed: set when the thread is to end, or when nobody waits for what it computes.
#[derive(Clone)]
pub(crate) struct Abort {
    flag: Arc<AtomicBool>,
    watched: Arc<Mutex<Option<Wanted>>>,
    closing: Arc<AtomicBool>,
}

type Wanted = Arc<dyn Fn() -> bool + Send + Sync>;

impl Abort {
    fn new() -> Self {
        Self { flag: Arc::default(), watched: Arc::default(), closing: Arc::default() }
    }

    /// What contexts look at.
    pub(crate) fn flag(&self) -> Arc<AtomicBool> {
        self.flag.clone()
    }

    /// Does some work that is aborted once `wanted` says no.
    pub(crate) fn while_wanted<T>(&self, wanted: Wanted, work: impl FnOnce() -> T) -> T {
        let watched = || self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        *watched() = Some(wanted);
        let done = work();
        *watched() = None;
        self.flag.store(self.closing.load(Ordering::Relaxed), Ordering::Relaxed);
        done
    }

    fn look(&self) {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if watched.as_ref().is_some_and(|wanted| !wanted()) {
            self.flag.store(true, Ordering::Relaxed);
        }
    }

    fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
        self.flag.store(true, Ordering::Relaxed);
    }

    /// True when the thread is to end.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }
}

/// Whether the engine is there.
enum Made {
    /// It is being made; these wait for it.
    Soon(Vec<Promise<()>>),
    Here,
    Not(SourceError),
}

/// A thread with its engine. Dropping it aborts what is computed and waits for its end, so that memory is free afterwards.
struct Running<J> {
    jobs: Option<Sender<J>>,
    abort: Abort,
    made: Arc<Mutex<Made>>,
    threads: Vec<JoinHandle<()>>,
}

impl<J: Send + 'static> Running<J> {
    fn start<E: Engine<Job = J>>(
        make: impl FnOnce(Abort) -> Result<E, SourceError> + Send + 'static,
    ) -> Result<Self, SourceError> {
        let (jobs, incoming) = channel();
        let abort = Abort::new();
        let made = Arc::new(Mutex::new(Made::Soon(Vec::new())));
        let mut running = Self {
            jobs: Some(jobs),
            abort: abort.clone(),
            made: made.clone(),
            threads: Vec::new(),
        };
        let watched = abort.clone();
        let compute = move || {
            let making = AssertUnwindSafe(|| make(abort.clone()));
            let (now, engine) = match catch_unwind(making) {
                Ok(Ok(engine)) => (Made::Here, Some(engine)),
                Ok(Err(error)) => (Made::Not(error), None),
                // What it says was told when it happened; those who wait are not kept waiting.
                Err(_) => {
                    let message = "opening the model panicked".to_owned();
                    (Made::Not(SourceError::Broken { message }), None)
                }
            };
            let before = std::mem::replace(&mut *lock(&made), now);
            if let Made::Soon(waiting) = before {
                waiting.into_iter().for_each(|one| one.keep(()));
            }
            if let Some(engine) = engine {
                run(engine, &incoming, &abort);
            }
        };
        let watch = move || {
            while !watched.is_closing() {
                watched.look();
                std::thread::park_timeout(LOOK);
            }
        };
        running.spawn("tribunal-llama", COMPUTE_STACK, compute)?;
        running.spawn("tribunal-watch", WATCH_STACK, watch)?;
        Ok(running)
    }

    fn spawn(
        &mut self,
        name: &str,
        stack: usize,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<(), SourceError> {
        let thread =
            std::thread::Builder::new().name(name.to_owned()).stack_size(stack).spawn(work);
        let thread = thread.map_err(|cause| SourceError::Broken {
            message: format!("no thread can be started: {cause}"),
        })?;
        self.threads.push(thread);
        Ok(())
    }

    /// A ticket for the moment when the engine is there; `None` when that has passed.
    fn soon(&self) -> Option<Ticket<()>> {
        match &mut *lock(&self.made) {
            Made::Soon(waiting) => {
                let (promise, ticket) = promise();
                waiting.push(promise);
                Some(ticket)
            }
            Made::Here | Made::Not(_) => None,
        }
    }

    /// Why there is no engine, or why an answer did not come.
    fn failure(&self) -> Option<SourceError> {
        match &*lock(&self.made) {
            Made::Not(error) => Some(error.clone()),
            Made::Soon(_) | Made::Here => None,
        }
    }
}

impl<J> Drop for Running<J> {
    fn drop(&mut self) {
        self.abort.close();
        self.jobs = None;
        for thread in self.threads.drain(..) {
            thread.thread().unpark();
            // A panic was told when it happened.
            let _ = thread.join();
        }
    }
}

fn run<E: Engine>(mut engine: E, incoming: &Receiver<E::Job>, abort: &Abort) {
    while !abort.is_closing() {
        if !engine.is_busy() {
            match incoming.recv() {
                Ok(job) => engine.take(job),
                Err(_) => return,
            }
        }
        loop {
            match incoming.try_recv() {
                Ok(job) => engine.take(job),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return,
            }
        }
        engine.step();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Make<E> = Arc<dyn Fn(Abort) -> Result<E, SourceError> + Send + Sync>;

/// A thread that is started when it is first needed, and again after it was closed.
pub(crate) struct Worker<E: Engine> {
    make: Make<E>,
    running: Mutex<Option<Arc<Running<E::Job>>>>,
}

impl<E: Engine + 'static> Worker<E> {
    /// `make` runs on the thread: it loads weights.
    pub(crate) fn new(
        make: impl Fn(Abort) -> Result<E, SourceError> + Send + Sync + 'static,
    ) -> Self {
        Self { make: Arc::new(make), running: Mutex::new(None) }
    }

    /// Waits until weights are loaded.
    pub(crate) async fn open(&self) -> Result<(), SourceError> {
        self.ready().await.map(|_| ())
    }

    /// Ends the thread and frees what it holds.
    pub(crate) fn close(&self) {
        let running = lock(&self.running).take();
        drop(running);
    }

    /// Puts a job to the thread and waits for its answer.
    pub(crate) async fn ask<T>(
        &self,
        job: impl FnOnce(Promise<T>) -> E::Job,
    ) -> Result<T, SourceError> {
        let running = self.ready().await?;
        let (promise, ticket) = promise();
        let ended = || SourceError::Unreachable {
            message: "nobody waits for the answer any longer, or the computing thread has ended"
                .to_owned(),
        };
        let sent = running.jobs.as_ref().is_some_and(|jobs| jobs.send(job(promise)).is_ok());
        if !sent {
            self.discard(&running);
            let message = "the computing thread has fallen over; it starts again".to_owned();
            return Err(SourceError::Unreachable { message });
        }
        ticket.await.ok_or_else(ended)
    }

    async fn ready(&self) -> Result<Arc<Running<E::Job>>, SourceError> {
        let running = {
            let mut running = lock(&self.running);
            match &*running {
                Some(running) => running.clone(),
                None => {
                    let make = self.make.clone();
                    let started = Arc::new(Running::start(move |abort| make(abort))?);
                    *running = Some(started.clone());
                    started
                }
            }
        };
        if let Some(soon) = running.soon() {
            soon.await;
        }
        let Some(failure) = running.failure() else { return Ok(running) };
        // The next one tries again: memory may have become free.
        self.discard(&running);
        Err(failure)
    }

    fn discard(&self, running: &Arc<Running<E::Job>>) {
        let mut kept = lock(&self.running);
        if kept.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, running)) {
            *kept = None;
        }
    }
}
