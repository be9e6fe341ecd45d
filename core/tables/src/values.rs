//! Reading a JSON value leniently: files of scores disagree on whether a number is a number or text.

use std::borrow::Cow;

use serde_json::Value;

/// The number that a value holds: a JSON number, or text that is one, white space aside. Finite; `None` otherwise.
pub fn as_number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| number.is_finite())
}

/// The text of a string, a number or a boolean, as an identifier needs it; `None` for null, lists and objects.
pub fn as_text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(value) => Some(Cow::Borrowed(if *value { "true" } else { "false" })),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The elements of a list, or of text that holds a JSON list; `None` otherwise.
pub fn as_list(value: &Value) -> Option<Cow<'_, [Value]>> {
    match value {
        Value::Array(elements) => Some(Cow::Borrowed(elements)),
        Value::String(text) => match within(text) {
            Some(Value::Array(elements)) => Some(Cow::Owned(elements)),
            _ => None,
        },
        _ => None,
    }
}

/// The list or object that a text holds as JSON.
pub(crate) fn within(text: &str) -> Option<Value> {
    if text.trim_start().starts_with(['{', '[']) { serde_json::from_str(text).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_may_be_text() {
        assert_eq!(as_number(&json!(2)), Some(2.0));
        assert_eq!(as_number(&json!(" -1.5e1 ")), Some(-15.0));
        assert_eq!(as_number(&json!("nan")), None);
        assert_eq!(as_number(&json!("inf")), None);
        assert_eq!(as_number(&json!("")), None);
        assert_eq!(as_number(&json!(null)), None);
        assert_eq!(as_number(&json!(true)), None);
    }

    #[test]
    fn identifiers_may_be_numbers() {
        assert_eq!(as_text(&json!(8)).unwrap(), "8");
        assert_eq!(as_text(&json!("008")).unwrap(), "008");
        assert_eq!(as_text(&json!(false)).unwrap(), "false");
        assert_eq!(as_text(&json!(null)), None);
        assert_eq!(as_text(&json!([1])), None);
    }

    #[test]
    fn lists_may_be_text() {
        let scores = json!("[5.6, 14.6]");
        assert_eq!(as_list(&scores).unwrap().as_ref(), [json!(5.6), json!(14.6)]);
        assert_eq!(as_list(&json!([1])).unwrap().as_ref(), [json!(1)]);
        assert_eq!(as_list(&json!("{\"a\": 1}")), None);
        assert_eq!(as_list(&json!("[1")), None);
    }
}
