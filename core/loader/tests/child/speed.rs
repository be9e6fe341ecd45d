//! How many candidates pass through a child written in Python, as lines of JSON and as raw bytes. Run by hand:
//! `cargo test --release -p tribunal-loader --test child speed -- --ignored --nocapture`.

use std::sync::Arc;
use std::time::Instant;

use serde_json::json;
use tribunal_api::registry::NoGenerators;
use tribunal_api::{Question, Turn};
use tribunal_loader::{Origin, Spec};

use super::fixture::loaded;

/// The least that a scorer of lengths needs.
const PYTHON: &str = r#"
import json, sys
read, write = sys.stdin.buffer, sys.stdout
def say(reply):
    write.write(json.dumps(reply) + "\n"); write.flush()
while line := read.readline():
    ask = json.loads(line)
    op, id = ask["op"], ask.get("id")
    if op == "hello":
        caps = [cap for cap in ask["caps"] if cap in sys.argv[1:]]
        say({"op": "hello", "protocol": [1, 0], "name": "length", "version": "1", "caps": caps,
             "kinds": [{"component": "source", "kind": "length"}]})
    elif op == "score":
        if "bytes" in ask:
            blob, at = read.read(ask["bytes"]), 0
            for prompt in ask["prompts"]:
                for turn in prompt:
                    turn[1], at = blob[at:at + turn[1]].decode(), at + turn[1]
            for question in ask["questions"]:
                texts = []
                for length in question["candidates"]:
                    texts.append(blob[at:at + length].decode()); at += length
                question["candidates"] = texts
        say({"id": id, "scores": [[len(text) for text in question["candidates"]] for question in ask["questions"]]})
    elif op == "shutdown":
        break
    else:
        say({"id": id, "declares": {"batch": 256, "in-flight": 2}, "handle": 1})
"#;

/// Items of 4 candidates of about 2 KB, each asked on its own.
fn questions(candidates: usize) -> Vec<Question> {
    let sentence = "The quick \"brown\" fox jumps over the lazy dog\u{2014}again and again.\n";
    let questions = (0..candidates.div_ceil(4)).flat_map(|item| {
        let prompt: Arc<[Turn]> = Arc::from([Turn::user(format!("{item} {}", "Why? ".repeat(55)))]);
        (0..4).map(move |place| {
            let text = format!("{item} {place} {}", sentence.repeat(2000 / sentence.len()));
            Question::new(prompt.clone(), vec![Arc::from(text)])
        })
    });
    questions.collect()
}

fn candidates_per_second(caps: &[&str], batch: usize, questions: &[Question]) -> f64 {
    let mut command: Vec<String> = ["python3", "-c", PYTHON].map(str::to_owned).to_vec();
    command.extend(caps.iter().map(|cap| (*cap).to_owned()));
    let spec = Spec::new(Origin::Command { command, folder: std::env::temp_dir() });
    let (_, registry) = loaded(&spec);
    let source = registry.build_source("length", json!({}), &NoGenerators).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(source.score(&questions[..1]));
    let begun = Instant::now();
    runtime.block_on(async {
        // Two calls at the same time, as declared.
        let half = |from: usize| {
            let source = source.clone();
            let batches: Vec<Vec<Question>> =
                questions.chunks(batch).skip(from).step_by(2).map(<[Question]>::to_vec).collect();
            tokio::spawn(async move {
                for batch in batches {
                    for (answer, question) in
                        source.score(&batch).await.into_vec().iter().zip(&batch)
                    {
                        let length = question.candidates()[0].chars().count();
                        let answer = &answer.as_ref().unwrap()[0];
                        assert_eq!(super::fixture::value(answer), length as f64);
                    }
                }
            })
        };
        let (one, two) = tokio::join!(half(0), half(1));
        one.unwrap();
        two.unwrap();
    });
    questions.len() as f64 / begun.elapsed().as_secs_f64()
}

#[test]
#[ignore = "a measurement that needs python3: `cargo test --release -p tribunal-loader --test child speed -- --ignored --nocapture`"]
fn candidates_of_2_kb_through_python() {
    let all = questions(20_000);
    let bytes: usize = all.iter().map(|question| question.candidates()[0].len()).sum();
    println!("{} candidates of {} bytes", all.len(), bytes / all.len());
    for batch in [1, 8, 32, 256] {
        let mut best = [0.0f64; 2];
        for _ in 0..3 {
            for (place, caps) in [&[][..], &["blob"][..]].iter().enumerate() {
                best[place] = best[place].max(candidates_per_second(caps, batch, &all));
            }
        }
        let [json, blob] = best;
        println!("batch {batch}: JSON {json:.0}/s, blob {blob:.0}/s, factor {:.2}", blob / json);
    }
}
