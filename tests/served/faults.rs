//! A server that fails now and then, and one that is gone.

use std::time::Duration;

use serde_json::json;
use tribunal_scripted::{Reply, Server};

use super::*;

/// 2 % 429 with Retry-After, 2 % 500, 0.5 % hang, 0.5 % malformed bodies, in turn.
fn troubled(request: &Request) -> Reply {
    if request.method == "GET" {
        return models();
    }
    match request.number % 200 {
        7 | 57 | 107 | 157 => {
            let error =
                json!({ "error": { "message": "slow down", "type": "rate_limit", "code": null } });
            Reply::status(429, error).header("retry-after", "0.05")
        }
        17 | 67 | 117 | 167 => Reply::status(500, json!({ "error": { "message": "oops" } })),
        23 => Reply::hang(),
        29 => match request.number / 200 % 4 {
            0 => Reply::text(200, "<html>hello</html>"),
            1 => Reply::cut(b"{\"choices\": [{\"mess"),
            2 => Reply::json(json!({ "choices": [] })),
            _ => Reply::drop_connection(),
        },
        _ => Reply::json(chat("[[A]]")).after(Duration::from_millis(5)),
    }
}

#[test]
fn every_trial_ends_stored_although_one_call_in_twenty_fails() {
    let server = Server::start(troubled);
    let program = Program::new();
    // TRIBUNAL_SERVED_PAIRS=10000 makes it the 20,000 requests of RMB's size.
    let count = std::env::var("TRIBUNAL_SERVED_PAIRS").map_or(1_000, |text| text.parse().unwrap());
    let trials = 2 * count;
    let suite = pairs(&program, count);
    let run = "timeout = \"1s\"\nretry = { attempts = 5, wait = \"20ms\" }\n";
    program.write("r.toml", &judge(&server.url(), &suite, "concurrency = 256", run));
    let ran = program.run(["run", "--json", "--accept-unverified", "r.toml"]).with_code(0);
    let report = ran.json();
    assert_eq!(report["complete"]["answered"], trials);
    assert_eq!(report["complete"]["unanswered"], 0);
    let stored = stored_trials(&run_folder(&program));
    assert_eq!((stored.len(), different(&stored)), (trials, trials));
    // The least is every trial once and 48 questions of the self-check.
    let requests = prompts(&server.requests()).len();
    let least = trials + 48;
    assert!((least..=least * 11 / 10).contains(&requests), "{requests} requests");
    // Failed attempts are noted with their error and wait, for the units they concern.
    let timing = std::fs::read_to_string(run_folder(&program).join("timing.jsonl")).unwrap();
    let lines: Vec<Value> =
        timing.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let waited = lines.iter().filter(|line| line["wait-ms"].is_u64() && line["error"].is_string());
    assert!(waited.clone().count() >= trials * 3 / 100, "{}", waited.count());
    assert!(waited.clone().all(|line| line["units"].as_array().unwrap().len() == 1));
    let busy = waited.clone().find(|line| line["error"].as_str().unwrap().contains("slow down"));
    assert!(busy.unwrap()["wait-ms"].as_u64().unwrap() >= 50, "{busy:?}");
    assert!(ran.err().contains("calls at once"), "{}", ran.err());
}

#[test]
fn a_server_that_is_not_there_is_named_before_anything_is_asked() {
    let url = Server::start(always_first).url();
    let program = Program::new();
    let suite = pairs(&program, 4);
    let run = "retry = { attempts = 2, wait = \"10ms\" }\n";
    program.write("r.toml", &judge(&url, &suite, "", run));
    let ran = program.run(["run", "r.toml"]).with_code(6);
    assert!(ran.err().contains("source `judge` cannot be used"), "{}", ran.err());
    assert!(ran.err().contains("127.0.0.1"), "{}", ran.err());
}

#[test]
fn a_server_that_goes_away_stops_the_run_which_can_go_on() {
    let server = Server::start(|request| match request.number {
        0..150 => always_first(request),
        _ => Reply::drop_connection(),
    });
    let program = Program::new();
    let suite = pairs(&program, 500);
    let run = "retry = { attempts = 2, wait = \"10ms\" }\n";
    let recipe = judge(&server.url(), &suite, "concurrency = 8", run);
    program.write("r.toml", &recipe);
    let ran = program.run(["run", "--accept-unverified", "r.toml"]).with_code(6);
    assert!(ran.err().contains("calls in a row got no answer"), "{}", ran.err());
    assert!(ran.err().contains("to go on:   tribunal resume"), "{}", ran.err());
    let before = stored_trials(&run_folder(&program)).len();
    assert!((80..=101).contains(&before), "{before}");
    // The circuit broke long before all 1,000 questions were tried.
    assert!(server.count() < 300, "{}", server.count());

    let healed = Server::start(always_first);
    program.write("r.toml", &recipe.replace(&server.url(), &healed.url()));
    let ran = program.run(["run", "--json", "--accept-unverified", "r.toml"]).with_code(0);
    assert_eq!(ran.json()["complete"]["answered"], 1_000);
    // The address is no part of who the judge is: nothing is asked twice.
    assert_eq!(prompts(&healed.requests()).len(), 1_000 - before);
}

#[test]
fn a_server_that_answers_as_another_model_stops_the_source_and_marks_the_trial() {
    let server = Server::start(|request| {
        let mut reply = chat("[[A]]");
        if request.number > 100 {
            reply["model"] = json!("judge-2");
        }
        if request.method == "GET" { models() } else { Reply::json(reply) }
    });
    let program = Program::new();
    let suite = pairs(&program, 200);
    program.write("r.toml", &judge(&server.url(), &suite, "concurrency = 4", ""));
    let ran = program.run(["run", "--accept-unverified", "r.toml"]).with_code(6);
    assert!(
        ran.err().contains("the server now answers as `judge-2`, and answered as `judge-1` before"),
        "{}",
        ran.err()
    );
    let segments = std::fs::read_dir(run_folder(&program).join("trials")).unwrap();
    let text: String =
        segments.map(|path| std::fs::read_to_string(path.unwrap().path()).unwrap()).collect();
    assert!(text.contains("\"served\":\"judge-2\""), "{text}");
    assert!(server.count() < 120, "{}", server.count());
}
