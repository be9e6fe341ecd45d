//! A request as the server saw it.

use std::time::Instant;

use serde_json::Value;

/// One request, read to its end.
#[derive(Clone, Debug)]
pub struct Request {
    /// Position among all requests of the server, from 0, in the order in which their bodies were complete.
    pub number: usize,
    /// The method in capitals, such as `POST`.
    pub method: String,
    /// The path as sent, without query: `/v1/chat/completions`.
    pub path: String,
    /// What follows the `?`; empty without one.
    pub query: String,
    /// Names in lower case with their values, in the order sent. Bytes of a value that are not UTF-8 are replaced.
    pub headers: Vec<(String, String)>,
    /// The body without any transfer encoding.
    pub body: Vec<u8>,
    /// When the head of the request had arrived.
    pub at: Instant,
}

impl Request {
    /// The body as JSON; `Null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The body as text, with bytes that are not UTF-8 replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The value of the first header of this name, in capitals or not.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}
