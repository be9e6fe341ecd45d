//! Every kind's example parses, has no faults, builds and passes the checks for sources.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;

use serde_json::Value;
use tribunal_api::registry::NoGenerators;
use tribunal_api::settings::{self, PATH_MARK};
use tribunal_api::{Component, Registered, Registry, SelfCheck, conformance};

const KINDS: [&str; 5] = [
    "baseline.coin",
    "baseline.constant",
    "baseline.length",
    "baseline.position",
    "baseline.recorded",
];

fn registry() -> Registry {
    let mut registry = Registry::new();
    tribunal_baseline::register(&mut registry);
    registry
}

/// The settings of the one `[source.x]` block of an example, without its `kind`.
fn settings_of(registered: &Registered) -> Value {
    let example: Value = toml::from_str(registered.card.example).unwrap();
    let sources = example["source"].as_object().unwrap();
    assert_eq!(sources.len(), 1);
    let mut block = sources.values().next().unwrap().as_object().unwrap().clone();
    assert_eq!(block.remove("kind"), Some(Value::from(registered.card.kind)));
    Value::Object(block)
}

/// The repository's root, which paths in examples start from.
fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[test]
fn the_five_kinds_are_registered_once_and_skip_the_known_pairs() {
    let registry = registry();
    let kinds: Vec<&str> =
        registry.kinds(Component::Source).map(|registered| registered.card.kind).collect();
    assert_eq!(kinds, KINDS);
    assert_eq!(registry.clashes(), [] as [&str; 0]);
    for registered in registry.kinds(Component::Source) {
        assert_eq!(registered.card.self_check, SelfCheck::Skip);
    }
}

#[test]
fn every_key_of_every_settings_table_is_documented() {
    fn undocumented(path: &str, schema: &Value, found: &mut Vec<String>) {
        for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{key}");
            if inner["description"].as_str().is_none_or(str::is_empty) {
                found.push(path.clone());
            }
            undocumented(&path, inner, found);
            for branch in inner["anyOf"].as_array().into_iter().flatten() {
                undocumented(&path, branch, found);
            }
        }
    }
    let mut found = Vec::new();
    for registered in registry().kinds(Component::Source) {
        undocumented(registered.card.kind, &registered.schema, &mut found);
    }
    assert_eq!(found, [] as [&str; 0]);
}

#[tokio::test]
async fn every_example_builds_and_passes_the_checks() {
    let registry = registry();
    for kind in KINDS {
        let registered = registry.find(Component::Source, kind).unwrap();
        let mut block = settings_of(registered);
        assert_eq!(settings::check(&registered.schema, &block), [], "{kind}");
        let mut paths = Vec::new();
        settings::marked(&registered.schema, &block, PATH_MARK, &mut |_, value, _| {
            paths.push(value.as_str().unwrap().to_owned());
        });
        for path in paths {
            block["path"] = Value::from(root().join(path).to_str().unwrap());
        }
        let source = registry.build_source(kind, block, &NoGenerators).unwrap();
        let questions = conformance::questions(usize::from(source.arity().least));
        let found = conformance::source(&*source, &questions).await;
        assert_eq!(found, [] as [&str; 0], "{kind}");
    }
}

#[test]
fn a_wrong_value_is_a_fault_with_the_values_that_would_be_right() {
    let registry = registry();
    let schema = &registry.find(Component::Source, "baseline.length").unwrap().schema;
    let faults = settings::check(schema, &serde_json::json!({"unit": "tokens"}));
    assert_eq!(faults[0].message, "`tokens` is not a known value");
    assert_eq!(faults[0].known, ["characters", "bytes", "words"]);
}
