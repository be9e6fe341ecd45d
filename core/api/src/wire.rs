//! The JSON that crosses the plugin boundary: the records of `docs/plugin-protocol.md`, for libraries and children alike.

mod suite;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::SourceError;
use crate::generator::{Completion, Generator, Prompt};
use crate::question::Turn;
use crate::settings::{SettingsError, Step};
use crate::source::{Arity, Limits, Reads, RewardSource, Scale};
use crate::suite::Contest;

pub use suite::{
    AggregatesRequest, CandidateBody, CardBody, ChanceRequest, GradeRequest, Grades, Grading,
    ItemBody, ItemsPage, ItemsRequest, PromptBody, PublishedBody, ServedSuite, SubsetRequest,
    standard_aggregates, standard_chance, standard_grade,
};

/// The most questions in one call of a plugin, whatever it declares.
const MOST_BATCH: usize = 65_536;
/// The most calls of a plugin at the same time, whatever it declares: each may take a thread.
const MOST_IN_FLIGHT: usize = 1024;

/// What a component with certain settings is. Absent keys have the defaults of `docs/plugin-protocol.md`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Declares {
    /// Least and most candidates of a question; 65535 is any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arity: Option<[u16; 2]>,
    /// What a question lends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reads: Option<Reads>,
    /// Whether samples differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draws: Option<bool>,
    /// What scores of single candidates are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<Scale>,
    /// Most questions or prompts in one call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<usize>,
    /// Most calls at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<usize>,
    /// The queue that is shared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lane: Option<String>,
    /// True when a call may take as long as it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unhurried: Option<bool>,
    /// See [`Generator::renders_markers`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renders_markers: Option<bool>,
    /// See [`Generator::samples_at_once`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samples_at_once: Option<usize>,
    /// What a suite says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card: Option<CardBody>,
    /// How a suite with standard grading puts lists to sources that take two candidates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contest: Option<Contest>,
    /// Who grades.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grading: Option<Grading>,
}

impl Declares {
    /// What a source is.
    pub fn of_source(source: &dyn RewardSource) -> Self {
        let arity = source.arity();
        Self {
            arity: Some([arity.least, arity.most]),
            reads: Some(source.reads()),
            draws: Some(source.draws()),
            scale: Some(source.scale()),
            unhurried: source.unhurried().then_some(true),
            ..Self::of_limits(source.limits())
        }
    }

    /// What a generator is.
    pub fn of_generator(generator: &dyn Generator) -> Self {
        let samples = generator.samples_at_once();
        Self {
            unhurried: generator.unhurried().then_some(true),
            renders_markers: Some(generator.renders_markers()),
            samples_at_once: (samples != usize::MAX).then_some(samples),
            ..Self::of_limits(generator.limits())
        }
    }

    fn of_limits(Limits { batch, in_flight, lane }: Limits) -> Self {
        Self { batch: Some(batch), in_flight: Some(in_flight), lane, ..Self::default() }
    }

    /// The arity, at least 1, in order.
    pub fn arity(&self) -> Arity {
        let [least, most] = self.arity.unwrap_or([1, 1]);
        let least = least.max(1);
        Arity { least, most: most.max(least) }
    }

    /// The limits; `batch` is the default where none is declared.
    pub fn limits(&self, batch: usize) -> Limits {
        Limits {
            batch: self.batch.unwrap_or(batch).clamp(1, MOST_BATCH),
            in_flight: self.in_flight.unwrap_or(1).clamp(1, MOST_IN_FLIGHT),
            lane: self.lane.clone(),
        }
    }
}

/// An error as it crosses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct ErrorBody {
    /// `busy`, `unreachable`, `rejected`, `broken`, `denied`, `settings`, `cancelled`.
    pub code: String,
    /// What happened.
    pub message: String,
    /// Seconds to wait before asking again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait: Option<f64>,
    /// A stack trace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// Of settings: keys and positions from the block on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<StepBody>,
    /// Of settings: the key itself is wrong, not its value.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub at_key: bool,
    /// Of settings: what would be right.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<String>,
    /// Of settings: what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// A step into a settings table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum StepBody {
    /// A position in a list.
    Index(usize),
    /// A key of a table.
    Key(String),
}

impl ErrorBody {
    /// An error with this code.
    pub fn of(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), ..Self::default() }
    }

    /// The error of a question. An unknown code is an error of the adapter; a stack trace joins the message.
    pub fn into_source_error(self) -> SourceError {
        let Self { code, mut message, wait, trace, .. } = self;
        if message.is_empty() {
            message = "it gave no reason".to_owned();
        }
        match code.as_str() {
            "busy" => SourceError::Busy {
                wait: wait.and_then(|wait| Duration::try_from_secs_f64(wait).ok()),
                remaining: None,
                message,
            },
            "unreachable" => SourceError::Unreachable { message },
            "cancelled" => {
                SourceError::Unreachable { message: format!("it was cancelled: {message}") }
            }
            "rejected" => SourceError::Rejected { message },
            "denied" => SourceError::Denied { message },
            _ => {
                if let Some(trace) = trace.filter(|trace| !trace.is_empty()) {
                    message = format!("{message}\n{trace}");
                }
                SourceError::Broken { message }
            }
        }
    }

    /// The fault of a settings table.
    pub fn into_settings_error(self) -> SettingsError {
        let step = |step| match step {
            StepBody::Key(key) => Step::Key(key),
            StepBody::Index(index) => Step::Index(index),
        };
        SettingsError {
            path: self.path.into_iter().map(step).collect(),
            at_key: self.at_key,
            message: self.message,
            known: self.known,
            hint: self.hint,
        }
    }
}

impl From<&SourceError> for ErrorBody {
    fn from(error: &SourceError) -> Self {
        let wait = match error {
            SourceError::Busy { wait, .. } => wait.map(|wait| wait.as_secs_f64()),
            _ => None,
        };
        Self { wait, ..Self::of(error.name(), error.message()) }
    }
}

impl From<SettingsError> for ErrorBody {
    fn from(error: SettingsError) -> Self {
        let step = |step| match step {
            Step::Key(key) => StepBody::Key(key),
            Step::Index(index) => StepBody::Index(index),
        };
        Self {
            path: error.path.into_iter().map(step).collect(),
            at_key: error.at_key,
            known: error.known,
            hint: error.hint,
            ..Self::of("settings", error.message)
        }
    }
}

/// The request `inspect` of a source.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "docs/plugin-protocol.md has the words")]
pub struct InspectRequest {
    pub turns: Vec<Turn>,
    pub candidates: Vec<Arc<str>>,
}

/// The request `inspect` of a generator.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "docs/plugin-protocol.md has the words")]
pub struct PromptRequest {
    pub prompt: Prompt,
}

/// The request `generate`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "docs/plugin-protocol.md has the words")]
pub struct GenerateRequest {
    pub prompts: Vec<Prompt>,
}

/// The reply to `generate`: one entry for each prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Completions {
    /// In the order asked.
    pub completions: Vec<CompletionBody>,
}

/// What came back for a prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CompletionBody {
    /// Nothing.
    Failed {
        /// Why.
        error: ErrorBody,
    },
    /// Texts.
    Done(Completion),
}

impl CompletionBody {
    /// The result as traits have it.
    pub fn into_result(self) -> Result<Completion, SourceError> {
        match self {
            CompletionBody::Failed { error } => Err(error.into_source_error()),
            CompletionBody::Done(completion) => Ok(completion),
        }
    }

    /// The result as it crosses.
    pub fn of(result: Result<Completion, SourceError>) -> Self {
        match result {
            Ok(completion) => CompletionBody::Done(completion),
            Err(error) => CompletionBody::Failed { error: ErrorBody::from(&error) },
        }
    }
}
