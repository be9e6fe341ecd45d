//! The loop that a run is compared with: it parses all files of a folder in one thread and does nothing else.

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::Outcome;

/// Parses every file into a tree of values.
pub fn parse_values(folder: &Path) -> Outcome<()> {
    for path in files(folder)? {
        let value: Value = serde_json::from_slice(&fs::read(&path)?)?;
        black_box(value);
    }
    Ok(())
}

/// Parses every file into the fields that a run needs.
pub fn parse_typed(folder: &Path) -> Outcome<()> {
    for path in files(folder)? {
        let records: Vec<Record> = serde_json::from_slice(&fs::read(&path)?)?;
        black_box(records);
    }
    Ok(())
}

/// The bytes of all files.
pub fn bytes(folder: &Path) -> Outcome<u64> {
    files(folder)?.iter().try_fold(0, |sum, path| Ok(sum + fs::metadata(path)?.len()))
}

/// A record of either set.
#[derive(Deserialize)]
#[allow(dead_code)]
struct Record {
    #[serde(alias = "bon_uid")]
    pair_uid: String,
    category_path: String,
    conversation_input: Vec<Message>,
    #[serde(alias = "bon_best")]
    chosen: Reply,
    reject: Option<Reply>,
    #[serde(default)]
    loser_list: Vec<Reply>,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct Message {
    role: String,
    content: String,
    language: Option<String>,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct Reply {
    answer: String,
    llm_name: Option<String>,
}

/// All `.json` files below a folder, sorted.
fn files(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
