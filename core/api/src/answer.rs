//! What a source says to a question: scores, or the reason why there are none.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::SourceError;

/// A reward as reported by a source. Finite. Larger is better. The scale belongs to the source:
/// compare scores of one source only, and for k > 1 candidates only within their question.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Score(f64);

/// A number that is no score because it is not finite.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("`{0}` is not a score: scores are finite numbers")]
pub struct NotFinite(pub f64);

impl Score {
    /// The number.
    pub fn value(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Score {
    type Error = NotFinite;

    fn try_from(value: f64) -> Result<Self, NotFinite> {
        if value.is_finite() { Ok(Self(value)) } else { Err(NotFinite(value)) }
    }
}

impl From<Score> for f64 {
    fn from(score: Score) -> f64 {
        score.0
    }
}

/// Why a source gave no scores although it was asked and did reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The reply holds no verdict, or conflicting ones.
    Unreadable,
    /// The model or a content filter declined.
    Refused,
    /// The reply ended before its verdict (token limit).
    Truncated,
    /// The question does not fit into the model's context.
    TooLong,
    /// A recorded source holds nothing for this question.
    Missing,
}

impl Reason {
    /// The reason as it stands in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Unreadable => "unreadable",
            Reason::Refused => "refused",
            Reason::Truncated => "truncated",
            Reason::TooLong => "too-long",
            Reason::Missing => "missing",
        }
    }
}

/// An answer without scores: data, never a number. Each suite says what it is worth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abstention {
    /// The kind of failure.
    pub reason: Reason,
    /// What was seen, for a person; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Scores, one per candidate in the order shown, or an abstention.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Readout {
    /// One score per candidate, in the order shown.
    Scores(Vec<Score>),
    /// No scores, and why.
    Abstained(Abstention),
}

impl Readout {
    /// The scores, or `None` for an abstention.
    pub fn scores(&self) -> Option<&[Score]> {
        match self {
            Readout::Scores(scores) => Some(scores),
            Readout::Abstained(_) => None,
        }
    }
}

/// What an answer cost. Absent counts are unknown, not zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Usage {
    /// Tokens read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Tokens written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usd: Option<f64>,
}

impl Usage {
    /// True when nothing is known.
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}

/// Who answered, as far as a server tells. Measured, like the cost: no part of what an answer says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Origin {
    /// The model id that the server reports, with its fingerprint where the recipe asks for it. When it changes during a run, the
    /// engine stops the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub served: Option<String>,
    /// The server's request ids, in the order of the requests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<String>,
}

/// One sample of what a source says: a readout, and what else it wants kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The scores or the abstention.
    #[serde(flatten)]
    pub readout: Readout,
    /// Named numbers kept beside the score (heads of a model, log-probabilities), one value per
    /// candidate in the order shown.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, Vec<f64>>,
    /// What the source wrote or read, as JSON, for a person to look at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcript: Option<serde_json::Value>,
    /// What it cost.
    #[serde(default, skip_serializing_if = "Usage::is_unknown")]
    pub usage: Usage,
    /// Who answered, as far as a server tells.
    #[serde(flatten)]
    pub origin: Origin,
}

impl Answer {
    /// An answer that is a readout and nothing else.
    pub fn new(readout: Readout) -> Self {
        Self {
            readout,
            parts: BTreeMap::new(),
            transcript: None,
            usage: Usage::default(),
            origin: Origin::default(),
        }
    }

    /// The answer to a question with one candidate. A number that is not finite is an error of the adapter.
    pub fn score(value: f64) -> Result<Self, SourceError> {
        Self::scores([value])
    }

    /// One score per candidate, in the order shown. A number that is not finite is an error of the adapter.
    pub fn scores(values: impl IntoIterator<Item = f64>) -> Result<Self, SourceError> {
        let scores: Result<Vec<Score>, NotFinite> =
            values.into_iter().map(Score::try_from).collect();
        match scores {
            Ok(scores) => Ok(Self::new(Readout::Scores(scores))),
            Err(problem) => Err(SourceError::Broken { message: problem.to_string() }),
        }
    }

    /// An answer without scores.
    pub fn abstain(reason: Reason, note: impl Into<String>) -> Self {
        Self::new(Readout::Abstained(Abstention { reason, note: note.into() }))
    }

    /// The same answer with a named number per candidate.
    pub fn with_part(mut self, name: impl Into<String>, values: Vec<f64>) -> Self {
        self.parts.insert(name.into(), values);
        self
    }
}

/// What came back for a batch: for each question, in the order asked, all its samples or an error.
///
/// Collect it from `Result<Answer, SourceError>` (sources that do not draw) or from
/// `Result<Vec<Answer>, SourceError>` (one answer per sample).
#[derive(Debug, Default)]
pub struct Answers(Vec<Result<Vec<Answer>, SourceError>>);

impl Answers {
    /// The same error for every question of a batch of `count`.
    pub fn failed(count: usize, error: &SourceError) -> Self {
        Self((0..count).map(|_| Err(error.clone())).collect())
    }

    /// The number of questions answered or failed.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True when there is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the answers out, in the order asked.
    pub fn into_vec(self) -> Vec<Result<Vec<Answer>, SourceError>> {
        self.0
    }
}

impl FromIterator<Answer> for Answers {
    fn from_iter<I: IntoIterator<Item = Answer>>(answers: I) -> Self {
        Self(answers.into_iter().map(|answer| Ok(vec![answer])).collect())
    }
}

impl FromIterator<Result<Answer, SourceError>> for Answers {
    fn from_iter<I: IntoIterator<Item = Result<Answer, SourceError>>>(answers: I) -> Self {
        Self(answers.into_iter().map(|answer| answer.map(|answer| vec![answer])).collect())
    }
}

impl FromIterator<Result<Vec<Answer>, SourceError>> for Answers {
    fn from_iter<I: IntoIterator<Item = Result<Vec<Answer>, SourceError>>>(answers: I) -> Self {
        Self(answers.into_iter().collect())
    }
}
