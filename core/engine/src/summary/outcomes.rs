//! Stored trials put back together: every item's outcome in every cell.

use std::collections::BTreeSet;
use std::sync::Arc;

use foldhash::HashSet;
use rayon::prelude::*;
use tribunal_api::{Item, Outcome, Protocol, Readout, Shown, TagValue};

use super::SummaryError;
use crate::ask::{self, Unit};
use crate::cases::{Case, Cases};
use crate::digest::Digest;
use crate::measure;
use crate::panel::{self, PanelRules, Scale, Voter};
use crate::recipe::Normalise;
use crate::store::{self, Ask, RunFolder, StoredCell, StoredPlan, Trials, Voice};

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

    /// The units that a cell plans for an item, in plan order; those of a route or panel member by member.
    pub fn units(&self, cell: &StoredCell, case: &Case) -> Vec<Unit> {
        let asks = cell.asks().into_iter();
        asks.flat_map(|ask| self.units_of(cell.suite, ask, case)).collect()
    }

    /// The units that a source is asked for an item, in plan order.
    pub fn units_of(&self, suite: usize, ask: Ask<'_>, case: &Case) -> Vec<Unit> {
        let asked = &self.plan.sources[ask.source].asked;
        let suite = &self.plan.suites[suite].name;
        ask::units(suite, case, asked, ask.manner, self.plan.seed)
    }

    /// The outcome of the item at this place of the cell's suite; `None` when a unit of it is not answered.
    pub fn outcome(&self, cell: &StoredCell, place: usize) -> Option<Outcome> {
        if cell.voice().votes() {
            // The scales of a panel's members rest on all items.
            return self.outcomes(cell).0.swap_remove(place);
        }
        let case = &self.suites[cell.suite].cases[place];
        let mut asks = cell.asks().into_iter();
        asks.find_map(|ask| self.outcome_of(ask, case, self.units_of(cell.suite, ask, case)))
    }

    /// How many different units a cell plans, and how many of them are answered.
    pub fn answered(&self, cell: &StoredCell) -> (usize, usize) {
        let (_, planned, answered) = self.outcomes(cell);
        (planned, answered)
    }

    /// Every item's outcome in a cell (`None` when a unit of it is not answered), how many different units the cell
    /// plans, and how many of them are answered.
    pub fn outcomes(&self, cell: &StoredCell) -> (Vec<Option<Outcome>>, usize, usize) {
        let gathered = self.gather(cell.suite, cell.voice());
        let planned = gathered.units;
        let answered = planned.iter().filter(|id| self.trials.units.contains_key(id)).count();
        (gathered.outcomes, planned.len(), answered)
    }

    /// The readouts of all sources that are asked for a cell, about those items that `whole` admits.
    pub(super) fn readouts<'a>(
        &'a self,
        cell: &'a StoredCell,
        whole: &[bool],
    ) -> impl Iterator<Item = &'a Readout> {
        let cases = self.suites[cell.suite].cases.iter().zip(whole.to_vec());
        let cases = cases.filter(|(_, whole)| *whole).map(|(case, _)| case);
        let units = cases.flat_map(|case| self.units(cell, case));
        units.filter_map(|unit| self.trials.units.get(&unit.id)).flatten()
    }

    fn gather(&self, suite: usize, voice: Voice<'_>) -> Gathered {
        if voice.members.is_empty() {
            let ask = Ask { source: voice.source, manner: voice.manner };
            return self.gather_asked(suite, ask);
        }
        let mut members: Vec<Gathered> =
            voice.members.iter().map(|member| self.gather(suite, member.voice())).collect();
        let units = members.iter_mut().flat_map(|one| std::mem::take(&mut one.units)).collect();
        let cases = &self.suites[suite].cases;
        let Some(rules) = voice.panel else {
            // Each subset belongs to one member, and the others have no outcome of its items.
            let one = |place: usize| {
                let mut said = members.iter_mut().map(|member| member.outcomes[place].take());
                said.find_map(|outcome| outcome)
            };
            return Gathered { outcomes: (0..cases.len()).map(one).collect(), units };
        };
        let scales: Vec<Scale> = members.iter().map(|member| scale(cases, member, rules)).collect();
        let combined = |(place, case): (usize, &Case)| {
            let form = voice.manner.forms.get(&case.item.subset)?;
            let voters: Option<Vec<Voter<'_>>> = voice
                .members
                .iter()
                .zip(members.iter().zip(&scales))
                .map(|(member, (said, &scale))| {
                    let outcome = said.outcomes[place].as_ref()?;
                    Some(Voter { outcome, weight: member.weight, scale })
                })
                .collect();
            Some(panel::combine(case, *form, &voters?, rules, self.plan.seed))
        };
        Gathered { outcomes: cases.par_iter().enumerate().map(combined).collect(), units }
    }

    fn gather_asked(&self, suite: usize, ask: Ask<'_>) -> Gathered {
        let cases = &self.suites[suite].cases;
        let (outcomes, ids): (Vec<Option<Outcome>>, Vec<Vec<Digest>>) = cases
            .par_iter()
            .map(|case| {
                let units = self.units_of(suite, ask, case);
                let ids = units.iter().map(|unit| unit.id).collect();
                (self.outcome_of(ask, case, units), ids)
            })
            .unzip();
        Gathered { outcomes, units: ids.into_iter().flatten().collect() }
    }

    fn outcome_of(&self, ask: Ask<'_>, case: &Case, units: Vec<Unit>) -> Option<Outcome> {
        let form = ask.manner.forms.get(&case.item.subset)?;
        let shown: Option<Vec<Shown>> = units
            .into_iter()
            .map(|unit| {
                let samples = self.trials.units.get(&unit.id)?.clone();
                Some(Shown { order: unit.order, samples })
            })
            .collect();
        Some(Outcome {
            protocol: ask::protocol_of(case, *form),
            combiner: ask.manner.combiner,
            vote: ask.manner.vote,
            shown: shown?,
        })
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

/// What a source, a route or a panel says of all items of a suite.
struct Gathered {
    /// One entry per item; `None` when it is not answered in full or not asked.
    outcomes: Vec<Option<Outcome>>,
    /// The different units that this rests on.
    units: HashSet<Digest>,
}

/// The scale of a member: over all its scores of single candidates in the suite.
fn scale(cases: &[Case], member: &Gathered, rules: &PanelRules) -> Scale {
    if rules.normalise == Normalise::None {
        return Scale::OWN;
    }
    let scored = cases.iter().zip(&member.outcomes).filter_map(|(case, outcome)| {
        let outcome = outcome.as_ref().filter(|one| one.protocol == Protocol::Pointwise)?;
        Some(case.item.indices().filter_map(|index| outcome.score(index)))
    });
    let scores: Vec<f64> = scored.flatten().collect();
    Scale::of(scores.iter().copied())
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
