//! What a source sees of an item: prompt turns and candidates, never gold, tags or author names.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Position of a candidate in its item, counted from 0. Never a position on screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CandidateIndex(pub u16);

impl CandidateIndex {
    /// The index as a slice position.
    pub fn at(self) -> usize {
        usize::from(self.0)
    }
}

/// Who speaks in a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions that stand before the dialogue.
    System,
    /// The person who asks.
    User,
    /// The model that answers.
    Assistant,
}

impl Role {
    /// The role as it is written in most data: `system`, `user`, `assistant`.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        }
    }
}

/// One message of a dialogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Who speaks.
    pub role: Role,
    /// The text as stored in the data, not trimmed.
    pub content: String,
}

impl Turn {
    /// A turn of the user.
    pub fn user(content: impl Into<String>) -> Self {
        Self { role: Role::User, content: content.into() }
    }

    /// A turn of the assistant.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self { role: Role::Assistant, content: content.into() }
    }
}

/// Where a question comes from, for sources that look answers up ([`Reads::Key`](crate::Reads::Key)).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The suite's name in the recipe.
    pub suite: Arc<str>,
    /// The item's subset.
    pub subset: Arc<str>,
    /// The item's id, unique within its subset.
    pub id: Arc<str>,
    /// The candidates in the order shown: one for pointwise questions, two for pairs.
    pub candidates: Vec<CandidateIndex>,
}

/// One question to a source: a prompt and one or more candidate replies to it.
///
/// A cheap handle without lifetime: cloning it copies pointers, so threads, plugins and timeouts cannot
/// outlive what it points at. Questions about one prompt share the same `Arc` of turns.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    prompt: Arc<[Turn]>,
    candidates: Arc<[Arc<str>]>,
    subset: Option<Arc<str>>,
    key: Option<Arc<Key>>,
    seeds: Arc<[u64]>,
}

impl Question {
    /// A question about these candidates, in the order shown, asked for one sample with seed 0.
    pub fn new(prompt: impl Into<Arc<[Turn]>>, candidates: impl Into<Arc<[Arc<str>]>>) -> Self {
        Self {
            prompt: prompt.into(),
            candidates: candidates.into(),
            subset: None,
            key: None,
            seeds: Arc::from([0u64]),
        }
    }

    /// A question from plain text: one user turn and its candidates. For tests and examples.
    pub fn of_text(prompt: &str, candidates: &[&str]) -> Self {
        let candidates: Vec<Arc<str>> = candidates.iter().map(|text| Arc::from(*text)).collect();
        Self::new(vec![Turn::user(prompt)], candidates)
    }

    /// The same question with the topic that a source reading [`Reads::Subset`](crate::Reads) is lent.
    pub fn with_subset(mut self, subset: Arc<str>) -> Self {
        self.subset = Some(subset);
        self
    }

    /// The same question with the key that a source reading [`Reads::Key`](crate::Reads) is lent.
    pub fn with_key(mut self, key: Key) -> Self {
        self.key = Some(Arc::new(key));
        self
    }

    /// The same question asked for one sample per seed.
    ///
    /// # Panics
    ///
    /// When `seeds` is empty: a question asks for at least one sample.
    pub fn with_seeds(mut self, seeds: impl Into<Arc<[u64]>>) -> Self {
        let seeds = seeds.into();
        assert!(!seeds.is_empty(), "a question asks for at least one sample");
        self.seeds = seeds;
        self
    }

    /// The dialogue up to the reply that is judged. Empty for items without text.
    pub fn prompt(&self) -> &Arc<[Turn]> {
        &self.prompt
    }

    /// The candidate replies in the order shown. Empty for items without text: see [`Question::arity`].
    pub fn candidates(&self) -> &[Arc<str>] {
        &self.candidates
    }

    /// How many scores an answer must hold: the number of candidates, with or without text.
    pub fn arity(&self) -> usize {
        match &self.key {
            Some(key) if self.candidates.is_empty() => key.candidates.len(),
            _ => self.candidates.len(),
        }
    }

    /// What the item is about, as the suite names it; only for sources that read `Subset`.
    pub fn subset(&self) -> Option<&str> {
        self.subset.as_deref()
    }

    /// The item's key; only for sources that read `Key`.
    pub fn key(&self) -> Option<&Key> {
        self.key.as_deref()
    }

    /// How many samples the answer must hold, at least 1. Always 1 for sources that do not draw.
    pub fn samples(&self) -> usize {
        self.seeds.len()
    }

    /// One seed per sample: a pure function of the recipe's seed, the question's content and the sample.
    pub fn seeds(&self) -> &[u64] {
        &self.seeds
    }
}
