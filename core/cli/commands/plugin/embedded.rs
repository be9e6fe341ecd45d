//! What projects of plugins are made of: templates, the header, the crate tribunal-api and the package tribunal_adapter.
//!
//! All of it is part of the program, so that a project can be written and built where this repository is not.

/// A file by its path in the project, and its text.
pub(super) type Embedded = (&'static str, &'static str);

/// The header for C and C++.
pub(super) const HEADER: &str = include_str!("../../../../plugins/sdk-c/tribunal.h");
/// Under which the crate and the package may be passed on.
pub(super) const LICENCE: &str = include_str!("../../../../LICENSE-MIT");
/// Pairs of our own for a first run.
pub(super) const PAIRS: &str = include_str!("../init/pairs.jsonl");

/// A template by its path below `templates`.
macro_rules! template {
    ($path:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/core/cli/commands/plugin/templates/",
            $path
        ))
    };
}
pub(super) use template;

macro_rules! files {
    ($folder:literal: $($file:literal,)+) => {
        &[$(($file, include_str!(concat!("../../../../", $folder, "/", $file)))),+]
    };
}

/// The crate tribunal-api.
pub(super) const API: &[Embedded] = files! { "core/api":
    "src/abi.rs",
    "src/answer.rs",
    "src/conformance.rs",
    "src/error.rs",
    "src/generator.rs",
    "src/grading.rs",
    "src/grading/bounds.rs",
    "src/grading/chance.rs",
    "src/guest.rs",
    "src/guest/component.rs",
    "src/guest/drive.rs",
    "src/guest/score.rs",
    "src/identity.rs",
    "src/item.rs",
    "src/lib.rs",
    "src/outcome.rs",
    "src/question.rs",
    "src/registry.rs",
    "src/settings.rs",
    "src/settings/tests.rs",
    "src/source.rs",
    "src/suite.rs",
    "src/wire.rs",
    "src/wire/suite.rs",
};

/// The package tribunal_adapter without the ready adapters for models.
pub(super) const PYTHON: &[Embedded] = files! { "plugins/python/tribunal_adapter":
    "__init__.py",
    "__main__.py",
    "bases.py",
    "child.py",
    "docstrings.py",
    "errors.py",
    "generators.py",
    "instances.py",
    "kinds.py",
    "loading.py",
    "py.typed",
    "serving.py",
    "settings.py",
    "sources.py",
    "stdio.py",
    "suites.py",
    "tickets.py",
    "values.py",
    "wire.py",
};

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// All files below a folder, sorted, but those that are made by running it.
    fn below(folder: &Path, prefix: &str, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = entry.path();
            match path.is_dir() {
                true if matches!(name.as_str(), "__pycache__" | "ready") => {}
                true => below(&path, &format!("{prefix}{name}/"), found),
                false => found.push(format!("{prefix}{name}")),
            }
        }
        found.sort();
    }

    #[track_caller]
    fn assert_whole(embedded: &[Embedded], folder: &str, prefix: &str) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let mut found = Vec::new();
        below(&root, prefix, &mut found);
        let listed: Vec<&str> = embedded.iter().map(|(path, _)| *path).collect();
        assert_eq!(found, listed, "the list in `embedded.rs` is not that of `{folder}`");
    }

    #[test]
    fn the_lists_hold_every_file_of_crate_and_package() {
        assert_whole(API, "core/api/src", "src/");
        assert_whole(PYTHON, "plugins/python/tribunal_adapter", "");
    }

    #[test]
    fn what_is_embedded_is_small() {
        let bytes: usize = API.iter().chain(PYTHON).map(|(_, text)| text.len()).sum();
        assert!(bytes < 1_000_000, "{bytes} bytes");
    }

    #[test]
    fn the_vendored_crate_needs_what_the_workspace_says() {
        let read = |path: &str| -> toml::Table {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
            toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
        };
        let (ours, workspace) = (read("core/api/Cargo.toml"), read("Cargo.toml"));
        let vendored: toml::Table = toml::from_str(template!("rust/tribunal-api.toml")).unwrap();
        assert_eq!(vendored["features"], ours["features"]);
        let inherited = &workspace["workspace"]["package"];
        for key in ["edition", "rust-version", "license"] {
            assert_eq!(vendored["package"][key], inherited[key], "{key}");
        }
        // A dependency with its keys spelled out, those of the workspace filled in.
        let spelled = |value: &toml::Value, name: &str| {
            let as_table = |value: &toml::Value| match value {
                toml::Value::String(version) => {
                    toml::Table::from_iter([("version".to_owned(), version.as_str().into())])
                }
                other => other.as_table().unwrap().clone(),
            };
            let mut table = as_table(value);
            if table.remove("workspace").is_some() {
                let mut whole = as_table(&workspace["workspace"]["dependencies"][name]);
                let more = table.remove("features").and_then(|more| more.as_array().cloned());
                if let Some(more) = more {
                    let known = whole.get("features").and_then(|known| known.as_array().cloned());
                    let all: Vec<toml::Value> = known.into_iter().flatten().chain(more).collect();
                    whole.insert("features".to_owned(), all.into());
                }
                whole.extend(table);
                table = whole;
            }
            table
        };
        let names = |table: &toml::Table| -> Vec<String> {
            table["dependencies"].as_table().unwrap().keys().cloned().collect()
        };
        assert_eq!(names(&vendored), names(&ours));
        for name in names(&ours) {
            let theirs = spelled(&vendored["dependencies"][&name], &name);
            assert_eq!(theirs, spelled(&ours["dependencies"][&name], &name), "{name}");
        }
    }
}
