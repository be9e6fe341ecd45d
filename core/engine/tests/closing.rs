//! Sources and generators give back what is heavy: how many are open at once, and when each is closed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may end")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Deserialize;
use tribunal_api::*;
use tribunal_engine::plan::Plan;
use tribunal_engine::probe;
use tribunal_engine::ready::{Loaded, Ready};
use tribunal_engine::recipe::Recipe;
use tribunal_engine::run::{self, Options, Stop};
use tribunal_engine::store::RunFolder;

/// What holds something heavy right now, and how often each was opened and closed.
#[derive(Default)]
struct Ledger(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    open: Vec<String>,
    most_open: usize,
    /// Opened and closed, by name.
    counts: BTreeMap<String, (usize, usize)>,
}

impl Ledger {
    fn open(&self, name: &str) {
        let mut entries = self.0.lock().unwrap();
        if !entries.open.iter().any(|open| open == name) {
            entries.open.push(name.to_owned());
            entries.most_open = entries.most_open.max(entries.open.len());
            entries.counts.entry(name.to_owned()).or_default().0 += 1;
        }
    }

    fn close(&self, name: &str) {
        let mut entries = self.0.lock().unwrap();
        entries.open.retain(|open| open != name);
        entries.counts.entry(name.to_owned()).or_default().1 += 1;
    }

    fn counts(&self) -> Vec<(usize, usize)> {
        self.0.lock().unwrap().counts.values().copied().collect()
    }

    fn most_open(&self) -> usize {
        self.0.lock().unwrap().most_open
    }

    fn open_now(&self) -> Vec<String> {
        self.0.lock().unwrap().open.clone()
    }
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Config {
    label: String,
    #[serde(default)]
    manner: Manner,
    generator: Option<GeneratorRef>,
}

/// How it closes.
#[derive(Clone, Copy, Default, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Manner {
    #[default]
    Well,
    Panics,
}

/// Opens when it is first asked, and is reopened after it was closed.
struct Heavy {
    config: Config,
    ledger: Arc<Ledger>,
    generator: Option<Arc<dyn Generator>>,
}

#[async_trait]
impl RewardSource for Heavy {
    fn arity(&self) -> Arity {
        Arity::ONE
    }

    fn limits(&self) -> Limits {
        Limits { batch: 4, in_flight: 3, lane: None }
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        Ok(Identity::of_code("heavy", "1"))
    }

    async fn score(&self, batch: &[Question]) -> Answers {
        self.ledger.open(&self.config.label);
        if let Some(generator) = &self.generator {
            generator.generate(&[Prompt { seeds: vec![1], ..Prompt::default() }]).await;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        let score = |question: &Question| {
            let text = &question.candidates()[0];
            // Longer replies are better, as far as the known pairs go well enough.
            Answer::score(text.len() as f64 + if text.starts_with("good") { 9.0 } else { 0.0 })
        };
        batch.iter().map(score).collect()
    }

    async fn close(&self) {
        self.ledger.close(&self.config.label);
        match self.config.manner {
            Manner::Well => {}
            Manner::Panics => panic!("the source fell over while it closed"),
        }
    }
}

struct Pen {
    label: String,
    ledger: Arc<Ledger>,
}

#[async_trait]
impl Generator for Pen {
    async fn identify(&self) -> Result<Identity, SourceError> {
        Ok(Identity::of_code("pen", "1"))
    }

    async fn generate(&self, batch: &[Prompt]) -> Vec<Result<Completion, SourceError>> {
        self.ledger.open(&self.label);
        batch.iter().map(|_| Ok(Completion::default())).collect()
    }

    async fn close(&self) {
        self.ledger.close(&self.label);
    }
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct PenConfig {
    label: String,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

struct Pairs;

impl Suite for Pairs {
    fn card(&self) -> SuiteCard {
        SuiteCard {
            name: "pairs".into(),
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
        let item = |index: usize| Item {
            subset: Arc::from("s"),
            id: Arc::from(index.to_string()),
            topic: Arc::from("s"),
            cluster: Cluster::Conversation,
            prompt: Arc::from([Turn::user(format!("question {index}"))]),
            candidates: ["good", "bad"]
                .map(|word| Candidate::of_text(format!("{word} {index}")))
                .into(),
            gold: vec![1.0, 0.0],
            tags: Default::default(),
        };
        Ok(tribunal_api::Loaded { items: (0..20).map(item).collect(), absent: Vec::new() })
    }

    fn contest(&self, _: &str) -> Contest {
        Contest::BestAgainstEach
    }

    fn grade(&self, _: &Item, _: &Outcome, _: &Rules) -> Vec<Grade> {
        vec![Grade::new("accuracy", 1.0)]
    }

    fn aggregates(&self, _: &[Arc<str>]) -> Vec<Aggregate> {
        vec![Aggregate::new("accuracy", "", Standing::Headline, Tree::all("accuracy"))]
    }
}

fn registry(ledger: &Arc<Ledger>) -> Registry {
    let card = |kind, self_check| Card {
        kind,
        summary: "for tests",
        version: "1",
        example: "",
        self_check,
    };
    let mut registry = Registry::new();
    let shared = ledger.clone();
    registry.source(card("heavy", SelfCheck::KnownPairs), move |config: Config, context| {
        let generator =
            config.generator.as_ref().map(|name| context.generator(name)).transpose()?;
        Ok(Heavy { config, ledger: shared.clone(), generator })
    });
    let shared = ledger.clone();
    registry.generator(card("pen", SelfCheck::Skip), move |config: PenConfig, _| {
        Ok(Pen { label: config.label, ledger: shared.clone() })
    });
    registry.suite(card("pairs", SelfCheck::Skip), |_: Nothing, _| Ok(Pairs));
    registry
}

const SUITE: &str = "[suite.s]\nkind = \"pairs\"\n";

/// Three sources, the first two of them on one generator.
const THREE: &str = r#"
[generator.shared]
kind = "pen"
label = "pen"
[source.a]
kind = "heavy"
label = "a"
[source.b]
kind = "heavy"
label = "b"
[source.c]
kind = "heavy"
label = "c"
"#;

struct Scene {
    ledger: Arc<Ledger>,
    folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        Self { ledger: Arc::default(), folder: tempfile::tempdir().unwrap() }
    }

    async fn ready(&self, text: &str) -> Ready {
        let recipe = Recipe::parse(&format!("{text}{SUITE}"), Path::new("test.toml"), &[]).unwrap();
        let plan =
            Plan::resolve(&recipe, &registry(&self.ledger)).unwrap_or_else(|f| panic!("{f}"));
        Loaded::read(plan, None).unwrap().identify().await.unwrap()
    }

    async fn probe(&self, ready: &mut Ready) {
        probe::probe_all(ready, true, &[]).await.unwrap();
    }

    async fn drive(&self, ready: &Ready, stop: Stop) -> run::End {
        let path = self.folder.path().join("run");
        let folder = RunFolder::create(path, "", &ready.stored, &ready.suites, false).unwrap();
        let open_sources = ready.plan.recipe.run.open_sources as usize;
        let options = Options { open_sources, ..Options::default() };
        run::drive(ready, &folder, &options, Vec::new(), stop).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_three_sources_is_open_at_a_time_and_each_is_closed_behind_check_and_trials() {
    let scene = Scene::new();
    let mut ready = scene.ready(THREE).await;
    scene.probe(&mut ready).await;
    assert_eq!(scene.ledger.counts(), [(1, 1); 3]);
    let end = scene.drive(&ready, Stop::default()).await;
    assert_eq!(end.unanswered, 0);
    assert_eq!(scene.ledger.counts(), [(2, 2); 3]);
    assert_eq!((scene.ledger.most_open(), scene.ledger.open_now().len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_that_may_all_be_open_stay_open_from_the_check_to_their_last_trial() {
    let scene = Scene::new();
    let mut ready = scene.ready(&format!("{THREE}[run]\nopen-sources = 3\n")).await;
    scene.probe(&mut ready).await;
    assert_eq!(scene.ledger.open_now(), ["a", "b", "c"]);
    scene.drive(&ready, Stop::default()).await;
    assert_eq!(scene.ledger.counts(), [(1, 1); 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_of_three_sources_are_open_at_most() {
    let scene = Scene::new();
    let mut ready = scene.ready(&format!("{THREE}[run]\nopen-sources = 2\n")).await;
    scene.probe(&mut ready).await;
    scene.drive(&ready, Stop::default()).await;
    assert_eq!(scene.ledger.counts(), [(2, 2); 3]);
    assert!(scene.ledger.most_open() <= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generator_is_closed_with_the_last_source_that_is_built_on_it() {
    let scene = Scene::new();
    let text = THREE.replace("label = \"a\"", "label = \"a\"\ngenerator = \"shared\"");
    let text = text.replace("label = \"c\"", "label = \"c\"\ngenerator = \"shared\"");
    let ready = scene.ready(&text).await;
    scene.drive(&ready, Stop::default()).await;
    // In the order of names: a, b, c, pen.
    assert_eq!(scene.ledger.counts(), [(1, 1); 4]);
    assert_eq!(scene.ledger.most_open(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_before_or_is_not_asked_any_more_is_closed_too() {
    let scene = Scene::new();
    let ready = scene.ready(THREE).await;
    scene.drive(&ready, Stop::default()).await;
    let again = scene.ready(THREE).await;
    assert_eq!(scene.drive(&again, Stop::default()).await.known, 120);
    assert_eq!(scene.ledger.counts(), [(1, 2); 3]);
    let stop = Stop::default();
    stop.stop();
    let fresh = Scene::new();
    let ready = fresh.ready(&THREE.replace("[source.c]", "samples = 1\n[source.c]")).await;
    fresh.drive(&ready, stop).await;
    assert_eq!(fresh.ledger.counts(), [(0, 1); 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_panics_while_it_closes_spoils_nothing() {
    let scene = Scene::new();
    let ready =
        scene.ready(&THREE.replace("label = \"b\"", "label = \"b\"\nmanner = \"panics\"")).await;
    assert_eq!(scene.drive(&ready, Stop::default()).await.unanswered, 0);
    assert_eq!(scene.ledger.counts(), [(1, 1); 3]);
}
