//! Saying what serde_json found wrong with a record, with the place in the file.

use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;

use super::locate::locate;
use crate::error::Spot;
use crate::misfit::Misfit;
use crate::{Place, TableError};

/// A record whose deserialisation failed.
pub(super) struct Failed<'a> {
    pub(super) path: &'a Path,
    /// Number of the record, and its first line.
    pub(super) record: u64,
    pub(super) line: u64,
    /// Bytes before the record on its first line.
    pub(super) indent: usize,
    /// The record from its first byte on; more may follow it.
    pub(super) text: &'a str,
    /// What ended when the record did not: `file` or `line`.
    pub(super) container: &'static str,
}

impl Failed<'_> {
    /// Turns an error of serde_json about this record into ours.
    pub(super) fn explain(&self, error: &serde_json::Error) -> TableError {
        let offset = self.offset(error.line(), error.column());
        let at = self.spot(error);
        let place = Place { record: self.record, line: Some(self.line) };
        let message = bare_message(error);
        match error.classify() {
            Category::Data => self.misfit(message, offset).into_error(at, place),
            Category::Eof | Category::Io => {
                let message = format!("the {} ends inside the record", self.container);
                let hint = match self.container {
                    "line" => {
                        "write each record on one line, or check that the file was copied whole"
                    }
                    _ => "check that the file was copied whole",
                };
                TableError::malformed(at, message).with_hint(hint)
            }
            Category::Syntax => {
                let hint = self.syntax_hint(&message, offset);
                let error = TableError::malformed(at, message);
                match hint {
                    Some(hint) => error.with_hint(hint),
                    None => error,
                }
            }
        }
    }

    fn spot(&self, error: &serde_json::Error) -> Spot {
        let (mut line, mut column) = (self.line, None);
        if error.line() > 0 {
            line += error.line() as u64 - 1;
            let indent = if error.line() == 1 { self.indent } else { 0 };
            column = Some((indent + error.column()).max(1) as u64);
        }
        Spot { record: Some(self.record), line: Some(line), column, ..Spot::file(self.path) }
    }

    /// Offset in the record just behind the byte that serde_json points at.
    fn offset(&self, line: usize, column: usize) -> usize {
        let before: usize =
            self.text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        (before + column).min(self.text.len())
    }

    fn misfit(&self, message: String, offset: usize) -> Misfit {
        let located = locate(self.text, offset);
        let missing = message
            .strip_prefix("missing field `")
            .and_then(|rest| rest.split('`').next())
            .map(str::to_owned);
        let misfit = Misfit::at(located.path, message);
        let (Some(field), Some(start)) = (missing, located.closed) else {
            return misfit;
        };
        let keys = self
            .text
            .get(start..offset)
            .and_then(|object| serde_json::from_str::<Keys>(object).ok());
        match keys {
            Some(Keys(keys)) => misfit.missing(field).among(keys.iter().map(String::as_str)),
            None => misfit,
        }
    }

    fn syntax_hint(&self, message: &str, offset: usize) -> Option<&'static str> {
        const REACH: usize = 10;
        let bytes = self.text.as_bytes();
        let near = &bytes[offset.saturating_sub(REACH)..(offset + REACH).min(bytes.len())];
        let holds = |word: &str| near.windows(word.len()).any(|part| part == word.as_bytes());
        if message.contains("recursion limit") {
            Some("flatten the record, values may be nested 127 levels deep")
        } else if holds("NaN") || holds("Infinity") {
            Some("write null in place of the value, JSON has no NaN and no Infinity")
        } else {
            None
        }
    }
}

/// The message without the position that serde_json appends, which is relative to the record.
fn bare_message(error: &serde_json::Error) -> String {
    let whole = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    match whole.strip_suffix(&position) {
        Some(bare) => bare.to_owned(),
        None => whole,
    }
}

/// The keys of an object, in file order.
struct Keys(Vec<String>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Keys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                let mut keys = Vec::new();
                while let Some((key, IgnoredAny)) = map.next_entry()? {
                    keys.push(key);
                }
                Ok(Keys(keys))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}
