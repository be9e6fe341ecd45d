//! Projects of `tribunal plugin new`, taken from an empty folder to a report by the commands that it prints.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::there_is;
use crate::program::Program;

/// Every project that there is a template for.
const PROJECTS: [(&str, &str); 8] = [
    ("c", "source"),
    ("cpp", "source"),
    ("python", "source"),
    ("python", "generator"),
    ("python", "suite"),
    ("rust", "source"),
    ("rust", "generator"),
    ("rust", "suite"),
];

fn new(program: &Program, lang: &str, component: &str) -> Value {
    let name = format!("my-{lang}-{component}");
    program
        .run(["plugin", "new", &name, "--lang", lang, "--component", component, "--json"])
        .with_code(0)
        .json()
}

/// Runs the printed commands in a shell, one after the other, with this build of the program.
#[track_caller]
fn follow(program: &Program, written: &Value) -> String {
    let commands: Vec<&str> = written["next"]
        .as_array()
        .unwrap()
        .iter()
        .map(|command| command.as_str().unwrap())
        .collect();
    let folder = Path::new(env!("CARGO_BIN_EXE_tribunal")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&path));
    let ran = Command::new("sh")
        .args(["-e", "-c", &commands.join("\n")])
        .current_dir(program.folder())
        .env("PATH", std::env::join_paths(path).unwrap())
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("PYTHONPATH")
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{commands:?}\n{out}\n{err}");
    out.into_owned()
}

#[track_caller]
fn assert_checked_and_run(program: &Program, lang: &str, component: &str) {
    let out = follow(program, &new(program, lang, component));
    assert!(out.contains("\npassed: "), "{out}");
    assert!(!out.contains("warning  "), "{out}");
    assert!(out.contains("accuracy"), "{out}");
}

#[test]
fn every_project_is_written_whole_and_never_over_something_else() {
    let program = Program::new();
    for (lang, component) in PROJECTS {
        let written = new(&program, lang, component);
        let folder = program.folder().join(written["folder"].as_str().unwrap());
        for file in written["files"].as_array().unwrap() {
            assert!(folder.join(file.as_str().unwrap()).is_file(), "{file}");
        }
        let next = written["next"].as_array().unwrap();
        assert!((3..=4).contains(&next.len()), "{next:?}");
        // Another name, the same folder.
        let ran = program
            .run(["plugin", "new", "other", "--lang", lang, "-o", &folder.display().to_string()])
            .with_code(2);
        assert!(ran.err().contains("is not an empty folder"), "{}", ran.err());
        assert!(ran.err().contains("hint: name another folder"), "{}", ran.err());
    }
}

#[test]
fn a_name_that_is_none_is_refused_with_one_that_is() {
    let program = Program::new();
    let ran = program.run(["plugin", "new", "MyReward", "--lang", "c"]).with_code(2);
    assert!(ran.err().contains("`MyReward` is no name"), "{}", ran.err());
    assert!(ran.err().contains("`my-reward`"), "{}", ran.err());
    assert!(std::fs::read_dir(program.folder()).unwrap().next().is_none());
}

#[test]
fn a_project_in_c_is_built_checked_and_run_by_the_printed_commands() {
    if there_is("cc") {
        assert_checked_and_run(&Program::new(), "c", "source");
    }
}

#[test]
fn a_project_in_cpp_is_built_checked_and_run_by_the_printed_commands() {
    if there_is("c++") {
        assert_checked_and_run(&Program::new(), "cpp", "source");
    }
}

#[test]
fn projects_in_python_are_checked_and_run_by_the_printed_commands() {
    if there_is("python3") {
        for component in ["source", "generator", "suite"] {
            assert_checked_and_run(&Program::new(), "python", component);
        }
    }
}

/// Builds the crates that tribunal-api needs, so it takes minutes. `scripts/test-adapters.sh` goes the same way.
#[test]
#[ignore = "takes minutes: `cargo test --test tribunal projects_in_rust -- --ignored`, or `make test-adapters`, which goes the same way"]
fn projects_in_rust_are_built_checked_and_run_by_the_printed_commands() {
    let program = Program::new();
    for component in ["source", "generator", "suite"] {
        assert_checked_and_run(&program, "rust", component);
    }
}

#[test]
fn the_makefile_builds_the_same_library() {
    if !there_is("cc") || !there_is("make") {
        return;
    }
    let program = Program::new();
    let written = new(&program, "c", "source");
    let folder = program.folder().join(written["folder"].as_str().unwrap());
    let made = Command::new("make").current_dir(&folder).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    assert!(made.stderr.is_empty(), "{}", String::from_utf8_lossy(&made.stderr));
    let library = folder.join("my-c-source.so").display().to_string();
    let info = program.run(["plugin", "info", "--no-load", "--json", &library]).with_code(0).json();
    assert_eq!(info["file"]["boundary"], serde_json::json!([1, 0]));
    assert_eq!(info["kinds"], Value::Null);
    let info = program.run(["plugin", "info", "--json", &library]).with_code(0).json();
    assert_eq!(info["kinds"][0]["kind"], "my-c-source");
    assert_eq!(info["kinds"][0]["settings"][0]["key"], "weight");
    let text = program.run(["plugin", "info", &library]).with_code(0).out();
    assert!(text.contains("built with   tribunal.h 1.0"), "{text}");
    assert!(text.contains("Reward added for each byte"), "{text}");
}

#[test]
fn a_python_file_is_named_by_itself_in_quotes_and_by_words() {
    if !there_is("python3") {
        return;
    }
    let program = Program::new();
    new(&program, "python", "source");
    let folder = program.folder().join("my-python-source");
    let file = folder.join("my_python_source.py").display().to_string();
    let by_file = program.run(["plugin", "info", "--json", &file]).with_code(0).json();
    assert_eq!(by_file["kinds"][0]["kind"], "my-python-source");
    let in_folder = |args: &[&str]| {
        let ran = program.command(args).current_dir(&folder).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        serde_json::from_slice::<Value>(&ran.stdout).unwrap()
    };
    let quoted = "python3 -m tribunal_adapter 'my_python_source.py'";
    let words = [
        "plugin",
        "info",
        "--json",
        "--",
        "python3",
        "-m",
        "tribunal_adapter",
        "my_python_source.py",
    ];
    for again in [in_folder(&["plugin", "info", "--json", quoted]), in_folder(&words)] {
        assert_eq!(again["kinds"], by_file["kinds"]);
    }
}
