//! `generateContent` of Gemini.

use serde_json::{Value, json};
use tribunal_api::{Finish, Grammar, Prompt, Role, Text, Token, Turn};
use tribunal_scripted::{Reply, Server};

use crate::{KEY, ask, chat, prompt};

fn candidate(text: &str, finish: &str) -> Value {
    json!({"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": finish})
}

fn reply(candidates: Value) -> Value {
    json!({"candidates": candidates, "modelVersion": "m-2026",
        "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 2, "thoughtsTokenCount": 5}})
}

async fn texts(body: Value, prompt: Prompt) -> Vec<Text> {
    let server = Server::start(move |_| Reply::json(body.clone()));
    let generator = chat(&server, json!({"provider": "gemini", "samples-by": "calls"}));
    ask(&generator, prompt).await.unwrap().texts
}

#[tokio::test]
async fn a_request_has_the_providers_shape() {
    let server = Server::start(|_| {
        Reply::json(reply(json!([{"content": {"role": "model", "parts": [
            {"text": "hm", "thought": true}, {"text": "A"}]}, "finishReason": "STOP",
            "logprobsResult": {"chosenCandidates": [{"token": "A", "tokenId": 1, "logProbability": -0.1}],
                "topCandidates": [{"candidates": [{"token": "A", "logProbability": -0.1},
                    {"token": "B", "logProbability": -2.5}]}]}}])))
    });
    let generator =
        chat(&server, json!({"provider": "gemini", "api-key-env": KEY.0, "top-logprobs": 5}));
    let mut asked = prompt();
    asked.turns = vec![
        Turn { role: Role::System, content: "be fair".into() },
        Turn::user("hello"),
        Turn::assistant("hi"),
        Turn::user("which?"),
    ];
    asked.labels = vec!["A".into()];
    asked.grammar =
        Some(Grammar::JsonSchema(json!({"type": "object", "additionalProperties": false,
        "properties": {"additionalProperties": {"type": "string"}}})));
    let done = ask(&generator, asked).await.unwrap();
    let request = server.requests().remove(0);
    assert_eq!(request.path, "/v1beta/models/m:generateContent");
    assert_eq!(request.header("x-goog-api-key"), Some(KEY.1));
    let wanted = json!({"systemInstruction": {"parts": [{"text": "be fair"}]},
        "contents": [{"role": "user", "parts": [{"text": "hello"}]},
            {"role": "model", "parts": [{"text": "hi"}]},
            {"role": "user", "parts": [{"text": "which?"}]}],
        "generationConfig": {"maxOutputTokens": 16, "temperature": 0.0, "seed": 7,
            "responseLogprobs": true, "logprobs": 5, "responseMimeType": "application/json",
            "responseSchema": {"type": "object",
                "properties": {"additionalProperties": {"type": "string"}}}}});
    assert_eq!(request.json(), wanted);
    let others = vec![("A".to_owned(), -0.1), ("B".to_owned(), -2.5)];
    let token = Token { text: "A".into(), logprob: -0.1, others };
    let text = Text { reasoning: Some("hm".into()), tokens: vec![token], ..Text::of("A") };
    assert_eq!(done.texts, [text]);
    // Thoughts are written too: 2 + 5.
    assert_eq!((done.usage.input_tokens, done.usage.output_tokens), (Some(9), Some(7)));
    assert_eq!(done.origin.served.as_deref(), Some("m-2026"));
}

#[tokio::test]
async fn blocked_prompts_and_blocked_replies_are_refused_and_not_errors() {
    let blocked = json!({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 9}});
    let seeds = vec![1, 2];
    for text in texts(blocked, Prompt { seeds, ..prompt() }).await {
        assert_eq!((text.finish, text.text.as_str()), (Finish::Refused, ""));
    }
    for (word, finish) in [
        ("STOP", Finish::Stop),
        ("MAX_TOKENS", Finish::Length),
        ("SAFETY", Finish::Refused),
        ("RECITATION", Finish::Refused),
        ("PROHIBITED_CONTENT", Finish::Refused),
    ] {
        let text = texts(reply(json!([candidate("A", word)])), prompt()).await.remove(0);
        assert_eq!(text.finish, finish, "{word}");
    }
    let bare = texts(reply(json!([{"finishReason": "SAFETY"}])), prompt()).await.remove(0);
    assert_eq!(bare.finish, Finish::Refused);
}

#[tokio::test]
async fn several_candidates_come_in_one_request_where_the_model_has_them() {
    let server = Server::start(|request| {
        let config = request.json()["generationConfig"].clone();
        if config.get("candidateCount").is_some() {
            return Reply::status(
                400,
                json!({"error": {"code": 400, "status": "INVALID_ARGUMENT",
                    "message": "Multiple candidates is not enabled for this model"}}),
            );
        }
        Reply::json(reply(json!([candidate(&config["seed"].to_string(), "STOP")])))
    });
    let generator = chat(&server, json!({"provider": "gemini"}));
    for _ in 0..2 {
        let done = ask(&generator, Prompt { seeds: vec![1, 2, 3], ..prompt() }).await.unwrap();
        let found: Vec<&str> = done.texts.iter().map(|text| &*text.text).collect();
        assert_eq!(found, ["1", "2", "3"]);
    }
    // One refusal, then one request a sample, twice.
    assert_eq!(server.count(), 7);
}
