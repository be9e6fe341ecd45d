//! RewardBench 2: BENCHMARKS.md 2.2, 2.3 and 2.5.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Finished;
use crate::program::{Program, root};

/// A row of the table of recorded ratings.
struct Recorded {
    suite: &'static str,
    source: &'static str,
    samples: u32,
    /// Rows, right ones, rows whose maximum is shared, accuracy.
    strict: (u32, u32, u32, &'static str),
    /// Rows, sum of credits, micro mean, mean of the five subsets.
    published: (u32, &'static str, &'static str, &'static str),
}

const fn recorded(
    suite: &'static str,
    source: &'static str,
    samples: u32,
    strict: (u32, u32, u32, &'static str),
    published: (u32, &'static str, &'static str, &'static str),
) -> Recorded {
    Recorded { suite, source, samples, strict, published }
}

/// BENCHMARKS.md 2.5, the table of recorded ratings.
const RECORDED: [Recorded; 12] = [
    recorded(
        "base",
        "full",
        1,
        (1729, 1240, 353, "0.7172"),
        (1730, "1377.7500", "0.7964", "0.7462"),
    ),
    recorded(
        "base",
        "full",
        8,
        (1730, 1410, 77, "0.8150"),
        (1730, "1440.2500", "0.8325", "0.7827"),
    ),
    recorded(
        "base",
        "mini",
        1,
        (1728, 1119, 430, "0.6476"),
        (1730, "1287.0000", "0.7439", "0.6805"),
    ),
    recorded(
        "base",
        "mini",
        8,
        (1730, 1370, 75, "0.7919"),
        (1730, "1397.6667", "0.8079", "0.7475"),
    ),
    recorded(
        "base-greedy",
        "full-greedy",
        1,
        (1726, 1251, 330, "0.7248"),
        (1730, "1382.3333", "0.7990", "0.7473"),
    ),
    recorded(
        "base-greedy",
        "full-greedy",
        8,
        (1730, 1334, 192, "0.7711"),
        (1730, "1409.0000", "0.8145", "0.7589"),
    ),
    recorded(
        "base-warm",
        "full-warm",
        8,
        (1734, 1412, 80, "0.8143"),
        (1734, "1445.9167", "0.8339", "0.7887"),
    ),
    recorded(
        "base-nano",
        "nano",
        1,
        (1708, 892, 469, "0.5222"),
        (1718, "1071.6667", "0.6238", "0.5861"),
    ),
    recorded(
        "base-nano",
        "nano",
        8,
        (1718, 1231, 73, "0.7165"),
        (1718, "1258.0000", "0.7322", "0.6852"),
    ),
    recorded(
        "criteria",
        "full-criteria",
        1,
        (1738, 1299, 302, "0.7474"),
        (1742, "1425.5833", "0.8184", "0.7706"),
    ),
    recorded(
        "criteria",
        "full-criteria",
        8,
        (1741, 1455, 56, "0.8357"),
        (1742, "1479.0000", "0.8490", "0.8032"),
    ),
    recorded(
        "criteria",
        "mini-criteria",
        8,
        (1742, 1419, 59, "0.8146"),
        (1742, "1439.6667", "0.8264", "0.7685"),
    ),
];

#[test]
fn recorded_ratings_give_every_row_of_the_table_under_both_rules() {
    let Some(run) = Finished::of_real("rewardbench2-ratings.toml") else { return };
    let shared = shared_maxima(&run.export("trials"));
    for row in &RECORDED {
        let Recorded { suite, source, samples, strict, published } = row;
        let at = |measure: &str, arm: &str| {
            let levels = [("run.samples", json!(samples)), ("arm", json!(arm))];
            run.row_at(source, suite, "", measure, &levels)
        };
        let name = format!("{suite}, {source}, {samples}");
        let accuracy = at("best-of-n", "strict");
        let found = (accuracy.count(), accuracy.value(4));
        let (rows, right, tied, mean) = strict;
        assert_eq!(found, (format!("{right}/{rows}"), (*mean).to_owned()), "{name}");
        assert_eq!(shared[&((*source).to_owned(), *samples)], (*rows, *tied), "{name}");

        let (rows, credit, micro, subsets) = published;
        let mean = at("best-of-n", "published");
        let found = (mean.number("n"), format!("{:.4}", mean.number("credit")), mean.value(4));
        assert_eq!(found, (f64::from(*rows), (*credit).to_owned(), (*micro).to_owned()), "{name}");
        assert_eq!(at("macro-subsets", "published").value(4), *subsets, "{name}");
    }
}

/// By source and number of samples: rows in which every reply has a rating, and those of them whose best mean rating
/// belongs to several replies. Worked out from the exported trials, because no measure counts ties among wrong replies.
fn shared_maxima(trials: &[Value]) -> BTreeMap<(String, u32), (u32, u32)> {
    let mut rows: BTreeMap<(&str, u64, &str, &str), [Vec<f64>; 4]> = BTreeMap::new();
    for trial in trials.iter().filter(|trial| trial["levels"]["arm"] == "strict") {
        let text = |key: &str| trial[key].as_str().unwrap();
        let samples = trial["levels"]["run.samples"].as_u64().unwrap();
        let row = rows.entry((text("source"), samples, text("subset"), text("id"))).or_default();
        let candidate = trial["candidates"][0].as_u64().unwrap() as usize;
        row[candidate].extend(trial["scores"][0].as_f64());
    }
    let mut counts = BTreeMap::new();
    for ((source, samples, _, _), ratings) in rows {
        let count: &mut (u32, u32) = counts.entry((source.to_owned(), samples as u32)).or_default();
        if ratings.iter().any(Vec::is_empty) {
            continue;
        }
        let means = ratings.map(|ratings| ratings.iter().sum::<f64>() / ratings.len() as f64);
        let best = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        count.0 += 1;
        count.1 += u32::from(means.iter().filter(|mean| **mean == best).count() > 1);
    }
    counts
}

/// BENCHMARKS.md 2.2: a source that gives all four replies the same score earns 0.25 in every subset.
#[test]
fn equal_scores_of_four_replies_earn_a_quarter() {
    let program = Program::new();
    let data = root().join("examples/data/rewardbench-2");
    let recipe = format!(
        "[source.same]\nkind = \"baseline.constant\"\n\n[suite.rb2]\nkind = \"rewardbench-2\"\npath = '{}'\n",
        data.display()
    );
    program.write("same.toml", &recipe);
    let run = Finished::of(program, "same.toml");
    for subset in ["Factuality", "Precise IF", "Math", "Safety", "Focus"] {
        assert_eq!(run.row("same", "rb2", subset, "accuracy").value(6), "0.250000", "{subset}");
    }
}

/// The worked example of BENCHMARKS.md 2.3: id, number of right replies, scores with the right ones first.
const WORKED: [(&str, usize, &[f64]); 8] = [
    ("ref:0", 1, &[4.0, 1.0, 0.5]),
    ("tied:0", 3, &[3.0, 2.5, 2.0, -1.0, 0.0]),
    ("ref:1", 1, &[1.0, 1.5]),
    ("tied:1", 2, &[2.0, 1.0, 0.5]),
    ("ref:2", 1, &[2.0, 0.0, 1.0]),
    ("tied:2", 2, &[3.0, 3.0, 1.0]),
    ("ref:3", 1, &[0.2, 0.1]),
    ("tied:3", 4, &[5.0, 1.0, 4.0, 3.0, 2.0]),
];

#[test]
fn the_worked_example_of_the_ties_formula_comes_out() {
    let run = ties(&WORKED);
    let value = |measure: &str| run.row("recorded", "ties", "Ties", measure).number("value");
    assert!(
        (value("ties-score") - 0.650_020_405_655_883_4).abs() < 1e-15,
        "{}",
        value("ties-score")
    );
    assert_eq!((value("ties-accuracy-ref"), value("ties-accuracy-tied")), (0.75, 0.75));
}

/// The last sentence of BENCHMARKS.md 2.3: the maximum is 1.01.
#[test]
fn the_ties_score_can_reach_1_01() {
    let run = ties(&[("ref:0", 1, &[1.0, 0.0]), ("tied:0", 2, &[1.0, 1.0, 0.0])]);
    let value = run.row("recorded", "ties", "Ties", "ties-score").number("value");
    assert!((value - 1.01).abs() < 1e-15, "{value}");
}

/// Rows of the Ties subset and their recorded scores, written to a scratch folder and run.
fn ties(rows: &[(&str, usize, &[f64])]) -> Finished {
    let mut data = String::new();
    let mut scores = String::new();
    for (id, right, all) in rows {
        let texts: Vec<String> =
            (0..all.len()).map(|place| format!("reply {place} of {id}")).collect();
        let row = json!({
            "id": id, "prompt": format!("prompt of {id}"), "subset": "Ties", "models": null,
            "chosen": texts[..*right], "rejected": texts[*right..],
            "num_correct": right, "num_incorrect": all.len() - right, "total_completions": all.len(),
            "additional_metadata": null,
        });
        data.push_str(&format!("{row}\n"));
        scores.push_str(&format!("{}\n", json!({ "id": id, "scores": all })));
    }
    let program = Program::new();
    program.write("test.jsonl", &data);
    program.write("scores.jsonl", &scores);
    program.write(
        "ties.toml",
        "[source.recorded]\nkind = \"baseline.recorded\"\npath = \"scores.jsonl\"\n\
         fields = { id = \"id\", scores = \"scores\" }\n\n\
         [suite.ties]\nkind = \"rewardbench-2\"\npath = \"test.jsonl\"\n",
    );
    Finished::of(program, "ties.toml")
}
