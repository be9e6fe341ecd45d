//! One file a command.

pub mod export;
pub mod init;
pub mod list;
pub mod plan;
pub mod report;
pub mod resume;
pub mod run;
pub mod show;
pub mod source;
pub mod validate;

use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap_complete::Shell;
use tribunal_api::Registry;
use tribunal_engine::plan::{Plan, Reach, settings_faults};
use tribunal_engine::recipe::Recipe;
use tribunal_engine::store::RunFolder;

use crate::args::{Cli, RecipeArgs};
use crate::exit::{Exit, Failure, print};

/// Prints completions for a shell.
pub fn completions(shell: Shell) -> Result<Exit, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "tribunal", &mut text);
    print(&String::from_utf8_lossy(&text))?;
    Ok(Exit::Success)
}

/// The recipe of a command line, `--set` and `--seed` put in.
pub fn read_recipe(args: &RecipeArgs, registry: &Registry) -> Result<Recipe, Failure> {
    let mut sets = args.sets.clone();
    sets.extend(args.seed.map(|seed| format!("seed={seed}")));
    Ok(Recipe::load_with(&args.recipe, &sets, |recipe| settings_faults(recipe, registry))?)
}

/// The plan of a recipe. With `offline` only this machine may be contacted.
pub fn resolve(recipe: &Recipe, registry: &Registry, offline: bool) -> Result<Plan, Failure> {
    let reach = if offline { Reach::Loopback } else { Reach::Anywhere };
    Ok(Plan::resolve_within(recipe, registry, reach)?)
}

/// The run folder that a person names: a path, a name below `runs`, or `latest`.
pub fn find_run(name: &Path) -> Result<RunFolder, Failure> {
    let runs = Path::new("runs");
    if name == Path::new("latest") && !name.is_dir() {
        return match newest(runs) {
            Some(path) => Ok(RunFolder::open(path)?),
            None => Err(Failure::usage(
                "there is no run below `runs`",
                "start one with `tribunal run RECIPE`, or name a run folder",
            )),
        };
    }
    let below = runs.join(name);
    let path = if !name.is_dir() && below.is_dir() { below } else { name.to_owned() };
    Ok(RunFolder::open(path)?)
}

/// All run folders below a folder, oldest first by the time of their plan.
pub fn run_folders(runs: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(runs) else { return Vec::new() };
    let mut found: Vec<(std::time::SystemTime, PathBuf)> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let planned = std::fs::metadata(path.join("plan.json")).ok()?.modified().ok()?;
            Some((planned, path))
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, path)| path).collect()
}

fn newest(runs: &Path) -> Option<PathBuf> {
    run_folders(runs).pop()
}
