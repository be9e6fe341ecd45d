//! Servers that refuse parameters: the request is changed once, and the change is remembered.

use serde_json::{Value, json};
use tribunal_api::Prompt;
use tribunal_scripted::{Reply, Server};

use crate::{ask, chat, choice, completion, prompt};

fn refusal(message: &str, field: &str, code: &str) -> Reply {
    let error =
        json!({"message": message, "type": "invalid_request_error", "param": field, "code": code});
    Reply::status(400, json!({ "error": error }))
}

/// Like a reasoning model: another name of the limit, no temperature, no log-probabilities.
fn reasoning_model(body: &Value) -> Reply {
    if body.get("max_tokens").is_some() {
        let message = "Unsupported parameter: 'max_tokens' is not supported with this model. \
            Use 'max_completion_tokens' instead.";
        return refusal(message, "max_tokens", "unsupported_parameter");
    }
    if body.get("temperature").is_some() {
        let message = "Unsupported value: 'temperature' does not support 0 with this model.";
        return refusal(message, "temperature", "unsupported_value");
    }
    if body.get("logprobs").is_some() {
        let message = "You are not allowed to request logprobs from this model";
        return refusal(message, "logprobs", "invalid_model");
    }
    Reply::json(completion(vec![choice(0, "A")]))
}

#[tokio::test]
async fn every_refused_parameter_is_left_out_and_stays_out() {
    let server = Server::start(|request| reasoning_model(&request.json()));
    let generator = chat(&server, json!({}));
    let asked = Prompt { labels: vec!["A".into()], ..prompt() };
    for _ in 0..2 {
        assert_eq!(ask(&generator, asked.clone()).await.unwrap().texts[0].text, "A");
    }
    // Three refusals, one answer; then one answer.
    assert_eq!(server.count(), 5);
    let last = server.requests().pop().unwrap().json();
    assert_eq!(last["max_completion_tokens"], 16);
    for key in ["max_tokens", "temperature", "logprobs", "top_logprobs"] {
        assert_eq!(last.get(key), None, "{key}");
    }
    let inspection = generator.inspect(&asked).await.unwrap().unwrap();
    assert_eq!(inspection.notes.len(), 3, "{:?}", inspection.notes);
    assert!(!inspection.exact);
    assert!(inspection.rendered.contains("max_completion_tokens"));
}

#[tokio::test]
async fn a_server_that_refuses_both_names_of_the_limit_is_not_asked_for_ever() {
    let server = Server::start(|request| {
        let body = request.json();
        let key =
            if body.get("max_tokens").is_some() { "max_tokens" } else { "max_completion_tokens" };
        refusal(&format!("Unsupported parameter: '{key}'"), key, "unsupported_parameter")
    });
    let error = ask(&chat(&server, json!({})), prompt()).await.unwrap_err();
    assert_eq!(error.name(), "rejected");
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn a_value_out_of_range_is_the_recipes_mistake_and_is_not_left_out() {
    let server = Server::start(|_| {
        refusal("temperature must be between 0 and 2", "temperature", "invalid_value")
    });
    let error = ask(&chat(&server, json!({})), prompt()).await.unwrap_err();
    assert!(error.to_string().contains("between 0 and 2"), "{error}");
    assert_eq!((error.name(), server.count()), ("rejected", 1));
}

#[tokio::test]
async fn requests_that_are_refused_at_once_all_learn_the_other_name_of_the_limit() {
    // Nobody is refused before all are on their way, so that each is refused by the first name.
    let server = Server::start(|request| {
        let reply = reasoning_model(&request.json());
        match request.json().get("max_tokens") {
            Some(_) => reply.after(std::time::Duration::from_millis(200)),
            None => reply,
        }
    });
    let generator = chat(&server, json!({}));
    let prompts: Vec<Prompt> = (0..16).map(|_| prompt()).collect();
    for done in generator.generate(&prompts).await {
        assert_eq!(done.unwrap().texts[0].text, "A");
    }
}

#[tokio::test]
async fn a_shape_that_a_server_reports_as_its_own_error_is_left_out() {
    let server = Server::start(|request| match request.json().get("response_format") {
        Some(_) => {
            let message = "1 validation error:\n  {'type': 'literal_error', 'loc': ('body', \
                'response_format', 'type'), 'msg': \"Input should be 'text' or 'json_object'\", \
                'input': 'json_schema'}";
            Reply::status(
                500,
                json!({"error": {"message": message, "type": "internal_server_error"}}),
            )
        }
        None => Reply::json(completion(vec![choice(0, "A")])),
    });
    let generator = chat(&server, json!({}));
    let grammar = Some(tribunal_api::Grammar::JsonSchema(json!({"type": "object"})));
    let asked = Prompt { grammar, ..prompt() };
    for _ in 0..2 {
        assert_eq!(ask(&generator, asked.clone()).await.unwrap().texts[0].text, "A");
    }
    // Refused once, asked again without, and never sent again.
    assert_eq!(server.count(), 3);
}
