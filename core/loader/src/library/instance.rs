//! One instance of a kind and the plain threads that every call into it runs on.
//!
//! Threads start when they are needed, at most as many as the plugin admits, and are never joined: one that does not come back
//! keeps its job and the instance alive, and costs nothing but itself.

use std::collections::VecDeque;
use std::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tribunal_api::abi::{self, Sink, Str};
use tribunal_api::wire::ErrorBody;
use tribunal_api::{Question, SettingsError, SourceError};

use super::host::sink_to;
use super::job::{Job, failure};

/// A table's `create`: settings, where the instance goes, where an error goes.
pub(super) type Create = Arc<dyn Fn(Str<'_>, *mut *mut c_void, *const Sink) -> i32 + Send + Sync>;

/// Functions of a table, without their types.
#[derive(Clone)]
pub(super) struct Functions {
    pub(super) create: Create,
    pub(super) destroy: abi::DestroyFn,
    pub(super) cancel: Option<abi::CancelFn>,
}

/// How an instance is made.
#[derive(Clone)]
pub(super) struct Blueprint {
    pub(super) origin: Arc<str>,
    pub(super) functions: Functions,
    pub(super) settings: Arc<str>,
    pub(super) start_within: Duration,
    pub(super) load_within: Duration,
    pub(super) cancel_within: Duration,
}

/// What a thread of an instance does next. The pointer is the plugin's own.
type Work = Box<dyn FnOnce(*mut c_void) + Send>;

/// A running instance. Dropping it ends it when its last call has ended.
pub(super) struct Instance {
    core: Arc<Core>,
}

struct Core {
    blueprint: Blueprint,
    /// The plugin's pointer, as a number: it is only ever handed back.
    this: AtomicUsize,
    queue: Mutex<Queue>,
    ended: Condvar,
    /// Calls that were given up and have not come back in time.
    overdue: AtomicUsize,
}

struct Queue {
    work: VecDeque<Work>,
    threads: usize,
    /// Threads that sleep. The last is woken first: its memory is still in the caches.
    idle: Vec<Arc<Condvar>>,
    most: usize,
    /// Jobs that are not over.
    open: usize,
    /// Work under way.
    running: usize,
    closing: bool,
    /// A thread has begun to end the instance.
    destroyed: bool,
    /// It has ended.
    gone: bool,
}

impl Queue {
    fn wake_all(&mut self) {
        for sleeper in self.idle.drain(..) {
            sleeper.notify_one();
        }
    }

    /// Nothing new begins, and the instance ends when all is over.
    fn close(&mut self) {
        self.closing = true;
        self.wake_all();
    }
}

impl Core {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn this(&self) -> *mut c_void {
        std::ptr::with_exposed_provenance_mut(self.this.load(Ordering::Acquire))
    }
}

/// Why there is no instance.
#[derive(Clone, Debug)]
pub(super) enum NotCreated {
    /// The settings are at fault.
    Settings(SettingsError),
    /// The plugin is.
    Broken(String),
}

impl NotCreated {
    /// The error of questions that need the instance.
    pub(super) fn into_source_error(self) -> SourceError {
        let message = match self {
            NotCreated::Settings(error) => error.message,
            NotCreated::Broken(message) => message,
        };
        SourceError::Broken { message }
    }
}

impl Instance {
    /// Makes an instance on a thread of its own. The receiver tells when it is there.
    pub(super) fn start(
        blueprint: &Blueprint,
        in_flight: usize,
    ) -> std::sync::mpsc::Receiver<Result<Self, NotCreated>> {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        let core = Arc::new(Core {
            blueprint: blueprint.clone(),
            this: AtomicUsize::new(0),
            queue: Mutex::new(Queue {
                work: VecDeque::new(),
                threads: 1,
                idle: Vec::new(),
                most: in_flight.max(1),
                open: 0,
                running: 0,
                closing: false,
                destroyed: false,
                gone: false,
            }),
            ended: Condvar::new(),
            overdue: AtomicUsize::new(0),
        });
        let first = move || match create(&core.blueprint) {
            Ok(this) => {
                core.this.store(this.expose_provenance(), Ordering::Release);
                let instance = Self { core: core.clone() };
                // When nobody waits any longer the instance comes back and ends at once.
                let unwanted = sender.send(Ok(instance)).err();
                drop(unwanted);
                serve(&core);
            }
            Err(error) => {
                let _ = sender.send(Err(error));
            }
        };
        if let Err(cause) = thread::Builder::new().name("tribunal-plugin".to_owned()).spawn(first) {
            let (failed, receiver) = std::sync::mpsc::sync_channel(1);
            let message = format!("no thread can be started for the plugin: {cause}");
            let _ = failed.send(Err(NotCreated::Broken(message)));
            return receiver;
        }
        receiver
    }

    /// Makes an instance and waits for it. Blocks this thread, at most as long as the plugin may take to start.
    pub(super) fn create(blueprint: &Blueprint, in_flight: usize) -> Result<Self, NotCreated> {
        let Blueprint { origin, start_within, .. } = blueprint;
        Self::start(blueprint, in_flight).recv_timeout(*start_within).unwrap_or_else(|_| {
            Err(NotCreated::Broken(format!(
                "the plugin `{origin}` did not make an instance within {start_within:?}"
            )))
        })
    }

    /// Lets the instance use so many threads.
    pub(super) fn widen(&self, in_flight: usize) {
        self.core.queue().most = in_flight.max(1);
    }

    /// Runs a job: `call` gives its status, or says that it is pending. Dropping the future cancels it.
    pub(super) async fn ask(
        &self,
        questions: Vec<Question>,
        call: impl FnOnce(*mut c_void, &Job) -> i32 + Send + 'static,
    ) -> Result<(Arc<Job>, i32), SourceError> {
        self.refuse_if_wedged()?;
        let (job, ended) = Job::open(self.core.blueprint.origin.clone(), questions);
        self.core.queue().open += 1;
        let guard = Asked { job: job.clone(), core: self.core.clone() };
        let (core, own) = (self.core.clone(), job.clone());
        self.push(Box::new(move |this| {
            take_up(this, &own, call);
            drop(core);
        }));
        let status = ended.await.unwrap_or(abi::E_PROTOCOL);
        drop(guard);
        Ok((job, status))
    }

    /// A call without questions, such as a request in JSON, waited for on this thread.
    pub(super) fn ask_blocking(
        &self,
        within: Duration,
        call: impl FnOnce(*mut c_void, &Job) -> i32 + Send + 'static,
    ) -> Result<(Arc<Job>, i32), SourceError> {
        self.refuse_if_wedged()?;
        let (job, _) = Job::open(self.core.blueprint.origin.clone(), Vec::new());
        self.core.queue().open += 1;
        let guard = Asked { job: job.clone(), core: self.core.clone() };
        let own = job.clone();
        self.push(Box::new(move |this| take_up(this, &own, call)));
        let Some(status) = job.ends_within(within) else {
            let origin = &self.core.blueprint.origin;
            let message = format!("the plugin `{origin}` did not answer within {within:?}");
            return Err(SourceError::Unreachable { message });
        };
        drop(guard);
        Ok((job, status))
    }

    fn refuse_if_wedged(&self) -> Result<(), SourceError> {
        let overdue = self.core.overdue.load(Ordering::Relaxed);
        if overdue < self.core.queue().most {
            return Ok(());
        }
        let Blueprint { origin, cancel_within, .. } = &self.core.blueprint;
        Err(SourceError::Broken {
            message: format!(
                "the plugin `{origin}` does not come back: {overdue} calls were given up, and none ended within {cancel_within:?}"
            ),
        })
    }

    fn push(&self, work: Work) {
        let mut queue = self.core.queue();
        queue.work.push_back(work);
        let sleeper = queue.idle.pop();
        if sleeper.is_none() && queue.threads < queue.most {
            queue.threads += 1;
            let core = self.core.clone();
            let spawned = thread::Builder::new()
                .name("tribunal-plugin".to_owned())
                .spawn(move || serve(&core));
            if spawned.is_err() {
                // Fewer threads than admitted only make it slower.
                queue.threads -= 1;
            }
        }
        drop(queue);
        if let Some(sleeper) = sleeper {
            sleeper.notify_one();
        }
    }

    /// Ends the instance when its calls have ended, and waits for that a moment; not for one that does not come back.
    pub(super) fn close(self, within: Duration) {
        self.core.queue().close();
        if self.core.overdue.load(Ordering::Relaxed) > 0 {
            return;
        }
        let queue = self.core.queue();
        let _ = self.core.ended.wait_timeout_while(queue, within, |queue| !queue.gone);
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.core.queue().close();
    }
}

/// What a thread of an instance does: work while there is some, and the end when all is over.
fn serve(core: &Core) {
    let bell = Arc::new(Condvar::new());
    let mut queue = core.queue();
    loop {
        if let Some(work) = queue.work.pop_front() {
            queue.running += 1;
            drop(queue);
            work(core.this());
            queue = core.queue();
            queue.running -= 1;
        } else if queue.destroyed {
            return;
        } else if queue.closing && queue.open == 0 && queue.running == 0 {
            queue.destroyed = true;
            drop(queue);
            // SAFETY: nothing runs, no job is open, none can begin, and it is ended once.
            unsafe { (core.blueprint.functions.destroy)(core.this()) };
            let mut queue = core.queue();
            queue.gone = true;
            queue.wake_all();
            core.ended.notify_all();
            return;
        } else {
            // Work comes, or a job that is pending ends on another thread.
            queue = sleep(&bell, queue);
        }
    }
}

/// Until another thread takes it off the list of those that sleep.
fn sleep<'a>(bell: &Arc<Condvar>, mut queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
    queue.idle.push(bell.clone());
    let sleeps = |queue: &mut Queue| queue.idle.iter().any(|other| Arc::ptr_eq(other, bell));
    bell.wait_while(queue, sleeps).unwrap_or_else(PoisonError::into_inner)
}

/// Runs a job that nobody has given up yet.
fn take_up(this: *mut c_void, job: &Job, call: impl FnOnce(*mut c_void, &Job) -> i32) {
    if job.begin() {
        match call(this, job) {
            abi::PENDING => {}
            status => {
                job.end(status);
            }
        }
    }
}

/// A job that somebody waits for. When it is dropped before the job is over, the job is cancelled.
struct Asked {
    job: Arc<Job>,
    core: Arc<Core>,
}

impl Drop for Asked {
    fn drop(&mut self) {
        if self.job.ends_within(Duration::ZERO).is_some() || self.job.end_unless_begun() {
            closed(&self.core);
            return;
        }
        self.job.cancel();
        let (job, core) = (self.job.clone(), self.core.clone());
        // Rare, and what is called may block: threads of their own.
        let watch = move || {
            if let Some(cancel) = core.blueprint.functions.cancel {
                // It counts as a job: the instance is not ended while it is being told.
                core.queue().open += 1;
                let (job, told) = (job.clone(), core.clone());
                let hint = move || {
                    // SAFETY: the instance is not ended before `closed`; the plugin ignores a job that it no longer knows.
                    unsafe { cancel(told.this(), job.pointer()) };
                    closed(&told);
                };
                if thread::Builder::new().spawn(hint).is_err() {
                    closed(&core);
                }
            }
            if job.ends_within(core.blueprint.cancel_within).is_none() {
                core.overdue.fetch_add(1, Ordering::Relaxed);
                job.wait();
                core.overdue.fetch_sub(1, Ordering::Relaxed);
            }
            closed(&core);
        };
        let _ = thread::Builder::new().name("tribunal-cancel".to_owned()).spawn(watch);
    }
}

/// One job less is open.
fn closed(core: &Core) {
    let mut queue = core.queue();
    queue.open -= 1;
    if queue.closing && queue.open == 0 {
        queue.wake_all();
    }
}

/// Calls the plugin's `create` on this thread.
fn create(blueprint: &Blueprint) -> Result<*mut c_void, NotCreated> {
    let mut this = std::ptr::null_mut();
    let mut said = Vec::new();
    let sink = sink_to(&mut said);
    let status = (blueprint.functions.create)(Str::of(&blueprint.settings), &mut this, &sink);
    let text = String::from_utf8_lossy(&said).trim().to_owned();
    let origin = &blueprint.origin;
    match status {
        abi::OK => Ok(this),
        abi::E_CONFIG => Err(NotCreated::Settings(settings_error(origin, &text))),
        status => {
            let said = (!text.is_empty()).then(|| {
                let body: Result<ErrorBody, _> = serde_json::from_str(&text);
                SourceError::Broken { message: body.map_or(text, |body| body.message) }
            });
            let error = failure(origin, status, said);
            Err(NotCreated::Broken(format!("{error}, while it made an instance")))
        }
    }
}

/// What a plugin says about its settings: JSON with a path, or a sentence.
fn settings_error(origin: &str, text: &str) -> SettingsError {
    match serde_json::from_str::<ErrorBody>(text) {
        Ok(body) if !body.message.is_empty() => body.into_settings_error(),
        _ if text.is_empty() => SettingsError::at(
            Vec::new(),
            format!("the plugin `{origin}` refuses the settings and does not say why"),
        ),
        _ => SettingsError::at(Vec::new(), text),
    }
}
