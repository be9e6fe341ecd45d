//! From the status and body of a reply to the kind of its failure: who must act, and whether asking again may help.

use serde_json::Value;

use crate::failure::FailureKind;
use crate::said::{Said, unknown_field};

/// The kind of failure of a reply with this status and what it says.
pub(crate) fn kind_of(status: u16, said: &Said, asks_to_wait: bool) -> FailureKind {
    let text = said.message.to_lowercase();
    let holds = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match status {
        300..=399 => FailureKind::NoRoute,
        401 | 402 => FailureKind::Denied,
        403 if is_refusal(said, &text) => FailureKind::Refused,
        403 => FailureKind::Denied,
        404 if names_a_missing_model(said, &text) => FailureKind::Denied,
        404 | 405 | 501 => FailureKind::NoRoute,
        413 => FailureKind::BatchTooLarge,
        429 if is_exhausted(said, &text) => FailureKind::Denied,
        425 | 429 => FailureKind::Busy,
        400 | 422 | 500 if is_too_long(said, &text) => FailureKind::TooLong,
        // A server that loads its model will answer, if it is given time.
        503 if holds(&["loading"]) => FailureKind::Busy,
        // A server in trouble that names no wait is one that failed: it says nothing of how many requests it takes.
        408 | 409 | 500 | 502 | 503 | 504 | 529 if asks_to_wait => FailureKind::Busy,
        // Servers on FastAPI without a handler report a request that does not fit as their own error.
        500 if holds(&["validation error"]) => refused_field(said),
        408 | 409 | 500 | 502 | 503 | 504 | 529 => FailureKind::Unreachable,
        400..=499 if is_refusal(said, &text) => FailureKind::Refused,
        400 if holds(&["api key not valid", "invalid api key"])
            || said.has_word("api_key_invalid")
            || is_used_up(&text) =>
        {
            FailureKind::Denied
        }
        400..=499 => refused_field(said),
        _ => FailureKind::Broken,
    }
}

fn refused_field(said: &Said) -> FailureKind {
    unknown_field(said).map_or(FailureKind::Rejected, FailureKind::UnknownField)
}

/// What a person can do about it, where there is something; `key` names the variable of the key.
pub(crate) fn remedy(
    status: u16,
    kind: &FailureKind,
    said: &Said,
    key: Option<&str>,
) -> Option<String> {
    match (kind, key) {
        (FailureKind::Denied, _) if status == 400 && is_used_up(&said.message.to_lowercase()) => {
            Some("the account is used up: waiting does not help".to_owned())
        }
        (FailureKind::Denied, Some(key)) if matches!(status, 400 | 401 | 403) => {
            Some(format!("check the key in `{key}`"))
        }
        (FailureKind::Denied, None) if matches!(status, 401 | 403) => {
            Some("no key was sent: name its variable in `api-key-env`".to_owned())
        }
        (FailureKind::Denied, _) if status == 404 => Some("check `model`".to_owned()),
        (FailureKind::Denied, _) => {
            Some("the account is used up: waiting does not help".to_owned())
        }
        (FailureKind::NoRoute, _) if (300..=399).contains(&status) => {
            Some("redirections are not followed: write the final address as base URL".to_owned())
        }
        (FailureKind::NoRoute, _) => {
            Some("check the base URL and that the server offers this route".to_owned())
        }
        _ => None,
    }
}

/// The status that an error inside a reply with status 200 stands for, if the reply is such an error.
pub(crate) fn error_inside(body: &Value) -> Option<(u16, Said)> {
    let table = body.as_object()?;
    let is_error = match table.get("error") {
        Some(Value::Object(_)) => true,
        Some(Value::String(text)) => !text.is_empty() && table.len() <= 3,
        _ => table.get("object").and_then(Value::as_str) == Some("error"),
    };
    if !is_error || table.contains_key("choices") {
        return None;
    }
    let said = Said::read(body)?;
    let status = said.code.filter(|code| (400..=599).contains(code)).unwrap_or(502);
    Some((status, said))
}

fn is_too_long(said: &Said, text: &str) -> bool {
    let by_word = ["context_length_exceeded", "exceed_context_size", "string_above_max_length"];
    let by_text = [
        "maximum context length",
        "maximum model length",
        "model's context length",
        "context window",
        "context size",
        "context limit",
        "prompt is too long",
        "input is too long",
        "too long to fit into the model",
        "maximum number of tokens allowed",
        "is too large to process",
        "must have less than",
        "longer than the maximum",
        "maximum allowed length",
        "input length",
        "reduce the length of",
    ];
    by_word.iter().any(|word| said.has_word(word))
        || by_text.iter().any(|words| text.contains(words))
}

fn is_refusal(said: &Said, text: &str) -> bool {
    let by_word = [
        "content_filter",
        "content_policy_violation",
        "responsibleaipolicyviolation",
        "data_inspection_failed",
    ];
    let by_text = [
        "content management policy",
        "content filtering policy",
        "violating our usage policy",
        "input was flagged",
        "flagged by moderation",
    ];
    by_word.iter().any(|word| said.has_word(word))
        || by_text.iter().any(|words| text.contains(words))
}

/// Quota, credit or spend limits that no wait of a run cures. Gemini words its limits per minute and per day alike: only
/// the id of the quota tells them apart.
fn is_exhausted(said: &Said, text: &str) -> bool {
    if said.has_word("resource_exhausted") {
        return said.has_word("perday");
    }
    let by_word = ["insufficient_quota", "billing", "quota_exceeded", "credit", "spend"];
    by_word.iter().any(|word| said.has_word(word)) || is_used_up(text)
}

/// An account without credit or at its limit, in words.
fn is_used_up(text: &str) -> bool {
    let by_text = [
        "check your plan and billing",
        "insufficient credit",
        "insufficient balance",
        "credit balance",
        "out of credits",
        "spend limit",
        "spending limit",
        "monthly limit",
        "api usage limits",
    ];
    by_text.iter().any(|words| text.contains(words))
}

/// True when a sentence asks for patience, where no status says so.
pub(crate) fn asks_for_patience(sentence: &str) -> bool {
    let text = sentence.to_lowercase();
    ["overloaded", "try again", "rate limit"].iter().any(|words| text.contains(words))
}

fn names_a_missing_model(said: &Said, text: &str) -> bool {
    said.has_word("model_not_found")
        || (said.has_word("not_found_error") && text.starts_with("model:"))
        || (text.contains("model")
            && (text.contains("does not exist") || text.contains("not found")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use FailureKind::*;
    use serde_json::json;

    fn kind(status: u16, body: Value) -> FailureKind {
        kind_of(status, &Said::read(&body).unwrap_or_default(), false)
    }

    #[test]
    fn only_the_listed_statuses_may_be_asked_again() {
        let again = [408, 409, 425, 429, 500, 502, 503, 504, 529];
        for status in 300..600 {
            let found = kind(status, json!({}));
            assert_eq!(matches!(found, Busy | Unreachable), again.contains(&status), "{status}");
        }
    }

    #[test]
    fn a_server_in_trouble_is_busy_only_when_it_names_a_wait() {
        for status in [500, 502, 503, 504, 529] {
            let said = Said { message: "Overloaded".to_owned(), ..Said::default() };
            assert_eq!(kind_of(status, &said, false), Unreachable, "{status}");
            assert_eq!(kind_of(status, &said, true), Busy, "{status}");
        }
        assert_eq!(kind_of(429, &Said::default(), false), Busy);
    }

    #[test]
    fn a_used_up_account_is_told_from_a_limit_per_minute() {
        let openai = |code: &str| json!({"error": {"message": "You exceeded your current quota", "code": code}});
        assert_eq!(kind(429, openai("insufficient_quota")), Denied);
        assert_eq!(kind(429, openai("rate_limit_exceeded")), Busy);
        let gemini = |id: &str| {
            json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED",
                "message": "You exceeded your current quota, please check your plan and billing details",
                "details": [{"violations": [{"quotaId": id}]}]}})
        };
        assert_eq!(kind(429, gemini("GenerateRequestsPerDayPerProjectPerModel")), Denied);
        assert_eq!(kind(429, gemini("GenerateRequestsPerMinutePerProjectPerModel")), Busy);
        let anthropic = |text: &str| json!({"type": "error", "error": {"type": "rate_limit_error", "message": text}});
        assert_eq!(
            kind(429, anthropic("Number of requests has exceeded your per-minute rate limit")),
            Busy
        );
        assert_eq!(kind(429, anthropic("You have reached your specified spend limit")), Denied);
        let low = json!({"error": {"type": "invalid_request_error", "message": "Your credit balance is too low"}});
        assert_eq!(kind(400, low), Denied);
        let limited = "You have reached your specified API usage limits. You will regain access on 2026-12-01";
        let limited = json!({"error": {"type": "invalid_request_error", "message": limited}});
        assert_eq!(kind(400, limited.clone()), Denied);
        let remedy = remedy(400, &Denied, &Said::read(&limited).unwrap(), Some("K")).unwrap();
        assert!(remedy.contains("used up"), "{remedy}");
        let tei = json!({"error": "Model is overloaded", "error_type": "overloaded"});
        assert_eq!(kind(429, tei), Busy);
    }

    #[test]
    fn prompts_that_do_not_fit_are_too_long_whoever_says_it() {
        for (status, text) in [
            (
                400,
                "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens",
            ),
            (400, "prompt is too long: 204000 tokens > 200000 maximum"),
            (
                400,
                "the request exceeds the available context size. try increasing the context size",
            ),
            (
                400,
                "The input token count (2000000) exceeds the maximum number of tokens allowed (1048576).",
            ),
            (422, "Input validation error: `inputs` must have less than 512 tokens. Given: 700"),
            (500, "input (900 tokens) is too large to process. increase the physical batch size"),
            (400, "The input (900 tokens) exceeds the maximum allowed length (512 tokens)."),
            (400, "Input length 900 exceeds what the model reads"),
            (400, "Please reduce the length of the messages or completion."),
        ] {
            assert_eq!(kind(status, json!({"error": {"message": text}})), TooLong, "{text}");
        }
        let coded = json!({"error": {"message": "no", "code": "context_length_exceeded"}});
        assert_eq!(kind(400, coded), TooLong);
        let limit = json!({"error": {"message": "max_tokens is too large: 100000"}});
        assert_eq!(kind(400, limit), Rejected);
    }

    #[test]
    fn refusals_missing_models_and_missing_routes_differ() {
        let azure = json!({"error": {"message": "The response was filtered", "code": "content_filter",
            "innererror": {"code": "ResponsibleAIPolicyViolation"}}});
        assert_eq!(kind(400, azure), Refused);
        let flagged = json!({"error": {"code": 403, "message": "model requires moderation. Your input was flagged"}});
        assert_eq!(kind(403, flagged), Refused);
        assert_eq!(
            kind(404, json!({"error": {"message": "The model `x` does not exist."}})),
            Denied
        );
        let anthropic = json!({"error": {"type": "not_found_error", "message": "model: x"}});
        assert_eq!(kind(404, anthropic), Denied);
        assert_eq!(kind(404, json!({"detail": "Not Found"})), NoRoute);
        assert_eq!(
            kind(501, json!({"error": {"message": "This server does not support reranking"}})),
            NoRoute
        );
        assert_eq!(kind(503, json!({"error": {"message": "Loading model", "code": 503}})), Busy);
        assert_eq!(
            kind(
                400,
                json!({"error": {"message": "API key not valid. Please pass a valid API key."}})
            ),
            Denied
        );
        assert_eq!(
            kind(424, json!({"error": "wrong model type", "error_type": "backend"})),
            Rejected
        );
    }

    #[test]
    fn an_error_inside_a_good_reply_is_found() {
        let inside = json!({"error": {"code": 429, "message": "Provider returned error"}});
        assert_eq!(error_inside(&inside).unwrap().0, 429);
        let flat = json!({"object": "error", "message": "too bad", "code": 400});
        assert_eq!(error_inside(&flat).unwrap().0, 400);
        assert_eq!(error_inside(&json!({"error": {"message": "what"}})).unwrap().0, 502);
        for fine in
            [json!({"choices": [], "error": {"message": "x"}}), json!({"error": null}), json!([1])]
        {
            assert!(error_inside(&fine).is_none(), "{fine}");
        }
    }
}
