//! A whole adapter in Rust: prefers short replies.

use tribunal_api::*;

/// Settings of `rust.brevity`.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Config {
    /// Reward added for each character of the candidate, in score units. Negative favours short replies.
    reward_per_character: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { reward_per_character: -1.0 }
    }
}

struct Brevity(Config);

#[async_trait]
impl RewardSource for Brevity {
    fn arity(&self) -> Arity {
        Arity::ONE
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        Ok(Identity::of_code("brevity", env!("CARGO_PKG_VERSION")))
    }

    async fn score(&self, batch: &[Question]) -> Answers {
        let reward = |text: &str| self.0.reward_per_character * text.chars().count() as f64;
        batch.iter().map(|question| Answer::score(reward(&question.candidates()[0]))).collect()
    }
}

const CARD: Card = Card {
    kind: "rust.brevity",
    summary: "Prefers short replies.",
    version: env!("CARGO_PKG_VERSION"),
    example: "[source.brevity]\nkind = \"rust.brevity\"\nreward-per-character = -0.5\n",
    self_check: SelfCheck::Skip,
};

fn register(registry: &mut Registry) {
    registry.source(CARD, |config: Config, _| Ok(Brevity(config)));
}

export_plugin!(register);
