//! Several endpoints of one model: those that fail do not draw the traffic.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tribunal_api::Generator;
use tribunal_api::registry::NoGenerators;
use tribunal_scripted::{Reply, Server};

use crate::{ask, choice, completion, prompt, try_build};

fn good() -> Server {
    Server::start(|_| {
        let reply = Reply::json(completion(vec![choice(0, "A")]));
        reply.after(Duration::from_millis(20))
    })
}

fn both(one: &Server, other: &Server) -> Arc<dyn Generator> {
    let settings = json!({"base-urls": [one.url(), other.url()], "model": "m"});
    try_build("http.chat", settings, &NoGenerators).unwrap()
}

fn failing() -> Vec<Reply> {
    let whole = completion(vec![choice(0, "A")]).to_string();
    vec![
        Reply::status(500, json!({"error": {"message": "oops"}})),
        Reply::status(503, json!({"error": {"message": "down"}})).header("retry-after", "30"),
        Reply::drop_connection(),
        Reply::cut(&whole[..40]),
        Reply::text(200, "<html>bad gateway</html>"),
        Reply::status(401, json!({"error": {"message": "who are you"}})),
        Reply::status(403, json!({"error": {"message": "no"}})),
        Reply::status(404, json!({"detail": "Not Found"})),
        Reply::status(429, json!({"error": {"message": "slow"}})).header("retry-after", "30"),
    ]
}

#[tokio::test]
async fn an_endpoint_that_fails_fast_does_not_draw_the_traffic() {
    for reply in failing() {
        let shown = format!("{reply:?}");
        let bad = Server::start(move |_| reply.clone());
        let good = good();
        let generator = both(&bad, &good);
        let mut errors = Vec::new();
        for _ in 0..5 {
            let prompts: Vec<_> = (0..4).map(|_| prompt()).collect();
            errors.extend(generator.generate(&prompts).await.into_iter().filter_map(Result::err));
        }
        // Two of the first four went to the bad one.
        assert!(errors.len() <= 2, "{shown}: {} of 20 failed", errors.len());
        assert!(errors.iter().all(tribunal_api::SourceError::may_retry), "{shown}: {errors:?}");
        assert!(good.count() >= 18, "{shown}");
    }
}

#[tokio::test]
async fn an_endpoint_that_hangs_rests_once_a_request_is_given_up() {
    let hung = Server::start(|_| Reply::hang());
    let good = good();
    let generator = both(&hung, &good);
    let mut given_up = 0;
    for _ in 0..6 {
        let asked = ask(&generator, prompt());
        given_up +=
            usize::from(tokio::time::timeout(Duration::from_millis(200), asked).await.is_err());
    }
    assert_eq!((given_up, good.count()), (1, 5));
}

#[tokio::test]
async fn what_every_endpoint_denies_is_denied() {
    let deny = || Server::start(|_| Reply::status(401, json!({"error": {"message": "no"}})));
    let (one, two) = (deny(), deny());
    let generator = both(&one, &two);
    let names: Vec<&str> = [ask(&generator, prompt()).await, ask(&generator, prompt()).await]
        .into_iter()
        .map(|asked| asked.unwrap_err().name())
        .collect();
    assert_eq!(names, ["unreachable", "denied"]);
    assert_eq!((one.count(), two.count()), (1, 1));
}
