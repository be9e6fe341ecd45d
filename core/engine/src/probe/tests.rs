//! What the self-check says of sound and unsound sources.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tribunal_api::{
    Aggregate, Answer, Answers, Arity, Candidate, Card, Cluster, Combiner, Contest, Grade,
    Identity, Inspection, Item, Limits, Loaded, Order, Outcome, Published, Reason, Registry, Rules,
    Suite, SuiteCard, SuiteError, async_trait,
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
    scale: Scale,
    inspection: Option<Inspection>,
    score: Score,
}

impl Fake {
    fn new(arity: Arity, score: Score) -> Self {
        let limits = Limits { batch: 64, in_flight: 1, lane: None };
        Self {
            arity,
            draws: false,
            limits,
            fails: 0,
            calls: AtomicU32::new(0),
            scale: Scale::Free,
            inspection: None,
            score,
        }
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

    fn scale(&self) -> Scale {
        self.scale
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        Ok(Identity::of_code("fake", "1"))
    }

    async fn inspect(&self, _: &Question) -> Result<Option<Inspection>, SourceError> {
        Ok(self.inspection.clone())
    }

    async fn score(&self, batch: &[Question]) -> Answers {
        if self.calls.fetch_add(1, Ordering::Relaxed) < self.fails {
            let error = SourceError::Unreachable { message: "connection reset".to_owned() };
            return Answers::failed(batch.len(), &error);
        }
        batch.iter().map(|question| (self.score)(question, batch.len())).collect()
    }
}

/// A number that any change of what is read changes: the first and the last characters of prompt and reply together.
fn digest_of(question: &Question, first: usize, last: usize) -> f64 {
    let text = format!("{}{}", question.prompt()[0].content, question.candidates()[0]);
    let (length, first) = (text.len(), first.min(text.len()));
    let read = format!("{}|{}", &text[..first], &text[length - last.min(length)..]);
    (Digest::of("test").text(&read).finish().number() >> 12) as f64
}

/// A reward of a reply: its pair's place from 1 to 20, positive for the better reply and negative for the other.
fn reward(question: &Question, candidate: usize) -> f64 {
    let text = &*question.candidates()[candidate];
    let pairs = known_pairs();
    let Some(place) = pairs.iter().position(|pair| pair.replies.contains(&text)) else {
        return digest_of(question, usize::MAX, usize::MAX);
    };
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
        timeout_set: true,
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
    // The first of 40 questions goes alone, the others in one call of 39 against 1: 38/64 = 0.59375 apart; rewards span
    // -20 to 20.
    let verdict = verdict_of(Arity::ONE, drifting).await;
    let drift = Finding::BatchDependent { most: 38.0 / 64.0, range: 40.0, of: 8 };
    assert_eq!(verdict.findings, [drift]);
    assert_eq!(
        verdict.findings[0].to_string(),
        "scores depend on what else is asked: up to 0.594 apart over 8 questions asked alone and among others, \
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

/// What the self-check says of a source of single replies that scales its rewards so and claims this scale.
async fn verdict_of_scale(scale: Scale, score: Score) -> Verdict {
    verdict(Fake { scale, ..Fake::new(Arity::ONE, score) }).await
}

fn gentle_sigmoid(question: &Question, _: usize) -> Result<Answer, SourceError> {
    Answer::score(1.0 / (1.0 + (-reward(question, 0) / 10.0).exp()))
}

#[tokio::test]
async fn raw_output_between_0_and_1_is_doubted_although_no_score_is_at_the_edge() {
    // Rewards from -20 to 20 over 10: 1 / (1 + e^2) = 0.119 and 1 / (1 + e^-2) = 0.881.
    let verdict = verdict_of_scale(Scale::Logit, gentle_sigmoid).await;
    assert_eq!((verdict.right, verdict.checked), (20, 20));
    let said: Vec<String> = verdict.findings.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["all 40 scores lie between 0 and 1, as after a sigmoid (0.119 to 0.881)"]);
    assert!(verdict.findings[0].remedy().contains("raw logits"));
}

#[tokio::test]
async fn scores_between_0_and_1_are_noted_where_nobody_knows_and_pass_where_they_are_meant() {
    let unknown = verdict_of_scale(Scale::Free, gentle_sigmoid).await;
    assert_eq!(unknown.findings, []);
    assert_eq!(
        unknown.notes,
        ["all scores lie between 0 and 1, as after a sigmoid or as probabilities do"]
    );
    assert_eq!(verdict_of_scale(Scale::Unit, gentle_sigmoid).await, sound(20));
    assert_eq!(verdict_of_scale(Scale::Logit, good).await, sound(20));
}

#[tokio::test]
async fn scores_that_are_nearly_1_are_a_softmax_of_one_too() {
    let nearly: Score = |question, _| Answer::score(1.0 - reward(question, 0).abs() * 1e-9);
    let verdict = verdict_of(Arity::ONE, nearly).await;
    assert_eq!(verdict.findings, [Finding::SoftmaxOfOne { of: 40 }]);
    assert_eq!(
        verdict.findings[0].to_string(),
        "all 40 scores are 1, as a softmax over a single number is"
    );
}

#[tokio::test]
async fn a_second_token_that_begins_a_text_is_found() {
    let with = |count| Some(Inspection { bos: Some((128_000, count)), ..Inspection::default() });
    let fake = |count| Fake { inspection: with(count), ..Fake::new(Arity::TWO, good) };
    assert_eq!(verdict(fake(1)).await, sound(40));
    let found = verdict(fake(2)).await;
    assert_eq!(found.findings, [Finding::DoubleBos { token: 128_000, count: 2 }]);
    assert_eq!(
        found.findings[0].to_string(),
        "double BOS: the token 128000, which begins a text, stands at its start twice"
    );
}

/// A question of 9,000 characters in the prompt and 1,000 in the reply.
fn long_question() -> Question {
    Question::of_text(&"word and ".repeat(1000), &[&"so it goes".repeat(100)])
}

async fn verdict_with_long(fake: Fake) -> Verdict {
    let source: Arc<dyn RewardSource> = Arc::new(fake);
    check(&source, &calls(1), || Some(long_question())).await.expect("the source answers")
}

/// Scores known pairs as they should be, and any other text by its first and last characters.
fn reading(question: &Question, first: usize, last: usize) -> Result<Answer, SourceError> {
    let known = known_pairs().iter().any(|pair| pair.replies.contains(&&*question.candidates()[0]));
    Answer::score(if known { reward(question, 0) } else { digest_of(question, first, last) })
}

#[tokio::test]
async fn an_end_that_is_not_read_is_named() {
    let whole: Score = |question, _| reading(question, usize::MAX, usize::MAX);
    assert_eq!(verdict_with_long(Fake::new(Arity::ONE, whole)).await, sound(20));
    let first: Score = |question, _| reading(question, 8000, 0);
    let cut = Finding::Cut { end: End::End, characters: 10_000 };
    let found = verdict_with_long(Fake::new(Arity::ONE, first)).await.findings;
    assert_eq!(found, [cut]);
    assert_eq!(
        found[0].to_string(),
        "truncated: the longest question (10000 characters) keeps its score to the last bit when its end is changed, \
         so its end is not read"
    );
    let last: Score = |question, _| reading(question, 0, 8000);
    let cut = Finding::Cut { end: End::Beginning, characters: 10_000 };
    assert_eq!(verdict_with_long(Fake::new(Arity::ONE, last)).await.findings, [cut]);
}

#[tokio::test]
async fn a_source_of_few_scores_is_not_said_to_cut() {
    let coarse: Score = |question, _| Answer::score(reward(question, 0).signum());
    assert_eq!(verdict_with_long(Fake::new(Arity::ONE, coarse)).await, sound(20));
}

#[tokio::test]
async fn a_long_question_that_is_refused_is_not_cut() {
    let refusing: Score = |question, _| match question.candidates()[0].len() {
        1000 => Ok(Answer::abstain(Reason::TooLong, "")),
        _ => good(question, 0),
    };
    let tokens = Some(Inspection {
        tokens: vec![7; 3000],
        most_tokens: Some(2048),
        ..Inspection::default()
    });
    let fake = Fake { inspection: tokens.clone(), ..Fake::new(Arity::ONE, refusing) };
    let verdict = verdict_with_long(fake).await;
    assert_eq!(verdict.findings, []);
    assert_eq!(verdict.notes, ["the longest question (10000 characters) gets no score (too-long)"]);
    let fake = Fake { inspection: tokens, ..Fake::new(Arity::ONE, good) };
    let longer = Finding::LongerThanModel { tokens: 3000, most: 2048 };
    assert_eq!(verdict_with_long(fake).await.findings, [longer]);
}

#[tokio::test]
async fn how_the_check_came_out_is_kept_with_the_run_and_leaves_the_digest_alone() {
    let mut ready = ready(&["good", "constant", "control"]).await;
    let digest = ready.stored.digest();
    probe_all(&mut ready, true, &[]).await.expect("findings are accepted");
    assert_eq!(ready.stored.digest(), digest);
    let kept: Vec<Option<&Record>> =
        ready.stored.sources.iter().map(|source| source.self_check.as_ref()).collect();
    let [Some(good), Some(constant), None] = kept[..] else { panic!("{kept:?}") };
    assert_eq!((good.right, good.of, good.findings.len()), (20, 20, 0));
    assert_eq!(constant.findings[0].finding, "all 40 scores are `0.25`");
    assert!(constant.findings[0].remedy.starts_with("check that the source reads the score"));
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
    assert!(matches!(failure, ProbeFailure::Unfit(_)));
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
    assert!(matches!(failure, ProbeFailure::Unanswered { .. }));
    assert_eq!(
        failure.to_string(),
        "the self-check of source `denied` got no answer: access was denied: no such key"
    );
}
