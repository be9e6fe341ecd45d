//! What servers refuse: batches that are parted, texts that are too long, fields that are too new, wrong models.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tribunal_api::{Question, Reason, SourceError};
use tribunal_scripted::{Reply, Server};

use crate::fake::{answer, asked, score_of, shaped, texts};
use crate::{Outcome, build, message, outcomes, questions};

const PLAIN: &str = "Why is the sky blue?\n\n";

fn plain() -> Value {
    json!({"render": "plain"})
}

fn score(reply: &str) -> Outcome {
    Outcome::Score(score_of(&format!("{PLAIN}{reply}")))
}

#[tokio::test]
async fn a_batch_over_the_limit_is_parted_and_the_limit_is_remembered() {
    let scripted = Server::start(|request| match texts("tei-predict", &request.json()).len() {
        1..=3 => answer("tei-predict", request),
        count => Reply::status(
            413,
            json!({"error": format!("batch size {count} > maximum allowed batch size 3"), "error_type": "validation"}),
        ),
    });
    let source = build("tei-predict", &scripted.url(), plain());
    let replies = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    let expected: Vec<Outcome> = replies.iter().map(|reply| score(reply)).collect();
    assert_eq!(outcomes(&*source, &questions(&replies)).await, expected);
    let sizes = |scripted: &Server| -> Vec<usize> {
        let bodies = asked("tei-predict", scripted);
        bodies.iter().map(|body| texts("tei-predict", body).len()).collect()
    };
    // 9 is parted in 4 and 5, 4 in 2 and 2, 5 in 2 and 3.
    assert_eq!(sizes(&scripted), [9, 4, 2, 2, 5, 2, 3]);
    assert_eq!(outcomes(&*source, &questions(&replies)).await, expected);
    // The next batch begins at the half of the smallest that was refused: 2.
    assert_eq!(sizes(&scripted)[7..], [2, 2, 2, 2, 1]);
}

#[tokio::test]
async fn one_text_that_is_too_long_abstains_and_the_others_are_scored() {
    for (status, body) in [
        (
            400,
            json!({"object": "error", "type": "BadRequestError", "code": 400,
            "message": "This model's maximum context length is 20 tokens. However, you requested 30 tokens"}),
        ),
        (
            422,
            json!({"error": "Input validation error: `inputs` must have less than 20 tokens. Given: 30", "error_type": "validation"}),
        ),
    ] {
        let scripted = Server::start(move |request| {
            let long =
                texts("vllm-classify", &request.json()).iter().any(|text| text.contains("long"));
            if long {
                Reply::status(status, body.clone())
            } else {
                answer("vllm-classify", request)
            }
        });
        let source = build("vllm-classify", &scripted.url(), plain());
        let found = outcomes(&*source, &questions(&["a", "b", "long", "c", "d"])).await;
        let too_long = Outcome::Abstained(Reason::TooLong);
        assert_eq!(found, [score("a"), score("b"), too_long, score("c"), score("d")]);
        // 5 is parted in 2 and 3, 3 in the long one and 2; later batches are whole again.
        let sizes = |scripted: &Server| -> Vec<usize> {
            asked("vllm-classify", scripted)
                .iter()
                .map(|body| texts("vllm-classify", body).len())
                .collect()
        };
        assert_eq!(sizes(&scripted), [5, 2, 3, 1, 2]);
        outcomes(&*source, &questions(&["a", "b", "c", "d"])).await;
        assert_eq!(sizes(&scripted).last(), Some(&4));
    }
}

#[tokio::test]
async fn one_text_that_is_refused_leaves_the_others_alone() {
    let scripted = Server::start(|request| {
        let odd = texts("sglang-classify", &request.json()).iter().any(|text| text.contains("odd"));
        if odd {
            Reply::status(
                400,
                json!({"error": {"message": "input holds a forbidden token", "code": 400}}),
            )
        } else {
            answer("sglang-classify", request)
        }
    });
    let source = build("sglang-classify", &scripted.url(), plain());
    let found = outcomes(&*source, &questions(&["a", "odd", "b"])).await;
    assert_eq!((&found[0], &found[2]), (&score("a"), &score("b")));
    assert!(
        matches!(&found[1], Outcome::Error(SourceError::Rejected { message }) if message.contains("forbidden token"))
    );
}

#[tokio::test]
async fn a_refusal_of_every_request_is_found_by_a_few() {
    let scripted = Server::start(|_| {
        Reply::status(400, json!({"error": {"message": "pooling is off", "code": 400}}))
    });
    let source = build("sglang-classify", &scripted.url(), plain());
    let replies: Vec<String> = (0..32).map(|number| number.to_string()).collect();
    let replies: Vec<&str> = replies.iter().map(String::as_str).collect();
    for one in outcomes(&*source, &questions(&replies)).await {
        assert!(matches!(one, Outcome::Error(SourceError::Rejected { .. })), "{one:?}");
    }
    // The whole, both halves, and one text alone.
    assert_eq!(scripted.count(), 4);
}

#[tokio::test]
async fn two_texts_that_are_refused_in_the_same_words_leave_the_others_alone() {
    let scripted = Server::start(|request| {
        let odd = texts("sglang-classify", &request.json()).iter().any(|text| text.contains("odd"));
        if odd {
            Reply::status(400, json!({"error": {"message": "a forbidden token", "code": 400}}))
        } else {
            answer("sglang-classify", request)
        }
    });
    let source = build("sglang-classify", &scripted.url(), plain());
    let replies = ["a", "odd", "b", "c", "d", "odd2", "e", "f"];
    let found = outcomes(&*source, &questions(&replies)).await;
    for (reply, one) in replies.iter().zip(&found) {
        match reply.starts_with("odd") {
            true => assert!(matches!(one, Outcome::Error(SourceError::Rejected { .. }))),
            false => assert_eq!(one, &score(reply)),
        }
    }
    // No text that was answered is asked for again.
    let mut answered = std::collections::BTreeSet::new();
    for body in asked("sglang-classify", &scripted) {
        let texts = texts("sglang-classify", &body);
        if !texts.iter().any(|text| text.contains("odd")) {
            assert!(texts.iter().all(|text| answered.insert(text.clone())), "{texts:?}");
        }
    }
}

#[tokio::test]
async fn parts_that_were_answered_before_a_call_was_given_up_are_not_asked_again() {
    static SLOW: AtomicBool = AtomicBool::new(true);
    let scripted = Server::start(|request| {
        let texts = texts("tei-predict", &request.json());
        let reply = match texts.len() {
            1 | 2 => answer("tei-predict", request),
            _ => Reply::status(413, json!({"error": "too many", "error_type": "validation"})),
        };
        match texts[0].ends_with('c') && SLOW.load(Ordering::SeqCst) {
            true => Reply::hang(),
            false => reply,
        }
    });
    let source = build("tei-predict", &scripted.url(), plain());
    let replies = ["a", "b", "c", "d"];
    let asked_for = questions(&replies);
    let given_up =
        tokio::time::timeout(Duration::from_millis(300), outcomes(&*source, &asked_for)).await;
    assert!(given_up.is_err());
    SLOW.store(false, Ordering::SeqCst);
    let before = scripted.count();
    let expected: Vec<Outcome> = replies.iter().map(|reply| score(reply)).collect();
    assert_eq!(outcomes(&*source, &asked_for).await, expected);
    let sent: Vec<Vec<String>> = asked("tei-predict", &scripted)[before..]
        .iter()
        .map(|body| texts("tei-predict", body))
        .collect();
    assert_eq!(sent, [[format!("{PLAIN}c"), format!("{PLAIN}d")]]);
    // What was handed out is forgotten: a new call asks anew.
    assert_eq!(outcomes(&*source, &asked_for).await, expected);
    assert_eq!(scripted.count(), before + 3);
}

#[tokio::test]
async fn dialogues_that_were_answered_before_a_call_was_given_up_are_not_asked_again() {
    static SLOW: AtomicBool = AtomicBool::new(true);
    let scripted = Server::start(|request| {
        let hangs = request.json()["query"] == "two?" && SLOW.load(Ordering::SeqCst);
        if hangs { Reply::hang() } else { answer("tei-rerank", request) }
    });
    let source = build("tei-rerank", &scripted.url(), json!({}));
    let asked_for = ["one?", "two?"].map(|prompt| Question::of_text(prompt, &["a"]));
    let given_up =
        tokio::time::timeout(Duration::from_millis(300), outcomes(&*source, &asked_for)).await;
    assert!(given_up.is_err());
    SLOW.store(false, Ordering::SeqCst);
    let found = outcomes(&*source, &asked_for).await;
    assert_eq!(found, ["one?|a", "two?|a"].map(|text| Outcome::Score(score_of(text))));
    assert_eq!(scripted.count(), 3);
}

#[tokio::test]
async fn a_score_that_is_not_a_number_is_an_error_of_its_text_alone() {
    let scripted = Server::start(|request| {
        let scores: Vec<Value> = texts("openrlhf", &request.json())
            .iter()
            .map(|text| if text.ends_with("odd") { json!("@") } else { json!(score_of(text)) })
            .collect();
        let body = shaped("openrlhf", &scores).to_string().replace("\"@\"", "NaN");
        Reply::raw(200, body, "application/json")
    });
    let source = build("openrlhf", &scripted.url(), plain());
    let found = outcomes(&*source, &questions(&["a", "odd", "b"])).await;
    assert_eq!((&found[0], &found[2]), (&score("a"), &score("b")));
    assert!(matches!(found[1], Outcome::Error(SourceError::Broken { .. })), "{found:?}");
    assert_eq!(scripted.count(), 1);
}

#[tokio::test]
async fn an_older_vllm_is_asked_by_the_older_name_and_that_is_remembered() {
    for (known, expected) in [
        (vec!["use_activation"], vec!["use_activation"]),
        (vec!["activation"], vec!["use_activation", "activation"]),
        (vec![], vec!["use_activation", "activation", ""]),
    ] {
        let scripted = Server::start(move |request| {
            let body = request.json();
            if request.path != "/classify" {
                return Reply::status(404, json!({"detail": "Not Found"}));
            }
            let sent = ["use_activation", "activation"]
                .into_iter()
                .find(|field| body.get(field).is_some());
            match sent.filter(|field| !known.contains(field)) {
                Some(field) => Reply::status(
                    400,
                    json!({"object": "error", "type": "BadRequestError", "code": 400,
                    "message": format!("[{{'type': 'extra_forbidden', 'loc': ('body', '{field}'), 'msg': 'Extra inputs are not permitted', 'input': False}}]")}),
                ),
                None => answer("vllm-classify", request),
            }
        });
        let source = build("vllm-classify", &scripted.url(), plain());
        assert_eq!(outcomes(&*source, &questions(&["a", "b"])).await, [score("a"), score("b")]);
        let sent = |scripted: &Server| -> Vec<String> {
            let name = |body: &Value| {
                let names = ["use_activation", "activation"].into_iter();
                names.filter(|name| body.get(name).is_some()).collect::<String>()
            };
            asked("vllm-classify", scripted).iter().map(name).collect()
        };
        assert_eq!(sent(&scripted), expected);
        outcomes(&*source, &questions(&["c"])).await;
        assert_eq!(sent(&scripted).last(), expected.last().map(|name| (*name).to_owned()).as_ref());
        let notes = source.inspect(&questions(&["a"])[0]).await.unwrap().unwrap().notes.join("\n");
        match expected.len() {
            1 => assert!(!notes.contains("vLLM"), "{notes}"),
            2 => assert!(notes.contains("told by `activation`"), "{notes}"),
            _ => assert!(notes.contains("cannot be told to give raw scores"), "{notes}"),
        }
    }
}

#[tokio::test]
async fn vllm_is_believed_about_its_own_switch() {
    for (field, fingerprint) in [
        ("use_activation", "rm"),
        ("activation", "rm; switch `activation`"),
        ("softmax", "rm; no activation switch"),
    ] {
        let scripted = Server::start(move |request| match request.path.as_str() {
            "/v1/models" => Reply::json(json!({"data": [{"id": "rm"}]})),
            "/openapi.json" => Reply::json(json!({"components": {"schemas": {
                "ClassificationCompletionRequest": {"properties": {"input": {}, field: {}}},
                "ChatCompletionRequest": {"properties": {"use_activation": {}}},
            }}})),
            _ => answer("vllm-classify", request),
        });
        let source = build("vllm-classify", &scripted.url(), plain());
        let first = source.identify().await.unwrap();
        assert_eq!(first.fingerprint, fingerprint);
        outcomes(&*source, &questions(&["a"])).await;
        let sent = &asked("vllm-classify", &scripted)[0];
        assert_eq!(sent.get("use_activation").is_some(), field == "use_activation");
        assert_eq!(sent.get("activation").is_some(), field == "activation");
        assert_eq!(source.identify().await.unwrap(), first);
    }
}

#[tokio::test]
async fn a_wrong_model_type_is_the_servers_fault_and_asked_once() {
    let scripted = Server::start(|_| {
        Reply::status(
            424,
            json!({"error": "Model is not a sequence classifier", "error_type": "backend"}),
        )
    });
    let source = build("tei-predict", &scripted.url(), plain());
    let found = outcomes(&*source, &questions(&["a", "b", "c"])).await;
    for one in &found {
        assert!(matches!(one, Outcome::Error(SourceError::Broken { .. })), "{one:?}");
        assert!(message(one).contains("use `tei-rerank`"), "{one:?}");
    }
    assert_eq!(scripted.count(), 1);
}

#[tokio::test]
async fn a_missing_route_says_how_to_start_the_server() {
    for (server, status, remedy) in [
        ("vllm-pooling", 404, "--runner pooling"),
        ("sglang-embeddings", 404, "--is-embedding"),
        ("llama-server-rerank", 501, "--pooling rank"),
    ] {
        let scripted = Server::start(move |_| {
            Reply::status(status, json!({"error": {"message": "not supported"}}))
        });
        let source = build(server, &scripted.url(), crate::fake::needed(server));
        let found = outcomes(&*source, &questions(&["a", "b"])).await;
        assert!(matches!(found[0], Outcome::Error(SourceError::Broken { .. })), "{found:?}");
        assert!(message(&found[0]).contains(remedy), "{found:?}");
    }
}

#[tokio::test]
async fn each_error_says_who_must_act() {
    type Fits = fn(&SourceError) -> bool;
    let cases: [(u16, Value, Fits); 6] = [
        (401, json!({"error": "Unauthorized"}), |error| {
            matches!(error, SourceError::Denied { .. })
        }),
        (403, json!({"error": "Forbidden"}), |error| matches!(error, SourceError::Denied { .. })),
        (429, json!({"error": "Model is overloaded", "error_type": "overloaded"}), |error| {
            matches!(error, SourceError::Busy { .. })
        }),
        (
            503,
            json!({"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}),
            |error| matches!(error, SourceError::Busy { .. }),
        ),
        (500, json!({"error": "oops"}), SourceError::may_retry),
        (400, json!({"error": "`inputs` cannot be empty", "error_type": "empty"}), |error| {
            matches!(error, SourceError::Rejected { .. })
        }),
    ];
    for (status, body, fits) in cases {
        let scripted = Server::start(move |_| Reply::status(status, body.clone()));
        let source = build("tei-predict", &scripted.url(), plain());
        for one in outcomes(&*source, &questions(&["a", "b"])).await {
            assert!(matches!(&one, Outcome::Error(error) if fits(error)), "{status}: {one:?}");
        }
        let told = source.identify().await;
        let stops = matches!(status, 401 | 403 | 429 | 500 | 503);
        assert_eq!(told.is_err(), stops, "{status}: {told:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_unreachable() {
    let source = build("openrlhf", "http://127.0.0.1:9", plain());
    let found = outcomes(&*source, &questions(&["a"])).await;
    assert!(matches!(found[0], Outcome::Error(SourceError::Unreachable { .. })), "{found:?}");
    // It has no route that could be asked, so its identity needs no server.
    assert!(source.identify().await.is_ok());
}

#[tokio::test]
async fn a_half_that_is_busy_does_not_cost_the_other_half() {
    let scripted = Server::start(|request| {
        let texts = texts("tei-predict", &request.json());
        match texts.len() {
            1 | 2 if texts[0].ends_with('a') => {
                let scores: Vec<Value> = texts.iter().map(|text| json!(score_of(text))).collect();
                Reply::json(shaped("tei-predict", &scores))
            }
            1 | 2 => Reply::status(
                429,
                json!({"error": "Model is overloaded", "error_type": "overloaded"}),
            ),
            _ => Reply::status(413, json!({"error": "too many", "error_type": "validation"})),
        }
    });
    let source = build("tei-predict", &scripted.url(), plain());
    let found = outcomes(&*source, &questions(&["a", "b", "c", "d"])).await;
    assert_eq!(found[..2], [score("a"), score("b")]);
    for one in &found[2..] {
        assert!(matches!(one, Outcome::Error(SourceError::Busy { .. })), "{one:?}");
    }
}

#[tokio::test]
async fn cutting_is_asked_for_on_the_side_that_is_set() {
    for (server, side, fields) in [
        ("vllm-classify", "left", json!({"truncate_prompt_tokens": -1, "truncation_side": "left"})),
        ("tei-predict", "left", json!({"truncate": true, "truncation_direction": "left"})),
        ("tei-predict", "right", json!({"truncate": true, "truncation_direction": "right"})),
    ] {
        let scripted = Server::start(move |request| answer(server, request));
        let more = json!({"render": "plain", "truncate": side});
        outcomes(&*build(server, &scripted.url(), more), &questions(&["a"])).await;
        let sent = &asked(server, &scripted)[0];
        for (key, value) in fields.as_object().unwrap() {
            assert_eq!(&sent[key], value, "{server}");
        }
    }
}
