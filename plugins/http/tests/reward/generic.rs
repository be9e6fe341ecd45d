//! A server of one's own: what is sent and read is said by the recipe.

use serde_json::{Value, json};
use tribunal_api::{SourceError, conformance};
use tribunal_scripted::{Reply, Server};

use crate::fake::score_of;
use crate::{Outcome, message, outcomes, questions, try_build};

fn block(url: &str, more: Value) -> Value {
    let mut block = json!({
        "server": "generic",
        "request": {"url": format!("{url}/my/rewards?mode=raw"), "body": r#"{"list": {{ texts | tojson }}}"#},
        "pointers": {
            "scores": "/out/*/value", "index": "/out/*/place", "error": "/failure/why", "model": "/by"
        },
        "batch-size": 4,
    });
    block.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    block
}

/// Scores in reversed order with their places.
fn start() -> Server {
    Server::start(|request| {
        let list = request.json()["list"].as_array().unwrap().clone();
        let entry = |(place, text): (usize, &Value)| json!({"place": place, "value": [score_of(text.as_str().unwrap())]});
        let mut out: Vec<Value> = list.iter().enumerate().map(entry).collect();
        out.reverse();
        Reply::json(json!({"out": out, "by": "mine-1", "failure": null}))
    })
}

#[tokio::test]
async fn it_passes_the_checks_for_sources() {
    let scripted = start();
    let source = try_build("http.reward", block(&scripted.url(), json!({}))).unwrap();
    let found = conformance::source(&*source, &conformance::questions(1)).await;
    assert_eq!(found, [] as [&str; 0]);
}

#[tokio::test]
async fn requests_and_scores_are_as_the_recipe_says() {
    let scripted = start();
    let more = json!({"headers": {"x-team": "red"}, "transform": "negate"});
    let source = try_build("http.reward", block(&scripted.url(), more)).unwrap();
    let answers = source.score(&questions(&["a", "b", "c", "d", "e"])).await.into_vec();
    let served = answers[0].as_ref().unwrap()[0].origin.served.clone();
    assert_eq!(served.as_deref(), Some("mine-1"));
    let found: Vec<Outcome> = answers.iter().map(crate::outcome).collect();
    let expected = ["a", "b", "c", "d", "e"]
        .map(|reply| Outcome::Score(-score_of(&format!("Why is the sky blue?\n\n{reply}"))));
    assert_eq!(found, expected);
    let requests = scripted.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!((requests[0].method.as_str(), requests[0].path.as_str()), ("POST", "/my/rewards"));
    assert_eq!(requests[0].query, "mode=raw");
    assert_eq!(requests[0].header("x-team"), Some("red"));
    assert_eq!(requests[0].header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn one_sample_a_request_can_be_put_and_read_as_one_number() {
    let scripted = Server::start(|request| {
        let body = request.json();
        assert_eq!(request.method, "PUT");
        assert_eq!(body["messages"][1]["role"], "assistant");
        Reply::json(json!({"score": score_of(body["response"].as_str().unwrap())}))
    });
    let block = json!({
        "server": "generic",
        "base-url": scripted.url(),
        "model": "m",
        "request": {"url": "/rm", "method": "PUT", "body": "{\"messages\": {{ turns | tojson }},\n \"prompt\": {{ prompt | tojson }}, \"response\": {{ candidate | tojson }}, \"model\": {{ model | tojson }}}"},
        "pointers": {"scores": "/score"},
    });
    let source = try_build("http.reward", block).unwrap();
    let found = outcomes(&*source, &questions(&["a", "\"b\"\n"])).await;
    assert_eq!(found, ["a", "\"b\"\n"].map(|reply| Outcome::Score(score_of(reply))));
    assert_eq!(scripted.requests()[1].json()["prompt"], "Why is the sky blue?");
    assert_eq!(scripted.requests()[1].json()["model"], "m");
}

#[tokio::test]
async fn an_error_in_a_good_reply_concerns_the_text_that_causes_it() {
    let scripted = Server::start(|request| {
        let list = request.json()["list"].as_array().unwrap().clone();
        if list.iter().any(|text| text.as_str().unwrap().ends_with("odd")) {
            return Reply::json(json!({"failure": {"why": "cannot score this"}}));
        }
        let out: Vec<Value> =
            (0..list.len()).map(|place| json!({"place": place, "value": 1.5})).collect();
        Reply::json(json!({"out": out}))
    });
    let source = try_build("http.reward", block(&scripted.url(), json!({}))).unwrap();
    let found = outcomes(&*source, &questions(&["a", "b", "odd", "c"])).await;
    for place in [0, 1, 3] {
        assert_eq!(found[place], Outcome::Score(1.5));
    }
    assert!(matches!(found[2], Outcome::Error(SourceError::Rejected { .. })));
    assert!(message(&found[2]).contains("cannot score this"));
}

#[tokio::test]
async fn the_words_of_an_error_status_are_found_by_the_pointer() {
    let scripted =
        Server::start(|_| Reply::status(400, json!({"failure": {"why": "bad task name"}})));
    let source = try_build("http.reward", block(&scripted.url(), json!({}))).unwrap();
    let found = outcomes(&*source, &questions(&["a"])).await;
    assert!(message(&found[0]).contains("bad task name"), "{found:?}");
}

#[tokio::test]
async fn a_reply_of_another_shape_says_where_and_may_be_right_the_next_time() {
    for (body, words) in [
        (json!({"out": [{"value": 1}]}), "finds no `place`"),
        (json!({"result": []}), "finds no `out` in a table of `result`"),
        (json!({"out": [{"value": "high", "place": 0}]}), "found the text `high`"),
        (json!({"out": []}), "holds 0 results"),
        (json!({"out": [{"value": 1, "place": 5}]}), "is none of the 1 asked"),
    ] {
        let scripted = Server::start(move |_| Reply::json(body.clone()));
        let source = try_build("http.reward", block(&scripted.url(), json!({}))).unwrap();
        let found = outcomes(&*source, &questions(&["a"])).await;
        // What stands in place of one score concerns its question alone.
        let Outcome::Error(error) = &found[0] else { panic!("{found:?}") };
        assert_eq!(error.may_retry(), words != "found the text `high`", "{found:?}");
        assert!(message(&found[0]).contains(words), "{found:?}");
    }
}

#[tokio::test]
async fn an_error_that_asks_for_patience_is_busy() {
    for why in ["Model is OVERLOADED", "please try again later", "rate limit reached"] {
        let scripted = Server::start(move |_| Reply::json(json!({"failure": {"why": why}})));
        let source = try_build("http.reward", block(&scripted.url(), json!({}))).unwrap();
        let found = outcomes(&*source, &questions(&["a", "b"])).await;
        assert!(matches!(found[0], Outcome::Error(SourceError::Busy { .. })), "{why}: {found:?}");
        assert_eq!(scripted.count(), 1);
    }
}

#[test]
fn a_key_in_the_url_of_a_request_is_refused_and_not_repeated() {
    for url in ["http://127.0.0.1:1/r?key=hunter2", "/r?a=b&api_key=hunter2"] {
        let mut block = block("http://127.0.0.1:1", json!({}));
        block["request"]["url"] = json!(url);
        if url.starts_with('/') {
            block["base-url"] = json!("http://127.0.0.1:1");
        }
        let error = try_build("http.reward", block).err().unwrap();
        assert_eq!(tribunal_api::settings::dotted(&error.path), "request.url");
        assert!(error.hint.as_deref().unwrap().contains("`headers-env`"), "{error:?}");
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}
