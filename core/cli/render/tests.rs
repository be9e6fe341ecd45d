//! What reports look like.

use serde_json::{Map, json};
use tribunal_engine::summary::{LENGTH_LINE, ReportRow, Summary};

use super::*;

/// A row as the JSON report has it; the tests say what differs.
fn row(changes: serde_json::Value) -> ReportRow {
    let mut row = json!({
        "source": "judge", "suite": "rmb", "subset": "", "levels": {}, "measure": "overall",
        "headline": true, "standing": "headline", "protocol": "pointwise",
        "rules": {
            "order": "seeded", "samples": 1, "combiner": "mean-score", "ties": "loss", "failures": "wrong"
        },
        "value": 0.5, "credit": null, "n": 8, "counted": "items", "clusters": 4, "chance": 0.5,
        "abstained": 0, "low": 0.25, "high": 0.75, "method": "wilson-clusters",
        "standard_error": 0.1, "design_effect": 1.5
    });
    let changes: Map<String, serde_json::Value> = changes.as_object().unwrap().clone();
    row.as_object_mut().unwrap().extend(changes);
    serde_json::from_value(row).unwrap()
}

fn summary(measures: Vec<ReportRow>) -> Summary {
    let summary = json!({
        "schema": "tribunal-report/1",
        "run": {
            "name": "first", "seed": 7, "tribunal": "0.1.0",
            "sources": [{
                "name": "judge", "kind": "baseline.recorded", "identity": "scores.jsonl",
                "strength": "weights", "unverified": []
            }],
            "suites": [{
                "name": "rmb", "kind": "rmb", "version": "1", "licence": "none stated", "source": "paper",
                "items": 8, "clusters": 4, "absent": ["Pairwise_set/S4.json"], "limited": []
            }]
        },
        "complete": {
            "complete": false, "words": ["partial"], "planned": 16, "answered": 16, "unanswered": 0,
            "missing": ["suite `rmb` lacks Pairwise_set/S4.json"]
        },
        "tolerance": 0.0,
        "notes": ["a note"],
        "measures": []
    });
    let mut summary: Summary = serde_json::from_value(summary).unwrap();
    summary.measures = measures;
    summary
}

/// One judge, one length control, groups, abstentions, the length line.
fn telling() -> Summary {
    let group = |source: &str, value: f64, credit: f64| {
        row(json!({
            "source": source, "subset": "Helpfulness", "measure": "pairwise", "headline": false,
            "standing": "group", "value": value, "credit": credit, "n": 4, "clusters": 2
        }))
    };
    summary(vec![
        row(json!({ "source": "length", "value": 0.5, "credit": 4.0 })),
        group("length", 0.25, 1.0),
        row(
            json!({ "source": "length", "measure": "micro", "headline": false, "standing": "beside" }),
        ),
        row(json!({ "value": 0.875, "credit": 7.0, "abstained": 1 })),
        group("judge", 1.0, 4.0),
        row(json!({ "measure": "overall/worst", "headline": false, "value": 0.75 })),
        row(json!({ "measure": "ties", "headline": false, "standing": "beside", "value": 0.125,
            "counted": "comparisons", "chance": null })),
        row(
            json!({ "measure": "length/tau-b", "headline": false, "standing": "beside", "value": -0.00001 }),
        ),
        row(
            json!({ "measure": "abstentions/missing", "headline": false, "standing": "beside", "value": 1.0,
            "n": 16, "counted": "readouts", "chance": null, "low": null, "high": null, "protocol": "",
            "method": null }),
        ),
        row(json!({ "source": LENGTH_LINE, "value": 0.5, "credit": 4.0 })),
        group(LENGTH_LINE, 0.25, 1.0),
    ])
}

#[test]
fn a_report_says_what_is_missing_before_any_number() {
    insta::assert_snapshot!(table(&telling(), false, None, false), @r"
    first, seed 7: PARTIAL
      missing: suite `rmb` lacks Pairwise_set/S4.json
    note: a note

    suite rmb: 8 items in 4 clusters; licence: none stated
    asked pointwise; order seeded; ties loss; failures wrong

    source    measure                      value   95 % interval  credit/n  n  clusters  chance  abstained
    -------------------------------------------------------------------------------------------------------
    judge     overall of what is present  0.8750  0.250 to 0.750       7/8  8         4  0.5000          1
    length    overall of what is present  0.5000  0.250 to 0.750       4/8  8         4  0.5000          0
    (length)  overall of what is present  0.5000  0.250 to 0.750       4/8  8         4  0.5000          0

    judge     pairwise (Helpfulness)      1.0000  0.250 to 0.750       4/4  4         2  0.5000          0
    length    pairwise (Helpfulness)      0.2500  0.250 to 0.750       1/4  4         2  0.5000          0
    (length)  pairwise (Helpfulness)      0.2500  0.250 to 0.750       1/4  4         2  0.5000          0
    intervals: wilson-clusters

    other figures:
    source  figure                value   95 % interval   n  of           chance
    -----------------------------------------------------------------------------
    judge   overall/worst        0.7500  0.250 to 0.750   8  items        0.5000
    judge   ties                 0.1250  0.250 to 0.750   8  comparisons       -
    judge   abstentions/missing       1               -  16  readouts          -
    ");
}

#[test]
fn a_verbose_report_holds_every_measure_and_figure() {
    let text = table(&telling(), true, None, false);
    for name in
        ["micro", "length/tau-b", "source judge: baseline.recorded, scores.jsonl, known by weights"]
    {
        assert!(text.contains(name), "{name} in {text}");
    }
    // -0.00001 rounds to zero, which has no sign.
    assert!(!text.contains("-0.0000"), "{text}");
}

#[test]
fn markdown_has_the_same_content_in_pipe_tables() {
    insta::assert_snapshot!(markdown(&telling(), false), @r"
    # first, seed 7: **PARTIAL**

    - missing: suite `rmb` lacks Pairwise\_set/S4.json
    - note: a note

    ## suite rmb: 8 items in 4 clusters; licence: none stated

    asked pointwise; order seeded; ties loss; failures wrong

    | source | measure | value | 95 % interval | credit/n | n | clusters | chance | abstained |
    | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
    | judge | overall of what is present | 0.8750 | 0.250 to 0.750 | 7/8 | 8 | 4 | 0.5000 | 1 |
    | length | overall of what is present | 0.5000 | 0.250 to 0.750 | 4/8 | 8 | 4 | 0.5000 | 0 |
    | (length) | overall of what is present | 0.5000 | 0.250 to 0.750 | 4/8 | 8 | 4 | 0.5000 | 0 |
    | judge | pairwise (Helpfulness) | 1.0000 | 0.250 to 0.750 | 4/4 | 4 | 2 | 0.5000 | 0 |
    | length | pairwise (Helpfulness) | 0.2500 | 0.250 to 0.750 | 1/4 | 4 | 2 | 0.5000 | 0 |
    | (length) | pairwise (Helpfulness) | 0.2500 | 0.250 to 0.750 | 1/4 | 4 | 2 | 0.5000 | 0 |

    intervals: wilson-clusters

    other figures:

    | source | figure | value | 95 % interval | n | of | chance |
    | --- | --- | ---: | ---: | ---: | --- | ---: |
    | judge | overall/worst | 0.7500 | 0.250 to 0.750 | 8 | items | 0.5000 |
    | judge | ties | 0.1250 | 0.250 to 0.750 | 8 | comparisons | - |
    | judge | abstentions/missing | 1 | - | 16 | readouts | - |
    ");
}

#[test]
fn csv_has_a_row_for_every_measure_and_a_column_for_every_key() {
    let summary = telling();
    let text = csv(&summary).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert_eq!(lines.count(), summary.measures.len());
    let row = serde_json::to_value(&summary.measures[0]).unwrap();
    for (key, value) in row.as_object().unwrap() {
        match value.as_object().filter(|_| key == "rules") {
            None => assert!(header.contains(&key.as_str()), "{key}"),
            Some(rules) => {
                for rule in rules.keys() {
                    assert!(header.contains(&format!("rules.{rule}").as_str()), "{rule}");
                }
            }
        }
    }
    assert!(text.lines().skip(1).all(|line| line.ends_with(",first,partial")), "{text}");
}

#[test]
fn sources_of_different_protocols_keep_the_order_of_the_plan() {
    let rows = |protocol: &str| {
        summary(vec![
            row(json!({ "source": "low", "value": 0.25 })),
            row(json!({ "source": "high", "value": 0.75, "protocol": protocol })),
        ])
    };
    let place = |text: &str, source: &str| text.find(&format!("\n{source} ")).unwrap();
    let same = table(&rows("pointwise"), false, None, false);
    assert!(place(&same, "high") < place(&same, "low"), "{same}");
    let mixed = table(&rows("pairwise"), false, None, false);
    assert!(place(&mixed, "low") < place(&mixed, "high"), "{mixed}");
    assert!(mixed.contains("protocol"), "{mixed}");
}

#[test]
fn levels_are_named_by_the_last_part_of_their_key() {
    let levels = |value: &str| json!({ "source.judge.criteria": value });
    let text = table(
        &summary(vec![
            row(json!({ "levels": levels("none") })),
            row(json!({ "levels": levels("general"), "value": 0.75 })),
        ]),
        false,
        None,
        false,
    );
    assert!(text.contains("criteria=none"), "{text}");
    assert!(!text.contains("source.judge.criteria"), "{text}");
}

#[test]
fn slices_stand_in_a_table_of_their_own() {
    let slice = |value: &str| {
        row(json!({ "slice": format!("language={value}"), "value": 0.25, "credit": 2.0 }))
    };
    let text = table(&summary(vec![row(json!({})), slice("en"), slice("de")]), false, None, false);
    assert!(text.contains("by language:"), "{text}");
    let (head, slices) = text.split_once("by language:").unwrap();
    assert!(!head.contains("2/8"), "{head}");
    assert!(slices.find("\nde").unwrap() < slices.find("\nen").unwrap(), "{slices}");
    assert!(slices.contains("2/8"), "{slices}");
}

#[test]
fn nothing_steers_a_terminal_without_colour_and_foreign_text_never_does() {
    let mut summary = telling();
    summary.measures[0].source = "evil\u{1b}[2J".to_owned();
    summary.notes.push("bell\u{7}".to_owned());
    let text = table(&summary, true, None, false);
    assert!(text.chars().all(|one| one == '\n' || !one.is_control()), "{text:?}");
    let text = table(&summary, true, Some(100), true);
    assert!(text.contains("\u{1b}[1m") && !text.contains("\u{1b}[2J"), "{text:?}");
}

#[test]
fn a_narrow_terminal_wraps_words_and_keeps_numbers_whole() {
    for width in [10, 40, 80] {
        let text = table(&telling(), false, Some(width), false);
        assert!(text.contains("0.8750"), "{width}: {text}");
    }
}

#[test]
fn a_table_that_is_too_wide_names_each_measure_above_its_rows() {
    let text = table(&telling(), false, Some(90), false);
    let lines: Vec<&str> = text.lines().collect();
    let heading = lines.iter().position(|line| *line == "overall of what is present").unwrap();
    assert!(lines[heading + 1].starts_with("judge     0.8750"), "{text}");
    assert!(lines.contains(&"pairwise (Helpfulness)"), "{text}");
    assert!(lines.iter().all(|line| line.len() <= 90), "{text}");
}

#[test]
fn a_rule_that_the_levels_name_has_no_column_of_its_own() {
    let of = |order: &str| {
        let mut row = row(json!({ "levels": { "run.order": order } }));
        row.rules.order = order.to_owned();
        row
    };
    let text = table(&summary(vec![of("seeded"), of("both")]), false, None, false);
    assert!(text.contains("order=both") && !text.contains("rules"), "{text}");
}

#[test]
fn pipes_in_names_do_not_break_a_markdown_table() {
    let text = markdown(&summary(vec![row(json!({ "source": "a|b" }))]), false);
    assert!(text.contains("| a\\|b |"), "{text}");
}
