//! The typed blocks of a recipe: generators, sources, suites and the run.

use super::{Composed, Failures, Order, Protocol, Ties, Vote};
use crate::fault::KeyPath;
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::time::Duration;

/// Which kind of block: the first key of its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// `[generator.<name>]`
    Generator,
    /// `[source.<name>]`
    Source,
    /// `[suite.<name>]`
    Suite,
    /// `[run]`
    Run,
}

impl Section {
    /// All sections, in the order to print.
    pub const ALL: [Self; 4] = [Self::Generator, Self::Source, Self::Suite, Self::Run];

    /// The key of the section in a recipe, which is also the word for one of its blocks.
    pub fn word(self) -> &'static str {
        match self {
            Self::Generator => "generator",
            Self::Source => "source",
            Self::Suite => "suite",
            Self::Run => "run",
        }
    }

    /// The section of that key.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|section| section.word() == word)
    }

    /// The keys of a block of this section that belong to the engine. All other keys of a block are its kind's settings;
    /// `run` has no others.
    pub fn engine_keys(self) -> &'static [&'static str] {
        match self {
            Self::Generator => &["kind", "timeout", "retry", "batch", "in-flight"],
            Self::Source => &[
                "kind",
                "suites",
                "order",
                "samples",
                "failures",
                "ties",
                "timeout",
                "retry",
                "batch",
                "in-flight",
                "protocol",
                "vote",
            ],
            Self::Suite => &[
                "kind",
                "sample",
                "subsets",
                "items",
                "order",
                "samples",
                "failures",
                "ties",
                "timeout",
                "retry",
                "batch",
                "in-flight",
                "protocol",
                "vote",
            ],
            Self::Run => &[
                "order",
                "samples",
                "failures",
                "ties",
                "timeout",
                "retry",
                "batch",
                "in-flight",
                "protocol",
                "vote",
                "tolerance",
                "budget",
                "open-sources",
                "accept-weak",
                "reuse",
                "out",
            ],
        }
    }
}

/// Engine keys that sources, suites and the run share; `None` where the block is silent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Common {
    /// In which orders candidates are shown.
    pub order: Option<Order>,
    /// Draws of each question, at least 1.
    pub samples: Option<u32>,
    /// How an abstention is graded.
    pub failures: Option<Failures>,
    /// How a tie is graded.
    pub ties: Option<Ties>,
    /// Longest wait for one call, above zero.
    pub timeout: Option<Duration>,
    /// How failed calls are repeated.
    pub retry: Retry,
    /// Most questions in one call, at least 1.
    pub batch: Option<u32>,
    /// Most calls at the same time, at least 1.
    pub in_flight: Option<u32>,
    /// How many candidates a question holds.
    pub protocol: Option<Protocol>,
    /// How samples, or the members of a panel, become one score.
    pub vote: Option<Vote>,
}

impl Common {
    /// These keys, with those of `fallback` where this block is silent: `source.or(suite).or(run)`. Of `retry` each key
    /// falls back on its own.
    #[must_use]
    pub fn or(&self, fallback: &Self) -> Self {
        Self {
            order: self.order.or(fallback.order),
            samples: self.samples.or(fallback.samples),
            failures: self.failures.or(fallback.failures),
            ties: self.ties.or(fallback.ties),
            timeout: self.timeout.or(fallback.timeout),
            retry: Retry {
                attempts: self.retry.attempts.or(fallback.retry.attempts),
                wait: self.retry.wait.or(fallback.retry.wait),
                most: self.retry.most.or(fallback.retry.most),
            },
            batch: self.batch.or(fallback.batch),
            in_flight: self.in_flight.or(fallback.in_flight),
            protocol: self.protocol.or(fallback.protocol),
            vote: self.vote.or(fallback.vote),
        }
    }
}

/// How failed calls are repeated; `None` where the block is silent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retry {
    /// Calls in all, the first included: 1 to 100.
    pub attempts: Option<u32>,
    /// Wait before the second call, doubled for each further one.
    pub wait: Option<Duration>,
    /// Longest wait between two calls.
    pub most: Option<Duration>,
}

/// What all blocks with a kind have.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Name of the block: not empty, without control characters and `/`.
    pub name: String,
    /// Kind that it is built from; whether it exists is checked by the planner.
    pub kind: String,
    /// Path of the block: `source.judge`.
    pub path: KeyPath,
    /// The engine's own keys.
    pub common: Common,
    /// All other keys, in written order: the kind's settings, unchecked.
    pub settings: Map<String, Value>,
}

/// A `[source.<name>]`.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceBlock {
    /// Name, kind, shared keys and settings.
    pub block: Block,
    /// Names of the suites it is asked on by itself, each of which exists; `None` for all, but for none of a source
    /// that a route leads to.
    pub suites: Option<Vec<String>>,
    /// Whom it stands for, where its kind is `route` or `panel`; its settings are then the engine's own.
    pub composed: Option<Composed>,
}

/// A `[suite.<name>]`.
#[derive(Clone, Debug, PartialEq)]
pub struct SuiteBlock {
    /// Name, kind, shared keys and settings.
    pub block: Block,
    /// How many clusters are drawn; `None` for all.
    pub sample: Option<Sample>,
    /// Subsets to keep; `None` for all.
    pub subsets: Option<Vec<String>>,
    /// Items to keep; `None` for all.
    pub items: Option<Items>,
}

/// A draw of clusters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Number of clusters, at least 1.
    pub clusters: u64,
    /// Tag whose values are drawn from in proportion.
    pub by: Option<String>,
}

/// Which items to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Items {
    /// Their ids.
    List(Vec<String>),
    /// A JSON or text file of their ids, as an absolute path.
    File(PathBuf),
}

/// The `[run]` block, with its defaults where they are the same for every suite.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Defaults of the shared keys.
    pub common: Common,
    /// Share of unanswered trials above which a run fails, 0 to 1 (default 0.01).
    pub tolerance: f64,
    /// What a run may spend.
    pub budget: Budget,
    /// Sources open at the same time, at least 1 (default 1). One that has been asked everything is closed before the next
    /// is asked: it gives back its weights, devices or processes. Where the recipe has more sources than that, each is
    /// also closed behind its self-check, and opened again for its trials. A generator stays open until the last source
    /// that is built on it is done.
    pub open_sources: u32,
    /// Whether answers of a source known by name only may be reused (default false).
    pub accept_weak: bool,
    /// Run folders whose answers are reused, as absolute paths.
    pub reuse: Vec<PathBuf>,
    /// Folder that run folders are made in: absolute when the recipe names it, else `runs` (in the current folder).
    pub out: PathBuf,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            common: Common::default(),
            tolerance: 0.01,
            budget: Budget::default(),
            open_sources: 1,
            accept_weak: false,
            reuse: Vec::new(),
            out: PathBuf::from("runs"),
        }
    }
}

/// What a run may spend; `None` for no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Budget {
    /// Dollars, 0 or more.
    pub usd: Option<f64>,
    /// Tokens read and written, together.
    pub tokens: Option<u64>,
    /// Calls of sources and generators.
    pub calls: Option<u64>,
}
