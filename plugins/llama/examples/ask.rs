//! Asks one of this crate's kinds, line by line, and prints all that it says: for comparisons with other programs.
//!
//! ```text
//! ask llama.classifier '{"model": "rm.gguf"}' < questions.jsonl > answers.jsonl
//! ask llama.generator  '{"model": "lm.gguf"}' < prompts.jsonl   > completions.jsonl
//! ```
//!
//! A question is `{"turns": [{"role", "content"}...], "candidates": ["..."]}`, a prompt as `tribunal_api::Prompt` is written. Each line
//! of the answer holds `inspection` and `answer` (or `completion`), or `error`. `--no-inspection` leaves the first out. Lines are asked
//! so many at once as the kind takes, or as `--at-once N` says. With `--cost` a line at the end of standard error tells seconds, CPU
//! seconds (both after loading) and the peak of resident memory in bytes.

use std::error::Error;
use std::io::{BufRead, Write, stdin, stdout};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use serde::Deserialize;
use serde_json::{Value, json};
use tribunal_api::registry::NoGenerators;
use tribunal_api::{Component, Generator, Prompt, Question, Registry, RewardSource, Turn};

#[derive(Deserialize)]
struct Asked {
    turns: Vec<Turn>,
    candidates: Vec<Arc<str>>,
}

#[derive(Clone)]
enum Kind {
    Source(Arc<dyn RewardSource>),
    Generator(Arc<dyn Generator>),
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, settings, options @ ..] = arguments.as_slice() else {
        return Err(
            "usage: ask KIND SETTINGS [--no-inspection] [--at-once N] [--cost] < LINES".into()
        );
    };
    let option = |name: &str| options.iter().any(|option| option == name);
    let wanted = options.iter().position(|option| option == "--at-once");
    let wanted =
        wanted.and_then(|place| options.get(place + 1)).map(|count| count.parse::<usize>());
    let wanted = wanted.transpose()?;
    let mut registry = Registry::new();
    tribunal_llama::register(&mut registry);
    let settings: Value = serde_json::from_str(settings)?;
    let (kind, at_once) = match registry.find(Component::Source, kind) {
        Some(_) => {
            let source = registry.build_source(kind, settings, &NoGenerators)?;
            let at_once = source.limits().in_flight;
            (Kind::Source(source), at_once)
        }
        None => {
            let generator = registry.build_generator(kind, settings, &NoGenerators)?;
            let at_once = generator.limits().in_flight;
            (Kind::Generator(generator), at_once)
        }
    };
    match &kind {
        Kind::Source(source) => block_on(source.open())?,
        Kind::Generator(generator) => block_on(generator.open())?,
    }
    let lines = stdin().lock().lines().collect::<Result<Vec<_>, _>>()?;
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let answers: Vec<OnceLock<Value>> = lines.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..wanted.unwrap_or(at_once).min(lines.len()) {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(line) = lines.get(place) else { return };
                    let answer = ask(&kind, line, !option("--no-inspection"));
                    let answer =
                        answer.unwrap_or_else(|error| json!({ "error": error.to_string() }));
                    // Each place is taken once.
                    let _ = answers[place].set(answer);
                }
            });
        }
    });
    if option("--cost") {
        let (seconds, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
        eprintln!("{}", json!({ "seconds": seconds, "cpu": cpu, "peak": peak_memory() }));
    }
    let mut out = stdout().lock();
    for answer in answers {
        writeln!(out, "{}", answer.into_inner().unwrap_or_default())?;
    }
    Ok(())
}

fn ask(kind: &Kind, line: &str, inspect: bool) -> Result<Value, Box<dyn Error>> {
    match kind {
        Kind::Source(source) => {
            let Asked { turns, candidates } = serde_json::from_str(line)?;
            let question = Question::new(turns, candidates);
            let inspection = if inspect { block_on(source.inspect(&question))? } else { None };
            let answers =
                block_on(source.score(&[question])).into_vec().into_iter().next().transpose()?;
            Ok(
                json!({ "inspection": inspection, "answer": answers.and_then(|all| all.into_iter().next()) }),
            )
        }
        Kind::Generator(generator) => {
            let prompt: Prompt = serde_json::from_str(line)?;
            let inspection = if inspect { block_on(generator.inspect(&prompt))? } else { None };
            let completion =
                block_on(generator.generate(&[prompt])).into_iter().next().transpose()?;
            Ok(json!({ "inspection": inspection, "completion": completion }))
        }
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut std::task::Context::from_waker(&waker)) {
            std::task::Poll::Ready(value) => return value,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}

/// CPU seconds of this process; 0 where `/proc` does not tell.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    // User and system time are the 14th and 15th field, the 12th and 13th after the name, in hundredths.
    fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// The most memory that was resident, in bytes.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}
