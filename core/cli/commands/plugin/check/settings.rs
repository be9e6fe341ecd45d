//! The settings of a kind: what its schema says, its example, and what the command line puts in.

use std::path::Path;

use serde_json::{Map, Value, json};
use tribunal_api::settings::{self, PATH_MARK, Step, dotted};
use tribunal_api::{Component, Registered};
use tribunal_engine::recipe::Section;

use super::sheet::Finding;
use crate::exit::Failure;

/// Words of JSON Schema that settings are checked by, or that say something to people.
const KNOWN: &str = "type properties required additionalProperties enum const oneOf anyOf items minItems minimum maximum \
    exclusiveMinimum description default title $schema $id $comment $defs examples format deprecated readOnly writeOnly";
/// The types of JSON Schema.
const TYPES: [&str; 7] = ["null", "boolean", "object", "array", "number", "string", "integer"];
/// What stands for a key that no kind has.
const UNKNOWN: &str = "tribunal-check-unknown";
/// Values of all types, to find one that a setting refuses.
const ODD: [&str; 4] = ["{\"tribunal-check\":[]}", "[[[]]]", "\"tribunal-check\"", "true"];

/// The block of the example that names this kind, without the engine's keys. `Ok(None)` when there is no example.
///
/// # Errors
///
/// What is wrong with the example.
pub(super) fn of_example(registered: &Registered) -> Result<Option<Map<String, Value>>, String> {
    let (card, component) = (&registered.card, registered.component());
    if card.example.trim().is_empty() {
        return Ok(None);
    }
    let example: Value = toml::from_str(card.example)
        .map_err(|cause| format!("the example is no TOML: {}", cause.message()))?;
    let blocks = example.get(component.as_str()).and_then(Value::as_object);
    let named = |block: &&Value| block.get("kind").and_then(Value::as_str) == Some(card.kind);
    let Some(block) = blocks.and_then(|blocks| blocks.values().find(named)) else {
        return Err(format!(
            "the example has no `[{component}.x]` with `kind = \"{}\"`",
            card.kind
        ));
    };
    let section = match component {
        Component::Source => Section::Source,
        Component::Generator => Section::Generator,
        Component::Suite => Section::Suite,
    };
    let engine = section.engine_keys();
    let own = block.as_object().into_iter().flatten();
    let own = own.filter(|(key, _)| !engine.contains(&key.as_str()));
    Ok(Some(own.map(|(key, value)| (key.clone(), value.clone())).collect()))
}

/// Puts `key=value` of the command line in. A value is TOML, and a text where it is none.
pub(super) fn set(settings: &mut Map<String, Value>, sets: &[String]) -> Result<(), Failure> {
    for one in sets {
        let Some((path, text)) = one.split_once('=') else {
            return Err(Failure::usage(
                format!("`{one}` is no setting"),
                "write `--set key=value`; keys within tables have dots",
            ));
        };
        let value = match toml::from_str::<Value>(&format!("v = {text}")) {
            Ok(Value::Object(mut table)) => table.remove("v").unwrap_or_default(),
            _ => Value::from(text),
        };
        let mut table = &mut *settings;
        let mut keys = path.trim().split('.').peekable();
        while let Some(key) = keys.next() {
            if keys.peek().is_none() {
                table.insert(key.to_owned(), value);
                break;
            }
            let below = table.entry(key).or_insert_with(|| json!({}));
            table = below.as_object_mut().ok_or_else(|| {
                Failure::usage(
                    format!("`{key}` in `{one}` is no table"),
                    "write the key of a table before each dot",
                )
            })?;
        }
    }
    Ok(())
}

/// Paths become absolute from this folder, as a recipe's do from its own.
pub(super) fn make_absolute(schema: &Value, settings: &mut Value, folder: &Path) {
    let mut found: Vec<(Vec<Step>, String)> = Vec::new();
    settings::marked(schema, settings, PATH_MARK, &mut |path, value, _| {
        if let Some(text) = value.as_str() {
            found.push((path.to_vec(), folder.join(text).display().to_string()));
        }
    });
    for (path, absolute) in found {
        let place = path.iter().try_fold(&mut *settings, |value, step| match step {
            Step::Key(key) => value.get_mut(key),
            Step::Index(index) => value.get_mut(*index),
        });
        if let Some(place) = place {
            *place = Value::from(absolute);
        }
    }
}

/// The faults of settings in one line; `None` when there are none.
pub(super) fn faults(schema: &Value, settings: &Value) -> Option<String> {
    let faults = settings::check(schema, settings);
    let one = |fault: &settings::SettingsError| match dotted(&fault.path) {
        place if place.is_empty() || fault.at_key => fault.message.clone(),
        place => format!("`{place}`: {}", fault.message),
    };
    (!faults.is_empty()).then(|| faults.iter().map(one).collect::<Vec<_>>().join("; "))
}

/// Whether the schema is one that settings can be checked by, and whether it tells people what they need.
pub(super) fn schema(schema: &Value) -> Finding {
    let (mut wrong, mut odd) = (Vec::new(), Vec::new());
    if schema.get("type").is_some_and(|kind| kind != "object") {
        wrong.push("it is not of the type `object`".to_owned());
    }
    walk(schema, "", 0, &mut wrong, &mut odd);
    let properties = schema.get("properties").and_then(Value::as_object);
    let count = properties.map_or(0, Map::len);
    let settings = if count == 1 { "1 setting".to_owned() } else { format!("{count} settings") };
    match (wrong.is_empty(), odd.is_empty()) {
        (false, _) => Finding::failed(wrong.join("; ")),
        (true, false) => Finding::warning(format!("{settings}; {}", odd.join("; "))),
        (true, true) if count == 0 => Finding::ok("no settings"),
        (true, true) => Finding::ok(format!("{settings}, described")),
    }
}

fn walk(schema: &Value, at: &str, depth: usize, wrong: &mut Vec<String>, odd: &mut Vec<String>) {
    if depth > 16 {
        return;
    }
    let Some(table) = schema.as_object() else {
        if !schema.is_boolean() {
            wrong.push(format!("what stands at `{at}` is no schema"));
        }
        return;
    };
    let place = if at.is_empty() { String::new() } else { format!(" of `{at}`") };
    let types: Vec<&Value> = match table.get("type") {
        Some(Value::Array(several)) => several.iter().collect(),
        one => one.into_iter().collect(),
    };
    for name in types {
        if !name.as_str().is_some_and(|name| TYPES.contains(&name)) {
            wrong.push(format!("the type `{name}`{place} is unknown"));
        }
    }
    for word in table.keys().filter(|word| !word.starts_with("x-")) {
        if !KNOWN.split_whitespace().any(|known| known == word) {
            odd.push(format!("`{word}`{place} is not checked by Tribunal"));
        }
    }
    let properties = table.get("properties").and_then(Value::as_object);
    if table.contains_key("properties") && properties.is_none() {
        wrong.push(format!("`properties`{place} is no object"));
    }
    for key in table.get("required").and_then(Value::as_array).into_iter().flatten() {
        if !key.as_str().is_some_and(|key| properties.is_some_and(|all| all.contains_key(key))) {
            wrong.push(format!("{key} is required{place} and not among `properties`"));
        }
    }
    for (key, property) in properties.into_iter().flatten() {
        let path = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
        let described = property.get("description").and_then(Value::as_str);
        if described.is_none_or(|text| text.trim().is_empty()) {
            odd.push(format!("`{path}` has no description"));
        }
        if let Some(default) = property.get("default")
            && !default.is_null()
            && let Some(fault) = faults(property, default)
        {
            wrong.push(format!("the default of `{path}` is refused: {fault}"));
        }
        walk(property, &path, depth + 1, wrong, odd);
    }
    let alternatives =
        ["anyOf", "oneOf"].into_iter().filter_map(|word| table.get(word)?.as_array());
    let inner = alternatives.flatten().chain(table.get("items"));
    for one in inner {
        walk(one, at, depth + 1, wrong, odd);
    }
}

/// Whether an unknown key and values of a wrong type are refused. `build` makes the kind from settings.
pub(super) fn refusals(
    schema: &Value,
    sound: &Value,
    build: impl FnOnce(Value) -> Result<(), String>,
) -> Finding {
    let with = |key: &str, value: Value| {
        let mut table = sound.as_object().cloned().unwrap_or_default();
        table.insert(key.to_owned(), value);
        Value::Object(table)
    };
    let open = schema.get("additionalProperties");
    let unknown = with(UNKNOWN, json!(1));
    let by = if faults(schema, &unknown).is_some() {
        "by the schema"
    } else if open.is_some_and(|open| *open != Value::Bool(false)) {
        return Finding::not_checked("its schema allows for any key");
    } else if build(unknown).is_err() {
        "by the plugin"
    } else {
        return Finding::failed(
            "an unknown key is accepted: write `\"additionalProperties\": false` into the schema, so that a slip is found",
        );
    };
    let properties = schema.get("properties").and_then(Value::as_object);
    let (mut refused, mut lax) = (0, Vec::new());
    for key in properties.into_iter().flat_map(|all| all.keys()) {
        let mut values = ODD.iter().filter_map(|text| serde_json::from_str::<Value>(text).ok());
        match values.any(|value| faults(schema, &with(key, value)).is_some()) {
            true => refused += 1,
            false => lax.push(format!("`{key}` takes a value of any type")),
        }
    }
    match lax.is_empty() {
        true if refused == 0 => Finding::ok(format!("an unknown key is refused {by}")),
        true => {
            Finding::ok(format!("an unknown key is refused {by}, a wrong type for each setting"))
        }
        false => Finding::warning(lax.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::plugin::check::sheet::Status;

    #[test]
    fn what_is_wrong_with_a_schema_is_said() {
        let of = |value: Value| {
            let finding = schema(&value);
            (finding.status, finding.text)
        };
        let (status, text) =
            of(json!({ "type": "object", "properties": { "a": { "type": "float" } } }));
        assert_eq!(status, Status::Failed);
        assert!(text.contains("the type `\"float\"` of `a` is unknown"), "{text}");
        let (status, text) = of(json!({ "required": ["b"], "properties": {} }));
        assert_eq!(status, Status::Failed);
        assert!(text.contains("\"b\" is required"), "{text}");
        let (status, text) = of(
            json!({ "properties": { "a": { "type": "number", "default": "x", "description": "d" } } }),
        );
        assert_eq!(status, Status::Failed);
        assert!(text.contains("the default of `a` is refused"), "{text}");
        let (status, text) =
            of(json!({ "properties": { "a": { "type": "string", "pattern": "x" } } }));
        assert_eq!(status, Status::Warning);
        assert!(text.contains("no description") && text.contains("`pattern` of `a`"), "{text}");
        assert_eq!(of(json!({ "properties": { "a": { "description": "d" } } })).0, Status::Ok);
    }

    #[test]
    fn a_schema_that_lets_slips_pass_fails_unless_it_says_so_or_the_plugin_refuses_them() {
        let refuses = |_: Value| Err("no".to_owned());
        let takes = |_: Value| Ok(());
        let open = json!({ "properties": { "a": { "type": "number" } } });
        assert_eq!(refusals(&open, &json!({}), takes).status, Status::Failed);
        assert_eq!(refusals(&open, &json!({}), refuses).status, Status::Ok);
        let said = json!({ "additionalProperties": true });
        assert_eq!(refusals(&said, &json!({}), takes).status, Status::NotChecked);
        let closed = json!({ "additionalProperties": false, "properties": { "a": {} } });
        assert_eq!(refusals(&closed, &json!({}), takes).status, Status::Warning);
    }

    #[test]
    fn settings_of_the_command_line_are_toml_or_text() {
        let mut table = Map::new();
        let sets = ["a=1", "b=x y", "c.d=[true]", "e=\"1\""].map(str::to_owned);
        set(&mut table, &sets).unwrap();
        let wanted = json!({ "a": 1, "b": "x y", "c": { "d": [true] }, "e": "1" });
        assert_eq!(Value::Object(table.clone()), wanted);
        assert!(set(&mut table, &["a.b=1".to_owned()]).is_err());
        assert!(set(&mut table, &["a".to_owned()]).is_err());
    }

    #[test]
    fn paths_start_at_the_folder() {
        let schema = json!({ "properties": { "p": { "x-tribunal-path": true },
            "l": { "items": { "x-tribunal-path": true } } } });
        let mut settings = json!({ "p": "a/b", "l": ["c", "/d"], "q": "e" });
        make_absolute(&schema, &mut settings, Path::new("/base"));
        assert_eq!(settings, json!({ "p": "/base/a/b", "l": ["/base/c", "/d"], "q": "e" }));
    }
}
