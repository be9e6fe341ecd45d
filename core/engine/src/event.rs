//! What happens during a run, told to reporters. Nothing flows back: a reporter cannot touch the run.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use tribunal_api::Reason;

use crate::store::StoreError;

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Event<'a> {
    /// Known pairs were put to a source before the run.
    Probed {
        /// Its name.
        source: &'a str,
        /// Comparisons in which the better reply scored higher.
        right: usize,
        /// Comparisons in which both scored the same.
        tied: usize,
        /// Comparisons with scores; 0 when the source was not asked.
        of: usize,
        /// What is wrong, in words; empty when all is well.
        findings: Vec<String>,
        /// What was not checked, and why.
        notes: Vec<String>,
    },
    /// The run begins or goes on.
    Started {
        /// Name of the run folder.
        run: &'a str,
        /// Units that this process is to answer.
        units: usize,
        /// Units that are stored already.
        known: usize,
    },
    /// Answers of an earlier run were taken over.
    Reused {
        /// The earlier run folder.
        folder: String,
        /// How many units.
        units: usize,
    },
    /// A source is being asked.
    Source {
        /// Its name.
        source: &'a str,
        /// Who it says it is.
        identity: &'a str,
        /// Units that it is asked.
        units: usize,
    },
    /// A call answered some units, and they are stored.
    Answered {
        /// The source.
        source: &'a str,
        /// How many units.
        units: usize,
        /// Readouts without scores among them, by reason.
        abstained: Vec<(Reason, usize)>,
        /// Which attempt it was, from 1.
        attempt: u32,
    },
    /// Some units are asked again after a wait.
    Retrying {
        /// The source.
        source: &'a str,
        /// How many units.
        units: usize,
        /// Which attempt failed.
        attempt: u32,
        /// Milliseconds to wait.
        wait_ms: u64,
        /// The error's message.
        error: String,
    },
    /// Some units got no answer and are not asked again by this process.
    Unanswered {
        /// The source.
        source: &'a str,
        /// How many units.
        units: usize,
        /// The error's name: `busy`, `unreachable`, `rejected`, `broken`, `denied`.
        kind: &'static str,
        /// The error's message.
        error: String,
    },
    /// A source is given up before its units are done.
    SourceStopped {
        /// The source.
        source: &'a str,
        /// Why.
        reason: String,
    },
    /// Nothing new is asked; what is under way is finished and stored.
    Stopping {
        /// Why.
        reason: String,
    },
    /// The process has asked all it was to ask, or stopped.
    Finished {
        /// Units answered by this process.
        answered: usize,
        /// Units without answer.
        unanswered: usize,
        /// Most calls that were under way at once.
        peak_in_flight: usize,
        /// Calls made, those of the self-check included.
        calls: u64,
        /// Seconds from the first question to the last stored answer.
        seconds: f64,
    },
}

/// Someone who is told what happens. Called from several threads; must return soon.
pub trait Reporter: Send + Sync {
    /// Takes note of an event.
    fn event(&self, event: &Event<'_>);
}

/// The event log: a JSON line an event, with the time in milliseconds since 1970 and the process.
///
/// Answers are many and are stored elsewhere, so their lines wait for the next event of another kind, or for each other.
pub struct EventLog(Mutex<BufWriter<File>>);

impl EventLog {
    /// Appends to a file.
    ///
    /// # Errors
    ///
    /// When it cannot be opened.
    pub fn append(path: &Path) -> Result<Self, StoreError> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map_err(|cause| StoreError::io("create", path, cause))?;
        Ok(Self(Mutex::new(BufWriter::new(file))))
    }
}

impl Reporter for EventLog {
    fn event(&self, event: &Event<'_>) {
        #[derive(Serialize)]
        struct Line<'a> {
            #[serde(rename = "at-ms")]
            at_ms: u64,
            process: u32,
            #[serde(flatten)]
            event: &'a Event<'a>,
        }
        let line = Line { at_ms: now_ms(), process: std::process::id(), event };
        let mut text = serde_json::to_vec(&line).expect("an event is plain data");
        text.push(b'\n');
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A full disk stops the run where it stores trials; the log has nobody to tell.
        let _ = file.write_all(&text);
        if !matches!(event, Event::Answered { .. }) {
            let _ = file.flush();
        }
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
