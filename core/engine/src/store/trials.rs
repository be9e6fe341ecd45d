//! Reading trials: the union of all segments, torn lines skipped and reported.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use foldhash::{HashMap, HashMapExt};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tribunal_api::{Abstention, Answer, Readout, Reason, Score};

use super::{FORMAT, RunFolder, StoreError};
use crate::digest::Digest;

/// One unit as stored: a line of a segment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredUnit {
    /// The trial id.
    pub trial: Digest,
    /// One entry per sample.
    pub samples: Vec<StoredSample>,
    /// The model that the server reported, where it was another one than for the source's first trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served: Option<String>,
}

/// One sample as stored: scores, or an abstention.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StoredSample {
    /// One score per candidate, in the order shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores: Option<Vec<Score>>,
    /// Why there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abstained: Option<Reason>,
    /// What was seen instead.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Named numbers, one per candidate.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, Vec<f64>>,
    /// What the source wrote or read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcript: Option<Value>,
}

impl StoredSample {
    /// The stored form of an answer. What it cost is measured, and stands in `timing.jsonl`.
    pub fn of(answer: Answer) -> Self {
        let Answer { readout, parts, transcript, usage: _, origin: _ } = answer;
        let (scores, abstained, note) = match readout {
            Readout::Scores(scores) => (Some(scores), None, String::new()),
            Readout::Abstained(Abstention { reason, note }) => (None, Some(reason), note),
        };
        Self { scores, abstained, note, parts, transcript }
    }

    /// The readout. A line that holds neither scores nor a reason reads as unreadable.
    pub fn readout(&self) -> Readout {
        match (&self.scores, self.abstained) {
            (Some(scores), None) => Readout::Scores(scores.clone()),
            (_, reason) => Readout::Abstained(Abstention {
                reason: reason.unwrap_or(Reason::Unreadable),
                note: self.note.clone(),
            }),
        }
    }
}

/// A line that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The segment.
    pub path: PathBuf,
    /// The line, counted from 1.
    pub line: usize,
    /// True for the last line, cut off when its writer ended.
    pub torn: bool,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = if self.torn { "cut off" } else { "damaged" };
        write!(f, "`{}` line {} is {what} and is skipped", self.path.display(), self.line)
    }
}

/// All stored trials of a run.
#[derive(Debug, Default)]
pub struct Trials {
    /// Readouts by trial id, one per sample.
    pub units: HashMap<Digest, Vec<Readout>>,
    /// Lines that were skipped.
    pub damage: Vec<Damage>,
    /// How many lines repeat a trial that another line holds already.
    pub repeated: usize,
}

/// Reads all segments of a run. The first line of a trial counts, by segment name and line.
///
/// # Errors
///
/// When a segment cannot be read or has another major format version.
pub fn read_trials(folder: &RunFolder) -> Result<Trials, StoreError> {
    let mut trials = Trials::default();
    let mut units = HashMap::new();
    let mut repeated = 0;
    trials.damage = visit_trials(folder, |unit| {
        let readouts = unit.samples.iter().map(StoredSample::readout).collect();
        match units.entry(unit.trial) {
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(readouts);
            }
            std::collections::hash_map::Entry::Occupied(_) => repeated += 1,
        }
    })?;
    trials.units = units;
    trials.repeated = repeated;
    Ok(trials)
}

/// Calls `visit` with every stored unit, segments in the order of their names. Returns the skipped lines.
///
/// # Errors
///
/// When a segment cannot be read or has another major format version.
pub fn visit_trials(
    folder: &RunFolder,
    mut visit: impl FnMut(StoredUnit),
) -> Result<Vec<Damage>, StoreError> {
    let mut damage = Vec::new();
    for path in segments(&folder.trials())? {
        read_segment(&path, &mut visit, &mut damage)?;
    }
    Ok(damage)
}

/// The model that the server of each source reported first, by the source's name: from `timing.jsonl`.
///
/// # Errors
///
/// When the file cannot be read. Lines that cannot are passed over.
pub fn served_models(
    folder: &RunFolder,
) -> Result<std::collections::HashMap<String, String>, StoreError> {
    #[derive(Deserialize)]
    struct Line {
        source: String,
        served: String,
    }
    let path = folder.file("timing.jsonl");
    let mut served = std::collections::HashMap::new();
    let file = match fs::File::open(&path) {
        Ok(file) => file,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(served),
        Err(cause) => return Err(StoreError::io("read", &path, cause)),
    };
    for line in BufReader::with_capacity(1 << 20, file).lines() {
        let line = line.map_err(|cause| StoreError::io("read", &path, cause))?;
        if let Ok(line) = serde_json::from_str::<Line>(&line) {
            served.entry(line.source).or_insert(line.served);
        }
    }
    Ok(served)
}

fn segments(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(StoreError::io("read", folder, cause)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|cause| StoreError::io("read", folder, cause))?.path();
        if path.is_file() && path.extension().is_some_and(|extension| extension == "jsonl") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn read_segment(
    path: &Path,
    visit: &mut impl FnMut(StoredUnit),
    damage: &mut Vec<Damage>,
) -> Result<(), StoreError> {
    let file = fs::File::open(path).map_err(|cause| StoreError::io("read", path, cause))?;
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        let read = reader
            .read_until(b'\n', &mut line)
            .map_err(|cause| StoreError::io("read", path, cause))?;
        if read == 0 {
            return Ok(());
        }
        number += 1;
        let whole = line.ends_with(b"\n");
        match line.strip_suffix(b"\n").and_then(open_seal) {
            Some(object) if number == 1 => check_format(path, &object)?,
            Some(object) => match serde_json::from_slice(&object) {
                Ok(unit) => visit(unit),
                Err(_) => damage.push(Damage { path: path.to_owned(), line: number, torn: false }),
            },
            None => damage.push(Damage { path: path.to_owned(), line: number, torn: !whole }),
        }
    }
}

/// The object of a line without its checksum, when the checksum is right.
fn open_seal(line: &[u8]) -> Option<Vec<u8>> {
    const TAIL: usize = ",\"crc\":\"00000000\"}".len();
    let split = line.len().checked_sub(TAIL)?;
    let (object, tail) = line.split_at(split);
    let digits = tail.strip_prefix(b",\"crc\":\"")?.strip_suffix(b"\"}")?;
    let stored = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    (crc32fast::hash(object) == stored).then(|| [object, b"}"].concat())
}

fn check_format(path: &Path, object: &[u8]) -> Result<(), StoreError> {
    let header: Value = serde_json::from_slice(object).unwrap_or_default();
    let found = header.get("format").and_then(Value::as_str).unwrap_or("unknown");
    if found.split('.').next() == FORMAT.split('.').next() {
        return Ok(());
    }
    Err(StoreError::Format { path: path.to_owned(), found: found.to_owned() })
}
