//! JSON verdicts: what shape is asked for, and how an object is read.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value, json};
use tribunal_api::Grammar;

use super::number::Rating;
use super::tally::{Tally, missing};
use super::token::naked;
use super::{JsonForm, Readout, Verdict, VerdictForm};

/// The schema of an object that holds the verdict.
pub(super) fn grammar(form: &VerdictForm, keys: &JsonForm, candidates: usize) -> Grammar {
    let mut properties = Map::new();
    let mut required = Vec::new();
    let mut property = |key: &str, schema: Value| {
        properties.insert(key.to_owned(), schema);
        required.push(Value::from(key));
    };
    if let Some(key) = &keys.reason {
        property(key, json!({ "type": "string" }));
    }
    if let Some(key) = &keys.winner {
        let labels: Vec<String> =
            form.labels(Readout::Json, candidates).into_iter().map(|label| label.text).collect();
        property(key, json!({ "type": "string", "enum": labels }));
    }
    if let Some(key) = &keys.rating {
        property(key, rating_schema(form));
    }
    if let Some(key) = &keys.ratings {
        let names: Vec<String> = (0..candidates).map(|at| form.candidate_label(at)).collect();
        let each: Map<String, Value> =
            names.iter().map(|name| (name.clone(), rating_schema(form))).collect();
        property(
            key,
            json!({ "type": "object", "properties": each, "required": names, "additionalProperties": false }),
        );
    }
    Grammar::JsonSchema(json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    }))
}

fn rating_schema(form: &VerdictForm) -> Value {
    let scale = form.number.clone().unwrap_or_default();
    let kind = if scale.decimals { "number" } else { "integer" };
    json!({ "type": kind, "minimum": scale.low, "maximum": scale.high })
}

/// Reads the object that is the whole reply, a code fence around it aside; leniently, the objects anywhere in it.
pub(super) fn read(form: &VerdictForm, lenient: bool, reply: &str, candidates: usize) -> Verdict {
    let Some(keys) = &form.json else { return missing(reply) };
    let objects = if lenient { objects_in(reply) } else { whole(reply).into_iter().collect() };
    let mut tally = Tally::default();
    for object in &objects {
        for (key, value) in &object.0 {
            let readings = [&keys.winner, &keys.rating, &keys.ratings];
            if readings.into_iter().flatten().any(|name| name == key) {
                let shown = value.to_string();
                match scores(form, keys, lenient, value, candidates) {
                    Some(scores) => tally.says(&format!("{scores:?}"), scores, &shown),
                    None => tally.spoils(&shown),
                }
            }
        }
    }
    tally.verdict().unwrap_or_else(|| missing(reply))
}

fn scores(
    form: &VerdictForm,
    keys: &JsonForm,
    lenient: bool,
    value: &Value,
    candidates: usize,
) -> Option<Vec<f64>> {
    if keys.winner.is_some() {
        return winner(form, lenient, value.as_str()?, candidates);
    }
    if keys.rating.is_some() {
        return rating(form, lenient, value).map(|rating| vec![rating]);
    }
    let object = value.as_object()?;
    let known = |name: &String| object.get(name).and_then(|value| rating(form, lenient, value));
    let names: Vec<String> = (0..candidates).map(|at| form.candidate_label(at)).collect();
    let complete = object.len() == candidates || lenient;
    names.iter().map(known).collect::<Option<Vec<f64>>>().filter(|_| complete)
}

fn winner(form: &VerdictForm, lenient: bool, said: &str, candidates: usize) -> Option<Vec<f64>> {
    let labels = form.labels(Readout::Json, candidates);
    if let Some(label) = labels.iter().find(|label| label.text == said) {
        return Some(label.scores.clone());
    }
    let word = naked(said).split_whitespace().next_back().filter(|_| lenient)?;
    let few = said.split_whitespace().count() <= 2;
    let label = labels.into_iter().find(|label| label.text.eq_ignore_ascii_case(word));
    label.filter(|_| few).map(|label| label.scores)
}

fn rating(form: &VerdictForm, lenient: bool, value: &Value) -> Option<f64> {
    let scale = form.number.clone().unwrap_or_default();
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) if lenient => text.trim().to_owned(),
        _ => return None,
    };
    match scale.rating(&text, lenient || scale.decimals) {
        Rating::On(rating) => Some(rating),
        _ => None,
    }
}

/// An object with its keys in the order written, each as often as it stands there.
struct Object(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Object;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Object, M::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Object(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

fn whole(reply: &str) -> Option<Object> {
    let text = reply.trim();
    let fenced = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    let text = match fenced {
        Some(inside) => match inside.get(..4) {
            Some(tag) if tag.eq_ignore_ascii_case("json") => &inside[4..],
            _ => inside,
        },
        None => text,
    };
    serde_json::from_str(text).ok()
}

/// The outermost objects of a text, in order. Gives up on texts made to be read slowly.
fn objects_in(reply: &str) -> Vec<Object> {
    let mut objects = Vec::new();
    let mut from = 0;
    let mut budget = reply.len().saturating_mul(8).saturating_add(4096);
    while let Some(found) = reply.get(from..).and_then(|rest| rest.find('{')) {
        let start = from + found;
        let mut stream = serde_json::Deserializer::from_str(&reply[start..]).into_iter::<Object>();
        let parsed = stream.next();
        let read = stream.byte_offset().max(1);
        match parsed {
            Some(Ok(object)) => {
                objects.push(object);
                from = start + read;
            }
            // A failed attempt may have read all the rest, and the next one too.
            failed => {
                let read = match failed {
                    Some(Err(error)) if error.line() == 1 => error.column(),
                    _ => reply.len() - start,
                };
                budget = budget.saturating_sub(read.max(1));
                from = start + 1;
            }
        }
        if budget == 0 {
            break;
        }
    }
    objects
}
