//! What tokens cost.

use serde::{Deserialize, Serialize};
use tribunal_api::Usage;

/// The price of a model's tokens, in US dollars per million.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Price {
    /// Tokens read.
    pub input: f64,
    /// Tokens written, reasoning included.
    pub output: f64,
}

impl Price {
    /// What this usage costs, in US dollars; `None` when neither count is known.
    pub fn of(&self, usage: &Usage) -> Option<f64> {
        if usage.input_tokens.is_none() && usage.output_tokens.is_none() {
            return None;
        }
        let [input, output] =
            [usage.input_tokens, usage.output_tokens].map(|tokens| tokens.unwrap_or(0) as f64);
        Some((input * self.input + output * self.output) / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_tokens_cost_the_price_and_unknown_counts_cost_nothing_known() {
        let price = Price { input: 2.5, output: 10.0 };
        let usage = |input_tokens, output_tokens| Usage { input_tokens, output_tokens, usd: None };
        assert_eq!(price.of(&usage(Some(1_000_000), Some(100_000))), Some(3.5));
        assert_eq!(price.of(&usage(None, Some(1_000))), Some(0.01));
        assert_eq!(price.of(&usage(None, None)), None);
    }
}
