//! The grading rules that most suites share: a pair, and the best of N.

use crate::item::Item;
use crate::outcome::{Outcome, Protocol};
use crate::question::CandidateIndex;
use crate::suite::{Contest, Failures, Ties};

/// What a tie earns, settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TieRule {
    /// Nothing.
    Loss,
    /// One half.
    Half,
    /// One divided by the number of candidates at the top.
    Split,
}

/// What a missing readout earns, settled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FailureRule {
    /// Nothing.
    Wrong,
    /// The item is left out.
    Exclude,
    /// This credit.
    Credit(f64),
    /// A candidate without score ranks below every scored one and equal to the others without; a game without
    /// verdict is a tie. What equality then earns is [`TieRule::Split`], whatever the tie rule.
    Lowest,
    /// Nothing: the missing readout would have spoken against gold.
    Worst,
    /// What is attainable: the missing readout would have spoken for gold.
    Best,
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

/// The credit of best-of-N: is a correct candidate preferred to every wrong one? With several correct
/// candidates the best-placed one counts. `None` when the item is left out.
pub fn best_of(
    outcome: &Outcome,
    item: &Item,
    ties: TieRule,
    failures: FailureRule,
) -> Option<f64> {
    let wrong: Vec<CandidateIndex> = item.wrong().collect();
    item.correct()
        .map(|correct| against_all(outcome, correct, &wrong, ties, failures))
        .try_fold(0.0, |best: f64, credit| credit.map(|credit| best.max(credit)))
}

/// The credit that guessing earns in best-of-N with continuous scores: the share of correct candidates for a
/// source that scores or ranks the list, 1/2 for each game that a pairwise coin must win.
pub fn chance_best_of(item: &Item, protocol: Protocol, contest: Contest) -> f64 {
    let correct = item.correct().count();
    let wrong = item.candidates.len() - correct;
    match (protocol, contest) {
        (Protocol::Pairwise, Contest::BestAgainstEach) if correct == 1 => {
            0.5f64.powi(i32::try_from(wrong).unwrap_or(i32::MAX))
        }
        _ => correct as f64 / (correct + wrong) as f64,
    }
}

fn against_all(
    outcome: &Outcome,
    better: CandidateIndex,
    worse: &[CandidateIndex],
    ties: TieRule,
    failures: FailureRule,
) -> Option<f64> {
    let mut ties_at_top = 0u32;
    let mut lost = false;
    let mut failed = 0usize;
    let mut lowest_tie = false;
    for &other in worse {
        match outcome.margin(better, other) {
            Some(margin) if margin > 0.0 => {}
            Some(margin) if margin < 0.0 => lost = true,
            Some(_) => ties_at_top += 1,
            None => {
                failed += 1;
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
    if failed > 0 {
        match failures {
            FailureRule::Exclude => return None,
            FailureRule::Wrong | FailureRule::Worst => return Some(0.0),
            FailureRule::Credit(credit) => return Some(credit),
            FailureRule::Lowest | FailureRule::Best => {}
        }
    }
    let rule = if lowest_tie { TieRule::Split } else { ties };
    Some(match (lost, ties_at_top, rule) {
        (true, _, _) => 0.0,
        (false, 0, _) => 1.0,
        (false, _, TieRule::Loss) => 0.0,
        (false, _, TieRule::Half) => 0.5,
        (false, ties, TieRule::Split) => 1.0 / f64::from(ties + 1),
    })
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

    fn list(count: usize) -> Item {
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

    #[test]
    fn a_coin_beats_three_losers_once_in_eight() {
        assert_eq!(chance_best_of(&list(4), Protocol::Pairwise, Contest::BestAgainstEach), 0.125);
        assert_eq!(chance_best_of(&list(4), Protocol::Pointwise, Contest::BestAgainstEach), 0.25);
    }
}
