//! The adapters of `examples/adapters`, built by the commands of their README and run by their recipes.

use std::process::Command;

use serde_json::Value;

use super::has;
use crate::program::{Program, root};

/// The headline of a source in a report.
fn headline(report: &Value, source: &str) -> f64 {
    let rows = report["measures"].as_array().unwrap();
    let own = |row: &&Value| row["source"] == source && row["headline"] == true;
    rows.iter().find(own).unwrap()["value"].as_f64().unwrap()
}

/// Runs a recipe of the examples, with its library taken from the scratch folder when one was built there.
fn run(program: &Program, recipe: &str, library: Option<&str>, args: &[&str]) -> Value {
    let recipe = root().join("examples/adapters").join(recipe);
    let set = library.map(|name| {
        format!("plugin[0].library={:?}", program.folder().join(name).display().to_string())
    });
    let mut all = vec!["run", recipe.to_str().unwrap(), "-o", "out", "--json"];
    if let Some(set) = &set {
        all.extend(["--set", set]);
    }
    all.extend(args);
    program.run(all).with_code(0).json()
}

/// The build command of a folder, from the table of the README, with its output in the scratch folder.
fn build(program: &Program, folder: &str, library: &str) {
    let readme = std::fs::read_to_string(root().join("examples/adapters/README.md")).unwrap();
    let row = readme.lines().find(|line| line.starts_with(&format!("| `{folder}` |"))).unwrap();
    let command = row.split('`').nth(5).unwrap();
    let out = program.folder().join(library).display().to_string();
    let command = command.replace(library, &out);
    let built = Command::new("sh")
        .args(["-c", &command])
        .current_dir(root().join("examples/adapters").join(folder))
        .status()
        .unwrap();
    assert!(built.success(), "{command}");
}

#[test]
fn the_example_in_c_is_built_by_one_command_and_runs() {
    let program = Program::new();
    build(&program, "c", "brevity.so");
    let report = run(&program, "c/recipe.toml", Some("brevity.so"), &[]);
    // The longest reply is better in 9 of 20 pairs, and none are equally long.
    assert_eq!(headline(&report, "brevity"), 0.55);
}

#[test]
fn the_example_in_cpp_is_built_by_one_command_and_runs() {
    let program = Program::new();
    build(&program, "cpp", "wordiness.so");
    let report = run(&program, "cpp/recipe.toml", Some("wordiness.so"), &[]);
    // The better reply has fewer words in 10 of 20 pairs; in 2 both have as many, which is a loss.
    assert_eq!(headline(&report, "wordiness"), 0.5);
}

#[test]
fn the_examples_in_python_run_without_being_built() {
    if !has("python3") {
        return;
    }
    let program = Program::new();
    assert_eq!(headline(&run(&program, "python/recipe.toml", None, &[]), "brevity"), 0.55);
    let program = Program::new();
    let report = run(&program, "python/suite-and-generator.toml", None, &["--accept-unverified"]);
    assert_eq!(headline(&report, "judge"), 1.0, "who adds is always right");
    // "It is 3." is shorter than "It is 4, I believe."
    assert_eq!(headline(&report, "shorter"), 1.0);
}

#[test]
fn header_and_examples_compile_without_a_warning_in_c11_and_cpp17() {
    let header = root().join("plugins/sdk-c");
    for (compiler, standard, source) in
        [("cc", "-std=c11", "c/brevity.c"), ("c++", "-std=c++17", "cpp/wordiness.cpp")]
    {
        let output = Command::new(compiler)
            .args([standard, "-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only", "-I"])
            .arg(&header)
            .arg(root().join("examples/adapters").join(source))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
