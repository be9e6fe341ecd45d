//! Text in, text out: the backend that judges are built on.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::answer::{Origin, Usage};
use crate::error::SourceError;
use crate::identity::Identity;
use crate::question::Turn;
use crate::source::{Inspection, Limits, Quota};

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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Prompt {
    /// The dialogue so far; the reply continues it as the assistant.
    pub turns: Vec<Turn>,
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// One seed per sample wanted, at least one.
    pub seeds: Vec<u64>,
    /// Texts whose log-probability is wanted wherever the reply stands at a token ([`Text::tokens`]); empty when none
    /// is. Case and space variants are listed by the asker.
    pub labels: Vec<String>,
    /// The shape of the reply, if it is constrained.
    pub grammar: Option<Grammar>,
}

/// Why a text ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finish {
    /// The model ended it, or a stop text did.
    #[default]
    Stop,
    /// The token limit was reached.
    Length,
    /// A content filter or the model declined.
    Refused,
}

/// One token of a reply, with what else might have stood in its place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Token {
    /// The token's text, spaces included.
    pub text: String,
    /// Natural logarithm of its probability, at most 0. In JSON `null` is minus infinity.
    #[serde(deserialize_with = "logprob")]
    pub logprob: f64,
    /// Texts and their log-probabilities in its place, each text once: the labels asked for as far as the backend can
    /// tell, and what else it lists (for many servers the 20 likeliest tokens). May hold the token itself.
    #[serde(deserialize_with = "logprobs")]
    pub others: Vec<(String, f64)>,
}

/// JSON has no infinities: the logarithm of nothing is written as `null`.
fn logprob<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NEG_INFINITY))
}

fn logprobs<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(String, f64)>, D::Error> {
    let pairs: Vec<(String, Option<f64>)> = Vec::deserialize(deserializer)?;
    Ok(pairs
        .into_iter()
        .map(|(text, number)| (text, number.unwrap_or(f64::NEG_INFINITY)))
        .collect())
}

/// One sample of a reply.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Text {
    /// The reply without its reasoning part.
    pub text: String,
    /// The reasoning part, where the backend separates it.
    pub reasoning: Option<String>,
    /// The reply as the server wrote it, where `reasoning` stood inside it between tags: what a program that does not
    /// look for tags would read. `None` where `text` is the whole reply.
    pub whole: Option<String>,
    /// Why it ended.
    pub finish: Finish,
    /// The tokens of the reply when labels were asked for and the backend reports them, else empty.
    pub tokens: Vec<Token>,
}

impl Text {
    /// A reply that the model ended, without reasoning.
    pub fn of(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

/// What came back for a prompt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Completion {
    /// One text per seed, in the order asked.
    pub texts: Vec<Text>,
    /// What it cost, all samples together.
    pub usage: Usage,
    /// Who answered, as far as the server tells.
    #[serde(flatten)]
    pub origin: Origin,
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

    /// True for what computes on this machine, as for [`RewardSource::unhurried`](crate::RewardSource::unhurried).
    fn unhurried(&self) -> bool {
        false
    }

    /// What the backend's latest reply said about the quota that is left; `None` when it says nothing.
    fn quota(&self) -> Option<Quota> {
        None
    }

    /// The number of tokens of a text, where the tokenizer is known without asking the backend.
    fn count_tokens(&self, text: &str) -> Option<u64> {
        let _ = text;
        None
    }

    /// True when turns become one text with the markers of a chat template on our side, so that markers inside a turn
    /// would be read as such.
    fn renders_markers(&self) -> bool {
        false
    }

    /// Most samples of one prompt that one call of the backend gives; the engine makes one call per so many. May fall
    /// while a run goes on, when the backend turns out to give fewer.
    fn samples_at_once(&self) -> usize {
        usize::MAX
    }

    /// Who answers, without loading weights.
    async fn identify(&self) -> Result<Identity, SourceError>;

    /// What the backend makes of a prompt on its way to the model, for a person to look at; `None` when it cannot tell.
    async fn inspect(&self, prompt: &Prompt) -> Result<Option<Inspection>, SourceError> {
        let _ = prompt;
        Ok(None)
    }

    /// One result per prompt, in the order asked.
    async fn generate(&self, batch: &[Prompt]) -> Vec<Result<Completion, SourceError>>;

    /// Makes ready what is heavy, as [`RewardSource::open`](crate::RewardSource::open) does.
    async fn open(&self) -> Result<(), SourceError> {
        Ok(())
    }

    /// Gives back what is heavy, as [`RewardSource::close`](crate::RewardSource::close) does.
    async fn close(&self) {}
}
