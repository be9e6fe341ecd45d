//! Errors, few, each saying who must act.

use std::path::PathBuf;
use std::time::Duration;

/// Why a question got no answer. An unreadable verdict is no error: it is an abstention.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The backend asks for patience; the engine waits and asks again.
    #[error("the backend is busy: {message}")]
    Busy {
        /// How long the backend asks to wait (Retry-After), if it says so.
        wait: Option<Duration>,
        /// Requests it still allows in the current window, if it says so.
        remaining: Option<u64>,
        /// What it said.
        message: String,
    },
    /// The backend cannot be reached, broke off, or sent something unreadable; the engine asks again.
    #[error("the backend gave no usable answer: {message}")]
    Unreachable {
        /// What happened.
        message: String,
    },
    /// This question cannot be answered; others may be. Never retried.
    #[error("the question was rejected: {message}")]
    Rejected {
        /// What the backend said.
        message: String,
    },
    /// The adapter broke its contract or crashed. Never retried.
    #[error("the source is broken: {message}")]
    Broken {
        /// What went wrong.
        message: String,
    },
    /// The credentials are wrong or missing; the source stops at once.
    #[error("access was denied: {message}")]
    Denied {
        /// What the backend said.
        message: String,
    },
}

impl SourceError {
    /// True for the two errors that asking again may cure.
    pub fn may_retry(&self) -> bool {
        matches!(self, SourceError::Busy { .. } | SourceError::Unreachable { .. })
    }

    /// What happened, without the words for who must act.
    pub fn message(&self) -> &str {
        match self {
            SourceError::Busy { message, .. }
            | SourceError::Unreachable { message }
            | SourceError::Rejected { message }
            | SourceError::Broken { message }
            | SourceError::Denied { message } => message,
        }
    }

    /// The error's name as it stands in logs: `busy`, `unreachable`, `rejected`, `broken`, `denied`.
    pub fn name(&self) -> &'static str {
        match self {
            SourceError::Busy { .. } => "busy",
            SourceError::Unreachable { .. } => "unreachable",
            SourceError::Rejected { .. } => "rejected",
            SourceError::Broken { .. } => "broken",
            SourceError::Denied { .. } => "denied",
        }
    }
}

/// Why a suite could not read its items.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SuiteError {
    /// What is wrong, with record or line where there is one.
    pub message: String,
    /// The file concerned.
    pub path: Option<PathBuf>,
    /// What to do about it: one imperative sentence.
    pub hint: Option<String>,
}

impl SuiteError {
    /// An error about no single file.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), path: None, hint: None }
    }

    /// An error about a file.
    pub fn at(path: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        Self { message: message.into(), path: Some(path.into()), hint: None }
    }

    /// The same error with a remedy.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
