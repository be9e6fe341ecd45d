//! Who renders, who writes BOS, and what `inspect` shows of both.

use std::path::Path;

use serde_json::{Value, json};
use tribunal_api::{Inspection, Question, Role, SourceError, Turn};
use tribunal_scripted::{Reply, Request, Server};

use crate::fake::{answer, asked, texts};
use crate::{
    Outcome, WITH_BOS, WITHOUT_BOS, build, file, message, outcomes, questions, tokenizer_config,
};

/// A tokenizer with a BOS of id 1 that stands for `<bos>`, and the code point of every other letter.
fn tokens(text: &str, special: bool) -> Vec<u32> {
    let mut tokens: Vec<u32> = if special { vec![1] } else { Vec::new() };
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let bos = rest.strip_prefix("<bos>");
        tokens.push(if bos.is_some() { 1 } else { letter as u32 });
        rest = bos.unwrap_or(&rest[letter.len_utf8()..]);
    }
    tokens
}

/// `/tokenize` in the shape of each server.
fn tokenize(server: &str, request: &Request) -> Reply {
    let body = request.json();
    if server.starts_with("tei") {
        let tokens = tokens(body["inputs"].as_str().unwrap(), body["add_special_tokens"] == true);
        let tokens: Vec<Value> =
            tokens.iter().map(|id| json!({"id": id, "text": "t", "special": *id == 1})).collect();
        Reply::json(json!([tokens]))
    } else if server.starts_with("llama") {
        let tokens = tokens(body["content"].as_str().unwrap(), body["add_special"] == true);
        Reply::json(json!({"tokens": tokens}))
    } else {
        let text = match body.get("messages") {
            Some(_) => "<bos>[user]q",
            None => body["prompt"].as_str().unwrap(),
        };
        let tokens = tokens(text, body["add_special_tokens"] == true);
        Reply::json(json!({"count": tokens.len(), "max_model_len": 4096, "tokens": tokens}))
    }
}

fn start(server: &'static str) -> Server {
    Server::start(move |request| match request.path.as_str() {
        "/tokenize" => tokenize(server, request),
        _ => answer(server, request),
    })
}

async fn inspect(server: &'static str, template: &Path, more: Value) -> (Inspection, Vec<String>) {
    let scripted = start(server);
    let mut keys = json!({"template": template});
    keys.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let source = build(server, &scripted.url(), keys);
    let question = &questions(&["Air."])[0];
    let found = source.inspect(question).await.unwrap().unwrap();
    assert_eq!(asked(server, &scripted), [] as [Value; 0], "a score was asked for");
    outcomes(&*source, std::slice::from_ref(question)).await;
    let sent = texts(server, &asked(server, &scripted)[0]);
    (found, sent)
}

const RENDERED: &str = "[user]Why is the sky blue?<e>[assistant]Air.<e>";

#[tokio::test]
async fn a_template_that_writes_bos_leaves_the_text_with_one() {
    let (_folder, path) = file("tokenizer_config.json", &tokenizer_config(WITH_BOS));
    for (server, sent) in [
        ("vllm-classify", format!("<bos>{RENDERED}")),
        ("sglang-classify", RENDERED.to_owned()),
        ("tei-predict", RENDERED.to_owned()),
        ("llama-server-embedding", RENDERED.to_owned()),
    ] {
        let (found, texts) = inspect(server, &path, json!({})).await;
        assert_eq!(texts, std::slice::from_ref(&sent), "{server}");
        assert_eq!(found.rendered, sent, "{server}");
        assert_eq!(found.bos, Some((1, 1)), "{server}");
        assert_eq!(found.tokens[..2], [1, u32::from('[')], "{server}");
        assert!(found.exact, "{server}");
        let doubled = found.notes.iter().any(|note| note.contains("BOS tokens"));
        assert!(!doubled, "{server}: {:?}", found.notes);
    }
}

#[tokio::test]
async fn a_doubled_bos_is_counted_and_comes_with_its_remedy() {
    let (_folder, path) = file("tokenizer_config.json", &tokenizer_config(WITH_BOS));
    let more = json!({"special-tokens": true});
    for (server, remedy) in [
        ("vllm-classify", "set `special-tokens = false`"),
        ("sglang-classify", "leave `special-tokens` out"),
        ("tei-predict", "leave `special-tokens` out"),
        ("llama-server-embedding", "leave `special-tokens` out"),
    ] {
        let (found, sent) = inspect(server, &path, more.clone()).await;
        assert_eq!(found.bos, Some((1, 2)), "{server}");
        assert_eq!(sent, [format!("<bos>{RENDERED}")], "{server}");
        let notes = found.notes.join("\n");
        assert!(notes.contains("begins with 2 BOS tokens"), "{server}: {notes}");
        assert!(notes.contains(remedy), "{server}: {notes}");
    }
}

#[tokio::test]
async fn vllm_is_told_about_special_tokens_by_a_field() {
    for (template, more, expected) in [
        (WITH_BOS, json!({}), json!(false)),
        (WITHOUT_BOS, json!({}), json!(true)),
        (WITHOUT_BOS, json!({"special-tokens": false}), json!(false)),
    ] {
        let (_folder, path) = file("tokenizer_config.json", &tokenizer_config(template));
        let scripted = start("vllm-pooling");
        let mut keys = json!({"template": path});
        keys.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        outcomes(&*build("vllm-pooling", &scripted.url(), keys), &questions(&["a"])).await;
        assert_eq!(asked("vllm-pooling", &scripted)[0]["add_special_tokens"], expected);
    }
}

#[tokio::test]
async fn messages_leave_special_tokens_to_the_servers_template() {
    let scripted = start("vllm-classify");
    let source = build("vllm-classify", &scripted.url(), json!({"model": "m"}));
    let question = &questions(&["a"])[0];
    outcomes(&*source, std::slice::from_ref(question)).await;
    let sent = &asked("vllm-classify", &scripted)[0];
    assert_eq!(sent.get("add_special_tokens"), None);
    assert_eq!(sent["messages"][1], json!({"role": "assistant", "content": "a"}));
    let found = source.inspect(question).await.unwrap().unwrap();
    assert!(!found.exact);
    assert_eq!(found.bos, Some((1, 1)));
    assert_eq!(found.most_tokens, Some(4096));
    assert!(found.read_at.contains("probs"), "{}", found.read_at);
}

#[tokio::test]
async fn a_begin_token_is_known_by_sight_in_a_bare_template() {
    let text = format!("<|begin_of_text|>{WITHOUT_BOS}");
    let (_folder, path) = file("chat.jinja", &text);
    let scripted = start("tei-predict");
    let source = build("tei-predict", &scripted.url(), json!({"template": path}));
    outcomes(&*source, &questions(&["Air."])).await;
    assert_eq!(texts("tei-predict", &asked("tei-predict", &scripted)[0]), [RENDERED]);
}

#[tokio::test]
async fn a_tokenizer_of_which_nothing_is_known_is_taken_to_add_bos() {
    // As Llama 3 has it, without the `tokenizer.json` that would say more.
    let config = json!({"bos_token": "<|begin_of_text|>", "tokenizer_class": "PreTrainedTokenizerFast",
        "chat_template": WITH_BOS});
    let (_folder, path) = file("tokenizer_config.json", &config.to_string());
    let scripted = start("tei-predict");
    let source = build("tei-predict", &scripted.url(), json!({"template": path}));
    outcomes(&*source, &questions(&["Air."])).await;
    assert_eq!(texts("tei-predict", &asked("tei-predict", &scripted)[0]), [RENDERED]);
}

#[tokio::test]
async fn a_tokenizer_that_adds_no_bos_keeps_the_templates() {
    let config = json!({"bos_token": "<bos>", "add_bos_token": false, "chat_template": WITH_BOS});
    let (_folder, path) = file("tokenizer_config.json", &config.to_string());
    let scripted = start("sglang-embeddings");
    let source = build("sglang-embeddings", &scripted.url(), json!({"template": path}));
    outcomes(&*source, &questions(&["Air."])).await;
    let sent = texts("sglang-embeddings", &asked("sglang-embeddings", &scripted)[0]);
    assert_eq!(sent, [format!("<bos>{RENDERED}")]);
}

#[tokio::test]
async fn variables_and_date_reach_the_template() {
    let template = "{{ strftime_now('%d %b %Y') }} {{ mood }} {{ messages[1].content }}";
    let (_folder, path) = file("chat.jinja", template);
    let scripted = start("openrlhf");
    let more = json!({"template": path, "template-date": "2024-07-26", "template-variables": {"mood": "calm"}});
    outcomes(&*build("openrlhf", &scripted.url(), more), &questions(&["Air."])).await;
    assert_eq!(texts("openrlhf", &asked("openrlhf", &scripted)[0]), ["26 Jul 2024 calm Air."]);
}

#[tokio::test]
async fn the_content_of_the_template_enters_the_identity() {
    let mut fingerprints = Vec::new();
    for template in [WITH_BOS, WITHOUT_BOS] {
        let (_folder, path) = file("tokenizer_config.json", &tokenizer_config(template));
        let more = json!({"template": path, "model": "m"});
        let source = build("openrlhf", "http://127.0.0.1:9", more);
        fingerprints.push(source.identify().await.unwrap().fingerprint);
    }
    assert!(fingerprints[0].starts_with("m; template "), "{fingerprints:?}");
    assert_ne!(fingerprints[0], fingerprints[1]);
}

#[tokio::test]
async fn messages_that_the_template_refuses_concern_their_question_alone() {
    let template = "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system turns') }}{% endif %}{{ m.content }}{% endfor %}";
    let (_folder, path) = file("chat.jinja", template);
    let scripted = start("openrlhf");
    let source = build("openrlhf", &scripted.url(), json!({"template": path}));
    let mut asked = questions(&["a", "b"]);
    let system = Turn { role: Role::System, content: "Be kind.".to_owned() };
    let turns = vec![system, Turn::user("Why?")];
    asked.insert(1, Question::new(turns, asked[0].candidates().to_vec()));
    let found = outcomes(&*source, &asked).await;
    assert!(matches!(found[0], Outcome::Score(_)) && matches!(found[2], Outcome::Score(_)));
    assert!(matches!(found[1], Outcome::Error(SourceError::Rejected { .. })));
    assert!(message(&found[1]).contains("no system turns"), "{found:?}");
}

#[tokio::test]
async fn label_tokens_are_scored_after_the_whole_rendered_text() {
    let template = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %} Correct?";
    let (_folder, path) = file("chat.jinja", template);
    let scripted = Server::start(|request| {
        let count = request.json()["items"].as_array().unwrap().len();
        Reply::json(json!({"scores": vec![json!([0.75, 0.25]); count], "model": "m"}))
    });
    let more =
        json!({"template": path, "label-tokens": [9454, 2753], "label": 0, "transform": "logit"});
    let source = build("sglang-score", &scripted.url(), more);
    let found = outcomes(&*source, &questions(&["Air.", "Birds."])).await;
    // ln(0.75 / 0.25) = ln 3
    assert_eq!(found, vec![Outcome::Score(3.0f64.ln()); 2]);
    let sent = &scripted.requests()[0].json();
    assert_eq!(sent["query"], "[user]Why is the sky blue?[assistant]");
    assert_eq!(sent["items"], json!(["Air. Correct?", "Birds. Correct?"]));
}

#[tokio::test]
async fn a_route_with_a_form_of_its_own_says_so() {
    let scripted = start("vllm-score");
    let source = build("vllm-score", &scripted.url(), json!({}));
    let found = source.inspect(&questions(&["a"])[0]).await.unwrap().unwrap();
    assert!(!found.exact);
    assert!(found.tokens.is_empty());
    assert!(found.notes.iter().any(|note| note.contains("sees the wrong text")), "{found:?}");
}

#[tokio::test]
async fn a_server_without_a_tokenizer_route_is_no_error() {
    let scripted = Server::start(|request| answer("openrlhf", request));
    let source = build("openrlhf", &scripted.url(), json!({"render": "plain"}));
    let found = source.inspect(&questions(&["a"])[0]).await.unwrap().unwrap();
    assert_eq!((found.tokens.len(), found.bos), (0, None));
    assert_eq!(found.rendered, "Why is the sky blue?\n\na");
    assert!(found.notes.iter().any(|note| note.contains("BOS was not counted")), "{found:?}");
    assert!(found.notes.iter().any(|note| note.contains("max_len")), "{found:?}");
}

#[tokio::test]
async fn a_trained_models_own_settings_render_and_keep_one_bos() {
    let path = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/data/models/tiny-llama-rm/tokenizer_config.json"
    ));
    if !path.exists() {
        println!("skipped: there is no `{}`", path.display());
        return;
    }
    // Its template, as its notes describe it: BOS, then header, trimmed content and end of turn for each message.
    let turn = |role: &str, text: &str| {
        format!("<|start_header_id|>{role}<|end_header_id|>\n\n{text}<|eot_id|>")
    };
    let rendered = turn("user", "Why is the sky blue?") + &turn("assistant", "Air.");
    for (server, special, sent) in [
        ("vllm-classify", json!(false), format!("<|begin_of_text|>{rendered}")),
        ("tei-predict", Value::Null, rendered.clone()),
    ] {
        let scripted = start(server);
        let source = build(server, &scripted.url(), json!({"template": path}));
        outcomes(&*source, &questions(&[" Air.\n"])).await;
        let body = &asked(server, &scripted)[0];
        assert_eq!(texts(server, body), [sent]);
        assert_eq!(body.get("add_special_tokens").cloned().unwrap_or_default(), special);
    }
}
