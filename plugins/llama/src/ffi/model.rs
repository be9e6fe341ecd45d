//! Weights and vocabulary of one GGUF file.

use std::path::{Path, PathBuf};

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::{LlamaModelParams, LlamaSplitMode};
use llama_cpp_2::token::LlamaToken;
use llama_cpp_sys_2 as sys;
use tribunal_models::gguf::Gguf;
use tribunal_models::text_rules::TextRules;

use super::backend::{backend, complaints};
use super::exit;

/// Why a model cannot be had.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// llama.cpp cannot be initialised.
    #[error(
        "llama.cpp cannot be initialised in this process: it was initialised before by somebody else"
    )]
    Backend,
    /// The file cannot be read, or is no sound GGUF file.
    #[error("{0}; {1}")]
    Header(String, &'static str),
    /// llama.cpp refuses it.
    #[error("llama.cpp cannot load `{}`: {said}; {}", path.display(), remedy(said))]
    Refused {
        /// The file.
        path: PathBuf,
        /// What it complained about.
        said: String,
    },
    /// A device of that name does not exist.
    #[error("there is no device `{name}`; this build sees {}", known.join(", "))]
    Device {
        /// The name asked for.
        name: String,
        /// Those that exist.
        known: Vec<String>,
    },
}

/// How weights are put into memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Loading {
    /// Layers on the accelerator; `None` for as many as llama.cpp chooses (all).
    pub gpu_layers: Option<u32>,
    /// Devices by name, in the order in which layers are spread; empty for llama.cpp's choice.
    pub devices: Vec<String>,
    /// Map the file instead of reading it.
    pub map: bool,
    /// Keep the weights in memory.
    pub lock: bool,
}

/// A loaded model. Shared between contexts; contexts are made one at a time.
pub(crate) struct Model {
    inner: LlamaModel,
    rules: TextRules,
    has_head: bool,
}

impl Model {
    /// Loads a file, or the first file of a split one.
    pub(crate) fn load(path: &Path, loading: &Loading) -> Result<Self, LoadError> {
        let backend = backend().ok_or(LoadError::Backend)?;
        // Our own reader tells more, and a file that is cut must not be mapped.
        let header =
            Gguf::read(path).map_err(|error| LoadError::Header(error.to_string(), error.hint()))?;
        let rules = TextRules::of(&header).map_err(|error| LoadError::Refused {
            path: path.to_owned(),
            said: error.to_string(),
        })?;
        if let Some(said) = uneven(&header) {
            return Err(LoadError::Refused { path: path.to_owned(), said });
        }
        // llama.cpp ends the process over a vocabulary that holds a text twice.
        if let Some(text) = header.texts("tokenizer.ggml.tokens").and_then(twice) {
            let said = format!("its vocabulary holds the token {text:?} twice");
            return Err(LoadError::Refused { path: path.to_owned(), said });
        }
        let mut params =
            LlamaModelParams::default().with_use_mmap(loading.map).with_use_mlock(loading.lock);
        if let Some(layers) = loading.gpu_layers {
            params = params.with_n_gpu_layers(layers);
        }
        if !loading.devices.is_empty() {
            let places: Vec<usize> =
                loading.devices.iter().map(|name| device(name)).collect::<Result<_, _>>()?;
            let split = match places.len() {
                1 => LlamaSplitMode::None,
                _ => LlamaSplitMode::Layer,
            };
            let count = loading.devices.len();
            params = params.with_split_mode(split).with_devices(&places).map_err(|_| {
                LoadError::Device {
                    name: format!("number {count} of too many"),
                    known: device_names(),
                }
            })?;
        }
        complaints();
        let inside = exit::enter();
        let inner = LlamaModel::load_from_file(backend, path, &params).map_err(|error| {
            let said = complaints();
            let said = if said.is_empty() { error.to_string() } else { summary(&said) };
            LoadError::Refused { path: path.to_owned(), said }
        })?;
        drop(inside);
        let has_head = ["cls.weight", "cls.output.weight"]
            .iter()
            .any(|name| header.tensors.iter().any(|tensor| tensor.name == *name));
        Ok(Self { inner, rules, has_head })
    }

    /// For llama-cpp-2's samplers.
    pub(crate) fn inner(&self) -> &LlamaModel {
        &self.inner
    }

    /// What is done to texts before they are tokenised.
    pub(crate) fn rules(&self) -> &TextRules {
        &self.rules
    }

    pub(super) fn pointer(&self) -> *mut sys::llama_model {
        const { assert!(size_of::<LlamaModel>() == size_of::<*mut sys::llama_model>()) };
        // SAFETY: `LlamaModel` is a transparent wrapper around the pointer; its version is pinned, and a test reads
        // the model's size through both.
        unsafe { std::mem::transmute_copy(&self.inner) }
    }

    /// Tokens of the vocabulary.
    pub(crate) fn vocabulary(&self) -> usize {
        usize::try_from(self.inner.n_vocab()).unwrap_or(0)
    }

    /// Numbers in a hidden state.
    pub(crate) fn width(&self) -> usize {
        // SAFETY: a model that lives.
        usize::try_from(unsafe { sys::llama_model_n_embd_out(self.pointer()) }).unwrap_or(0)
    }

    /// Numbers between the two products of a layer's feed-forward part; the largest where layers differ.
    pub(crate) fn inner_width(&self) -> usize {
        let stored = self.meta(&format!("{}.feed_forward_length", self.architecture()));
        let numbers = stored.unwrap_or_default();
        let each =
            numbers.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok());
        each.max().unwrap_or(4 * self.width())
    }

    /// Labels of a head inside the file; what it holds without one is not defined.
    pub(crate) fn labels(&self) -> usize {
        self.inner.n_cls_out() as usize
    }

    /// The longest text in tokens that the model was trained on.
    pub(crate) fn trained_context(&self) -> u32 {
        // SAFETY: a model that lives.
        u32::try_from(unsafe { sys::llama_model_n_ctx_train(self.pointer()) }).unwrap_or(0)
    }

    /// True when the file holds a classification head.
    pub(crate) fn has_head(&self) -> bool {
        self.has_head
    }

    /// True for encoders whose outputs only a decoder reads.
    pub(crate) fn is_encoder_decoder(&self) -> bool {
        // SAFETY: a model that lives.
        unsafe {
            sys::llama_model_has_encoder(self.pointer())
                && sys::llama_model_has_decoder(self.pointer())
        }
    }

    /// Bytes of its weights.
    pub(crate) fn bytes(&self) -> u64 {
        self.inner.size()
    }

    /// Numbers that the cache keeps for each token: keys and values of all layers.
    pub(crate) fn cached_numbers(&self) -> u64 {
        // SAFETY: a model that lives.
        let (layers, heads, groups, width) = unsafe {
            let model = self.pointer();
            (
                sys::llama_model_n_layer(model),
                sys::llama_model_n_head(model),
                sys::llama_model_n_head_kv(model),
                sys::llama_model_n_embd(model),
            )
        };
        let usual = width / heads.max(1);
        let of = |key: &str| {
            let stored = self.meta(&format!("{}.attention.{key}", self.architecture()));
            stored.and_then(|text| text.parse().ok()).unwrap_or(usual)
        };
        let head = of("key_length").saturating_add(of("value_length"));
        [layers, groups, head].into_iter().map(|count| u64::try_from(count).unwrap_or(0)).product()
    }

    /// True for encoders, which see a text from both sides.
    pub(crate) fn is_encoder(&self) -> bool {
        self.meta(&format!("{}.attention.causal", self.architecture())).as_deref() == Some("false")
            // SAFETY: a model that lives.
            || unsafe { sys::llama_model_has_encoder(self.pointer()) }
    }

    pub(crate) fn architecture(&self) -> String {
        self.meta("general.architecture").unwrap_or_default()
    }

    /// A value of the file's header as text.
    pub(crate) fn meta(&self, key: &str) -> Option<String> {
        self.inner.meta_val_str(key).ok()
    }

    /// Ids of a text's tokens. `special` adds what the vocabulary puts around a text; markers in the text are read as such.
    pub(crate) fn tokens(&self, text: &str, special: bool) -> Vec<u32> {
        // The library counts bytes in 32 bits.
        let text = &text.as_bytes()[..text.len().min(i32::MAX as usize / 4)];
        let tokens = self.inner.vocab().tokenize(text, special, true);
        tokens.into_iter().map(|token| token.0.cast_unsigned()).collect()
    }

    /// The bytes of a token; those of markers are empty unless `markers`.
    pub(crate) fn piece(&self, token: u32, markers: bool) -> Vec<u8> {
        match (token as usize) < self.vocabulary() {
            true => self.inner.vocab().token_to_piece(to_llama(token), markers, None),
            false => Vec::new(),
        }
    }

    /// True for a token that stands for one byte in a vocabulary of pieces.
    pub(crate) fn is_byte(&self, token: u32) -> bool {
        // SAFETY: a model that lives, and a token of its vocabulary.
        (token as usize) < self.vocabulary()
            && unsafe {
                let vocabulary = sys::llama_model_get_vocab(self.pointer());
                sys::llama_vocab_get_attr(vocabulary, token.cast_signed())
                    & sys::LLAMA_TOKEN_ATTR_BYTE
                    != 0
            }
    }

    /// The begin token, where there is one.
    pub(crate) fn bos(&self) -> Option<u32> {
        // llama.cpp takes token 11 where a file names none, and files of Qwen name one that texts never begin with.
        let named = self.meta("tokenizer.ggml.bos_token_id").is_some();
        let qwen = self.meta("tokenizer.ggml.pre").as_deref() == Some("qwen2")
            && self.meta("tokenizer.ggml.add_bos_token").as_deref() != Some("true");
        let pieces = self.meta("tokenizer.ggml.model").as_deref() != Some("gpt2");
        ((named || pieces) && !qwen).then(|| known(self.inner.vocab().bos())).flatten()
    }

    /// The end token, where there is one.
    pub(crate) fn eos(&self) -> Option<u32> {
        known(self.inner.vocab().eos())
    }

    /// True when the token ends a reply.
    pub(crate) fn ends(&self, token: u32) -> bool {
        (token as usize) < self.vocabulary() && self.inner.vocab().is_eog(to_llama(token))
    }
}

pub(crate) fn to_llama(token: u32) -> LlamaToken {
    LlamaToken(token.cast_signed())
}

fn known(token: LlamaToken) -> Option<u32> {
    u32::try_from(token.0).ok()
}

/// What to do about what llama.cpp said.
fn remedy(said: &str) -> &'static str {
    if said.contains("unknown model architecture") {
        "use a model of another family: this build of llama.cpp does not know it"
    } else if said.contains("tokenizer") || said.contains("vocab") {
        "import the model's whole folder again, with its tokenizer"
    } else if said.contains("alloc") || said.contains("memory") {
        "use a smaller or more quantised model"
    } else {
        "fetch or convert the file again; `tribunal model info` shows what it holds"
    }
}

/// Widths that llama.cpp's graphs of these architectures take for granted, and end the process over.
fn uneven(header: &Gguf) -> Option<String> {
    if !matches!(header.architecture(), Some("llama" | "qwen2" | "qwen3")) {
        return None;
    }
    let heads = header.of_architecture("attention.head_count").filter(|heads| *heads > 0);
    let usual =
        header.of_architecture("embedding_length").zip(heads).map(|(width, heads)| width / heads);
    let key = header.of_architecture("attention.key_length").or(usual)?;
    let others = ["attention.value_length", "rope.dimension_count"];
    let (name, other) = others.into_iter().find_map(|name| {
        Some((name, header.of_architecture(name).filter(|other| *other != key)?))
    })?;
    Some(format!("its attention heads are {key} wide, and `{name}` is {other}"))
}

/// A text that stands twice in a vocabulary; texts without a character get names of their own.
fn twice(tokens: &[String]) -> Option<&str> {
    let mut known = std::collections::HashSet::with_capacity(tokens.len());
    tokens.iter().map(String::as_str).find(|token| !token.is_empty() && !known.insert(*token))
}

/// What a person needs of the complaints: the last is the consequence of those before.
fn summary(said: &str) -> String {
    let mut lines: Vec<&str> = said.lines().map(strip_origin).collect();
    lines.dedup();
    lines.truncate(3);
    lines.join("; ")
}

/// The library names its function before most lines.
fn strip_origin(line: &str) -> &str {
    match line.split_once(": ") {
        Some((origin, rest)) if origin.chars().all(|c| c.is_ascii_lowercase() || c == '_') => rest,
        _ => line,
    }
}

fn device_names() -> Vec<String> {
    llama_cpp_2::list_llama_ggml_backend_devices()
        .into_iter()
        .map(|device| format!("`{}`", device.name))
        .collect()
}

fn device(name: &str) -> Result<usize, LoadError> {
    let devices = llama_cpp_2::list_llama_ggml_backend_devices();
    let found = devices.iter().find(|device| device.name.eq_ignore_ascii_case(name));
    found
        .map(|device| device.index)
        .ok_or_else(|| LoadError::Device { name: name.to_owned(), known: device_names() })
}
