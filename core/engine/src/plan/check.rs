//! Checking blocks against their kinds: settings by schema, paths, and names of other blocks.

use serde_json::{Map, Value};
use tribunal_api::registry::{Component, Registered, Registry};
use tribunal_api::settings::{
    self, OPERATIONAL_MARK, PATH_MARK, REFERENCE_MARK, SettingsError, Step,
};

use crate::digest::Digest;
use crate::fault::{Fault, KeyPath, Part};
use crate::recipe::{Block, PANEL, ROUTE, Recipe, Section};

/// Kinds of sources that are the engine's own.
const WORDS: [&str; 2] = [PANEL, ROUTE];

/// Faults that no factor can cure: unknown kinds, and settings of blocks that nothing varies.
pub(super) fn blocks(recipe: &Recipe, registry: &Registry) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (component, block) in all_blocks(recipe) {
        if component == Component::Source && WORDS.contains(&block.kind.as_str()) {
            // The recipe has checked what is the engine's own.
        } else if find(component, block, registry).is_none() {
            faults.push(unknown_kind(component, block, registry));
        } else if let Some(fault) = clash(component, block, registry) {
            faults.push(fault);
        } else if !varied(recipe, &block.path) {
            faults.extend(check(recipe, component, block, registry));
        }
    }
    faults
}

/// A kind whose settings bear the name of an engine key: they could never be set.
fn clash(component: Component, block: &Block, registry: &Registry) -> Option<Fault> {
    let kind = find(component, block, registry)?;
    let properties = kind.schema.get("properties")?.as_object()?;
    let taken =
        section(component).engine_keys().iter().find(|key| properties.contains_key(**key))?;
    let message =
        format!("the kind `{}` has a setting `{taken}`, which is an engine key", block.kind);
    let fault = Fault::new(block.path.key("kind"), message);
    Some(fault.hint("rename the setting in the plugin"))
}

fn unknown_kind(component: Component, block: &Block, registry: &Registry) -> Fault {
    let others = [Component::Source, Component::Generator, Component::Suite];
    let elsewhere = others.into_iter().find(|other| find(*other, block, registry).is_some());
    let words = WORDS.into_iter().filter(|_| component == Component::Source);
    let known = registry.kinds(component).map(|one| one.card.kind).chain(words);
    let fault = Fault::unknown_name(block.path.key("kind"), "kinds", &block.kind, known);
    match elsewhere {
        Some(other) => fault.hint(format!(
            "`{}` is a kind of {other}: write `[{other}.{}]`",
            block.kind, block.name
        )),
        None if block.kind.starts_with("llama.") => fault.hint(
            "it comes with the plugin for llama.cpp: `make plugins` builds it, and `[[plugin]]` with \
             `folder = \"target/plugins\"` loads it",
        ),
        None => fault.hint(format!("`tribunal list {component}s` tells what each kind is")),
    }
}

/// All faults of a block's settings.
pub(super) fn check(
    recipe: &Recipe,
    component: Component,
    block: &Block,
    registry: &Registry,
) -> Vec<Fault> {
    let Some(kind) = find(component, block, registry) else { return Vec::new() };
    let value = Value::Object(block.settings.clone());
    let mut faults: Vec<Fault> = settings::check(&kind.schema, &value)
        .into_iter()
        .map(|fault| to_fault(&block.path, fault, section(component)))
        .collect();
    settings::marked(&kind.schema, &value, PATH_MARK, &mut |steps, value, _| {
        let key = join(&block.path, steps);
        if let Value::String(text) = value {
            let path = recipe.origin(&key).join(text);
            if !path.exists() {
                let fault = Fault::new(key, format!("there is no file or folder `{text}`"));
                faults.push(fault.hint(format!("it would be `{}`", path.display())));
            }
        }
    });
    settings::marked(&kind.schema, &value, REFERENCE_MARK, &mut |steps, value, table| {
        let Value::String(name) = value else { return };
        match table.as_str() {
            Some("generator") if recipe.generator(name).is_none() => {
                let known = recipe.generators.iter().map(|generator| generator.name.as_str());
                let key = join(&block.path, steps);
                faults.push(Fault::unknown_name(key, "generators", name, known));
            }
            Some("server") if !recipe.server_names().contains(&name.as_str()) => {
                let fault = Fault::unknown_name(
                    join(&block.path, steps),
                    "servers",
                    name,
                    recipe.server_names(),
                );
                faults.push(match recipe.server_names().is_empty() {
                    true => fault.hint(format!("add a table `[server.{name}]` with its `command`")),
                    false => fault,
                });
            }
            _ => {}
        }
    });
    faults
}

/// A block's settings as its factory gets them, paths absolute.
pub(super) fn absolute(recipe: &Recipe, block: &Block, kind: &Registered) -> Value {
    let mut value = Value::Object(block.settings.clone());
    for (steps, text) in texts_marked(&kind.schema, &value, PATH_MARK) {
        let path = recipe.origin(&join(&block.path, &steps)).join(&text);
        put(&mut value, &steps, Value::String(path.to_string_lossy().into_owned()));
    }
    value
}

/// Digest of what decides answers as far as the recipe tells: kind, version, settings without paths and without what
/// is operational alone.
pub(super) fn identity(kind: &Registered, settings: &Value) -> Digest {
    let mut value = settings.clone();
    for (steps, _) in texts_marked(&kind.schema, settings, PATH_MARK) {
        put(&mut value, &steps, Value::Null);
    }
    let mut operational = Vec::new();
    settings::marked(&kind.schema, settings, OPERATIONAL_MARK, &mut |steps, _, _| {
        operational.push(steps.to_vec());
    });
    for steps in operational {
        remove(&mut value, &steps);
    }
    Digest::of("tribunal-settings-1")
        .text(kind.card.kind)
        .text(kind.card.version)
        .text(&sorted(&value).to_string())
        .finish()
}

/// The names of blocks of this table (`generator`, `server`) that settings refer to.
pub(super) fn references(kind: &Registered, settings: &Value, table: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    settings::marked(&kind.schema, settings, REFERENCE_MARK, &mut |_, value, found| {
        if let (Value::String(name), true) = (value, found == table)
            && !names.contains(name)
        {
            names.push(name.clone());
        }
    });
    names
}

/// A fault of a kind's settings as a fault of the recipe.
pub(super) fn to_fault(block: &KeyPath, error: SettingsError, section: Section) -> Fault {
    let key = join(block, &error.path);
    let found = key.last().map(crate::fault::Segment::to_text).unwrap_or_default();
    let mut fault = Fault::new(key, &error.message);
    if error.at_key && !error.path.is_empty() {
        let mut known = error.known.clone();
        if error.path.len() == 1 {
            known.extend(section.engine_keys().iter().map(|key| (*key).to_owned()));
            known.sort();
            known.dedup();
        }
        fault = fault.part(Part::Key).known_as("keys", &found, known);
    } else if !error.known.is_empty() {
        let offending = error.message.split('`').nth(1).unwrap_or_default().to_owned();
        fault = fault.known_as("values", &offending, error.known.clone());
    }
    match error.hint {
        Some(hint) => fault.hint(hint),
        None => fault,
    }
}

/// True when a factor or an arm sets a key of this block.
pub(super) fn varied(recipe: &Recipe, block: &KeyPath) -> bool {
    let arms = recipe.arms.iter().flat_map(|arm| arm.set.iter().map(|(key, _)| key));
    recipe.factors.iter().map(|factor| &factor.key).chain(arms).any(|key| key.starts_with(block))
}

fn all_blocks(recipe: &Recipe) -> Vec<(Component, &Block)> {
    let generators = recipe.generators.iter().map(|block| (Component::Generator, block));
    let sources = recipe.sources.iter().map(|source| (Component::Source, &source.block));
    let suites = recipe.suites.iter().map(|suite| (Component::Suite, &suite.block));
    generators.chain(sources).chain(suites).collect()
}

fn find<'a>(component: Component, block: &Block, registry: &'a Registry) -> Option<&'a Registered> {
    registry.find(component, &block.kind)
}

fn section(component: Component) -> Section {
    match component {
        Component::Source => Section::Source,
        Component::Generator => Section::Generator,
        Component::Suite => Section::Suite,
    }
}

fn texts_marked(schema: &Value, settings: &Value, mark: &str) -> Vec<(Vec<Step>, String)> {
    let mut found = Vec::new();
    settings::marked(schema, settings, mark, &mut |steps, value, _| {
        if let Value::String(text) = value {
            found.push((steps.to_vec(), text.clone()));
        }
    });
    found.dedup();
    found
}

fn join(block: &KeyPath, steps: &[Step]) -> KeyPath {
    steps.iter().fold(block.clone(), |path, step| match step {
        Step::Key(key) => path.key(key),
        Step::Index(index) => path.index(*index),
    })
}

fn put(value: &mut Value, steps: &[Step], new: Value) {
    let place = steps.iter().try_fold(value, |value, step| match step {
        Step::Key(key) => value.get_mut(key),
        Step::Index(index) => value.get_mut(index),
    });
    if let Some(place) = place {
        *place = new;
    }
}

/// Takes a key out of the table that holds it.
fn remove(value: &mut Value, steps: &[Step]) {
    let Some((Step::Key(key), before)) = steps.split_last() else { return };
    let table = before.iter().try_fold(value, |value, step| match step {
        Step::Key(key) => value.get_mut(key),
        Step::Index(index) => value.get_mut(index),
    });
    if let Some(Value::Object(table)) = table {
        table.remove(key);
    }
}

/// The value with all keys in alphabetic order, so that equal settings digest the same.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(table) => {
            let mut entries: Vec<(&String, &Value)> = table.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            let sorted: Map<String, Value> =
                entries.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            Value::Object(sorted)
        }
        Value::Array(list) => Value::Array(list.iter().map(sorted).collect()),
        other => other.clone(),
    }
}
