//! `check`: what a child says of settings while a recipe is planned.

use std::time::{Duration, Instant};

use serde_json::json;
use tribunal_api::registry::NoGenerators;
use tribunal_api::settings::Step;
use tribunal_api::{Arity, Contest, Reads, Scale};

use super::fixture::{loaded, serving};

#[test]
fn declarations_need_no_further_call() {
    let declares = r#"declares='"arity":[2,65535],"reads":"key","draws":true,"scale":"unit","batch":7,"in-flight":2,"lane":"gpu","later":1'"#;
    let (_, registry) = loaded(&serving(declares));
    let source = registry.build_source("sh", json!({}), &NoGenerators).unwrap();
    assert_eq!(source.arity(), Arity::LIST);
    assert_eq!((source.reads(), source.draws(), source.scale()), (Reads::Key, true, Scale::Unit));
    let limits = source.limits();
    assert_eq!((limits.batch, limits.in_flight, limits.lane.as_deref()), (7, 2, Some("gpu")));
    let generator = registry.build_generator("sh", json!({}), &NoGenerators).unwrap();
    assert_eq!((generator.limits().batch, generator.samples_at_once()), (7, usize::MAX));
}

#[test]
fn a_suite_has_a_card_and_a_contest() {
    let declares = r#"declares='"card":{"name":"n","licence":"CC0"},"contest":"scores-only"'"#;
    let (_, registry) = loaded(&serving(declares));
    let suite = registry.build_suite("sh", json!({})).unwrap();
    assert_eq!((&*suite.card().name, &*suite.card().version), ("n", "1"));
    assert_eq!(suite.contest("all"), Contest::ScoresOnly);
}

#[test]
fn a_suite_is_read_page_by_page() {
    let answers = r#"answer2() { answer; }
items() {
    case $line in
        *'"from":0'*) say "{\"id\":$id,\"items\":[{\"id\":\"a\",\"prompt\":\"p\",\"candidates\":[\"x\",\"y\"]}]}" ;;
        *) say "{\"id\":$id,\"items\":[{\"id\":\"b\",\"candidates\":[\"x\",\"y\"]}],\"end\":true}" ;;
    esac
}
serve() { while take; do case $line in *'"op":"items"'*) items ;; *) answer ;; esac; done; }"#;
    let (_, registry) = loaded(&serving(answers));
    let suite = registry.build_suite("sh", json!({})).unwrap();
    let items = suite.items().unwrap().items;
    assert_eq!(items.iter().map(|item| &*item.id).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(items[1].gold, [1.0, 0.0]);
}

#[test]
fn a_fault_of_settings_keeps_its_place() {
    let check = r#"answer() { say "{\"id\":$id,\"error\":{\"code\":\"settings\",\"message\":\"no device \`cuda:9\`\",\"path\":[\"devices\",1],\"known\":[\"cuda:0\"],\"hint\":\"name another\"}}"; }"#;
    let (plugin, registry) = loaded(&serving(check));
    let error = registry.build_source("sh", json!({}), &NoGenerators).err().unwrap();
    assert_eq!(error.path, [Step::Key("devices".into()), Step::Index(1)]);
    assert_eq!(error.message, "no device `cuda:9`");
    assert_eq!(
        (error.known, error.hint),
        (vec!["cuda:0".to_owned()], Some("name another".to_owned()))
    );
    assert_eq!(plugin.failures(), [""; 0]);
}

#[test]
fn a_plugin_that_fails_is_told_apart_from_wrong_settings() {
    for (check, what) in [
        (
            "say oops >&2; exit 1",
            "ended with exit status 1\nthe end of its standard error:\n  oops",
        ),
        ("say hm", "broke the protocol: it wrote what is no JSON object: `hm`"),
        (
            "say \"{\\\"id\\\":$id,\\\"error\\\":{\\\"code\\\":\\\"broken\\\",\\\"message\\\":\\\"no\\\"}}\"",
            "cannot check its settings: the source is broken: no",
        ),
        (
            "say \"{\\\"id\\\":$id}\"",
            "answered `check` with something else: missing field `declares`",
        ),
        (
            "say \"{\\\"id\\\":$id,\\\"declares\\\":{\\\"reads\\\":\\\"minds\\\"}}\"",
            "unknown variant `minds`",
        ),
    ] {
        let (plugin, registry) = loaded(&serving(&format!("answer() {{ {check}; }}")));
        let error = registry.build_source("sh", json!({}), &NoGenerators).err().unwrap();
        assert!(error.path.is_empty() && error.message.contains(what), "{error:?}");
        assert_eq!(plugin.failures(), std::slice::from_ref(&error.message));
        // Another try starts another child and fails in the same way.
        assert!(registry.build_source("sh", json!({}), &NoGenerators).is_err());
    }
}

#[test]
fn a_check_that_hangs_is_a_failure_in_time() {
    let mut spec = serving("answer() { sleep 60; }");
    spec.start_within = Duration::from_millis(500);
    let (plugin, registry) = loaded(&spec);
    let begun = Instant::now();
    let error = registry.build_source("sh", json!({}), &NoGenerators).err().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert!(error.message.contains("did not answer `check` within 0.5 s"), "{error}");
    assert_eq!(plugin.failures().len(), 1);
}

#[tokio::test]
async fn the_greeting_child_becomes_the_first_components_process() {
    let folder = tempfile::tempdir().unwrap();
    let starts = folder.path().join("starts");
    let (_, registry) = loaded(&serving(&format!("say start >> '{}'", starts.display())));
    let one = registry.build_source("sh", json!({}), &NoGenerators).unwrap();
    let two = registry.build_source("sh", json!({}), &NoGenerators).unwrap();
    let count = || std::fs::read_to_string(&starts).unwrap().lines().count();
    assert_eq!(count(), 1);
    assert_eq!(super::fixture::ask(&*one).await, Ok(1.0));
    assert_eq!(count(), 1);
    assert_eq!(super::fixture::ask(&*two).await, Ok(1.0));
    assert_eq!(count(), 2);
}
