//! The same kinds through a child process: what comes out is what went in.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tribunal_api::registry::NoGenerators;
use tribunal_api::{Generator, Prompt, Registry, RewardSource, SourceError, Turn};
use tribunal_loader::runner::{About, serve};
use tribunal_loader::{Origin, Spec};

use super::super::fixture::{bounded, loaded};
use super::kinds::{questions, registry};

/// The child: this very program, called again. What the test harness prints must not reach the host, so the shell gives
/// the pipe another number.
fn spec() -> Spec {
    let exe = std::env::current_exe().unwrap().display().to_string();
    let script = "exec \"$0\" runner::process::child --exact --ignored --nocapture 3>&1 1>&2";
    let command = ["/bin/sh", "-c", script, exe.as_str()].map(str::to_owned).to_vec();
    let mut spec = Spec::new(Origin::Command { command, folder: std::env::temp_dir() });
    spec.cancel_within = Duration::from_millis(500);
    spec.env.insert("TRIBUNAL_TEST_SERVE".to_owned(), "1".to_owned());
    spec
}

#[test]
#[ignore = "no test but the process of those of this file: `cargo test -p tribunal-loader --test child process` runs it"]
fn child() {
    if std::env::var_os("TRIBUNAL_TEST_SERVE").is_none() {
        return;
    }
    let output = std::fs::OpenOptions::new().write(true).open("/dev/fd/3").unwrap();
    let about = About { name: "fakes".into(), version: "1".into(), sdk: "test".into() };
    serve(registry(), about, std::io::stdin(), output, || 0).unwrap();
    std::process::exit(0);
}

fn source(settings: serde_json::Value) -> Arc<dyn RewardSource> {
    loaded(&spec()).1.build_source("rich", settings, &NoGenerators).unwrap()
}

#[tokio::test]
async fn a_source_is_the_same_on_both_sides() {
    let here = registry().build_source("rich", json!({"factor": 0.1}), &NoGenerators).unwrap();
    let there = source(json!({"factor": 0.1}));
    assert_eq!(
        (here.arity(), here.reads(), here.draws()),
        (there.arity(), there.reads(), there.draws())
    );
    assert_eq!((here.scale(), here.limits()), (there.scale(), there.limits()));
    assert_eq!(here.identify().await, bounded(there.identify()).await);
    let questions = questions();
    let inspected = bounded(there.inspect(&questions[0])).await;
    assert_eq!(inspected, here.inspect(&questions[0]).await);
    let expect = here.score(&questions).await.into_vec();
    assert_eq!(bounded(there.score(&questions)).await.into_vec(), expect);
    for question in &questions {
        let one = std::slice::from_ref(question);
        let (expect, found) =
            (here.score(one).await.into_vec(), bounded(there.score(one)).await.into_vec());
        assert_eq!(found, expect);
    }
    bounded(there.close()).await;
    assert_eq!(bounded(there.score(&questions)).await.into_vec(), expect);
}

#[tokio::test]
async fn a_generator_is_the_same_on_both_sides() {
    let here: Arc<dyn Generator> =
        registry().build_generator("echo", json!({}), &NoGenerators).unwrap();
    let there = loaded(&spec()).1.build_generator("echo", json!({}), &NoGenerators).unwrap();
    assert_eq!(here.limits(), there.limits());
    assert_eq!((there.renders_markers(), there.samples_at_once()), (true, 5));
    assert_eq!(bounded(there.identify()).await, here.identify().await);
    let prompts = [
        Prompt {
            turns: vec![Turn::user("say")],
            seeds: vec![1, u64::MAX],
            labels: vec!["A".to_owned(), " A".to_owned()],
            grammar: Some(tribunal_api::Grammar::OneOf(vec!["A".to_owned()])),
            ..Prompt::default()
        },
        Prompt { seeds: vec![0], ..Prompt::default() },
    ];
    assert_eq!(bounded(there.generate(&prompts)).await, here.generate(&prompts).await);
    assert_eq!(bounded(there.inspect(&prompts[0])).await, Ok(None));
}

#[test]
fn a_suite_is_the_same_on_both_sides() {
    let here = registry().build_suite("own", json!({})).unwrap();
    let there = loaded(&spec()).1.build_suite("own", json!({})).unwrap();
    assert_eq!(here.card(), there.card());
    let (expect, found) = (here.items().unwrap(), there.items().unwrap());
    assert_eq!(found.absent, expect.absent);
    assert!(found.items == expect.items && found.items.len() == 2500);
    for subset in ["odd", "even"] {
        assert_eq!(there.contest(subset), here.contest(subset));
    }
    let subsets: [Arc<str>; 2] = ["odd".into(), "even".into()];
    assert_eq!(there.aggregates(&subsets), here.aggregates(&subsets));
    let outcome = tribunal_api::Outcome::pointwise([2.0, 1.0]);
    let rules = Default::default();
    let grades = there.grade(&expect.items[3], &outcome, &rules);
    assert_eq!(grades, here.grade(&expect.items[3], &outcome, &rules));
    assert!(there.fault().is_none());
}

#[test]
fn a_suite_that_cannot_be_read_says_why() {
    let suite = loaded(&spec()).1.build_suite("own", json!({"instead": "fail"})).unwrap();
    let message = suite.items().unwrap_err().message;
    assert!(
        message.contains("did not answer `items`: `/data.jsonl`: line 3 is no record; mend it"),
        "{message}"
    );
}

#[tokio::test]
async fn what_hangs_or_crashes_is_ended_and_started_again() {
    let questions = &questions()[..1];
    for (instead, expect) in
        [("panic", "it panicked: no scores today"), ("abort", "signal 6 (SIGABRT)")]
    {
        let source = source(json!({"instead": instead}));
        let answer = bounded(source.score(questions)).await.into_vec().remove(0);
        let message = answer.unwrap_err().to_string();
        assert!(message.contains(expect), "{message}");
    }
    // A future that can be dropped is dropped, one that blocks its thread is ended with its process.
    for (instead, ended) in [("sleep", false), ("block", true)] {
        let mut spec = spec();
        spec.restarts = 0;
        let mut registry = Registry::new();
        tribunal_loader::load(&spec, &mut registry).unwrap();
        let source =
            registry.build_source("rich", json!({"instead": instead}), &NoGenerators).unwrap();
        bounded(source.identify()).await.unwrap();
        let call = tokio::time::timeout(Duration::from_millis(300), source.score(questions));
        assert!(call.await.is_err());
        tokio::time::sleep(Duration::from_millis(1500)).await;
        match bounded(source.identify()).await {
            Ok(_) => assert!(!ended, "{instead}"),
            Err(SourceError::Broken { message }) => {
                assert!(ended && message.contains("did not answer a cancelled call"), "{message}");
            }
            Err(error) => panic!("{error}"),
        }
    }
}
