//! The `[verdict]` table of a prompt file as it is written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Parse, Readout};

/// The `[verdict]` table of a prompt file: one table per readout that the prompt can be asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct VerdictForm {
    /// The readout when the recipe names none. Default: the first that is described, in the order letter, number,
    /// json, label-logprob.
    pub readout: Option<Readout>,
    /// How replies are read when the recipe does not say. Default: `strict`.
    pub parse: Parse,
    /// What a candidate is called in instructions. Default: `Response`, as in "Response A".
    pub noun: Option<String>,
    /// A turn that is sent once when a reply holds no verdict. The reply to it is appended to the first.
    pub follow_up: Option<String>,
    /// Labels: which, and how they are marked.
    pub letter: Option<LetterForm>,
    /// A number on a scale.
    pub number: Option<NumberForm>,
    /// A JSON object.
    pub json: Option<JsonForm>,
    /// Probabilities of labels.
    pub label_logprob: Option<LabelForm>,
}

/// `[verdict.letter]`: the labels of candidates, and how the chosen one is marked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct LetterForm {
    /// How a verdict is written, with `{label}` in the label's place: `[[{label}]]`, `[RESULT] {label}`. Default:
    /// `[[{label}]]`. With `{label}` alone, the label stands by itself on the last line.
    pub marker: Option<String>,
    /// The labels of the candidates in the order shown. Default: `A`, `B`, `C` and so on.
    pub candidates: Vec<String>,
    /// The label of a tie. Default: no tie is offered.
    pub tie: Option<String>,
    /// With `true`, the labels compare: `A>>B`, `A>B`, `A=B`, `B>A`, `B>>A`. The strength is not kept.
    pub comparison: bool,
    /// For one candidate: words and their scores, such as `{ Yes = 1, No = 0 }`.
    pub words: BTreeMap<String, f64>,
    /// The text of the instruction. Default: written from the labels and the marker.
    pub instruction: Option<String>,
}

/// `[verdict.number]`: a rating, and how it is marked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct NumberForm {
    /// How a rating is written, with `{number}` in the number's place. Default: `[[{number}]]`. With `{number}`
    /// alone, the number stands by itself on the last line.
    pub marker: Option<String>,
    /// The lowest rating. Default: 1.
    pub low: i64,
    /// The highest rating. Default: 10.
    pub high: i64,
    /// With `true`, ratings between whole numbers are read too. Default: `false`.
    pub decimals: bool,
    /// The text of the instruction. Default: written from the scale and the marker.
    pub instruction: Option<String>,
}

impl Default for NumberForm {
    fn default() -> Self {
        Self { marker: None, low: 1, high: 10, decimals: false, instruction: None }
    }
}

/// `[verdict.json]`: the keys of the object. One of `winner`, `rating` and `ratings` is named.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct JsonForm {
    /// The key that holds the winner's label.
    pub winner: Option<String>,
    /// The key that holds the rating of the one candidate.
    pub rating: Option<String>,
    /// The key that holds an object with one rating per candidate label.
    pub ratings: Option<String>,
    /// The key of an explanation that comes first. Default: none is asked for.
    pub reason: Option<String>,
    /// The text of the instruction. Default: written from the keys.
    pub instruction: Option<String>,
}

/// `[verdict.label-logprob]`: which labels the probabilities are taken of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct LabelForm {
    /// The text of the instruction. Default: written from the labels.
    pub instruction: Option<String>,
}
