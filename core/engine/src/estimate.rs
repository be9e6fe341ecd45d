//! What a plan would cost: calls, tokens, dollars and time, before and after equal questions are asked once.
//!
//! Nobody is asked. Each source says what a question costs ([`RewardSource::estimate`](tribunal_api::RewardSource));
//! prices come from the recipe or the built-in list, times from earlier runs.

mod prices;
mod throughput;

use std::collections::BTreeMap;

use foldhash::{HashSet, HashSetExt};
use rayon::prelude::*;
use serde::Serialize;
use tribunal_api::{Counted, Estimate, Usage};

use crate::ask::{self, Unit};
use crate::digest::Digest;
use crate::ready::Ready;
use crate::run::{Visit, each_unit};
use crate::store::Ask;

pub use prices::{Priced, price_of, priced};
pub use throughput::Throughput;

/// Questions that are rendered side by side before their costs are added up.
const PART: usize = 2048;

/// Calls and tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cost {
    /// Calls of the backend.
    pub calls: u64,
    /// Tokens read.
    pub input_tokens: u64,
    /// The most tokens that may be written.
    pub output_tokens: u64,
    /// The most US dollars that they cost; `None` when a price is not known.
    pub usd: Option<f64>,
}

/// What the questions of a cell, or of the whole plan, are expected to cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Expected {
    /// If every question were asked, equal ones as often as they stand.
    pub before: Cost,
    /// As the run asks: each question once over all cells, by the first cell that holds it.
    pub after: Cost,
    /// How the tokens read are counted: by characters as soon as some are.
    pub counted: Counted,
    /// Seconds that asking takes, by what earlier runs measured; `None` when nothing was measured.
    pub seconds: Option<f64>,
}

/// What a plan is expected to cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimates {
    /// One entry per cell, in plan order; `None` for a cell whose sources cost nothing worth counting.
    pub cells: Vec<Option<Expected>>,
    /// All cells together; `None` when none has an entry.
    pub total: Option<Expected>,
    /// The prices used, one a model, by model.
    pub prices: Vec<Priced>,
    /// Models, or sources without a model, whose price is not known.
    pub unpriced: Vec<String>,
}

/// The sums of one source in one cell.
#[derive(Clone, Copy, Default)]
struct Sums {
    before: [u64; 3],
    after: [u64; 3],
    /// Units that are asked.
    units: u64,
    by_characters: bool,
    any: bool,
}

impl Sums {
    fn add(&mut self, estimate: Estimate, new: bool) {
        let counts = [estimate.calls, estimate.input_tokens, estimate.output_tokens];
        let add = |sums: &mut [u64; 3]| {
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum = sum.saturating_add(count));
        };
        add(&mut self.before);
        if new {
            add(&mut self.after);
            self.units += 1;
        }
        self.by_characters |= estimate.counted == Counted::Characters;
        self.any = true;
    }
}

/// Estimates a plan, its questions rendered in parallel, a part of them at a time.
pub fn estimate(ready: &Ready) -> Estimates {
    let sums = sums(ready);
    let sources = &ready.plan.sources;
    let recipe = &ready.plan.recipe;
    let priced: Vec<Option<Priced>> =
        sources.iter().map(|source| priced(source.model.as_deref()?, &recipe.prices)).collect();
    let used: Vec<bool> = (0..sources.len())
        .map(|place| sums.iter().any(|cell| cell.get(&place).is_some_and(|sums| sums.any)))
        .collect();
    let speeds = throughput::measured(&recipe.run.out, &ready.plan, &used);
    let expected = |part: &[(usize, Sums)], together: Together| -> Option<Expected> {
        if part.is_empty() {
            return None;
        }
        let cost = |counts: &dyn Fn(&Sums) -> [u64; 3]| {
            let mut sum = Cost { usd: Some(0.0), ..Cost::default() };
            for (source, sums) in part {
                let [calls, input_tokens, output_tokens] = counts(sums);
                sum.calls += calls;
                sum.input_tokens += input_tokens;
                sum.output_tokens += output_tokens;
                let usd = match &priced[*source] {
                    _ if calls == 0 => Some(0.0),
                    Some(priced) => dollars(priced, input_tokens, output_tokens),
                    None => None,
                };
                sum.usd = sum.usd.zip(usd).map(|(sum, usd)| sum + usd);
            }
            sum
        };
        let counted = match part.iter().any(|(_, sums)| sums.by_characters) {
            true => Counted::Characters,
            false => Counted::Tokenizer,
        };
        Some(Expected {
            before: cost(&|sums| sums.before),
            after: cost(&|sums| sums.after),
            counted,
            seconds: seconds(part, &speeds, together),
        })
    };
    let cells = sums
        .iter()
        .map(|cell| {
            let part: Vec<(usize, Sums)> =
                cell.iter().filter(|(_, sums)| sums.any).map(|(at, sums)| (*at, *sums)).collect();
            expected(&part, Together::OneByOne)
        })
        .collect();
    let all: Vec<(usize, Sums)> = sums
        .iter()
        .flatten()
        .filter(|(_, sums)| sums.any)
        .map(|(place, sums)| (*place, *sums))
        .collect();
    let together = match recipe.run.open_sources {
        0 | 1 => Together::OneByOne,
        several => Together::AtMost(several),
    };
    let total = expected(&all, together);
    let (prices, unpriced) = named_prices(ready, &priced, &used);
    Estimates { cells, total, prices, unpriced }
}

/// How many sources are asked at the same time.
#[derive(Clone, Copy)]
enum Together {
    OneByOne,
    AtMost(u32),
}

fn dollars(priced: &Priced, input: u64, output: u64) -> Option<f64> {
    let usage = Usage { input_tokens: Some(input), output_tokens: Some(output), usd: None };
    priced.price.of(&usage)
}

fn seconds(
    part: &[(usize, Sums)],
    speeds: &[Option<Throughput>],
    together: Together,
) -> Option<f64> {
    let mut by_source: BTreeMap<usize, f64> = BTreeMap::new();
    for (source, sums) in part.iter().filter(|(_, sums)| sums.units > 0) {
        *by_source.entry(*source).or_default() += speeds[*source].as_ref()?.seconds(sums.units);
    }
    let sum: f64 = by_source.values().sum();
    Some(match together {
        Together::OneByOne => sum,
        Together::AtMost(several) => {
            by_source.values().copied().fold(sum / f64::from(several), f64::max)
        }
    })
}

/// The prices that the estimate rests on, and the names of what has none.
fn named_prices(
    ready: &Ready,
    priced: &[Option<Priced>],
    used: &[bool],
) -> (Vec<Priced>, Vec<String>) {
    let mut prices: BTreeMap<String, Priced> = BTreeMap::new();
    let mut unpriced: Vec<String> = Vec::new();
    for (source, priced) in
        ready.plan.sources.iter().zip(priced).zip(used).filter(|(_, used)| **used).map(|(at, _)| at)
    {
        match priced {
            Some(priced) => {
                prices.insert(priced.model.clone(), priced.clone());
            }
            None => {
                let name =
                    source.model.clone().unwrap_or_else(|| format!("source {}", source.name));
                if !unpriced.contains(&name) {
                    unpriced.push(name);
                }
            }
        }
    }
    (prices.into_values().collect(), unpriced)
}

/// A unit that waits to be estimated.
struct Waiting<'a> {
    cell: usize,
    ask: Ask<'a>,
    case: usize,
    unit: Unit,
}

/// For each cell the sums of every source that it asks, by the source's place in the plan.
fn sums(ready: &Ready) -> Vec<BTreeMap<usize, Sums>> {
    let mut sums: Vec<BTreeMap<usize, Sums>> = vec![BTreeMap::new(); ready.stored.cells.len()];
    let mut seen: HashSet<Digest> = HashSet::new();
    let mut waiting: Vec<Waiting<'_>> = Vec::with_capacity(PART);
    let mut add = |waiting: &mut Vec<Waiting<'_>>| {
        let estimates: Vec<Option<Estimate>> =
            waiting.par_iter().map(|one| estimate_of(ready, one)).collect();
        for (one, estimate) in waiting.drain(..).zip(estimates) {
            let new = seen.insert(one.unit.id);
            if let Some(estimate) = estimate {
                sums[one.cell].entry(one.ask.source).or_default().add(estimate, new);
            }
        }
    };
    each_unit(ready, |Visit { cell, ask, case, unit, .. }| {
        waiting.push(Waiting { cell, ask, case, unit });
        if waiting.len() == PART {
            add(&mut waiting);
        }
    });
    add(&mut waiting);
    sums
}

fn estimate_of(ready: &Ready, one: &Waiting<'_>) -> Option<Estimate> {
    let stored = &ready.stored;
    let cell = &stored.cells[one.cell];
    let suite = &ready.plan.suites[cell.suite].name;
    let case = &ready.suites[cell.suite].cases[one.case];
    let asked = &stored.sources[one.ask.source].asked;
    let question = ask::question(suite, case, &one.unit, asked, one.ask.manner, stored.seed);
    ready.plan.sources[one.ask.source].source.estimate(&question)
}
