//! A run that ends at any moment loses nothing, repeats nothing, and comes to the same summary.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use tribunal_engine::store::{RunFolder, read_trials};

use crate::program::{Program, root};

/// Kills per test; `make test-kill` asks for 200.
fn kills() -> usize {
    std::env::var("TRIBUNAL_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(20)
}

/// A recipe over the sample suites with many small batches, so that there are many moments to be killed at.
fn recipe() -> String {
    let data = root().join("examples/data");
    format!(
        r#"
name = "kill"
seed = 11
[source.length]
kind = "baseline.length"
batch = 1
[source.coin]
kind = "baseline.coin"
samples = 4
batch = 1
[source.recorded]
kind = "baseline.recorded"
path = "{data}/recorded/scores-rmb.jsonl"
fields = {{ subset = "subset", id = "id", scores = "scores" }}
suites = ["rmb"]
batch = 2
[suite.rmb]
kind = "rmb"
path = "{data}/rmb"
[suite.rewardbench-2]
kind = "rewardbench-2"
path = "{data}/rewardbench-2"
[suite.rm-bench]
kind = "rm-bench"
path = "{data}/rm-bench"
"#,
        data = data.display()
    )
}

fn start(program: &Program, args: &[&str]) -> Child {
    program.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// The run's trials as bytes of stored lines, whole ones only.
fn stored_bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder.join("trials")) else { return 0 };
    entries.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len())).sum()
}

/// A run that nothing disturbed, which others are held against.
pub struct Whole {
    /// Its summary, as stored.
    pub summary: Vec<u8>,
    /// How many trials it holds.
    pub trials: usize,
    /// The length of the stored trials.
    bytes: u64,
    took: Duration,
}

/// Runs a recipe into the folder `whole`; `more` are further arguments.
pub fn undisturbed(program: &Program, recipe: &Path, more: &[&str]) -> Whole {
    let out = program.folder().join("whole");
    let args = ["run", recipe.to_str().unwrap(), "-q", "-o", out.to_str().unwrap()];
    let started = Instant::now();
    program.run([&args[..], more].concat()).with_code(0);
    let took = started.elapsed();
    let trials = read_trials(&RunFolder::open(&out).unwrap()).unwrap();
    assert_eq!(trials.repeated, 0);
    let summary = fs::read(out.join("summary.json")).unwrap();
    Whole { summary, trials: trials.units.len(), bytes: stored_bytes(&out), took }
}

/// A small generator of moments, so that a failure can be repeated.
struct Moments(u64);

impl Moments {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % below.max(1)
    }
}

/// A recipe that asks long enough to be killed while it asks: 1,500 lists of four, one question a call.
fn long_recipe(program: &Program) -> PathBuf {
    let mut rows = String::new();
    for row in 0..1500 {
        let candidates: Vec<String> = (0..4)
            .map(|place| format!("{} {row}", "word ".repeat(1 + (row + place) % 5)))
            .collect();
        let value = serde_json::json!({ "id": row, "q": format!("question {row}"), "c": candidates, "b": 0 });
        rows.push_str(&format!("{value}\n"));
    }
    program.write("lists.jsonl", &rows);
    program.write(
        "long.toml",
        r#"
name = "long"
[source.length]
kind = "baseline.length"
batch = 1
in-flight = 1
[source.coin]
kind = "baseline.coin"
batch = 1
[suite.lists]
kind = "best-of"
path = "lists.jsonl"
fields = { id = "id", prompt = "q", candidates = "c", best = "b" }
"#,
    )
}

/// Kills a recipe's run at random moments and resumes it each time, in as many runs as it takes: each of them ends as the undisturbed one
/// did. Gives back how many kills came after new trials were stored.
pub fn kill_and_resume(
    program: &Program,
    recipe: &Path,
    more: &[&str],
    whole: &Whole,
    kills: usize,
) -> usize {
    // A machine that was busy before may be free now.
    let mut took = whole.took;
    let mut moments = Moments(1);
    let (mut round, mut killed, mut while_storing) = (0, 0, 0);
    while killed < kills {
        round += 1;
        assert!(round < 40 * kills, "the run is over too soon to be killed");
        let out = program.folder().join(format!("killed-{round}"));
        let out_text = out.to_str().unwrap();
        let next = || {
            // A process that ended before its plan was written left nothing to resume.
            let args = match out.join("plan.json").exists() {
                true => vec!["resume", out_text, "-q"],
                false => vec!["run", recipe.to_str().unwrap(), "-q", "-o", out_text],
            };
            [&args[..], more].concat()
        };
        loop {
            let before = stored_bytes(&out);
            // Mostly a moment at which this process has stored so many bytes, else any moment of what is left of a run and after it.
            let left = whole.bytes.saturating_sub(before) as f64 / whole.bytes as f64;
            let most = took.mul_f64(1.5 * left).as_micros();
            let moment = Duration::from_micros(moments.next(u64::try_from(most).unwrap()));
            let mark = before + 40 + moments.next(whole.bytes / kills.clamp(3, 8) as u64);
            let by_bytes = killed % 4 != 3;
            let started = Instant::now();
            let mut child = start(program, &next());
            let ended = loop {
                if child.try_wait().unwrap().is_some() {
                    break true;
                }
                // When everything is stored the run may end, and another one is begun.
                let now = match by_bytes {
                    _ if before >= whole.bytes => false,
                    true => stored_bytes(&out) >= mark,
                    false => started.elapsed() >= moment,
                };
                if now {
                    break false;
                }
                std::thread::sleep(whole.took / 5000);
            };
            if ended {
                if before == 0 {
                    took = took.min(started.elapsed());
                }
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            killed += 1;
            while_storing += usize::from(stored_bytes(&out) > before + 40);
            if killed >= kills {
                program.run(next()).with_code(0);
                break;
            }
        }
        let trials = read_trials(&RunFolder::open(&out).unwrap()).unwrap();
        assert_eq!(trials.repeated, 0, "a trial is stored twice in {out_text}");
        assert_eq!(trials.units.len(), whole.trials, "a trial is lost in {out_text}");
        assert!(fs::read(out.join("summary.json")).unwrap() == whole.summary, "{out_text} differs");
    }
    println!(
        "{killed} kills, {while_storing} of them after new trials were stored, over {round} runs of {} trials: \
         none lost, none stored twice, equal summaries",
        whole.trials
    );
    while_storing
}

#[test]
fn a_run_killed_at_random_moments_ends_in_the_same_summary() {
    let program = Program::new();
    let recipe = long_recipe(&program);
    let whole = undisturbed(&program, &recipe, &[]);
    let while_storing = kill_and_resume(&program, &recipe, &[], &whole, kills());
    assert!(2 * while_storing > kills(), "too few kills hit the asking");
}

#[test]
fn a_segment_cut_at_any_byte_is_read_up_to_its_last_whole_line() {
    let program = Program::new();
    let data = root().join("examples/data");
    let text = format!(
        "[source.length]\nkind = \"baseline.length\"\n[suite.best-of]\nkind = \"rm-bench\"\npath = \"{}/rm-bench\"\n\
         subsets = [\"chat\"]\n",
        data.display()
    );
    let recipe = program.write("cut.toml", &text);
    let out = program.folder().join("run");
    let out_text = out.to_str().unwrap();
    program.run(["run", recipe.to_str().unwrap(), "-q", "-o", out_text]).with_code(0);
    let summary = fs::read(out.join("summary.json")).unwrap();
    let segment = segments(&out).pop().unwrap();
    let bytes = fs::read(&segment).unwrap();
    let folder = RunFolder::open(&out).unwrap();
    let all = read_trials(&folder).unwrap().units.len();
    for cut in 0..bytes.len() {
        fs::write(&segment, &bytes[..cut]).unwrap();
        let trials = read_trials(&folder).unwrap();
        let whole = bytes[..cut].iter().filter(|&&byte| byte == b'\n').count();
        assert_eq!(trials.units.len(), whole.saturating_sub(1), "cut at byte {cut}");
        let torn = cut > 0 && bytes[cut - 1] != b'\n';
        assert_eq!(trials.damage.len(), usize::from(torn), "cut at byte {cut}");
    }
    // One cut in the middle of a line, through the program: a message, the rest asked again, the same summary.
    fs::write(&segment, &bytes[..bytes.len() / 2 + 1]).unwrap();
    let report = program.run(["report", out_text]).with_code(0);
    assert!(report.err().contains("is cut off and is skipped"), "{}", report.err());
    assert!(report.out().to_lowercase().contains("incomplete"), "{}", report.out());
    program.run(["resume", out_text, "-q"]).with_code(0);
    assert_eq!(read_trials(&folder).unwrap().units.len(), all);
    assert_eq!(fs::read(out.join("summary.json")).unwrap(), summary);
}

#[test]
fn a_damaged_line_is_skipped_reported_and_asked_again() {
    let program = Program::new();
    let recipe = program.write("kill.toml", &recipe());
    let Whole { summary, trials: count, .. } = undisturbed(&program, &recipe, &[]);
    let out = program.folder().join("whole");
    let segment = segments(&out).pop().unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    let out_text = out.to_str().unwrap();
    let report = program.run(["report", out_text]).with_code(0);
    assert!(report.err().contains("is damaged"), "{}", report.err());
    program.run(["resume", out_text, "-q"]).with_code(0);
    let trials = read_trials(&RunFolder::open(&out).unwrap()).unwrap();
    assert_eq!((trials.units.len(), trials.repeated), (count, 0));
    assert_eq!(fs::read(out.join("summary.json")).unwrap(), summary);
}

#[test]
fn two_processes_with_different_shards_fill_one_folder() {
    let program = Program::new();
    let recipe = program.write("kill.toml", &recipe());
    let Whole { summary, trials: count, .. } = undisturbed(&program, &recipe, &[]);
    let out = program.folder().join("shared");
    let out_text = out.to_str().unwrap();
    let recipe = recipe.to_str().unwrap();
    let args = |shard| ["run", recipe, "-q", "-o", out_text, "--shard", shard];
    let mut one = start(&program, &args("0/2"));
    let mut two = start(&program, &args("1/2"));
    assert!(one.wait().unwrap().success());
    assert!(two.wait().unwrap().success());
    let trials = read_trials(&RunFolder::open(&out).unwrap()).unwrap();
    assert_eq!((trials.units.len(), trials.repeated), (count, 0));
    let report = program.run(["report", out_text, "--json"]).with_code(0);
    assert_eq!(report.0.stdout, summary);
    assert!(fs::read(out.join("summary.json")).unwrap() == summary, "the last to finish saw all");
}

#[test]
fn a_run_folder_that_was_changed_by_hand_is_refused_and_nothing_panics() {
    let program = Program::new();
    let recipe = program.write("kill.toml", &recipe());
    undisturbed(&program, &recipe, &[]);
    let out = program.folder().join("whole");
    let items = fs::read_to_string(out.join("items.jsonl")).unwrap();
    let plan = fs::read_to_string(out.join("plan.json")).unwrap();
    let first = items.lines().next().unwrap();
    let changed = |name: &str, text: String| {
        fs::write(out.join(name), text).unwrap();
        for verb in [vec!["report"], vec!["export", "--rows", "items"], vec!["resume", "-q"]] {
            let ran = program.run(verb.iter().copied().chain([out.to_str().unwrap()]));
            assert_eq!(ran.code(), 2, "{verb:?} {name}: {}", ran.err());
            assert!(ran.err().contains(name), "{}", ran.err());
        }
    };
    let half: Vec<&str> = items.lines().take(20).collect();
    changed("items.jsonl", format!("{}\n", half.join("\n")));
    changed("items.jsonl", format!("{first}\n{items}"));
    changed("items.jsonl", items.replacen("\"gold\":[1.0,0.0]", "\"gold\":[0.0,1.0]", 1));
    changed("items.jsonl", items.replacen("\"gold\":[1.0,0.0]", "\"gold\":[]", 1));
    changed("items.jsonl", format!("{items}{{"));
    fs::write(out.join("items.jsonl"), &items).unwrap();
    changed("plan.json", plan.replacen("\"source\": 0", "\"source\": 99", 1));
    changed("plan.json", plan.replacen("\"suite\": 0", "\"suite\": 99", 1));
    changed("plan.json", plan[..plan.len() / 2].to_owned());
    let newer = plan.replacen("\"format\": \"1.", "\"format\": \"7.", 1);
    fs::write(out.join("plan.json"), newer).unwrap();
    let ran = program.run(["report", out.to_str().unwrap()]).with_code(2);
    assert!(ran.err().contains("stored format 7."), "{}", ran.err());
}

#[test]
fn the_same_recipe_and_seed_give_the_same_bytes_at_any_concurrency() {
    let program = Program::new();
    let recipe = program.write("kill.toml", &recipe());
    let Whole { summary, .. } = undisturbed(&program, &recipe, &[]);
    let export = |out: &str, rows: &str| {
        program.run(["export", out, "--rows", rows, "--to", "jsonl"]).with_code(0).0.stdout
    };
    let whole = program.folder().join("whole");
    let whole = whole.to_str().unwrap();
    for (name, keys) in [
        ("again", vec![]),
        ("wide", vec!["run.in-flight=16", "source.coin.batch=7", "run.open-sources=3"]),
        ("narrow", vec!["run.in-flight=1", "source.length.batch=64"]),
    ] {
        let out = program.folder().join(name);
        let out = out.to_str().unwrap();
        let mut args = vec!["run", recipe.to_str().unwrap(), "-q", "-o", out];
        for key in &keys {
            args.extend(["--set", key]);
        }
        program.run(args).with_code(0);
        assert_eq!(fs::read(Path::new(out).join("summary.json")).unwrap(), summary, "{name}");
        for rows in ["trials", "items"] {
            assert_eq!(export(out, rows), export(whole, rows), "{name}: {rows}");
        }
    }
}

#[test]
fn a_full_disk_stops_the_run_with_a_message_and_it_can_go_on() {
    let program = Program::new();
    let recipe = program.write("kill.toml", &recipe());
    let Whole { summary, .. } = undisturbed(&program, &recipe, &[]);
    let out = program.folder().join("full");
    let out_text = out.to_str().unwrap();
    // A file-size limit makes writes fail as a full disk does; the shell's unit is 1,024 bytes.
    let script = format!(
        "trap '' XFSZ; ulimit -f 60; exec {} run {} -o {out_text} --set run.in-flight=1",
        env!("CARGO_BIN_EXE_tribunal"),
        recipe.display()
    );
    let ran = std::process::Command::new("bash")
        .args(["-c", &script])
        .current_dir(program.folder())
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(1), "{}", String::from_utf8_lossy(&ran.stderr));
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(said.contains("cannot write"), "{said}");
    if out.join("plan.json").exists() {
        program.run(["resume", out_text, "-q"]).with_code(0);
    } else {
        program.run(["run", recipe.to_str().unwrap(), "-q", "-o", out_text]).with_code(0);
    }
    assert_eq!(fs::read(out.join("summary.json")).unwrap(), summary);
}

fn segments(out: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(out.join("trials")).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort_by_key(|path| fs::metadata(path).unwrap().len());
    paths
}
