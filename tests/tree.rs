//! Habits that a reader of the source tree can rely on.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::root;

/// No source file is longer.
const MOST_LINES: usize = 600;

/// Folders that hold no source of ours.
const NOT_OURS: [&str; 4] = ["target", "runs", "bench-out", ".git"];

/// All files below a folder, without those that git ignores by folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_symlink() || NOT_OURS.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    files(root(), &mut found);
    found.sort();
    let rust = found.iter().filter(|path| path.extension().is_some_and(|one| one == "rs"));
    let read = |path: &PathBuf| {
        let shown = path.strip_prefix(root()).unwrap().display().to_string();
        (shown, std::fs::read_to_string(path).unwrap())
    };
    rust.map(read).collect()
}

/// The folders of all packages, from the workspace's manifest.
fn packages() -> Vec<PathBuf> {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let members = manifest["workspace"]["members"].as_array().unwrap();
    members.iter().map(|member| root().join(member.as_str().unwrap())).collect()
}

#[test]
fn no_source_file_is_longer_than_600_lines() {
    let sources = sources();
    assert!(sources.len() > 50, "{} source files", sources.len());
    let long: Vec<String> = sources
        .iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(path, lines)| format!("{path} has {lines} lines"))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn every_source_file_says_its_job_in_its_first_line() {
    let silent: Vec<String> = sources()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(path, _)| path)
        .collect();
    assert!(silent.is_empty(), "no `//!` line at the top of:\n{}", silent.join("\n"));
}

#[test]
fn every_public_item_of_the_api_must_be_documented() {
    let api = std::fs::read_to_string(root().join("core/api/src/lib.rs")).unwrap();
    assert!(api.lines().any(|line| line == "#![deny(missing_docs)]"));
}

#[test]
fn every_crate_refuses_unsafe_code() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let denied = &manifest["workspace"]["lints"]["rust"]["unsafe_code"];
    assert!(matches!(denied.as_str(), Some("deny" | "forbid")), "{denied}");
    for folder in packages().into_iter().chain([root().to_owned()]) {
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let manifest: toml::Table = manifest.parse().unwrap();
        let inherits = manifest.get("lints").and_then(|lints| lints.get("workspace"));
        assert_eq!(inherits, Some(&toml::Value::Boolean(true)), "{}", folder.display());
    }
}

#[test]
fn the_engine_cannot_be_made_to_hold_unsafe_code() {
    let engine = std::fs::read_to_string(root().join("core/engine/src/lib.rs")).unwrap();
    assert!(engine.lines().any(|line| line == "#![forbid(unsafe_code)]"));
}

/// Folders of one machine would not exist on another: nothing that is kept may name them.
#[test]
fn no_tracked_file_names_a_path_of_one_machine() {
    let git = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output();
    let Some(git) = git.ok().filter(|git| git.status.success()) else {
        println!("skipped: this is no git checkout");
        return;
    };
    let listed = String::from_utf8(git.stdout).unwrap();
    let here = format!("{}/", root().display());
    let mut machine = vec!["/home/", "/root/", "/Users/"];
    // A checkout at `/src` says nothing: every path of ours would match.
    if root().components().count() > 2 {
        machine.push(&here);
    }
    let mut faults = Vec::new();
    for name in listed.split('\0').filter(|name| !name.is_empty() && *name != "tests/tree.rs") {
        let Ok(bytes) = std::fs::read(root().join(name)) else { continue };
        let Ok(text) = String::from_utf8(bytes) else { continue };
        let named = machine.iter().filter(|path| text.contains(**path));
        faults.extend(named.map(|path| format!("{name} names `{path}`")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
