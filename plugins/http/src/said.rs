//! What a server says in the body of an error, in every shape that servers use.

use serde_json::Value;

/// The parts of an error body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// The sentence for people.
    pub message: String,
    /// All machine-readable words: type, code, status, reason; lower case.
    pub words: Vec<String>,
    /// The field of the request that is at fault.
    pub field: Option<String>,
    /// A number that stands as the code of the error.
    pub code: Option<u16>,
}

impl Said {
    /// Reads `{"error": {...}}`, `{"error": "..."}`, `{"object": "error", "message": ...}`, `{"message": ...}`,
    /// `{"detail": ...}` and a list that holds one of them; `None` when the body is none of these.
    pub fn read(body: &Value) -> Option<Self> {
        let body = match body {
            Value::Array(list) => list.first()?,
            other => other,
        };
        let table = body.as_object()?;
        match table.get("error") {
            Some(Value::Object(error)) => {
                let mut said = Self::of_table(error);
                // OpenRouter and others wrap the error of the server behind them.
                let raw = error.get("metadata").and_then(|metadata| metadata.get("raw"));
                if let Some(raw) = raw.and_then(Value::as_str) {
                    said.message = format!("{}: {raw}", said.message);
                }
                Some(said)
            }
            Some(Value::String(message)) if !message.is_empty() => {
                let mut said = Self::of_table(table);
                said.message.clone_from(message);
                Some(said)
            }
            _ if table.get("message").is_some_and(Value::is_string) => Some(Self::of_table(table)),
            _ => table.get("detail").map(Self::of_detail),
        }
    }

    /// True when one of the machine-readable words holds this text.
    pub fn has_word(&self, text: &str) -> bool {
        self.words.iter().any(|word| word.contains(text))
    }

    fn of_table(table: &serde_json::Map<String, Value>) -> Self {
        let text = |key: &str| table.get(key).and_then(Value::as_str);
        let mut words: Vec<String> = ["type", "code", "status", "error_type"]
            .into_iter()
            .filter_map(text)
            .map(lower)
            .collect();
        let inner = table.get("innererror").and_then(|inner| inner.get("code"));
        words.extend(inner.and_then(Value::as_str).map(lower));
        for detail in table.get("details").and_then(Value::as_array).into_iter().flatten() {
            words.extend(detail.get("reason").and_then(Value::as_str).map(lower));
            let violations = detail.get("violations").and_then(Value::as_array);
            for violation in violations.into_iter().flatten() {
                words.extend(violation.get("quotaId").and_then(Value::as_str).map(lower));
            }
        }
        Self {
            message: text("message").unwrap_or_default().to_owned(),
            words,
            field: text("param").map(str::to_owned),
            code: table
                .get("code")
                .and_then(Value::as_u64)
                .and_then(|code| u16::try_from(code).ok()),
        }
    }

    /// FastAPI: a text, or a list of faults with place, message and type.
    fn of_detail(detail: &Value) -> Self {
        let Some(first) = detail.as_array().and_then(|list| list.first()) else {
            let message = match detail.as_str() {
                Some(text) => text.to_owned(),
                None => detail.to_string(),
            };
            return Self { message, ..Self::default() };
        };
        let place = first.get("loc").and_then(Value::as_array);
        let field = place.and_then(|place| place.last()).and_then(Value::as_str);
        let message = first.get("msg").and_then(Value::as_str).unwrap_or_default();
        Self {
            message: match field {
                Some(field) => format!("{message}: `{field}`"),
                None => message.to_owned(),
            },
            words: first.get("type").and_then(Value::as_str).map(lower).into_iter().collect(),
            field: field.map(str::to_owned),
            code: None,
        }
    }
}

fn lower(text: &str) -> String {
    text.to_lowercase()
}

/// The field that a message calls unknown or not permitted, in the words of OpenAI, vLLM, pydantic, serde and Gemini.
pub(crate) fn unknown_field(said: &Said) -> Option<String> {
    let text = said.message.to_lowercase();
    let named = [
        "unrecognized request argument",
        "unknown parameter",
        "unsupported parameter",
        "unsupported value",
        "unknown field",
        "unknown name",
        "extra inputs are not permitted",
        "extra_forbidden",
        "does not support parameter",
        "unexpected keyword argument",
    ];
    let typed =
        ["extra_forbidden", "unknown_parameter", "unsupported_parameter", "unsupported_value"];
    let by_type = typed.iter().any(|word| said.has_word(word));
    if !by_type && !named.iter().any(|words| text.contains(words)) {
        return None;
    }
    if let Some(field) = &said.field {
        return Some(last_step(field).to_owned());
    }
    // pydantic inside a sentence: `'loc': ('body', 'use_activation')`.
    if let Some(place) = said.message.split("'loc':").nth(1).and_then(|rest| rest.split(')').next())
    {
        return quoted(place).last().map(|field| last_step(field).to_owned());
    }
    if let Some((before, _)) = said.message.split_once(": Extra inputs are not permitted") {
        let field = before.rsplit([' ', '\n']).next()?;
        return Some(last_step(field.trim_matches(['`', '\'', '"'])).to_owned());
    }
    let field = match text.split_once("argument supplied: ") {
        Some((before, _)) => {
            let at = before.len() + "argument supplied: ".len();
            said.message.get(at..)?.split([' ', ',']).next()?
        }
        None => quoted(&said.message).into_iter().next()?,
    };
    let field = field.trim_matches(['.', ',', ';']);
    (!field.is_empty()).then(|| last_step(field).to_owned())
}

fn last_step(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// The texts between equal quotation marks of any kind.
fn quoted(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(['\'', '"', '`']) {
        let mark = rest[start..].chars().next().unwrap_or('"');
        let inner = &rest[start + 1..];
        let Some(end) = inner.find(mark) else { break };
        found.push(&inner[..end]);
        rest = &inner[end + 1..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_error_shapes_of_all_servers_are_read() {
        for (body, message) in [
            (
                json!({"object": "error", "message": "flat", "type": "BadRequestError", "param": null, "code": 400}),
                "flat",
            ),
            (
                json!({"error": {"message": "nested", "type": "BadRequestError", "param": null, "code": 400}}),
                "nested",
            ),
            (
                json!({"type": "error", "error": {"type": "rate_limit_error", "message": "slow"}, "request_id": "r"}),
                "slow",
            ),
            (
                json!({"error": {"code": 429, "message": "later", "status": "RESOURCE_EXHAUSTED"}}),
                "later",
            ),
            (json!([{"error": {"code": 429, "message": "in a list"}}]), "in a list"),
            (
                json!({"error": "Model is overloaded", "error_type": "overloaded"}),
                "Model is overloaded",
            ),
            (
                json!({"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}),
                "Loading model",
            ),
            (json!({"detail": "Not Found"}), "Not Found"),
            (
                json!({"detail": [{"type": "missing", "loc": ["body", "input"], "msg": "Field required"}]}),
                "Field required: `input`",
            ),
        ] {
            assert_eq!(Said::read(&body).unwrap().message, message);
        }
        for body in
            [json!({"choices": []}), json!([]), json!("x"), json!({"error": null}), json!(3)]
        {
            assert_eq!(Said::read(&body), None, "{body}");
        }
    }

    #[test]
    fn the_field_that_a_server_does_not_know_is_found() {
        let error = |message: &str| json!({"error": {"message": message}});
        for (body, field) in [
            (
                error("Unrecognized request argument supplied: use_activation"),
                Some("use_activation"),
            ),
            (error("Unknown parameter: 'chat_template_kwargs'."), Some("chat_template_kwargs")),
            (error("Unknown parameter: 'response_format.foo'."), Some("foo")),
            (
                json!({"error": {"message": "Unsupported parameter: 'max_tokens' is not supported with this model.",
                "code": "unsupported_parameter", "param": "max_tokens"}}),
                Some("max_tokens"),
            ),
            (
                error(
                    "[{'type': 'extra_forbidden', 'loc': ('body', 'use_activation'), 'msg': 'Extra inputs are not permitted'}]",
                ),
                Some("use_activation"),
            ),
            (
                json!({"detail": [{"type": "extra_forbidden", "loc": ["body", "normalize"], "msg": "Extra inputs are not permitted"}]}),
                Some("normalize"),
            ),
            (error("temperature: Extra inputs are not permitted"), Some("temperature")),
            (
                error(
                    "Failed to deserialize the JSON body into the target type: unknown field `raw`, expected `inputs`",
                ),
                Some("raw"),
            ),
            (
                error(
                    "Invalid JSON payload received. Unknown name \"seeds\" at 'generation_config': Cannot find field.",
                ),
                Some("seeds"),
            ),
            (error("max_tokens is too large: 5000"), None),
            (error("the quote ' never ends: unknown field"), None),
        ] {
            let found = unknown_field(&Said::read(&body).unwrap());
            assert_eq!(found.as_deref(), field, "{body}");
        }
    }
}
