//! A program that is killed takes its children along.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::fixture::{eventually, gone, loaded, pid_in, serving};

/// The program that is killed: it loads a child and waits.
#[test]
#[ignore = "no test but a process that one starts: `cargo test -p tribunal-loader --test child parent_is_killed` runs it"]
fn host() {
    let Ok(path) = std::env::var("TRIBUNAL_TEST_PID") else { return };
    // It is loaded on a thread that ends: that must not end the child.
    let load =
        move || loaded(&serving(&format!("say $$ > '{path}'; serve() {{ exec sleep 60; }}")));
    let _plugin = std::thread::spawn(load).join().unwrap();
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn a_child_ends_when_its_parent_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pid");
    let mut host = Command::new(std::env::current_exe().unwrap())
        .args(["parent::host", "--exact", "--ignored", "--nocapture"])
        .env("TRIBUNAL_TEST_PID", &path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = pid_in(Path::new(&path));
    std::thread::sleep(Duration::from_millis(300));
    let alive = !gone(pid);
    host.kill().unwrap();
    host.wait().unwrap();
    assert!(alive, "it lives as long as its parent");
    eventually(Duration::from_secs(2), "the child ends with its parent", || gone(pid));
}
