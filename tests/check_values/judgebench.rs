//! JudgeBench: BENCHMARKS.md 4.2.

use serde_json::json;

use super::Finished;

const CATEGORIES: [&str; 4] = ["Knowledge", "Reasoning", "Math", "Coding"];

/// The check value of the recorded reward model, and the length control on both files.
#[test]
fn skywork_and_length_give_the_figures_of_the_recorded_outputs() {
    let Some(run) = Finished::of_real("judgebench-skywork.toml") else { return };
    let whole = run.row("skywork", "gpt-4o", "", "accuracy");
    assert_eq!((whole.count(), whole.percent()), ("218/350".to_owned(), "62.29".to_owned()));
    let expected =
        [("91/154", "59.09"), ("63/98", "64.29"), ("43/56", "76.79"), ("21/42", "50.00")];
    for (category, (count, percent)) in CATEGORIES.into_iter().zip(expected) {
        let row = run.row("skywork", "gpt-4o", category, "accuracy");
        assert_eq!((row.count(), row.percent()), (count.to_owned(), percent.to_owned()));
    }
    // One exact tie: 20.75 against 20.75.
    assert_eq!(run.row("skywork", "gpt-4o", "", "ties").count(), "1/350");

    let length = [
        ("gpt-4o", ["44.16", "41.84", "51.79", "54.76"], "46.00"),
        ("claude", ["44.16", "43.14", "41.18", "45.16"], "43.70"),
    ];
    for (suite, categories, whole) in length {
        assert_eq!(run.row("length", suite, "", "accuracy").percent(), whole);
        for (category, percent) in CATEGORIES.into_iter().zip(categories) {
            let row = run.row("length", suite, category, "accuracy");
            assert_eq!(row.percent(), percent, "{suite} {category}");
        }
    }
}

/// The second check value: claude-3-haiku on the 270 Claude pairs, both games and the first alone.
#[test]
fn haiku_is_graded_by_two_games_and_by_one() {
    let Some(run) = Finished::of_real("judgebench-haiku.toml") else { return };
    let sizes = [154, 51, 34, 31];
    let expected = [("two-game", [58, 15, 11, 3], 87), ("single-game", [52, 19, 8, 1], 80)];
    for (rule, categories, whole) in expected {
        let row = |subset: &str| {
            let levels = [("suite.judgebench.rule", json!(rule))];
            run.row_at("haiku", "judgebench", subset, "accuracy", &levels)
        };
        assert_eq!(row("").count(), format!("{whole}/270"), "{rule}");
        for ((category, right), size) in CATEGORIES.into_iter().zip(categories).zip(sizes) {
            assert_eq!(row(category).count(), format!("{right}/{size}"), "{rule} {category}");
        }
    }
    let two_game = [("suite.judgebench.rule", json!("two-game"))];
    let whole = run.row_at("haiku", "judgebench", "", "accuracy", &two_game);
    assert_eq!(whole.percent(), "32.22");
    // 13 of the 540 replies hold conflicting labels and are null.
    let null = run.row_at("haiku", "judgebench", "", "abstentions/unreadable", &two_game);
    assert_eq!((null.number("abstained"), null.number("n")), (13.0, 540.0));
    // The note names the cell with the greatest share: 11 of the 270 first games are null, of all 540 only 13.
    let note = run.report["notes"][0].as_str().unwrap();
    assert!(note.contains("(11 of 270: 11 unreadable)"), "{note}");
}
