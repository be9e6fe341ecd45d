//! Suites of plugins grade a run once; what they said is kept, and a report then needs the run folder and nothing else.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may end")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Deserialize;
use serde_json::json;
use tribunal_api::grading::{FailureRule, TieRule, best_of, chance_pair};
use tribunal_api::registry::LoadedBuild;
use tribunal_api::*;
use tribunal_engine::plan::Plan;
use tribunal_engine::ready::{Loaded, Ready};
use tribunal_engine::recipe::Recipe;
use tribunal_engine::run::{self, Options, Stop};
use tribunal_engine::store::RunFolder;
use tribunal_engine::summary::{self, Stored, SummaryError, conclude, summarise};

const ORIGIN: &str = "plugins/libours.so";

/// What a suite does beside grading.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Sound,
    /// Its process ends while it grades, which it can say in `fault` alone.
    Ends,
    /// One of its measures is that of a set.
    HasSet,
    /// One of its credits is no number.
    NoNumber,
}

struct Ours {
    mood: Mood,
    graded: Arc<AtomicUsize>,
}

impl Suite for Ours {
    fn card(&self) -> SuiteCard {
        SuiteCard {
            name: "ours".into(),
            version: "3".into(),
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
        let candidate = |word: &str, index: usize| Candidate {
            author: Some(Arc::from(format!("author-{}", index % 3))),
            ..Candidate::of_text(format!("{word} {index}"))
        };
        let item = |index: usize| Item {
            subset: Arc::from(["odd", "even"][index % 2]),
            id: Arc::from(index.to_string()),
            topic: Arc::from("s"),
            cluster: Cluster::Conversation,
            prompt: Arc::from([Turn::user(format!("question {}", index / 2))]),
            candidates: vec![candidate("good", index), candidate("bad", index + 1)],
            gold: vec![1.0, 0.0],
            tags: [(Arc::from("half"), TagValue::One(Arc::from((index / 20).to_string())))].into(),
        };
        Ok(tribunal_api::Loaded { items: (0..40).map(item).collect(), absent: Vec::new() })
    }

    fn contest(&self, _: &str) -> Contest {
        Contest::BestAgainstEach
    }

    fn grade(&self, item: &Item, outcome: &Outcome, rules: &Rules) -> Vec<Grade> {
        self.graded.fetch_add(1, Ordering::Relaxed);
        let failures = rules.failures.or(FailureRule::Wrong);
        let credit = best_of(outcome, item, rules.ties.or(TieRule::Loss), failures);
        let credit = credit.filter(|_| self.mood != Mood::Ends);
        let odd = self.mood == Mood::NoNumber && &*item.id == "7";
        credit
            .map(|credit| Grade::new("accuracy", if odd { f64::NAN } else { credit / 3.0 }))
            .into_iter()
            .collect()
    }

    fn chance(&self, _: &Item, guess: &Guess) -> Vec<Grade> {
        let chance = chance_pair(guess, TieRule::Loss) / 3.0;
        vec![Grade::new("accuracy", chance)]
    }

    fn aggregates(&self, subsets: &[Arc<str>]) -> Vec<Aggregate> {
        let mut all =
            vec![Aggregate::new("accuracy", "", Standing::Headline, Tree::all("accuracy"))];
        all.extend(subsets.iter().map(|subset| {
            let tree = Tree::subset("accuracy", subset.clone());
            Aggregate::new("accuracy", subset.clone(), Standing::Group, tree)
        }));
        if self.mood == Mood::HasSet {
            let tree = Tree::Average(vec![Tree::Set(Arc::from("odd"))]);
            all.push(Aggregate::new("ties-of-all", "", Standing::Beside, tree));
        }
        all
    }

    fn fault(&self) -> Option<SuiteError> {
        let ended =
            || SuiteError::new("the process ended with signal 9").with_hint("look at its log");
        (self.mood == Mood::Ends && self.graded.load(Ordering::Relaxed) > 0).then(ended)
    }
}

/// Draws three samples, some of them abstentions.
struct Judge;

#[async_trait]
impl RewardSource for Judge {
    fn arity(&self) -> Arity {
        Arity::TWO
    }

    fn draws(&self) -> bool {
        true
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        Ok(Identity::of_code("judge", "1"))
    }

    async fn score(&self, batch: &[Question]) -> Answers {
        let said = |question: &Question, seed: u64| match seed % 7 {
            0 => Answer::abstain(Reason::Unreadable, "no verdict in `…`"),
            1 => Answer::scores([0.0, 1.0]).unwrap(),
            _ => {
                let good = |text: &Arc<str>| f64::from(u8::from(text.starts_with("good")));
                Answer::scores(question.candidates().iter().map(good)).unwrap()
            }
        };
        batch
            .iter()
            .map(|question| {
                Ok(question.seeds().iter().map(|&seed| said(question, seed)).collect::<Vec<_>>())
            })
            .collect()
    }
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

fn card(kind: &'static str) -> Card {
    Card { kind, summary: "for tests", version: "1", example: "", self_check: SelfCheck::Skip }
}

/// The kinds that are built in: without the suite of the plugin.
fn built_in() -> Registry {
    let mut registry = Registry::new();
    registry.source(card("judge"), |_: Nothing, _| Ok(Judge));
    registry
}

fn with_plugin(mood: Mood, graded: &Arc<AtomicUsize>) -> Registry {
    let mut registry = built_in();
    let graded = graded.clone();
    let build = LoadedBuild::Suite(Arc::new(move |_, _| {
        Ok(Arc::new(Ours { mood, graded: graded.clone() }) as Arc<dyn Suite>)
    }));
    registry.loaded(card("ours"), json!({}), Arc::from(ORIGIN), build).unwrap();
    registry
}

struct Scene {
    graded: Arc<AtomicUsize>,
    scratch: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        Self { graded: Arc::default(), scratch: tempfile::tempdir().unwrap() }
    }

    fn registry(&self) -> Registry {
        with_plugin(Mood::Sound, &self.graded)
    }

    async fn ready(&self) -> Ready {
        let text = "[source.judge]\nkind = \"judge\"\nsamples = 3\norder = \"both\"\n[suite.own]\nkind = \"ours\"\n";
        let recipe = Recipe::parse(text, Path::new("test.toml"), &[]).unwrap();
        let plan = Plan::resolve(&recipe, &self.registry()).unwrap_or_else(|f| panic!("{f}"));
        Loaded::read(plan, None).unwrap().identify().await.unwrap()
    }

    fn folder(&self, ready: &Ready) -> RunFolder {
        let path = self.scratch.path().join("run");
        RunFolder::create(path, "", &ready.stored, &ready.suites, false).unwrap()
    }

    /// A folder with all trials and nothing measured.
    async fn asked(&self) -> RunFolder {
        let ready = self.ready().await;
        let folder = self.folder(&ready);
        drive(&ready, &folder).await;
        folder
    }
}

async fn drive(ready: &Ready, folder: &RunFolder) {
    let end = run::drive(ready, folder, &Options::default(), Vec::new(), Stop::default()).await;
    assert_eq!(end.unwrap().unanswered, 0);
}

fn grades(folder: &RunFolder) -> String {
    std::fs::read_to_string(folder.file("grades.jsonl")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_needs_the_folder_and_nothing_else() {
    let scene = Scene::new();
    let folder = scene.asked().await;
    let (with, _) = conclude(&folder, &scene.registry()).unwrap();
    let headline = with.measures.iter().find(|row| row.headline && row.source == "judge").unwrap();
    assert!(headline.value.unwrap() > 0.0 && headline.abstained == 0, "{headline:?}");
    assert!(headline.chance.is_some());
    for part in ["accuracy/worst", "first@2", "vote@2"] {
        assert!(with.measures.iter().any(|row| row.measure == part), "{part}");
    }
    let asked = scene.graded.load(Ordering::Relaxed);
    let (without, _) = summarise(&folder, &built_in(), None).unwrap();
    assert_eq!(without.to_json(), with.to_json());
    for tag in ["half", "author"] {
        let (with, _) = summarise(&folder, &scene.registry(), Some(tag)).unwrap();
        let (without, _) = summarise(&folder, &built_in(), Some(tag)).unwrap();
        assert_eq!(without.to_json(), with.to_json(), "{tag}");
        assert!(without.measures.iter().any(|row| row.slice.is_some()));
    }
    assert_eq!(with.run.suites[0].plugin.as_deref(), Some(ORIGIN));
    assert_eq!(with.run.sources[0].plugin, None);
    assert_eq!(scene.graded.load(Ordering::Relaxed), 3 * asked, "each call is made once a report");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_run_keeps_the_same_lines() {
    let scene = Scene::new();
    let folder = scene.asked().await;
    conclude(&folder, &scene.registry()).unwrap();
    let first = grades(&folder);
    assert!(first.lines().all(|line| line.starts_with("{\"suite\":0,\"call\":\"")), "{first}");
    let mut sorted: Vec<&str> = first.lines().collect();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted, first.lines().collect::<Vec<_>>());
    conclude(&folder, &scene.registry()).unwrap();
    assert_eq!(grades(&folder), first);
    // What is kept stays kept where the plugin is not there.
    conclude(&folder, &built_in()).unwrap();
    assert_eq!(grades(&folder), first);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_commands_grade_single_items_from_what_is_kept() {
    let scene = Scene::new();
    let folder = scene.asked().await;
    conclude(&folder, &scene.registry()).unwrap();
    let stored = Stored::read(&folder).unwrap();
    let cell = &stored.plan.cells[0];
    let graders = |registry| summary::graders(&folder, &stored.plan, registry).unwrap();
    let (with, without) = (graders(&scene.registry()), graders(&built_in()));
    let (outcomes, ..) = stored.outcomes(cell);
    for (case, outcome) in stored.suites[0].cases.iter().zip(&outcomes) {
        let outcome = outcome.as_ref().unwrap();
        let [with, without] = [&with, &without]
            .map(|graders| graders[0].suite().grade(&case.item, outcome, &cell.manner.rules));
        assert_eq!(with, without);
        assert_eq!(with.len(), 1);
    }
    without[0].check().unwrap();
    let unheard = Outcome::pointwise([0.25, 0.5]);
    let item = &stored.suites[0].cases[0].item;
    assert!(without[0].suite().grade(item, &unheard, &cell.manner.rules).is_empty());
    without[0].check().unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_without_grades_asks_for_its_plugin() {
    let scene = Scene::new();
    let folder = scene.asked().await;
    let error = summarise(&folder, &built_in(), None).unwrap_err();
    let text = "suite `own` is graded by the plugin `plugins/libours.so`, and the run holds no grades for any of its answers";
    assert_eq!(error.to_string(), text);
    assert!(matches!(error, SummaryError::NoGrades { .. }));
    let hint = "run `tribunal resume`, which keeps them, or load the plugin";
    assert_eq!(error.hint().as_deref(), Some(hint));
    // A report does not write into the run.
    summarise(&folder, &scene.registry(), None).unwrap();
    summarise(&folder, &built_in(), None).unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn grades_that_are_older_than_the_trials_are_not_passed_off_as_all() {
    let scene = Scene::new();
    let ready = scene.ready().await;
    let folder = scene.folder(&ready);
    conclude(&folder, &scene.registry()).unwrap();
    let (empty, _) = summarise(&folder, &built_in(), None).unwrap();
    assert!(!empty.complete.complete);
    drive(&ready, &folder).await;
    let error = summarise(&folder, &built_in(), None).unwrap_err();
    assert!(error.to_string().ends_with("no grades for some of its answers"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_fails_while_it_grades_leaves_no_report() {
    let scene = Scene::new();
    let folder = scene.asked().await;
    for (mood, text) in [
        (Mood::Ends, "the process ended with signal 9"),
        (
            Mood::HasSet,
            "its measure `ties-of-all` is that of a set, and plugins can have means of grades alone",
        ),
        (
            Mood::NoNumber,
            "item `7` of `even` has the grade `accuracy` with the credit NaN and the weight 1, which is no grade",
        ),
    ] {
        let error = conclude(&folder, &with_plugin(mood, &Arc::default())).unwrap_err();
        let whole =
            format!("suite `own` cannot be graded by the plugin `plugins/libours.so`: {text}");
        assert_eq!(error.to_string(), whole);
        assert!(!folder.file("grades.jsonl").exists());
    }
    let error = conclude(&folder, &with_plugin(Mood::Ends, &Arc::default())).unwrap_err();
    assert_eq!(error.hint().as_deref(), Some("look at its log"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suite_that_is_built_in_keeps_no_grades() {
    let scene = Scene::new();
    let folder = scene.asked().await;
    let mut registry = built_in();
    registry.suite(card("ours"), |_: Nothing, _| {
        Ok(Ours { mood: Mood::HasSet, graded: Arc::default() })
    });
    conclude(&folder, &registry).unwrap();
    assert!(!folder.file("grades.jsonl").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_from_before_plugins_is_read_as_it_was() {
    let scene = Scene::new();
    let folder = scene.asked().await;
    let text = std::fs::read_to_string(folder.file("plan.json")).unwrap();
    assert!(
        text.contains("\"format\": \"1.1\"") && text.contains("\"plugin\": \"plugins/libours.so\"")
    );
    let old = text.replace("\"format\": \"1.1\"", "\"format\": \"1.0\"");
    let old = old.replace("      \"plugin\": \"plugins/libours.so\",\n", "");
    assert!(!old.contains("plugin"));
    std::fs::write(folder.file("plan.json"), old).unwrap();
    assert_eq!(folder.plan().unwrap().suites[0].plugin, None);
    summarise(&folder, &scene.registry(), None).unwrap();
    // Nothing says that a plugin is missing, so the kind is unknown.
    let error = summarise(&folder, &built_in(), None).unwrap_err();
    assert_eq!(error.to_string(), "suite `own` cannot grade: there is no suite of kind `ours`");
}
