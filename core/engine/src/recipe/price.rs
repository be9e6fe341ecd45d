//! `[price]`: what the tokens of models cost, by the model's name.

use super::reader::Reader;
use crate::fault::{Fault, KeyPath, Part};
use crate::price::Price;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The prices that a recipe names, by model.
pub(super) fn prices(reader: &mut Reader<'_>, top: &Map<String, Value>) -> BTreeMap<String, Price> {
    let path = KeyPath::of(["price"]);
    let Some(value) = top.get("price") else { return BTreeMap::new() };
    let Some(table) = reader.table(&path, value) else { return BTreeMap::new() };
    let entries = table.iter();
    entries
        .filter_map(|(model, value)| Some((model.clone(), price(reader, &path.key(model), value)?)))
        .collect()
}

fn price(reader: &mut Reader<'_>, path: &KeyPath, value: &Value) -> Option<Price> {
    let Some(table) = value.as_object() else {
        let fault = Fault::new(path.clone(), format!("`{path}` is not a table")).part(Part::Value);
        reader.fault(fault.hint(
            "write US dollars per million tokens: `\"MODEL\" = { input = 2.5, output = 10.0 }`; the model's name in quotes",
        ));
        return None;
    };
    if let Some((rest, _)) = table.iter().find(|(_, inner)| inner.is_object()) {
        let model = format!("{}.{rest}", path.last_key().unwrap_or_default());
        let fault = Fault::new(path.key(rest), format!("`{model}` is read as a table in a table"));
        reader.fault(
            fault
                .part(Part::Key)
                .hint(format!("put the model's name in quotes: `\"{model}\" = ...`")),
        );
        return None;
    }
    reader.only_known(path, table, &["input", "output"]);
    let mut dollars = |key: &str| {
        let Some(value) = table.get(key) else {
            let fault = Fault::new(path.clone(), format!("this price has no `{key}`"));
            reader.absence(fault.hint(format!("add US dollars per million tokens: `{key} = 2.5`")));
            return None;
        };
        reader.number(&path.key(key), value, 0.0, f64::MAX)
    };
    let (input, output) = (dollars("input"), dollars("output"));
    Some(Price { input: input?, output: output? })
}
