//! Reading fields of a reply: what is absent is `None`, what has the wrong type is a failure.

use serde_json::Value;

use crate::failure::Failure;

/// A text; `None` when it is absent or null.
pub(crate) fn text<'a>(table: &'a Value, key: &str) -> Result<Option<&'a str>, Failure> {
    match table.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Failure::shape(key, "text")),
    }
}

/// A list; `None` when it is absent or null.
pub(crate) fn list<'a>(table: &'a Value, key: &str) -> Result<Option<&'a [Value]>, Failure> {
    match table.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(list)) => Ok(Some(list)),
        Some(_) => Err(Failure::shape(key, "list")),
    }
}

/// A finite number; `None` when it is absent or null.
pub(crate) fn number(table: &Value, key: &str) -> Result<Option<f64>, Failure> {
    match table.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let number = value.as_f64().filter(|number| number.is_finite());
            number.map(Some).ok_or_else(|| Failure::shape(key, "number"))
        }
    }
}

/// A count of tokens; `None` when it is absent or no count: what a reply cost never spoils what it says.
pub(crate) fn count(table: Option<&Value>, key: &str) -> Option<u64> {
    table?.get(key)?.as_u64()
}
