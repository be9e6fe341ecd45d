//! Servers in their recorded shapes. What they answer depends on the texts alone, so that a score at the wrong text
//! is seen.

use serde_json::{Value, json};
use tribunal_scripted::{Reply, Request};

/// Every known server word.
pub const KNOWN: [&str; 12] = [
    "vllm-classify",
    "vllm-pooling",
    "vllm-score",
    "vllm-rerank",
    "sglang-classify",
    "sglang-embeddings",
    "sglang-score",
    "tei-predict",
    "tei-rerank",
    "llama-server-rerank",
    "llama-server-embedding",
    "openrlhf",
];

/// Settings without which a word does not build, beside the server's address.
pub fn needed(server: &str) -> Value {
    match server {
        "sglang-classify"
        | "sglang-embeddings"
        | "tei-predict"
        | "llama-server-embedding"
        | "openrlhf" => json!({"render": "plain"}),
        "sglang-score" => json!({"label-tokens": [9454]}),
        _ => json!({}),
    }
}

/// The route of a word.
pub fn route(server: &str) -> &'static str {
    match server {
        "vllm-classify" | "sglang-classify" => "/classify",
        "vllm-pooling" => "/pooling",
        "vllm-score" => "/score",
        "vllm-rerank" | "tei-rerank" => "/rerank",
        "sglang-embeddings" => "/v1/embeddings",
        "sglang-score" => "/v1/score",
        "tei-predict" => "/predict",
        "llama-server-rerank" => "/v1/rerank",
        "llama-server-embedding" => "/embedding",
        _ => "/get_reward",
    }
}

/// A number that differs for nearly all texts: a multiple of 1/8 between -64 and 64.
pub fn score_of(text: &str) -> f64 {
    let sum = text.bytes().fold(7u32, |sum, byte| (sum * 31 + u32::from(byte)) % 1021);
    f64::from(sum) / 8.0 - 64.0
}

/// The texts that a request asks about: whole texts, or dialogue and reply with a bar between them.
pub fn texts(server: &str, body: &Value) -> Vec<String> {
    let list = |key: &str| -> Vec<String> {
        let found = body[key].as_array().unwrap_or_else(|| panic!("no list `{key}` in {body}"));
        found.iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let apart = |query: &str, documents: &str| {
        let query = body[query].as_str().unwrap().to_owned();
        list(documents).into_iter().map(|text| format!("{query}|{text}")).collect()
    };
    match server {
        "vllm-classify" | "vllm-pooling" => match body.get("messages") {
            Some(messages) => vec![messages.to_string()],
            None => list("input"),
        },
        "vllm-score" => apart("queries", "documents"),
        "vllm-rerank" | "llama-server-rerank" => apart("query", "documents"),
        "sglang-classify" => list("text"),
        "sglang-embeddings" => list("input"),
        "sglang-score" => apart("query", "items"),
        "tei-predict" => {
            // A flat list would be one pair.
            let inputs = body["inputs"].as_array().unwrap();
            inputs
                .iter()
                .map(|input| {
                    let [text] = &input.as_array().unwrap()[..] else { panic!("a pair: {input}") };
                    text.as_str().unwrap().to_owned()
                })
                .collect()
        }
        "tei-rerank" => apart("query", "texts"),
        "llama-server-embedding" => list("content"),
        _ => list("query"),
    }
}

/// The recorded reply to these scores; entries with an index come in reversed order.
pub fn shaped(server: &str, scores: &[Value]) -> Value {
    let reversed =
        |entry: &dyn Fn(usize) -> Value| -> Value { (0..scores.len()).rev().map(entry).collect() };
    match server {
        "vllm-classify" => json!({
            "id": "classify-1", "object": "list", "created": 1, "model": "m",
            "data": reversed(&|i| json!({"index": i, "label": "LABEL_0", "probs": [scores[i]], "num_classes": 1})),
            "usage": {"prompt_tokens": 9 * scores.len(), "total_tokens": 9, "completion_tokens": 0},
        }),
        "vllm-pooling" => json!({
            "id": "pool-1", "object": "list", "created": 1, "model": "m",
            "data": reversed(&|i| json!({"index": i, "object": "pooling", "data": [scores[i]]})),
            "usage": {},
        }),
        "vllm-score" => json!({
            "id": "score-1", "object": "list", "created": 1, "model": "m", "usage": {},
            "data": reversed(&|i| json!({"index": i, "object": "score", "score": scores[i]})),
        }),
        "vllm-rerank" | "llama-server-rerank" => json!({
            "id": "rerank-1", "model": "m", "usage": {},
            "results": reversed(&|i| json!({"index": i, "document": {"text": "d"}, "relevance_score": scores[i]})),
        }),
        // One text: a table, not a list.
        "sglang-classify" if scores.len() == 1 => {
            json!({"embedding": [scores[0]], "meta_info": {"prompt_tokens": 9}})
        }
        "sglang-classify" => scores
            .iter()
            .map(|score| json!({"embedding": [score], "meta_info": {"prompt_tokens": 9}}))
            .collect(),
        "sglang-embeddings" => json!({
            "object": "list", "model": "m", "usage": {},
            "data": reversed(&|i| json!({"index": i, "object": "embedding", "embedding": [scores[i]]})),
        }),
        "sglang-score" => {
            let rows: Vec<Value> = scores.iter().map(|score| json!([score])).collect();
            json!({"scores": rows, "model": "m", "object": "scoring"})
        }
        "tei-predict" => {
            scores.iter().map(|score| json!([{"label": "LABEL_0", "score": score}])).collect()
        }
        "tei-rerank" => reversed(&|i| json!({"index": i, "score": scores[i]})),
        "llama-server-embedding" => reversed(&|i| json!({"index": i, "embedding": [[scores[i]]]})),
        _ => json!({"rewards": scores, "scores": scores, "extra_logs": {"length": [0.1]}}),
    }
}

/// What the server of this word answers: scores at its route, 404 everywhere else.
pub fn answer(server: &str, request: &Request) -> Reply {
    if request.path != route(server) {
        return Reply::status(404, json!({"detail": "Not Found"}));
    }
    let scores: Vec<Value> =
        texts(server, &request.json()).iter().map(|text| json!(score_of(text))).collect();
    Reply::json(shaped(server, &scores))
}

/// The requests that asked for scores.
pub fn asked(server: &str, scripted: &tribunal_scripted::Server) -> Vec<Value> {
    let all = scripted.requests();
    all.iter().filter(|request| request.path == route(server)).map(Request::json).collect()
}
