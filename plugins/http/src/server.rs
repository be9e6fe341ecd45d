//! Managed servers: started, awaited and stopped by the program, never left behind.
//!
//! A server does not run under this process but under a small supervisor ([`supervise`]), which is the same program
//! called with [`SUPERVISE`]. The supervisor holds the reading end of a pipe whose writing end only this process has.
//! However this process ends (return, panic, `kill -9`), the pipe closes, and the supervisor ends the server with its
//! whole process group: first politely (SIGTERM), ten seconds later for good (SIGKILL).

mod log;
mod ready;
mod supervise;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

pub use log::Hidden;
pub use supervise::{SUPERVISE, supervise};

/// How long a supervisor may take longer than it gives its server.
const GRACE: Duration = Duration::from_secs(4);

/// How many lines of a log an error shows.
const TAIL: usize = 20;

/// What it takes to start a server.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Its name in the recipe: letters, digits, `.`, `_`, `-`.
    pub name: String,
    /// Program, then arguments, the port put in. A program with a slash in its path starts at `folder`.
    pub command: Vec<String>,
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// Path that answers with a status from 200 to 299 once it is ready.
    pub ready: String,
    /// Longest wait until it is ready.
    pub ready_within: Duration,
    /// Variables that are set for it beside those of this process.
    pub env: BTreeMap<String, String>,
    /// Folder that it is started in, absolute.
    pub folder: PathBuf,
}

/// Why a server cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Somebody else listens on its port.
    #[error("server `{name}` cannot have port {port}: it is taken")]
    Taken {
        /// The server.
        name: String,
        /// The port.
        port: u16,
    },
    /// It could not be started at all.
    #[error("server `{name}` cannot be started: {cause}")]
    Start {
        /// The server.
        name: String,
        /// Why.
        cause: io::Error,
    },
    /// It ended before it was ready.
    #[error("server `{name}` ended before it was ready ({how}){tail}")]
    Ended {
        /// The server.
        name: String,
        /// Its exit code or signal, in words.
        how: String,
        /// The end of its log.
        tail: Tail,
    },
    /// It was not ready in time.
    #[error("server `{name}` was not ready within {} s ({last}){tail}", within.as_secs_f64())]
    NotReady {
        /// The server.
        name: String,
        /// How long it had.
        within: Duration,
        /// What its ready path said last, in words.
        last: String,
        /// The end of its log.
        tail: Tail,
    },
    /// Whoever waited for it gave up.
    #[error("server `{name}` was not waited for")]
    Interrupted {
        /// The server.
        name: String,
    },
}

impl ServerError {
    /// What to do: one imperative sentence.
    pub fn hint(&self) -> &'static str {
        match self {
            ServerError::Taken { .. } => {
                "stop the other program, or write `{port}` into the command and leave `port` out for a free one"
            }
            ServerError::Start { .. } => "check the server's `command` and `folder`",
            ServerError::Ended { .. } => {
                "run its `command` by hand in its `folder`, and mend what its log names"
            }
            ServerError::NotReady { .. } => {
                "raise `ready-within`, or name the path that answers once it is ready: `ready = \"/health\"`"
            }
            ServerError::Interrupted { .. } => "start the run again",
        }
    }
}

/// The last lines of a server's log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tail {
    /// The log.
    pub path: PathBuf,
    /// At most 20 lines, the values of named variables blanked.
    pub lines: Vec<String>,
}

impl fmt::Display for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lines.is_empty() {
            return write!(f, "\nits log is empty (`{}`)", self.path.display());
        }
        write!(f, "\nthe end of its log (`{}`):", self.path.display())?;
        self.lines.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

/// A server that was started. Dropping it stops it.
#[derive(Debug)]
pub struct Running {
    spec: Spec,
    hidden: Hidden,
    started: Instant,
    supervisor: Child,
    /// Open as long as the server is wanted.
    wanted: Option<ChildStdin>,
    ended: Option<ExitStatus>,
    log: PathBuf,
    /// Where the log goes once the server has ended.
    keep: Option<PathBuf>,
    /// True when nobody wants the log.
    discard: bool,
}

impl Running {
    /// Starts a server under `program`, which must call [`supervise`] when its first argument is [`SUPERVISE`]. All
    /// that the server prints is appended to `log`, an absolute path, with the values of `hidden` blanked.
    ///
    /// # Errors
    ///
    /// When its port is taken, its folder is not there, or the supervisor does not start. A server that itself
    /// cannot start is found by [`await_ready`](Running::await_ready).
    pub fn start(
        spec: Spec,
        program: &Path,
        log: PathBuf,
        hidden: Hidden,
    ) -> Result<Self, ServerError> {
        let failed = |cause: io::Error| ServerError::Start { name: spec.name.clone(), cause };
        if let Err(cause) = TcpListener::bind((Ipv4Addr::LOCALHOST, spec.port)) {
            return Err(match cause.kind() {
                io::ErrorKind::AddrInUse => {
                    ServerError::Taken { name: spec.name.clone(), port: spec.port }
                }
                _ => failed(cause),
            });
        }
        if !spec.folder.is_dir() {
            let message = format!("there is no folder `{}`", spec.folder.display());
            return Err(failed(io::Error::new(io::ErrorKind::NotFound, message)));
        }
        let mut command = Command::new(program);
        command.arg(SUPERVISE).arg(&log).args(hidden.names()).arg("--");
        for (place, part) in spec.command.iter().enumerate() {
            match place {
                0 if part.contains('/') => command.arg(spec.folder.join(part)),
                _ => command.arg(part),
            };
        }
        let mut supervisor = command
            .envs(&spec.env)
            .current_dir(&spec.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C at a terminal goes to the whole foreground group; the server is to outlive it until we are done.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let wanted = supervisor.stdin.take();
        let started = Instant::now();
        Ok(Self {
            spec,
            hidden,
            started,
            supervisor,
            wanted,
            ended: None,
            log,
            keep: None,
            discard: false,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// Its log, where it is now.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Waits until the server answers its ready path with a status from 200 to 299. Any other status, 503 above all,
    /// means that it is still loading. `wait` is told every now and then how long it has taken and what the server said
    /// last; when it says false, the wait is over.
    ///
    /// # Errors
    ///
    /// When the server ends, is not ready in time, or is not waited for any longer.
    pub fn await_ready(
        &mut self,
        wait: &mut dyn FnMut(Duration, &str) -> bool,
    ) -> Result<(), ServerError> {
        loop {
            if let Some(how) = self.ended() {
                return Err(ServerError::Ended {
                    name: self.spec.name.clone(),
                    how,
                    tail: self.tail(),
                });
            }
            let last = match ready::ask(self.spec.port, &self.spec.ready) {
                ready::Said::Ready => return Ok(()),
                ready::Said::NotYet(said) => said,
            };
            let waited = self.started.elapsed();
            if waited >= self.spec.ready_within {
                let (name, within) = (self.spec.name.clone(), self.spec.ready_within);
                return Err(ServerError::NotReady { name, within, last, tail: self.tail() });
            }
            if !wait(waited, &last) {
                return Err(ServerError::Interrupted { name: self.spec.name.clone() });
            }
            let pause = if waited < Duration::from_secs(2) { 25 } else { 200 };
            std::thread::sleep(Duration::from_millis(pause));
        }
    }

    /// How the server ended, in words; `None` while it runs.
    pub fn ended(&mut self) -> Option<String> {
        if self.ended.is_none() {
            self.ended = self.supervisor.try_wait().ok().flatten();
        }
        self.ended.map(|status| match status.code() {
            Some(code) => supervise::how(code),
            None => "its supervisor was killed".to_owned(),
        })
    }

    /// The end of its log.
    pub fn tail(&self) -> Tail {
        Tail { path: self.log.clone(), lines: log::tail(&self.log, TAIL, &self.hidden) }
    }

    /// Has the log end up at `path`: moved there now, or appended to what stands there when the server has ended.
    pub fn keep_log(&mut self, path: &Path) {
        if !path.exists() && std::fs::rename(&self.log, path).is_ok() {
            path.clone_into(&mut self.log);
        } else {
            self.keep = Some(path.to_owned());
        }
    }

    /// Has the log removed when the server has ended.
    pub fn discard_log(&mut self) {
        self.discard = true;
    }

    /// Tells the server to end, without waiting for it.
    pub fn dismiss(&mut self) {
        self.wanted = None;
    }

    /// Ends the server: SIGTERM to its process group, SIGKILL ten seconds later. Returns when it is gone.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.dismiss();
        let until = Instant::now() + supervise::PATIENCE + GRACE;
        while self.ended().is_none() {
            if Instant::now() >= until {
                // Nothing else is left to try: the supervisor hangs with its server in the kernel.
                let _ = self.supervisor.kill();
                let _ = self.supervisor.wait();
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        if let Some(keep) = self.keep.take() {
            log::append(&self.log, &keep);
        } else if self.discard {
            // A log that is gone already is what is wanted.
            let _ = std::fs::remove_file(&self.log);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}
