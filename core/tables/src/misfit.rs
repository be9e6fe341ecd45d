//! Why a record does not fit the wanted type, before it is known where the record stands.

use std::fmt;

use serde::de;

use crate::closest::{closest, quoted_list};
use crate::error::Spot;
use crate::{Place, TableError};

/// Why a value does not fit, and which value.
#[derive(Debug, Default)]
pub(crate) struct Misfit {
    /// Keys and indexes from the record to the value, innermost first.
    inward: Vec<String>,
    message: String,
    missing: Option<String>,
    keys: Option<Vec<String>>,
}

impl Misfit {
    /// A value that does not fit, with its path from the outside in.
    pub(crate) fn at(path: Vec<String>, message: String) -> Self {
        let mut inward = path;
        inward.reverse();
        Self { inward, message, ..Self::default() }
    }

    /// Names the value that holds the one named so far.
    pub(crate) fn inside(mut self, step: impl Into<String>) -> Self {
        self.inward.push(step.into());
        self
    }

    /// Says that the message is about a key that is not there.
    pub(crate) fn missing(mut self, field: impl Into<String>) -> Self {
        self.missing = Some(field.into());
        self
    }

    /// Names the keys of the object in which a key is missing, unless an inner object was named already.
    pub(crate) fn among<'k>(mut self, keys: impl IntoIterator<Item = &'k str>) -> Self {
        if self.missing.is_some() && self.keys.is_none() {
            self.keys = Some(keys.into_iter().map(str::to_owned).collect());
        }
        self
    }

    /// The error for the caller.
    pub(crate) fn into_error(self, mut at: Spot, place: Place) -> TableError {
        at.record = Some(place.record);
        at.line = at.line.or(place.line);
        let path: Vec<&str> = self.inward.iter().rev().map(String::as_str).collect();
        let (mut message, hint) = match (&self.missing, &self.keys) {
            (Some(field), Some(keys)) => {
                let holder = if path.is_empty() { "the record" } else { "it" };
                let listed = quoted_list(keys.iter().map(String::as_str));
                let hint = closest(field, keys.iter().map(String::as_str)).map(|near| {
                    format!("rename the key `{near}` to `{field}`, or name it in a field map")
                });
                (format!("missing field `{field}`, {holder} has {listed}"), hint)
            }
            _ => (self.message, None),
        };
        if !path.is_empty() {
            message = format!("in `{}`: {message}", path.join("."));
        }
        TableError::Misfit { at: Box::new(at), message, hint }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Misfit {}

impl de::Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { message: message.to_string(), ..Self::default() }
    }

    fn missing_field(field: &'static str) -> Self {
        Self::custom(format_args!("missing field `{field}`")).missing(field)
    }

    fn invalid_type(found: de::Unexpected<'_>, wanted: &dyn de::Expected) -> Self {
        match found {
            de::Unexpected::Unit => {
                Self::custom(format_args!("invalid type: null, expected {wanted}"))
            }
            found => Self::custom(format_args!("invalid type: {found}, expected {wanted}")),
        }
    }
}
