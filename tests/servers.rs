//! Managed servers and `source check`: the built program with real processes and real HTTP over loopback.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tribunal_engine::probe::known_pairs;
use tribunal_scripted::{Reply, Request, Server};

use crate::program::Program;

/// Says how the stand-in behaves; without it, the test that is the stand-in does nothing.
const STAND_IN: &str = "TRIBUNAL_STAND_IN";

/// The reward of a text: by its pair's place for known replies, positive for the better one; else by its characters.
fn reward(text: &str) -> f64 {
    for (place, pair) in known_pairs().iter().enumerate() {
        let [better, worse] = [pair.replies[pair.better], pair.replies[1 - pair.better]];
        if text.contains(better) {
            return place as f64 + 1.0;
        }
        if text.contains(worse) {
            return -(place as f64 + 1.0);
        }
    }
    text.bytes().fold(7u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte))) as f64
        / f64::from(u32::MAX)
        * 10.0
}

/// A reply of vLLM's `/classify` to a request, every reward put through `shape` with the number of texts.
fn classified(body: &Value, shape: impl Fn(f64, usize) -> f64) -> Value {
    let texts: Vec<&str> = match &body["input"] {
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    let data: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            json!({ "index": index, "label": "LABEL_0", "probs": [shape(reward(text), texts.len())], "num_classes": 1 })
        })
        .collect();
    json!({ "id": "classify-1", "object": "list", "created": 1, "model": "stand-in", "data": data,
            "usage": { "prompt_tokens": 9, "total_tokens": 9, "completion_tokens": 0 } })
}

/// A server for the tests below: this test program, started by the built program with the port as its last argument.
#[test]
fn stand_in() {
    let Ok(manner) = std::env::var(STAND_IN) else { return };
    println!("stand-in {} listens", std::process::id());
    if let Ok(key) = std::env::var("MY_KEY") {
        println!("its key is {key}");
    }
    match manner.as_str() {
        "dies" => {
            (0..30).for_each(|line| println!("loading part {line}"));
            eprintln!("out of memory");
            std::process::exit(3);
        }
        "stubborn" => ignore_sigterm(),
        _ => {}
    }
    let port = std::env::args().next_back().unwrap().parse::<u16>().unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    let asked = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for stream in listener.incoming().flatten() {
            let (asked, manner) = (&asked, manner.as_str());
            scope.spawn(move || serve(stream, manner, asked));
        }
    });
}

fn ignore_sigterm() {
    std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let kind = tokio::signal::unix::SignalKind::terminate();
            let mut signal = tokio::signal::unix::signal(kind).unwrap();
            while signal.recv().await.is_some() {}
        });
    });
}

/// Answers one request. A client that goes away is no failure of the stand-in.
fn serve(stream: TcpStream, manner: &str, asked: &AtomicUsize) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let path = first.split(' ').nth(1)?;
    let (status, reply) = match path {
        "/health" if manner == "never-ready" => (404, json!({})),
        "/health" if manner == "loads" && asked.fetch_add(1, Ordering::Relaxed) < 3 => {
            (503, json!({ "error": { "message": "Loading model" } }))
        }
        "/health" => (200, json!({ "status": "ok" })),
        "/classify" => {
            if manner == "takes-long" {
                std::thread::sleep(Duration::from_millis(40));
            }
            (200, classified(&serde_json::from_slice(&body).ok()?, |reward, _| reward))
        }
        "/v1/models" => (200, json!({ "object": "list", "data": [{ "id": "stand-in" }] })),
        _ => (404, json!({ "error": { "message": "no such route" } })),
    };
    let reply = reply.to_string();
    let head = format!(
        "HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        reply.len()
    );
    let mut stream = stream;
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(reply.as_bytes()).ok()
}

/// A recipe with a managed stand-in and a suite of so many lists.
fn managed(program: &Program, manner: &str, lists: usize, more: &str) -> PathBuf {
    let mut rows = String::new();
    for row in 0..lists {
        let value = json!({ "id": row, "q": format!("question {row}"),
            "c": [format!("answer {row}"), format!("other {row}")], "b": 0 });
        rows.push_str(&format!("{value}\n"));
    }
    program.write("lists.jsonl", &rows);
    let test = std::env::current_exe().unwrap();
    program.write(
        "managed.toml",
        &format!(
            r#"
name = "managed"
[server.x]
command = ["{}", "--exact", "--nocapture", "servers::stand_in", "{{port}}"]
env = {{ {STAND_IN} = "{manner}" }}
ready-within = "{}"
[source.rm]
kind = "http.reward"
server = "vllm-classify"
managed = "x"
model = "stand-in"
render = "plain"
{more}
[suite.lists]
kind = "best-of"
path = "lists.jsonl"
fields = {{ id = "id", prompt = "q", candidates = "c", best = "b" }}
"#,
            test.display(),
            if manner == "never-ready" { "1s" } else { "60s" },
        ),
    )
}

/// The log of the managed server in the run folder `out`.
fn log_of(program: &Program) -> String {
    std::fs::read_to_string(program.folder().join("out/server-x.log")).unwrap()
}

/// The process ids that stand-ins have written to a log.
fn stand_ins(log: &str) -> Vec<u32> {
    let lines = log.lines().filter_map(|line| line.strip_suffix(" listens"));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect()
}

fn is_alive(process: u32) -> bool {
    // The name behind the last bracket is the state; a zombie is dead, whoever has yet to read its exit code.
    std::fs::read_to_string(format!("/proc/{process}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or("").trim_start().starts_with('Z'))
}

#[track_caller]
fn ends_within(process: u32, seconds: u64) {
    let until = Instant::now() + Duration::from_secs(seconds);
    while is_alive(process) {
        assert!(Instant::now() < until, "process {process} is left behind");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Starts a run that takes long, and returns it with its server's process once trials are being asked.
fn started(program: &Program, manner: &str) -> (Child, u32) {
    let recipe = managed(program, manner, 80, "batch = 1\nin-flight = 1\n");
    let child = program
        .command(["run", recipe.to_str().unwrap(), "-o", "out"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    let timing = program.folder().join("out/timing.jsonl");
    while std::fs::metadata(&timing).map_or(0, |found| found.len()) == 0 {
        assert!(Instant::now() < until, "the run asks nothing");
        std::thread::sleep(Duration::from_millis(20));
    }
    let server = log_process(program);
    assert!(is_alive(server));
    (child, server)
}

/// The stand-in's process, from its log wherever it is now.
fn log_process(program: &Program) -> u32 {
    let found = find_logs(program.folder())
        .into_iter()
        .find_map(|log| stand_ins(&std::fs::read_to_string(log).ok()?).first().copied());
    found.expect("the stand-in has written its process id")
}

fn find_logs(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries
        .flatten()
        .flat_map(|entry| match entry.path() {
            path if path.is_dir() => find_logs(&path),
            path if path.extension().is_some_and(|extension| extension == "log") => vec![path],
            _ => Vec::new(),
        })
        .collect()
}

#[test]
fn a_managed_server_is_awaited_asked_stopped_and_its_log_kept() {
    let program = Program::new();
    let second = "[source.again]\nkind = \"http.reward\"\nserver = \"vllm-classify\"\nmanaged = \"x\"\n\
                  model = \"stand-in\"\nrender = \"plain\"\nconcurrency = 3\n";
    let recipe = managed(&program, "loads", 6, second);
    let ran = program.run(["run", recipe.to_str().unwrap(), "-o", "out"]).with_code(0);
    assert!(ran.err().contains("server `x` is ready"), "{}", ran.err());
    let log = log_of(&program);
    let processes = stand_ins(&log);
    assert_eq!(processes.len(), 1, "two sources share one server: {log}");
    assert!(!is_alive(processes[0]));
    // A second start has nothing to ask, and puts its log behind the first.
    program.run(["resume", "out", "-q"]).with_code(0);
    assert_eq!(stand_ins(&log_of(&program)).len(), 2);
}

#[test]
fn a_server_that_ends_is_exit_6_with_the_end_of_its_log_and_no_key() {
    let program = Program::new();
    let recipe = managed(&program, "dies", 2, "api-key-env = \"MY_KEY\"\n");
    let ran = program
        .command(["run", recipe.to_str().unwrap(), "-o", "out"])
        .env("MY_KEY", "sk-0123456789")
        .output()
        .unwrap();
    let said = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(6), "{said}");
    assert!(said.contains("server `x` ended before it was ready (exit code 3)"), "{said}");
    assert!(said.contains("out of memory") && said.contains("loading part 29"), "{said}");
    // 20 lines: one is the last error, so the first one shown of 30 parts is part 11.
    assert!(said.contains("loading part 11") && !said.contains("loading part 10"), "{said}");
    let log = said.split('`').find(|part| part.ends_with("server-x.log")).unwrap();
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("its key is [MY_KEY]") && !log.contains("sk-0123456789"), "{log}");
}

#[test]
fn a_server_that_is_not_ready_in_time_is_exit_6() {
    let program = Program::new();
    let recipe = managed(&program, "never-ready", 2, "");
    let ran = program.run(["run", recipe.to_str().unwrap(), "-o", "out"]).with_code(6);
    let said = ran.err();
    assert!(said.contains("server `x` was not ready within 1 s (`/health` says 404)"), "{said}");
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let program = Program::new();
    let recipe = managed(&program, "loads", 2, "");
    let set = "server.x.command=[\"no-such-program\", \"{port}\"]";
    let ran = program.run(["run", recipe.to_str().unwrap(), "--set", set]).with_code(6);
    assert!(ran.err().contains("cannot start `no-such-program`"), "{}", ran.err());
    // To plan and to validate, no server is needed.
    program.run(["plan", recipe.to_str().unwrap(), "--set", set]).with_code(0);
    program.run(["validate", recipe.to_str().unwrap(), "--set", set]).with_code(0);
}

#[test]
fn a_server_that_nobody_describes_is_a_fault() {
    let program = Program::new();
    let recipe = managed(&program, "loads", 2, "");
    let ran = program
        .run(["validate", recipe.to_str().unwrap(), "--set", "source.rm.managed=\"y\""])
        .with_code(2);
    let said = ran.err();
    assert!(said.contains("there is no server `y`") && said.contains("known servers: x"), "{said}");
}

#[test]
fn a_killed_run_leaves_no_server_behind() {
    let program = Program::new();
    let (mut run, server) = started(&program, "takes-long");
    run.kill().unwrap();
    run.wait().unwrap();
    ends_within(server, 5);
}

#[test]
fn a_server_that_does_not_heed_sigterm_is_killed_after_ten_seconds() {
    let program = Program::new();
    let (mut run, server) = started(&program, "stubborn");
    run.kill().unwrap();
    run.wait().unwrap();
    std::thread::sleep(Duration::from_secs(2));
    assert!(is_alive(server), "it was not given its ten seconds");
    ends_within(server, 15);
}

#[test]
fn an_interrupted_run_stops_its_server() {
    let program = Program::new();
    let (mut run, server) = started(&program, "takes-long");
    Command::new("kill").args(["-INT", &run.id().to_string()]).status().unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(130));
    assert!(!is_alive(server));
    // What was stored is not asked again, and the server comes back for the rest.
    let resumed = ["resume", "out", "-q", "--json"];
    let summary = program.run(resumed).with_code(0).json();
    assert_eq!(summary["complete"]["unanswered"], 0, "{summary}");
}

/// A recipe for a scripted server of vLLM's shape.
fn served(program: &Program, server: &Server) -> PathBuf {
    program.write(
        "lists.jsonl",
        "{\"id\": 1, \"q\": \"Why?\", \"c\": [\"So.\", \"No.\"], \"b\": 0}\n",
    );
    program.write(
        "served.toml",
        &format!(
            r#"
name = "served"
[source.rm]
kind = "http.reward"
server = "vllm-classify"
base-url = "{}"
model = "stand-in"
render = "plain"
[suite.lists]
kind = "best-of"
path = "lists.jsonl"
fields = {{ id = "id", prompt = "q", candidates = "c", best = "b" }}
"#,
            server.url()
        ),
    )
}

/// A scripted vLLM whose rewards are put through `shape`, with the number of texts in the request.
fn vllm(shape: impl Fn(f64, usize) -> f64 + Send + Sync + 'static) -> Server {
    Server::start(move |request: &Request| match request.path.as_str() {
        "/classify" => Reply::json(classified(&request.json(), &shape)),
        "/v1/models" => {
            Reply::json(json!({ "data": [{ "id": "stand-in", "max_model_len": 4096 }] }))
        }
        "/tokenize" => {
            Reply::json(json!({ "count": 3, "max_model_len": 4096, "tokens": [1, 11, 12] }))
        }
        _ => Reply::status(404, json!({ "error": { "message": "no such route" } })),
    })
}

#[test]
fn source_check_shows_a_sound_source_from_text_to_score() {
    let server = vllm(|reward, _| reward);
    let program = Program::new();
    let recipe = served(&program, &server);
    let ran = program.run(["source", "check", recipe.to_str().unwrap()]).with_code(0);
    let said = ran.out();
    for part in [
        "source rm (http.reward)",
        "lists / ",
        "Why?",
        "probs",
        "known pairs  20 of 20 right",
        "sound",
    ] {
        assert!(said.contains(part), "`{part}` is not in\n{said}");
    }
    let value = program
        .run(["source", "check", recipe.to_str().unwrap(), "--json", "--source", "rm"])
        .with_code(0)
        .json();
    assert_eq!(value["schema"], "tribunal-source-check/1");
    let source = &value["sources"][0];
    assert_eq!(source["self-check"]["right"], 20);
    let expect = reward("Why?\n\nSo.");
    assert_eq!(source["item"]["scores"], json!([expect]), "{source}");
    let wrong = ["source", "check", recipe.to_str().unwrap(), "--source", "rn"];
    assert!(program.run(wrong).with_code(2).err().contains("did you mean `rm`?"));
}

#[test]
fn every_unsound_server_is_caught_before_the_first_trial_with_the_right_words() {
    let sigmoid = |reward: f64, _: usize| 1.0 / (1.0 + (-reward / 10.0).exp());
    let steep = |reward: f64, _: usize| 1.0 / (1.0 + (-reward * 20.0).exp());
    let cases: [(&str, Server, &str); 6] = [
        ("sigmoid", vllm(sigmoid), "scores lie between 0 and 1, as after a sigmoid"),
        ("steep sigmoid", vllm(steep), "of 0 or 1, as after a sigmoid or softmax"),
        ("softmax", vllm(|_, _| 1.0), "scores are 1, as a softmax over a single number is"),
        ("constant", vllm(|_, _| 0.25), "all 40 scores are `0.25`"),
        ("reversed", vllm(|reward, _| -reward), "reversed: the better reply wins 0 of 20"),
        ("drift", vllm(|reward, texts| reward + texts as f64), "depend on what else is asked"),
    ];
    for (name, server, words) in cases {
        let program = Program::new();
        let recipe = served(&program, &server);
        let recipe = recipe.to_str().unwrap();
        let checked = program.run(["source", "check", recipe]).with_code(7);
        assert!(checked.out().contains(words), "{name}:\n{}", checked.out());
        assert!(checked.out().contains("remedy"), "{name}:\n{}", checked.out());
        let ran = program.run(["run", recipe, "-o", "out"]).with_code(7);
        assert!(ran.err().contains(words), "{name}:\n{}", ran.err());
        assert!(!program.folder().join("out").exists(), "{name}: a trial was asked");
    }
}

/// A scripted vLLM that reads no more than so many characters of a text, and whose tokenizer puts these ids first.
fn short_sighted(most: usize, first: &'static [u32]) -> Server {
    Server::start(move |request: &Request| match request.path.as_str() {
        "/classify" => {
            let mut body = request.json();
            let cut = |text: &Value| -> Value {
                text.as_str().unwrap_or_default().chars().take(most).collect::<String>().into()
            };
            body["input"] = match &body["input"] {
                Value::Array(list) => list.iter().map(cut).collect(),
                one => cut(one),
            };
            Reply::json(classified(&body, |reward, _| reward))
        }
        "/v1/models" => Reply::json(json!({ "data": [{ "id": "stand-in" }] })),
        "/tokenize" => {
            let body = request.json();
            let text = body["prompt"].as_str().unwrap_or_default();
            let added: &[u32] =
                if body["add_special_tokens"] == json!(false) { &[] } else { first };
            let (written, text) = match text.strip_prefix("<s>") {
                Some(rest) => (&[1][..], rest),
                None => (&[][..], text),
            };
            let words = text.split_whitespace().map(|word| 100 + word.len() as u32);
            let tokens: Vec<u32> = added.iter().chain(written).copied().chain(words).collect();
            Reply::json(
                json!({ "count": tokens.len(), "max_model_len": 100_000, "tokens": tokens }),
            )
        }
        _ => Reply::status(404, json!({ "error": { "message": "no such route" } })),
    })
}

#[test]
fn a_server_that_cuts_the_longest_item_is_caught() {
    let server = short_sighted(3000, &[]);
    let program = Program::new();
    let recipe = served(&program, &server);
    let long = json!({ "id": 1, "q": "Why?", "c": ["word by word ".repeat(400), "No."], "b": 0 });
    program.write("lists.jsonl", &format!("{long}\n"));
    let ran = program.run(["source", "check", recipe.to_str().unwrap()]).with_code(7);
    let said = ran.out();
    assert!(said.contains("truncated: the longest question (5204 characters)"), "{said}");
    assert!(said.contains("so its end is not read"), "{said}");
    assert!(said.contains("raise the server's token limit"), "{said}");
}

#[test]
fn a_token_that_template_and_server_both_put_first_is_caught() {
    let server = short_sighted(usize::MAX, &[1]);
    let program = Program::new();
    let recipe = served(&program, &server);
    let template =
        "{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}";
    let config = json!({ "bos_token": "<s>", "eos_token": "</s>", "chat_template": template });
    program.write("tokenizer_config.json", &config.to_string());
    let text = std::fs::read_to_string(&recipe).unwrap();
    let text = text.replace(
        "render = \"plain\"",
        "template = \"tokenizer_config.json\"\nspecial-tokens = true",
    );
    let recipe = program.write("served.toml", &text);
    let ran = program.run(["source", "check", recipe.to_str().unwrap()]).with_code(7);
    let said = ran.out();
    assert!(
        said.contains("double BOS: the token 1, which begins a text, stands at its start twice"),
        "{said}"
    );
    assert!(said.contains("add no special tokens"), "{said}");
    let once =
        ["source", "check", recipe.to_str().unwrap(), "--set", "source.rm.special-tokens=false"];
    program.run(once).with_code(0);
}

#[test]
fn what_is_accepted_is_kept_with_the_run_and_said_by_every_report() {
    let server = vllm(|_, _| 1.0);
    let program = Program::new();
    let recipe = served(&program, &server);
    let run = ["run", recipe.to_str().unwrap(), "-o", "out", "--accept-unverified"];
    assert!(program.run(run).with_code(0).out().contains("unverified"));
    let plan = std::fs::read_to_string(program.folder().join("out/plan.json")).unwrap();
    let plan: Value = serde_json::from_str(&plan).unwrap();
    let check = &plan["sources"][0]["self-check"];
    assert_eq!((&check["of"], &check["tied"]), (&json!(20), &json!(20)));
    assert!(check["findings"][0]["remedy"].as_str().unwrap().contains("raw score"), "{check}");
    assert!(program.run(["report", "out"]).with_code(0).out().contains("unverified"));
}

#[test]
fn a_server_that_cannot_be_reached_is_exit_6() {
    let server = vllm(|reward, _| reward);
    let program = Program::new();
    let recipe = served(&program, &server);
    drop(server);
    let set = "source.rm.retry={ attempts = 1 }";
    let ran = program.run(["source", "check", recipe.to_str().unwrap(), "--set", set]).with_code(6);
    assert!(ran.err().contains("source `rm`"), "{}", ran.err());
}

#[test]
fn offline_allows_loopback_and_refuses_other_hosts() {
    let server = vllm(|reward, _| reward);
    let program = Program::new();
    let recipe = served(&program, &server);
    let recipe = recipe.to_str().unwrap();
    program.run(["source", "check", recipe, "--offline"]).with_code(0);
    let far = "source.rm.base-url=\"http://rewards.example.com\"";
    for command in [&["plan"][..], &["validate"], &["run"], &["source", "check"]] {
        let arguments = command.iter().copied().chain([recipe, "--offline", "--set", far]);
        let ran = program.run(arguments).with_code(2);
        assert!(ran.err().contains("rewards.example.com"), "{}", ran.err());
    }
}
