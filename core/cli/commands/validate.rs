//! `tribunal validate`: is a recipe sound, and can the data it names be read?

use serde_json::json;
use tribunal_engine::ready::Loaded;

use crate::args::ValidateArgs;
use crate::commands::{read_recipe, resolve};
use crate::exit::{Exit, Failure, print};
use crate::plugins::Kinds;

/// Checks a recipe, and unless told otherwise its data.
pub fn validate(args: &ValidateArgs, kinds: &mut Kinds) -> Result<Exit, Failure> {
    let recipe = read_recipe(&args.recipe, kinds)?;
    let plan = resolve(&recipe, kinds, args.recipe.changes.offline)?;
    let cells = plan.cells.len();
    let items = if args.no_data {
        None
    } else {
        let loaded = Loaded::read(plan, args.recipe.changes.limit)?;
        Some(loaded.suites.iter().map(|suite| suite.cases.len()).sum::<usize>())
    };
    if args.json {
        print(&format!(
            "{:#}\n",
            json!({ "valid": true, "name": recipe.name, "cells": cells, "items": items })
        ))?;
    } else {
        let data = match items {
            Some(items) => format!("{items} items read"),
            None => "data not opened".to_owned(),
        };
        print(&format!("{} is sound: {cells} cells, {data}\n", args.recipe.recipe.display()))?;
    }
    Ok(Exit::Success)
}
