//! Who answers, and what becomes of a prompt.

use serde_json::{Value, json};
use tribunal_api::Component;
use tribunal_api::registry::NoGenerators;
use tribunal_scripted::{Reply, Server};

use crate::{ask, build, chat, choice, completion, prompt, registry};

fn listing(models: Value) -> Server {
    Server::start(move |request| match request.path.as_str() {
        "/v1/models" => Reply::json(json!({"object": "list", "data": models})),
        _ => Reply::json(completion(vec![choice(0, "A")])),
    })
}

#[tokio::test]
async fn a_model_is_known_by_its_name_and_by_what_stands_behind_it() {
    let server = listing(json!([{"id": "m", "root": "org/model-7b"}, {"id": "other"}]));
    let identity = chat(&server, json!({})).identify().await.unwrap();
    assert_eq!((identity.name.as_str(), identity.fingerprint.as_str()), ("m", "m (org/model-7b)"));
    let server = listing(json!([{"id": "m", "root": "m"}]));
    let identity = chat(&server, json!({})).identify().await.unwrap();
    assert_eq!(identity.fingerprint, "m");
}

#[tokio::test]
async fn without_a_name_the_only_model_is_taken_and_several_are_listed() {
    let server = listing(json!([{"id": "only"}]));
    let generator = build("http.chat", &server, json!({}));
    assert_eq!(generator.identify().await.unwrap().name, "only");
    ask(&generator, prompt()).await.unwrap();
    assert_eq!(server.requests().pop().unwrap().json()["model"], "only");
    let server = listing(json!([{"id": "one"}, {"id": "two"}]));
    let generator = build("http.chat", &server, json!({}));
    for error in
        [generator.identify().await.unwrap_err(), ask(&generator, prompt()).await.unwrap_err()]
    {
        assert!(error.to_string().contains("`one`, `two`"), "{error}");
    }
}

#[tokio::test]
async fn a_server_without_a_list_is_tolerated_and_one_that_denies_is_not() {
    for (status, fine) in
        [(404, true), (405, true), (501, true), (401, false), (403, true), (503, false)]
    {
        let server = Server::start(move |_| Reply::status(status, json!({"detail": "no"})));
        let found = chat(&server, json!({})).identify().await;
        assert_eq!(found.is_ok(), fine, "{status}: {found:?}");
    }
    // Without a name the list is needed.
    let server = Server::start(|_| Reply::status(403, json!({"detail": "no"})));
    let error = build("http.chat", &server, json!({})).identify().await.unwrap_err();
    assert_eq!(error.name(), "denied");
    for provider in ["anthropic", "gemini"] {
        let server = Server::start(|_| Reply::json(json!({"name": "models/m"})));
        let generator = chat(&server, json!({"provider": provider}));
        assert_eq!(generator.identify().await.unwrap().fingerprint, "m");
        assert!(server.requests()[0].path.ends_with("/models/m"));
    }
    let gone = Server::start(|_| Reply::drop_connection());
    assert_eq!(chat(&gone, json!({})).identify().await.unwrap_err().name(), "unreachable");
}

#[tokio::test]
async fn llama_server_shows_the_text_and_its_begin_tokens() {
    let server = Server::start(|request| match request.path.as_str() {
        "/apply-template" => Reply::json(json!({"prompt": "<s>[INST] which is better? [/INST]"})),
        "/tokenize" if request.json()["content"] == "<s>" => Reply::json(json!({"tokens": [1]})),
        "/tokenize" => Reply::json(json!({"tokens": [1, 1, 733, 9]})),
        "/props" => Reply::json(json!({"bos_token": "<s>"})),
        path => panic!("{path}"),
    });
    let inspection = chat(&server, json!({})).inspect(&prompt()).await.unwrap().unwrap();
    assert!(inspection.exact);
    assert_eq!(inspection.rendered, "<s>[INST] which is better? [/INST]");
    assert_eq!(inspection.tokens, [1, 1, 733, 9]);
    assert_eq!(inspection.bos, Some((1, 2)));
    assert!(inspection.notes.iter().any(|note| note.contains("2 begin tokens")));
}

#[test]
fn the_examples_of_the_cards_build() {
    let registry = registry();
    assert!(registry.clashes().is_empty());
    for kind in ["http.chat", "http.completions"] {
        let card = &registry.find(Component::Generator, kind).unwrap().card;
        let mut settings = json!({});
        for line in card.example.lines().skip(1) {
            let (key, value) = line.split_once(" = ").unwrap();
            settings[key] = serde_json::from_str(value).unwrap();
        }
        registry.build_generator(kind, settings, &NoGenerators).unwrap();
    }
}
