//! Recorded answers, asked through the registry as the engine asks them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod examples;
mod faults;
mod rankings;
mod real;
mod scores;
mod verdicts;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use tribunal_api::registry::NoGenerators;
use tribunal_api::{
    Answer, CandidateIndex, Component, Key, Question, Readout, Reason, Registry, RewardSource,
    SettingsError, settings,
};

/// Builds the source that these settings describe; `block` is TOML without `path`.
fn build(path: &Path, block: &str) -> Result<Arc<dyn RewardSource>, SettingsError> {
    let mut registry = Registry::new();
    tribunal_baseline::register(&mut registry);
    let mut block: Value = toml::from_str(block).unwrap();
    block["path"] = Value::from(path.to_str().unwrap());
    let schema = &registry.find(Component::Source, "baseline.recorded").unwrap().schema;
    if let Some(fault) = settings::check(schema, &block).into_iter().next() {
        return Err(fault);
    }
    registry.build_source("baseline.recorded", block, &NoGenerators)
}

/// A folder of its own for each test.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The source over a new file.
    fn source(&self, name: &str, content: &str, block: &str) -> Arc<dyn RewardSource> {
        build(&self.file(name, content), block).unwrap()
    }
}

/// A question of the suite `suite` about candidates known by number alone.
fn question(subset: &str, id: &str, shown: &[u16]) -> Question {
    Question::new(Vec::new(), Vec::new()).with_key(Key {
        suite: Arc::from("suite"),
        subset: Arc::from(subset),
        id: Arc::from(id),
        candidates: shown.iter().map(|index| CandidateIndex(*index)).collect(),
    })
}

/// What was said: scores, or the reason and the note.
#[derive(Debug, PartialEq)]
enum Said {
    Scores(Vec<f64>),
    Nothing(Reason, String),
}

fn said(answer: &Answer) -> Said {
    match &answer.readout {
        Readout::Scores(scores) => Said::Scores(scores.iter().map(|score| score.value()).collect()),
        Readout::Abstained(abstention) => Said::Nothing(abstention.reason, abstention.note.clone()),
    }
}

/// All samples of the answer to one question.
async fn samples(source: &dyn RewardSource, question: Question) -> Vec<Said> {
    let answers = source.score(&[question]).await.into_vec();
    answers[0].as_ref().unwrap().iter().map(said).collect()
}

/// The answer to one question asked once.
async fn ask(source: &dyn RewardSource, subset: &str, id: &str, shown: &[u16]) -> Said {
    samples(source, question(subset, id, shown)).await.remove(0)
}

/// The scores in the answer to one question; empty for an abstention.
async fn scores(source: &dyn RewardSource, subset: &str, id: &str, shown: &[u16]) -> Vec<f64> {
    match ask(source, subset, id, shown).await {
        Said::Scores(scores) => scores,
        Said::Nothing(..) => Vec::new(),
    }
}
