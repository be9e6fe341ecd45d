//! `pairs`: pairs of your own, in every format and by every field map.

use std::path::PathBuf;

use serde_json::{Value, json};
use tribunal_api::{
    Answer, CandidateIndex, Cluster, Component, Failures, Protocol, Reason, Role, Shown, TagValue,
    Ties,
};

use super::*;
use crate::measured::{credit, example, graded, measure, shared};

fn build(settings: Value) -> Result<Arc<dyn Suite>, SettingsError> {
    let mut registry = Registry::new();
    register(&mut registry);
    let found = registry.find(Component::Suite, "pairs").unwrap();
    assert_eq!(tribunal_api::settings::check(&found.schema, &settings), []);
    registry.build_suite("pairs", settings)
}

/// A suite over one file; the folder lives as long as the test needs it.
fn over(name: &str, content: &str, settings: Value) -> (tempfile::TempDir, Arc<dyn Suite>) {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    let mut settings = settings;
    settings["path"] = json!(path);
    let suite = build(settings).unwrap();
    (folder, suite)
}

fn fault(name: &str, content: &str, settings: Value) -> SuiteError {
    let (folder, suite) = over(name, content, settings);
    let error = suite.items().unwrap_err();
    drop(folder);
    error
}

#[test]
fn the_sample_passes_the_conformance_checks() {
    let suite = build(json!({
        "path": example("pairs/pairs.csv"),
        "fields": {
            "id": "id", "subset": "topic", "prompt": "prompt", "chosen": "better",
            "rejected": "worse", "chosen-author": "author"
        },
        "tags": ["author"]
    }))
    .unwrap();
    let (loaded, wrong) = tribunal_api::conformance::suite(&*suite);
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(loaded.items.len(), 20);
    let first = &loaded.items[0];
    assert_eq!((&*first.id, &*first.subset), ("p01", "cooking"));
    assert_eq!(first.candidates[0].author.as_deref(), Some("ada"));
    assert_eq!(first.tags["author"], TagValue::One(Arc::from("ada")));
    assert_eq!(first.cluster, Cluster::Conversation);
}

/// BENCHMARKS.md 1.5: rewards recorded for 849 pairs whose texts are not there.
#[test]
fn recorded_rewards_are_graded_without_texts() {
    let Some(path) = shared("rmb-results/ArmoRM-Llama3-8B-v0.1_result.json") else { return };
    let rows: Vec<Value> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let suite = build(json!({
        "path": path, "fields": { "id": "pair_uid", "subset": "category_path" }
    }))
    .unwrap();
    let items = suite.items().unwrap().items;
    assert!(items.iter().all(|item| !item.has_text()));
    let mut row = rows.iter();
    let mut next = |_: &Item| {
        let row = row.next().unwrap();
        Outcome::pointwise(["chosen_reward", "reject_reward"].map(|key| row[key].as_f64().unwrap()))
    };
    let grades = graded(&*suite, &items, &mut next);
    assert_eq!(credit(&grades, "accuracy", |_| true), (675.0, 849.0));
    assert_eq!(measure(&*suite, &grades, "accuracy", ""), Some(675.0 / 849.0));
    // 12 exact ties: half credit gives (675 + 6) / 849 = 0.802120.
    let half = Rules { ties: Ties::Half, ..Rules::default() };
    let credits = items.iter().zip(&rows).map(|(item, row)| {
        let scores = ["chosen_reward", "reject_reward"].map(|key| row[key].as_f64().unwrap());
        suite.grade(item, &Outcome::pointwise(scores), &half)[0].credit
    });
    assert_eq!(format!("{:.6}", credits.sum::<f64>() / 849.0), "0.802120");
}

#[test]
fn two_answers_and_a_label_make_a_pair() {
    let rows = r#"{"q": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}],"#;
    let rows = rows.to_owned()
        + r#" "r": ["x", "y"], "w": "B"}
{"q": "plain", "r": ["x", "y"], "w": "A>B"}"#;
    let fields = json!({ "fields": { "prompt": "q", "a": "r.0", "b": "r.1", "label": "w" } });
    let (_folder, suite) = over("d.jsonl", &rows, fields);
    let items = suite.items().unwrap().items;
    assert_eq!(items[0].gold, [0.0, 1.0]);
    assert_eq!(items[1].gold, [1.0, 0.0]);
    assert_eq!(items[0].prompt[0].role, Role::System);
    assert_eq!(items[1].prompt[0].content, "plain");
    assert_eq!((&*items[1].id, &*items[1].subset), ("2", "all"));
    assert!(suite.card().neutral_order);
    let credit = |scores: [f64; 2]| {
        suite.grade(&items[0], &Outcome::pointwise(scores), &Rules::default())[0].credit
    };
    assert_eq!(credit([0.0, 1.0]), 1.0);
    assert_eq!(credit([1.0, 0.0]), 0.0);
    assert_eq!(credit([1.0, 1.0]), 0.0);
}

#[test]
fn a_question_without_readout_is_wrong_unless_the_recipe_says_otherwise() {
    let (_folder, suite) =
        over("d.csv", "c,r\nx,y\n", json!({ "fields": { "chosen": "c", "rejected": "r" } }));
    let item = &suite.items().unwrap().items[0];
    let silent = Outcome { shown: Vec::new(), ..Outcome::pointwise([]) };
    let grades = |failures| suite.grade(item, &silent, &Rules { failures, ..Rules::default() });
    assert_eq!(grades(Failures::Published)[0].credit, 0.0);
    assert_eq!(grades(Failures::Best)[0].credit, 1.0);
    assert_eq!(grades(Failures::Exclude), []);
    // Neither prompt nor cluster: every item by itself.
    assert_eq!(item.cluster, Cluster::Named(Arc::from("all/1")));
}

/// Two orders, the second verdict as it is read on screen: `B>A` is a win for the first answer there.
#[test]
fn missing_verdicts_of_one_order_are_lost_at_worst_and_won_at_best() {
    let (_folder, suite) =
        over("d.csv", "c,r\nx,y\n", json!({ "fields": { "chosen": "c", "rejected": "r" } }));
    let item = &suite.items().unwrap().items[0];
    let read = |verdict: Option<&str>| match verdict {
        Some("A>B") => Some([1.0, 0.0]),
        Some("B>A") => Some([0.0, 1.0]),
        Some(_) => Some([0.5, 0.5]),
        None => None,
    };
    let shown = |order: [u16; 2], verdict| {
        let samples = match read(verdict) {
            Some(scores) => Outcome::listwise(&scores).shown.remove(0).samples,
            None => vec![Answer::abstain(Reason::Unreadable, "").readout],
        };
        Shown { order: order.map(CandidateIndex).to_vec(), samples }
    };
    let (a, b) = (Some("A>B"), Some("B>A"));
    let items =
        [(a, None), (b, None), (None, b), (a, b), (a, a), (None, None), (Some("A=B"), None)];
    let sum = |ties, failures| -> f64 {
        let credits = items.map(|(first, second)| {
            let outcome = Outcome {
                protocol: Protocol::Pairwise,
                shown: vec![shown([0, 1], first), shown([1, 0], second)],
                ..Outcome::pointwise([])
            };
            suite.grade(item, &outcome, &Rules { ties, failures })[0].credit
        });
        credits.iter().sum()
    };
    assert_eq!(sum(Ties::Loss, Failures::Published), 3.0);
    assert_eq!(sum(Ties::Loss, Failures::Worst), 1.0);
    assert_eq!(sum(Ties::Loss, Failures::Best), 5.0);
    assert_eq!(sum(Ties::Half, Failures::Worst), 2.5);
    assert_eq!(sum(Ties::Half, Failures::Best), 6.0);
}

#[test]
fn numbers_as_labels_must_be_explained() {
    let rows = "q,x,y,w\nu,one,two,1\nu,three,four,0\n";
    let fields = json!({ "prompt": "q", "a": "x", "b": "y", "label": "w" });
    let error = fault("d.csv", rows, json!({ "fields": fields }));
    assert!(
        error.message.starts_with("record 1, line 2: `w` is `1`, neither"),
        "{}",
        error.message
    );
    assert!(error.hint.unwrap().contains("a-labels"));
    let settings = json!({ "fields": fields, "a-labels": ["0"], "b-labels": ["1"] });
    let (_folder, suite) = over("d.csv", rows, settings);
    let items = suite.items().unwrap().items;
    assert_eq!((items[0].gold.clone(), items[1].gold.clone()), (vec![0.0, 1.0], vec![1.0, 0.0]));
}

#[test]
fn a_dialogue_in_a_cell_of_csv_is_read_as_messages() {
    let rows =
        "q,c,r\n\"[{\"\"role\"\": \"\"user\"\", \"\"content\"\": \"\"hi\"\"}]\",x,y\n[1],x,y\n";
    let fields = json!({ "fields": { "prompt": "q", "chosen": "c", "rejected": "r" } });
    let (_folder, suite) = over("d.csv", rows, fields);
    let items = suite.items().unwrap().items;
    assert_eq!(items[0].prompt[0].content, "hi");
    assert_eq!(items[1].prompt[0].content, "[1]");
}

#[test]
fn a_named_cluster_stands_and_tags_are_those_listed() {
    let rows = r#"{"c": "x", "r": "y", "g": 7, "langs": ["de", "en"]}
{"c": "x", "r": "y", "g": null}"#;
    let settings = json!({
        "fields": { "chosen": "c", "rejected": "r", "cluster": "g" }, "tags": ["langs"]
    });
    let (_folder, suite) = over("d.jsonl", rows, settings);
    let items = suite.items().unwrap().items;
    assert_eq!(items[0].cluster, Cluster::Named(Arc::from("7")));
    assert_eq!(items[1].cluster, Cluster::Named(Arc::from("all/2")));
    assert_eq!(items[0].tags["langs"], TagValue::Many(vec![Arc::from("de"), Arc::from("en")]));
    assert!(items[1].tags.is_empty());
}

#[test]
fn malformed_data_are_named_with_file_and_record() {
    let fields =
        json!({ "fields": { "id": "id", "prompt": "q", "chosen": "good", "rejected": "bad" } });
    let row = r#"{"id": "1", "q": "u", "good": "x", "bad": "y"}"#;
    let at = |content: String| {
        let error = fault("d.jsonl", &content, fields.clone());
        assert!(error.path.as_ref().is_some_and(|path| path.ends_with("d.jsonl")), "{error:?}");
        (error.message, error.hint.unwrap_or_default())
    };
    let (key, hint) =
        at(format!("{row}\n{}", row.replace("good", "godo").replace("\"1\"", "\"2\"")));
    assert!(key.starts_with("record 2, line 2: the record has no `good`"), "{key}");
    assert!(hint.contains("`godo`"), "{hint}");
    let (twice, _) = at(format!("{row}\n{row}"));
    assert!(twice.starts_with("record 2, line 2: the id `1` of `all`"), "{twice}");
    let (null, _) = at(row.replace("\"x\"", "null"));
    assert_eq!(null, "record 1, line 1: `good` is null, not a text");
    let (role, hint) = at(row.replace("\"u\"", r#"[{"role": "human", "content": "u"}]"#));
    assert!(role.contains("`q` holds something that is no message"), "{role}");
    assert!(hint.contains("assistant"), "{hint}");
    let (nan, _) = at(row.replace("\"x\"", "NaN"));
    assert!(nan.starts_with("record 1, line 1"), "{nan}");
    let mut tagged = fields.clone();
    tagged["tags"] = json!(["goodd"]);
    let error = fault("d.jsonl", row, tagged);
    assert!(error.message.contains("the record has no `goodd`"), "{}", error.message);
    assert!(error.hint.unwrap().contains("`good`"));
}

#[test]
fn settings_that_contradict_themselves_are_refused() {
    let message = |settings: Value| {
        let mut settings = settings;
        settings["path"] = json!("unused");
        build(settings).err().unwrap().message
    };
    let of = |fields: Value| message(json!({ "fields": fields }));
    assert!(of(json!({ "chosen": "c", "label": "l" })).contains("do not go together"));
    assert_eq!(of(json!({ "chosen": "c" })), "`rejected` is missing");
    assert_eq!(of(json!({ "a": "c", "b": "d" })), "`label` is missing");
    assert_eq!(of(json!({ "prompt": "c" })), "`prompt` is there without the answers");
    assert_eq!(of(json!({ "id": "" })), "`` is not a path into a record");
    let both = json!({ "fields": { "label": "l" }, "b-labels": ["A"] });
    assert_eq!(message(both), "`A` stands for both answers");
}

#[test]
fn several_subsets_stand_beside_the_headline() {
    let suite = build(json!({ "path": "unused", "fields": {} })).unwrap();
    let named = |subsets: &[&str]| -> Vec<String> {
        let subsets: Vec<Arc<str>> = subsets.iter().map(|subset| Arc::from(*subset)).collect();
        let aggregates = suite.aggregates(&subsets);
        aggregates.iter().map(|one| format!("{} {}", one.measure, one.subset)).collect()
    };
    assert_eq!(named(&["all"]), ["accuracy "]);
    assert_eq!(named(&["x", "y"]), ["accuracy ", "macro-subsets ", "accuracy x", "accuracy y"]);
}
