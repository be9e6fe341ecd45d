//! A kind: what it is, its settings from their JSON Schema, the engine's keys beside them, an example.

use serde::Serialize;
use serde_json::Value;
use tribunal_api::{Component, Registered, Registry, SuiteCard};
use tribunal_engine::recipe::Section;

use crate::commands::list::as_json;
use crate::exit::Failure;
use crate::render::{self, Grid, plain};

/// Shows every component that has this kind.
pub fn show(kinds: &[&Registered], registry: &Registry, json: bool) -> Result<String, Failure> {
    let views: Vec<KindView<'_>> =
        kinds.iter().map(|registered| KindView::of(registered, registry)).collect();
    match (json, views.as_slice()) {
        (true, [one]) => as_json(one),
        (true, several) => as_json(&several),
        (false, several) => Ok(several.iter().map(KindView::text).collect::<Vec<_>>().join("\n")),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct KindView<'a> {
    kind: &'a str,
    component: &'static str,
    version: &'a str,
    summary: &'a str,
    settings: Vec<Setting>,
    common_keys: Vec<CommonKey>,
    /// What the suite of the example says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    card: Option<SuiteCard>,
    example: &'a str,
    schema: &'a Value,
}

#[derive(Serialize)]
struct Setting {
    key: String,
    r#type: String,
    required: bool,
    default: Option<Value>,
    about: String,
}

#[derive(Serialize)]
struct CommonKey {
    key: &'static str,
    about: &'static str,
}

impl<'a> KindView<'a> {
    fn of(registered: &'a Registered, registry: &Registry) -> Self {
        let card = &registered.card;
        let component = registered.component();
        let section = match component {
            Component::Source => Section::Source,
            Component::Generator => Section::Generator,
            Component::Suite => Section::Suite,
        };
        let mut settings = Vec::new();
        collect(&registered.schema, "", &mut settings);
        let keys = section.engine_keys().iter().filter(|key| **key != "kind");
        Self {
            kind: card.kind,
            component: component.as_str(),
            version: card.version,
            summary: card.summary,
            settings,
            common_keys: keys.map(|&key| CommonKey { key, about: about_key(key) }).collect(),
            card: (component == Component::Suite)
                .then(|| example_card(registered, registry))
                .flatten(),
            example: card.example,
            schema: &registered.schema,
        }
    }

    fn text(&self) -> String {
        let mut text = format!(
            "{} {} (version {})\n{}\n",
            self.component,
            plain(self.kind),
            plain(self.version),
            plain(self.summary)
        );
        if let Some(card) = &self.card {
            let published = &card.published;
            text.push_str(&plain(&format!(
                "published by {}; licence: {}",
                card.source, card.licence
            )));
            text.push('\n');
            text.push_str(&plain(&format!(
                "published rules: order {}, {}, ties {}, failures {}",
                published.order,
                published.combiner.as_str(),
                published.ties,
                published.failures
            )));
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.settings_text());
        let mut grid = Grid::new().text("key of the engine").text("meaning");
        for common in &self.common_keys {
            grid.push(vec![common.key.to_owned(), common.about.to_owned()]);
        }
        text.push_str(&format!("\n{}", render::draw(&grid, render::width(), false)));
        text.push_str(&format!("\nexample:\n\n{}\n", self.example.trim_end()));
        text
    }

    fn settings_text(&self) -> String {
        if self.settings.is_empty() {
            return "it has no settings of its own\n".to_owned();
        }
        let mut grid = Grid::new().text("setting").text("type").text("default").text("meaning");
        for setting in &self.settings {
            let default = match (&setting.default, setting.required) {
                (_, true) => "required".to_owned(),
                (Some(default), false) => default.to_string(),
                (None, false) => "-".to_owned(),
            };
            grid.push(vec![
                plain(&setting.key),
                plain(&setting.r#type),
                plain(&default),
                plain(&setting.about),
            ]);
        }
        render::draw(&grid, render::width(), false)
    }
}

/// The settings of a schema, those of tables within it under `table.key`.
fn collect(schema: &Value, above: &str, settings: &mut Vec<Setting>) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|list| list.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    for (key, property) in properties {
        let path = format!("{above}{key}");
        settings.push(Setting {
            r#type: type_words(property),
            required: required.contains(&key.as_str()),
            default: property.get("default").filter(|default| !default.is_null()).cloned(),
            about: about(property),
            key: path.clone(),
        });
        let within = alternatives(property).find(|one| one.get("properties").is_some());
        if let Some(within) = within {
            collect(within, &format!("{path}."), settings);
        }
    }
}

/// The schema itself and the alternatives that it names, without null.
fn alternatives(schema: &Value) -> impl Iterator<Item = &Value> {
    let named = ["anyOf", "oneOf"].into_iter().filter_map(|word| schema.get(word)?.as_array());
    std::iter::once(schema).chain(named.flatten()).filter(|one| !is_null(one))
}

fn is_null(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("null")
}

/// What a value may be: its words where it is one of several, else its type.
fn type_words(schema: &Value) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut add = |word: String| {
        if !word.is_empty() && !words.contains(&word) {
            words.push(word);
        }
    };
    for one in alternatives(schema) {
        if let Some(values) = one.get("enum").and_then(Value::as_array) {
            values.iter().filter(|value| !value.is_null()).for_each(|value| add(value.to_string()));
        } else if let Some(value) = one.get("const") {
            add(value.to_string());
        } else {
            match one.get("type") {
                Some(Value::String(name)) => add(type_word(name, one)),
                Some(Value::Array(names)) => {
                    for name in names.iter().filter_map(Value::as_str) {
                        add(type_word(name, one));
                    }
                }
                _ => {}
            }
            // `oneOf` of words within one alternative, as optional enumerations have it.
            for value in ["oneOf", "anyOf"]
                .into_iter()
                .filter(|_| !std::ptr::eq(one, schema))
                .filter_map(|word| one.get(word)?.as_array())
                .flatten()
                .filter_map(|variant| variant.get("const"))
            {
                add(value.to_string());
            }
        }
    }
    if words.is_empty() { "any".to_owned() } else { words.join(" | ") }
}

fn type_word(name: &str, schema: &Value) -> String {
    match name {
        "string" => "text".to_owned(),
        "integer" => "whole number".to_owned(),
        "number" => "number".to_owned(),
        "boolean" => "true | false".to_owned(),
        "array" => match schema.get("items").map(type_words) {
            Some(items) if !items.is_empty() => format!("list of {items}"),
            _ => "list".to_owned(),
        },
        "object" => "table".to_owned(),
        _ => String::new(),
    }
}

/// The documentation of a setting in one paragraph, that of its words behind it.
fn about(schema: &Value) -> String {
    let description = |schema: &Value| {
        let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let mut about = description(schema);
    let variants = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    for variant in variants {
        let (Some(value), text) = (variant.get("const"), description(variant)) else { continue };
        if !text.is_empty() {
            about.push_str(&format!(" {value}: {text}"));
        }
    }
    about.trim().to_owned()
}

/// What the suite of the kind's example says of itself. `None` when the example alone does not build.
fn example_card(registered: &Registered, registry: &Registry) -> Option<SuiteCard> {
    let example: Value = toml::from_str(registered.card.example).ok()?;
    let block = example.get("suite")?.as_object()?.values().next()?.as_object()?;
    let engine = Section::Suite.engine_keys();
    let settings = block.iter().filter(|(key, _)| !engine.contains(&key.as_str()));
    let settings = settings.map(|(key, value)| (key.clone(), value.clone())).collect();
    let suite = registry.build_suite(registered.card.kind, Value::Object(settings)).ok()?;
    Some(suite.card())
}

/// What a key of the engine does.
fn about_key(key: &str) -> &'static str {
    match key {
        "suites" => {
            "names of the suites it is asked about; all when left out, none by itself when a route leads to it"
        }
        "order" => {
            "orders in which candidates are shown: published, seeded, both, rotations, random:m, swap-first, given"
        }
        "samples" => "draws of each question, for sources whose answers differ",
        "failures" => "what a question without readout is worth: published, wrong, exclude",
        "ties" => "what a tie is worth: published, loss, half, split",
        "timeout" => "longest wait for one call, as \"60s\"",
        "retry" => "how failed calls are repeated: attempts, wait, most",
        "batch" => "most questions in one call",
        "in-flight" => "most calls at the same time",
        "protocol" => "how many candidates a question holds: pointwise, pairwise, listwise",
        "vote" => "how samples become one score: mean, majority, median, min",
        "sample" => "number of clusters to draw with the recipe's seed, or { clusters, by }",
        "subsets" => "subsets to keep, or groups of them by their first levels",
        "items" => "ids of items to keep: a list, or a JSON or text file of them",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_engine_is_explained() {
        for section in [Section::Source, Section::Generator, Section::Suite] {
            for key in section.engine_keys().iter().filter(|key| **key != "kind") {
                assert!(!about_key(key).is_empty(), "{key}");
            }
        }
    }

    #[test]
    fn every_kind_is_shown_with_its_settings_and_example() {
        let registry = crate::builtin::registry();
        for component in [Component::Source, Component::Suite] {
            for registered in registry.kinds(component) {
                let text = show(&[registered], &registry, false).unwrap();
                assert!(text.contains(registered.card.summary), "{text}");
                assert!(text.contains("example:"), "{text}");
                let json = show(&[registered], &registry, true).unwrap();
                let value: Value = serde_json::from_str(&json).unwrap();
                let settings = value["settings"].as_array().unwrap();
                for setting in settings {
                    assert_ne!(setting["type"], "", "{}: {setting}", registered.card.kind);
                    assert_ne!(setting["about"], "", "{}: {setting}", registered.card.kind);
                }
                if component == Component::Suite {
                    assert!(value["card"]["licence"].is_string(), "{}", registered.card.kind);
                }
            }
        }
    }
}
