//! What can be wrong with a file of records, and where.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Where a record stands in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Number of the record, counted from 1. A header row and blank lines do not count.
    pub record: u64,
    /// Line on which the record starts, counted from 1; `None` in Parquet, which has no lines.
    pub line: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}", self.record)?;
        match self.line {
            Some(line) => write!(f, ", line {line}"),
            None => Ok(()),
        }
    }
}

/// A point in a file, as exact as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The file, as the caller named it.
    pub path: PathBuf,
    /// Number of the record, counted from 1.
    pub record: Option<u64>,
    /// Line, counted from 1.
    pub line: Option<u64>,
    /// Byte in the line, counted from 1.
    pub column: Option<u64>,
}

impl Spot {
    /// A file as a whole.
    pub fn file(path: &Path) -> Self {
        Self { path: path.to_owned(), record: None, line: None, column: None }
    }

    /// A record of a file.
    pub fn record(path: &Path, place: Place) -> Self {
        Self { record: Some(place.record), line: place.line, ..Self::file(path) }
    }
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.path.display())?;
        let parts = [("record", self.record), ("line", self.line), ("column", self.column)];
        let mut before = " ";
        for (name, number) in parts {
            if let Some(number) = number {
                write!(f, "{before}{name} {number}")?;
                before = ", ";
            }
        }
        Ok(())
    }
}

/// A file of records that cannot be read or written.
///
/// The message names the file and, where it is known, the record, line and column. What to do about it is in
/// [`hint`](Self::hint).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The file cannot be opened or created.
    #[error("cannot open `{}`", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },

    /// The extension of the file stands for no format.
    #[error("`{}` has no extension of a known format", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },

    /// The content is not what its format asks for: cut off, not UTF-8, unequal rows.
    #[error("{at}: {message}")]
    Malformed {
        /// Where it was noticed.
        at: Box<Spot>,
        /// What is wrong.
        message: String,
        /// What to do, if anything is known.
        hint: Option<String>,
    },

    /// A record is well formed, but not what the caller wants: a key is missing, a value has the wrong type.
    #[error("{at}: {message}")]
    Misfit {
        /// Where it was noticed.
        at: Box<Spot>,
        /// What is wrong.
        message: String,
        /// What to do, if anything is known.
        hint: Option<String>,
    },

    /// A record or a file is larger than the limit.
    #[error("{at}: {what} is larger than {limit} bytes")]
    TooLarge {
        /// Where it starts.
        at: Box<Spot>,
        /// `the record` or `the file`.
        what: &'static str,
        /// The limit, in bytes.
        limit: u64,
    },

    /// Reading failed half-way.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },

    /// Writing failed.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file, or the name that the caller gave to the output.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
}

impl TableError {
    /// A record that its reader refuses for a reason of its own, such as an empty list of answers.
    pub fn misfit(path: &Path, place: Place, message: impl Into<String>) -> Self {
        Self::Misfit {
            at: Box::new(Spot::record(path, place)),
            message: message.into(),
            hint: None,
        }
    }

    /// The same error with a hint: one imperative sentence. Errors that make their own hint keep it.
    pub fn with_hint(mut self, text: impl Into<String>) -> Self {
        if let Self::Malformed { hint, .. } | Self::Misfit { hint, .. } = &mut self {
            *hint = Some(text.into());
        }
        self
    }

    /// The message with what the system says, for those who print one line.
    pub fn told(&self) -> String {
        match self {
            Self::Open { cause, .. } | Self::Read { cause, .. } | Self::Write { cause, .. } => {
                format!("{self}: {cause}")
            }
            _ => self.to_string(),
        }
    }

    /// The file that the error is about.
    pub fn path(&self) -> &Path {
        match self {
            Self::Open { path, .. }
            | Self::UnknownFormat { path }
            | Self::Read { path, .. }
            | Self::Write { path, .. } => path,
            Self::Malformed { at, .. } | Self::Misfit { at, .. } | Self::TooLarge { at, .. } => {
                &at.path
            }
        }
    }

    /// Where in the file the error was noticed; `None` when it concerns the file as a whole by its kind.
    pub fn spot(&self) -> Option<&Spot> {
        match self {
            Self::Malformed { at, .. } | Self::Misfit { at, .. } | Self::TooLarge { at, .. } => {
                Some(at)
            }
            Self::Open { .. }
            | Self::UnknownFormat { .. }
            | Self::Read { .. }
            | Self::Write { .. } => None,
        }
    }

    /// What to do about it, in one imperative sentence, where something is known.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Malformed { hint, .. } | Self::Misfit { hint, .. } => hint.as_deref(),
            Self::UnknownFormat { .. } => {
                Some("name the file with one of .json, .jsonl, .ndjson, .csv, .tsv and .parquet")
            }
            Self::TooLarge { what, .. } if *what == "the file" => Some(
                "split the file, or store it as JSON lines or Parquet, which are read in pieces",
            ),
            Self::TooLarge { .. } => {
                Some("check that the records are separated as the format asks, or split the record")
            }
            Self::Open { .. } | Self::Read { .. } | Self::Write { .. } => None,
        }
    }

    pub(crate) fn malformed(at: Spot, message: impl Into<String>) -> Self {
        Self::Malformed { at: Box::new(at), message: message.into(), hint: None }
    }

    pub(crate) fn record_too_large(at: Spot) -> Self {
        Self::TooLarge {
            at: Box::new(at),
            what: "the record",
            limit: crate::MAX_RECORD_BYTES as u64,
        }
    }

    pub(crate) fn open(path: &Path, cause: io::Error) -> Self {
        Self::Open { path: path.to_owned(), cause }
    }

    pub(crate) fn reading(path: &Path, cause: io::Error) -> Self {
        Self::Read { path: path.to_owned(), cause }
    }
}
