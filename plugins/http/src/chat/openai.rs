//! Chat completions of OpenAI, Azure and compatible servers.

use serde_json::{Map, Value, json};
use tribunal_api::{Finish, Grammar, Prompt, Usage};

use super::{Choices, SamplesBy, TokenLimitKey, Ways, merge, seed_bits};
use crate::body::Body;
use crate::failure::{Failure, FailureKind};
use crate::learned::{Learned, Parameter};
use crate::talk::{Heard, Wire};
use crate::thinking::{Raw, separate};
use crate::{logprobs, shape};

/// Most samples that one request asks for; OpenAI takes up to 128.
const MOST_AT_ONCE: usize = 128;

/// Where Azure's deployments are.
pub(super) struct Azure {
    /// The version of the interface.
    pub version: String,
    /// The base URL.
    pub base: String,
}

/// `POST /v1/chat/completions`.
pub(super) struct ChatCompletions {
    pub ways: Ways,
    pub limit_key: TokenLimitKey,
    pub azure: Option<Azure>,
}

impl Wire for ChatCompletions {
    fn route(&self, model: Option<&str>) -> String {
        match &self.azure {
            None => "/v1/chat/completions".to_owned(),
            Some(azure) if azure.base.contains("/deployments/") => {
                format!("/chat/completions?api-version={}", azure.version)
            }
            Some(azure) if azure.base.contains("/openai/v1") => "/v1/chat/completions".to_owned(),
            Some(azure) => {
                let base = if azure.base.ends_with("/openai") { "" } else { "/openai" };
                let model = model.unwrap_or_default();
                format!("{base}/deployments/{model}/chat/completions?api-version={}", azure.version)
            }
        }
    }

    fn body<'a>(
        &self,
        prompt: &'a Prompt,
        seeds: &[u64],
        model: Option<&str>,
        learned: &Learned,
    ) -> Result<Body<'a>, Failure> {
        let sampling = &prompt.sampling;
        let mut body = Map::new();
        if let Some(model) = model {
            body.insert("model".to_owned(), model.into());
        }
        body.insert(self.limit_key(learned).to_owned(), sampling.max_tokens.into());
        if !learned.drops(Parameter::Temperature) {
            body.insert("temperature".to_owned(), sampling.temperature.into());
        }
        if sampling.top_p < 1.0 && !learned.drops(Parameter::TopP) {
            body.insert("top_p".to_owned(), sampling.top_p.into());
        }
        if seeds.len() > 1 {
            body.insert("n".to_owned(), seeds.len().into());
        }
        if self.ways.seeds
            && !learned.drops(Parameter::Seed)
            && let Some(seed) = seeds.first()
        {
            body.insert("seed".to_owned(), seed_bits(*seed).into());
        }
        if !sampling.stop.is_empty() && !learned.drops(Parameter::Stop) {
            body.insert("stop".to_owned(), json!(sampling.stop));
        }
        if !prompt.labels.is_empty() && !learned.drops(Parameter::Logprobs) {
            body.insert("logprobs".to_owned(), true.into());
            body.insert("top_logprobs".to_owned(), self.ways.top_logprobs.into());
        }
        if let Some(grammar) = &prompt.grammar
            && !learned.drops(Parameter::Shape)
        {
            self.constrain(grammar, &mut body)?;
        }
        merge(&mut body, &self.ways.extra);
        Ok(Body { table: body, messages: Some(self.ways.turns(&prompt.turns)) })
    }

    fn read(&self, body: &Value, prompt: &Prompt) -> Result<Heard, Failure> {
        let mut texts = Vec::new();
        for choice in choices(body)? {
            let mut raw = raw(choice)?;
            if !prompt.labels.is_empty() {
                raw.tokens = logprobs::of_choice(choice)?;
            }
            texts.push(separate(raw, self.ways.tags.as_ref(), self.ways.think_opened));
        }
        Ok(Heard {
            texts,
            usage: usage(body),
            served: served(body, self.ways.fingerprints),
            request: None,
        })
    }

    fn most_at_once(&self) -> usize {
        if self.ways.samples_by == SamplesBy::Calls { 1 } else { MOST_AT_ONCE }
    }

    fn read_at(&self) -> &'static str {
        "choices[0].message.content"
    }
}

impl ChatCompletions {
    fn limit_key(&self, learned: &Learned) -> &'static str {
        let other = learned.drops(Parameter::LimitKey);
        match (self.limit_key, other) {
            (TokenLimitKey::MaxTokens, false) | (TokenLimitKey::MaxCompletionTokens, true) => {
                "max_tokens"
            }
            _ => "max_completion_tokens",
        }
    }

    fn constrain(&self, grammar: &Grammar, body: &mut Map<String, Value>) -> Result<(), Failure> {
        let (key, value) = match (grammar, self.ways.choices) {
            (Grammar::JsonSchema(schema), _) => (
                "response_format",
                json!({"type": "json_schema",
                    "json_schema": {"name": "verdict", "strict": true, "schema": schema}}),
            ),
            (Grammar::OneOf(_), Choices::Ignore) => return Ok(()),
            (Grammar::OneOf(texts), Choices::StructuredOutputs) => {
                ("structured_outputs", json!({"choice": texts}))
            }
            (Grammar::OneOf(texts), Choices::GuidedChoice) => ("guided_choice", json!(texts)),
            (Grammar::OneOf(texts), Choices::Grammar) => ("grammar", one_of(texts).into()),
            (Grammar::Gbnf(rules), Choices::Grammar) => ("grammar", rules.as_str().into()),
            (Grammar::Gbnf(_), _) => {
                let message = "the prompt wants a grammar in GBNF, which only llama-server reads; \
                    set `choices = \"grammar\"` if this is one";
                return Err(Failure::new(FailureKind::Rejected, message));
            }
        };
        body.insert(key.to_owned(), value);
        Ok(())
    }
}

/// A grammar in GBNF that admits these texts and no others.
pub(crate) fn one_of(texts: &[String]) -> String {
    let quoted = texts.iter().map(|text| Value::from(text.as_str()).to_string());
    format!("root ::= {}", quoted.collect::<Vec<_>>().join(" | "))
}

/// The choices of a reply in the order of their indices. A reply without any is one that may be better the next time, and
/// so is one in which two have the same index.
pub(crate) fn choices(body: &Value) -> Result<Vec<&Value>, Failure> {
    let list = shape::list(body, "choices")?.unwrap_or_default();
    if list.is_empty() {
        let message = "the reply holds no `choices`";
        return Err(Failure::new(FailureKind::Unreachable, message));
    }
    in_order(list)
}

/// The samples of a reply in the order of their indices, where they have them.
pub(crate) fn in_order(list: &[Value]) -> Result<Vec<&Value>, Failure> {
    let index = |sample: &Value| sample.get("index").and_then(Value::as_u64);
    let mut samples: Vec<&Value> = list.iter().collect();
    samples.sort_by_key(|sample| index(sample));
    let equal = samples.windows(2).find_map(|pair| {
        let (one, other) = (index(pair[0])?, index(pair[1])?);
        (one == other).then_some(one)
    });
    match equal {
        None => Ok(samples),
        Some(index) => {
            let message = format!("two samples of the reply have the index `{index}`");
            Err(Failure::new(FailureKind::Unreachable, message))
        }
    }
}

fn raw(choice: &Value) -> Result<Raw, Failure> {
    let message = choice.get("message").filter(|message| message.is_object());
    let message = message.ok_or_else(|| Failure::shape("choices[].message", "table"))?;
    let mut reasoning = None;
    for key in ["reasoning_content", "reasoning"] {
        if reasoning.is_none() {
            reasoning = shape::text(message, key)?.map(str::to_owned);
        }
    }
    let mut content = String::new();
    match message.get("content") {
        Some(Value::String(text)) => content.clone_from(text),
        Some(Value::Array(parts)) => {
            for part in parts {
                read_part(part, &mut content, &mut reasoning)?;
            }
        }
        Some(Value::Null) => {}
        None if ["tool_calls", "refusal", "reasoning", "reasoning_content", "function_call"]
            .iter()
            .any(|key| message.get(key).is_some()) => {}
        _ => return Err(Failure::shape("choices[].message.content", "text")),
    }
    let refusal = shape::text(message, "refusal")?.filter(|text| !text.is_empty());
    let finish = match finish(shape::text(choice, "finish_reason")?)? {
        _ if refusal.is_some() => Finish::Refused,
        finish => finish,
    };
    if content.is_empty()
        && let Some(refusal) = refusal
    {
        refusal.clone_into(&mut content);
    }
    Ok(Raw { content, reasoning, finish, tokens: Vec::new() })
}

/// One part of a content that is a list: text, or thinking that holds texts.
fn read_part(
    part: &Value,
    content: &mut String,
    reasoning: &mut Option<String>,
) -> Result<(), Failure> {
    match shape::text(part, "type")? {
        Some("text") => {
            let text = shape::text(part, "text")?;
            content.push_str(text.ok_or_else(|| Failure::shape("content[].text", "text"))?);
        }
        Some("thinking") => {
            let thought = match part.get("thinking") {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Array(parts)) => {
                    let texts = parts.iter().filter_map(|part| part.get("text")?.as_str());
                    texts.collect()
                }
                _ => return Err(Failure::shape("content[].thinking", "text")),
            };
            reasoning.get_or_insert_default().push_str(&thought);
        }
        _ => {}
    }
    Ok(())
}

/// Why a choice ended. Words that mean that the server gave up are failures which may not happen again.
pub(crate) fn finish(word: Option<&str>) -> Result<Finish, Failure> {
    Ok(match word {
        Some("length" | "max_tokens" | "model_length" | "max_output_tokens") => Finish::Length,
        Some("content_filter" | "refusal" | "sensitive" | "safety") => Finish::Refused,
        Some(word @ ("error" | "abort" | "aborted" | "insufficient_system_resource")) => {
            let message = format!("the server broke off: finish reason `{word}`");
            return Err(Failure::new(FailureKind::Unreachable, message));
        }
        _ => Finish::Stop,
    })
}

/// Tokens read and written; those of reasoning are among the written ones.
pub(crate) fn usage(body: &Value) -> Usage {
    let usage = body.get("usage");
    Usage {
        input_tokens: shape::count(usage, "prompt_tokens"),
        output_tokens: shape::count(usage, "completion_tokens"),
        usd: None,
    }
}

/// The model that answered, with its fingerprint if there is one and it is wanted.
pub(crate) fn served(body: &Value, fingerprints: bool) -> Option<String> {
    let model = body.get("model")?.as_str()?;
    let fingerprint = body.get("system_fingerprint").and_then(Value::as_str);
    match fingerprint.filter(|text| fingerprints && !text.is_empty()) {
        Some(fingerprint) => Some(format!("{model} ({fingerprint})")),
        None => Some(model.to_owned()),
    }
}
