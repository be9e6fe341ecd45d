//! `POST /v1/completions` of vLLM, SGLang, llama-server and others.

use serde_json::{Map, Value, json};
use tribunal_api::{Grammar, Prompt};

use super::Ways;
use crate::body::Body;
use crate::chat::openai::{choices, finish, served, usage};
use crate::chat::{merge, seed_bits};
use crate::failure::{Failure, FailureKind};
use crate::learned::{Learned, Parameter};
use crate::talk::{Heard, Wire};
use crate::thinking::{Raw, separate};
use crate::{logprobs, shape};

/// `POST /v1/completions`.
pub(super) struct Completions {
    pub ways: Ways,
}

impl Wire for Completions {
    fn route(&self, _: Option<&str>) -> String {
        "/v1/completions".to_owned()
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
        body.insert("max_tokens".to_owned(), sampling.max_tokens.into());
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
            body.insert("logprobs".to_owned(), self.ways.top_logprobs.into());
        }
        match prompt.grammar.as_ref().filter(|_| !learned.drops(Parameter::Shape)) {
            Some(Grammar::JsonSchema(schema)) => {
                let shape = json!({"type": "json_schema",
                    "json_schema": {"name": "verdict", "strict": true, "schema": schema}});
                body.insert("response_format".to_owned(), shape);
            }
            Some(Grammar::Gbnf(_)) => {
                let message = "the prompt wants a grammar in GBNF, which only llama-server reads; \
                    set `provider = \"llama-server\"` if this is one";
                return Err(Failure::new(FailureKind::Rejected, message));
            }
            // The prompt's own reading of the reply decides.
            Some(Grammar::OneOf(_)) | None => {}
        }
        merge(&mut body, &self.ways.extra);
        Ok(body.into())
    }

    fn read(&self, body: &Value, prompt: &Prompt) -> Result<Heard, Failure> {
        let opened = self.ways.opens(&self.ways.rendering.render(&prompt.turns)?);
        let mut texts = Vec::new();
        for choice in choices(body)? {
            let content = shape::text(choice, "text")?;
            let content = content.ok_or_else(|| Failure::shape("choices[].text", "text"))?;
            let tokens = match prompt.labels.is_empty() {
                true => Vec::new(),
                false => logprobs::of_choice(choice)?,
            };
            let finish = finish(shape::text(choice, "finish_reason")?)?;
            let raw = Raw { content: content.to_owned(), reasoning: None, finish, tokens };
            texts.push(separate(raw, self.ways.tags.as_ref(), opened));
        }
        Ok(Heard {
            texts,
            usage: usage(body),
            served: served(body, self.ways.fingerprints),
            request: None,
        })
    }

    fn most_at_once(&self) -> usize {
        if self.ways.n { 128 } else { 1 }
    }

    fn read_at(&self) -> &'static str {
        "choices[0].text"
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
