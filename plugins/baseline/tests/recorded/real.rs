//! Recorded files of public repositories, where they are at hand, against published figures.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tribunal_api::{Reason, RewardSource};

use super::{Said, ask, build, question, samples, scores};

const SKYWORK: &str = "judgebench/outputs/dataset=judgebench,response_model=gpt-4o-2024-05-13,judge_name=reward_model,judge_model=Skywork_Skywork-Reward-Llama-3.1-8B.jsonl";
const HAIKU: &str = "judgebench/outputs/dataset=judgebench,response_model=claude-3-5-sonnet-20240620,judge_name=arena_hard,judge_model=claude-3-haiku-20240307.jsonl";
const RATINGS: &str = "rewardbench2/composo-judge-scores/base_both_k8.jsonl";
const VERDICTS: &str = r#"
answers = "verdicts"
fields = { subset = "source", id = "pair_id", verdicts = ["judgments.0.decision", "judgments.1.decision"] }
"#;

/// The file, if the folder with the data stands beside the project.
fn data(name: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")).join(name);
    if !path.exists() {
        println!("skipped: there is no `{name}`");
        return None;
    }
    Some(path)
}

fn rows(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => serde_json::from_str(&text).unwrap(),
        _ => text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
    }
}

fn text<'r>(row: &'r Value, key: &str) -> &'r str {
    row[key].as_str().unwrap()
}

#[tokio::test]
async fn armorm_on_rmb_has_675_right_and_12_ties_of_849() {
    let Some(path) = data("rmb-results/ArmoRM-Llama3-8B-v0.1_result.json") else { return };
    let fields = r#"fields = { subset = "category_path", id = "pair_uid", scores = ["chosen_reward", "reject_reward"] }"#;
    let source = build(&path, fields).unwrap();
    assert!(!source.draws());
    let (mut right, mut ties, mut wrong) = (0, 0, 0);
    for row in rows(&path) {
        let (subset, id) = (text(&row, "category_path"), text(&row, "pair_uid"));
        let chosen = scores(&*source, subset, id, &[0]).await[0];
        let reject = scores(&*source, subset, id, &[1]).await[0];
        match chosen.total_cmp(&reject) {
            std::cmp::Ordering::Greater => right += 1,
            std::cmp::Ordering::Equal => ties += 1,
            std::cmp::Ordering::Less => wrong += 1,
        }
    }
    assert_eq!((right, ties, wrong), (675, 12, 162));
}

/// Pairs that win by JudgeBench's two-game rule, counted by the start of `source`.
async fn two_games(path: &Path, source: &dyn RewardSource) -> [u32; 4] {
    let mut won = [0; 4];
    let categories = ["mmlu-pro", "livebench-reasoning", "livebench-math", "livecodebench"];
    for row in rows(path) {
        let (subset, id) = (text(&row, "source"), text(&row, "pair_id"));
        let better = usize::from(text(&row, "label") == "B>A");
        let mut sum = 0.0;
        for shown in [[0, 1], [1, 0]] {
            if let Said::Scores(scores) = ask(source, subset, id, &shown).await {
                let place = shown.iter().position(|index| usize::from(*index) == better).unwrap();
                sum += scores[place] - scores[1 - place];
            }
        }
        if sum > 0.0 {
            let place = categories.iter().position(|start| subset.starts_with(start)).unwrap();
            won[place] += 1;
        }
    }
    won
}

#[tokio::test]
async fn skywork_on_judgebench_wins_218_of_350_by_verdicts_and_by_scores() {
    let Some(path) = data(SKYWORK) else { return };
    let verdicts = build(&path, VERDICTS).unwrap();
    assert_eq!(two_games(&path, &*verdicts).await, [91, 63, 43, 21]);

    let fields =
        r#"fields = { subset = "source", id = "pair_id", scores = "judgments.0.judgment.scores" }"#;
    let source = build(&path, fields).unwrap();
    let (mut right, mut ties) = (0, 0);
    for row in rows(&path) {
        let (subset, id) = (text(&row, "source"), text(&row, "pair_id"));
        let a = scores(&*source, subset, id, &[0]).await[0];
        let b = scores(&*source, subset, id, &[1]).await[0];
        let better_first = text(&row, "label") == "A>B";
        right += u32::from(if better_first { a > b } else { b > a });
        ties += u32::from(a == b);
    }
    assert_eq!((right, ties), (218, 1));
}

#[tokio::test]
async fn haiku_on_judgebench_wins_87_of_270_and_leaves_13_unreadable() {
    let Some(path) = data(HAIKU) else { return };
    let source = build(&path, VERDICTS).unwrap();
    assert_eq!(two_games(&path, &*source).await, [58, 15, 11, 3]);
    let mut unreadable = 0;
    for row in rows(&path) {
        for shown in [[0, 1], [1, 0]] {
            let said = ask(&*source, text(&row, "source"), text(&row, "pair_id"), &shown).await;
            unreadable += u32::from(matches!(said, Said::Nothing(Reason::Unreadable, _)));
        }
    }
    assert_eq!(unreadable, 13);
}

#[tokio::test]
async fn ratings_on_rewardbench_2_keep_all_eight_samples() {
    let Some(path) = data(RATINGS) else { return };
    let block = r#"fields = { subset = "subset", id = "id", scores = "full_scores" }"#;
    let source = build(&path, block).unwrap();
    assert!(source.draws());
    let seeds: Vec<u64> = (0..8).collect();
    let asked = question("Factuality", "282", &[0]).with_seeds(seeds);
    let expected: Vec<Said> = [6, 7, 7, 7, 7, 7, 7, 7]
        .into_iter()
        .map(|rating| Said::Scores(vec![f64::from(rating)]))
        .collect();
    assert_eq!(samples(&*source, asked).await, expected);

    // The strict rule at one sample: only rows with four ratings, credit for a unique top.
    let (mut counted, mut correct, mut shared) = (0, 0, 0);
    for row in rows(&path) {
        let mut ratings = Vec::new();
        for index in 0..4 {
            ratings
                .extend(scores(&*source, text(&row, "subset"), text(&row, "id"), &[index]).await);
        }
        if ratings.len() == 4 {
            let top = ratings.iter().copied().fold(f64::MIN, f64::max);
            let at_top = ratings.iter().filter(|rating| **rating == top).count();
            counted += 1;
            correct += u32::from(at_top == 1 && ratings[0] == top);
            shared += u32::from(at_top > 1);
        }
    }
    assert_eq!((counted, correct, shared), (1729, 1240, 353));
}

#[tokio::test]
async fn ids_of_rewardbench_2_are_not_unique_without_their_subset() {
    let Some(path) = data(RATINGS) else { return };
    let source = build(&path, r#"fields = { id = "id", scores = "full_scores" }"#).unwrap();
    let message = source.identify().await.unwrap_err().to_string();
    assert!(message.contains("is already in record"), "{message}");
    assert!(message.contains("map `subset` too"), "{message}");
}
