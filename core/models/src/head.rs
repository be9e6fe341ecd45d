//! Heads of reward models: from the last hidden state to a score.
//!
//! A head lies beside its GGUF file as `NAME.head.safetensors`: the tensors under the names they have in the checkpoint, and a
//! [`HeadDescription`] as JSON under the metadata key [`DESCRIPTION_KEY`]. A hidden state is what llama.cpp gives out as embedding without
//! pooling: the state after the last norm.

mod apply;
mod error;
mod file;

use serde::{Deserialize, Serialize};

pub use error::HeadError;
pub(crate) use file::{check, write};

/// The metadata key of a head's file under which its description stands.
pub const DESCRIPTION_KEY: &str = "tribunal.head";
/// The version of descriptions that is written.
pub const FORMAT: u32 = 1;

/// How a hidden state becomes a score.
///
/// The state goes through `layers`. Their last output is one stretch per objective, each as long as `bins` says; a stretch becomes one
/// number. The numbers, as a row, are multiplied by `transform`, and `combine` makes them one. That is multiplied by `factor` and
/// `offset` is added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HeadDescription {
    /// Version of this description, [`FORMAT`].
    pub format: u32,
    /// Length of a hidden state.
    pub hidden: usize,
    /// Where the state is read.
    #[serde(default)]
    pub read_at: ReadAt,
    /// Layers, the first to be applied first. At least one.
    pub layers: Vec<Layer>,
    /// Names of the objectives or labels, in the order of the outputs. At least one.
    pub objectives: Vec<String>,
    /// What the outputs of one objective are.
    #[serde(default)]
    pub bins: Bins,
    /// A matrix `[n, n]` of the n objectives, by name of its tensor: number `j` becomes the sum over `i` of number `i` times `[i, j]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<String>,
    /// How the objectives become one number.
    pub combine: Combine,
    /// What the number is multiplied by: -1 for models of cost, where less is better.
    #[serde(default = "one")]
    pub factor: f64,
    /// What is added in the end.
    #[serde(default)]
    pub offset: f64,
}

fn one() -> f64 {
    1.0
}

/// Which hidden state is read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum ReadAt {
    /// That of the last token of the text.
    #[default]
    LastToken,
    /// That of the last token which does not fill short rows of a batch. transformers reads there, so a text that ends with such a
    /// token, because it ends replies as well, is read before it.
    LastBeforePadding {
        /// Id of the token that fills rows.
        padding: u32,
    },
    /// That of a token which is put behind the text for this purpose, unless the text ends with it.
    AppendedToken {
        /// Id of the token.
        id: u32,
    },
}

/// A linear layer and what follows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Layer {
    /// Name of the tensor `[outputs, inputs]`.
    pub weight: String,
    /// Name of the tensor `[outputs]` that is added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bias: Option<String>,
    /// What is done to every output.
    #[serde(default)]
    pub activation: Activation,
}

/// What is done to every output of a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// Nothing.
    #[default]
    None,
    /// Negative numbers become 0.
    Relu,
    /// `x / (1 + exp(-x))`.
    Silu,
    /// `x * (1 + erf(x / sqrt 2)) / 2`.
    Gelu,
    /// The approximation of `gelu` with a hyperbolic tangent.
    GeluTanh,
    /// The hyperbolic tangent.
    Tanh,
    /// The self-normalising unit of Klambauer et al. (2017).
    Selu,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
}

/// What the outputs of one objective are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Bins {
    /// One number.
    #[default]
    One,
    /// One logit per bin: their softmax times the bins' values.
    Distribution {
        /// Value of each bin.
        values: Vec<f64>,
    },
    /// Quantiles of a distribution: their mean.
    Quantiles {
        /// How many there are.
        count: usize,
    },
}

impl Bins {
    fn count(&self) -> usize {
        match self {
            Self::One => 1,
            Self::Distribution { values } => values.len(),
            Self::Quantiles { count } => *count,
        }
    }
}

/// How the objectives become one number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Combine {
    /// The objective at this place, counted from 0.
    Index(usize),
    /// The sum of the objectives times these weights.
    Weights(Vec<f64>),
    /// The sum of the objectives times weights that a second network reads from the hidden state at the end of the prompt.
    Gate(Gate),
}

/// A network that weighs objectives by the prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Gate {
    /// Its layers; the last has one output per objective.
    pub layers: Vec<Layer>,
    /// What the outputs are divided by before their softmax.
    pub temperature: f64,
    /// Name of a tensor of one number that the weights are multiplied by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<String>,
    /// Where the prompt ends.
    pub prompt_end: PromptEnd,
}

/// Where the prompt ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum PromptEnd {
    /// At the last token of the prompt, rendered without the answer and without the opening of one.
    Prompt,
    /// At the first token of the last occurrence of these tokens.
    Pattern {
        /// Ids of the tokens.
        tokens: Vec<u32>,
    },
}

/// A head that is ready to score.
#[derive(Clone, Debug)]
pub struct Head {
    description: HeadDescription,
    layers: Vec<apply::Dense>,
    transform: Option<Vec<f32>>,
    gate: Option<(Vec<apply::Dense>, f64)>,
}

/// What a head reads from hidden states.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The score, larger is better. Not finite where the hidden states are not.
    pub score: f64,
    /// What it is made of: each objective under its name before `transform`, and each weight of a gate as `gate.NAME`. Empty for a head
    /// with one objective and no gate.
    pub parts: Vec<(String, f64)>,
}

impl Head {
    /// What the head does.
    pub fn description(&self) -> &HeadDescription {
        &self.description
    }

    /// Length of the hidden states it reads.
    pub fn width(&self) -> usize {
        self.description.hidden
    }

    /// Whether [`Head::score`] needs the hidden state at the end of the prompt.
    pub fn wants_prompt_end(&self) -> bool {
        self.gate.is_some()
    }

    /// Where the prompt ends, for a head that needs to know.
    pub fn prompt_end(&self) -> Option<&PromptEnd> {
        match &self.description.combine {
            Combine::Gate(gate) => Some(&gate.prompt_end),
            Combine::Index(_) | Combine::Weights(_) => None,
        }
    }

    /// The token that has to be put behind a text before its last state is read.
    pub fn appended_token(&self) -> Option<u32> {
        match self.description.read_at {
            ReadAt::LastToken | ReadAt::LastBeforePadding { .. } => None,
            ReadAt::AppendedToken { id } => Some(id),
        }
    }

    /// The place in a text whose state is read, from 0; 0 for a text without tokens.
    pub fn reading_place(&self, tokens: &[u32]) -> usize {
        let last = match self.description.read_at {
            ReadAt::LastToken | ReadAt::AppendedToken { .. } => tokens.len().checked_sub(1),
            ReadAt::LastBeforePadding { padding } => {
                tokens.iter().rposition(|token| *token != padding)
            }
        };
        last.unwrap_or(0)
    }
}
