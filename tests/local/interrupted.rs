//! Ctrl-C while a model writes.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{block, make, plugin, short_prompt, suite};
use crate::program::{Program, Ran};

/// A control, then a judge over a tiny model of this kind: `judge` writes on and on, `causal` comes to an end. Each question takes minutes by
/// its samples, the self-check has one sample.
fn recipe(program: &Program, kind: &str, max_tokens: u32) -> Option<()> {
    let plugin = plugin("")?;
    make(program, kind);
    let generator = block("generator.local", "llama.generator", kind);
    let prompt = short_prompt(program);
    let text = format!(
        r#"{plugin}
{generator}
[source.length]
kind = "baseline.length"
[source.judge]
kind = "judge"
generator = "local"
prompt = {prompt:?}
sampling = {{ temperature = 1.0, max-tokens = {max_tokens} }}
samples = 2000
{}"#,
        suite(2)
    );
    program.write("recipe.toml", &text);
    Some(())
}

fn start(program: &Program, args: &[&str]) -> Child {
    program
        .command([args, &["--accept-unverified"]].concat())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn interrupt(child: &Child) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
}

/// Waits for the end, which is to come soon after what was just done. Gives back how long it took.
fn ends_soon(child: Child, code: i32) -> (Ran, Duration) {
    let told = Instant::now();
    let ran = Ran(child.wait_with_output().unwrap()).with_code(code);
    let took = told.elapsed();
    assert!(took < Duration::from_secs(3), "it took {took:?} to end");
    (ran, took)
}

/// Interrupts a run in the midst of its self-check so many times.
fn interrupt_the_self_check(times: usize) {
    let program = Program::new();
    if recipe(&program, "judge", 3000).is_none() {
        return;
    }
    let mut waits = Vec::new();
    for _ in 0..times {
        let child = start(&program, &["run", "recipe.toml", "-o", "out"]);
        std::thread::sleep(Duration::from_secs(1));
        interrupt(&child);
        let (ran, took) = ends_soon(child, 130);
        assert!(ran.err().contains("interrupted before the first trial"), "{}", ran.err());
        assert!(!program.folder().join("out/plan.json").exists());
        waits.push(took);
    }
    tell("during the self-check", waits);
}

/// Interrupts a run while its judge is asked, and its resumption as often as is left: what is computed here is left at the first Ctrl-C. A
/// second one that follows in an instant ends the program while it computes.
fn interrupt_the_judge(times: usize, max_tokens: u32, twice: bool) {
    let program = Program::new();
    if recipe(&program, "causal", max_tokens).is_none() {
        return;
    }
    let begun = || {
        let events = fs::read_to_string(program.folder().join("out/events.jsonl"));
        events.unwrap_or_default().matches(r#""event":"source","source":"judge""#).count()
    };
    let mut waits = Vec::new();
    let mut controls = None;
    for time in 0..times {
        let args: &[&str] = match time {
            0 => &["run", "recipe.toml", "-o", "out"],
            _ => &["resume", "out"],
        };
        let before = begun();
        let mut child = start(&program, args);
        while begun() == before {
            assert!(child.try_wait().unwrap().is_none(), "it ended before it asked the judge");
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(300));
        interrupt(&child);
        if twice {
            interrupt(&child);
        }
        let (ran, took) = ends_soon(child, 130);
        assert!(ran.err().contains("stopping: "), "{}", ran.err());
        waits.push(took);
        let rows = program.run(["export", "out", "--to", "jsonl"]).with_code(0).out();
        let stored = rows.lines().filter(|row| row.contains(r#""source":"length""#)).count();
        assert!(stored > 0 && *controls.get_or_insert(stored) == stored);
    }
    tell("while the judge is asked", waits);
}

fn tell(when: &str, mut waits: Vec<Duration>) {
    waits.sort();
    let (count, last) = (waits.len(), waits[waits.len() - 1]);
    println!(
        "{count} interruptions {when}: the end came after {:.0?} to {last:.0?}, median {:.0?}",
        waits[0],
        waits[count / 2]
    );
}

#[test]
fn an_interrupted_self_check_ends_soon() {
    interrupt_the_self_check(1);
}

#[test]
fn a_judge_that_is_interrupted_ends_soon_and_can_go_on() {
    interrupt_the_judge(2, 600, false);
}

#[test]
fn a_judge_that_is_interrupted_twice_ends_soon_and_can_go_on() {
    interrupt_the_judge(3, 64, true);
}

#[test]
#[ignore = "measures what the tests before only bound: `cargo test --test tribunal ten_interruptions -- --ignored --nocapture`"]
fn ten_interruptions() {
    interrupt_the_self_check(10);
    interrupt_the_judge(10, 1000, false);
    interrupt_the_judge(10, 64, true);
}
