//! The server: one thread, one port on loopback, one script.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::body::Outgoing;
use crate::reply::Course;
use crate::tally::{Flight, Tally, words_of};
use crate::{Reply, Request};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4096;
/// Bytes that a cut reply announces beyond those it sends.
const MISSING: usize = 1024;

type Script = dyn Fn(&Request) -> Reply + Send + Sync;

/// An HTTP/1.1 server on 127.0.0.1 that answers as its script says.
///
/// The script runs on the server's only thread, once for each request, in the order in which their bodies
/// are complete; it must not block. Dropping the server closes all connections at once and joins the thread.
///
/// # Panics
///
/// A panic of the script is answered with status 500 and raised again when the server is dropped.
pub struct Server {
    port: u16,
    tally: Arc<Tally>,
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts a server on a free port.
    ///
    /// # Panics
    ///
    /// When the system gives no port or no thread.
    pub fn start(script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .expect("the system gives a runtime");
        let (listener, port) = {
            let _inside = runtime.enter();
            listen().expect("the system gives a port on loopback")
        };
        let tally = Arc::new(Tally::new());
        let (stop, stopped) = oneshot::channel();
        let script: Arc<Script> = Arc::new(script);
        let shared = Arc::clone(&tally);
        let thread = std::thread::Builder::new()
            .name("scripted-server".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = accept(listener, script, shared) => {}
                        _ = stopped => {}
                    }
                });
            })
            .expect("the system gives a thread");
        Self { port, tally, stop: Some(stop), thread: Some(thread) }
    }

    /// A server that answers the first request with the first reply, and so on; the last reply repeats.
    ///
    /// # Panics
    ///
    /// When there are no replies.
    pub fn replies(replies: impl Into<Vec<Reply>>) -> Self {
        let replies = replies.into();
        assert!(!replies.is_empty(), "a script of replies needs at least one");
        Self::start(move |request| replies[request.number.min(replies.len() - 1)].clone())
    }

    /// Whether requests are recorded from now on; they are at first. They are numbered and counted in either case.
    #[must_use]
    pub fn keep_bodies(self, keep: bool) -> Self {
        self.tally.keep(keep);
        self
    }

    /// `http://127.0.0.1:PORT`, without a slash at its end.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// All requests recorded so far, in order of their numbers.
    pub fn requests(&self) -> Vec<Request> {
        self.tally.requests()
    }

    /// Number of requests so far, recorded or not. A request counts once its body is complete.
    pub fn count(&self) -> usize {
        self.tally.count()
    }

    /// Blocks until so many requests have come or `within` has passed; whether they have come.
    pub fn wait_for(&self, count: usize, within: Duration) -> bool {
        self.tally.wait_for(count, within)
    }

    /// Requests that have arrived and are not answered.
    pub fn in_flight(&self) -> usize {
        self.tally.in_flight()
    }

    /// The most requests that were in flight at once.
    ///
    /// Never more than the client had under way, except where a client gave up on a request and the server
    /// had yet to notice.
    pub fn peak_in_flight(&self) -> usize {
        self.tally.peak()
    }

    /// Connections accepted so far, closed ones included.
    pub fn connections(&self) -> usize {
        self.tally.connections()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map_or(Ok(()), JoinHandle::join);
        if std::thread::panicking() {
            return;
        }
        let panicked = ended.err().map(|panic| words_of(&*panic));
        if let Some(mistake) = self.tally.take_mistake().or(panicked) {
            panic!("the scripted server failed: {mistake}");
        }
    }
}

fn listen() -> io::Result<(TcpListener, u16)> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let listener = socket.listen(BACKLOG)?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

async fn accept(listener: TcpListener, script: Arc<Script>, tally: Arc<Tally>) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(cause) => {
                tally.note_mistake(format!("cannot accept a connection: {cause}"));
                return;
            }
        };
        tally.connected();
        // Without it small replies wait for the acknowledgement of earlier ones.
        let _ = stream.set_nodelay(true);
        let (script, tally) = (Arc::clone(&script), Arc::clone(&tally));
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let flight = Flight::begin(&tally);
                serve(request, Arc::clone(&script), Arc::clone(&tally), flight)
            });
            // It ends in an error whenever a reply is cut or a client goes: both are part of the play.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn serve(
    request: hyper::Request<Incoming>,
    script: Arc<Script>,
    tally: Arc<Tally>,
    flight: Flight,
) -> io::Result<hyper::Response<Outgoing>> {
    let request = tally.record(read(request).await?);
    let asked = catch_unwind(AssertUnwindSafe(|| script(&request)));
    let reply = asked.unwrap_or_else(|panic| {
        let words = words_of(&*panic);
        tally.note_mistake(format!("the script panicked at request {}: {words}", request.number));
        Reply::text(500, &format!("the script panicked: {words}"))
    });
    if !reply.delay.is_zero() {
        sleep(reply.delay).await;
    }
    match reply.course {
        Course::Hang => pending().await,
        Course::Drop => Err(io::Error::other("the script drops this connection")),
        Course::Answer | Course::Cut => respond(reply, flight).inspect_err(|cause| {
            tally.note_mistake(format!("request {} has no valid reply: {cause}", request.number));
        }),
    }
}

async fn read(request: hyper::Request<Incoming>) -> io::Result<Request> {
    let at = Instant::now();
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let text =
        |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Ok(Request {
        number: 0,
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers.iter().map(|(key, value)| (key.to_string(), text(value))).collect(),
        body: body.into(),
        at,
    })
}

fn respond(reply: Reply, flight: Flight) -> io::Result<hyper::Response<Outgoing>> {
    let mut response = hyper::Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(name.as_str(), value.as_str());
    }
    if reply.course == Course::Cut && reply.pieces.is_none() {
        response = response.header("content-length", reply.body.len() + MISSING);
    }
    let body = Outgoing::new(reply.body, reply.pieces, reply.course, flight);
    response.body(body).map_err(io::Error::other)
}
