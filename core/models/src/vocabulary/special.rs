//! The tokens with a role: where a tokenizer, its settings and the model's configuration name them.

use std::path::Path;

use serde_json::{Map, Value};

use super::file::{TokenizerFile, steps};
use super::{SpecialTokens, Table, VocabularyError};
use crate::TokenizerConfig;

/// Tokens that end a turn, the likeliest first. llama.cpp takes any of them that it meets when a file names none.
const TURN_ENDS: [&str; 4] = ["<|eot_id|>", "<|im_end|>", "<end_of_turn>", "<|end|>"];

pub(super) fn find(
    path: &Path,
    file: &TokenizerFile,
    settings: Option<&TokenizerConfig>,
    config: &Map<String, Value>,
    table: &Table,
) -> Result<SpecialTokens, VocabularyError> {
    let id_of = |text: &str| table.ids.get(text).copied();
    let named = |text: Option<&String>, needed: &str| match text {
        None => Ok(None),
        Some(token) => match id_of(token) {
            Some(id) => Ok(Some(id)),
            None => Err(VocabularyError::NoToken {
                path: path.to_owned(),
                token: token.clone(),
                needed: needed.to_owned(),
            }),
        },
    };
    // A configuration may list several ends; the first is the one that ends texts.
    let configured = |key: &str| {
        let value = config.get(key)?;
        let first = value.as_array().map_or(Some(value), |list| list.first())?;
        first
            .as_u64()
            .and_then(|id| u32::try_from(id).ok())
            .filter(|id| (*id as usize) < table.tokens.len())
    };
    let bos = named(settings.and_then(|each| each.bos_token.as_ref()), "is the begin token")?;
    let eos = named(settings.and_then(|each| each.eos_token.as_ref()), "is the end token")?;
    let pad = named(settings.and_then(|each| each.pad_token.as_ref()), "fills short rows")?;
    let unk =
        named(settings.and_then(|each| each.unk_token.as_ref()), "stands for what is lacking");
    let bos = bos.or_else(|| configured("bos_token_id"));
    let eos = eos.or_else(|| configured("eos_token_id"));
    let eot = TURN_ENDS.iter().find_map(|text| id_of(text)).or(eos);
    let model_unk = file.model.unk_token.as_deref().and_then(id_of);
    let around = Around::of(path, file, table)?;
    let add_bos = match settings.and_then(TokenizerConfig::adds_bos) {
        Some(adds) => adds,
        None => around.before.is_some(),
    };
    if let Some(id) = around.before.filter(|_| add_bos)
        && bos != Some(id)
    {
        return Err(VocabularyError::Unsupported {
            path: path.to_owned(),
            what: "a token before each text that is not the begin token",
            found: format!("`{}`", table.tokens[id as usize]),
        });
    }
    Ok(SpecialTokens {
        bos,
        eos: around.after.or(eos),
        eot,
        pad: pad.or_else(|| configured("pad_token_id")),
        unk: unk?.or(model_unk),
        add_bos: add_bos && bos.is_some(),
        add_eos: around.after.is_some(),
    })
}

/// Tokens that the last step puts around a plain text.
struct Around {
    before: Option<u32>,
    after: Option<u32>,
}

impl Around {
    fn of(path: &Path, file: &TokenizerFile, table: &Table) -> Result<Self, VocabularyError> {
        let mut around = Self { before: None, after: None };
        for step in steps(&file.post_processor, "processors") {
            let unsupported = || VocabularyError::Unsupported {
                path: path.to_owned(),
                what: "a step after tokenising",
                found: format!("`{step}`"),
            };
            match step["type"].as_str().unwrap_or_default() {
                "ByteLevel" => {}
                "TemplateProcessing" => {
                    let mut seen = false;
                    for part in step["single"].as_array().into_iter().flatten() {
                        if part["Sequence"].is_object() {
                            seen = true;
                            continue;
                        }
                        let text = part["SpecialToken"]["id"].as_str().unwrap_or_default();
                        let id = table.ids.get(text).copied().ok_or_else(unsupported)?;
                        let place = if seen { &mut around.after } else { &mut around.before };
                        if place.replace(id).is_some() {
                            return Err(unsupported());
                        }
                    }
                }
                _ => return Err(unsupported()),
            }
        }
        Ok(around)
    }
}
