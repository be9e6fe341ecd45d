//! JudgeBench: both rules, the published categories, and recorded results on the real files.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use serde_json::{Value, json};
use tribunal_api::{
    Abstention, CandidateIndex, Failures, Protocol, Readout, Reason, Shown, Ties, conformance,
};

use super::*;
use crate::built::{at, characters, suite};
use crate::measured::{Grades, credit, example, graded, measure, shared};

const GPT: &str = "judgebench/data/dataset=judgebench,response_model=gpt-4o-2024-05-13.jsonl";
const CLAUDE: &str =
    "judgebench/data/dataset=judgebench,response_model=claude-3-5-sonnet-20240620.jsonl";
const SKYWORK: &str = "judgebench/outputs/dataset=judgebench,response_model=gpt-4o-2024-05-13,\
    judge_name=reward_model,judge_model=Skywork_Skywork-Reward-Llama-3.1-8B.jsonl";
const ARENA: &str = "judgebench/outputs/dataset=judgebench,\
    response_model=claude-3-5-sonnet-20240620,judge_name=arena_hard,\
    judge_model=claude-3-haiku-20240307.jsonl";

/// The credit and the number of pairs of each category, in the order reported.
fn by_category(grades: &Grades) -> [(f64, f64); 4] {
    CATEGORIES.map(|(name, _)| credit(grades, "accuracy", |subset| subset == name))
}

/// The readout of a verdict about two answers in the order shown; `None` is an abstention.
fn readout(decision: Option<&str>) -> Readout {
    let scores = match decision {
        Some("A>B") => [1.0, 0.0],
        Some("B>A") => [0.0, 1.0],
        Some("A=B") => [0.5, 0.5],
        _ => {
            let reason = Reason::Unreadable;
            return Readout::Abstained(Abstention { reason, note: String::new() });
        }
    };
    Outcome::listwise(&scores).shown.remove(0).samples.remove(0)
}

/// Games in turn: stored order, swapped, stored order...
fn played(combiner: Combiner, decisions: &[Option<&str>]) -> Outcome {
    let shown = decisions.iter().enumerate().map(|(game, decision)| {
        let order = if game % 2 == 0 { [0, 1] } else { [1, 0] };
        Shown { order: order.map(CandidateIndex).to_vec(), samples: vec![readout(*decision)] }
    });
    let shown = shown.collect();
    Outcome { protocol: Protocol::Pairwise, combiner, shown, ..Outcome::pointwise([]) }
}

/// Recorded output rows by pair id.
fn recorded(path: &Path) -> BTreeMap<String, Value> {
    let rows = tribunal_tables::records::<Value>(path).unwrap().into_iter();
    rows.map(|(_, row)| (row["pair_id"].as_str().unwrap().to_owned(), row)).collect()
}

fn two_games() -> Arc<dyn Suite> {
    at("judgebench", example("judgebench"))
}

fn single_game() -> Arc<dyn Suite> {
    suite("judgebench", json!({"path": example("judgebench"), "rule": "single-game"}))
}

fn pair_labelled(label: &str) -> Item {
    let loaded = two_games().items().unwrap();
    let labelled = |item: &Item| item.tags["label"].values() == [Arc::from(label)];
    loaded.items.into_iter().find(labelled).unwrap()
}

fn grade(suite: &dyn Suite, item: &Item, outcome: &Outcome, rules: Rules) -> Option<f64> {
    suite.grade(item, outcome, &rules).first().map(|grade| grade.credit)
}

#[test]
fn the_sample_suite_keeps_every_promise() {
    for suite in [two_games(), single_game()] {
        let (loaded, wrong) = conformance::suite(suite.as_ref());
        assert_eq!(wrong, [""; 0]);
        let count = |name: &str| loaded.items.iter().filter(|item| &*item.subset == name).count();
        assert_eq!(CATEGORIES.map(|(name, _)| count(name)), [12, 5, 4, 3]);
    }
}

#[test]
fn the_published_files_hold_the_published_counts() {
    let (Some(gpt), Some(claude)) = (shared(GPT), shared(CLAUDE)) else { return };
    let mut questions = Vec::new();
    for (path, counts, first_right) in
        [(gpt, [154, 98, 56, 42], 193), (claude, [154, 51, 34, 31], 143)]
    {
        let items = at("judgebench", path).items().unwrap().items;
        let count = |name: &str| items.iter().filter(|item| &*item.subset == name).count();
        assert_eq!(CATEGORIES.map(|(name, _)| count(name)), counts);
        assert_eq!(items.iter().filter(|item| item.gold == [1.0, 0.0]).count(), first_right);
        let prompts = items.iter().map(|item| item.prompt[0].content.clone());
        questions.push(prompts.collect::<HashSet<String>>());
    }
    assert_eq!(questions[0].intersection(&questions[1]).count(), 91);
    assert_eq!(questions[1].len(), 269);
}

#[test]
fn the_folder_and_the_repository_hold_both_files() {
    for below in ["judgebench/data", "judgebench"] {
        let Some(path) = shared(below) else { return };
        let (loaded, wrong) = conformance::suite(at("judgebench", path).as_ref());
        assert_eq!(wrong, [""; 0]);
        let items = loaded.items;
        assert_eq!(items.len(), 620);
        let topics: HashSet<&str> = items
            .iter()
            .filter(|item| &*item.subset == "Knowledge")
            .map(|item| &*item.topic)
            .collect();
        assert_eq!(topics.len(), 14);
        assert_eq!(items[0].candidates[0].author.as_deref(), Some("claude-3-5-sonnet-20240620"));
    }
}

/// Check values: the longer answer in Unicode characters, in percent; computed for this project by another program.
#[test]
fn length_in_characters_gives_the_check_values() {
    let checks = [
        (GPT, ["44.16", "41.84", "51.79", "54.76", "46.00"]),
        (CLAUDE, ["44.16", "43.14", "41.18", "45.16", "43.70"]),
    ];
    for (file, expect) in checks {
        let Some(path) = shared(file) else { return };
        let suite = at("judgebench", path);
        let items = suite.items().unwrap().items;
        let grades = graded(suite.as_ref(), &items, |item| Outcome::pointwise(characters(item)));
        let read = |subset: &str| {
            let value = measure(suite.as_ref(), &grades, "accuracy", subset).unwrap();
            format!("{:.2}", 100.0 * value)
        };
        assert_eq!(["Knowledge", "Reasoning", "Math", "Coding", ""].map(read), expect);
    }
}

/// Check value: the recorded scores of Skywork-Reward-Llama-3.1-8B, as published.
#[test]
fn recorded_scores_give_the_published_row() {
    let (Some(pairs), Some(outputs)) = (shared(GPT), shared(SKYWORK)) else { return };
    let suite = at("judgebench", pairs);
    let items = suite.items().unwrap().items;
    let rows = recorded(&outputs);
    let expect = [(91.0, 154.0), (63.0, 98.0), (43.0, 56.0), (21.0, 42.0)];
    let scores = graded(suite.as_ref(), &items, |item| {
        let scores = rows[&*item.id]["judgments"][0]["judgment"]["scores"].clone();
        Outcome::pointwise(serde_json::from_value::<Vec<f64>>(scores).unwrap())
    });
    assert_eq!(by_category(&scores), expect);
    assert_eq!(credit(&scores, "accuracy", |_| true), (218.0, 350.0));
    let ties = items.iter().filter(|item| {
        let scores = &rows[&*item.id]["judgments"][0]["judgment"]["scores"];
        scores[0] == scores[1]
    });
    assert_eq!(ties.count(), 1);
    let verdicts = graded(suite.as_ref(), &items, |item| games_of(&rows[&*item.id], 2));
    assert_eq!(by_category(&verdicts), expect);
}

fn games_of(row: &Value, count: usize) -> Outcome {
    let decisions: Vec<Option<&str>> = row["judgments"]
        .as_array()
        .unwrap()
        .iter()
        .take(count)
        .map(|game| game["decision"].as_str())
        .collect();
    let combiner = if count == 2 { Combiner::TwoGame } else { Combiner::MeanScore };
    played(combiner, &decisions)
}

/// Check value: the recorded verdicts of claude-3-haiku under the arena-hard prompt.
#[test]
fn recorded_verdicts_give_the_counts_of_both_rules() {
    let (Some(pairs), Some(outputs)) = (shared(CLAUDE), shared(ARENA)) else { return };
    let rows = recorded(&outputs);
    let two = at("judgebench", pairs.clone());
    let one = suite("judgebench", json!({"path": pairs, "rule": "single-game"}));
    let items = two.items().unwrap().items;
    let count = |suite: &dyn Suite, games: usize| {
        let grades = graded(suite, &items, |item| games_of(&rows[&*item.id], games));
        let right = by_category(&grades).map(|(credit, _)| credit);
        (right, credit(&grades, "accuracy", |_| true))
    };
    assert_eq!(count(two.as_ref(), 2), ([58.0, 15.0, 11.0, 3.0], (87.0, 270.0)));
    assert_eq!(count(one.as_ref(), 1), ([52.0, 19.0, 8.0, 1.0], (80.0, 270.0)));
    // The 13 null verdicts stand in 13 pairs, of which 4 are right by their other game: 83 of 257 without them.
    let whole: Vec<Item> = items
        .iter()
        .filter(|item| !games_of(&rows[&*item.id], 2).lacks_readouts())
        .cloned()
        .collect();
    let grades = graded(two.as_ref(), &whole, |item| games_of(&rows[&*item.id], 2));
    assert_eq!(credit(&grades, "accuracy", |_| true), (83.0, 257.0));
}

#[test]
fn two_games_are_decided_by_wins_minus_losses() {
    let (suite, item) = (two_games(), pair_labelled("A>B"));
    let (win, loss, tie, none) = (Some("A>B"), Some("B>A"), Some("A=B"), None);
    // The second game is shown swapped, so that `B>A` is a win there.
    for (games, expect) in [
        ([win, loss], 1.0),
        ([win, tie], 1.0),
        ([win, none], 1.0),
        ([win, win], 0.0),
        ([tie, tie], 0.0),
        ([none, none], 0.0),
        ([loss, none], 0.0),
        ([loss, win], 0.0),
    ] {
        let outcome = played(Combiner::TwoGame, &games);
        let found = grade(suite.as_ref(), &item, &outcome, Rules::default());
        assert_eq!(found, Some(expect), "{games:?}");
    }
}

#[test]
fn a_missing_game_is_won_at_best_and_lost_at_worst() {
    let (suite, item) = (two_games(), pair_labelled("A>B"));
    let (win, loss, tie, none) = (Some("A>B"), Some("B>A"), Some("A=B"), None);
    // Wins minus losses at worst and at best: 0 and 2, -1 and 1, -2 and 0, -2 and 2.
    for (games, worst, best) in [
        ([win, none], 0.0, 1.0),
        ([tie, none], 0.0, 1.0),
        ([loss, none], 0.0, 0.0),
        ([none, none], 0.0, 1.0),
    ] {
        let outcome = played(Combiner::TwoGame, &games);
        let found = |failures| {
            let rules = Rules { failures, ..Rules::default() };
            grade(suite.as_ref(), &item, &outcome, rules)
        };
        assert_eq!(found(Failures::Worst), Some(worst), "{games:?}");
        assert_eq!(found(Failures::Best), Some(best), "{games:?}");
    }
    let silent = played(Combiner::TwoGame, &[none, none]);
    let exclude = Rules { failures: Failures::Exclude, ..Rules::default() };
    assert_eq!(grade(suite.as_ref(), &item, &silent, exclude), None);
}

#[test]
fn a_drawn_pair_earns_one_half_when_ties_are_halves() {
    let half = Rules { ties: Ties::Half, ..Rules::default() };
    let drawn = played(Combiner::TwoGame, &[Some("A>B"), Some("A>B")]);
    let item = pair_labelled("B>A");
    assert_eq!(grade(two_games().as_ref(), &item, &drawn, half), Some(0.5));
}

#[test]
fn equal_scores_speak_for_the_second_answer_in_a_single_game_alone() {
    let tie = Outcome::pointwise([2.5, 2.5]);
    for (label, single) in [("A>B", 0.0), ("B>A", 1.0)] {
        let item = pair_labelled(label);
        let credit = |suite: Arc<dyn Suite>, rules| grade(suite.as_ref(), &item, &tie, rules);
        assert_eq!(credit(single_game(), Rules::default()), Some(single));
        assert_eq!(credit(two_games(), Rules::default()), Some(0.0));
        let half = Rules { ties: Ties::Half, ..Rules::default() };
        assert_eq!(credit(single_game(), half), Some(0.5));
        let verdict = played(Combiner::MeanScore, &[Some("A=B")]);
        let found = grade(single_game().as_ref(), &item, &verdict, Rules::default());
        assert_eq!(found, Some(0.0));
    }
}

#[test]
fn a_coin_must_win_both_games() {
    let item = pair_labelled("A>B");
    let chance = |suite: Arc<dyn Suite>, outcome: &Outcome, ties| {
        let guess = Guess::in_place_of(outcome, Rules { ties, ..Rules::default() });
        suite.chance(&item, &guess)[0].credit
    };
    let both = played(Combiner::TwoGame, &[None, None]);
    assert_eq!(chance(two_games(), &both, Ties::Published), 0.25);
    // Two wins in one of four, a win and a loss in two of four: 1/4 + 1/2 x 1/2.
    assert_eq!(chance(two_games(), &both, Ties::Half), 0.5);
    let scores = Outcome::pointwise([1.0, 0.0]);
    assert_eq!(chance(two_games(), &scores, Ties::Published), 0.5);
    let one = played(Combiner::MeanScore, &[None]);
    assert_eq!(chance(single_game(), &one, Ties::Published), 0.5);
}

#[test]
fn the_category_mean_stands_beside_the_headline() {
    let suite = two_games();
    let graded: Grades = [("Math", 1.0), ("Coding", 0.0), ("Coding", 0.0)]
        .into_iter()
        .map(|(name, credit)| (Arc::from(name), vec![Grade::new("accuracy", credit)]))
        .collect();
    let value = |name: &str| measure(suite.as_ref(), &graded, name, "");
    assert_eq!(value("accuracy"), Some(1.0 / 3.0));
    assert_eq!(value("category-mean"), Some(0.5));
}

#[test]
fn wrong_data_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let good = json!({
        "pair_id": "p", "original_id": 4, "source": "livebench-math", "question": "q",
        "response_model": "m", "response_A": "a", "response_B": "b", "label": "A>B",
    });
    let write = |name: &str, key: &str, value: &str| {
        let mut row = good.clone();
        row[key] = json!(value);
        std::fs::write(folder.path().join(name), format!("{row}\n")).unwrap();
    };
    let message = || {
        let error = at("judgebench", folder.path()).items().unwrap_err();
        format!("{} | {}", error.message, error.hint.unwrap_or_default())
    };
    write("a.jsonl", "label", "A=B");
    assert_eq!(
        message(),
        "record 1, line 1: the label `A=B` names no right answer | write `A>B` or `B>A` as `label`"
    );
    write("a.jsonl", "source", "livebench-poetry");
    assert!(message().starts_with("record 1, line 1: the source `livebench-poetry` belongs to no"));
    assert!(
        message().ends_with("`mmlu-pro`, `livebench-reasoning`, `livebench-math`, `livecodebench`")
    );
    write("a.jsonl", "label", "A>B");
    write("b.jsonl", "label", "B>A");
    let first = folder.path().join("a.jsonl");
    let expect = format!(
        "record 1, line 1: the id `p` of `Math` was met before, in record 1, line 1 of `{}` | ",
        first.display()
    );
    assert_eq!(message(), expect);
    let empty = tempfile::tempdir().unwrap();
    assert!(at("judgebench", empty.path()).items().unwrap_err().hint.is_some());
}
