//! The card: what was imported, from what, and how.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::config::ModelConfig;
use super::convert::Types;
use super::plan::Plan;
use super::{ImportError, WeightType};
use crate::files::Replacing;
use crate::head::HeadDescription;
use crate::text_rules::{Normalizer, SpacePrefix};
use crate::vocabulary::{SpecialTokens, Vocabulary, VocabularyKind};

/// What `NAME.card.json` holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Version of the card, 1.
    pub format: u32,
    /// Name of the files.
    pub name: String,
    /// The model's class in transformers, such as `Qwen2ForSequenceClassification`.
    pub class: String,
    /// The model's type in transformers, such as `qwen2`.
    pub model_type: String,
    /// What the model gives out.
    pub kind: ModelKind,
    /// The architecture in the GGUF file.
    pub architecture: String,
    /// How weights are stored.
    pub weights: WeightType,
    /// How many tensors of each type the GGUF file holds.
    pub tensors: BTreeMap<String, u64>,
    /// How many numbers the model has, its head included.
    pub parameters: u64,
    /// Length of a hidden state.
    pub hidden: u64,
    /// Longest text in tokens.
    pub context: u64,
    /// The head beside the GGUF file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<HeadDescription>,
    /// How text becomes tokens.
    pub tokenizer: TokenizerFacts,
    /// BLAKE3 of the chat template that is used when none is named, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat_template: Option<String>,
    /// The files that were read.
    pub inputs: Vec<FileDigest>,
    /// The files that were written, the GGUF file first; not the card.
    pub outputs: Vec<FileDigest>,
    /// What a reader should know, in whole sentences without full stops.
    pub notes: Vec<String>,
}

/// What a model gives out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelKind {
    /// Distributions over tokens.
    Causal,
    /// Scores, through its head.
    Reward,
}

/// A file and what it held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDigest {
    /// Its name without its folder.
    pub file: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// BLAKE3 in hexadecimal.
    pub blake3: String,
}

/// How text becomes tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenizerFacts {
    /// llama.cpp's name of the kind: `gpt2` or `llama`.
    pub model: String,
    /// llama.cpp's name of the way texts are split.
    pub pre: String,
    /// How many tokens there are, those without a text included.
    pub tokens: u64,
    /// Normal form that whoever tokenises has to apply.
    pub normalizer: Normalizer,
    /// Space that whoever tokenises has to put before texts.
    pub space_prefix: SpacePrefix,
    /// The tokens with a role.
    pub special: SpecialTokens,
}

impl FileDigest {
    pub(super) fn of(path: &Path, blake3: String) -> Result<Self, ImportError> {
        let bytes = path
            .metadata()
            .map_err(|cause| ImportError::Read { path: path.to_owned(), cause })?
            .len();
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { file, bytes, blake3 })
    }
}

impl Card {
    /// Reads a card. `None` when it is no card of this version.
    pub fn read(path: &Path) -> std::io::Result<Option<Self>> {
        let text = std::fs::read(path)?;
        let card: Option<Self> = serde_json::from_slice(&text).ok();
        Ok(card.filter(|card| card.format == 1))
    }

    #[allow(clippy::too_many_arguments)] // Every field once; only an import makes cards.
    pub(super) fn new(
        name: String,
        config: &ModelConfig,
        plan: &Plan,
        vocabulary: &Vocabulary,
        weights: WeightType,
        head: Option<HeadDescription>,
        head_numbers: u64,
        (inputs, outputs): (Vec<FileDigest>, Vec<FileDigest>),
        mut notes: Vec<String>,
        types: &Types,
    ) -> Self {
        notes.extend(vocabulary.notes.iter().cloned());
        let (model, pre) = match &vocabulary.kind {
            VocabularyKind::Bytes { pre, .. } => ("gpt2", *pre),
            VocabularyKind::Pieces { .. } => ("llama", "default"),
        };
        let template = vocabulary.templates.iter().find(|(name, _)| name == "default");
        Self {
            format: 1,
            name,
            class: config.class.clone(),
            model_type: config.model_type.clone(),
            kind: if head.is_some() { ModelKind::Reward } else { ModelKind::Causal },
            architecture: config.architecture().to_owned(),
            weights,
            tensors: types.counts(plan),
            parameters: plan.numbers + head_numbers,
            hidden: config.hidden,
            context: config.context,
            head,
            tokenizer: TokenizerFacts {
                model: model.to_owned(),
                pre: pre.to_owned(),
                tokens: vocabulary.tokens.len() as u64,
                normalizer: vocabulary.normalizer,
                space_prefix: vocabulary.space_prefix,
                special: vocabulary.special.clone(),
            },
            chat_template: template
                .map(|(_, text)| blake3::hash(text.as_bytes()).to_hex().to_string()),
            inputs,
            outputs,
            notes,
        }
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), ImportError> {
        let failed = |cause| ImportError::Write { path: path.to_owned(), cause };
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|cause| ImportError::Json { path: path.to_owned(), cause })?;
        text.push('\n');
        let mut file = Replacing::create(path).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        file.finish().map_err(failed)?;
        Ok(())
    }
}
