//! Runs that are killed, and runs whose library is in a process of its own, come to the same summary.

use std::fs;
use std::path::{Path, PathBuf};

use super::{block, make, plugin, short_prompt, suite};
use crate::kill::{Whole, kill_and_resume, undisturbed};
use crate::program::{Program, shared_data};

const ANYWAY: &[&str] = &["--accept-unverified"];

/// The verdicts of a tiny model by the probability of a label, by eight votes, a classifier and a likelihood.
fn recipe(program: &Program, name: &str, keys: &str, prompt: &str, suite: &str) -> Option<PathBuf> {
    let plugin = plugin(keys)?;
    for kind in ["judge", "classifier", "causal"] {
        if !program.folder().join(kind).exists() {
            make(program, kind);
        }
    }
    let generator = block("generator.local", "llama.generator", "judge");
    let classifier = block("source.rm", "llama.classifier", "classifier");
    let likelihood = block("source.likelihood", "llama.likelihood", "causal");
    let judge = format!("kind = \"judge\"\ngenerator = \"local\"\nprompt = {prompt:?}\n");
    let text = format!(
        r#"{plugin}
{generator}{classifier}{likelihood}
[source.votes]
{judge}reasoning = "none"
constrain = true
sampling = {{ temperature = 1.0, max-tokens = 12 }}
samples = 8
[source.judge]
{judge}readout = "label-logprob"
reasoning = "none"
order = "both"
{suite}"#
    );
    Some(program.write(name, &text))
}

/// Every source has scores.
fn assert_all_answer(program: &Program, out: &Path) {
    let rows = program.run(["export", out.to_str().unwrap(), "--to", "jsonl"]).with_code(0).out();
    let mut votes = [0, 0];
    for row in rows.lines() {
        let row: serde_json::Value = serde_json::from_str(row).unwrap();
        assert!(row["scores"].is_array(), "{row}");
        if row["source"] == "votes" {
            votes[usize::from(row["scores"][0].as_f64() < row["scores"][1].as_f64())] += 1;
        }
    }
    assert!(votes[0] > 0 && votes[1] > 0, "verdicts do not differ: {votes:?}");
}

#[test]
fn a_killed_run_and_an_isolated_one_end_in_the_same_summary() {
    let program = Program::new();
    let prompt = short_prompt(&program);
    let Some(here) = recipe(&program, "here.toml", "", prompt, &suite(2)) else { return };
    let whole = undisturbed(&program, &here, ANYWAY);
    assert_all_answer(&program, &program.folder().join("whole"));
    let while_storing = kill_and_resume(&program, &here, ANYWAY, &whole, 3);
    assert!(while_storing > 0, "no kill hit the asking");
    let keys = "isolate = true\n";
    let isolated = recipe(&program, "isolated.toml", keys, prompt, &suite(2)).unwrap();
    let args = ["run", isolated.to_str().unwrap(), "-q", "-o", "isolated"];
    program.run([&args[..], ANYWAY].concat()).with_code(0);
    let summary = fs::read(program.folder().join("isolated/summary.json")).unwrap();
    assert!(summary == whole.summary, "an isolated library answers otherwise");
}

/// `make test-kill` runs it: 20 kills of a run over 200 items.
#[test]
#[ignore = "takes minutes: `make test-kill` runs it"]
fn a_long_run_killed_at_random_moments_ends_in_the_same_summary() {
    let Some(data) = shared_data() else { return };
    let program = Program::new();
    let suite =
        format!("[suite.rmb]\nkind = \"rmb\"\npath = {:?}\nsample = 33\n", data.join("rmb"));
    let Some(recipe) = recipe(&program, "long.toml", "", "pairwise", &suite) else { return };
    let whole: Whole = undisturbed(&program, &recipe, ANYWAY);
    let while_storing = kill_and_resume(&program, &recipe, ANYWAY, &whole, 20);
    assert!(while_storing > 10, "too few kills hit the asking");
}
