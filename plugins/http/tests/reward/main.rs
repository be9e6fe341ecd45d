//! Reward sources against scripted servers: real HTTP over loopback, in the shapes that servers were recorded with.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bodies;
mod fake;
mod faults;
mod generic;
mod likelihood;
mod refusals;
mod rendering;
mod routes;

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use tribunal_api::registry::NoGenerators;
use tribunal_api::{
    Answer, Component, Question, Readout, Registry, RewardSource, SettingsError, SourceError,
    settings,
};

/// A template that writes BOS itself, as Llama 3 does.
const WITH_BOS: &str =
    "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}<e>{% endfor %}";
/// A template without BOS.
const WITHOUT_BOS: &str = "{% for m in messages %}[{{ m.role }}]{{ m.content }}<e>{% endfor %}";

fn registry() -> Registry {
    let mut registry = Registry::new();
    tribunal_http::register(&mut registry);
    registry
}

/// Settings with these keys beside `server` and `base-url`.
fn keys(server: &str, url: &str, more: Value) -> Value {
    let mut settings = json!({"server": server, "base-url": url});
    let table = settings.as_object_mut().unwrap();
    table.extend(more.as_object().unwrap().clone());
    settings
}

/// The source, or the first fault that schema or factory finds.
fn try_build(kind: &str, block: Value) -> Result<Arc<dyn RewardSource>, SettingsError> {
    let registry = registry();
    let schema = &registry.find(Component::Source, kind).unwrap().schema;
    if let Some(fault) = settings::check(schema, &block).into_iter().next() {
        return Err(fault);
    }
    registry.build_source(kind, block, &NoGenerators)
}

fn build(server: &str, url: &str, more: Value) -> Arc<dyn RewardSource> {
    try_build("http.reward", keys(server, url, more)).unwrap()
}

/// A file with a chat template or tokenizer settings, kept for the length of the test.
fn file(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

/// Tokenizer settings with this template.
fn tokenizer_config(template: &str) -> String {
    json!({"bos_token": "<bos>", "add_bos_token": true, "chat_template": template}).to_string()
}

/// One question per reply, all to one prompt.
fn questions(replies: &[&str]) -> Vec<Question> {
    let first = Question::of_text("Why is the sky blue?", &["x"]);
    replies
        .iter()
        .map(|reply| Question::new(first.prompt().clone(), vec![Arc::from(*reply)]))
        .collect()
}

/// What came of a question.
#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    Score(f64),
    Abstained(tribunal_api::Reason),
    Error(SourceError),
}

fn outcome(result: &Result<Vec<Answer>, SourceError>) -> Outcome {
    match result {
        Ok(samples) => match &samples[0].readout {
            Readout::Scores(scores) => Outcome::Score(scores[0].value()),
            Readout::Abstained(abstention) => Outcome::Abstained(abstention.reason),
        },
        Err(error) => Outcome::Error(error.clone()),
    }
}

async fn outcomes(source: &dyn RewardSource, questions: &[Question]) -> Vec<Outcome> {
    source.score(questions).await.into_vec().iter().map(outcome).collect()
}

/// The message of an error; panics on anything else.
fn message(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Error(error) => error.to_string(),
        other => panic!("expected an error, found {other:?}"),
    }
}
