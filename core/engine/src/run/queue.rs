//! What is left to ask: the units of all cells, each once, in plan order.

use std::str::FromStr;

use foldhash::{HashSet, HashSetExt};
use rayon::prelude::*;

use crate::ask::{self, Unit};
use crate::cases::Case;
use crate::digest::Digest;
use crate::ready::Ready;
use crate::store::{Ask, StoredSource};

/// One part of the questions: number `index` of `count`, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which part, below `count`.
    pub index: u64,
    /// How many parts, at least 1.
    pub count: u64,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a shard; write `0/2` for the first of two");
        let (index, count) = text.split_once('/').ok_or_else(wrong)?;
        let index = index.trim().parse().map_err(|_| wrong())?;
        let count = count.trim().parse().map_err(|_| wrong())?;
        if index < count {
            Ok(Self { index, count })
        } else {
            Err(format!("shard {index} of {count} does not exist; the first is 0"))
        }
    }
}

impl Shard {
    fn holds(self, question: Digest) -> bool {
        question.number() % self.count == self.index
    }
}

/// A unit to ask, with the place of its ask in [`StoredPlan::asks`](crate::store::StoredPlan::asks) and of its item.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub ask: u32,
    pub case: u32,
    pub unit: Unit,
}

/// For every source, the units of this process's part that are planned and not known, each once, in plan order;
/// and how many different units are known already.
pub(super) fn queues(
    ready: &Ready,
    shard: Option<Shard>,
    known: &HashSet<Digest>,
) -> (Vec<Vec<Pending>>, usize) {
    let mut queues: Vec<Vec<Pending>> = ready.stored.sources.iter().map(|_| Vec::new()).collect();
    let mut found = 0;
    let mut seen = HashSet::new();
    each_unit(ready, |Visit { ask_place, ask, case, unit, .. }| {
        let mine = shard.is_none_or(|shard| shard.holds(unit.question));
        if !mine || !seen.insert(unit.id) {
            return;
        }
        if known.contains(&unit.id) {
            found += 1;
        } else {
            let pending = Pending { ask: ask_place as u32, case: case as u32, unit };
            queues[ask.source].push(pending);
        }
    });
    (queues, found)
}

/// The different units of this process's part, of the sources that `admit` admits.
pub(super) fn wanted(
    ready: &Ready,
    shard: Option<Shard>,
    admit: impl Fn(&StoredSource) -> bool,
) -> HashSet<Digest> {
    let mut wanted = HashSet::new();
    each_unit(ready, |Visit { ask, unit, .. }| {
        if shard.is_none_or(|shard| shard.holds(unit.question))
            && admit(&ready.stored.sources[ask.source])
        {
            wanted.insert(unit.id);
        }
    });
    wanted
}

/// The trials of a cell before and after equal ones are asked once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Items.
    pub items: usize,
    /// Questions in all presentations, times samples.
    pub trials: usize,
    /// Different units of this cell alone, times samples.
    pub distinct: usize,
    /// Different units that no earlier cell of the plan asks, times samples.
    pub new: usize,
}

/// Counts every cell's trials, in plan order, and all together.
pub fn counts(ready: &Ready) -> (Vec<Counts>, Counts) {
    let mut counts: Vec<Counts> = ready.stored.cells.iter().map(|_| Counts::default()).collect();
    let mut own: Vec<HashSet<Digest>> = ready.stored.cells.iter().map(|_| HashSet::new()).collect();
    let mut seen = HashSet::new();
    for (cell, count) in ready.stored.cells.iter().zip(&mut counts) {
        count.items = ready.suites[cell.suite].cases.len();
    }
    each_unit(ready, |Visit { cell, ask, unit, .. }| {
        let samples = ask.manner.samples as usize;
        let count = &mut counts[cell];
        count.trials += samples;
        if own[cell].insert(unit.id) {
            count.distinct += samples;
        }
        if seen.insert(unit.id) {
            count.new += samples;
        }
    });
    let total = counts.iter().fold(Counts::default(), |sum, cell| Counts {
        items: sum.items + cell.items,
        trials: sum.trials + cell.trials,
        distinct: sum.distinct + cell.distinct,
        new: sum.new + cell.new,
    });
    (counts, total)
}

/// Items whose units are digested side by side before they are visited in order.
const PART: usize = 4096;

/// A unit on its way through the plan.
pub(crate) struct Visit<'a> {
    /// The place of the ask among all of the plan.
    pub ask_place: usize,
    /// The place of its cell.
    pub cell: usize,
    /// Who is asked, and how.
    pub ask: Ask<'a>,
    /// The place of the item in its suite.
    pub case: usize,
    /// The unit.
    pub unit: Unit,
}

/// Visits the units of all cells in plan order, those of a route or panel member by member.
pub(crate) fn each_unit<'a>(ready: &'a Ready, mut visit: impl FnMut(Visit<'a>)) {
    let plan = &ready.stored;
    for (ask_place, (cell_place, cell, ask)) in plan.asks().into_iter().enumerate() {
        let asked = &plan.sources[ask.source].asked;
        let suite = &plan.suites[cell.suite].name;
        let cases = &ready.suites[cell.suite].cases;
        let units_of = |case: &Case| ask::units(suite, case, asked, ask.manner, plan.seed);
        // Digesting is the work; a part of the items at a time keeps the memory small.
        for (part, cases) in cases.chunks(PART).enumerate() {
            let units: Vec<Vec<Unit>> = cases.par_iter().map(units_of).collect();
            for (offset, units) in units.into_iter().enumerate() {
                for unit in units {
                    let case = part * PART + offset;
                    visit(Visit { ask_place, cell: cell_place, ask, case, unit });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_reads_from_text_and_is_below_its_count() {
        assert_eq!("1/2".parse(), Ok(Shard { index: 1, count: 2 }));
        for wrong in ["2/2", "1", "a/2", "1/0", "-1/2"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
