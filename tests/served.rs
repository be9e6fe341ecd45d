//! Judges over HTTP, through the built program and a scripted server on loopback.

mod always_first;
mod asked_once;
mod faults;
mod limits;
mod secrets;

use std::collections::HashSet;
use std::path::Path;

use serde_json::{Value, json};
use tribunal_scripted::{Reply, Request};

use crate::program::Program;

/// The reply of a chat endpoint that says `text`.
fn chat(text: &str) -> Value {
    json!({
        "id": "made", "object": "chat.completion", "created": 1, "model": "judge-1",
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": text },
            "finish_reason": "stop",
        }],
        "usage": { "prompt_tokens": 100, "completion_tokens": 4, "total_tokens": 104 },
    })
}

/// A list of models for GET, and the verdict for the first reply for all else.
fn always_first(request: &Request) -> Reply {
    match request.method.as_str() {
        "GET" => models(),
        _ => Reply::json(chat("[[A]]")),
    }
}

fn models() -> Reply {
    Reply::json(json!({ "object": "list", "data": [{ "id": "judge-1", "object": "model" }] }))
}

/// A suite of `count` pairs with different texts, written into the scratch folder; its block of the recipe.
fn pairs(program: &Program, count: usize) -> String {
    let mut text = String::new();
    for number in 0..count {
        let row = json!({
            "id": number.to_string(), "prompt": format!("What is {number} and {number}?"),
            "better": format!("It is {}.", 2 * number), "worse": format!("It is {}.", 2 * number + 1),
        });
        text.push_str(&format!("{row}\n"));
    }
    program.write("pairs.jsonl", &text);
    "[suite.sums]\nkind = \"pairs\"\npath = \"pairs.jsonl\"\n\
     fields = { id = \"id\", prompt = \"prompt\", chosen = \"better\", rejected = \"worse\" }\n"
        .to_owned()
}

/// A recipe of a pairwise judge behind this address. `more` goes on with the `[run]` table.
fn judge(url: &str, suite: &str, generator: &str, run: &str) -> String {
    format!(
        "name = \"served\"\n\n[generator.served]\nkind = \"http.chat\"\nbase-url = \"{url}\"\nmodel = \"judge-1\"\n{generator}\n\
         [source.judge]\nkind = \"judge\"\ngenerator = \"served\"\nprompt = \"pairwise\"\n\n{suite}\n[run]\norder = \"both\"\n{run}"
    )
}

/// The run folder below `runs`.
fn run_folder(program: &Program) -> std::path::PathBuf {
    let mut entries = std::fs::read_dir(program.folder().join("runs")).unwrap();
    entries.next().unwrap().unwrap().path()
}

/// The trial ids that a run folder holds, whole lines alone.
fn stored_trials(folder: &Path) -> Vec<String> {
    let mut ids = Vec::new();
    let Ok(segments) = std::fs::read_dir(folder.join("trials")) else { return ids };
    for segment in segments {
        let text = std::fs::read_to_string(segment.unwrap().path()).unwrap();
        for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            let line: Value = serde_json::from_str(line).unwrap();
            ids.extend(line["trial"].as_str().map(str::to_owned));
        }
    }
    ids
}

/// The prompts that were sent, in the order sent, self-check included.
fn prompts(requests: &[Request]) -> Vec<String> {
    let asked = requests.iter().filter(|request| request.path.ends_with("/chat/completions"));
    asked.map(|request| request.json()["messages"].to_string()).collect()
}

fn different<T: std::hash::Hash + Eq>(all: &[T]) -> usize {
    all.iter().collect::<HashSet<_>>().len()
}
