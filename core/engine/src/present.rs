//! In which orders the candidates of a question are shown. No order depends on gold.
//!
//! The canonical order is candidates sorted by text digest; seeded orders permute it by a pure function of the
//! recipe's seed and the question's content.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use tribunal_api::{CandidateIndex, Order};

use crate::cases::Case;
use crate::digest::Digest;

/// The presentations of the question about these candidates, each a sequence of candidates as shown.
///
/// `asked` is in stored order. One candidate has one presentation, whatever the order.
pub fn presentations(
    case: &Case,
    asked: &[CandidateIndex],
    order: Order,
    seed: u64,
) -> Vec<Vec<CandidateIndex>> {
    if asked.len() == 1 || order == Order::Given {
        return vec![asked.to_vec()];
    }
    let mut canonical = asked.to_vec();
    canonical.sort_by_key(|candidate| (case.texts[candidate.at()], *candidate));
    let random = || seeded(seed, case, &canonical);
    match order {
        Order::Given => unreachable!("returned above"),
        Order::Seeded => vec![permuted(&canonical, &mut random())],
        Order::Both => {
            let first =
                if asked.len() == 2 { canonical } else { permuted(&canonical, &mut random()) };
            let reverse = first.iter().rev().copied().collect();
            vec![first, reverse]
        }
        Order::Rotations => {
            let first = permuted(&canonical, &mut random());
            (0..first.len()).map(|shift| [&first[shift..], &first[..shift]].concat()).collect()
        }
        Order::Random(count) => several(&canonical, usize::from(count), random()),
        Order::SwapFirst => {
            let place = below(asked.len(), &mut random());
            let mut shown = asked.to_vec();
            shown.swap(0, place);
            vec![shown]
        }
    }
}

/// Different seeded permutations: as many as wanted, or all there are.
fn several(
    canonical: &[CandidateIndex],
    wanted: usize,
    mut random: ChaCha8Rng,
) -> Vec<Vec<CandidateIndex>> {
    let all = (1..=canonical.len()).try_fold(1usize, |product, factor| product.checked_mul(factor));
    let wanted = all.map_or(wanted, |all| wanted.min(all));
    let mut found: Vec<Vec<CandidateIndex>> = Vec::with_capacity(wanted);
    while found.len() < wanted {
        let next = permuted(canonical, &mut random);
        if !found.contains(&next) {
            found.push(next);
        }
    }
    found
}

/// Fisher-Yates.
fn permuted(canonical: &[CandidateIndex], random: &mut ChaCha8Rng) -> Vec<CandidateIndex> {
    let mut shown = canonical.to_vec();
    for last in (1..shown.len()).rev() {
        shown.swap(last, below(last + 1, random));
    }
    shown
}

/// A uniform number below `bound`, by rejection.
fn below(bound: usize, random: &mut ChaCha8Rng) -> usize {
    let bound = bound as u64;
    let limit = u64::MAX - u64::MAX % bound;
    loop {
        let drawn = random.next_u64();
        if drawn < limit {
            return (drawn % bound) as usize;
        }
    }
}

fn seeded(seed: u64, case: &Case, canonical: &[CandidateIndex]) -> ChaCha8Rng {
    let mut fields = Digest::of("tribunal-order-1");
    fields.number(seed).digest(case.prompt);
    for candidate in canonical {
        fields.digest(case.texts[candidate.at()]);
    }
    ChaCha8Rng::seed_from_u64(fields.finish().number())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::sync::Arc;
    use tribunal_api::{Candidate, Item, Loaded, Turn};

    fn cases(count: usize, candidates: usize) -> Vec<Case> {
        let items = (0..count)
            .map(|index| Item {
                subset: Arc::from("s"),
                id: Arc::from(index.to_string()),
                topic: Arc::from("s"),
                cluster: Default::default(),
                prompt: Arc::from([Turn::user(format!("question {index}"))]),
                candidates: (0..candidates)
                    .map(|place| Candidate::of_text(format!("reply {index} {place}")))
                    .collect(),
                gold: Item::gold_first(1, candidates),
                tags: Default::default(),
            })
            .collect();
        crate::cases::prepare(Loaded { items, absent: Vec::new() }, &Default::default())
            .expect("nothing is filtered")
            .cases
    }

    fn indices(count: u16) -> Vec<CandidateIndex> {
        (0..count).map(CandidateIndex).collect()
    }

    #[test]
    fn every_order_shows_every_candidate_once() {
        for case in cases(20, 4) {
            for order in [
                Order::Seeded,
                Order::Both,
                Order::Rotations,
                Order::Random(5),
                Order::SwapFirst,
                Order::Given,
            ] {
                for shown in presentations(&case, &indices(4), order, 7) {
                    let unique: HashSet<_> = shown.iter().collect();
                    assert_eq!((shown.len(), unique.len()), (4, 4), "{order}");
                }
            }
        }
    }

    #[test]
    fn the_best_candidate_is_shown_first_as_often_as_chance_has_it() {
        // 4,000 items, p = 1/4: the standard error is 0.0068; 4 of them are allowed.
        let cases = cases(4000, 4);
        for order in [Order::Seeded, Order::SwapFirst] {
            let first = cases
                .iter()
                .filter(|case| {
                    presentations(case, &indices(4), order, 1)[0][0] == CandidateIndex(0)
                })
                .count();
            assert!((first as f64 / 4000.0 - 0.25).abs() < 0.028, "{order}: {first}");
        }
    }

    #[test]
    fn a_pair_in_both_orders_does_not_depend_on_how_it_is_stored() {
        for case in cases(50, 2) {
            let mut stored_otherwise = case.clone();
            stored_otherwise.texts.reverse();
            let shown = |case: &Case| -> Vec<Vec<Digest>> {
                presentations(case, &indices(2), Order::Both, 3)
                    .into_iter()
                    .map(|shown| shown.iter().map(|index| case.texts[index.at()]).collect())
                    .collect()
            };
            assert_eq!(shown(&case), shown(&stored_otherwise));
        }
    }

    #[test]
    fn random_orders_differ_and_stop_at_all_there_are() {
        let case = &cases(1, 3)[0];
        assert_eq!(presentations(case, &indices(3), Order::Random(99), 0).len(), 6);
        assert_eq!(presentations(case, &indices(2), Order::Random(99), 0).len(), 2);
    }
}
