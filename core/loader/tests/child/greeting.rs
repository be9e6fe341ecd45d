//! Children that do not become plugins.

use std::time::{Duration, Instant};

use tribunal_api::{Card, Registry};
use tribunal_loader::{LoadError, Origin, Spec, load};

use super::fixture::{logging, script, without_script};

fn refused(spec: &Spec) -> LoadError {
    load(spec, &mut Registry::new()).expect_err("it is no plugin")
}

fn words(text: &str) -> String {
    without_script(&refused(&script(&format!("{text}\nend() {{ :; }}\nend"))).to_string())
}

#[test]
fn a_program_that_is_not_there_cannot_be_started() {
    let command = vec!["/no/such/program".to_owned()];
    let error = refused(&Spec::new(Origin::Command { command, folder: "/".into() }));
    assert!(matches!(error, LoadError::Start { .. }), "{error:?}");
    let command = vec!["sh".to_owned()];
    let error = refused(&Spec::new(Origin::Command { command, folder: "/no/such".into() }));
    assert!(error.to_string().contains("there is no folder `/no/such`"), "{error}");
}

#[test]
fn a_child_that_ends_at_once_is_told_of_with_its_last_words() {
    let expect = "the plugin `SCRIPT` did not greet: it ended with exit status 3\n\
        the end of its standard error:\n  no module named `torch`";
    assert_eq!(words("say 'no module named `torch`' >&2; exit 3"), expect);
}

#[test]
fn a_child_that_crashes_is_told_of_with_its_signal() {
    let expect = "the plugin `SCRIPT` did not greet: it ended with signal 11 (SIGSEGV)";
    assert_eq!(words("kill -SEGV $$; sleep 5"), expect);
}

#[test]
fn another_first_line_is_shown() {
    let expect = "the plugin `SCRIPT` did not greet: it broke the protocol: it wrote what is no JSON object: `Loading model...`";
    assert_eq!(words("say 'Loading model...'; sleep 5"), expect);
    let expect = "the plugin `SCRIPT` did not greet: its first line is no greeting (missing field `protocol`): `{\"id\":1}`";
    let found = words("say '{\"id\":1}'; sleep 5");
    assert!(found.starts_with(&expect[..70]), "{found}");
}

#[test]
fn a_child_that_never_greets_is_ended_in_time() {
    let mut spec = script("say waiting >&2; sleep 30; :");
    spec.start_within = Duration::from_millis(300);
    let begun = Instant::now();
    let error = refused(&spec);
    assert!(begun.elapsed() < Duration::from_secs(3));
    let LoadError::Greeting { what, tail, .. } = error else { panic!("{error:?}") };
    assert_eq!(what, "it was silent for 0.3 s");
    assert_eq!(tail, "\nthe end of its standard error:\n  waiting");
}

#[test]
fn another_major_is_refused() {
    let text =
        r#"say '{"op":"hello","protocol":[2,1],"sdk":"their kit 9","kinds":"other"}'; sleep 5; :"#;
    let error = refused(&script(text));
    let LoadError::Major { sdk, theirs, ours, .. } = error else { panic!("{error:?}") };
    assert_eq!((sdk.as_str(), theirs, ours), ("their kit 9", 2, 1));
}

#[test]
fn a_greeting_may_come_before_it_is_asked_for() {
    let text = r#"say '{"op":"hello","protocol":[1,0],"kinds":[{"component":"source","kind":"early"}]}'; serve"#;
    let mut registry = Registry::new();
    let plugin = load(&script(text), &mut registry).unwrap();
    assert_eq!(plugin.kinds.len(), 1);
}

#[test]
fn a_name_that_is_taken_refuses_all_kinds() {
    let mut registry = Registry::new();
    let card =
        Card { kind: "sh", summary: "", version: "1", example: "", self_check: Default::default() };
    let build = tribunal_api::LoadedBuild::Suite(std::sync::Arc::new(|_, _| unreachable!()));
    registry.loaded(card, serde_json::json!({}), "first".into(), build).unwrap();
    let error = load(&script("hello; serve"), &mut registry).expect_err("the suite kind is taken");
    assert!(
        error.to_string().ends_with("the suite kind `sh` exists already: it is of `first`"),
        "{error}"
    );
    assert_eq!(registry.kinds(tribunal_api::Component::Source).count(), 0);
}

#[test]
fn a_flood_on_standard_error_does_not_block() {
    let mut spec = script(
        "head -c 10000000 /dev/zero | tr '\\0' 'x' >&2; say '' >&2; say 'last words' >&2; hello; serve",
    );
    let log = logging(&mut spec);
    load(&spec, &mut Registry::new()).unwrap();
    super::fixture::eventually(Duration::from_secs(5), "the last line arrives", || {
        log.lock().unwrap().iter().any(|(_, line)| line == "last words")
    });
    let bytes: usize = log.lock().unwrap().iter().map(|(_, line)| line.len()).sum();
    assert!(bytes >= 10_000_000, "{bytes}");
}
