//! What can be said of a model file or folder from its headers and settings.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value};
use tribunal_models::TokenizerConfig;
use tribunal_models::gguf::Gguf;
use tribunal_models::head::{Head, HeadDescription};
use tribunal_models::import::Card;
use tribunal_models::info::{Form, Info, info};
use tribunal_models::text_rules::{NORMALIZER_KEY, Normalizer, PREFIX_KEY, SpacePrefix};
use tribunal_models::vocabulary::{SpecialTokens, Vocabulary, VocabularyKind};

use super::failure;
use crate::exit::Failure;

/// What a path leads to.
pub(super) enum Found {
    /// A GGUF file or a folder.
    Model(Box<Model>),
    /// A head alone.
    Head { path: PathBuf, bytes: u64, description: Box<HeadDescription> },
}

/// A GGUF file or a folder.
pub(super) struct Model {
    pub(super) info: Info,
    /// Nothing where there is no vocabulary that can be read.
    pub(super) tokenizer: Option<Tokenizer>,
    /// Chat templates by name; the one that is used when none is named is `default`.
    pub(super) templates: Vec<(String, String)>,
    /// The head beside a GGUF file.
    pub(super) head: Option<HeadDescription>,
    /// The card beside a GGUF file.
    pub(super) card: Option<Card>,
    /// What a reader should know, in whole sentences without full stops.
    pub(super) warnings: Vec<String>,
}

/// How text becomes tokens.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Tokenizer {
    pub(super) model: String,
    pub(super) pre: String,
    pub(super) normalizer: Normalizer,
    pub(super) space_prefix: SpacePrefix,
    pub(super) roles: Vec<Role>,
    pub(super) add_bos: bool,
    pub(super) add_eos: bool,
}

/// A token with a role.
#[derive(Serialize)]
pub(super) struct Role {
    pub(super) role: &'static str,
    pub(super) id: u32,
    pub(super) text: String,
}

/// Looks at a path.
pub(super) fn look(path: &Path) -> Result<Found, Failure> {
    if !path.exists() {
        let hint = "check the path: it is a GGUF file, a head file or a model folder";
        return Err(Failure::usage(format!("there is no `{}`", path.display()), hint));
    }
    let safetensors = path.extension().is_some_and(|ending| ending == "safetensors");
    if path.is_file() && safetensors && !begins_as_gguf(path) {
        let head = Head::read(path).map_err(|error| failure::of_head(&error))?;
        let bytes = path.metadata().map_or(0, |metadata| metadata.len());
        let description = Box::new(head.description().clone());
        return Ok(Found::Head { path: path.to_owned(), bytes, description });
    }
    let info = info(path).map_err(|error| failure::of_info(&error))?;
    let model = match info.form {
        Form::Gguf => of_gguf(info)?,
        Form::Folder => of_folder(info),
    };
    Ok(Found::Model(Box::new(model)))
}

fn begins_as_gguf(path: &Path) -> bool {
    let mut magic = [0; 4];
    File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && magic == *b"GGUF"
}

fn of_gguf(info: Info) -> Result<Model, Failure> {
    let gguf = Gguf::read(&info.path).map_err(|error| failure::of_gguf(&error))?;
    let mut warnings = Vec::new();
    let mut templates = Vec::new();
    for (key, _) in &gguf.metadata {
        let Some(rest) = key.strip_prefix("tokenizer.chat_template") else { continue };
        let name = if rest.is_empty() { Some("default") } else { rest.strip_prefix('.') };
        if let (Some(name), Some(text)) = (name, gguf.text(key)) {
            templates.push((name.to_owned(), text.to_owned()));
        }
    }
    let head = info.head.as_ref().and_then(|path| match Head::read(path) {
        Ok(head) => Some(head.description().clone()),
        Err(error) => {
            warnings.push(failure::told(&error));
            None
        }
    });
    if let (Some(head), Some(hidden)) = (&head, info.hidden)
        && head.hidden as u64 != hidden
    {
        warnings.push(format!(
            "the head reads hidden states of {}, and the model has {hidden}: they are of two models",
            head.hidden
        ));
    }
    let card = info.card.as_ref().and_then(|path| {
        let card = Card::read(path).ok().flatten();
        if card.is_none() {
            warnings.push(format!("`{}` is no card of this version", path.display()));
        }
        card
    });
    if gguf.architecture().is_none() {
        warnings.push("the file does not say its architecture".to_owned());
    }
    Ok(Model { tokenizer: tokenizer_of_gguf(&gguf), info, templates, head, card, warnings })
}

/// What the keys of a GGUF file say; nothing for a file without a vocabulary.
fn tokenizer_of_gguf(gguf: &Gguf) -> Option<Tokenizer> {
    let texts = gguf.texts("tokenizer.ggml.tokens")?;
    let id = |role: &str| {
        let id = gguf.whole(&format!("tokenizer.ggml.{role}_token_id"))?;
        u32::try_from(id).ok()
    };
    let truth = |key: &str| gguf.truth(&format!("tokenizer.ggml.{key}"));
    let special = SpecialTokens {
        bos: id("bos"),
        eos: id("eos"),
        eot: id("eot"),
        pad: id("padding"),
        unk: id("unknown"),
        add_bos: truth("add_bos_token").unwrap_or(false),
        add_eos: truth("add_eos_token").unwrap_or(false),
    };
    Some(Tokenizer {
        model: gguf.text("tokenizer.ggml.model").unwrap_or("unnamed").to_owned(),
        pre: gguf.text("tokenizer.ggml.pre").unwrap_or("default").to_owned(),
        normalizer: match gguf.text(NORMALIZER_KEY) {
            Some("nfc") => Normalizer::Nfc,
            Some("nfkc") => Normalizer::Nfkc,
            _ => Normalizer::None,
        },
        space_prefix: match gguf.text(PREFIX_KEY) {
            Some("first") => SpacePrefix::First,
            Some("each") => SpacePrefix::Each,
            _ => SpacePrefix::None,
        },
        roles: roles(&special, texts),
        add_bos: special.add_bos,
        add_eos: special.add_eos,
    })
}

fn of_folder(info: Info) -> Model {
    let mut warnings = Vec::new();
    let rows = info.vocabulary.and_then(|rows| usize::try_from(rows).ok()).unwrap_or(0);
    let config = std::fs::read(info.path.join("config.json")).unwrap_or_default();
    let config: Map<String, Value> = serde_json::from_slice(&config).unwrap_or_default();
    let (tokenizer, templates) = match Vocabulary::read(&info.path, rows, &config) {
        Ok(vocabulary) => {
            let (model, pre) = match &vocabulary.kind {
                VocabularyKind::Bytes { pre, .. } => ("gpt2", *pre),
                VocabularyKind::Pieces { .. } => ("llama", "default"),
            };
            let tokenizer = Tokenizer {
                model: model.to_owned(),
                pre: pre.to_owned(),
                normalizer: vocabulary.normalizer,
                space_prefix: vocabulary.space_prefix,
                roles: roles(&vocabulary.special, &vocabulary.tokens),
                add_bos: vocabulary.special.add_bos,
                add_eos: vocabulary.special.add_eos,
            };
            (Some(tokenizer), vocabulary.templates)
        }
        Err(error) => {
            warnings.push(format!("it cannot be imported: {}", failure::told(&error)));
            let settings = TokenizerConfig::read(&info.path).map(|settings| settings.templates);
            let named = settings.unwrap_or_default().into_iter();
            (None, named.map(|template| (template.name, template.text)).collect())
        }
    };
    Model { info, tokenizer, templates, head: None, card: None, warnings }
}

fn roles(special: &SpecialTokens, texts: &[String]) -> Vec<Role> {
    let named = [
        ("begin", special.bos),
        ("end", special.eos),
        ("end of turn", special.eot),
        ("padding", special.pad),
        ("unknown", special.unk),
    ];
    let role = |(role, id): (&'static str, Option<u32>)| {
        let id = id?;
        let text = texts.get(id as usize).cloned().unwrap_or_default();
        Some(Role { role, id, text })
    };
    named.into_iter().filter_map(role).collect()
}
