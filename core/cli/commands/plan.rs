//! `tribunal plan`: what a recipe would ask, counted. No source is asked.

use serde_json::{Value, json};
use tribunal_api::Counted;
use tribunal_engine::estimate::{self, Cost, Estimates, Expected};
use tribunal_engine::price::Price;
use tribunal_engine::ready::{Loaded, Ready};
use tribunal_engine::run::{self, Counts};

use crate::args::PlanArgs;
use crate::commands::{read_recipe, resolve};
use crate::exit::{Exit, Failure, print};
use crate::plugins::Kinds;
use crate::render::{self, Grid};

/// Prints the cells of a recipe and how many trials they hold.
pub fn plan(args: &PlanArgs, kinds: &mut Kinds) -> Result<Exit, Failure> {
    let recipe = read_recipe(&args.recipe, kinds)?;
    let loaded = Loaded::read(
        resolve(&recipe, kinds, args.recipe.changes.offline)?,
        args.recipe.changes.limit,
    )?;
    let ready = loaded.assume();
    let (cells, total) = run::counts(&ready);
    let estimates = estimate::estimate(&ready);
    let text = match args.json {
        true => as_json(&ready, &cells, total, &estimates),
        false => as_table(&ready, &cells, total, &estimates),
    };
    print(&text)?;
    Ok(Exit::Success)
}

fn as_json(ready: &Ready, counts: &[Counts], total: Counts, estimates: &Estimates) -> String {
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
        .zip(&estimates.cells)
        .map(|((cell, counted), expected)| {
            json!({
                "source": stored.sources[cell.source].name,
                "suite": stored.suites[cell.suite].name,
                "levels": cell.levels,
                "protocols": protocols(ready, cell.suite, &cell.manner),
                "order": cell.orders(),
                "samples": cell.manner.samples,
                "counts": count(counted),
                "estimate": expected,
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
        "estimate": estimates.total,
        "prices": estimates.prices,
        "unpriced": estimates.unpriced,
    });
    format!("{value:#}\n")
}

fn as_table(ready: &Ready, counts: &[Counts], total: Counts, estimates: &Estimates) -> String {
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
    if estimates.total.is_some() {
        for number in COSTS {
            grid = grid.number(number);
        }
    }
    for ((cell, count), expected) in stored.cells.iter().zip(counts).zip(&estimates.cells) {
        let mut row = vec![
            stored.sources[cell.source].name.clone(),
            stored.suites[cell.suite].name.clone(),
            levels(&cell.levels),
            protocols(ready, cell.suite, &cell.manner).join(", "),
            cell.orders(),
            cell.manner.samples.to_string(),
        ];
        row.extend(
            [count.items, count.trials, count.distinct, count.new].map(|count| count.to_string()),
        );
        if estimates.total.is_some() {
            row.extend(costs(expected.as_ref()));
        }
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
    text.push_str(&cost_lines(estimates));
    text
}

/// The columns of what a cell is expected to cost.
const COSTS: [&str; 6] = ["all calls", "calls", "tokens in", "tokens out", "USD", "time"];

fn costs(expected: Option<&Expected>) -> [String; 6] {
    let Some(expected) = expected else { return COSTS.map(|_| "-".to_owned()) };
    let Cost { calls, input_tokens, output_tokens, usd } = expected.after;
    [
        expected.before.calls.to_string(),
        calls.to_string(),
        input_tokens.to_string(),
        output_tokens.to_string(),
        usd.map_or_else(unknown, dollars),
        expected.seconds.map_or_else(unknown, duration),
    ]
}

/// What all cells cost together, and what the numbers rest on.
fn cost_lines(estimates: &Estimates) -> String {
    let Some(total) = &estimates.total else { return String::new() };
    let Cost { calls, input_tokens, output_tokens, usd } = total.after;
    let mut text = format!(
        "estimate: {calls} calls ({} before equal questions are asked once), {input_tokens} tokens in, at most \
         {output_tokens} tokens out, {}, time {}\n",
        total.before.calls,
        usd.map_or_else(|| "USD unknown".to_owned(), |usd| format!("at most {} USD", dollars(usd))),
        total.seconds.map_or_else(|| "unknown (nothing measured yet)".to_owned(), duration),
    );
    text.push_str(match total.counted {
        Counted::Tokenizer => "tokens in: counted by the model's tokenizer; ",
        Counted::Characters => "tokens in: estimated from characters; ",
    });
    text.push_str("tokens out, and with them USD: the most that the token limits allow\n");
    for priced in &estimates.prices {
        let from = match &priced.listed {
            Some(date) => format!("list prices of {date}"),
            None => "the recipe".to_owned(),
        };
        let Price { input, output } = priced.price;
        text.push_str(&render::plain(&format!(
            "price of {}: {input} USD in, {output} USD out per million tokens ({from})",
            priced.model
        )));
        text.push('\n');
    }
    for model in &estimates.unpriced {
        text.push_str(&render::plain(&format!(
            "price of {model}: unknown; a recipe names it so: [price] \"{model}\" = {{ input = 2.5, output = 10.0 }}"
        )));
        text.push('\n');
    }
    text
}

fn unknown() -> String {
    "unknown".to_owned()
}

/// Dollars with two decimals, small sums with two digits that count.
fn dollars(usd: f64) -> String {
    match usd {
        usd if usd == 0.0 || usd >= 0.1 => format!("{usd:.2}"),
        usd if usd >= 0.0001 => format!("{usd:.4}"),
        usd => format!("{usd:.1e}"),
    }
}

/// A length of time for a person: `45 s`, `12 min`, `3 h 20 min`.
fn duration(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round() as u64;
    match seconds {
        seconds if seconds < 1.0 => "under 1 s".to_owned(),
        seconds if seconds < 99.5 => format!("{seconds:.0} s"),
        _ if minutes < 100 => format!("{minutes} min"),
        _ => format!("{} h {} min", minutes / 60, minutes % 60),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sums_are_written_for_a_person() {
        let times = [0.2, 45.0, 99.4, 720.0, 12_000.0].map(duration);
        assert_eq!(times, ["under 1 s", "45 s", "99 s", "12 min", "3 h 20 min"]);
        let sums = [0.0, 12.345, 0.1, 0.0123].map(dollars);
        assert_eq!(sums, ["0.00", "12.35", "0.10", "0.0123"]);
    }
}
