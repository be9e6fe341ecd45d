//! What a model file or folder is, without loading its weights.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::files::digest_of;
use crate::gguf::{Gguf, GgufError};
use crate::{Checkpoint, CheckpointError, TemplateError, TokenizerConfig};

/// What a GGUF file or a model folder is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Info {
    /// The file or the folder.
    pub path: PathBuf,
    /// Which of both it is.
    pub form: Form,
    /// Architecture as a GGUF file names it, or type as `config.json` does.
    pub architecture: Option<String>,
    /// Class in transformers; of folders only.
    pub class: Option<String>,
    /// Name that the file gives itself.
    pub name: Option<String>,
    /// How many numbers its tensors hold, those of the head beside a GGUF file not included.
    pub parameters: u64,
    /// Size of the tensors' files in bytes.
    pub bytes: u64,
    /// How many tensors of each type there are.
    pub tensors: BTreeMap<String, u64>,
    /// Longest text in tokens.
    pub context: Option<u64>,
    /// Length of a hidden state.
    pub hidden: Option<u64>,
    /// How many tokens the vocabulary has.
    pub vocabulary: Option<u64>,
    /// Whether there is a chat template.
    pub template: bool,
    /// The head beside a GGUF file.
    pub head: Option<PathBuf>,
    /// The card beside a GGUF file.
    pub card: Option<PathBuf>,
}

/// Forms that models have on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// A GGUF file.
    Gguf,
    /// A folder of transformers.
    Folder,
}

/// Why nothing can be said of a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InfoError {
    /// The GGUF file cannot be read.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// The folder's weights cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The folder's tokenizer settings cannot be read.
    #[error(transparent)]
    Settings(#[from] TemplateError),
    /// A file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// The folder's configuration is not the JSON it should be.
    #[error("`{}` is not valid JSON at line {}", path.display(), cause.line())]
    Json {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        #[source]
        cause: serde_json::Error,
    },
}

impl InfoError {
    /// What to do about it: one imperative sentence, with no full stop.
    pub fn hint(&self) -> String {
        match self {
            Self::Gguf(error) => error.hint().to_owned(),
            Self::Checkpoint(error) => error.hint(),
            Self::Settings(error) => error.hint(),
            Self::Read { .. } => "check the path and that the file is readable".to_owned(),
            Self::Json { .. } => "fetch the model's files again".to_owned(),
        }
    }
}

/// Says what a GGUF file or a model folder is. Reads headers and settings only.
///
/// Fails when the file is no GGUF file, when the folder has no weights or no `config.json`, and when one of them cannot be read.
pub fn info(path: &Path) -> Result<Info, InfoError> {
    if path.is_dir() { of_folder(path) } else { of_gguf(path) }
}

/// BLAKE3 of a GGUF file, or of the files of a folder that hold tensors, one after the other, in hexadecimal. Reads all of them.
///
/// `seen` is told how many bytes were read since the last call.
pub fn digest(path: &Path, seen: &mut dyn FnMut(u64)) -> Result<String, InfoError> {
    let of = |path: &Path, seen: &mut dyn FnMut(u64)| {
        digest_of(path, seen).map_err(|cause| InfoError::Read { path: path.to_owned(), cause })
    };
    if !path.is_dir() {
        return of(path, seen);
    }
    let checkpoint = Checkpoint::open(path)?;
    let mut all = blake3::Hasher::new();
    for file in checkpoint.files() {
        all.update(of(file, seen)?.as_bytes());
    }
    Ok(all.finalize().to_hex().to_string())
}

/// The file of this kind that an import writes beside a GGUF file.
fn beside(gguf: &Path, ending: &str) -> Option<PathBuf> {
    let path = gguf.with_extension(ending);
    path.is_file().then_some(path)
}

/// Tensors of types that are not known may claim any size.
fn sum(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}

fn of_gguf(path: &Path) -> Result<Info, InfoError> {
    let gguf = Gguf::read(path)?;
    let mut tensors = BTreeMap::new();
    gguf.tensors
        .iter()
        .for_each(|tensor| *tensors.entry(tensor.kind.to_string()).or_insert(0) += 1);
    Ok(Info {
        path: path.to_owned(),
        form: Form::Gguf,
        architecture: gguf.architecture().map(str::to_owned),
        class: None,
        name: gguf.text("general.name").map(str::to_owned),
        parameters: sum(gguf.tensors.iter().map(|tensor| tensor.count())),
        bytes: gguf.bytes,
        tensors,
        context: gguf.of_architecture("context_length"),
        hidden: gguf.of_architecture("embedding_length"),
        vocabulary: gguf.texts("tokenizer.ggml.tokens").map(|tokens| tokens.len() as u64),
        template: gguf.text("tokenizer.chat_template").is_some(),
        head: beside(path, "head.safetensors"),
        card: beside(path, "card.json"),
    })
}

fn of_folder(folder: &Path) -> Result<Info, InfoError> {
    let path = folder.join("config.json");
    let text =
        std::fs::read(&path).map_err(|cause| InfoError::Read { path: path.clone(), cause })?;
    let config: Map<String, Value> =
        serde_json::from_slice(&text).map_err(|cause| InfoError::Json { path, cause })?;
    let checkpoint = Checkpoint::open(folder)?;
    let mut tensors = BTreeMap::new();
    for (_, tensor) in checkpoint.tensors() {
        *tensors.entry(tensor.dtype.name().to_owned()).or_insert(0) += 1;
    }
    let whole = |key: &str| config.get(key).and_then(Value::as_u64);
    let has_settings = folder.join("tokenizer_config.json").exists();
    let template = has_settings && !TokenizerConfig::read(folder)?.templates.is_empty();
    let bytes = |path: &Path| path.metadata().map_or(0, |metadata| metadata.len());
    Ok(Info {
        path: folder.to_owned(),
        form: Form::Folder,
        architecture: config.get("model_type").and_then(Value::as_str).map(str::to_owned),
        class: config.get("architectures").and_then(|list| list[0].as_str()).map(str::to_owned),
        name: None,
        parameters: sum(checkpoint.tensors().map(|(_, tensor)| tensor.count())),
        bytes: checkpoint.files().map(bytes).sum(),
        tensors,
        context: whole("max_position_embeddings"),
        hidden: whole("hidden_size"),
        vocabulary: whole("vocab_size"),
        template,
        head: None,
        card: None,
    })
}
