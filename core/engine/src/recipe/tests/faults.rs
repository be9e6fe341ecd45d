//! The drawing of every fault that a recipe text alone can have.

use super::{drawn, drawn_with};
use crate::recipe::Recipe;
use std::path::Path;

#[test]
fn an_unknown_key_lists_the_known_ones() {
    let drawn = drawn(
        r#"
[source.judge]
kind = "judge"
[run]
sampels = 8
"#,
    );
    insta::assert_snapshot!(drawn, @r#"
    error: unknown key `sampels` in `run`
     --> study.toml:5:1
      |
    5 | sampels = 8
      | ^^^^^^^
    known keys: order, samples, failures, ties, timeout, retry, batch, in-flight, protocol, vote, tolerance, budget, open-sources, accept-weak, reuse, out
    did you mean `samples`?
    "#);
}

#[test]
fn an_unknown_block_is_an_unknown_key_at_the_top() {
    let drawn = drawn(
        r#"
[sorce.judge]
kind = "judge"
"#,
    );
    insta::assert_snapshot!(drawn, @r#"
    error: unknown key `sorce`
     --> study.toml:2:2
      |
    2 | [sorce.judge]
      |  ^^^^^
    known keys: name, seed, keep-texts, extends, unset, plugin, server, generator, source, suite, run, price, factors, arm, exclude
    did you mean `source`?
    "#);
}

#[test]
fn a_value_of_the_wrong_type_is_shown_beside_what_is_expected() {
    let drawn = drawn(
        r#"
[source.judge]
kind = "judge"
samples = "8"
"#,
    );
    insta::assert_snapshot!(drawn, @r#"
    error: `samples` takes a whole number of at least 1, not the string `8`
     --> study.toml:4:11
      |
    4 | samples = "8"
      |           ^^^ expected a whole number of at least 1
    hint: write the number without quotes
    "#);
}

#[test]
fn a_word_that_is_none_of_the_known_ones_gets_a_suggestion() {
    let drawn = drawn(
        r#"
[suite.rmb]
kind = "rmb"
failures = "exlude"
"#,
    );
    insta::assert_snapshot!(drawn, @r#"
    error: `failures` has no value `exlude`
     --> study.toml:4:12
      |
    4 | failures = "exlude"
      |            ^^^^^^^^
    known values: published, wrong, exclude
    did you mean `exclude`?
    "#);
}

#[test]
fn a_bad_order_is_drawn_at_its_value() {
    let drawn = drawn(
        r#"
[run]
order = "random:0"
"#,
    );
    insta::assert_snapshot!(drawn, @r#"
    error: `order` has no value `random:0`
     --> study.toml:3:9
      |
    3 | order = "random:0"
      |         ^^^^^^^^^^
    known values: published, seeded, both, rotations, random:m, swap-first, given
    hint: write `random:4` for four seeded orders
    "#);
}

#[test]
fn a_length_of_time_without_a_unit_says_how_to_write_it() {
    let drawn = drawn(
        r#"
[run]
timeout = 60
retry = { attempts = 101, wait = "2 sec" }
"#,
    );
    insta::assert_snapshot!(drawn, @r#"
    error: `timeout` needs a unit behind `60`
     --> study.toml:3:11
      |
    3 | timeout = 60
      |           ^^
    hint: write `"60s"` for seconds; the units are ms, s, m and h

    error: `attempts` takes a whole number from 1 to 100, not the number `101`
     --> study.toml:4:22
      |
    4 | retry = { attempts = 101, wait = "2 sec" }
      |                      ^^^ expected a whole number from 1 to 100

    error: `wait` cannot be `2 sec`: a length of time is a number and a unit
     --> study.toml:4:34
      |
    4 | retry = { attempts = 101, wait = "2 sec" }
      |                                  ^^^^^^^
    hint: write a number and a unit: `500ms`, `60s`, `2m` or `1h`
    "#);
}

#[test]
fn a_duplicate_key_is_drawn_at_both_places() {
    let drawn = drawn(
        r#"
[run]
samples = 2
order = "both"
samples = 3
"#,
    );
    insta::assert_snapshot!(drawn, @r#"
    error: duplicate key `samples`
     --> study.toml:5:1
      |
    3 | samples = 2
      | ------- first given here
    4 | order = "both"
    5 | samples = 3
      | ^^^^^^^ given again
    hint: keep one of the two
    "#);
}

#[test]
fn a_duplicate_block_is_drawn_at_both_headers() {
    let drawn = drawn(
        r#"
[source.judge]
kind = "judge"

[source.judge]
kind = "panel"
"#,
    );
    insta::assert_snapshot!(drawn, @r#"
    error: duplicate key `judge`
     --> study.toml:5:9
      |
    2 | [source.judge]
      |         ----- first given here
    ...
    5 | [source.judge]
      |         ^^^^^ given again
    hint: keep one of the two
    "#);
}

#[test]
fn a_block_without_a_kind_is_drawn_at_its_header() {
    let drawn = drawn(
        r#"
[suite.ties]
path = "data"
"#,
    );
    insta::assert_snapshot!(drawn, @r#"
    error: suite `ties` has no `kind`
     --> study.toml:2:1
      |
    2 | [suite.ties]
      | ^^^^^^^^^^^^
    hint: add `kind = "..."`; `tribunal list suites` shows the kinds
    "#);
}

#[test]
fn a_missing_extended_file_is_drawn_at_its_entry() {
    let drawn = drawn(
        r#"
extends = ["no-such-base.toml"]
"#,
    );
    insta::assert_snapshot!(drawn, @r#"
    error: there is no file `no-such-base.toml`
     --> study.toml:2:12
      |
    2 | extends = ["no-such-base.toml"]
      |            ^^^^^^^^^^^^^^^^^^^
    hint: give the path from the folder of this file
    "#);
}

#[test]
fn a_source_that_names_an_unknown_suite_is_drawn_at_the_name() {
    let drawn = drawn(
        r#"
[source.judge]
kind = "judge"
suites = ["rmb", "judgebnch"]
[suite.rmb]
kind = "rmb"
[suite.judgebench]
kind = "judgebench"
"#,
    );
    insta::assert_snapshot!(drawn, @r#"
    error: there is no suite `judgebnch`
     --> study.toml:4:18
      |
    4 | suites = ["rmb", "judgebnch"]
      |                  ^^^^^^^^^^^
    known suites: rmb, judgebench
    did you mean `judgebench`?
    "#);
}

#[test]
fn two_faults_are_drawn_in_the_order_of_the_file() {
    let drawn = drawn(
        r#"
seed = -1
[run]
tolerance = 1.5
"#,
    );
    insta::assert_snapshot!(drawn, @r#"
    error: `seed` takes a whole number of at least 0, not the number `-1`
     --> study.toml:2:8
      |
    2 | seed = -1
      |        ^^ expected a whole number of at least 0

    error: `tolerance` takes a number from 0 to 1, not the number `1.5`
     --> study.toml:4:13
      |
    4 | tolerance = 1.5
      |             ^^^ expected a number from 0 to 1
    "#);
}

#[test]
fn syntax_errors_are_drawn_all_at_once() {
    let drawn = drawn(
        r#"
name = study
[run]
order = "both
samples = 3 4
"#,
    );
    insta::assert_snapshot!(drawn, @r#"
    error: string values must be quoted, expected literal string
     --> study.toml:2:8
      |
    2 | name = study
      |        ^^^^^

    error: invalid basic string, expected `"`
     --> study.toml:4:14
      |
    4 | order = "both
      |              ^

    error: string values must be quoted, expected literal string
     --> study.toml:5:11
      |
    5 | samples = 3 4
      |           ^^^
    "#);
}

#[test]
fn a_number_that_is_not_finite_is_a_fault() {
    let drawn = drawn(
        r#"
[source.judge]
kind = "judge"
bias = nan
"#,
    );
    insta::assert_snapshot!(drawn, @r#"
    error: `nan` is not a finite number
     --> study.toml:4:8
      |
    4 | bias = nan
      |        ^^^
    "#);
}

#[test]
fn a_bad_option_is_drawn_on_the_command_line() {
    let drawn = drawn_with(
        r#"
[run]
samples = 2
"#,
        &["run.samples=3", "run.order=upside", "run.samples=[1", "run", "extends=[]"],
    );
    insta::assert_snapshot!(drawn, @r#"
    error: `order` has no value `upside`
     --> --set:2:11
      |
    2 | run.order=upside
      |           ^^^^^^
    known values: published, seeded, both, rotations, random:m, swap-first, given

    error: `[1` is not a TOML value: unclosed array, expected `]`
     --> --set:3:13
      |
    3 | run.samples=[1
      |             ^^
    hint: check its quotes and brackets

    error: `run` sets no value
     --> --set:4:1
      |
    4 | run
      | ^^^
    hint: write `--set key.path=value`

    error: `extends` cannot be set on the command line
     --> --set:5:1
      |
    5 | extends=[]
      | ^^^^^^^
    hint: write it in the recipe
    "#);
}

#[test]
fn colour_adds_escapes_and_changes_no_words() {
    let text = "[run]\nsampels = 8\n";
    let faults = Recipe::parse(text, Path::new("study.toml"), &[]).expect_err("a key is misspelt");
    let mut coloured = faults.render(true);
    assert!(coloured.contains('\u{1b}'));
    while let Some(start) = coloured.find("\u{1b}[") {
        let end = coloured[start..].find('m').expect("an escape ends") + start;
        coloured.replace_range(start..=end, "");
    }
    assert_eq!(coloured, faults.render(false));
}
