//! The JSON report: one object, versioned, the same bytes for the same recipe and seed.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tribunal_api::{Failures, Standing, Strength, Ties};

use super::outcomes::Stored;
use crate::measure::Measure;
use crate::store::{StoredCell, StoredPlan};

/// Name and version of the report's shape. The number grows when a reader of the old shape would misread.
pub const SCHEMA: &str = "tribunal-report/1";

/// The `source` of rows that are measured from the stored lengths alone, without any trial.
pub const LENGTH_LINE: &str = "(length)";

/// Share of readouts without scores above which a report says so first.
const MANY_ABSTENTIONS: f64 = 0.01;

/// What a run says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Name and version of this shape: `tribunal-report/1`.
    pub schema: String,
    /// What was run.
    pub run: RunCard,
    /// Whether anything is missing, and what.
    pub complete: Completeness,
    /// What a reader must know before comparing the numbers below.
    pub notes: Vec<String>,
    /// Share of unanswered trials that the recipe tolerates.
    pub tolerance: f64,
    /// The measures, in plan order: suites, then cells, then each suite's own order.
    pub measures: Vec<ReportRow>,
}

/// What was run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunCard {
    /// Name of the recipe.
    pub name: String,
    /// Seed of everything drawn.
    pub seed: u64,
    /// Version of the program that planned it.
    pub tribunal: String,
    /// The sources, in plan order.
    pub sources: Vec<SourceCard>,
    /// The suites, in plan order.
    pub suites: Vec<SuiteSummary>,
}

/// A source of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceCard {
    /// Name of its block in the recipe.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// The plugins that its kind and those of its generators were loaded from; left out where all are built in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// Who it said it is.
    pub identity: String,
    /// What that rests on: `weights`, `revision` or `name`.
    pub strength: String,
    /// What the self-check found although the run went on.
    pub unverified: Vec<String>,
    /// The varied keys that tell it from other sources of this name.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub levels: Map<String, Value>,
}

/// A suite of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SuiteSummary {
    /// Name of its block in the recipe.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// The plugin that its kind was loaded from; left out where it is built in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// Version of its data or rules.
    pub version: String,
    /// Licence of the data, or that none is stated.
    pub licence: String,
    /// Where it is published.
    pub source: String,
    /// Number of items.
    pub items: usize,
    /// Number of clusters they form.
    pub clusters: u32,
    /// What belongs to the suite and is not in the data.
    pub absent: Vec<String>,
    /// How the recipe or the command line cut it down.
    pub limited: Vec<String>,
    /// The varied keys that tell it from other suites of this name.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub levels: Map<String, Value>,
}

/// Whether anything is missing, and what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Completeness {
    /// True when every planned trial is answered and no suite lacks data or was cut down.
    pub complete: bool,
    /// Words for it: `complete`, or any of `incomplete`, `partial`, `limited`.
    pub words: Vec<String>,
    /// Units planned, each counted once in every cell that needs it.
    pub planned: usize,
    /// Units answered, an abstention included.
    pub answered: usize,
    /// Units without answer: planned less answered.
    pub unanswered: usize,
    /// Everything that is missing, by name.
    pub missing: Vec<String>,
}

/// The rules that a measure was graded by, settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleWords {
    /// In which orders candidates were shown.
    pub order: String,
    /// Draws of each question.
    pub samples: u32,
    /// How presentations combine.
    pub combiner: String,
    /// How samples, or the members of a panel, become one score; left out where samples are averaged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vote: Option<String>,
    /// What a tie is worth.
    pub ties: String,
    /// What a question without readout is worth.
    pub failures: String,
}

/// One measure of one source on one suite in one cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportRow {
    /// Name of the source; `(length)` for rows that need no trials.
    pub source: String,
    /// Name of the suite.
    pub suite: String,
    /// What of the suite it covers; empty for the whole.
    pub subset: String,
    /// `tag=value` when it covers the items of one tag value alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<String>,
    /// Varied keys and their values; `arm` for an arm.
    pub levels: Map<String, Value>,
    /// The measure's name.
    pub measure: String,
    /// True for the suite's own number.
    pub headline: bool,
    /// How prominently it stands: `headline`, `group`, `beside` or `detail`.
    pub standing: String,
    /// How items were put to the source.
    pub protocol: String,
    /// The rules it was graded by.
    pub rules: RuleWords,
    /// The number; null when nothing defines it.
    pub value: Option<f64>,
    /// The sum of credits, where the value is a mean of items that count alike (not in samples).
    pub credit: Option<f64>,
    /// How many it rests on.
    pub n: u64,
    /// What `n` counts: `items`, `comparisons`, `questions`, `games`, `lists` or `readouts`.
    pub counted: String,
    /// Clusters of those items.
    pub clusters: u64,
    /// What guessing is expected to earn; null when it is not known.
    pub chance: Option<f64>,
    /// Questions without any readout.
    pub abstained: u64,
    /// Lower end of the 95 % interval.
    pub low: Option<f64>,
    /// Upper end of the 95 % interval.
    pub high: Option<f64>,
    /// How the interval was made.
    pub method: Option<String>,
    /// Standard deviation over resamples.
    pub standard_error: Option<f64>,
    /// Variance with clusters drawn jointly over variance with items drawn alone.
    pub design_effect: Option<f64>,
}

impl ReportRow {
    pub(super) fn new(plan: &StoredPlan, cell: &StoredCell, measure: Measure) -> Self {
        let suite = &plan.suites[cell.suite];
        let published = &suite.card.published;
        Self {
            source: plan.sources[cell.source].name.clone(),
            suite: suite.name.clone(),
            subset: measure.subset.to_string(),
            slice: measure.slice,
            levels: cell.levels.clone(),
            measure: measure.measure,
            headline: measure.headline,
            standing: standing(measure.standing).to_owned(),
            protocol: measure.protocol,
            rules: RuleWords {
                order: cell.orders(),
                samples: cell.manner.samples,
                combiner: cell.manner.combiner.as_str().to_owned(),
                vote: cell.vote(),
                ties: ties(cell.manner.rules.ties, &published.ties),
                failures: failures(cell.manner.rules.failures, &published.failures),
            },
            value: measure.value.map(unsigned_zero),
            credit: measure.credit,
            n: measure.n,
            counted: measure.counted.as_str().to_owned(),
            clusters: measure.clusters,
            chance: measure.chance,
            abstained: measure.abstained,
            low: measure.low.map(unsigned_zero),
            high: measure.high.map(unsigned_zero),
            method: measure.method,
            standard_error: measure.standard_error,
            design_effect: measure.design_effect,
        }
    }

    /// A row that needs no trials, graded by the rules of `cells`, which share suite and rules.
    pub(super) fn of_length(plan: &StoredPlan, cells: &[&StoredCell], measure: Measure) -> Self {
        let mut row = Self::new(plan, cells[0], measure);
        row.source = LENGTH_LINE.to_owned();
        let name = &plan.suites[cells[0].suite].name;
        row.levels = telling(cells, |cell| plan.suites[cell.suite].name == *name, plan);
        row.rules.order = "none".to_owned();
        row.rules.samples = 0;
        row.rules.vote = None;
        row
    }
}

/// The same number; 0 without a sign, which a sum of nothing may have.
fn unsigned_zero(value: f64) -> f64 {
    value + 0.0
}

impl Summary {
    /// Puts the rows under their head. `answered` holds planned and answered units of each cell.
    pub(super) fn new(
        stored: &Stored,
        measures: Vec<ReportRow>,
        answered: &[(usize, usize)],
    ) -> Self {
        let plan = &stored.plan;
        Self {
            schema: SCHEMA.to_owned(),
            run: run_card(stored),
            complete: completeness(plan, answered),
            notes: notes(plan, &measures),
            tolerance: plan.tolerance,
            measures,
        }
    }

    /// The report as text, keys in a fixed order, with a line end.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a report is plain data");
        text.push('\n');
        text
    }

    /// Share of planned units without answer, 0 to 1.
    pub fn unanswered_share(&self) -> f64 {
        match self.complete.planned {
            0 => 0.0,
            planned => self.complete.unanswered as f64 / planned as f64,
        }
    }
}

fn run_card(stored: &Stored) -> RunCard {
    let plan = &stored.plan;
    let sources = plan.sources.iter().enumerate().map(|(place, source)| {
        let own: Vec<&StoredCell> = plan.cells.iter().filter(|cell| cell.uses(place)).collect();
        let of_name: Vec<usize> = (0..plan.sources.len())
            .filter(|&other| plan.sources[other].name == source.name)
            .collect();
        SourceCard {
            name: source.name.clone(),
            kind: source.kind.clone(),
            plugin: source.plugin.clone(),
            identity: source.identity.name.clone(),
            strength: match source.identity.strength {
                Strength::Weights => "weights",
                Strength::Revision => "revision",
                Strength::Name => "name",
            }
            .to_owned(),
            unverified: source.unverified.clone(),
            levels: telling(&own, |cell| of_name.iter().any(|&kin| cell.uses(kin)), plan),
        }
    });
    let suites =
        plan.suites.iter().zip(&stored.suites).enumerate().map(|(place, (suite, cases))| {
            let own: Vec<&StoredCell> =
                plan.cells.iter().filter(|cell| cell.suite == place).collect();
            SuiteSummary {
                name: suite.name.clone(),
                kind: suite.kind.clone(),
                plugin: suite.plugin.clone(),
                version: suite.card.version.to_string(),
                licence: suite.card.licence.to_string(),
                source: suite.card.source.to_string(),
                items: cases.cases.len(),
                clusters: cases.clusters,
                absent: suite.absent.iter().map(|absent| absent.what.clone()).collect(),
                limited: suite.limited.clone(),
                levels: telling(&own, |cell| plan.suites[cell.suite].name == suite.name, plan),
            }
        });
    RunCard {
        name: plan.name.clone(),
        seed: plan.seed,
        tribunal: plan.tribunal.clone(),
        sources: sources.collect(),
        suites: suites.collect(),
    }
}

/// The varied keys that all of `own` share and that not all cells of the same `kin` do.
fn telling(
    own: &[&StoredCell],
    kin: impl Fn(&StoredCell) -> bool,
    plan: &StoredPlan,
) -> Map<String, Value> {
    let Some(first) = own.first() else { return Map::new() };
    let of_kin: Vec<&StoredCell> = plan.cells.iter().filter(|cell| kin(cell)).collect();
    let shared = |key: &String, value: &Value, cells: &[&StoredCell]| {
        cells.iter().all(|cell| cell.levels.get(key) == Some(value))
    };
    first
        .levels
        .iter()
        .filter(|(key, value)| shared(key, value, own) && !shared(key, value, &of_kin))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn completeness(plan: &StoredPlan, answered: &[(usize, usize)]) -> Completeness {
    let mut missing = Vec::new();
    let mut words = Vec::new();
    for (cell, &(planned, answered)) in plan.cells.iter().zip(answered) {
        if answered < planned {
            let levels = match cell.levels.is_empty() {
                true => String::new(),
                false => format!(" at {}", Value::Object(cell.levels.clone())),
            };
            missing.push(format!(
                "{} of {planned} trials of source `{}` on suite `{}`{levels} are not answered",
                planned - answered,
                plan.sources[cell.source].name,
                plan.suites[cell.suite].name,
            ));
        }
    }
    if !missing.is_empty() {
        words.push("incomplete".to_owned());
    }
    let absent: BTreeSet<String> = plan
        .suites
        .iter()
        .flat_map(|suite| {
            suite
                .absent
                .iter()
                .map(|absent| format!("suite `{}` lacks {}", suite.name, absent.what))
        })
        .collect();
    if !absent.is_empty() {
        words.push("partial".to_owned());
    }
    missing.extend(absent);
    let limited: BTreeSet<String> = plan
        .suites
        .iter()
        .flat_map(|suite| {
            suite.limited.iter().map(|how| format!("suite `{}` is limited to {how}", suite.name))
        })
        .collect();
    if !limited.is_empty() {
        words.push("limited".to_owned());
    }
    missing.extend(limited);
    if words.is_empty() {
        words.push("complete".to_owned());
    }
    let planned = answered.iter().map(|(planned, _)| planned).sum();
    let answered = answered.iter().map(|(_, answered)| answered).sum();
    Completeness {
        complete: missing.is_empty(),
        words,
        planned,
        answered,
        unanswered: planned - answered,
        missing,
    }
}

fn notes(plan: &StoredPlan, rows: &[ReportRow]) -> Vec<String> {
    let mut notes = Vec::new();
    for source in &plan.sources {
        for finding in &source.unverified {
            notes.push(format!("source `{}` is unverified: {finding}", source.name));
        }
    }
    notes.extend(many_abstentions(rows));
    notes.extend(position_alone(rows));
    let mut protocols: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let asked = |row: &&ReportRow| row.source != LENGTH_LINE && !row.protocol.is_empty();
    for row in rows.iter().filter(|row| row.headline).filter(asked) {
        protocols.entry(&row.suite).or_default().insert(&row.protocol);
    }
    for (suite, protocols) in protocols {
        if protocols.len() > 1 {
            let list: Vec<&str> = protocols.into_iter().collect();
            notes.push(format!(
                "the sources on suite `{suite}` were asked by different protocols ({}): their numbers do not rank together",
                list.join("; ")
            ));
        }
    }
    notes
}

/// Share of questions shown in both orders with the same verdict, below which a source reads positions alone.
const LITTLE_AGREEMENT: f64 = 0.1;

/// Sources whose verdict turns with the order nearly every time: their ties are no judgement of the replies.
fn position_alone(rows: &[ReportRow]) -> Vec<String> {
    let told = |row: &&ReportRow| {
        row.measure == "position/agreement" && row.subset.is_empty() && row.slice.is_none()
    };
    let little =
        |row: &&ReportRow| row.n >= 10 && row.value.is_some_and(|value| value < LITTLE_AGREEMENT);
    let mut notes: Vec<String> = Vec::new();
    for row in rows.iter().filter(told).filter(little) {
        let note = format!(
            "source `{}` on suite `{}` turns its verdict with the order in {:.0} % of {} {}: it reads positions, not \
             replies, and its numbers are those of ties",
            row.source,
            row.suite,
            100.0 * (1.0 - row.value.unwrap_or_default()),
            row.n,
            row.counted
        );
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes
}

/// Readouts without scores of one cell.
#[derive(Default)]
struct Without<'a> {
    abstained: u64,
    readouts: u64,
    /// How many by reason.
    reasons: Vec<(&'a str, u64)>,
}

impl Without<'_> {
    fn share(&self) -> f64 {
        self.abstained as f64 / self.readouts.max(1) as f64
    }

    /// What to do, by the most frequent reason.
    fn remedy(&self) -> &'static str {
        let most = self.reasons.iter().max_by_key(|(_, count)| *count).map(|(reason, _)| *reason);
        if self.abstained == self.readouts && most == Some("missing") {
            return "nothing was found: check the source's settings and how it names items";
        }
        match most {
            Some("truncated") => {
                "raise `sampling.max-tokens` of the judge, or ask it to reason less; `/worst` and `/best` beside \
                 the headline bound what is lost"
            }
            Some("unreadable") => {
                "read some with `tribunal show RUN --id ID`, and mend the prompt's form of verdict or choose \
                 another `parse`; `/worst` and `/best` beside the headline bound what is lost"
            }
            Some("too-long") => {
                "serve the model with a longer context, or leave the longest items out by name; `/worst` and \
                 `/best` beside the headline bound what is lost"
            }
            Some("refused") => {
                "use a judge without a content filter on these texts; `/worst` and `/best` beside the headline \
                 bound what is lost"
            }
            _ => {
                "look at the `abstentions/` rows, and read `/worst` and `/best` beside the headline"
            }
        }
    }
}

/// For every source and suite, the cell in which the greatest share of readouts hold no scores, where that is much.
fn many_abstentions(rows: &[ReportRow]) -> Vec<String> {
    // A cell has a row for each reason, and all of them rest on the cell's readouts.
    let mut cells: BTreeMap<(&str, &str, String), Without<'_>> = BTreeMap::new();
    for row in rows {
        let Some(reason) = row.measure.strip_prefix("abstentions/") else { continue };
        let levels = Value::Object(row.levels.clone()).to_string();
        let cell = cells.entry((&row.source, &row.suite, levels)).or_default();
        cell.abstained += row.abstained;
        cell.readouts = row.n;
        if row.abstained > 0 {
            cell.reasons.push((reason, row.abstained));
        }
    }
    let mut worst: BTreeMap<(&str, &str), Without<'_>> = BTreeMap::new();
    for ((source, suite, _), cell) in cells {
        let known = worst.entry((source, suite)).or_default();
        if cell.share() > known.share() {
            *known = cell;
        }
    }
    let much = worst.into_iter().filter(|(_, cell)| cell.share() > MANY_ABSTENTIONS);
    let text = much.map(|((source, suite), cell)| {
        let reasons: Vec<String> =
            cell.reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        format!(
            "{:.1} % of the readouts of source `{source}` on suite `{suite}` hold no scores ({} of {}: {}): {}",
            100.0 * cell.share(),
            cell.abstained,
            cell.readouts,
            reasons.join(", "),
            cell.remedy()
        )
    });
    text.collect()
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Headline => "headline",
        Standing::Group => "group",
        Standing::Beside => "beside",
        Standing::Detail => "detail",
    }
}

fn ties(rule: Ties, published: &str) -> String {
    match rule {
        Ties::Published => published.to_owned(),
        Ties::Loss => "loss".to_owned(),
        Ties::Half => "half".to_owned(),
        Ties::Split => "split".to_owned(),
    }
}

fn failures(rule: Failures, published: &str) -> String {
    match rule {
        Failures::Published => published.to_owned(),
        Failures::Wrong => "wrong".to_owned(),
        Failures::Exclude => "exclude".to_owned(),
        Failures::Worst => "worst".to_owned(),
        Failures::Best => "best".to_owned(),
    }
}
