//! `serve`, spoken to line by line.

use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Write, pipe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};
use tribunal_loader::runner::{About, serve};

use super::kinds::registry;

/// A host that speaks to kinds in memory.
struct Host {
    to: PipeWriter,
    from: Receiver<Value>,
    served: Receiver<std::io::Result<()>>,
}

impl Host {
    fn new() -> Self {
        Self::with(|| 0)
    }

    fn with(given_up: fn() -> usize) -> Self {
        let (input, to) = pipe().unwrap();
        let (from, output) = pipe().unwrap();
        let (done, served) = channel();
        let about = About { name: "n".into(), version: "3".into(), sdk: "kit".into() };
        std::thread::spawn(move || done.send(serve(registry(), about, input, output, given_up)));
        let (lines, heard) = channel();
        let hear = move |from: PipeReader| {
            for line in BufReader::new(from).lines() {
                lines.send(serde_json::from_str(&line.unwrap()).unwrap()).unwrap();
            }
        };
        std::thread::spawn(move || hear(from));
        Self { to, from: heard, served }
    }

    fn say(&mut self, request: Value) {
        self.to.write_all(format!("{request}\n").as_bytes()).unwrap();
    }

    fn hear(&self) -> Value {
        self.from.recv_timeout(Duration::from_secs(10)).expect("a reply")
    }

    fn ask(&mut self, request: Value) -> Value {
        self.say(request);
        self.hear()
    }

    /// A component, and its handle.
    fn create(&mut self, component: &str, kind: &str, settings: Value) -> Value {
        let request = json!({"op": "create", "id": 1, "component": component, "kind": kind, "settings": settings});
        self.ask(request)["handle"].clone()
    }

    fn end(&self) -> std::io::Result<()> {
        self.served.recv_timeout(Duration::from_secs(10)).expect("it ends")
    }
}

fn score(id: u64, handle: &Value) -> Value {
    json!({"op": "score", "id": id, "handle": handle,
        "prompts": [[{"role": "user", "content": "p"}]],
        "questions": [{"prompt": 0, "candidates": ["ab"]}, {"prompt": 0, "candidates": ["abcd", ""]}]})
}

#[test]
fn the_greeting_has_all_kinds_and_the_offered_capabilities() {
    let mut host = Host::new();
    let hello = host
        .ask(json!({"op": "hello", "protocol": [1, 0], "caps": ["cancel", "later"], "replica": 0}));
    assert_eq!(
        (&hello["name"], &hello["version"], &hello["sdk"]),
        (&json!("n"), &json!("3"), &json!("kit"))
    );
    assert_eq!(hello["caps"], json!(["cancel"]));
    let kinds: Vec<_> = hello["kinds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|kind| (&kind["component"], &kind["kind"]))
        .collect();
    assert_eq!(
        kinds,
        [
            (&json!("source"), &json!("rich")),
            (&json!("generator"), &json!("echo")),
            (&json!("suite"), &json!("own"))
        ]
    );
    assert_eq!(hello["kinds"][0]["self-check"], json!(false));
    assert_eq!(
        hello["kinds"][0]["schema"]["properties"]["factor"]["description"],
        json!("What a score is multiplied by.")
    );
    host.say(json!({"op": "shutdown"}));
    host.end().unwrap();
}

#[test]
fn check_says_what_the_component_would_be() {
    let mut host = Host::new();
    let check = |component, kind, settings| json!({"op": "check", "id": 1, "component": component, "kind": kind, "settings": settings});
    assert_eq!(
        host.ask(check("source", "rich", json!({}))),
        json!({"id": 1, "declares": {"arity": [1, 65535], "reads": "key", "draws": true, "scale": "logit",
            "batch": 9, "in-flight": 3, "lane": "lane"}})
    );
    assert_eq!(
        host.ask(check("generator", "echo", json!({}))),
        json!({"id": 1, "declares": {"batch": 2, "in-flight": 4, "renders-markers": true, "samples-at-once": 5}})
    );
    let suite = host.ask(check("suite", "own", json!({})));
    assert_eq!(suite["declares"]["grading"], json!("own"));
    assert_eq!(suite["declares"]["card"]["published"]["order"], json!("random:3"));
    assert_eq!(
        host.ask(check("source", "rich", json!({"factor": 0.0}))),
        json!({"id": 1, "error": {"code": "settings", "message": "a factor of 0 says nothing",
            "path": ["factor"], "known": ["1"], "hint": "choose another"}})
    );
    assert_eq!(host.ask(check("source", "other", json!({})))["error"]["code"], json!("settings"));
}

#[test]
fn plain_scores_are_written_short() {
    let mut host = Host::new();
    let handle = host.create("source", "rich", json!({"factor": 0.1}));
    assert_eq!(host.ask(score(2, &handle)), json!({"id": 2, "scores": [[0.2], [0.4, 0.0]]}));
}

#[test]
fn raw_bytes_are_read_behind_the_line() {
    let mut host = Host::new();
    let handle = host.create("source", "rich", json!({"factor": 1}));
    host.say(
        json!({"op": "score", "id": 2, "handle": handle, "bytes": 6, "prompts": [[["user", 1]]],
        "questions": [{"prompt": 0, "candidates": [3, 2]}]}),
    );
    host.to.write_all("pé.ab".as_bytes()).unwrap();
    assert_eq!(host.hear(), json!({"id": 2, "scores": [[3.0, 2.0]]}));
    // A length that cuts a character, and one that is too long.
    for lengths in [[2, 3], [3, 9]] {
        host.say(
            json!({"op": "score", "id": 3, "handle": handle, "bytes": 6, "prompts": [[["user", 1]]],
            "questions": [{"prompt": 0, "candidates": lengths}]}),
        );
        host.to.write_all("p.éab".as_bytes()).unwrap();
        assert_eq!(
            host.hear()["error"]["message"],
            json!("the raw bytes are not as long as the line says")
        );
    }
}

#[test]
fn a_cancelled_request_is_answered_once_and_others_go_on() {
    let mut host = Host::new();
    let slow = host.create("source", "rich", json!({"instead": "sleep"}));
    let quick = host.create("source", "rich", json!({}));
    host.say(score(2, &slow));
    assert_eq!(host.ask(score(3, &quick))["id"], json!(3));
    host.say(json!({"op": "cancel", "id": 2}));
    assert_eq!(
        host.hear(),
        json!({"id": 2, "error": {"code": "cancelled", "message": "the host cancelled it"}})
    );
    // What is not open any longer cannot be cancelled, and nothing is said of it.
    host.say(json!({"op": "cancel", "id": 2}));
    assert_eq!(host.ask(score(4, &quick))["id"], json!(4));
}

#[test]
fn no_more_calls_run_at_once_than_the_source_admits() {
    let mut host = Host::new();
    let slow = host.create("source", "rich", json!({"instead": "sleep"}));
    for id in 2..6 {
        host.say(score(id, &slow));
    }
    // The fourth waits for a permit, and is cancelled while it waits.
    host.say(json!({"op": "cancel", "id": 5}));
    assert_eq!(host.hear()["id"], json!(5));
    host.say(json!({"op": "shutdown"}));
    host.end().unwrap();
}

#[test]
fn a_call_that_goes_on_after_it_was_given_up_is_not_called_cancelled() {
    static HANGING: AtomicUsize = AtomicUsize::new(1);
    let mut host = Host::with(|| HANGING.load(Ordering::Relaxed));
    let slow = host.create("source", "rich", json!({"instead": "sleep"}));
    host.say(score(2, &slow));
    host.say(json!({"op": "cancel", "id": 2}));
    assert!(host.from.recv_timeout(Duration::from_millis(200)).is_err());
    HANGING.store(0, Ordering::Relaxed);
    assert_eq!(host.hear()["error"]["code"], json!("cancelled"));
}

#[test]
fn a_panic_costs_its_request_alone() {
    let mut host = Host::new();
    let handle = host.create("source", "rich", json!({"instead": "panic"}));
    let error = json!({"code": "broken", "message": "it panicked: no scores today"});
    for id in 2..4 {
        assert_eq!(host.ask(score(id, &handle)), json!({"id": id, "error": error}));
    }
}

#[test]
fn what_is_not_there_is_an_error_of_the_request() {
    let mut host = Host::new();
    let handle = host.create("source", "rich", json!({}));
    for (request, what) in [
        (json!({"op": "score", "id": 5, "handle": 99}), "there is no handle 99"),
        (json!({"op": "dance", "id": 5}), "there is no operation `dance`"),
        (
            json!({"op": "items", "id": 5, "handle": handle, "from": 0, "max": 1}),
            "a source has no operation `items`",
        ),
        (
            json!({"op": "score", "id": 5, "handle": handle, "prompts": [], "questions": [{"prompt": 0}]}),
            "there is no prompt 0 in the request",
        ),
        (
            json!({"op": "create", "id": 5, "component": "judge", "kind": "x"}),
            "there is no component `judge`",
        ),
    ] {
        assert_eq!(
            host.ask(request),
            json!({"id": 5, "error": {"code": "broken", "message": what}})
        );
    }
    assert_eq!(host.ask(json!({"op": "destroy", "id": 6, "handle": handle})), json!({"id": 6}));
    assert_eq!(host.ask(score(7, &handle))["error"]["code"], json!("broken"));
}

#[test]
fn the_end_of_the_input_ends_the_session_and_garbage_does_too() {
    let host = Host::new();
    let Host { to, served, from: _from } = host;
    drop(to);
    served.recv_timeout(Duration::from_secs(10)).unwrap().unwrap();
    for garbage in ["hello\n", "{\"op\":\"check\"}\n", "[]\n"] {
        let mut host = Host::new();
        host.to.write_all(garbage.as_bytes()).unwrap();
        assert!(host.end().is_err());
    }
}
