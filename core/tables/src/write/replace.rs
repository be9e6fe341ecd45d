//! A file that appears whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

static STARTED: AtomicU64 = AtomicU64::new(0);

/// A temporary file beside its goal. Removed when dropped without [`finish`](Self::finish).
pub(super) struct Replacement {
    goal: PathBuf,
    temporary: PathBuf,
    file: File,
}

impl Replacement {
    /// Makes the temporary file, and a handle to write it with.
    pub(super) fn start(goal: &Path) -> io::Result<(Self, File)> {
        let name = goal
            .file_name()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))?;
        if goal.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        loop {
            let temporary = goal.with_file_name(temporary_name(name));
            match OpenOptions::new().write(true).create_new(true).open(&temporary) {
                Ok(file) => {
                    let replacement = Self { goal: goal.to_owned(), temporary, file };
                    let handle = replacement.file.try_clone()?;
                    return Ok((replacement, handle));
                }
                // Left behind by a killed process that had the same number.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until the content is on disk, then gives the file its name.
    pub(super) fn finish(self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.temporary, &self.goal)
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        // After a rename there is nothing to remove, and a failed removal leaves nothing worse than a spare file.
        let _ = fs::remove_file(&self.temporary);
    }
}

fn temporary_name(name: &std::ffi::OsStr) -> OsString {
    let count = STARTED.fetch_add(1, Ordering::Relaxed);
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}-{count}.part", std::process::id()));
    temporary
}
