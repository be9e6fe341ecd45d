//! From outcomes to measures: named numbers with counts, chance and intervals.
//!
//! Pure functions over stored data. A suite grades each outcome, its aggregate trees combine grades,
//! and one set of cluster draws gives every measure its interval. `docs/uncertainty.md` holds the
//! definitions and what they were measured to cover.

pub mod cases;
pub mod draws;
mod facts;
pub mod intervals;
pub mod length;
pub mod method;
mod position;
mod resample;
mod rows;
mod tree;
mod views;
pub mod votes;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;
use tribunal_api::{Aggregate, Outcome, Readout, Reason, Rules, Standing, Suite, Tree};

pub use cases::{Cases, ordinals};
pub use draws::{Draws, RESAMPLES};
pub use length::kendall_tau_b;
pub use method::Method;

use rows::{Chance, Line, Rows};
pub(crate) use tree::holds_set;
use tree::{Board, ScopePlace, ViewPlace, subsets_read};

/// Slices of one tag that a report may ask for.
pub const MOST_SLICES: usize = 200;

/// What one source said of one suite in one cell.
#[derive(Clone, Copy)]
pub struct Evaluation<'a> {
    /// Grades and aggregates.
    pub suite: &'a dyn Suite,
    /// The suite's items.
    pub cases: &'a Cases,
    /// One entry per item; `None` when the item is not answered in full. Those are left out of everything.
    pub outcomes: &'a [Option<Outcome>],
    /// What ties and missing readouts are worth.
    pub rules: Rules,
}

/// What a measure's `n` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Items with a grade.
    Items,
    /// Compared pairs of candidates of different gold.
    Comparisons,
    /// Pair questions shown in both orders.
    Questions,
    /// Decided games.
    Games,
    /// Decided lists.
    Lists,
    /// Readouts, one per sample.
    Readouts,
}

impl Counted {
    /// The word as it stands in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Counted::Items => "items",
            Counted::Comparisons => "comparisons",
            Counted::Questions => "questions",
            Counted::Games => "games",
            Counted::Lists => "lists",
            Counted::Readouts => "readouts",
        }
    }
}

/// A named number with what it rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// What it covers; empty for the whole suite.
    pub subset: Arc<str>,
    /// `tag=value` when it covers the items of one tag value alone.
    pub slice: Option<String>,
    /// Its name: that of the suite's aggregate, with `/excluding`, `/worst` or `/best` for other rules on
    /// missing readouts, or one of the engine's own (`ties`, `position/...`, `length/...`, `first@k`, `vote@k`,
    /// `abstentions/...`).
    pub measure: String,
    /// How prominently it stands.
    pub standing: Standing,
    /// True for the suite's own number.
    pub headline: bool,
    /// How the items were put to the source, such as `pointwise` or `pairwise best-against-each`; several are
    /// joined by ` + `.
    pub protocol: String,
    /// The number; a share of 1 unless the suite says otherwise. `None` when nothing defines it.
    pub value: Option<f64>,
    /// The sum of credits times grade weights, where the value is one mean. Not weighted by sampling.
    pub credit: Option<f64>,
    /// How many it rests on.
    pub n: u64,
    /// What `n` counts.
    pub counted: Counted,
    /// Clusters of those items.
    pub clusters: u64,
    /// What guessing is expected to earn, where that is known of every part.
    pub chance: Option<f64>,
    /// Questions without any readout among the measure's items.
    pub abstained: u64,
    /// The lower end of the 95 % interval.
    pub low: Option<f64>,
    /// The upper end of the 95 % interval.
    pub high: Option<f64>,
    /// How the interval was made, and how many draws went into a drawn vote.
    pub method: Option<String>,
    /// Standard deviation over resamples.
    pub standard_error: Option<f64>,
    /// Variance with clusters drawn jointly over variance with items drawn alone. 1 when clusters do not
    /// matter; `None` for sets and where all grades are equal.
    pub design_effect: Option<f64>,
}

/// All measures of one cell: the suite's aggregates, then the engine's own figures.
///
/// # Panics
///
/// When `outcomes` has not one entry per item, or the draws belong to another number of clusters.
pub fn measure(evaluation: &Evaluation<'_>, draws: &Draws) -> Vec<Measure> {
    let Evaluation { suite, cases, outcomes, rules } = *evaluation;
    let aggregates = suite.aggregates(cases.subsets());
    let mut desk = Desk::new(evaluation);
    desk.aggregates(&aggregates);
    if desk.rows.any_lacking() {
        desk.variants(&aggregates, evaluation);
    }
    let own = desk.board.add_view(views::own(cases, outcomes));
    desk.own_figures(&aggregates, own);
    let main = desk.main;
    let counts = votes::sample_counts(outcomes);
    let most = counts.last().copied();
    for &count in &counts {
        let view = match Some(count) == most {
            true => main,
            false => {
                let view = votes::first(suite, &cases.items, outcomes, &rules, count);
                desk.board.add_view(view)
            }
        };
        desk.headline_again(&aggregates, view, format!("first@{count}"), None);
    }
    for &count in &counts {
        if aggregates.iter().all(|aggregate| holds_set(&aggregate.tree)) {
            break;
        }
        let (view, drawn) = votes::vote(suite, &cases.items, outcomes, &rules, count, draws.seed());
        let view = desk.board.add_view(view);
        let note = drawn.then(|| format!("{} draws of samples", votes::VOTE_DRAWS));
        desk.vote(&aggregates, view, count, note);
    }
    let mut measures = desk.finish(draws);
    let shown = outcomes.iter().flatten().flat_map(|outcome| &outcome.shown);
    measures.extend(abstentions(shown.flat_map(|shown| &shown.samples)));
    measures
}

/// The headline and the groups as earned by the rule that longer is better: what a source that knows
/// nothing but length would be measured as. Needs no trials. `None` when texts are absent.
pub fn measure_lengths(
    suite: &dyn Suite,
    cases: &Cases,
    rules: Rules,
    draws: &Draws,
) -> Option<Vec<Measure>> {
    let outcomes: Option<Vec<Option<Outcome>>> = cases
        .lengths
        .iter()
        .map(|lengths| {
            let lengths = lengths.as_ref()?.iter().copied();
            Some(Some(Outcome::pointwise(lengths.map(f64::from))))
        })
        .collect();
    let outcomes = outcomes?;
    let evaluation = Evaluation { suite, cases, outcomes: &outcomes, rules };
    let mut desk = Desk::new(&evaluation);
    desk.aggregates(&prominent(&suite.aggregates(cases.subsets())));
    Some(desk.finish(draws))
}

/// A tag with too many values to slice by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tag `{tag}` has {values} values, and a report slices by at most {MOST_SLICES}")]
pub struct TooManySlices {
    /// The tag.
    pub tag: String,
    /// How many values it has in this suite.
    pub values: usize,
}

/// The headline and the groups over the items of each value of a tag, values sorted. An item with several
/// values is in the slice of each. Parts without any item are left out.
pub fn measure_slices(
    evaluation: &Evaluation<'_>,
    tag: &str,
    draws: &Draws,
) -> Result<Vec<Measure>, TooManySlices> {
    let cases = evaluation.cases;
    let mut slices: BTreeMap<Arc<str>, Vec<bool>> = BTreeMap::new();
    for (place, item) in cases.items.iter().enumerate() {
        for value in item.tags.get(tag).map_or(&[][..], |tag| tag.values()) {
            let slice =
                slices.entry(value.clone()).or_insert_with(|| vec![false; cases.items.len()]);
            slice[place] = evaluation.outcomes[place].is_some();
        }
        if slices.len() > MOST_SLICES {
            return Err(too_many(cases, tag));
        }
    }
    let aggregates = prominent(&evaluation.suite.aggregates(cases.subsets()));
    let mut desk = Desk::new(evaluation);
    for (value, inside) in slices {
        let scope = desk.board.add_scope(inside);
        for (place, aggregate) in aggregates.iter().enumerate() {
            let mut line = desk.line_of(aggregate, place == 0, desk.main, scope);
            line.slice = Some(format!("{tag}={value}"));
            desk.rows.push(line);
        }
    }
    let mut measures = desk.finish(draws);
    measures.retain(|measure| measure.n > 0);
    Ok(measures)
}

fn too_many(cases: &Cases, tag: &str) -> TooManySlices {
    let tags = cases.items.iter().filter_map(|item| item.tags.get(tag));
    let values: std::collections::BTreeSet<&Arc<str>> = tags.flat_map(|tag| tag.values()).collect();
    TooManySlices { tag: tag.to_owned(), values: values.len() }
}

/// The suite's own number over resampled clusters, for comparing sources: under the same draws, the
/// difference of two sources is the difference of these values, resample by resample.
#[derive(Clone, Debug, PartialEq)]
pub struct Resampled {
    /// The measure as it is.
    pub value: f64,
    /// The measure in each resample; NaN where it is not defined.
    pub values: Vec<f64>,
}

/// The headline's value in every resample. `None` when the suite has no headline or it is not defined.
pub fn resample_headline(evaluation: &Evaluation<'_>, draws: &Draws) -> Option<Resampled> {
    let aggregates = evaluation.suite.aggregates(evaluation.cases.subsets());
    let headline = headline(&aggregates)?;
    let mut desk = Desk::new(evaluation);
    let root = desk.board.compile(&headline.tree, desk.main, desk.whole);
    let value = desk.board.value(root)?;
    let values = resample::resample(&desk.board, &[root], draws).pop()?;
    Some(Resampled { value, values })
}

fn headline(aggregates: &[Aggregate]) -> Option<&Aggregate> {
    aggregates.iter().find(|aggregate| aggregate.standing == Standing::Headline)
}

/// Headlines first, then groups, each in the suite's order.
fn prominent(aggregates: &[Aggregate]) -> Vec<Aggregate> {
    let of = |standing| aggregates.iter().filter(move |one| one.standing == standing).cloned();
    of(Standing::Headline).chain(of(Standing::Group)).collect()
}

/// One cell on the desk: its grades, and the lines that are to become measures.
struct Desk<'a> {
    board: Board<'a>,
    rows: Rows,
    main: ViewPlace,
    chance: ViewPlace,
    whole: ScopePlace,
}

impl<'a> Desk<'a> {
    fn new(evaluation: &Evaluation<'a>) -> Self {
        let Evaluation { suite, cases, outcomes, rules } = *evaluation;
        assert_eq!(cases.items.len(), outcomes.len(), "one outcome or none per item");
        let mut board = Board::new(suite, cases);
        let main = board.add_view(views::graded(suite, cases, outcomes, &rules));
        let chance = board.add_view(views::chance(suite, cases, outcomes, &rules));
        let whole = board.add_scope(outcomes.iter().map(Option::is_some).collect());
        let rows = Rows::new(suite, cases, outcomes);
        Self { board, rows, main, chance, whole }
    }

    fn line_of(
        &mut self,
        aggregate: &Aggregate,
        headline: bool,
        view: ViewPlace,
        scope: ScopePlace,
    ) -> Line {
        let root = self.board.compile(&aggregate.tree, view, scope);
        let chance = self.board.compile(&aggregate.tree, self.chance, scope);
        Line {
            root,
            slice: None,
            subset: aggregate.subset.clone(),
            measure: aggregate.measure.clone().into_owned(),
            standing: aggregate.standing,
            headline: headline && aggregate.standing == Standing::Headline,
            range: (0.0, 1.0),
            counted: Counted::Items,
            chance: Chance::Graded(chance),
            note: None,
        }
    }

    fn aggregates(&mut self, aggregates: &[Aggregate]) {
        let mut first = true;
        for aggregate in aggregates {
            let line = self.line_of(aggregate, first, self.main, self.whole);
            first &= aggregate.standing != Standing::Headline;
            self.rows.push(line);
        }
    }

    /// Headlines and groups under the other rules on missing readouts, where some readout is missing.
    fn variants(&mut self, aggregates: &[Aggregate], evaluation: &Evaluation<'_>) {
        let variants = views::variants(evaluation, self.board.view(self.main));
        let variants = variants.map(|(name, view)| (name, self.board.add_view(view)));
        let prominent = [Standing::Headline, Standing::Group];
        for aggregate in aggregates.iter().filter(|one| prominent.contains(&one.standing)) {
            let main = self.board.compile(&aggregate.tree, self.main, self.whole);
            if !self.rows.lacking(&self.board, main) {
                continue;
            }
            for &(name, view) in &variants {
                let mut line = self.line_of(aggregate, false, view, self.whole);
                line.measure = format!("{}/{name}", aggregate.measure);
                self.rows.push(line);
            }
        }
    }

    /// Ties, position and length, over the suite and over the subset of each group.
    fn own_figures(&mut self, aggregates: &[Aggregate], own: ViewPlace) {
        let cases = self.board.cases;
        let mut places: Vec<(Arc<str>, Vec<usize>)> =
            vec![(Arc::from(""), (0..cases.subsets().len()).collect())];
        for aggregate in aggregates.iter().filter(|one| one.standing == Standing::Group) {
            if places.iter().all(|(subset, _)| *subset != aggregate.subset) {
                places.push((aggregate.subset.clone(), subsets_read(&aggregate.tree, cases)));
            }
        }
        let figures = views::figures(self.board.view(own));
        for (subset, read) in places {
            let read: Vec<Arc<str>> =
                read.into_iter().map(|place| cases.subsets()[place].clone()).collect();
            for figure in &figures {
                let mut compile = |name: &str| {
                    let tree = Tree::pooled(name.to_owned(), read.iter().cloned());
                    self.board.compile(&tree, own, self.whole)
                };
                let root = compile(&figure.name);
                let chance = match &figure.chance {
                    views::FigureChance::Known(chance) => Chance::Known(*chance),
                    views::FigureChance::Grade(name) => Chance::Graded(compile(name)),
                    views::FigureChance::None => Chance::None,
                };
                if self.board.value(root).is_none() {
                    continue;
                }
                self.rows.push(Line {
                    root,
                    slice: None,
                    subset: subset.clone(),
                    measure: figure.name.clone(),
                    standing: Standing::Beside,
                    headline: false,
                    range: figure.range,
                    counted: figure.counted,
                    chance,
                    note: None,
                });
            }
        }
    }

    fn headline_again(
        &mut self,
        aggregates: &[Aggregate],
        view: ViewPlace,
        name: String,
        note: Option<String>,
    ) {
        if let Some(headline) = headline(aggregates) {
            self.again(headline, view, name, note);
        }
    }

    fn again(
        &mut self,
        aggregate: &Aggregate,
        view: ViewPlace,
        name: String,
        note: Option<String>,
    ) {
        let mut line = self.line_of(aggregate, false, view, self.whole);
        line.standing = Standing::Beside;
        line.measure = name;
        line.note = note;
        self.rows.push(line);
    }

    /// The headline over expected grades; where it holds a set, whose value is no mean of them, the groups
    /// that hold none.
    fn vote(
        &mut self,
        aggregates: &[Aggregate],
        view: ViewPlace,
        count: usize,
        note: Option<String>,
    ) {
        match headline(aggregates) {
            Some(headline) if !holds_set(&headline.tree) => {
                self.again(headline, view, format!("vote@{count}"), note);
            }
            _ => {
                let groups = aggregates.iter().filter(|one| one.standing == Standing::Group);
                for group in groups.filter(|group| !holds_set(&group.tree)) {
                    let name = format!("{}/vote@{count}", group.measure);
                    self.again(group, view, name, note.clone());
                }
            }
        }
    }

    fn finish(self, draws: &Draws) -> Vec<Measure> {
        self.rows.finish(&self.board, draws)
    }
}

/// Abstentions by reason, counted over these readouts.
pub(crate) fn abstentions<'a>(said: impl Iterator<Item = &'a Readout>) -> Vec<Measure> {
    let mut reasons: BTreeMap<Reason, u64> = BTreeMap::new();
    let mut readouts = 0;
    for readout in said {
        readouts += 1;
        if let Readout::Abstained(abstention) = readout {
            *reasons.entry(abstention.reason).or_default() += 1;
        }
    }
    let measures = reasons.into_iter().map(|(reason, count)| Measure {
        subset: Arc::from(""),
        slice: None,
        measure: format!("abstentions/{}", reason.as_str()),
        standing: Standing::Beside,
        headline: false,
        protocol: String::new(),
        value: Some(count as f64),
        credit: None,
        n: readouts,
        counted: Counted::Readouts,
        clusters: 0,
        chance: None,
        abstained: count,
        low: None,
        high: None,
        method: None,
        standard_error: None,
        design_effect: None,
    });
    measures.collect()
}

/// The number of answered items.
pub fn answered(outcomes: &[Option<Outcome>]) -> usize {
    outcomes.par_iter().filter(|outcome| outcome.is_some()).count()
}
