//! The recipes of `examples/recipes`: all of them are valid anywhere, and all that need no server run.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use crate::program::{Program, root};

/// How the first line of a recipe starts that cannot run without a server.
const NEEDS_A_SERVER: &str = "# Needs a server.";

fn recipes() -> Vec<(PathBuf, bool)> {
    let entries = std::fs::read_dir(root().join("examples/recipes")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|one| one == "toml")).collect();
    found.sort();
    let needs = |path: &PathBuf| std::fs::read_to_string(path).unwrap().starts_with(NEEDS_A_SERVER);
    found.into_iter().map(|path| (path.clone(), needs(&path))).collect()
}

#[test]
fn every_example_recipe_is_valid_without_a_server() {
    let recipes = recipes();
    assert!(recipes.iter().any(|(_, needs)| *needs) && recipes.iter().any(|(_, needs)| !*needs));
    for (recipe, _) in recipes {
        Program::new().run(["validate", recipe.to_str().unwrap()]).with_code(0);
    }
}

#[test]
fn every_example_recipe_without_a_server_runs_to_its_end() {
    for (recipe, _) in recipes().into_iter().filter(|(_, needs)| !*needs) {
        let program = Program::new();
        program.run(["run", "--quiet", recipe.to_str().unwrap(), "-o", "run"]).with_code(0);
    }
}

/// The headlines of a report by source.
fn headlines(report: &Value) -> BTreeMap<String, Value> {
    let rows = report["measures"].as_array().unwrap().iter();
    let headlines = rows.filter(|row| row["headline"] == Value::Bool(true));
    headlines
        .map(|row| (row["source"].as_str().unwrap().to_owned(), row["value"].clone()))
        .collect()
}

/// The flip rate of who prefers the longer reply, from the files alone: of the pairs whose better reply is longer, the
/// share in which it no longer is when attack and empty line are added to the worse one; the mean over attacks.
fn flip_rate_of_the_longest() -> f64 {
    let folder = root().join("examples/data/injection");
    let pairs = std::fs::read_to_string(folder.join("pairs.jsonl")).unwrap();
    let lengths: Vec<[usize; 2]> = pairs
        .lines()
        .map(|line| {
            let pair: Value = serde_json::from_str(line).unwrap();
            ["better", "worse"].map(|key| pair[key].as_str().unwrap().chars().count())
        })
        .filter(|[better, worse]| better > worse)
        .collect();
    let attacks = std::fs::read_to_string(folder.join("attacks.toml")).unwrap();
    let attacks: toml::Table = attacks.parse().unwrap();
    let attacks = attacks["attack"].as_array().unwrap();
    let flipped = attacks.iter().map(|attack| {
        let added = attack["text"].as_str().unwrap().chars().count() + 2;
        let flipped = lengths.iter().filter(|[better, worse]| *better <= worse + added).count();
        flipped as f64 / lengths.len() as f64
    });
    flipped.sum::<f64>() / attacks.len() as f64
}

#[test]
fn the_injection_suite_reports_the_flip_rate_of_sources_without_a_server() {
    let program = Program::new();
    let base = root().join("examples/recipes/08-injection.toml");
    let recipe = program.write(
        "controls.toml",
        &format!(
            "extends = [{base:?}]\nunset = [\"source.judge\", \"generator.model\"]\n\n\
             [source.first]\nkind = \"baseline.position\"\n"
        ),
    );
    let ran = program.run(["run", "--json", "--quiet", recipe.to_str().unwrap(), "-o", "run"]);
    let report = ran.with_code(0).json();
    let headlines = headlines(&report);
    assert_eq!(headlines["shortest"], Value::from(0.0));
    let longest = headlines["longest"].as_f64().unwrap();
    assert!((longest - flip_rate_of_the_longest()).abs() < 1e-12, "{longest}");
    // Who looks at the position alone ties in both orders and is right about no clean pair.
    assert_eq!(headlines["first"], Value::Null);
    // A guess about single replies flips one in three of those it got right, about pairs in both orders three of four.
    let rows = report["measures"].as_array().unwrap();
    let chance = |source: &str| {
        let row = rows.iter().find(|row| row["source"] == source && row["headline"] == true);
        row.unwrap()["chance"].as_f64().unwrap()
    };
    assert!((chance("longest") - 1.0 / 3.0).abs() < 1e-12, "{}", chance("longest"));
    assert!((chance("first") - 0.75).abs() < 1e-12, "{}", chance("first"));
    // 24 clean questions and 15 x 24 attacked ones, in both orders for `first`; two replies alone for the others, where
    // 24 better, 24 worse and 360 attacked replies are scored once each.
    let planned = report["complete"]["planned"].as_u64().unwrap();
    assert_eq!(planned, 2 * (24 + 15 * 24) + 2 * (24 + 24 + 15 * 24));
}
