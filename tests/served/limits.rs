//! Budgets, and credentials that do not hold.

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
    program.run(["resume", "latest", "--accept-unverified"]).with_code(4);
    let ran = program.run(["resume", "latest", "--json", "--accept-unverified"]).with_code(0);
    assert_eq!(ran.json()["complete"]["answered"], 200);
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
    assert!(server.count() < 60, "{}", server.count());
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
