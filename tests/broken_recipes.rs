//! What a person sees when a recipe is wrong: one snapshot for every recipe of `fixtures/broken`.

use std::path::PathBuf;

use crate::program::{Program, root};

fn fixtures() -> PathBuf {
    root().join("tests/fixtures/broken")
}

/// Validates a recipe in its own folder and compares what is said with the stored text. A first line `# arguments: ...` of
/// the recipe holds further arguments.
#[track_caller]
fn check(name: &str, recipe: &str) {
    let text = std::fs::read(fixtures().join(recipe)).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let further = text.lines().next().and_then(|line| line.strip_prefix("# arguments: "));
    let further = further.unwrap_or_default().split_whitespace();
    let program = Program::new();
    let mut command = program.command(["validate", recipe]);
    let output = command.args(further).current_dir(fixtures()).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout.is_empty(), "a fault is no result");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.chars().all(|c| c == '\n' || !c.is_control()), "{said:?}");
    let said = said.replace(&*root().to_string_lossy(), "[root]");
    insta::with_settings!({
        snapshot_path => "snapshots/broken",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name, said);
    });
}

/// A test for each recipe.
macro_rules! broken {
    ($($name:ident)+) => {
        $(
            #[test]
            fn $name() {
                let name = stringify!($name);
                check(name, &format!("{name}.toml"));
            }
        )+

        const NAMES: &[&str] = &[$(stringify!($name)),+];
    };
}

broken! {
    a_plugin
    absent_column_in_pairs_fields
    arity_mismatch
    bad_duration
    bad_number_of_random_orders
    bad_order
    bad_path_in_pairs_fields
    bad_path_in_recorded_fields
    bad_protocol
    bad_set
    bad_ties
    bad_word_of_kind
    block_without_name
    broken_syntax
    cyclic_extends
    data_not_found
    data_of_another_suite
    duplicate_arm
    duplicate_block
    duplicate_key
    empty
    exclusion_of_everything
    exclusion_of_unknown_arm
    factor_and_arm_on_one_key
    factor_level_of_wrong_type
    factor_level_without_meaning
    factor_on_absent_key
    factor_on_absent_source
    factor_on_kept_key
    factor_without_levels
    factor_without_quotes
    fault_in_extended_file
    five_faults
    given_order_that_tells_gold
    items_file_not_found
    items_that_match_nothing
    kind_left_out
    missing_extends
    name_with_slash
    negative_budget
    negative_seed
    no_samples
    no_scores_in_recorded_fields
    no_sources
    no_suites
    not_utf8
    number_without_unit
    open_quote
    panel_of_itself
    panel_without_scores
    path_left_out
    protocol_that_does_not_fit
    route_of_unknown_subset
    route_to_unknown_source
    sample_by_unknown_tag
    sample_without_clusters
    set_of_unknown_key
    set_of_wrong_value
    suite_kind_as_source
    texts_wanted_and_none_there
    tolerance_above_one
    two_faults
    unknown_key_in_pairs_fields
    unknown_key_in_retry
    unknown_key_of_run
    unknown_key_of_source
    unknown_key_of_suite
    unknown_kind_of_source
    unknown_kind_of_suite
    unknown_subset
    unknown_suite_in_suites
    unknown_top_level_key
    unset_of_absent_key
    verdict_key_beside_scores
    wrong_type_of_engine_key
    wrong_type_of_path
    wrong_type_of_setting
}

#[test]
fn a_folder_is_no_recipe() {
    check("a_folder_is_no_recipe", "bases");
}

#[test]
fn a_recipe_that_is_not_there() {
    check("a_recipe_that_is_not_there", "absent.toml");
}

#[test]
fn every_broken_recipe_has_a_test() {
    let mut files: Vec<String> = std::fs::read_dir(fixtures())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    files.sort();
    let mut names: Vec<&str> = NAMES.to_vec();
    names.sort_unstable();
    assert_eq!(files, names);
}
