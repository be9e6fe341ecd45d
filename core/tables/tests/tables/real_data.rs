//! Reading published benchmark files where they are at hand.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tribunal_tables::{FieldPath, records};

/// The folder of real data beside the project, or none with a line that says so.
fn data(part: &str) -> Option<PathBuf> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")).join(part);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {} is not there", folder.display());
    None
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn count(folder: &Path) -> usize {
    let all = files(folder);
    all.iter().map(|path| records::<Value>(path).unwrap().len()).sum()
}

/// Counts from the read-me of the data: 14,543 pairs and 3,786 lists.
#[test]
fn all_rmb_files_are_read() {
    let Some(folder) = data("rmb") else { return };
    assert_eq!(files(&folder).len(), 95);
    assert_eq!(count(&folder.join("Pairwise_set")), 14_543);
    assert_eq!(count(&folder.join("BoN_set")), 3_786);
}

/// Counts from the read-me of the data: 129, 284 and 157 prompts.
#[test]
fn rm_bench_files_are_read() {
    let Some(folder) = data("rm-bench") else { return };
    let counts = ["chat", "safety-refuse", "safety-response"].map(|name| {
        let path = folder.join(format!("{name}_filtered.json"));
        records::<Value>(&path).unwrap().len()
    });
    assert_eq!(counts, [129, 284, 157]);
}

/// 350 recorded rows, one of them with equal scores of 20.75.
#[test]
fn judgebench_scores_are_found_by_path() {
    let Some(folder) = data("judgebench/outputs") else { return };
    let path = files(&folder)
        .into_iter()
        .find(|path| path.to_string_lossy().contains("judge_name=reward_model"))
        .unwrap();
    let first: FieldPath = "judgments.0.judgment.scores.0".parse().unwrap();
    let second: FieldPath = "judgments.0.judgment.scores.1".parse().unwrap();
    let rows = records::<Value>(&path).unwrap();
    let ties: Vec<Value> = rows
        .iter()
        .filter_map(|(_, row)| {
            let score = first.require(row).unwrap();
            (score == second.require(row).unwrap()).then(|| score.into_owned())
        })
        .collect();
    assert_eq!(rows.len(), 350);
    assert_eq!(ties, [json!(20.75)]);
}

/// The 849 rows of the recorded scores, in one array.
#[test]
fn recorded_rmb_scores_are_read() {
    let Some(folder) = data("rmb-results") else { return };
    let path = folder.join("ArmoRM-Llama3-8B-v0.1_result.json");
    assert_eq!(records::<Value>(&path).unwrap().len(), 849);
}
