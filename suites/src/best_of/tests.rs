//! `best-of`: lists of your own, with texts and without.

use serde_json::json;
use tribunal_api::{Component, Failures, Ties};

use super::*;
use crate::measured::{credit, example, measure, shared};

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

const RATINGS: &str = "rewardbench2/composo-judge-scores";

/// Recorded ratings name items by id and subset; there are four answers, of which the first is right.
#[test]
fn the_length_of_a_recorded_list_may_count_the_answers() {
    let Some(folder) = shared(RATINGS) else { return };
    let suite = build(json!({
        "path": folder.join("base_full_k8_t0.0.jsonl"), "best": 0,
        "fields": { "id": "id", "subset": "subset", "count": "full_scores" }
    }));
    let items = suite.unwrap().items().unwrap().items;
    assert_eq!(items.len(), 1730);
    assert!(items.iter().all(|item| !item.has_text() && item.candidates.len() == 4));
}

/// The means of the values among the first `k`, in the order of the answers; an answer without any was not shown.
fn ratings(row: &Value, judge: &str, k: usize) -> Outcome {
    let mut outcome = Outcome::pointwise([]);
    for (index, values) in row[judge].as_array().unwrap().iter().enumerate() {
        let values = values.as_array().unwrap().iter().take(k).filter_map(Value::as_f64);
        let values: Vec<f64> = values.collect();
        if !values.is_empty() {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let mut one = Outcome::pointwise([mean]).shown;
            one[0].order = vec![tribunal_api::CandidateIndex(index as u16)];
            outcome.shown.extend(one);
        }
    }
    outcome
}

/// Check values: BENCHMARKS.md 2.5, the table of recorded ratings: items and right ones under the strict rule, then
/// items, sum of credits, micro and mean of five subsets under the published rule.
#[test]
fn recorded_ratings_earn_the_known_figures_under_both_rules() {
    let Some(folder) = shared(RATINGS) else { return };
    let known = [
        ("base_both_k8", "full_scores", 1, (1729, 1240.0), (1730, "1377.7500", "0.7964", "0.7462")),
        ("base_both_k8", "full_scores", 8, (1730, 1410.0), (1730, "1440.2500", "0.8325", "0.7827")),
        ("base_both_k8", "mini_scores", 1, (1728, 1119.0), (1730, "1287.0000", "0.7439", "0.6805")),
        ("base_both_k8", "mini_scores", 8, (1730, 1370.0), (1730, "1397.6667", "0.8079", "0.7475")),
        (
            "base_full_k8_t0.0",
            "full_scores",
            1,
            (1726, 1251.0),
            (1730, "1382.3333", "0.7990", "0.7473"),
        ),
        (
            "base_full_k8_t0.0",
            "full_scores",
            8,
            (1730, 1334.0),
            (1730, "1409.0000", "0.8145", "0.7589"),
        ),
        (
            "base_full_k8_t0.7",
            "full_scores",
            8,
            (1734, 1412.0),
            (1734, "1445.9167", "0.8339", "0.7887"),
        ),
        ("base_nano_k8", "nano_scores", 1, (1708, 892.0), (1718, "1071.6667", "0.6238", "0.5861")),
        ("base_nano_k8", "nano_scores", 8, (1718, 1231.0), (1718, "1258.0000", "0.7322", "0.6852")),
        (
            "criteria_both_k8",
            "full_scores",
            1,
            (1738, 1299.0),
            (1742, "1425.5833", "0.8184", "0.7706"),
        ),
        (
            "criteria_both_k8",
            "full_scores",
            8,
            (1741, 1455.0),
            (1742, "1479.0000", "0.8490", "0.8032"),
        ),
        (
            "criteria_both_k8",
            "mini_scores",
            8,
            (1742, 1419.0),
            (1742, "1439.6667", "0.8264", "0.7685"),
        ),
    ];
    for (file, judge, k, strict, published) in known {
        let path = folder.join(format!("{file}.jsonl"));
        let text = std::fs::read_to_string(&path).unwrap();
        let rows: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let suite = build(json!({
            "path": path, "fields": { "id": "id", "subset": "subset" }, "best": 0, "count": 4
        }))
        .unwrap();
        let items = suite.items().unwrap().items;
        let graded = |rules: Rules| -> Vec<(Arc<str>, Vec<Grade>)> {
            let rows = items.iter().zip(&rows);
            rows.map(|(item, row)| {
                (item.subset.clone(), suite.grade(item, &ratings(row, judge, k), &rules))
            })
            .collect()
        };
        let grades = graded(Rules { ties: Ties::Loss, failures: Failures::Exclude });
        let (right, count) = credit(&grades, "best-of-n", |_| true);
        assert_eq!((count as usize, right), strict, "{file} {judge} {k}");
        let grades = graded(Rules::default());
        let (sum, count) = credit(&grades, "best-of-n", |_| true);
        let four = |name: &str| format!("{:.4}", measure(&*suite, &grades, name, "").unwrap());
        let found = (count as usize, format!("{sum:.4}"), four("best-of-n"), four("macro-subsets"));
        let (n, sum, micro, mean) = published;
        let expected = (n, sum.to_owned(), micro.to_owned(), mean.to_owned());
        assert_eq!(found, expected, "{file} {judge} {k}");
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
