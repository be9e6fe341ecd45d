//! Suites built as the engine builds them, for the tests of this crate alone.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use tribunal_api::{Component, Item, Registry, Suite, settings};

/// A suite of this crate, from settings that its schema has no fault with.
pub(crate) fn suite(kind: &str, given: Value) -> Arc<dyn Suite> {
    let mut registry = Registry::new();
    crate::register(&mut registry);
    let found = registry.find(Component::Suite, kind).expect("the kind is registered");
    assert_eq!(settings::check(&found.schema, &given), []);
    registry.build_suite(kind, given).unwrap()
}

/// A suite of this crate with nothing but a path.
pub(crate) fn at(kind: &str, path: impl Into<PathBuf>) -> Arc<dyn Suite> {
    suite(kind, json!({ "path": path.into() }))
}

/// The number of Unicode scalar values of each candidate, as scores.
pub(crate) fn characters(item: &Item) -> Vec<f64> {
    let texts = item.candidates.iter().map(|candidate| candidate.text.as_deref().unwrap_or(""));
    texts.map(|text| text.chars().count() as f64).collect()
}
