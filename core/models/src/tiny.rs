//! Small random models, for tests of everything that reads models.
//!
//! A folder as transformers writes it: configuration, tokenizer, template, weights. Everything follows from the seed and is the same on
//! every machine. Scores of such models mean nothing.

mod config;
mod templates;
mod tokenizer;
mod weights;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::CheckpointError;
use crate::checkpoint::write_safetensors;

/// Families of models, each with what is special about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TinyFamily {
    /// Scaled rotary positions, byte-level vocabulary.
    Llama,
    /// A sliding window of 256 tokens, rows that do not fill blocks of 32, pieces with a space before every stretch of text.
    Mistral,
    /// Biases, rows of the embedding without a token, texts in normal form C.
    Qwen2,
    /// Norms of queries and keys, heads that are wider than the hidden size over their number, tied embeddings.
    Qwen3,
    /// A sliding window of 32 tokens in every second layer, soft caps, pieces without prefixes.
    Gemma2,
    /// Queries, keys and values in one matrix; its reward head reads a token of its own.
    Internlm2,
}

/// All families.
pub const FAMILIES: [TinyFamily; 6] = [
    TinyFamily::Llama,
    TinyFamily::Mistral,
    TinyFamily::Qwen2,
    TinyFamily::Qwen3,
    TinyFamily::Gemma2,
    TinyFamily::Internlm2,
];

/// What a model gives out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TinyKind {
    /// Distributions over tokens.
    Causal,
    /// Distributions over tokens in which nearly always `A` or `B` is the likeliest, so that there are verdicts to be read.
    Judge,
    /// One score, through one linear layer.
    Classifier,
    /// Three labels, through one linear layer.
    Labels,
    /// One score, through two layers with a ReLU between them.
    Layers,
    /// Three objectives, weighed by a gate that reads the prompt.
    Gated,
}

/// Why a tiny model cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum TinyError {
    /// A file of JSON cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// The weights cannot be written.
    #[error(transparent)]
    Weights(#[from] CheckpointError),
}

/// Writes a model of this family and kind into the folder `out`, which is made if need be; files of the same names are replaced.
pub fn make_tiny(
    family: TinyFamily,
    kind: TinyKind,
    seed: u64,
    out: &Path,
) -> Result<(), TinyError> {
    let failed = |path: &Path, cause| TinyError::Write { path: path.to_owned(), cause };
    std::fs::create_dir_all(out).map_err(|cause| failed(out, cause))?;
    let tokenizer = tokenizer::of(family);
    let shape = config::Shape::of(family, tokenizer.tokens);
    let config = config::of(family, kind, &shape, &tokenizer);
    let settings = tokenizer.settings(templates::of(family));
    for (name, value) in [
        ("config.json", &config),
        ("tokenizer.json", &tokenizer.file),
        ("tokenizer_config.json", &settings),
    ] {
        write_json(&out.join(name), value)?;
    }
    let labels = ["A", "B"].map(|label| tokenizer.id(label).as_u64().unwrap_or(0) as usize);
    let tensors = weights::of(family, kind, &shape, labels, seed);
    write_safetensors(&out.join("model.safetensors"), &[("format", "pt".to_owned())], &tensors)?;
    Ok(())
}

fn write_json(path: &Path, value: &Value) -> Result<(), TinyError> {
    std::fs::write(path, format!("{value:#}\n"))
        .map_err(|cause| TinyError::Write { path: path.to_owned(), cause })
}
