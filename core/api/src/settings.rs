//! Settings of kinds: read from a recipe's table, checked against the kind's schema, with key paths.

use std::fmt;
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Schema extension that marks a path; the planner resolves it against the recipe's folder. Its value is `true`, or
/// `"or-name"` where a name may stand instead ([`NameOrPath`]).
pub const PATH_MARK: &str = "x-tribunal-path";
/// Schema extension that marks the name of another block; its value is the block's table (`generator`, `server`).
pub const REFERENCE_MARK: &str = "x-tribunal-reference";

/// A path in a recipe, relative to the recipe's folder. Its text is not part of a source's identity:
/// the content that it leads to is (report its digest in [`Identity`](crate::Identity)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PathSetting(pub PathBuf);

impl PathSetting {
    /// The path, absolute once the planner has resolved it.
    pub fn as_path(&self) -> &Path {
        &self.0
    }
}

impl JsonSchema for PathSetting {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PathSetting".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "x-tribunal-path": true })
    }
}

/// The name of something built in, or a path like [`PathSetting`]: text that holds a `/` or `\` or ends in `.toml` is
/// a path, anything else a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NameOrPath(pub String);

impl NameOrPath {
    /// The path, absolute once the planner has resolved it; `None` for a name.
    pub fn as_path(&self) -> Option<&Path> {
        reads_as_path(&self.0).then(|| Path::new(&self.0))
    }
}

impl JsonSchema for NameOrPath {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "NameOrPath".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "x-tribunal-path": "or-name" })
    }
}

fn reads_as_path(text: &str) -> bool {
    text.contains(['/', '\\']) || text.ends_with(".toml")
}

/// Schema extension that marks a setting that cannot change an answer (where a server is, how many requests it gets):
/// it is no part of a source's identity. Write `#[schemars(extend("x-tribunal-operational" = true))]` at the field.
pub const OPERATIONAL_MARK: &str = "x-tribunal-operational";

/// The name of a `[generator.x]` block of the same recipe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GeneratorRef(pub String);

impl JsonSchema for GeneratorRef {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "GeneratorRef".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "x-tribunal-reference": "generator" })
    }
}

/// The name of a `[server.x]` block of the same recipe: a server that the program starts and stops itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServerRef(pub String);

impl JsonSchema for ServerRef {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ServerRef".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "x-tribunal-reference": "server" })
    }
}

/// A step into a settings table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A key of a table.
    Key(String),
    /// A position in a list, from 0.
    Index(usize),
}

/// What is wrong with a block's settings, and where in them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SettingsError {
    /// The steps from the block to the offending value; empty for the block itself.
    pub path: Vec<Step>,
    /// True when the key itself is wrong, not its value.
    pub at_key: bool,
    /// What is wrong, with the offending value.
    pub message: String,
    /// The keys or values that would be right, if they can be listed.
    pub known: Vec<String>,
    /// What to do: one imperative sentence.
    pub hint: Option<String>,
}

impl SettingsError {
    /// A fault of the value of a top-level key.
    pub fn of_key(key: &str, message: impl Into<String>) -> Self {
        Self::at(vec![Step::Key(key.to_owned())], message)
    }

    /// A fault at a path.
    pub fn at(path: Vec<Step>, message: impl Into<String>) -> Self {
        Self { path, at_key: false, message: message.into(), known: Vec::new(), hint: None }
    }

    /// The same fault with a remedy.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same fault with the values or keys that would be right.
    pub fn with_known(mut self, known: Vec<String>) -> Self {
        self.known = known;
        self
    }
}

/// The path as dotted text, `sampling.stop[0]`.
pub fn dotted(path: &[Step]) -> String {
    struct Dotted<'a>(&'a [Step]);
    impl fmt::Display for Dotted<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            for (place, step) in self.0.iter().enumerate() {
                match step {
                    Step::Key(key) if place == 0 => write!(f, "{key}")?,
                    Step::Key(key) => write!(f, ".{key}")?,
                    Step::Index(index) => write!(f, "[{index}]")?,
                }
            }
            Ok(())
        }
    }
    Dotted(path).to_string()
}

/// Tables and lists in one another, and alternatives of a schema, that settings are read through. What lies deeper is
/// neither checked nor marked: schemas of plugins may hold anything, and no recipe needs as much.
const MOST_DEPTH: usize = 64;

/// The JSON Schema of a settings type.
pub fn schema_of<C: JsonSchema>() -> Value {
    let generator = schemars::generate::SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = true)
        .into_generator();
    generator.into_root_schema_for::<C>().to_value()
}

/// Checks settings against a schema and returns all faults: type, enum, required, range, unknown key.
///
/// Reads the part of JSON Schema that settings types produce: objects with `properties`, `required` and
/// `additionalProperties`, lists with `items`, `enum`, `const`, `oneOf` and `anyOf`, `minimum`, `maximum` and
/// `exclusiveMinimum`, `minItems`, `type`. Everything else (`$ref`, `allOf`, words that nobody knows) and words whose value
/// is of the wrong type are passed over: any JSON is a schema, and at worst one that allows everything.
pub fn check(schema: &Value, settings: &Value) -> Vec<SettingsError> {
    let mut faults = Vec::new();
    check_value(schema, settings, 0, &mut Vec::new(), &mut faults);
    faults
}

/// Reads checked settings into their type.
pub fn read<C: serde::de::DeserializeOwned>(settings: Value) -> Result<C, SettingsError> {
    serde_json::from_value(settings)
        .map_err(|cause| SettingsError::at(Vec::new(), cause.to_string()))
}

/// Calls `visit` with every value whose schema carries the extension `mark`, and the mark's value. A name that stands
/// where a path may stand is not visited.
pub fn marked<'a>(
    schema: &'a Value,
    settings: &'a Value,
    mark: &str,
    visit: &mut dyn FnMut(&[Step], &'a Value, &'a Value),
) {
    walk(schema, settings, mark, 0, &mut Vec::new(), visit);
}

fn walk<'a>(
    schema: &'a Value,
    value: &'a Value,
    mark: &str,
    depth: usize,
    path: &mut Vec<Step>,
    visit: &mut dyn FnMut(&[Step], &'a Value, &'a Value),
) {
    if let Some(found) = schema.get(mark)
        && !(found == "or-name" && value.as_str().is_some_and(|text| !reads_as_path(text)))
    {
        visit(path, value, found);
    }
    if depth == MOST_DEPTH {
        return;
    }
    for branch in branches(schema) {
        walk(branch, value, mark, depth + 1, path, visit);
    }
    match value {
        Value::Object(table) => {
            for (key, inner) in table {
                if let Some(inner_schema) = property(schema, key) {
                    path.push(Step::Key(key.clone()));
                    walk(inner_schema, inner, mark, depth + 1, path, visit);
                    path.pop();
                }
            }
        }
        Value::Array(list) => {
            if let Some(items) = schema.get("items") {
                for (index, inner) in list.iter().enumerate() {
                    path.push(Step::Index(index));
                    walk(items, inner, mark, depth + 1, path, visit);
                    path.pop();
                }
            }
        }
        _ => {}
    }
}

/// The alternatives of a schema that can stand, without the `null` that an optional key brings.
fn branches(schema: &Value) -> impl Iterator<Item = &Value> {
    ["anyOf", "oneOf"]
        .into_iter()
        .filter_map(|word| schema.get(word)?.as_array())
        .flatten()
        .filter(|branch| branch.get("type").and_then(Value::as_str) != Some("null"))
}

fn property<'a>(schema: &'a Value, key: &str) -> Option<&'a Value> {
    schema
        .get("properties")
        .and_then(|properties| properties.get(key))
        .or_else(|| schema.get("additionalProperties").filter(|value| value.is_object()))
}

fn check_value(
    schema: &Value,
    value: &Value,
    depth: usize,
    path: &mut Vec<Step>,
    faults: &mut Vec<SettingsError>,
) {
    if depth > MOST_DEPTH {
        return;
    }
    if let Some(values) = enum_values(schema, depth) {
        if !values.contains(value) {
            let known = values.iter().map(plain).collect();
            let message = format!("`{}` is not a known value", plain(value));
            faults.push(SettingsError::at(path.clone(), message).with_known(known));
        }
        return;
    }
    let alternatives: Vec<&Value> = branches(schema).collect();
    if !alternatives.is_empty() {
        check_alternatives(&alternatives, value, depth, path, faults);
        return;
    }
    if let Some(wanted) = wrong_type(schema, value) {
        let message = format!("expected {wanted}, found {}", describe(value));
        faults.push(SettingsError::at(path.clone(), message));
        return;
    }
    match value {
        Value::Number(number) => check_range(schema, number, path, faults),
        Value::Object(table) => check_table(schema, table, depth, path, faults),
        Value::Array(list) => {
            if let Some(least) = schema.get("minItems").and_then(Value::as_u64)
                && (list.len() as u64) < least
            {
                let message = format!("a list of at least {least} is needed, found {}", list.len());
                faults.push(SettingsError::at(path.clone(), message));
            }
            if let Some(items) = schema.get("items") {
                for (index, inner) in list.iter().enumerate() {
                    path.push(Step::Index(index));
                    check_value(items, inner, depth + 1, path, faults);
                    path.pop();
                }
            }
        }
        _ => {}
    }
}

/// The first alternative without faults stands; else the faults of the one of the value's type, else all types.
fn check_alternatives(
    alternatives: &[&Value],
    value: &Value,
    depth: usize,
    path: &mut Vec<Step>,
    faults: &mut Vec<SettingsError>,
) {
    let mut closest: Option<Vec<SettingsError>> = None;
    for alternative in alternatives {
        let mut own = Vec::new();
        check_value(alternative, value, depth + 1, path, &mut own);
        if own.is_empty() {
            return;
        }
        if wrong_type(alternative, value).is_none() && closest.is_none() {
            closest = Some(own);
        }
    }
    faults.extend(closest.unwrap_or_else(|| {
        let wanted: Vec<String> = alternatives.iter().filter_map(|one| type_words(one)).collect();
        let wanted = if wanted.is_empty() { "something else".into() } else { wanted.join(" or ") };
        let message = format!("expected {wanted}, found {}", describe(value));
        vec![SettingsError::at(path.clone(), message)]
    }));
}

fn check_table(
    schema: &Value,
    table: &Map<String, Value>,
    depth: usize,
    path: &mut Vec<Step>,
    faults: &mut Vec<SettingsError>,
) {
    let properties = schema.get("properties").and_then(Value::as_object);
    let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    for (key, inner) in table {
        path.push(Step::Key(key.clone()));
        match property(schema, key) {
            Some(inner_schema) => check_value(inner_schema, inner, depth + 1, path, faults),
            None if closed => {
                let known = properties.map(|all| all.keys().cloned().collect()).unwrap_or_default();
                let mut fault = SettingsError::at(path.clone(), format!("unknown key `{key}`"))
                    .with_known(known);
                fault.at_key = true;
                faults.push(fault);
            }
            None => {}
        }
        path.pop();
    }
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    for key in required.filter_map(Value::as_str).filter(|key| !table.contains_key(*key)) {
        let hint = property(schema, key)
            .and_then(|inner| inner.get("description"))
            .and_then(Value::as_str)
            .map(|text| format!("set `{key}`: {}", first_sentence(text)));
        let mut fault = SettingsError::at(path.clone(), format!("the key `{key}` is missing"));
        fault.at_key = true;
        fault.hint = hint;
        faults.push(fault);
    }
}

fn check_range(
    schema: &Value,
    number: &serde_json::Number,
    path: &[Step],
    faults: &mut Vec<SettingsError>,
) {
    let Some(value) = number.as_f64() else { return };
    let bound = |word: &str| schema.get(word).and_then(Value::as_f64);
    let message = if bound("minimum").is_some_and(|least| value < least) {
        format!("`{number}` is below {}", schema["minimum"])
    } else if bound("maximum").is_some_and(|most| value > most) {
        format!("`{number}` is above {}", schema["maximum"])
    } else if bound("exclusiveMinimum").is_some_and(|least| value <= least) {
        format!("`{number}` is not above {}", schema["exclusiveMinimum"])
    } else {
        return;
    };
    faults.push(SettingsError::at(path.to_vec(), message));
}

/// The values of an enum: `enum`, `const`, or a `oneOf` of constants (documented variants).
fn enum_values(schema: &Value, depth: usize) -> Option<Vec<Value>> {
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return Some(values.clone());
    }
    if let Some(value) = schema.get("const") {
        return Some(vec![value.clone()]);
    }
    let variants = schema.get("oneOf")?.as_array()?;
    if variants.is_empty() || depth >= MOST_DEPTH {
        return None;
    }
    let mut values = Vec::new();
    for variant in variants {
        values.extend(enum_values(variant, depth + 1)?);
    }
    Some(values)
}

/// What the schema wants, in words, when the value's type does not fit.
fn wrong_type(schema: &Value, value: &Value) -> Option<String> {
    let types: Vec<&str> = match schema.get("type")? {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    let fits = types.iter().any(|name| match *name {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => true,
    });
    let wanted = || type_words(schema).unwrap_or_else(|| "something else".to_owned());
    (!fits && !types.is_empty()).then(wanted)
}

fn type_words(schema: &Value) -> Option<String> {
    let word = |name: &str| match name {
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "`true` or `false`",
        "array" => "a list",
        "object" => "a table",
        _ => "",
    };
    let words: Vec<&str> = match schema.get("type")? {
        Value::String(one) => vec![word(one)],
        Value::Array(several) => several.iter().filter_map(Value::as_str).map(word).collect(),
        _ => return None,
    };
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    (!words.is_empty()).then(|| words.join(" or "))
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::Bool(flag) => format!("`{flag}`"),
        Value::Number(number) => format!("the number `{number}`"),
        Value::String(text) => format!("the text `{text}`"),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "a table".into(),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn first_sentence(text: &str) -> String {
    let first = text.split_inclusive(". ").next().unwrap_or(text);
    first.trim().trim_end_matches('.').replace('\n', " ")
}

#[cfg(test)]
mod tests;
