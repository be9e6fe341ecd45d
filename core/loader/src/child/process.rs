//! A running child: requests go out, replies come in, and when it ends everybody who waits is told why.
//!
//! Four threads serve it: one writes, one reads replies ([`read`]), one follows standard error, one waits for its end
//! ([`attend`]). A request is a callback in a table; callers that can sleep wait in a channel, tasks in a oneshot.

mod attend;
mod leave;
mod read;

use std::collections::HashMap;
use std::io::{self, Write};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tribunal_api::wire::ErrorBody;

use super::ended::{End, Failure, Why};
use super::tail::{self, Tail};
use super::{alive, start};
use crate::spec::{Level, Log};
pub(super) use read::{LONGEST, shown};

/// How long a child that closed a pipe has to end by itself.
const CLOSING: Duration = Duration::from_millis(500);
/// The number of the greeting in the table of open requests; replies have larger ones.
const GREETING: u64 = 0;

/// A reply whose `id` was open.
#[derive(Debug)]
pub(super) struct Reply {
    /// The whole line, an object.
    pub(super) line: String,
    /// The error that it holds in place of an answer.
    pub(super) error: Option<ErrorBody>,
}

/// Told once what became of a request, from any thread.
pub(super) type Done = Box<dyn FnOnce(Result<Reply, Failure>) + Send>;

/// Whether a reply shows that the child does its work, so that it may be started again if it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counts {
    /// An answer to a question, a text, items.
    AsAnswer,
    /// What every start brings.
    NotYet,
}

/// What a child can do beyond the least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Caps {
    /// It acts on `cancel`.
    pub(super) cancel: bool,
    /// It reads texts as raw bytes.
    pub(super) blob: bool,
    /// It loads what is heavy when it is told to.
    pub(super) load: bool,
}

/// What all children of a plugin have in common.
#[derive(Clone)]
pub(super) struct Terms {
    /// The plugin as errors name it.
    pub(super) origin: Arc<str>,
    /// Grace of a cancelled request.
    pub(super) cancel_within: Duration,
    /// Where lines go.
    pub(super) log: Log,
}

/// A running child. Dropping it tells the child to end.
pub(super) struct Process {
    shared: Arc<Shared>,
    /// Only read by [`greet`](Process::greet).
    greeting: Mutex<Receiver<Result<Reply, Failure>>>,
}

/// What the threads of a child and its users share.
pub(super) struct Shared {
    terms: Terms,
    pid: Pid,
    caps: OnceLock<Caps>,
    queue: Mutex<Option<Sender<Vec<u8>>>>,
    last_id: AtomicU64,
    answered: AtomicBool,
    tail: Tail,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    open: HashMap<u64, Open>,
    /// Why it must end, and what it did; the first reason stands.
    doom: Option<(Why, String)>,
    /// What it wrote without an end of line before it closed standard output.
    half: Option<String>,
    /// It has ended, and what it wrote is being read.
    leaving: bool,
    /// Standard output is read to its end.
    read: bool,
    /// Standard error likewise.
    heard: bool,
    /// Its number may belong to another process from now on.
    reaped: bool,
    end: Option<Arc<End>>,
    at_end: Vec<Box<dyn FnOnce() + Send>>,
}

struct Open {
    /// `None` when nobody waits any longer.
    done: Option<Done>,
    counts: Counts,
}

impl Process {
    /// Starts the command in a process group of its own, with its three pipes.
    pub(super) fn start(mut command: Command, terms: Terms) -> io::Result<Self> {
        use std::os::unix::process::CommandExt;

        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C at a terminal goes to the whole foreground group; the child is to outlive it until we are done.
            .process_group(0);
        let mut child = start::spawn(command)?;
        let missing = || io::Error::other("a pipe is missing");
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let stderr = child.stderr.take().ok_or_else(missing)?;
        let (queue, bytes) = mpsc::channel();
        let shared = Arc::new(Shared {
            terms,
            pid: Pid::from_child(&child),
            caps: OnceLock::new(),
            queue: Mutex::new(Some(queue)),
            last_id: AtomicU64::new(GREETING),
            answered: AtomicBool::new(false),
            tail: Tail::default(),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        // The greeting is open before the child can write a line.
        let (sender, greeting) = mpsc::channel();
        shared.open(GREETING, Counts::NotYet, Some(to_channel(sender)));
        let (one, two, three, four) =
            (shared.clone(), shared.clone(), shared.clone(), shared.clone());
        let threads = run("plugin-end", move || attend::attend(child, &one))
            .and_then(|()| run("plugin-in", move || two.write(stdin, &bytes)))
            .and_then(|()| run("plugin-out", move || read::replies(stdout, &three)))
            .and_then(|()| run("plugin-err", move || four.follow(stderr)));
        if let Err(cause) = threads {
            shared.signal(Signal::KILL);
            return Err(cause);
        }
        alive::add(&shared);
        Ok(Self { shared, greeting: Mutex::new(greeting) })
    }

    /// Sends the greeting and waits for the child's first line.
    pub(super) fn greet(&self, line: Vec<u8>, within: Duration) -> Result<Reply, Failure> {
        self.shared.send(line);
        let greeting = self.greeting.lock().unwrap_or_else(PoisonError::into_inner);
        greeting.recv_timeout(within).unwrap_or_else(|_| {
            let what = format!("it was silent for {}", seconds(within));
            self.shared.doom(Why::Hung, what.clone());
            Err(Failure::Late(what))
        })
    }

    /// Keeps what the greeting said.
    pub(super) fn set_caps(&self, caps: Caps) {
        // Only the first greeting counts, and there is only one.
        let _ = self.shared.caps.set(caps);
    }

    pub(super) fn caps(&self) -> Caps {
        self.shared.caps.get().copied().unwrap_or_default()
    }

    /// A number for a request.
    pub(super) fn next_id(&self) -> u64 {
        self.shared.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Sends a request. `done` is told once: the reply, or why there is none.
    pub(super) fn ask(&self, id: u64, counts: Counts, line: Vec<u8>, done: Done) {
        if self.shared.open(id, counts, Some(done)) {
            self.shared.send(line);
        }
    }

    /// Sends a request and waits on this thread.
    pub(super) fn ask_and_wait(
        &self,
        op: &str,
        counts: Counts,
        within: Duration,
        line: impl FnOnce(u64) -> Vec<u8>,
    ) -> Result<Reply, Failure> {
        let (sender, receiver) = mpsc::channel();
        let id = self.next_id();
        self.ask(id, counts, line(id), to_channel(sender));
        receiver.recv_timeout(within).unwrap_or_else(|_| {
            self.abandon(id);
            Err(self.shared.late(op, within))
        })
    }

    /// Has an open request fail when it is not answered in time.
    pub(super) fn expect_within(&self, id: u64, op: &'static str, within: Duration) {
        let shared = self.shared.clone();
        let watch = move || {
            if shared.closes_within(id, within) {
                return;
            }
            let done = shared.state().open.get_mut(&id).and_then(|open| open.done.take());
            shared.abandon(id);
            if let Some(done) = done {
                done(Err(shared.late(op, within)));
            }
        };
        if run("plugin-watch", watch).is_err() {
            self.shared.doom(Why::Hung, "there is no thread left to watch it".to_owned());
        }
    }

    /// Nobody waits for this request any longer: the child is asked to leave it, and ended if it does not.
    pub(super) fn abandon(&self, id: u64) {
        self.shared.abandon(id);
    }

    /// How it ended; `None` while it runs.
    pub(super) fn end(&self) -> Option<Arc<End>> {
        self.shared.state().end.clone()
    }

    /// True when it has ended or is being ended: nothing new is to be asked.
    pub(super) fn leaves(&self) -> bool {
        let state = self.shared.state();
        state.leaving || state.doom.is_some() || state.end.is_some()
    }

    /// True when it answered a question or did other work.
    pub(super) fn answered(&self) -> bool {
        self.shared.answered.load(Ordering::Relaxed)
    }

    /// The end of its standard error, as it stands below an error.
    pub(super) fn tail(&self) -> String {
        self.shared.tail.shown()
    }

    /// Tells the child to give back the component of this handle and to end, and ends it when it does not. Does not wait.
    pub(super) fn dismiss(&self, handle: Option<u64>) {
        self.shared.dismiss(handle);
    }

    /// Calls back when the child is gone, at once when it is.
    pub(super) fn at_end(&self, call: Box<dyn FnOnce() + Send>) {
        let mut state = self.shared.state();
        if state.end.is_none() {
            state.at_end.push(call);
            return;
        }
        drop(state);
        call();
    }

    /// Ends the child at once.
    pub(super) fn kill(&self) {
        self.shared.doom(Why::Wanted, "was not wanted any longer".to_owned());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.shared.dismiss(None);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state().end.is_some()
    }

    /// Enters a request, or tells it at once that the child has ended.
    fn open(&self, id: u64, counts: Counts, done: Option<Done>) -> bool {
        let mut state = self.state();
        match (&state.end, done) {
            (Some(end), Some(done)) => {
                let end = end.clone();
                drop(state);
                done(Err(Failure::Ended(end)));
                false
            }
            (Some(_), None) => false,
            (None, done) => {
                state.open.insert(id, Open { done, counts });
                true
            }
        }
    }

    fn send(&self, line: Vec<u8>) {
        if let Some(queue) = &*self.queue.lock().unwrap_or_else(PoisonError::into_inner) {
            // The writer is gone when the child is, and whoever asks is told of that.
            let _ = queue.send(line);
        }
    }

    fn close_input(&self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn write(&self, mut stdin: ChildStdin, bytes: &Receiver<Vec<u8>>) {
        for line in bytes {
            if stdin.write_all(&line).is_err() {
                self.end_unless_gone("it closed its standard input");
                return;
            }
        }
    }

    fn follow(&self, stderr: impl io::Read) {
        let Terms { origin, log, .. } = &self.terms;
        tail::follow(stderr, &self.tail, |line| log(Level::Debug, origin, line));
        self.state().heard = true;
        self.changed.notify_all();
    }

    /// A child that ends closes its pipes first; one that closes a pipe and goes on is of no use.
    fn end_unless_gone(&self, what: &str) {
        let gone = self.wait(CLOSING, |state| state.end.is_some() || state.doom.is_some());
        if !gone {
            self.doom(Why::Hung, what.to_owned());
        }
    }

    /// Waits until something is true of the state; false when it is not in time.
    fn wait(&self, within: Duration, fulfilled: impl Fn(&State) -> bool) -> bool {
        let state = self.state();
        let (state, _) = self
            .changed
            .wait_timeout_while(state, within, |state| !fulfilled(state))
            .unwrap_or_else(PoisonError::into_inner);
        fulfilled(&state)
    }

    fn closes_within(&self, id: u64, within: Duration) -> bool {
        self.wait(within, |state| state.end.is_some() || !state.open.contains_key(&id))
    }
}

fn to_channel(sender: Sender<Result<Reply, Failure>>) -> Done {
    Box::new(move |reply| {
        // Nobody is there any longer when the reply is late.
        let _ = sender.send(reply);
    })
}

/// Runs a thread that nobody joins.
fn run(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
}

/// `5 s`, `0.3 s`.
pub(super) fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}
