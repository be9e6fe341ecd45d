//! The settings of `judge` as they stand in a recipe.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tribunal_api::{GeneratorRef, NameOrPath, PathSetting};

use crate::prompt::{ChatMarkers, Drawing, Reasoning};
use crate::verdict::{Parse, Readout};

/// Settings of `judge`. All are left out of the engine's digest of settings: what they come to together with the files
/// that they name is part of the judge's own fingerprint, so that a default and the same value written out are one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Config {
    /// The `[generator.x]` block whose model judges.
    #[schemars(extend("x-tribunal-operational" = true))]
    pub(super) generator: GeneratorRef,
    /// A built-in prompt, or the path of a prompt file (`docs/judges.md`). It says how many candidates a question holds.
    #[schemars(extend("x-tribunal-operational" = true))]
    pub(super) prompt: NameOrPath,
    /// What is judged by: `none`, `general`, `per-scenario` (by the item's topic), `self-generated` (a first call
    /// writes them), or the path of a criteria file. Default `none`.
    #[schemars(extend("x-tribunal-operational" = true))]
    pub(super) criteria: Option<NameOrPath>,
    /// Whether and when the judge explains itself. Default: what the prompt says.
    #[schemars(extend("x-tribunal-operational" = true))]
    pub(super) reasoning: Option<Reasoning>,
    /// What the judge is asked for. Default: what the prompt says.
    #[schemars(extend("x-tribunal-operational" = true))]
    pub(super) readout: Option<Readout>,
    /// How a reply is read. Default: what the prompt says, else `strict`.
    #[schemars(extend("x-tribunal-operational" = true))]
    pub(super) parse: Option<Parse>,
    /// How tokens are drawn. What is left out is taken from the prompt, else temperature 0, top-p 1, max-tokens 1024
    /// (1 where only the probability of a label is wanted).
    #[schemars(extend("x-tribunal-operational" = true))]
    pub(super) sampling: Option<Drawing>,
    /// How the tokens of self-generated criteria are drawn. What is left out is temperature 0, top-p 1, max-tokens 512.
    #[schemars(extend("x-tribunal-operational" = true))]
    pub(super) criteria_sampling: Option<Drawing>,
    /// How often a reply without readable verdict is asked for again, with other seeds. Each attempt is kept.
    #[serde(default)]
    #[schemars(range(max = 10))]
    #[schemars(extend("x-tribunal-operational" = true))]
    pub(super) re_ask: u32,
    /// Whether the prompt's examples are shown. Default: `true` where it has some and the readout is its own.
    #[schemars(extend("x-tribunal-operational" = true))]
    pub(super) examples: Option<bool>,
    /// A file of good answers for the slot `reference`: JSON lines with `question`, the text of the last user turn, and
    /// `reference`. Default: none.
    #[schemars(extend("x-tribunal-operational" = true))]
    pub(super) references: Option<PathSetting>,
    /// What becomes of the prompt's system turn.
    #[serde(default)]
    #[schemars(extend("x-tribunal-operational" = true))]
    pub(super) system_prompt: SystemPrompt,
    /// What becomes of markers of chat templates in texts from the data. Default: `break` where the generator writes the
    /// chat template into one text itself (`http.completions`), else `keep`.
    #[schemars(extend("x-tribunal-operational" = true))]
    pub(super) chat_markers: Option<ChatMarkers>,
    /// Whether the backend is told the shape of the verdict (a JSON Schema, or the list of labels), so that it writes
    /// nothing else. Default: `true` for the readout `json` where the reasoning leaves room for it, else `false`.
    #[schemars(extend("x-tribunal-operational" = true))]
    pub(super) constrain: Option<bool>,
    /// Whether the messages that the judge was sent are kept with each answer. Default `false`.
    #[serde(default)]
    #[schemars(extend("x-tribunal-operational" = true))]
    pub(super) keep_prompt: bool,
}

/// What becomes of the prompt's system turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SystemPrompt {
    /// It is sent as it is.
    #[default]
    Keep,
    /// Its text goes before that of the first user turn, for models that take no system turn.
    Merge,
    /// It is left out. A fault where it says what the other turns do not.
    Drop,
}
