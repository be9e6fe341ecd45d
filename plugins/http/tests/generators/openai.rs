//! Chat completions of OpenAI, Azure and compatible servers.

use serde_json::{Value, json};
use tribunal_api::{Finish, Grammar, Prompt, Role, Text, Token, Turn};
use tribunal_scripted::{Reply, Server};

use crate::{KEY, ask, chat, choice, completion, prompt};

/// What a server that answers `reply` makes of the prompt.
async fn texts(reply: Value, prompt: Prompt, settings: Value) -> Vec<Text> {
    let server = Server::start(move |_| Reply::json(reply.clone()));
    ask(&chat(&server, settings), prompt).await.unwrap().texts
}

async fn one(message: Value, finish: &str) -> Text {
    let choice = json!({"index": 0, "message": message, "finish_reason": finish});
    texts(completion(vec![choice]), prompt(), json!({})).await.remove(0)
}

#[tokio::test]
async fn a_request_says_what_the_prompt_says() {
    let server = Server::start(|_| {
        Reply::json(completion(vec![choice(0, "A")])).header("x-request-id", "req_1")
    });
    let generator = chat(
        &server,
        json!({"api-key-env": KEY.0, "headers": {"x-team": "blue"}, "top-logprobs": 5,
            "extra": {"chat_template_kwargs": {"enable_thinking": false}}}),
    );
    let mut asked = prompt();
    asked.turns.insert(0, Turn { role: Role::System, content: "be fair".into() });
    asked.sampling.top_p = 0.5;
    asked.sampling.stop = vec!["\n".into()];
    asked.labels = vec!["A".into()];
    let schema = json!({"type": "object"});
    asked.grammar = Some(Grammar::JsonSchema(schema.clone()));
    let done = ask(&generator, asked).await.unwrap();
    let request = server.requests().remove(0);
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/v1/chat/completions"));
    assert_eq!(request.header("authorization"), Some(format!("Bearer {}", KEY.1).as_str()));
    assert_eq!(request.header("x-team"), Some("blue"));
    let wanted = json!({"model": "m",
        "messages": [{"role": "system", "content": "be fair"},
            {"role": "user", "content": "which is better?"}],
        "max_tokens": 16, "temperature": 0.0, "top_p": 0.5, "seed": 7, "stop": ["\n"],
        "logprobs": true, "top_logprobs": 5,
        "response_format": {"type": "json_schema",
            "json_schema": {"name": "verdict", "strict": true, "schema": schema}},
        "chat_template_kwargs": {"enable_thinking": false}});
    assert_eq!(request.json(), wanted);
    assert_eq!(done.texts, [Text::of("A")]);
    assert_eq!((done.usage.input_tokens, done.usage.output_tokens), (Some(9), Some(3)));
    assert_eq!(done.origin.served.as_deref(), Some("m-2026"));
    assert_eq!(done.origin.requests, ["req_1"]);
}

#[tokio::test]
async fn azure_is_addressed_by_deployment_with_its_own_header() {
    let server = Server::start(|_| Reply::json(completion(vec![choice(0, "A")])));
    for base in ["", "/openai", "/openai/deployments/m"] {
        let settings = json!({"provider": "azure", "api-key-env": KEY.0, "api-version": "2025-01-01",
            "base-url": format!("{}{base}", server.url())});
        ask(&chat(&server, settings), prompt()).await.unwrap();
    }
    for request in server.requests() {
        assert_eq!(request.path, "/openai/deployments/m/chat/completions");
        assert_eq!(request.query, "api-version=2025-01-01");
        assert_eq!(request.header("api-key"), Some(KEY.1));
        assert_eq!(request.header("authorization"), None);
    }
}

#[tokio::test]
async fn finish_reasons_are_told_apart() {
    let message = || json!({"content": "A"});
    for (word, finish) in [
        ("stop", Finish::Stop),
        ("length", Finish::Length),
        ("content_filter", Finish::Refused),
        ("tool_calls", Finish::Stop),
        ("eos", Finish::Stop),
    ] {
        assert_eq!(one(message(), word).await.finish, finish, "{word}");
    }
    let refused = one(json!({"content": null, "refusal": "I cannot"}), "stop").await;
    assert_eq!(refused.finish, Finish::Refused);
    let called = one(json!({"content": null, "tool_calls": [{"id": "1"}]}), "tool_calls").await;
    assert_eq!((called.text.as_str(), called.finish), ("", Finish::Stop));
}

#[tokio::test]
async fn reasoning_is_kept_apart_wherever_it_stands() {
    for message in [
        json!({"content": "B", "reasoning_content": "A or B"}),
        json!({"content": "B", "reasoning": "A or B"}),
        json!({"content": "<think>\nA or B\n</think>\n\nB"}),
        json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "A or B"}]},
            {"type": "text", "text": "B"}]}),
    ] {
        let text = Text { whole: None, ..one(message.clone(), "stop").await };
        let wanted = Text { reasoning: Some("A or B".into()), ..Text::of("B") };
        assert_eq!(text, wanted, "{message}");
    }
    let cut = one(json!({"content": "<think>I prefer A because"}), "stop").await;
    assert_eq!((cut.text.as_str(), cut.finish), ("", Finish::Length));
    assert_eq!(cut.reasoning.as_deref(), Some("I prefer A because"));
}

#[tokio::test]
async fn log_probabilities_come_with_labels_only_and_without_those_of_reasoning() {
    let entry = |text: &str, logprob: f64| {
        json!({"token": text, "logprob": logprob, "bytes": null,
            "top_logprobs": [{"token": text, "logprob": logprob}, {"token": "Z", "logprob": -9999.0}]})
    };
    let content =
        [entry("<think>", -0.5), entry("A", -0.1), entry("</think>", -0.5), entry("B", -0.2)];
    let reply = completion(vec![json!({"index": 0, "message": {"content": "<think>A</think>B"},
        "logprobs": {"content": content}, "finish_reason": "stop"})]);
    let without = texts(reply.clone(), prompt(), json!({})).await.remove(0);
    assert_eq!((without.text.as_str(), without.tokens.len()), ("B", 0));
    let asked = Prompt { labels: vec!["A".into(), "B".into()], ..prompt() };
    let with = texts(reply, asked, json!({})).await.remove(0);
    let others = vec![("B".to_owned(), -0.2), ("Z".to_owned(), -9999.0)];
    assert_eq!(with.tokens, [Token { text: "B".into(), logprob: -0.2, others }]);
}

#[tokio::test]
async fn grammars_are_sent_in_the_servers_own_words_or_not_at_all() {
    for (choices, key, value) in [
        ("structured-outputs", "structured_outputs", json!({"choice": ["A", "B"]})),
        ("guided-choice", "guided_choice", json!(["A", "B"])),
        ("grammar", "grammar", json!("root ::= \"A\" | \"B\"")),
        ("ignore", "grammar", Value::Null),
    ] {
        let server = Server::start(|_| Reply::json(completion(vec![choice(0, "A")])));
        let generator = chat(&server, json!({ "choices": choices }));
        let grammar = Some(Grammar::OneOf(vec!["A".into(), "B".into()]));
        ask(&generator, Prompt { grammar, ..prompt() }).await.unwrap();
        assert_eq!(server.requests()[0].json()[key], value, "{choices}");
    }
    let server = Server::start(|_| Reply::json(json!({})));
    let grammar = Some(Grammar::Gbnf("root ::= \"A\"".into()));
    let refused = ask(&chat(&server, json!({})), Prompt { grammar, ..prompt() }).await;
    assert_eq!(refused.unwrap_err().name(), "rejected");
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn a_system_turn_is_merged_into_the_users_when_asked_for() {
    let server = Server::start(|_| Reply::json(completion(vec![choice(0, "A")])));
    let mut asked = prompt();
    asked.turns.insert(0, Turn { role: Role::System, content: "be fair".into() });
    ask(&chat(&server, json!({"system-prompt": "merge", "seeds": false})), asked).await.unwrap();
    let body = server.requests()[0].json();
    let wanted = json!([{"role": "user", "content": "be fair\n\nwhich is better?"}]);
    assert_eq!(body["messages"], wanted);
    assert_eq!(body.get("seed"), None);
}

#[tokio::test]
async fn the_fingerprint_of_a_server_is_a_part_of_the_model_only_when_it_is_wanted() {
    let server = Server::start(|_| Reply::json(completion(vec![choice(0, "A")])));
    for (settings, served) in
        [(json!({}), "m-2026"), (json!({"fingerprints": true}), "m-2026 (fp_1)")]
    {
        let done = ask(&chat(&server, settings), prompt()).await.unwrap();
        assert_eq!(done.origin.served.as_deref(), Some(served));
    }
}

#[tokio::test]
async fn choices_of_equal_index_are_not_told_apart() {
    let server = Server::start(|_| Reply::json(completion(vec![choice(0, "A"), choice(0, "B")])));
    let asked = Prompt { seeds: vec![1, 2], ..prompt() };
    let error = ask(&chat(&server, json!({})), asked).await.unwrap_err();
    assert_eq!(error.name(), "unreachable");
    assert!(error.to_string().contains("index `0`"), "{error}");
}

#[tokio::test]
async fn a_content_type_of_the_settings_wins() {
    let server = Server::start(|_| Reply::json(completion(vec![choice(0, "A")])));
    let headers = json!({"headers": {"content-type": "application/json; charset=utf-8"}});
    ask(&chat(&server, headers), prompt()).await.unwrap();
    ask(&chat(&server, json!({})), prompt()).await.unwrap();
    let sent: Vec<Option<String>> = server
        .requests()
        .iter()
        .map(|request| request.header("content-type").map(str::to_owned))
        .collect();
    let wanted = ["application/json; charset=utf-8", "application/json"];
    assert_eq!(sent, wanted.map(|text| Some(text.to_owned())));
}

#[tokio::test]
async fn a_bare_word_for_a_number_costs_no_reply() {
    let mut reply = completion(vec![choice(0, "NaN is a word")]);
    reply["usage"] = json!({"prompt_tokens": "@"});
    let body = reply.to_string().replace("\"@\"", "NaN");
    let server = Server::start(move |_| Reply::raw(200, body.clone(), "application/json"));
    let done = ask(&chat(&server, json!({})), prompt()).await.unwrap();
    assert_eq!((done.texts[0].text.as_str(), done.usage.input_tokens), ("NaN is a word", None));
}
