//! A control that gives every candidate the same score: what ties are worth.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tribunal_api::{
    Answer, Answers, Arity, Card, Identity, Limits, Question, Registry, RewardSource, SelfCheck,
    SourceError,
};

const VERSION: &str = "1";

const CARD: Card = Card {
    kind: "baseline.constant",
    summary: "Gives every candidate the same score: shows what a suite's rules make of ties.",
    version: VERSION,
    example: r#"[source.constant]
kind = "baseline.constant"
score = 0.0
"#,
    self_check: SelfCheck::Skip,
};

/// Settings of `baseline.constant`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Config {
    /// The score of every candidate. Finite; which number it is changes no comparison.
    score: f64,
}

struct Constant(Config);

#[async_trait]
impl RewardSource for Constant {
    fn arity(&self) -> Arity {
        Arity { least: 1, most: u16::MAX }
    }

    fn limits(&self) -> Limits {
        crate::computing()
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        Ok(Identity::of_code(CARD.kind, VERSION))
    }

    async fn score(&self, batch: &[Question]) -> Answers {
        let score = self.0.score;
        batch.iter().map(|asked| Answer::scores((0..asked.arity()).map(|_| score))).collect()
    }
}

/// Registers `baseline.constant`.
pub(crate) fn register(registry: &mut Registry) {
    registry.source(CARD, |config: Config, _| Ok(Constant(config)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tribunal_api::{Readout, conformance, settings};

    #[tokio::test]
    async fn all_candidates_get_the_score() {
        let source = Constant(Config { score: -2.5 });
        let question = Question::of_text("?", &["good", "bad", ""]);
        let answers = source.score(&[question]).await.into_vec();
        let Readout::Scores(scores) = &answers[0].as_ref().unwrap()[0].readout else { panic!() };
        assert_eq!(scores.iter().map(|score| score.value()).collect::<Vec<_>>(), [-2.5; 3]);
    }

    #[tokio::test]
    async fn every_arity_passes_conformance() {
        for arity in [1, 2, 5] {
            let source = Constant(Config::default());
            let found = conformance::source(&source, &conformance::questions(arity)).await;
            assert!(found.is_empty(), "{found:?}");
        }
    }

    #[test]
    fn a_score_that_is_no_number_is_refused() {
        // JSON has no NaN: a recipe's `nan` arrives as null.
        assert!(settings::read::<Config>(json!({"score": f64::NAN})).is_err());
        assert!(settings::read::<Config>(json!({"score": 1})).is_ok());
    }
}
