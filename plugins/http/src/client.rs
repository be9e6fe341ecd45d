//! Requests over HTTP: one attempt each, with typed failures. Nothing is retried, throttled or logged here.

use std::error::Error as _;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::header::{
    AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue as RawValue,
};
use reqwest::{Method, Request, Response};
use serde::Serialize;
use serde_json::Value;
use tribunal_api::{Context, Quota, SettingsError};

use crate::classify;
use crate::connection::{Connection, HeaderValue, checked_url};
use crate::endpoints::{Endpoint, Endpoints, OnItsWay, REST};
use crate::failure::{Failure, FailureKind};
use crate::not_a_number;
use crate::quota::{requests_left, scarcest, windows};
use crate::said::Said;
use crate::secret::each_text;
use crate::transport::Transport;
use crate::wait::asked_wait;

/// How long an endpoint that is busy is left to itself when it does not say, while others are free.
const BREATH: Duration = Duration::from_secs(1);
/// Most characters of a server's words in a message.
const MOST_SAID: usize = 600;

/// How a server wants to be addressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `Authorization: Bearer KEY`: OpenAI and everything compatible, vLLM, SGLang, TEI, llama-server.
    OpenAi,
    /// `api-key: KEY`.
    Azure,
    /// `x-api-key: KEY` and a version of the interface.
    Anthropic,
    /// `x-goog-api-key: KEY`.
    Gemini,
}

/// A good reply.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// The status, 200 to 299.
    pub status: u16,
    /// The body.
    pub body: Value,
    /// The server's id of the request.
    pub request_id: Option<String>,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// Answers, which every endpoint must give.
    Answers,
    /// What a server tells of itself, at routes that it need not have.
    Details,
}

/// Sends requests to the endpoints of one served model.
pub(crate) struct Client {
    connection: Connection,
    dialect: Dialect,
    endpoints: Endpoints,
    /// Built at the first request, when the key is read.
    headers: OnceLock<HeaderMap>,
    transport: Transport,
    quota: Mutex<Option<Quota>>,
}

impl Client {
    /// A client for this connection. Nothing is contacted and no key is read yet.
    pub fn new(
        connection: Connection,
        dialect: Dialect,
        context: &dyn Context,
    ) -> Result<Self, SettingsError> {
        if connection.endpoints.is_empty() {
            return Err(SettingsError::of_key("base-urls", "the list is empty"));
        }
        for url in &connection.endpoints {
            checked_url("base-url", url, context)?;
        }
        Ok(Self {
            endpoints: Endpoints::new(&connection.endpoints),
            connection,
            dialect,
            headers: OnceLock::new(),
            transport: Transport::default(),
            quota: Mutex::new(None),
        })
    }

    /// Asks for answers: sends a JSON body to a route (`/v1/chat/completions`) and reads the JSON that comes back. An
    /// error inside a reply with status 200 is a failure. An endpoint that fails is left alone for a while when there
    /// are others.
    pub async fn post(&self, path: &str, body: &(impl Serialize + Sync)) -> Result<Reply, Failure> {
        self.exchange(Method::POST, path, Some(bytes(body)?), Purpose::Answers, true).await
    }

    /// The same at a route that the server need not have.
    pub async fn look_up(&self, path: &str, body: &Value) -> Result<Reply, Failure> {
        self.exchange(Method::POST, path, Some(bytes(body)?), Purpose::Details, true).await
    }

    /// Reads the JSON at a route that the server need not have.
    pub async fn get(&self, path: &str) -> Result<Reply, Failure> {
        self.exchange(Method::GET, path, None, Purpose::Details, true).await
    }

    /// Asks for answers with a body of any kind, which is said to be JSON unless a header of the connection says
    /// otherwise. The caller looks for an error inside a good reply.
    pub async fn send(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Reply, Failure> {
        self.exchange(method, path, Some(body), Purpose::Answers, false).await
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        purpose: Purpose,
        finds_errors: bool,
    ) -> Result<Reply, Failure> {
        let headers = self.headers()?;
        let on_its_way = self.endpoints.choose();
        let endpoint = on_its_way.endpoint;
        let replied = match self.attempt(endpoint, method, path, headers, body).await {
            Ok(reply) if finds_errors => self.without_error(reply),
            replied => replied,
        };
        match (replied, purpose) {
            (Ok(reply), Purpose::Answers) => {
                on_its_way.well();
                Ok(reply)
            }
            (Ok(reply), Purpose::Details) => {
                on_its_way.neither();
                Ok(reply)
            }
            (Err(failure), purpose) => Err(judged(on_its_way, failure, purpose)),
        }
    }

    async fn attempt(
        &self,
        endpoint: &Endpoint,
        method: Method,
        path: &str,
        headers: &HeaderMap,
        body: Option<Vec<u8>>,
    ) -> Result<Reply, Failure> {
        let address = endpoint
            .address(path)
            .map_err(|message| Failure::new(FailureKind::Broken, self.scrub(&message)))?;
        let secured = self.connection.endpoints.iter().any(|url| url.starts_with("https:"));
        let pool = self.transport.pool(endpoint.loopback, secured)?;
        let mut request = Request::new(method, address);
        *request.headers_mut() = headers.clone();
        match body {
            Some(body) => *request.body_mut() = Some(body.into()),
            None => {
                request.headers_mut().remove(CONTENT_TYPE);
            }
        }
        *request.timeout_mut() = self.connection.timeout;
        match pool.execute(request).await {
            Ok(response) => self.read(response, endpoint).await,
            Err(cause) => Err(self.broke_off(endpoint, cause)),
        }
    }

    /// What the latest reply said about the quota that is left.
    pub fn quota(&self) -> Option<Quota> {
        *self.quota.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The queue that this client shares with others: the hosts, and which variable holds the key.
    pub fn lane(&self) -> String {
        match &self.connection.key {
            Some(key) => format!("{} with {}", self.endpoints.hosts(), key.variable()),
            None => self.endpoints.hosts(),
        }
    }

    /// The text without any secret of the connection.
    pub fn scrub(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.connection.secrets() {
            text = secret.scrub(&text);
        }
        text
    }

    /// The failure of a reply that turned out to say something else than it must: `status` and `said` as if the server
    /// had answered so.
    fn failure(&self, status: u16, said: &Said, heard: Heard<'_>) -> Failure {
        let kind = classify::kind_of(status, said, heard.wait.is_some());
        let key = self.connection.key.as_ref().map(|key| key.variable());
        let words = one_line(&said.message);
        let mut message = match (words.is_empty(), heard.location) {
            (_, Some(location)) => format!("HTTP {status}: redirected to `{location}`"),
            (true, None) => format!("HTTP {status} {}", reason(status)).trim_end().to_owned(),
            (false, None) => format!("HTTP {status}: {words}"),
        };
        if let Some(remedy) = classify::remedy(status, &kind, said, key) {
            message = format!("{message}; {remedy}");
        }
        Failure {
            status: Some(status),
            kind,
            message: self.scrub(&message),
            wait: heard.wait,
            // A server in trouble says nothing of a quota; only a limit of requests has some left.
            remaining: heard.remaining.filter(|_| status < 500),
            request_id: heard.request_id.map(str::to_owned),
            body: heard.body.map(Box::new),
        }
    }

    fn without_error(&self, reply: Reply) -> Result<Reply, Failure> {
        let Some((status, said)) = classify::error_inside(&reply.body) else { return Ok(reply) };
        let wait = asked_wait(&HeaderMap::new(), Some(&reply.body), &[], SystemTime::now());
        let heard = Heard {
            wait,
            request_id: reply.request_id.as_deref(),
            body: Some(self.scrub_value(reply.body.clone())),
            ..Heard::default()
        };
        Err(self.failure(status, &said, heard))
    }

    async fn read(&self, response: Response, endpoint: &Endpoint) -> Result<Reply, Failure> {
        let status = response.status().as_u16();
        let now = SystemTime::now();
        let windows = windows(response.headers(), now);
        if let Some(quota) = scarcest(&windows) {
            *self.quota.lock().unwrap_or_else(PoisonError::into_inner) = Some(quota);
        }
        let request_id = self.request_id(response.headers());
        let good = (200..300).contains(&status);
        // The headers are needed after the body only when something went wrong.
        let headers = if good { HeaderMap::new() } else { response.headers().clone() };
        let bytes = match self.body(response, endpoint).await {
            Ok(bytes) => bytes,
            // The status of an error says enough without its body.
            Err(_) if !good => Bytes::new(),
            Err(failure) => {
                return Err(Failure { status: Some(status), request_id, ..failure });
            }
        };
        let mut body = not_a_number::parse(&bytes);
        if good {
            return match body {
                Some(mut body) => {
                    self.scrub_reply(&bytes, &mut body);
                    Ok(Reply { status, body, request_id })
                }
                None => Err(self.no_json(status, &bytes, request_id)),
            };
        }
        body = body.map(|body| self.scrub_value(body));
        let said = body.as_ref().and_then(Said::read).unwrap_or_else(|| Said {
            message: self.scrub(&String::from_utf8_lossy(&bytes)),
            ..Said::default()
        });
        let location = headers.get("location").and_then(|value| value.to_str().ok());
        let location = location.filter(|_| (300..400).contains(&status));
        let heard = Heard {
            wait: asked_wait(&headers, body.as_ref(), &windows, now),
            remaining: requests_left(&windows),
            location,
            request_id: request_id.as_deref(),
            body,
        };
        Err(self.failure(status, &said, heard))
    }

    /// The whole body, or a failure as soon as it grows too large or breaks off.
    async fn body(&self, mut response: Response, endpoint: &Endpoint) -> Result<Bytes, Failure> {
        let most = self.connection.most_bytes;
        let too_large = || {
            let message = format!(
                "the reply is larger than {most} bytes; raise `most-bytes` if replies are that large"
            );
            Failure::new(FailureKind::Broken, message)
        };
        let announced = response.content_length().unwrap_or(0);
        if announced > most as u64 {
            return Err(too_large());
        }
        let mut next =
            async || response.chunk().await.map_err(|cause| self.broke_off(endpoint, cause));
        let Some(first) = next().await? else { return Ok(Bytes::new()) };
        if first.len() > most {
            return Err(too_large());
        }
        let Some(second) = next().await? else { return Ok(first) };
        let mut all = Vec::with_capacity((announced as usize).max(first.len() + second.len()));
        all.extend_from_slice(&first);
        let mut piece = Some(second);
        while let Some(bytes) = piece {
            if all.len() + bytes.len() > most {
                return Err(too_large());
            }
            all.extend_from_slice(&bytes);
            piece = next().await?;
        }
        Ok(all.into())
    }

    /// A good status with a body that is no JSON: proxies and half-started servers do so, and may not the next time.
    fn no_json(&self, status: u16, bytes: &[u8], request_id: Option<String>) -> Failure {
        let text = self.scrub(&String::from_utf8_lossy(bytes));
        let start: String = one_line(&text).chars().take(120).collect();
        let message = if start.is_empty() {
            format!("HTTP {status} with an empty body")
        } else {
            format!("HTTP {status} with a body that is no JSON: `{start}`")
        };
        let failure = Failure::new(FailureKind::Unreachable, message);
        Failure { status: Some(status), request_id, ..failure }
    }

    /// A connection that could not be made or that broke.
    fn broke_off(&self, endpoint: &Endpoint, cause: reqwest::Error) -> Failure {
        let what = if cause.is_timeout() {
            "no reply in time".to_owned()
        } else {
            // The outermost text names the URL; the innermost says what happened.
            let cause = cause.without_url();
            let mut innermost = cause.to_string();
            let mut inner = cause.source();
            while let Some(error) = inner {
                innermost = error.to_string();
                inner = error.source();
            }
            innermost
        };
        let message = self.scrub(&format!("`{}`: {}", endpoint.host(), one_line(&what)));
        Failure::new(FailureKind::Unreachable, message)
    }

    /// The headers of every request; reads the keys at the first call.
    fn headers(&self) -> Result<&HeaderMap, Failure> {
        if let Some(headers) = self.headers.get() {
            return Ok(headers);
        }
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, RawValue::from_static("application/json"));
        if self.dialect == Dialect::Anthropic {
            let version = RawValue::from_static("2023-06-01");
            headers.insert(HeaderName::from_static("anthropic-version"), version);
        }
        if let Some(key) = &self.connection.key {
            let value = key.read()?;
            let (name, value) = match self.dialect {
                Dialect::OpenAi => (AUTHORIZATION, format!("Bearer {value}")),
                Dialect::Azure => (HeaderName::from_static("api-key"), value.to_owned()),
                Dialect::Anthropic => (HeaderName::from_static("x-api-key"), value.to_owned()),
                Dialect::Gemini => (HeaderName::from_static("x-goog-api-key"), value.to_owned()),
            };
            headers.insert(name, sensitive(&value, key.variable())?);
        }
        for (name, value) in &self.connection.headers {
            let raw = match value {
                HeaderValue::Literal(text) => RawValue::from_str(text).ok(),
                HeaderValue::Environment(secret) => {
                    Some(sensitive(secret.read()?, secret.variable())?)
                }
            };
            let name = HeaderName::from_bytes(name.as_bytes()).ok();
            let (Some(name), Some(raw)) = (name, raw) else {
                let message = "a header of the settings cannot be sent";
                return Err(Failure::new(FailureKind::Broken, message));
            };
            headers.insert(name, raw);
        }
        Ok(self.headers.get_or_init(|| headers))
    }

    fn request_id(&self, headers: &HeaderMap) -> Option<String> {
        let names = ["x-request-id", "request-id", "apim-request-id"];
        let found = names.into_iter().find_map(|name| headers.get(name)?.to_str().ok())?;
        let short: String = self.scrub(found).chars().take(120).collect();
        (!short.is_empty()).then_some(short)
    }

    /// Replaces secrets in the texts of a good reply. A secret stands in the bytes as it is, or with escapes.
    fn scrub_reply(&self, bytes: &[u8], body: &mut Value) {
        if self.connection.secrets().next().is_none() {
            return;
        }
        let raw = String::from_utf8_lossy(bytes);
        let escapes = raw.contains("\\u") || raw.contains("\\/");
        for secret in self.connection.secrets() {
            if escapes || secret.stands_in_reply(&raw) {
                each_text(body, &|text| secret.scrub_reply(text));
            }
        }
    }

    /// A body of an error with all secrets replaced.
    fn scrub_value(&self, mut body: Value) -> Value {
        for secret in self.connection.secrets() {
            each_text(&mut body, &|text| Some(secret.scrub(text)));
        }
        body
    }
}

/// A failure as it stands once its endpoint was told how the request went. A denial that other endpoints may not share
/// is a failure of this endpoint.
fn judged(on_its_way: OnItsWay<'_>, failure: Failure, purpose: Purpose) -> Failure {
    use FailureKind::{Broken, Busy, Denied, NoRoute, Unreachable};
    match (&failure.kind, failure.status) {
        (Unreachable, None) => on_its_way.failed(REST),
        _ if purpose == Purpose::Details => on_its_way.neither(),
        (Unreachable, _) => on_its_way.failed(REST),
        (Busy, _) => on_its_way.failed(failure.wait.unwrap_or(BREATH)),
        (Broken | NoRoute, Some(500..)) => on_its_way.failed(REST),
        (Denied | NoRoute, Some(401 | 403 | 404)) => {
            let host = on_its_way.endpoint.host().to_owned();
            if on_its_way.denied() {
                let message = format!("`{host}`: {}", failure.message);
                return Failure { kind: Unreachable, message, ..failure };
            }
        }
        _ => on_its_way.neither(),
    }
    failure
}

fn bytes(body: &impl Serialize) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(body).map_err(|cause| Failure::new(FailureKind::Broken, cause.to_string()))
}

/// What a failed reply said beside its status and words.
#[derive(Default)]
struct Heard<'a> {
    wait: Option<Duration>,
    remaining: Option<u64>,
    location: Option<&'a str>,
    request_id: Option<&'a str>,
    body: Option<Value>,
}

fn sensitive(value: &str, variable: &str) -> Result<RawValue, Failure> {
    let mut value = RawValue::from_str(value).map_err(|_| {
        let message = format!(
            "the value of `{variable}` cannot be sent as a header; set it to the key alone, on one line"
        );
        Failure::new(FailureKind::Denied, message)
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// The text on one line, not longer than a message should be.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for (place, word) in text.split_whitespace().enumerate() {
        if place > 0 {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > MOST_SAID * 4 {
            break;
        }
    }
    match line.char_indices().nth(MOST_SAID) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

fn reason(status: u16) -> &'static str {
    let status = reqwest::StatusCode::from_u16(status).ok();
    status.and_then(|status| status.canonical_reason()).unwrap_or_default()
}
