//! What guessing earns.
//!
//! A source that scores single candidates guesses continuous numbers, which never tie. One that sees two
//! throws a coin in each presentation, one that ranks a list draws an order in each; all samples of a
//! presentation say the same.

use super::TieRule;
use crate::item::Item;
use crate::outcome::{Combiner, Protocol};
use crate::suite::Guess;

/// The credit that guessing earns in a pair.
pub fn chance_pair(guess: &Guess, ties: TieRule) -> f64 {
    match guess.protocol {
        Protocol::Pointwise => 0.5,
        Protocol::Pairwise | Protocol::Listwise => coin_contest(1, 1, guess, ties),
    }
}

/// The credit that guessing earns in best-of-N, where the game of each correct with each wrong candidate is
/// a question of its own when two are shown at a time. `None` where it is not known: a list in several
/// orders, unless the scores are averaged and ties split.
pub fn chance_best_of(item: &Item, guess: &Guess, ties: TieRule) -> Option<f64> {
    let correct = item.correct().count();
    let all = item.candidates.len();
    let share = correct as f64 / all as f64;
    match guess.protocol {
        Protocol::Pointwise => Some(share),
        Protocol::Listwise if all > 2 => {
            let symmetric = ties == TieRule::Split && guess.combiner == Combiner::MeanScore;
            (guess.presentations <= 1 || symmetric).then_some(share)
        }
        Protocol::Pairwise | Protocol::Listwise => {
            Some(coin_contest(correct, all - correct, guess, ties))
        }
    }
}

/// The expected credit of the best of `correct` candidates, each of which plays `wrong` independent
/// questions. With `t` ties and no loss a candidate earns what `ties` says; the greatest of several
/// is at least that when not all of them fall short of it.
fn coin_contest(correct: usize, wrong: usize, guess: &Guess, ties: TieRule) -> f64 {
    let (win, tie) = coin(guess);
    let several = correct as f64;
    let (mut expected, mut below, mut reached) = (0.0, 0.0, 0.0);
    // The number of ways to choose the tied ones.
    let mut ways = 1.0;
    for tied in 0..=wrong {
        below += ways * power(win, wrong - tied) * power(tie, tied);
        let reached_now = 1.0 - (1.0 - below).max(0.0).powf(several);
        expected += ties.of_tied(tied) * (reached_now - reached);
        reached = reached_now;
        ways *= (wrong - tied) as f64 / (tied + 1) as f64;
    }
    expected
}

/// The chances to win and to tie a question by a coin in each presentation.
fn coin(guess: &Guess) -> (f64, f64) {
    let throws = guess.presentations.max(1);
    match guess.combiner {
        Combiner::ConsistentOnly => {
            let win = 0.5f64.powf(f64::from(throws));
            (win, 1.0 - 2.0 * win)
        }
        Combiner::MeanScore | Combiner::TwoGame => {
            // C(m, m/2) / 2^m is the product of (2i - 1) / 2i over i = 1 to m/2.
            let factors = (1..=throws / 2).map(|half| 1.0 - 0.5 / f64::from(half));
            let tie = if throws.is_multiple_of(2) { factors.product() } else { 0.0 };
            ((1.0 - tie) / 2.0, tie)
        }
    }
}

fn power(base: f64, exponent: usize) -> f64 {
    base.powi(i32::try_from(exponent).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::super::tests::list;
    use super::*;
    use crate::suite::Rules;

    fn guess(protocol: Protocol, combiner: Combiner, presentations: u32) -> Guess {
        Guess { protocol, combiner, presentations, rules: Rules::default() }
    }

    fn coins(presentations: u32) -> Guess {
        guess(Protocol::Pairwise, Combiner::MeanScore, presentations)
    }

    fn near(found: f64, expect: f64) {
        assert!((found - expect).abs() < 1e-12, "{found} {expect}");
    }

    #[test]
    fn a_coin_beats_three_losers_once_in_eight() {
        assert_eq!(chance_best_of(&list(4), &coins(1), TieRule::Loss), Some(0.125));
        let scores = guess(Protocol::Pointwise, Combiner::MeanScore, 1);
        assert_eq!(chance_best_of(&list(4), &scores, TieRule::Loss), Some(0.25));
    }

    #[test]
    fn two_coins_win_a_quarter_and_tie_a_half() {
        let rules = [TieRule::Loss, TieRule::Half, TieRule::Split];
        assert_eq!(rules.map(|ties| chance_pair(&coins(2), ties)), [0.25, 0.5, 0.5]);
        assert_eq!(rules.map(|ties| chance_pair(&coins(1), ties)), [0.5; 3]);
        // Of 16 outcomes of four coins 6 tie and 5 win; of three coins none ties.
        assert_eq!(rules.map(|ties| chance_pair(&coins(4), ties)), [0.3125, 0.5, 0.5]);
        assert_eq!(rules.map(|ties| chance_pair(&coins(3), ties)), [0.5; 3]);
        let strict = guess(Protocol::Pairwise, Combiner::ConsistentOnly, 3);
        assert_eq!(rules.map(|ties| chance_pair(&strict, ties)), [0.125, 0.5, 0.5]);
        let scores = guess(Protocol::Pointwise, Combiner::MeanScore, 1);
        assert_eq!(rules.map(|ties| chance_pair(&scores, ties)), [0.5; 3]);
    }

    #[test]
    fn a_contest_in_both_orders_is_counted_by_hand() {
        // Two losers; each game is won 1/4, tied 1/2. No loss: 1/16 without tie, 1/4 with one, 1/4 with two.
        let chance = |ties| chance_best_of(&list(3), &coins(2), ties).unwrap();
        near(chance(TieRule::Loss), 1.0 / 16.0);
        near(chance(TieRule::Half), 1.0 / 16.0 + 0.5 * 0.5);
        near(chance(TieRule::Split), 1.0 / 16.0 + 0.25 / 2.0 + 0.25 / 3.0);
    }

    #[test]
    fn one_of_two_correct_candidates_has_to_win() {
        // Each beats both losers in 1 of 4: at least one of two does in 1 - (3/4)^2 = 7/16.
        let mut item = list(4);
        item.gold = Item::gold_first(2, 4);
        near(chance_best_of(&item, &coins(1), TieRule::Loss).unwrap(), 7.0 / 16.0);
    }

    #[test]
    fn a_list_in_several_orders_is_known_for_split_ties_alone() {
        let lists = |orders| guess(Protocol::Listwise, Combiner::MeanScore, orders);
        assert_eq!(chance_best_of(&list(4), &lists(1), TieRule::Loss), Some(0.25));
        assert_eq!(chance_best_of(&list(4), &lists(2), TieRule::Split), Some(0.25));
        assert_eq!(chance_best_of(&list(4), &lists(2), TieRule::Loss), None);
    }
}
