//! What a person or a script sees: streams, control characters, exit codes, help whose examples work.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::program::{Program, root};

fn demo() -> String {
    root().join("examples/recipes/02-demo.toml").to_str().unwrap().to_owned()
}

fn plain(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == b'\n' || (byte >= 0x20 && byte != 0x7f))
}

#[test]
fn a_run_whose_output_is_piped_prints_no_control_characters() {
    let program = Program::new();
    let ran = program.run(["run", &demo()]).with_code(0);
    assert!(plain(&ran.0.stdout), "{:?}", ran.out());
    assert!(plain(&ran.0.stderr), "{:?}", ran.err());
    assert!(ran.err().contains("run folder: runs/"), "{}", ran.err());
    let report = program.run(["report", "latest"]).with_code(0);
    assert_eq!(report.out(), ran.out());
}

#[test]
fn faults_are_coloured_on_a_terminal_alone_and_no_color_is_honoured() {
    let program = Program::new();
    let recipe = program.write("bad.toml", "nmae = \"x\"\n");
    let tribunal = env!("CARGO_BIN_EXE_tribunal");
    let under_terminal = |environment: &str| {
        let line = format!("{environment} {tribunal} validate {}", recipe.display());
        let out = std::process::Command::new("script")
            .args(["-qec", &line, "/dev/null"])
            .stdin(Stdio::null())
            .env_remove("NO_COLOR")
            .env("TERM", "xterm")
            .output();
        out.ok().map(|out| out.stdout)
    };
    let Some(coloured) = under_terminal("") else {
        println!("skipped: there is no `script` program to make a terminal with");
        return;
    };
    assert!(coloured.contains(&0x1b), "{:?}", String::from_utf8_lossy(&coloured));
    let bare = under_terminal("NO_COLOR=1").unwrap();
    assert!(!bare.contains(&0x1b), "{:?}", String::from_utf8_lossy(&bare));
    let piped = program.run(["validate", recipe.to_str().unwrap()]).with_code(2);
    assert!(!piped.0.stderr.contains(&0x1b));
}

#[test]
fn the_example_in_every_help_works() {
    let program = Program::new();
    // The examples name files of the repository; runs land in the scratch folder beside a link to it.
    std::os::unix::fs::symlink(root().join("examples"), program.folder().join("examples")).unwrap();
    let verbs = [
        "run",
        "plan",
        "validate",
        "resume",
        "report",
        "list",
        "show",
        "export",
        "init",
        "completions",
    ];
    let path = std::env::var("PATH").unwrap();
    let folder = std::path::Path::new(env!("CARGO_BIN_EXE_tribunal")).parent().unwrap();
    program.run(["run", &demo(), "-q"]).with_code(0);
    for verb in verbs {
        let help = program.run([verb, "--help"]).with_code(0).out();
        let (_, examples) =
            help.split_once("Example").unwrap_or_else(|| panic!("{verb} has no example"));
        for line in examples.lines().map(str::trim).filter(|line| line.starts_with("tribunal ")) {
            let ran = std::process::Command::new("bash")
                .args(["-c", line])
                .current_dir(program.folder())
                .env("PATH", format!("{}:{path}", folder.display()))
                .env("HOME", program.folder())
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&ran.stderr).into_owned();
            // An item id of an example need not be in the newest run, a completions folder need not exist.
            let excused = line.contains("--id") || line.contains("> ~/");
            assert!(ran.status.success() || excused, "{line}\n{said}");
            let _ = std::fs::remove_file(program.folder().join("first.toml"));
            let _ = std::fs::remove_dir_all(program.folder().join("first-data"));
        }
    }
}

#[test]
fn exit_codes_tell_how_it_ended() {
    let program = Program::new();
    program.run(["run", "absent.toml"]).with_code(2);
    program.run(["report", "absent"]).with_code(2);
    program.run(["resume", "latest"]).with_code(2);
    program.run(["frobnicate"]).with_code(2);
    program.run(["run", &demo(), "-q", "--set", "run.budget.calls=1"]).with_code(4);
    program.run(["resume", "latest", "-q"]).with_code(4);
}

#[test]
fn a_first_interrupt_saves_and_says_how_to_go_on() {
    let program = Program::new();
    let data = root().join("examples/data/rm-bench");
    // Four million samples take long enough to be interrupted, and are drawn one question at a time.
    let recipe = program.write(
        "slow.toml",
        &format!(
            "[source.coin]\nkind = \"baseline.coin\"\nsamples = 60000\nbatch = 1\nin-flight = 1\n\
             [suite.rm-bench]\nkind = \"rm-bench\"\npath = \"{}\"\n",
            data.display()
        ),
    );
    let out = program.folder().join("slow");
    let child = program
        .command(["run", recipe.to_str().unwrap(), "-o", out.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while stored(&out) < 1_000_000 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(2));
    }
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(130), "{said}");
    assert!(said.contains("tribunal resume"), "{said}");
    assert!(String::from_utf8_lossy(&ended.stdout).to_lowercase().contains("incomplete"));
}

fn stored(out: &std::path::Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(out.join("trials")) else { return 0 };
    entries.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len())).sum()
}

#[test]
fn a_second_start_goes_on_and_asks_nothing_again() {
    let program = Program::new();
    let first = program.run(["run", &demo()]).with_code(0);
    let second = program.run(["run", &demo()]).with_code(0);
    assert_eq!(first.out(), second.out());
    assert!(second.err().contains(" 0 trials to ask"), "{}", second.err());
    let fresh = program.run(["run", &demo(), "--fresh"]).with_code(0);
    assert!(!fresh.err().contains("stored already"), "{}", fresh.err());
    let runs = program.run(["list", "runs", "--json"]).with_code(0).json();
    assert_eq!(runs.as_array().map(Vec::len), Some(2), "{runs}");
}

#[test]
fn everything_that_prints_data_prints_json_when_asked() {
    let program = Program::new();
    let demo = demo();
    for args in [
        vec!["run", &demo, "--json"],
        vec!["report", "latest", "--json"],
        vec!["plan", &demo, "--json"],
        vec!["validate", &demo, "--json"],
        vec!["list", "sources", "--json"],
        vec!["list", "suites", "--json"],
        vec!["list", "recipes", "--json"],
        vec!["list", "runs", "--json"],
        vec!["show", "baseline.length", "--json"],
        vec!["show", "rmb", "--json"],
        vec!["show", "latest", "--json"],
        vec!["resume", "latest", "--json"],
    ] {
        let value = program.run(&args).with_code(0).json();
        assert!(value.is_object() || value.is_array(), "{args:?}");
    }
}
