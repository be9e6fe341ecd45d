//! The drawing of faults in factors, arms and exclusions.

use super::drawn;

#[test]
fn a_duplicate_arm_name_is_drawn_at_both_places() {
    let drawn = drawn(
        r#"
[source.judge]
kind = "judge"
[[arm]]
name = "greedy"
set = { "source.judge.samples" = 1 }
[[arm]]
name = "greedy"
set = { "source.judge.samples" = 2 }
"#,
    );
    insta::assert_snapshot!(drawn, @r#"
    error: two arms are called `greedy`
     --> study.toml:8:8
      |
    5 | name = "greedy"
      |        -------- first here
    ...
    8 | name = "greedy"
      |        ^^^^^^^^
    "#);
}

#[test]
fn a_factor_on_an_absent_block_names_the_nearest_one() {
    let drawn = drawn(
        r#"
[source.judge]
kind = "judge"
[factors]
"source.jugde.criteria" = ["none", "general"]
"#,
    );
    insta::assert_snapshot!(drawn, @r#"
    error: there is no source `jugde`
     --> study.toml:5:1
      |
    5 | "source.jugde.criteria" = ["none", "general"]
      | ^^^^^^^^^^^^^^^^^^^^^^^
    known sources: judge
    did you mean `source.judge.criteria`?
    "#);
}

#[test]
fn a_factor_outside_of_the_blocks_is_refused() {
    let drawn = drawn(
        r#"
[source.judge]
kind = "judge"
[factors]
"sauce.judge.criteria" = ["none"]
"run.ordr" = ["both"]
"source.judge" = [1]
"source.judge.x" = []
"#,
    );
    insta::assert_snapshot!(drawn, @r#"
    error: `sauce.judge.criteria` cannot vary: it is in none of the blocks of a recipe
     --> study.toml:5:1
      |
    5 | "sauce.judge.criteria" = ["none"]
      | ^^^^^^^^^^^^^^^^^^^^^^
    known blocks: generator, source, suite, run

    error: `run.ordr` cannot vary
     --> study.toml:6:1
      |
    6 | "run.ordr" = ["both"]
      | ^^^^^^^^^^
    known keys: order, samples, failures, ties, timeout, retry, batch, in-flight, protocol, vote
    did you mean `run.order`?

    error: `source.judge` is a block, and only keys vary
     --> study.toml:7:1
      |
    7 | "source.judge" = [1]
      | ^^^^^^^^^^^^^^
    hint: name a key of it: `source.NAME.KEY`

    error: a factor without levels leaves no cell
     --> study.toml:8:20
      |
    8 | "source.judge.x" = []
      |                    ^^
    hint: list at least one level
    "#);
}

#[test]
fn a_factor_without_quotes_is_told_to_take_them() {
    let drawn = drawn(
        r#"
[source.judge]
kind = "judge"
[factors]
source.judge.criteria = ["none"]
"#,
    );
    insta::assert_snapshot!(drawn, @r#"
    error: a varied key is one key in quotes
     --> study.toml:5:1
      |
    5 | source.judge.criteria = ["none"]
      | ^^^^^^
    hint: write `"source.judge.criteria" = ...`
    "#);
}

#[test]
fn a_level_that_its_key_does_not_take_is_drawn_at_the_level() {
    let drawn = drawn(
        r#"
[source.judge]
kind = "judge"
[factors]
"source.judge.order" = ["both", "bth"]
"#,
    );
    insta::assert_snapshot!(drawn, @r#"
    error: `order` has no value `bth`
     --> study.toml:5:33
      |
    5 | "source.judge.order" = ["both", "bth"]
      |                                 ^^^^^
    known values: published, seeded, both, rotations, random:m, swap-first, given
    did you mean `both`?
    "#);
}

#[test]
fn an_exclusion_of_what_no_cell_has_is_a_fault() {
    let drawn = drawn(
        r#"
exclude = [{ "source.judge.criteria" = "some", arm = "gredy" }, { "source.judge.samples" = 1 }]
[source.judge]
kind = "judge"
[factors]
"source.judge.criteria" = ["none", "general"]
[[arm]]
name = "greedy"
set = {}
"#,
    );
    insta::assert_snapshot!(drawn, @r#"
    error: the string `some` is no level of `source.judge.criteria`
     --> study.toml:2:40
      |
    2 | exclude = [{ "source.judge.criteria" = "some", arm = "gredy" }, { "source.judge.samples" = 1 }]
      |                                        ^^^^^^
    known levels: "none", "general"
    did you mean `"none"`?

    error: there is no arm `gredy`
     --> study.toml:2:54
      |
    2 | exclude = [{ "source.judge.criteria" = "some", arm = "gredy" }, { "source.judge.samples" = 1 }]
      |                                                      ^^^^^^^
    known arms: greedy
    did you mean `greedy`?

    error: `source.judge.samples` is not varied, so it leaves out no single cell
     --> study.toml:2:67
      |
    2 | exclude = [{ "source.judge.criteria" = "some", arm = "gredy" }, { "source.judge.samples" = 1 }]
      |                                                                   ^^^^^^^^^^^^^^^^^^^^^^
    known factors: source.judge.criteria
    "#);
}

#[test]
fn a_key_in_a_factor_and_an_arm_is_a_fault() {
    let drawn = drawn(
        r#"
[source.judge]
kind = "judge"
[factors]
"source.judge.samples" = [1, 2]
[[arm]]
name = "few"
set = { "source.judge.samples" = 1 }
"#,
    );
    insta::assert_snapshot!(drawn, @r#"
    error: `source.judge.samples` is set by arm `few` and varied by a factor
     --> study.toml:8:9
      |
    5 | "source.judge.samples" = [1, 2]
      |                          ------ varied here
    ...
    8 | set = { "source.judge.samples" = 1 }
      |         ^^^^^^^^^^^^^^^^^^^^^^
    "#);
}
