//! Completions of plain text: the OpenAI-style route and llama-server's own.

use serde_json::{Value, json};
use tribunal_api::{Finish, Grammar, Prompt, Text, Token, Turn};
use tribunal_scripted::{Reply, Server};

use crate::{ask, build, prompt};

fn completion(text: &str, logprobs: Value) -> Value {
    json!({"object": "text_completion", "model": "m",
        "choices": [{"index": 0, "text": text, "finish_reason": "length", "logprobs": logprobs}],
        "usage": {"prompt_tokens": 4, "completion_tokens": 1}})
}

fn labelled() -> Prompt {
    Prompt { labels: vec![" A".into(), " B".into()], ..prompt() }
}

#[tokio::test]
async fn labels_are_read_from_both_shapes_of_log_probabilities() {
    let token = Token {
        text: " A".into(),
        logprob: -0.2,
        others: vec![(" A".into(), -0.2), (" B".into(), -1.9)],
    };
    for logprobs in [
        json!({"tokens": [" A"], "token_logprobs": [-0.2],
            "top_logprobs": [{" A": -0.2, " B": -1.9}], "text_offset": [12]}),
        json!({"content": [{"token": " A", "logprob": -0.2, "top_logprobs": [
            {"token": " A", "logprob": -0.2}, {"token": " B", "logprob": -1.9}]}]}),
    ] {
        let reply = completion(" A", logprobs);
        let server = Server::start(move |_| Reply::json(reply.clone()));
        let generator =
            build("http.completions", &server, json!({"model": "m", "top-logprobs": 5}));
        let done = ask(&generator, labelled()).await.unwrap();
        let text = Text { finish: Finish::Length, tokens: vec![token.clone()], ..Text::of(" A") };
        assert_eq!(done.texts, [text]);
        let request = server.requests().remove(0);
        assert_eq!(request.path, "/v1/completions");
        let wanted = json!({"model": "m", "prompt": "which is better?", "max_tokens": 16,
            "temperature": 0.0, "seed": 7, "logprobs": 5});
        assert_eq!(request.json(), wanted);
    }
}

#[tokio::test]
async fn a_template_renders_the_dialogue_and_may_open_the_reasoning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat.jinja");
    let template = "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{% endfor %}\
        {% if add_generation_prompt %}<assistant><think>{% endif %}";
    std::fs::write(&path, template).unwrap();
    let server = Server::start(|_| Reply::json(completion("hm</think>B", Value::Null)));
    let generator = build("http.completions", &server, json!({"model": "m", "template": path}));
    let asked =
        Prompt { turns: vec![Turn::user("a"), Turn::assistant("b"), Turn::user("c")], ..prompt() };
    let done = ask(&generator, asked.clone()).await.unwrap();
    assert_eq!(done.texts[0].text, "B");
    assert_eq!(done.texts[0].reasoning.as_deref(), Some("hm"));
    // What a program would read that does not know of tags, and a text in which the server reads markers.
    assert_eq!(done.texts[0].whole.as_deref(), Some("hm</think>B"));
    assert!(generator.renders_markers());
    let chat = build("http.chat", &server, json!({"model": "m"}));
    assert!(!chat.renders_markers(), "a server that takes messages puts the markers itself");
    let rendered = "<user>a<assistant>b<user>c<assistant><think>";
    assert_eq!(server.requests()[0].json()["prompt"], rendered);
    let inspection = generator.inspect(&asked).await.unwrap().unwrap();
    assert_eq!((inspection.rendered.as_str(), inspection.exact), (rendered, true));
    let fingerprint = generator.identify().await.unwrap().fingerprint;
    assert!(fingerprint.starts_with("m template "), "{fingerprint}");
}

#[tokio::test]
async fn llama_server_is_asked_in_its_own_words() {
    for entry in [
        json!({"id": 1, "token": "A", "logprob": -0.5, "bytes": [65],
            "top_logprobs": [{"id": 1, "token": "A", "logprob": -0.5}]}),
        // e to the power of -0.5.
        json!({"id": 1, "token": "A", "prob": 0.606_530_659_712_633_4,
            "top_probs": [{"id": 1, "token": "A", "prob": 0.606_530_659_712_633_4}]}),
    ] {
        let reply = json!({"content": "A", "stop": true, "stop_type": "limit", "model": "m.gguf",
            "tokens_evaluated": 9, "tokens_predicted": 1, "truncated": false,
            "completion_probabilities": [entry]});
        let server = Server::start(move |_| Reply::json(reply.clone()));
        let generator = build("http.completions", &server, json!({"provider": "llama-server"}));
        let grammar = Some(Grammar::OneOf(vec!["A".into(), "B".into()]));
        let done = ask(&generator, Prompt { grammar, ..labelled() }).await.unwrap();
        let text = &done.texts[0];
        assert_eq!((text.text.as_str(), text.finish), ("A", Finish::Length));
        assert!((text.tokens[0].logprob + 0.5).abs() < 1e-12);
        assert_eq!(done.origin.served.as_deref(), Some("m.gguf"));
        let request = server.requests().remove(0);
        assert_eq!(request.path, "/completion");
        let wanted = json!({"prompt": "which is better?", "n_predict": 16, "temperature": 0.0,
            "top_p": 1.0, "cache_prompt": false, "seed": 7, "n_probs": 20,
            "post_sampling_probs": false, "grammar": "root ::= \"A\" | \"B\""});
        assert_eq!(request.json(), wanted);
    }
}

#[tokio::test]
async fn a_prompt_that_llama_server_cut_is_too_long() {
    let server = Server::start(|_| Reply::json(json!({"content": "A", "truncated": true})));
    let generator = build("http.completions", &server, json!({"provider": "llama-server"}));
    let error = ask(&generator, prompt()).await.unwrap_err().to_string();
    assert!(error.contains("too long: "), "{error}");
}
