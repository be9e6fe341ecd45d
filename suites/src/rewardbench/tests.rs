//! RewardBench, first version: sections, weights and earlier test sets.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use tribunal_api::{Failures, Role, Rules, Ties, Turn, conformance};

use super::*;
use crate::built::{at, suite};
use crate::measured::{Grades, aggregates, example, measure, shared, six};

/// The prompts of each subset; `math-prm` weighs more than it holds.
fn prompts(subset: &str) -> u32 {
    let weights = SECTIONS.iter().flat_map(|section| section.subsets.iter());
    let weight = weights.into_iter().find(|(name, _)| *name == subset).unwrap().1;
    if subset == "math-prm" { 447 } else { weight as u32 }
}

/// Grades that reach these accuracies: of each subset as many pairs as it holds, the first ones right.
fn reaching(accuracies: &BTreeMap<&str, f64>) -> Grades {
    let mut grades = Vec::new();
    for (subset, accuracy) in accuracies {
        let right = accuracy * f64::from(prompts(subset));
        assert!((right - right.round()).abs() < 1e-9, "{subset}: {right} pairs right");
        for place in 0..prompts(subset) {
            let credit = if f64::from(place) < right.round() { 1.0 } else { 0.0 };
            grades.push((Arc::from(*subset), vec![Grade::new(ACCURACY, credit)]));
        }
    }
    grades
}

fn sample() -> Arc<dyn Suite> {
    at("rewardbench", example("rewardbench"))
}

fn write(path: &Path, rows: &[Value]) {
    let lines: Vec<String> = rows.iter().map(Value::to_string).collect();
    std::fs::write(path, lines.join("\n")).unwrap();
}

fn row(subset: &str, id: u64) -> Value {
    json!({"prompt": "p", "chosen": "c", "rejected": "r", "subset": subset, "id": id})
}

#[test]
fn the_sample_suite_keeps_every_promise() {
    let (loaded, wrong) = conformance::suite(sample().as_ref());
    assert_eq!(wrong, [""; 0]);
    assert_eq!((loaded.items.len(), loaded.absent.len()), (12, 17));
    let authors = loaded.items[0].candidates.iter().map(|one| one.author.as_deref());
    assert_eq!(authors.collect::<Vec<_>>(), [Some("writer-one"), Some("writer-two")]);
    let tags: Vec<&str> = loaded.items[0].tags.keys().map(|name| &**name).collect();
    assert_eq!(tags, ["chosen-model", "rejected-model", "section"]);
}

#[test]
fn the_table_of_sections_holds_the_published_counts() {
    let counts =
        SECTIONS.map(|section| section.subsets.iter().map(|(name, _)| prompts(name)).sum());
    assert_eq!(counts, [358u32, 456, 740, 1431]);
    assert_eq!(counts.iter().sum::<u32>(), 2985);
    assert_eq!(core_subsets().count(), 23);
    let reasoning: f64 = SECTIONS[3].subsets.iter().map(|(_, weight)| weight).sum();
    assert_eq!(reasoning, 2.0 * 984.0);
}

/// Check values: the subset accuracies that RM-R1 recorded, and the scores it computed from them.
#[test]
fn a_recorded_run_gives_its_own_section_scores() {
    let folder = "rmb-results/rm-r1/RM-R1-DeepSeek-Distilled-Qwen-32B/reward_bench/score_result";
    let Some(folder) = shared(folder) else { return };
    let read = |name: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(folder.join(name)).unwrap()).unwrap()
    };
    let file = read("each_small_section_score.json");
    let accuracies: BTreeMap<&str, f64> =
        core_subsets().map(|subset| (subset, file[subset].as_f64().unwrap())).collect();
    let grades = reaching(&accuracies);
    assert_eq!(grades.len(), 2985);
    let suite = sample();
    let value = |name: &str, subset: &str| measure(suite.as_ref(), &grades, name, subset);
    let sections = SECTIONS.map(|section| six(value("accuracy", section.name)));
    assert_eq!(sections, ["0.952514", "0.802632", "0.910811", "0.968083"]);
    assert_eq!(six(value("overall", "")), "0.908510");
    assert_eq!(six(value("micro", "")), "0.924623");
    assert_eq!(value("accuracy", "hep-cpp"), Some(161.0 / 164.0));
    let recorded = read("main_score.json");
    let close = |value: Option<f64>, key: &str| {
        assert!((value.unwrap() - recorded[key].as_f64().unwrap()).abs() < 1e-12, "{key}");
    };
    for section in &SECTIONS {
        close(value("accuracy", section.name), section.name);
    }
    close(value("overall", ""), "avg_Result_each_section");
    close(value("micro", ""), "absoluate_Result");
}

/// Check values: the example of the RewardBench README (a Beaver cost model), as pairs right in each subset.
#[test]
fn the_published_example_gives_its_section_scores() {
    let right: [&[u32]; 4] = [
        &[50, 56, 67, 16, 29],
        &[20, 52, 58, 36, 22, 17],
        &[97, 100, 154, 71, 112],
        &[132, 103, 104, 116, 109, 90, 106],
    ];
    let subsets = SECTIONS.iter().zip(right).flat_map(|(section, right)| {
        assert_eq!(section.subsets.len(), right.len());
        section.subsets.iter().map(|(name, _)| *name).zip(right)
    });
    let accuracies =
        subsets.map(|(name, right)| (name, f64::from(*right) / f64::from(prompts(name))));
    let grades = reaching(&accuracies.collect());
    let suite = sample();
    let sections =
        SECTIONS.map(|section| six(measure(suite.as_ref(), &grades, "accuracy", section.name)));
    assert_eq!(sections, ["0.608939", "0.449561", "0.721622", "0.466757"]);
    assert_eq!(six(measure(suite.as_ref(), &grades, "overall", "")), "0.561720");
}

/// Chat from two subsets by hand: (100 x 0.5 + 28 x 1) / 128. Mathematics weighs as much as six code subsets.
#[test]
fn missing_subsets_leave_numerator_and_denominator() {
    let suite = sample();
    let grades = reaching(&BTreeMap::from([("alpacaeval-easy", 0.5), ("mt-bench-easy", 1.0)]));
    assert_eq!(measure(suite.as_ref(), &grades, "accuracy", "Chat"), Some(78.0 / 128.0));
    assert_eq!(measure(suite.as_ref(), &grades, "overall", ""), Some(78.0 / 128.0));
    let grades = reaching(&BTreeMap::from([("math-prm", 1.0), ("hep-go", 0.0)]));
    let reasoning = measure(suite.as_ref(), &grades, "accuracy", "Reasoning");
    assert_eq!(reasoning, Some(984.0 / 1148.0));
    let all = aggregates(suite.as_ref(), &grades);
    assert!(all.iter().all(|one| one.subset.as_ref() != "Chat"), "no section without a subset");
}

/// By hand: sections 1, 0, 1, 0.5 and earlier sets (1 + 0) / 2. The mean is 0.625; with the earlier sets it is
/// (2 + 0 + 2 + 1 + 0.5) / 9 = 5.5 / 9.
#[test]
fn earlier_test_sets_weigh_half_a_section_in_the_papers_mean() {
    let mut grades: Grades = Vec::new();
    for (subset, credit) in [
        ("alpacaeval-easy", 1.0),
        ("llmbar-natural", 0.0),
        ("donotanswer", 1.0),
        ("hep-go", 0.5),
        ("shp", 1.0),
        ("summarize", 0.0),
        ("anthropic_harmless", 1.0),
    ] {
        grades.push((Arc::from(subset), vec![Grade::new(ACCURACY, credit)]));
    }
    let suite = sample();
    let value = |name: &str, subset: &str| measure(suite.as_ref(), &grades, name, subset);
    assert_eq!(value("overall", ""), Some(0.625));
    assert_eq!(value("accuracy", PRIOR_SETS), Some(0.5));
    assert_eq!(value("overall-with-prior-sets", ""), Some(5.5 / 9.0));
    assert_eq!(value("micro", ""), Some(2.5 / 4.0));
    assert_eq!(value("accuracy", "anthropic_harmless"), Some(1.0));
}

#[test]
fn earlier_test_sets_are_read_from_files_named_after_them() {
    let folder = tempfile::tempdir().unwrap();
    let messages = json!([
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": "three"},
    ]);
    let turn = json!({"prompt": messages, "chosen": "c", "rejected": "r"});
    write(&folder.path().join("shp-00000-of-00002.jsonl"), std::slice::from_ref(&turn));
    write(&folder.path().join("shp-00001-of-00002.jsonl"), std::slice::from_ref(&turn));
    write(&folder.path().join("anthropic_hhh.jsonl"), &[turn.clone(), turn.clone()]);
    write(&folder.path().join("mtbench_human.jsonl"), &[turn]);
    let given = json!({"path": example("rewardbench"), "prior-sets": folder.path()});
    let suite = suite("rewardbench", given);
    let (loaded, wrong) = conformance::suite(suite.as_ref());
    assert_eq!(wrong, [""; 0]);
    let later: Vec<String> = loaded.items[12..]
        .iter()
        .map(|item| format!("{} {} {}", item.subset, item.id, item.topic))
        .collect();
    let expect = ["anthropic_hhh 1", "anthropic_hhh 2", "shp 1", "shp 2", "mtbench_human 1"];
    assert_eq!(later, expect.map(|name| format!("{name} {PRIOR_SETS}")));
    let turns = [Turn::user("one"), Turn::assistant("two"), Turn::user("three")];
    assert_eq!(loaded.items[12].prompt.as_ref(), turns);
    assert_eq!(loaded.items[12].prompt[1].role, Role::Assistant);
    let absent: Vec<&str> = loaded.absent.iter().map(|one| one.what.as_str()).collect();
    assert_eq!(absent[17..], ["anthropic_helpful", "summarize"]);
}

#[test]
fn the_filtered_split_is_read_where_others_stand_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    write(&data.join("raw-00000-of-00001.jsonl"), &[row("hep-go", 1), row("hep-go", 2)]);
    write(&data.join("filtered-00000-of-00001.jsonl"), &[row("hep-go", 1)]);
    assert_eq!(at("rewardbench", folder.path()).items().unwrap().items.len(), 1);
}

#[test]
fn a_csv_file_is_read_with_ids_as_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.csv");
    let text = "prompt,chosen,rejected,subset,id\n[1] is what?,a list,,hep-go,007\n";
    std::fs::write(&path, text).unwrap();
    let items = at("rewardbench", path).items().unwrap().items;
    assert_eq!(&*items[0].id, "007");
    assert_eq!(items[0].prompt.as_ref(), [Turn::user("[1] is what?")]);
    assert_eq!(items[0].candidates[1].text.as_deref(), Some(""));
}

#[test]
fn a_parquet_file_is_read_with_its_whole_numbers_as_ids() {
    use tribunal_tables::{Cell, Column, ColumnKind, Format, Writer};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("filtered-00000-of-00001.parquet");
    let texts = ["prompt", "chosen", "rejected", "subset"];
    let mut columns = texts.map(|name| Column::new(name, ColumnKind::Text)).to_vec();
    columns.push(Column::new("id", ColumnKind::Integer));
    let mut writer = Writer::create(&path, Format::Parquet, &columns).unwrap();
    for id in [30, 31] {
        let mut cells =
            ["p", "c", "r", "alpacaeval-easy"].map(|text| Cell::Text(text.into())).to_vec();
        cells.push(Cell::Integer(id));
        writer.write(&cells).unwrap();
    }
    writer.finish().unwrap();
    let items = at("rewardbench", folder.path()).items().unwrap().items;
    let ids: Vec<&str> = items.iter().map(|item| &*item.id).collect();
    assert_eq!(ids, ["30", "31"]);
    assert_eq!(items[0].candidates[0].text.as_deref(), Some("c"));
}

#[test]
fn a_tie_loses_and_a_failure_earns_one_half() {
    let suite = sample();
    let item = suite.items().unwrap().items.remove(0);
    let credit = |outcome: &Outcome, rules| {
        suite.grade(&item, outcome, &rules).first().map(|grade| grade.credit)
    };
    let tie = Outcome::pointwise([1.0, 1.0]);
    assert_eq!(credit(&tie, Rules::default()), Some(0.0));
    assert_eq!(credit(&tie, Rules { ties: Ties::Half, ..Rules::default() }), Some(0.5));
    let silent = Outcome { shown: Vec::new(), ..tie };
    assert_eq!(credit(&silent, Rules::default()), Some(0.5));
    for (failures, expect) in [
        (Failures::Wrong, Some(0.0)),
        (Failures::Worst, Some(0.0)),
        (Failures::Best, Some(1.0)),
        (Failures::Exclude, None),
    ] {
        assert_eq!(credit(&silent, Rules { failures, ..Rules::default() }), expect);
    }
}

#[test]
fn wrong_data_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.jsonl");
    let refused = |rows: &[Value]| {
        write(&path, rows);
        let error = at("rewardbench", path.clone()).items().unwrap_err();
        assert_eq!(error.path.as_deref(), Some(path.as_path()));
        format!("{} | {}", error.message, error.hint.unwrap_or_default())
    };
    assert_eq!(
        refused(&[row("hep-go", 1), row("hep-pyton", 2)]),
        "record 2, line 2: `hep-pyton` is no subset of RewardBench | did you mean `hep-python`?"
    );
    let twice = [row("hep-go", 1), row("hep-go", 1)];
    let found = refused(&twice);
    assert!(
        found.starts_with("record 2, line 2: the id `1` of `hep-go` was met before"),
        "{found}"
    );
    assert!(found.contains("`ids = \"record\"`"), "{found}");
    let with = |key: &str, value: Value| {
        let mut changed = row("hep-go", 1);
        changed[key] = value;
        changed
    };
    let no_id = refused(&[with("id", Value::Null)]);
    assert!(no_id.starts_with("record 1, line 1: the record has no `id` | set `ids"), "{no_id}");
    let prompt = |value| refused(&[with("prompt", value)]);
    assert!(prompt(json!([])).contains("`prompt` is an empty list"));
    assert!(prompt(json!(4)).contains("`prompt` is neither text nor a list of messages"));
    let role = prompt(json!([{"role": "judge", "content": "x"}]));
    assert!(role.contains("`prompt.0` has the unknown role `judge`"), "{role}");
    assert!(prompt(json!([{"role": "user"}])).contains("`prompt.0` has no text `content`"));
    write(&path, &twice);
    let numbered = suite("rewardbench", json!({"path": path, "ids": "record"}));
    let ids: Vec<String> =
        numbered.items().unwrap().items.iter().map(|item| item.id.to_string()).collect();
    assert_eq!(ids, ["1", "2"]);
}
