//! `POST /completion` of llama-server.

use serde_json::{Map, Value, json};
use tribunal_api::{Finish, Grammar, Prompt, Usage};

use super::Ways;
use crate::body::Body;
use crate::chat::openai::one_of;
use crate::chat::{merge, seed_bits};
use crate::failure::{Failure, FailureKind};
use crate::learned::{Learned, Parameter};
use crate::talk::{Heard, Wire};
use crate::thinking::{Raw, separate};
use crate::{logprobs, shape};

/// `POST /completion`. One sample a request; grammars are understood in every form.
pub(super) struct Completion {
    pub ways: Ways,
}

impl Wire for Completion {
    fn route(&self, _: Option<&str>) -> String {
        "/completion".to_owned()
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
        body.insert("prompt".to_owned(), self.ways.rendering.render(&prompt.turns)?.into());
        body.insert("n_predict".to_owned(), sampling.max_tokens.into());
        body.insert("temperature".to_owned(), sampling.temperature.into());
        body.insert("top_p".to_owned(), sampling.top_p.into());
        // What another request left in the cache moves logits in their last digits.
        body.insert("cache_prompt".to_owned(), false.into());
        if self.ways.seeds
            && let Some(seed) = seeds.first()
        {
            body.insert("seed".to_owned(), seed_bits(*seed).into());
        }
        if !sampling.stop.is_empty() {
            body.insert("stop".to_owned(), json!(sampling.stop));
        }
        if !prompt.labels.is_empty() && !learned.drops(Parameter::Logprobs) {
            body.insert("n_probs".to_owned(), self.ways.top_logprobs.into());
            body.insert("post_sampling_probs".to_owned(), false.into());
        }
        match &prompt.grammar {
            Some(Grammar::JsonSchema(schema)) => {
                body.insert("json_schema".to_owned(), schema.clone());
            }
            Some(Grammar::OneOf(texts)) => {
                body.insert("grammar".to_owned(), one_of(texts).into());
            }
            Some(Grammar::Gbnf(rules)) => {
                body.insert("grammar".to_owned(), rules.as_str().into());
            }
            None => {}
        }
        merge(&mut body, &self.ways.extra);
        Ok(body.into())
    }

    fn read(&self, body: &Value, prompt: &Prompt) -> Result<Heard, Failure> {
        let flag = |key: &str| body.get(key).and_then(Value::as_bool) == Some(true);
        if flag("truncated") {
            let message = "the server cut the prompt to its context size";
            return Err(Failure::new(FailureKind::TooLong, message));
        }
        let Some(content) = shape::text(body, "content")? else {
            let message = "the reply holds no `content`";
            return Err(Failure::new(FailureKind::Unreachable, message));
        };
        let finish = match shape::text(body, "stop_type")? {
            Some("limit") => Finish::Length,
            _ if flag("stopped_limit") => Finish::Length,
            _ => Finish::Stop,
        };
        let tokens = if prompt.labels.is_empty() {
            Vec::new()
        } else {
            let list = shape::list(body, "completion_probabilities")?.unwrap_or_default();
            list.iter().map(logprobs::token).collect::<Result<_, _>>()?
        };
        let opened = self.ways.opens(&self.ways.rendering.render(&prompt.turns)?);
        let raw = Raw { content: content.to_owned(), reasoning: None, finish, tokens };
        let text = separate(raw, self.ways.tags.as_ref(), opened);
        Ok(Heard {
            texts: vec![text],
            usage: Usage {
                input_tokens: shape::count(Some(body), "tokens_evaluated"),
                output_tokens: shape::count(Some(body), "tokens_predicted"),
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
        "content"
    }

    fn fingerprint(&self) -> Option<String> {
        self.ways.rendering.fingerprint()
    }

    fn renders_markers(&self) -> bool {
        true
    }

    fn rendered(&self, prompt: &Prompt) -> Option<Result<String, Failure>> {
        Some(self.ways.rendering.render(&prompt.turns))
    }
}
