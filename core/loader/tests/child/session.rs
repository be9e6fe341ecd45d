//! The session of the protocol's page, word for word.

use std::sync::Arc;

use serde_json::json;
use tribunal_api::registry::NoGenerators;
use tribunal_api::{
    Answer, Arity, Component, Identity, Question, Reason, RewardSource, Strength, Turn,
};

use super::fixture::{bounded, loaded, logging, script};

/// A child that knows the session by heart: it fails at the first word that Tribunal does not say.
fn by_heart(lines: &[&str]) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
    let mut script = String::from(
        "expect() { read -r line; [ \"$line\" = \"$1\" ] || { say \"got $line\" >&2; exit 9; }; }\n",
    );
    for line in lines {
        match line.split_at(2) {
            ("> ", said) => script.push_str(&format!("expect {}\n", quoted(said))),
            ("< ", said) => script.push_str(&format!("say {}\n", quoted(said))),
            other => panic!("neither `>` nor `<`: {other:?}"),
        }
    }
    script
}

/// The lines of the page, without indentation, from the mark on until the block ends.
fn block(mark: &str) -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/plugin-protocol.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (_, rest) = page.split_once(mark).expect("the page has the mark");
    let lines = rest.lines().skip_while(|line| !line.starts_with("    ")).map(str::to_owned);
    lines
        .take_while(|line| line.starts_with("    "))
        .map(|line| line.trim_start().to_owned())
        .collect()
}

#[tokio::test]
async fn the_session_of_the_page_is_what_is_said() {
    let session = block("<!-- session: checked by tests against a real child -->");
    let lines: Vec<&str> = session.iter().map(String::as_str).collect();
    assert!(lines.len() > 10);
    // The last words are only read by a child that is still there.
    let mut spec = script(&format!("{}\nsay done >&2", by_heart(&lines)));
    let log = logging(&mut spec);
    let (plugin, registry) = loaded(&spec);
    assert_eq!((plugin.name.as_str(), plugin.version.as_str()), ("brevity", "1"));
    assert_eq!((plugin.sdk.as_str(), plugin.protocol), ("by hand", (1, 0)));
    assert_eq!(plugin.kinds, [(Component::Source, "brevity".to_owned())]);
    let settings = json!({"reward-per-character": -0.5});
    let source = registry.build_source("brevity", settings, &NoGenerators).unwrap();
    assert_eq!(source.arity(), Arity::ONE);
    assert_eq!((source.limits().batch, source.limits().in_flight), (32, 1));
    let identity = bounded(source.identify()).await.unwrap();
    let expect =
        Identity { name: "brevity".into(), fingerprint: "1".into(), strength: Strength::Revision };
    assert_eq!(identity, expect);
    assert_eq!(
        asked(&*source, "Capital of France?", &["Paris.", "I think that it is Paris."]).await,
        [Answer::score(-3.0).unwrap(), Answer::score(-12.5).unwrap()]
    );
    assert_eq!(
        asked(&*source, "?", &["", "!"]).await,
        [
            Answer::abstain(Reason::Unreadable, "an empty reply"),
            Answer::score(-0.5).unwrap().with_part("characters", vec![1.0]),
        ]
    );
    bounded(source.close()).await;
    let log = log.lock().unwrap();
    assert!(log.iter().any(|(_, line)| line == "done"), "{log:?}");
}

async fn asked(source: &dyn RewardSource, prompt: &str, candidates: &[&str]) -> Vec<Answer> {
    let prompt: Arc<[Turn]> = Arc::from([Turn::user(prompt)]);
    let questions = candidates
        .iter()
        .map(|text| Question::new(prompt.clone(), vec![Arc::from(*text)]))
        .collect::<Vec<_>>();
    let answers = bounded(source.score(&questions)).await.into_vec();
    answers.into_iter().map(|answer| answer.unwrap().remove(0)).collect()
}

#[tokio::test]
async fn raw_bytes_follow_the_line_as_on_the_page() {
    let example = block("A turn is then `[role, length]`.");
    let [request, bytes, reply] = &example[..] else { panic!("three lines: {example:?}") };
    let (request, bytes, reply) = (&request[2..], &bytes[2..], &reply[2..]);
    let said = format!(
        r#"
hello '"blob"'
take; answer; take; answer
id=0
while [ $id -lt 6 ]; do take; say "{{\"id\":$id,\"scores\":[[0]]}}"; done
{}
raw=$(dd bs=1 count={} 2>/dev/null)
[ "$raw" = '{bytes}' ] || {{ say "got $raw" >&2; exit 9; }}
say '{reply}'
serve"#,
        by_heart(&[&format!("> {request}")]),
        bytes.len(),
    );
    let source = super::fixture::source(&script(&said));
    // Four questions come first, so that the numbers are those of the page.
    for _ in 3..7 {
        asked(&*source, "", &[""]).await;
    }
    assert_eq!(
        asked(&*source, "Capital of France?", &["Paris."]).await,
        [Answer::score(-3.0).unwrap()]
    );
}
