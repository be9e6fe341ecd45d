//! `@NAME@`: a reward source. This one prefers short replies; put your own model in the place of `score`.

use tribunal_api::*;

/// What it is made of. Its fields are the settings of `[source.x]`, and their comments are shown by `tribunal show`.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Scorer {
    /// Reward added for each byte of a reply; negative favours short ones. Default: -1.
    weight: Option<f64>,
}

#[async_trait]
impl RewardSource for Scorer {
    // One reply at a time. `Arity::TWO` is for judges of pairs, `Arity::LIST` for any number of candidates.
    fn arity(&self) -> Arity {
        Arity::ONE
    }

    // Who answers: answers are stored under it. For a model, `Identity::of_content` with a digest of its weights.
    async fn identify(&self) -> Result<Identity, SourceError> {
        Ok(Identity::of_code("@NAME@", env!("CARGO_PKG_VERSION")))
    }

    // One answer per question, larger is better. `q.prompt()` holds the turns before the reply.
    async fn score(&self, batch: &[Question]) -> Answers {
        let score = |text: &str| Answer::score(self.weight.unwrap_or(-1.0) * text.len() as f64);
        batch.iter().map(|q| score(&q.candidates()[0])).collect()
    }
}

fn register(registry: &mut Registry) {
    let card = Card {
        kind: "@NAME@",
        summary: "Prefers short replies.",
        version: env!("CARGO_PKG_VERSION"),
        example: "[source.@NAME@]\nkind = \"@NAME@\"\nweight = -1.0\n",
        // A control. For a model write `SelfCheck::KnownPairs`: twenty clear pairs are then put to it before every run.
        self_check: SelfCheck::Skip,
    };
    registry.source(card, |scorer: Scorer, _| Ok(scorer));
}

export_plugin!(register);
