//! Good answers for the slot `reference`: a file of JSON lines, found by the text of the last user turn.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;
use tribunal_api::{Question, Role};

use crate::prompt::FileFault;

/// Good answers by question.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct References {
    by_question: HashMap<String, String>,
    /// Digest of the file.
    pub(crate) digest: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    question: String,
    reference: String,
}

impl References {
    /// Reads the file. Blank lines are passed over.
    pub(crate) fn read(path: &Path) -> Result<Self, FileFault> {
        let place = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|cause| FileFault::new(&place, format!("the file cannot be read, {cause}")))?;
        let mut by_question = HashMap::new();
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            let line: Line = serde_json::from_str(line).map_err(|cause| {
                FileFault::new(&place, format!("the line is no reference, {cause}"))
                    .in_line(Some(number))
                    .with_hint("write one object a line, with the texts `question` and `reference`")
            })?;
            if by_question.insert(line.question, line.reference).is_some() {
                let message = "the question has a reference already";
                return Err(FileFault::new(&place, message).in_line(Some(number)));
            }
        }
        Ok(Self { by_question, digest: blake3::hash(text.as_bytes()).to_hex().to_string() })
    }

    /// The good answer to a question, if the file holds one.
    pub(crate) fn of(&self, question: &Question) -> Option<&str> {
        let asked = question.prompt().iter().rev().find(|turn| turn.role == Role::User)?;
        self.by_question.get(&asked.content).map(String::as_str)
    }
}
