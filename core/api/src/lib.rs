//! The vocabulary and the traits of Tribunal: all that the author of an adapter sees.
//!
//! One idea carries the design: a [`Question`] has k candidates and an [`Answer`] has k scores.
//! Pointwise, pairwise and listwise are the same call with k = 1, 2 and n. A classifier's logit is
//! `[s]`, a pairwise verdict for the first candidate `[1, 0]`, a tie `[0.5, 0.5]`, a probability
//! `[p, 1 - p]`, a ranking descending scores.
//!
//! Three traits are plugged in: [`RewardSource`] answers questions, [`Generator`] turns prompts into
//! texts (judges are built on it), and [`Suite`] is a benchmark. Each is registered under a *kind* in
//! a [`Registry`] by one function `register(&mut Registry)`. Retrying, throttling, reordering, voting,
//! storing and measuring belong to the engine and serve all plugins alike.
//!
//! [`conformance`] holds the checks that every plugin must pass; call them from your own tests.

#![deny(missing_docs)]
#![deny(unsafe_code)]

pub mod abi;
pub mod answer;
pub mod conformance;
pub mod error;
pub mod generator;
pub mod grading;
#[cfg(feature = "guest")]
pub mod guest;
pub mod identity;
pub mod item;
pub mod outcome;
pub mod question;
pub mod registry;
pub mod settings;
pub mod source;
pub mod suite;
pub mod wire;

pub use answer::{Abstention, Answer, Answers, NotFinite, Origin, Readout, Reason, Score, Usage};
pub use async_trait::async_trait;
pub use error::{SourceError, SuiteError};
pub use generator::{Completion, Finish, Generator, Grammar, Prompt, Sampling, Text, Token};
pub use identity::{Identity, Strength};
pub use item::{Absent, Candidate, Cluster, Item, Loaded, TagValue};
pub use outcome::{Combiner, Outcome, Protocol, Shown, Vote};
pub use question::{CandidateIndex, Key, Question, Role, Turn};
pub use registry::{
    Build, Card, Component, Context, LoadedBuild, Registered, Registry, SelfCheck, Taken,
};
pub use settings::{GeneratorRef, NameOrPath, PathSetting, ServerRef, SettingsError};
pub use source::{Arity, Counted, Estimate, Inspection, Limits, Quota, Reads, RewardSource, Scale};
pub use suite::{
    Aggregate, Contest, Failures, Grade, Graded, Guess, Order, Over, Published, Rules, Standing,
    Suite, SuiteCard, Ties, Tree,
};
