//! Every known server: the right request, the right score at the right question, the conformance checks.

use std::sync::Arc;

use serde_json::{Value, json};
use tribunal_api::{Question, Strength, Turn, conformance};
use tribunal_scripted::{Reply, Server};

use crate::fake::{KNOWN, answer, asked, needed, score_of};
use crate::{Outcome, build, outcomes, questions};

fn start(server: &'static str) -> Server {
    Server::start(move |request| answer(server, request))
}

#[tokio::test]
async fn every_server_passes_the_checks_for_sources() {
    for server in KNOWN {
        let scripted = start(server);
        let source = build(server, &scripted.url(), needed(server));
        let found = conformance::source(&*source, &conformance::questions(1)).await;
        assert_eq!(found, [] as [&str; 0], "{server}");
    }
}

#[tokio::test]
async fn every_question_gets_the_score_of_its_own_text() {
    let replies = ["It scatters.", "", "Because of \"Rayleigh\".", "日本語", "no idea"];
    for server in KNOWN {
        let scripted = start(server);
        let source = build(server, &scripted.url(), needed(server));
        let found = outcomes(&*source, &questions(&replies)).await;
        let prompt = "Why is the sky blue?";
        let expected: Vec<Outcome> = replies
            .iter()
            .map(|reply| {
                Outcome::Score(score_of(&match server {
                    "vllm-classify" | "vllm-pooling" => json!([
                        {"role": "user", "content": prompt}, {"role": "assistant", "content": reply}
                    ])
                    .to_string(),
                    "sglang-score" => format!("{prompt}\n\n|{reply}"),
                    _ if server.ends_with("rerank") || server == "vllm-score" => {
                        format!("{prompt}|{reply}")
                    }
                    _ => format!("{prompt}\n\n{reply}"),
                }))
            })
            .collect();
        assert_eq!(found, expected, "{server}");
    }
}

#[tokio::test]
async fn raw_values_are_asked_for_everywhere() {
    let wanted = [
        ("vllm-classify", json!({"model": "m", "use_activation": false})),
        (
            "vllm-pooling",
            json!({"use_activation": false, "task": "classify", "encoding_format": "float"}),
        ),
        ("vllm-score", json!({"use_activation": false, "queries": "Why is the sky blue?"})),
        ("vllm-rerank", json!({"use_activation": false, "top_n": 0})),
        (
            "sglang-score",
            json!({"apply_softmax": false, "label_token_ids": [9454], "item_first": false}),
        ),
        ("tei-predict", json!({"raw_scores": true, "truncate": false})),
        ("tei-rerank", json!({"raw_scores": true, "return_text": false, "truncate": false})),
        ("llama-server-embedding", json!({"embd_normalize": -1})),
        ("llama-server-rerank", json!({"top_n": 2})),
        ("openrlhf", json!({"prompts": ["Why is the sky blue?", "Why is the sky blue?"]})),
    ];
    for (server, fields) in wanted {
        let scripted = start(server);
        let mut more = needed(server);
        more["model"] = json!("m");
        outcomes(&*build(server, &scripted.url(), more), &questions(&["a", "b"])).await;
        let sent = &asked(server, &scripted)[0];
        for (key, value) in fields.as_object().unwrap() {
            assert_eq!(&sent[key], value, "{server}: {sent}");
        }
    }
}

#[tokio::test]
async fn texts_go_in_batches_and_messages_one_by_one() {
    for (server, more, expected) in [
        ("tei-predict", json!({"render": "plain"}), vec![32, 8]),
        ("tei-predict", json!({"render": "plain", "batch-size": 15}), vec![15, 15, 10]),
        ("vllm-classify", json!({"render": "plain"}), vec![32, 8]),
        ("vllm-classify", json!({}), vec![1; 40]),
        ("openrlhf", json!({"render": "plain"}), vec![16, 16, 8]),
    ] {
        let scripted = start(server);
        let source = build(server, &scripted.url(), more);
        let replies: Vec<String> = (0..40).map(|number| format!("reply {number}")).collect();
        let replies: Vec<&str> = replies.iter().map(String::as_str).collect();
        outcomes(&*source, &questions(&replies)).await;
        let sizes: Vec<usize> = asked(server, &scripted)
            .iter()
            .map(|body| crate::fake::texts(server, body).len())
            .collect();
        assert_eq!(sizes, expected, "{server}");
        assert_eq!(source.limits().batch, expected[0], "{server}");
        assert_eq!(source.limits().in_flight, 8);
    }
}

#[tokio::test]
async fn replies_to_one_dialogue_go_in_one_request() {
    let scripted = start("tei-rerank");
    let source = build("tei-rerank", &scripted.url(), json!({}));
    let question = |prompt: &str, reply: &str| Question::of_text(prompt, &[reply]);
    let mixed = [
        question("one?", "a"),
        question("two?", "b"),
        question("one?", "c"),
        question("two?", "d"),
    ];
    let found = outcomes(&*source, &mixed).await;
    let expected =
        ["one?|a", "two?|b", "one?|c", "two?|d"].map(|text| Outcome::Score(score_of(text)));
    assert_eq!(found, expected);
    let bodies = asked("tei-rerank", &scripted);
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[0]["texts"], json!(["a", "c"]));
}

#[tokio::test]
async fn a_dialogue_of_several_turns_is_the_whole_query() {
    let scripted = start("vllm-rerank");
    let source = build("vllm-rerank", &scripted.url(), json!({}));
    let turns = vec![Turn::user("Hi"), Turn::assistant("Hello"), Turn::user("Sky?")];
    let question = Question::new(turns, vec![Arc::from("Blue.")]);
    outcomes(&*source, &[question]).await;
    let sent = &asked("vllm-rerank", &scripted)[0];
    assert_eq!(sent["query"], "User: Hi\n\nAssistant: Hello\n\nUser: Sky?");
    assert_eq!(sent["documents"], json!(["Blue."]));
}

#[tokio::test]
async fn an_answer_keeps_what_the_server_said_beside_the_score() {
    let scripted = Server::start(|request| {
        let data: Vec<Value> = (0..crate::fake::texts("vllm-classify", &request.json()).len())
            .map(|i| json!({"index": i, "label": "LABEL_1", "probs": [-0.5, 1.25, 3.0], "num_classes": 3}))
            .collect();
        Reply::json(json!({"id": "classify-7", "model": "m-1", "data": data,
            "usage": {"prompt_tokens": 12}}))
        .header("x-request-id", "r-7")
    });
    let source = build(
        "vllm-classify",
        &scripted.url(),
        json!({"render": "plain", "label": 1, "transform": "negate"}),
    );
    // "Why is the sky blue?", two line ends, and one letter each: equal lengths share the 12 tokens equally.
    let answers = source.score(&questions(&["a", "b"])).await.into_vec();
    for answer in answers {
        let answer = &answer.unwrap()[0];
        assert_eq!(crate::outcome(&Ok(vec![answer.clone()])), Outcome::Score(-1.25));
        let parts: Vec<(&str, f64)> =
            answer.parts.iter().map(|(name, values)| (name.as_str(), values[0])).collect();
        assert_eq!(parts, [("class.0", -0.5), ("class.2", 3.0), ("raw", 1.25)]);
        assert_eq!(answer.usage.input_tokens, Some(6));
        assert_eq!(answer.origin.served.as_deref(), Some("m-1"));
        assert_eq!(answer.origin.requests, ["r-7"]);
    }
}

#[tokio::test]
async fn several_classes_without_a_label_are_an_error_that_names_them() {
    let classes = json!([[{"label": "good", "score": 2.0}, {"label": "bad", "score": -1.0}]]);
    let scripted = Server::start(move |_| Reply::json(classes.clone()));
    let url = scripted.url();
    let without = build("tei-predict", &url, json!({"render": "plain"}));
    let found = outcomes(&*without, &questions(&["a"])).await;
    assert!(
        crate::message(&found[0]).contains("2 classes (`good`, `bad`): set `label`"),
        "{found:?}"
    );
    let with = build("tei-predict", &url, json!({"render": "plain", "label": "bad"}));
    assert_eq!(outcomes(&*with, &questions(&["a"])).await, [Outcome::Score(-1.0)]);
    let wrong = build("tei-predict", &url, json!({"render": "plain", "label": "worst"}));
    let found = outcomes(&*wrong, &questions(&["a"])).await;
    assert!(crate::message(&found[0]).contains("no class `worst`"), "{found:?}");
}

#[tokio::test]
async fn models_with_a_row_per_step_are_read_at_their_last_row() {
    let rows = json!([[0.9, 0.1], [0.25, 0.75]]);
    for (server, body, task) in [
        (
            "vllm-pooling",
            json!({"data": [{"index": 0, "object": "pooling", "data": rows}]}),
            json!("token_classify"),
        ),
        ("llama-server-embedding", json!([{"index": 0, "embedding": rows}]), Value::Null),
    ] {
        let scripted = Server::start(move |_| Reply::json(body.clone()));
        let url = scripted.url();
        for (more, expected) in [
            (json!({"render": "plain", "step": "last"}), Some(0.75)),
            (json!({"render": "plain", "step": "last", "label": 0}), Some(0.25)),
            (json!({"render": "plain"}), None),
        ] {
            let found = outcomes(&*build(server, &url, more), &questions(&["a"])).await;
            match expected {
                Some(expected) => assert_eq!(found, [Outcome::Score(expected)], "{server}"),
                None => assert!(crate::message(&found[0]).contains("set `step = "), "{found:?}"),
            }
        }
        let sent = scripted.requests()[0].json();
        assert_eq!(sent.get("task").cloned().unwrap_or_default(), task);
    }
}

#[tokio::test]
async fn identities_say_what_the_server_says_of_its_model() {
    let vllm = json!({"data": [{"id": "rm", "root": "org/rm-8b", "max_model_len": 4096}]});
    let cases = [
        ("vllm-classify", "/v1/models", vllm, "rm", "rm (org/rm-8b)", Strength::Name),
        (
            "tei-predict",
            "/info",
            json!({"model_id": "org/rm", "model_sha": "abc123", "max_input_length": 512}),
            "org/rm",
            "org/rm@abc123",
            Strength::Revision,
        ),
        (
            "sglang-classify",
            "/get_model_info",
            json!({"model_path": "org/rm", "is_generation": false}),
            "org/rm",
            "org/rm",
            Strength::Name,
        ),
        (
            "llama-server-embedding",
            "/v1/models",
            json!({"object": "list", "data": [{"id": "rm.gguf", "meta": {"n_ctx": 2048}}]}),
            "rm.gguf",
            "rm.gguf",
            Strength::Name,
        ),
    ];
    for (server, path, body, name, fingerprint, strength) in cases {
        let scripted = Server::start(move |request| match request.path == path {
            true => Reply::json(body.clone()),
            false => answer(server, request),
        });
        let identity = build(server, &scripted.url(), needed(server)).identify().await.unwrap();
        assert_eq!(identity.name, name, "{server}");
        assert_eq!(identity.fingerprint, fingerprint, "{server}");
        assert_eq!(identity.strength, strength, "{server}");
    }
}

#[tokio::test]
async fn a_model_name_that_was_learned_goes_into_requests() {
    let scripted = Server::start(|request| match request.path.as_str() {
        "/v1/models" => Reply::json(json!({"data": [{"id": "only-one"}]})),
        _ => answer("vllm-classify", request),
    });
    let source = build("vllm-classify", &scripted.url(), json!({}));
    source.identify().await.unwrap();
    outcomes(&*source, &questions(&["a"])).await;
    assert_eq!(asked("vllm-classify", &scripted)[0]["model"], "only-one");
}

#[tokio::test]
async fn a_wrong_model_is_found_before_anything_is_asked() {
    let scripted = Server::start(|request| match request.path.as_str() {
        "/v1/models" => Reply::json(json!({"data": [{"id": "a"}, {"id": "b"}]})),
        "/get_model_info" => Reply::json(json!({"model_path": "a", "is_generation": true})),
        _ => Reply::status(404, json!({"detail": "Not Found"})),
    });
    let url = scripted.url();
    let absent = build("vllm-classify", &url, json!({"model": "c"})).identify().await.unwrap_err();
    assert!(absent.to_string().contains("no model `c`, only `a`, `b`"), "{absent}");
    let unsaid = build("vllm-classify", &url, json!({})).identify().await.unwrap_err();
    assert!(unsaid.to_string().contains("set `model` to one of `a`, `b`"), "{unsaid}");
    let sglang = build("sglang-classify", &url, json!({"render": "plain"}));
    let wrong = sglang.identify().await.unwrap_err();
    assert!(wrong.to_string().contains("--is-embedding"), "{wrong}");
}

#[tokio::test]
async fn an_estimate_counts_one_call_and_the_letters() {
    let source = build("tei-rerank", "http://127.0.0.1:9", json!({}));
    let estimate = source.estimate(&Question::of_text("12345678", &["1234"])).unwrap();
    assert_eq!(estimate.calls, 1);
    // 8 and 4 letters of ASCII are 2 and 1 tokens; a template writes about 5 around each turn.
    assert_eq!(estimate.input_tokens, 2 + 5 + 1 + 5);
    assert_eq!(estimate.output_tokens, 0);
}

#[tokio::test]
async fn an_older_llama_server_answers_one_text_with_a_bare_table() {
    let scripted = Server::start(|_| Reply::json(json!({"embedding": [0.5]})));
    let source = build("llama-server-embedding", &scripted.url(), json!({"render": "plain"}));
    assert_eq!(outcomes(&*source, &questions(&["a"])).await, [Outcome::Score(0.5)]);
}
