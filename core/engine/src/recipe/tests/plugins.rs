//! Plugins: what they are read as, and what is wrong with them.

use super::{drawn, parsed};
use crate::recipe::{PLUGIN_KEYS, PluginOrigin, Recipe};
use std::fs;
use std::time::Duration;

#[test]
fn a_plugin_is_read_with_its_defaults() {
    let recipe = parsed(
        r#"
[[plugin]]
library = "target/libown.so"
[[plugin]]
command = ["python3", "own.py"]
replicas = 64
start-within = "2m"
cancel-within = "500ms"
restarts = 0
env = { CUDA_VISIBLE_DEVICES = "1" }
[[plugin]]
folder = "plugins"
isolate = true
"#,
    );
    let [library, command, folder] = &recipe.plugins[..] else { panic!("{:?}", recipe.plugins) };
    let here = recipe.base();
    assert_eq!(library.origin, PluginOrigin::Library(here.join("target/libown.so")));
    assert_eq!((library.isolate, library.replicas, library.restarts), (false, 1, 3));
    assert_eq!(library.start_within, Duration::from_secs(60));
    assert_eq!(library.cancel_within, Duration::from_secs(5));
    assert!(library.env.is_empty());
    let words = vec!["python3".to_owned(), "own.py".to_owned()];
    let started = PluginOrigin::Command { command: words, folder: here.to_path_buf() };
    assert_eq!(command.origin, started);
    assert_eq!((command.isolate, command.replicas, command.restarts), (false, 64, 0));
    assert_eq!(command.start_within, Duration::from_secs(120));
    assert_eq!(command.cancel_within, Duration::from_millis(500));
    assert_eq!(command.env["CUDA_VISIBLE_DEVICES"], "1");
    assert_eq!(folder.origin, PluginOrigin::Folder(here.join("plugins")));
    assert_eq!((folder.isolate, folder.path.to_string().as_str()), (true, "plugin[2]"));
}

#[test]
fn a_plugin_of_an_extended_file_starts_in_its_folder_also_when_a_run_is_resumed() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let shared = folder.path().join("shared");
    fs::create_dir(&shared).expect("a folder");
    let base = "[[plugin]]\ncommand = [\"./own\", \"--fast\"]\n[[plugin]]\nlibrary = \"own.so\"\n";
    fs::write(shared.join("base.toml"), base).expect("a file");
    let main = folder.path().join("main.toml");
    fs::write(&main, "extends = [\"shared/base.toml\"]\n").expect("a file");
    let recipe = Recipe::load(&main, &[]).expect("it is sound");
    let PluginOrigin::Command { folder: started, .. } = &recipe.plugins[0].origin else {
        panic!("{:?}", recipe.plugins)
    };
    assert_eq!(started, &shared);
    assert_eq!(recipe.plugins[1].origin, PluginOrigin::Library(shared.join("own.so")));
    let again = Recipe::from_stored(recipe.stored()).expect("it was sound");
    assert_eq!(again.plugins, recipe.plugins);
}

#[test]
fn a_plugin_needs_exactly_one_origin() {
    let drawn = drawn(
        r#"
[[plugin]]
path = "x.so"
[[plugin]]
library = "x.so"
command = ["x"]
[[plugin]]
folder = "x"
command = ["x"]
"#,
    );
    insta::assert_snapshot!(drawn, @r#"
    error: this plugin has no `library`, `command` or `folder`
     --> study.toml:2:1
      |
    2 | [[plugin]]
      | ^^^^^^^^^^
    hint: name a shared library, a folder of them, or the program to start as a list of strings

    error: unknown key `path` in `plugin[0]`
     --> study.toml:3:1
      |
    3 | path = "x.so"
      | ^^^^
    known keys: library, command, folder, isolate, replicas, start-within, load-within, cancel-within, restarts, env

    error: a plugin has either `library` or `command`, not both
     --> study.toml:6:1
      |
    6 | command = ["x"]
      | ^^^^^^^
    hint: write one `[[plugin]]` for each

    error: a plugin has either `folder` or `command`, not both
     --> study.toml:9:1
      |
    9 | command = ["x"]
      | ^^^^^^^
    hint: write one `[[plugin]]` for each
    "#);
}

#[test]
fn everything_wrong_with_a_plugin_is_said_at_once() {
    let text = r#"
[[plugin]]
library = "own.so"
replica = 2
restarts = 1001
[[plugin]]
command = "own"
start-within = 60
[[plugin]]
command = []
isolate = "yes"
cancel-within = "0s"
[[plugin]]
command = ["own"]
isolate = true
replicas = 65
env = { TOKEN = 1 }
[[plugin]]
folder = ""
isolate = true
"#;
    insta::assert_snapshot!(drawn(text), @r#"
    error: unknown key `replica` in `plugin[0]`
     --> study.toml:4:1
      |
    4 | replica = 2
      | ^^^^^^^
    known keys: library, command, folder, isolate, replicas, start-within, load-within, cancel-within, restarts, env
    did you mean `replicas`?

    error: `restarts` takes a whole number from 0 to 1000, not the number `1001`
     --> study.toml:5:12
      |
    5 | restarts = 1001
      |            ^^^^ expected a whole number from 0 to 1000

    error: `command` takes a list of strings, not the string `own`
     --> study.toml:7:11
      |
    7 | command = "own"
      |           ^^^^^ expected a list of strings
    hint: put it in brackets

    error: `start-within` needs a unit behind `60`
     --> study.toml:8:16
      |
    8 | start-within = 60
      |                ^^
    hint: write `"60s"` for seconds; the units are ms, s, m and h

    error: `command` names no program
      --> study.toml:10:11
       |
    10 | command = []
       |           ^^

    error: `isolate` is for libraries: a command has a process of its own already
      --> study.toml:11:1
       |
    11 | isolate = "yes"
       | ^^^^^^^
    hint: leave `isolate` out

    error: `isolate` takes `true` or `false`, not the string `yes`
      --> study.toml:11:11
       |
    11 | isolate = "yes"
       |           ^^^^^ expected `true` or `false`

    error: `cancel-within` must be longer than `0s`
      --> study.toml:12:17
       |
    12 | cancel-within = "0s"
       |                 ^^^^

    error: `isolate` is for libraries: a command has a process of its own already
      --> study.toml:15:1
       |
    15 | isolate = true
       | ^^^^^^^
    hint: leave `isolate` out

    error: `replicas` takes a whole number from 1 to 64, not the number `65`
      --> study.toml:16:12
       |
    16 | replicas = 65
       |            ^^ expected a whole number from 1 to 64

    error: `TOKEN` takes a string, not the number `1`
      --> study.toml:17:17
       |
    17 | env = { TOKEN = 1 }
       |                 ^
    hint: put the value in quotes

    error: `folder` is an empty path
      --> study.toml:19:10
       |
    19 | folder = ""
       |          ^^
    "#);
}

#[test]
fn replicas_and_variables_need_a_process() {
    let text = r#"
[[plugin]]
library = "own.so"
replicas = 2
[[plugin]]
folder = "own"
isolate = false
env = { A = "1" }
"#;
    insta::assert_snapshot!(drawn(text), @r#"
    error: `replicas` is for processes, and this `library` is loaded into ours
     --> study.toml:4:1
      |
    4 | replicas = 2
      | ^^^^^^^^
    hint: add `isolate = true`, or leave `replicas` out

    error: `env` is for processes, and this `folder` is loaded into ours
     --> study.toml:8:1
      |
    8 | env = { A = "1" }
      | ^^^
    hint: add `isolate = true`, or leave `env` out
    "#);
}

#[test]
fn plugins_that_are_no_list_are_a_fault() {
    insta::assert_snapshot!(drawn("[plugin]\nlibrary = \"own.so\"\n"), @r"
    error: `plugin` takes a list of tables (`[[plugin]]`), not a table
     --> study.toml:1:1
      |
    1 | [plugin]
      | ^^^^^^^^ expected a list of tables (`[[plugin]]`)
    ");
}

#[test]
fn every_key_of_a_plugin_is_known_once() {
    let mut keys = PLUGIN_KEYS.to_vec();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), PLUGIN_KEYS.len());
}
