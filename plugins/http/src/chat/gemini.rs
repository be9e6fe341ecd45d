//! `generateContent` of Gemini.

use serde_json::{Map, Value, json};
use tribunal_api::{Finish, Grammar, Prompt, Role, Text, Token, Usage};

use super::openai::in_order;
use super::{Choices, SamplesBy, Ways, merge, seed_bits};
use crate::body::Body;
use crate::failure::{Failure, FailureKind};
use crate::learned::{Learned, Parameter};
use crate::shape;
use crate::talk::{Heard, Wire};
use crate::thinking::{Raw, separate};

/// Most candidates of one request.
const MOST_AT_ONCE: usize = 8;

/// `POST /v1beta/models/{model}:generateContent`.
pub(super) struct GenerateContent {
    pub ways: Ways,
}

impl Wire for GenerateContent {
    fn route(&self, model: Option<&str>) -> String {
        let model = model.unwrap_or_default();
        format!("/v1beta/models/{}:generateContent", model.trim_start_matches("models/"))
    }

    fn body<'a>(
        &self,
        prompt: &'a Prompt,
        seeds: &[u64],
        _: Option<&str>,
        learned: &Learned,
    ) -> Result<Body<'a>, Failure> {
        let turns = self.ways.turns(&prompt.turns);
        let mut body = Map::new();
        let system: Vec<Value> = turns
            .iter()
            .filter(|turn| turn.role == Role::System)
            .map(|turn| json!({"text": turn.content}))
            .collect();
        if !system.is_empty() {
            body.insert("systemInstruction".to_owned(), json!({ "parts": system }));
        }
        let contents = turns.iter().filter(|turn| turn.role != Role::System).map(|turn| {
            let role = if turn.role == Role::Assistant { "model" } else { "user" };
            json!({"role": role, "parts": [{"text": turn.content}]})
        });
        body.insert("contents".to_owned(), contents.collect());
        let config = self.config(prompt, seeds, learned)?;
        body.insert("generationConfig".to_owned(), Value::Object(config));
        merge(&mut body, &self.ways.extra);
        Ok(body.into())
    }

    fn read(&self, body: &Value, prompt: &Prompt) -> Result<Heard, Failure> {
        let usage = body.get("usageMetadata");
        let written = ["candidatesTokenCount", "thoughtsTokenCount"];
        let written = written.into_iter().filter_map(|key| shape::count(usage, key));
        let mut heard = Heard {
            texts: Vec::new(),
            usage: Usage {
                input_tokens: shape::count(usage, "promptTokenCount"),
                output_tokens: written.reduce(|one, other| one.saturating_add(other)),
                usd: None,
            },
            served: shape::text(body, "modelVersion")?.map(str::to_owned),
            request: None,
        };
        let candidates = shape::list(body, "candidates")?.unwrap_or_default();
        if candidates.is_empty() {
            let blocked = body.get("promptFeedback").and_then(|told| told.get("blockReason"));
            if blocked.is_none_or(Value::is_null) {
                let message = "the reply holds no `candidates`";
                return Err(Failure::new(FailureKind::Unreachable, message));
            }
            // The prompt is blocked for every sample alike.
            let refused = Text { finish: Finish::Refused, ..Text::default() };
            heard.texts = vec![refused; prompt.seeds.len().max(1)];
            return Ok(heard);
        }
        for candidate in in_order(candidates)? {
            let mut raw = raw(candidate)?;
            if !prompt.labels.is_empty() {
                raw.tokens = tokens(candidate)?;
            }
            heard.texts.push(separate(raw, self.ways.tags.as_ref(), self.ways.think_opened));
        }
        Ok(heard)
    }

    fn most_at_once(&self) -> usize {
        if self.ways.samples_by == SamplesBy::Calls { 1 } else { MOST_AT_ONCE }
    }

    fn read_at(&self) -> &'static str {
        "candidates[0].content.parts[].text"
    }
}

impl GenerateContent {
    fn config(
        &self,
        prompt: &Prompt,
        seeds: &[u64],
        learned: &Learned,
    ) -> Result<Map<String, Value>, Failure> {
        let sampling = &prompt.sampling;
        let mut config = Map::new();
        config.insert("maxOutputTokens".to_owned(), sampling.max_tokens.into());
        if !learned.drops(Parameter::Temperature) {
            config.insert("temperature".to_owned(), sampling.temperature.into());
        }
        if sampling.top_p < 1.0 && !learned.drops(Parameter::TopP) {
            config.insert("topP".to_owned(), sampling.top_p.into());
        }
        if seeds.len() > 1 {
            config.insert("candidateCount".to_owned(), seeds.len().into());
        }
        if self.ways.seeds
            && !learned.drops(Parameter::Seed)
            && let Some(seed) = seeds.first()
        {
            config.insert("seed".to_owned(), seed_bits(*seed).into());
        }
        if !sampling.stop.is_empty() && !learned.drops(Parameter::Stop) {
            config.insert("stopSequences".to_owned(), json!(sampling.stop));
        }
        if !prompt.labels.is_empty() && !learned.drops(Parameter::Logprobs) {
            config.insert("responseLogprobs".to_owned(), true.into());
            config.insert("logprobs".to_owned(), self.ways.top_logprobs.into());
        }
        let shape = prompt.grammar.as_ref().filter(|_| !learned.drops(Parameter::Shape));
        match shape {
            Some(Grammar::JsonSchema(schema)) => {
                config.insert("responseMimeType".to_owned(), "application/json".into());
                config.insert("responseSchema".to_owned(), reduced(schema));
            }
            Some(Grammar::OneOf(texts)) if self.ways.choices != Choices::Ignore => {
                config.insert("responseMimeType".to_owned(), "text/x.enum".into());
                let schema = json!({"type": "STRING", "enum": texts});
                config.insert("responseSchema".to_owned(), schema);
            }
            Some(Grammar::Gbnf(_)) => {
                let message =
                    "the prompt wants a grammar in GBNF, which this provider does not read";
                return Err(Failure::new(FailureKind::Rejected, message));
            }
            _ => {}
        }
        Ok(config)
    }
}

/// The schema without the words of JSON Schema that Gemini's own kind of schema refuses.
fn reduced(schema: &Value) -> Value {
    match schema {
        Value::Object(table) => {
            let kept = table.iter().filter(|(key, _)| {
                !matches!(key.as_str(), "additionalProperties" | "$schema" | "$id" | "$comment")
            });
            kept.map(|(key, value)| {
                // Below `properties` stand names, which may look like those words.
                let value = match (key.as_str(), value) {
                    ("properties", Value::Object(properties)) => properties
                        .iter()
                        .map(|(name, inner)| (name.clone(), reduced(inner)))
                        .collect(),
                    _ => reduced(value),
                };
                (key.clone(), value)
            })
            .collect()
        }
        Value::Array(list) => list.iter().map(reduced).collect(),
        other => other.clone(),
    }
}

fn raw(candidate: &Value) -> Result<Raw, Failure> {
    let mut content = String::new();
    let mut reasoning: Option<String> = None;
    let parts = match candidate.get("content") {
        None | Some(Value::Null) => None,
        Some(table) if table.is_object() => shape::list(table, "parts")?,
        Some(_) => return Err(Failure::shape("candidates[].content", "table")),
    };
    for part in parts.unwrap_or_default() {
        let Some(text) = shape::text(part, "text")? else { continue };
        if part.get("thought").and_then(Value::as_bool) == Some(true) {
            reasoning.get_or_insert_default().push_str(text);
        } else {
            content.push_str(text);
        }
    }
    let reason = shape::text(candidate, "finishReason")?;
    if parts.is_none() && reason.is_none() {
        return Err(Failure::shape("candidates[].content.parts", "list"));
    }
    let finish = match reason {
        Some("MAX_TOKENS") => Finish::Length,
        Some(
            "SAFETY"
            | "RECITATION"
            | "LANGUAGE"
            | "BLOCKLIST"
            | "PROHIBITED_CONTENT"
            | "SPII"
            | "IMAGE_SAFETY"
            | "IMAGE_PROHIBITED_CONTENT"
            | "IMAGE_RECITATION",
        ) => Finish::Refused,
        _ => Finish::Stop,
    };
    Ok(Raw { content, reasoning, finish, tokens: Vec::new() })
}

/// `logprobsResult`: the tokens chosen, and beside each the likeliest ones in its place.
fn tokens(candidate: &Value) -> Result<Vec<Token>, Failure> {
    let Some(result) = candidate.get("logprobsResult").filter(|value| !value.is_null()) else {
        return Ok(Vec::new());
    };
    let chosen = shape::list(result, "chosenCandidates")?.unwrap_or_default();
    let top = shape::list(result, "topCandidates")?.unwrap_or_default();
    let mut tokens = Vec::with_capacity(chosen.len());
    for (place, one) in chosen.iter().enumerate() {
        let (text, logprob) = pair(one)?;
        let mut others: Vec<(String, f64)> = Vec::new();
        if let Some(there) = top.get(place) {
            for other in shape::list(there, "candidates")?.unwrap_or_default() {
                let (text, logprob) = pair(other)?;
                if !others.iter().any(|(known, _)| *known == text) {
                    others.push((text, logprob));
                }
            }
        }
        tokens.push(Token { text, logprob, others });
    }
    Ok(tokens)
}

fn pair(entry: &Value) -> Result<(String, f64), Failure> {
    let text = shape::text(entry, "token")?.ok_or_else(|| Failure::shape("token", "text"))?;
    // A probability of 1 has the logarithm 0, which this interface leaves out.
    let logprob = shape::number(entry, "logProbability")?.unwrap_or(0.0);
    Ok((text.to_owned(), logprob.min(0.0)))
}
