//! What a sound recipe is read as.

use super::super::{Common, Failures, Items, Order, PluginOrigin, Protocol, Retry, Sample, Ties};
use super::{parsed, parsed_with};
use crate::fault::{Fault, KeyPath, Part};
use crate::recipe::Recipe;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

const FULL: &str = r#"
name = "prompt-factors"
seed = 18446744073709551615
keep-texts = true
exclude = [{ "source.judge.criteria" = "none", arm = "greedy" }]

[[plugin]]
library = "libllama.so"
isolate = true

[[plugin]]
command = ["python3", "brevity.py"]

[generator.qwen]
kind = "llama.generator"
model = "judge.gguf"
timeout = "2m"

[source.judge]
kind = "judge"
generator = "qwen"
criteria = "general"
sampling = { temperature = 0.7, max-tokens = 1024 }
samples = 8
suites = ["rmb"]
protocol = "pairwise"
retry = { most = "1m" }

[suite.rmb]
kind = "rmb"
path = "data/rmb"
sample = { clusters = 400, by = "scenario" }
subsets = ["help"]
items = ["a", 7]
failures = "wrong"
ties = "half"

[suite.pairs]
kind = "pairs"
sample = 20
items = "ids.txt"
since = 2024-05-01

[run]
order = "random:3"
timeout = "60s"
retry = { attempts = 5, wait = "500ms" }
batch = 2
in-flight = 4
tolerance = 0
budget = { usd = 20.0, tokens = 5_000_000, calls = 9 }
open-sources = 2
accept-weak = true
reuse = ["runs/old"]
out = "results"

[factors]
"source.judge.criteria" = ["none", "general"]

[[arm]]
name = "greedy"
set = { "source.judge.sampling.temperature" = 0.0, "source.judge.samples" = 1 }
"#;

fn here(path: &str) -> PathBuf {
    std::env::current_dir().expect("there is a current folder").join(path)
}

#[test]
fn every_engine_key_is_typed() {
    let recipe = parsed(FULL);
    assert_eq!(
        (recipe.name.as_str(), recipe.seed, recipe.keep_texts),
        ("prompt-factors", u64::MAX, true)
    );
    assert_eq!(recipe.plugins[0].origin, PluginOrigin::Library(here("libllama.so")));
    assert_eq!((recipe.plugins[0].isolate, recipe.plugins[0].replicas), (true, 1));
    let command = vec!["python3".to_owned(), "brevity.py".to_owned()];
    assert_eq!(recipe.plugins[1].origin, PluginOrigin::Command { command, folder: here("") });
    assert_eq!(recipe.generators[0].common.timeout, Some(Duration::from_secs(120)));
    let run = &recipe.run;
    assert_eq!(run.common.order.map(|order| order.to_string()).as_deref(), Some("random:3"));
    assert_eq!((run.common.batch, run.common.in_flight), (Some(2), Some(4)));
    assert_eq!((run.tolerance, run.open_sources, run.accept_weak), (0.0, 2, true));
    assert_eq!(
        (run.budget.usd, run.budget.tokens, run.budget.calls),
        (Some(20.0), Some(5_000_000), Some(9))
    );
    assert_eq!((&run.reuse, &run.out), (&vec![here("runs/old")], &here("results")));
    let pairs = recipe.suite("pairs").expect("there is such a suite");
    assert_eq!(pairs.sample, Some(Sample { clusters: 20, by: None }));
    assert_eq!(pairs.items, Some(Items::File(here("ids.txt"))));
    assert_eq!(pairs.block.settings.get("since"), Some(&json!("2024-05-01")));
    let rmb = recipe.suite("rmb").expect("there is such a suite");
    assert_eq!(rmb.sample, Some(Sample { clusters: 400, by: Some("scenario".to_owned()) }));
    assert_eq!(rmb.items, Some(Items::List(vec!["a".to_owned(), "7".to_owned()])));
    assert_eq!(
        (rmb.block.common.failures, rmb.block.common.ties),
        (Some(Failures::Wrong), Some(Ties::Half))
    );
}

#[test]
fn settings_hold_what_is_not_the_engines_in_written_order() {
    let recipe = parsed(FULL);
    let judge = recipe.source("judge").expect("there is such a source");
    assert_eq!(judge.suites.as_deref(), Some(&["rmb".to_owned()][..]));
    let settings: Vec<&str> = judge.block.settings.keys().map(String::as_str).collect();
    assert_eq!(settings, ["generator", "criteria", "sampling"]);
    assert_eq!(judge.block.path, KeyPath::of(["source", "judge"]));
}

#[test]
fn a_block_falls_back_key_by_key() {
    let recipe = parsed(FULL);
    let judge = &recipe.source("judge").expect("there is such a source").block.common;
    let rmb = &recipe.suite("rmb").expect("there is such a suite").block.common;
    let settled = judge.or(rmb).or(&recipe.run.common);
    let second = Duration::from_secs;
    let expected = Common {
        order: "random:3".parse().ok(),
        samples: Some(8),
        failures: Some(Failures::Wrong),
        ties: Some(Ties::Half),
        timeout: Some(second(60)),
        retry: Retry {
            attempts: Some(5),
            wait: Some(Duration::from_millis(500)),
            most: Some(second(60)),
        },
        batch: Some(2),
        in_flight: Some(4),
        protocol: Some(Protocol::Pairwise),
        vote: None,
    };
    assert_eq!(settled, expected);
}

#[test]
fn factors_arms_and_exclusions_are_key_paths_with_values() {
    let recipe = parsed(FULL);
    let criteria = KeyPath::of(["source", "judge", "criteria"]);
    assert_eq!(recipe.factors[0].key, criteria);
    assert_eq!(recipe.factors[0].levels, [json!("none"), json!("general")]);
    let temperature: KeyPath = "source.judge.sampling.temperature".parse().expect("this is a path");
    assert_eq!(recipe.arms[0].set[0], (temperature, json!(0.0)));
    assert_eq!(recipe.excludes[0].keys, [(criteria, json!("none"))]);
    assert_eq!(recipe.excludes[0].arm.as_deref(), Some("greedy"));
}

#[test]
fn an_empty_recipe_has_the_defaults() {
    let recipe = parsed("");
    assert_eq!((recipe.name.as_str(), recipe.seed, recipe.keep_texts), ("study", 0, false));
    assert_eq!((recipe.run.tolerance, recipe.run.open_sources), (0.01, 1));
    assert_eq!(recipe.run.out, Path::new("runs"));
    assert_eq!(recipe.value, json!({ "name": "study" }));
}

#[test]
fn the_default_name_keeps_to_the_characters_of_names() {
    let name = |path: &str| Recipe::parse("", Path::new(path), &[]).map(|recipe| recipe.name).ok();
    assert_eq!(name("a/my first study.toml").as_deref(), Some("my-first-study"));
    assert_eq!(name("<stdin>").as_deref(), Some("stdin"));
    assert_eq!(name("???").as_deref(), Some("recipe"));
}

#[test]
fn an_option_is_a_toml_value_or_else_a_bare_text() {
    let sets = [
        "source.judge.samples = 3",
        "run.timeout=90s",
        "source.judge.tags=['x', 'y']",
        "name=quick",
        "seed=7",
    ];
    let recipe = parsed_with(FULL, &sets);
    let judge = recipe.source("judge").expect("there is such a source");
    assert_eq!(judge.block.common.samples, Some(3));
    assert_eq!(judge.block.settings.get("tags"), Some(&json!(["x", "y"])));
    assert_eq!(recipe.run.common.timeout, Some(Duration::from_secs(90)));
    assert_eq!((recipe.name.as_str(), recipe.seed), ("quick", 7));
}

#[test]
fn an_option_reaches_into_a_list_that_is_there() {
    let recipe = parsed_with(FULL, &["arm[0].name=cold", "exclude[0].arm=cold"]);
    assert_eq!(recipe.arms[0].name, "cold");
    let faults = Recipe::parse(FULL, Path::new("study.toml"), &["arm[1].name=hot".to_owned()]);
    let message = faults.expect_err("there is one arm").to_string();
    assert_eq!(message, "--set:1:1: `arm[1].name` names no entry: there is no `[1]`");
}

#[test]
fn a_cell_has_its_levels_and_everything_else() {
    let recipe = parsed(FULL);
    let mut levels = recipe.arms[0].set.clone();
    levels.push((recipe.factors[0].key.clone(), json!("none")));
    let cell = recipe.with(&levels).expect("the levels fit");
    let judge = cell.source("judge").expect("there is such a source");
    assert_eq!(judge.block.common.samples, Some(1));
    assert_eq!(judge.block.settings["criteria"], json!("none"));
    assert_eq!(judge.block.settings["sampling"], json!({ "temperature": 0.0, "max-tokens": 1024 }));
    assert_eq!(cell.suites, recipe.suites);
}

#[test]
fn a_fault_of_a_cell_is_drawn_at_its_level() {
    let recipe = parsed(FULL);
    let cell =
        recipe.with(&[(recipe.factors[0].key.clone(), json!("none"))]).expect("the level fits");
    let fault = Fault::bad_value(recipe.factors[0].key.clone(), "none", ["general"]);
    insta::assert_snapshot!(cell.faults(vec![fault]).render(false), @r#"
    error: `criteria` has no value `none`
      --> study.toml:58:28
       |
    58 | "source.judge.criteria" = ["none", "general"]
       |                            ^^^^^^
    known values: general
    "#);
}

#[test]
fn a_fault_of_an_absent_key_is_drawn_at_the_block() {
    let recipe = parsed(FULL);
    let path = KeyPath::of(["suite", "pairs", "path"]);
    let spot = recipe.fault_place(&path, Part::Key).expect("the recipe has a text");
    assert_eq!((spot.file.as_str(), spot.line, spot.column), ("study.toml", 38, 1));
    let faults = recipe.faults(vec![Fault::new(path, "suite `pairs` has no `path`")]);
    insta::assert_snapshot!(faults.render(false), @r"
    error: suite `pairs` has no `path`
      --> study.toml:38:1
       |
    38 | [suite.pairs]
       | ^^^^^^^^^^^^^
    ");
}

#[test]
fn a_stored_recipe_reads_back_the_same() {
    let recipe = parsed(FULL);
    let text = serde_json::to_string(&recipe.stored()).expect("a recipe is plain data");
    let again = Recipe::from_stored(serde_json::from_str(&text).expect("it was just written"))
        .expect("it was sound");
    assert_eq!(again.value, recipe.value);
    assert_eq!(
        (&again.sources, &again.suites, &again.run),
        (&recipe.sources, &recipe.suites, &recipe.run)
    );
    assert_eq!(
        (&again.plugins, &again.factors, &again.arms),
        (&recipe.plugins, &recipe.factors, &recipe.arms)
    );
    assert_eq!(again.stored(), recipe.stored());
}

#[test]
fn a_fault_of_a_recipe_without_text_names_its_key() {
    let value =
        json!({ "source": { "judge": { "kind": "judge", "order": "bth" } }, "extends": [] });
    let faults =
        Recipe::from_value(value, PathBuf::from("/base")).expect_err("the order is unknown");
    insta::assert_snapshot!(faults.render(false), @r"
    error: a merged recipe has no `extends`
    at: extends
    hint: give the recipe it was merged from

    error: `order` has no value `bth`
    at: source.judge.order
    known values: published, seeded, both, rotations, random:m, swap-first, given
    did you mean `both`?
    ");
}

#[test]
fn faults_of_several_cells_stand_once() {
    let recipe = parsed(FULL);
    let fault =
        || recipe.faults(vec![Fault::new(KeyPath::of(["suite", "rmb"]), "suite `rmb` is away")]);
    let mut faults = fault();
    faults.extend(fault());
    assert_eq!(faults.len(), 1);
}

#[test]
fn an_order_that_a_recipe_does_not_name_is_none() {
    let recipe = parsed("[suite.a]\nkind = \"a\"\norder = \"given\"\n[suite.b]\nkind = \"b\"\n");
    let orders: Vec<_> = recipe.suites.iter().map(|suite| suite.block.common.order).collect();
    assert_eq!(orders, [Some(Order::Given), None]);
}

#[test]
fn a_document_that_is_no_table_is_a_fault() {
    assert!(Recipe::from_value(Value::Null, PathBuf::new()).is_err());
}
