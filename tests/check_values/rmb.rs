//! RMB: BENCHMARKS.md 1.4 and 1.5, and the uncertainty of its overall score.

use serde_json::json;

use super::Finished;

/// BENCHMARKS.md 1.5, "trivial-baseline check values": set, measure, wins, pairs or lists, mean, mean of scenarios.
const LENGTH: [(&str, &str, &str, &str, &str); 4] = [
    ("Pairwise_set/Helpfulness", "accuracy", "5482/8456", "0.648297", "0.661517"),
    ("Pairwise_set/Harmlessness", "accuracy", "3306/6087", "0.543125", "0.540516"),
    ("BoN_set/Helpfulness", "best-of-n", "1032/2109", "0.489331", "0.495374"),
    ("BoN_set/Harmlessness", "best-of-n", "611/1677", "0.364341", "0.366255"),
];

/// One run for all that is said of it.
#[test]
fn length_on_real_rmb_gives_the_published_counts_and_calls_itself_partial() {
    let Some(run) = Finished::of_real("rmb-length.toml") else { return };
    for (set, measure, count, mean, scenarios) in LENGTH {
        for source in ["length", "(length)"] {
            let row = run.row(source, "rmb", set, measure);
            assert_eq!((row.count(), row.value(6)), (count.to_owned(), mean.to_owned()));
        }
        let macro_mean = run.row("length", "rmb", set, &format!("{measure}-macro-scenarios"));
        assert_eq!(macro_mean.value(6), scenarios, "{set}");
    }
    let overall = run.row("length", "rmb", "", "overall");
    // The mean of the four set scores above: (0.648297 + 0.543125 + 0.489331 + 0.364341) / 4 = 0.511273.
    let sets = [(5482.0, 8456.0), (3306.0, 6087.0), (1032.0, 2109.0), (611.0, 1677.0)];
    let mean = sets.iter().map(|(won, all)| won / all).sum::<f64>() / 4.0;
    assert_eq!(overall.value(6), format!("{mean:.6}"));
    assert_eq!(overall.number("n"), 18_329.0);
    // DESIGN.md 7: 3,003 conversations.
    assert_eq!(overall.number("clusters"), 3_003.0);

    // The three files of BENCHMARKS.md 1.4.
    let absent = [
        "Pairwise_set/Harmlessness/S11.json",
        "Pairwise_set/Helpfulness/Brainstorming/Idea Development.json",
        "Pairwise_set/Helpfulness/Generation/Creative Writing.json",
    ];
    let complete = &run.report["complete"];
    assert_eq!(complete["complete"], false);
    assert_eq!(complete["words"], json!(["partial"]));
    let missing: Vec<&str> =
        complete["missing"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    assert_eq!(missing.len(), 3);
    for name in absent {
        assert!(missing.iter().any(|one| one.contains(name)), "{name}: {missing:?}");
    }
    let table = run.program.run(["report", "run"]).with_code(0).out();
    assert!(table.to_lowercase().contains("partial"), "{table}");
    for name in absent {
        assert!(table.contains(name), "{name}");
    }

    // Conversations drawn jointly over all sets: near 0.62 points, where items drawn alone give 0.45.
    let error = overall.number("standard_error");
    assert!((0.0057..0.0067).contains(&error), "{error}");
    for set in ["Pairwise_set/Helpfulness", "Pairwise_set/Harmlessness"] {
        let effect = run.row("length", "rmb", set, "accuracy").number("design_effect");
        assert!((1.3..1.7).contains(&effect), "{set}: {effect}");
    }
}

/// BENCHMARKS.md 1.5, the recorded result file: 675 strictly greater, 12 equal, 162 lower of 849.
#[test]
fn armorm_on_idea_development_counts_ties_as_the_rule_says() {
    let Some(run) = Finished::of_real("rmb-armorm.toml") else { return };
    let row = |measure: &str, rule: &str| {
        let levels = [("suite.idea-development.ties", json!(rule))];
        let row = run.row_at("armorm", "idea-development", "", measure, &levels);
        (row.count(), row.value(6))
    };
    assert_eq!(row("accuracy", "published"), ("675/849".to_owned(), "0.795053".to_owned()));
    // (675 + 12 / 2) / 849.
    assert_eq!(row("accuracy", "half"), ("681/849".to_owned(), "0.802120".to_owned()));
    assert_eq!(row("ties", "published").0, "12/849");
}
