//! A judge over HTTP beside a loop that sends the same texts, parses each reply and writes a line.
//!
//! 10,000 pairs of about RMB's length in both orders are 20,000 requests, 256 at a time, to a server in this process that
//! answers after 50 ms. Each program starts anew in every round. Nothing is asserted: targets stand beside the numbers.

mod bare;
#[path = "../process.rs"]
mod process;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use process::{Ended, measure};
use serde_json::{Value, json};
use tribunal_scripted::{Reply, Server};

const PAIRS: usize = 10_000;
const IN_FLIGHT: usize = 256;
const LATENCY: Duration = Duration::from_millis(50);
const ROUNDS: usize = 3;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let result = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["bare", pairs, url, out] => bare::ask(Path::new(pairs), url, Path::new(out)),
        _ => compare(if args.iter().any(|arg| arg == "--quick") { 1 } else { ROUNDS }),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One program's round: what it used between its first request and its last stored answer.
struct Round {
    seconds: f64,
    processor_seconds: f64,
    peak_bytes: f64,
    /// Most requests that the server saw at once.
    in_flight: usize,
    requests: usize,
}

fn compare(rounds: usize) -> Outcome<()> {
    let scratch = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench-data/served");
    std::fs::create_dir_all(&scratch)?;
    let pairs = pairs(&scratch)?;
    println!(
        "{PAIRS} pairs in both orders, {IN_FLIGHT} requests at a time, a server that answers after {} ms",
        LATENCY.as_millis()
    );
    println!("rounds: {rounds}\n");
    let mut loops = Vec::new();
    let mut runs = Vec::new();
    for _ in 0..rounds {
        loops.push(bare(&pairs, &scratch)?);
        runs.push(run(&pairs, &scratch)?);
    }
    println!(
        "{:<16} {:>9} {:>11} {:>9} {:>9} {:>10} {:>10}",
        "median of rounds", "wall s", "requests/s", "CPU s", "peak MB", "in flight", "requests"
    );
    for (name, rounds) in [("bare loop", &loops), ("tribunal run", &runs)] {
        let of = |value: fn(&Round) -> f64| median(rounds.iter().map(value));
        println!(
            "{name:<16} {:>9.3} {:>11.0} {:>9.2} {:>9.1} {:>10.0} {:>10.0}",
            of(|round| round.seconds),
            of(rate),
            of(|round| round.processor_seconds),
            of(|round| round.peak_bytes) / 1e6,
            of(|round| round.in_flight as f64),
            of(|round| round.requests as f64),
        );
    }
    let ratio = |of: fn(&Round) -> f64| median(runs.iter().zip(&loops).map(|(a, b)| of(a) / of(b)));
    println!();
    println!("request rate / bare loop   {:>6.3}   target: at least 0.9", ratio(rate));
    println!(
        "CPU seconds / bare loop    {:>6.3}   target: at most 2",
        ratio(|r| r.processor_seconds)
    );
    let peak = median(runs.iter().map(|round| round.peak_bytes));
    println!("peak memory, MB            {:>6.1}   target: below 400", peak / 1e6);
    Ok(())
}

fn rate(round: &Round) -> f64 {
    2.0 * PAIRS as f64 / round.seconds
}

/// Answers every request with a verdict for the first reply shown.
fn server() -> Server {
    let body = json!({
        "id": "bench", "object": "chat.completion", "created": 1, "model": "bench",
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": "[[A]]" },
            "finish_reason": "stop",
        }],
        "usage": { "prompt_tokens": 1500, "completion_tokens": 3, "total_tokens": 1503 },
    });
    Server::start(move |request| match request.method.as_str() {
        "POST" => Reply::json(body.clone()).after(LATENCY),
        _ => Reply::json(json!({ "object": "list", "data": [{ "id": "bench" }] })),
    })
    .keep_bodies(false)
}

fn bare(pairs: &Path, scratch: &Path) -> Outcome<Round> {
    let server = server();
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("bare").arg(pairs).arg(server.url()).arg(scratch.join("bare.jsonl"));
    let ended = measure(command)?;
    let text = String::from_utf8(ended.output.clone())?;
    let times: Vec<u64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let [from, to] = times[..] else { return Err("the bare loop told no times".into()) };
    Ok(round(&ended, &server, from, to))
}

fn run(pairs: &Path, scratch: &Path) -> Outcome<Round> {
    let server = server();
    let folder = scratch.join("run");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let recipe = scratch.join("recipe.toml");
    let quoted = |text: &str| Value::from(text).to_string();
    std::fs::write(
        &recipe,
        format!(
            "[generator.served]\nkind = \"http.chat\"\nbase-url = {}\nmodel = \"bench\"\nconcurrency = {IN_FLIGHT}\n\n\
             [source.judge]\nkind = \"judge\"\ngenerator = \"served\"\nprompt = \"pairwise\"\norder = \"both\"\n\n\
             [suite.pairs]\nkind = \"pairs\"\npath = {}\nfields = {{ id = \"id\", prompt = \"prompt\", \
             chosen = \"a\", rejected = \"b\" }}\n",
            quoted(&server.url()),
            quoted(&pairs.to_string_lossy()),
        ),
    )?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_tribunal"));
    // The server knows nothing, and says so in the self-check.
    command.arg("run").arg(&recipe).arg("--quiet").arg("--accept-unverified");
    command.arg("-o").arg(&folder);
    for variable in ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"] {
        command.env_remove(variable);
    }
    let ended = measure(command)?;
    let events = std::fs::read_to_string(folder.join("events.jsonl"))?;
    let at = |event: &str| -> Outcome<u64> {
        let mark = format!("\"event\":\"{event}\"");
        let line = events.lines().find(|line| line.contains(&mark));
        let line: Value = serde_json::from_str(line.ok_or(format!("no event `{event}`"))?)?;
        Ok(line["at-ms"].as_u64().ok_or("an event has no time")?)
    };
    Ok(round(&ended, &server, at("started")?, at("finished")?))
}

fn round(ended: &Ended, server: &Server, from: u64, to: u64) -> Round {
    let used_until = |at: u64| {
        let before =
            ended.processor.iter().take_while(|(time, _)| time.as_millis() <= u128::from(at));
        before.last().map_or(0.0, |(_, used)| used.as_secs_f64())
    };
    Round {
        seconds: (to - from) as f64 / 1e3,
        processor_seconds: used_until(to) - used_until(from),
        peak_bytes: ended.peak_bytes as f64,
        in_flight: server.peak_in_flight(),
        requests: server.count(),
    }
}

/// A file of pairs, written unless it is there from an earlier time. The texts are words without meaning, as long as
/// RMB's: about 400 characters of prompt and 1,900 an answer.
fn pairs(scratch: &Path) -> Outcome<PathBuf> {
    let path = scratch.join("pairs.jsonl");
    if path.is_file() {
        return Ok(path);
    }
    let words = |seed: usize, count: usize| {
        let mut text = String::new();
        for place in 0..count {
            let word = (seed * 7919 + place * 104_729) % 99_991;
            let _ = write!(text, "{word:05x} ");
        }
        text
    };
    let mut lines = String::new();
    for number in 0..PAIRS {
        let pair = json!({
            "id": number.to_string(),
            "prompt": format!("question {number}: {}", words(number, 60)),
            "a": format!("first {number}: {}", words(number + PAIRS, 300)),
            "b": format!("second {number}: {}", words(number + 2 * PAIRS, 300)),
        });
        let _ = writeln!(lines, "{pair}");
    }
    std::fs::write(&path, lines)?;
    Ok(path)
}

/// The middle value, or the mean of the two in the middle; NaN of nothing.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[count / 2],
        count => (values[count / 2 - 1] + values[count / 2]) / 2.0,
    }
}
