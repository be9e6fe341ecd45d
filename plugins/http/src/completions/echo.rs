//! Log-probabilities of a given text: what a model thinks of words that it did not write.

use serde_json::{Map, Value, json};
use tribunal_api::Usage;

use crate::chat::merge;
use crate::chat::openai::{choices, served, usage};
use crate::client::Client;
use crate::failure::{Failure, FailureKind};
use crate::shape;

/// How a server is asked for the log-probabilities of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EchoBy {
    /// `echo` with `logprobs`: vLLM, SGLang, llama-cpp-python and others.
    Echo,
    /// `prompt_logprobs` of vLLM.
    PromptLogprobs,
}

/// One token of the text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EchoToken {
    /// The token's text.
    pub text: String,
    /// Where it begins in the text, in bytes.
    pub offset: usize,
    /// The natural logarithm of its probability after all tokens before it; `None` for the first token.
    pub logprob: Option<f64>,
}

/// A text as the model read it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Echoed {
    /// The tokens of the text, in order; a begin token that the server added has an empty place at offset 0.
    pub tokens: Vec<EchoToken>,
    /// What it cost.
    pub usage: Usage,
    /// The model that the server says it is.
    pub served: Option<String>,
    /// The server's id of the request.
    pub request_id: Option<String>,
}

/// The log-probability of every token of `text`. `extra` is merged into the request (`add_special_tokens = false`).
///
/// A server that answers without them is `Broken` with a remedy; tokens that do not make up the text are `Broken`.
pub(crate) async fn echo(
    client: &Client,
    model: Option<&str>,
    text: &str,
    by: EchoBy,
    extra: &Map<String, Value>,
) -> Result<Echoed, Failure> {
    // One token is written because some servers refuse to write none; it is cut off again.
    let mut body = json!({"prompt": text, "max_tokens": 1, "temperature": 0});
    if let Some(table) = body.as_object_mut() {
        if let Some(model) = model {
            table.insert("model".to_owned(), model.into());
        }
        match by {
            EchoBy::Echo => {
                table.insert("echo".to_owned(), true.into());
                table.insert("logprobs".to_owned(), 1.into());
            }
            EchoBy::PromptLogprobs => {
                table.insert("prompt_logprobs".to_owned(), 0.into());
            }
        }
        merge(table, extra);
    }
    let reply = client.post("/v1/completions", &body).await?;
    let read = read(&reply.body, text, by);
    let tokens = read.map_err(|failure| Failure {
        status: Some(reply.status),
        request_id: reply.request_id.clone(),
        message: client.scrub(&failure.message),
        ..failure
    })?;
    Ok(Echoed {
        tokens,
        usage: usage(&reply.body),
        served: served(&reply.body, false),
        request_id: reply.request_id,
    })
}

fn read(body: &Value, text: &str, by: EchoBy) -> Result<Vec<EchoToken>, Failure> {
    let choices = choices(body)?;
    let choice = choices.first().ok_or_else(|| Failure::shape("choices", "list"))?;
    let pairs = match by {
        EchoBy::Echo => columns(choice)?,
        EchoBy::PromptLogprobs => of_prompt(choice)?,
    };
    placed(pairs, text)
}

fn absent(what: &str) -> Failure {
    let message = format!(
        "the server reports no log-probabilities of the prompt (`{what}` is missing); \
         use a server that knows `echo` with `logprobs`, or vLLM's `prompt_logprobs`"
    );
    Failure::new(FailureKind::Broken, message)
}

type Pair = (String, Option<f64>);

fn columns(choice: &Value) -> Result<Vec<Pair>, Failure> {
    let logprobs = choice.get("logprobs").filter(|value| value.is_object());
    let logprobs = logprobs.ok_or_else(|| absent("choices[0].logprobs"))?;
    let texts = shape::list(logprobs, "tokens")?.ok_or_else(|| absent("logprobs.tokens"))?;
    let values = shape::list(logprobs, "token_logprobs")?;
    let values = values.ok_or_else(|| absent("logprobs.token_logprobs"))?;
    if values.len() != texts.len() {
        return Err(Failure::shape("token_logprobs", "number for every token"));
    }
    let pairs = texts.iter().zip(values).map(|(text, value)| {
        let text = text.as_str().ok_or_else(|| Failure::shape("tokens", "text"))?;
        let logprob = match value {
            Value::Null => None,
            other => {
                Some(other.as_f64().ok_or_else(|| Failure::shape("token_logprobs", "number"))?)
            }
        };
        Ok((text.to_owned(), logprob))
    });
    pairs.collect()
}

/// vLLM: one table per token, by token id; the token of the prompt itself stands first.
fn of_prompt(choice: &Value) -> Result<Vec<Pair>, Failure> {
    let list = shape::list(choice, "prompt_logprobs")?.ok_or_else(|| absent("prompt_logprobs"))?;
    let mut pairs = Vec::with_capacity(list.len());
    for entry in list {
        match entry {
            // The first token has no table and hence no text: what is left over at the start belongs to it.
            Value::Null => pairs.push((String::new(), None)),
            Value::Object(table) => {
                let first = table.values().next();
                let own = first.ok_or_else(|| Failure::shape("prompt_logprobs[]", "token"))?;
                let text = shape::text(own, "decoded_token")?;
                let text = text.ok_or_else(|| Failure::shape("decoded_token", "text"))?;
                let logprob = shape::number(own, "logprob")?;
                let logprob = logprob.ok_or_else(|| Failure::shape("logprob", "number"))?;
                pairs.push((text.to_owned(), Some(logprob)));
            }
            _ => return Err(Failure::shape("prompt_logprobs[]", "table")),
        }
    }
    Ok(pairs)
}

/// The tokens that make up the text with their places. A begin token at the start and what was written after the end do
/// not belong to it.
fn placed(pairs: Vec<Pair>, text: &str) -> Result<Vec<EchoToken>, Failure> {
    let mismatch = |at: usize| {
        let message = format!(
            "the tokens that the server reports do not make up the prompt (from byte {at} on)"
        );
        Failure::new(FailureKind::Broken, message)
    };
    let mut tokens: Vec<EchoToken> = Vec::with_capacity(pairs.len());
    let mut at = 0;
    for (place, (token, logprob)) in pairs.iter().enumerate() {
        if at == text.len() {
            break;
        }
        if text[at..].starts_with(&**token) && !(place == 0 && token.is_empty()) {
            tokens.push(EchoToken { text: token.clone(), offset: at, logprob: *logprob });
            at += token.len();
        } else if place == 0 {
            // A begin token, or a first token without text: find out where the second one stands.
            let second = pairs.get(1).map_or("", |(token, _)| token);
            let named = !token.is_empty();
            let skipped = if named || text.starts_with(second) {
                0
            } else {
                text.find(second).ok_or_else(|| mismatch(0))?
            };
            let own = if named { token.clone() } else { text[..skipped].to_owned() };
            tokens.push(EchoToken { text: own, offset: 0, logprob: *logprob });
            at = skipped;
        } else if token.contains('\u{fffd}') {
            // A piece of a character: its neighbours show it whole, so it takes no place of its own.
            let next = pairs[place + 1..].iter().find(|(next, _)| !next.contains('\u{fffd}'));
            let end = match next {
                Some((next, _)) if !next.is_empty() => {
                    at + text[at..].find(&**next).ok_or_else(|| mismatch(at))?
                }
                _ => text.len(),
            };
            tokens.push(EchoToken { text: token.clone(), offset: at, logprob: *logprob });
            let last_piece =
                pairs.get(place + 1).is_none_or(|(next, _)| !next.contains('\u{fffd}'));
            if last_piece {
                at = end;
            }
        } else {
            return Err(mismatch(at));
        }
    }
    if at == text.len() { Ok(tokens) } else { Err(mismatch(at)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(logprobs: Value) -> Value {
        json!({"choices": [{"index": 0, "text": "", "logprobs": logprobs}]})
    }

    fn token(text: &str, offset: usize, logprob: Option<f64>) -> EchoToken {
        EchoToken { text: text.to_owned(), offset, logprob }
    }

    #[test]
    fn the_token_that_was_written_is_cut_off() {
        let body = reply(json!({"tokens": ["The", " cat", " sat"],
            "token_logprobs": [null, -2.5, -0.5], "text_offset": [0, 3, 7]}));
        let read = read(&body, "The cat", EchoBy::Echo).unwrap();
        assert_eq!(read, [token("The", 0, None), token(" cat", 3, Some(-2.5))]);
    }

    #[test]
    fn a_begin_token_of_the_server_stands_before_the_text() {
        let body = reply(json!({"tokens": ["<s>", "The", " cat", "!"],
            "token_logprobs": [null, -3.0, -2.5, -1.0]}));
        let read = read(&body, "The cat", EchoBy::Echo).unwrap();
        let wanted =
            [token("<s>", 0, None), token("The", 0, Some(-3.0)), token(" cat", 3, Some(-2.5))];
        assert_eq!(read, wanted);
    }

    #[test]
    fn prompt_logprobs_are_read_with_their_tokens() {
        let body = json!({"choices": [{"index": 0, "text": "x", "prompt_logprobs": [null,
            {"11": {"logprob": -2.5, "rank": 3, "decoded_token": " cat"}}]}]});
        let read = read(&body, "The cat", EchoBy::PromptLogprobs).unwrap();
        assert_eq!(read, [token("The", 0, None), token(" cat", 3, Some(-2.5))]);
    }

    #[test]
    fn pieces_of_a_character_take_one_place_together() {
        let body = reply(json!({"tokens": ["a", "\u{fffd}", "\u{fffd}", "b", "c"],
            "token_logprobs": [null, -1.0, -2.0, -3.0, -4.0]}));
        let read = read(&body, "aéb", EchoBy::Echo).unwrap();
        let offsets: Vec<usize> = read.iter().map(|token| token.offset).collect();
        // "a" is byte 0, "é" the two bytes from 1 on, "b" byte 3.
        assert_eq!(offsets, [0, 1, 1, 3]);
    }

    #[test]
    fn tokens_of_another_text_are_a_failure() {
        for tokens in [json!(["The", " dog"]), json!(["The"]), json!([])] {
            let count = tokens.as_array().unwrap().len();
            let body = reply(json!({"tokens": tokens, "token_logprobs": vec![-1.0; count]}));
            assert_eq!(read(&body, "The cat", EchoBy::Echo).unwrap_err().kind, FailureKind::Broken);
        }
        let silent = reply(Value::Null);
        let failure = read(&silent, "The cat", EchoBy::Echo).unwrap_err();
        assert!(failure.message.contains("no log-probabilities"), "{}", failure.message);
    }
}
