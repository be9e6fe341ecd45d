//! Plugins in Rust, built by cargo and loaded as a user would: the traits arrive whole on the other side of the boundary.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may end")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};
use tribunal_api::registry::NoGenerators;
use tribunal_api::{
    Answer, Prompt, Question, Readout, Reads, Reason, Registry, RewardSource, Rules, Sampling,
    SourceError, Turn, conformance,
};
use tribunal_loader::{Origin, Plugin, Spec};

/// Builds a plugin of this workspace once and gives its library.
fn built(package: &str) -> PathBuf {
    built_with(package, &[])
}

/// The same with further arguments of cargo.
fn built_with(package: &str, further: &[&str]) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().parent().unwrap();
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["build", "--locked", "--message-format=json", "--package", package])
        .args(further)
        .current_dir(root)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let library = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact")
        .filter(|message| {
            message["target"]["kind"]
                .as_array()
                .is_some_and(|kinds| kinds.iter().any(|kind| kind == "cdylib"))
        })
        .flat_map(|message| message["filenames"].as_array().cloned().unwrap_or_default())
        .filter_map(|name| name.as_str().map(PathBuf::from))
        .find(|path| path.extension().is_some_and(|one| one == std::env::consts::DLL_EXTENSION));
    library.unwrap()
}

/// The plugin that fails as told; a library is loaded once in a process.
fn faulty() -> &'static (Registry, Plugin) {
    static FAULTY: OnceLock<(Registry, Plugin)> = OnceLock::new();
    FAULTY.get_or_init(|| {
        let mut registry = Registry::new();
        let spec = Spec::new(Origin::Library(built("tribunal-faulty")));
        let plugin = tribunal_loader::load(&spec, &mut registry).unwrap();
        (registry, plugin)
    })
}

fn source(settings: Value) -> std::sync::Arc<dyn RewardSource> {
    faulty().0.build_source("rust.faulty", settings, &NoGenerators).unwrap()
}

async fn ask(how: &str) -> Result<Vec<Answer>, SourceError> {
    let source = source(json!({ "how": how }));
    source.score(&[Question::of_text("?", &["four"])]).await.into_vec().remove(0)
}

#[tokio::test]
async fn the_example_in_rust_passes_conformance() {
    let mut registry = Registry::new();
    let spec = Spec::new(Origin::Library(built("adapter-brevity")));
    let plugin = tribunal_loader::load(&spec, &mut registry).unwrap();
    assert!(plugin.sdk.starts_with("tribunal-api "), "{}", plugin.sdk);
    assert!(plugin.warnings.is_empty(), "{:?}", plugin.warnings);
    let source = registry
        .build_source("rust.brevity", json!({ "reward-per-character": -2.0 }), &NoGenerators)
        .unwrap();
    let found = conformance::source(&*source, &conformance::questions(1)).await;
    assert!(found.is_empty(), "{found:?}");
    let answers = source.score(&[Question::of_text("?", &["é日"])]).await.into_vec();
    assert_eq!(answers, [Ok(vec![Answer::score(-4.0).unwrap()])]);
}

#[tokio::test]
async fn what_a_source_declares_and_answers_arrives_whole() {
    let source = source(json!({ "candidates": 2, "draws": true }));
    assert_eq!((source.arity().least, source.arity().most), (2, 2));
    assert_eq!((source.reads(), source.draws()), (Reads::Subset, true));
    assert_eq!((source.limits().batch, source.limits().in_flight), (4, 3));
    let question =
        Question::new(vec![Turn::user("a"), Turn::assistant("b")], ["x".into(), "four".into()])
            .with_subset("topic".into())
            .with_seeds([11, 22, 33]);
    let samples = source.score(&[question]).await.into_vec().remove(0).unwrap();
    let scores: Vec<Vec<f64>> = samples
        .iter()
        .map(|answer| answer.readout.scores().unwrap().iter().map(|score| score.value()).collect())
        .collect();
    assert_eq!(scores, [[2.0, 5.0], [3.0, 6.0], [4.0, 7.0]]);
    assert_eq!(samples[2].parts["length"], [1.0, 4.0]);
    assert_eq!(samples[1].transcript, Some(json!({ "turns": 2, "subset": "topic" })));
    assert_eq!(samples[0].usage.input_tokens, Some(7));
    assert_eq!(samples[0].origin.served.as_deref(), Some("model-1"));
    let seen = source.inspect(&Question::of_text("hello", &["a", "b"])).await.unwrap().unwrap();
    assert_eq!((seen.rendered.as_str(), seen.exact), ("\"hello\" -> [\"a\", \"b\"]", true));
}

#[tokio::test]
async fn errors_keep_their_kind() {
    let name = |how: &'static str| async move { ask(how).await.unwrap_err().name() };
    for how in ["broken", "rejected", "unreachable", "denied", "busy"] {
        assert_eq!(name(how).await, how);
    }
    let abstained = ask("abstains").await.unwrap().remove(0);
    assert!(
        matches!(abstained.readout, Readout::Abstained(said) if said.reason == Reason::TooLong && said.note == "8 tokens over")
    );
    for (how, text) in
        [("too-few", "1 questions, 0 answers"), ("too-few-scores", "1 candidates, 0 scores")]
    {
        let error = ask(how).await.unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
}

#[tokio::test]
async fn panics_are_errors_with_their_text() {
    for (how, text) in [
        ("panic", "it panicked: the score went wrong"),
        ("panic-bomb", "it panicked: without a message"),
    ] {
        let error = ask(how).await.unwrap_err();
        assert!(
            matches!(&error, SourceError::Broken { message } if message.contains(text)),
            "{error:?}"
        );
    }
    let create =
        faulty().0.build_source("rust.faulty", json!({ "how": "panic-create" }), &NoGenerators);
    assert!(create.err().unwrap().message.contains("it panicked: no weights today"));
    assert!(faulty().1.failures().iter().any(|failure| failure.contains("no weights today")));
    let who = source(json!({ "how": "panic-identify" })).identify().await.unwrap_err();
    assert!(who.to_string().contains("it panicked: who am I"), "{who}");
    let source = source(json!({ "how": "panic-drop" }));
    assert!(source.score(&[Question::of_text("?", &["x"])]).await.into_vec()[0].is_ok());
    source.close().await;
    assert!(source.score(&[Question::of_text("?", &["x"])]).await.into_vec()[0].is_ok());
}

#[tokio::test]
async fn a_call_that_asks_whether_it_is_cancelled_ends() {
    let source = source(json!({ "how": "polite" }));
    let question = [Question::of_text("?", &["x"])];
    for _ in 0..4 {
        // One more than the calls that it admits at once: each must end for the next to begin.
        let asked =
            tokio::time::timeout(std::time::Duration::from_millis(50), source.score(&question));
        assert!(asked.await.is_err());
    }
    let started = std::time::Instant::now();
    source.close().await;
    assert!(started.elapsed() < std::time::Duration::from_secs(2), "all calls have ended");
}

/// The same plugin with a runtime of its own. Other features make another library, so it has a folder of its own.
#[tokio::test]
async fn a_plugin_with_a_runtime_waits_without_holding_a_thread() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guest-tokio").display().to_string();
    let library = built_with("tribunal-faulty", &["--features", "tokio", "--target-dir", &folder]);
    let mut registry = Registry::new();
    tribunal_loader::load(&Spec::new(Origin::Library(library)), &mut registry).unwrap();
    let source = |how: &str| {
        registry.build_source("rust.faulty", json!({ "how": how }), &NoGenerators).unwrap()
    };
    let question = [Question::of_text("?", &["four"])];
    let waits = source("waits");
    let (one, other) = tokio::join!(waits.score(&question), waits.score(&question));
    for answers in [one, other] {
        let samples = answers.into_vec().remove(0).unwrap();
        assert_eq!(samples[0].readout.scores().unwrap()[0].value(), 4.0);
    }
    let late = source("panics-late").score(&question).await.into_vec().remove(0).unwrap_err();
    assert!(late.to_string().contains("it panicked: it went wrong later"), "{late}");
    // What nobody waits for is aborted: more calls than it admits at once, one after the other.
    let long = source("waits-long");
    for _ in 0..5 {
        let asked =
            tokio::time::timeout(std::time::Duration::from_millis(50), long.score(&question));
        assert!(asked.await.is_err());
    }
    let started = std::time::Instant::now();
    long.close().await;
    assert!(started.elapsed() < std::time::Duration::from_secs(2), "all calls have ended");
}

#[test]
fn a_refused_setting_keeps_its_path() {
    let refused =
        faulty().0.build_source("rust.faulty", json!({ "how": "refused" }), &NoGenerators);
    let error = refused.err().unwrap();
    assert_eq!(tribunal_api::settings::dotted(&error.path), "how");
    assert_eq!((error.known.len(), error.hint.as_deref()), (2, Some("use `nan`")));
}

fn prompt(text: &str, seeds: &[u64]) -> Prompt {
    Prompt {
        turns: vec![Turn::user(text)],
        sampling: Sampling::default(),
        seeds: seeds.to_vec(),
        ..Prompt::default()
    }
}

#[tokio::test]
async fn a_generator_crosses_the_boundary() {
    let build = |how: &str| {
        faulty().0.build_generator("rust.echo", json!({ "how": how }), &NoGenerators).unwrap()
    };
    let echo = build("");
    assert_eq!(echo.limits().lane.as_deref(), Some("echo"));
    assert!(echo.identify().await.unwrap().fingerprint.starts_with("1 library "));
    let completions = echo.generate(&[prompt("one", &[1]), prompt("two", &[1, 2])]).await;
    let texts: Vec<usize> =
        completions.iter().map(|one| one.as_ref().unwrap().texts.len()).collect();
    assert_eq!(texts, [1, 2]);
    assert_eq!(completions[1].as_ref().unwrap().texts[1].text, "two");
    assert_eq!(
        build("rejected").generate(&[prompt("x", &[1])]).await[0].as_ref().unwrap_err().name(),
        "rejected"
    );
    let panicked = build("panic").generate(&[prompt("x", &[1])]).await.remove(0).unwrap_err();
    assert!(panicked.to_string().contains("it panicked: no words"), "{panicked}");
    echo.close().await;
    assert!(echo.generate(&[prompt("again", &[1])]).await[0].is_ok());
}

#[test]
fn a_suite_crosses_the_boundary_and_grades_itself() {
    let build = |how: &str| faulty().0.build_suite("rust.suite", json!({ "how": how })).unwrap();
    let suite = build("");
    assert_eq!((&*suite.card().name, &*suite.card().published.ties), ("Own", "half"));
    let (loaded, wrong) = conformance::suite(&*suite);
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!((loaded.items.len(), loaded.absent.len()), (1500, 1));
    let item = &loaded.items[4];
    let tie = tribunal_api::Outcome::pointwise([1.0, 1.0]);
    assert_eq!(suite.grade(item, &tie, &Rules::default())[0].credit, 0.5);
    assert!(suite.fault().is_none());
    let unreadable = build("unreadable").items().unwrap_err();
    assert!(
        unreadable.message.contains("`/data/x.jsonl`: line 3 is cut off; get it again"),
        "{unreadable:?}"
    );
    let panics = build("panic-grade");
    assert!(panics.grade(item, &tie, &Rules::default()).is_empty());
    assert!(panics.fault().unwrap().message.contains("it panicked: no grades today"));
    let set = build("set");
    set.aggregates(&["even".into()]);
    assert!(set.fault().unwrap().message.contains("cannot cross the plugin boundary"));
}
