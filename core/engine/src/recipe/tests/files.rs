//! Recipes that extend others: which file wins, where its faults are drawn, and where its paths start.

use super::super::Items;
use crate::fault::{KeyPath, Part};
use crate::recipe::Recipe;
use serde_json::json;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a scratch folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("it lies in the folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    folder
}

fn load(folder: &TempDir, name: &str) -> Recipe {
    match Recipe::load(&folder.path().join(name), &[]) {
        Ok(recipe) => recipe,
        Err(faults) => panic!("{}", faults.render(false)),
    }
}

fn drawn(folder: &TempDir, name: &str) -> String {
    let faults = Recipe::load(&folder.path().join(name), &[]).expect_err("the recipe has a fault");
    faults.render(false).replace(&folder.path().display().to_string(), "DIR")
}

const BASE: &str = r#"
seed = 1
[source.judge]
kind = "judge"
samples = 2
sampling = { temperature = 0.7, stops = ["a", "b"] }
[suite.rmb]
kind = "rmb"
items = "ids.txt"
"#;

#[test]
fn tables_merge_and_lists_and_scalars_replace() {
    let main = r#"
extends = ["base.toml"]
[source.judge]
samples = 3
sampling = { stops = ["c"] }
"#;
    let recipe = load(&folder(&[("base.toml", BASE), ("main.toml", main)]), "main.toml");
    let judge = json!({ "kind": "judge", "samples": 3, "sampling": { "temperature": 0.7, "stops": ["c"] } });
    assert_eq!(recipe.value["source"]["judge"], judge);
    assert_eq!(recipe.name, "main");
}

#[test]
fn of_two_bases_the_later_one_wins() {
    let files = [
        ("a.toml", "seed = 1"),
        ("b.toml", "seed = 2"),
        ("main.toml", "extends = [\"a.toml\", \"b.toml\"]"),
    ];
    assert_eq!(load(&folder(&files), "main.toml").seed, 2);
}

#[test]
fn what_is_unset_is_gone_and_may_be_given_anew() {
    let main = r#"
extends = ["base.toml"]
unset = ["source.judge", "suite.rmb.items"]
[source.judge]
kind = "jury"
"#;
    let recipe = load(&folder(&[("base.toml", BASE), ("main.toml", main)]), "main.toml");
    assert_eq!(recipe.value["source"], json!({ "judge": { "kind": "jury" } }));
    assert_eq!(recipe.value["suite"], json!({ "rmb": { "kind": "rmb" } }));
}

#[test]
fn to_unset_an_absent_key_is_a_fault_that_names_the_nearest_one() {
    let main = "extends = [\"base.toml\"]\nunset = [\"source.judge.sampels\"]\n";
    insta::assert_snapshot!(drawn(&folder(&[("base.toml", BASE), ("main.toml", main)]), "main.toml"), @r#"
    error: `source.judge.sampels` is in none of the extended recipes
     --> DIR/main.toml:2:10
      |
    2 | unset = ["source.judge.sampels"]
      |          ^^^^^^^^^^^^^^^^^^^^^^
    known keys: source.judge.kind, source.judge.samples, source.judge.sampling
    did you mean `source.judge.samples`?
    "#);
}

#[test]
fn a_cycle_is_drawn_at_the_entry_that_closes_it() {
    let files = [
        ("main.toml", "extends = [\"more/a.toml\"]"),
        ("more/a.toml", "seed = 1\nextends = [\"b.toml\"]"),
        ("more/b.toml", "extends = [\"../main.toml\"]"),
    ];
    insta::assert_snapshot!(drawn(&folder(&files), "main.toml"), @r#"
    error: a recipe extends itself: `DIR/main.toml` -> `DIR/more/a.toml` -> `DIR/more/b.toml` -> `DIR/main.toml`
     --> DIR/more/b.toml:1:12
      |
    1 | extends = ["../main.toml"]
      |            ^^^^^^^^^^^^^^
    hint: take one of them out of the chain
    "#);
}

#[test]
fn a_fault_points_at_the_file_that_finally_wrote_the_value() {
    let base = "[run]\norder = \"bth\"\nsamples = 1\n";
    let main = "extends = [\"base.toml\"]\n[run]\nsamples = 0\n";
    insta::assert_snapshot!(drawn(&folder(&[("base.toml", base), ("main.toml", main)]), "main.toml"), @r#"
    error: `samples` takes a whole number of at least 1, not the number `0`
     --> DIR/main.toml:3:11
      |
    3 | samples = 0
      |           ^ expected a whole number of at least 1

    error: `order` has no value `bth`
     --> DIR/base.toml:2:9
      |
    2 | order = "bth"
      |         ^^^^^
    known values: published, seeded, both, rotations, random:m, swap-first, given
    did you mean `both`?
    "#);
}

#[test]
fn a_file_reached_by_two_ways_is_no_cycle_and_its_faults_stand_once() {
    let files = [
        ("base.toml", "seeed = 1"),
        ("a.toml", "extends = [\"base.toml\"]"),
        ("b.toml", "extends = [\"base.toml\"]"),
        ("main.toml", "extends = [\"a.toml\", \"b.toml\"]"),
    ];
    let faults =
        Recipe::load(&folder(&files).path().join("main.toml"), &[]).expect_err("a key is misspelt");
    assert_eq!(faults.len(), 1);
}

#[test]
fn next_to_a_missing_base_only_what_is_certain_is_a_fault() {
    let main = "extends = [\"away.toml\"]\nunset = [\"seed\"]\n[source.judge]\nsamples = 0\nsuites = [\"rmb\"]\n";
    let faults = Recipe::load(&folder(&[("main.toml", main)]).path().join("main.toml"), &[])
        .expect_err("no base");
    let messages: Vec<&str> = faults.iter().map(|fault| fault.message.as_str()).collect();
    assert!(messages[0].starts_with("there is no file `"), "{messages:?}");
    assert_eq!(messages[1..], ["`samples` takes a whole number of at least 1, not the number `0`"]);
}

#[test]
fn a_recipe_that_is_not_there_or_no_text_is_a_fault() {
    let folder = folder(&[]);
    fs::write(folder.path().join("bytes.toml"), b"a = 1\nb = \"\xff\"\n").expect("a file");
    insta::assert_snapshot!(drawn(&folder, "none.toml"), @"error: there is no file `DIR/none.toml`");
    insta::assert_snapshot!(drawn(&folder, "."), @"error: `DIR/.` is a folder, not a recipe");
    insta::assert_snapshot!(drawn(&folder, "bytes.toml"), @"error: `DIR/bytes.toml` is not UTF-8 text: line 2, byte 11 of the file");
}

#[test]
fn a_relative_path_starts_at_the_file_that_wrote_it_even_after_storing() {
    let main =
        "extends = [\"shared/base.toml\"]\n[suite.own]\nkind = \"pairs\"\nitems = \"ids.txt\"\n";
    let folder = folder(&[("shared/base.toml", BASE), ("main.toml", main)]);
    let recipe = load(&folder, "main.toml");
    let again = Recipe::from_stored(recipe.stored()).expect("it was sound");
    let shared = std::path::absolute(folder.path()).expect("a path").join("shared");
    for recipe in [&recipe, &again] {
        let items = |name: &str| recipe.suite(name).and_then(|suite| suite.items.clone());
        assert_eq!(items("rmb"), Some(Items::File(shared.join("ids.txt"))));
        assert_eq!(items("own"), Some(Items::File(recipe.base().join("ids.txt"))));
        assert_eq!(recipe.origin(&KeyPath::of(["suite", "rmb", "items"])), shared);
        assert_eq!(recipe.origin(&KeyPath::of(["suite", "own", "items"])), recipe.base());
    }
}

#[test]
fn a_level_keeps_the_folder_of_the_file_that_lists_it() {
    let main = "extends = [\"shared/base.toml\"]\n[factors]\n\"suite.rmb.items\" = [\"few.txt\", \"many.txt\"]\n";
    let folder = folder(&[("shared/base.toml", BASE), ("main.toml", main)]);
    let recipe = load(&folder, "main.toml");
    let again = Recipe::from_stored(recipe.stored()).expect("it was sound");
    for recipe in [&recipe, &again] {
        let cell = recipe
            .with(&[(recipe.factors[0].key.clone(), json!("many.txt"))])
            .expect("the level fits");
        assert_eq!(cell.suites[0].items, Some(Items::File(recipe.base().join("many.txt"))));
    }
}

#[test]
fn a_path_set_on_the_command_line_starts_at_the_current_folder() {
    let folder = folder(&[("main.toml", "[suite.a]\nkind = \"a\"\nitems = \"x\"\n")]);
    let recipe = Recipe::load(&folder.path().join("main.toml"), &["suite.a.items=y".to_owned()]);
    let recipe = recipe.expect("it is sound");
    let here = std::env::current_dir().expect("a current folder");
    assert_eq!(recipe.origin(&KeyPath::of(["suite", "a", "items"])), here);
    assert_eq!(recipe.suites[0].items, Some(Items::File(here.join("y"))));
    let spot = recipe
        .fault_place(&KeyPath::of(["suite", "a", "items"]), Part::Value)
        .expect("it has a text");
    assert_eq!((spot.file.as_str(), spot.line, spot.column), ("--set", 1, 15));
}

#[test]
fn a_file_is_shown_as_the_recipe_names_it() {
    let faults = Recipe::parse("extends = [\"b.toml\"]", Path::new("some/where/a.toml"), &[]);
    assert!(faults.expect_err("there is none").to_string().contains("`some/where/b.toml`"));
}
