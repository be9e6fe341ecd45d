//! Which crate may depend on which: the table of ARCHITECTURE.md, held against `cargo metadata`.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

use crate::program::root;

/// What one crate may depend on.
struct Crate {
    name: &'static str,
    /// Our crates that it may name.
    ours: &'static [&'static str],
    /// Other crates that it may name in its build, beside [`VOCABULARY`]; `None` for a leaf that carries heavy
    /// dependencies on purpose.
    others: Option<&'static [&'static str]>,
}

/// What `tribunal-api` itself builds on: whoever implements one of its traits compiles these anyway.
const VOCABULARY: [&str; 5] = ["async-trait", "schemars", "serde", "serde_json", "thiserror"];

const TABLE: [Crate; 14] = [
    Crate { name: "tribunal-api", ours: &[], others: Some(&[]) },
    Crate {
        name: "tribunal-engine",
        ours: &["tribunal-api", "tribunal-tables"],
        others: Some(&[
            "annotate-snippets",
            "blake3",
            "crc32fast",
            "foldhash",
            "rand_chacha",
            "rayon",
            "statrs",
            "strsim",
            "tokio",
            "toml",
        ]),
    },
    Crate {
        name: "tribunal-loader",
        ours: &["tribunal-api"],
        others: Some(&["blake3", "libloading", "object", "rustix", "tokio"]),
    },
    Crate { name: "tribunal-tables", ours: &[], others: Some(&["csv", "parquet", "strsim"]) },
    Crate {
        name: "tribunal-models",
        ours: &[],
        others: Some(&[
            "blake3",
            "half",
            "libm",
            "minijinja",
            "minijinja-contrib",
            "rand_chacha",
            "tempfile",
            "unicode-normalization",
        ]),
    },
    Crate { name: "tribunal-http", ours: LEAF, others: None },
    Crate { name: "tribunal-llama", ours: LEAF, others: None },
    Crate { name: "tribunal-baseline", ours: LEAF, others: None },
    // What an author of adapters would write: the API and what it builds on.
    Crate { name: "adapter-brevity", ours: &["tribunal-api"], others: Some(&[]) },
    Crate { name: "tribunal-faulty", ours: &["tribunal-api"], others: Some(&["tokio"]) },
    // Named by tests and benches alone.
    Crate { name: "tribunal-scripted", ours: &[], others: None },
    Crate {
        name: "tribunal-judges",
        ours: &["tribunal-api"],
        others: Some(&["blake3", "minijinja", "minijinja-contrib", "toml"]),
    },
    Crate {
        name: "tribunal-suites",
        ours: &["tribunal-api", "tribunal-tables"],
        others: Some(&["foldhash", "rayon", "strsim", "toml"]),
    },
    Crate {
        name: "tribunal",
        ours: &[
            "tribunal-api",
            "tribunal-engine",
            "tribunal-loader",
            "tribunal-tables",
            "tribunal-models",
            "tribunal-http",
            "tribunal-baseline",
            "tribunal-judges",
            "tribunal-suites",
        ],
        others: None,
    },
];

const LEAF: &[&str] = &["tribunal-api", "tribunal-tables", "tribunal-models"];

/// Crates that one of ours alone may name.
const RESERVED: [(&str, &str); 4] = [
    ("libloading", "tribunal-loader"),
    ("llama-cpp-2", "tribunal-llama"),
    ("llama-cpp-sys-2", "tribunal-llama"),
    ("reqwest", "tribunal-http"),
];

/// One line of a `Cargo.toml`.
#[derive(Clone, Copy)]
struct Arrow<'a> {
    from: &'a str,
    to: &'a str,
    tests_alone: bool,
    optional: bool,
}

/// What is wrong with an arrow; `None` when the table allows it.
fn fault(arrow: Arrow<'_>) -> Option<String> {
    let Arrow { from, to, tests_alone, optional } = arrow;
    let Some(rule) = TABLE.iter().find(|rule| rule.name == from) else {
        return Some(format!("`{from}` is not in the table"));
    };
    let wrong = |why: &str| Some(format!("`{from}` depends on `{to}`: {why}"));
    if to == "tribunal-scripted" && tests_alone {
        return None;
    }
    if to == "tribunal" || to.starts_with("tribunal-") {
        return match rule.ours.contains(&to) {
            true => None,
            false => wrong("the table has no such arrow"),
        };
    }
    if let Some((_, owner)) = RESERVED.iter().find(|(name, owner)| *name == to && *owner != from) {
        return wrong(&format!("it belongs to `{owner}`"));
    }
    if tests_alone || VOCABULARY.contains(&to) {
        return None;
    }
    // The guest side of the plugin boundary drives futures; no other adapter pays for it.
    if (from, to) == ("tribunal-api", "tokio") {
        return if optional {
            None
        } else {
            wrong("it must be optional, for feature `guest` alone")
        };
    }
    match rule.others {
        Some(allowed) if !allowed.contains(&to) => wrong("the table does not name it"),
        _ => None,
    }
}

fn workspace() -> Metadata {
    let offline = ["--offline".to_owned()];
    let mut command = MetadataCommand::new();
    command.manifest_path(root().join("Cargo.toml")).no_deps().other_options(offline);
    command.exec().unwrap()
}

#[test]
fn no_crate_depends_on_what_the_table_does_not_allow() {
    let metadata = workspace();
    let mut faults = Vec::new();
    for package in &metadata.packages {
        faults.extend(package.dependencies.iter().filter_map(|dependency| {
            fault(Arrow {
                from: &package.name,
                to: &dependency.name,
                tests_alone: dependency.kind == DependencyKind::Development,
                optional: dependency.optional,
            })
        }));
        if TABLE.iter().all(|rule| rule.name != package.name.as_str()) {
            faults.push(format!("`{}` is not in the table", package.name));
        }
    }
    assert!(metadata.packages.len() >= 6, "{} packages", metadata.packages.len());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn daily_builds_take_every_crate_but_llama() {
    let metadata = workspace();
    let left_out: Vec<&str> = metadata
        .packages
        .iter()
        .filter(|package| !metadata.workspace_default_members.contains(&package.id))
        .map(|package| package.name.as_str())
        .filter(|name| *name != "tribunal-llama")
        .collect();
    assert!(left_out.is_empty(), "not in `default-members`: {left_out:?}");
    let llama = metadata
        .workspace_default_packages()
        .iter()
        .any(|package| package.name == "tribunal-llama");
    assert!(!llama, "`tribunal-llama` would build llama.cpp every day");
}

#[test]
fn arrows_that_the_design_forbids_are_found() {
    let arrow = |from, to| Arrow { from, to, tests_alone: false, optional: false };
    for (from, to) in [
        ("tribunal-api", "tribunal-engine"),
        ("tribunal-api", "toml"),
        ("tribunal-api", "tokio"),
        ("tribunal-engine", "tribunal-suites"),
        ("tribunal-engine", "reqwest"),
        ("tribunal-engine", "libloading"),
        ("tribunal-engine", "indicatif"),
        ("tribunal-loader", "tribunal-engine"),
        ("tribunal-loader", "toml"),
        ("tribunal-tables", "tribunal-api"),
        ("tribunal-models", "tribunal-api"),
        ("tribunal-models", "memmap2"),
        ("tribunal-http", "tribunal-llama"),
        ("tribunal-baseline", "tribunal-engine"),
        ("tribunal-judges", "tribunal-http"),
        ("tribunal-suites", "tribunal-baseline"),
        ("tribunal", "tribunal-llama"),
        ("tribunal", "reqwest"),
        ("tribunal-new", "serde"),
    ] {
        assert!(fault(arrow(from, to)).is_some(), "{from} -> {to}");
    }
    let in_tests = Arrow { tests_alone: true, ..arrow("tribunal-engine", "tribunal-suites") };
    assert!(fault(in_tests).is_some(), "tests draw no other arrows between our crates");
}

#[test]
fn arrows_that_the_design_draws_are_allowed() {
    let arrow = |from, to| Arrow { from, to, tests_alone: false, optional: false };
    for (from, to) in [
        ("tribunal-engine", "tribunal-tables"),
        ("tribunal-loader", "libloading"),
        ("tribunal-http", "reqwest"),
        ("tribunal-llama", "tribunal-models"),
        ("tribunal-judges", "minijinja"),
        ("tribunal-suites", "rayon"),
        ("tribunal", "tribunal-judges"),
    ] {
        assert_eq!(fault(arrow(from, to)), None);
    }
    let guest = Arrow { optional: true, ..arrow("tribunal-api", "tokio") };
    assert_eq!(fault(guest), None);
    let test = Arrow { tests_alone: true, ..arrow("tribunal-api", "tokio") };
    assert_eq!(fault(test), None);
}
