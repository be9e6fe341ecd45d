//! Runs against sources and a suite made for the test: retries, failures, resuming, reuse, sharing, judges.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may end")]

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Deserialize;
use tribunal_api::grading::{FailureRule, TieRule, best_of};
use tribunal_api::*;
use tribunal_engine::event::{Event, Reporter};
use tribunal_engine::plan::Plan;
use tribunal_engine::ready::{Loaded, Ready};
use tribunal_engine::recipe::Recipe;
use tribunal_engine::run::{self, End, Options, Stop};
use tribunal_engine::store::{RunFolder, read_trials};
use tribunal_engine::summary;

/// What the fake backend saw and is to do.
#[derive(Default)]
struct Backend {
    calls: AtomicUsize,
    asked: Mutex<HashMap<String, usize>>,
    together: AtomicUsize,
    most_together: AtomicUsize,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FakeConfig {
    #[serde(default)]
    mood: Mood,
    #[serde(default)]
    pairs: bool,
}

#[derive(Clone, Copy, Default, Deserialize, schemars::JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Mood {
    #[default]
    Calm,
    /// Fails every first try of a question.
    Flaky,
    Denied,
    Gone,
    Panics,
    Sleeps,
    /// The same, on this machine.
    Computes,
    /// Answers with one score too many.
    Wide,
    /// Rejects questions whose first candidate is even.
    Picky,
    /// Asks for a wait of a few milliseconds.
    Busy,
}

struct Fake {
    config: FakeConfig,
    backend: Arc<Backend>,
}

impl Fake {
    fn answer(&self, question: &Question) -> Result<Answer, SourceError> {
        let text = question.candidates().join("|");
        let before = {
            let mut asked = self.backend.asked.lock().unwrap();
            let count = asked.entry(text).or_insert(0);
            *count += 1;
            *count - 1
        };
        let message = "made for the test".to_owned();
        match self.config.mood {
            Mood::Flaky if before == 0 => Err(SourceError::Unreachable { message }),
            Mood::Busy if before == 0 => Err(SourceError::Busy {
                wait: Some(Duration::from_millis(20)),
                remaining: Some(0),
                message,
            }),
            Mood::Denied => Err(SourceError::Denied { message }),
            Mood::Gone => Err(SourceError::Unreachable { message }),
            Mood::Picky if question.candidates()[0].ends_with('0') => {
                Err(SourceError::Rejected { message })
            }
            Mood::Wide => Answer::scores(vec![0.0; question.arity() + 1]),
            _ => Answer::scores(
                question
                    .candidates()
                    .iter()
                    .map(|text| if text.starts_with("good") { 1.0 } else { 0.0 }),
            ),
        }
    }
}

#[async_trait]
impl RewardSource for Fake {
    fn arity(&self) -> Arity {
        if self.config.pairs { Arity::TWO } else { Arity::ONE }
    }

    fn limits(&self) -> Limits {
        Limits { batch: 4, in_flight: 3, lane: Some("fake".to_owned()) }
    }

    fn unhurried(&self) -> bool {
        self.config.mood == Mood::Computes
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        Ok(Identity::of_code("fake", "1"))
    }

    async fn score(&self, batch: &[Question]) -> Answers {
        self.backend.calls.fetch_add(1, Ordering::SeqCst);
        let now = self.backend.together.fetch_add(1, Ordering::SeqCst) + 1;
        self.backend.most_together.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(1)).await;
        match self.config.mood {
            Mood::Panics => panic!("the fake source fell over"),
            Mood::Sleeps | Mood::Computes => tokio::time::sleep(Duration::from_secs(3600)).await,
            _ => {}
        }
        self.backend.together.fetch_sub(1, Ordering::SeqCst);
        batch.iter().map(|question| self.answer(question)).collect()
    }
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct TinyConfig {
    count: usize,
}

/// Pairs `good i` and `bad i`, two items a conversation.
struct Tiny(TinyConfig);

impl Suite for Tiny {
    fn card(&self) -> SuiteCard {
        SuiteCard {
            name: "tiny".into(),
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

    fn items(&self) -> Result<Loaded_, SuiteError> {
        let items = (0..self.0.count)
            .map(|index| Item {
                subset: Arc::from(if index % 2 == 0 { "even" } else { "odd" }),
                id: Arc::from(index.to_string()),
                topic: Arc::from("tiny"),
                cluster: Cluster::Conversation,
                prompt: Arc::from([Turn::user(format!("question {}", index / 2))]),
                candidates: vec![
                    Candidate::of_text(format!("good {index}")),
                    Candidate::of_text(format!("bad {index}")),
                ],
                gold: vec![1.0, 0.0],
                tags: Default::default(),
            })
            .collect();
        Ok(Loaded_ { items, absent: Vec::new() })
    }

    fn contest(&self, _: &str) -> Contest {
        Contest::BestAgainstEach
    }

    fn grade(&self, item: &Item, outcome: &Outcome, rules: &Rules) -> Vec<Grade> {
        let ties = rules.ties.or(TieRule::Loss);
        let failures = rules.failures.or(FailureRule::Wrong);
        let credit = best_of(outcome, item, ties, failures);
        credit.map(|credit| Grade::new("accuracy", credit)).into_iter().collect()
    }

    fn aggregates(&self, _: &[Arc<str>]) -> Vec<Aggregate> {
        vec![Aggregate::new("accuracy", "", Standing::Headline, Tree::all("accuracy"))]
    }
}

use tribunal_api::Loaded as Loaded_;

/// A generator that says the label of the longer text, and fails every first try.
struct Scribe(Arc<Backend>);

#[async_trait]
impl Generator for Scribe {
    async fn identify(&self) -> Result<Identity, SourceError> {
        Ok(Identity::of_alias("scribe"))
    }

    async fn generate(&self, batch: &[Prompt]) -> Vec<Result<Completion, SourceError>> {
        let call = self.0.calls.fetch_add(1, Ordering::SeqCst);
        let answer = |prompt: &Prompt| {
            let text = if prompt.turns[0].content.contains("good") { "yes" } else { "no" };
            Completion {
                texts: prompt.seeds.iter().map(|_| Text::of(text)).collect(),
                usage: Usage { output_tokens: Some(1), ..Usage::default() },
                origin: Origin::default(),
            }
        };
        let failed = SourceError::Unreachable { message: "first try".into() };
        batch
            .iter()
            .map(|prompt| if call == 0 { Err(failed.clone()) } else { Ok(answer(prompt)) })
            .collect()
    }
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct JudgeConfig {
    generator: GeneratorRef,
}

/// A judge with nothing of its own but a prompt: the lane is its generator's.
struct Judge(Arc<dyn Generator>);

#[async_trait]
impl RewardSource for Judge {
    fn arity(&self) -> Arity {
        Arity::ONE
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        self.0.identify().await
    }

    async fn score(&self, batch: &[Question]) -> Answers {
        let prompts: Vec<Prompt> = batch
            .iter()
            .map(|question| Prompt {
                turns: vec![Turn::user(question.candidates()[0].as_ref())],
                sampling: Sampling::default(),
                seeds: question.seeds().to_vec(),
                labels: Vec::new(),
                grammar: None,
            })
            .collect();
        let completions = self.0.generate(&prompts).await;
        completions
            .into_iter()
            .map(|completion| {
                let completion = completion?;
                Answer::score(f64::from(u8::from(completion.texts[0].text == "yes")))
            })
            .collect()
    }
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

fn card(kind: &'static str) -> Card {
    let self_check = SelfCheck::Skip;
    Card { kind, summary: "for tests", version: "1", example: "", self_check }
}

fn registry(backend: &Arc<Backend>) -> Registry {
    let mut registry = Registry::new();
    let shared = backend.clone();
    registry.source(card("fake"), move |config: FakeConfig, _| {
        Ok(Fake { config, backend: shared.clone() })
    });
    registry.suite(card("tiny"), |config: TinyConfig, _| Ok(Tiny(config)));
    let shared = backend.clone();
    registry.generator(card("scribe"), move |_: Nothing, _| Ok(Scribe(shared.clone())));
    registry.source(card("judge"), |config: JudgeConfig, context| {
        Ok(Judge(context.generator(&config.generator)?))
    });
    registry
}

#[derive(Default)]
struct Ear(Mutex<Vec<String>>);

impl Reporter for Ear {
    fn event(&self, event: &Event<'_>) {
        let value = serde_json::to_value(event).unwrap();
        self.0.lock().unwrap().push(value["event"].as_str().unwrap().to_owned());
    }
}

impl Ear {
    fn heard(&self, name: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|one| *one == name).count()
    }
}

struct Scene {
    backend: Arc<Backend>,
    folder: tempfile::TempDir,
    ear: Arc<Ear>,
}

impl Scene {
    fn new() -> Self {
        Self { backend: Arc::default(), folder: tempfile::tempdir().unwrap(), ear: Arc::default() }
    }

    async fn ready(&self, recipe: &str) -> Ready {
        let registry = registry(&self.backend);
        let recipe = Recipe::parse(recipe, Path::new("test.toml"), &[]).unwrap();
        let plan = Plan::resolve(&recipe, &registry).unwrap_or_else(|faults| panic!("{faults}"));
        Loaded::read(plan, None).unwrap().identify().await.unwrap()
    }

    fn run_folder(&self, ready: &Ready, name: &str) -> RunFolder {
        let path = self.folder.path().join(name);
        RunFolder::create(path, "", &ready.stored, &ready.suites, false).unwrap()
    }

    async fn drive(&self, ready: &Ready, folder: &RunFolder, options: &Options) -> End {
        let reporters: Vec<Arc<dyn Reporter>> = vec![self.ear.clone()];
        run::drive(ready, folder, options, reporters, Stop::default()).await.unwrap()
    }

    async fn run(&self, recipe: &str) -> End {
        let ready = self.ready(recipe).await;
        let folder = self.run_folder(&ready, "run");
        self.drive(&ready, &folder, &Options::default()).await
    }
}

fn recipe(mood: &str, items: usize) -> String {
    format!(
        "[source.fake]\nkind = \"fake\"\nmood = \"{mood}\"\n[suite.tiny]\nkind = \"tiny\"\ncount = {items}\n\
         [run]\nretry = {{ attempts = 3, wait = \"1ms\" }}\ntimeout = \"200ms\"\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flaky_backend_is_asked_again_and_everything_is_answered() {
    let scene = Scene::new();
    let end = scene.run(&recipe("flaky", 10)).await;
    assert_eq!((end.answered, end.unanswered), (20, 0));
    assert!(scene.ear.heard("retrying") > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_backend_is_waited_for() {
    let scene = Scene::new();
    let end = scene.run(&recipe("busy", 4)).await;
    assert_eq!((end.answered, end.unanswered), (8, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn denied_access_stops_the_source_at_once() {
    let scene = Scene::new();
    let end = scene.run(&recipe("denied", 100)).await;
    assert_eq!(end.answered, 0);
    assert_eq!(end.stopped_sources.len(), 1);
    assert!(scene.backend.calls.load(Ordering::SeqCst) <= 3, "only what was under way");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_is_gone_breaks_the_circuit() {
    let scene = Scene::new();
    let end = scene.run(&recipe("gone", 200)).await;
    assert_eq!(end.answered, 0);
    assert_eq!(end.stopped_sources.len(), 1);
    assert!(scene.backend.calls.load(Ordering::SeqCst) < 60, "not all of 100 batches x 3 attempts");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_an_error_of_the_source_and_the_run_goes_on() {
    let scene = Scene::new();
    let end = scene.run(&recipe("panics", 4)).await;
    assert_eq!((end.answered, end.unanswered), (0, 8));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_never_returns_is_given_up_after_its_timeout() {
    let scene = Scene::new();
    let end = scene.run(&recipe("sleeps", 2)).await;
    assert_eq!((end.answered, end.unanswered), (0, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_the_wrong_shape_is_never_stored() {
    let scene = Scene::new();
    let end = scene.run(&recipe("wide", 3)).await;
    assert_eq!((end.answered, end.unanswered), (0, 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_question_is_not_asked_again_and_the_others_are_answered() {
    let scene = Scene::new();
    // Candidates `good 0` and `bad 0`, `good 10` and `bad 10` are rejected.
    let end = scene.run(&recipe("picky", 12)).await;
    assert_eq!((end.answered, end.unanswered), (20, 4));
    assert!(scene.backend.asked.lock().unwrap().values().all(|count| *count == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_calls_are_under_way_than_the_lane_allows() {
    let scene = Scene::new();
    scene.run(&recipe("calm", 60)).await;
    assert!(scene.backend.most_together.load(Ordering::SeqCst) <= 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_is_never_asked_again() {
    let scene = Scene::new();
    let ready = scene.ready(&recipe("calm", 20)).await;
    let folder = scene.run_folder(&ready, "run");
    assert_eq!(scene.drive(&ready, &folder, &Options::default()).await.answered, 40);
    let again = scene.drive(&ready, &folder, &Options::default()).await;
    assert_eq!((again.answered, again.known, again.unanswered), (0, 40, 0));
    assert!(scene.backend.asked.lock().unwrap().values().all(|count| *count == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_shards_ask_every_question_once_between_them() {
    let scene = Scene::new();
    let ready = scene.ready(&recipe("calm", 40)).await;
    let folder = scene.run_folder(&ready, "run");
    let part = |text: &str| Options { shard: Some(text.parse().unwrap()), ..Options::default() };
    let one = scene.drive(&ready, &folder, &part("0/2")).await;
    let two = scene.drive(&ready, &folder, &part("1/2")).await;
    assert_eq!(one.answered + two.answered, 80);
    assert!(one.answered > 20 && two.answered > 20);
    assert_eq!(read_trials(&folder).unwrap().repeated, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_an_earlier_run_are_taken_over() {
    let scene = Scene::new();
    let small = scene.ready(&recipe("calm", 10)).await;
    let earlier = scene.run_folder(&small, "earlier");
    scene.drive(&small, &earlier, &Options::default()).await;
    let large = scene.ready(&recipe("calm", 16)).await;
    let folder = scene.run_folder(&large, "later");
    let options = Options { reuse: vec![earlier.path().to_owned()], ..Options::default() };
    let end = scene.drive(&large, &folder, &options).await;
    assert_eq!((end.known, end.answered), (20, 12));
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_questions_are_asked_once_over_all_suites_and_cells() {
    let scene = Scene::new();
    let text = "[source.fake]\nkind = \"fake\"\n[suite.one]\nkind = \"tiny\"\ncount = 6\n\
                [suite.two]\nkind = \"tiny\"\ncount = 10\n[factors]\n\"run.ties\" = [\"loss\", \"half\"]\n";
    let end = scene.run(text).await;
    assert_eq!(
        end.answered, 20,
        "suite two holds all questions of suite one; rules ask nothing new"
    );
    assert!(scene.backend.asked.lock().unwrap().values().all(|count| *count == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_of_calls_stops_the_run() {
    let scene = Scene::new();
    let ready = scene.ready(&recipe("calm", 100)).await;
    let folder = scene.run_folder(&ready, "run");
    let budget = tribunal_engine::recipe::Budget { calls: Some(5), ..Default::default() };
    let end = scene.drive(&ready, &folder, &Options { budget, ..Options::default() }).await;
    assert!(end.over_budget.is_some());
    assert!((5..=8).contains(&scene.backend.calls.load(Ordering::SeqCst)));
    let rest = scene.drive(&ready, &folder, &Options::default()).await;
    assert_eq!(rest.known + rest.answered, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_run_says_so_and_can_go_on() {
    let scene = Scene::new();
    let ready = scene.ready(&recipe("calm", 50)).await;
    let folder = scene.run_folder(&ready, "run");
    let stop = Stop::default();
    stop.stop();
    let end = run::drive(&ready, &folder, &Options::default(), Vec::new(), stop).await.unwrap();
    assert!(end.interrupted);
    assert_eq!(end.answered, 0);
    assert_eq!(scene.drive(&ready, &folder, &Options::default()).await.answered, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_computed_here_is_left_when_the_run_is_stopped() {
    let scene = Scene::new();
    let ready = scene.ready(&recipe("computes", 50)).await;
    let folder = scene.run_folder(&ready, "run");
    let stop = Stop::default();
    let asked = stop.clone();
    let stopping = async {
        while scene.backend.calls.load(Ordering::SeqCst) < 3 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        asked.stop();
    };
    let options = Options::default();
    let driven = run::drive(&ready, &folder, &options, Vec::new(), stop);
    let both = async { tokio::join!(driven, stopping) };
    let (end, ()) = tokio::time::timeout(Duration::from_secs(30), both).await.unwrap();
    let end = end.unwrap();
    assert!(end.interrupted);
    assert_eq!((end.answered, end.unanswered), (0, 100));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_judge_gets_its_generator_behind_a_lane_that_retries() {
    let scene = Scene::new();
    let text = "[generator.pen]\nkind = \"scribe\"\n[source.judge]\nkind = \"judge\"\ngenerator = \"pen\"\n\
                [suite.tiny]\nkind = \"tiny\"\ncount = 4\n[run]\nretry = { attempts = 2, wait = \"1ms\" }\n";
    let ready = scene.ready(text).await;
    let folder = scene.run_folder(&ready, "run");
    let end = scene.drive(&ready, &folder, &Options::default()).await;
    assert_eq!((end.answered, end.unanswered), (8, 0));
    let (summary, _) = summary::summarise(&folder, &registry(&scene.backend), None).unwrap();
    let headline =
        summary.measures.iter().find(|row| row.headline && row.source == "judge").unwrap();
    assert_eq!((headline.value, headline.n, headline.clusters), (Some(1.0), 4, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn pairs_in_both_orders_are_put_back_into_item_order() {
    let scene = Scene::new();
    let text = "[source.fake]\nkind = \"fake\"\npairs = true\norder = \"both\"\n\
                [suite.tiny]\nkind = \"tiny\"\ncount = 8\n";
    let ready = scene.ready(text).await;
    let folder = scene.run_folder(&ready, "run");
    assert_eq!(scene.drive(&ready, &folder, &Options::default()).await.answered, 16);
    let (summary, _) = summary::summarise(&folder, &registry(&scene.backend), None).unwrap();
    let value = |measure: &str| {
        let rows =
            summary.measures.iter().find(|row| row.measure == measure && row.source == "fake");
        rows.and_then(|row| row.value)
    };
    assert_eq!(value("accuracy"), Some(1.0));
    assert_eq!(value("position/agreement"), Some(1.0));
    assert_eq!(value("position/first-share"), Some(0.5));
}
