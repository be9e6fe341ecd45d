//! Log-probabilities of tokens in the shapes of chat completions, of completions and of llama-server.

use serde_json::Value;
use tribunal_api::Token;

use crate::failure::Failure;
use crate::shape;

/// What servers write for a token whose probability is 0; the logarithm itself does not exist.
const IMPOSSIBLE: f64 = -9999.0;

/// The tokens of `logprobs` of a choice, whichever of the two shapes it has; none when it is absent.
pub(crate) fn of_choice(choice: &Value) -> Result<Vec<Token>, Failure> {
    let Some(logprobs) = choice.get("logprobs").filter(|value| !value.is_null()) else {
        return Ok(Vec::new());
    };
    if logprobs.get("content").is_some() {
        let list = shape::list(logprobs, "content")?.unwrap_or_default();
        return list.iter().map(token).collect();
    }
    columns(logprobs)
}

/// One token with `logprob` and `top_logprobs`, or `prob` and `top_probs`, or the older `content` and `probs`.
pub(crate) fn token(entry: &Value) -> Result<Token, Failure> {
    let mut others: Vec<(String, f64)> = Vec::new();
    for key in ["top_logprobs", "top_probs", "probs"] {
        for other in shape::list(entry, key)?.unwrap_or_default() {
            let text = name(other)?;
            // Two tokens of equal text differ in bytes that are no text by themselves; the likelier stands first.
            if !others.iter().any(|(known, _)| *known == text) {
                others.push((text, logprob(other)?));
            }
        }
    }
    let text = name(entry)?;
    let own = match logprob(entry) {
        Ok(own) => own,
        Err(failure) => {
            let listed = others.iter().find(|(other, _)| *other == text);
            listed.map(|(_, logprob)| *logprob).ok_or(failure)?
        }
    };
    Ok(Token { text, logprob: own, others })
}

fn name(entry: &Value) -> Result<String, Failure> {
    for key in ["token", "tok_str", "content"] {
        if let Some(text) = shape::text(entry, key)? {
            return Ok(text.to_owned());
        }
    }
    Err(Failure::shape("token", "text"))
}

fn logprob(entry: &Value) -> Result<f64, Failure> {
    if let Some(logprob) = shape::number(entry, "logprob")? {
        return Ok(logprob.min(0.0));
    }
    match shape::number(entry, "prob")? {
        Some(prob) if prob > 0.0 => Ok(prob.ln().min(0.0)),
        Some(_) => Ok(IMPOSSIBLE),
        None => Err(Failure::shape("logprob", "number")),
    }
}

/// `tokens`, `token_logprobs` and `top_logprobs` side by side.
fn columns(logprobs: &Value) -> Result<Vec<Token>, Failure> {
    let tokens = shape::list(logprobs, "tokens")?.unwrap_or_default();
    let own = shape::list(logprobs, "token_logprobs")?.unwrap_or_default();
    if own.len() != tokens.len() {
        return Err(Failure::shape("token_logprobs", "number for every token"));
    }
    let top = shape::list(logprobs, "top_logprobs")?.unwrap_or_default();
    let mut read = Vec::with_capacity(tokens.len());
    for (place, (token, own)) in tokens.iter().zip(own).enumerate() {
        let text = token.as_str().ok_or_else(|| Failure::shape("tokens", "text"))?;
        let own = own.as_f64().ok_or_else(|| Failure::shape("token_logprobs", "number"))?;
        let mut others = Vec::new();
        if let Some(table) = top.get(place).and_then(Value::as_object) {
            for (text, logprob) in table {
                let logprob =
                    logprob.as_f64().ok_or_else(|| Failure::shape("top_logprobs", "number"))?;
                others.push((text.clone(), logprob.min(0.0)));
            }
        }
        read.push(Token { text: text.to_owned(), logprob: own.min(0.0), others });
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_shapes_of_a_choice_give_the_same_tokens() {
        let chat = json!({"logprobs": {"content": [{"token": " A", "logprob": -0.2, "bytes": [32, 65],
            "top_logprobs": [{"token": " A", "logprob": -0.2}, {"token": " B", "logprob": -9999.0}]}]}});
        let completion = json!({"logprobs": {"tokens": [" A"], "token_logprobs": [-0.2],
            "top_logprobs": [{" A": -0.2, " B": -9999.0}], "text_offset": [12]}});
        let wanted = Token {
            text: " A".to_owned(),
            logprob: -0.2,
            others: vec![(" A".to_owned(), -0.2), (" B".to_owned(), -9999.0)],
        };
        assert_eq!(of_choice(&chat).unwrap(), std::slice::from_ref(&wanted));
        assert_eq!(of_choice(&completion).unwrap(), [wanted]);
        assert_eq!(of_choice(&json!({"logprobs": null})).unwrap(), []);
    }

    #[test]
    fn probabilities_become_logarithms() {
        let entry = json!({"token": "A", "prob": 0.5,
            "top_probs": [{"token": "A", "prob": 0.5}, {"token": "B", "prob": 0.0}]});
        let read = token(&entry).unwrap();
        assert_eq!(read.logprob, 0.5f64.ln());
        assert_eq!(read.others, [("A".to_owned(), 0.5f64.ln()), ("B".to_owned(), -9999.0)]);
        let older = json!({"content": "A", "probs": [{"tok_str": "A", "prob": 1.0}]});
        assert_eq!(token(&older).unwrap().logprob, 0.0);
    }

    #[test]
    fn a_text_is_listed_once_with_its_larger_probability() {
        let entry = json!({"token": "x", "logprob": -1.0, "top_logprobs": [
            {"token": "\u{fffd}", "logprob": -1.5}, {"token": "\u{fffd}", "logprob": -3.0}]});
        assert_eq!(token(&entry).unwrap().others, [("\u{fffd}".to_owned(), -1.5)]);
    }

    #[test]
    fn wrong_types_are_failures() {
        for choice in [
            json!({"logprobs": {"content": "x"}}),
            json!({"logprobs": {"content": [{"token": 3, "logprob": -1}]}}),
            json!({"logprobs": {"content": [{"token": "a", "logprob": "-1"}]}}),
            json!({"logprobs": {"tokens": ["a"], "token_logprobs": []}}),
            json!({"logprobs": {"tokens": ["a"], "token_logprobs": [null]}}),
        ] {
            assert!(of_choice(&choice).is_err(), "{choice}");
        }
    }
}
