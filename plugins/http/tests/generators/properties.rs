//! Whatever a server sends, the answer is right or the error is typed: never a panic, never another text.

use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use tribunal_api::{Generator, Prompt};
use tribunal_scripted::{Reply, Server};

use crate::{ask, build, choice, completion, prompt};

/// One good reply per interface; the text is `verdict: B` in all of them.
fn good(interface: usize) -> (&'static str, Value, Value) {
    let text = "verdict: B";
    match interface {
        0 => ("http.chat", json!({"model": "m"}), completion(vec![choice(0, text)])),
        1 => (
            "http.chat",
            json!({"model": "m", "provider": "anthropic"}),
            json!({"type": "message", "model": "m", "content": [{"type": "text", "text": text}],
                "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 2}}),
        ),
        2 => (
            "http.chat",
            json!({"model": "m", "provider": "gemini"}),
            json!({"candidates": [{"content": {"parts": [{"text": text}]}, "finishReason": "STOP"}]}),
        ),
        3 => (
            "http.completions",
            json!({"model": "m"}),
            json!({"choices": [{"index": 0, "text": text, "finish_reason": "stop"}]}),
        ),
        _ => (
            "http.completions",
            json!({"provider": "llama-server"}),
            json!({"content": text, "stop_type": "eos", "truncated": false}),
        ),
    }
}

/// What may go wrong with a body.
#[derive(Clone, Debug)]
enum Damage {
    Chunked(usize),
    Truncated(usize),
    Ended(usize),
    Replaced(Vec<u8>),
    Status(u16),
    WrongType(usize, usize),
    Removed(usize),
    Oversized,
    Dropped,
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (1usize..40).prop_map(Damage::Chunked),
        any::<usize>().prop_map(Damage::Truncated),
        any::<usize>().prop_map(Damage::Ended),
        vec(any::<u8>(), 0..60).prop_map(Damage::Replaced),
        (200u16..599).prop_map(Damage::Status),
        (any::<usize>(), 0usize..6).prop_map(|(place, with)| Damage::WrongType(place, with)),
        any::<usize>().prop_map(Damage::Removed),
        Just(Damage::Oversized),
        Just(Damage::Dropped),
    ]
}

/// The places of all values below the top.
fn places(value: &Value, path: &str, found: &mut Vec<String>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(table) => {
            table.iter().map(|(key, inner)| (format!("{path}/{key}"), inner)).collect()
        }
        Value::Array(list) => {
            list.iter().enumerate().map(|(at, inner)| (format!("{path}/{at}"), inner)).collect()
        }
        _ => Vec::new(),
    };
    for (path, inner) in inner {
        places(inner, &path, found);
        found.push(path);
    }
}

fn damaged(body: &Value, damage: &Damage) -> Reply {
    let text = body.to_string();
    match damage {
        Damage::Chunked(size) => {
            Reply::json(body.clone()).chunked(*size, Duration::from_micros(200))
        }
        Damage::Truncated(at) => Reply::cut(&text.as_bytes()[..at % text.len()]),
        Damage::Ended(at) => {
            Reply::raw(200, &text.as_bytes()[..at % text.len()], "application/json")
        }
        Damage::Replaced(bytes) => Reply::raw(200, bytes.clone(), "application/json"),
        Damage::Status(status) => match status {
            204 | 205 | 304 => Reply::drop_connection(),
            _ => Reply::status(*status, body.clone()),
        },
        Damage::WrongType(place, with) => {
            let mut found = Vec::new();
            places(body, "", &mut found);
            let mut body = body.clone();
            let values = [json!(null), json!(3), json!("x9"), json!([]), json!({}), json!([[1]])];
            *body.pointer_mut(&found[place % found.len()]).unwrap() = values[*with].clone();
            Reply::json(body)
        }
        Damage::Removed(place) => {
            let mut found = Vec::new();
            places(body, "", &mut found);
            let path = &found[place % found.len()];
            let (parent, key) = path.rsplit_once('/').unwrap();
            let mut body = body.clone();
            match body.pointer_mut(parent).unwrap() {
                Value::Object(table) => {
                    table.remove(key);
                }
                Value::Array(list) => {
                    list.remove(key.parse().unwrap());
                }
                _ => unreachable!("a parent holds values"),
            }
            Reply::json(body)
        }
        Damage::Oversized => Reply::json(json!({"padding": "x".repeat(9000), "reply": body})),
        Damage::Dropped => Reply::drop_connection(),
    }
}

fn generator(server: &Server, kind: &str, settings: &Value) -> Arc<dyn Generator> {
    let mut settings = settings.clone();
    settings["most-bytes"] = json!(8192);
    build(kind, server, settings)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_reply_is_a_right_answer_or_a_typed_error(
        interface in 0usize..5,
        damage in damage(),
        samples in 1usize..3,
        labels in any::<bool>(),
    ) {
        let (kind, settings, body) = good(interface);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let shown = format!("{kind} {settings} {damage:?}");
        let intact = matches!(damage, Damage::Chunked(_));
        runtime.block_on(async {
            let reply = damaged(&body, &damage);
            let server = Server::start(move |_| reply.clone());
            let generator = generator(&server, kind, &settings);
            let asked = Prompt {
                seeds: (0..samples as u64).collect(),
                labels: if labels { vec!["B".into()] } else { vec![] },
                ..prompt()
            };
            match ask(&generator, asked).await {
                Ok(done) => {
                    assert_eq!(done.texts.len(), samples, "{shown}");
                    for text in done.texts {
                        // A wrong type may stand where the text itself stood, and then is the text, or empty it.
                        let fine = ["verdict: B", "", "x9"].contains(&text.text.as_str());
                        assert!(fine, "{shown}: {text:?}");
                    }
                }
                Err(error) => {
                    assert!(!intact, "{shown}: {error}");
                    assert!(!error.to_string().is_empty());
                }
            }
        });
    }
}
