//! Values of records that files store in more than one way: identifiers and tags.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tribunal_api::{SuiteError, TagValue};
use tribunal_tables::{Place, as_text};

use crate::records::misfit;

/// The text of an identifier, which may be stored as a number. An error when it is empty, null, a list or a table.
pub(crate) fn id(
    path: &Path,
    place: Place,
    key: &str,
    value: &Value,
) -> Result<Arc<str>, SuiteError> {
    match as_text(value) {
        Some(text) if !text.is_empty() => Ok(Arc::from(text.as_ref())),
        Some(_) => Err(misfit(path, place, format!("`{key}` is empty"))),
        None => Err(misfit(path, place, format!("`{key}` holds neither text nor a number"))),
    }
}

/// A named column as a tag; `None` when it is absent, empty, a list or a table.
pub(crate) fn tag(name: &str, value: Option<&Value>) -> Option<(Arc<str>, TagValue)> {
    text_tag(name, &as_text(value?)?)
}

/// A named text as a tag; `None` when it is empty.
pub(crate) fn text_tag(name: &str, text: &str) -> Option<(Arc<str>, TagValue)> {
    (!text.is_empty()).then(|| (Arc::from(name), TagValue::One(Arc::from(text))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_identifier_may_be_a_number_and_may_not_be_nothing() {
        let place = Place { record: 2, line: None };
        let read = |value| id(Path::new("a.json"), place, "id", &value);
        assert_eq!(read(json!(17)).unwrap().as_ref(), "17");
        assert_eq!(read(json!("x:1")).unwrap().as_ref(), "x:1");
        assert_eq!(read(json!("")).unwrap_err().message, "record 2: `id` is empty");
        assert!(read(json!(null)).unwrap_err().message.contains("neither text nor a number"));
    }

    #[test]
    fn a_column_without_text_is_no_tag() {
        assert_eq!(tag("a", None), None);
        assert_eq!(tag("a", Some(&json!(""))), None);
        assert_eq!(tag("a", Some(&json!([1]))), None);
        assert_eq!(tag("a", Some(&json!(1))), text_tag("a", "1"));
    }
}
