//! Bodies that are JSON but for the bare words `NaN` and `Infinity`, which some servers write for numbers.

use serde_json::Value;

/// The words that stand for no number, the longer before those they begin with.
const WORDS: [&[u8]; 4] = [b"-Infinity", b"Infinity", b"-NaN", b"NaN"];

/// The JSON of a body. Where bare words for numbers are all that is wrong with it, they are read as `null`.
pub(crate) fn parse(body: &[u8]) -> Option<Value> {
    if let Ok(value) = serde_json::from_slice(body) {
        return Some(value);
    }
    serde_json::from_slice(&nulled(body)?).ok()
}

/// The body with `null` for each bare word outside of texts; `None` when there is none.
fn nulled(body: &[u8]) -> Option<Vec<u8>> {
    let mut written = Vec::new();
    let mut copied = 0;
    let mut at = 0;
    let mut inside = false;
    while let Some(byte) = body.get(at) {
        match byte {
            b'\\' if inside => at += 1,
            b'"' => inside = !inside,
            b'-' | b'I' | b'N' if !inside => {
                let rest = &body[at..];
                if let Some(word) = WORDS.into_iter().find(|word| rest.starts_with(word)) {
                    written.extend_from_slice(&body[copied..at]);
                    written.extend_from_slice(b"null");
                    at += word.len();
                    copied = at;
                    continue;
                }
            }
            _ => {}
        }
        at += 1;
    }
    if copied == 0 {
        return None;
    }
    written.extend_from_slice(&body[copied..]);
    Some(written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bare_words_for_numbers_are_read_as_null() {
        let body = br#"{"a": [1.5, NaN, -Infinity, Infinity], "NaN": "NaN \" NaN", "b": -2}"#;
        let read = json!({"a": [1.5, null, null, null], "NaN": "NaN \" NaN", "b": -2});
        assert_eq!(parse(body), Some(read));
    }

    #[test]
    fn what_is_no_json_stays_none() {
        for body in ["", "NaN,", "{\"a\": NaN", "Information", "\"NaN", "[1, -]"] {
            assert_eq!(parse(body.as_bytes()), None, "{body}");
        }
        assert_eq!(parse(b"NaN"), Some(Value::Null));
    }
}
