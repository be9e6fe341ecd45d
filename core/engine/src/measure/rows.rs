//! Lines of a report while they are computed: a compiled tree each, finished into measures together.

use std::sync::Arc;

use rayon::prelude::*;
use tribunal_api::{Contest, Outcome, Protocol, Standing, Suite};

use super::cases::Cases;
use super::draws::Draws;
use super::facts::Facts;
use super::method::interval;
use super::resample::resample;
use super::tree::{Board, Node, Root};
use super::{Counted, Measure};

/// Where a line's chance comes from.
pub(super) enum Chance {
    /// A tree over grades that guessing earns.
    Graded(Root),
    Known(f64),
    None,
}

/// A measure to be.
pub(super) struct Line {
    pub root: Root,
    pub slice: Option<String>,
    pub subset: Arc<str>,
    pub measure: String,
    pub standing: Standing,
    pub headline: bool,
    pub range: (f64, f64),
    pub counted: Counted,
    pub chance: Chance,
    /// Added to the method.
    pub note: Option<String>,
}

/// The protocols that items met, in the order of reports.
const PROTOCOLS: [&str; 5] = [
    "pointwise",
    "pairwise",
    "pairwise best-against-each",
    "pairwise every-chosen-rejected",
    "listwise",
];

/// The lines, and what is known of each item.
pub(super) struct Rows {
    lines: Vec<Line>,
    abstained: Vec<u64>,
    lacking: Vec<bool>,
    protocols: Vec<Option<usize>>,
}

impl Rows {
    pub fn new(suite: &dyn Suite, cases: &Cases, outcomes: &[Option<Outcome>]) -> Self {
        let abstained = outcomes.par_iter().map(|outcome| match outcome {
            Some(outcome) if outcome.lacks_readouts() => outcome.abstained() as u64,
            _ => 0,
        });
        let lacking =
            outcomes.par_iter().map(|one| one.as_ref().is_some_and(Outcome::lacks_readouts));
        let protocols = cases.items.iter().zip(outcomes).map(|(item, outcome)| {
            Some(match (outcome.as_ref()?.protocol, suite.contest(&item.subset)) {
                (Protocol::Pointwise, _) => 0,
                (Protocol::Listwise, _) => 4,
                (Protocol::Pairwise, _) if item.candidates.len() == 2 => 1,
                (Protocol::Pairwise, Contest::BestAgainstEach) => 2,
                (Protocol::Pairwise, Contest::EveryChosenRejected) => 3,
                (Protocol::Pairwise, Contest::ScoresOnly) => 1,
            })
        });
        Self {
            lines: Vec::new(),
            abstained: abstained.collect(),
            lacking: lacking.collect(),
            protocols: protocols.collect(),
        }
    }

    pub fn push(&mut self, line: Line) {
        self.lines.push(line);
    }

    /// True when some readout of some item is missing.
    pub fn any_lacking(&self) -> bool {
        self.lacking.contains(&true)
    }

    /// True when some readout of a tree's items is missing.
    pub fn lacking(&self, board: &Board<'_>, root: Root) -> bool {
        let covered = Facts::of(board, root).covered;
        covered.into_iter().any(|item| self.lacking[item as usize])
    }

    /// Evaluates all lines under the draws.
    pub fn finish(self, board: &Board<'_>, draws: &Draws) -> Vec<Measure> {
        let roots: Vec<Root> = self.lines.iter().map(|line| line.root).collect();
        let resampled = resample(board, &roots, draws);
        let rows = self.lines.par_iter().zip(resampled);
        rows.map(|(line, values)| self.measure(line, board, &values)).collect()
    }

    fn measure(&self, line: &Line, board: &Board<'_>, resampled: &[f64]) -> Measure {
        let facts = Facts::of(board, line.root);
        let value = board.value(line.root);
        let error = value.and_then(|_| standard_deviation(resampled));
        let interval =
            value.and_then(|value| interval(value, &facts, line.range, resampled, error));
        let method = interval.map(|(_, method)| match &line.note {
            Some(note) => format!("{}, {note}", method.as_str()),
            None => method.as_str().to_owned(),
        });
        let covered = || facts.covered.iter().map(|&item| item as usize);
        let met: Vec<&str> = PROTOCOLS
            .iter()
            .enumerate()
            .filter(|(place, _)| covered().any(|item| self.protocols[item] == Some(*place)))
            .map(|(_, name)| *name)
            .collect();
        let variances = (facts.clustered_variance, facts.independent_variance);
        Measure {
            subset: line.subset.clone(),
            slice: line.slice.clone(),
            measure: line.measure.clone(),
            standing: line.standing,
            headline: line.headline,
            protocol: met.join(" + "),
            value,
            credit: (facts.is_mean && value.is_some()).then_some(facts.credit),
            n: match line.counted {
                Counted::Items => facts.items,
                _ => facts.weight.round() as u64,
            },
            counted: line.counted,
            clusters: facts.clusters,
            chance: match line.chance {
                Chance::Graded(chance)
                    if known(board, board.node(line.root), board.node(chance)) =>
                {
                    board.chance_value(chance)
                }
                Chance::Known(chance) => Some(chance),
                Chance::Graded(_) | Chance::None => None,
            },
            abstained: covered().map(|item| self.abstained[item]).sum(),
            low: interval.map(|((low, _), _)| low),
            high: interval.map(|((_, high), _)| high),
            method,
            standard_error: error,
            design_effect: match variances {
                (Some(clustered), Some(alone)) if alone > 0.0 => Some(clustered / alone),
                _ => None,
            },
        }
    }
}

/// True when chance is known of every item of every mean, and of every set.
fn known(board: &Board<'_>, earned: &Node, chance: &Node) -> bool {
    match (earned, chance) {
        (Node::Mean(earned), Node::Mean(chance)) => {
            earned.iter().zip(chance).all(|(&one, &other)| {
                let (earned, chance) = (&board.bases[one].entries, &board.bases[other].entries);
                // Entries stand in item order.
                let mut chance = chance.iter().map(|entry| entry.item);
                earned.iter().all(|entry| chance.any(|item| item == entry.item))
            })
        }
        (Node::Weighted(earned), Node::Weighted(chance)) => {
            earned.iter().zip(chance).all(|((_, earned), (_, chance))| known(board, earned, chance))
        }
        (Node::Set(_), Node::Set(place)) => {
            let set = &board.sets[*place];
            set.items.is_empty()
                || board.suite.chance_set(&set.subset, &board.graded(set)).is_some()
        }
        _ => false,
    }
}

/// The standard deviation of those resampled values that are defined.
fn standard_deviation(values: &[f64]) -> Option<f64> {
    let defined = || values.iter().copied().filter(|value| !value.is_nan());
    let count = defined().count() as f64;
    if count < 2.0 {
        return None;
    }
    let mean = defined().sum::<f64>() / count;
    let squares: f64 = defined().map(|value| (value - mean).powi(2)).sum();
    Some((squares / (count - 1.0)).sqrt())
}
