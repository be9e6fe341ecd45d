//! Field maps: where a record of any shape keeps the values that a reader wants.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::closest::{closest, quoted_list};
use crate::values::within;
use crate::{Place, TableError};

/// The way from a record to a value in it.
///
/// Written as a key (`id`), as keys and indexes with dots between them (`judgments.0.decision`) or as a JSON pointer
/// (`/judgments/0/decision`, with `~1` for `/` and `~0` for `~`). Indexes count from 0. A key that holds dots wins
/// over the same dots as separators, the longest key first. Text that holds a JSON list or object is stepped into as
/// if it were that list or object.
///
/// ```
/// use serde_json::json;
/// use tribunal_tables::FieldPath;
///
/// let path: FieldPath = "judgment.scores.1".parse().unwrap();
/// let record = json!({"judgment": {"scores": "[5.6, 14.6]"}});
/// assert_eq!(path.get(&record).unwrap().as_ref(), &json!(14.6));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FieldPath {
    written: String,
    steps: Vec<String>,
    separator: Separator,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Separator {
    Dot,
    Slash,
}

/// A path that names nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{written}` is not a path into a record")]
pub struct BadPath {
    /// The path as written.
    pub written: String,
}

impl BadPath {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        "write keys with dots between them, such as `scores.0`, or a JSON pointer, such as `/scores/0`"
    }
}

/// A path that leads to nothing in a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record has no `{path}`: {reason}")]
pub struct Absent {
    /// The path as written.
    pub path: String,
    /// How far the path leads, and what is there.
    pub reason: String,
    /// What to do about it, where something is known.
    pub hint: Option<String>,
}

impl Absent {
    /// The same, as an error about a record of a file.
    pub fn in_record(self, path: &Path, place: Place) -> TableError {
        let error = TableError::misfit(path, place, self.to_string());
        match self.hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}

impl FieldPath {
    /// The value at this path; `None` where the path leads to nothing. A null that is there is a value.
    pub fn get<'v>(&self, record: &'v Value) -> Option<Cow<'v, Value>> {
        self.walk(&self.steps, record)
    }

    /// The value at this path.
    ///
    /// # Errors
    ///
    /// [`Absent`] with the keys that stand where the path breaks off, and the one most like the key that is missing.
    pub fn require<'v>(&self, record: &'v Value) -> Result<Cow<'v, Value>, Absent> {
        self.get(record).ok_or_else(|| self.absent(record))
    }

    /// The path as it was written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    fn walk<'v>(&self, steps: &[String], value: &'v Value) -> Option<Cow<'v, Value>> {
        if steps.is_empty() {
            return Some(Cow::Borrowed(value));
        }
        match value {
            Value::Object(object) => {
                let longest = match self.separator {
                    Separator::Dot => steps.len(),
                    Separator::Slash => 1,
                };
                (1..=longest).rev().find_map(|taken| {
                    let inner = object.get(&key(&steps[..taken]) as &str)?;
                    self.walk(&steps[taken..], inner)
                })
            }
            Value::Array(elements) => self.walk(&steps[1..], elements.get(index(&steps[0])?)?),
            Value::String(text) => {
                let inner = within(text)?;
                let found = self.walk(steps, &inner)?;
                Some(Cow::Owned(found.into_owned()))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => None,
        }
    }

    fn absent(&self, record: &Value) -> Absent {
        let mut reached = Cow::Borrowed(record);
        let mut taken = 0;
        for end in 1..self.steps.len() {
            if let Some(value) = self.walk(&self.steps[..end], record) {
                reached = value;
                taken = end;
            }
        }
        if let Value::String(text) = reached.as_ref()
            && let Some(inner) = within(text)
        {
            reached = Cow::Owned(inner);
        }
        let start = match taken {
            0 => "it".to_owned(),
            taken => format!("`{}`", self.steps[..taken].join(".")),
        };
        let wanted = &self.steps[taken];
        let (reason, hint) = match reached.as_ref() {
            Value::Object(object) => {
                let keys = || object.keys().map(String::as_str);
                let near = closest(wanted, keys());
                (
                    format!("{start} has {}", quoted_list(keys())),
                    near.map(|near| format!("write `{near}` in place of `{wanted}`")),
                )
            }
            Value::Array(elements) => (
                format!("{start} is a list of {} elements", elements.len()),
                Some("name an element by its index, counted from 0".to_owned()),
            ),
            Value::String(_) => (format!("{start} is a text"), None),
            Value::Number(_) => (format!("{start} is a number"), None),
            Value::Bool(_) => (format!("{start} is a boolean"), None),
            Value::Null => (format!("{start} is null"), None),
        };
        Absent { path: self.written.clone(), reason, hint }
    }
}

fn key(steps: &[String]) -> Cow<'_, str> {
    match steps {
        [one] => Cow::Borrowed(one),
        several => Cow::Owned(several.join(".")),
    }
}

/// An index in the form that has no second form: no sign, no leading zeros.
fn index(step: &str) -> Option<usize> {
    let plain = step == "0" || !step.starts_with('0');
    (plain && step.bytes().all(|byte| byte.is_ascii_digit())).then(|| step.parse().ok()).flatten()
}

impl FromStr for FieldPath {
    type Err = BadPath;

    fn from_str(written: &str) -> Result<Self, BadPath> {
        let bad = || BadPath { written: written.to_owned() };
        let (steps, separator): (Vec<String>, _) = match written.strip_prefix('/') {
            Some(pointer) => {
                let unescape = |step: &str| step.replace("~1", "/").replace("~0", "~");
                (pointer.split('/').map(unescape).collect(), Separator::Slash)
            }
            None => {
                let steps: Vec<String> = written.split('.').map(str::to_owned).collect();
                (steps, Separator::Dot)
            }
        };
        if steps.iter().all(String::is_empty) {
            return Err(bad());
        }
        Ok(Self { written: written.to_owned(), steps, separator })
    }
}

impl TryFrom<String> for FieldPath {
    type Error = BadPath;

    fn try_from(written: String) -> Result<Self, BadPath> {
        written.parse()
    }
}

impl From<FieldPath> for String {
    fn from(path: FieldPath) -> Self {
        path.written
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// A field map: for each name that a reader wants, the path to it in the records of a file.
///
/// In TOML or JSON a table of texts: `id = "pair_id"`, `score = "/judgment/scores/0"`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fields(BTreeMap<String, FieldPath>);

impl Fields {
    /// The path to a name; `None` when the map does not hold it.
    pub fn path(&self, name: &str) -> Option<&FieldPath> {
        self.0.get(name)
    }

    /// Sets the path to a name unless the map holds one: how a reader adds what it takes when nothing is said.
    pub fn or(mut self, name: &str, path: FieldPath) -> Self {
        self.0.entry(name.to_owned()).or_insert(path);
        self
    }

    /// The value of a name in a record; `Ok(None)` when the map does not hold the name.
    ///
    /// # Errors
    ///
    /// [`Absent`] when the map holds the name and its path leads to nothing.
    pub fn get<'v>(&self, name: &str, record: &'v Value) -> Result<Option<Cow<'v, Value>>, Absent> {
        self.path(name).map(|path| path.require(record)).transpose()
    }

    /// Names and paths, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &FieldPath)> {
        self.0.iter().map(|(name, path)| (name.as_str(), path))
    }

    /// Whether no name is mapped.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, FieldPath)> for Fields {
    fn from_iter<I: IntoIterator<Item = (String, FieldPath)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

#[cfg(test)]
mod tests;
