//! Whole runs with plugins: what goes right, and every way to fail, each with its exit code and the other source's trials stored.

mod children;
mod examples;
mod libraries;
mod loading;
mod suites;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{Program, Ran, root};

/// Pairs in the sample data.
pub const PAIRS: u64 = 20;

/// Compiles a C or C++ file of the repository into the program's folder.
pub fn built(program: &Program, source: &str, name: &str, macros: &[&str]) -> PathBuf {
    let out = program.folder().join(name);
    let cpp = source.ends_with(".cpp");
    let mut command = Command::new(if cpp { "c++" } else { "cc" });
    command
        .arg(if cpp { "-std=c++17" } else { "-std=gnu11" })
        .args(["-O1", "-fPIC", "-shared", "-pthread", "-I"])
        .arg(root().join("plugins/sdk-c"))
        .args(macros.iter().map(|name| format!("-D{name}")))
        .arg(root().join(source))
        .arg("-o")
        .arg(&out)
        .arg("-lm");
    assert!(command.status().unwrap().success(), "{command:?}");
    out
}

/// The plugin in C that fails as told.
pub fn faulty(program: &Program) -> PathBuf {
    built(program, "tests/plugins/faulty.c", "faulty.so", &[])
}

/// A recipe that asks the plugin's source second, after a control whose trials must all be stored.
pub fn recipe(plugin: &str, source: &str) -> String {
    format!(
        r#"
name = "plugins"
[[plugin]]
cancel-within = "100ms"
{plugin}
[source.length]
kind = "baseline.length"
[source.plugin]
timeout = "300ms"
retry = {{ attempts = 2, wait = "10ms", most = "20ms" }}
{source}
[suite.pairs]
kind = "pairs"
path = "{}/examples/data/pairs/pairs.csv"
fields = {{ id = "id", subset = "topic", prompt = "prompt", chosen = "better", rejected = "worse" }}
"#,
        root().display()
    )
}

/// Runs a recipe within bounded time.
pub fn run(program: &Program, recipe: &str) -> Ran {
    run_with(program, recipe, &[])
}

/// The same with further arguments.
pub fn run_with(program: &Program, recipe: &str, args: &[&str]) -> Ran {
    let path = program.write("recipe.toml", recipe);
    let started = Instant::now();
    let mut all = vec!["run", path.to_str().unwrap(), "-o", "out"];
    all.extend(args);
    let ran = program.run(all);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(45), "it took {took:?}\n{}", ran.err());
    ran
}

/// How many trials of each source are stored, by the run folder's own records.
pub fn stored(program: &Program, source: &str) -> u64 {
    let rows = program.run(["export", "out", "--to", "jsonl"]);
    let out = rows.out();
    let rows = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.filter(|row| row["source"] == source && !row["scores"].is_null()).count() as u64
}

/// The control was asked about every candidate, whatever became of the plugin.
#[track_caller]
pub fn assert_control_is_whole(program: &Program) {
    assert_eq!(stored(program, "length"), 2 * PAIRS);
}

/// True where a program can be started.
pub fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        println!("skipped: there is no `{program}` on this machine");
    }
    found
}

/// Where the Python package is.
pub fn python_path() -> String {
    Path::new(root()).join("plugins/python").display().to_string()
}
