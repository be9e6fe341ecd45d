//! Text in, text out: the backend that judges are built on.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::answer::Usage;
use crate::error::SourceError;
use crate::identity::Identity;
use crate::question::Turn;
use crate::source::Limits;

/// How tokens are drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Sampling {
    /// 0 is greedy.
    pub temperature: f64,
    /// Share of probability mass that is drawn from, above 0 to 1.
    pub top_p: f64,
    /// Most tokens written.
    pub max_tokens: u32,
    /// Texts that end the reply.
    pub stop: Vec<String>,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { temperature: 0.0, top_p: 1.0, max_tokens: 1024, stop: Vec::new() }
    }
}

/// A shape that the reply must have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grammar {
    /// A JSON Schema.
    JsonSchema(serde_json::Value),
    /// One of these texts.
    OneOf(Vec<String>),
    /// A grammar in GBNF.
    Gbnf(String),
}

/// A request for text.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompt {
    /// The dialogue so far; the reply continues it as the assistant.
    pub turns: Vec<Turn>,
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// One seed per sample wanted, at least one.
    pub seeds: Vec<u64>,
    /// Labels whose log-probability as the next text is wanted; empty when none is.
    pub labels: Vec<String>,
    /// The shape of the reply, if it is constrained.
    pub grammar: Option<Grammar>,
}

/// Why a text ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finish {
    /// The model ended it, or a stop text did.
    Stop,
    /// The token limit was reached.
    Length,
    /// A content filter or the model declined.
    Refused,
}

/// One sample of a reply.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    /// The reply without its reasoning part.
    pub text: String,
    /// The reasoning part, where the backend separates it.
    pub reasoning: Option<String>,
    /// Why it ended.
    pub finish: Finish,
}

/// The log-probability of a label as the next text.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelLogprob {
    /// The label as asked.
    pub label: String,
    /// Natural logarithm of its probability, at most 0; `None` when the backend cannot tell.
    pub logprob: Option<f64>,
}

/// What came back for a prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// One text per seed, in the order asked.
    pub texts: Vec<Text>,
    /// One entry per label asked for.
    pub labels: Vec<LabelLogprob>,
    /// What it cost, all samples together.
    pub usage: Usage,
    /// The model id or fingerprint that the server reports for this reply.
    pub served: Option<String>,
}

/// A backend that continues dialogues.
///
/// The engine hands judges a generator that is already wrapped in a lane: limits, retries and budgets are
/// applied there, so an implementation does none of it. Called from several tasks at once, never more than
/// `limits().in_flight`.
#[async_trait]
pub trait Generator: Send + Sync {
    /// What the backend can take at once, and which queue it shares.
    fn limits(&self) -> Limits {
        Limits::default()
    }

    /// Who answers, without loading weights.
    async fn identify(&self) -> Result<Identity, SourceError>;

    /// One result per prompt, in the order asked.
    async fn generate(&self, batch: &[Prompt]) -> Vec<Result<Completion, SourceError>>;
}
