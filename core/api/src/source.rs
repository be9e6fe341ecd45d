//! The trait of everything that scores candidates.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::answer::Answers;
use crate::error::SourceError;
use crate::identity::Identity;
use crate::question::Question;

/// How many candidates a question to a source may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arity {
    /// The fewest candidates, at least 1.
    pub least: u16,
    /// The most candidates, at least `least`.
    pub most: u16,
}

impl Arity {
    /// Pointwise: one candidate, and scores that compare across questions.
    pub const ONE: Arity = Arity { least: 1, most: 1 };
    /// Pairwise: two candidates.
    pub const TWO: Arity = Arity { least: 2, most: 2 };
    /// Any list of at least two candidates.
    pub const LIST: Arity = Arity { least: 2, most: u16::MAX };

    /// True when a question with `count` candidates may be asked.
    pub fn admits(self, count: usize) -> bool {
        (usize::from(self.least)..=usize::from(self.most)).contains(&count)
    }
}

impl std::fmt::Display for Arity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.least, self.most) {
            (1, 1) => write!(f, "exactly 1 candidate"),
            (least, most) if least == most => write!(f, "exactly {least} candidates"),
            (least, u16::MAX) => write!(f, "{least} or more candidates"),
            (least, most) => write!(f, "{least} to {most} candidates"),
        }
    }
}

/// What a question lends a source, and what therefore makes two questions different.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reads {
    /// The prompt and the candidates alone. Equal texts are asked once over all suites.
    Text,
    /// The texts and the item's topic (criteria per scenario).
    Subset,
    /// The item's key alone (recorded answers). Items without text can be asked of these sources only.
    Key,
}

/// What a backend can take at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Most questions in one call, at least 1.
    pub batch: usize,
    /// Most calls at the same time, at least 1.
    pub in_flight: usize,
    /// Sources with the same key share one queue (host and key, or the model). `None`: a queue of its own.
    pub lane: Option<String>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { batch: 32, in_flight: 2, lane: None }
    }
}

/// What a backend's latest reply said about the quota that is left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quota {
    /// The share that is left of the scarcest quota, 0 to 1.
    pub left: f64,
    /// How long until it is full again, where the backend says so.
    pub resets: Option<Duration>,
}

/// What the scores of single candidates are, as far as the source can tell. The self-check judges by it whether
/// scores between 0 and 1 are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// Not known: ratings, recorded numbers, whatever a custom server sends.
    #[default]
    Free,
    /// A model's raw output, without bounds: scores that all lie between 0 and 1 come from a sigmoid that nobody
    /// asked for.
    Logit,
    /// From 0 to 1 by design, such as a probability.
    Unit,
}

/// What it rests on that a number of tokens is known before anything is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Counted {
    /// The model's own tokenizer.
    Tokenizer,
    /// The number of characters ([`Estimate::tokens_of`]).
    Characters,
}

/// What one question is expected to cost, all its samples together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Estimate {
    /// Calls of the backend.
    pub calls: u64,
    /// Tokens read.
    pub input_tokens: u64,
    /// The most tokens that may be written.
    pub output_tokens: u64,
    /// How the tokens read were counted.
    pub counted: Counted,
}

impl Estimate {
    /// About how many tokens a text has, by its characters alone: 4 of ASCII a token, 2 of other alphabets, 1 of scripts
    /// without spaces between words (Chinese, Japanese, Thai...). Rounded up.
    pub fn tokens_of(text: &str) -> u64 {
        let quarters: u64 = text
            .chars()
            .map(|c| match u32::from(c) {
                0..0x80 => 1,
                0x80..0x0E00 => 2,
                _ => 4,
            })
            .sum();
        quarters.div_ceil(4)
    }
}

/// What becomes of a question or prompt on its way to the model, for a person to look at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Inspection {
    /// The text that the model reads, or the messages where the server renders them.
    pub rendered: String,
    /// True when `rendered` is what the model reads to the last character; false when the server adds a template.
    pub exact: bool,
    /// The token ids of the rendered text as the server counts them; empty when it does not tell.
    pub tokens: Vec<u32>,
    /// The id of the token that begins a text, and how often it stands at the start of `tokens`.
    pub bos: Option<(u32, usize)>,
    /// The most tokens that the model reads, where that is known.
    pub most_tokens: Option<u64>,
    /// Where in the reply the score is read, in words (`data[0].probs[0] of /classify`).
    pub read_at: String,
    /// Anything else worth knowing, one sentence each.
    pub notes: Vec<String>,
}

/// Anything that scores candidate replies: a classifier, a judge, a served model, a recorded table.
///
/// The engine calls [`score`](RewardSource::score) from several tasks at once, never more than
/// `limits().in_flight`. Adapters do not retry, throttle, log, reorder or vote: the engine does, for all
/// of them alike. An adapter must not block the calling thread for long: blocking work belongs on a thread
/// of its own, behind a channel.
#[async_trait]
pub trait RewardSource: Send + Sync {
    /// The numbers of candidates that a question may hold.
    fn arity(&self) -> Arity;

    /// What a question lends the source and its id digests.
    fn reads(&self) -> Reads {
        Reads::Text
    }

    /// True when samples of one question differ; the seed is then part of the trial.
    fn draws(&self) -> bool {
        false
    }

    /// What the scores of single candidates are.
    fn scale(&self) -> Scale {
        Scale::default()
    }

    /// What the backend can take at once, and which queue it shares.
    fn limits(&self) -> Limits {
        Limits::default()
    }

    /// True for what computes on this machine: a call may take as long as it takes, unless the recipe sets a timeout, and is left
    /// when the run is to stop.
    fn unhurried(&self) -> bool {
        false
    }

    /// What the backend's latest reply said about the quota that is left; `None` when it says nothing.
    fn quota(&self) -> Option<Quota> {
        None
    }

    /// What a question is expected to cost; `None` when it costs nothing worth counting. Asks nobody.
    fn estimate(&self, question: &Question) -> Option<Estimate> {
        let _ = question;
        None
    }

    /// Who answers, from files or server, without loading weights.
    async fn identify(&self) -> Result<Identity, SourceError>;

    /// What becomes of a question on its way to the model; `None` when there is nothing to see. May ask a server for
    /// token ids, never for a score.
    async fn inspect(&self, question: &Question) -> Result<Option<Inspection>, SourceError> {
        let _ = question;
        Ok(None)
    }

    /// One result per question, in the order asked: all its samples, or an error.
    ///
    /// Every answer holds one score per candidate in the order shown, or an abstention.
    async fn score(&self, batch: &[Question]) -> Answers;

    /// Makes ready what is heavy (weights, devices, processes), before the first question and after every
    /// [`close`](RewardSource::close). May take as long as it takes: it counts in no call's timeout. A source that is asked
    /// without it makes itself ready then.
    async fn open(&self) -> Result<(), SourceError> {
        Ok(())
    }

    /// Gives back what is heavy (weights, devices, processes): nothing is asked for a while. Called when no call is under
    /// way; the next one opens again what it needs.
    async fn close(&self) {}
}
