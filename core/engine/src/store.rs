//! The run folder: what is written, when it counts as stored, and how it is read back.
//!
//! Every process opens new segments and never changes another's. A unit counts as stored when the write of its
//! whole line returned, so it survives the end of the process at any moment; a thread flushes to the disk once a second
//! and at the end, so the loss of power costs at most that second, and what was lost is asked again.

mod grades;
mod members;
mod plan;
mod segment;
mod trials;

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use serde::Serialize;

use crate::cases::{self, Cases, StoredItem};

pub use grades::{Said, StoredGrade};
pub use members::{Ask, Member, Voice};
pub use plan::{FORMAT, StoredCell, StoredPlan, StoredSource, StoredSuite};
pub use segment::{Segment, Timing};
pub use trials::{
    Damage, StoredSample, StoredUnit, Trials, read_trials, served_models, visit_trials,
};

/// What is wrong with a run folder.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file cannot be read or written.
    #[error("cannot {doing} `{}`: {cause}", path.display())]
    Io {
        /// What was tried: `read`, `write`, `create`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        cause: io::Error,
    },
    /// A file does not hold what it should.
    #[error("`{}` line {line} is not as this program wrote it: {reason}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// The folder is no run.
    #[error("`{}` is not a run folder: it holds no plan.json", path.display())]
    NoRun {
        /// The folder.
        path: PathBuf,
    },
    /// The folder was written by another generation of the program.
    #[error("`{}` has the stored format {found}, this program reads {FORMAT}", path.display())]
    Format {
        /// The folder.
        path: PathBuf,
        /// Its version.
        found: String,
    },
    /// Resuming would not ask what the run asked: data, files or served models changed since.
    #[error("`{}` cannot go on: {difference}", path.display())]
    Changed {
        /// The folder.
        path: PathBuf,
        /// What changed.
        difference: String,
    },
    /// The folder belongs to another plan.
    #[error("`{}` belongs to another plan: {difference}", path.display())]
    OtherPlan {
        /// The folder.
        path: PathBuf,
        /// What differs.
        difference: String,
    },
}

impl StoreError {
    pub(crate) fn io(doing: &'static str, path: &Path, cause: io::Error) -> Self {
        Self::Io { doing, path: path.to_owned(), cause }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Io { cause, .. } if cause.kind() == io::ErrorKind::StorageFull => {
                Some("free some space, then resume the run: what is stored stays".to_owned())
            }
            Self::NoRun { .. } => {
                Some("name a folder below `runs`; `tribunal list runs` shows them".into())
            }
            Self::Format { .. } => {
                Some("read it with the version of tribunal that wrote it".into())
            }
            Self::OtherPlan { .. } => Some(
                "run with `--fresh` or another `-o`, or resume the run as it was planned".into(),
            ),
            Self::Changed { .. } => {
                Some("put the data or model back as it was, or start a new run".into())
            }
            Self::Content { .. } => {
                Some("restore the file from a copy, or run again with `--fresh`".into())
            }
            Self::Io { .. } => None,
        }
    }
}

/// A run folder on disk.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// The folder of a run that exists.
    ///
    /// # Errors
    ///
    /// When it holds no plan.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let folder = Self { path: path.into() };
        if folder.file("plan.json").is_file() {
            Ok(folder)
        } else {
            Err(StoreError::NoRun { path: folder.path })
        }
    }

    /// Makes the folder for a plan, or joins it when it holds the same plan already (shards, a second start).
    ///
    /// # Errors
    ///
    /// When the folder cannot be written or belongs to another plan.
    pub fn create(
        path: impl Into<PathBuf>,
        recipe: &str,
        plan: &StoredPlan,
        suites: &[Arc<Cases>],
        keep_texts: bool,
    ) -> Result<Self, StoreError> {
        let folder = Self { path: path.into() };
        if folder.file("plan.json").is_file() {
            let known = folder.plan()?;
            if let Some(difference) = known.difference(plan) {
                return Err(StoreError::OtherPlan { path: folder.path, difference });
            }
            return Ok(folder);
        }
        let trials = folder.trials();
        fs::create_dir_all(&trials).map_err(|cause| StoreError::io("create", &trials, cause))?;
        folder.replace("recipe.toml", |file| file.write_all(recipe.as_bytes()))?;
        folder.replace("items.jsonl", |file| {
            suites.iter().enumerate().try_for_each(|(place, cases)| {
                rows(place, cases, keep_texts)?.iter().try_for_each(|part| file.write_all(part))
            })
        })?;
        folder.replace("plan.json", |file| {
            serde_json::to_writer_pretty(&mut *file, plan)?;
            file.write_all(b"\n")
        })?;
        Ok(folder)
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file of the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The folder of the trial segments.
    pub fn trials(&self) -> PathBuf {
        self.path.join("trials")
    }

    /// The plan.
    ///
    /// # Errors
    ///
    /// When it cannot be read or has another major format version.
    pub fn plan(&self) -> Result<StoredPlan, StoreError> {
        let path = self.file("plan.json");
        let text = fs::read(&path).map_err(|cause| StoreError::io("read", &path, cause))?;
        let content = |reason: serde_json::Error| StoreError::Content {
            path: path.clone(),
            line: reason.line(),
            reason: reason.to_string(),
        };
        #[derive(serde::Deserialize)]
        struct Version {
            format: String,
        }
        let version: Version = serde_json::from_slice(&text).map_err(content)?;
        if version.format.split('.').next() != FORMAT.split('.').next() {
            return Err(StoreError::Format { path: self.path.clone(), found: version.format });
        }
        let plan: StoredPlan = serde_json::from_slice(&text).map_err(content)?;
        match plan.flaw() {
            None => Ok(plan),
            Some(reason) => Err(StoreError::Content { path, line: 1, reason }),
        }
    }

    /// The items of every suite, in plan order, without texts unless the run kept them.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or a line does not hold an item.
    pub fn items(&self, plan: &StoredPlan) -> Result<Vec<Cases>, StoreError> {
        let path = self.file("items.jsonl");
        let text = fs::read(&path).map_err(|cause| StoreError::io("read", &path, cause))?;
        let lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
        let rows: Vec<StoredItem> = lines
            .par_iter()
            .enumerate()
            .filter(|(_, line)| !line.is_empty())
            .map(|(place, line)| {
                let content = |reason: String| StoreError::Content {
                    path: path.clone(),
                    line: place + 1,
                    reason,
                };
                let row: StoredItem =
                    serde_json::from_slice(line).map_err(|reason| content(reason.to_string()))?;
                match row.flaw() {
                    None => Ok(row),
                    Some(reason) => Err(content(reason.to_owned())),
                }
            })
            .collect::<Result<_, _>>()?;
        let mut of_suite: Vec<Vec<StoredItem>> = plan.suites.iter().map(|_| Vec::new()).collect();
        for (place, row) in rows.into_iter().enumerate() {
            let suite = row.suite;
            of_suite
                .get_mut(suite)
                .ok_or_else(|| StoreError::Content {
                    path: path.clone(),
                    line: place + 1,
                    reason: format!("there is no suite {suite} in the plan"),
                })?
                .push(row);
        }
        let suites: Vec<Cases> = of_suite
            .into_iter()
            .zip(&plan.suites)
            .map(|(rows, suite)| {
                cases::from_rows(rows, suite.absent.clone(), suite.limited.clone())
            })
            .collect();
        for (cases, suite) in suites.iter().zip(&plan.suites) {
            if cases.cases.len() != suite.items || cases.digest() != suite.digest {
                let reason = format!("suite `{}` holds other items than were planned", suite.name);
                return Err(StoreError::Content { path, line: lines.len(), reason });
            }
        }
        Ok(suites)
    }

    /// Keeps other processes from summarising this run until the lock is dropped.
    ///
    /// # Errors
    ///
    /// When the lock's file cannot be made.
    pub fn lock(&self) -> Result<fs::File, StoreError> {
        let path = self.file(".lock");
        let file =
            fs::File::create(&path).map_err(|cause| StoreError::io("create", &path, cause))?;
        file.lock().map_err(|cause| StoreError::io("lock", &path, cause))?;
        Ok(file)
    }

    /// Writes a file beside its place and renames it, so that it is there whole or not at all.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn replace(
        &self,
        name: &str,
        write: impl FnOnce(&mut BufWriter<fs::File>) -> io::Result<()>,
    ) -> Result<(), StoreError> {
        let path = self.file(name);
        let beside = self.file(&segment::unique(&format!(".{name}."), ""));
        let result = fs::File::create_new(&beside).and_then(|file| {
            let mut file = BufWriter::with_capacity(1 << 20, file);
            write(&mut file)?;
            file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_data()?;
            fs::rename(&beside, &path)
        });
        result.map_err(|cause| {
            // Nothing refers to the file beside; when it cannot be removed either, it is only left over.
            let _ = fs::remove_file(&beside);
            StoreError::io("write", &path, cause)
        })
    }
}

/// The lines of a suite's items, in order, in parts made side by side.
fn rows(suite: usize, cases: &Cases, keep_texts: bool) -> io::Result<Vec<Vec<u8>>> {
    cases
        .cases
        .par_chunks(512)
        .map(|part| {
            let mut lines = Vec::with_capacity(512 * part.len());
            for case in part {
                write_line(&mut lines, &cases::row(suite, case, keep_texts))?;
            }
            Ok(lines)
        })
        .collect()
}

/// One JSON value and a line end.
pub(crate) fn write_line(file: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *file, value)?;
    file.write_all(b"\n")
}
