//! Libraries that fail while a run goes on.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{PAIRS, assert_control_is_whole, built, faulty, recipe, run, run_with, stored};
use crate::program::{Program, root};

/// A source of the plugin in C that fails in this way.
fn failing(program: &Program, plugin_keys: &str, how: &str) -> String {
    let library = faulty(program);
    recipe(
        &format!("library = {library:?}\n{plugin_keys}"),
        &format!("kind = \"faulty\"\nhow = {how:?}"),
    )
}

#[test]
fn examples_in_c_and_cpp_run_and_score_what_they_should() {
    let program = Program::new();
    let c = built(&program, "examples/adapters/c/brevity.c", "brevity.so", &[]);
    let cpp = built(&program, "examples/adapters/cpp/wordiness.cpp", "wordiness.so", &[]);
    let text = recipe(
        &format!("library = {c:?}\n[[plugin]]\nlibrary = {cpp:?}"),
        "kind = \"c.brevity\"\nreward-per-byte = -2.0\n[source.words]\nkind = \"cpp.wordiness\"",
    );
    run(&program, &text).with_code(0);
    assert_control_is_whole(&program);
    let rows = program.run(["export", "out", "--to", "jsonl"]).out();
    let rows: Vec<Value> = rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let scores = |source: &str| -> Vec<f64> {
        let own = rows.iter().filter(|row| row["source"] == source);
        own.map(|row| row["scores"][0].as_f64().unwrap()).collect()
    };
    // The texts of the sample are ASCII: a character is a byte.
    let lengths = scores("length");
    let expected: Vec<f64> = lengths.iter().map(|length| -2.0 * length).collect();
    assert_eq!(scores("plugin"), expected);
    assert!(scores("words").iter().all(|score| *score <= -1.0));
    let id = rows[0]["id"].to_string().replace('"', "");
    let shown = program.run(["show", "out", "--id", &id, "--json"]).with_code(0).out();
    assert!(shown.contains("\"words\""), "the part `words` is kept: {shown}");
    let report = program.run(["report", "out", "--json"]).json();
    let plugins: Vec<&Value> = report["run"]["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|source| &source["plugin"])
        .collect();
    assert!(
        plugins[0].is_null() && plugins[1].as_str().unwrap().ends_with("/brevity.so"),
        "{plugins:?}"
    );
}

#[test]
fn answers_that_break_a_rule_are_left_unanswered_and_say_why() {
    for (how, expected) in [
        ("unwritten", "scores were not written"),
        ("fails", "the model is on fire"),
        ("odd-status", "returned status 77"),
        ("both", "it was filled, and an abstention was given for it, too"),
    ] {
        let program = Program::new();
        let ran = run(&program, &failing(&program, "", how));
        // A plugin that never answers is given up; one that answers in part leaves gaps.
        assert!(matches!(ran.code(), 3 | 6), "{how}: {} {}", ran.code(), ran.err());
        assert!(ran.err().contains(expected), "{how}: {}", ran.err());
        assert_control_is_whole(&program);
    }
}

#[test]
fn one_bad_number_costs_one_question() {
    let program = Program::new();
    let ran = run(&program, &failing(&program, "", "nan")).with_code(3);
    assert!(ran.err().contains("the score of candidate 0 is `NaN`"), "{}", ran.err());
    assert_control_is_whole(&program);
    // The first of every batch of 4.
    assert_eq!(stored(&program, "plugin"), 2 * PAIRS - 10);
}

#[test]
fn calls_that_never_end_are_given_up_and_the_program_ends() {
    for how in ["sleeps", "spins", "never"] {
        let program = Program::new();
        let started = Instant::now();
        let ran = run(&program, &failing(&program, "", how)).with_code(6);
        assert!(ran.err().contains("does not come back"), "{how}: {}", ran.err());
        assert!(started.elapsed() < Duration::from_secs(10), "{how}");
        assert_control_is_whole(&program);
    }
}

#[test]
fn a_crash_without_isolation_leaves_the_store_intact() {
    let program = Program::new();
    let ran = run(&program, &failing(&program, "", "segv"));
    use std::os::unix::process::ExitStatusExt;
    assert_eq!(ran.0.status.signal(), Some(11), "{}", ran.err());
    assert_control_is_whole(&program);
    let resumed = program.run(["resume", "out"]);
    assert_eq!(resumed.0.status.signal(), Some(11), "it is asked again, and crashes again");
    assert_control_is_whole(&program);
}

#[test]
fn a_crash_in_isolation_costs_its_own_trials() {
    for (how, expected) in [("segv", "SIGSEGV"), ("aborts", "SIGABRT"), ("exits", "exit")] {
        let program = Program::new();
        let text = failing(&program, "isolate = true\nrestarts = 2", how);
        let text = text.replace("timeout = \"300ms\"", "timeout = \"20s\"");
        let ran = run(&program, &text).with_code(6);
        assert!(ran.err().contains(expected), "{how}: {}", ran.err());
        assert!(
            ran.err().contains("started again") || ran.err().contains("restart"),
            "{how}: {}",
            ran.err()
        );
        assert_control_is_whole(&program);
        assert_eq!(stored(&program, "plugin"), 0);
    }
}

#[test]
fn a_hang_in_isolation_is_killed_and_started_again() {
    let program = Program::new();
    let ran =
        run(&program, &failing(&program, "isolate = true\nrestarts = 1", "spins")).with_code(6);
    assert_control_is_whole(&program);
    assert!(ran.err().contains("faulty.so"), "{}", ran.err());
}

#[test]
fn prints_of_an_isolated_library_do_not_disturb_the_protocol() {
    let program = Program::new();
    let text = failing(&program, "isolate = true", "prints");
    run(&program, &text.replace("timeout = \"300ms\"", "timeout = \"20s\"")).with_code(0);
    assert_eq!(stored(&program, "plugin"), 2 * PAIRS);
}

#[test]
fn an_isolated_library_gives_the_same_answers() {
    let program = Program::new();
    let c = built(&program, "examples/adapters/c/brevity.c", "brevity.so", &[]);
    let scores = |keys: &str, out: &str| {
        let text = recipe(&format!("library = {c:?}\n{keys}"), "kind = \"c.brevity\"\nbatch = 5");
        let text = text.replace("timeout = \"300ms\"", "timeout = \"20s\"");
        let path = program.write("recipe.toml", &text);
        program.run(["run", path.to_str().unwrap(), "-o", out]).with_code(0);
        program.run(["export", out, "--to", "jsonl"]).out()
    };
    let here = scores("", "here");
    assert_eq!(here, scores("isolate = true", "isolated"));
    assert_eq!(here, scores("isolate = true\nreplicas = 2", "twice"));
}

#[test]
fn a_library_that_is_not_isolated_is_as_good_as_built_in_for_resuming() {
    let program = Program::new();
    let c = built(&program, "examples/adapters/c/brevity.c", "brevity.so", &[]);
    let text = recipe(&format!("library = {c:?}"), "kind = \"c.brevity\"");
    run_with(&program, &text, &["--shard", "0/2"]).with_code(0);
    program.run(["resume", "out"]).with_code(0);
    assert_eq!(stored(&program, "plugin"), 2 * PAIRS);
    assert!(root().join("examples/adapters/c/brevity.c").is_file());
}
