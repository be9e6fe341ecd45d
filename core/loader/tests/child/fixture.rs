//! Children written in shell, and what tests ask them.

use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tribunal_api::registry::NoGenerators;
use tribunal_api::{Answer, Question, Registry, RewardSource, SourceError};
use tribunal_loader::{Level, Origin, Plugin, Spec, load};

/// Functions of all scripts. `hello CAPS`: greets. `serve`: answers until the end; what it does with `score` and
/// `cancel` are functions of their own, which a script may define anew.
const PRELUDE: &str = r#"
say() { printf '%s\n' "$1"; }
hello() {
    read -r line
    say '{"op":"hello","protocol":[1,0],"name":"sh","version":"1","sdk":"shell","caps":['"$1"'],"kinds":[{"component":"source","kind":"sh"},{"component":"generator","kind":"sh"},{"component":"suite","kind":"sh"}]}'
}
take() { read -r line || exit 0; id=${line#*\"id\":}; id=${id%%[,\}]*}; }
score() { say "{\"id\":$id,\"scores\":[[1]]}"; }
cancel() { say "{\"id\":$id,\"error\":{\"code\":\"cancelled\",\"message\":\"as told\"}}"; }
shutdown() { exit 0; }
declares='"in-flight":4'
answer() {
    case $line in
        *'"op":"check"'*) say "{\"id\":$id,\"declares\":{$declares}}" ;;
        *'"op":"create"'*) say "{\"id\":$id,\"handle\":1}" ;;
        *'"op":"identify"'*) say "{\"id\":$id,\"identity\":{\"name\":\"sh\",\"fingerprint\":\"1\",\"strength\":\"name\"}}" ;;
        *'"op":"score"'*) score ;;
        *'"op":"destroy"'*) say "{\"id\":$id}" ;;
        *'"op":"cancel"'*) cancel ;;
        *'"op":"shutdown"'*) shutdown ;;
    esac
}
serve() { while take; do answer; done; }
"#;

/// A plugin that is a script.
pub fn script(text: &str) -> Spec {
    let command = vec!["/bin/sh".to_owned(), "-c".to_owned(), format!("{PRELUDE}\n{text}")];
    let mut spec = Spec::new(Origin::Command { command, folder: std::env::temp_dir() });
    spec.start_within = Duration::from_secs(10);
    spec.cancel_within = Duration::from_millis(300);
    spec
}

/// A plugin that greets, redefines some functions, and serves.
pub fn serving(functions: &str) -> Spec {
    script(&format!("{functions}\nhello '\"cancel\"'\nserve"))
}

/// All that is logged.
pub fn logging(spec: &mut Spec) -> Arc<Mutex<Vec<(Level, String)>>> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let seen = lines.clone();
    spec.log = Arc::new(move |level, _, line| seen.lock().unwrap().push((level, line.to_owned())));
    lines
}

pub fn loaded(spec: &Spec) -> (Plugin, Registry) {
    let mut registry = Registry::new();
    let plugin = load(spec, &mut registry).unwrap();
    (plugin, registry)
}

/// The source of a script.
pub fn source(spec: &Spec) -> Arc<dyn RewardSource> {
    let (_, registry) = loaded(spec);
    registry.build_source("sh", json!({}), &NoGenerators).unwrap()
}

pub fn question() -> Question {
    Question::of_text("p", &["a"])
}

/// The answer to one question.
pub async fn ask(source: &dyn RewardSource) -> Result<f64, SourceError> {
    let answers = bounded(source.score(&[question()])).await.into_vec();
    answers.into_iter().next().unwrap().map(|samples| value(&samples[0]))
}

pub fn value(answer: &Answer) -> f64 {
    answer.readout.scores().unwrap()[0].value()
}

/// A future that must not take long.
pub async fn bounded<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it takes too long")
}

pub fn broken(result: Result<f64, SourceError>) -> String {
    match result {
        Err(SourceError::Broken { message }) => message,
        other => panic!("not broken: {other:?}"),
    }
}

pub fn unreachable(result: Result<f64, SourceError>) -> String {
    match result {
        Err(SourceError::Unreachable { message }) => message,
        other => panic!("not unreachable: {other:?}"),
    }
}

/// The message with the script's text cut out: it is part of the plugin's name.
pub fn without_script(message: &str) -> String {
    let Some(start) = message.find("/bin/sh -c") else { return message.to_owned() };
    let marks = ["\nserve` ", "\nend` "];
    let Some(end) =
        marks.iter().filter_map(|mark| message.find(mark).map(|at| at + mark.len() - 2)).min()
    else {
        return message.to_owned();
    };
    format!("{}SCRIPT{}", &message[..start], without_script(&message[end..]))
}

/// Whether a process is no more, or waits only for its parent to notice.
pub fn gone(pid: i32) -> bool {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => {
            stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with(['Z', 'X']))
        }
        Err(_) if Path::new("/proc/self/stat").exists() => true,
        Err(_) => {
            let pid = rustix::process::Pid::from_raw(pid).unwrap();
            rustix::process::test_kill_process(pid).is_err()
        }
    }
}

/// Waits until something is so.
pub fn eventually(within: Duration, what: &str, so: impl Fn() -> bool) {
    let until = Instant::now() + within;
    while !so() {
        assert!(Instant::now() < until, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The number that a script wrote into a file.
pub fn pid_in(path: &Path) -> i32 {
    let read = || std::fs::read_to_string(path).ok().filter(|text| text.ends_with('\n'));
    eventually(Duration::from_secs(10), "the script writes its number", || read().is_some());
    read().unwrap().trim().parse().unwrap()
}
