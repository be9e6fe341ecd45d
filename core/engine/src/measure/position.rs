//! Whether a source favours a place on screen.
//!
//! Games are compared after the samples of each presentation have voted, before presentations combine.

use tribunal_api::{Grade, Outcome, Shown, Vote};

/// Pair questions shown in both orders, both valid, in which the same candidate wins or both tie.
pub(super) const AGREEMENT: &str = "position/agreement";
/// Decided games that the candidate shown first wins, in whatever order.
pub(super) const FIRST_SHARE: &str = "position/first-share";
/// Pair questions shown in both orders that the candidate shown first wins twice.
pub(super) const PRIMACY: &str = "position/primacy";
/// Pair questions shown in both orders that the candidate shown second wins twice.
pub(super) const RECENCY: &str = "position/recency";

/// Lists won by the candidate shown at this place, counted from 1.
pub(super) fn win_at(place: usize) -> String {
    format!("position/win-at-{place}")
}

/// What a win at this place is expected to earn by guessing: one divided by the length of the list.
pub(super) fn chance_win_at(place: usize) -> String {
    format!("chance/win-at-{place}")
}

/// Adds an item's position grades, each weighted by the questions, games or lists that it counts.
pub(super) fn grade(outcome: &Outcome, grades: &mut Vec<Grade>) {
    grade_pairs(outcome, grades);
    grade_lists(outcome, grades);
}

#[derive(Clone, Copy, PartialEq)]
enum Winner {
    First,
    Second,
    Neither,
}

impl Winner {
    fn of(shown: &Shown, vote: Vote) -> Option<Self> {
        let first = shown.score(shown.order[0], vote)?;
        let second = shown.score(shown.order[1], vote)?;
        Some(match first.total_cmp(&second) {
            _ if first == second => Winner::Neither,
            std::cmp::Ordering::Greater => Winner::First,
            _ => Winner::Second,
        })
    }

    fn turned(self) -> Self {
        match self {
            Winner::First => Winner::Second,
            Winner::Second => Winner::First,
            Winner::Neither => Winner::Neither,
        }
    }
}

/// A share being counted.
#[derive(Default)]
struct Share {
    hits: f64,
    of: f64,
}

impl Share {
    fn count(&mut self, hit: bool) {
        self.add(if hit { 1.0 } else { 0.0 });
    }

    fn add(&mut self, credit: f64) {
        self.hits += credit;
        self.of += 1.0;
    }

    fn push(self, name: impl Into<std::borrow::Cow<'static, str>>, grades: &mut Vec<Grade>) {
        if self.of > 0.0 {
            let credit = self.hits / self.of;
            grades.push(Grade { name: name.into(), credit, weight: self.of });
        }
    }
}

fn grade_pairs(outcome: &Outcome, grades: &mut Vec<Grade>) {
    let [mut agreement, mut first_share, mut primacy, mut recency] =
        std::array::from_fn(|_| Share::default());
    for question in outcome.first_of_each_question().filter(|first| first.order.len() == 2) {
        let mut straight = None;
        let mut turned = None;
        for vote in outcome.votes(question) {
            let Some(winner) = Winner::of(vote, outcome.vote) else { continue };
            if winner != Winner::Neither {
                first_share.count(winner == Winner::First);
            }
            let seen = if vote.order == question.order { &mut straight } else { &mut turned };
            seen.get_or_insert(winner);
        }
        if let (Some(straight), Some(turned)) = (straight, turned) {
            agreement.count(straight == turned.turned());
            primacy.count(straight == Winner::First && turned == Winner::First);
            recency.count(straight == Winner::Second && turned == Winner::Second);
        }
    }
    agreement.push(AGREEMENT, grades);
    first_share.push(FIRST_SHARE, grades);
    primacy.push(PRIMACY, grades);
    recency.push(RECENCY, grades);
}

fn grade_lists(outcome: &Outcome, grades: &mut Vec<Grade>) {
    let longest = outcome.shown.iter().map(|shown| shown.order.len()).max().unwrap_or(0);
    if longest < 3 {
        return;
    }
    let mut wins: Vec<Share> = (0..longest).map(|_| Share::default()).collect();
    let mut chance: Vec<Share> = (0..longest).map(|_| Share::default()).collect();
    for shown in outcome.shown.iter().filter(|shown| shown.order.len() >= 3) {
        let score = |&candidate| shown.score(candidate, outcome.vote);
        let Some(scores) = shown.order.iter().map(score).collect::<Option<Vec<f64>>>() else {
            continue;
        };
        let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let at_top = scores.iter().filter(|&&score| score == top).count();
        if at_top == scores.len() {
            continue;
        }
        for (place, &score) in scores.iter().enumerate() {
            wins[place].add(if score == top { 1.0 / at_top as f64 } else { 0.0 });
            chance[place].add(1.0 / scores.len() as f64);
        }
    }
    for (place, (wins, chance)) in (1..).zip(wins.into_iter().zip(chance)) {
        wins.push(win_at(place), grades);
        chance.push(chance_win_at(place), grades);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tribunal_api::{Abstention, CandidateIndex, Protocol, Readout, Reason, Score};

    fn shown(order: &[u16], scores: Option<&[f64]>) -> Shown {
        let readout = match scores {
            Some(scores) => Readout::Scores(
                scores.iter().map(|&score| Score::try_from(score).unwrap()).collect(),
            ),
            None => {
                Readout::Abstained(Abstention { reason: Reason::Unreadable, note: String::new() })
            }
        };
        Shown {
            order: order.iter().map(|&index| CandidateIndex(index)).collect(),
            samples: vec![readout],
        }
    }

    fn graded(shown: Vec<Shown>) -> Vec<(String, f64, f64)> {
        let outcome = Outcome { protocol: Protocol::Pairwise, shown, ..Outcome::pointwise([]) };
        let mut grades = Vec::new();
        grade(&outcome, &mut grades);
        let parts = |grade: Grade| (grade.name.into_owned(), grade.credit, grade.weight);
        grades.into_iter().map(parts).collect()
    }

    fn named(name: &str, credit: f64, weight: f64) -> (String, f64, f64) {
        (name.to_owned(), credit, weight)
    }

    #[test]
    fn a_judge_that_always_picks_the_first_has_primacy_and_never_agrees() {
        let grades =
            graded(vec![shown(&[0, 1], Some(&[1.0, 0.0])), shown(&[1, 0], Some(&[1.0, 0.0]))]);
        assert_eq!(
            grades,
            [
                named(AGREEMENT, 0.0, 1.0),
                named(FIRST_SHARE, 1.0, 2.0),
                named(PRIMACY, 1.0, 1.0),
                named(RECENCY, 0.0, 1.0)
            ]
        );
    }

    #[test]
    fn the_same_winner_or_two_ties_agree_and_a_win_beside_a_tie_does_not() {
        let pair = |low: u16, first: [f64; 2], second: [f64; 2]| {
            [shown(&[low, low + 1], Some(&first)), shown(&[low + 1, low], Some(&second))]
        };
        let both = [
            pair(0, [1.0, 0.0], [0.0, 1.0]),
            pair(2, [0.5, 0.5], [0.5, 0.5]),
            pair(4, [1.0, 0.0], [0.5, 0.5]),
        ];
        let grades = graded(both.concat());
        assert_eq!(grades[0], named(AGREEMENT, 2.0 / 3.0, 3.0));
        assert_eq!(grades[1], named(FIRST_SHARE, 2.0 / 3.0, 3.0));
    }

    #[test]
    fn a_question_with_one_valid_order_tells_of_its_winner_alone() {
        let grades = graded(vec![shown(&[0, 1], Some(&[0.0, 1.0])), shown(&[1, 0], None)]);
        assert_eq!(grades, [named(FIRST_SHARE, 0.0, 1.0)]);
    }

    #[test]
    fn lists_split_a_tied_win_and_leave_out_lists_without_winner() {
        let grades = graded(vec![
            shown(&[2, 0, 1], Some(&[3.0, 3.0, 1.0])),
            shown(&[0, 1, 2], Some(&[0.0, 0.0, 5.0])),
            shown(&[1, 0, 2], Some(&[1.0, 1.0, 1.0])),
        ]);
        assert_eq!(grades[0], named("position/win-at-1", 0.25, 2.0));
        assert_eq!(grades[1], named("chance/win-at-1", 1.0 / 3.0, 2.0));
        assert_eq!(grades[2], named("position/win-at-2", 0.25, 2.0));
        assert_eq!(grades[4], named("position/win-at-3", 0.5, 2.0));
    }
}
