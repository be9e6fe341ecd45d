//! `tribunal list`: what there is: kinds, recipes, runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use tribunal_api::{Component, Registry};
use tribunal_engine::recipe::Recipe;
use tribunal_engine::store::{RunFolder, StoredPlan};
use tribunal_engine::summary::{Stored, Summary, SummaryError};
use tribunal_judges::builtin;

use crate::args::{ListArgs, Listed};
use crate::commands::run_folders;
use crate::exit::{Exit, Failure, print};
use crate::render::{self, Grid, plain};

/// Lists kinds, recipes or runs.
pub fn list(args: &ListArgs, registry: &Registry) -> Result<Exit, Failure> {
    let text = match args.what {
        Listed::Sources => kinds(registry, Component::Source, args.json)?,
        Listed::Generators => kinds(registry, Component::Generator, args.json)?,
        Listed::Prompts => prompts(args.json)?,
        Listed::Suites => kinds(registry, Component::Suite, args.json)?,
        Listed::Recipes => {
            let folders = match folder(args)? {
                Some(folder) => vec![folder.to_owned()],
                None => vec![PathBuf::from("examples/recipes"), PathBuf::from(".")],
            };
            recipes(&folders, args.json)?
        }
        Listed::Runs => runs(folder(args)?.unwrap_or(Path::new("runs")), args.json)?,
    };
    print(&text)?;
    Ok(Exit::Success)
}

/// The folder that the command line names, when it is one.
fn folder(args: &ListArgs) -> Result<Option<&Path>, Failure> {
    match args.folder.as_deref() {
        Some(folder) if !folder.is_dir() => Err(Failure::usage(
            format!("there is no folder `{}`", folder.display()),
            "name a folder, or leave it out",
        )),
        folder => Ok(folder),
    }
}

#[derive(Serialize)]
struct ListedKind<'a> {
    kind: &'a str,
    summary: &'a str,
    version: &'a str,
    /// What it was loaded from; left out for what is built in.
    #[serde(skip_serializing_if = "Option::is_none")]
    plugin: Option<&'a str>,
}

fn kinds(registry: &Registry, component: Component, json: bool) -> Result<String, Failure> {
    let kinds: Vec<ListedKind<'_>> = registry
        .kinds(component)
        .map(|registered| ListedKind {
            kind: registered.card.kind,
            summary: registered.card.summary,
            version: registered.card.version,
            plugin: registered.origin.as_deref(),
        })
        .collect();
    if json {
        return as_json(&kinds);
    }
    if kinds.iter().all(|kind| kind.plugin.is_none()) {
        let mut grid = Grid::new().text("kind").text("summary");
        for kind in kinds {
            grid.push(vec![plain(kind.kind), plain(kind.summary)]);
        }
        return Ok(render::draw(&grid, render::width(), false));
    }
    let mut grid = Grid::new().text("kind").text("summary").text("from");
    for kind in kinds {
        let from = kind.plugin.unwrap_or("built in");
        grid.push(vec![plain(kind.kind), plain(kind.summary), plain(from)]);
    }
    Ok(render::draw(&grid, render::width(), false))
}

#[derive(Serialize)]
struct ListedPrompt {
    prompt: &'static str,
    /// How many candidates a question holds: a number, or `n`.
    candidates: String,
    /// The publication that it follows; empty for our own.
    source: String,
}

/// The prompts that come with the program.
fn prompts(json: bool) -> Result<String, Failure> {
    let prompts: Vec<ListedPrompt> = builtin::names()
        .iter()
        .map(|name| {
            let text = builtin::prompt(name).unwrap_or_default();
            let table: toml::Table = text.parse().unwrap_or_default();
            let word = |key: &str| match table.get(key) {
                Some(toml::Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => String::new(),
            };
            ListedPrompt { prompt: name, candidates: word("candidates"), source: word("source") }
        })
        .collect();
    if json {
        return as_json(&prompts);
    }
    let mut grid = Grid::new().text("prompt").text("candidates").text("follows");
    for prompt in prompts {
        grid.push(vec![prompt.prompt.to_owned(), plain(&prompt.candidates), plain(&prompt.source)]);
    }
    Ok(render::draw(&grid, render::width(), false))
}

#[derive(Serialize)]
struct ListedRecipe {
    path: PathBuf,
    name: String,
    sources: Vec<String>,
    suites: Vec<String>,
}

fn recipes(folders: &[PathBuf], json: bool) -> Result<String, Failure> {
    let mut recipes: Vec<ListedRecipe> = Vec::new();
    for folder in folders {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        let mut paths: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
            .collect();
        paths.sort();
        recipes.extend(paths.into_iter().filter_map(recipe));
    }
    if json {
        return as_json(&recipes);
    }
    if recipes.is_empty() {
        return Ok("no recipes; `tribunal init first.toml` writes one\n".to_owned());
    }
    let mut grid = Grid::new().text("recipe").text("name").text("sources").text("suites");
    for recipe in recipes {
        let path = recipe.path.strip_prefix(".").unwrap_or(&recipe.path).display().to_string();
        grid.push(vec![
            plain(&path),
            plain(&recipe.name),
            plain(&recipe.sources.join(", ")),
            plain(&recipe.suites.join(", ")),
        ]);
    }
    Ok(render::draw(&grid, render::width(), false))
}

/// The recipe in a file; `None` for TOML that is something else.
fn recipe(path: PathBuf) -> Option<ListedRecipe> {
    let recipe = Recipe::load(&path, &[]).ok()?;
    Some(ListedRecipe {
        path,
        name: recipe.name,
        sources: recipe.sources.into_iter().map(|source| source.block.name).collect(),
        suites: recipe.suites.into_iter().map(|suite| suite.block.name).collect(),
    })
}

#[derive(Serialize)]
struct ListedRun {
    id: String,
    path: PathBuf,
    recipe: String,
    started: String,
    complete: bool,
    state: String,
    sources: Vec<String>,
    suites: Vec<String>,
}

fn runs(folder: &Path, json: bool) -> Result<String, Failure> {
    let runs: Vec<ListedRun> = run_folders(folder).into_iter().map(run).collect();
    if json {
        return as_json(&runs);
    }
    if runs.is_empty() {
        let folder = plain(&folder.display().to_string());
        return Ok(format!("no runs below `{folder}`; `tribunal run RECIPE` makes one\n"));
    }
    let mut grid = Grid::new()
        .text("run")
        .text("recipe")
        .text("started (UTC)")
        .text("state")
        .text("sources")
        .text("suites");
    for run in runs {
        grid.push(vec![
            plain(&run.id),
            plain(&run.recipe),
            run.started,
            plain(&run.state),
            plain(&run.sources.join(", ")),
            plain(&run.suites.join(", ")),
        ]);
    }
    Ok(render::draw(&grid, render::width(), false))
}

/// What a run folder says of itself. One that cannot be read is listed with the reason.
fn run(path: PathBuf) -> ListedRun {
    let id = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let planned = fs::metadata(path.join("plan.json")).and_then(|plan| plan.modified());
    let started = planned.map(utc).unwrap_or_default();
    match read_run(&path) {
        Ok((plan, complete, state)) => ListedRun {
            id,
            path,
            recipe: plan.name,
            started,
            complete,
            state,
            sources: plan.sources.into_iter().map(|source| source.name).collect(),
            suites: plan.suites.into_iter().map(|suite| suite.name).collect(),
        },
        Err(error) => ListedRun {
            id,
            path,
            recipe: String::new(),
            started,
            complete: false,
            state: format!("unreadable: {error}"),
            sources: Vec::new(),
            suites: Vec::new(),
        },
    }
}

fn read_run(path: &Path) -> Result<(StoredPlan, bool, String), SummaryError> {
    let folder = RunFolder::open(path)?;
    let plan = folder.plan()?;
    let share = if says_all_answered(&folder) { 1.0 } else { answered_share(&folder)? };
    let mut words = vec![match share {
        1.0 => "complete".to_owned(),
        // Rounded down: an unfinished run never reads as 100 %.
        share => format!("incomplete, {:.1} %", (1000.0 * share).floor() / 10.0),
    }];
    if plan.suites.iter().any(|suite| !suite.absent.is_empty()) {
        words.push("partial".to_owned());
    }
    if plan.suites.iter().any(|suite| !suite.limited.is_empty()) {
        words.push("limited".to_owned());
    }
    // As in reports: what lacks data or was cut down is not called complete.
    if words.len() > 1 && share == 1.0 {
        words.remove(0);
    }
    Ok((plan, words == ["complete"], words.join(", ")))
}

/// True when the stored summary knows of no unanswered trial: trials are only ever added.
fn says_all_answered(folder: &RunFolder) -> bool {
    let summary = fs::read(folder.file("summary.json")).ok();
    let summary = summary.and_then(|text| serde_json::from_slice::<Summary>(&text).ok());
    summary.is_some_and(|summary| summary.complete.unanswered == 0)
}

fn answered_share(folder: &RunFolder) -> Result<f64, SummaryError> {
    let stored = Stored::read(folder)?;
    let (mut planned, mut answered) = (0, 0);
    for cell in &stored.plan.cells {
        let (of_cell, done) = stored.answered(cell);
        planned += of_cell;
        answered += done;
    }
    Ok(if planned == 0 { 1.0 } else { answered as f64 / planned as f64 })
}

/// `2026-03-01 14:05`, in UTC.
fn utc(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (year, month, day) = civil(seconds / 86_400);
    let minutes = seconds % 86_400 / 60;
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", minutes / 60, minutes % 60)
}

/// Year, month and day of a number of days since 1970-01-01, in the Gregorian calendar.
fn civil(mut days: u64) -> (u64, u64, u64) {
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

/// A value as JSON with a line end.
pub(super) fn as_json(value: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::new(Exit::Internal, error, None))?;
    Ok(text + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates_over_leap_years() {
        assert_eq!(civil(0), (1970, 1, 1));
        // 1970 and 1971 have 365 days each; 1972 is a leap year: its 60th day is 29 February.
        assert_eq!(civil(730 + 59), (1972, 2, 29));
        // 2000 is a leap year although it divides by 100: 30 years with 7 leap days before it.
        assert_eq!(civil(30 * 365 + 7 + 59), (2000, 2, 29));
        assert_eq!(civil(30 * 365 + 7 + 366), (2001, 1, 1));
    }

    #[test]
    fn a_folder_without_runs_lists_none() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(runs(folder.path(), true).unwrap(), "[]\n");
        assert!(runs(folder.path(), false).unwrap().starts_with("no runs below"));
    }

    #[test]
    fn a_run_is_listed_with_its_state_and_a_broken_one_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let good = folder.path().join("first-1");
        fs::create_dir_all(good.join("trials")).unwrap();
        let plan = serde_json::json!({
            "format": "1.0", "tribunal": "0.1.0", "name": "first", "seed": 7, "tolerance": 0.0,
            "suites": [], "sources": [], "cells": [],
            "recipe": { "base": "/", "value": {} }
        });
        fs::write(good.join("plan.json"), plan.to_string()).unwrap();
        fs::write(good.join("items.jsonl"), "").unwrap();
        let bad = folder.path().join("broken");
        fs::create_dir(&bad).unwrap();
        fs::write(bad.join("plan.json"), "{").unwrap();
        let text = runs(folder.path(), true).unwrap();
        let listed: serde_json::Value = serde_json::from_str(&text).unwrap();
        let of = |id: &str| {
            let list = listed.as_array().unwrap();
            list.iter().find(|run| run["id"] == id).unwrap().clone()
        };
        assert_eq!(of("first-1")["recipe"], "first");
        assert_eq!(of("first-1")["state"], "complete");
        assert!(of("broken")["state"].as_str().unwrap().starts_with("unreadable: "));
    }

    #[test]
    fn toml_that_is_no_recipe_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("other.toml"), "[package]\nname = \"x\"\n").unwrap();
        fs::write(
            folder.path().join("mine.toml"),
            "[source.coin]\nkind = \"baseline.coin\"\n[suite.a]\nkind = \"pairs\"\n",
        )
        .unwrap();
        let text = recipes(&[folder.path().to_owned()], true).unwrap();
        let listed: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(listed.as_array().unwrap().len(), 1);
        assert_eq!(listed[0]["name"], "mine");
        assert_eq!(listed[0]["sources"][0], "coin");
    }
}
