//! What a run says, from its folder alone: outcomes, measures, and what is missing.

mod grades;
mod outcomes;
mod report;

use tribunal_api::{Order, Protocol, Readout, Registry, Rules, Suite, SuiteError};

use crate::fault::Faults;
use crate::measure::{self, Draws, Evaluation, Measure, RESAMPLES, TooManySlices};
use crate::store::{Damage, Member, RunFolder, StoreError, StoredCell, StoredSuite, Voice};

pub use grades::{Grader, graders};
pub use outcomes::Stored;
pub use report::{
    Completeness, LENGTH_LINE, ReportRow, RuleWords, RunCard, SCHEMA, SourceCard, SuiteSummary,
    Summary,
};

/// Why a run cannot be summarised.
#[derive(Debug, thiserror::Error)]
pub enum SummaryError {
    /// The run folder fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A suite of the run is of a kind that this program does not know.
    #[error("suite `{name}` cannot grade: {message}")]
    Suite {
        /// Name of the suite's block.
        name: String,
        /// What is wrong.
        message: String,
    },
    /// A suite of a plugin that failed while it graded, or said what cannot be counted with.
    #[error("suite `{name}` cannot be graded by the plugin `{plugin}`: {error}")]
    Plugin {
        /// Name of the suite's block.
        name: String,
        /// What its kind was loaded from.
        plugin: String,
        /// What is wrong.
        error: SuiteError,
    },
    /// A suite of a plugin that is not loaded, and of which the run folder does not keep all grades. Whoever loads the
    /// plugins of the stored recipe can try again.
    #[error(
        "suite `{name}` is graded by the plugin `{plugin}`, and the run holds no grades for {what}"
    )]
    NoGrades {
        /// Name of the suite's block.
        name: String,
        /// What its kind was loaded from.
        plugin: String,
        /// Of what there are none: `any of its answers`, `some of its answers`.
        what: &'static str,
    },
    /// A tag with too many values to slice by.
    #[error(transparent)]
    Slices(#[from] TooManySlices),
    /// A tag that no item has.
    #[error("no item has the tag `{tag}`")]
    NoTag {
        /// The tag.
        tag: String,
        /// The tags that items have.
        known: Vec<String>,
    },
    /// The stored recipe is broken.
    #[error("the stored recipe is broken:\n{0}")]
    Recipe(Faults),
}

impl SummaryError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Plugin { error, .. } => error.hint.clone(),
            Self::NoGrades { .. } => {
                Some("run `tribunal resume`, which keeps them, or load the plugin".to_owned())
            }
            Self::Suite { .. } | Self::Slices(_) | Self::NoTag { .. } | Self::Recipe(_) => None,
        }
    }
}

/// Measures everything that a run folder holds. The same folder gives the same summary, byte for byte.
///
/// `by` slices headline and groups by the values of a tag.
///
/// # Errors
///
/// When the folder cannot be read, a suite's kind is unknown, its plugin fails or is neither loaded nor is what it said
/// kept ([`SummaryError::NoGrades`]), or the tag does not fit.
pub fn summarise(
    folder: &RunFolder,
    registry: &Registry,
    by: Option<&str>,
) -> Result<(Summary, Vec<Damage>), SummaryError> {
    let (summary, damage, _) = graded(folder, registry, by)?;
    Ok((summary, damage))
}

/// The same at the end of a run: what suites of plugins said is kept in the folder, so that later reports need it alone.
///
/// # Errors
///
/// See [`summarise`]; also when the folder cannot be written.
pub fn conclude(
    folder: &RunFolder,
    registry: &Registry,
) -> Result<(Summary, Vec<Damage>), SummaryError> {
    let (summary, damage, graders) = graded(folder, registry, None)?;
    let lines = grades::lines(&graders);
    if !lines.is_empty() {
        folder.keep_grades(&lines)?;
    }
    Ok((summary, damage))
}

fn graded(
    folder: &RunFolder,
    registry: &Registry,
    by: Option<&str>,
) -> Result<(Summary, Vec<Damage>, Vec<Grader>), SummaryError> {
    let stored = Stored::read(folder)?;
    if let Some(tag) = by {
        stored.check_tag(tag)?;
    }
    let mut rows = Vec::new();
    let mut answered = vec![(0, 0); stored.plan.cells.len()];
    let graders = graders(folder, &stored.plan, registry)?;
    for (place, grader) in graders.iter().enumerate() {
        measure_suite(&stored, place, grader, by, &mut rows, &mut answered)?;
    }
    let summary = Summary::new(&stored, rows, &answered);
    Ok((summary, stored.trials.damage, graders))
}

/// Measures all cells of one suite under one set of draws, and the length line.
fn measure_suite(
    stored: &Stored,
    place: usize,
    grader: &Grader,
    by: Option<&str>,
    rows: &mut Vec<ReportRow>,
    answered: &mut [(usize, usize)],
) -> Result<(), SummaryError> {
    let plan = &stored.plan;
    let first_row = rows.len();
    let suite = grader.suite();
    let cases = stored.measured_cases(place);
    let draws = Draws::new(cases.cluster_count, RESAMPLES, plan.seed);
    let cells: Vec<(usize, &StoredCell)> =
        plan.cells.iter().enumerate().filter(|(_, cell)| cell.suite == place).collect();
    for &(cell_place, cell) in &cells {
        let (outcomes, planned, done) = stored.outcomes(cell);
        answered[cell_place] = (planned, done);
        let rules = cell.manner.rules;
        let evaluation = Evaluation { suite, cases: &cases, outcomes: &outcomes, rules };
        let mut measures = measure::measure(&evaluation, &draws);
        grader.check()?;
        if let Some(tag) = by {
            measures.extend(measure::measure_slices(&evaluation, tag, &draws)?);
        }
        if cell.voice().votes() {
            let whole: Vec<bool> = outcomes.iter().map(Option::is_some).collect();
            measures = panel_measures(measures, cell, stored.readouts(cell, &whole));
        }
        rows.extend(measures.into_iter().map(|one| ReportRow::new(plan, cell, one)));
    }
    let mut ruled: Vec<(Rules, Vec<&StoredCell>)> = Vec::new();
    for &(_, cell) in &cells {
        let rules = cell.manner.rules;
        match ruled.iter_mut().find(|(known, _)| *known == rules) {
            Some((_, cells)) => cells.push(cell),
            None => ruled.push((rules, vec![cell])),
        }
    }
    for (rules, cells) in ruled {
        let lengths = measure::measure_lengths(suite, &cases, rules, &draws);
        let lengths = lengths.into_iter().flatten();
        rows.extend(lengths.map(|one| ReportRow::of_length(plan, &cells, one)));
    }
    grader.check()?;
    if cases.weights.iter().any(|weight| *weight != 1.0) {
        // A sum of credits over items that do not count alike says nothing.
        rows[first_row..].iter_mut().for_each(|row| row.credit = None);
    }
    Ok(())
}

/// The measures of a cell that holds a panel. Its outcome holds votes: what its members left unanswered is counted over their readouts,
/// nobody was shown the order of its candidates, and what guessing earns is known only where it is like a single
/// source's.
fn panel_measures<'a>(
    measures: Vec<Measure>,
    cell: &StoredCell,
    readouts: impl Iterator<Item = &'a Readout>,
) -> Vec<Measure> {
    let guess = guesses_alike(cell.voice());
    let own = |name: &str| name.starts_with("abstentions/") || name.starts_with("position/");
    let kept = measures.into_iter().filter(|measure| !own(&measure.measure));
    let mut measures: Vec<Measure> = kept
        .map(|measure| Measure { chance: measure.chance.filter(|_| guess), ..measure })
        .collect();
    measures.extend(measure::abstentions(readouts));
    measures
}

/// True when a panel of members that guess earns what one that guesses does: its scores are combined, or an odd number
/// of equal votes, none of which can tie, decides every pair.
fn guesses_alike(voice: Voice<'_>) -> bool {
    if voice.panel.is_none() {
        return voice.members.iter().all(|member| guesses_alike(member.voice()));
    }
    let all = |protocol| voice.manner.forms.values().all(|form| form.protocol == protocol);
    let once = |member: &Member| {
        let manner = &member.manner;
        let shown_once = matches!(manner.order, Order::Seeded | Order::SwapFirst | Order::Given);
        let alone = manner.forms.values().all(|form| form.protocol == Protocol::Pointwise);
        member.members.is_empty()
            && member.weight == 1.0
            && manner.samples == 1
            && (alone || shown_once)
    };
    all(Protocol::Pointwise)
        || (all(Protocol::Pairwise)
            && voice.members.len() % 2 == 1
            && voice.members.iter().all(once))
}

/// The suite as it grades: built from its stored settings, nothing opened. For suites whose kind the registry knows;
/// [`graders`] are for those, too, whose plugin is not loaded.
pub fn build(
    suite: &StoredSuite,
    registry: &Registry,
) -> Result<std::sync::Arc<dyn Suite>, SummaryError> {
    registry.build_suite(&suite.kind, suite.settings.clone()).map_err(|error| SummaryError::Suite {
        name: suite.name.clone(),
        message: error.to_string(),
    })
}
