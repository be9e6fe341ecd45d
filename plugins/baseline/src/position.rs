//! A control that prefers the candidate shown first or last, whatever it says.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tribunal_api::{
    Answer, Answers, Arity, Card, Identity, Limits, Question, Registry, RewardSource, SelfCheck,
    SourceError,
};

const VERSION: &str = "1";

const CARD: Card = Card {
    kind: "baseline.position",
    summary: "Prefers the candidate shown first or last: scores at chance unless the order leaks gold.",
    version: VERSION,
    example: r#"[source.position]
kind = "baseline.position"
prefer = "first"    # or "last"
"#,
    self_check: SelfCheck::Skip,
};

/// Settings of `baseline.position`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Config {
    /// Which place wins.
    prefer: Prefer,
}

/// Which place wins.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Prefer {
    /// The candidate shown first.
    #[default]
    First,
    /// The candidate shown last.
    Last,
}

struct Position(Config);

impl Position {
    fn answer(&self, question: &Question) -> Result<Answer, SourceError> {
        let winner = match self.0.prefer {
            Prefer::First => 0,
            Prefer::Last => question.arity().saturating_sub(1),
        };
        let places = 0..question.arity();
        Answer::scores(places.map(|place| if place == winner { 1.0 } else { 0.0 }))
    }
}

#[async_trait]
impl RewardSource for Position {
    fn arity(&self) -> Arity {
        Arity::LIST
    }

    fn limits(&self) -> Limits {
        crate::computing()
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        Ok(Identity::of_code(CARD.kind, VERSION))
    }

    async fn score(&self, batch: &[Question]) -> Answers {
        batch.iter().map(|question| self.answer(question)).collect()
    }
}

/// Registers `baseline.position`.
pub(crate) fn register(registry: &mut Registry) {
    registry.source(CARD, |config: Config, _| Ok(Position(config)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use tribunal_api::{Readout, conformance};

    async fn scores(prefer: Prefer, candidates: &[&str]) -> Vec<f64> {
        let question = Question::of_text("?", candidates);
        let answers = Position(Config { prefer }).score(&[question]).await.into_vec();
        match &answers[0].as_ref().unwrap()[0].readout {
            Readout::Scores(scores) => scores.iter().map(|score| score.value()).collect(),
            Readout::Abstained(abstention) => panic!("{abstention:?}"),
        }
    }

    #[tokio::test]
    async fn the_preferred_place_wins_whatever_stands_there() {
        assert_eq!(scores(Prefer::First, &["a", "b"]).await, [1.0, 0.0]);
        assert_eq!(scores(Prefer::First, &["b", "a"]).await, [1.0, 0.0]);
        assert_eq!(scores(Prefer::First, &["a", "b", "c", "d"]).await, [1.0, 0.0, 0.0, 0.0]);
        assert_eq!(scores(Prefer::Last, &["a", "b", "c"]).await, [0.0, 0.0, 1.0]);
    }

    #[tokio::test]
    async fn pairs_and_lists_pass_conformance() {
        for arity in [2, 3, 7] {
            let source = Position(Config::default());
            let found = conformance::source(&source, &conformance::questions(arity)).await;
            assert!(found.is_empty(), "{found:?}");
        }
    }
}
