use serde_json::json;
use tribunal_api::{Component, Failures, Ties};

use super::*;
use crate::measured::{example, shared};

fn build(settings: Value) -> Result<Arc<dyn Suite>, SettingsError> {
    let mut registry = Registry::new();
    register(&mut registry);
    let found = registry.find(Component::Suite, "best-of").unwrap();
    assert_eq!(tribunal_api::settings::check(&found.schema, &settings), []);
    registry.build_suite("best-of", settings)
}

/// The items of one JSON lines file.
fn read(content: &str, mut settings: Value) -> Result<Vec<Item>, SuiteError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.jsonl");
    std::fs::write(&path, content).unwrap();
    settings["path"] = json!(path);
    build(settings).unwrap().items().map(|loaded| loaded.items)
}

#[test]
fn the_sample_passes_the_conformance_checks() {
    let suite = build(json!({
        "path": example("best-of/lists.jsonl"),
        "fields": {
            "id": "id", "subset": "topic", "prompt": "question", "candidates": "answers",
            "best": "best"
        }
    }))
    .unwrap();
    let (loaded, wrong) = tribunal_api::conformance::suite(&*suite);
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(loaded.items.len(), 20);
    assert_eq!(loaded.items[0].gold, [0.0, 1.0, 0.0]);
    assert_eq!(loaded.items[0].candidates[1].text.as_deref(), Some("Canberra."));
}

#[test]
fn the_best_may_be_an_index_several_or_a_list_of_flags() {
    let rows = r#"{"c": ["x", "y", "z"], "b": 2}
{"c": ["x", "y", "z"], "b": [0, 2]}
{"c": ["x", "y", "z"], "b": [false, true, false]}
{"c": ["x", "y", "z"], "b": "1"}"#;
    let fields = json!({ "fields": { "candidates": "c", "best": "b" } });
    let gold: Vec<Vec<f64>> =
        read(rows, fields).unwrap().into_iter().map(|item| item.gold).collect();
    let expected = [[0.0, 0.0, 1.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]];
    assert_eq!(gold, expected);
}

#[test]
fn answers_may_be_tables_or_columns() {
    let rows = r#"{"q": "u", "c": [{"reply": {"text": "x"}, "by": "m"}, {"reply": {"text": "y"}, "by": null}]}"#;
    let settings = json!({
        "fields": { "prompt": "q", "candidates": "c", "text": "reply.text", "author": "by" }, "best": 0
    });
    let item = &read(rows, settings).unwrap()[0];
    assert_eq!(item.candidates[1].text.as_deref(), Some("y"));
    assert_eq!(item.candidates[0].author.as_deref(), Some("m"));
    assert_eq!(item.candidates[1].author, None);
    let rows = r#"{"q": "u", "chosen": ["x"], "rejected": ["y", "z"]}"#;
    let settings = json!({
        "fields": { "prompt": "q", "columns": ["chosen.0", "rejected.0", "rejected.1"] }, "best": 0
    });
    let item = &read(rows, settings).unwrap()[0];
    assert_eq!(item.candidates[2].text.as_deref(), Some("z"));
    assert_eq!(item.gold, [1.0, 0.0, 0.0]);
}

/// BENCHMARKS.md 2.5: recorded ratings name items by id and subset, four answers, the first is right.
#[test]
fn recorded_ratings_are_items_without_texts() {
    let Some(path) = shared("rewardbench2/composo-judge-scores/base_full_k8_t0.0.jsonl") else {
        return;
    };
    for count in [json!({ "count": 4 }), json!({ "in": "fields" })] {
        let mut settings = json!({
            "path": path, "best": 0, "fields": { "id": "id", "subset": "subset" }
        });
        match count.get("count") {
            Some(count) => settings["count"] = count.clone(),
            None => settings["fields"]["count"] = json!("full_scores"),
        }
        let items = build(settings).unwrap().items().unwrap().items;
        assert_eq!(items.len(), 1730);
        let textless = |item: &Item| !item.has_text() && item.candidates.len() == 4;
        assert!(items.iter().all(textless));
    }
}

/// Rows by hand: the first is right alone, shares the top with one, with all, and has no readout.
#[test]
fn credit_is_shared_at_the_top_and_an_unreadable_answer_ranks_last() {
    let rows = r#"{"id": "1"}"#;
    let settings = json!({ "path": "unused", "fields": { "id": "id" }, "best": 0, "count": 4 });
    let item = &read(rows, settings.clone()).unwrap()[0];
    let suite = build(settings).unwrap();
    let credit = |outcome: &Outcome, rules: Rules| {
        suite.grade(item, outcome, &rules).first().map(|grade| grade.credit)
    };
    let published = |outcome: &Outcome| credit(outcome, Rules::default());
    assert_eq!(published(&Outcome::pointwise([7.0, 6.0, 6.0, 5.0])), Some(1.0));
    assert_eq!(published(&Outcome::pointwise([7.0, 7.0, 6.0, 5.0])), Some(0.5));
    assert_eq!(published(&Outcome::pointwise([7.0; 4])), Some(0.25));
    let strict = Rules { ties: Ties::Loss, ..Rules::default() };
    assert_eq!(credit(&Outcome::pointwise([7.0, 7.0, 6.0, 5.0]), strict), Some(0.0));
    let silent = Outcome { shown: Vec::new(), ..Outcome::pointwise([]) };
    assert_eq!(published(&silent), Some(0.25));
    let mut gap = Outcome::pointwise([7.0, 9.0, 6.0, 5.0]);
    gap.shown.remove(1);
    assert_eq!(published(&gap), Some(1.0));
    let exclude = Rules { failures: Failures::Exclude, ..Rules::default() };
    assert_eq!(credit(&gap, exclude), None);
}

#[test]
fn malformed_lists_are_named_with_file_and_record() {
    let message = |row: &str| {
        let good = r#"{"id": "0", "c": ["x", "y"], "b": 0}"#;
        let fields = json!({ "fields": { "id": "id", "candidates": "c", "best": "b" } });
        let error = read(&format!("{good}\n{row}"), fields).unwrap_err();
        assert!(error.path.as_ref().is_some_and(|path| path.ends_with("d.jsonl")), "{error:?}");
        let message = error.message.strip_prefix("record 2, line 2: ");
        message.unwrap_or_else(|| panic!("{}", error.message)).to_owned()
    };
    assert_eq!(message(r#"{"id": "1", "c": [], "b": 0}"#), "0 answers leave nothing to choose");
    assert_eq!(message(r#"{"id": "1", "c": ["x"], "b": 0}"#), "1 answers leave nothing to choose");
    let out = "`b` is 2, and the 2 answers have the indexes 0 to 1";
    assert_eq!(message(r#"{"id": "1", "c": ["x", "y"], "b": 2}"#), out);
    let wrong = "`b` is `-1`, not an index and no list of indexes";
    assert_eq!(message(r#"{"id": "1", "c": ["x", "y"], "b": -1}"#), wrong);
    let wrong = "`b` is null, not an index and no list of indexes";
    assert_eq!(message(r#"{"id": "1", "c": ["x", "y"], "b": null}"#), wrong);
    let none = "`b` names no answer as the best";
    assert_eq!(message(r#"{"id": "1", "c": ["x", "y"], "b": [false, false]}"#), none);
    let many = "`b` holds 3 values for 2 answers";
    assert_eq!(message(r#"{"id": "1", "c": ["x", "y"], "b": [true, false, false]}"#), many);
    let all = "every answer is the best: nothing tells them apart";
    assert_eq!(message(r#"{"id": "1", "c": ["x", "y"], "b": [0, 1]}"#), all);
    let list = "`c` is `x`, not a list";
    assert_eq!(message(r#"{"id": "1", "c": "x", "b": 0}"#), list);
    let table = "`c.0` is a table, not a text";
    assert_eq!(message(r#"{"id": "1", "c": [{"t": "x"}, {"t": "y"}], "b": 0}"#), table);
    assert!(message(r#"{"id": "0", "c": ["x", "y"], "b": 0}"#).starts_with("the id `0` of `all`"));
    assert!(
        message(r#"{"id": "1", "d": ["x", "y"], "b": 0}"#).starts_with("the record has no `c`")
    );
}

#[test]
fn settings_that_contradict_themselves_are_refused() {
    let message = |settings: Value| {
        let mut settings = settings;
        settings["path"] = json!("unused");
        build(settings).err().unwrap().message
    };
    assert_eq!(message(json!({ "fields": {} })), "nothing says where the answers are");
    let both = json!({ "fields": { "candidates": "c", "columns": ["x"] } });
    assert_eq!(message(both), "`candidates`, `columns` and `count` do not go together");
    assert_eq!(
        message(json!({ "fields": { "candidates": "c" } })),
        "nothing says which answer is best"
    );
    let twice = json!({ "fields": { "candidates": "c", "best": "b" }, "best": 0 });
    assert_eq!(message(twice), "`best` is set twice, as an index and as a field");
    let prompt = json!({ "fields": { "prompt": "q", "best": "b" }, "count": 4 });
    assert_eq!(message(prompt), "`prompt` is there without the answers");
    let text = json!({ "fields": { "text": "t", "columns": ["x"] }, "best": 0 });
    assert_eq!(message(text), "`candidates` is missing");
}
