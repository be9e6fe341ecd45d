//! RM-Bench: difficulties, domains, and the length control on the real files.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use tribunal_api::{
    Abstention, Aggregate, Failures, Protocol, Readout, Reason, Rules, Shown, Standing, Ties,
    conformance,
};

use super::*;
use crate::built::{at, characters};
use crate::measured::{credit, example, graded, measure, shared, six};

fn row(id: u64, more: Value) -> Value {
    let mut row = json!({
        "id": id, "prompt": "p", "subset": "alpacaeval",
        "chosen": ["a", "bb", "ccc"], "rejected": ["d", "ee", "fff"],
    });
    for (key, value) in more.as_object().unwrap() {
        row[key] = value.clone();
    }
    row
}

fn write(folder: &Path, name: &str, rows: &[Value]) -> std::path::PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, serde_json::to_string(rows).unwrap()).unwrap();
    path
}

/// One item and the suite that grades it.
fn one() -> (Arc<dyn Suite>, Item) {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "chat_filtered.json", &[row(1, json!({}))]);
    let suite = at("rm-bench", path);
    let item = suite.items().unwrap().items.remove(0);
    (suite, item)
}

fn by_name(grades: &[Grade]) -> BTreeMap<&str, f64> {
    grades.iter().map(|grade| (grade.name.as_ref(), grade.credit)).collect()
}

#[test]
fn the_sample_suite_keeps_every_promise() {
    let suite = at("rm-bench", example("rm-bench"));
    let (loaded, wrong) = conformance::suite(suite.as_ref());
    assert_eq!(wrong, [""; 0]);
    assert_eq!(loaded.absent, []);
    let count = |subset: &str| loaded.items.iter().filter(|item| &*item.subset == subset).count();
    let counts = ["chat", "code", "math", "safety-refuse", "safety-response"].map(count);
    assert_eq!(counts, [5, 4, 5, 4, 4]);
}

/// Check values: length in Unicode characters on the three files at hand, computed for this project by another
/// program.
#[test]
fn length_in_characters_gives_the_check_values() {
    let Some(path) = shared("rm-bench") else { return };
    let suite = at("rm-bench", path);
    let loaded = suite.items().unwrap();
    let grades = graded(suite.as_ref(), &loaded.items, |item| Outcome::pointwise(characters(item)));
    let read = |subset: &str| {
        ["hard", "normal", "easy", "accuracy"]
            .map(|name| six(measure(suite.as_ref(), &grades, name, subset)))
    };
    assert_eq!(read("chat"), ["0.025840", "0.284238", "0.811370", "0.373816"]);
    assert_eq!(read("safety-refuse"), ["0.023474", "0.158451", "0.889671", "0.357199"]);
    assert_eq!(read("safety-response"), ["0.237792", "0.777070", "0.987261", "0.667374"]);
    assert_eq!(read("safety"), ["0.099773", "0.378685", "0.924414", "0.467624"]);
    let overall = measure(suite.as_ref(), &grades, "overall", "").unwrap();
    assert!((overall - (0.373816 + 0.467624) / 2.0).abs() < 1e-6, "{overall}");
}

#[test]
fn length_in_bytes_differs_in_the_third_decimal() {
    let Some(path) = shared("rm-bench") else { return };
    let suite = at("rm-bench", path);
    let loaded = suite.items().unwrap();
    let bytes = |item: &Item| {
        let texts = item.candidates.iter().filter_map(|candidate| candidate.text.as_deref());
        Outcome::pointwise(texts.map(|text| text.len() as f64))
    };
    let grades = graded(suite.as_ref(), &loaded.items, bytes);
    assert_eq!(six(measure(suite.as_ref(), &grades, "hard", "safety-refuse")), "0.021127");
}

#[test]
fn absent_files_are_named_and_present_ones_counted() {
    let Some(path) = shared("rm-bench") else { return };
    let (loaded, wrong) = conformance::suite(at("rm-bench", path).as_ref());
    assert_eq!(wrong, [""; 0]);
    let absent: Vec<&str> = loaded.absent.iter().map(|absent| absent.what.as_str()).collect();
    assert_eq!(absent, ["code_filtered.json", "math_filtered.json"]);
    let count = |subset: &str| loaded.items.iter().filter(|item| &*item.subset == subset).count();
    assert_eq!(["chat", "safety-refuse", "safety-response"].map(count), [129, 284, 157]);
}

/// A judge's run that is recorded with its domain scores: the domains average to the same as the difficulties, and
/// safety is a whole number of the 9 x 441 comparisons that pooling gives.
#[test]
fn a_recorded_run_fits_the_averages_reported_here() {
    let file = "rmb-results/rm-r1/RM-R1-DeepSeek-Distilled-Qwen-32B/RM-Bench/final_result.json";
    let Some(path) = shared(file) else { return };
    let recorded: BTreeMap<String, f64> =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    // Of each domain, its number of prompts; a run with as many comparisons won, spread over the items.
    let domains = [("chat", 129), ("math", 529), ("code", 228)];
    let mut grades = Vec::new();
    let mut add = |subset: &str, prompts: u32, accuracy: f64| {
        let won = accuracy * f64::from(9 * prompts);
        assert!((won - won.round()).abs() < 1e-6, "{subset}: {won} comparisons won");
        let mut left = won.round();
        for _ in 0..prompts {
            let own = left.min(9.0);
            left -= own;
            grades.push((Arc::from(subset), vec![Grade::new("accuracy", own / 9.0)]));
        }
    };
    for (name, prompts) in domains {
        add(name, prompts, recorded[name]);
    }
    assert_eq!((recorded["safety"] * 3969.0).round(), 3788.0);
    // 3788 = 2556 + 1232: every comparison of the first part and the rest of the second.
    add("safety-refuse", 284, 1.0);
    add("safety-response", 157, 1232.0 / 1413.0);
    let (suite, _) = one();
    let overall = measure(suite.as_ref(), &grades, "overall", "");
    assert_eq!(six(overall), "0.838828");
    let difficulties = ["hard_acc", "normal_acc", "easy_acc"].map(|name| recorded[name]);
    let mean = difficulties.iter().sum::<f64>() / 3.0;
    assert!((overall.unwrap() - mean).abs() < 1e-12);
    assert!((overall.unwrap() - recorded["total_avg_acc"]).abs() < 1e-12);
    assert_eq!(six(measure(suite.as_ref(), &grades, "accuracy", "safety")), "0.954397");
}

/// Chosen 3, 5, 5 and rejected 4, 5, 1. By hand: hard is 3>5 no, 3>1 yes, 5>1 yes; normal 3>4 no, 5>5 tie, 5>1 yes;
/// easy 5>4 yes, 5>4 yes, 5>5 tie.
#[test]
fn the_three_difficulties_are_the_parts_of_the_matrix() {
    let (suite, item) = one();
    let outcome = Outcome::pointwise([3.0, 5.0, 5.0, 4.0, 5.0, 1.0]);
    let grade = |ties| suite.grade(&item, &outcome, &Rules { ties, ..Rules::default() });
    let expect =
        [("accuracy", 5.0 / 9.0), ("easy", 2.0 / 3.0), ("hard", 2.0 / 3.0), ("normal", 1.0 / 3.0)];
    assert_eq!(by_name(&grade(Ties::Published)), BTreeMap::from(expect));
    let expect =
        [("accuracy", 6.0 / 9.0), ("easy", 2.5 / 3.0), ("hard", 2.0 / 3.0), ("normal", 0.5)];
    assert_eq!(by_name(&grade(Ties::Half)), BTreeMap::from(expect));
}

#[test]
fn an_unanswered_comparison_costs_only_its_own_difficulty() {
    let (suite, item) = one();
    let game = |one: u16, other: u16| Shown {
        order: vec![CandidateIndex(one), CandidateIndex(other)],
        samples: vec![if (one, other) == (0, 5) {
            Readout::Abstained(Abstention { reason: Reason::Refused, note: String::new() })
        } else {
            Outcome::listwise(&[1.0, 0.0]).shown.remove(0).samples.remove(0)
        }],
    };
    let shown = (0..3).flat_map(|one| (3..6).map(move |other| game(one, other))).collect();
    let outcome = Outcome { protocol: Protocol::Pairwise, shown, ..Outcome::pointwise([]) };
    let grade = |failures| suite.grade(&item, &outcome, &Rules { failures, ..Rules::default() });
    let expect = BTreeMap::from([("easy", 1.0), ("normal", 1.0)]);
    assert_eq!(by_name(&grade(Failures::Exclude)), expect);
    let wrong = grade(Failures::Published);
    assert_eq!(by_name(&wrong)["hard"], 2.0 / 3.0);
    assert_eq!(by_name(&wrong)["accuracy"], 8.0 / 9.0);
    assert_eq!(by_name(&grade(Failures::Best))["accuracy"], 1.0);
}

#[test]
fn one_file_with_a_domain_column_is_read_in_the_order_of_the_domains() {
    let folder = tempfile::tempdir().unwrap();
    let rows = [
        row(1, json!({"domain": "safety-refuse"})),
        row(1, json!({"domain": "chat", "error_key": "x", "task_id": "Sample/0"})),
    ];
    let path = write(folder.path(), "total_dataset.json", &rows);
    for path in [path.as_path(), folder.path()] {
        let loaded = at("rm-bench", path).items().unwrap();
        let subsets: Vec<&str> = loaded.items.iter().map(|item| &*item.subset).collect();
        assert_eq!(subsets, ["chat", "safety-refuse"]);
        let tags: Vec<&str> = loaded.items[0].tags.keys().map(|name| &**name).collect();
        assert_eq!(tags, ["domain", "error-key", "source-subset", "task-id"]);
        assert_eq!(loaded.items[1].tags["domain"].values(), [Arc::from("safety")]);
        assert_eq!(loaded.absent.len(), 3);
    }
}

#[test]
fn the_repository_itself_may_be_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    write(&folder.path().join("data"), "math_filtered.json", &[row(1, json!({}))]);
    assert_eq!(at("rm-bench", folder.path()).items().unwrap().items.len(), 1);
}

#[test]
fn wrong_data_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let message = |name: &str, rows: &[Value]| {
        let path = write(folder.path(), name, rows);
        let error = at("rm-bench", path.clone()).items().unwrap_err();
        assert_eq!(error.path.as_deref(), Some(path.as_path()));
        format!("{} | {}", error.message, error.hint.unwrap_or_default())
    };
    let two = [row(1, json!({})), row(1, json!({}))];
    assert_eq!(
        message("chat_filtered.json", &two),
        "record 2, line 1: the id `1` of `chat` was met before, in record 1, line 1 of the same file | "
    );
    let short = [row(1, json!({"rejected": ["a", "b"]}))];
    assert_eq!(
        message("chat_filtered.json", &short),
        "record 1, line 1: `rejected` holds 2 answers instead of 3 | "
    );
    assert_eq!(message("chat_filtered.json", &[]), "there are no records | ");
    let odd = [row(1, json!({"domain": "safety-refused"}))];
    assert_eq!(
        message("all.json", &odd),
        "record 1, line 1: `safety-refused` is no domain of RM-Bench | did you mean `safety-refuse`?"
    );
    assert!(message("all.json", &[row(1, json!({}))]).contains("tells the domain"));
    let error = at("rm-bench", folder.path().join("none")).items().unwrap_err();
    assert!(error.path.is_some());
}

#[test]
fn measures_are_reported_for_the_domains_at_hand() {
    let (suite, _) = one();
    let subsets = ["chat", "safety-response"].map(Arc::from);
    let all = suite.aggregates(&subsets);
    let named = |standing| {
        let of = move |one: &&Aggregate| one.standing == standing;
        let name = |one: &Aggregate| format!("{}:{}", one.measure, one.subset);
        all.iter().filter(of).map(name).collect::<Vec<_>>()
    };
    assert_eq!(named(Standing::Headline), ["overall:"]);
    assert_eq!(
        named(Standing::Group),
        ["hard:", "normal:", "easy:", "accuracy:chat", "accuracy:safety"]
    );
    assert_eq!(named(Standing::Beside), ["micro:"]);
    assert_eq!(named(Standing::Detail).len(), 10);
}

#[test]
fn guessing_earns_one_half_of_every_grade() {
    let (suite, item) = one();
    for protocol in [Protocol::Pointwise, Protocol::Pairwise] {
        let combiner = Combiner::MeanScore;
        let guess = Guess { protocol, combiner, presentations: 1, rules: Rules::default() };
        let chance = suite.chance(&item, &guess);
        assert_eq!(chance.len(), 4);
        assert!(chance.iter().all(|grade| grade.credit == 0.5));
        assert_eq!(credit(&vec![(item.subset.clone(), chance)], "hard", |_| true), (0.5, 1.0));
    }
}
