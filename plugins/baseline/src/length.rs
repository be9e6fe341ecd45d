//! A control that prefers the longest or the shortest candidate.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tribunal_api::{
    Answer, Answers, Arity, Card, Identity, Limits, Question, Registry, RewardSource, SelfCheck,
    SourceError,
};

const VERSION: &str = "1";

const CARD: Card = Card {
    kind: "baseline.length",
    summary: "Prefers the longest or the shortest candidate: the control for length bias.",
    version: VERSION,
    example: r#"[source.length]
kind = "baseline.length"
unit = "characters"    # or "bytes", "words"
prefer = "longest"     # or "shortest"
"#,
    self_check: SelfCheck::Skip,
};

/// Settings of `baseline.length`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Config {
    /// What is counted.
    unit: Unit,
    /// Which end of the scale wins.
    prefer: Prefer,
}

/// What is counted.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Unit {
    /// Unicode scalar values: a combining mark counts as one, and so does each part of a joined emoji.
    #[default]
    Characters,
    /// Bytes of UTF-8.
    Bytes,
    /// Pieces between Unicode white space.
    Words,
}

/// Which end of the scale wins.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Prefer {
    /// The score is the length.
    #[default]
    Longest,
    /// The score is minus the length.
    Shortest,
}

impl Unit {
    fn count(self, text: &str) -> usize {
        match self {
            // The standard library counts the bytes that begin a character, a word of them at a time.
            Unit::Characters => text.chars().count(),
            Unit::Bytes => text.len(),
            Unit::Words => text.split_whitespace().count(),
        }
    }
}

struct Length(Config);

impl Length {
    fn answer(&self, question: &Question) -> Result<Answer, SourceError> {
        let Some(text) = question.candidates().first() else {
            return Err(SourceError::Rejected { message: "the candidate has no text".to_owned() });
        };
        let length = self.0.unit.count(text) as f64;
        Answer::score(match self.0.prefer {
            Prefer::Longest => length,
            Prefer::Shortest => -length,
        })
    }
}

#[async_trait]
impl RewardSource for Length {
    fn arity(&self) -> Arity {
        Arity::ONE
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

/// Registers `baseline.length`.
pub(crate) fn register(registry: &mut Registry) {
    registry.source(CARD, |config: Config, _| Ok(Length(config)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use tribunal_api::{Readout, conformance};

    async fn score_of(unit: Unit, prefer: Prefer, text: &str) -> f64 {
        let source = Length(Config { unit, prefer });
        let answers = source.score(&[Question::of_text("?", &[text])]).await.into_vec();
        match &answers[0].as_ref().unwrap()[0].readout {
            Readout::Scores(scores) => scores[0].value(),
            Readout::Abstained(abstention) => panic!("{abstention:?}"),
        }
    }

    #[tokio::test]
    async fn each_unit_counts_what_a_hand_counts() {
        // (text, scalar values, bytes, words)
        let cases = [
            ("", 0.0, 0.0, 0.0),
            ("plain", 5.0, 5.0, 1.0),
            // n, a, i with diaeresis (2 bytes), v, e
            ("na\u{ef}ve", 5.0, 6.0, 1.0),
            // e and a combining acute accent (2 bytes): two scalar values, one glyph
            ("e\u{301}", 2.0, 3.0, 1.0),
            // three ideographs of 3 bytes
            ("日本語", 3.0, 9.0, 1.0),
            ("🦀", 1.0, 4.0, 1.0),
            // man, joiner, woman, joiner, girl: 4 + 3 + 4 + 3 + 4 bytes
            ("👨\u{200d}👩\u{200d}👧", 5.0, 18.0, 1.0),
            // ideographic space (3 bytes) is white space; a zero-width space (3 bytes) is none
            ("a\u{3000}b\u{200b}c", 5.0, 9.0, 2.0),
            // leading, doubled and trailing white space make no words
            ("  two \t\r\n words\n", 16.0, 16.0, 2.0),
            // no-break space (2 bytes) parts words
            ("10\u{a0}km", 5.0, 6.0, 2.0),
        ];
        for (text, characters, bytes, words) in cases {
            let units =
                [(Unit::Characters, characters), (Unit::Bytes, bytes), (Unit::Words, words)];
            for (unit, expected) in units {
                assert_eq!(score_of(unit, Prefer::Longest, text).await, expected, "{text:?}");
                assert_eq!(score_of(unit, Prefer::Shortest, text).await, -expected, "{text:?}");
            }
        }
    }

    #[tokio::test]
    async fn characters_are_counted_right_in_texts_of_every_small_size() {
        let text: String = "aé日🦀".chars().cycle().take(600).collect();
        for (count, (end, _)) in text.char_indices().enumerate() {
            let counted = score_of(Unit::Characters, Prefer::Longest, &text[..end]).await;
            assert_eq!(counted, count as f64);
        }
    }

    #[tokio::test]
    async fn every_unit_passes_conformance() {
        for unit in [Unit::Characters, Unit::Bytes, Unit::Words] {
            let source = Length(Config { unit, prefer: Prefer::Longest });
            let found = conformance::source(&source, &conformance::questions(1)).await;
            assert!(found.is_empty(), "{found:?}");
        }
    }

    #[tokio::test]
    async fn a_question_without_text_is_rejected() {
        let question = Question::new(Vec::new(), Vec::new());
        let answers = Length(Config::default()).score(&[question]).await.into_vec();
        assert!(matches!(answers[0], Err(SourceError::Rejected { .. })));
    }
}
