//! Programs as plugins that fail while a run goes on. The children are shell scripts: what they say is written out here.

use std::time::{Duration, Instant};

use super::{PAIRS, assert_control_is_whole, has, python_path, recipe, run, stored};
use crate::program::Program;

/// A child that greets, answers what planning asks, and then does `on_score` with the score's line in `$line`.
fn script(on_score: &str) -> String {
    format!(
        r#"#!/bin/sh
read -r line
echo '{{"op":"hello","protocol":[1,0],"name":"sh","version":"1","caps":["cancel"],"kinds":[{{"component":"source","kind":"sh","self-check":false}}]}}'
while read -r line; do
    id=$(printf '%s' "$line" | sed 's/.*"id":\([0-9]*\).*/\1/')
    case "$line" in
    *'"op":"check"'*) echo "{{\"id\":$id,\"declares\":{{\"batch\":1}}}}" ;;
    *'"op":"create"'*) echo "{{\"id\":$id,\"handle\":1}}" ;;
    *'"op":"identify"'*) echo "{{\"id\":$id,\"identity\":{{\"name\":\"sh\",\"fingerprint\":\"1\",\"strength\":\"revision\"}}}}" ;;
    *'"op":"score"'*) {on_score} ;;
    *'"op":"shutdown"'*) exit 0 ;;
    esac
done
"#
    )
}

fn run_script(program: &Program, script: &str, keys: &str) -> crate::program::Ran {
    program.write("child.sh", script);
    let plugin = format!("command = [\"sh\", \"child.sh\"]\nrestarts = 1\n{keys}");
    let text = recipe(&plugin, "kind = \"sh\"").replace("timeout = \"300ms\"", "timeout = \"2s\"");
    run(program, &text)
}

#[test]
fn a_child_that_keeps_to_the_protocol_is_a_source_like_others() {
    let program = Program::new();
    run_script(&program, &script(r#"echo "{\"id\":$id,\"scores\":[[1.5]]}""#), "").with_code(0);
    assert_eq!(stored(&program, "plugin"), 2 * PAIRS);
}

#[test]
fn children_that_break_off_or_break_the_protocol_are_given_up_by_name_and_reason() {
    for (name, on_score, expected) in [
        ("dies", "echo 'out of memory' >&2; exit 3", "out of memory"),
        ("is killed", "kill -9 $$", "SIGKILL"),
        ("garbage", "echo 'Loading model...'", "Loading model..."),
        ("half a line", r#"printf '{"id":'; exit 0"#, "{\"id\":"),
        ("nan", r#"echo "{\"id\":$id,\"scores\":[[NaN]]}""#, "which is not JSON"),
        ("unknown id", r#"echo '{"id":987654,"scores":[[1]]}'"#, "987654"),
        ("too few", r#"echo "{\"id\":$id,\"scores\":[]}""#, "0"),
        ("null", r#"echo "{\"id\":$id,\"scores\":[[null]]}""#, "candidate 0"),
        (
            "error",
            r#"echo "{\"id\":$id,\"error\":{\"code\":\"broken\",\"message\":\"no weights\"}}""#,
            "no weights",
        ),
    ] {
        let program = Program::new();
        let ran = run_script(&program, &script(on_score), "");
        assert_eq!(ran.code(), 6, "{name}: {}", ran.err());
        assert!(ran.err().contains(expected), "{name}: {}", ran.err());
        assert_control_is_whole(&program);
    }
}

#[test]
fn a_child_that_answers_twice_is_ended() {
    let program = Program::new();
    let twice = r#"echo "{\"id\":$id,\"scores\":[[1]]}"; echo "{\"id\":$id,\"scores\":[[2]]}""#;
    let ran = run_script(&program, &script(twice), "");
    // What was answered first counts; how far it comes depends on when the second answer is read.
    assert!(matches!(ran.code(), 0 | 3 | 6), "{}", ran.err());
    assert_control_is_whole(&program);
}

#[test]
fn a_child_that_hangs_is_killed_and_the_program_ends() {
    let program = Program::new();
    let started = Instant::now();
    let ran = run_script(&program, &script("sleep 3600"), "");
    assert_eq!(ran.code(), 6, "{}", ran.err());
    assert!(started.elapsed() < Duration::from_secs(40));
    assert_control_is_whole(&program);
}

/// The same child, which loads for a second when it is told to.
fn loading(on_load: &str) -> String {
    let script = script(r#"echo "{\"id\":$id,\"scores\":[[1.5]]}""#);
    script.replace(r#""caps":["cancel"]"#, r#""caps":["cancel","load"]"#).replace(
        "*'\"op\":\"score\"'*)",
        &format!("*'\"op\":\"load\"'*) {on_load} ;;\n    *'\"op\":\"score\"'*)"),
    )
}

#[test]
fn loading_counts_in_no_timeout() {
    let program = Program::new();
    program.write("child.sh", &loading(r#"sleep 1; echo "{\"id\":$id}""#));
    let text = recipe("command = [\"sh\", \"child.sh\"]", "kind = \"sh\"");
    // A call may take 300 ms.
    run(&program, &text).with_code(0);
    assert_eq!(stored(&program, "plugin"), 2 * PAIRS);
}

#[test]
fn a_source_that_cannot_load_is_given_up_with_its_reason() {
    let failed = r#"echo "{\"id\":$id,\"error\":{\"code\":\"broken\",\"message\":\"no memory left on device 0\"}}""#;
    let program = Program::new();
    let ran = run_script(&program, &loading(failed), "");
    assert_eq!(ran.code(), 5, "{}", ran.err());
    assert!(ran.err().contains("no memory left on device 0"), "{}", ran.err());
    assert_control_is_whole(&program);
    let program = Program::new();
    let ran = run_script(&program, &loading("sleep 60"), "load-within = \"400ms\"");
    assert_eq!(ran.code(), 5, "{}", ran.err());
    assert!(ran.err().contains("load"), "{}", ran.err());
    assert_control_is_whole(&program);
}

#[test]
fn a_child_that_floods_standard_error_is_read_all_the_same() {
    let program = Program::new();
    let flood =
        r#"yes 'a line of no use' | head -c 3000000 >&2; echo "{\"id\":$id,\"scores\":[[1]]}""#;
    run_script(&program, &script(flood), "").with_code(0);
    assert_eq!(stored(&program, "plugin"), 2 * PAIRS);
}

#[test]
fn a_child_that_does_not_greet_cannot_be_loaded() {
    for (name, script, expected) in [
        ("silent", "sleep 3600", "did not greet"),
        ("ends", "echo 'no such model' >&2; exit 7", "no such model"),
        (
            "major",
            r#"read -r line; echo '{"op":"hello","protocol":[2,0],"name":"x","version":"1","kinds":[]}'; sleep 9"#,
            "version 2.x",
        ),
        ("garbage", "read -r line; echo hello; sleep 9", "hello"),
        (
            "no kinds",
            r#"read -r line; echo '{"op":"hello","protocol":[1,0],"name":"x","version":"1","kinds":[]}'; sleep 9"#,
            "no kinds",
        ),
    ] {
        let program = Program::new();
        let started = Instant::now();
        let ran = run_script(&program, script, "start-within = \"700ms\"").with_code(5);
        assert!(ran.err().contains(expected), "{name}: {}", ran.err());
        assert!(started.elapsed() < Duration::from_secs(8), "{name}: {:?}", started.elapsed());
    }
    let program = Program::new();
    let missing = recipe("command = [\"no-such-program\"]", "kind = \"sh\"");
    let ran = run(&program, &missing).with_code(5);
    assert!(ran.err().contains("no-such-program"), "{}", ran.err());
}

#[test]
fn an_adapter_in_python_runs_with_prints_in_it() {
    if !has("python3") {
        return;
    }
    let program = Program::new();
    program.write(
        "short.py",
        "import os\nSELF_CHECK = False\nprint('loading')\n\ndef score(conversation, candidates, *, reward_per_character: float = -1.0):\n    \
         print('scoring', candidates)\n    os.write(1, b'raw\\n')\n    \
         return [reward_per_character * len(text) for text in candidates]\n",
    );
    let plugin = format!(
        "command = [\"python3\", \"-m\", \"tribunal_adapter\", \"short.py\"]\nreplicas = 2\nenv = {{ PYTHONPATH = {:?} }}",
        python_path()
    );
    let text =
        recipe(&plugin, "kind = \"short\"").replace("timeout = \"300ms\"", "timeout = \"20s\"");
    run(&program, &text).with_code(0);
    assert_eq!(stored(&program, "plugin"), 2 * PAIRS);
}
