//! Finding which value of a JSON record stands at an offset.

/// What stands at an offset of a JSON text.
pub(super) struct Located {
    /// Keys and indexes that lead there, from the outside in.
    pub(super) path: Vec<String>,
    /// Start of the object that is closed just before the offset, if one is.
    pub(super) closed: Option<usize>,
}

enum Frame {
    Object { start: usize, key: String, key_follows: bool },
    Array { index: usize },
}

/// Walks `text`, which starts with a value, up to `offset`. The text need not be valid after it.
pub(super) fn locate(text: &str, offset: usize) -> Located {
    let bytes = &text.as_bytes()[..offset.min(text.len())];
    let mut frames: Vec<Frame> = Vec::new();
    let mut closed = None;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                let end = string_end(bytes, at);
                if let Some(Frame::Object { key, key_follows: true, .. }) = frames.last_mut() {
                    *key = text.get(at + 1..end.saturating_sub(1)).unwrap_or("").to_owned();
                }
                at = end;
                continue;
            }
            b'{' => frames.push(Frame::Object { start: at, key: String::new(), key_follows: true }),
            b'[' => frames.push(Frame::Array { index: 0 }),
            b'}' | b']' => {
                if let Some(Frame::Object { start, .. }) = frames.pop()
                    && at + 1 == bytes.len()
                {
                    closed = Some(start);
                }
            }
            b':' => set_key_follows(&mut frames, false),
            b',' => match frames.last_mut() {
                Some(Frame::Array { index }) => *index += 1,
                _ => set_key_follows(&mut frames, true),
            },
            _ => {}
        }
        at += 1;
    }
    let path = frames
        .into_iter()
        .map_while(|frame| match frame {
            Frame::Object { key_follows: true, .. } => None,
            Frame::Object { key, .. } => Some(key),
            Frame::Array { index } => Some(index.to_string()),
        })
        .collect();
    Located { path, closed }
}

fn set_key_follows(frames: &mut [Frame], value: bool) {
    if let Some(Frame::Object { key_follows, .. }) = frames.last_mut() {
        *key_follows = value;
    }
}

/// Offset just behind the string that starts at `start`, or the end of the bytes.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_by_its_keys_and_indexes() {
        let text = r#"{"a": [1, {"b,}": [true, "x"]}]}"#;
        let offset = text.find("\"x\"").unwrap() + 3;
        assert_eq!(locate(text, offset).path, ["a", "1", "b,}", "1"]);
    }

    #[test]
    fn a_closed_object_is_found_with_the_path_to_it() {
        let text = r#"{"a": {"b": {}, "c": 1}}"#;
        let located = locate(text, text.len() - 1);
        assert_eq!(located.path, ["a"]);
        assert_eq!(located.closed, text.find("{\"b\""));
    }

    #[test]
    fn a_broken_text_is_no_trouble() {
        for text in ["", "}", "]]", "\"", "{\"a\\", "{\"a\":\"", ",", ":"] {
            let _ = locate(text, 99);
        }
    }
}
