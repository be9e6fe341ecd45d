//! `tribunal plan`: what a recipe would ask, counted. No source is asked.

use serde_json::{Value, json};
use tribunal_api::Registry;
use tribunal_engine::plan::Plan;
use tribunal_engine::ready::{Loaded, Ready};
use tribunal_engine::run::{self, Counts};

use crate::args::PlanArgs;
use crate::commands::read_recipe;
use crate::exit::{Exit, Failure, print};
use crate::render::{self, Grid};

/// Prints the cells of a recipe and how many trials they hold.
pub fn plan(args: &PlanArgs, registry: &Registry) -> Result<Exit, Failure> {
    let recipe = read_recipe(&args.recipe, registry)?;
    let loaded = Loaded::read(Plan::resolve(&recipe, registry)?, args.recipe.limit)?;
    let ready = loaded.assume();
    let (cells, total) = run::counts(&ready);
    let text =
        if args.json { as_json(&ready, &cells, total) } else { as_table(&ready, &cells, total) };
    print(&text)?;
    Ok(Exit::Success)
}

fn as_json(ready: &Ready, counts: &[Counts], total: Counts) -> String {
    let stored = &ready.stored;
    let count = |count: &Counts| {
        json!({
            "items": count.items,
            "trials": count.trials,
            "distinct": count.distinct,
            "new": count.new,
        })
    };
    let cells: Vec<Value> = stored
        .cells
        .iter()
        .zip(counts)
        .map(|(cell, counted)| {
            json!({
                "source": stored.sources[cell.source].name,
                "suite": stored.suites[cell.suite].name,
                "levels": cell.levels,
                "protocols": protocols(ready, cell.suite, &cell.manner),
                "order": cell.manner.order.to_string(),
                "samples": cell.manner.samples,
                "counts": count(counted),
            })
        })
        .collect();
    let suites: Vec<Value> = stored
        .suites
        .iter()
        .zip(&ready.suites)
        .map(|(suite, cases)| {
            json!({
                "name": suite.name,
                "kind": suite.kind,
                "items": suite.items,
                "clusters": cases.clusters,
                "absent": suite.absent.iter().map(|one| &one.what).collect::<Vec<_>>(),
                "limited": suite.limited,
            })
        })
        .collect();
    let value = json!({
        "schema": "tribunal-plan/1",
        "name": stored.name,
        "seed": stored.seed,
        "suites": suites,
        "cells": cells,
        "total": count(&total),
    });
    format!("{value:#}\n")
}

fn as_table(ready: &Ready, counts: &[Counts], total: Counts) -> String {
    let stored = &ready.stored;
    let mut text = format!("recipe {} (seed {})\n\n", stored.name, stored.seed);
    for (suite, cases) in stored.suites.iter().zip(&ready.suites) {
        text.push_str(&format!(
            "suite {} ({}): {} items in {} clusters\n",
            suite.name, suite.kind, suite.items, cases.clusters
        ));
        let few = if suite.absent.len() > 6 { 3 } else { suite.absent.len() };
        for absent in &suite.absent[..few] {
            text.push_str(&format!("  lacks {}\n", absent.what));
        }
        if few < suite.absent.len() {
            let rest = suite.absent.len() - few;
            text.push_str(&format!(
                "  lacks {rest} more files or parts (`--json` names them all)\n"
            ));
        }
        for limited in &suite.limited {
            text.push_str(&format!("  limited to {limited}\n"));
        }
    }
    let mut grid =
        Grid::new().text("source").text("suite").text("levels").text("protocol").text("order");
    for number in ["samples", "items", "trials", "distinct", "new"] {
        grid = grid.number(number);
    }
    for (cell, count) in stored.cells.iter().zip(counts) {
        let mut row = vec![
            stored.sources[cell.source].name.clone(),
            stored.suites[cell.suite].name.clone(),
            levels(&cell.levels),
            protocols(ready, cell.suite, &cell.manner).join(", "),
            cell.manner.order.to_string(),
            cell.manner.samples.to_string(),
        ];
        row.extend(
            [count.items, count.trials, count.distinct, count.new].map(|count| count.to_string()),
        );
        grid.push(row);
    }
    let grid = grid.without_columns_of("levels", &[""]);
    text.push_str(&format!("\n{}\n", render::draw(&grid, render::width(), false)));
    text.push_str(&format!(
        "{} cells, {} trials, {} distinct questions are asked\n",
        stored.cells.len(),
        total.trials,
        total.new
    ));
    text.push_str(
        "trials: questions x presentations x samples; distinct: equal ones once in the cell; new: not asked by a cell above\n",
    );
    text
}

fn levels(levels: &serde_json::Map<String, Value>) -> String {
    let one = |(key, value): (&String, &Value)| match value {
        Value::String(text) => format!("{key}={text}"),
        other => format!("{key}={other}"),
    };
    levels.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn protocols(ready: &Ready, suite: usize, manner: &tribunal_engine::ask::Manner) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for subset in ready.suites[suite].subsets() {
        if let Some(form) = manner.forms.get(&subset) {
            let word = form.protocol.as_str().to_owned();
            if !found.contains(&word) {
                found.push(word);
            }
        }
    }
    found
}
