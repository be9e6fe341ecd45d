//! Implicit rewards from two endpoints that echo.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tribunal_api::{Reason, SourceError, conformance};
use tribunal_scripted::{Reply, Request, Server};

use crate::{
    Outcome, WITH_BOS, WITHOUT_BOS, file, message, outcome, outcomes, questions, tokenizer_config,
    try_build,
};

/// An echo with a token per letter: the first has no log-probability, each other one is worth its code times `factor`.
fn echo(request: &Request, factor: f64) -> Reply {
    let body = request.json();
    assert_eq!((&body["echo"], &body["temperature"]), (&json!(true), &json!(0)));
    let prompt = body["prompt"].as_str().unwrap();
    let mut tokens: Vec<String> = prompt.chars().map(String::from).collect();
    let mut logprobs: Vec<Value> =
        prompt.chars().map(|letter| json!(factor * f64::from(letter as u32))).collect();
    logprobs[0] = Value::Null;
    let mut offsets: Vec<usize> = (0..tokens.len()).collect();
    // The token that is written after the prompt.
    tokens.push("!".to_owned());
    logprobs.push(json!(-1000.0));
    offsets.push(tokens.len() - 1);
    Reply::json(json!({
        "id": "cmpl-1", "object": "text_completion", "model": body["model"],
        "choices": [{"index": 0, "text": "!", "finish_reason": "length", "logprobs": {
            "tokens": tokens, "token_logprobs": logprobs, "top_logprobs": null, "text_offset": offsets}}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 11},
    }))
}

fn start(factor: f64) -> Server {
    Server::start(move |request| match request.path.as_str() {
        "/v1/completions" => echo(request, factor),
        _ => Reply::status(404, json!({"detail": "Not Found"})),
    })
}

fn codes(text: &str) -> f64 {
    text.chars().map(|letter| f64::from(letter as u32)).sum()
}

#[tokio::test]
async fn the_reward_is_the_difference_over_the_replys_tokens() {
    let (_folder, path) = file("chat.jinja", WITHOUT_BOS);
    let (policy, reference) = (start(-0.25), start(-0.5));
    let block = json!({
        "policy": {"base-url": policy.url(), "model": "p"},
        "reference": {"base-url": reference.url(), "model": "r"},
        "template": path,
    });
    let source = try_build("http.likelihood", block).unwrap();
    let answers = source.score(&questions(&["Air.", "No"])).await.into_vec();
    for (answer, reply) in answers.iter().zip(["[assistant]Air.<e>", "[assistant]No<e>"]) {
        // -0.25 c + 0.5 c = 0.25 c, where c is the sum of the codes of all that follows the dialogue.
        let sum = codes(reply);
        assert_eq!(outcome(answer), Outcome::Score(0.25 * sum));
        let answer = &answer.as_ref().unwrap()[0];
        assert_eq!(answer.parts["policy"], [-0.25 * sum]);
        assert_eq!(answer.parts["reference"], [-0.5 * sum]);
        assert_eq!(answer.parts["tokens"], [reply.chars().count() as f64]);
        assert_eq!(answer.usage.input_tokens, Some(20));
        assert_eq!(answer.origin.served.as_deref(), Some("p against r"));
    }
    let found = conformance::source(&*source, &conformance::questions(1)).await;
    assert_eq!(found, [] as [&str; 0]);
    let identity = source.identify().await.unwrap();
    assert_eq!(identity.name, "p against r");
    assert!(identity.fingerprint.starts_with("p against r; template "), "{identity:?}");
    assert_eq!(source.estimate(&questions(&["a"])[0]).unwrap().calls, 2);
}

#[tokio::test]
async fn without_a_reference_the_sum_or_the_mean_is_the_reward() {
    let (_folder, path) = file("chat.jinja", WITHOUT_BOS);
    let policy = start(-0.5);
    for (normalise, expected) in [
        ("none", -0.5 * codes("[assistant]Air.<e>")),
        ("per-token", -0.5 * codes("[assistant]Air.<e>") / 18.0),
    ] {
        let block = json!({
            "policy": {"base-url": policy.url(), "model": "p"}, "template": path, "normalise": normalise,
        });
        let source = try_build("http.likelihood", block).unwrap();
        assert_eq!(outcomes(&*source, &questions(&["Air."])).await, [Outcome::Score(expected)]);
    }
    let block = json!({
        "policy": {"base-url": policy.url(), "model": "p"},
        "reference": {"base-url": policy.url(), "model": "r"},
        "template": path, "normalise": "per-token",
    });
    assert_eq!(
        tribunal_api::settings::dotted(&try_build("http.likelihood", block).err().unwrap().path),
        "normalise"
    );
}

#[tokio::test]
async fn the_templates_bos_is_left_to_the_server() {
    let (_folder, path) = file("tokenizer_config.json", &tokenizer_config(WITH_BOS));
    let policy = start(-0.5);
    let block = json!({"policy": {"base-url": policy.url(), "model": "p"}, "template": path});
    let source = try_build("http.likelihood", block).unwrap();
    let found = outcomes(&*source, &questions(&["Air."])).await;
    assert_eq!(found, [Outcome::Score(-0.5 * codes("[assistant]Air.<e>"))]);
    let sent = policy.requests()[0].json();
    assert_eq!(sent["prompt"], "[user]Why is the sky blue?<e>[assistant]Air.<e>");
    let seen = source.inspect(&questions(&["Air."])[0]).await.unwrap().unwrap();
    // "[user]Why is the sky blue?<e>" has 6 + 20 + 3 letters.
    assert!(seen.notes[0].contains("character 29"), "{seen:?}");
}

#[tokio::test]
async fn a_reference_that_fails_does_not_pay_the_policy_again() {
    let (_folder, path) = file("chat.jinja", WITHOUT_BOS);
    let policy = start(-0.25);
    let turns = AtomicUsize::new(0);
    let reference = Server::start(move |request| match turns.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::status(503, json!({"error": {"message": "no slot"}})),
        _ => echo(request, -0.5),
    });
    let block = json!({
        "policy": {"base-url": policy.url(), "model": "p"},
        "reference": {"base-url": reference.url(), "model": "r"},
        "template": path,
    });
    let source = try_build("http.likelihood", block).unwrap();
    let first = outcomes(&*source, &questions(&["Air."])).await;
    assert!(matches!(first[0], Outcome::Error(SourceError::Unreachable { .. })), "{first:?}");
    let second = outcomes(&*source, &questions(&["Air."])).await;
    assert_eq!(second, [Outcome::Score(0.25 * codes("[assistant]Air.<e>"))]);
    assert_eq!((policy.count(), reference.count()), (1, 2));
}

#[tokio::test]
async fn what_is_no_echo_is_an_error_or_an_abstention() {
    let (_folder, path) = file("chat.jinja", WITHOUT_BOS);
    let of = |logprobs: Value| {
        Reply::json(
            json!({"model": "p", "choices": [{"index": 0, "text": "!", "logprobs": logprobs}]}),
        )
    };
    for (reply, words) in [
        (of(Value::Null), "no log-probabilities"),
        (of(json!({"tokens": ["!"], "token_logprobs": [-1.0]})), "do not make up the prompt"),
        (Reply::json(json!({"choices": []})), "choices"),
        (Reply::json(json!({})), "choices"),
    ] {
        let policy = Server::start(move |_| reply.clone());
        let block = json!({"policy": {"base-url": policy.url(), "model": "p"}, "template": path});
        let source = try_build("http.likelihood", block).unwrap();
        let found = outcomes(&*source, &questions(&["Air."])).await;
        assert!(message(&found[0]).contains(words), "{found:?}");
    }
    let policy = Server::start(|_| {
        Reply::status(
            400,
            json!({"error": {"message": "This model's maximum context length is 5 tokens"}}),
        )
    });
    let block = json!({"policy": {"base-url": policy.url(), "model": "p"}, "template": path});
    let source = try_build("http.likelihood", block).unwrap();
    let found = outcomes(&*source, &questions(&["Air."])).await;
    assert_eq!(found, [Outcome::Abstained(Reason::TooLong)]);
}

#[tokio::test]
async fn a_null_within_the_reply_is_no_score() {
    let (_folder, path) = file("chat.jinja", WITHOUT_BOS);
    let policy = Server::start(|request| {
        let prompt = request.json()["prompt"].as_str().unwrap().to_owned();
        let tokens: Vec<String> = prompt.chars().map(String::from).collect();
        let mut logprobs = vec![json!(-1.0); tokens.len()];
        logprobs[tokens.len() - 2] = Value::Null;
        Reply::json(
            json!({"choices": [{"logprobs": {"tokens": tokens, "token_logprobs": logprobs}}]}),
        )
    });
    let block = json!({"policy": {"base-url": policy.url(), "model": "p"}, "template": path});
    let source = try_build("http.likelihood", block).unwrap();
    let found = outcomes(&*source, &questions(&["Air."])).await;
    assert!(message(&found[0]).contains("has no log-probability"), "{found:?}");
}
