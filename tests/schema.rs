//! The JSON Schema of the report: the committed file is the code's, and a real report fits it.

use serde_json::Value;
use tribunal_engine::summary::Summary;

use crate::program::{Program, root};

/// Where the schema is kept.
const FILE: &str = "docs/report.schema.json";

fn generated() -> String {
    let schema = schemars::schema_for!(Summary);
    let mut text = serde_json::to_string_pretty(&schema).unwrap();
    text.push('\n');
    text
}

fn committed() -> String {
    std::fs::read_to_string(root().join(FILE)).unwrap_or_default()
}

#[test]
fn the_committed_schema_is_the_one_of_the_code() {
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(root().join(FILE), generated()).unwrap();
    }
    assert!(
        committed() == generated(),
        "`{FILE}` is out of date: run `UPDATE_SCHEMA=1 cargo test --test tribunal schema`, and see \
         `docs/report.md` on versions"
    );
}

#[test]
fn the_report_of_a_real_run_fits_the_schema() {
    let program = Program::new();
    let recipe = root().join("examples/recipes/02-demo.toml");
    let report =
        program.run(["run", recipe.to_str().unwrap(), "--json", "--quiet"]).with_code(0).json();
    let schema: Value = serde_json::from_str(&generated()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let faults: Vec<String> = validator
        .iter_errors(&report)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(!report["measures"].as_array().unwrap().is_empty());
}

#[test]
fn a_report_with_another_key_or_a_text_for_a_number_does_not_fit() {
    let schema: Value = serde_json::from_str(&generated()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let sound: Value = serde_json::json!({
        "schema": "tribunal-report/1",
        "run": { "name": "r", "seed": 7, "tribunal": "0.1.0", "sources": [], "suites": [] },
        "complete": {
            "complete": true, "words": ["complete"], "planned": 0, "answered": 0, "unanswered": 0,
            "missing": []
        },
        "notes": [],
        "tolerance": 0.01,
        "measures": []
    });
    assert!(validator.is_valid(&sound));
    let mut odd = sound.clone();
    odd["extra"] = Value::Bool(true);
    assert!(!validator.is_valid(&odd));
    let mut odd = sound;
    odd["run"]["seed"] = Value::from("7");
    assert!(!validator.is_valid(&odd));
}
