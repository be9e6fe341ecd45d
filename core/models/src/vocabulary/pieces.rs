//! BPE over pieces, as sentencepiece makes it: scores in place of merges, bytes as tokens.

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;

use super::file::{TokenizerFile, steps};
use super::{Table, TokenType, VocabularyError, VocabularyKind};
use crate::text_rules::{Normalizer, SpacePrefix};

/// What stands for a space in pieces.
const SPACE: &str = "\u{2581}";

/// Reads scores and what happens to spaces; marks bytes and the unknown token in the table.
///
/// llama.cpp merges the pair whose result has the highest score. A merge's score is its place in the list, negated, so that the
/// order of the list is kept; a token that several merges make has the place of the first.
pub(super) fn read(
    path: &Path,
    file: &TokenizerFile,
    table: &mut Table,
    notes: &mut Vec<String>,
) -> Result<(VocabularyKind, Normalizer, SpacePrefix), VocabularyError> {
    if !file.model.byte_fallback || file.model.ignore_merges {
        let found = format!(
            "`byte_fallback` is {}, `ignore_merges` is {}",
            file.model.byte_fallback, file.model.ignore_merges
        );
        return Err(unsupported(path, "pieces without tokens for single bytes", found));
    }
    for byte in 0..=255u8 {
        let token = format!("<0x{byte:02X}>");
        let Some(id) = table.ids.get(&token) else {
            let needed = "stands for a byte".to_owned();
            return Err(VocabularyError::NoToken { path: path.to_owned(), token, needed });
        };
        table.types[*id as usize] = TokenType::Byte;
    }
    if let Some(id) = file.model.unk_token.as_ref().and_then(|unk| table.ids.get(unk)) {
        table.types[*id as usize] = TokenType::Unknown;
    }
    let scores = scores(path, file, table, notes)?;
    let (add_space_prefix, space_prefix) = spaces(path, file)?;
    let kind = VocabularyKind::Pieces { scores, add_space_prefix };
    Ok((kind, Normalizer::None, space_prefix))
}

fn unsupported(path: &Path, what: &'static str, found: String) -> VocabularyError {
    VocabularyError::Unsupported { path: path.to_owned(), what, found }
}

fn scores(
    path: &Path,
    file: &TokenizerFile,
    table: &Table,
    notes: &mut Vec<String>,
) -> Result<Vec<f32>, VocabularyError> {
    let merges = &file.model.merges;
    if merges.len() >= 1 << 24 {
        return Err(unsupported(
            path,
            "more merges than have distinct scores",
            merges.len().to_string(),
        ));
    }
    let mut places: HashMap<u32, usize> = HashMap::with_capacity(merges.len());
    for (place, merge) in merges.iter().enumerate() {
        let Some((left, right)) = merge.sides() else {
            return Err(unsupported(
                path,
                "a merge that is no pair of tokens",
                format!("number {place}"),
            ));
        };
        let token = format!("{left}{right}");
        let Some(id) = table.ids.get(&token) else {
            let needed = format!("the merge of `{left}` and `{right}` makes");
            return Err(VocabularyError::NoToken { path: path.to_owned(), token, needed });
        };
        places.entry(*id).or_insert(place);
    }
    let unmade = (0..table.tokens.len() as u32).filter(|id| {
        let index = *id as usize;
        table.types[index] == TokenType::Normal
            && !places.contains_key(id)
            && table.tokens[index].chars().nth(1).is_some()
    });
    let unmade = unmade.count();
    if unmade > 0 {
        notes.push(format!(
            "{unmade} tokens of several letters are made by no merge; llama.cpp may make them"
        ));
    }
    let last = -(merges.len() as f32);
    let score = |id: u32| places.get(&id).map_or(last, |place| -(*place as f32));
    let scored = |id: u32| match table.types[id as usize] {
        TokenType::Normal | TokenType::UserDefined => score(id),
        TokenType::Unknown | TokenType::Control | TokenType::Byte | TokenType::Unused => 0.0,
    };
    Ok((0..table.tokens.len() as u32).map(scored).collect())
}

/// Whether llama.cpp puts a space before every stretch of text, and what has to be put before texts in its place.
///
/// llama.cpp prefixes each stretch between special tokens, whatever it begins with. That is what a `Prepend` step does. A `Metaspace`
/// step leaves texts alone that begin with a space, and may prefix the first stretch only.
fn spaces(path: &Path, file: &TokenizerFile) -> Result<(bool, SpacePrefix), VocabularyError> {
    let mut prepends = false;
    let mut replaces = false;
    for step in steps(&file.normalizer, "normalizers") {
        match step["type"].as_str().unwrap_or_default() {
            "Prepend" if step["prepend"] == SPACE && !replaces => prepends = true,
            "Replace" if step["pattern"]["String"] == " " && step["content"] == SPACE => {
                replaces = true
            }
            _ => return Err(unsupported(path, "a step that changes texts", format!("`{step}`"))),
        }
    }
    let mut prefix = SpacePrefix::None;
    for step in steps(&file.pre_tokenizer, "pretokenizers") {
        match step["type"].as_str().unwrap_or_default() {
            "Metaspace" if step["replacement"] == SPACE && step["split"] == false && !prepends => {
                replaces = true;
                prefix = match (&step["prepend_scheme"], &step["add_prefix_space"]) {
                    (Value::String(scheme), _) if scheme == "always" => SpacePrefix::Each,
                    (Value::String(scheme), _) if scheme == "first" => SpacePrefix::First,
                    (Value::String(scheme), _) if scheme == "never" => SpacePrefix::None,
                    (Value::Null, Value::Bool(false)) => SpacePrefix::None,
                    (Value::Null, _) => SpacePrefix::Each,
                    _ => return Err(unsupported(path, "a step for spaces", format!("`{step}`"))),
                };
            }
            // Spaces are replaced before, so that this step finds none.
            "Split" if step["pattern"]["String"] == " " && replaces => {}
            _ => return Err(unsupported(path, "a step before tokenising", format!("`{step}`"))),
        }
    }
    if !replaces {
        return Err(unsupported(
            path,
            "pieces in which spaces are spaces",
            "no step replaces them".to_owned(),
        ));
    }
    Ok((prepends, prefix))
}
