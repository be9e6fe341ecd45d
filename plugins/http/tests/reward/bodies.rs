//! Bodies that are wrong in every way, over real connections: typed errors or the right scores, never a panic, never a
//! score at another question.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use tribunal_api::SourceError;
use tribunal_scripted::{Reply, Server};

use crate::fake::{KNOWN, needed, route, score_of, shaped, texts};
use crate::{Outcome, build, outcomes, questions};

/// What is done to a good body.
#[derive(Clone, Debug)]
enum Harm {
    Nothing,
    /// Sent in pieces of this many bytes.
    Chunked(usize),
    /// Announced whole, sent up to this share of it.
    Cut(f64),
    /// The JSON text up to this share of it, as a whole body.
    Half(f64),
    /// Something that is no JSON.
    Text(String),
    /// JSON of another shape.
    Other(Value),
    /// One score fewer than asked.
    Short,
    /// One more.
    Long,
    /// This value in place of the first score.
    Score(Value),
    /// Not-a-number, as some servers write it.
    NaN,
    /// Larger than what is read.
    Large,
}

fn harm() -> impl Strategy<Value = Harm> {
    let other = prop_oneof![
        Just(json!(null)),
        Just(json!([])),
        Just(json!({})),
        Just(json!(3.5)),
        Just(json!("ok")),
        Just(json!({"data": null})),
        Just(json!({"data": {"0": 1}, "results": 1, "scores": "x", "rewards": true})),
        Just(json!([[], [[]]])),
    ];
    let odd = prop_oneof![
        Just(json!(null)),
        Just(json!("1.5")),
        Just(json!(false)),
        Just(json!([[1.0], [2.0]])),
        Just(json!({"value": 1})),
    ];
    prop_oneof![
        2 => Just(Harm::Nothing),
        2 => (1usize..9).prop_map(Harm::Chunked),
        2 => (0.0f64..1.0).prop_map(Harm::Cut),
        2 => (0.0f64..0.99).prop_map(Harm::Half),
        1 => "[^{\\[\"0-9tfn -][a-z<>/ ]{0,20}".prop_map(Harm::Text),
        2 => other.prop_map(Harm::Other),
        2 => Just(Harm::Short),
        1 => Just(Harm::Long),
        2 => odd.prop_map(Harm::Score),
        1 => Just(Harm::NaN),
        1 => Just(Harm::Large),
    ]
}

fn harmed(server: &str, harm: &Harm, asked: &[String]) -> Reply {
    let mut scores: Vec<Value> = asked.iter().map(|text| json!(score_of(text))).collect();
    let part =
        |text: &str, share: f64| text.as_bytes()[..(text.len() as f64 * share) as usize].to_vec();
    match harm {
        Harm::Short => {
            scores.pop();
        }
        Harm::Long => scores.push(json!(0.5)),
        Harm::Score(odd) => scores[0] = odd.clone(),
        Harm::NaN => scores[0] = json!("@"),
        _ => {}
    }
    let body = shaped(server, &scores).to_string();
    match harm {
        Harm::Nothing | Harm::Short | Harm::Long | Harm::Score(_) => {
            Reply::raw(200, body, "application/json")
        }
        Harm::Chunked(size) => {
            Reply::raw(200, body, "application/json").chunked(*size, Duration::ZERO)
        }
        Harm::Cut(share) => Reply::cut(part(&body, *share)),
        Harm::Half(share) => Reply::raw(200, part(&body, *share), "application/json"),
        Harm::Text(text) => Reply::text(200, text),
        Harm::Other(value) => Reply::json(value.clone()),
        Harm::NaN => Reply::raw(200, body.replace("\"@\"", "NaN"), "application/json"),
        Harm::Large => Reply::raw(200, format!("{body}{}", " ".repeat(9000)), "application/json"),
    }
}

#[test]
fn whatever_a_server_says_no_score_stands_at_another_question() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let replies = ["It scatters.", "no", "Rayleigh", "日本"];
    for server in KNOWN {
        let harm_now = Arc::new(Mutex::new(Harm::Nothing));
        let shared = harm_now.clone();
        let scripted = Server::start(move |request| {
            assert_eq!(request.path, route(server));
            harmed(server, &shared.lock().unwrap(), &texts(server, &request.json()))
        });
        let mut more = needed(server);
        more["most-bytes"] = json!(8000);
        if server == "vllm-classify" || server == "vllm-pooling" {
            more["render"] = json!("plain");
        }
        let source = build(server, &scripted.url(), more);
        let asked = questions(&replies);
        let right = runtime.block_on(outcomes(&*source, &asked));
        assert!(right.iter().all(|one| matches!(one, Outcome::Score(_))), "{server}: {right:?}");
        let config = ProptestConfig { cases: 48, ..ProptestConfig::default() };
        proptest!(config, |(harm in harm())| {
            *harm_now.lock().unwrap() = harm.clone();
            let found = runtime.block_on(outcomes(&*source, &asked));
            prop_assert_eq!(found.len(), asked.len());
            for (place, (found, right)) in found.iter().zip(&right).enumerate() {
                match (&harm, found) {
                    (Harm::Nothing | Harm::Chunked(_), found) => prop_assert_eq!(found, right),
                    (Harm::Score(_) | Harm::NaN, found) if place > 0 => prop_assert_eq!(found, right),
                    (
                        Harm::Large | Harm::Score(_) | Harm::NaN,
                        Outcome::Error(SourceError::Broken { .. }),
                    ) => {}
                    // A body that breaks off, is no JSON, or has another shape may be right the next time.
                    (_, Outcome::Error(error)) => {
                        prop_assert!(error.may_retry(), "{}: {:?}", server, error);
                    }
                    (harm, found) => prop_assert!(false, "{} {:?}: {:?}", server, harm, found),
                }
            }
        });
    }
}
