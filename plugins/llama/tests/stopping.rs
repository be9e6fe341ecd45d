//! Work that nobody waits for is given up.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::time::{Duration, Instant};

use serde_json::json;
use tribunal_api::{Prompt, Question, Sampling, Turn};
use tribunal_models::import::WeightType;
use tribunal_models::tiny::{TinyFamily, TinyKind};

use crate::common::{Models, block_on, generate, generator, number, score, source};

struct Nobody;

impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

/// Polls once, waits a while, and drops the future.
fn begin_and_leave<T>(future: impl Future<Output = T>, after: Duration) {
    let waker = Arc::new(Nobody).into();
    let mut future = Box::pin(future);
    assert!(pin!(future.as_mut()).poll(&mut Context::from_waker(&waker)).is_pending());
    std::thread::sleep(after);
    let done =
        matches!(pin!(future.as_mut()).poll(&mut Context::from_waker(&waker)), Poll::Ready(_));
    assert!(!done, "it was over before it could be left");
}

fn seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

fn long(text: &str) -> Question {
    Question::of_text(&text.repeat(6000), &["b"])
}

#[test]
fn a_text_that_is_left_is_given_up() {
    let models = Models::new();
    let model = models.tiny(TinyFamily::Qwen2, TinyKind::Classifier, WeightType::F32);
    let source = source("llama.classifier", &model, json!({ "context": 32768 }));
    let short = Question::of_text("a", &["b"]);
    let before = number(&score(&*source, &short).unwrap());
    let whole = seconds(|| assert!(number(&score(&*source, &long("a b")).unwrap()).is_finite()));
    let batch = [long("c d")];
    begin_and_leave(source.score(&batch), Duration::from_secs_f64(whole * 0.2));
    let next = seconds(|| assert_eq!(number(&score(&*source, &short).unwrap()), before));
    // What was left would have gone on for four fifths of the time.
    assert!(next < whole * 0.5, "the next answer took {next} s, a whole text {whole} s");
    begin_and_leave(source.score(&[long("e f")]), Duration::from_secs_f64(whole * 0.2));
    let ended = seconds(|| block_on(source.close()));
    assert!(ended < whole * 0.5, "closing took {ended} s, a whole text {whole} s");
    assert_eq!(number(&score(&*source, &short).unwrap()), before);
}

#[test]
fn samples_that_are_left_are_given_up() {
    let models = Models::new();
    let model = models.tiny(TinyFamily::Qwen2, TinyKind::Causal, WeightType::F32);
    let generator = generator(&model, json!({ "slots": 4, "context": 8192 }));
    let endless = |seed: u64| Prompt {
        turns: vec![Turn::user("Go on.")],
        sampling: Sampling { temperature: 1.0, max_tokens: 3000, ..Sampling::default() },
        seeds: (seed..seed + 8).collect(),
        grammar: Some(tribunal_api::Grammar::Gbnf(format!("root ::= \"{}\"", "ab ".repeat(1500)))),
        ..Prompt::default()
    };
    let short = Prompt { seeds: vec![5], grammar: None, ..endless(0) };
    let short = Prompt { sampling: Sampling { max_tokens: 4, ..short.sampling.clone() }, ..short };
    let before = generate(&*generator, &short).unwrap();
    let whole =
        seconds(|| assert_eq!(generate(&*generator, &endless(100)).unwrap().texts.len(), 8));
    let batch = [endless(200)];
    begin_and_leave(generator.generate(&batch), Duration::from_secs_f64(whole * 0.2));
    let next = seconds(|| assert_eq!(generate(&*generator, &short).unwrap(), before));
    assert!(next < whole * 0.5, "the next answer took {next} s, a whole prompt {whole} s");
}
