//! What fewer samples would have earned: the first k as stored, and any k of them.

use std::borrow::Cow;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;
use tribunal_api::{Grade, Item, Outcome, Rules, Shown, Suite};

use super::tree::View;

/// Choices of samples of one item that are graded one by one; above it they are drawn.
const MOST_ENUMERATED: u64 = 256;

/// Draws per item where there are too many choices.
pub const VOTE_DRAWS: u32 = 200;

/// The sample counts that are read: 1, 2, 4 and so on, and all. Empty when there is one sample a question.
pub(super) fn sample_counts(outcomes: &[Option<Outcome>]) -> Vec<usize> {
    let shown = outcomes.iter().flatten().flat_map(|outcome| &outcome.shown);
    let most = shown.map(|shown| shown.samples.len()).max().unwrap_or(0);
    if most < 2 {
        return Vec::new();
    }
    let mut counts: Vec<usize> = std::iter::successors(Some(1usize), |count| Some(count * 2))
        .take_while(|&k| k < most)
        .collect();
    counts.push(most);
    counts
}

/// The grades of the first `count` samples of every presentation, as stored.
pub(super) fn first(
    suite: &dyn Suite,
    items: &[Item],
    outcomes: &[Option<Outcome>],
    rules: &Rules,
    count: usize,
) -> View {
    let graded = items.par_iter().zip(outcomes).map(|(item, outcome)| match outcome {
        Some(outcome) => suite.grade(item, &outcome.first_samples(count), rules),
        None => Vec::new(),
    });
    graded.collect()
}

/// The expected grades of `count` samples of every presentation, drawn without replacement and
/// independently for each presentation; a presentation with fewer samples gives them all. Abstentions
/// are drawn like any other readout.
///
/// All choices of an item are graded when there are at most 256, else [`VOTE_DRAWS`] seeded ones; the second
/// part of the result says whether that happened. The credit of a grade is its mean over choices,
/// weighted by the grade's weight; its weight is the mean weight.
pub(super) fn vote(
    suite: &dyn Suite,
    items: &[Item],
    outcomes: &[Option<Outcome>],
    rules: &Rules,
    count: usize,
    seed: u64,
) -> (View, bool) {
    let graded: Vec<(Vec<Grade>, bool)> = items
        .par_iter()
        .zip(outcomes)
        .map(|(item, outcome)| match outcome {
            Some(outcome) => {
                let grade = |choice: &Outcome| suite.grade(item, choice, rules);
                expected(outcome, count, seed_of(item, count, seed), grade)
            }
            None => (Vec::new(), false),
        })
        .collect();
    let drawn = graded.iter().any(|(_, drawn)| *drawn);
    (graded.into_iter().map(|(grades, _)| grades).collect(), drawn)
}

/// Depends on the item and not on its place, so that leaving out items changes no other's draws.
fn seed_of(item: &Item, count: usize, seed: u64) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for part in [item.subset.as_bytes(), item.id.as_bytes()] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    hasher.update(&(count as u64).to_le_bytes()).update(&seed.to_le_bytes());
    hasher.finalize().into()
}

fn expected(
    outcome: &Outcome,
    count: usize,
    seed: [u8; 32],
    grade: impl Fn(&Outcome) -> Vec<Grade>,
) -> (Vec<Grade>, bool) {
    let choices = outcome
        .shown
        .iter()
        .map(|shown| choose(shown.samples.len(), count))
        .fold(1u64, u64::saturating_mul);
    let mut mean = MeanGrades::default();
    let mut choice = outcome.first_samples(count);
    if choices <= MOST_ENUMERATED {
        let mut picked: Vec<Vec<usize>> = outcome
            .shown
            .iter()
            .map(|shown| (0..count.min(shown.samples.len())).collect())
            .collect();
        loop {
            mean.add(grade(&choice));
            let advanced = picked.iter_mut().zip(&outcome.shown).zip(&mut choice.shown).any(
                |((picked, all), choice)| {
                    let more = next_choice(picked, all.samples.len());
                    take(all, picked, choice);
                    more
                },
            );
            if !advanced {
                break;
            }
        }
        return (mean.finish(), false);
    }
    let mut random = ChaCha8Rng::from_seed(seed);
    for _ in 0..VOTE_DRAWS {
        for (all, choice) in outcome.shown.iter().zip(&mut choice.shown) {
            take(all, &draw(all.samples.len(), count, &mut random), choice);
        }
        mean.add(grade(&choice));
    }
    (mean.finish(), true)
}

fn take(all: &Shown, picked: &[usize], choice: &mut Shown) {
    choice.samples.clear();
    choice.samples.extend(picked.iter().map(|&sample| all.samples[sample].clone()));
}

/// The next choice in lexical order; false when it starts over.
fn next_choice(picked: &mut [usize], from: usize) -> bool {
    let count = picked.len();
    for place in (0..count).rev() {
        if picked[place] < from - count + place {
            picked[place] += 1;
            for later in place + 1..count {
                picked[later] = picked[later - 1] + 1;
            }
            return true;
        }
    }
    picked.iter_mut().enumerate().for_each(|(place, sample)| *sample = place);
    false
}

fn draw(from: usize, count: usize, random: &mut ChaCha8Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..from).collect();
    let count = count.min(from);
    for place in 0..count {
        let rest = (from - place) as u64;
        let other = place + ((u64::from(random.next_u32()) * rest) >> 32) as usize;
        order.swap(place, other);
    }
    order.truncate(count);
    order
}

/// The number of ways to choose; saturates.
fn choose(from: usize, count: usize) -> u64 {
    let count = count.min(from);
    let count = count.min(from - count) as u64;
    (0..count).fold(1u64, |ways, step| ways.saturating_mul(from as u64 - step) / (step + 1))
}

#[derive(Default)]
struct MeanGrades {
    choices: u32,
    sums: Vec<(Cow<'static, str>, f64, f64)>,
}

impl MeanGrades {
    fn add(&mut self, grades: Vec<Grade>) {
        self.choices += 1;
        for grade in grades {
            match self.sums.iter_mut().find(|(name, _, _)| *name == grade.name) {
                Some((_, credit, weight)) => {
                    *credit += grade.credit * grade.weight;
                    *weight += grade.weight;
                }
                None => self.sums.push((grade.name, grade.credit * grade.weight, grade.weight)),
            }
        }
    }

    fn finish(self) -> Vec<Grade> {
        let choices = f64::from(self.choices);
        let sums = self.sums.into_iter().filter(|(_, _, weight)| *weight > 0.0);
        sums.map(|(name, credit, weight)| Grade {
            name,
            credit: credit / weight,
            weight: weight / choices,
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tribunal_api::{CandidateIndex, Protocol, Readout, Score, Vote};

    fn game(verdicts: &[f64]) -> Outcome {
        let samples = verdicts.iter().map(|&won| {
            let scores = [won, 1.0 - won].map(|score| Score::try_from(score).unwrap());
            Readout::Scores(scores.to_vec())
        });
        let order = vec![CandidateIndex(0), CandidateIndex(1)];
        Outcome {
            protocol: Protocol::Pairwise,
            shown: vec![Shown { order, samples: samples.collect() }],
            ..Outcome::pointwise([])
        }
    }

    /// Half a credit for a tie.
    fn won(outcome: &Outcome) -> Vec<Grade> {
        let margin = outcome.margin(CandidateIndex(0), CandidateIndex(1)).unwrap();
        let credit = if margin > 0.0 { 1.0 } else { 0.0 };
        vec![Grade::new("won", if margin == 0.0 { 0.5 } else { credit })]
    }

    #[test]
    fn a_vote_of_two_from_three_wins_and_one_loss_is_counted_by_hand() {
        // 6 pairs of samples: 3 hold two wins (credit 1), 3 a win and a loss (a tie, 1/2): 4.5 / 6.
        let (grades, drawn) = expected(&game(&[1.0, 1.0, 0.0, 1.0]), 2, [0; 32], won);
        assert_eq!((grades[0].credit, drawn), (0.75, false));
        // Three of them: {1,1,1} wins, the three with the loss win 2 to 1 as well.
        assert_eq!(expected(&game(&[1.0, 1.0, 0.0, 1.0]), 3, [0; 32], won).0[0].credit, 1.0);
        assert_eq!(expected(&game(&[1.0, 1.0, 0.0, 1.0]), 1, [0; 32], won).0[0].credit, 0.75);
    }

    #[test]
    fn samples_vote_as_the_outcome_says() {
        // Ratings 9, 1, 1 of gold against 2, 2, 2: the mean 11/3 wins, the median 1 loses. Of any two, the mean 5 wins
        // in 2 of 3 choices (9 with a 1) and loses in one, and so does the median, which is the mean of two.
        let ratings = |first: &[f64], second: &[f64]| {
            let mut outcome = Outcome::pointwise([0.0, 0.0]);
            for (shown, scores) in outcome.shown.iter_mut().zip([first, second]) {
                let scores = scores.iter().map(|&score| Outcome::pointwise([score]));
                shown.samples = scores.map(|mut one| one.shown[0].samples.remove(0)).collect();
            }
            outcome
        };
        let mean = ratings(&[9.0, 1.0, 1.0], &[2.0, 2.0, 2.0]);
        let median = Outcome { vote: Vote::Median, ..mean.clone() };
        let credit = |outcome, k| expected(outcome, k, [0; 32], won).0[0].credit;
        assert_eq!((credit(&mean, 3), credit(&median, 3)), (1.0, 0.0));
        assert!((credit(&mean, 2) - 2.0 / 3.0).abs() < 1e-12);
        assert!((credit(&median, 2) - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn two_orders_draw_independently() {
        // k = 1 of {win, loss} in both orders: win-win 1, win-loss and loss-win tie 1/2, loss-loss 0.
        let mut both = game(&[1.0, 0.0]);
        let mut turned = both.shown[0].clone();
        turned.order.reverse();
        both.shown.push(turned);
        assert_eq!(expected(&both, 1, [0; 32], won).0[0].credit, 0.5);
        let mut seen = std::cell::Cell::new(0);
        expected(&both, 1, [0; 32], |choice| {
            seen.set(seen.get() + 1);
            won(choice)
        });
        assert_eq!(*seen.get_mut(), 4);
    }

    #[test]
    fn many_choices_are_drawn_and_come_near_the_hypergeometric_value() {
        // 16 samples, 12 wins, k = 3: C(16,3) = 560 choices. Won with 2 or 3 wins:
        // (C(12,3) + C(12,2) 4) / 560 = (220 + 264) / 560 = 0.8643; 200 draws: standard error 0.0242.
        let verdicts: Vec<f64> =
            (0..16).map(|sample| if sample < 12 { 1.0 } else { 0.0 }).collect();
        let (grades, drawn) = expected(&game(&verdicts), 3, [1; 32], won);
        assert!(drawn);
        assert!((grades[0].credit - 0.8643).abs() < 0.0726, "{}", grades[0].credit);
    }

    #[test]
    fn choices_are_counted() {
        assert_eq!((choose(8, 4), choose(8, 1), choose(3, 5), choose(0, 2)), (70, 8, 1, 1));
    }
}
