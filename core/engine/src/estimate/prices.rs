//! What a model's tokens cost: the recipe's own word, else the dated list prices that are built in.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::price::Price;

/// A price, and where it is from.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Priced {
    /// The model, as the recipe names it.
    pub model: String,
    /// US dollars per million tokens.
    #[serde(flatten)]
    pub price: Price,
    /// The day (`2026-11-21`) on which the list price was read; `None` for a price of the recipe.
    pub listed: Option<String>,
}

#[derive(Deserialize)]
struct List {
    price: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    models: Vec<String>,
    input: f64,
    output: f64,
    date: String,
}

/// The price of a model's tokens: of the recipe, else of the built-in list. `None` when neither names the model.
pub fn price_of(model: &str, prices: &BTreeMap<String, Price>) -> Option<Price> {
    priced(model, prices).map(|priced| priced.price)
}

/// The same, with where it is from.
pub fn priced(model: &str, prices: &BTreeMap<String, Price>) -> Option<Priced> {
    let model_name = model.to_owned();
    if let Some(price) = prices.get(model) {
        return Some(Priced { model: model_name, price: *price, listed: None });
    }
    let row = list().iter().find(|row| row.models.iter().any(|known| known == model))?;
    let price = Price { input: row.input, output: row.output };
    Some(Priced { model: model_name, price, listed: Some(row.date.clone()) })
}

fn list() -> &'static [Row] {
    static ROWS: OnceLock<Vec<Row>> = OnceLock::new();
    ROWS.get_or_init(|| {
        let list: List =
            toml::from_str(include_str!("prices.toml")).expect("a test reads the list");
        list.price
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_list_is_dated_and_no_model_stands_twice() {
        let mut seen = std::collections::BTreeSet::new();
        for row in list() {
            let date: Vec<&str> = row.date.split('-').collect();
            assert_eq!(date.iter().map(|part| part.len()).collect::<Vec<_>>(), [4, 2, 2]);
            assert!(row.input > 0.0 && row.output >= row.input, "{:?}", row.models);
            for model in &row.models {
                assert!(seen.insert(model.clone()), "{model} stands twice");
            }
        }
        let text = include_str!("prices.toml");
        assert_eq!(text.matches("[[price]]").count(), text.matches("source = \"https://").count());
    }

    #[test]
    fn the_recipe_comes_before_the_list_and_an_unknown_model_has_no_price() {
        let own = BTreeMap::from([
            ("gpt-4o".to_owned(), Price { input: 1.0, output: 2.0 }),
            ("local".to_owned(), Price { input: 0.0, output: 0.0 }),
        ]);
        assert_eq!(price_of("gpt-4o", &own), Some(Price { input: 1.0, output: 2.0 }));
        assert_eq!(price_of("local", &own), Some(Price { input: 0.0, output: 0.0 }));
        assert_eq!(price_of("gpt-4o", &BTreeMap::new()), Some(Price { input: 2.5, output: 10.0 }));
        assert_eq!(price_of("local", &BTreeMap::new()), None);
        assert!(priced("gpt-4o", &BTreeMap::new()).is_some_and(|priced| priced.listed.is_some()));
    }
}
