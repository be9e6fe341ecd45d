//! What the self-check says of sound and unsound sources.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tribunal_api::{
    Aggregate, Answer, Answers, Arity, Candidate, Card, Cluster, Combiner, Contest, Grade,
    Identity, Item, Limits, Loaded, Order, Outcome, Published, Reason, Registry, Rules, Suite,
    SuiteCard, SuiteError, async_trait,
};

use super::*;
use crate::plan::Plan;
use crate::recipe::Recipe;

type Score = fn(&Question, usize) -> Result<Answer, SourceError>;

/// A source that scores by a function of the question and of how many are asked in the same call.
struct Fake {
    arity: Arity,
    draws: bool,
    limits: Limits,
    /// Calls that fail before the first that does not.
    fails: u32,
    calls: AtomicU32,
    score: Score,
}

impl Fake {
    fn new(arity: Arity, score: Score) -> Self {
        let limits = Limits { batch: 64, in_flight: 1, lane: None };
        Self { arity, draws: false, limits, fails: 0, calls: AtomicU32::new(0), score }
    }
}

#[async_trait]
impl RewardSource for Fake {
    fn arity(&self) -> Arity {
        self.arity
    }

    fn draws(&self) -> bool {
        self.draws
    }

    fn limits(&self) -> Limits {
        self.limits.clone()
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        Ok(Identity::of_code("fake", "1"))
    }

    async fn score(&self, batch: &[Question]) -> Answers {
        if self.calls.fetch_add(1, Ordering::Relaxed) < self.fails {
            let error = SourceError::Unreachable { message: "connection reset".to_owned() };
            return Answers::failed(batch.len(), &error);
        }
        batch.iter().map(|question| (self.score)(question, batch.len())).collect()
    }
}

/// A reward of a reply: its pair's place from 1 to 20, positive for the better reply and negative for the other.
fn reward(question: &Question, candidate: usize) -> f64 {
    let text = &*question.candidates()[candidate];
    let pairs = known_pairs();
    let place = pairs.iter().position(|pair| pair.replies.contains(&text)).expect("a known reply");
    let sign = if pairs[place].replies[pairs[place].better] == text { 1.0 } else { -1.0 };
    sign * (place as f64 + 1.0)
}

fn good(question: &Question, _: usize) -> Result<Answer, SourceError> {
    Answer::scores((0..question.arity()).map(|candidate| reward(question, candidate)))
}

fn always_first(_: &Question, _: usize) -> Result<Answer, SourceError> {
    Answer::scores([1.0, 0.0])
}

fn denied(_: &Question, _: usize) -> Result<Answer, SourceError> {
    Err(SourceError::Denied { message: "no such key".to_owned() })
}

fn constant(question: &Question, _: usize) -> Result<Answer, SourceError> {
    Answer::scores(vec![0.25; question.arity()])
}

fn drifting(question: &Question, batch: usize) -> Result<Answer, SourceError> {
    Answer::score(reward(question, 0) + batch as f64 / 64.0)
}

fn calls(attempts: u32) -> Calls {
    Calls {
        timeout: Duration::from_secs(30),
        attempts,
        wait: Duration::ZERO,
        most: Duration::ZERO,
        batch: None,
        in_flight: None,
    }
}

async fn verdict(fake: Fake) -> Verdict {
    let source: Arc<dyn RewardSource> = Arc::new(fake);
    probe(&source, &calls(1)).await.expect("the source answers")
}

async fn verdict_of(arity: Arity, score: Score) -> Verdict {
    verdict(Fake::new(arity, score)).await
}

fn sound(of: usize) -> Verdict {
    Verdict { checked: of, right: of, ..Verdict::default() }
}

#[tokio::test]
async fn a_sound_source_passes_one_by_one_and_in_pairs() {
    assert_eq!(verdict_of(Arity::ONE, good).await, sound(20));
    assert_eq!(verdict_of(Arity::TWO, good).await, sound(40));
    assert_eq!(verdict_of(Arity::LIST, good).await, sound(40));
}

#[tokio::test]
async fn equal_scores_are_constant() {
    let verdict = verdict_of(Arity::ONE, constant).await;
    assert_eq!((verdict.checked, verdict.right, verdict.tied), (20, 0, 20));
    assert_eq!(verdict.findings, [Finding::Constant { value: 0.25, of: 40 }]);
    assert_eq!(verdict.findings[0].to_string(), "all 40 scores are `0.25`");
}

#[tokio::test]
async fn scores_behind_a_steep_sigmoid_are_saturated() {
    // The least reward is 1, and 1 / (1 + e^20) is 2.1e-9.
    let sigmoid: Score =
        |question, _| Answer::score(1.0 / (1.0 + (-20.0 * reward(question, 0)).exp()));
    let verdict = verdict_of(Arity::ONE, sigmoid).await;
    assert_eq!(verdict.right, 20);
    assert_eq!(verdict.findings, [Finding::Saturated { at_edge: 40, of: 40 }]);
    assert_eq!(verdict.findings[0].remedy(), "ask the server for raw logits");
}

#[tokio::test]
async fn a_softmax_over_one_number_is_named() {
    let verdict = verdict_of(Arity::ONE, |_, _| Answer::score(1.0)).await;
    assert_eq!(verdict.findings, [Finding::SoftmaxOfOne { of: 40 }]);
}

#[tokio::test]
async fn a_turned_sign_is_reversed() {
    let verdict = verdict_of(Arity::ONE, |question, _| Answer::score(-reward(question, 0))).await;
    assert_eq!(verdict.findings, [Finding::Reversed { right: 0, tied: 0, of: 20 }]);
    assert_eq!(
        verdict.findings[0].to_string(),
        "reversed: the better reply wins 0 of 20 comparisons"
    );
}

#[tokio::test]
async fn a_judge_that_always_names_the_first_is_no_better_than_a_coin() {
    let verdict = verdict_of(Arity::TWO, always_first).await;
    let coin = Finding::NoBetterThanCoin { right: 20, tied: 0, of: 40, first: Some(40) };
    assert_eq!(verdict.findings, [coin]);
    assert_eq!(
        verdict.findings[0].to_string(),
        "no better than a coin: the better reply wins 20 of 40 comparisons, the first reply shown wins 40"
    );
}

#[tokio::test]
async fn a_source_that_measures_length_is_no_better_than_a_coin() {
    let verdict =
        verdict_of(Arity::ONE, |question, _| Answer::score(question.candidates()[0].len() as f64));
    let coin = Finding::NoBetterThanCoin { right: 10, tied: 0, of: 20, first: None };
    assert_eq!(verdict.await.findings, [coin]);
}

#[tokio::test]
async fn scores_that_drift_with_the_batch_are_found() {
    // 40 questions in one call against 1: 39/64 = 0.609375 apart; rewards span -20 to 20.
    let verdict = verdict_of(Arity::ONE, drifting).await;
    let drift = Finding::BatchDependent { most: 39.0 / 64.0, range: 40.0, of: 8 };
    assert_eq!(verdict.findings, [drift]);
    assert_eq!(
        verdict.findings[0].to_string(),
        "scores depend on what else is asked: up to 0.609 apart over 8 questions asked alone and among others, \
         where all scores span 40"
    );
}

#[tokio::test]
async fn a_source_that_draws_may_drift() {
    let fake = Fake { draws: true, ..Fake::new(Arity::ONE, drifting) };
    let verdict = verdict(fake).await;
    assert_eq!(verdict.findings, []);
    assert_eq!(verdict.notes.len(), 1);
}

#[tokio::test]
async fn a_source_that_is_asked_one_by_one_is_not_asked_again() {
    let limits = Limits { batch: 1, in_flight: 1, lane: None };
    let fake = Arc::new(Fake { limits, ..Fake::new(Arity::ONE, good) });
    let source: Arc<dyn RewardSource> = fake.clone();
    assert_eq!(probe(&source, &calls(1)).await, Ok(sound(20)));
    assert_eq!(fake.calls.load(Ordering::Relaxed), 40);
}

#[tokio::test]
async fn several_calls_at_once_keep_the_order_of_the_questions() {
    let limits = Limits { batch: 3, in_flight: 4, lane: None };
    assert_eq!(verdict(Fake { limits, ..Fake::new(Arity::TWO, good) }).await, sound(40));
}

#[tokio::test]
async fn a_source_without_scores_abstains() {
    let mute: Score = |question, _| match reward(question, 0) as i64 {
        -20..10 => Ok(Answer::abstain(Reason::Unreadable, "")),
        10 => Err(SourceError::Rejected { message: "too long".to_owned() }),
        reward => Answer::score(reward as f64),
    };
    // Rewards -20..-1 and 1..9 are unreadable, 10 is rejected, 11..20 are scored: 10 of 40, and no pair whole.
    let verdict = verdict_of(Arity::ONE, mute).await;
    assert_eq!(verdict.checked, 0);
    let reasons = [("rejected", 1), ("unreadable", 29)].into();
    assert_eq!(verdict.findings, [Finding::Abstains { without: 30, of: 40, reasons }]);
    assert_eq!(
        verdict.findings[0].to_string(),
        "30 of 40 questions got no scores (1 rejected, 29 unreadable)"
    );
}

#[tokio::test]
async fn a_source_of_long_lists_is_not_asked() {
    let verdict = verdict_of(Arity { least: 4, most: 4 }, good).await;
    let note = "known pairs hold 2 candidates, and the source takes exactly 4 candidates";
    assert_eq!(verdict, Verdict { notes: vec![note.to_owned()], ..Verdict::default() });
}

#[tokio::test]
async fn a_source_that_fails_twice_is_asked_a_third_time() {
    let flaky =
        || -> Arc<dyn RewardSource> { Arc::new(Fake { fails: 2, ..Fake::new(Arity::ONE, good) }) };
    assert_eq!(probe(&flaky(), &calls(3)).await, Ok(sound(20)));
    let error = probe(&flaky(), &calls(2)).await.expect_err("two attempts are too few");
    assert_eq!(error.name(), "unreachable");
}

#[tokio::test]
async fn a_denied_source_is_asked_once() {
    let fake = Arc::new(Fake::new(Arity::ONE, denied));
    let source: Arc<dyn RewardSource> = fake.clone();
    let error = probe(&source, &calls(5)).await.expect_err("access is denied");
    assert_eq!(error.name(), "denied");
    assert_eq!(fake.calls.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_panic_and_a_wrong_count_of_scores_are_errors_of_the_source() {
    for broken in [(|_, _| panic!("out of range")) as Score, |_, _| Answer::scores([1.0, 2.0])] {
        let source: Arc<dyn RewardSource> = Arc::new(Fake::new(Arity::ONE, broken));
        let error = probe(&source, &calls(5)).await.expect_err("the source is broken");
        assert_eq!(error.name(), "broken");
    }
}

/// Settings of the fake kinds.
#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Nothing {}

struct OneItem;

impl Suite for OneItem {
    fn card(&self) -> SuiteCard {
        let published = Published {
            order: Order::Seeded,
            combiner: Combiner::MeanScore,
            ties: "loss".into(),
            failures: "wrong".into(),
        };
        SuiteCard {
            name: "one".into(),
            version: "1".into(),
            licence: "none".into(),
            source: "here".into(),
            published,
            neutral_order: false,
        }
    }

    fn items(&self) -> Result<Loaded, SuiteError> {
        let item = Item {
            subset: Arc::from("all"),
            id: Arc::from("1"),
            topic: Arc::from("all"),
            cluster: Cluster::Conversation,
            prompt: Arc::from([Turn::user("Hello")]),
            candidates: vec![Candidate::of_text("Hello!"), Candidate::of_text("Go away.")],
            gold: vec![1.0, 0.0],
            tags: Default::default(),
        };
        Ok(Loaded { items: vec![item], absent: Vec::new() })
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
}

fn card(kind: &'static str, self_check: SelfCheck) -> Card {
    Card { kind, summary: "", version: "1", example: "", self_check }
}

/// A plan with a source of each of these kinds: `good`, `constant`, `control` (constant too), `first`, `denied`.
async fn ready(kinds: &[&str]) -> Ready {
    let mut registry = Registry::new();
    let fakes: [(&'static str, SelfCheck, Arity, Score); 5] = [
        ("good", SelfCheck::KnownPairs, Arity::ONE, good),
        ("constant", SelfCheck::KnownPairs, Arity::ONE, constant),
        ("control", SelfCheck::Skip, Arity::ONE, constant),
        ("first", SelfCheck::KnownPairs, Arity::TWO, always_first),
        ("denied", SelfCheck::KnownPairs, Arity::ONE, denied),
    ];
    for (kind, self_check, arity, score) in fakes {
        registry.source(card(kind, self_check), move |_: Nothing, _| Ok(Fake::new(arity, score)));
    }
    registry.suite(card("one", SelfCheck::Skip), |_: Nothing, _| Ok(OneItem));
    let mut text = "[suite.one]\nkind = \"one\"\n".to_owned();
    for kind in kinds {
        text.push_str(&format!("[source.{kind}]\nkind = \"{kind}\"\n"));
    }
    let recipe =
        Recipe::parse(&text, Path::new("probe.toml"), &[]).map_err(|faults| faults.render(false));
    let plan = Plan::resolve(&recipe.unwrap(), &registry).map_err(|faults| faults.render(false));
    let loaded =
        crate::ready::Loaded::read(plan.unwrap(), None).map_err(|faults| faults.render(false));
    loaded.unwrap().identify().await.unwrap()
}

#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Reporter for Told {
    fn event(&self, event: &Event<'_>) {
        let line = serde_json::to_string(event).unwrap();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

#[tokio::test]
async fn a_failure_names_every_unfit_source_with_remedies() {
    let mut ready = ready(&["good", "constant", "control", "first"]).await;
    let failure = probe_all(&mut ready, false, &[]).await.expect_err("two sources are unfit");
    assert!(!failure.unreachable());
    assert_eq!(
        failure.to_string(),
        "source `constant` fails its self-check\n  \
           all 40 scores are `0.25`\n    \
             check that the source reads the score of the reply, and that the reply reaches the model\n\
         source `first` fails its self-check\n  \
           no better than a coin: the better reply wins 20 of 40 comparisons, the first reply shown wins 40\n    \
             check the model, its chat template and the prompt that the source uses"
    );
    assert!(ready.stored.sources.iter().all(|source| source.unverified.is_empty()));
}

#[tokio::test]
async fn what_is_accepted_is_noted_without_changing_the_digest_of_the_plan() {
    let mut ready = ready(&["good", "constant", "control"]).await;
    let digest = ready.stored.digest();
    let told = Arc::new(Told::default());
    let reporters: [Arc<dyn Reporter>; 1] = [told.clone()];
    probe_all(&mut ready, true, &reporters).await.expect("findings are accepted");
    let unverified: Vec<&[String]> =
        ready.stored.sources.iter().map(|source| source.unverified.as_slice()).collect();
    assert_eq!(unverified, [&[][..], &["all 40 scores are `0.25`".to_owned()], &[]]);
    assert_eq!(ready.stored.digest(), digest);
    let told = told.0.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(
        *told,
        [
            r#"{"event":"probed","source":"good","right":20,"tied":0,"of":20,"findings":[],"notes":[]}"#,
            r#"{"event":"probed","source":"constant","right":0,"tied":20,"of":20,"findings":["all 40 scores are `0.25`"],"notes":[]}"#,
        ]
    );
}

#[tokio::test]
async fn a_source_that_does_not_answer_is_carried_apart() {
    let mut ready = ready(&["constant", "denied"]).await;
    let failure = probe_all(&mut ready, true, &[]).await.expect_err("access is denied");
    assert!(failure.unreachable());
    assert_eq!(
        failure.to_string(),
        "the self-check of source `denied` got no answer: access was denied: no such key"
    );
}
