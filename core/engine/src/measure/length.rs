//! Ties, and whether a source favours the longer reply. All figures are counted within items, never
//! across prompts.

use tribunal_api::{CandidateIndex, Grade, Item, Outcome};

/// Compared gold pairs (a correct and a wrong candidate) whose margin is exactly 0.
pub(super) const TIES: &str = "ties";
/// Decided gold pairs of different length whose preferred candidate is the longer one.
pub(super) const PREFERS_LONGER: &str = "length/prefers-longer";
/// The same pairs, in which the better candidate by gold is the longer one.
pub(super) const GOLD_LONGER: &str = "length/gold-longer";
/// Mean within-item rank correlation of preference with length.
pub(super) const TAU_B: &str = "length/tau-b";

/// Adds an item's share of ties, weighted by its comparisons, and its length grades where lengths
/// (characters, one per candidate) are known.
pub(super) fn grade(
    item: &Item,
    outcome: &Outcome,
    lengths: Option<&[u32]>,
    grades: &mut Vec<Grade>,
) {
    let wrong: Vec<CandidateIndex> = item.wrong().collect();
    let (mut compared, mut tied) = (0u32, 0u32);
    let (mut decided, mut longer, mut gold_longer) = (0u32, 0u32, 0u32);
    for better in item.correct() {
        for &worse in &wrong {
            let Some(margin) = outcome.margin(better, worse) else { continue };
            compared += 1;
            if margin == 0.0 {
                tied += 1;
                continue;
            }
            let Some(lengths) = lengths else { continue };
            let (ours, theirs) = (lengths[better.at()], lengths[worse.at()]);
            if ours != theirs {
                decided += 1;
                longer += u32::from((margin > 0.0) == (ours > theirs));
                gold_longer += u32::from(ours > theirs);
            }
        }
    }
    let mut push = |name: &'static str, hits: u32, of: u32| {
        if of > 0 {
            let credit = f64::from(hits) / f64::from(of);
            grades.push(Grade { name: name.into(), credit, weight: f64::from(of) });
        }
    };
    push(TIES, tied, compared);
    push(PREFERS_LONGER, longer, decided);
    push(GOLD_LONGER, gold_longer, decided);
    if let Some(tau) = lengths.and_then(|lengths| length_tau(item, outcome, lengths)) {
        grades.push(Grade::new(TAU_B, tau));
    }
}

/// Kendall's tau-b between preference and length over the candidates that the outcome compares.
fn length_tau(item: &Item, outcome: &Outcome, lengths: &[u32]) -> Option<f64> {
    let candidates: Vec<CandidateIndex> = item.indices().collect();
    let mut pairs = Concordance::default();
    for (place, &one) in candidates.iter().enumerate() {
        for &other in &candidates[place + 1..] {
            if let Some(margin) = outcome.margin(one, other) {
                pairs.count(margin, f64::from(lengths[one.at()]) - f64::from(lengths[other.at()]));
            }
        }
    }
    pairs.tau_b()
}

/// Kendall's tau-b between two lists of numbers, one entry per candidate.
///
/// The result lies in -1 to 1 (no unit); `None` when either list is one single tie. With C concordant
/// and D discordant pairs, and pairs that are tied in one list left out of that list's count X or Y:
/// (C - D) / sqrt(X Y).
///
/// Source: Kendall, "The treatment of ties in ranking problems", Biometrika 33 (1945).
///
/// # Panics
///
/// When the lists differ in length.
pub fn kendall_tau_b(one: &[f64], other: &[f64]) -> Option<f64> {
    assert_eq!(one.len(), other.len(), "both lists hold one entry per candidate");
    let mut pairs = Concordance::default();
    for first in 0..one.len() {
        for second in first + 1..one.len() {
            pairs.count(one[first] - one[second], other[first] - other[second]);
        }
    }
    pairs.tau_b()
}

/// Pairs counted by how two rankings order them. With comparisons that are no ranking (a contest that
/// leaves pairs out, a cycle) the same formula runs over the pairs compared.
#[derive(Default)]
struct Concordance {
    balance: i64,
    untied_one: u64,
    untied_other: u64,
}

impl Concordance {
    fn count(&mut self, one: f64, other: f64) {
        if one != 0.0 {
            self.untied_one += 1;
        }
        if other != 0.0 {
            self.untied_other += 1;
        }
        if one != 0.0 && other != 0.0 {
            self.balance += if (one > 0.0) == (other > 0.0) { 1 } else { -1 };
        }
    }

    fn tau_b(&self) -> Option<f64> {
        let pairs = self.untied_one as f64 * self.untied_other as f64;
        (pairs > 0.0).then(|| self.balance as f64 / pairs.sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tribunal_api::{Candidate, Cluster};

    fn item(gold: &[f64]) -> Item {
        Item {
            subset: Arc::from("s"),
            id: Arc::from("1"),
            topic: Arc::from("s"),
            cluster: Cluster::Conversation,
            prompt: Arc::from([]),
            candidates: vec![Candidate::default(); gold.len()],
            gold: gold.to_vec(),
            tags: Default::default(),
        }
    }

    fn graded(scores: &[f64], lengths: &[u32]) -> Vec<(String, f64, f64)> {
        let gold = Item::gold_first(1, scores.len());
        let mut grades = Vec::new();
        let outcome = Outcome::pointwise(scores.iter().copied());
        grade(&item(&gold), &outcome, Some(lengths), &mut grades);
        grades
            .into_iter()
            .map(|grade| (grade.name.into_owned(), grade.credit, grade.weight))
            .collect()
    }

    #[test]
    fn gold_pairs_are_counted_by_tie_and_by_length() {
        // Best 5 against 5 (tie), 7 (lost to a longer one), 1 (won, shorter loses), 2 (won, same length).
        let grades = graded(&[5.0, 5.0, 7.0, 1.0, 2.0], &[10, 4, 12, 3, 10]);
        assert_eq!(grades[0], (TIES.to_owned(), 0.25, 4.0));
        assert_eq!(grades[1], (PREFERS_LONGER.to_owned(), 1.0, 2.0));
        assert_eq!(grades[2], (GOLD_LONGER.to_owned(), 0.5, 2.0));
        assert_eq!(grades[3].0, TAU_B);
    }

    #[test]
    fn an_item_whose_candidates_all_tie_has_no_length_figures() {
        assert_eq!(graded(&[1.0, 1.0], &[3, 9]), [(TIES.to_owned(), 1.0, 1.0)]);
    }

    #[test]
    fn tau_b_agrees_with_scipy() {
        // from scipy.stats import kendalltau
        // for a, b in cases: print(kendalltau(a, b).statistic)   # tau-b is the default; scipy 1.17.1
        let cases: [(&[f64], &[f64], f64); 4] = [
            (&[12.0, 2.0, 1.0, 12.0, 2.0], &[1.0, 4.0, 7.0, 1.0, 0.0], -0.4714045207910316),
            (&[1.0, 2.0, 3.0, 4.0], &[1.0, 2.0, 4.0, 3.0], 0.6666666666666669),
            (
                &[3.0, 1.0, 2.0, 2.0, 5.0, 5.0, 5.0],
                &[1.0, 1.0, 2.0, 3.0, 3.0, 2.0, 9.0],
                0.4573295603800236,
            ),
            (&[0.5, 0.25, 0.5], &[3.0, 2.0, 1.0], 0.0),
        ];
        for (one, other, expected) in cases {
            let tau = kendall_tau_b(one, other).unwrap();
            assert!((tau - expected).abs() < 1e-12, "{one:?} {other:?}: {tau}");
        }
        assert_eq!(kendall_tau_b(&[1.0, 1.0], &[1.0, 2.0]), None);
    }
}
