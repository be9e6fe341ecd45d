//! Byte-level BPE: merges and the pattern that splits texts.

use std::path::Path;

use serde_json::Value;

use super::file::{TokenizerFile, steps};
use super::{VocabularyError, VocabularyKind, pre};
use crate::text_rules::Normalizer;

/// Reads merges, pattern and normaliser.
pub(super) fn read(
    path: &Path,
    file: &TokenizerFile,
) -> Result<(VocabularyKind, Normalizer), VocabularyError> {
    let patterns = patterns(path, file)?;
    let Some(pre) = pre::name_of(&patterns, file.model.ignore_merges) else {
        let listed: Vec<String> = patterns.iter().map(|pattern| format!("`{pattern}`")).collect();
        let whole = if file.model.ignore_merges { ", with words taken whole" } else { "" };
        let pattern = format!("{}{whole}", listed.join(", then "));
        return Err(VocabularyError::Pattern { path: path.to_owned(), pattern });
    };
    let mut merges = Vec::with_capacity(file.model.merges.len());
    for merge in &file.model.merges {
        let sides = merge.sides().filter(|(a, b)| {
            !a.is_empty() && !b.is_empty() && !a.contains([' ', '\n']) && !b.contains([' ', '\n'])
        });
        let Some((left, right)) = sides else {
            return Err(unsupported(path, "a merge that is no pair of tokens", &Value::Null));
        };
        merges.push(format!("{left} {right}"));
    }
    Ok((VocabularyKind::Bytes { pre, merges }, normalizer(path, file)?))
}

fn unsupported(path: &Path, what: &'static str, step: &Value) -> VocabularyError {
    VocabularyError::Unsupported { path: path.to_owned(), what, found: format!("`{step}`") }
}

/// The patterns that split texts, in their order.
fn patterns(path: &Path, file: &TokenizerFile) -> Result<Vec<String>, VocabularyError> {
    let mut patterns = Vec::new();
    for step in steps(&file.pre_tokenizer, "pretokenizers") {
        let unsupported = || unsupported(path, "a step before tokenising", step);
        match step["type"].as_str().unwrap_or_default() {
            "ByteLevel" => {
                if step["add_prefix_space"] == true {
                    return Err(unsupported());
                }
                if step["use_regex"] != false {
                    patterns.push(pre::BYTE_LEVEL.to_owned());
                }
            }
            "Digits" if step["individual_digits"] == true => patterns.push(pre::DIGIT.to_owned()),
            "Split" => {
                // Patterns of the known names cover every text, so keeping what they match is splitting around it.
                let keeps = matches!(
                    (step["behavior"].as_str(), step["invert"].as_bool()),
                    (Some("Isolated"), None | Some(false)) | (Some("Removed"), Some(true))
                );
                match step["pattern"]["Regex"].as_str() {
                    Some(regex) if keeps => patterns.push(regex.to_owned()),
                    _ => return Err(unsupported()),
                }
            }
            _ => return Err(unsupported()),
        }
    }
    Ok(patterns)
}

fn normalizer(path: &Path, file: &TokenizerFile) -> Result<Normalizer, VocabularyError> {
    let mut found = Normalizer::None;
    for step in steps(&file.normalizer, "normalizers") {
        found = match (step["type"].as_str(), found) {
            (Some("NFC"), Normalizer::None | Normalizer::Nfc) => Normalizer::Nfc,
            (Some("NFKC"), Normalizer::None) => Normalizer::Nfkc,
            _ => return Err(unsupported(path, "a step that changes texts", step)),
        };
    }
    Ok(found)
}
