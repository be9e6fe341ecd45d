//! One session with a host: requests are read on one thread and answered by tasks, each exactly once.

use std::collections::HashMap;
use std::future::Future;
use std::io::{self, BufRead, Read, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinError};
use tribunal_api::wire::ErrorBody;
use tribunal_api::{Component, Registry, SelfCheck};

use super::About;
use super::score;
use super::work::{self, Held};
use crate::child::PROTOCOL;

/// Longest line, in bytes.
const LONGEST: u64 = 64 << 20;
/// Most raw bytes behind a line.
const MOST_BYTES: usize = 1 << 30;
/// How often a cancelled call is looked after.
const LOOK: Duration = Duration::from_millis(5);

/// Why a request is not answered.
pub(super) type Refusal = Box<ErrorBody>;

/// The keys of a reply after its `id`, without braces.
pub(super) type Body = Result<String, Refusal>;

/// What a session knows.
pub(super) struct Session {
    pub(super) registry: Registry,
    held: Mutex<HashMap<u64, Arc<Held>>>,
    last_handle: AtomicU64,
    /// Components whose end is under way.
    destroying: AtomicUsize,
    open: Mutex<HashMap<u64, AbortHandle>>,
    output: Mutex<Box<dyn Write + Send>>,
    given_up: fn() -> usize,
    runtime: Handle,
}

#[derive(Deserialize)]
struct Request {
    op: String,
    id: Option<u64>,
    handle: Option<u64>,
    bytes: Option<usize>,
    #[serde(default)]
    caps: Vec<String>,
}

impl Session {
    pub(super) fn new(
        registry: Registry,
        output: Box<dyn Write + Send>,
        given_up: fn() -> usize,
        runtime: Handle,
    ) -> Arc<Self> {
        Arc::new(Self {
            registry,
            held: Mutex::default(),
            last_handle: AtomicU64::new(0),
            destroying: AtomicUsize::new(0),
            open: Mutex::default(),
            output: Mutex::new(output),
            given_up,
            runtime,
        })
    }

    /// Reads and begins requests until the host is done.
    pub(super) fn read(self: &Arc<Self>, about: &About, mut input: impl BufRead) -> io::Result<()> {
        loop {
            let mut line = String::new();
            input.by_ref().take(LONGEST + 1).read_line(&mut line)?;
            if line.is_empty() {
                return Ok(());
            }
            let wrong = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
            let request: Request = serde_json::from_str(&line)
                .map_err(|cause| wrong(format!("the host wrote no request: {cause}")))?;
            let mut blob = Vec::new();
            if let Some(bytes) = request.bytes {
                if bytes > MOST_BYTES {
                    return Err(wrong(format!("the host announced {bytes} raw bytes")));
                }
                blob.resize(bytes, 0);
                input.read_exact(&mut blob)?;
            }
            match (request.op.as_str(), request.id) {
                ("hello", _) => self.greet(about, &request.caps)?,
                ("shutdown", _) => return Ok(()),
                ("cancel", Some(id)) => self.cancel(id),
                (_, Some(id)) => self.begin(id, request, line, blob),
                (op, None) => return Err(wrong(format!("the host wrote `{op}` without an `id`"))),
            }
        }
    }

    fn greet(&self, about: &About, offered: &[String]) -> io::Result<()> {
        let components = [Component::Source, Component::Generator, Component::Suite];
        let kinds = components.into_iter().flat_map(|component| {
            self.registry.kinds(component).map(move |kind| {
                json!({
                    "component": component.as_str(),
                    "kind": kind.card.kind,
                    "summary": kind.card.summary,
                    "version": kind.card.version,
                    "example": kind.card.example,
                    "schema": kind.schema,
                    "self-check": kind.card.self_check == SelfCheck::KnownPairs,
                })
            })
        });
        let known = ["blob", "cancel", "load"];
        let caps: Vec<&str> =
            known.into_iter().filter(|cap| offered.iter().any(|offer| offer == cap)).collect();
        self.write(
            &json!({
                "op": "hello",
                "protocol": PROTOCOL,
                "name": about.name,
                "version": about.version,
                "sdk": about.sdk,
                "caps": caps,
                "kinds": kinds.collect::<Vec<Value>>(),
            })
            .to_string(),
        )
    }

    /// Waits until all that is to be destroyed is, at most so long.
    pub(super) async fn destroyed(&self, within: Duration) {
        let until = Instant::now() + within;
        while self.destroying.load(Ordering::SeqCst) > 0 && Instant::now() < until {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Begins a request in a task of its own.
    fn begin(self: &Arc<Self>, id: u64, request: Request, line: String, blob: Vec<u8>) {
        let session = self.clone();
        let held = || {
            let handle = request.handle.unwrap_or_default();
            let found = self.held().get(&handle).cloned();
            found.ok_or_else(|| broken(format!("there is no handle {handle}")))
        };
        match request.op.as_str() {
            "check" => self.block(id, move || work::check(&session.registry, &line)),
            "create" => self.block(id, move || {
                let held = work::create(&session.registry, &line)?;
                let handle = session.last_handle.fetch_add(1, Ordering::Relaxed) + 1;
                session.held().insert(handle, Arc::new(held));
                fields(&json!({ "handle": handle }))
            }),
            "destroy" => {
                let removed = self.held().remove(&request.handle.unwrap_or_default());
                self.destroying.fetch_add(1, Ordering::SeqCst);
                self.run(id, async move {
                    if let Some(held) = removed {
                        work::close(&held).await;
                    }
                    session.destroying.fetch_sub(1, Ordering::SeqCst);
                    Ok(String::new())
                });
            }
            "score" => match held() {
                Ok(held) => {
                    let blob = request.bytes.map(|_| blob);
                    self.run(id, async move { score::score(&held, &line, blob).await });
                }
                Err(error) => self.reply(id, Err(error)),
            },
            "identify" | "load" | "inspect" | "generate" => match held() {
                Ok(held) => self.run(id, async move { work::ask(&held, &request.op, &line).await }),
                Err(error) => self.reply(id, Err(error)),
            },
            "items" | "contest" | "grade" | "chance" | "aggregates" => match held() {
                Ok(held) => self.block(id, move || work::suite(&held, &request.op, &line)),
                Err(error) => self.reply(id, Err(error)),
            },
            other => self.reply(id, Err(broken(format!("there is no operation `{other}`")))),
        }
    }

    /// Work that waits as a task; cancelling drops it.
    fn run(self: &Arc<Self>, id: u64, work: impl Future<Output = Body> + Send + 'static) {
        self.watch(id, |runtime| runtime.spawn(work));
    }

    /// Work that may block; it cannot be cancelled, only not waited for.
    fn block(self: &Arc<Self>, id: u64, work: impl FnOnce() -> Body + Send + 'static) {
        self.watch(id, |runtime| runtime.spawn_blocking(work));
    }

    fn watch(
        self: &Arc<Self>,
        id: u64,
        start: impl FnOnce(&Handle) -> tokio::task::JoinHandle<Body>,
    ) {
        let mut open = self.open();
        let task = start(&self.runtime);
        open.insert(id, task.abort_handle());
        drop(open);
        let session = self.clone();
        self.runtime.spawn(async move {
            let body = match task.await {
                Ok(body) => body,
                Err(end) if end.is_cancelled() => {
                    while (session.given_up)() > 0 {
                        tokio::time::sleep(LOOK).await;
                    }
                    Err(Box::new(ErrorBody::of("cancelled", "the host cancelled it")))
                }
                Err(end) => Err(broken(panic_text(end))),
            };
            session.reply(id, body);
        });
    }

    fn cancel(&self, id: u64) {
        if let Some(task) = self.open().get(&id) {
            task.abort();
        }
    }

    fn reply(&self, id: u64, body: Body) {
        self.open().remove(&id);
        let line = match body {
            Ok(fields) if fields.is_empty() => format!("{{\"id\":{id}}}"),
            Ok(fields) => format!("{{\"id\":{id},{fields}}}"),
            Err(error) => json!({ "id": id, "error": error }).to_string(),
        };
        // A host that does not read any longer closes the input too, and that ends the session.
        let _ = self.write(&line);
    }

    fn write(&self, line: &str) -> io::Result<()> {
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = Vec::with_capacity(line.len() + 1);
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
        output.write_all(&bytes)?;
        output.flush()
    }

    fn held(&self) -> MutexGuard<'_, HashMap<u64, Arc<Held>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> MutexGuard<'_, HashMap<u64, AbortHandle>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The keys of an object as they stand in a reply.
pub(super) fn fields(value: &impl Serialize) -> Body {
    let text = serde_json::to_string(value)
        .map_err(|cause| broken(format!("the reply is no JSON: {cause}")))?;
    let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    Ok(inner.unwrap_or_default().to_owned())
}

/// The error of an adapter.
pub(super) fn broken(message: impl Into<String>) -> Refusal {
    Box::new(ErrorBody::of("broken", message))
}

fn panic_text(end: JoinError) -> String {
    match end.try_into_panic() {
        Ok(payload) => {
            let text = payload.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
            format!("it panicked: {}", text.unwrap_or("no text"))
        }
        Err(end) => end.to_string(),
    }
}
