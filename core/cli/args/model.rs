//! The command line of `tribunal model`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use tribunal_models::head::{Activation, PromptEnd};
use tribunal_models::import::WeightType;
use tribunal_models::tiny::{TinyFamily, TinyKind};

/// Arguments of `model`.
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// What to do with them.
    #[command(subcommand)]
    pub command: ModelCommand,
}

/// What can be done with models.
#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// Convert a model folder of transformers to a GGUF file, with its reward head beside it
    #[command(
        after_help = "Examples:\n  tribunal model import Skywork-Reward-V2-Qwen3-0.6B -o models\n  tribunal model import Skywork-Reward-V2-Qwen3-0.6B -o models --type q8_0 --name skywork-q8\n\nWrites NAME.gguf, NAME.card.json and, for a model with a head, NAME.head.safetensors: whole or not at all.\nExit code 2 when the folder cannot be converted, 1 when files cannot be written."
    )]
    Import(ModelImportArgs),
    /// Show what model files and folders are, without loading their weights
    #[command(
        after_help = "Examples:\n  tribunal model info models/skywork-q8.gguf\n  tribunal model info Skywork-Reward-V2-Qwen3-0.6B --template\n\nExit code 2 when one of them cannot be read."
    )]
    Info(ModelInfoArgs),
    /// Write a small random model, for tests and demonstrations: it judges at chance
    #[command(
        after_help = "Examples:\n  tribunal model make-tiny -o tiny --gguf\n  tribunal model make-tiny -o tiny-judge --family llama --kind causal --seed 7"
    )]
    MakeTiny(ModelMakeTinyArgs),
}

/// How weights of a GGUF file are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Weights {
    /// As exact as the model: 4 bytes a number
    F32,
    /// Rounded to 11 significant bits: 2 bytes a number
    #[default]
    F16,
    /// Blocks with 8 bits a number: 1.06 bytes
    #[value(name = "q8_0")]
    Q8_0,
    /// Blocks with 4 bits a number: 0.56 bytes
    #[value(name = "q4_0")]
    Q4_0,
}

impl From<Weights> for WeightType {
    fn from(weights: Weights) -> Self {
        match weights {
            Weights::F32 => WeightType::F32,
            Weights::F16 => WeightType::F16,
            Weights::Q8_0 => WeightType::Q8_0,
            Weights::Q4_0 => WeightType::Q4_0,
        }
    }
}

/// A function between the layers of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Between {
    /// Nothing
    None,
    /// Negative numbers become 0
    Relu,
    /// x / (1 + exp(-x))
    Silu,
    /// With the error function
    Gelu,
    /// With a hyperbolic tangent in its place
    GeluTanh,
    /// The hyperbolic tangent
    Tanh,
    /// The self-normalising unit
    Selu,
    /// 1 / (1 + exp(-x))
    Sigmoid,
}

impl From<Between> for Activation {
    fn from(between: Between) -> Self {
        match between {
            Between::None => Activation::None,
            Between::Relu => Activation::Relu,
            Between::Silu => Activation::Silu,
            Between::Gelu => Activation::Gelu,
            Between::GeluTanh => Activation::GeluTanh,
            Between::Tanh => Activation::Tanh,
            Between::Selu => Activation::Selu,
            Between::Sigmoid => Activation::Sigmoid,
        }
    }
}

/// Arguments of `model import`.
#[derive(Debug, Args)]
pub struct ModelImportArgs {
    /// The model folder: config.json, tokenizer.json and safetensors files
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
    /// The folder to write into; it is made where there is none
    #[arg(short, long, value_name = "FOLDER")]
    pub out: PathBuf,
    /// How weights are stored
    #[arg(long = "type", value_enum, default_value = "f16")]
    pub weights: Weights,
    /// The name of the files, without an ending [default: the folder's own]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Overwrite files that exist
    #[arg(long)]
    pub force: bool,
    /// Print the card as JSON
    #[arg(long)]
    pub json: bool,
    /// Tell nothing on the way
    #[arg(short, long)]
    pub quiet: bool,
    /// What the folder cannot say of its head.
    #[command(flatten)]
    pub head: HeadChoices,
}

/// What a model folder cannot say of its head.
#[derive(Debug, Args)]
#[command(next_help_heading = "What the folder cannot say of its head")]
pub struct HeadChoices {
    /// Of several labels, the one that is the score, counted from 0
    #[arg(long, value_name = "N", conflicts_with = "label_weights")]
    pub label: Option<usize>,
    /// Of several labels, the weights whose sum is the score, in the order of the labels
    #[arg(
        long,
        value_name = "W,W,...",
        value_delimiter = ',',
        allow_hyphen_values = true,
        value_parser = read_weight
    )]
    pub label_weights: Option<Vec<f64>>,
    /// What stands between the layers, for classes whose code is not known
    #[arg(long, value_enum)]
    pub activation: Option<Between>,
    /// Less is better: the score is negated
    #[arg(long)]
    pub cost: bool,
    /// Where a gate reads the prompt: `prompt`, its end, or the ids of the tokens that begin where it ends
    #[arg(long, value_name = "prompt or ID,ID,...", value_parser = read_prompt_end)]
    pub prompt_end: Option<PromptEnd>,
    /// The whole head, described in JSON, for classes that are not known (docs/import.md)
    #[arg(long = "head", value_name = "FILE")]
    pub description: Option<PathBuf>,
}

fn read_weight(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(weight) if weight.is_finite() => Ok(weight),
        _ => Err("a weight is a finite number, as in `0.5,-1,2`".to_owned()),
    }
}

fn read_prompt_end(text: &str) -> Result<PromptEnd, String> {
    if text == "prompt" {
        return Ok(PromptEnd::Prompt);
    }
    let ids: Result<Vec<u32>, _> = text.split(',').map(|id| id.trim().parse()).collect();
    match ids {
        Ok(tokens) => Ok(PromptEnd::Pattern { tokens }),
        Err(_) => Err("it is `prompt`, or ids of tokens as in `128009,128006`".to_owned()),
    }
}

/// Arguments of `model info`.
#[derive(Debug, Args)]
pub struct ModelInfoArgs {
    /// GGUF files, head files, and model folders of transformers
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Print the chat templates whole
    #[arg(long)]
    pub template: bool,
    /// Leave the digest out, for which the whole file is read
    #[arg(long)]
    pub no_digest: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Tell nothing on the way
    #[arg(short, long)]
    pub quiet: bool,
}

/// A family of models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Family {
    /// Scaled rotary positions, bytes as letters
    Llama,
    /// A sliding window, pieces with spaces before them
    Mistral,
    /// Biases, texts in normal form C
    Qwen2,
    /// Norms of queries and keys, wide heads
    Qwen3,
    /// Soft caps, a window in every second layer
    Gemma2,
    /// Packed matrices, a token of its own for the reward
    Internlm2,
}

impl From<Family> for TinyFamily {
    fn from(family: Family) -> Self {
        match family {
            Family::Llama => TinyFamily::Llama,
            Family::Mistral => TinyFamily::Mistral,
            Family::Qwen2 => TinyFamily::Qwen2,
            Family::Qwen3 => TinyFamily::Qwen3,
            Family::Gemma2 => TinyFamily::Gemma2,
            Family::Internlm2 => TinyFamily::Internlm2,
        }
    }
}

/// What a model gives out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GivesOut {
    /// Text: a language model
    Causal,
    /// Text that is nearly always an A or a B, so that there are verdicts to be read
    Judge,
    /// One score, through one linear layer
    Classifier,
    /// Three labels, through one linear layer
    Labels,
    /// One score, through two layers
    Layers,
    /// Three objectives, weighed by a gate that reads the prompt
    Gated,
}

impl From<GivesOut> for TinyKind {
    fn from(kind: GivesOut) -> Self {
        match kind {
            GivesOut::Causal => TinyKind::Causal,
            GivesOut::Judge => TinyKind::Judge,
            GivesOut::Classifier => TinyKind::Classifier,
            GivesOut::Labels => TinyKind::Labels,
            GivesOut::Layers => TinyKind::Layers,
            GivesOut::Gated => TinyKind::Gated,
        }
    }
}

/// Arguments of `model make-tiny`.
#[derive(Debug, Args)]
pub struct ModelMakeTinyArgs {
    /// The folder to write
    #[arg(short, long, value_name = "FOLDER")]
    pub out: PathBuf,
    /// The family
    #[arg(long, value_enum, default_value = "qwen2")]
    pub family: Family,
    /// What it gives out
    #[arg(long, value_enum, default_value = "classifier")]
    pub kind: GivesOut,
    /// The seed of its weights: the same seed gives the same bytes everywhere
    #[arg(long, default_value = "0")]
    pub seed: u64,
    /// Import it too, into the same folder; of several labels the first is the score
    #[arg(long)]
    pub gguf: bool,
    /// How weights of the GGUF file are stored
    #[arg(long = "type", value_enum, default_value = "f16", requires = "gguf")]
    pub weights: Weights,
    /// Write into a folder that holds something
    #[arg(long)]
    pub force: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
