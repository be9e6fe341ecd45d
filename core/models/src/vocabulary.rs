//! From a `tokenizer.json` to the vocabulary of a GGUF file.
//!
//! Two families are known: byte-level BPE, where a pattern splits the text and every byte is a letter of the vocabulary, and BPE over
//! pieces as sentencepiece makes it, where a space is `▁` and bytes that no piece covers have tokens of their own. Whatever llama.cpp
//! would tokenise in another way than the file says is an error that names it.

mod bytes;
mod error;
mod file;
mod pieces;
mod pre;
mod special;

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use error::VocabularyError;

use crate::gguf::{Array, Value};
use crate::text_rules::{self, Normalizer, SpacePrefix};
use crate::{TokenizerConfig, vocabulary::file::TokenizerFile};

/// Most rows of an embedding, 64 times what the largest vocabularies have.
pub(crate) const MOST_ROWS: usize = 1 << 24;

/// What a token is, by the number that GGUF files hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// An ordinary piece of text.
    Normal = 1,
    /// What stands for text that the vocabulary lacks.
    Unknown = 2,
    /// A special token that is no text.
    Control = 3,
    /// A text that is always one token.
    UserDefined = 4,
    /// A row of the embedding that no token uses.
    Unused = 5,
    /// A single byte.
    Byte = 6,
}

/// A vocabulary as a GGUF file holds it.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    /// How text becomes tokens.
    pub kind: VocabularyKind,
    /// The texts of the tokens, by id.
    pub tokens: Vec<String>,
    /// What each token is.
    pub types: Vec<TokenType>,
    /// What has to be done to a text before llama.cpp tokenises it.
    pub normalizer: Normalizer,
    /// What has to be put before a text before llama.cpp tokenises it.
    pub space_prefix: SpacePrefix,
    /// The tokens with a role.
    pub special: SpecialTokens,
    /// Chat templates by name; the one that is used when none is named is `default`.
    pub templates: Vec<(String, String)>,
    /// What differs from the folder, in whole sentences.
    pub notes: Vec<String>,
}

/// How text becomes tokens.
#[derive(Clone, Debug)]
pub enum VocabularyKind {
    /// Byte-level BPE.
    Bytes {
        /// llama.cpp's name for the way that texts are split first.
        pre: &'static str,
        /// Pairs of tokens that become one, the first to be merged first, as `a b`.
        merges: Vec<String>,
    },
    /// BPE over pieces, as sentencepiece makes it.
    Pieces {
        /// One score per token: what has more is merged first.
        scores: Vec<f32>,
        /// Whether llama.cpp is to put a space before every stretch of text.
        add_space_prefix: bool,
    },
}

/// The tokens with a role, by id, and whether they are added to texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpecialTokens {
    /// Begin token.
    pub bos: Option<u32>,
    /// End token.
    pub eos: Option<u32>,
    /// Ends a turn; the end token where nothing else does.
    pub eot: Option<u32>,
    /// Fills short rows.
    pub pad: Option<u32>,
    /// Stands for what the vocabulary lacks.
    pub unk: Option<u32>,
    /// Whether a plain text gets the begin token.
    pub add_bos: bool,
    /// Whether a plain text gets the end token.
    pub add_eos: bool,
}

impl Vocabulary {
    /// Reads `tokenizer.json` and `tokenizer_config.json` of a folder for an embedding of this many rows.
    ///
    /// `config` is the folder's `config.json`: it names the begin and end tokens where the tokenizer does not. Rows without a token
    /// are filled with unused tokens `[PAD0]`, `[PAD1]` and so on. Fails when there is no `tokenizer.json`, when it has more tokens than
    /// the embedding has rows, when these are too many, and when llama.cpp has no equal way to tokenise.
    pub fn read(
        folder: &Path,
        rows: usize,
        config: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<Self, VocabularyError> {
        let path = folder.join("tokenizer.json");
        let file = TokenizerFile::read(&path)?;
        let settings = match folder.join("tokenizer_config.json").exists() {
            true => Some(TokenizerConfig::read(folder)?),
            false => None,
        };
        let mut table = Table::of(&path, &file, rows)?;
        let mut notes = file.notes();
        let (kind, normalizer, space_prefix) = if file.is_byte_level() {
            let (kind, normalizer) = bytes::read(&path, &file)?;
            (kind, normalizer, SpacePrefix::None)
        } else {
            pieces::read(&path, &file, &mut table, &mut notes)?
        };
        let special = special::find(&path, &file, settings.as_ref(), config, &table)?;
        let templates = settings.iter().flat_map(|settings| &settings.templates);
        let mut templates: Vec<(String, String)> =
            templates.map(|each| (each.name.clone(), each.text.clone())).collect();
        // The only one is taken when none is named, whatever its name.
        if let [(name, text)] = &templates[..]
            && name != "default"
        {
            templates.insert(0, ("default".to_owned(), text.clone()));
        }
        if table.padded > 0 {
            notes.push(format!(
                "{} rows of the embedding have no token; they are named `[PAD0]` and so on",
                table.padded
            ));
        }
        let Table { tokens, types, .. } = table;
        Ok(Self { kind, tokens, types, normalizer, space_prefix, special, templates, notes })
    }

    /// The keys of the GGUF file.
    pub fn metadata(&self) -> Vec<(String, Value)> {
        let mut keys = Vec::new();
        let mut add = |key: &str, value: Value| keys.push((key.to_owned(), value));
        let (model, pre) = match &self.kind {
            VocabularyKind::Bytes { pre, .. } => ("gpt2", *pre),
            VocabularyKind::Pieces { .. } => ("llama", "default"),
        };
        add("tokenizer.ggml.model", model.into());
        add("tokenizer.ggml.pre", pre.into());
        add("tokenizer.ggml.tokens", self.tokens.clone().into());
        let types = self.types.iter().map(|each| *each as i32).collect();
        add("tokenizer.ggml.token_type", Value::Array(Array::I32(types)));
        match &self.kind {
            VocabularyKind::Bytes { merges, .. } => {
                add("tokenizer.ggml.merges", merges.clone().into());
                add("tokenizer.ggml.add_space_prefix", false.into());
            }
            VocabularyKind::Pieces { scores, add_space_prefix } => {
                add("tokenizer.ggml.scores", Value::Array(Array::F32(scores.clone())));
                add("tokenizer.ggml.add_space_prefix", (*add_space_prefix).into());
            }
        }
        let special = &self.special;
        for (key, id) in [
            ("bos", special.bos),
            ("eos", special.eos),
            ("eot", special.eot),
            ("padding", special.pad),
            ("unknown", special.unk),
        ] {
            if let Some(id) = id {
                add(&format!("tokenizer.ggml.{key}_token_id"), id.into());
            }
        }
        add("tokenizer.ggml.add_bos_token", special.add_bos.into());
        add("tokenizer.ggml.add_eos_token", special.add_eos.into());
        add(text_rules::NORMALIZER_KEY, self.normalizer.word().into());
        add(text_rules::PREFIX_KEY, self.space_prefix.word().into());
        let mut named = Vec::new();
        for (name, text) in &self.templates {
            if name == "default" {
                add("tokenizer.chat_template", text.as_str().into());
            } else {
                add(&format!("tokenizer.chat_template.{name}"), text.as_str().into());
                named.push(name.clone());
            }
        }
        if !named.is_empty() {
            add("tokenizer.chat_templates", named.into());
        }
        keys
    }
}

/// Tokens by id while a vocabulary is put together.
pub(crate) struct Table {
    pub(crate) tokens: Vec<String>,
    pub(crate) types: Vec<TokenType>,
    pub(crate) ids: HashMap<String, u32>,
    /// How many ids have no token in the file.
    pub(crate) padded: usize,
}

impl Table {
    fn of(path: &Path, file: &TokenizerFile, rows: usize) -> Result<Self, VocabularyError> {
        if rows > MOST_ROWS {
            return Err(VocabularyError::Rows { path: path.to_owned(), rows, most: MOST_ROWS });
        }
        let mut by_id: Vec<Option<(String, TokenType)>> = vec![None; rows];
        let added = file.added_tokens.iter().map(|token| {
            let kind = if token.special { TokenType::Control } else { TokenType::UserDefined };
            (token.content.as_str(), token.id, kind)
        });
        let model =
            file.model.vocab.iter().map(|(text, id)| (text.as_str(), *id, TokenType::Normal));
        let most = added.clone().chain(model.clone()).map(|(_, id, _)| id as usize + 1).max();
        let Some(most) = most.filter(|most| *most <= rows) else {
            let found = most.unwrap_or(0);
            return Err(VocabularyError::Size { path: path.to_owned(), found, rows });
        };
        let mut ids = HashMap::with_capacity(most);
        for (text, id, kind) in model.chain(added) {
            if text.is_empty() {
                continue;
            }
            let place = &mut by_id[id as usize];
            let taken = place.as_ref().is_some_and(|(old, _)| old != text);
            if taken || *ids.entry(text.to_owned()).or_insert(id) != id {
                let (path, token) = (path.to_owned(), text.to_owned());
                return Err(VocabularyError::Doubled { path, token, id });
            }
            *place = Some((text.to_owned(), kind));
        }
        let mut padded = 0;
        let (mut tokens, mut types) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        let known: HashSet<String> = ids.keys().cloned().collect();
        for place in by_id {
            let (text, kind) = place.unwrap_or_else(|| {
                let mut name = format!("[PAD{padded}]");
                while known.contains(&name) {
                    name.push(']');
                }
                padded += 1;
                (name, TokenType::Unused)
            });
            tokens.push(text);
            types.push(kind);
        }
        Ok(Self { tokens, types, ids, padded })
    }
}
