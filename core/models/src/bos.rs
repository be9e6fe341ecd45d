//! Whether a tokenizer puts its begin token before a text.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::TemplateError;

/// Tokenizer classes that add the begin token unless told otherwise.
const CLASSES: [&str; 3] = ["LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer"];

#[derive(Deserialize)]
struct TokenizerFile {
    post_processor: Option<Value>,
}

/// Whether `tokenizer.json` adds this token to a plain text; `None` when there is no such file.
pub(crate) fn file_adds(path: &Path, token: &str) -> Result<Option<bool>, TemplateError> {
    if !path.exists() {
        return Ok(None);
    }
    let bytes = std::fs::read(path)
        .map_err(|cause| TemplateError::Read { path: path.to_owned(), cause })?;
    let file: TokenizerFile = serde_json::from_slice(&bytes)
        .map_err(|cause| TemplateError::Json { path: path.to_owned(), cause })?;
    Ok(Some(file.post_processor.is_some_and(|step| step_adds(&step, token))))
}

/// Whether a tokenizer of this class adds its begin token when no file says so.
pub(crate) fn class_adds(class: &str) -> bool {
    CLASSES.contains(&class.trim_end_matches("Fast"))
}

fn step_adds(step: &Value, token: &str) -> bool {
    match step["type"].as_str() {
        Some("Sequence") => {
            let steps = step["processors"].as_array();
            steps.is_some_and(|steps| steps.iter().any(|step| step_adds(step, token)))
        }
        Some("TemplateProcessing") => step["single"][0]["SpecialToken"]["id"] == token,
        Some("BertProcessing" | "RobertaProcessing") => step["cls"][0] == token,
        _ => false,
    }
}
