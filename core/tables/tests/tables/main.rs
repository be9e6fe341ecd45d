//! Whole-file tests of reading and writing.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod csv;
mod json;
mod json_lines;
mod parquet;
mod real_data;
mod round_trips;

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tempfile::TempDir;
use tribunal_tables::TableError;

/// A record with one required key of each common kind.
#[derive(Debug, PartialEq, Deserialize)]
struct Pair {
    pair_uid: String,
    chosen: Reply,
    reject: Reply,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Reply {
    answer: String,
    score: Option<f64>,
}

/// A file that lives as long as this value.
struct Scratch {
    _folder: TempDir,
    path: PathBuf,
}

impl Scratch {
    fn new(name: &str, content: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        Self { _folder: folder, path }
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Reads a file of this content as `T`, wants an error, and returns it after checking that it names the file.
fn refused<T: DeserializeOwned>(name: &str, content: impl AsRef<[u8]>) -> TableError {
    let scratch = Scratch::new(name, content);
    let error = match tribunal_tables::records::<T>(&scratch.path) {
        Ok(records) => panic!("{} records came out of a broken {name}", records.len()),
        Err(error) => error,
    };
    assert_eq!(error.path(), scratch.path);
    assert!(error.to_string().contains(&format!("{name}`")), "the file is not named: {error}");
    error
}

/// The message behind the name of the file.
#[track_caller]
fn assert_says(error: &TableError, wanted: &str) {
    let whole = error.to_string();
    let told = whole.rsplit_once("/").map_or(whole.as_str(), |(_, end)| end);
    assert_eq!(told, wanted);
}
