//! Writing trials: whole lines with a checksum, one writer a process, flushed once a second.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::trials::StoredUnit;
use super::{FORMAT, RunFolder, StoreError};

/// A process's own file of trials.
pub struct Segment {
    file: Arc<File>,
    path: PathBuf,
    end: Mutex<u64>,
    timing: Arc<Mutex<BufWriter<File>>>,
    timing_path: PathBuf,
    flusher: Option<(Sender<()>, JoinHandle<()>)>,
}

/// One call, as measured: a line of `timing.jsonl`. Nothing in it decides a measure.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Timing<'a> {
    /// Milliseconds since 1970 at the end of the call.
    pub at_ms: u64,
    /// The source.
    pub source: &'a str,
    /// Trial ids of the units that the call asked.
    pub units: Vec<crate::digest::Digest>,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// Milliseconds that it took.
    pub took_ms: f64,
    /// How many units it answered.
    pub answered: usize,
    /// The error of those that it did not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Tokens and cost, where the source tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<tribunal_api::Usage>,
    /// The model id that the server reports, where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub served: Option<&'a str>,
    /// The server's request ids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<&'a str>,
    /// Milliseconds until the call is made again, where it is made again by a lane below a judge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
}

impl<'a> Timing<'a> {
    /// A call that ends now and has answered nothing.
    pub fn of(
        source: &'a str,
        units: Vec<crate::digest::Digest>,
        attempt: u32,
        took: Duration,
    ) -> Self {
        Self {
            at_ms: crate::event::now_ms(),
            source,
            units,
            attempt,
            took_ms: took.as_secs_f64() * 1e3,
            answered: 0,
            error: None,
            usage: None,
            served: None,
            requests: Vec::new(),
            wait_ms: None,
        }
    }
}

impl Segment {
    /// Opens a new segment in a run folder.
    ///
    /// # Errors
    ///
    /// When it cannot be created.
    pub fn create(folder: &RunFolder) -> Result<Self, StoreError> {
        let (path, file) = new_file(&folder.trials())?;
        let timing_path = folder.file("timing.jsonl");
        let timing = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&timing_path)
            .map_err(|cause| StoreError::io("create", &timing_path, cause))?;
        let file = Arc::new(file);
        let timing = Arc::new(Mutex::new(BufWriter::new(timing)));
        let segment = Self {
            flusher: Some(flusher(file.clone(), timing.clone())),
            file,
            path,
            end: Mutex::new(0),
            timing,
            timing_path,
        };
        segment.write(&sealed(&serde_json::json!({ "format": FORMAT })))?;
        Ok(segment)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Stores units: when this returns, they are there.
    ///
    /// # Errors
    ///
    /// When the disk is full or fails. No half line stays behind where that can be helped.
    pub fn append(&self, units: &[StoredUnit]) -> Result<(), StoreError> {
        let mut lines = Vec::with_capacity(96 * units.len());
        for unit in units {
            seal(&mut lines, unit);
        }
        self.write(&lines)
    }

    /// Notes how a call went. The line reaches the file within a second: what was measured may be lost with the process,
    /// and no answer with it.
    ///
    /// # Errors
    ///
    /// When the disk is full or fails.
    pub fn note(&self, timing: &Timing<'_>) -> Result<(), StoreError> {
        let mut line = serde_json::to_vec(timing).expect("a timing is plain data");
        line.push(b'\n');
        let mut file = self.timing.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&line).map_err(|cause| StoreError::io("write", &self.timing_path, cause))
    }

    /// Flushes to the disk and closes.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn finish(mut self) -> Result<(), StoreError> {
        self.stop_flusher();
        let mut timing = self.timing.lock().unwrap_or_else(PoisonError::into_inner);
        timing.flush().map_err(|cause| StoreError::io("write", &self.timing_path, cause))?;
        drop(timing);
        self.file.sync_data().map_err(|cause| StoreError::io("write", &self.path, cause))
    }

    fn write(&self, lines: &[u8]) -> Result<(), StoreError> {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*self.file).write_all(lines) {
            Ok(()) => {
                *end += lines.len() as u64;
                Ok(())
            }
            Err(cause) => {
                // A half line would be skipped by readers all the same; without it they need not report it.
                let _ = self.file.set_len(*end);
                Err(StoreError::io("write", &self.path, cause))
            }
        }
    }

    fn stop_flusher(&mut self) {
        if let Some((sender, thread)) = self.flusher.take() {
            drop(sender);
            // The thread ends by itself when its sender is gone; it cannot panic.
            let _ = thread.join();
        }
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        self.stop_flusher();
    }
}

/// A thread that flushes what was written once a second, until its sender is dropped.
fn flusher(file: Arc<File>, timing: Arc<Mutex<BufWriter<File>>>) -> (Sender<()>, JoinHandle<()>) {
    let (sender, receiver) = mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        while let Err(RecvTimeoutError::Timeout) = receiver.recv_timeout(Duration::from_secs(1)) {
            // An error shows at the next write or at the end.
            let _ = file.sync_data();
            let _ = timing.lock().unwrap_or_else(PoisonError::into_inner).flush();
        }
    });
    (sender, thread)
}

fn new_file(folder: &Path) -> Result<(PathBuf, File), StoreError> {
    fs::create_dir_all(folder).map_err(|cause| StoreError::io("create", folder, cause))?;
    loop {
        let path = folder.join(unique("", ".jsonl"));
        match OpenOptions::new().create_new(true).append(true).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(cause) if cause.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(cause) => return Err(StoreError::io("create", &path, cause)),
        }
    }
}

/// A file name that no other process on any host is likely to choose: host, process and time. Processes in containers
/// often share their number, and sometimes the host's name.
pub(super) fn unique(before: &str, after: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host.trim().chars().filter(char::is_ascii_alphanumeric).collect();
    let host = if host.is_empty() { "host".to_owned() } else { host };
    format!("{before}{host}-{}-{:016x}{after}", std::process::id(), now as u64)
}

fn sealed(value: &impl Serialize) -> Vec<u8> {
    let mut line = Vec::new();
    seal(&mut line, value);
    line
}

/// One JSON object and its checksum as the last key, and a line end.
pub(super) fn seal(lines: &mut Vec<u8>, value: &impl Serialize) {
    let start = lines.len();
    serde_json::to_writer(&mut *lines, value).expect("stored values are plain data");
    let closing = lines.pop();
    debug_assert_eq!(closing, Some(b'}'), "only objects are sealed");
    let crc = crc32fast::hash(&lines[start..]);
    lines.extend_from_slice(format!(",\"crc\":\"{crc:08x}\"}}\n").as_bytes());
}
