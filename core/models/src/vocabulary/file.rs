//! A `tokenizer.json`, as far as a conversion needs it.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::VocabularyError;

/// A tokenizer file.
#[derive(Deserialize)]
pub(crate) struct TokenizerFile {
    #[serde(default)]
    pub(crate) added_tokens: Vec<AddedToken>,
    #[serde(default)]
    pub(crate) normalizer: Value,
    #[serde(default)]
    pub(crate) pre_tokenizer: Value,
    #[serde(default)]
    pub(crate) post_processor: Value,
    pub(crate) model: Model,
}

#[derive(Deserialize)]
pub(crate) struct AddedToken {
    pub(crate) id: u32,
    pub(crate) content: String,
    #[serde(default)]
    pub(crate) special: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
    #[serde(default)]
    single_word: bool,
}

#[derive(Deserialize)]
pub(crate) struct Model {
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    #[serde(default, deserialize_with = "vocabulary")]
    pub(crate) vocab: Vec<(String, u32)>,
    #[serde(default)]
    pub(crate) merges: Vec<Merge>,
    #[serde(default)]
    pub(crate) byte_fallback: bool,
    #[serde(default)]
    pub(crate) ignore_merges: bool,
    pub(crate) unk_token: Option<String>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    dropout: Option<f64>,
}

/// Two tokens that become one. Old files write `a b`, newer ones `["a", "b"]`.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Merge {
    Text(String),
    Pair([String; 2]),
}

impl Merge {
    /// Left and right token; `None` when a text holds no space or more than one.
    pub(crate) fn sides(&self) -> Option<(&str, &str)> {
        match self {
            Self::Text(text) => text.split_once(' ').filter(|(_, right)| !right.contains(' ')),
            Self::Pair([left, right]) => Some((left, right)),
        }
    }
}

impl TokenizerFile {
    /// Reads the file, and refuses models other than BPE and options that llama.cpp does not have.
    pub(crate) fn read(path: &Path) -> Result<Self, VocabularyError> {
        if !path.exists() {
            let sentencepiece = path.with_file_name("tokenizer.model").exists();
            return Err(VocabularyError::Missing { path: path.to_owned(), sentencepiece });
        }
        let bytes = std::fs::read(path)
            .map_err(|cause| VocabularyError::Read { path: path.to_owned(), cause })?;
        let file: Self = serde_json::from_slice(&bytes)
            .map_err(|cause| VocabularyError::Json { path: path.to_owned(), cause })?;
        let unsupported = |what: &'static str, found: String| {
            Err(VocabularyError::Unsupported { path: path.to_owned(), what, found })
        };
        match file.model.kind.as_deref() {
            Some("BPE") => {}
            None if !file.model.merges.is_empty() => {}
            other => return unsupported("a model of another kind than BPE", format!("{other:?}")),
        }
        let filled = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        if filled(&file.model.continuing_subword_prefix) || filled(&file.model.end_of_word_suffix) {
            return unsupported(
                "marks inside or at the end of words",
                "a prefix or a suffix".to_owned(),
            );
        }
        if file.model.dropout.is_some_and(|dropout| dropout > 0.0) {
            return unsupported("merges that are left out at random", "`dropout`".to_owned());
        }
        Ok(file)
    }

    /// Whether the letters of the vocabulary are bytes.
    pub(crate) fn is_byte_level(&self) -> bool {
        steps(&self.pre_tokenizer, "pretokenizers").iter().any(|step| step["type"] == "ByteLevel")
    }

    /// What llama.cpp does in another way and that is no reason to give up, in whole sentences.
    pub(crate) fn notes(&self) -> Vec<String> {
        let strips = |token: &&AddedToken| token.lstrip || token.rstrip || token.single_word;
        let stripping: Vec<String> = self
            .added_tokens
            .iter()
            .filter(strips)
            .map(|token| format!("`{}`", token.content))
            .collect();
        match &stripping[..] {
            [] => Vec::new(),
            some => vec![format!(
                "space beside {} belongs to the token in transformers, and is text in llama.cpp",
                some.join(", ")
            )],
        }
    }
}

/// A step, or the steps of a sequence under this key; empty for none.
pub(crate) fn steps<'a>(value: &'a Value, key: &str) -> Vec<&'a Value> {
    match value["type"].as_str() {
        None => Vec::new(),
        Some("Sequence") => {
            let inner = value[key].as_array().map(Vec::as_slice).unwrap_or_default();
            inner.iter().flat_map(|step| steps(step, key)).collect()
        }
        Some(_) => vec![value],
    }
}

/// Texts and ids. Lists with scores, as other models have them, come out empty; the model's kind tells them apart.
fn vocabulary<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(String, u32)>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let Value::Object(object) = value else { return Ok(Vec::new()) };
    ids(object).map_err(serde::de::Error::custom)
}

fn ids(object: Map<String, Value>) -> Result<Vec<(String, u32)>, String> {
    let id = |value: &Value| {
        value.as_u64().and_then(|id| u32::try_from(id).ok()).filter(|id| *id < 1 << 24)
    };
    object
        .into_iter()
        .map(|(text, value)| match id(&value) {
            Some(id) => Ok((text, id)),
            None => Err(format!("the token `{text}` has no id between 0 and 2^24")),
        })
        .collect()
}
