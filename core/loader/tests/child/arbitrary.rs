//! Whatever a child writes ends in a typed error or an answer, in time.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use tribunal_api::Registry;

use super::fixture::{ask, script, serving, source};

/// Bytes that are sometimes close to the protocol.
fn output() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        Just(b"{\"id\":".to_vec()),
        Just(b"3,\"scores\":[[".to_vec()),
        Just(b"]]}\n".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"NaN".to_vec()),
        Just(b"{\"op\":\"hello\",\"protocol\":[1,0],\"kinds\":[".to_vec()),
        Just(b"{\"component\":\"source\",\"kind\":\"sh\"}".to_vec()),
        Just(b"]}\n".to_vec()),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn as_a_greeting(bytes in output()) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &bytes).unwrap();
        let begun = Instant::now();
        // Either a plugin or an error, never a panic.
        let loaded = tribunal_loader::load(
            &script(&format!("cat '{}'", file.path().display())),
            &mut Registry::new(),
        );
        if let Err(error) = loaded {
            prop_assert!(error.to_string().len() < 8000);
        }
        prop_assert!(begun.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn as_an_answer(bytes in output()) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &bytes).unwrap();
        let source = source(&serving(&format!("score() {{ cat '{}'; exit 0; }}", file.path().display())));
        let begun = Instant::now();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answer = runtime.block_on(ask(&*source));
        if let Ok(score) = answer {
            prop_assert!(score.is_finite());
        }
        prop_assert!(begun.elapsed() < Duration::from_secs(5));
    }
}
