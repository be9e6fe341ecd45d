//! Budgets, and credentials that do not hold.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;
use tribunal_scripted::{Reply, Server};

use super::*;

#[test]
fn a_budget_of_calls_is_never_exceeded_and_the_run_goes_on_later() {
    let server = Server::start(always_first);
    let program = Program::new();
    let suite = pairs(&program, 100);
    let run = "budget = { calls = 120 }\n";
    program.write("r.toml", &judge(&server.url(), &suite, "concurrency = 16", run));
    let ran = program.run(["run", "--accept-unverified", "r.toml"]).with_code(4);
    assert!(
        ran.err().contains("stopped by the budget: 120 of 120 calls are made"),
        "{}",
        ran.err()
    );
    assert!(!ran.err().contains("warning: source `judge` left"), "{}", ran.err());
    let posts = prompts(&server.requests()).len();
    assert_eq!(posts, 120, "the self-check counts");
    let stored = stored_trials(&run_folder(&program)).len();
    assert_eq!(stored, 120 - 48);
    // What goes on is not checked again: 72 + 120 of 200 trials.
    program.run(["resume", "latest"]).with_code(4);
    let ran = program.run(["resume", "latest", "--json"]).with_code(0);
    assert_eq!(ran.json()["complete"]["answered"], 200);
    assert_eq!(prompts(&server.requests()).len(), 48 + 200);
}

#[test]
fn a_budget_in_dollars_is_charged_by_the_recipes_prices() {
    let server = Server::start(always_first);
    let program = Program::new();
    let suite = pairs(&program, 100);
    // 100 tokens read and 4 written cost 100 x 10 + 4 x 250 = 2,000 millionths of a dollar.
    let run = "budget = { usd = 0.2 }\n\n[price]\n\"judge-1\" = { input = 10.0, output = 250.0 }\n";
    program.write("r.toml", &judge(&server.url(), &suite, "concurrency = 1", run));
    let ran = program.run(["run", "--accept-unverified", "r.toml"]).with_code(4);
    assert!(ran.err().contains("0.20 of 0.20 USD are spent"), "{}", ran.err());
    assert_eq!(prompts(&server.requests()).len(), 100);
}

#[test]
fn a_key_that_is_refused_stops_the_run_at_once() {
    let server = Server::start(|request| match request.method.as_str() {
        "GET" => models(),
        _ => Reply::status(
            401,
            json!({ "error": { "message": "wrong key", "code": "invalid_api_key" } }),
        ),
    });
    let program = Program::new();
    let suite = pairs(&program, 50);
    program.write("r.toml", &judge(&server.url(), &suite, "concurrency = 8", ""));
    let ran = program.run(["run", "r.toml"]).with_code(6);
    assert!(ran.err().contains("wrong key"), "{}", ran.err());
    assert_eq!(prompts(&server.requests()).len(), 1, "one refusal is enough");
}

#[test]
fn a_quota_that_is_used_up_is_not_waited_for() {
    let server = Server::start(|request| match (request.method.as_str(), request.number) {
        ("GET", _) => models(),
        (_, 0..100) => Reply::json(chat("[[A]]")),
        _ => {
            let error = json!({ "message": "You exceeded your current quota", "code": "insufficient_quota" });
            Reply::status(429, json!({ "error": error }))
        }
    });
    let program = Program::new();
    let suite = pairs(&program, 200);
    program.write("r.toml", &judge(&server.url(), &suite, "concurrency = 4", ""));
    let ran = program.run(["run", "--accept-unverified", "r.toml"]).with_code(6);
    assert!(ran.err().contains("exceeded your current quota"), "{}", ran.err());
    assert!(server.count() < 112, "{}", server.count());
}

#[test]
fn offline_refuses_hosts_beyond_loopback_and_nothing_else() {
    let server = Server::start(always_first);
    let program = Program::new();
    let suite = pairs(&program, 2);
    let recipe = judge(&server.url(), &suite, "", "");
    program.write("near.toml", &recipe);
    program.run(["run", "--offline", "--accept-unverified", "near.toml"]).with_code(0);
    program.write("far.toml", &recipe.replace(&server.url(), "https://judges.example"));
    let ran = program.run(["run", "--offline", "far.toml"]).with_code(2);
    assert!(ran.err().contains("base-url"), "{}", ran.err());
}

#[test]
fn many_truncated_verdicts_are_said_above_the_table_with_the_remedy() {
    let server = Server::start(|request| {
        let mut reply = chat("[[A]]");
        if request.number % 10 == 3 {
            reply["choices"][0]["message"]["content"] = json!("Reply A is clear, and reply B");
            reply["choices"][0]["finish_reason"] = json!("length");
        }
        if request.method == "GET" { models() } else { Reply::json(reply) }
    });
    let program = Program::new();
    let suite = pairs(&program, 50);
    program.write("r.toml", &judge(&server.url(), &suite, "concurrency = 1", ""));
    let ran = program.run(["run", "--accept-unverified", "r.toml"]).with_code(0);
    let text = ran.out();
    let note = text.find("10 truncated").unwrap_or_else(|| panic!("{text}"));
    assert!(text[note..].contains("raise `sampling.max-tokens`"), "{text}");
    assert!(note < text.find("95 % interval").unwrap(), "{text}");
}

#[test]
fn what_waits_for_its_turn_is_not_sent_after_ctrl_c() {
    let server = Server::start(|request| match request.method.as_str() {
        "GET" => models(),
        _ => Reply::json(chat("[[A]]")).after(Duration::from_millis(200)),
    });
    let program = Program::new();
    let suite = pairs(&program, 300);
    program.write("r.toml", &judge(&server.url(), &suite, "concurrency = 64", ""));
    let args = ["run", "--accept-unverified", "r.toml"];
    let child = program.command(args).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    // 48 questions of the self-check, and the first places of the lane.
    assert!(server.wait_for(80, Duration::from_secs(60)));
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    std::thread::sleep(Duration::from_millis(100));
    let sent = server.count();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert_eq!(server.count(), sent, "{said}");
    assert!(said.contains("to go on:   tribunal resume"), "{said}");
}

#[test]
fn a_wait_of_an_hour_ends_the_run_which_can_go_on() {
    let server = Server::start(|request| match (request.method.as_str(), request.number) {
        ("GET", _) => models(),
        (_, 0..70) => Reply::json(chat("[[A]]")),
        _ => Reply::status(429, json!({ "error": { "message": "later" } }))
            .header("retry-after", "3600"),
    });
    let program = Program::new();
    let suite = pairs(&program, 200);
    program.write("r.toml", &judge(&server.url(), &suite, "concurrency = 4", ""));
    let ran = program.run(["run", "--accept-unverified", "r.toml"]).with_code(6);
    assert!(ran.err().contains("the backend asks to wait 1h"), "{}", ran.err());
    assert!(ran.err().contains("to go on:   tribunal resume"), "{}", ran.err());
}

#[test]
fn samples_that_go_one_by_one_keep_to_the_concurrency_and_the_budget() {
    // A server that ignores `n`, as many do.
    let server = Server::start(|request| match request.method.as_str() {
        "GET" => models(),
        _ => Reply::json(chat("[[A]]")).after(Duration::from_millis(5)),
    });
    let program = Program::new();
    let suite = pairs(&program, 30);
    let recipe = judge(&server.url(), &suite, "concurrency = 4", "samples = 8\n").replace(
        "prompt = \"pairwise\"\n",
        "prompt = \"pairwise\"\nsampling = { temperature = 0.7 }\n",
    );
    program.write("r.toml", &recipe);
    let ran = program.run(["run", "--json", "--accept-unverified", "r.toml"]).with_code(0);
    assert_eq!(ran.json()["complete"]["answered"], 60);
    assert!(server.peak_in_flight() <= 4 + 8, "{} at once", server.peak_in_flight());
    let asked = prompts(&server.requests()).len();
    // 40 questions of the self-check (a source that draws is not asked twice), 60 x 8 samples; what was asked for by
    // `n` before it was found not to work gave one sample each.
    assert!((40 + 480..=40 + 480 + 8).contains(&asked), "{asked}");
}
