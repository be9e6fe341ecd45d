//! GGUF files: what their headers say, and writing them.
//!
//! Source: the format's description in the repository `ggml-org/ggml`, docs/gguf.md, and the reader in `ggml/src/gguf.cpp`.

mod error;
mod read;
mod tensor_type;
mod value;
mod write;

use std::path::PathBuf;

pub use error::GgufError;
pub use read::MOST_METADATA_BYTES;
pub use tensor_type::TensorType;
pub use value::{Array, Value};
pub(crate) use write::Finished;
pub use write::{GgufWriter, PlannedTensor};

/// Tensors begin at multiples of this, in bytes, unless a file says otherwise.
const ALIGNMENT: u64 = 32;
const MAGIC: &[u8; 4] = b"GGUF";
/// The version that is written.
const VERSION: u32 = 3;

/// The header of a GGUF file. The tensors themselves are not read.
#[derive(Clone, Debug, PartialEq)]
pub struct Gguf {
    /// The file.
    pub path: PathBuf,
    /// Version of the format, 2 or 3.
    pub version: u32,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// What the file says of itself, in its own order.
    pub metadata: Vec<(String, Value)>,
    /// The tensors, in the file's order.
    pub tensors: Vec<PlacedTensor>,
}

/// A tensor of a GGUF file and where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedTensor {
    /// Its name, such as `blk.0.attn_q.weight`.
    pub name: String,
    /// Its dimensions, the fastest first: columns, then rows. The reverse of a safetensors shape.
    pub dimensions: Vec<u64>,
    /// How its numbers are stored.
    pub kind: TensorType,
    /// First byte, counted from the beginning of the file.
    pub start: u64,
}

impl PlacedTensor {
    /// How many numbers it holds.
    pub fn count(&self) -> u64 {
        self.dimensions.iter().product()
    }
}

impl Gguf {
    /// What stands under this key.
    pub fn value(&self, key: &str) -> Option<&Value> {
        self.metadata.iter().find(|(each, _)| each == key).map(|(_, value)| value)
    }

    /// The text under this key; `None` when there is none or it is no text.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.value(key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number under this key, of whatever width; `None` when there is none or it is negative.
    pub fn whole(&self, key: &str) -> Option<u64> {
        self.value(key)?.whole()
    }

    /// The truth value under this key.
    pub fn truth(&self, key: &str) -> Option<bool> {
        match self.value(key)? {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The list of texts under this key.
    pub fn texts(&self, key: &str) -> Option<&[String]> {
        match self.value(key)? {
            Value::Array(Array::Text(texts)) => Some(texts),
            _ => None,
        }
    }

    /// The architecture, such as `qwen2`.
    pub fn architecture(&self) -> Option<&str> {
        self.text("general.architecture")
    }

    /// A whole number under `ARCHITECTURE.KEY`.
    pub fn of_architecture(&self, key: &str) -> Option<u64> {
        self.whole(&format!("{}.{key}", self.architecture()?))
    }
}
