//! What a server was found not to take, remembered as long as the program runs.
//!
//! Servers refuse parameters that others demand. The first refusal is paid once; afterwards the parameter is left out.
//! This is no retry: the request is another one.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Map, Value};

use crate::failure::{Failure, FailureKind};
use crate::said::Said;

/// A parameter that may be left out of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parameter {
    /// How tokens are drawn: temperature.
    Temperature,
    /// How tokens are drawn: share of the mass.
    TopP,
    /// Log-probabilities of the reply's tokens.
    Logprobs,
    /// The seed of a sample.
    Seed,
    /// Texts that end the reply.
    Stop,
    /// The shape of the reply.
    Shape,
    /// Several samples in one request.
    Several,
    /// The name of the token limit: the other one is used.
    LimitKey,
}

impl Parameter {
    const ALL: [Parameter; 8] = [
        Parameter::LimitKey,
        Parameter::TopP,
        Parameter::Temperature,
        Parameter::Logprobs,
        Parameter::Seed,
        Parameter::Stop,
        Parameter::Shape,
        Parameter::Several,
    ];

    /// Its names in the requests of all providers, lower case.
    fn names(self) -> &'static [&'static str] {
        match self {
            Parameter::Temperature => &["temperature"],
            Parameter::TopP => &["top_p", "topp"],
            Parameter::Logprobs => &["logprobs", "top_logprobs", "responselogprobs", "n_probs"],
            Parameter::Seed => &["seed"],
            Parameter::Stop => &["stop", "stop_sequences", "stopsequences"],
            Parameter::Shape => &[
                "response_format",
                "responseschema",
                "responsemimetype",
                "response_schema",
                "response_mime_type",
                "json_schema",
                "structured_outputs",
                "guided_choice",
                "grammar",
            ],
            Parameter::Several => &["n", "candidatecount", "candidate_count"],
            Parameter::LimitKey => &["max_tokens", "max_completion_tokens"],
        }
    }

    /// Names that are also plain words: in a sentence they count only between quotation marks.
    fn is_plain_word(self) -> bool {
        matches!(self, Parameter::Seed | Parameter::Stop | Parameter::Several)
    }

    fn bit(self) -> u32 {
        1 << (self as u32)
    }
}

/// The parameters that a server was found not to take.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    dropped: AtomicU32,
    /// Replies that held fewer samples than were asked for, and more than one.
    short: AtomicU32,
}

impl Learned {
    /// True when the parameter is left out from now on.
    pub fn drops(&self, parameter: Parameter) -> bool {
        self.dropped.load(Ordering::Relaxed) & parameter.bit() != 0
    }

    /// Leaves the parameter out from now on.
    pub fn drop(&self, parameter: Parameter) {
        self.dropped.fetch_or(parameter.bit(), Ordering::Relaxed);
    }

    /// Notes how many samples a reply held of several that were asked for at once. A single one, or two replies that
    /// fell short, mean that the server does not give several.
    pub fn came(&self, samples: usize, asked: usize) {
        if samples < asked && (samples < 2 || self.short.fetch_add(1, Ordering::Relaxed) > 0) {
            self.drop(Parameter::Several);
        }
    }

    /// Everything that was found out, as sentences.
    pub fn notes(&self) -> Vec<String> {
        let dropped = Parameter::ALL.into_iter().filter(|parameter| self.drops(*parameter));
        dropped
            .map(|parameter| match parameter {
                Parameter::LimitKey => {
                    "the server wants the other name of the token limit".to_owned()
                }
                Parameter::Several => "the server gives one sample a request".to_owned(),
                other => {
                    format!("the server refuses `{}`, which is left out", other.names()[0])
                }
            })
            .collect()
    }

    /// The parameter of the request that this failure refuses, if it is one that can be left out and is in the request.
    pub fn refused(&self, failure: &Failure, sent: &Map<String, Value>) -> Option<Parameter> {
        if !matches!(failure.kind, FailureKind::UnknownField(_) | FailureKind::Rejected) {
            return None;
        }
        let said = failure.body.as_deref().and_then(Said::read).unwrap_or_default();
        let named = match &failure.kind {
            FailureKind::UnknownField(field) => Some(field.to_lowercase()),
            _ => said.field.map(|field| field.to_lowercase()),
        };
        let sentence = said.message.to_lowercase();
        let refuses = matches!(failure.kind, FailureKind::UnknownField(_)) || is_refusal(&sentence);
        if !refuses {
            return None;
        }
        Parameter::ALL.into_iter().find(|parameter| {
            let names = parameter.names();
            let is_named = match &named {
                Some(named) => names.contains(&&**named),
                None => {
                    names.iter().any(|name| mentions(&sentence, name, parameter.is_plain_word()))
                }
            };
            let phrased = *parameter == Parameter::Several
                && ["multiple candidates", "only one completion choice"]
                    .iter()
                    .any(|phrase| sentence.contains(phrase));
            (is_named || phrased) && holds(sent, names)
        })
    }
}

fn is_refusal(sentence: &str) -> bool {
    let phrases = [
        "not support",
        "unsupported",
        "not permitted",
        "not allowed",
        "not enabled",
        "not available",
        "deprecated",
        "cannot both be specified",
        "may only be set to",
        "unrecognized",
        "unknown",
        "only one completion choice",
        "validation error",
    ];
    phrases.iter().any(|phrase| sentence.contains(phrase))
}

fn mentions(sentence: &str, name: &str, quoted: bool) -> bool {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || c == '_';
    sentence.match_indices(name).any(|(start, _)| {
        let before = sentence[..start].chars().next_back();
        let after = sentence[start + name.len()..].chars().next();
        if quoted {
            let is_mark = |c: Option<char>| c.is_some_and(|c| matches!(c, '`' | '\'' | '"'));
            return is_mark(before) && is_mark(after);
        }
        !before.is_some_and(is_inner) && !after.is_some_and(is_inner)
    })
}

/// True when the request holds a key of one of these names, at the top or in Gemini's `generationConfig`.
fn holds(sent: &Map<String, Value>, names: &[&str]) -> bool {
    let tables = [Some(sent), sent.get("generationConfig").and_then(Value::as_object)];
    let mut keys = tables.into_iter().flatten().flatten();
    keys.any(|(key, _)| names.contains(&&*key.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(message: &str, extra: Value, sent: Value) -> Option<Parameter> {
        let mut error = json!({"message": message});
        if let (Some(error), Some(extra)) = (error.as_object_mut(), extra.as_object()) {
            error.extend(extra.clone());
        }
        let body = json!({"error": error});
        let said = Said::read(&body).unwrap();
        let kind = crate::classify::kind_of(400, &said, false);
        let failure = Failure { body: Some(Box::new(body)), ..Failure::new(kind, message) };
        Learned::default().refused(&failure, sent.as_object().unwrap())
    }

    #[test]
    fn refused_parameters_are_found_in_the_words_of_several_providers() {
        let sent = json!({"temperature": 0, "max_tokens": 9, "top_p": 0.9, "logprobs": true, "n": 2, "seed": 1});
        for (message, extra, parameter) in [
            (
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
                json!({"param": "max_tokens", "code": "unsupported_parameter"}),
                Some(Parameter::LimitKey),
            ),
            (
                "Unsupported value: 'temperature' does not support 0 with this model.",
                json!({"param": "temperature", "code": "unsupported_value"}),
                Some(Parameter::Temperature),
            ),
            (
                "`temperature` and `top_p` cannot both be specified for this model.",
                json!({}),
                Some(Parameter::TopP),
            ),
            (
                "`temperature` is deprecated for this model.",
                json!({}),
                Some(Parameter::Temperature),
            ),
            (
                "You are not allowed to request logprobs from this model",
                json!({}),
                Some(Parameter::Logprobs),
            ),
            ("Only one completion choice is allowed", json!({}), Some(Parameter::Several)),
            ("seed: Extra inputs are not permitted", json!({}), Some(Parameter::Seed)),
            // A value out of range is a mistake of the recipe, not of the server.
            ("temperature: range: -1..1", json!({}), None),
            ("max_tokens is too large: 5000", json!({"param": "max_tokens"}), None),
            ("messages: roles must alternate; stop", json!({}), None),
        ] {
            assert_eq!(refused(message, extra, sent.clone()), parameter, "{message}");
        }
    }

    #[test]
    fn a_parameter_that_was_not_sent_is_not_left_out() {
        let found =
            refused("Unknown parameter: 'seed'.", json!({"param": "seed"}), json!({"n": 1}));
        assert_eq!(found, None);
        let config = json!({"generationConfig": {"responseLogprobs": true}});
        let found = refused("Logprobs is not enabled for models/g", json!({}), config);
        assert_eq!(found, Some(Parameter::Logprobs));
    }
}
