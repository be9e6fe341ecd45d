//! The list of checks of one kind: drawn line by line, so that a crash shows which check it was in.

use std::future::Future;
use std::time::Duration;

use serde_json::{Value, json};

use crate::exit::{Failure, print};
use crate::render::plain;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// The promise is kept.
    Ok,
    /// A number that is neither right nor wrong.
    Measured,
    /// Something that its author should know, and that breaks no promise.
    Warning,
    /// The promise is broken.
    Failed,
    /// There was nothing to check, or it could not be.
    NotChecked,
}

impl Status {
    fn words(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Measured => "measured",
            Status::Warning => "warning",
            Status::Failed => "failed",
            Status::NotChecked => "not checked",
        }
    }
}

/// What a check found.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    /// How it ended.
    pub status: Status,
    /// What was seen, for a person.
    pub text: String,
    /// What was measured, for programs.
    pub value: Option<Value>,
}

impl Finding {
    fn of(status: Status, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), value: None }
    }

    /// A promise that is kept.
    pub(super) fn ok(text: impl Into<String>) -> Self {
        Self::of(Status::Ok, text)
    }

    /// A number.
    pub(super) fn measured(text: impl Into<String>) -> Self {
        Self::of(Status::Measured, text)
    }

    /// Something worth knowing.
    pub(super) fn warning(text: impl Into<String>) -> Self {
        Self::of(Status::Warning, text)
    }

    /// A promise that is broken.
    pub(super) fn failed(text: impl Into<String>) -> Self {
        Self::of(Status::Failed, text)
    }

    /// Nothing was checked, and why.
    pub(super) fn not_checked(text: impl Into<String>) -> Self {
        Self::of(Status::NotChecked, text)
    }

    /// The same with what was measured.
    pub(super) fn with(mut self, value: Value) -> Self {
        self.value = Some(value);
        self
    }
}

/// The width of the names of checks.
const NAMES: usize = 18;

/// The checks of one kind.
pub(super) struct Sheet {
    /// True when lines are drawn as they come.
    live: bool,
    /// Longest time of a check.
    within: Duration,
    /// True once a check did not end: no other is begun.
    stopped: bool,
    lines: Vec<(&'static str, Finding)>,
}

impl Sheet {
    /// An empty list.
    pub(super) fn new(live: bool, within: Duration) -> Self {
        Self { live, within, stopped: false, lines: Vec::new() }
    }

    /// Longest time of a check.
    pub(super) fn within(&self) -> Duration {
        self.within
    }

    /// How many checks ended so.
    pub(super) fn count(&self, status: Status) -> usize {
        self.lines.iter().filter(|(_, finding)| finding.status == status).count()
    }

    /// Draws the name of a check that begins.
    pub(super) fn begin(&self, name: &str) {
        if self.live {
            // Without a reader there is nobody to tell; the end of the command says so.
            let _ = print(&format!("  {name:<NAMES$}"));
        }
    }

    /// Notes how the check ended that was begun last.
    pub(super) fn end(&mut self, name: &'static str, finding: Finding) -> Result<(), Failure> {
        if self.live {
            print(&format!("{:<13}{}\n", finding.status.words(), plain(&finding.text)))?;
        }
        self.lines.push((name, finding));
        Ok(())
    }

    /// A check that takes no time.
    pub(super) fn note(&mut self, name: &'static str, finding: Finding) -> Result<(), Failure> {
        self.begin(name);
        self.end(name, finding)
    }

    /// Runs a check within its time. `None` when it did not end: nothing more can be asked then.
    pub(super) async fn run<T>(
        &mut self,
        name: &'static str,
        work: impl Future<Output = (Finding, T)>,
    ) -> Result<Option<T>, Failure> {
        self.run_for(name, self.within, work).await
    }

    /// The same with a time of its own, for what loads weights.
    pub(super) async fn run_for<T>(
        &mut self,
        name: &'static str,
        within: Duration,
        work: impl Future<Output = (Finding, T)>,
    ) -> Result<Option<T>, Failure> {
        if self.stopped {
            return Ok(None);
        }
        self.begin(name);
        match tokio::time::timeout(within, work).await {
            Ok((finding, kept)) => {
                self.end(name, finding)?;
                Ok(Some(kept))
            }
            Err(_) => {
                self.no_end(name, within)?;
                Ok(None)
            }
        }
    }

    /// The same for work that waits on a thread of its own.
    pub(super) fn run_blocking<T: Send + 'static>(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> (Finding, T) + Send + 'static,
    ) -> Result<Option<T>, Failure> {
        if self.stopped {
            return Ok(None);
        }
        self.begin(name);
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let _ = sender.send(work());
        });
        match receiver.recv_timeout(self.within) {
            Ok((finding, kept)) => {
                self.end(name, finding)?;
                Ok(Some(kept))
            }
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                self.no_end(name, self.within)?;
                Ok(None)
            }
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => {
                self.end(name, Finding::failed("the check itself panicked"))?;
                Ok(None)
            }
        }
    }

    fn no_end(&mut self, name: &'static str, within: Duration) -> Result<(), Failure> {
        let within = tribunal_engine::recipe::format_duration(within);
        let text = format!("no end within {within}; `--within` allows for more");
        self.end(name, Finding::failed(text))?;
        self.stopped = true;
        self.note("the rest", Finding::not_checked("it no longer answers"))
    }

    /// The checks as JSON.
    pub(super) fn as_json(&self) -> Value {
        let line = |(name, finding): &(&'static str, Finding)| {
            json!({
                "check": name,
                "status": finding.status.words(),
                "text": finding.text,
                "value": finding.value,
            })
        };
        self.lines.iter().map(line).collect()
    }
}
