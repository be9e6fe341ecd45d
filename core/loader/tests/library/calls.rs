//! Calls into libraries: answers, what is said beside them, errors, timeouts, and instances that do not come back.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tribunal_api::{Answer, Question, Readout, Reason, RewardSource, SourceError, conformance};
use tribunal_loader::{Level, Origin, Spec};

use super::built::{Built, load, load_with, source};

fn question() -> Question {
    Question::of_text("?", &["one", "two"])
}

async fn ask(source: &dyn RewardSource, count: usize) -> Vec<Result<Vec<Answer>, SourceError>> {
    let batch: Vec<Question> = (0..count).map(|_| question()).collect();
    source.score(&batch).await.into_vec()
}

async fn error_of(how: &str) -> SourceError {
    let built = Built::new();
    let (registry, _) = load(&built.faulty(&[])).unwrap();
    let source = source(&registry, how).unwrap();
    ask(&*source, 2).await.into_iter().find_map(Result::err).unwrap()
}

fn broken(error: SourceError) -> String {
    match error {
        SourceError::Broken { message } => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_example_in_c_passes_conformance() {
    let built = Built::new();
    let (registry, plugin) =
        load(&built.c("examples/adapters/c/brevity.c", "brevity.so", &[])).unwrap();
    assert_eq!(plugin.kinds.len(), 1);
    let settings = json!({ "reward-per-byte": -0.5 });
    let source = registry
        .build_source("c.brevity", settings, &tribunal_api::registry::NoGenerators)
        .unwrap();
    let found = conformance::source(&*source, &conformance::questions(1)).await;
    assert!(found.is_empty(), "{found:?}");
    let answers = source.score(&[Question::of_text("?", &["four"])]).await.into_vec();
    assert_eq!(answers, [Ok(vec![Answer::score(-2.0).unwrap()])]);
    source.close().await;
    let again = source.score(&[Question::of_text("?", &["four"])]).await.into_vec();
    assert_eq!(again, answers, "it opens again after it was closed");
}

#[tokio::test]
async fn what_is_said_beside_the_scores_arrives() {
    let built = Built::new();
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = lines.clone();
    let mut spec = Spec::new(Origin::Library(built.faulty(&[])));
    spec.log = Arc::new(move |level, _, line| {
        if level == Level::Warn {
            kept.lock().unwrap().push(line.to_owned());
        }
    });
    let (registry, _) = load_with(spec).unwrap();
    let source = source(&registry, "says").unwrap();
    // One candidate a question: its only slot is left unwritten where it abstains.
    let batch = [Question::of_text("?", &["a"]), Question::of_text("?", &["b"])];
    let answers = source.score(&batch).await.into_vec();
    let first = &answers[0].as_ref().unwrap()[0];
    assert!(
        matches!(&first.readout, Readout::Abstained(said) if said.reason == Reason::Refused && said.note == "no")
    );
    let second = &answers[1].as_ref().unwrap()[0];
    assert_eq!(second.readout.scores().unwrap()[0].value(), 1.0);
    assert_eq!(second.parts["half"], [0.5]);
    assert_eq!(second.transcript, Some(json!({ "read": true })));
    assert_eq!(
        (second.usage.input_tokens, second.usage.output_tokens, second.usage.usd),
        (Some(12), None, None)
    );
    assert_eq!(second.origin.served.as_deref(), Some("model-1"));
    assert_eq!(*lines.lock().unwrap(), ["a line for the log"]);
}

#[tokio::test]
async fn every_broken_rule_is_an_error_that_says_which() {
    for (how, expected) in [
        ("nan", "the score of candidate 0 is `NaN`"),
        ("unwritten", "1 of 2 scores were not written"),
        ("fails", "the model is on fire"),
        ("fails-silently", "failed and did not say why"),
        ("odd-status", "returned status 77"),
        ("both", "it was filled, and an abstention was given for it, too"),
        ("odd-question", "it speaks of question 2, which was not asked"),
        ("odd-sample", "it speaks of sample 5 of question 0"),
        ("odd-reason", "it was filled, and an error was given for it, too"),
        ("half-part", "a part of candidate 2, which was not asked"),
    ] {
        let message = broken(error_of(how).await);
        assert!(message.contains(expected), "{how}: {message}");
        assert!(message.contains("faulty.so"), "{how}: {message}");
    }
}

#[tokio::test]
async fn only_the_question_that_is_wrong_fails() {
    let built = Built::new();
    let (registry, _) = load(&built.faulty(&[])).unwrap();
    let answers = ask(&*source(&registry, "nan").unwrap(), 3).await;
    assert!(answers[0].is_err() && answers[1].is_ok() && answers[2].is_ok(), "{answers:?}");
}

#[tokio::test]
async fn errors_say_who_must_act() {
    assert!(matches!(error_of("denied").await, SourceError::Denied { .. }));
    let busy = error_of("busy").await;
    assert!(
        matches!(busy, SourceError::Busy { wait: Some(wait), .. } if wait == Duration::from_millis(10))
    );
}

#[tokio::test]
async fn a_call_may_be_completed_later_and_a_second_completion_is_ignored() {
    let built = Built::new();
    let (registry, _) = load(&built.faulty(&[])).unwrap();
    for how in ["pending", "twice"] {
        let source = source(&registry, how).unwrap();
        for _ in 0..20 {
            let answers = ask(&*source, 2).await;
            assert!(answers.iter().all(Result::is_ok), "{how}: {answers:?}");
        }
    }
}

#[test]
fn settings_that_are_refused_carry_their_path() {
    let built = Built::new();
    let (registry, plugin) = load(&built.faulty(&[])).unwrap();
    let refused = |how: &str| source(&registry, how).err().unwrap();
    assert_eq!(refused("config").message, "`how` cannot be `config`");
    let with_path = refused("config-path");
    assert_eq!(tribunal_api::settings::dotted(&with_path.path), "how");
    assert_eq!(with_path.hint.as_deref(), Some("use another one"));
    assert!(plugin.failures().is_empty(), "settings are not the plugin's fault");
    let fails = refused("create-fails");
    assert!(fails.message.contains("there is no device"), "{fails:?}");
    assert_eq!(plugin.failures().len(), 1);
}

#[test]
fn an_instance_that_is_never_made_is_given_up() {
    let built = Built::new();
    let mut spec = Spec::new(Origin::Library(built.faulty(&[])));
    spec.start_within = Duration::from_millis(200);
    let (registry, plugin) = load_with(spec).unwrap();
    let started = Instant::now();
    let error = source(&registry, "create-sleeps").err().unwrap();
    assert!(error.message.contains("did not make an instance within 200ms"), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(2));
    assert_eq!(plugin.failures().len(), 1);
}

#[tokio::test]
async fn who_cannot_say_who_it_is_is_an_error() {
    let built = Built::new();
    let (registry, _) = load(&built.faulty(&[])).unwrap();
    let gone = source(&registry, "no-identity").unwrap().identify().await.unwrap_err();
    assert!(
        matches!(&gone, SourceError::Unreachable { message } if message.contains("the weights are gone")),
        "{gone:?}"
    );
    let odd = source(&registry, "odd-identity").unwrap().identify().await.unwrap_err();
    assert!(broken(odd).contains("something unreadable"));
    let pending = source(&registry, "pending-identity").unwrap().identify().await.unwrap_err();
    assert!(broken(pending).contains("a rule of the boundary was broken"));
    let empty = source(&registry, "empty-identity").unwrap().identify().await.unwrap_err();
    assert!(broken(empty).contains("without name or fingerprint"));
    let sound = source(&registry, "").unwrap().identify().await.unwrap();
    assert!(sound.fingerprint.starts_with("1 library "), "{sound:?}");
}

fn impatient(path: PathBuf) -> Spec {
    Spec { cancel_within: Duration::from_millis(100), ..Spec::new(Origin::Library(path)) }
}

/// Runs calls that time out after 200 ms in a runtime of their own; says what the last one said, and how long the runtime took
/// to end.
fn timed_out(how: &'static str, calls: usize) -> (Result<String, String>, Duration) {
    let built = Built::new();
    let (registry, _) = load_with(impatient(built.faulty(&[]))).unwrap();
    let source = source(&registry, how).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let said = runtime.block_on(async {
        let mut said = Err("not asked".to_owned());
        for _ in 0..calls {
            let asked = tokio::time::timeout(Duration::from_millis(200), ask(&*source, 1)).await;
            said = match asked {
                Err(_) => Err("timed out".to_owned()),
                Ok(answers) => match &answers[0] {
                    Ok(_) => Ok("answered".to_owned()),
                    Err(error) => Err(error.to_string()),
                },
            };
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        said
    });
    let started = Instant::now();
    drop(source);
    drop(runtime);
    (said, started.elapsed())
}

#[test]
fn a_call_that_does_not_come_back_wedges_its_instance_and_nothing_else() {
    for how in ["sleeps", "spins", "never"] {
        let (said, ended) = timed_out(how, 2);
        let said = said.unwrap_err();
        assert!(said.contains("does not come back: 1 calls were given up"), "{how}: {said}");
        assert!(ended < Duration::from_secs(2), "{how}: {ended:?}");
    }
}

#[test]
fn a_call_that_asks_whether_it_is_cancelled_frees_its_instance() {
    let (said, ended) = timed_out("polite", 3);
    assert_eq!(said.unwrap_err(), "timed out", "each call starts anew");
    assert!(ended < Duration::from_secs(2), "{ended:?}");
}

#[test]
fn a_call_that_ends_after_it_was_given_up_frees_its_instance() {
    let built = Built::new();
    let (registry, _) = load_with(impatient(built.faulty(&[]))).unwrap();
    let source = source(&registry, "late").unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let first = tokio::time::timeout(Duration::from_millis(200), ask(&*source, 1)).await;
        assert!(first.is_err());
        tokio::time::sleep(Duration::from_millis(300)).await;
        let wedged = ask(&*source, 1).await.remove(0).unwrap_err();
        assert!(broken(wedged).contains("does not come back"));
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert!(ask(&*source, 1).await[0].is_ok());
    });
}

#[tokio::test]
async fn an_instance_whose_end_hangs_is_not_waited_for() {
    let built = Built::new();
    let (registry, _) = load_with(impatient(built.faulty(&[]))).unwrap();
    let source = source(&registry, "destroy-sleeps").unwrap();
    assert!(ask(&*source, 1).await[0].is_ok());
    let started = Instant::now();
    source.close().await;
    drop(source);
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_calls_at_once_are_all_answered() {
    let built = Built::new();
    let (registry, _) = load(&built.c("examples/adapters/c/brevity.c", "brevity.so", &[])).unwrap();
    let source = registry
        .build_source("c.brevity", json!({}), &tribunal_api::registry::NoGenerators)
        .unwrap();
    let mut asked = tokio::task::JoinSet::new();
    for length in 0..200usize {
        let source = source.clone();
        asked.spawn(async move {
            let text = "x".repeat(length);
            let answers = source.score(&[Question::of_text("?", &[&text])]).await.into_vec();
            (length, answers[0].as_ref().unwrap()[0].readout.scores().unwrap()[0].value())
        });
    }
    while let Some(done) = asked.join_next().await {
        let (length, score) = done.unwrap();
        assert_eq!(score, -(length as f64));
    }
}
