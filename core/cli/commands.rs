//! One file a command.

pub mod export;
pub mod init;
pub mod list;
pub mod model;
pub mod plan;
pub mod plugin;
pub mod report;
pub mod resume;
pub mod run;
pub mod show;
pub mod source;
pub mod validate;

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap_complete::Shell;
use tribunal_api::Registry;
use tribunal_engine::plan::{Plan, Reach, settings_faults};
use tribunal_engine::recipe::Recipe;
use tribunal_engine::store::RunFolder;
use tribunal_engine::summary::SummaryError;

use crate::args::{Cli, RecipeArgs};
use crate::exit::{Exit, Failure, print};
use crate::plugins::Kinds;

/// Prints completions for a shell.
pub fn completions(shell: Shell) -> Result<Exit, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "tribunal", &mut text);
    print(&String::from_utf8_lossy(&text))?;
    Ok(Exit::Success)
}

/// The recipe of a command line, `--set` and `--seed` put in, with its plugins loaded.
pub fn read_recipe(args: &RecipeArgs, kinds: &mut Kinds) -> Result<Recipe, Failure> {
    let mut sets = args.changes.sets.clone();
    sets.extend(args.changes.seed.map(|seed| format!("seed={seed}")));
    let known = RefCell::new(kinds);
    let further = |recipe: &Recipe| {
        let mut kinds = known.borrow_mut();
        // Without its plugins it is not known which kinds and keys there are.
        match kinds.load(recipe) {
            Ok(()) => settings_faults(recipe, &kinds.registry),
            Err(_) => Vec::new(),
        }
    };
    let recipe = Recipe::load_with(&args.recipe, &sets, further)?;
    known.into_inner().load(&recipe)?;
    Ok(recipe)
}

/// The plan of a recipe whose plugins are loaded. With `offline` only this machine may be contacted.
pub fn resolve(recipe: &Recipe, kinds: &Kinds, offline: bool) -> Result<Plan, Failure> {
    let reach = if offline { Reach::Loopback } else { Reach::Anywhere };
    Plan::resolve_within(recipe, &kinds.registry, reach).map_err(|faults| {
        let failure = Failure::from(faults);
        match kinds.failures().is_empty() {
            true => failure,
            // The recipe is sound as far as anyone can tell; what it names is not.
            false => Failure { exit: Exit::Plugin, ..failure },
        }
    })
}

/// Does something that grades a run: with the grades that the run keeps of suites from plugins, else with the plugins of
/// its recipe loaded.
pub fn grading<T>(
    folder: &RunFolder,
    kinds: &mut Kinds,
    work: impl Fn(&Registry) -> Result<T, SummaryError>,
) -> Result<T, Failure> {
    match work(&kinds.registry) {
        Err(SummaryError::NoGrades { .. }) => {
            kinds.load(&Recipe::from_stored(folder.plan()?.recipe)?)?;
            Ok(work(&kinds.registry)?)
        }
        other => Ok(other?),
    }
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
