//! Benchmark cases with their gold labels.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::question::{CandidateIndex, Turn};

/// Which items share a prompt and are therefore drawn together when uncertainty is measured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cluster {
    /// All items of the suite with the same conversation. The engine digests it.
    #[default]
    Conversation,
    /// A name given by the suite, where the conversation is absent or does not tell.
    Named(Arc<str>),
}

/// A column of the suite's own data, to slice reports by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TagValue {
    /// One value.
    One(Arc<str>),
    /// Several values; the item belongs to the slice of each.
    Many(Vec<Arc<str>>),
}

impl TagValue {
    /// The values, one or several.
    pub fn values(&self) -> &[Arc<str>] {
        match self {
            TagValue::One(value) => std::slice::from_ref(value),
            TagValue::Many(values) => values,
        }
    }
}

/// A reply that may be judged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The text; `None` for items known by key alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Arc<str>>,
    /// Who wrote it. Never shown to a source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Arc<str>>,
}

impl Candidate {
    /// A candidate with a text and no author.
    pub fn of_text(text: impl Into<Arc<str>>) -> Self {
        Self { text: Some(text.into()), author: None }
    }
}

/// One benchmark case: a prompt, candidates, and how good each really is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// The suite's division that the item belongs to; `/` separates levels.
    pub subset: Arc<str>,
    /// Unique within the subset.
    pub id: Arc<str>,
    /// What the item is about: lent to sources that read `Subset`. Equal for the same topic in different
    /// divisions (RMB's pairwise and best-of-N sets), so that equal questions stay equal.
    pub topic: Arc<str>,
    /// What it shares its prompt with.
    pub cluster: Cluster,
    /// The dialogue up to the judged reply. Empty for items known by key alone.
    pub prompt: Arc<[Turn]>,
    /// The candidates in stored order.
    pub candidates: Vec<Candidate>,
    /// Gold relevance, one number per candidate in stored order; larger is better, equal is equally good.
    pub gold: Vec<f64>,
    /// The suite's own columns.
    pub tags: BTreeMap<Arc<str>, TagValue>,
}

impl Item {
    /// The candidates with the greatest gold, in stored order.
    pub fn correct(&self) -> impl Iterator<Item = CandidateIndex> + '_ {
        let best = self.best_gold();
        self.indices().filter(move |index| self.gold[index.at()] == best)
    }

    /// The candidates below the greatest gold, in stored order.
    pub fn wrong(&self) -> impl Iterator<Item = CandidateIndex> + '_ {
        let best = self.best_gold();
        self.indices().filter(move |index| self.gold[index.at()] < best)
    }

    /// All candidates in stored order.
    pub fn indices(&self) -> impl Iterator<Item = CandidateIndex> + use<> {
        (0..self.candidates.len()).map(|index| {
            CandidateIndex(u16::try_from(index).expect("conformance limits candidates to 65,535"))
        })
    }

    /// True when prompt and candidates have texts.
    pub fn has_text(&self) -> bool {
        self.candidates.iter().all(|candidate| candidate.text.is_some())
    }

    /// Gold of the form 1 for the `correct` first candidates and 0 for the rest of `count`.
    pub fn gold_first(correct: usize, count: usize) -> Vec<f64> {
        (0..count).map(|index| if index < correct { 1.0 } else { 0.0 }).collect()
    }

    fn best_gold(&self) -> f64 {
        self.gold.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }
}

/// Something that belongs to the suite and is not in the data at hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absent {
    /// The file or part, as a person knows it.
    pub what: String,
    /// The subset it would have held, if it is one.
    pub subset: Option<Arc<str>>,
}

/// What a suite read.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The items, in an order that depends on the data alone.
    pub items: Vec<Item>,
    /// What is missing. Not empty: every output calls the result partial.
    pub absent: Vec<Absent>,
}
