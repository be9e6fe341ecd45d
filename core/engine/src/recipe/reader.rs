//! Reading single values of a recipe, with a fault for each that is not what its key takes.

use super::duration::{DurationError, parse_duration};
use super::typed::Whole;
use super::{ValueError, Word, nearest_place};
use crate::fault::{Fault, KeyPath, Part, Place};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Collects the faults of a recipe while its values are read. Each reading method gives `None` after a fault.
pub(super) struct Reader<'a> {
    pub faults: Vec<Fault>,
    places: &'a BTreeMap<KeyPath, Place>,
    base: &'a Path,
    whole: Whole,
}

impl<'a> Reader<'a> {
    pub fn new(places: &'a BTreeMap<KeyPath, Place>, base: &'a Path, whole: Whole) -> Self {
        Self { faults: Vec::new(), places, base, whole }
    }

    pub fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// A fault that says that something is not in the recipe.
    pub fn absence(&mut self, fault: Fault) {
        if self.whole == Whole::Yes {
            self.faults.push(fault);
        }
    }

    /// A fault for every key of a table that is not known there.
    pub fn only_known(&mut self, path: &KeyPath, table: &Map<String, Value>, known: &[&str]) {
        for key in table.keys().filter(|key| !known.contains(&key.as_str())) {
            self.fault(Fault::unknown_key(path.key(key), known));
        }
    }

    pub fn table<'v>(
        &mut self,
        path: &KeyPath,
        value: &'v Value,
    ) -> Option<&'v Map<String, Value>> {
        value.as_object().or_else(|| self.wrong(path, "a table", value))
    }

    pub fn list<'v>(
        &mut self,
        path: &KeyPath,
        value: &'v Value,
        wanted: &str,
    ) -> Option<&'v Vec<Value>> {
        value.as_array().or_else(|| self.wrong(path, wanted, value))
    }

    pub fn text<'v>(&mut self, path: &KeyPath, value: &'v Value) -> Option<&'v str> {
        value.as_str().or_else(|| self.wrong(path, "a string", value))
    }

    /// A list of strings; entries at fault are left out.
    pub fn texts(&mut self, path: &KeyPath, value: &Value) -> Option<Vec<String>> {
        let list = self.list(path, value, "a list of strings")?;
        let texts = list.iter().enumerate();
        Some(
            texts
                .filter_map(|(at, value)| self.text(&path.index(at), value).map(str::to_owned))
                .collect(),
        )
    }

    pub fn truth(&mut self, path: &KeyPath, value: &Value) -> Option<bool> {
        value.as_bool().or_else(|| self.wrong(path, "`true` or `false`", value))
    }

    pub fn whole(&mut self, path: &KeyPath, value: &Value, least: u64, most: u64) -> Option<u64> {
        let number = value.as_u64().filter(|number| (least..=most).contains(number));
        number.or_else(|| {
            let wanted = if most == u64::MAX || most == u64::from(u32::MAX) {
                format!("a whole number of at least {least}")
            } else {
                format!("a whole number from {least} to {most}")
            };
            self.wrong(path, &wanted, value)
        })
    }

    pub fn count(&mut self, path: &KeyPath, value: &Value, least: u32, most: u32) -> Option<u32> {
        self.whole(path, value, u64::from(least), u64::from(most))
            .and_then(|number| u32::try_from(number).ok())
    }

    pub fn number(&mut self, path: &KeyPath, value: &Value, least: f64, most: f64) -> Option<f64> {
        let number = value.as_f64().filter(|number| (least..=most).contains(number));
        number.or_else(|| {
            let wanted = if most == f64::MAX {
                format!("a number of at least {least}")
            } else {
                format!("a number from {least} to {most}")
            };
            self.wrong(path, &wanted, value)
        })
    }

    pub fn word<T: Word>(&mut self, path: &KeyPath, value: &Value) -> Option<T> {
        let Some(text) = value.as_str() else {
            let fault = wrong_type(path, "a string", value).known_as("values", "", T::KNOWN);
            self.fault(fault);
            return None;
        };
        match text.parse() {
            Ok(word) => Some(word),
            Err(ValueError { found, known }) => {
                let fault = Fault::bad_value(path.clone(), &found, known);
                self.fault(match T::hint(&found) {
                    Some(hint) => fault.suggestion(None).hint(hint),
                    None => fault,
                });
                None
            }
        }
    }

    pub fn duration(&mut self, path: &KeyPath, value: &Value, zero: Zero) -> Option<Duration> {
        let forms = "write a number and a unit: `500ms`, `60s`, `2m` or `1h`";
        let key = path.last_key().unwrap_or_default();
        let unit = |number: &dyn std::fmt::Display| {
            Fault::new(path.clone(), format!("`{key}` needs a unit behind `{number}`"))
                .hint(format!("write `\"{number}s\"` for seconds; the units are ms, s, m and h"))
        };
        let text = match value {
            Value::Number(number) => {
                self.fault(unit(number));
                return None;
            }
            Value::String(text) => text,
            other => return self.wrong(path, "a length of time such as `60s`", other),
        };
        let fault = match parse_duration(text) {
            Ok(duration) if duration.is_zero() && zero == Zero::Refused => {
                Fault::new(path.clone(), format!("`{key}` must be longer than `{text}`"))
            }
            Ok(duration) => return Some(duration),
            Err(DurationError::NoUnit) => unit(&text.trim()),
            Err(error @ (DurationError::Unreadable | DurationError::TooLong)) => {
                Fault::new(path.clone(), format!("`{key}` cannot be `{text}`: {error}")).hint(forms)
            }
        };
        self.fault(fault);
        None
    }

    /// A path, made absolute from the folder of the file that wrote it.
    pub fn path(&mut self, path: &KeyPath, value: &Value) -> Option<PathBuf> {
        let text = self.text(path, value)?;
        if text.is_empty() {
            self.fault(Fault::new(
                path.clone(),
                format!("`{}` is an empty path", path.last_key().unwrap_or_default()),
            ));
            return None;
        }
        Some(self.origin(path).join(text))
    }

    /// Folder at which relative paths in the value at `path` start.
    pub fn origin(&self, path: &KeyPath) -> PathBuf {
        nearest_place(self.places, path)
            .map_or(self.base, |(place, _)| place.folder())
            .to_path_buf()
    }

    /// The fault of a value of the wrong type or range.
    pub fn wrong<T>(&mut self, path: &KeyPath, wanted: &str, found: &Value) -> Option<T> {
        self.fault(wrong_type(path, wanted, found));
        None
    }
}

/// Whether a length of time may be zero.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Zero {
    Allowed,
    Refused,
}

fn wrong_type(path: &KeyPath, wanted: &str, found: &Value) -> Fault {
    let key = path.last_key().unwrap_or("recipe");
    let fault =
        Fault::new(path.clone(), format!("`{key}` takes {wanted}, not {}", describe(found)))
            .label(format!("expected {wanted}"))
            .part(Part::Value);
    match found {
        Value::String(text) if wanted.contains("number") && text.parse::<f64>().is_ok() => {
            fault.hint("write the number without quotes")
        }
        Value::String(text)
            if wanted.contains("true") && matches!(text.as_str(), "true" | "false") =>
        {
            fault.hint("write it without quotes")
        }
        Value::String(_) if wanted.starts_with("a list") => fault.hint("put it in brackets"),
        _ => fault,
    }
}

/// A value as a message names it.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(truth) => format!("`{truth}`"),
        Value::Number(number) => format!("the number `{number}`"),
        Value::String(text) if text.chars().count() > 60 => {
            format!("the string `{}…`", text.chars().take(60).collect::<String>())
        }
        Value::String(text) => format!("the string `{text}`"),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a table".to_owned(),
    }
}
