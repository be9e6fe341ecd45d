//! From what a source says about known pairs to findings. Pure: no source is asked here.

use std::collections::BTreeMap;

use tribunal_api::Scale;

use super::ask::Said;
use super::finding::{Finding, short};
use super::pairs::KnownPair;

/// How known pairs are put to a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// Each reply in a question of its own.
    Single,
    /// Both replies in one question, in the stored order and then in the other.
    Both,
}

/// How the comparisons of known pairs came out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Comparisons with scores.
    pub(super) of: usize,
    /// Those that the better reply wins.
    pub(super) right: usize,
    /// Those that tie.
    pub(super) tied: usize,
    /// Those that the first reply shown wins.
    first: usize,
}

impl Tally {
    /// Counts the comparisons; `said` holds two entries a pair.
    pub(super) fn of(shown: Shown, pairs: &[KnownPair], said: &[Said]) -> Self {
        let mut tally = Self::default();
        for (pair, said) in pairs.iter().zip(said.chunks_exact(2)) {
            match (shown, said) {
                (Shown::Single, [Ok(one), Ok(other)]) => tally.add([one[0], other[0]], pair.better),
                (Shown::Single, _) => {}
                (Shown::Both, said) => {
                    for (scores, better) in said.iter().zip([pair.better, 1 - pair.better]) {
                        if let Ok(scores) = scores {
                            tally.add([scores[0], scores[1]], better);
                        }
                    }
                }
            }
        }
        tally
    }

    fn add(&mut self, scores: [f64; 2], better: usize) {
        self.of += 1;
        self.right += usize::from(scores[better] > scores[1 - better]);
        self.tied += usize::from(scores[0] == scores[1]);
        self.first += usize::from(scores[0] > scores[1]);
    }

    /// The finding when fewer than 60 % are right, ties counted half.
    fn finding(self, shown: Shown) -> Option<Finding> {
        let Self { of, right, tied, first } = self;
        let halves = 2 * right + tied;
        if 5 * halves >= 6 * of {
            None
        } else if 5 * halves < 4 * of {
            Some(Finding::Reversed { right, tied, of })
        } else {
            let first = (shown == Shown::Both).then_some(first);
            Some(Finding::NoBetterThanCoin { right, tied, of, first })
        }
    }
}

/// What is wrong with the source. `alone` holds places of questions and what was said to them asked alone.
pub(super) fn findings(
    shown: Shown,
    tally: Tally,
    said: &[Said],
    alone: &[(usize, Said)],
    scale: Scale,
) -> Vec<Finding> {
    let scores: Vec<f64> = said.iter().flatten().flatten().copied().collect();
    let mut findings = Vec::new();
    findings.extend(abstains(said));
    match level(shown, &scores) {
        Some(finding) => findings.push(finding),
        None => {
            findings.extend(saturated(shown, &scores).or_else(|| squashed(shown, &scores, scale)));
            findings.extend(tally.finding(shown));
        }
    }
    findings.extend(drift(said, alone).and_then(Drift::finding));
    findings
}

fn abstains(said: &[Said]) -> Option<Finding> {
    let mut reasons = BTreeMap::new();
    for reason in said.iter().filter_map(|said| said.as_ref().err()) {
        *reasons.entry(*reason).or_insert(0) += 1;
    }
    let without: usize = reasons.values().sum();
    (2 * without > said.len()).then_some(Finding::Abstains { without, of: said.len(), reasons })
}

/// All scores are one number: then which replies they prefer says nothing more.
fn level(shown: Shown, scores: &[f64]) -> Option<Finding> {
    let value = *scores.first()?;
    let of = scores.len();
    let one = |score: &f64| (score - 1.0).abs() <= Finding::EDGE;
    if shown == Shown::Single && scores.iter().all(one) {
        Some(Finding::SoftmaxOfOne { of })
    } else if scores.iter().any(|score| *score != value) {
        None
    } else {
        Some(Finding::Constant { value, of })
    }
}

/// True when all scores of single replies lie between 0 and 1.
pub(super) fn between_0_and_1(shown: Shown, said: &[Said]) -> bool {
    let scores: Vec<f64> = said.iter().flatten().flatten().copied().collect();
    shown == Shown::Single
        && scores.len() > 1
        && scores.iter().all(|score| (0.0..=1.0).contains(score))
}

/// Raw output that lies between 0 and 1 throughout, and is not at the edges.
fn squashed(shown: Shown, scores: &[f64], scale: Scale) -> Option<Finding> {
    let inside = scores.iter().all(|score| (0.0..=1.0).contains(score));
    let least = scores.iter().copied().fold(f64::INFINITY, f64::min);
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let found = shown == Shown::Single && scale == Scale::Logit && inside && scores.len() > 1;
    found.then_some(Finding::Squashed { least, most, of: scores.len() })
}

fn saturated(shown: Shown, scores: &[f64]) -> Option<Finding> {
    let near = |score: &&f64| score.abs().min((*score - 1.0).abs()) <= Finding::EDGE;
    let at_edge = scores.iter().filter(near).count();
    let found = shown == Shown::Single && at_edge > 0 && 10 * at_edge >= 9 * scores.len();
    found.then_some(Finding::Saturated { at_edge, of: scores.len() })
}

/// How far answers are from those to the same questions asked alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Drift {
    /// The largest absolute difference, in the source's units.
    most: f64,
    /// The largest less the least score of all questions, in the source's units.
    range: f64,
    /// Questions with scores both ways.
    of: usize,
}

impl Drift {
    fn is_small(self) -> bool {
        self.most <= self.range * 1e-3
    }

    fn finding(self) -> Option<Finding> {
        let Self { most, range, of } = self;
        (!self.is_small()).then_some(Finding::BatchDependent { most, range, of })
    }

    /// What is worth knowing and no fault.
    pub(super) fn note(self) -> Option<String> {
        (self.most > 0.0 && self.is_small()).then(|| {
            format!(
                "scores depend a little on what else is asked: up to {} apart over {} questions asked alone and among \
                 others, where all scores span {}",
                short(self.most),
                self.of,
                short(self.range)
            )
        })
    }
}

/// Compares with what was said to questions asked alone; `None` when none of them has scores both ways.
pub(super) fn drift(said: &[Said], alone: &[(usize, Said)]) -> Option<Drift> {
    let most_of = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::NEG_INFINITY, f64::max);
    let scores = || said.iter().flatten().flatten().copied();
    let range = most_of(&mut scores()) + most_of(&mut scores().map(|score| -score));
    let differences = alone.iter().filter_map(|(place, alone)| {
        let (among, alone) = (said[*place].as_ref().ok()?, alone.as_ref().ok()?);
        Some(most_of(&mut among.iter().zip(alone).map(|(among, alone)| (among - alone).abs())))
    });
    let differences: Vec<f64> = differences.collect();
    let of = differences.len();
    (of > 0).then(|| Drift { most: most_of(&mut differences.iter().copied()), range, of })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(right: usize, tied: usize) -> Tally {
        Tally { of: 20, right, tied, first: 0 }
    }

    #[test]
    fn sixty_percent_right_are_enough_and_ties_count_half() {
        let level = |right, tied| tally(right, tied).finding(Shown::Single);
        assert_eq!(level(12, 0), None);
        assert_eq!(level(11, 2), None);
        let coin =
            |right, tied| Some(Finding::NoBetterThanCoin { right, tied, of: 20, first: None });
        assert_eq!(level(11, 1), coin(11, 1));
        assert_eq!(level(8, 0), coin(8, 0));
        assert_eq!(level(7, 1), Some(Finding::Reversed { right: 7, tied: 1, of: 20 }));
    }

    #[test]
    fn nine_scores_of_ten_at_the_edge_are_saturated() {
        let scores = |at_edge: usize| -> Vec<f64> {
            (0..20).map(|place| if place < at_edge { (place % 2) as f64 } else { 0.5 }).collect()
        };
        assert_eq!(
            saturated(Shown::Single, &scores(18)),
            Some(Finding::Saturated { at_edge: 18, of: 20 })
        );
        assert_eq!(saturated(Shown::Single, &scores(17)), None);
        assert_eq!(saturated(Shown::Both, &scores(20)), None);
    }

    #[test]
    fn half_of_the_questions_may_stay_without_scores() {
        let said = |without: usize| -> Vec<Said> {
            (0..10)
                .map(|place| if place < without { Err("refused") } else { Ok(vec![0.0]) })
                .collect()
        };
        assert_eq!(abstains(&said(5)), None);
        let reasons = BTreeMap::from([("refused", 6)]);
        assert_eq!(abstains(&said(6)), Some(Finding::Abstains { without: 6, of: 10, reasons }));
    }

    #[test]
    fn drift_up_to_a_thousandth_of_the_range_passes() {
        let said: Vec<Said> = vec![Ok(vec![0.0]), Ok(vec![8.0])];
        let drift = |alone: f64| drift(&said, &[(1, Ok(vec![alone]))]).unwrap();
        assert_eq!((drift(8.0).finding(), drift(8.0).note()), (None, None));
        assert_eq!(drift(8.007_812_5).finding(), None);
        assert!(
            drift(8.007_812_5).note().unwrap().contains("up to 0.00781 apart over 1 questions")
        );
        assert_eq!(
            drift(8.25).finding(),
            Some(Finding::BatchDependent { most: 0.25, range: 8.0, of: 1 })
        );
        assert_eq!(drift(8.25).note(), None);
    }
}
