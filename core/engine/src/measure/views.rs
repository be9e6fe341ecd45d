//! Grades of all items of a cell: by the suite under each rule, by chance, and the engine's own.

use rayon::prelude::*;
use tribunal_api::{Failures, Grade, Guess, Outcome, Rules, Suite};

use super::cases::Cases;
use super::tree::View;
use super::{Counted, Evaluation, length, position};

pub(super) fn graded(
    suite: &dyn Suite,
    cases: &Cases,
    outcomes: &[Option<Outcome>],
    rules: &Rules,
) -> View {
    let graded = cases.items.par_iter().zip(outcomes).map(|(item, outcome)| match outcome {
        Some(outcome) => suite.grade(item, outcome, rules),
        None => Vec::new(),
    });
    graded.collect()
}

/// The grades that guessing earns, for the protocol and the orders that each answered item met.
pub(super) fn chance(
    suite: &dyn Suite,
    cases: &Cases,
    outcomes: &[Option<Outcome>],
    rules: &Rules,
) -> View {
    let graded = cases.items.par_iter().zip(outcomes).map(|(item, outcome)| match outcome {
        Some(outcome) => suite.chance(item, &Guess::in_place_of(outcome, *rules)),
        None => Vec::new(),
    });
    graded.collect()
}

/// The grades under each other rule on missing readouts. Items without missing readouts keep theirs.
///
/// `excluding` leaves out every item that lacks any readout. [`Failures::Exclude`] is narrower: there one readout
/// of a question is enough to answer it.
pub(super) fn variants(evaluation: &Evaluation<'_>, main: &View) -> [(&'static str, View); 3] {
    let Evaluation { suite, cases, outcomes, rules } = *evaluation;
    [("excluding", None), ("worst", Some(Failures::Worst)), ("best", Some(Failures::Best))].map(
        |(name, failures)| {
            let graded = cases.items.par_iter().zip(outcomes).zip(main);
            let view = graded.map(|((item, outcome), main)| match (outcome, failures) {
                (Some(outcome), Some(failures)) if outcome.lacks_readouts() => {
                    suite.grade(item, outcome, &Rules { failures, ..rules })
                }
                (Some(outcome), None) if outcome.lacks_readouts() => Vec::new(),
                _ => main.clone(),
            });
            (name, view.collect())
        },
    )
}

/// The engine's own grades: ties, position, length.
pub(super) fn own(cases: &Cases, outcomes: &[Option<Outcome>]) -> View {
    let graded = cases.items.par_iter().zip(outcomes).zip(&cases.lengths);
    let graded = graded.map(|((item, outcome), lengths)| {
        let mut grades = Vec::new();
        if let Some(outcome) = outcome {
            length::grade(item, outcome, lengths.as_deref(), &mut grades);
            position::grade(outcome, &mut grades);
        }
        grades
    });
    graded.collect()
}

/// What a figure of the engine is expected to be by guessing.
pub(super) enum FigureChance {
    Known(f64),
    /// The mean of this grade.
    Grade(String),
    None,
}

/// A figure of the engine that occurs in a view.
pub(super) struct Figure {
    pub name: String,
    pub counted: Counted,
    /// The least and greatest possible credit.
    pub range: (f64, f64),
    pub chance: FigureChance,
}

/// The engine's figures that some item has, in the order of reports.
pub(super) fn figures(own: &View) -> Vec<Figure> {
    let share = |name: &str, counted, chance| Figure {
        name: name.to_owned(),
        counted,
        range: (0.0, 1.0),
        chance,
    };
    let mut figures = vec![
        share(length::TIES, Counted::Comparisons, FigureChance::None),
        share(length::PREFERS_LONGER, Counted::Comparisons, FigureChance::None),
        share(length::GOLD_LONGER, Counted::Comparisons, FigureChance::None),
        Figure {
            range: (-1.0, 1.0),
            ..share(length::TAU_B, Counted::Items, FigureChance::Known(0.0))
        },
        share(position::AGREEMENT, Counted::Questions, FigureChance::Known(0.5)),
        share(position::FIRST_SHARE, Counted::Games, FigureChance::Known(0.5)),
        share(position::PRIMACY, Counted::Questions, FigureChance::Known(0.25)),
        share(position::RECENCY, Counted::Questions, FigureChance::Known(0.25)),
    ];
    figures.retain(|figure| own.iter().any(|grades| has(grades, &figure.name)));
    let places = (1..).take_while(|&place| {
        let name = position::win_at(place);
        own.iter().any(|grades| has(grades, &name))
    });
    figures.extend(places.map(|place| {
        let chance = FigureChance::Grade(position::chance_win_at(place));
        share(&position::win_at(place), Counted::Lists, chance)
    }));
    figures
}

fn has(grades: &[Grade], name: &str) -> bool {
    grades.iter().any(|grade| grade.name == name)
}
