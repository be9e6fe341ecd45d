//! The two rules of JudgeBench.

use tribunal_api::grading::{FailureRule, TieRule, pair};
use tribunal_api::{CandidateIndex, Failures, Item, Outcome, Protocol, Rules, Ties};

use super::Rule;

/// The second answer, for which equal scores speak under the single-game rule.
const SECOND: CandidateIndex = CandidateIndex(1);

/// The credit of a pair; `None` when it is left out.
pub(super) fn credit(rule: Rule, item: &Item, outcome: &Outcome, rules: &Rules) -> Option<f64> {
    let right = item.correct().next()?;
    let wrong = item.wrong().next()?;
    let open = matches!(rules.failures, Failures::Worst | Failures::Best);
    if rule == Rule::SingleGame
        && outcome.protocol == Protocol::Pointwise
        && rules.ties == Ties::Published
        && outcome.margin(right, wrong) == Some(0.0)
        && !(open && outcome.lacks_readouts())
    {
        return Some(if right == SECOND { 1.0 } else { 0.0 });
    }
    let ties = rules.ties.or(TieRule::Loss);
    pair(outcome, right, wrong, ties, rules.failures.or(FailureRule::Wrong))
}
