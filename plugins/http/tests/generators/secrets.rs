//! A key never leaves the crate: not in errors, texts, inspections or names, whatever the server sends back.

use serde_json::json;
use tribunal_scripted::{Reply, Server};

use crate::{KEY, ask, chat, choice, completion, prompt};

fn url_encoded() -> String {
    KEY.1.replace('/', "%2F")
}

/// Fails when any form of the key stands in the text.
fn assert_clean(text: &str) {
    let escaped = KEY.1.replace('/', "\\/");
    for form in [KEY.1, &escaped, &url_encoded(), &url_encoded().to_lowercase()] {
        assert!(!text.contains(form), "`{form}` stands in: {text}");
    }
}

#[tokio::test]
async fn errors_never_hold_the_key_that_a_server_echoes() {
    let key = KEY.1;
    let escaped = key.replace('/', "\\/");
    for status in [200, 302, 400, 401, 404, 413, 422, 429, 500, 503] {
        for body in [
            json!({"error": {"message": format!("Incorrect API key provided: {key}."), "code": key}}).to_string(),
            format!("{{\"error\": \"bad key {escaped}\"}}"),
            format!("<html>{key} {}</html>", url_encoded()),
            format!("Bearer {key}"),
            json!({"detail": [{"loc": ["body", key], "msg": key, "type": key}]}).to_string(),
            // A text that is cut in the middle of the key must not end with a part of it.
            format!("{}{key}", "x ".repeat(280)),
        ] {
            let server = Server::start(move |_| {
                let reply = Reply::raw(status, body.clone(), "application/json");
                reply
                    .header("x-request-id", key)
                    .header("location", &format!("http://127.0.0.1:1/?key={}", url_encoded()))
            });
            let generator = chat(&server, json!({"api-key-env": KEY.0}));
            let error = ask(&generator, prompt()).await.unwrap_err();
            assert_clean(&error.to_string());
            assert_clean(&format!("{error:?}"));
            if let Err(error) = generator.identify().await {
                assert_clean(&format!("{error:?} {error}"));
            }
        }
    }
}

#[tokio::test]
async fn texts_ids_and_inspections_never_hold_the_key() {
    let server = Server::start(|request| {
        let sent = request.header("authorization").unwrap().to_owned();
        let secret = request.header("x-second").unwrap().to_owned();
        let mut reply = completion(vec![choice(0, &format!("you sent {sent} and {secret}"))]);
        reply["model"] = json!(sent);
        reply["system_fingerprint"] = json!(secret);
        Reply::json(reply).header("x-request-id", &sent)
    });
    let settings = json!({"api-key-env": KEY.0, "headers-env": {"x-second": "CARGO_MANIFEST_PATH"},
        "extra": {"user": KEY.1}});
    let generator = chat(&server, settings);
    let done = ask(&generator, prompt()).await.unwrap();
    assert_clean(&format!("{done:?}"));
    assert!(done.texts[0].text.contains(&format!("[{}]", KEY.0)), "{done:?}");
    let inspection = generator.inspect(&prompt()).await.unwrap().unwrap();
    assert_clean(&format!("{inspection:?}"));
    assert_clean(&format!("{:?}", generator.limits()));
    assert_clean(&format!("{:?}", generator.identify().await));
}

#[tokio::test]
async fn a_key_that_a_server_escapes_is_blanked_too() {
    let escaped: String = KEY.1.chars().map(|c| format!("\\u{:04x}", c as u32)).collect();
    let reply = completion(vec![choice(0, "you sent @")]).to_string().replace('@', &escaped);
    let server = Server::start(move |_| Reply::raw(200, reply.clone(), "application/json"));
    let generator = chat(&server, json!({"api-key-env": KEY.0}));
    let done = ask(&generator, prompt()).await.unwrap();
    assert_eq!(done.texts[0].text, format!("you sent [{}]", KEY.0));
    for status in [200, 400, 503] {
        let body = format!("{{\"error\": {{\"message\": \"bad {escaped}\"}}}}");
        let server = Server::start(move |_| Reply::raw(status, body.clone(), "application/json"));
        let generator = chat(&server, json!({"api-key-env": KEY.0}));
        assert_clean(&format!("{:?}", ask(&generator, prompt()).await.unwrap_err()));
    }
}
