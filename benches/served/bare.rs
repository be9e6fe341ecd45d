//! The loop that a run over HTTP is compared with: it sends the same texts, parses each reply, and writes a line.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use crate::{IN_FLIGHT, Outcome};

/// Asks about every pair of a file in both orders, [`IN_FLIGHT`] requests at a time, and writes one line a reply. Prints
/// the milliseconds since 1970 of the first request and of the last line.
pub fn ask(pairs: &Path, url: &str, out: &Path) -> Outcome<()> {
    let text = std::fs::read_to_string(pairs)?;
    let pairs: Vec<Value> =
        text.lines().map(serde_json::from_str).collect::<Result<_, serde_json::Error>>()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let shared = Arc::new(Shared {
        pairs,
        uri: format!("{url}/v1/chat/completions"),
        next: AtomicUsize::new(0),
        out: Mutex::new(File::create(out)?),
    });
    let started = now_ms();
    runtime.block_on(async {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let tasks: Vec<_> =
            (0..IN_FLIGHT).map(|_| tokio::spawn(work(client.clone(), shared.clone()))).collect();
        for task in tasks {
            task.await?.map_err(|cause| cause.to_string())?;
        }
        Outcome::Ok(())
    })?;
    println!("{started} {}", now_ms());
    Ok(())
}

type Http = Client<hyper_util::client::legacy::connect::HttpConnector, Full<Bytes>>;

struct Shared {
    pairs: Vec<Value>,
    uri: String,
    next: AtomicUsize,
    out: Mutex<File>,
}

type Sent<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

async fn work(client: Http, shared: Arc<Shared>) -> Sent<()> {
    loop {
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        let Some(pair) = shared.pairs.get(number / 2) else { return Ok(()) };
        let (one, other) = if number.is_multiple_of(2) { ("a", "b") } else { ("b", "a") };
        let text = |key: &str| pair[key].as_str().unwrap_or_default().to_owned();
        let content = format!("{}\n\n{}\n\n{}", text("prompt"), text(one), text(other));
        let body = json!({
            "model": "bench",
            "messages": [{ "role": "user", "content": content }],
            "temperature": 0,
            "max_tokens": 64,
        });
        let request = Request::post(&shared.uri)
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(serde_json::to_vec(&body)?)))?;
        let reply = client.request(request).await?.into_body().collect().await?.to_bytes();
        let reply: Value = serde_json::from_slice(&reply)?;
        let said = reply["choices"][0]["message"]["content"].as_str().unwrap_or_default();
        let line = format!("{{\"number\":{number},\"said\":\"{said}\"}}\n");
        let mut out = shared.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.write_all(line.as_bytes())?;
    }
}

fn now_ms() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis())
}
