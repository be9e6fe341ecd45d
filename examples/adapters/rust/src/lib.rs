//! A whole adapter in Rust: prefers short replies.

use tribunal_api::*;

/// Settings of `rust.brevity`.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Brevity {
    /// Reward added for each character of the candidate, in score units. Negative favours short replies. Default: -1.
    reward_per_character: Option<f64>,
}

#[async_trait]
impl RewardSource for Brevity {
    fn arity(&self) -> Arity {
        Arity::ONE
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        Ok(Identity::of_code("brevity", env!("CARGO_PKG_VERSION")))
    }

    async fn score(&self, batch: &[Question]) -> Answers {
        let factor = self.reward_per_character.unwrap_or(-1.0);
        let reward = |text: &str| Answer::score(factor * text.chars().count() as f64);
        batch.iter().map(|question| reward(&question.candidates()[0])).collect()
    }
}

fn register(registry: &mut Registry) {
    let card = Card {
        kind: "rust.brevity",
        summary: "Prefers short replies.",
        version: env!("CARGO_PKG_VERSION"),
        example: "[source.brevity]\nkind = \"rust.brevity\"\nreward-per-character = -0.5\n",
        self_check: SelfCheck::Skip,
    };
    registry.source(card, |brevity: Brevity, _| Ok(brevity));
}

export_plugin!(register);
