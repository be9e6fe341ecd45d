//! Drawing a token.

use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token::data::LlamaTokenData;
use llama_cpp_2::token::data_array::LlamaTokenDataArray;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use tribunal_api::Sampling;

use crate::logprob::{exp, largest};

/// How the tokens of one sample are drawn: its own stream of random numbers, so that it depends on no other sample.
pub(crate) enum Drawing {
    Greedy,
    Seeded(Box<Seeded>),
}

/// Temperature first, then the share of probability mass, then the draw.
pub(crate) struct Seeded {
    temperature: f32,
    top_p: f64,
    random: ChaCha8Rng,
    /// Probabilities of the latest draw up to a factor, kept for their memory.
    weights: Vec<f32>,
}

impl Drawing {
    pub(crate) fn new(sampling: &Sampling, seed: u64) -> Self {
        if sampling.temperature <= 0.0 {
            return Self::Greedy;
        }
        Self::Seeded(Box::new(Seeded {
            temperature: sampling.temperature as f32,
            top_p: sampling.top_p,
            random: ChaCha8Rng::seed_from_u64(seed),
            weights: Vec::new(),
        }))
    }

    /// One token of those whose logits are above minus infinity; `None` when there is none.
    pub(crate) fn draw(&mut self, logits: &[f32]) -> Option<u32> {
        let best = largest(logits);
        logits.get(best).filter(|logit| **logit > f32::NEG_INFINITY)?;
        let token = match self {
            Self::Greedy => best,
            Self::Seeded(seeded) => seeded.draw(logits, best),
        };
        u32::try_from(token).ok()
    }
}

impl Seeded {
    /// `best`: the place of the largest logit, which is finite.
    fn draw(&mut self, logits: &[f32], best: usize) -> usize {
        let (most, scale) = (logits[best], 1.0 / self.temperature);
        self.weights.clear();
        // Tokens further below than 87 have the weight 0.
        self.weights.extend(logits.iter().map(|logit| exp((logit - most) * scale)));
        if self.top_p < 1.0 {
            cut(&mut self.weights, self.top_p);
        }
        let blocks = self.weights.chunks(BLOCK).map(sum).collect::<Vec<f64>>();
        let total: f64 = blocks.iter().sum();
        // 53 bits, from 0 to just below 1.
        let unit = (self.random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        let mut left = unit * total;
        for (block, weights) in blocks.into_iter().zip(self.weights.chunks(BLOCK).enumerate()) {
            if left >= block {
                left -= block;
                continue;
            }
            let (place, weights) = weights;
            for (token, weight) in weights.iter().enumerate() {
                left -= f64::from(*weight);
                if left < 0.0 {
                    return place * BLOCK + token;
                }
            }
            // The sum of a block is rounded in another order than this one.
            left = 0.0;
        }
        best
    }
}

/// Weights that are summed together, so that most need not be looked at twice.
const BLOCK: usize = 512;

fn sum(weights: &[f32]) -> f64 {
    let mut sums = [0.0_f64; 8];
    let chunks = weights.chunks_exact(8);
    let rest: f64 = chunks.remainder().iter().copied().map(f64::from).sum();
    for chunk in chunks {
        for (sum, weight) in sums.iter_mut().zip(chunk) {
            *sum += f64::from(*weight);
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// Weights of one class share sign, exponent and seven bits of their fraction.
const CLASS_BITS: u32 = 16;

/// Keeps the likeliest tokens that together have this share of the mass, as many as it takes to reach it; the others get the weight 0. Of
/// equal ones the first is kept.
fn cut(weights: &mut [f32], share: f64) {
    // Bits of positive numbers sort as the numbers do.
    let class = |weight: f32| (weight.to_bits() >> CLASS_BITS) as usize;
    let classes = class(1.0) + 1;
    let mut masses = vec![0.0_f64; classes];
    for weight in weights.iter() {
        masses[class(*weight).min(classes - 1)] += f64::from(*weight);
    }
    let mut left = share * masses.iter().sum::<f64>();
    let mut border = classes - 1;
    while border > 0 && masses[border] < left {
        left -= masses[border];
        border -= 1;
    }
    let mut at_border: Vec<usize> =
        (0..weights.len()).filter(|token| class(weights[*token]) == border).collect();
    at_border.sort_by(|one, other| weights[*other].total_cmp(&weights[*one]).then(one.cmp(other)));
    let kept = at_border.iter().take_while(|token| {
        let wanted = left > 0.0;
        left -= f64::from(weights[**token]);
        wanted
    });
    let kept = kept.count().max(1);
    for token in at_border.drain(..).skip(kept) {
        weights[token] = 0.0;
    }
    for weight in weights.iter_mut() {
        if class(*weight) < border {
            *weight = 0.0;
        }
    }
}

pub(super) fn candidates(logits: &[f32]) -> LlamaTokenDataArray {
    let one = |(token, logit): (i32, &f32)| LlamaTokenData::new(LlamaToken(token), *logit, 0.0);
    let possible = (0..).zip(logits).filter(|(_, logit)| **logit > f32::NEG_INFINITY);
    LlamaTokenDataArray::from_iter(possible.map(one), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampling(temperature: f64, top_p: f64) -> Sampling {
        Sampling { temperature, top_p, ..Sampling::default() }
    }

    #[test]
    fn greedy_takes_the_first_of_the_largest() {
        let mut drawing = Drawing::new(&sampling(0.0, 1.0), 1);
        assert_eq!(drawing.draw(&[1.0, 3.0, 3.0]), Some(1));
        assert_eq!(drawing.draw(&[f32::NEG_INFINITY; 2]), None);
    }

    #[test]
    fn draws_follow_the_probabilities_and_the_seed() {
        let logits = [0.0, 1.0, f32::NEG_INFINITY, 2.0];
        let total: f64 = [0.0_f64, 1.0, 2.0].iter().map(|x| x.exp()).sum();
        let mut counts = [0_u32; 4];
        for seed in 0..4000 {
            let draw = |seed| Drawing::new(&sampling(1.0, 1.0), seed).draw(&logits).unwrap();
            assert_eq!(draw(seed), draw(seed));
            counts[draw(seed) as usize] += 1;
        }
        assert_eq!(counts[2], 0);
        for (place, logit) in [(0, 0.0_f64), (1, 1.0), (3, 2.0)] {
            let share = f64::from(counts[place]) / 4000.0;
            // Five standard errors of a share over 4,000 draws.
            assert!((share - logit.exp() / total).abs() < 0.04, "{counts:?}");
        }
    }

    #[test]
    fn a_share_of_the_mass_leaves_the_unlikely_out() {
        let logits = [0.0, 5.0, 5.0, 0.0];
        for seed in 0..500 {
            let token = Drawing::new(&sampling(1.0, 0.9), seed).draw(&logits);
            assert!(matches!(token, Some(1 | 2)));
        }
    }

    #[test]
    fn the_kept_tokens_are_those_of_sorting() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        for share in [0.05, 0.5, 0.9, 0.999] {
            let weights: Vec<f32> =
                (0..500).map(|_| exp(-((random.next_u32() % 1000) as f32) / 100.0)).collect();
            let mut order: Vec<usize> = (0..weights.len()).collect();
            order.sort_by(|one, other| {
                weights[*other].total_cmp(&weights[*one]).then(one.cmp(other))
            });
            let total: f64 = weights.iter().copied().map(f64::from).sum();
            let mut mass = 0.0;
            let mut wanted = vec![0.0; weights.len()];
            for token in order {
                if mass >= share * total * (1.0 - 1e-12) {
                    break;
                }
                mass += f64::from(weights[token]);
                wanted[token] = weights[token];
            }
            let mut kept = weights;
            cut(&mut kept, share);
            assert_eq!(kept, wanted, "{share}");
        }
    }
}
