//! From a model folder of transformers to files that llama.cpp reads: a GGUF file, a head beside it, and a card that says what was done.
//!
//! Weights are streamed: at most some megabytes of them are in memory. Files appear whole or not at all, the card last.
//!
//! | `model_type` | in the GGUF file | what is done |
//! |---|---|---|
//! | `llama` | `llama` | rows of queries and keys in rotary pairs; Llama 3's scaling as a tensor |
//! | `mistral` | `llama` | the same; a sliding window cuts the longest text |
//! | `qwen2`, `qwen3` | the same | nothing; a sliding window cuts the longest text |
//! | `gemma2` | `gemma2` | norms one larger, queries scaled where llama.cpp's scale differs |
//! | `internlm2` | `internlm2`, or `llama` without an output matrix | the packed matrix comes apart, rotary pairs |
//!
//! A class that ends in `ForCausalLM` has no head. Of others these are known by the names of their tensors: one linear layer (`score`,
//! `v_head`, `value_head`, `reward_head`, `regression_head`, `score_head`, `rm_head`, `classifier`), numbered layers (`score.0`, `score.2`),
//! and a gate (`regression_layer`, `gating.layers`, `reward_transform_matrix`). Any other needs [`ImportOptions::head`]. What is converted,
//! what is refused and how a head is described stands in `docs/import.md`.

mod card;
mod config;
mod convert;
mod error;
mod heads;
mod names;
mod plan;
mod rope;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

pub use card::{Card, FileDigest, ModelKind, TokenizerFacts};
pub use error::ImportError;

use self::config::ModelConfig;
use crate::files::digest_of_or;
use crate::gguf::TensorType;
use crate::head::{self, Activation, HeadDescription, PromptEnd};
use crate::vocabulary::Vocabulary;
use crate::{Checkpoint, TokenizerConfig};

/// How the weights of the GGUF file are stored.
///
/// Norms and biases are F32 always. Rows that do not fill whole blocks of 32 become F16, and the card says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WeightType {
    /// As exact as the model, 4 bytes a number.
    F32,
    /// Rounded to 11 significant bits, 2 bytes a number.
    #[default]
    F16,
    /// Blocks with 8 bits a number, 1.06 bytes.
    Q8_0,
    /// Blocks with 4 bits a number, 0.56 bytes. The output matrix, or the embedding where it is the output too, is Q8_0.
    Q4_0,
}

impl WeightType {
    fn tensor_type(self) -> TensorType {
        match self {
            Self::F32 => TensorType::F32,
            Self::F16 => TensorType::F16,
            Self::Q8_0 => TensorType::Q8_0,
            Self::Q4_0 => TensorType::Q4_0,
        }
    }
}

/// What the folder cannot say, and how the import is done.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// Name of the files to be written, without an ending; the folder's own name when it is not given.
    pub name: Option<String>,
    /// How weights are stored.
    pub weights: WeightType,
    /// How several labels become one score.
    pub labels: Option<Labels>,
    /// What stands between the layers of a head, for classes whose code is not known.
    pub activation: Option<Activation>,
    /// Whether less is better: the score is negated.
    pub cost: bool,
    /// Where a gate reads the prompt, when it is not where the known class does.
    pub prompt_end: Option<PromptEnd>,
    /// The whole head, for classes that are not known. Its tensors have the names of the checkpoint.
    pub head: Option<HeadDescription>,
    /// Set by whoever wants the import to end early, from any thread. It ends with [`ImportError::Stopped`] and leaves what was there.
    pub stop: Arc<AtomicBool>,
}

/// How several labels become one score.
#[derive(Clone, Debug, PartialEq)]
pub enum Labels {
    /// The label at this place, counted from 0.
    Index(usize),
    /// The sum of the labels times these weights.
    Weights(Vec<f64>),
}

/// How far an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// What is being done.
    pub step: Step,
    /// The file or tensor it is done with.
    pub name: &'a str,
    /// Bytes done in this step.
    pub done: u64,
    /// Bytes of this step in all.
    pub total: u64,
}

/// What an import does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The folder's files are digested.
    Digest,
    /// Tensors are converted and written.
    Convert,
}

/// Files of a folder that are part of what was imported, where they are there.
const SETTINGS: [&str; 6] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
];

/// The files that an import writes, by what they hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outputs {
    /// The model.
    pub gguf: PathBuf,
    /// Its head, for a model that has one.
    pub head: PathBuf,
    /// What was done.
    pub card: PathBuf,
}

impl Outputs {
    /// The files that [`import`] writes when it is given the same. Nothing is read but the folder's name.
    pub fn of(folder: &Path, out: &Path, options: &ImportOptions) -> Result<Self, ImportError> {
        Ok(Self::named(&name_of(folder, options)?, out))
    }

    fn named(name: &str, out: &Path) -> Self {
        let [gguf, head, card] = ["gguf", "head.safetensors", "card.json"]
            .map(|ending| out.join(format!("{name}.{ending}")));
        Self { gguf, head, card }
    }
}

/// Converts a model folder and writes `NAME.gguf`, `NAME.card.json` and, for a model with a head, `NAME.head.safetensors` into `out`.
///
/// The folder holds `config.json`, `tokenizer.json` and safetensors files. Fails, and leaves what was there before, when
/// the class is not known, when a tensor is missing, left over or of another shape than `config.json` says, and when something has no
/// equal in llama.cpp. Files of the same names are replaced, and a head that an earlier model of the name left behind is removed.
/// `progress` is called often and should return at once.
pub fn import(
    folder: &Path,
    out: &Path,
    options: &ImportOptions,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Card, ImportError> {
    let name = name_of(folder, options)?;
    let config = ModelConfig::read(folder)?;
    let checkpoint = Checkpoint::open(folder)?;
    let mut plan = plan::plan(&config, &checkpoint)?;
    let vocabulary = Vocabulary::read(folder, config.vocabulary, &config.raw)?;
    let head = heads::find(&config, &checkpoint, &mut plan, &vocabulary, options)?;
    plan.check_rest(&checkpoint, head.as_ref())?;
    if let Some(head) = &head {
        head::check(&checkpoint, head, config.hidden)?;
    }

    std::fs::create_dir_all(out)
        .map_err(|cause| ImportError::Write { path: out.to_owned(), cause })?;
    let stop = &*options.stop;
    let inputs = digests(folder, &checkpoint, stop, progress)?;
    let mut tensors = convert::types(&config, &plan, options.weights);
    let paths = Outputs::named(&name, out);
    let gguf = convert::write(
        &paths.gguf,
        &name,
        &config,
        &plan,
        &vocabulary,
        &tensors,
        &checkpoint,
        stop,
        progress,
    )?;

    let beside = match &head {
        Some(head) => Some(head::write(&paths.head, &checkpoint, head)?),
        None => None,
    };
    // Both are on the disk: what can still fail leaves the old model with its own head.
    let digest = gguf.place()?;
    let mut outputs = vec![FileDigest::of(&paths.gguf, digest)?];
    let unplaced = |cause| ImportError::Write { path: paths.head.clone(), cause };
    if let Some(beside) = beside {
        let digest = beside.place().map_err(unplaced)?;
        outputs.push(FileDigest::of(&paths.head, digest)?);
    } else if paths.head.is_file() {
        // Whoever reads the model takes the head beside it for its own.
        std::fs::remove_file(&paths.head).map_err(unplaced)?;
    }
    let mut notes = std::mem::take(&mut plan.notes);
    notes.append(&mut tensors.notes);
    let head_numbers = head.iter().flat_map(|head| head.tensors());
    let head_numbers =
        head_numbers.filter_map(|name| checkpoint.tensor(name)).map(|each| each.count()).sum();
    let card = Card::new(
        name,
        &config,
        &plan,
        &vocabulary,
        options.weights,
        head,
        head_numbers,
        (inputs, outputs),
        notes,
        &tensors,
    );
    card.write(&paths.card)?;
    Ok(card)
}

/// The name of the files, which has to be a plain one.
fn name_of(folder: &Path, options: &ImportOptions) -> Result<String, ImportError> {
    let own = || {
        let folder = folder.canonicalize().ok()?;
        Some(folder.file_name()?.to_string_lossy().into_owned())
    };
    let name = options.name.clone().or_else(own).unwrap_or_default();
    let plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0']);
    if plain { Ok(name) } else { Err(ImportError::Name { name }) }
}

/// Fails when someone wants the import to end.
fn go_on(stop: &AtomicBool) -> Result<(), ImportError> {
    if stop.load(Ordering::Relaxed) { Err(ImportError::Stopped) } else { Ok(()) }
}

/// The digests of all files that are read.
fn digests(
    folder: &Path,
    checkpoint: &Checkpoint,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Vec<FileDigest>, ImportError> {
    let mut paths: Vec<PathBuf> = SETTINGS.iter().map(|name| folder.join(name)).collect();
    if checkpoint.origin().extension().is_some_and(|ending| ending == "json") {
        paths.push(checkpoint.origin().to_owned());
    }
    paths.extend(checkpoint.files().map(Path::to_owned));
    paths.retain(|path| path.exists());
    if folder.join("tokenizer_config.json").exists() {
        for template in TokenizerConfig::read(folder)?.templates {
            if !paths.contains(&template.path) {
                paths.push(template.path);
            }
        }
    }
    let size = |path: &PathBuf| path.metadata().map_or(0, |metadata| metadata.len());
    let total = paths.iter().map(size).sum();
    let mut done = 0;
    let mut digests = Vec::with_capacity(paths.len());
    for path in &paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut seen = |bytes| {
            done += bytes;
            progress(Progress { step: Step::Digest, name: &name, done, total });
            go_on(stop)
        };
        let digest = digest_of_or(path, &mut seen)
            .map_err(|cause| ImportError::Read { path: path.clone(), cause })??;
        digests.push(FileDigest::of(path, digest)?);
    }
    Ok(digests)
}
