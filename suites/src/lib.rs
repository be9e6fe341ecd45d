//! Benchmarks of reward models: how their files are read, how an outcome is graded, how grades become a number.
//!
//! Published benchmarks: `rmb`, `rewardbench-2`, `rm-bench`, `judgebench`, `rewardbench`. Data of your own: `pairs` and
//! `best-of`, for any JSON, JSON lines, CSV or Parquet file with a field map. `injection` attacks the judge
//! itself. [`register`] makes all of them known to a [`Registry`].

#![deny(missing_docs)]
#![forbid(unsafe_code)]

use tribunal_api::Registry;

mod best_of;
#[cfg(test)]
mod built;
mod columns;
mod folder;
mod injection;
mod judgebench;
#[cfg(test)]
mod measured;
mod nearest;
mod own_data;
mod pairs;
mod records;
mod rewardbench;
mod rewardbench2;
mod rm_bench;
mod rmb;
mod sharing;

/// Registers the suites of this crate.
pub fn register(registry: &mut Registry) {
    rmb::register(registry);
    rm_bench::register(registry);
    judgebench::register(registry);
    rewardbench::register(registry);
    rewardbench2::register(registry);
    pairs::register(registry);
    best_of::register(registry);
    injection::register(registry);
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tribunal_api::{Component, settings};

    use super::*;

    /// The example of each card, read as a recipe in the project's folder would be.
    #[test]
    fn the_example_of_every_kind_builds_and_reads_the_sample_data() {
        let mut registry = Registry::new();
        register(&mut registry);
        assert_eq!(registry.clashes(), [""; 0]);
        for found in registry.kinds(Component::Suite) {
            let kind = found.card.kind;
            let recipe: Value = toml::from_str(found.card.example).unwrap();
            let blocks = recipe["suite"].as_object().unwrap();
            let mut given = blocks.values().next().unwrap().clone();
            assert_eq!(given["kind"], kind);
            given.as_object_mut().unwrap().remove("kind");
            assert_eq!(settings::check(&found.schema, &given), [], "{kind}");
            let below = given["path"].as_str().unwrap().strip_prefix("examples/data/").unwrap();
            given["path"] = Value::from(measured::example(below).to_str().unwrap());
            let suite = registry.build_suite(kind, given).unwrap();
            let loaded = suite.items().unwrap_or_else(|error| panic!("{kind}: {error:?}"));
            assert!(!loaded.items.is_empty(), "{kind}");
        }
    }
}
