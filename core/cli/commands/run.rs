//! `tribunal run`: from a recipe to a report.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tribunal_api::Registry;
use tribunal_engine::event::{EventLog, Reporter};
use tribunal_engine::probe;
use tribunal_engine::ready::{Loaded, Ready};
use tribunal_engine::recipe::Recipe;
use tribunal_engine::run::{self, End, Options, Shard, Stop};
use tribunal_engine::store::{RunFolder, StoredPlan};
use tribunal_engine::summary::{self, Summary};

use crate::args::{AskingArgs, RunArgs};
use crate::commands::{read_recipe, resolve};
use crate::exit::{Exit, Failure, print, quoted_path, tell};
use crate::plugins::{self, Kinds};
use crate::progress::{Level, Progress};
use crate::servers::Servers;
use crate::{exit, render};

/// Runs a recipe.
pub fn run(args: &RunArgs, kinds: &mut Kinds) -> Result<Exit, Failure> {
    if args.asking.loudness.verbose {
        plugins::be_verbose();
    }
    let recipe = read_recipe(&args.recipe, kinds)?;
    let plan = resolve(&recipe, kinds, args.recipe.changes.offline)?;
    let loaded = Loaded::read(plan, args.recipe.changes.limit)?;
    let text = std::fs::read_to_string(&args.recipe.recipe).unwrap_or_default();
    let out = match (&args.out, args.fresh) {
        (Some(out), false) => Out::At(out.clone()),
        (Some(out), true) => Out::FreshAt(out.clone()),
        (None, fresh) => Out::Below { runs: recipe.run.out.clone(), fresh },
    };
    let asking = Asking::new(&args.asking, &recipe)?;
    let earlier = |stored: &StoredPlan| RunFolder::open(&out.path(stored)?).ok()?.plan().ok();
    ask(loaded, &kinds.registry, asking, earlier, |stored, ready| {
        create(stored, ready, &out, &text)
    })
}

/// How this process asks, from the command line and the recipe.
pub struct Asking {
    /// What the engine is told.
    pub options: Options,
    /// Whether sources that fail the self-check are asked all the same.
    pub accept_unverified: bool,
    tolerance: f64,
    json: bool,
    verbose: bool,
    level: Level,
}

impl Asking {
    /// What the command line and the recipe say.
    pub fn new(args: &AskingArgs, recipe: &Recipe) -> Result<Self, Failure> {
        let level = match (args.loudness.quiet, args.loudness.verbose) {
            (true, _) => Level::Quiet,
            (false, true) => Level::Verbose,
            (false, false) => Level::Normal,
        };
        let options = Options {
            shard: shard(args)?,
            reuse: recipe.run.reuse.iter().chain(&args.reuse).cloned().collect(),
            accept_weak: recipe.run.accept_weak,
            budget: recipe.run.budget,
            open_sources: recipe.run.open_sources as usize,
        };
        Ok(Self {
            options,
            accept_unverified: args.accept_unverified,
            tolerance: recipe.run.tolerance,
            json: args.json,
            verbose: args.loudness.verbose,
            level,
        })
    }
}

/// The shard of the command line, or of a batch system's variables.
fn shard(args: &AskingArgs) -> Result<Option<Shard>, Failure> {
    let text = match &args.shard {
        Some(text) => Some(text.clone()),
        None => shard_of_batch_system(|name| std::env::var(name).ok())?,
    };
    text.map(|text| text.parse())
        .transpose()
        .map_err(|message: String| Failure::usage(message, "number the parts from 0"))
}

/// `I/N` from the variables of SLURM arrays or indexed jobs.
fn shard_of_batch_system(
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<String>, Failure> {
    let systems = [
        ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN"),
        ("JOB_COMPLETION_INDEX", "JOB_COMPLETION_COUNT", "JOB_COMPLETION_MIN"),
    ];
    for (index, count, first) in systems {
        let Some(place) = variable(index) else { continue };
        let Some(parts) = variable(count) else {
            return Err(Failure::usage(
                format!("{index} is set and {count} is not, so the number of shards is not known"),
                format!("set {count}, or name the part with `--shard I/N`"),
            ));
        };
        // Arrays need not start at 0.
        let first: u64 = variable(first).and_then(|text| text.parse().ok()).unwrap_or(0);
        let place = match place.parse::<u64>() {
            Ok(place) => place.saturating_sub(first).to_string(),
            Err(_) => place,
        };
        return Ok(Some(format!("{place}/{parts}")));
    }
    Ok(None)
}

/// Identifies, checks, asks, stores, measures and prints: what `run` and `resume` share. `earlier` is the plan of the
/// same run where a part of it is done already: its sources are not checked again.
pub fn ask(
    loaded: Loaded,
    registry: &Registry,
    asking: Asking,
    earlier: impl FnOnce(&StoredPlan) -> Option<StoredPlan>,
    open: impl FnOnce(&StoredPlan, &Ready) -> Result<RunFolder, Failure>,
) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let stop = Stop::default();
    let progress: Arc<dyn Reporter> = Arc::new(Progress::new(asking.level));
    runtime.spawn(listen(stop.clone(), asking.level));
    let mut servers = Servers::start(&loaded.plan, asking.level, &|_| true, &|| stop.stopped())?;
    let mut ready = unless_stopped(&runtime, &stop, loaded.identify())??;
    if let Some(earlier) = earlier(&ready.stored) {
        ready.recall(&earlier);
    }
    for warning in warnings(&ready) {
        tell(&format!("warning: {warning}"));
    }
    let told = std::slice::from_ref(&progress);
    let checking = probe::probe_all(&mut ready, asking.accept_unverified, told);
    unless_stopped(&runtime, &stop, checking)?.map_err(probe_failure)?;
    let folder = open(&ready.stored, &ready)?;
    servers.keep_logs(folder.path());
    let log: Arc<dyn Reporter> = Arc::new(EventLog::append(&folder.file("events.jsonl"))?);
    let driven = run::drive(&ready, &folder, &asking.options, vec![log, progress], stop);
    let end = runtime.block_on(driven)?;
    drop(ready);
    // Calls that outlive their timeout would hold the runtime; what they say no longer counts.
    runtime.shutdown_background();
    servers.tell_ended();
    servers.stop();
    finish(&folder, registry, &end, &asking)
}

/// What comes before the first trial, given up when a person asks for it: nothing is stored yet.
fn unless_stopped<T>(
    runtime: &tokio::runtime::Runtime,
    stop: &Stop,
    work: impl Future<Output = T>,
) -> Result<T, Failure> {
    let interrupted =
        || Failure::new(Exit::Interrupted, "interrupted before the first trial", None);
    runtime.block_on(async {
        tokio::select! {
            biased;
            () = stop.wait() => Err(interrupted()),
            done = work => Ok(done),
        }
    })
}

/// What the self-check says, with its exit code.
pub fn probe_failure(failure: probe::ProbeFailure) -> Failure {
    let (exit, hint) = match failure {
        probe::ProbeFailure::Unfit(_) => (
            Exit::SelfCheck,
            Some(
                "mend the source, or go on with `--accept-unverified`; every report will then say so",
            ),
        ),
        probe::ProbeFailure::Unopened { .. } => (Exit::Plugin, None),
        probe::ProbeFailure::Unanswered { .. } => (Exit::Unreachable, None),
    };
    Failure::new(exit, failure, hint.map(str::to_owned))
}

/// What is allowed and yet probably not meant.
fn warnings(ready: &Ready) -> Vec<String> {
    let mut warnings: Vec<String> = Vec::new();
    for (cell, stored) in ready.plan.cells.iter().zip(&ready.stored.cells) {
        if cell.samples > stored.manner.samples {
            let source = &ready.plan.sources[cell.source].name;
            let warning = format!(
                "source `{source}` says the same every time, so it is asked once, not {} times",
                cell.samples
            );
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
    }
    warnings
}

/// First Ctrl-C (or SIGTERM): finish what is under way and save. Second: end at once.
async fn listen(stop: Stop, level: Level) {
    interrupted().await;
    if level != Level::Quiet {
        tell(
            "stopping: calls to servers are finished and stored, what is computed here is left; press Ctrl-C again to end at once",
        );
    }
    stop.stop();
    interrupted().await;
    tribunal_loader::shutdown_all(std::time::Duration::ZERO);
    std::process::exit(Exit::Interrupted as i32);
}

/// Returns when the program is asked to end.
pub(super) async fn interrupted() {
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}

/// Where a new run is put.
enum Out {
    /// In this folder, which may hold the same plan.
    At(PathBuf),
    /// In this folder, which must not exist.
    FreshAt(PathBuf),
    /// In a folder named after recipe and plan.
    Below { runs: PathBuf, fresh: bool },
}

impl Out {
    /// The folder that may hold an earlier part of this run; `None` where a new one is wanted.
    fn path(&self, stored: &StoredPlan) -> Option<PathBuf> {
        match self {
            Out::At(path) => Some(path.clone()),
            Out::Below { runs, fresh: false } => Some(runs.join(folder_name(stored))),
            Out::FreshAt(_) | Out::Below { fresh: true, .. } => None,
        }
    }
}

fn folder_name(stored: &StoredPlan) -> String {
    format!("{}-{}", stored.name, stored.digest().short())
}

fn create(
    stored: &StoredPlan,
    ready: &Ready,
    out: &Out,
    recipe: &str,
) -> Result<RunFolder, Failure> {
    let path = match (out, out.path(stored)) {
        (_, Some(path)) => path,
        (Out::FreshAt(path), None) if path.join("plan.json").exists() => {
            return Err(Failure::usage(
                format!("`{}` holds a run already", path.display()),
                "name another folder, or leave `--fresh` away to go on with it",
            ));
        }
        (Out::FreshAt(path) | Out::At(path), None) => path.clone(),
        (Out::Below { runs, .. }, None) => unused(runs, &folder_name(stored)),
    };
    let keep_texts = ready.plan.recipe.keep_texts;
    Ok(RunFolder::create(path, recipe, stored, &ready.suites, keep_texts)?)
}

/// The first of `name`, `name-2`, `name-3`... that does not exist.
fn unused(runs: &Path, name: &str) -> PathBuf {
    let mut path = runs.join(name);
    let mut number = 2;
    while path.exists() {
        path = runs.join(format!("{name}-{number}"));
        number += 1;
    }
    path
}

/// Measures, saves the summary, prints the report, and says how the run ended.
fn finish(
    folder: &RunFolder,
    registry: &Registry,
    end: &End,
    asking: &Asking,
) -> Result<Exit, Failure> {
    // One process at a time: the last to finish sees what all have stored.
    let lock = folder.lock()?;
    let (summary, damage) = summary::conclude(folder, registry)?;
    for one in damage.into_iter().filter(|_| summary.complete.unanswered > 0) {
        tell(&format!("warning: {one}"));
    }
    folder.replace("summary.json", |file| {
        use std::io::Write;
        file.write_all(summary.to_json().as_bytes())
    })?;
    drop(lock);
    if asking.json {
        print(&summary.to_json())?;
    } else {
        let colour = std::io::stdout().is_terminal() && exit::colour();
        print(&render::table(&summary, asking.verbose, render::width(), colour))?;
    }
    let exit = how_it_ended(&summary, end, asking);
    if asking.level != Level::Quiet {
        farewell(folder, end, exit, summary.complete.unanswered);
    }
    Ok(exit)
}

fn how_it_ended(summary: &Summary, end: &End, asking: &Asking) -> Exit {
    if end.interrupted && end.unanswered > 0 {
        Exit::Interrupted
    } else if end.over_budget.is_some() {
        Exit::Stopped
    } else if !end.stopped_sources.is_empty() {
        match end.stopped_sources.iter().all(|source| source.unopened) {
            true => Exit::Plugin,
            false => Exit::Unreachable,
        }
    } else if over_tolerance(summary, end, asking) {
        Exit::Unanswered
    } else {
        Exit::Success
    }
}

/// A shard answers for its own part alone: the others may still be under way.
fn over_tolerance(summary: &Summary, end: &End, asking: &Asking) -> bool {
    let share = if asking.options.shard.is_some() {
        end.unanswered as f64 / (end.answered + end.unanswered + end.known).max(1) as f64
    } else {
        summary.unanswered_share()
    };
    share > asking.tolerance
}

fn farewell(folder: &RunFolder, end: &End, exit: Exit, unanswered: usize) {
    let path = quoted_path(folder.path());
    if let Some(budget) = &end.over_budget {
        tell(&format!("stopped by the budget: {budget}"));
    }
    if exit == Exit::Unanswered {
        tell("more trials are without answer than the recipe's `tolerance` allows");
    }
    tell(&format!("run folder: {path}"));
    if unanswered > 0 {
        tell(&format!("to go on:   tribunal resume {path}"));
    } else {
        tell(&format!("to look:    tribunal report {path} --verbose"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard_of(variables: &[(&str, &str)]) -> Result<Option<String>, ()> {
        let find = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        shard_of_batch_system(find).map_err(|_| ())
    }

    #[test]
    fn a_batch_system_names_the_shard() {
        let slurm = [
            ("SLURM_ARRAY_TASK_ID", "3"),
            ("SLURM_ARRAY_TASK_COUNT", "4"),
            ("SLURM_ARRAY_TASK_MIN", "1"),
        ];
        assert_eq!(shard_of(&slurm), Ok(Some("2/4".to_owned())));
        let job = [("JOB_COMPLETION_INDEX", "1"), ("JOB_COMPLETION_COUNT", "2")];
        assert_eq!(shard_of(&job), Ok(Some("1/2".to_owned())));
        assert_eq!(shard_of(&[]), Ok(None));
    }

    #[test]
    fn an_index_without_a_count_is_a_fault() {
        assert!(shard_of(&[("JOB_COMPLETION_INDEX", "1")]).is_err());
    }
}
