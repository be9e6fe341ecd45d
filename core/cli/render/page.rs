//! What a report shows, before it has a format: a head, and a block of grids for every suite.

use std::collections::BTreeSet;

use tribunal_engine::summary::{LENGTH_LINE, ReportRow, SuiteSummary, Summary};

use super::grid::{Grid, Row};
use super::words::{self, LevelNames, NONE, plain};
use super::{figures, slices};

/// How much of a summary is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// Headlines, groups, and the most telling figures.
    Telling,
    /// Everything.
    Everything,
}

impl Shown {
    pub(super) fn of(verbose: bool) -> Self {
        if verbose { Shown::Everything } else { Shown::Telling }
    }
}

/// A suite that lacks more than this is told by a few and a count.
const MOST_LACKS: usize = 6;
const FEW_LACKS: usize = 3;

/// A report.
pub(super) struct Page {
    /// What was run.
    pub title: String,
    /// `complete`, or what it is instead, in capitals.
    pub state: String,
    /// True when nothing is missing.
    pub complete: bool,
    /// Everything that is missing, by name.
    pub missing: Vec<String>,
    /// What a reader must know before comparing numbers.
    pub notes: Vec<String>,
    /// The sources, one a line; empty unless everything is shown.
    pub sources: Vec<String>,
    /// One block a suite.
    pub blocks: Vec<Block>,
}

/// A suite of a report.
pub(super) struct Block {
    /// The suite with its counts.
    pub heading: String,
    /// How it was asked.
    pub lines: Vec<String>,
    /// Its tables: measures, figures, slices.
    pub grids: Vec<Grid>,
}

impl Page {
    pub(super) fn of(summary: &Summary, shown: Shown) -> Self {
        let complete = &summary.complete;
        let state = complete.words.join(", ");
        let mut missing = missing(summary, shown);
        if complete.unanswered > 0 {
            missing.insert(
                0,
                format!("{} of {} trials are answered", complete.answered, complete.planned),
            );
        }
        let sources = summary.run.sources.iter().map(|source| {
            let identity = if source.identity == source.kind {
                String::new()
            } else {
                format!(", {}", source.identity)
            };
            let known =
                format!("{}: {}{identity}, known by {}", source.name, source.kind, source.strength);
            plain(&known)
        });
        Self {
            title: plain(&format!("{}, seed {}", summary.run.name, summary.run.seed)),
            state: if complete.complete { state } else { state.to_uppercase() },
            complete: complete.complete,
            missing,
            notes: summary.notes.iter().map(|note| plain(note)).collect(),
            sources: if shown == Shown::Everything { sources.collect() } else { Vec::new() },
            blocks: blocks(summary, shown),
        }
    }
}

/// Everything that is missing by name; of suites that lack much, a few of it and a count unless everything is shown.
fn missing(summary: &Summary, shown: Shown) -> Vec<String> {
    let mut missing: Vec<String> = summary.complete.missing.iter().map(|one| plain(one)).collect();
    if shown == Shown::Everything {
        return missing;
    }
    for suite in &summary.run.suites {
        let lacks = plain(&format!("suite `{}` lacks ", suite.name));
        let all = missing.iter().filter(|one| one.starts_with(&lacks)).count();
        if all <= MOST_LACKS {
            continue;
        }
        let mut seen = 0;
        missing.retain(|one| {
            seen += usize::from(one.starts_with(&lacks));
            !one.starts_with(&lacks) || seen <= FEW_LACKS
        });
        let last = missing.iter().rposition(|one| one.starts_with(&lacks)).map_or(0, |at| at + 1);
        let rest = all - FEW_LACKS;
        missing.insert(
            last,
            format!("{lacks}{rest} more files or parts (`--verbose` names them all)"),
        );
    }
    missing
}

/// One block for each name of a suite, whatever varies in it.
fn blocks(summary: &Summary, shown: Shown) -> Vec<Block> {
    let suites = &summary.run.suites;
    let mut blocks = Vec::new();
    for (place, suite) in suites.iter().enumerate() {
        if suites[..place].iter().any(|earlier| earlier.name == suite.name) {
            continue;
        }
        let mut block = block(summary, suite, shown);
        let others = suites[place..].iter().filter(|other| {
            other.name == suite.name
                && (other.items, other.clusters) != (suite.items, suite.clusters)
        });
        let lines: Vec<String> = others
            .map(|other| {
                let levels = serde_json::Value::Object(other.levels.clone());
                plain(&format!("at {levels}: {} items in {} clusters", other.items, other.clusters))
            })
            .collect();
        block.lines.splice(0..0, lines);
        blocks.push(block);
    }
    blocks
}

fn block(summary: &Summary, suite: &SuiteSummary, shown: Shown) -> Block {
    let rows: Vec<&ReportRow> =
        summary.measures.iter().filter(|row| row.suite == suite.name).collect();
    let names = LevelNames::of(rows.iter().copied());
    let measured: Vec<&ReportRow> = rows
        .iter()
        .copied()
        .filter(|row| row.slice.is_none() && !figures::is_figure(row) && is_shown(row, shown))
        .collect();
    let order = Order::of(&measured, &names);
    let manner = Shared::of(&measured);
    let mut lines = Vec::new();
    if !measured.is_empty() {
        let abstentions = rows.iter().any(|row| row.measure.starts_with("abstentions/"));
        lines.push(manner.line(&measured, abstentions));
        lines.extend(manner.lines_of_levels(&measured, &names));
        lines.retain(|line| !line.is_empty());
    }
    let mut grids = vec![measures(&measured, suite, &names, &order, &manner)];
    grids.extend(figures::grid(&rows, shown, &names, &order));
    grids.extend(slices::grid(&rows, suite, shown, &names, &order));
    grids.retain(|grid| !grid.rows.is_empty());
    if grids.is_empty() {
        lines.push("no measures".to_owned());
    }
    Block { heading: heading(suite), lines, grids }
}

fn is_shown(row: &ReportRow, shown: Shown) -> bool {
    shown == Shown::Everything || matches!(row.standing.as_str(), "headline" | "group")
}

fn heading(suite: &SuiteSummary) -> String {
    let kind = if suite.kind == suite.name { String::new() } else { format!(" ({})", suite.kind) };
    plain(&format!(
        "suite {}{kind}: {} items in {} clusters; licence: {}",
        suite.name, suite.items, suite.clusters, suite.licence
    ))
}

/// What to add to the name of a suite's own number when part of the suite is not there.
pub(super) fn suffix(suite: &SuiteSummary) -> &'static str {
    if !suite.absent.is_empty() {
        " of what is present"
    } else if !suite.limited.is_empty() {
        " of what is kept"
    } else {
        ""
    }
}

/// The sources of a block in the order of its tables, each with its levels.
pub(super) struct Order(Vec<(String, String)>);

impl Order {
    /// By headline, greatest first, where all were asked by one protocol; else in plan order. The length line is last.
    fn of(rows: &[&ReportRow], names: &LevelNames) -> Self {
        let headlines: Vec<&ReportRow> =
            rows.iter().copied().filter(|row| row.headline && row.source != LENGTH_LINE).collect();
        let protocols: BTreeSet<&str> = headlines.iter().map(|row| row.protocol.as_str()).collect();
        let mut ranked = headlines;
        if protocols.len() <= 1 {
            let value = |row: &ReportRow| row.value.unwrap_or(f64::NEG_INFINITY);
            ranked.sort_by(|one, other| value(other).total_cmp(&value(one)));
        }
        let mut order = Self(Vec::new());
        for row in ranked.iter().chain(rows) {
            let entry = (row.source.clone(), names.text(&row.levels));
            if row.source != LENGTH_LINE && !order.0.contains(&entry) {
                order.0.push(entry);
            }
        }
        order
    }

    /// True when there is more than one source or level.
    pub(super) fn several(&self) -> bool {
        self.0.len() > 1
    }

    /// Where a row's source stands; the length line stands behind all.
    pub(super) fn place(&self, row: &ReportRow, names: &LevelNames) -> usize {
        let levels = names.text(&row.levels);
        let place = self.0.iter().position(|entry| entry.0 == row.source && entry.1 == levels);
        place.unwrap_or(self.0.len())
    }
}

/// What all rows of a block have in common is said once, above its table.
struct Shared {
    protocol: Option<String>,
    /// Rules that are the same everywhere.
    rules: [bool; 6],
    /// Rules that are varied, so that the levels say them.
    varied: [bool; 6],
}

impl Shared {
    fn of(rows: &[&ReportRow]) -> Self {
        let protocols: BTreeSet<&str> = rows.iter().map(|row| row.protocol.as_str()).collect();
        let asked = || rows.iter().filter(|row| row.source != LENGTH_LINE);
        let first = asked().next().map(|row| words::rules(&row.rules));
        let same = |part: usize| {
            asked().all(|row| {
                first.as_ref().is_none_or(|first| words::rules(&row.rules)[part] == first[part])
            })
        };
        let protocol = match protocols.len() {
            1 => protocols.first().map(|&one| one.to_owned()),
            _ => None,
        };
        let varied = |rule: &str| {
            let named = |key: &String| key.rsplit('.').next() == Some(rule);
            asked().all(|row| row.levels.keys().any(named))
        };
        Self { protocol, rules: [0, 1, 2, 3, 4, 5].map(same), varied: words::RULES.map(varied) }
    }

    fn line(&self, rows: &[&ReportRow], abstentions: bool) -> String {
        let mut parts: Vec<String> =
            self.protocol.iter().map(|protocol| format!("asked {protocol}")).collect();
        let first = rows.iter().find(|row| row.source != LENGTH_LINE).or(rows.first());
        if let Some(row) = first {
            let rules = words::rules(&row.rules).into_iter().zip(self.rules);
            let telling = |rule: &String| !words::USUAL_RULES.contains(&rule.as_str());
            parts.extend(rules.filter(|(_, shared)| *shared).map(|(rule, _)| rule).filter(telling));
        }
        if !abstentions && rows.iter().all(|row| row.abstained == 0) {
            parts.push("no question abstained".to_owned());
        }
        parts.join("; ")
    }

    /// The rules that each of the levels stands for, where the levels decide them and there is more than one.
    fn told_by_levels(&self, rows: &[&ReportRow], names: &LevelNames) -> Vec<(String, String)> {
        let mut told: Vec<(String, String)> = Vec::new();
        for row in rows.iter().filter(|row| row.source != LENGTH_LINE) {
            let (levels, rules) = (names.text(&row.levels), self.column(row));
            match told.iter().find(|(known, _)| *known == levels) {
                Some((_, known)) if *known != rules => return Vec::new(),
                Some(_) => {}
                None => told.push((levels, rules)),
            }
        }
        if (2..=6).contains(&told.len()) && told.iter().any(|(_, rules)| !rules.is_empty()) {
            told
        } else {
            Vec::new()
        }
    }

    fn lines_of_levels(&self, rows: &[&ReportRow], names: &LevelNames) -> Vec<String> {
        let told = self.told_by_levels(rows, names);
        told.into_iter().map(|(levels, rules)| format!("at {levels}: {rules}")).collect()
    }

    /// The rules of a row, unless a line above the table says them.
    fn cell(&self, row: &ReportRow, told: &[(String, String)]) -> String {
        if told.is_empty() { self.column(row) } else { String::new() }
    }

    fn column(&self, row: &ReportRow) -> String {
        if row.source == LENGTH_LINE {
            return NONE.to_owned();
        }
        let said = self.rules.into_iter().zip(self.varied).map(|(shared, varied)| shared || varied);
        let rules = words::rules(&row.rules).into_iter().zip(said);
        let own = rules.filter(|(rule, said)| !said && rule != words::MEAN);
        own.map(|(rule, _)| rule).collect::<Vec<_>>().join(", ")
    }
}

/// The suite's own measures: every measure in the suite's order, and for each the sources.
fn measures(
    rows: &[&ReportRow],
    suite: &SuiteSummary,
    names: &LevelNames,
    order: &Order,
    manner: &Shared,
) -> Grid {
    let mut grid = Grid::new()
        .text("source")
        .text("levels")
        .text("measure")
        .number("value")
        .number("95 % interval")
        .number("credit/n")
        .number("n")
        .number("clusters")
        .number("chance")
        .number("abstained")
        .text("protocol")
        .text("rules");
    let kept = suffix(suite);
    let by_levels = manner.told_by_levels(rows, names);
    let mut measured: Vec<(&str, &str)> = Vec::new();
    for row in rows.iter().filter(|row| row.headline).chain(rows) {
        if !measured.contains(&(&row.subset, &row.measure)) {
            measured.push((&row.subset, &row.measure));
        }
    }
    for (place, (subset, measure)) in measured.into_iter().enumerate() {
        let mut of_measure: Vec<&&ReportRow> =
            rows.iter().filter(|row| row.subset == subset && row.measure == measure).collect();
        of_measure.sort_by_key(|row| order.place(row, names));
        for (within, row) in of_measure.into_iter().enumerate() {
            grid.rows.push(Row {
                cells: vec![
                    plain(&row.source),
                    names.text(&row.levels),
                    words::measure(row, kept),
                    words::number(row.value),
                    words::interval(row),
                    words::credit(row),
                    row.n.to_string(),
                    row.clusters.to_string(),
                    words::number(row.chance),
                    row.abstained.to_string(),
                    match &manner.protocol {
                        Some(_) => String::new(),
                        None => plain(&row.protocol),
                    },
                    manner.cell(row, &by_levels),
                ],
                strong: row.headline,
                gap: place > 0 && within == 0,
            });
        }
    }
    let methods: BTreeSet<&str> = rows.iter().filter_map(|row| row.method.as_deref()).collect();
    if !methods.is_empty() {
        grid.below
            .push(format!("intervals: {}", methods.into_iter().collect::<Vec<_>>().join(", ")));
    }
    grid.fold = Some("measure");
    grid.without_columns_of("levels", &[""])
        .without_columns_of("credit/n", &[NONE])
        .without_columns_of("abstained", &["0"])
        .without_columns_of("protocol", &[""])
        .without_columns_of("rules", &["", NONE])
}
