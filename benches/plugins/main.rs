//! The trivial scorer by every carrier: built in, a library in Rust and in C, an isolated library, a Python child.
//!
//! 80,000 replies of about 2 KB, four to a prompt, in batches of 32 with 32 calls in flight, through the same trait that the engine
//! calls. Then a whole `tribunal run` on RMB with the C plugin beside the built-in source of the same scores. Nothing is asserted:
//! targets stand beside the numbers.

#[path = "../process.rs"]
mod process;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

use process::measure;
use serde_json::json;
use tribunal_api::registry::NoGenerators;
use tribunal_api::{Question, Registry, RewardSource, Turn};
use tribunal_loader::{Origin, Spec};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PROMPTS: usize = 20_000;
const CANDIDATES: usize = 4;
const BATCH: usize = 32;
const ROUNDS: usize = 5;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let rounds = if args.iter().any(|arg| arg == "--quick") { 1 } else { ROUNDS };
    let compared = scratch().and_then(|scratch| {
        carriers(&scratch, rounds)?;
        whole_runs(&scratch, rounds)
    });
    tribunal_loader::shutdown_all(Duration::from_secs(2));
    match compared {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn scratch() -> Outcome<PathBuf> {
    let scratch = root().join("target/bench-data/plugins");
    std::fs::create_dir_all(&scratch)?;
    Ok(scratch)
}

/// The C example, built as its author would.
fn c_library(scratch: &Path) -> Outcome<PathBuf> {
    let out = scratch.join("brevity.so");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O2", "-I"])
        .arg(root().join("plugins/sdk-c"))
        .arg(root().join("examples/adapters/c/brevity.c"))
        .arg("-o")
        .arg(&out)
        .status()?;
    if built.success() { Ok(out) } else { Err("the C example does not build".into()) }
}

/// The Rust example, built in release.
fn rust_library() -> Outcome<PathBuf> {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--quiet", "--package", "adapter-brevity"])
        .current_dir(root())
        .status()?;
    if !built.success() {
        return Err("the Rust example does not build".into());
    }
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let name =
        format!("{}adapter_brevity{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    Ok(target.join("release").join(name))
}

/// Distinct replies of about 2 KB, each asked alone.
fn questions() -> Vec<Question> {
    let filler = "the quick brown fox jumps over the lazy dog and goes home again ".repeat(32);
    (0..PROMPTS)
        .flat_map(|prompt| {
            let turns: Arc<[Turn]> =
                Arc::from([Turn::user(format!("{prompt}: {}", &filler[..280]))]);
            let filler = &filler;
            (0..CANDIDATES).map(move |candidate| {
                let text = format!(
                    "{prompt}/{candidate} {}",
                    &filler[..2000 + (prompt * 7 + candidate) % 48]
                );
                Question::new(turns.clone(), [Arc::from(text)])
            })
        })
        .collect()
}

fn load(spec: Spec) -> Outcome<Registry> {
    let mut registry = Registry::new();
    tribunal_loader::load(&spec, &mut registry).map_err(|error| error.to_string())?;
    Ok(registry)
}

/// One carrier: its name, its source, and calls in flight.
struct Carrier {
    name: &'static str,
    source: Arc<dyn RewardSource>,
    in_flight: usize,
    target: &'static str,
}

fn carriers(scratch: &Path, rounds: usize) -> Outcome<()> {
    let c = c_library(scratch)?;
    let rust = rust_library()?;
    let mut built_in = Registry::new();
    tribunal_baseline::register(&mut built_in);
    let mut all = Vec::new();
    let mut add =
        |name, registry: &Registry, kind: &str, settings, in_flight, target| -> Outcome<()> {
            let source = registry.build_source(kind, settings, &NoGenerators)?;
            all.push(Carrier { name, source, in_flight, target });
            Ok(())
        };
    let bytes = json!({ "unit": "bytes", "prefer": "shortest" });
    add("built in", &built_in, "baseline.length", bytes, 32, "")?;
    let loaded = load(Spec::new(Origin::Library(rust)))?;
    add("Rust library", &loaded, "rust.brevity", json!({}), 32, "at least 1,000,000")?;
    let loaded = load(Spec::new(Origin::Library(c.clone())))?;
    add("C library", &loaded, "c.brevity", json!({}), 32, "at least 1,000,000")?;
    let isolated = Spec {
        isolate: true,
        host: vec![env!("CARGO_BIN_EXE_tribunal").to_owned(), "__plugin-host".to_owned()],
        ..Spec::new(Origin::Library(c))
    };
    add("isolated C library", &load(isolated)?, "c.brevity", json!({}), 4, "")?;
    let python = Spec {
        env: [("PYTHONPATH".to_owned(), root().join("plugins/python").display().to_string())]
            .into(),
        ..Spec::new(Origin::Command {
            command: ["python3", "-m", "tribunal_adapter", "brevity.py"]
                .map(str::to_owned)
                .to_vec(),
            folder: root().join("examples/adapters/python"),
        })
    };
    match load(python) {
        Ok(loaded) => add("Python child", &loaded, "brevity", json!({}), 4, "at least 40,000")?,
        Err(error) => println!("Python child: left out ({error})"),
    }
    let questions = questions();
    let mean = questions.iter().map(|question| question.candidates()[0].len()).sum::<usize>()
        / questions.len();
    println!(
        "{} replies of {mean} bytes, batches of {BATCH}, {rounds} rounds, {} threads",
        questions.len(),
        std::thread::available_parallelism().map_or(1, usize::from)
    );
    println!("{:<20} {:>9} {:>14} {:>14}   target", "carrier", "in flight", "scores/s", "best");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut sum = None;
    for carrier in &all {
        let mut rates = Vec::new();
        for _ in 0..=rounds {
            let (seconds, total) = runtime.block_on(ask(carrier, &questions))?;
            rates.push(questions.len() as f64 / seconds);
            // All of them give the same scores, up to the sign and the unit.
            if carrier.name != "Rust library"
                && carrier.name != "Python child"
                && *sum.get_or_insert(total) != total
            {
                return Err(format!("{} scores something else", carrier.name).into());
            }
        }
        // The first round starts threads and processes.
        rates.remove(0);
        rates.sort_by(f64::total_cmp);
        println!(
            "{:<20} {:>9} {:>14.0} {:>14.0}   {}",
            carrier.name,
            carrier.in_flight,
            rates[rates.len() / 2],
            rates[rates.len() - 1],
            carrier.target
        );
    }
    runtime.shutdown_background();
    Ok(())
}

/// All questions, so many calls at a time; the seconds that it took and the sum of all scores.
async fn ask(carrier: &Carrier, questions: &[Question]) -> Outcome<(f64, f64)> {
    let started = Instant::now();
    let mut under_way = tokio::task::JoinSet::new();
    let mut batches = questions.chunks(BATCH);
    let mut sum = 0.0;
    loop {
        while under_way.len() < carrier.in_flight {
            let Some(batch) = batches.next() else { break };
            let (source, batch) = (carrier.source.clone(), batch.to_vec());
            under_way.spawn(async move { source.score(&batch).await.into_vec() });
        }
        let Some(done) = under_way.join_next().await else { break };
        for answer in done? {
            let answers = answer?;
            sum += answers[0].readout.scores().ok_or("an abstention")?[0].value();
        }
    }
    Ok((started.elapsed().as_secs_f64(), sum))
}

/// A run on RMB by the built-in source and by the C plugin, one after the other.
fn whole_runs(scratch: &Path, rounds: usize) -> Outcome<()> {
    let data = root().join("../shared/data/rmb");
    let data = if data.is_dir() { data } else { root().join("examples/data/rmb") };
    let suite = format!("[suite.rmb]\nkind = \"rmb\"\npath = {:?}\n", data.display().to_string());
    let built_in = format!(
        "[source.length]\nkind = \"baseline.length\"\nunit = \"bytes\"\nprefer = \"shortest\"\n{suite}"
    );
    let plugin = format!(
        "[[plugin]]\nlibrary = {:?}\n[source.length]\nkind = \"c.brevity\"\n{suite}",
        scratch.join("brevity.so").display().to_string()
    );
    let mut walls = [Vec::new(), Vec::new()];
    for _ in 0..=rounds {
        for (place, text) in [&built_in, &plugin].into_iter().enumerate() {
            let recipe = scratch.join(format!("run-{place}.toml"));
            std::fs::write(&recipe, text)?;
            let out = scratch.join("out");
            if out.exists() {
                std::fs::remove_dir_all(&out)?;
            }
            let mut command = Command::new(env!("CARGO_BIN_EXE_tribunal"));
            command.arg("run").arg("--quiet").arg(&recipe).arg("-o").arg(&out);
            walls[place].push(measure(command)?.wall.as_secs_f64());
        }
    }
    let median = |values: &mut Vec<f64>| {
        // The first round fills the page cache.
        values.remove(0);
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let [mut built_in, mut plugin] = walls;
    let (built_in, plugin) = (median(&mut built_in), median(&mut plugin));
    println!("\na whole `tribunal run` on {}", data.display());
    println!(
        "built in {built_in:.3} s, C plugin {plugin:.3} s: ratio {:.3}   (target: at most 1.2)",
        plugin / built_in
    );
    Ok(())
}
