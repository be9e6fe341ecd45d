//! How a comparison stands when each missing readout speaks for gold, or each against it.

use crate::answer::{Readout, Score};
use crate::outcome::{Combiner, Outcome, Protocol, Shown, Vote};
use crate::question::CandidateIndex;

/// For whom the missing readouts speak.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    ForGold,
    AgainstGold,
}

impl Missing {
    fn margin(self) -> f64 {
        match self {
            Missing::ForGold => 1.0,
            Missing::AgainstGold => -1.0,
        }
    }
}

/// [`Outcome::margin`] of a better candidate with every missing readout filled.
///
/// Verdicts and probabilities are bounded, so that a missing one becomes a game won or lost outright, and so is every
/// sample of a majority, which has one vote whatever its scores. Scores are not: one of them could outweigh all
/// others, so a comparison that averages over a missing score is won or lost as a whole. A median or a minimum takes
/// scores without bounds in the place of the missing ones.
pub(super) fn margin(
    outcome: &Outcome,
    better: CandidateIndex,
    other: CandidateIndex,
    missing: Missing,
) -> f64 {
    if outcome.protocol == Protocol::Pointwise {
        let complete = score(outcome, better).is_some() && score(outcome, other).is_some();
        let margin = if complete { outcome.margin(better, other) } else { None };
        return margin.unwrap_or(missing.margin());
    }
    let Some(question) = outcome.comparing(better, other) else { return missing.margin() };
    let votes: Vec<&Shown> = outcome.votes(question).collect();
    let bounded = outcome.vote == Vote::Majority
        || votes.iter().flat_map(|vote| &vote.samples).all(is_verdict_or_missing);
    if !bounded
        && outcome.vote == Vote::Mean
        && outcome.combiner == Combiner::MeanScore
        && votes.iter().any(|vote| vote.lacks_readouts())
    {
        return missing.margin();
    }
    let winner = if missing == Missing::ForGold { better } else { other };
    let filling = match (bounded, outcome.vote) {
        (true, _) => Filling::Samples { lost: 0.0, won: 1.0 },
        (false, Vote::Mean | Vote::Majority) => Filling::Presentation,
        (false, Vote::Median | Vote::Min) => Filling::Samples { lost: -UNBOUNDED, won: UNBOUNDED },
    };
    let shown = votes.into_iter().map(|vote| fill(vote, winner, filling)).collect();
    let filled = Outcome {
        protocol: outcome.protocol,
        combiner: outcome.combiner,
        vote: outcome.vote,
        shown,
    };
    filled.margin(better, other).unwrap_or(missing.margin())
}

/// The score of a candidate when none of its readouts is missing.
pub(super) fn score(outcome: &Outcome, candidate: CandidateIndex) -> Option<f64> {
    let mut shown = outcome.shown.iter().filter(|shown| shown.order.contains(&candidate));
    if shown.any(Shown::lacks_readouts) { None } else { outcome.score(candidate) }
}

/// What stands in for missing samples.
#[derive(Clone, Copy)]
enum Filling {
    /// These scores of loser and winner for each of them.
    Samples { lost: f64, won: f64 },
    /// One verdict for the whole presentation, samples that are there included.
    Presentation,
}

/// A score beyond all others, small enough for sums and differences of a few to stay finite.
const UNBOUNDED: f64 = 1e300;

fn fill(vote: &Shown, winner: CandidateIndex, filling: Filling) -> Shown {
    if !vote.lacks_readouts() {
        return vote.clone();
    }
    let samples = match filling {
        Filling::Samples { lost, won } if !vote.samples.is_empty() => {
            let verdict = verdict(&vote.order, winner, lost, won);
            let filled = vote.samples.iter();
            filled
                .map(|sample| if sample.scores().is_some() { sample } else { &verdict }.clone())
                .collect()
        }
        _ => vec![verdict(&vote.order, winner, 0.0, 1.0)],
    };
    Shown { order: vote.order.clone(), samples }
}

fn verdict(order: &[CandidateIndex], winner: CandidateIndex, lost: f64, won: f64) -> Readout {
    let scores = order.iter().map(|&shown| {
        let score = if shown == winner { won } else { lost };
        Score::try_from(score).expect("the fillings are finite")
    });
    Readout::Scores(scores.collect())
}

/// True for shares of one whole: `[1, 0]`, `[0.5, 0.5]`, `[p, 1 - p]`.
fn is_verdict_or_missing(readout: &Readout) -> bool {
    let Some(scores) = readout.scores() else { return true };
    let sum: f64 = scores.iter().map(|score| score.value()).sum();
    scores.iter().all(|score| score.value() >= 0.0) && (sum - 1.0).abs() < 1e-9
}

#[cfg(test)]
mod tests {
    use super::super::{FailureRule, TieRule, pair};
    use super::*;
    use crate::answer::{Abstention, Reason};

    const A: CandidateIndex = CandidateIndex(0);
    const B: CandidateIndex = CandidateIndex(1);

    fn none() -> Readout {
        Readout::Abstained(Abstention { reason: Reason::Unreadable, note: String::new() })
    }

    fn scores(scores: &[f64]) -> Readout {
        Outcome::listwise(scores).shown.remove(0).samples.remove(0)
    }

    fn both_orders(combiner: Combiner, games: [Vec<Readout>; 2]) -> Outcome {
        let orders = [vec![A, B], vec![B, A]];
        let shown = orders.into_iter().zip(games).map(|(order, samples)| Shown { order, samples });
        let shown = shown.collect();
        Outcome { protocol: Protocol::Pairwise, combiner, vote: Vote::Mean, shown }
    }

    fn range(outcome: &Outcome, ties: TieRule) -> [Option<f64>; 2] {
        [FailureRule::Worst, FailureRule::Best].map(|rule| pair(outcome, A, B, ties, rule))
    }

    #[test]
    fn a_missing_game_is_lost_or_won() {
        let won = || vec![scores(&[1.0, 0.0])];
        for combiner in [Combiner::MeanScore, Combiner::TwoGame, Combiner::ConsistentOnly] {
            // One game won and one missing: at worst a tie, at best won.
            let outcome = both_orders(combiner, [won(), vec![none()]]);
            assert_eq!(range(&outcome, TieRule::Loss), [Some(0.0), Some(1.0)], "{combiner:?}");
            assert_eq!(range(&outcome, TieRule::Half), [Some(0.5), Some(1.0)], "{combiner:?}");
            let silent = both_orders(combiner, [vec![none()], vec![none()]]);
            assert_eq!(range(&silent, TieRule::Half), [Some(0.0), Some(1.0)], "{combiner:?}");
        }
    }

    #[test]
    fn a_missing_sample_is_one_verdict_of_its_presentation() {
        // Won, won and missing: two thirds at worst. Lost, lost and missing: one third at best.
        let [win, loss] = [scores(&[1.0, 0.0]), scores(&[0.0, 1.0])];
        let mut outcome = Outcome::listwise(&[1.0, 0.0]);
        outcome.shown[0].samples = vec![win.clone(), win, none()];
        assert_eq!(range(&outcome, TieRule::Half), [Some(1.0), Some(1.0)]);
        outcome.shown[0].samples = vec![loss.clone(), none(), loss];
        assert_eq!(range(&outcome, TieRule::Half), [Some(0.0), Some(0.0)]);
    }

    #[test]
    fn a_missing_score_without_bounds_decides_a_mean_and_one_game_of_two() {
        let games = || [vec![scores(&[8.0, 3.0])], vec![none()]];
        let mean = both_orders(Combiner::MeanScore, games());
        assert_eq!(range(&mean, TieRule::Half), [Some(0.0), Some(1.0)]);
        let two = both_orders(Combiner::TwoGame, games());
        assert_eq!(range(&two, TieRule::Half), [Some(0.5), Some(1.0)]);
    }

    #[test]
    fn a_missing_sample_is_one_vote_of_a_majority_whatever_the_scores() {
        // Two votes for gold stand against the missing one, although its scores could be any.
        let mut outcome = Outcome::listwise(&[8.0, 3.0]);
        outcome.shown[0].samples = vec![scores(&[8.0, 3.0]), scores(&[9.0, 2.0]), none()];
        assert_eq!(range(&outcome, TieRule::Half), [Some(0.0), Some(1.0)]);
        outcome.vote = Vote::Majority;
        assert_eq!(range(&outcome, TieRule::Half), [Some(1.0), Some(1.0)]);
    }

    #[test]
    fn a_missing_sample_moves_a_median_and_a_minimum_no_further_than_it_can() {
        // Medians of 8, 9 and anything lie in 8 to 9, those of 3, 2 and anything in 2 to 3: gold wins.
        let mut outcome = Outcome::listwise(&[8.0, 3.0]);
        outcome.shown[0].samples = vec![scores(&[8.0, 3.0]), scores(&[9.0, 2.0]), none()];
        outcome.vote = Vote::Median;
        assert_eq!(range(&outcome, TieRule::Half), [Some(1.0), Some(1.0)]);
        // The least of 8, 9 and anything may be below 2; above, it is 8 at most.
        outcome.vote = Vote::Min;
        assert_eq!(range(&outcome, TieRule::Half), [Some(0.0), Some(1.0)]);
    }

    #[test]
    fn a_missing_sample_of_a_score_leaves_the_comparison_open() {
        let mut outcome = Outcome::pointwise([9.0, 1.0]);
        outcome.shown[1].samples.push(none());
        assert_eq!(range(&outcome, TieRule::Loss), [Some(0.0), Some(1.0)]);
        let known = Outcome::pointwise([1.0, 9.0]);
        assert_eq!(range(&known, TieRule::Loss), [Some(0.0), Some(0.0)]);
    }
}
