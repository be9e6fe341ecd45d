//! `tribunal model`: tiny models that are made, imported and looked at, and what is said of those that cannot be.

mod interrupted;
mod made;
mod refusals;
mod trained;

use std::collections::BTreeMap;
use std::path::Path;

use crate::program::Program;

const FAMILIES: [&str; 6] = ["llama", "mistral", "qwen2", "qwen3", "gemma2", "internlm2"];
const KINDS: [&str; 6] = ["causal", "judge", "classifier", "labels", "layers", "gated"];

/// Makes a tiny model in the scratch folder, by the command's own defaults but for these.
fn make(program: &Program, folder: &str, more: &[&str]) {
    program.run([&["model", "make-tiny", "-o", folder], more].concat()).with_code(0);
}

/// What each file of a folder holds, by name.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(folder) else { return BTreeMap::new() };
    let entries = entries.map(|entry| entry.unwrap());
    entries
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect()
}

fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}
