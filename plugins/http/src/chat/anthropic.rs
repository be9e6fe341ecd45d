//! The messages interface of Anthropic.

use serde_json::{Map, Value, json};
use tribunal_api::{Finish, Grammar, Prompt, Role, Usage};

use super::{Ways, merge};
use crate::body::Body;
use crate::failure::{Failure, FailureKind};
use crate::learned::{Learned, Parameter};
use crate::shape;
use crate::talk::{Heard, Wire};
use crate::thinking::{Raw, separate};

/// `POST /v1/messages`. It has neither several samples nor seeds nor log-probabilities, and no schema is sent.
pub(super) struct Messages {
    pub ways: Ways,
}

impl Wire for Messages {
    fn route(&self, _: Option<&str>) -> String {
        "/v1/messages".to_owned()
    }

    fn body<'a>(
        &self,
        prompt: &'a Prompt,
        _: &[u64],
        model: Option<&str>,
        learned: &Learned,
    ) -> Result<Body<'a>, Failure> {
        if let Some(Grammar::Gbnf(_)) = prompt.grammar {
            let message = "the prompt wants a grammar in GBNF, which this provider does not read";
            return Err(Failure::new(FailureKind::Rejected, message));
        }
        let sampling = &prompt.sampling;
        let turns = self.ways.turns(&prompt.turns);
        let (system, dialogue): (Vec<_>, Vec<_>) =
            turns.iter().partition(|turn| turn.role == Role::System);
        let mut body = Map::new();
        body.insert("model".to_owned(), model.into());
        body.insert("max_tokens".to_owned(), sampling.max_tokens.into());
        if !system.is_empty() {
            let texts: Vec<&str> = system.iter().map(|turn| &*turn.content).collect();
            body.insert("system".to_owned(), texts.join("\n\n").into());
        }
        let messages = dialogue
            .iter()
            .map(|turn| json!({"role": turn.role.as_str(), "content": turn.content}));
        body.insert("messages".to_owned(), messages.collect());
        if !learned.drops(Parameter::Temperature) {
            body.insert("temperature".to_owned(), sampling.temperature.into());
        }
        if sampling.top_p < 1.0 && !learned.drops(Parameter::TopP) {
            body.insert("top_p".to_owned(), sampling.top_p.into());
        }
        if !sampling.stop.is_empty() && !learned.drops(Parameter::Stop) {
            body.insert("stop_sequences".to_owned(), json!(sampling.stop));
        }
        merge(&mut body, &self.ways.extra);
        Ok(body.into())
    }

    fn read(&self, body: &Value, _: &Prompt) -> Result<Heard, Failure> {
        let Some(blocks) = shape::list(body, "content")? else {
            let message = "the reply holds no `content`";
            return Err(Failure::new(FailureKind::Unreachable, message));
        };
        let mut content = String::new();
        let mut reasoning: Option<String> = None;
        for block in blocks {
            let part = |key| {
                let place = format!("content[].{key}");
                shape::text(block, key)?.ok_or_else(|| Failure::shape(&place, "text"))
            };
            match part("type")? {
                "text" => content.push_str(part("text")?),
                "thinking" => reasoning.get_or_insert_default().push_str(part("thinking")?),
                _ => {}
            }
        }
        let finish = match shape::text(body, "stop_reason")? {
            Some("max_tokens" | "model_context_window_exceeded") => Finish::Length,
            Some("refusal") => Finish::Refused,
            _ => Finish::Stop,
        };
        let raw = Raw { content, reasoning, finish, tokens: Vec::new() };
        let text = separate(raw, self.ways.tags.as_ref(), self.ways.think_opened);
        let usage = body.get("usage");
        let read = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"];
        let read = read.into_iter().filter_map(|key| shape::count(usage, key));
        Ok(Heard {
            texts: vec![text],
            usage: Usage {
                input_tokens: read.reduce(|one, other| one.saturating_add(other)),
                output_tokens: shape::count(usage, "output_tokens"),
                usd: None,
            },
            served: shape::text(body, "model")?.map(str::to_owned),
            request: None,
        })
    }

    fn most_at_once(&self) -> usize {
        1
    }

    fn read_at(&self) -> &'static str {
        "content[].text"
    }
}
