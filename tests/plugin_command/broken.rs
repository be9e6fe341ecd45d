//! What `tribunal plugin check` finds in plugins that break one promise each.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{compile, there_is};
use crate::program::{Program, Ran, root};

const TEXT: &str = include_str!("broken.c");

/// The report of the check of a plugin with this flaw, and its exit code.
fn checked(program: &Program, flaw: &str, more: &[&str]) -> (Value, i32) {
    let library = compile(program.folder(), TEXT, &[&format!("-D{flaw}")]).display().to_string();
    let mut args = vec!["plugin", "check", "--json", library.as_str()];
    args.extend(more);
    let ran = program.run(args);
    assert!(!ran.out().is_empty(), "{flaw}: exit code {}\n{}", ran.code(), ran.err());
    (ran.json(), ran.code())
}

/// The checks that ended so, by name, with what they say.
fn ended(report: &Value, status: &str) -> Vec<(String, String)> {
    let text = |line: &Value, key: &str| line[key].as_str().unwrap().to_owned();
    let lines = report["kinds"][0]["checks"].as_array().unwrap().iter();
    lines
        .filter(|line| line["status"] == status)
        .map(|line| (text(line, "check"), text(line, "text")))
        .collect()
}

/// The flaw fails this check first, with this text, and the exit code is 7.
#[track_caller]
fn assert_found(flaw: &str, check: &str, text: &str, more: &[&str]) {
    if !there_is("cc") {
        return;
    }
    let (report, code) = checked(&Program::new(), flaw, more);
    let failed = ended(&report, "failed");
    assert_eq!(code, 7, "{flaw}: {report:#}");
    assert_eq!(report["passed"], false);
    let (first, said) = failed.first().unwrap_or_else(|| panic!("{flaw}: {report:#}"));
    assert_eq!(first, check, "{flaw}: {failed:?}");
    assert!(said.contains(text), "{flaw}: {said}");
}

#[test]
fn a_plugin_without_a_flaw_passes() {
    if there_is("cc") {
        let (report, code) = checked(&Program::new(), "NOTHING", &[]);
        assert_eq!(code, 0, "{report:#}");
        assert_eq!(ended(&report, "failed"), []);
        let speed = report["kinds"][0]["checks"].as_array().unwrap().last().unwrap();
        assert_eq!(speed["check"], "throughput");
        assert!(speed["value"]["candidates-per-second"].as_f64().unwrap() > 1000.0, "{speed}");
    }
}

#[test]
fn a_score_that_is_no_number_is_found() {
    assert_found("GIVES_NAN", "answers", "NaN", &[]);
}

#[test]
fn answers_that_change_are_found() {
    assert_found("CHANGES_ITS_MIND", "same twice", "largest difference", &[]);
}

#[test]
fn answers_that_depend_on_the_batch_are_found() {
    assert_found("DEPENDS_ON_THE_BATCH", "size of batch", "padding", &[]);
}

#[test]
fn answers_that_depend_on_the_order_of_questions_are_found() {
    assert_found("DEPENDS_ON_THE_ORDER", "order of batch", "must not depend", &[]);
}

#[test]
fn calls_that_disturb_one_another_are_found() {
    assert_found("SHARES_BETWEEN_CALLS", "calls at once", "declare fewer than 4", &[]);
}

#[test]
fn an_identity_that_changes_is_found() {
    assert_found("CHANGES_ITS_IDENTITY", "identity", "it changes", &[]);
}

#[test]
fn a_schema_that_lets_slips_pass_is_found() {
    assert_found("TAKES_ANY_KEY", "settings", "additionalProperties", &[]);
}

#[test]
fn an_example_that_does_not_fit_the_schema_is_found() {
    assert_found("HAS_A_WRONG_EXAMPLE", "example", "unknown key `a`", &[]);
}

#[test]
fn a_crash_of_an_isolated_library_is_a_finding() {
    assert_found("CRASHES_ON_LONG_TEXT", "odd texts", "a candidate of 1 MB", &["--isolate"]);
}

#[test]
fn a_plugin_that_never_answers_ends_the_check_in_time() {
    let begun = Instant::now();
    assert_found("SLEEPS_FOR_EVER", "answers", "no end within 1s", &["--within", "1s"]);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[test]
fn nothing_more_is_asked_after_a_check_that_did_not_end() {
    if there_is("cc") {
        let (report, code) = checked(&Program::new(), "SLEEPS_ON_LONG_TEXT", &["--within", "2s"]);
        assert_eq!(code, 7, "{report:#}");
        let lines = report["kinds"][0]["checks"].as_array().unwrap();
        let last: Vec<&str> =
            lines[lines.len() - 2..].iter().map(|line| line["check"].as_str().unwrap()).collect();
        assert_eq!(last, ["odd texts", "the rest"]);
    }
}

#[test]
fn a_difference_by_rounding_is_measured_and_no_failure() {
    if there_is("cc") {
        let (report, code) = checked(&Program::new(), "ROUNDS_BY_THE_BATCH", &[]);
        assert_eq!(code, 0, "{report:#}");
        let measured = ended(&report, "measured");
        assert!(measured.iter().any(|(check, _)| check == "size of batch"), "{measured:?}");
        assert_eq!(ended(&report, "warning"), []);
    }
}

#[test]
fn that_the_first_candidate_is_preferred_is_measured_and_no_failure() {
    if there_is("cc") {
        let (report, code) = checked(&Program::new(), "PREFERS_THE_FIRST", &[]);
        assert_eq!(code, 0, "{report:#}");
        let measured = ended(&report, "measured");
        let (_, text) = measured.iter().find(|(check, _)| check == "position").unwrap();
        assert!(text.contains("12 of 12"), "{text}");
    }
}

#[test]
fn what_is_no_plugin_ends_with_exit_code_5() {
    let program = Program::new();
    let text = program.write("notes.so", "no library").display().to_string();
    for verb in ["check", "info"] {
        let ran = program.run(["plugin", verb, &text]).with_code(5);
        assert!(ran.err().contains("is not a shared library"), "{}", ran.err());
        let ran = program.run(["plugin", verb, "./nowhere.so"]).with_code(5);
        assert!(ran.err().contains("cannot read the plugin"), "{}", ran.err());
        let ran =
            program.run(["plugin", verb, "--", "no-such-program-anywhere", "-x"]).with_code(5);
        assert!(ran.err().contains("cannot be started"), "{}", ran.err());
    }
}

#[test]
fn a_slip_on_the_command_line_is_named() {
    if !there_is("cc") {
        return;
    }
    let program = Program::new();
    let library = compile(program.folder(), TEXT, &[]).display().to_string();
    let ran = program.run(["plugin", "check", &library, "--set", "b=1"]).with_code(2);
    assert!(ran.err().contains("unknown key `b`"), "{}", ran.err());
    let ran = program.run(["plugin", "check", &library, "--kind", "brokn"]).with_code(2);
    assert!(ran.err().contains("did you mean `broken`?"), "{}", ran.err());
    let ran = program.run(["plugin", "check", "--isolate", "--", "cat"]).with_code(2);
    assert!(ran.err().contains("`--isolate` is for libraries"), "{}", ran.err());
    let ran = program.run(["plugin", "check", &library, "--within", "5"]).with_code(2);
    assert!(ran.err().contains("needs a unit"), "{}", ran.err());
}

#[test]
fn a_setting_without_default_is_asked_for() {
    if !there_is("python3") {
        return;
    }
    let program = Program::new();
    let text = "SELF_CHECK = False\ndef score(conversation, candidates, *, weight: float):\n    \"\"\"Lengths.\"\"\"\n    \
                return [weight * len(text) for text in candidates]\n";
    let file = program.write("lengths.py", text).display().to_string();
    let check = |more: &[&str]| {
        let mut args = vec!["plugin", "check", "--json", file.as_str()];
        args.extend(more);
        let mut command = program.command(args);
        Ran(command.env("PYTHONPATH", root().join("plugins/python")).output().unwrap())
    };
    let ran = check(&[]).with_code(2);
    assert!(ran.err().contains("the key `weight` is missing"), "{}", ran.err());
    assert!(ran.err().contains("--set key=value"), "{}", ran.err());
    let report = check(&["--set", "weight=0.5"]).with_code(0).json();
    assert_eq!(report["passed"], true);
}

#[test]
fn a_python_file_without_its_package_is_told_where_to_get_it() {
    if !there_is("python3") {
        return;
    }
    let program = Program::new();
    let file =
        program.write("lengths.py", "def score(conversation, candidates):\n    return [0.0]\n");
    let mut command = program.command(["plugin", "info", &file.display().to_string()]);
    // Neither a package of the environment nor one of the user is seen.
    let ran = Ran(command.env("PYTHONNOUSERSITE", "1").env("PYTHONPATH", "").output().unwrap());
    if ran.code() == 0 {
        println!("skipped: the package tribunal_adapter is installed here");
        return;
    }
    let ran = ran.with_code(5);
    assert!(ran.err().contains("No module named tribunal_adapter"), "{}", ran.err());
    assert_eq!(ran.err().matches("hint: ").count(), 1, "{}", ran.err());
    assert!(ran.err().contains("pip install plugins/python"), "{}", ran.err());
}
