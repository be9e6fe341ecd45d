//! Methods of Python texts that templates call, where the template engine lacks them or differs.

use minijinja::value::{Kwargs, Tuple, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State, Value};
use minijinja_contrib::pycompat::unknown_method_callback;

/// Answers a method call that the engine does not know.
pub(crate) fn call_method(
    state: &mut State<'_, '_>,
    value: &Value,
    method: &str,
    args: &[Value],
) -> Result<Value, Error> {
    if let (ValueKind::String, Some(text)) = (value.kind(), value.as_str())
        && let Some(answer) = text_method(text, method, args)?
    {
        return Ok(answer);
    }
    unknown_method_callback(state, value, method, args)
}

/// Filter `trim`: what `str.strip` does to the value as text.
pub(crate) fn trim(value: &Value, chars: Option<String>) -> String {
    let text = value.to_string();
    strip(&text, chars.as_deref(), Side::Both).to_owned()
}

fn text_method(text: &str, method: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    let side = match method {
        "strip" => Some(Side::Both),
        "lstrip" => Some(Side::Left),
        "rstrip" => Some(Side::Right),
        _ => None,
    };
    if let Some(side) = side {
        let (chars,): (Option<&str>,) = from_args(args)?;
        return Ok(Some(Value::from(strip(text, chars, side))));
    }
    Ok(Some(match method {
        "split" | "rsplit" => {
            let (separator, limit, keywords): (Option<&str>, Option<i64>, Kwargs) =
                from_args(args)?;
            let separator = match keywords.get::<Option<&str>>("sep")? {
                Some(separator) => Some(separator),
                None => separator,
            };
            let limit = keywords.get::<Option<i64>>("maxsplit")?.or(limit);
            keywords.assert_all_used()?;
            let limit = limit.and_then(|limit| usize::try_from(limit).ok());
            let from_right = method == "rsplit";
            texts(match separator {
                Some("") => return Err(invalid("a text cannot be split at an empty separator")),
                Some(separator) => split_at(text, separator, limit, from_right),
                None => split_at_spaces(text, limit, from_right),
            })
        }
        "splitlines" => {
            let (keep_ends, keywords): (Option<bool>, Kwargs) = from_args(args)?;
            let keep_ends = keywords.get::<Option<bool>>("keepends")?.or(keep_ends);
            keywords.assert_all_used()?;
            texts(lines(text, keep_ends.unwrap_or(false)))
        }
        "partition" | "rpartition" => {
            let (separator,): (&str,) = from_args(args)?;
            if separator.is_empty() {
                return Err(invalid("a text cannot be split at an empty separator"));
            }
            let (found, whole) = if method == "partition" {
                (text.split_once(separator), vec![text, "", ""])
            } else {
                (text.rsplit_once(separator), vec!["", "", text])
            };
            let parts = match found {
                Some((before, after)) => vec![before, separator, after],
                None => whole,
            };
            let parts: Vec<Value> = parts.into_iter().map(Value::from).collect();
            Value::from(Tuple::from(parts))
        }
        "removeprefix" => {
            let (prefix,): (&str,) = from_args(args)?;
            Value::from(text.strip_prefix(prefix).unwrap_or(text))
        }
        "removesuffix" => {
            let (suffix,): (&str,) = from_args(args)?;
            Value::from(text.strip_suffix(suffix).unwrap_or(text))
        }
        _ => return Ok(None),
    }))
}

fn texts(parts: Vec<&str>) -> Value {
    Value::from_iter(parts)
}

#[derive(Clone, Copy)]
enum Side {
    Both,
    Left,
    Right,
}

fn strip<'a>(text: &'a str, chars: Option<&str>, side: Side) -> &'a str {
    let goes =
        |letter: char| chars.map_or_else(|| is_space(letter), |chars| chars.contains(letter));
    match side {
        Side::Both => text.trim_matches(goes),
        Side::Left => text.trim_start_matches(goes),
        Side::Right => text.trim_end_matches(goes),
    }
}

/// White space in Python's sense: Unicode's, and the four separators of ASCII.
fn is_space(letter: char) -> bool {
    letter.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&letter)
}

fn split_at<'a>(
    text: &'a str,
    separator: &str,
    limit: Option<usize>,
    from_right: bool,
) -> Vec<&'a str> {
    let pieces = limit.map_or(usize::MAX, |limit| limit.saturating_add(1));
    if from_right {
        let mut parts: Vec<&str> = text.rsplitn(pieces, separator).collect();
        parts.reverse();
        parts
    } else {
        text.splitn(pieces, separator).collect()
    }
}

fn split_at_spaces(text: &str, limit: Option<usize>, from_right: bool) -> Vec<&str> {
    let limit = limit.unwrap_or(usize::MAX);
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        rest = strip(rest, None, if from_right { Side::Right } else { Side::Left });
        if rest.is_empty() {
            break;
        }
        let space = if from_right { rest.rfind(is_space) } else { rest.find(is_space) };
        let Some(space) = space.filter(|_| parts.len() < limit) else {
            parts.push(rest);
            break;
        };
        let width = rest[space..].chars().next().map_or(1, char::len_utf8);
        let (part, left) = if from_right {
            (&rest[space + width..], &rest[..space])
        } else {
            (&rest[..space], &rest[space + width..])
        };
        parts.push(part);
        rest = left;
    }
    if from_right {
        parts.reverse();
    }
    parts
}

fn lines(text: &str, keep_ends: bool) -> Vec<&str> {
    let ends = |letter: char| {
        matches!(
            letter,
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'
                ..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
        )
    };
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(end) = rest.find(ends) {
        let width = if rest[end..].starts_with("\r\n") {
            2
        } else {
            rest[end..].chars().next().map_or(1, char::len_utf8)
        };
        parts.push(&rest[..if keep_ends { end + width } else { end }]);
        rest = &rest[end + width..];
    }
    if !rest.is_empty() {
        parts.push(rest);
    }
    parts
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_what_python_takes_for_it() {
        assert_eq!(strip("\u{1f}\u{a0}\u{3000} a \u{200b}\n", None, Side::Both), "a \u{200b}");
        assert_eq!(split_at_spaces(" a\u{1c}b ", None, false), ["a", "b"]);
    }

    #[test]
    fn a_limited_split_keeps_the_rest_whole() {
        assert_eq!(split_at_spaces("  a b  c  ", Some(1), false), ["a", "b  c  "]);
        assert_eq!(split_at_spaces("  a b  c  ", Some(1), true), ["  a b", "c"]);
        assert_eq!(split_at("a-b-c", "-", Some(1), true), ["a-b", "c"]);
        assert_eq!(split_at("", "-", None, false), [""]);
        assert!(split_at_spaces(" \n", None, false).is_empty());
    }

    #[test]
    fn lines_end_where_python_ends_them() {
        assert_eq!(lines("a\r\nb\rc\u{2028}d\n", false), ["a", "b", "c", "d"]);
        assert_eq!(lines("a\r\nb", true), ["a\r\n", "b"]);
    }
}
