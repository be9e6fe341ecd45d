//! From what a plugin says of its kinds to registrations: names and schemas are checked, all or none are registered.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tribunal_api::{Card, Component, LoadedBuild, Registry, SelfCheck};

use crate::LoadError;

/// Longest settings schema, in bytes.
const MOST_SCHEMA: usize = 1 << 20;
/// Most kinds of one plugin.
pub(crate) const MOST_KINDS: usize = 1000;

/// What a plugin did wrong when instances were made at planning, other than refusing settings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failures(pub(crate) Arc<Mutex<Vec<String>>>);

impl Failures {
    /// Notes one.
    pub(crate) fn add(&self, message: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(message.to_owned());
    }

    /// All so far.
    pub(crate) fn list(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A kind as a plugin describes it.
pub(crate) struct Kind {
    pub(crate) name: String,
    pub(crate) summary: String,
    pub(crate) version: String,
    pub(crate) example: String,
    /// As JSON text (empty for a kind without settings), or as a value.
    pub(crate) schema: Result<String, Value>,
    pub(crate) self_check: SelfCheck,
    pub(crate) build: LoadedBuild,
}

/// Registers the kinds of a plugin, all or none.
pub(crate) fn register(
    origin: &Arc<str>,
    kinds: Vec<Kind>,
    registry: &mut Registry,
) -> Result<Vec<(Component, String)>, LoadError> {
    let broken = |what: String| LoadError::Broken { origin: origin.to_string(), what };
    if kinds.is_empty() {
        return Err(broken("it offers no kinds".to_owned()));
    }
    if kinds.len() > MOST_KINDS {
        return Err(broken(format!(
            "it offers {} kinds, at most {MOST_KINDS} can be",
            kinds.len()
        )));
    }
    let mut extended = registry.clone();
    let mut names = Vec::new();
    for kind in kinds {
        let component = kind.build.component();
        check_name(component, &kind.name).map_err(&broken)?;
        let schema = read_schema(kind.schema).map_err(|what| {
            broken(format!("the schema of the {component} kind `{}` {what}", kind.name))
        })?;
        let name = kind.name.clone();
        if names.contains(&(component, name.clone())) {
            return Err(broken(format!("it offers the {component} kind `{name}` twice")));
        }
        // A plugin is loaded once and never unloaded, so its card may stay, too.
        let leaked = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
        let card = Card {
            kind: leaked(kind.name),
            summary: leaked(kind.summary),
            version: leaked(kind.version),
            example: leaked(kind.example),
            self_check: kind.self_check,
        };
        extended
            .loaded(card, schema, origin.clone(), kind.build)
            .map_err(|taken| LoadError::Taken { origin: origin.to_string(), taken })?;
        names.push((component, name));
    }
    *registry = extended;
    Ok(names)
}

fn check_name(component: Component, name: &str) -> Result<(), String> {
    let good =
        |one: char| one.is_ascii_lowercase() || one.is_ascii_digit() || matches!(one, '.' | '-');
    if name.is_empty() || name.len() > 100 || !name.chars().all(good) {
        return Err(format!(
            "the {component} kind `{}` has a name of other than lower case letters, digits, `.` and `-`",
            name.chars().take(100).collect::<String>()
        ));
    }
    Ok(())
}

fn read_schema(schema: Result<String, Value>) -> Result<Value, String> {
    let schema = match schema {
        Ok(text) if text.trim().is_empty() => {
            json!({ "type": "object", "properties": {}, "additionalProperties": false })
        }
        Ok(text) if text.len() > MOST_SCHEMA => return Err(format!("has {} bytes", text.len())),
        Ok(text) => serde_json::from_str(&text).map_err(|cause| format!("is not JSON: {cause}"))?,
        Err(value) => value,
    };
    match schema {
        Value::Object(_) => Ok(schema),
        other => Err(format!("is no object but `{other}`")),
    }
}
