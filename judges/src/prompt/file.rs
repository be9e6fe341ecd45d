//! A prompt file as it is written: tables and keys, nothing checked but their types.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use toml::Spanned;
use tribunal_api::{Arity, Role};

use crate::fence::FenceStyle;
use crate::transcript::Headings;
use crate::verdict::VerdictForm;

/// A prompt file. `docs/judges.md` describes every key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct PromptFile {
    pub(super) name: String,
    pub(super) source: String,
    pub(super) candidates: Candidates,
    #[serde(default)]
    pub(super) fence: FenceStyle,
    #[serde(default)]
    pub(super) reasoning: Reasoning,
    #[serde(default)]
    pub(super) sampling: Drawing,
    pub(super) turns: Vec<TurnText>,
    #[serde(default)]
    pub(super) instructions: Instructions,
    pub(super) self_criteria: Option<SelfCriteria>,
    pub(super) transcript: Option<Headings>,
    #[serde(default)]
    pub(super) examples: Vec<Example>,
    #[serde(default)]
    pub(super) variants: Vec<VariantText>,
    #[serde(default)]
    pub(super) verdict: VerdictForm,
}

/// How many candidates a question of the prompt holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Candidates {
    /// Each candidate is judged alone.
    One,
    /// Two candidates are compared.
    Two,
    /// Two or more candidates are compared.
    Many,
}

impl Candidates {
    /// The numbers of candidates that may be asked about.
    pub fn arity(self) -> Arity {
        match self {
            Candidates::One => Arity::ONE,
            Candidates::Two => Arity::TWO,
            Candidates::Many => Arity::LIST,
        }
    }

    /// A number of candidates that may be asked about, for trying a prompt out.
    pub fn some(self) -> usize {
        match self {
            Candidates::One => 1,
            Candidates::Two => 2,
            Candidates::Many => 3,
        }
    }
}

impl<'de> Deserialize<'de> for Candidates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl Visitor<'_> for Words {
            type Value = Candidates;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("1, 2 or \"n\"")
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Candidates, E> {
                match value {
                    1 => Ok(Candidates::One),
                    2 => Ok(Candidates::Two),
                    other => Err(E::custom(format!("`{other}` is not 1, 2 or \"n\""))),
                }
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Candidates, E> {
                self.visit_i64(i64::try_from(value).unwrap_or(i64::MAX))
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<Candidates, E> {
                match value {
                    "n" => Ok(Candidates::Many),
                    other => Err(E::custom(format!("`{other}` is not 1, 2 or \"n\""))),
                }
            }
        }
        deserializer.deserialize_any(Words)
    }
}

/// Whether and when the judge explains itself.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Reasoning {
    /// The verdict alone.
    #[default]
    None,
    /// First an explanation, then the verdict.
    Before,
    /// First the verdict, then an explanation.
    After,
    /// The model reasons by itself, apart from its reply.
    Native,
}

impl Reasoning {
    /// The mode as it stands in recipes.
    pub fn as_str(self) -> &'static str {
        match self {
            Reasoning::None => "none",
            Reasoning::Before => "before",
            Reasoning::After => "after",
            Reasoning::Native => "native",
        }
    }
}

/// How the judge's tokens are drawn; what is left out is decided elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Drawing {
    /// 0 is greedy; above 0, samples of one question differ.
    #[schemars(range(min = 0))]
    pub temperature: Option<f64>,
    /// Share of probability mass that is drawn from, above 0 to 1.
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 1))]
    pub top_p: Option<f64>,
    /// Most tokens written, reasoning included where the backend counts it.
    #[schemars(range(min = 1))]
    pub max_tokens: Option<u32>,
    /// Texts that end the reply.
    pub stop: Option<Vec<String>>,
}

/// A message of the prompt.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct TurnText {
    pub(super) role: Role,
    pub(super) text: Spanned<String>,
}

/// What the judge is told about reasoning, in each mode; `None` takes our own wording.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Instructions {
    none: Option<String>,
    before: Option<String>,
    after: Option<String>,
    native: Option<String>,
}

impl Instructions {
    pub(super) fn of(&self, mode: Reasoning) -> &str {
        let (own, ours) = match mode {
            Reasoning::None => (&self.none, "Give your verdict alone, without any explanation."),
            Reasoning::Before => (
                &self.before,
                "First explain your judgment in a few sentences, point by point. Give your verdict after that, at \
                 the very end.",
            ),
            Reasoning::After => (
                &self.after,
                "Give your verdict first. Explain it after that in a few sentences, without repeating the verdict.",
            ),
            Reasoning::Native => (&self.native, ""),
        };
        own.as_deref().unwrap_or(ours)
    }
}

/// The first of two calls: the judge writes the criteria.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct SelfCriteria {
    pub(super) turns: Vec<TurnText>,
}

/// A judgment to learn from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Example {
    pub(super) question: String,
    pub(super) answers: Vec<String>,
    #[serde(default)]
    pub(super) reasoning: String,
    pub(super) verdict: String,
}

/// Other turns for some topics.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct VariantText {
    pub(super) topics: Vec<String>,
    pub(super) turns: Vec<TurnText>,
}
