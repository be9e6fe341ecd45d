//! Writing a small safetensors file: heads beside a model, and tiny models.

use std::io::{self, Write};
use std::path::Path;

use serde_json::{Map, Value, json};

use super::CheckpointError;
use crate::files::{Ready, Replacing};

/// A tensor to be written as F32.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SidecarTensor {
    /// Its name.
    pub(crate) name: String,
    /// Its shape, the slowest dimension first.
    pub(crate) shape: Vec<u64>,
    /// Its numbers in row-major order.
    pub(crate) values: Vec<f32>,
}

/// Writes tensors as F32 in the order given, behind a header that is padded to eight bytes. The file appears whole or not at all.
/// Returns the file's digest.
pub(crate) fn write_safetensors(
    path: &Path,
    metadata: &[(&str, String)],
    tensors: &[SidecarTensor],
) -> Result<String, CheckpointError> {
    let failed = |cause| CheckpointError::Write { path: path.to_owned(), cause };
    ready_safetensors(path, metadata, tensors)?.place().map_err(failed)
}

/// The same, and leaves the file under a passing name.
pub(crate) fn ready_safetensors(
    path: &Path,
    metadata: &[(&str, String)],
    tensors: &[SidecarTensor],
) -> Result<Ready, CheckpointError> {
    let failed = |cause| CheckpointError::Write { path: path.to_owned(), cause };
    let mut file = Replacing::create(path).map_err(failed)?;
    write_to(&mut file, metadata, tensors).map_err(failed)?;
    file.ready().map_err(failed)
}

fn write_to(
    out: &mut dyn Write,
    metadata: &[(&str, String)],
    tensors: &[SidecarTensor],
) -> io::Result<()> {
    let mut header = Map::new();
    let words: Map<String, Value> =
        metadata.iter().map(|(key, text)| ((*key).to_owned(), json!(text))).collect();
    if !words.is_empty() {
        header.insert("__metadata__".to_owned(), Value::Object(words));
    }
    let mut at = 0;
    for tensor in tensors {
        let end = at + tensor.values.len() * 4;
        let entry = json!({"dtype": "F32", "shape": tensor.shape, "data_offsets": [at, end]});
        header.insert(tensor.name.clone(), entry);
        at = end;
    }
    let mut text = Value::Object(header).to_string();
    text.push_str(&" ".repeat(text.len().next_multiple_of(8) - text.len()));
    out.write_all(&(text.len() as u64).to_le_bytes())?;
    out.write_all(text.as_bytes())?;
    for tensor in tensors {
        for values in tensor.values.chunks(1 << 14) {
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            out.write_all(&bytes)?;
        }
    }
    Ok(())
}
