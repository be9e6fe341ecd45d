//! The messages interface of Anthropic.

use serde_json::{Value, json};
use tribunal_api::{Finish, Prompt, Role, Text, Turn};
use tribunal_scripted::{Reply, Server};

use crate::{KEY, ask, chat, prompt};

fn message(content: Value, stop: &str) -> Value {
    json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m-2026",
        "content": content, "stop_reason": stop,
        "usage": {"input_tokens": 5, "cache_creation_input_tokens": 1,
            "cache_read_input_tokens": 3, "output_tokens": 4}})
}

#[tokio::test]
async fn a_request_has_the_providers_shape_and_several_samples_are_several_requests() {
    let content = json!([{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "A"}]);
    let reply = message(content, "end_turn");
    let server = Server::start(move |_| Reply::json(reply.clone()).header("request-id", "req_1"));
    let generator = chat(&server, json!({"provider": "anthropic", "api-key-env": KEY.0}));
    let mut asked = Prompt { seeds: vec![1, 2, 3], ..prompt() };
    asked.turns.insert(0, Turn { role: Role::System, content: "be fair".into() });
    asked.sampling.stop = vec!["END".into()];
    let done = ask(&generator, asked).await.unwrap();
    let text = Text { reasoning: Some("hm".into()), ..Text::of("A") };
    assert_eq!(done.texts, [text.clone(), text.clone(), text]);
    // Three requests of 5 + 1 + 3 tokens read and 4 written.
    assert_eq!((done.usage.input_tokens, done.usage.output_tokens), (Some(27), Some(12)));
    assert_eq!(done.origin.served.as_deref(), Some("m-2026"));
    assert_eq!(done.origin.requests.len(), 3);
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[0].path, "/v1/messages");
    assert_eq!(requests[0].header("x-api-key"), Some(KEY.1));
    assert_eq!(requests[0].header("anthropic-version"), Some("2023-06-01"));
    let wanted = json!({"model": "m", "max_tokens": 16, "system": "be fair",
        "messages": [{"role": "user", "content": "which is better?"}],
        "temperature": 0.0, "stop_sequences": ["END"]});
    assert_eq!(requests[0].json(), wanted);
}

#[tokio::test]
async fn stop_reasons_are_told_apart() {
    for (word, finish) in [
        ("end_turn", Finish::Stop),
        ("stop_sequence", Finish::Stop),
        ("tool_use", Finish::Stop),
        ("max_tokens", Finish::Length),
        ("model_context_window_exceeded", Finish::Length),
        ("refusal", Finish::Refused),
    ] {
        let reply = message(json!([]), word);
        let server = Server::start(move |_| Reply::json(reply.clone()));
        let generator = chat(&server, json!({"provider": "anthropic"}));
        let text = ask(&generator, prompt()).await.unwrap().texts.remove(0);
        assert_eq!((text.finish, text.text.as_str()), (finish, ""), "{word}");
    }
}

#[tokio::test]
async fn a_model_that_refuses_sampling_parameters_is_asked_without_them_from_then_on() {
    let server = Server::start(|request| {
        if request.json().get("temperature").is_some() {
            return Reply::status(
                400,
                json!({"type": "error", "error": {"type": "invalid_request_error",
                    "message": "`temperature` is deprecated for this model."}}),
            );
        }
        Reply::json(message(json!([{"type": "text", "text": "A"}]), "end_turn"))
    });
    let generator = chat(&server, json!({"provider": "anthropic"}));
    for _ in 0..2 {
        assert_eq!(ask(&generator, prompt()).await.unwrap().texts, [Text::of("A")]);
    }
    // One refusal, one repetition, one request that knows.
    assert_eq!(server.count(), 3);
    let notes = generator.inspect(&prompt()).await.unwrap().unwrap().notes;
    assert!(notes.iter().any(|note| note.contains("`temperature`")), "{notes:?}");
}
