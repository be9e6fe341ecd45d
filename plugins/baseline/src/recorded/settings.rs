//! The settings of `baseline.recorded` as they stand in a recipe.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{SeqAccess, Visitor, value::SeqAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};
use tribunal_api::PathSetting;

/// Settings of `baseline.recorded`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Config {
    /// The file with the answers. JSON (a list of records), JSON lines, CSV, TSV or Parquet, told by its extension.
    pub(super) path: PathSetting,
    /// What the file holds, and so how many candidates a question may have.
    #[serde(default)]
    pub(super) answers: Held,
    /// Where a record keeps the parts of an answer.
    pub(super) fields: FieldNames,
    /// The number of an item's first candidate in the file, 0 or 1, where candidates are named by number. Default 0.
    #[schemars(range(min = 0, max = 1))]
    pub(super) candidate_base: Option<u16>,
    /// What a pair is worth that the file holds in the other order only. Only for verdicts.
    pub(super) swapped: Option<Swapped>,
    /// Which texts stand for which verdict. Only for verdicts.
    pub(super) values: Option<Values>,
}

/// What the file holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Held {
    /// A score of each candidate by itself; questions have one candidate.
    #[default]
    Scores,
    /// The better one of two candidates; questions have two candidates.
    Verdicts,
    /// An order of all candidates of an item; questions have two or more candidates.
    Rankings,
}

impl Held {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Held::Scores => "scores",
            Held::Verdicts => "verdicts",
            Held::Rankings => "rankings",
        }
    }
}

/// Where a record keeps the parts of an answer: paths such as `id`, `judgments.0.decision` or `/a/b`.
///
/// Scores need `scores`, or `candidate` and `score`. Verdicts need `verdict` or `verdicts`. Rankings need
/// `ranking` or `ranks`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct FieldNames {
    /// The suite's name in the recipe. Left out: the records belong to any suite.
    pub(super) suite: Option<String>,
    /// The item's subset. Left out: an id is looked up whatever the subset, and must be unique by itself.
    pub(super) subset: Option<String>,
    /// The item's id. Whole numbers and their text are the same id.
    pub(super) id: String,
    /// The candidate's number, in files with one record for each candidate.
    pub(super) candidate: Option<String>,
    /// The candidate's score: a number, null (none), or a list of samples. Needs `candidate`.
    pub(super) score: Option<String>,
    /// The path of a list with one entry for each candidate in stored order, or a list of paths, one for each
    /// candidate. An entry is a number, null (none), or a list of samples.
    pub(super) scores: Option<Paths>,
    /// Two paths: the numbers of the candidates shown first and second, in files with one record for each pair. Left
    /// out: the pair is the first and the second candidate.
    pub(super) pair: Option<[String; 2]>,
    /// The verdict on the pair in that order: a text or number of `values`, or a list of samples.
    pub(super) verdict: Option<String>,
    /// The verdicts on the pair in that order and swapped, each as it was given, not turned back: the path of a list
    /// of one or two, or a list of one or two paths.
    pub(super) verdicts: Option<Paths>,
    /// A list of candidate numbers, best first, or the number of the best alone; or a list of such lists: samples.
    pub(super) ranking: Option<String>,
    /// A list with the rank of each candidate in stored order, the least is the best; or a list of such lists: samples.
    pub(super) ranks: Option<String>,
}

/// What a pair is worth that the file holds in the other order only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Swapped {
    /// The source abstains.
    #[default]
    Missing,
    /// The recorded verdict turned round, as if the order had not mattered.
    Flip,
}

/// Which texts stand for which verdict, compared without regard to case and outer white space.
///
/// A null or any other text is an unreadable verdict.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Values {
    /// The first candidate shown is better. Default `A>B`, `A>>B`, `A`, these in double brackets, `1`, `first`.
    pub(super) first: Option<Vec<String>>,
    /// The second candidate shown is better. Default `B>A`, `B>>A`, `B`, these in double brackets, `2`, `second`.
    pub(super) second: Option<Vec<String>>,
    /// Neither is better. Default `A=B`, `B=A`, `C`, these in double brackets, `tie`, `0.5`.
    pub(super) tie: Option<Vec<String>>,
}

/// One path, or a list of paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Paths {
    /// The path of a list.
    One(String),
    /// A path for each entry.
    Each(Vec<String>),
}

impl<'de> Deserialize<'de> for Paths {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Paths;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path or a list of paths")
            }

            fn visit_str<E>(self, text: &str) -> Result<Paths, E> {
                Ok(Paths::One(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Paths, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(Paths::Each)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for Paths {
    fn schema_name() -> Cow<'static, str> {
        "Paths".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "string" },
                { "type": "array", "items": { "type": "string" }, "minItems": 1 }
            ]
        })
    }
}
