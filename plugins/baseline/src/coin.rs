//! A control that draws its winner from the question's seed: what chance looks like.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use tribunal_api::{
    Answer, Answers, Arity, Card, Identity, Limits, Question, Registry, RewardSource, SelfCheck,
    SourceError,
};

const VERSION: &str = "1";

const CARD: Card = Card {
    kind: "baseline.coin",
    summary: "Draws its winner from the question's seed: a source that knows nothing, with its noise.",
    version: VERSION,
    example: r#"[source.coin]
kind = "baseline.coin"
"#,
    self_check: SelfCheck::Skip,
};

/// Settings of `baseline.coin`: none. Its draws follow the recipe's `seed`.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Config {}

struct Coin;

/// The first output of the SplitMix64 generator that starts at `seed`.
///
/// Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014, with the
/// constants of the generator's published reference implementation by Vigna.
fn splitmix64(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A number in 0 to below 1 with 53 random bits.
fn uniform(seed: u64) -> f64 {
    (splitmix64(seed) >> 11) as f64 / (1u64 << 53) as f64
}

/// A place below `count`. Uniform up to a bias of `count` / 2^64.
fn place(seed: u64, count: usize) -> usize {
    ((u128::from(splitmix64(seed)) * count as u128) >> 64) as usize
}

/// One candidate gets a uniform score; of several, a random one scores 1 and the others 0.
fn draw(seed: u64, arity: usize) -> Result<Answer, SourceError> {
    if arity == 1 {
        return Answer::score(uniform(seed));
    }
    let winner = place(seed, arity);
    Answer::scores((0..arity).map(|place| if place == winner { 1.0 } else { 0.0 }))
}

#[async_trait]
impl RewardSource for Coin {
    fn arity(&self) -> Arity {
        Arity { least: 1, most: u16::MAX }
    }

    fn draws(&self) -> bool {
        true
    }

    fn limits(&self) -> Limits {
        crate::computing()
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        Ok(Identity::of_code(CARD.kind, VERSION))
    }

    async fn score(&self, batch: &[Question]) -> Answers {
        batch
            .iter()
            .map(|asked| asked.seeds().iter().map(|seed| draw(*seed, asked.arity())).collect())
            .collect::<Vec<Result<Vec<Answer>, SourceError>>>()
            .into_iter()
            .collect()
    }
}

/// Registers `baseline.coin`.
pub(crate) fn register(registry: &mut Registry) {
    registry.source(CARD, |_: Config, _| Ok(Coin));
}

#[cfg(test)]
mod tests {
    use super::*;
    use tribunal_api::{Readout, conformance};

    fn scores(answer: &Answer) -> Vec<f64> {
        match &answer.readout {
            Readout::Scores(scores) => scores.iter().map(|score| score.value()).collect(),
            Readout::Abstained(abstention) => panic!("{abstention:?}"),
        }
    }

    /// Sum of (seen - expected)^2 / expected over cells that are equally likely.
    fn chi_square(seen: &[u32]) -> f64 {
        let expected = f64::from(seen.iter().sum::<u32>()) / seen.len() as f64;
        seen.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum()
    }

    #[test]
    fn the_mixer_is_the_published_one() {
        // The first output for seed 0 that implementations of SplitMix64 print.
        assert_eq!(splitmix64(0), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn winners_are_uniform_over_the_places() {
        // Bounds: chi-square with k - 1 degrees of freedom lies above them once in 1,000 draws (tables:
        // 10.83 for 1, 13.82 for 2, 16.27 for 3, 22.46 for 6). Neighbouring seeds are the hard case.
        for (arity, bound) in [(2, 10.83), (3, 13.82), (4, 16.27), (7, 22.46)] {
            let mut wins = vec![0; arity];
            for seed in 0..42_000 {
                let drawn = scores(&draw(seed, arity).unwrap());
                assert_eq!(drawn.iter().sum::<f64>(), 1.0);
                wins[drawn.iter().position(|score| *score == 1.0).unwrap()] += 1;
            }
            assert!(chi_square(&wins) < bound, "{arity}: {wins:?}");
        }
    }

    #[test]
    fn scores_of_one_candidate_are_uniform_from_0_to_1() {
        // Ten bins: 9 degrees of freedom, 27.88 is passed once in 1,000 draws.
        let mut bins = [0; 10];
        for seed in 0..50_000 {
            let value = scores(&draw(seed, 1).unwrap())[0];
            assert!((0.0..1.0).contains(&value));
            bins[(value * 10.0) as usize] += 1;
        }
        assert!(chi_square(&bins) < 27.88, "{bins:?}");
    }

    #[test]
    fn the_extreme_outputs_stay_in_range() {
        for count in [1, 2, 65_535] {
            assert!(((u128::from(u64::MAX) * count) >> 64) < count);
        }
        assert!(((u64::MAX >> 11) as f64 / (1u64 << 53) as f64) < 1.0);
    }

    #[tokio::test]
    async fn one_draw_per_seed_and_nothing_but_the_seed_matters() {
        let seeds: Vec<u64> = (100..140).collect();
        let one = Question::of_text("a", &["x", "y", "z"]).with_seeds(seeds.clone());
        let other = Question::of_text("b", &["1", "2", "3"]).with_seeds(seeds);
        let mut answers = Coin.score(&[one, other]).await.into_vec().into_iter();
        let (one, other) = (answers.next().unwrap().unwrap(), answers.next().unwrap().unwrap());
        assert_eq!(one.len(), 40);
        assert_eq!(one, other);
        let distinct: std::collections::BTreeSet<String> =
            one.iter().map(|answer| format!("{:?}", scores(answer))).collect();
        assert_eq!(distinct.len(), 3, "40 draws of 3 places hit each place");
    }

    #[tokio::test]
    async fn every_arity_passes_conformance() {
        for arity in [1, 2, 4] {
            let questions: Vec<Question> = conformance::questions(arity)
                .into_iter()
                .enumerate()
                .map(|(place, asked)| asked.with_seeds([place as u64, 7, 8]))
                .collect();
            let found = conformance::source(&Coin, &questions).await;
            assert!(found.is_empty(), "{found:?}");
        }
    }
}
