//! A library in a child of its own: its crash, its hang and its prints cost its own questions alone.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tribunal_api::registry::NoGenerators;
use tribunal_api::{Registry, RewardSource, SourceError};
use tribunal_loader::runner::run;
use tribunal_loader::{Origin, Spec, load};

use super::super::fixture::{ask, bounded, question};

/// The program that runs the library: this one, called again. What the test harness prints goes to standard error, and
/// the pipe to the host comes back as standard output when the library is run.
#[test]
#[ignore = "no test but the process of those of this file: `cargo test -p tribunal-loader --test child isolated` runs it"]
fn child() {
    if let Some(library) = std::env::var_os("TRIBUNAL_TEST_LIBRARY") {
        if let Ok(pipe) = std::fs::OpenOptions::new().write(true).open("/dev/fd/3") {
            rustix::stdio::dup2_stdout(pipe).unwrap();
        }
        std::process::exit(run(Path::new(&library)));
    }
}

fn isolated(library: &Path) -> Spec {
    let script = "TRIBUNAL_TEST_LIBRARY=\"$1\" exec \"$0\" runner::isolated::child --exact --ignored --nocapture 3>&1 1>&2";
    let exe = std::env::current_exe().unwrap().display().to_string();
    let mut spec = Spec::new(Origin::Library(library.to_owned()));
    spec.isolate = true;
    spec.host = ["/bin/sh", "-c", script, exe.as_str()].map(str::to_owned).to_vec();
    spec.cancel_within = Duration::from_millis(500);
    spec
}

/// The plugin in C that fails as it is told to.
fn faulty(folder: &Path) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let library = folder.join("faulty.so");
    let status = Command::new("cc")
        .args(["-std=gnu11", "-fPIC", "-shared", "-pthread", "-I"])
        .arg(root.join("plugins/sdk-c"))
        .arg(root.join("tests/plugins/faulty.c"))
        .arg("-o")
        .arg(&library)
        .arg("-lm")
        .status()
        .unwrap();
    assert!(status.success());
    library
}

fn source(registry: &Registry, how: &str) -> Arc<dyn RewardSource> {
    registry.build_source("faulty", json!({ "how": how }), &NoGenerators).unwrap()
}

#[tokio::test]
async fn a_library_fails_in_its_child_alone() {
    let folder = tempfile::tempdir().unwrap();
    let library = faulty(folder.path());
    let mut registry = Registry::new();
    let plugin = load(&isolated(&library), &mut registry).unwrap();
    assert_eq!(
        (plugin.name.as_str(), plugin.digest.map(|digest| digest.len())),
        ("faulty", Some(64))
    );
    let error = registry
        .build_source("faulty", json!({"how": "config-path"}), &NoGenerators)
        .err()
        .unwrap();
    assert_eq!(error.message, "`config-path` is not a way to fail");
    assert_eq!((error.path.len(), error.hint.as_deref()), (1, Some("use another one")));

    assert_eq!(ask(&*source(&registry, "well")).await, Ok(1.0));
    // What it writes to standard output does not reach the host as a reply.
    assert_eq!(ask(&*source(&registry, "prints")).await, Ok(1.0));
    for (how, expect) in [
        ("aborts", "ended with signal 6 (SIGABRT)"),
        ("exits", "ended with exit status 0"),
        ("nan", "scores are finite numbers"),
        ("fails", "the model is on fire"),
    ] {
        let message = ask(&*source(&registry, how)).await.unwrap_err().to_string();
        assert!(message.contains(expect), "{how}: {message}");
    }
}

#[tokio::test]
async fn a_library_that_hangs_ends_with_its_child() {
    let folder = tempfile::tempdir().unwrap();
    let library = faulty(folder.path());
    let mut registry = Registry::new();
    let mut spec = isolated(&library);
    spec.restarts = 0;
    load(&spec, &mut registry).unwrap();
    // One ends its call when it is told to, the others have to be ended.
    for (how, ended) in [("polite", false), ("sleeps", true), ("spins", true), ("never", true)] {
        let source = source(&registry, how);
        bounded(source.identify()).await.unwrap();
        let batch = [question()];
        let call = tokio::time::timeout(Duration::from_millis(300), source.score(&batch));
        assert!(call.await.is_err());
        tokio::time::sleep(Duration::from_millis(1200)).await;
        match bounded(source.identify()).await {
            Ok(_) => assert!(!ended, "{how}"),
            Err(SourceError::Broken { message }) => {
                assert!(ended && message.contains("did not answer a cancelled call"), "{message}");
            }
            Err(error) => panic!("{how}: {error}"),
        }
    }
}

#[test]
fn a_library_that_cannot_be_loaded_ends_the_child() {
    let file = tempfile::Builder::new().suffix(".so").tempfile().unwrap();
    std::fs::write(file.path(), "no library").unwrap();
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["runner::isolated::child", "--exact", "--ignored", "--nocapture"])
        .env("TRIBUNAL_TEST_LIBRARY", file.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(5));
    let said = String::from_utf8_lossy(&output.stderr);
    let expect = format!("error: `{}` is not a shared library", file.path().display());
    assert!(said.contains(&expect) && said.contains("\nhint: "), "{said}");
}
