//! Requests over HTTP: one attempt each, with typed failures. Nothing is retried, throttled or logged here.

use std::error::Error as _;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::header::{
    AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue as RawValue,
};
use reqwest::{Method, Response, Url, redirect};
use serde_json::Value;
use tribunal_api::{Context, Quota, SettingsError};

use crate::classify;
use crate::connection::{Connection, HeaderValue, checked_url};
use crate::endpoints::{Endpoint, Endpoints};
use crate::failure::{Failure, FailureKind};
use crate::quota::{requests_left, scarcest, windows};
use crate::said::Said;
use crate::wait::asked_wait;

/// How long a connection may take to be made.
const CONNECTING: Duration = Duration::from_secs(15);
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

/// Sends requests to the endpoints of one served model.
pub(crate) struct Client {
    connection: Connection,
    dialect: Dialect,
    endpoints: Endpoints,
    /// Built at the first request, when the key is read.
    headers: OnceLock<HeaderMap>,
    /// For endpoints on this machine: without proxy and without certificates.
    near: OnceLock<Result<reqwest::Client, String>>,
    /// For all others.
    far: OnceLock<Result<reqwest::Client, String>>,
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
            near: OnceLock::new(),
            far: OnceLock::new(),
            quota: Mutex::new(None),
        })
    }

    /// Sends a JSON body to a route (`/v1/chat/completions`) and reads the JSON that comes back. An error inside a reply
    /// with status 200 is a failure.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Reply, Failure> {
        let body = serde_json::to_vec(body)
            .map_err(|cause| Failure::new(FailureKind::Broken, cause.to_string()))?;
        self.without_error(self.send(Method::POST, path, &[], Some(body)).await?)
    }

    /// Reads the JSON at a route.
    pub async fn get(&self, path: &str) -> Result<Reply, Failure> {
        self.without_error(self.send(Method::GET, path, &[], None).await?)
    }

    /// Sends one request to a route, or to a full URL on the host of an endpoint. The body is said to be JSON unless a
    /// header says otherwise. Extra headers stand in for those of the connection.
    pub async fn send(
        &self,
        method: Method,
        url_or_path: &str,
        extra_headers: &[(String, String)],
        body: Option<Vec<u8>>,
    ) -> Result<Reply, Failure> {
        let full = url_or_path.starts_with("http://") || url_or_path.starts_with("https://");
        let (on_its_way, url) = if full {
            let parsed = Url::parse(url_or_path).ok();
            let chosen = parsed.and_then(|url| Some((self.endpoints.of_url(&url)?, url)));
            chosen.ok_or_else(|| {
                let message = "the address does not belong to the host of the base URL";
                Failure::new(FailureKind::Broken, message)
            })?
        } else {
            let chosen = self.endpoints.choose();
            let text = chosen.endpoint.url(url_or_path);
            let url = Url::parse(&text).map_err(|cause| {
                let message = self.scrub(&format!("`{text}` is no address: {cause}"));
                Failure::new(FailureKind::Broken, message)
            })?;
            (chosen, url)
        };
        let endpoint = on_its_way.endpoint;
        let mut headers = self.headers()?;
        if body.is_some() {
            headers.insert(CONTENT_TYPE, RawValue::from_static("application/json"));
        }
        for (name, value) in extra_headers {
            let pair = (HeaderName::from_bytes(name.as_bytes()), RawValue::from_str(value));
            let (Ok(name), Ok(value)) = pair else {
                let message = format!("the header `{}` cannot be sent", self.scrub(name));
                return Err(Failure::new(FailureKind::Broken, message));
            };
            headers.insert(name, value);
        }
        let mut request = self.transport(endpoint)?.request(method, url).headers(headers);
        if let Some(body) = body {
            request = request.body(body);
        }
        if let Some(timeout) = self.connection.timeout {
            request = request.timeout(timeout);
        }
        match request.send().await {
            Ok(response) => self.read(response, endpoint).await,
            Err(cause) => {
                if cause.is_connect() {
                    self.endpoints.rest(endpoint);
                }
                Err(self.broke_off(endpoint, cause))
            }
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
        if let Some(remedy) = classify::remedy(status, &kind, key) {
            message = format!("{message}; {remedy}");
        }
        Failure {
            status: Some(status),
            kind,
            message: self.scrub(&message),
            wait: heard.wait,
            remaining: heard.remaining,
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
            body: Some(reply.body.clone()),
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
        let scrubbed = self.scrub_reply(&bytes);
        let bytes = scrubbed.as_deref().map_or(&*bytes, str::as_bytes);
        let body = serde_json::from_slice::<Value>(bytes);
        if good {
            return match body {
                Ok(body) => Ok(Reply { status, body, request_id }),
                Err(_) => Err(self.no_json(status, bytes, request_id)),
            };
        }
        let body = body.ok();
        let said = body.as_ref().and_then(Said::read).unwrap_or_else(|| Said {
            message: self.scrub(&String::from_utf8_lossy(bytes)),
            ..Said::default()
        });
        let location = headers.get("location").and_then(|value| value.to_str().ok());
        let location = location.filter(|_| (300..400).contains(&status));
        let heard = Heard {
            wait: asked_wait(&headers, body.as_ref(), &windows, now),
            remaining: requests_left(&windows),
            location,
            request_id: request_id.as_deref(),
            body: body.map(|body| self.scrub_value(body)),
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

    fn transport(&self, endpoint: &Endpoint) -> Result<&reqwest::Client, Failure> {
        let slot = if endpoint.loopback { &self.near } else { &self.far };
        let built = slot.get_or_init(|| {
            let secured = self.connection.endpoints.iter().any(|url| url.starts_with("https:"));
            build(endpoint.loopback, secured || !endpoint.loopback)
        });
        built.as_ref().map_err(|cause| {
            let message = format!("no connection can be made from this machine: {cause}");
            Failure::new(FailureKind::Broken, message)
        })
    }

    /// The headers of every request; reads the keys at the first call.
    fn headers(&self) -> Result<HeaderMap, Failure> {
        if let Some(headers) = self.headers.get() {
            return Ok(headers.clone());
        }
        let mut headers = HeaderMap::new();
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
        Ok(self.headers.get_or_init(|| headers).clone())
    }

    fn request_id(&self, headers: &HeaderMap) -> Option<String> {
        let names = ["x-request-id", "request-id", "apim-request-id"];
        let found = names.into_iter().find_map(|name| headers.get(name)?.to_str().ok())?;
        let short: String = self.scrub(found).chars().take(120).collect();
        (!short.is_empty()).then_some(short)
    }

    /// The body with secrets replaced, or `None` when it holds none.
    fn scrub_reply(&self, bytes: &[u8]) -> Option<String> {
        let mut secrets = self.connection.secrets().peekable();
        secrets.peek()?;
        let mut scrubbed: Option<String> = None;
        let text = String::from_utf8_lossy(bytes);
        for secret in secrets {
            let current = scrubbed.as_deref().unwrap_or(&text);
            if let Some(clean) = secret.scrub_reply(current) {
                scrubbed = Some(clean);
            }
        }
        scrubbed
    }

    /// A body of an error with secrets of any length replaced.
    fn scrub_value(&self, body: Value) -> Value {
        if self.connection.secrets().next().is_none() {
            return body;
        }
        let text = self.scrub(&body.to_string());
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }
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

fn build(loopback: bool, certificates: bool) -> Result<reqwest::Client, String> {
    // A provider that another part of the program installed serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("tribunal/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECTING)
        .pool_idle_timeout(Duration::from_secs(60))
        .retry(reqwest::retry::never());
    if loopback {
        builder = builder.no_proxy();
    }
    // Reading the certificates of the machine takes long, and a machine may have none.
    if !certificates {
        builder = builder.tls_certs_only([]);
    }
    let built = builder.build();
    built.map_err(|cause| {
        let inner = cause.source().map(ToString::to_string);
        inner.unwrap_or_else(|| cause.to_string())
    })
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
