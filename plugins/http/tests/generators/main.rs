//! The generators of this crate against scripted servers: real HTTP over loopback.

#![allow(clippy::unwrap_used, reason = "functions that tests share stand outside of tests")]

mod adapting;
mod anthropic;
mod completions;
mod endpoints;
mod failures;
mod gemini;
mod identify;
mod openai;
mod properties;
mod samples;
mod secrets;

use std::sync::Arc;

use serde_json::{Value, json};
use tribunal_api::registry::NoGenerators;
use tribunal_api::{
    Completion, Context, Generator, Prompt, Registry, Sampling, SettingsError, SourceError, Turn,
};
use tribunal_scripted::Server;

/// A key that every test run has in its environment, and what it holds.
pub const KEY: (&str, &str) = ("CARGO_MANIFEST_DIR", env!("CARGO_MANIFEST_DIR"));

pub fn registry() -> Registry {
    let mut registry = Registry::new();
    tribunal_http::register(&mut registry);
    registry
}

/// A generator with these settings, checked against the schema first as the planner does.
pub fn try_build(
    kind: &str,
    settings: Value,
    context: &dyn Context,
) -> Result<Arc<dyn Generator>, SettingsError> {
    let registry = registry();
    let found = registry.find(tribunal_api::Component::Generator, kind).unwrap();
    let faults = tribunal_api::settings::check(&found.schema, &settings);
    if let Some(fault) = faults.into_iter().next() {
        return Err(fault);
    }
    registry.build_generator(kind, settings, context)
}

pub fn build(kind: &str, server: &Server, more: Value) -> Arc<dyn Generator> {
    let mut settings = json!({"base-url": server.url()});
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    try_build(kind, settings, &NoGenerators).unwrap()
}

/// `http.chat` for model `m` at this server.
pub fn chat(server: &Server, more: Value) -> Arc<dyn Generator> {
    let mut settings = json!({"model": "m"});
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    build("http.chat", server, settings)
}

pub fn prompt() -> Prompt {
    Prompt {
        turns: vec![Turn::user("which is better?")],
        sampling: Sampling { max_tokens: 16, ..Sampling::default() },
        seeds: vec![7],
        labels: Vec::new(),
        grammar: None,
    }
}

pub async fn ask(
    generator: &Arc<dyn Generator>,
    prompt: Prompt,
) -> Result<Completion, SourceError> {
    let mut results = generator.generate(&[prompt]).await;
    assert_eq!(results.len(), 1);
    results.remove(0)
}

/// A choice of a chat completion.
pub fn choice(index: usize, text: &str) -> Value {
    json!({"index": index, "message": {"role": "assistant", "content": text, "refusal": null},
        "logprobs": null, "finish_reason": "stop"})
}

/// A whole chat completion.
pub fn completion(choices: Vec<Value>) -> Value {
    json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m-2026",
        "system_fingerprint": "fp_1", "choices": choices,
        "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}})
}
