//! Drawing a token.

use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token::data::LlamaTokenData;
use llama_cpp_2::token::data_array::LlamaTokenDataArray;
use tribunal_api::Sampling;

use crate::logprob::largest;

/// How the tokens of one sample are drawn: its own seed, so that it depends on no other sample.
pub(crate) enum Drawing {
    Greedy,
    Seeded(LlamaSampler),
}

impl Drawing {
    /// Temperature first, then the share of probability mass, then the draw.
    pub(crate) fn new(sampling: &Sampling, seed: u64) -> Self {
        if sampling.temperature <= 0.0 {
            return Self::Greedy;
        }
        let mut chain = vec![LlamaSampler::temp(sampling.temperature as f32)];
        if sampling.top_p < 1.0 {
            chain.push(LlamaSampler::top_p(sampling.top_p as f32, 1));
        }
        chain.push(LlamaSampler::dist(folded(seed)));
        Self::Seeded(LlamaSampler::chain(chain, true))
    }

    /// One token of those whose logits are above minus infinity; `None` when there is none.
    pub(crate) fn draw(&mut self, logits: &[f32]) -> Option<u32> {
        let token = match self {
            Self::Greedy => u32::try_from(largest(logits)).ok(),
            Self::Seeded(chain) => {
                let mut all = candidates(logits);
                chain.apply(&mut all);
                let token = all.selected_token()?;
                chain.accept(token);
                u32::try_from(token.0).ok()
            }
        }?;
        logits.get(token as usize).filter(|logit| **logit > f32::NEG_INFINITY).map(|_| token)
    }
}

/// Seeds of llama.cpp have 32 bits, and one value that stands for a random one.
fn folded(seed: u64) -> u32 {
    let mixed = (seed ^ (seed >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let folded = (mixed >> 32) as u32;
    if folded == u32::MAX { 0 } else { folded }
}

pub(super) fn candidates(logits: &[f32]) -> LlamaTokenDataArray {
    let one = |(token, logit): (i32, &f32)| LlamaTokenData::new(LlamaToken(token), *logit, 0.0);
    LlamaTokenDataArray::from_iter(
        (0..).zip(logits).filter(|(_, logit)| **logit > f32::NEG_INFINITY).map(one),
        false,
    )
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
}
