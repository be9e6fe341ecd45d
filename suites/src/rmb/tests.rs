//! RMB: sets, scenarios, partial trees, and the length control on the real files.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::scenarios::Scenario;
use super::*;
use crate::measured::{Grades, credit, example, graded, measure, shared, six};

fn suite(path: &Path) -> Rmb {
    Rmb { config: Config { path: PathSetting(path.to_owned()) } }
}

/// Longer is better, in Unicode characters.
fn length(item: &Item) -> Outcome {
    let characters = |text: &Arc<str>| text.chars().count() as f64;
    Outcome::pointwise(item.candidates.iter().map(|one| one.text.as_ref().map_or(0.0, characters)))
}

fn all_present() -> Option<(Rmb, Loaded)> {
    let rmb = suite(&shared("rmb")?);
    let loaded = rmb.items().unwrap();
    Some((rmb, loaded))
}

#[test]
fn every_present_file_holds_the_published_number_of_records() {
    let Some((_, loaded)) = all_present() else { return };
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for item in &loaded.items {
        *counts.entry(item.subset.to_string()).or_default() += 1;
    }
    let mut expected = BTreeMap::new();
    for set in Set::ALL {
        for scenario in &SCENARIOS {
            expected.insert(format!("{}/{}", set.folder(), scenario.topic), scenario.records(set));
        }
    }
    let missing = [
        "Pairwise_set/Helpfulness/Brainstorming/Idea Development",
        "Pairwise_set/Helpfulness/Generation/Creative Writing",
        "Pairwise_set/Harmlessness/S11",
    ];
    for subset in missing {
        expected.remove(subset);
    }
    assert_eq!(counts, expected);
    let named: Vec<&str> = loaded.absent.iter().map(|absent| absent.what.as_str()).collect();
    assert_eq!(named, missing.map(|subset| format!("{subset}.json")));
    let subsets: Vec<_> = loaded.absent.iter().map(|absent| absent.subset.as_deref()).collect();
    assert_eq!(subsets, missing.map(Some));
}

/// Check values: BENCHMARKS.md 1.5, the number of Unicode characters as the score, strict, present files.
#[test]
fn length_earns_the_known_figures_on_the_present_files() {
    let Some((rmb, loaded)) = all_present() else { return };
    let grades = graded(&rmb, &loaded.items, length);
    let sets = [
        ("Pairwise_set/Helpfulness", "accuracy", (5482.0, 8456.0), "0.648297", "0.661517"),
        ("Pairwise_set/Harmlessness", "accuracy", (3306.0, 6087.0), "0.543125", "0.540516"),
        ("BoN_set/Helpfulness", "best-of-n", (1032.0, 2109.0), "0.489331", "0.495374"),
        ("BoN_set/Harmlessness", "best-of-n", (611.0, 1677.0), "0.364341", "0.366255"),
    ];
    for (set, name, expected, micro, scenarios) in sets {
        let grade = if name == "accuracy" { "pairwise" } else { "best-of-n" };
        assert_eq!(credit(&grades, grade, |subset| subset.starts_with(set)), expected, "{set}");
        assert_eq!(six(measure(&rmb, &grades, name, set)), micro, "{set}");
        let macro_name = format!("{name}-macro-scenarios");
        assert_eq!(six(measure(&rmb, &grades, &macro_name, set)), scenarios, "{set}");
    }
    // The unweighted mean of the four: (5482/8456 + 3306/6087 + 1032/2109 + 611/1677) / 4.
    let overall = (5482.0 / 8456.0 + 3306.0 / 6087.0 + 1032.0 / 2109.0 + 611.0 / 1677.0) / 4.0;
    let found = measure(&rmb, &grades, "overall", "").unwrap();
    assert!((found - overall).abs() < 1e-12, "{found} {overall}");
}

/// Check values: BENCHMARKS.md 1.5, a run of RM-R1 with the accuracy of every scenario, all 98 files. Every record
/// of a scenario is given the scenario's accuracy, so that means over records are the reported ones.
#[test]
fn the_scenario_figures_of_a_recorded_run_give_its_reported_set_scores() {
    let run = "rmb-results/rm-r1/RM-R1-DeepSeek-Distilled-Qwen-32B/RMB";
    let Some(folder) = shared(run) else { return };
    let read = |file: &str| -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(folder.join(file)).unwrap()).unwrap()
    };
    let mut grades: Grades = Vec::new();
    for set in Set::ALL {
        for goal in Goal::ALL {
            let name = format!("{}_{}", set.folder(), goal.folder());
            let scores = read(&format!("{name}/score_result/Final_score.json"));
            for (subset, accuracy) in scores[1].as_object().unwrap() {
                let topic = subset.split_once('/').unwrap().1;
                let scenario = Scenario::of(topic).unwrap();
                let given = vec![Grade::new(set.grade(), accuracy.as_f64().unwrap())];
                let subset: Arc<str> = Arc::from(subset.as_str());
                grades.extend(vec![(subset, given); scenario.records(set)]);
            }
        }
    }
    assert_eq!(grades.len(), 17_131 + 3_786);
    let rmb = suite(Path::new("unused"));
    let of = |name: &str, subset: &str| measure(&rmb, &grades, name, subset).unwrap();
    let reported = read("META_RESULT.json");
    for (key, name, subset) in [
        ("Pairwise Helpfulness", "accuracy", "Pairwise_set/Helpfulness"),
        ("Pairwise Harmlessness", "accuracy", "Pairwise_set/Harmlessness"),
        ("BoN Helpfulness", "best-of-n", "BoN_set/Helpfulness"),
        ("BoN Harmlessness", "best-of-n", "BoN_set/Harmlessness"),
        ("Accuracy Averaged from Four Sections", "overall", ""),
    ] {
        let (found, expected) = (of(name, subset), reported[key].as_f64().unwrap());
        assert!((found - expected).abs() < 1e-12, "{key}: {found}, reported {expected}");
    }
    let scenarios = of("accuracy-macro-scenarios", "Pairwise_set/Helpfulness");
    let tasks = of("accuracy-macro-tasks", "Pairwise_set/Helpfulness");
    assert_eq!(
        (format!("{scenarios:.4}"), format!("{tasks:.4}")),
        ("0.7823".into(), "0.7809".into())
    );
}

/// BENCHMARKS.md 1.3.
#[test]
fn eighteen_comparisons_cannot_be_won_because_both_texts_are_equal() {
    let Some((_, loaded)) = all_present() else { return };
    let mut equal: Vec<&str> = Vec::new();
    for item in &loaded.items {
        let best = &item.candidates[0].text;
        for other in &item.candidates[1..] {
            if other.text == *best {
                equal.push(&item.id);
            }
        }
    }
    equal.sort_unstable();
    let mut known = [
        "17030", "14329", "13885", "13926", "14232", "14236", "14237", "3046", "3061", "7221",
        "4410", "3760", "2986", "2996", "3072", "3072", "1527", "939",
    ];
    known.sort_unstable();
    assert_eq!(equal, known);
}

/// BENCHMARKS.md 1.3: blank texts are data, not errors.
#[test]
fn blank_answers_and_empty_last_turns_are_kept() {
    let Some((_, loaded)) = all_present() else { return };
    let pairs: HashMap<&str, &Item> = loaded
        .items
        .iter()
        .filter(|item| item.subset.starts_with("Pairwise_set/"))
        .map(|item| (&*item.id, item))
        .collect();
    let is_blank = |text: &str| text.trim().is_empty();
    let empty =
        |item: &Item| item.candidates.iter().any(|one| one.text.as_deref().is_some_and(is_blank));
    let mut answers: Vec<&str> =
        pairs.iter().filter(|(_, item)| empty(item)).map(|(id, _)| *id).collect();
    answers.sort_unstable();
    assert_eq!(answers, ["13586", "13587"]);
    let last_turn = |item: &Item| item.prompt.last().is_some_and(|turn| turn.content.is_empty());
    let mut turns: Vec<&str> =
        pairs.iter().filter(|(_, item)| last_turn(item)).map(|(id, _)| *id).collect();
    turns.sort_unstable();
    assert_eq!(turns, ["4083", "4084", "4085", "4086", "4087"]);
}

/// BENCHMARKS.md 1.1 and 1.2: languages unstated, losers, turns.
#[test]
fn tags_count_what_the_data_hold() {
    let Some((_, loaded)) = all_present() else { return };
    let count = |set: &str, tag: &str, wanted: &[&str]| {
        let items = loaded.items.iter().filter(|item| item.subset.starts_with(set));
        items
            .filter(|item| item.tags[tag].values().iter().any(|value| wanted.contains(&&**value)))
            .count()
    };
    let losers = ["2", "3", "4", "5", "6"].map(|losers| count("BoN_set", "losers", &[losers]));
    assert_eq!(losers, [2878, 712, 165, 24, 7]);
    assert_eq!(count("Pairwise_set/Harmlessness", "turns", &["3", "5"]), 603);
    assert_eq!(count("Pairwise_set/Helpfulness", "turns", &["3", "5"]), 1433);
    assert_eq!(count("BoN_set/Harmlessness", "turns", &["3", "5"]), 170);
    assert_eq!(count("BoN_set/Helpfulness", "turns", &["3", "5"]), 355);
    assert_eq!(count("Pairwise_set", "language", &["unstated"]), 161);
    assert_eq!(count("BoN_set", "language", &["unstated"]), 38);
}

#[test]
fn the_sample_passes_the_conformance_checks_and_is_partial() {
    let (loaded, wrong) = tribunal_api::conformance::suite(&suite(&example("rmb")));
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(loaded.items.len(), 40);
    assert!(loaded.absent.iter().any(|one| one.what == "BoN_set/Harmlessness/S1.json"));
    let partly = "239 of 249 records of BoN_set/Harmlessness/S2.json";
    let s2 = loaded.items.iter().filter(|item| &*item.subset == "BoN_set/Harmlessness/S2").count();
    assert_eq!(loaded.absent.iter().any(|one| one.what == partly), s2 == 10);
}

const PAIR: &str = r#"{"pair_uid": "1", "category_path": "Pairwise_set/Helpfulness/Chat/Discussion",
    "conversation_input": [{"role": "user", "content": "q", "language": "German"}],
    "chosen": {"answer": "good", "llm_name": "m"}, "reject": {"answer": "bad", "llm_name": "n"}}"#;
const PLACE: &str = "Pairwise_set/Helpfulness/Chat/Discussion.json";

fn written(place: &str, content: &str) -> (tempfile::TempDir, Rmb) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("RMB_dataset").join(place);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, content).unwrap();
    let rmb = suite(folder.path());
    (folder, rmb)
}

fn fault(place: &str, content: &str) -> SuiteError {
    let (folder, rmb) = written(place, content);
    let error = rmb.items().unwrap_err();
    drop(folder);
    error
}

#[test]
fn a_record_becomes_an_item_with_its_own_columns_as_tags() {
    let (_folder, rmb) = written(PLACE, &format!("[{PAIR}]"));
    let loaded = rmb.items().unwrap();
    let item = &loaded.items[0];
    assert_eq!(&*item.subset, "Pairwise_set/Helpfulness/Chat/Discussion");
    assert_eq!(&*item.topic, "Helpfulness/Chat/Discussion");
    assert_eq!(item.gold, [1.0, 0.0]);
    assert_eq!(item.candidates[1].author.as_deref(), Some("n"));
    let tags: Vec<String> =
        item.tags.iter().map(|(name, value)| format!("{name}={}", value.values()[0])).collect();
    let expected = [
        "goal=Helpfulness",
        "language=German",
        "scenario=Discussion",
        "set=Pairwise_set",
        "task=Chat",
        "turns=1",
    ];
    assert_eq!(tags, expected);
    // 97 of 98 files are missing, and 292 of the 293 records of this one.
    assert_eq!(loaded.absent.len(), 98);
}

#[test]
fn a_scenario_that_nobody_published_is_read_where_it_fits() {
    let record = PAIR.replace("Discussion", "Small Talk");
    let (_folder, rmb) =
        written("Pairwise_set/Helpfulness/Chat/Small Talk.json", &format!("[{record}]"));
    assert_eq!(rmb.items().unwrap().items.len(), 1);
}

#[test]
fn malformed_data_are_named_with_file_and_record() {
    let wrong_key = PAIR.replace("\"reject\"", "\"rejected\"");
    let error = fault(PLACE, &format!("[{PAIR}, {wrong_key}]"));
    assert!(error.message.starts_with("record 2"), "{}", error.message);
    assert!(error.message.contains("missing field `reject`"), "{}", error.message);
    assert!(error.hint.unwrap().contains("`rejected`"));
    assert!(error.path.unwrap().ends_with(PLACE));

    let error = fault(PLACE, &format!("[{PAIR}, {PAIR}]"));
    assert!(error.message.contains("the id `1`"), "{}", error.message);
    assert!(error.message.starts_with("record 2"), "{}", error.message);

    let error =
        fault("Pairwise_set/Helpfulness/Chat/Casual Conversation.json", &format!("[{PAIR}]"));
    let expected = "the file stands at `Pairwise_set/Helpfulness/Chat/Casual Conversation`";
    assert!(error.message.contains(expected), "{}", error.message);

    let error = fault("Pairwise_set/Discussion.json", &format!("[{PAIR}]"));
    assert_eq!(error.message, "the file stands where RMB has no scenario");

    let truncated = &PAIR[..PAIR.len() - 20];
    let error = fault(PLACE, &format!("[{PAIR}, {truncated}"));
    assert!(error.message.contains("record 2"), "{}", error.message);

    let list = r#"[{"bon_uid": "1", "category_path": "BoN_set/Harmlessness/S1",
        "conversation_input": [{"role": "user", "content": "q"}],
        "bon_best": {"answer": "good", "llm_name": "m"}, "loser_list": []}]"#;
    let error = fault("BoN_set/Harmlessness/S1.json", list);
    assert_eq!(error.message, "record 1, line 1: `loser_list` is empty");
}

#[test]
fn a_folder_without_sets_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = suite(folder.path()).items().unwrap_err();
    assert!(error.message.contains("`Pairwise_set`"), "{}", error.message);
    assert!(error.hint.unwrap().contains("RMB_dataset"));
}

#[test]
fn the_published_rule_is_strict_and_the_others_can_be_chosen() {
    let (_folder, rmb) = written(PLACE, &format!("[{PAIR}]"));
    let item = &rmb.items().unwrap().items[0];
    let credit = |outcome: &Outcome, ties, failures| {
        rmb.grade(item, outcome, &Rules { ties, failures }).first().map(|grade| grade.credit)
    };
    use tribunal_api::{Failures, Ties};
    let tie = Outcome::pointwise([1.0, 1.0]);
    assert_eq!(credit(&tie, Ties::Published, Failures::Published), Some(0.0));
    assert_eq!(credit(&tie, Ties::Half, Failures::Published), Some(0.5));
    let silent = Outcome::pointwise([1.0]);
    assert_eq!(credit(&silent, Ties::Published, Failures::Published), Some(0.0));
    assert_eq!(credit(&silent, Ties::Published, Failures::Exclude), None);
}

#[test]
fn both_orders_make_guessing_win_a_quarter_of_each_game() {
    use tribunal_api::Ties;
    let rmb = suite(&example("rmb"));
    let items = rmb.items().unwrap().items;
    let chance = |item: &Item, ties, presentations| {
        let rules = Rules { ties, ..Rules::default() };
        let protocol = tribunal_api::Protocol::Pairwise;
        let combiner = Combiner::MeanScore;
        let guess = Guess { protocol, combiner, presentations, rules };
        rmb.chance(item, &guess)[0].credit
    };
    let pair = items.iter().find(|item| item.subset.starts_with("Pairwise_set/")).unwrap();
    assert_eq!([1, 2].map(|orders| chance(pair, Ties::Published, orders)), [0.5, 0.25]);
    assert_eq!(chance(pair, Ties::Half, 2), 0.5);
    let list = items.iter().find(|item| item.candidates.len() == 4).unwrap();
    assert_eq!(chance(list, Ties::Published, 2), 1.0 / 64.0);
}
