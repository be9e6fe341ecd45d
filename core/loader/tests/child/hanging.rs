//! Children that hang, are told to leave a call, and are told to end.

use std::path::Path;
use std::time::{Duration, Instant};

use tribunal_api::RewardSource;

use super::fixture::{
    ask, bounded, eventually, gone, pid_in, question, script, serving, source, unreachable,
};

/// Gives up a call once the child has it, which the mark shows.
async fn give_up(source: &dyn RewardSource, mark: &Path) {
    let batch = [question()];
    let begun = async {
        while !mark.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    tokio::select! {
        _ = source.score(&batch) => panic!("it was to hang"),
        () = bounded(begun) => {}
    }
}

/// A child that hangs at its first question, once for all children.
fn hanging_once(mark: &Path, cancel: &str) -> String {
    format!(
        "{cancel}\nsay $$ > '{0}.pid'; score() {{ if [ -e '{0}' ]; then say \"{{\\\"id\\\":$id,\\\"scores\\\":[[1]]}}\"; else : > '{0}'; hang; fi; }}",
        mark.display()
    )
}

#[tokio::test]
async fn a_child_that_acts_on_cancel_lives_on() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let source = source(&serving(&hanging_once(&mark, "hang() { :; }")));
    give_up(&*source, &mark).await;
    let first = pid_in(&mark.with_extension("pid"));
    assert_eq!(ask(&*source).await, Ok(1.0));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!gone(first));
    assert_eq!(pid_in(&mark.with_extension("pid")), first);
}

#[tokio::test]
async fn a_child_that_ignores_cancel_is_ended_after_the_grace_time() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let source = source(&serving(&hanging_once(&mark, "hang() { sleep 60; }")));
    give_up(&*source, &mark).await;
    let first = pid_in(&mark.with_extension("pid"));
    assert!(!gone(first));
    eventually(Duration::from_secs(3), "the child is ended", || gone(first));
    assert_eq!(ask(&*source).await, Ok(1.0));
}

#[tokio::test]
async fn others_learn_why_their_child_was_ended() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let source = source(&serving(&hanging_once(&mark, "hang() { sleep 60; }")));
    let (_, other) = tokio::join!(give_up(&*source, &mark), ask(&*source));
    let message = unreachable(other);
    assert!(
        message.contains("was ended: it did not answer a cancelled call within 0.3 s"),
        "{message}"
    );
}

#[tokio::test]
async fn a_child_that_cannot_cancel_is_ended_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let functions = hanging_once(&mark, "hang() { sleep 60; }");
    let mut spec = script(&format!("{functions}\nhello\nserve"));
    spec.cancel_within = Duration::from_secs(60);
    let source = source(&spec);
    give_up(&*source, &mark).await;
    let first = pid_in(&mark.with_extension("pid"));
    eventually(Duration::from_secs(3), "the child is ended", || gone(first));
    assert_eq!(ask(&*source).await, Ok(1.0));
}

#[tokio::test]
async fn a_child_ends_when_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let bye = folder.path().join("bye");
    let source = source(&serving(&format!(
        "say $$ > '{}'; shutdown() {{ say bye > '{}'; exit 0; }}",
        pid.display(),
        bye.display()
    )));
    assert_eq!(ask(&*source).await, Ok(1.0));
    let first = pid_in(&pid);
    let begun = Instant::now();
    bounded(source.close()).await;
    assert!(gone(first) && begun.elapsed() < Duration::from_millis(1500));
    assert!(bye.exists());
    // The next question opens again what it needs.
    assert_eq!(ask(&*source).await, Ok(1.0));
    assert_ne!(pid_in(&pid), first);
}

#[tokio::test]
async fn a_child_that_ignores_every_word_is_ended_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let source = source(&serving(&format!(
        "trap '' TERM; say $$ > '{}'; shutdown() {{ :; }}; serve() {{ while :; do take2 && answer || sleep 0.1; done; }}; take2() {{ read -r line || return 1; id=${{line#*\\\"id\\\":}}; id=${{id%%[,\\}}]*}}; }}",
        pid.display()
    )));
    assert_eq!(ask(&*source).await, Ok(1.0));
    let first = pid_in(&pid);
    let begun = Instant::now();
    bounded(source.close()).await;
    assert!(gone(first));
    let took = begun.elapsed();
    assert!(took > Duration::from_secs(3) && took < Duration::from_secs(8), "{took:?}");
}

#[tokio::test]
async fn a_source_that_is_dropped_ends_its_child() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let source = source(&serving(&format!("say $$ > '{}'", pid.display())));
    assert_eq!(ask(&*source).await, Ok(1.0));
    drop(source);
    let pid = pid_in(&pid);
    eventually(Duration::from_secs(3), "the child ends", || gone(pid));
}
