//! Kinds that were loaded from elsewhere, whose schema is plain JSON and whose factory is somebody else's: their faults
//! are drawn like those of kinds that are built in.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may end")]

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use tribunal_api::registry::LoadedBuild;
use tribunal_api::settings::{SettingsError, Step};
use tribunal_api::*;
use tribunal_engine::plan::Plan;
use tribunal_engine::ready::Loaded;
use tribunal_engine::recipe::Recipe;

const ORIGIN: &str = "plugins/libforeign.so";

struct Foreign;

#[async_trait]
impl RewardSource for Foreign {
    fn arity(&self) -> Arity {
        Arity::ONE
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        Ok(Identity::of_code("foreign", "1"))
    }

    async fn score(&self, batch: &[Question]) -> Answers {
        batch.iter().map(|_| Answer::score(0.0)).collect()
    }
}

#[async_trait]
impl Generator for Foreign {
    async fn identify(&self) -> Result<Identity, SourceError> {
        Ok(Identity::of_code("foreign", "1"))
    }

    async fn generate(&self, batch: &[Prompt]) -> Vec<Result<Completion, SourceError>> {
        batch.iter().map(|_| Ok(Completion::default())).collect()
    }
}

/// A suite that fails where it cannot say so.
struct Failing;

impl Suite for Failing {
    fn card(&self) -> SuiteCard {
        SuiteCard {
            name: "foreign".into(),
            version: "1".into(),
            licence: "none needed".into(),
            source: "made for the test".into(),
            published: Published {
                order: Order::Seeded,
                combiner: Combiner::MeanScore,
                ties: "loss".into(),
                failures: "wrong".into(),
            },
            neutral_order: false,
        }
    }

    fn items(&self) -> Result<tribunal_api::Loaded, SuiteError> {
        let item = Item {
            subset: Arc::from("s"),
            id: Arc::from("1"),
            topic: Arc::from("s"),
            cluster: Cluster::Conversation,
            prompt: Arc::from([Turn::user("a question")]),
            candidates: vec![Candidate::of_text("one"), Candidate::of_text("other")],
            gold: vec![1.0, 0.0],
            tags: Default::default(),
        };
        Ok(tribunal_api::Loaded { items: vec![item], absent: Vec::new() })
    }

    fn contest(&self, _: &str) -> Contest {
        Contest::BestAgainstEach
    }

    fn grade(&self, _: &Item, _: &Outcome, _: &Rules) -> Vec<Grade> {
        Vec::new()
    }

    fn aggregates(&self, _: &[Arc<str>]) -> Vec<Aggregate> {
        Vec::new()
    }

    fn fault(&self) -> Option<SuiteError> {
        Some(SuiteError::new("the process ended by itself").with_hint("look at its log"))
    }
}

fn card(kind: &'static str) -> Card {
    Card { kind, summary: "for tests", version: "1", example: "", self_check: SelfCheck::Skip }
}

fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "model": { "type": "string", "description": "The model's name. Any will do." },
            "layers": { "type": "integer", "minimum": 1 },
            "devices": { "type": "array", "items": { "enum": ["cpu", "cuda"] } },
            "weights": { "$ref": "#/$defs/Weights", "format": "uri" },
            "generator": { "type": "string", "x-tribunal-reference": "generator" }
        },
        "required": ["model"],
        "additionalProperties": false,
        "$defs": { "Weights": { "type": "string" } }
    })
}

/// The factory's own opinion: models are called `m-...`, and never run on seven layers.
fn agreed(settings: &Value) -> Result<(), SettingsError> {
    if settings["layers"] == 7 {
        let error = SettingsError::of_key("layers", "`7` layers do not fit the device");
        return Err(error.with_hint("use fewer layers"));
    }
    if settings["devices"][1] == "cuda" {
        let path = vec![Step::Key("devices".into()), Step::Index(1), Step::Key("memory".into())];
        return Err(SettingsError::at(path, "there is no second device"));
    }
    if !settings["model"].as_str().unwrap().starts_with("m-") {
        let error = SettingsError::of_key("model", "there is no model `mm-small`");
        return Err(error.with_known(vec!["m-small".into(), "m-large".into()]));
    }
    Ok(())
}

fn registry() -> Registry {
    let mut registry = Registry::new();
    let origin: Arc<str> = Arc::from(ORIGIN);
    let source = LoadedBuild::Source(Arc::new(|settings, context| {
        agreed(&settings)?;
        if let Some(name) = settings["generator"].as_str() {
            context.generator(&settings::GeneratorRef(name.to_owned()))?;
        }
        Ok(Arc::new(Foreign) as Arc<dyn RewardSource>)
    }));
    registry.loaded(card("foreign.source"), schema(), origin.clone(), source).unwrap();
    let generator = LoadedBuild::Generator(Arc::new(|settings, _| {
        agreed(&settings)?;
        Ok(Arc::new(Foreign) as Arc<dyn Generator>)
    }));
    registry.loaded(card("foreign.generator"), schema(), Arc::from("own.py"), generator).unwrap();
    let suite = LoadedBuild::Suite(Arc::new(|_, _| Ok(Arc::new(Failing) as Arc<dyn Suite>)));
    registry.loaded(card("foreign.suite"), json!(true), origin, suite).unwrap();
    registry
}

const SUITE: &str = "[suite.s]\nkind = \"foreign.suite\"\nanything = [1, { goes = true }]\n";

fn resolved(text: &str) -> Result<Plan, String> {
    let text = format!("{text}{SUITE}");
    let recipe = Recipe::parse(&text, Path::new("study.toml"), &[]).unwrap();
    Plan::resolve(&recipe, &registry()).map_err(|faults| faults.render(false))
}

fn drawn(text: &str) -> String {
    match resolved(text) {
        Ok(_) => panic!("the recipe is sound"),
        Err(faults) => faults,
    }
}

#[test]
fn settings_are_checked_by_the_schema_that_was_sent() {
    let text = r#"
[source.a]
kind = "foreign.source"
modle = "m-small"
layers = "many"
devices = ["cpu", "cdua"]
weights = 3
generator = "g"
"#;
    insta::assert_snapshot!(drawn(text), @r#"
    error: the key `model` is missing
     --> study.toml:2:1
      |
    2 | [source.a]
      | ^^^^^^^^^^
    hint: set `model`: The model's name

    error: unknown key `modle`
     --> study.toml:4:1
      |
    4 | modle = "m-small"
      | ^^^^^
    known keys: batch, devices, failures, generator, in-flight, kind, layers, model, order, protocol, retry, samples, suites, ties, timeout, vote, weights
    did you mean `model`?

    error: expected a whole number, found the text `many`
     --> study.toml:5:10
      |
    5 | layers = "many"
      |          ^^^^^^

    error: `cdua` is not a known value
     --> study.toml:6:19
      |
    6 | devices = ["cpu", "cdua"]
      |                   ^^^^^^
    known values: cpu, cuda
    did you mean `cuda`?

    error: there is no generator `g`
     --> study.toml:8:13
      |
    8 | generator = "g"
      |             ^^^
    "#);
}

#[test]
fn what_a_factory_refuses_is_drawn_at_its_line() {
    let text = r#"
[source.a]
kind = "foreign.source"
model = "m-small"
layers = 7
[source.b]
kind = "foreign.source"
model = "mm-small"
[source.c]
kind = "foreign.source"
model = "m-small"
devices = ["cpu", "cuda"]
[source.d]
kind = "foreign.source"
model = "m-small"
generator = "g"
[generator.g]
kind = "foreign.generator"
model = "m-small"
layers = 7
"#;
    insta::assert_snapshot!(drawn(text), @r#"
    error: `7` layers do not fit the device
     --> study.toml:5:10
      |
    5 | layers = 7
      |          ^
    hint: use fewer layers

    error: there is no model `mm-small`
     --> study.toml:8:9
      |
    8 | model = "mm-small"
      |         ^^^^^^^^^^
    known values: m-small, m-large
    did you mean `m-small`?

    error: there is no second device
      --> study.toml:12:19
       |
    12 | devices = ["cpu", "cuda"]
       |                   ^^^^^^

    error: `7` layers do not fit the device
      --> study.toml:20:10
       |
    20 | layers = 7
       |          ^
    hint: use fewer layers
    "#);
}

#[test]
fn what_the_schema_refuses_of_one_level_is_drawn_at_the_level() {
    let text = r#"
[source.a]
kind = "foreign.source"
model = "m-small"
[factors]
"source.a.layers" = [1, 7, 0]
[[arm]]
name = "wide"
set = { "source.a.devises" = ["cpu"] }
"#;
    insta::assert_snapshot!(drawn(text), @r#"
    error: `0` is below 1
     --> study.toml:6:28
      |
    6 | "source.a.layers" = [1, 7, 0]
      |                            ^

    error: unknown key `devises`
     --> study.toml:9:9
      |
    9 | set = { "source.a.devises" = ["cpu"] }
      |         ^^^^^^^^^^^^^^^^^^
    known keys: batch, devices, failures, generator, in-flight, kind, layers, model, order, protocol, retry, samples, suites, ties, timeout, vote, weights
    did you mean `devices`?
    "#);
}

#[test]
fn what_a_factory_refuses_of_one_level_is_drawn_at_the_level() {
    let text = r#"
[source.a]
kind = "foreign.source"
model = "m-small"
generator = "g"
[generator.g]
kind = "foreign.generator"
model = "m-small"
[factors]
"source.a.layers" = [1, 7]
"generator.g.model" = ["m-small", "mm-small"]
[[arm]]
name = "wide"
set = { "source.a.devices" = ["cpu", "cuda"] }
[[arm]]
name = "narrow"
set = { "source.a.devices" = ["cpu"] }
"#;
    insta::assert_snapshot!(drawn(text), @r#"
    error: `7` layers do not fit the device
      --> study.toml:10:25
       |
    10 | "source.a.layers" = [1, 7]
       |                         ^
    hint: use fewer layers

    error: there is no model `mm-small`
      --> study.toml:11:35
       |
    11 | "generator.g.model" = ["m-small", "mm-small"]
       |                                   ^^^^^^^^^^
    known values: m-small, m-large
    did you mean `m-small`?

    error: there is no second device
      --> study.toml:14:38
       |
    14 | set = { "source.a.devices" = ["cpu", "cuda"] }
       |                                      ^^^^^^
    "#);
}

#[test]
fn a_kind_that_no_plugin_brings_is_unknown_as_ever() {
    let text = r#"
[[plugin]]
command = ["own"]
[source.a]
kind = "foreign.sauce"
"#;
    insta::assert_snapshot!(drawn(text), @r#"
    error: there is no kind `foreign.sauce`
     --> study.toml:5:8
      |
    5 | kind = "foreign.sauce"
      |        ^^^^^^^^^^^^^^^
    known kinds: foreign.source, panel, route
    did you mean `foreign.source`?
    hint: `tribunal list sources` tells what each kind is
    "#);
}

#[test]
fn a_kind_of_the_plugin_for_llama_cpp_is_known_to_come_from_there() {
    let said = drawn("[source.a]\nkind = \"llama.classifier\"\n");
    assert!(
        said.contains("hint: it comes with the plugin for llama.cpp: `make plugins` builds it")
    );
    assert!(said.contains("`folder = \"target/plugins\"` loads it"), "{said}");
}

#[test]
fn a_plan_says_which_plugins_answer() {
    let text = r#"
[[plugin]]
library = "plugins/libforeign.so"
[source.a]
kind = "foreign.source"
model = "m-small"
[source.b]
kind = "foreign.source"
model = "m-small"
generator = "g"
[generator.g]
kind = "foreign.generator"
model = "m-small"
"#;
    let plan = resolved(text).unwrap();
    let plugins: Vec<Option<&str>> =
        plan.sources.iter().map(|source| source.plugin.as_deref()).collect();
    assert_eq!(plugins, [Some(ORIGIN), Some("plugins/libforeign.so, own.py")]);
    assert_eq!(plan.suites[0].plugin.as_deref(), Some(ORIGIN));
    assert_eq!(plan.sources.iter().map(|one| one.generators.len()).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn a_suite_that_failed_in_silence_is_a_fault_before_anything_is_asked() {
    let text = "[source.a]\nkind = \"foreign.source\"\nmodel = \"m-small\"\n";
    let plan = resolved(text).unwrap();
    let faults = Loaded::read(plan, None).err().unwrap();
    insta::assert_snapshot!(faults.render(false), @r"
    error: the process ended by itself
     --> study.toml:4:1
      |
    4 | [suite.s]
      | ^^^^^^^^^
    hint: look at its log
    ");
}
