//! The two rules of JudgeBench.

use tribunal_api::grading::{FailureRule, TieRule, pair};
use tribunal_api::{
    CandidateIndex, Combiner, Failures, Item, Outcome, Protocol, Rules, Shown, Ties,
};

use super::Rule;

/// The second answer, for which equal scores speak under the single-game rule.
const SECOND: CandidateIndex = CandidateIndex(1);

/// The credit of a pair; `None` when it is left out.
pub(super) fn credit(rule: Rule, item: &Item, outcome: &Outcome, rules: &Rules) -> Option<f64> {
    let right = item.correct().next()?;
    let wrong = item.wrong().next()?;
    let ties = match rule {
        Rule::SingleGame
            if outcome.protocol == Protocol::Pointwise && rules.ties == Ties::Published =>
        {
            if outcome.margin(right, wrong) == Some(0.0) {
                return Some(if right == SECOND { 1.0 } else { 0.0 });
            }
            TieRule::Loss
        }
        Rule::SingleGame | Rule::TwoGame => rules.ties.or(TieRule::Loss),
    };
    let missing_speaks = match rules.failures {
        Failures::Worst => Some(-1i64),
        Failures::Best => Some(1),
        Failures::Published | Failures::Wrong | Failures::Exclude => None,
    };
    if let Some(missing) = missing_speaks
        && outcome.combiner == Combiner::TwoGame
        && outcome.protocol != Protocol::Pointwise
        && let Some(games) = games(outcome, right, wrong)
    {
        let sum: i64 = games.map(|game| game.unwrap_or(missing)).sum();
        return Some(credit_of(sum, ties));
    }
    pair(outcome, right, wrong, ties, rules.failures.or(FailureRule::Wrong))
}

/// Each game between the two: 1 won by the right answer, -1 lost, 0 drawn, `None` without verdict. `None` for the
/// whole when no game was played.
fn games(
    outcome: &Outcome,
    right: CandidateIndex,
    wrong: CandidateIndex,
) -> Option<impl Iterator<Item = Option<i64>> + '_> {
    let first = outcome
        .first_of_each_question()
        .find(|shown| shown.order.contains(&right) && shown.order.contains(&wrong))?;
    let decide = move |game: &Shown| {
        let (right, wrong) = (game.mean_score(right)?, game.mean_score(wrong)?);
        Some(i64::from(right > wrong) - i64::from(right < wrong))
    };
    Some(outcome.votes(first).map(decide))
}

fn credit_of(sum: i64, ties: TieRule) -> f64 {
    match (sum.signum(), ties) {
        (1, _) => 1.0,
        (0, TieRule::Half | TieRule::Split) => 0.5,
        _ => 0.0,
    }
}
