//! What a recipe varies: factors, arms, and the combinations left out.

use super::reader::{Reader, describe};
use super::{Section, typed};
use crate::fault::{Fault, KeyPath, Part, nearest};
use serde_json::{Map, Value};

/// A varied key.
#[derive(Clone, Debug, PartialEq)]
pub struct Factor {
    /// The key that varies: `source.judge.criteria`. Its block exists; the key itself may be absent from the recipe.
    pub key: KeyPath,
    /// Where the factor is written: `factors."source.judge.criteria"`; level `i` lies at `path.index(i)`.
    pub path: KeyPath,
    /// Its levels in written order: at least one, no two equal.
    pub levels: Vec<Value>,
}

/// Levels set jointly.
#[derive(Clone, Debug, PartialEq)]
pub struct Arm {
    /// Name, unlike that of every other arm.
    pub name: String,
    /// Where the arm is written: `arm[0]`.
    pub path: KeyPath,
    /// The keys it sets and their values, in written order; possibly none.
    pub set: Vec<(KeyPath, Value)>,
}

/// A combination that is left out: every cell in which all of it holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Exclude {
    /// Where it is written: `exclude[0]`.
    pub path: KeyPath,
    /// The arm, when it names one.
    pub arm: Option<String>,
    /// Varied keys and their values.
    pub keys: Vec<(KeyPath, Value)>,
}

/// Everything a recipe varies.
pub(super) struct Varied {
    pub factors: Vec<Factor>,
    pub arms: Vec<Arm>,
    pub excludes: Vec<Exclude>,
}

pub(super) fn read(reader: &mut Reader<'_>, top: &Map<String, Value>) -> Varied {
    let factors = factors(reader, top);
    let arms = arms(reader, top);
    for arm in &arms {
        for (key, _) in &arm.set {
            // Which of the two would hold in a cell is not said anywhere, so neither is guessed.
            if let Some(factor) =
                factors.iter().find(|f| f.key.starts_with(key) || key.starts_with(&f.key))
            {
                let at = arm.path.key("set").key(key.to_string());
                let fault = Fault::new(
                    at,
                    format!("`{key}` is set by arm `{}` and varied by a factor", arm.name),
                );
                reader.fault(fault.part(Part::Key).also(factor.path.clone(), "varied here"));
            }
        }
    }
    let excludes = excludes(reader, top, &factors, &arms);
    Varied { factors, arms, excludes }
}

fn factors(reader: &mut Reader<'_>, top: &Map<String, Value>) -> Vec<Factor> {
    let path = KeyPath::of(["factors"]);
    let Some(table) = top.get("factors").and_then(|value| reader.table(&path, value)) else {
        return Vec::new();
    };
    let mut factors: Vec<Factor> = Vec::new();
    for (text, value) in table {
        let path = path.key(text);
        if value.is_object() {
            reader.fault(unquoted(path, text, value));
            continue;
        }
        let key = varied_key(reader, top, &path, text);
        let levels = levels(reader, &path, value);
        let (Some(key), Some(levels)) = (key, levels) else { continue };
        match factors.iter().find(|factor| factor.key == key) {
            Some(first) => {
                let fault = Fault::new(path, format!("`{key}` is varied twice")).part(Part::Key);
                reader.fault(fault.also(first.path.clone(), "first here"));
            }
            None => factors.push(Factor { key, path, levels }),
        }
    }
    factors
}

fn levels(reader: &mut Reader<'_>, path: &KeyPath, value: &Value) -> Option<Vec<Value>> {
    let list = reader.list(path, value, "a list of levels")?;
    if list.is_empty() {
        reader.fault(
            Fault::new(path.clone(), "a factor without levels leaves no cell")
                .hint("list at least one level"),
        );
        return None;
    }
    for (at, level) in list.iter().enumerate() {
        if let Some(first) = list[..at].iter().position(|other| other == level) {
            let fault = Fault::new(
                path.index(at),
                format!("{} is listed twice as a level", describe(level)),
            );
            reader.fault(fault.also(path.index(first), "first here"));
        }
    }
    Some(list.clone())
}

fn arms(reader: &mut Reader<'_>, top: &Map<String, Value>) -> Vec<Arm> {
    let path = KeyPath::of(["arm"]);
    let wanted = "a list of tables (`[[arm]]`)";
    let Some(list) = top.get("arm").and_then(|value| reader.list(&path, value, wanted)) else {
        return Vec::new();
    };
    let mut arms: Vec<Arm> = Vec::new();
    for (at, value) in list.iter().enumerate() {
        let path = path.index(at);
        let Some(table) = reader.table(&path, value) else { continue };
        reader.only_known(&path, table, &["name", "set"]);
        let set = arm_set(reader, top, &path, table);
        let Some(name) = table.get("name") else {
            reader.fault(Fault::new(path, "this arm has no `name`").hint("add `name = \"...\"`"));
            continue;
        };
        let at = path.key("name");
        let Some(name) = reader.text(&at, name) else { continue };
        if name.is_empty() || name.chars().any(char::is_control) {
            reader.fault(Fault::new(at.clone(), format!("an arm cannot be called `{name}`")));
        }
        if let Some(first) = arms.iter().find(|arm| arm.name == name) {
            let fault = Fault::new(at, format!("two arms are called `{name}`"));
            reader.fault(fault.also(first.path.key("name"), "first here"));
        }
        arms.push(Arm { name: name.to_owned(), path, set });
    }
    arms
}

fn arm_set(
    reader: &mut Reader<'_>,
    top: &Map<String, Value>,
    path: &KeyPath,
    table: &Map<String, Value>,
) -> Vec<(KeyPath, Value)> {
    let Some(value) = table.get("set") else {
        let fault = Fault::new(path.clone(), "this arm has no `set`");
        reader.fault(fault.hint("add `set = { \"source.NAME.KEY\" = VALUE }`, or `set = {}` for the recipe as it stands"));
        return Vec::new();
    };
    let path = path.key("set");
    let Some(table) = reader.table(&path, value) else { return Vec::new() };
    let mut set: Vec<(KeyPath, Value)> = Vec::new();
    for (text, value) in table {
        let path = path.key(text);
        let Some(key) = quoted_key(reader, top, &path, text, value) else { continue };
        if set.iter().any(|(other, _)| other.starts_with(&key) || key.starts_with(other)) {
            reader.fault(
                Fault::new(path, format!("`{key}` is set twice in one arm")).part(Part::Key),
            );
            continue;
        }
        set.push((key, value.clone()));
    }
    set
}

fn excludes(
    reader: &mut Reader<'_>,
    top: &Map<String, Value>,
    factors: &[Factor],
    arms: &[Arm],
) -> Vec<Exclude> {
    let path = KeyPath::of(["exclude"]);
    let wanted = "a list of tables";
    let Some(list) = top.get("exclude").and_then(|value| reader.list(&path, value, wanted)) else {
        return Vec::new();
    };
    let mut excludes = Vec::new();
    for (at, value) in list.iter().enumerate() {
        let path = path.index(at);
        let Some(table) = reader.table(&path, value) else { continue };
        if table.is_empty() {
            let fault =
                Fault::new(path.clone(), "an empty `exclude` entry would leave out every cell");
            reader.fault(fault.hint("name the levels to leave out"));
        }
        let mut exclude = Exclude { path: path.clone(), arm: None, keys: Vec::new() };
        for (text, value) in table {
            let at = path.key(text);
            if text == "arm" {
                exclude.arm = reader.text(&at, value).map(str::to_owned);
                let names = arms.iter().map(|arm| arm.name.as_str());
                if let Some(name) =
                    exclude.arm.as_deref().filter(|name| arms.iter().all(|arm| arm.name != *name))
                {
                    reader.absence(Fault::unknown_name(at, "arms", name, names));
                }
            } else if let Some(key) = quoted_key(reader, top, &at, text, value) {
                excluded_level(reader, &at, &key, value, factors, arms);
                exclude.keys.push((key, value.clone()));
            }
        }
        excludes.push(exclude);
    }
    excludes
}

/// A combination can only be left out by levels that some cell has.
fn excluded_level(
    reader: &mut Reader<'_>,
    at: &KeyPath,
    key: &KeyPath,
    value: &Value,
    factors: &[Factor],
    arms: &[Arm],
) {
    let of_factors =
        factors.iter().filter(|factor| factor.key == *key).flat_map(|factor| &factor.levels);
    let of_arms =
        arms.iter().flat_map(|arm| &arm.set).filter(|(set, _)| set == key).map(|(_, level)| level);
    let levels: Vec<&Value> = of_factors.chain(of_arms).collect();
    if levels.is_empty() {
        let known: Vec<_> = factors.iter().map(|factor| factor.key.to_string()).collect();
        let fault = Fault::new(
            at.clone(),
            format!("`{key}` is not varied, so it leaves out no single cell"),
        );
        reader.absence(fault.part(Part::Key).known_as("factors", &key.to_string(), known));
    } else if !levels.contains(&value) {
        let known = levels.iter().map(|level| level.to_string());
        let fault = Fault::new(at.clone(), format!("{} is no level of `{key}`", describe(value)));
        reader.absence(fault.known_as("levels", &value.to_string(), known));
    }
}

/// The path in the key of an arm or an exclusion, where a table as value mostly means that quotes were forgotten.
fn quoted_key(
    reader: &mut Reader<'_>,
    top: &Map<String, Value>,
    at: &KeyPath,
    text: &str,
    value: &Value,
) -> Option<KeyPath> {
    if value.is_object() && Section::from_word(text).is_some() {
        reader.fault(unquoted(at.clone(), text, value));
        return None;
    }
    varied_key(reader, top, at, text)
}

fn unquoted(path: KeyPath, text: &str, value: &Value) -> Fault {
    let mut key = KeyPath::of([text]);
    let mut below = value;
    while let Some((name, next)) = below.as_object().and_then(|table| table.iter().next()) {
        key = key.key(name);
        below = next;
    }
    Fault::new(path, "a varied key is one key in quotes")
        .part(Part::Key)
        .hint(format!("write `\"{}\" = ...`", key.to_string().replace('"', "'")))
}

/// The path of a key that may vary: its block exists.
fn varied_key(
    reader: &mut Reader<'_>,
    top: &Map<String, Value>,
    at: &KeyPath,
    text: &str,
) -> Option<KeyPath> {
    match check_varied(top, at, text) {
        Ok(key) => Some(key),
        Err(fault) => {
            reader.absence(fault.part(Part::Key));
            None
        }
    }
}

fn check_varied(top: &Map<String, Value>, at: &KeyPath, text: &str) -> Result<KeyPath, Box<Fault>> {
    let fault = |message: String| Fault::new(at.clone(), message);
    let key: KeyPath = text.parse().map_err(|error| fault(format!("{error}")))?;
    let instead = |position: usize, name: &str| {
        let (before, after) = key.segments().split_at(position.min(key.len()));
        KeyPath::root().join(before).key(name).join(after.get(1..).unwrap_or_default()).to_string()
    };
    let first = key.key_at(0).unwrap_or_default();
    let second = key.key_at(1).unwrap_or_default();
    let Some(section) = Section::from_word(first) else {
        let words = Section::ALL.map(Section::word);
        let fault = fault(format!("`{key}` cannot vary: it is in none of the blocks of a recipe"))
            .known_as("blocks", first, words)
            .suggestion(nearest(first, &words).map(|word| instead(0, word)));
        return Err(Box::new(fault));
    };
    if section == Section::Run {
        let shared = Section::Source.engine_keys().iter();
        let known: Vec<_> = shared.filter(|key| !matches!(**key, "kind" | "suites")).collect();
        if known.iter().any(|key| **key == second) {
            return Ok(key);
        }
        let fault = fault(format!("`{key}` cannot vary"))
            .known_as("keys", second, &known)
            .suggestion(nearest(second, &known).map(|word| instead(1, word)));
        return Err(Box::new(fault));
    }
    let names = typed::names_in(top, section);
    if key.len() > 1 && !names.contains(&second) {
        let what = match section {
            Section::Generator => "generators",
            Section::Source => "sources",
            Section::Suite | Section::Run => "suites",
        };
        let fault = Fault::unknown_name(at.clone(), what, second, &names)
            .suggestion(nearest(second, &names).map(|name| instead(1, name)));
        return Err(Box::new(fault));
    }
    if section == Section::Source && key.key_at(2) == Some("suites") {
        let fault = fault(format!("`{key}` cannot vary: it decides which cells there are"));
        return Err(Box::new(fault.hint("make two sources, each with its own `suites`")));
    }
    if key.len() < 3 {
        let fault = fault(format!("`{key}` is a block, and only keys vary"));
        return Err(Box::new(
            fault.hint(format!("name a key of it: `{}.NAME.KEY`", section.word())),
        ));
    }
    Ok(key)
}
