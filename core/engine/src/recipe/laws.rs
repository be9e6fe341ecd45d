//! Laws of merging, and that no text makes the reader panic or write control characters.

use super::document::{Content, Node};
use super::{Recipe, document, merge};
use crate::fault::{KeyPath, SourceFile};
use proptest::prelude::*;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn tree(value: &Value) -> Node {
    let text = toml::to_string(value).expect("a table of plain values");
    let file = SourceFile {
        order: 0,
        shown: "law.toml".to_owned(),
        text: Some(text),
        folder: PathBuf::new(),
    };
    let document = document::read(&Arc::new(file));
    assert!(document.sound && document.faults.is_empty());
    document.root
}

fn plain(node: &Node) -> Value {
    node.clone().flatten(&KeyPath::root(), &mut BTreeMap::new())
}

/// Few keys, so that two tables share some.
fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "d e"]).prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9_f64..1e9).prop_map(Value::from),
        "[ -~]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((key(), inner), 0..4)
                .prop_map(|all| Value::Object(all.into_iter().collect())),
        ]
    })
}

fn table() -> impl Strategy<Value = Value> {
    prop::collection::vec((key(), value()), 0..4)
        .prop_map(|all| Value::Object(all.into_iter().collect::<Map<_, _>>()))
}

/// The definition of merging, on plain values.
fn merged(base: &Value, over: &Value) -> Value {
    let (Value::Object(base), Value::Object(over)) = (base, over) else { return over.clone() };
    let mut all = base.clone();
    for (key, value) in over {
        let new = all.get(key).map_or_else(|| value.clone(), |old| merged(old, value));
        all.insert(key.clone(), new);
    }
    Value::Object(all)
}

fn paths(node: &Node, path: &KeyPath, all: &mut Vec<KeyPath>) {
    if let Content::Table(entries) = &node.content {
        for (key, node) in entries {
            all.push(path.key(&**key));
            paths(node, &path.key(&**key), all);
        }
    }
}

proptest! {
    #[test]
    fn a_tree_holds_what_its_text_says(value in table()) {
        prop_assert_eq!(plain(&tree(&value)), value);
    }

    #[test]
    fn merging_follows_its_definition(base in table(), over in table()) {
        prop_assert_eq!(plain(&merge::merge(tree(&base), tree(&over))), merged(&base, &over));
    }

    #[test]
    fn merging_the_same_twice_changes_nothing_more(base in table(), over in table()) {
        let once = merge::merge(tree(&base), tree(&over));
        let twice = merge::merge(once.clone(), tree(&over));
        prop_assert_eq!(plain(&once), plain(&twice));
    }

    #[test]
    fn what_was_removed_is_absent_and_all_else_is_there(value in table(), pick in any::<prop::sample::Index>()) {
        let mut node = tree(&value);
        let mut all = Vec::new();
        paths(&node, &KeyPath::root(), &mut all);
        prop_assume!(!all.is_empty());
        let path = pick.get(&all).clone();
        prop_assert!(merge::remove(&mut node, &path));
        prop_assert!(!merge::remove(&mut node, &path));
        let mut left = Vec::new();
        paths(&node, &KeyPath::root(), &mut left);
        all.retain(|other| !other.starts_with(&path));
        prop_assert_eq!(left, all);
    }

    #[test]
    fn what_was_put_is_found_at_its_path(value in table(), keys in prop::collection::vec(key(), 1..4), new in 0..9_i64) {
        let mut node = tree(&value);
        let path = KeyPath::of(keys);
        let leaf = tree(&serde_json::json!({ "x": new })).take("x").expect("it was just written");
        prop_assert!(merge::put(&mut node, path.segments(), leaf).is_ok());
        let value = plain(&node);
        prop_assert_eq!(path.find(&value), Some(&Value::from(new)));
    }

    #[test]
    fn a_merged_recipe_stored_and_read_again_is_the_same(over in table()) {
        let text = toml::to_string(&serde_json::json!({ "source": { "s": { "kind": "k", "free": over } } }));
        let recipe = Recipe::parse(&text.expect("plain values"), Path::new("law.toml"), &[]);
        let recipe = recipe.expect("all keys but `kind` are the kind's own");
        let again = Recipe::from_stored(recipe.stored()).expect("it was sound");
        prop_assert_eq!(again.stored(), recipe.stored());
    }

    #[test]
    fn no_text_makes_the_reader_panic_or_write_control_characters(
        text in "([a-z]{1,4}|run|source|\\[|\\]|\\.|=|\"|'|\\{|\\}|,|#|\n|\r\n|\t| |[0-9]|\\PC|[\u{1}-\u{1f}]|\u{7f}|\u{9b}|\u{202e}|\u{feff}){0,40}",
        set in "\\PC{0,12}",
    ) {
        let Err(faults) = Recipe::parse(&text, Path::new("law.toml"), &[set]) else { return Ok(()) };
        prop_assert!(!faults.is_empty());
        let drawn = faults.render(false);
        let bad = drawn.chars().find(|c| c.is_control() && *c != '\n');
        prop_assert_eq!(bad, None, "{:?}", drawn);
    }
}
