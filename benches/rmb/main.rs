//! A whole run on RMB beside a loop that only parses its files, and the report of that run.
//!
//! Every round starts each program anew, one after the other, so that drift of the machine meets all of them. Nothing is
//! asserted: the targets stand beside the numbers.

mod bare;
#[path = "../process.rs"]
mod process;
mod synthetic;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use process::{Ended, measure};

/// Rounds of the pair, and of the report.
const ROUNDS: usize = 5;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let result = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["parse-values", folder] => bare::parse_values(Path::new(folder)),
        ["parse-typed", folder] => bare::parse_typed(Path::new(folder)),
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

/// One round of the run: from start to the last stored trial, to the end, and the greatest memory.
struct Round {
    to_last_trial: Duration,
    ended: Ended,
}

fn compare(rounds: usize) -> Outcome<()> {
    let scratch = root().join("target/bench-data");
    std::fs::create_dir_all(&scratch)?;
    let data = data(&scratch)?;
    let bytes = bare::bytes(&data)?;
    println!("data: {} ({:.1} MB)", shown(&data), mega(bytes));
    println!("rounds: {rounds}, files in the page cache, {} threads\n", threads());
    // The first reading fills the page cache; it does not count.
    parse("parse-values", &data)?;

    let runs = scratch.join("runs");
    let mut values = Vec::new();
    let mut typed = Vec::new();
    let mut run = Vec::new();
    for _ in 0..rounds {
        values.push(parse("parse-values", &data)?);
        typed.push(parse("parse-typed", &data)?);
        if runs.exists() {
            std::fs::remove_dir_all(&runs)?;
        }
        run.push(start(&data, &runs)?);
    }
    print_pair(&values, &typed, &run, bytes);
    print_reports(&runs, rounds)
}

/// The real files where they lie beside the project, else files of the same shape.
fn data(scratch: &Path) -> Outcome<PathBuf> {
    let real = root().join("../shared/data/rmb");
    if real.is_dir() {
        return Ok(real.canonicalize()?);
    }
    println!("`../shared/data/rmb` is absent: measuring on made-up files of the same shape");
    synthetic::tree(&scratch.join("rmb"))
}

fn parse(how: &str, data: &Path) -> Outcome<Ended> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(how).arg(data);
    measure(command)
}

/// Runs the shipped recipe anew in an empty folder.
fn start(data: &Path, folder: &Path) -> Outcome<Round> {
    let mut command = tribunal();
    command.arg("run").arg(root().join("examples/recipes/real/rmb-length.toml"));
    command.arg("--set").arg(format!("suite.rmb.path={}", toml_text(data)));
    command.arg("--quiet").arg("-o").arg(folder);
    let started = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let ended = measure(command)?;
    let finished = finished_at(&folder.join("events.jsonl"))?;
    Ok(Round { to_last_trial: finished.saturating_sub(started), ended })
}

/// The time of the last `finished` event: every trial is stored by then.
fn finished_at(log: &Path) -> Outcome<Duration> {
    let text = std::fs::read_to_string(log)?;
    for line in text.lines().rev() {
        let event: serde_json::Value = serde_json::from_str(line)?;
        if event["event"] == "finished" {
            let at = event["at-ms"].as_u64().ok_or("an event has no time")?;
            return Ok(Duration::from_millis(at));
        }
    }
    Err(format!("`{}` holds no `finished` event", log.display()).into())
}

fn print_pair(values: &[Ended], typed: &[Ended], run: &[Round], bytes: u64) {
    let memory = |ended: &[Ended]| median(ended.iter().map(|one| one.peak_bytes as f64));
    let wall = |ended: &[Ended]| median(ended.iter().map(|one| one.wall.as_secs_f64()));
    let to_last = median(run.iter().map(|round| round.to_last_trial.as_secs_f64()));
    let run_wall = median(run.iter().map(|round| round.ended.wall.as_secs_f64()));
    let run_memory = median(run.iter().map(|round| round.ended.peak_bytes as f64));
    let bytes = bytes as f64;
    println!("{:<46} {:>9} {:>12} {:>13}", "median of rounds", "wall s", "peak MB", "peak/bytes");
    let line = |name: &str, seconds: f64, peak: f64| {
        println!("{name:<46} {seconds:>9.3} {:>12.1} {:>13.2}", peak / 1e6, peak / bytes);
    };
    line("parse only, serde_json::Value, one thread", wall(values), memory(values));
    line("parse only, typed, one thread", wall(typed), memory(typed));
    line("tribunal run, start to the last stored trial", to_last, run_memory);
    line("tribunal run, start to the end of the report", run_wall, run_memory);
    println!();
    let ratios = |loops: &[Ended]| {
        median(
            run.iter()
                .zip(loops)
                .map(|(round, bare)| round.to_last_trial.as_secs_f64() / bare.wall.as_secs_f64()),
        )
    };
    println!("last trial / parse only (Value)   {:>6.2}   target: at most 2.5", ratios(values));
    println!("last trial / parse only (typed)   {:>6.2}", ratios(typed));
    println!("peak memory / bytes of the files  {:>6.2}   target: at most 3", run_memory / bytes);
}

/// The report of the finished run: how long it takes, and whether it says the same each time.
fn print_reports(folder: &Path, rounds: usize) -> Outcome<()> {
    let mut ended = Vec::new();
    for _ in 0..rounds.max(2) {
        let mut command = tribunal();
        command.arg("report").arg(folder).arg("--json");
        ended.push(measure(command)?);
    }
    let same = ended.windows(2).all(|pair| pair[0].output == pair[1].output);
    let wall = median(ended.iter().map(|one| one.wall.as_secs_f64()));
    let peak = median(ended.iter().map(|one| one.peak_bytes as f64));
    println!();
    println!("report, 10,000 resamples, s       {wall:>6.2}   target: below 2");
    println!("report, peak MB                   {:>6.1}", peak / 1e6);
    println!(
        "report, {} times, {} bytes each: {}",
        ended.len(),
        ended[0].output.len(),
        if same { "the same bytes" } else { "DIFFERENT BYTES" }
    );
    Ok(())
}

fn tribunal() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tribunal"));
    for variable in ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"] {
        command.env_remove(variable);
    }
    command
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn shown(path: &Path) -> String {
    let beside = root().parent().unwrap_or(root());
    path.strip_prefix(beside).unwrap_or(path).display().to_string()
}

/// A path as a TOML value.
fn toml_text(path: &Path) -> String {
    toml::Value::from(path.to_string_lossy().into_owned()).to_string()
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn mega(bytes: u64) -> f64 {
    bytes as f64 / 1e6
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
