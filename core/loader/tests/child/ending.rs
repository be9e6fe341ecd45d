//! What goes with a child, and what all children together do at the end of the program.

use std::time::{Duration, Instant};

use super::fixture::{ask, eventually, gone, pid_in, serving, source, unreachable};

#[tokio::test]
async fn what_a_child_started_goes_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let source = source(&serving(&format!(
        "sleep 60 & say $! > '{}'; score() {{ kill -KILL $$; }}",
        pid.display()
    )));
    let message = unreachable(ask(&*source).await);
    assert!(message.contains("ended with signal 9 (SIGKILL"), "{message}");
    let pid = pid_in(&pid);
    eventually(Duration::from_secs(2), "the grandchild ends", || gone(pid));
}

#[tokio::test]
async fn a_grandchild_that_holds_the_pipes_does_not_hide_the_end() {
    // `setsid` leaves the group, so that it is not ended with it.
    let source = source(&serving("setsid sleep 3 & score() { kill -KILL $$; }"));
    let begun = Instant::now();
    unreachable(ask(&*source).await);
    assert!(begun.elapsed() < Duration::from_millis(2500));
}

/// In a process of its own: it ends the children of all tests.
#[test]
#[ignore = "no test but a process that one starts: `cargo test -p tribunal-loader --test child all_children_end` runs it"]
fn alone() {
    let Ok(folder) = std::env::var("TRIBUNAL_TEST_FOLDER") else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let good = format!("say $$ > '{folder}/good'; shutdown() {{ : > '{folder}/bye'; exit 0; }}");
    let bad =
        format!("trap '' TERM; say $$ > '{folder}/bad'; shutdown() {{ sleep 60; sleep 60; }}");
    let sources = [source(&serving(&good)), source(&serving(&bad))];
    for source in &sources {
        assert_eq!(runtime.block_on(ask(&**source)), Ok(1.0));
    }
    let begun = Instant::now();
    tribunal_loader::shutdown_all(Duration::from_secs(1));
    assert!(begun.elapsed() < Duration::from_millis(1800), "{:?}", begun.elapsed());
    for name in ["good", "bad"] {
        assert!(gone(pid_in(&std::path::Path::new(&folder).join(name))), "{name}");
    }
    std::process::exit(42);
}

#[test]
fn all_children_end_within_the_time() {
    let folder = tempfile::tempdir().unwrap();
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["ending::alone", "--exact", "--ignored", "--nocapture"])
        .env("TRIBUNAL_TEST_FOLDER", folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(42), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(folder.path().join("bye").exists());
}
