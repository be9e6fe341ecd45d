//! Stored trials put back together: every item's outcome in every cell.

use std::collections::BTreeSet;
use std::sync::Arc;

use foldhash::HashSet;
use rayon::prelude::*;
use tribunal_api::{Item, Outcome, Protocol, Shown, TagValue};

use super::SummaryError;
use crate::ask::{self, Unit};
use crate::cases::{Case, Cases};
use crate::digest::Digest;
use crate::measure;
use crate::store::{self, RunFolder, StoredCell, StoredPlan, Trials};

/// All that a run folder holds, transcripts left aside.
pub struct Stored {
    /// The plan.
    pub plan: StoredPlan,
    /// The items of each suite, in plan order.
    pub suites: Vec<Cases>,
    /// The trials.
    pub trials: Trials,
}

impl Stored {
    /// Reads a run folder.
    ///
    /// # Errors
    ///
    /// When a file is missing or does not hold what it should.
    pub fn read(folder: &RunFolder) -> Result<Self, SummaryError> {
        let plan = folder.plan()?;
        let (suites, trials) = rayon::join(|| folder.items(&plan), || store::read_trials(folder));
        Ok(Self { suites: suites?, trials: trials?, plan })
    }

    /// The units that a cell plans for an item, in plan order.
    pub fn units(&self, cell: &StoredCell, case: &Case) -> Vec<Unit> {
        let asked = &self.plan.sources[cell.source].asked;
        let suite = &self.plan.suites[cell.suite].name;
        ask::units(suite, case, asked, &cell.manner, self.plan.seed)
    }

    /// An item's outcome in a cell; `None` when a unit of it is not answered.
    pub fn outcome(&self, cell: &StoredCell, case: &Case) -> Option<Outcome> {
        self.outcome_of(cell, case, self.units(cell, case))
    }

    /// How many different units a cell plans, and how many of them are answered.
    pub fn answered(&self, cell: &StoredCell) -> (usize, usize) {
        let (_, planned, answered) = self.outcomes(cell);
        (planned, answered)
    }

    /// Every item's outcome in a cell, how many different units the cell plans, and how many of them are answered.
    pub(super) fn outcomes(&self, cell: &StoredCell) -> (Vec<Option<Outcome>>, usize, usize) {
        let cases = &self.suites[cell.suite].cases;
        let (outcomes, ids): (Vec<Option<Outcome>>, Vec<Vec<Digest>>) = cases
            .par_iter()
            .map(|case| {
                let units = self.units(cell, case);
                let ids = units.iter().map(|unit| unit.id).collect();
                (self.outcome_of(cell, case, units), ids)
            })
            .unzip();
        let planned: HashSet<Digest> = ids.into_iter().flatten().collect();
        let answered = planned.iter().filter(|id| self.trials.units.contains_key(id)).count();
        (outcomes, planned.len(), answered)
    }

    fn outcome_of(&self, cell: &StoredCell, case: &Case, units: Vec<Unit>) -> Option<Outcome> {
        let form = cell.manner.forms.get(&case.item.subset)?;
        let shown: Option<Vec<Shown>> = units
            .into_iter()
            .map(|unit| {
                let samples = self.trials.units.get(&unit.id)?.clone();
                Some(Shown { order: unit.order, samples })
            })
            .collect();
        // A list of two is a pair, whatever the rest of its subset is.
        let protocol = match form.protocol {
            Protocol::Listwise if case.item.candidates.len() == 2 => Protocol::Pairwise,
            protocol => protocol,
        };
        Some(Outcome { protocol, combiner: cell.manner.combiner, shown: shown? })
    }

    /// The items of a suite as the measures take them.
    pub fn measured_cases(&self, suite: usize) -> measure::Cases {
        let cases = &self.suites[suite].cases;
        measure::Cases::new(
            cases.iter().map(|case| with_authors(&case.item)).collect(),
            cases.iter().map(|case| case.cluster).collect(),
            cases.iter().map(|case| case.weight).collect(),
            cases.iter().map(|case| case.lengths.clone()).collect(),
        )
    }

    /// That some item has the tag.
    ///
    /// # Errors
    ///
    /// The tags that there are.
    pub fn check_tag(&self, tag: &str) -> Result<(), SummaryError> {
        let cases = || self.suites.iter().flat_map(|suite| &suite.cases);
        let known: BTreeSet<String> = cases()
            .flat_map(|case| with_authors(&case.item).tags.into_keys().map(|key| key.to_string()))
            .collect();
        if known.contains(tag) {
            return Ok(());
        }
        Err(SummaryError::NoTag { tag: tag.to_owned(), known: known.into_iter().collect() })
    }
}

/// The item with those who wrote its candidates as a tag, unless it has one of that name.
fn with_authors(item: &Item) -> Item {
    let mut item = item.clone();
    let authors: BTreeSet<&Arc<str>> =
        item.candidates.iter().filter_map(|candidate| candidate.author.as_ref()).collect();
    if !authors.is_empty() {
        let authors = TagValue::Many(authors.into_iter().cloned().collect());
        item.tags.entry(Arc::from("author")).or_insert(authors);
    }
    item
}
