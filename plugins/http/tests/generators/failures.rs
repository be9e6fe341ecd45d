//! What servers say when they do not answer, and what the engine hears.

use std::time::Duration;

use serde_json::{Value, json};
use tribunal_api::registry::NoGenerators;
use tribunal_api::{Finish, SourceError};
use tribunal_scripted::{Reply, Server};

use crate::{KEY, ask, chat, choice, completion, prompt, try_build};

async fn error(reply: Reply) -> SourceError {
    let server = Server::start(move |_| reply.clone());
    let generator = chat(&server, json!({"most-bytes": 4096}));
    let error = ask(&generator, prompt()).await.unwrap_err();
    assert_eq!(server.count(), 1, "an adapter never asks twice: {error}");
    error
}

fn nested(status: u16, message: &str) -> Reply {
    Reply::status(status, json!({"error": {"message": message, "type": "x", "code": status}}))
}

#[tokio::test]
async fn statuses_become_the_errors_that_the_engine_understands() {
    for (status, message, name) in [
        (400, "bad", "rejected"),
        (401, "who are you", "denied"),
        (402, "pay", "denied"),
        (403, "no", "denied"),
        (404, "Not Found", "broken"),
        (404, "The model `m` does not exist", "denied"),
        (408, "slow", "unreachable"),
        (409, "conflict", "unreachable"),
        (413, "too large", "rejected"),
        (418, "teapot", "rejected"),
        (422, "bad", "rejected"),
        (425, "early", "busy"),
        (429, "slow down", "busy"),
        (500, "oops", "unreachable"),
        (501, "route disabled", "broken"),
        (502, "gateway", "unreachable"),
        (503, "Loading model", "busy"),
        (503, "overloaded", "unreachable"),
        (504, "gateway", "unreachable"),
        (529, "overloaded", "unreachable"),
    ] {
        let error = error(nested(status, message)).await;
        assert_eq!(error.name(), name, "{status} {message}: {error}");
        assert!(error.to_string().contains(message), "{error}");
        assert!(error.to_string().contains(&status.to_string()), "{error}");
    }
}

#[tokio::test]
async fn waits_and_quotas_are_heard() {
    let busy = nested(429, "slow").header("retry-after", "7").header("ratelimit-remaining", "3");
    let SourceError::Busy { wait, remaining, .. } = error(busy).await else { panic!() };
    assert_eq!((wait, remaining), (Some(Duration::from_secs(7)), Some(3)));
    let in_body = json!({"error": {"code": 429, "message": "later", "status": "RESOURCE_EXHAUSTED",
        "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.5s"}]}});
    let SourceError::Busy { wait, .. } = error(Reply::status(429, in_body)).await else { panic!() };
    assert_eq!(wait, Some(Duration::from_millis(1500)));
    // A server in trouble may name a wait; what is left of a quota says nothing then.
    for status in [500, 503, 529] {
        let patient = nested(status, "oops").header("retry-after-ms", "250");
        let patient = patient.header("x-ratelimit-remaining-requests", "3");
        let SourceError::Busy { wait, remaining, message } = error(patient).await else { panic!() };
        assert_eq!((wait, remaining), (Some(Duration::from_millis(250)), None));
        assert!(message.starts_with(&format!("HTTP {status}")), "{message}");
    }

    let server = Server::start(|_| {
        let reply = Reply::json(completion(vec![choice(0, "A")]));
        reply
            .header("x-ratelimit-limit-requests", "100")
            .header("x-ratelimit-remaining-requests", "25")
            .header("x-ratelimit-reset-requests", "6m0s")
    });
    let generator = chat(&server, json!({}));
    assert_eq!(generator.quota(), None);
    ask(&generator, prompt()).await.unwrap();
    let quota = generator.quota().unwrap();
    assert_eq!((quota.left, quota.resets), (0.25, Some(Duration::from_secs(360))));
}

#[tokio::test]
async fn a_prompt_that_does_not_fit_is_rejected_in_words_that_judges_know() {
    let flat = json!({"object": "error", "type": "BadRequestError", "param": null, "code": 400,
        "message": "This model's maximum context length is 4096 tokens. However, you requested 5000"});
    for reply in [Reply::status(400, flat), nested(413, "request too large")] {
        let SourceError::Rejected { message } = error(reply).await else { panic!() };
        assert!(message.starts_with("too long: "), "{message}");
    }
}

#[tokio::test]
async fn a_content_filter_is_a_refusal_and_not_an_error() {
    let server = Server::start(|_| {
        Reply::status(400, json!({"error": {"code": "content_filter", "message": "filtered"}}))
    });
    let done = ask(&chat(&server, json!({})), prompt()).await.unwrap();
    assert_eq!((done.texts.len(), done.texts[0].finish), (1, Finish::Refused));
}

#[tokio::test]
async fn replies_that_are_not_what_they_should_be_are_typed_errors() {
    let whole = completion(vec![choice(0, "A")]).to_string();
    for (reply, name) in [
        (Reply::cut(&whole[..40]), "unreachable"),
        (Reply::drop_connection(), "unreachable"),
        (Reply::text(200, "<html>bad gateway</html>"), "unreachable"),
        (Reply::text(200, ""), "unreachable"),
        (Reply::raw(200, &whole.as_bytes()[..50], "application/json"), "unreachable"),
        (Reply::raw(200, vec![0xff, 0xfe], "application/json"), "unreachable"),
        (Reply::json(json!({"choices": []})), "unreachable"),
        (Reply::json(json!({"error": {"message": "upstream", "code": 502}})), "unreachable"),
        (Reply::json(json!({"error": {"message": "later", "code": 429}})), "busy"),
        (Reply::json(json!({"choices": "x"})), "unreachable"),
        (Reply::json(json!({"choices": [{"message": {"content": 3}}]})), "unreachable"),
        (Reply::json(json!({"choices": [{"message": {}}]})), "unreachable"),
        (Reply::json(json!({"choices": [3]})), "unreachable"),
        (Reply::json(completion(vec![choice(0, &"x".repeat(5000))])), "broken"),
    ] {
        let shown = format!("{reply:?}");
        let error = error(reply).await;
        assert_eq!(error.name(), name, "{shown}: {error}");
    }
    let large = Reply::json(completion(vec![choice(0, &"x".repeat(5000))]));
    let chunked = large.clone().chunked(100, Duration::ZERO);
    for reply in [large, chunked] {
        let error = error(reply).await.to_string();
        assert!(error.contains("4096") && error.contains("`most-bytes`"), "{error}");
    }
}

#[tokio::test]
async fn a_redirection_is_not_followed() {
    let other = Server::start(|_| Reply::json(completion(vec![choice(0, "wrong")])));
    let url = format!("{}/v1/chat/completions", other.url());
    let moved = Reply::text(307, "").header("location", &url);
    let error = error(moved).await;
    assert_eq!(error.name(), "broken");
    assert!(error.to_string().contains(&url), "{error}");
    assert_eq!(other.count(), 0);
}

#[tokio::test]
async fn a_dead_endpoint_is_unreachable_and_the_living_one_takes_over() {
    let dead = Server::start(|_| Reply::json(json!({}))).url();
    let server = Server::start(|_| Reply::json(completion(vec![choice(0, "A")])));
    let settings = json!({"base-url": dead, "model": "m"});
    let alone = try_build("http.chat", settings, &NoGenerators).unwrap();
    let error = ask(&alone, prompt()).await.unwrap_err();
    assert_eq!(error.name(), "unreachable");
    let settings = json!({"base-urls": [dead, server.url()], "model": "m"});
    let both = try_build("http.chat", settings, &NoGenerators).unwrap();
    let mut failed = 0;
    for _ in 0..10 {
        failed += usize::from(ask(&both, prompt()).await.is_err());
    }
    assert!(failed <= 1, "{failed}");
    assert!(server.count() >= 9);
}

#[tokio::test]
async fn load_is_shared_among_endpoints() {
    let server = || {
        Server::start(|_| {
            let reply = Reply::json(completion(vec![choice(0, "A")]));
            reply.after(Duration::from_millis(50))
        })
    };
    let (one, two) = (server(), server());
    let settings = json!({"base-urls": [one.url(), two.url()], "model": "m"});
    let both = try_build("http.chat", settings, &NoGenerators).unwrap();
    let prompts: Vec<_> = (0..20).map(|_| prompt()).collect();
    let done = both.generate(&prompts).await;
    assert!(done.iter().all(Result::is_ok));
    assert_eq!((one.count(), two.count()), (10, 10));
    let lane = both.limits().lane.unwrap();
    let hosts = [one, two].map(|server| server.url().replace("http://", "")).join(",");
    assert_eq!(lane, hosts);
}

#[tokio::test]
async fn connections_are_used_again() {
    let server = Server::start(|_| Reply::json(completion(vec![choice(0, "A")])));
    let generator = chat(&server, json!({}));
    for _ in 0..20 {
        ask(&generator, prompt()).await.unwrap();
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_key_that_is_not_set_is_denied_before_anything_is_sent() {
    let server = Server::start(|_| Reply::json(json!({})));
    let generator = chat(&server, json!({"api-key-env": "TRIBUNAL_NO_SUCH_KEY"}));
    let error = ask(&generator, prompt()).await.unwrap_err();
    assert_eq!((error.name(), server.count()), ("denied", 0));
    assert!(error.to_string().contains("export TRIBUNAL_NO_SUCH_KEY="), "{error}");
}

#[tokio::test]
async fn a_denial_says_which_key_was_sent() {
    let server = Server::start(|_| nested(401, "wrong key"));
    let with = chat(&server, json!({"api-key-env": KEY.0}));
    let error = ask(&with, prompt()).await.unwrap_err();
    assert!(error.to_string().contains(&format!("`{}`", KEY.0)), "{error}");
    let error = ask(&chat(&server, json!({})), prompt()).await.unwrap_err();
    assert!(error.to_string().contains("`api-key-env`"), "{error}");
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_before_anything_is_sent() {
    for (settings, word) in [
        (json!({"base-url": "127.0.0.1:80"}), "base URL"),
        (json!({"base-url": "http://a", "base-urls": ["http://b"]}), "both"),
        (json!({"base-url": "http://a", "server": "x"}), "both"),
        (json!({"server": "x"}), "no server `x`"),
        (json!({"provider": "azure", "model": "m"}), "nothing says where"),
        (json!({}), "`model` is missing"),
        (json!({"provider": "gemini", "base-url": "http://a"}), "`model` is missing"),
        (json!({"base-url": "http://a", "think-tags": ["<think>"]}), "think-tags"),
        (json!({"base-url": "http://a", "api-key-env": "sk-123"}), "environment variable"),
        (json!({"base-url": "http://a", "headers": {"X-Api-Key": "sk-123"}}), "carries a key"),
        (json!({"base-url": "http://a/?key=sk-123"}), "a key stands"),
        (json!({"base-url": "http://a", "concurrency": 0}), "below 1"),
        (json!({"base-url": "http://a", "modell": "m"}), "unknown key"),
    ] {
        let shown: Value = settings.clone();
        let Err(error) = try_build("http.chat", settings, &NoGenerators) else {
            panic!("{shown} is accepted")
        };
        assert!(error.message.contains(word), "{shown}: {error}");
        assert!(!format!("{error:?}").contains("sk-123"));
    }
}
