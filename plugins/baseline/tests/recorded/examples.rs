//! The recorded files of `examples/data`, with the counts that their README states.

use std::path::{Path, PathBuf};

use tribunal_api::Reason;

use super::{Said, ask, build};

fn file(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/recorded")).join(name)
}

fn rows(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn each_score_file_lacks_one_score() {
    for (name, count) in [
        ("scores-rmb.jsonl", 39),
        ("scores-rewardbench-2.jsonl", 27),
        ("scores-judgebench.jsonl", 23),
    ] {
        let path = file(name);
        let source =
            build(&path, r#"fields = { subset = "subset", id = "id", scores = "scores" }"#)
                .unwrap();
        assert!(!source.draws());
        let rows = rows(&path);
        assert_eq!(rows.len(), count, "{name}");
        let mut missing = 0;
        for row in rows {
            let (subset, id) = (row["subset"].as_str().unwrap(), row["id"].as_str().unwrap());
            for (index, score) in row["scores"].as_array().unwrap().iter().enumerate() {
                match ask(&*source, subset, id, &[index as u16]).await {
                    Said::Scores(said) => assert_eq!(Some(said[0]), score.as_f64()),
                    Said::Nothing(reason, _) => {
                        assert_eq!(reason, Reason::Missing);
                        missing += 1;
                    }
                }
            }
        }
        assert_eq!(missing, 1, "{name}");
    }
}

#[tokio::test]
async fn of_the_sample_verdicts_one_is_missing_and_one_unreadable() {
    let path = file("verdicts-judgebench.jsonl");
    let block = r#"
        answers = "verdicts"
        fields = { subset = "source", id = "pair_id", verdicts = ["judgments.0.decision", "judgments.1.decision"] }
    "#;
    let source = build(&path, block).unwrap();
    let rows = rows(&path);
    assert_eq!(rows.len(), 24);
    let mut reasons = Vec::new();
    for row in rows {
        for shown in [[0, 1], [1, 0]] {
            let (subset, id) = (row["source"].as_str().unwrap(), row["pair_id"].as_str().unwrap());
            if let Said::Nothing(reason, _) = ask(&*source, subset, id, &shown).await {
                reasons.push(reason);
            }
        }
    }
    reasons.sort();
    assert_eq!(reasons, [Reason::Unreadable, Reason::Missing]);
}
