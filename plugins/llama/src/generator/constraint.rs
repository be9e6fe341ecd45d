//! Shapes that a reply must have.

use std::sync::{Arc, OnceLock};

use llama_cpp_2::sampling::LlamaSampler;
use llguidance::api::TopLevelGrammar;
use llguidance::{Matcher, ParserFactory};
use tribunal_api::{Grammar, SourceError};

use crate::ffi::Model;

/// Makes constraints for one model. The vocabulary is prepared when the first shape is asked for.
#[derive(Default)]
pub(crate) struct Constraints {
    factory: OnceLock<Result<Arc<ParserFactory>, String>>,
}

/// What may come next.
pub(crate) enum Constraint {
    /// JSON schemas and choices.
    Guided(Box<Matcher>),
    /// Grammars in GBNF, which llama.cpp reads itself.
    Gbnf(LlamaSampler),
}

impl Constraints {
    /// The constraint of a shape.
    ///
    /// # Errors
    ///
    /// `Rejected` for a shape that cannot be read.
    pub(crate) fn of(&self, model: &Model, grammar: &Grammar) -> Result<Constraint, SourceError> {
        let rejected = |message: String| SourceError::Rejected { message };
        let guided = match grammar {
            Grammar::Gbnf(text) => {
                return LlamaSampler::grammar(model.inner(), text, "root")
                    .map(Constraint::Gbnf)
                    .map_err(|error| rejected(format!("the grammar cannot be read: {error}")));
            }
            Grammar::JsonSchema(schema) => TopLevelGrammar::from_json_schema(schema.clone()),
            Grammar::OneOf(texts) => TopLevelGrammar::from_regex(&one_of(texts)),
        };
        let parser = self
            .factory(model)?
            .create_parser(guided)
            .map_err(|error| rejected(format!("the shape of the reply cannot be read: {error}")))?;
        Ok(Constraint::Guided(Box::new(Matcher::new(Ok(parser)))))
    }

    fn factory(&self, model: &Model) -> Result<&Arc<ParserFactory>, SourceError> {
        let factory = self.factory.get_or_init(|| {
            let vocabulary = LlamaSampler::llguidance_tok_env(model.inner());
            let factory = ParserFactory::new_simple(&vocabulary);
            factory.map(Arc::new).map_err(|error| error.to_string())
        });
        factory.as_ref().map_err(|error| SourceError::Broken {
            message: format!("the vocabulary cannot be constrained: {error}"),
        })
    }

    /// Tokens whose bytes are this text and no more: what a tokenizer puts before a text is no part of a shape.
    pub(crate) fn tokens(&self, model: &Model, text: &str) -> Result<Vec<u32>, SourceError> {
        if text.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.factory(model)?.tok_env().tok_trie().greedy_tokenize(text.as_bytes()))
    }
}

impl Constraint {
    /// Takes what may not come next out of the candidates: their logits become minus infinity.
    pub(crate) fn apply(&mut self, logits: &mut [f32]) -> Result<(), String> {
        match self {
            Constraint::Guided(matcher) => {
                let mask = matcher.compute_mask_or_eos().map_err(|error| error.to_string())?;
                for (token, logit) in (0_u32..).zip(logits) {
                    if !mask.is_allowed(token) {
                        *logit = f32::NEG_INFINITY;
                    }
                }
                Ok(())
            }
            Constraint::Gbnf(sampler) => {
                let mut all = super::sample::candidates(logits);
                sampler.apply(&mut all);
                for one in &all.data {
                    if let Some(logit) =
                        usize::try_from(one.id().0).ok().and_then(|at| logits.get_mut(at))
                    {
                        *logit = one.logit();
                    }
                }
                Ok(())
            }
        }
    }

    /// The reply begins with these tokens. False when it may not.
    pub(crate) fn begin(&mut self, tokens: &[u32]) -> bool {
        match self {
            Constraint::Guided(matcher) => matcher.consume_tokens(tokens).is_ok(),
            Constraint::Gbnf(sampler) => {
                tokens.iter().all(|token| {
                    // llama.cpp ends the process over a token that its grammar does not allow.
                    let mut logits = vec![f32::NEG_INFINITY; *token as usize + 1];
                    logits[*token as usize] = 0.0;
                    let mut only = super::sample::candidates(&logits);
                    sampler.apply(&mut only);
                    let allowed = only.data.iter().all(|one| one.logit() > f32::NEG_INFINITY);
                    if allowed {
                        sampler.accept(crate::ffi::token(*token));
                    }
                    allowed
                })
            }
        }
    }

    /// A token was written. True when nothing can follow it.
    pub(crate) fn accept(&mut self, token: u32) -> bool {
        match self {
            Constraint::Guided(matcher) => {
                // A token that was allowed is consumed; one that was not ends the shape.
                matcher.is_stopped()
                    || matcher.consume_token(token).is_err()
                    || matcher.is_stopped()
            }
            Constraint::Gbnf(sampler) => {
                sampler.accept(crate::ffi::token(token));
                false
            }
        }
    }
}

/// A regular expression for a choice of texts.
fn one_of(texts: &[String]) -> String {
    let escaped: Vec<String> = texts.iter().map(|text| escape(text)).collect();
    format!("({})", escaped.join("|"))
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            c if c.is_ascii_punctuation() => escaped.extend(['\\', c]),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_taken_word_for_word() {
        let texts = ["[[A]]".to_owned(), "B.C\n".to_owned()];
        assert_eq!(one_of(&texts), r"(\[\[A\]\]|B\.C\n)");
    }
}
