//! A run's card: sources with their identity, suites, cells and rules.

use serde::Serialize;
use serde_json::{Map, Value};
use tribunal_api::{Failures, Identity, Ties};
use tribunal_engine::ask::Manner;
use tribunal_engine::probe::Record;
use tribunal_engine::store::{RunFolder, StoredPlan};

use crate::commands::list::as_json;
use crate::exit::Failure;
use crate::render::{self, Grid, plain};

/// Shows what a run was planned to ask.
pub(super) fn show(folder: &RunFolder, json: bool) -> Result<String, Failure> {
    let plan = folder.plan()?;
    let view = RunView::of(folder, &plan);
    if json { as_json(&view) } else { Ok(view.text()) }
}

#[derive(Serialize)]
struct RunView<'a> {
    folder: String,
    name: &'a str,
    seed: u64,
    tribunal: &'a str,
    tolerance: f64,
    sources: Vec<SourceView<'a>>,
    suites: Vec<SuiteView<'a>>,
    cells: Vec<CellView<'a>>,
}

#[derive(Serialize)]
struct SourceView<'a> {
    name: &'a str,
    kind: &'a str,
    version: &'a str,
    identity: &'a Identity,
    unverified: &'a [String],
    #[serde(rename = "self-check", skip_serializing_if = "Option::is_none")]
    self_check: Option<&'a Record>,
    settings: &'a Value,
}

#[derive(Serialize)]
struct SuiteView<'a> {
    name: &'a str,
    kind: &'a str,
    version: &'a str,
    items: usize,
    absent: Vec<&'a str>,
    limited: &'a [String],
    settings: &'a Value,
}

#[derive(Serialize)]
struct CellView<'a> {
    source: &'a str,
    suite: &'a str,
    levels: &'a Map<String, Value>,
    protocols: Vec<&'static str>,
    order: String,
    samples: u32,
    combiner: &'static str,
    /// How samples or members become one score; absent where samples are averaged.
    #[serde(skip_serializing_if = "Option::is_none")]
    vote: Option<String>,
    /// The sources that are asked in the place of a route or panel.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    members: Vec<&'a str>,
    ties: Ties,
    failures: Failures,
}

impl<'a> RunView<'a> {
    fn of(folder: &RunFolder, plan: &'a StoredPlan) -> Self {
        let sources = plan.sources.iter().map(|source| SourceView {
            name: &source.name,
            kind: &source.kind,
            version: &source.version,
            identity: &source.identity,
            unverified: &source.unverified,
            self_check: source.self_check.as_ref(),
            settings: &source.settings,
        });
        let suites = plan.suites.iter().map(|suite| SuiteView {
            name: &suite.name,
            kind: &suite.kind,
            version: &suite.version,
            items: suite.items,
            absent: suite.absent.iter().map(|absent| absent.what.as_str()).collect(),
            limited: &suite.limited,
            settings: &suite.settings,
        });
        let cells = plan.cells.iter().map(|cell| CellView {
            source: &plan.sources[cell.source].name,
            suite: &plan.suites[cell.suite].name,
            levels: &cell.levels,
            protocols: protocols(&cell.manner),
            order: cell.orders(),
            samples: cell.manner.samples,
            combiner: cell.manner.combiner.as_str(),
            vote: cell.vote(),
            members: cell
                .members
                .iter()
                .map(|member| plan.sources[member.source].name.as_str())
                .collect(),
            ties: cell.manner.rules.ties,
            failures: cell.manner.rules.failures,
        });
        Self {
            folder: folder.path().display().to_string(),
            name: &plan.name,
            seed: plan.seed,
            tribunal: &plan.tribunal,
            tolerance: plan.tolerance,
            sources: sources.collect(),
            suites: suites.collect(),
            cells: cells.collect(),
        }
    }

    fn text(&self) -> String {
        let mut text = plain(&format!("run {}", self.folder));
        text.push('\n');
        text.push_str(&plain(&format!(
            "recipe {}, seed {}, planned by tribunal {}",
            self.name, self.seed, self.tribunal
        )));
        text.push_str("\n\n");
        let mut sources = Grid::new()
            .text("source")
            .text("kind")
            .text("identity")
            .text("fingerprint")
            .text("known by")
            .text("settings");
        for source in &self.sources {
            sources.push(vec![
                plain(source.name),
                plain(source.kind),
                plain(&source.identity.name),
                plain(&source.identity.fingerprint),
                word(&source.identity.strength),
                plain(&source.settings.to_string()),
            ]);
        }
        let mut suites = Grid::new()
            .text("suite")
            .text("kind")
            .number("items")
            .text("absent")
            .text("limited to")
            .text("settings");
        for suite in &self.suites {
            suites.push(vec![
                plain(suite.name),
                plain(suite.kind),
                suite.items.to_string(),
                plain(&suite.absent.join(", ")),
                plain(&suite.limited.join(", ")),
                plain(&suite.settings.to_string()),
            ]);
        }
        let mut cells = Grid::new()
            .text("source")
            .text("suite")
            .text("levels")
            .text("protocol")
            .text("order")
            .number("samples")
            .text("combiner")
            .text("vote")
            .text("members")
            .text("ties")
            .text("failures");
        for cell in &self.cells {
            cells.push(vec![
                plain(cell.source),
                plain(cell.suite),
                plain(&super::item::levels(cell.levels)),
                cell.protocols.join(" + "),
                cell.order.clone(),
                cell.samples.to_string(),
                cell.combiner.to_owned(),
                plain(cell.vote.as_deref().unwrap_or_default()),
                plain(&cell.members.join(", ")),
                word(&cell.ties),
                word(&cell.failures),
            ]);
        }
        let grids = [
            sources,
            suites.without_columns_of("absent", &[""]).without_columns_of("limited to", &[""]),
            cells
                .without_columns_of("levels", &[""])
                .without_columns_of("vote", &[""])
                .without_columns_of("members", &[""]),
        ];
        let drawn = grids.map(|grid| render::draw(&grid, render::width(), false));
        text.push_str(&drawn.join("\n"));
        for source in &self.sources {
            if let Some(Record { right, of, notes, .. }) = source.self_check {
                let name = source.name;
                text.push_str(&plain(&format!(
                    "self-check of `{name}`: {right} of {of} known pairs right"
                )));
                text.push('\n');
                for note in notes {
                    text.push_str(&plain(&format!("self-check of `{name}`: {note}")));
                    text.push('\n');
                }
            }
            for finding in source.unverified {
                text.push_str(&plain(&format!(
                    "source `{}` is unverified: {finding}",
                    source.name
                )));
                text.push('\n');
            }
        }
        text
    }
}

/// The protocols of a cell's subsets, each once.
fn protocols(manner: &Manner) -> Vec<&'static str> {
    let mut protocols: Vec<_> = manner.forms.values().map(|form| form.protocol).collect();
    protocols.sort();
    protocols.dedup();
    protocols.into_iter().map(|protocol| protocol.as_str()).collect()
}

/// The word that a value of a fixed list is stored as.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}
