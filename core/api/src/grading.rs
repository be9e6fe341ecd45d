//! The grading rules that most suites share: a pair, and the best of N.

mod bounds;
mod chance;

use crate::item::Item;
use crate::outcome::{Combiner, Outcome, Protocol};
use crate::question::CandidateIndex;
use crate::suite::{Failures, Ties};

use bounds::Missing;
pub use chance::{chance_best_of, chance_pair};

/// What a tie earns, settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TieRule {
    /// Nothing.
    Loss,
    /// One half.
    Half,
    /// One divided by the number of candidates at the top; with several correct candidates see [`best_of`].
    Split,
}

/// What a missing readout earns, settled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FailureRule {
    /// Nothing.
    Wrong,
    /// The item is left out when a question that it needs has no readout at all.
    Exclude,
    /// This credit.
    Credit(f64),
    /// A candidate without score ranks below every scored one and equal to the others without; a game without
    /// verdict is a tie. What equality then earns is [`TieRule::Split`], whatever the tie rule.
    Lowest,
    /// The least that is attainable: each missing readout, be it one sample or one order of a question, speaks
    /// against gold. A missing verdict is a game lost outright; a missing score of a single candidate, which
    /// could be any number, loses all its comparisons.
    Worst,
    /// The most that is attainable: each missing readout speaks for gold in the same way.
    Best,
}

impl FailureRule {
    /// For whom missing readouts speak, where they do.
    fn missing(self) -> Option<Missing> {
        match self {
            FailureRule::Worst => Some(Missing::AgainstGold),
            FailureRule::Best => Some(Missing::ForGold),
            _ => None,
        }
    }
}

impl TieRule {
    /// The credit of a candidate that loses to none and ties with `tied` others.
    fn of_tied(self, tied: usize) -> f64 {
        match (tied, self) {
            (0, _) => 1.0,
            (_, TieRule::Loss) => 0.0,
            (_, TieRule::Half) => 0.5,
            (tied, TieRule::Split) => 1.0 / (tied + 1) as f64,
        }
    }
}

impl Ties {
    /// The rule, with what `published` means for the suite.
    pub fn or(self, published: TieRule) -> TieRule {
        match self {
            Ties::Published => published,
            Ties::Loss => TieRule::Loss,
            Ties::Half => TieRule::Half,
            Ties::Split => TieRule::Split,
        }
    }
}

impl Failures {
    /// The rule, with what `published` means for the suite.
    pub fn or(self, published: FailureRule) -> FailureRule {
        match self {
            Failures::Published => published,
            Failures::Wrong => FailureRule::Wrong,
            Failures::Exclude => FailureRule::Exclude,
            Failures::Worst => FailureRule::Worst,
            Failures::Best => FailureRule::Best,
        }
    }
}

/// The credit of a pair: does the outcome prefer `better` to `worse`? `None` when the item is left out.
pub fn pair(
    outcome: &Outcome,
    better: CandidateIndex,
    worse: CandidateIndex,
    ties: TieRule,
    failures: FailureRule,
) -> Option<f64> {
    against_all(outcome, better, &[worse], ties, failures)
}

/// The credit of best-of-N: is a correct candidate preferred to every wrong one? `None` when the item is left
/// out.
///
/// With several correct candidates the best-placed one counts. Where they have scores that compare (not in a
/// contest of pairs), [`TieRule::Split`] then earns the correct share of the candidates at the top, so
/// that equal scores for all earn what guessing does.
pub fn best_of(
    outcome: &Outcome,
    item: &Item,
    ties: TieRule,
    failures: FailureRule,
) -> Option<f64> {
    let correct: Vec<CandidateIndex> = item.correct().collect();
    let wrong: Vec<CandidateIndex> = item.wrong().collect();
    let comparable =
        outcome.protocol != Protocol::Pairwise && outcome.combiner == Combiner::MeanScore;
    if correct.len() > 1 && comparable {
        let silent = || item.indices().all(|index| outcome.score(index).is_none());
        if ties == TieRule::Split || (failures == FailureRule::Lowest && silent()) {
            return share_at_top(outcome, &correct, &wrong, failures);
        }
    }
    correct
        .into_iter()
        .map(|correct| against_all(outcome, correct, &wrong, ties, failures))
        .try_fold(0.0, |best: f64, credit| credit.map(|credit| best.max(credit)))
}

/// The correct share of the candidates with the greatest score. A correct candidate without score stands below
/// all unless it speaks for gold; a wrong one decides the item, unless it stands below too.
fn share_at_top(
    outcome: &Outcome,
    correct: &[CandidateIndex],
    wrong: &[CandidateIndex],
    failures: FailureRule,
) -> Option<f64> {
    let score = |&candidate: &CandidateIndex| match failures.missing() {
        Some(_) => bounds::score(outcome, candidate),
        None => outcome.score(candidate),
    };
    let correct: Vec<Option<f64>> = correct.iter().map(score).collect();
    let wrong: Vec<Option<f64>> = wrong.iter().map(score).collect();
    let lacks = |scores: &[Option<f64>]| scores.iter().any(Option::is_none);
    match failures {
        FailureRule::Exclude if lacks(&correct) || lacks(&wrong) => return None,
        FailureRule::Best if lacks(&correct) => return Some(1.0),
        FailureRule::Wrong | FailureRule::Worst if lacks(&wrong) => return Some(0.0),
        FailureRule::Credit(credit) if lacks(&wrong) => return Some(credit),
        _ => {}
    }
    // No score is less than any.
    let top = correct.iter().chain(&wrong).copied().fold(None, |top: Option<f64>, score| {
        if score.is_some_and(|score| top.is_none_or(|top| score > top)) { score } else { top }
    });
    let at_top =
        |scores: &[Option<f64>]| scores.iter().filter(|score| **score == top).count() as f64;
    if top.is_none() && matches!(failures, FailureRule::Wrong | FailureRule::Worst) {
        return Some(0.0);
    }
    Some(at_top(&correct) / (at_top(&correct) + at_top(&wrong)))
}

fn against_all(
    outcome: &Outcome,
    better: CandidateIndex,
    worse: &[CandidateIndex],
    ties: TieRule,
    failures: FailureRule,
) -> Option<f64> {
    let mut ties_at_top = 0usize;
    let mut lost = false;
    let mut failed = false;
    let mut lowest_tie = false;
    for &other in worse {
        let margin = match failures.missing() {
            Some(missing) => Some(bounds::margin(outcome, better, other, missing)),
            None => outcome.margin(better, other),
        };
        match margin {
            Some(margin) if margin > 0.0 => {}
            Some(margin) if margin < 0.0 => lost = true,
            Some(_) => ties_at_top += 1,
            None => {
                failed = true;
                if failures == FailureRule::Lowest {
                    match lowest(outcome, better, other) {
                        Place::Above => {}
                        Place::Below => lost = true,
                        Place::Equal => {
                            ties_at_top += 1;
                            lowest_tie = true;
                        }
                    }
                }
            }
        }
    }
    if failed {
        match failures {
            FailureRule::Exclude => return None,
            FailureRule::Wrong => return Some(0.0),
            FailureRule::Credit(credit) => return Some(credit),
            FailureRule::Lowest | FailureRule::Worst | FailureRule::Best => {}
        }
    }
    let rule = if lowest_tie { TieRule::Split } else { ties };
    Some(if lost { 0.0 } else { rule.of_tied(ties_at_top) })
}

enum Place {
    Above,
    Equal,
    Below,
}

fn lowest(outcome: &Outcome, better: CandidateIndex, other: CandidateIndex) -> Place {
    if outcome.protocol != Protocol::Pointwise {
        return Place::Equal;
    }
    match (outcome.score(better), outcome.score(other)) {
        (Some(_), None) => Place::Above,
        (None, Some(_)) => Place::Below,
        _ => Place::Equal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::{Candidate, Cluster};
    use std::sync::Arc;

    pub(super) fn list(count: usize) -> Item {
        Item {
            subset: Arc::from("s"),
            id: Arc::from("1"),
            topic: Arc::from("s"),
            cluster: Cluster::Conversation,
            prompt: Arc::from([]),
            candidates: vec![Candidate::of_text("x"); count],
            gold: Item::gold_first(1, count),
            tags: Default::default(),
        }
    }

    #[test]
    fn a_best_reply_that_ties_with_one_loser_earns_what_the_rule_says() {
        let outcome = Outcome::pointwise([2.0, 2.0, 1.0]);
        let credit = |ties| best_of(&outcome, &list(3), ties, FailureRule::Wrong);
        assert_eq!(credit(TieRule::Loss), Some(0.0));
        assert_eq!(credit(TieRule::Half), Some(0.5));
        assert_eq!(credit(TieRule::Split), Some(0.5));
    }

    #[test]
    fn four_equal_scores_earn_a_quarter_when_split() {
        let outcome = Outcome::pointwise([3.0; 4]);
        assert_eq!(best_of(&outcome, &list(4), TieRule::Split, FailureRule::Lowest), Some(0.25));
    }

    #[test]
    fn a_list_without_any_score_earns_chance_under_lowest() {
        let outcome = Outcome { shown: Vec::new(), ..Outcome::pointwise([]) };
        assert_eq!(best_of(&outcome, &list(4), TieRule::Loss, FailureRule::Lowest), Some(0.25));
        assert_eq!(best_of(&outcome, &list(4), TieRule::Loss, FailureRule::Exclude), None);
        assert_eq!(best_of(&outcome, &list(4), TieRule::Loss, FailureRule::Best), Some(1.0));
    }

    #[test]
    fn a_known_loss_cannot_be_mended_by_a_missing_readout() {
        let mut outcome = Outcome::pointwise([1.0, 2.0, 0.0]);
        outcome.shown.pop();
        assert_eq!(best_of(&outcome, &list(3), TieRule::Loss, FailureRule::Best), Some(0.0));
    }

    fn two_correct() -> Item {
        Item { gold: Item::gold_first(2, 4), ..list(4) }
    }

    #[test]
    fn several_correct_candidates_share_the_top() {
        let credit = |scores: [f64; 4], ties| {
            best_of(&Outcome::pointwise(scores), &two_correct(), ties, FailureRule::Lowest)
        };
        assert_eq!(credit([3.0; 4], TieRule::Split), Some(0.5));
        assert_eq!(credit([3.0, 3.0, 3.0, 1.0], TieRule::Split), Some(2.0 / 3.0));
        assert_eq!(credit([3.0, 1.0, 3.0, 1.0], TieRule::Split), Some(0.5));
        assert_eq!(credit([3.0, 3.0, 1.0, 1.0], TieRule::Split), Some(1.0));
        assert_eq!(credit([1.0, 1.0, 1.0, 3.0], TieRule::Split), Some(0.0));
        assert_eq!(credit([3.0; 4], TieRule::Half), Some(0.5));
        assert_eq!(credit([3.0; 4], TieRule::Loss), Some(0.0));
        let list = Outcome::listwise(&[0.3, 0.3, 0.3, 0.1]);
        let credit = best_of(&list, &two_correct(), TieRule::Split, FailureRule::Wrong);
        assert_eq!(credit, Some(2.0 / 3.0));
    }

    #[test]
    fn several_correct_candidates_without_scores_obey_the_failure_rule() {
        // Two correct with 3 and none, two wrong with 3 and 1: 1/2 when the missing one stands below, 1 above.
        let mut outcome = Outcome::pointwise([3.0, 0.0, 3.0, 1.0]);
        outcome.shown.remove(1);
        let credit = |failures| best_of(&outcome, &two_correct(), TieRule::Split, failures);
        assert_eq!(credit(FailureRule::Lowest), Some(0.5));
        assert_eq!(credit(FailureRule::Wrong), Some(0.5));
        assert_eq!(credit(FailureRule::Worst), Some(0.5));
        assert_eq!(credit(FailureRule::Best), Some(1.0));
        assert_eq!(credit(FailureRule::Exclude), None);
        let silent = Outcome { shown: Vec::new(), ..Outcome::pointwise([]) };
        let credit = |failures| best_of(&silent, &two_correct(), TieRule::Split, failures);
        assert_eq!(credit(FailureRule::Lowest), Some(0.5));
        assert_eq!(credit(FailureRule::Wrong), Some(0.0));
        assert_eq!(credit(FailureRule::Worst), Some(0.0));
        assert_eq!(credit(FailureRule::Best), Some(1.0));
        let lost = best_of(&silent, &two_correct(), TieRule::Loss, FailureRule::Lowest);
        assert_eq!(lost, Some(0.5));
    }
}
