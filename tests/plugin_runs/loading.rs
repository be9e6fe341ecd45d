//! Plugins that cannot be loaded (exit code 5), and recipes whose settings a plugin refuses.

use super::{built, faulty, has, python_path, recipe, run};
use crate::program::{Program, Ran};

/// Runs a recipe whose plugin is this file.
fn with_library(program: &Program, name: &str) -> Ran {
    run(program, &recipe(&format!("library = {name:?}"), "kind = \"faulty\""))
}

#[test]
fn every_file_that_is_no_plugin_is_refused_with_its_name_a_reason_and_a_remedy() {
    let program = Program::new();
    program.write("text.so", "#!/bin/sh\n");
    program.write("empty.so", "");
    let source = "tests/plugins/faulty.c";
    built(&program, source, "record.so", &["NO_RECORD"]);
    built(&program, source, "magic.so", &["WRONG_MAGIC"]);
    built(&program, source, "major.so", &["MAJOR=2"]);
    built(&program, source, "minor.so", &["NEEDS=7"]);
    built(&program, source, "entry.so", &["NO_ENTRY"]);
    built(&program, source, "undefined.so", &["UNDEFINED"]);
    let whole = std::fs::read(built(&program, source, "whole.so", &[])).unwrap();
    std::fs::write(program.folder().join("cut.so"), &whole[..whole.len() / 2]).unwrap();
    let mut other = whole;
    other[18] = if other[18] == 62 { 183 } else { 62 };
    std::fs::write(program.folder().join("machine.so"), &other).unwrap();
    for (name, expected) in [
        ("missing.so", "cannot read the plugin"),
        ("text.so", "is not a shared library: it is a text file"),
        ("empty.so", "is not a shared library: it is an empty file"),
        ("cut.so", "it is damaged or cut off"),
        ("machine.so", "and this machine is"),
        ("record.so", "a shared library, but not a plugin: it has no symbol `trb_plugin_abi`"),
        ("magic.so", "is not a plugin of Tribunal"),
        ("major.so", "speaks version 2.x of the plugin boundary, and this program speaks 1.x"),
        ("minor.so", "needs version 1.7 of the plugin boundary, and this program has 1.0"),
        ("entry.so", "no symbol `trb_plugin_entry_v1`"),
        ("undefined.so", "a_function_that_nobody_has"),
    ] {
        let ran = with_library(&program, name).with_code(5);
        let err = ran.err();
        assert!(err.contains(expected) && err.contains(name), "{name}: {err}");
        assert!(err.contains("hint: "), "{name}: {err}");
        assert!(!program.folder().join("out").exists(), "nothing is begun");
    }
}

#[test]
fn a_plugin_that_fails_to_make_an_instance_ends_with_5_at_the_recipes_line() {
    let program = Program::new();
    let library = faulty(&program);
    let text =
        recipe(&format!("library = {library:?}"), "kind = \"faulty\"\nhow = \"create-fails\"");
    let ran = run(&program, &text).with_code(5);
    let err = ran.err();
    assert!(err.contains("there is no device") && err.contains("recipe.toml:"), "{err}");
}

/// The fault that a misspelt key of a plugin's source draws.
fn fault(program: &Program, plugin: &str, source: &str) -> String {
    let ran = run(program, &recipe(plugin, source)).with_code(2);
    let err = ran.err();
    // Line numbers and the folder differ from test to test.
    let start = err.find("error: ").unwrap();
    err[start..].replace(&program.folder().display().to_string(), "")
}

#[test]
fn a_mistake_in_a_plugins_settings_is_drawn_like_one_of_a_built_in() {
    let program = Program::new();
    let c = built(&program, "examples/adapters/c/brevity.c", "brevity.so", &[]);
    let plugin = format!("library = {c:?}");
    let unknown = fault(&program, &plugin, "kind = \"c.brevity\"\nreward-per-bite = 1.0");
    assert!(unknown.contains("unknown key `reward-per-bite`"), "{unknown}");
    assert!(unknown.contains("recipe.toml:12:1"), "{unknown}");
    assert!(unknown.contains("did you mean `reward-per-byte`?"), "{unknown}");
    let wrong = fault(&program, &plugin, "kind = \"c.brevity\"\nreward-per-byte = \"much\"");
    assert!(wrong.contains("expected a number, found the text `much`"), "{wrong}");
    assert!(wrong.contains("recipe.toml:12:19"), "{wrong}");
    let kind = fault(&program, &plugin, "kind = \"c.brevty\"");
    assert!(kind.contains("did you mean `c.brevity`?"), "{kind}");
}

#[test]
fn what_a_plugin_itself_refuses_points_at_the_key() {
    let program = Program::new();
    let library = faulty(&program);
    for keys in ["", "\nisolate = true"] {
        let fault = fault(
            &program,
            &format!("library = {library:?}{keys}"),
            "kind = \"faulty\"\nhow = \"config-path\"",
        );
        assert!(fault.contains("`config-path` is not a way to fail"), "{fault}");
        assert!(fault.contains("how = \"config-path\"") && fault.contains("^"), "{fault}");
        assert!(fault.contains("did you mean `config-paths`?"), "{fault}");
    }
}

#[test]
fn a_mistake_in_the_settings_of_a_python_adapter_is_drawn_alike() {
    if !has("python3") {
        return;
    }
    let program = Program::new();
    program.write(
        "short.py",
        "def score(conversation, candidates, *, reward_per_character: float = -1.0):\n    \
         return [reward_per_character * len(text) for text in candidates]\n",
    );
    let plugin = format!(
        "command = [\"python3\", \"-m\", \"tribunal_adapter\", \"short.py\"]\nenv = {{ PYTHONPATH = {:?} }}",
        python_path()
    );
    let unknown = fault(&program, &plugin, "kind = \"short\"\nreward-per-caracter = 1.0");
    assert!(unknown.contains("unknown key `reward-per-caracter`"), "{unknown}");
    assert!(unknown.contains("did you mean `reward-per-character`?"), "{unknown}");
}

#[test]
fn plugins_are_found_in_folders() {
    let program = Program::new();
    std::fs::create_dir_all(program.folder().join("data/tribunal/plugins")).unwrap();
    std::fs::create_dir_all(program.folder().join("path")).unwrap();
    let c = built(&program, "examples/adapters/c/brevity.c", "path/brevity.so", &[]);
    built(&program, "examples/adapters/cpp/wordiness.cpp", "data/tribunal/plugins/words.so", &[]);
    program.write("path/broken.so", "not a library");
    program.write("path/readme.txt", "not looked at");
    let mut command = program.command(["list", "sources"]);
    let folder = program.folder();
    command
        .env("TRIBUNAL_PLUGIN_PATH", folder.join("path"))
        .env("XDG_DATA_HOME", folder.join("data"));
    let ran = Ran(command.output().unwrap()).with_code(0);
    let out = ran.out();
    assert!(
        out.contains("c.brevity") && out.contains("cpp.wordiness") && out.contains("built in"),
        "{out}"
    );
    assert!(ran.err().contains("warning: ") && ran.err().contains("broken.so"), "{}", ran.err());
    let recipe_of_folder = recipe("folder = \"path\"", "kind = \"c.brevity\"");
    let ran = run(&program, &recipe_of_folder).with_code(0);
    assert!(ran.err().contains("broken.so"), "{}", ran.err());
    assert!(c.is_file());
}

#[test]
fn two_plugins_with_one_name_and_one_file_named_twice_are_refused() {
    let program = Program::new();
    let library = faulty(&program);
    std::fs::copy(&library, program.folder().join("copy.so")).unwrap();
    let twice =
        recipe("library = \"faulty.so\"\n[[plugin]]\nlibrary = \"copy.so\"", "kind = \"faulty\"");
    let ran = run(&program, &twice).with_code(5);
    assert!(ran.err().contains("the source kind `faulty` exists already"), "{}", ran.err());
}
