//! As many texts as seeds, whatever the server makes of `n`.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tribunal_api::Prompt;
use tribunal_scripted::{Reply, Server};

use crate::{ask, build, chat, choice, completion, prompt};

fn three() -> Prompt {
    Prompt { seeds: vec![11, 12, 13], ..prompt() }
}

#[tokio::test]
async fn samples_come_by_n_in_the_order_of_their_index() {
    let server = Server::start(|_| {
        Reply::json(completion(vec![choice(2, "c"), choice(0, "a"), choice(1, "b")]))
    });
    let done = ask(&chat(&server, json!({})), three()).await.unwrap();
    let texts: Vec<&str> = done.texts.iter().map(|text| &*text.text).collect();
    assert_eq!(texts, ["a", "b", "c"]);
    assert_eq!(server.count(), 1);
    assert_eq!(server.requests()[0].json()["n"], 3);
}

#[tokio::test]
async fn a_server_that_ignores_n_is_asked_for_the_rest_and_not_believed_again() {
    let server = Server::start(|request| {
        let seed = request.json()["seed"].to_string();
        Reply::json(completion(vec![choice(0, &seed)]))
    });
    let generator = chat(&server, json!({}));
    for _ in 0..2 {
        let done = ask(&generator, three()).await.unwrap();
        let texts: Vec<&str> = done.texts.iter().map(|text| &*text.text).collect();
        assert_eq!(texts, ["11", "12", "13"]);
        // Each request read 9 tokens and wrote 3.
        assert_eq!((done.usage.input_tokens, done.usage.output_tokens), (Some(27), Some(9)));
    }
    assert_eq!(server.count(), 6);
    let with_n = server.requests().iter().filter(|one| one.json().get("n").is_some()).count();
    assert_eq!(with_n, 1);
}

#[tokio::test]
async fn a_server_that_refuses_n_is_asked_one_by_one() {
    let server = Server::start(|request| match request.json().get("n") {
        Some(_) => Reply::status(
            400,
            json!({"error": {"message": "Only one completion choice is allowed", "type": "invalid_request_error"}}),
        ),
        None => Reply::json(completion(vec![choice(0, "A")])),
    });
    assert_eq!(ask(&chat(&server, json!({})), three()).await.unwrap().texts.len(), 3);
    assert_eq!(server.count(), 4);
}

#[tokio::test]
async fn a_server_that_gives_more_than_asked_is_read_up_to_what_was_asked() {
    let server = Server::start(|_| Reply::json(completion(vec![choice(0, "a"), choice(1, "b")])));
    let done = ask(&chat(&server, json!({})), prompt()).await.unwrap();
    assert_eq!(done.texts.len(), 1);
}

#[tokio::test]
async fn samples_by_calls_go_out_one_after_the_other_each_with_its_seed() {
    let server = Server::start(|request| {
        let seed = request.json()["seed"].to_string();
        let reply = Reply::json(completion(vec![choice(0, &seed)]));
        reply.after(std::time::Duration::from_millis(100))
    });
    let done = ask(&chat(&server, json!({"samples-by": "calls"})), three()).await.unwrap();
    let texts: Vec<&str> = done.texts.iter().map(|text| &*text.text).collect();
    assert_eq!(texts, ["11", "12", "13"]);
    assert_eq!(server.peak_in_flight(), 1);
}

#[tokio::test]
async fn a_sample_that_was_paid_is_not_paid_again_when_another_one_fails() {
    static FAILURES: AtomicUsize = AtomicUsize::new(0);
    let server = Server::start(|request| {
        let seed = request.json()["seed"].as_u64();
        if seed == Some(12) && FAILURES.fetch_add(1, Ordering::SeqCst) == 0 {
            return Reply::status(500, json!({"error": {"message": "oops"}}));
        }
        Reply::json(completion(vec![choice(0, &seed.unwrap().to_string())]))
    });
    let generator = chat(&server, json!({"samples-by": "calls"}));
    assert_eq!(ask(&generator, three()).await.unwrap_err().name(), "unreachable");
    let done = ask(&generator, three()).await.unwrap();
    let texts: Vec<&str> = done.texts.iter().map(|text| &*text.text).collect();
    assert_eq!(texts, ["11", "12", "13"]);
    // Three, and the one that failed once more.
    assert_eq!(server.count(), 4);
    ask(&generator, three()).await.unwrap();
    assert_eq!(server.count(), 7);
}

#[tokio::test]
async fn several_prompts_in_one_call_are_answered_in_their_order() {
    let server = Server::start(|request| {
        let text = request.json()["messages"][0]["content"].as_str().unwrap().to_owned();
        Reply::json(completion(vec![choice(0, &text)]))
    });
    let generator = chat(&server, json!({}));
    let prompts: Vec<Prompt> = (0..5)
        .map(|number| Prompt {
            turns: vec![tribunal_api::Turn::user(number.to_string())],
            ..prompt()
        })
        .collect();
    let done = generator.generate(&prompts).await;
    for (number, one) in done.into_iter().enumerate() {
        assert_eq!(one.unwrap().texts[0].text, number.to_string());
    }
    assert!(generator.generate(&[]).await.is_empty());
    let none = Prompt { seeds: vec![], ..prompt() };
    assert_eq!(ask(&generator, none).await.unwrap_err().name(), "broken");
}

#[tokio::test]
async fn one_short_reply_is_no_proof_that_a_server_gives_single_samples() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let server = Server::start(|request| {
        let wanted = request.json()["n"].as_u64().unwrap_or(1) as usize;
        // The first and the third request for several come back short of one.
        let number = if wanted > 1 { ASKED.fetch_add(1, Ordering::SeqCst) } else { 1 };
        let count = if number % 2 == 0 { wanted - 1 } else { wanted };
        Reply::json(completion((0..count).map(|place| choice(place, "x")).collect()))
    });
    let generator = chat(&server, json!({}));
    let with_n = || server.requests().iter().filter(|one| one.json().get("n").is_some()).count();
    for (asked, at_once) in [(1, 128), (2, 128), (3, 1), (3, 1)] {
        assert_eq!(ask(&generator, three()).await.unwrap().texts.len(), 3);
        assert_eq!((with_n(), generator.samples_at_once()), (asked, at_once));
    }
}

#[tokio::test]
async fn a_generator_says_how_many_samples_a_call_gives() {
    let single = Server::start(|_| Reply::json(completion(vec![choice(0, "x")])));
    for (settings, most) in [
        (json!({}), 128),
        (json!({"samples-by": "calls"}), 1),
        (json!({"provider": "anthropic"}), 1),
        (json!({"provider": "gemini"}), 8),
    ] {
        assert_eq!(chat(&single, settings).samples_at_once(), most);
    }
    for (settings, most) in
        [(json!({}), 128), (json!({"n": false}), 1), (json!({"provider": "llama-server"}), 1)]
    {
        assert_eq!(build("http.completions", &single, settings).samples_at_once(), most);
    }
    let learns = chat(&single, json!({}));
    ask(&learns, three()).await.unwrap();
    assert_eq!(learns.samples_at_once(), 1);
}
