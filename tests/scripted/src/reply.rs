//! What the server does with a request: answers, waits, breaks off or hangs.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

/// What happens to one request.
///
/// A reply is made by one of the constructors; [`header`](Reply::header), [`after`](Reply::after) and
/// [`chunked`](Reply::chunked) change it.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(crate) course: Course,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    pub(crate) delay: Duration,
    pub(crate) pieces: Option<Pieces>,
}

/// How the exchange goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Course {
    /// The whole body is sent.
    Answer,
    /// The body is sent, a longer one was announced, and the connection ends.
    Cut,
    /// The connection ends without a byte.
    Drop,
    /// Nothing is ever sent.
    Hang,
}

/// Pieces of a chunked body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pieces {
    /// Bytes in one piece, at least 1.
    pub(crate) size: usize,
    /// Wait between one piece and the next.
    pub(crate) pause: Duration,
}

impl Reply {
    /// Status 200 with this JSON.
    pub fn json(value: Value) -> Self {
        Self::status(200, value)
    }

    /// This status with this JSON.
    pub fn status(status: u16, value: Value) -> Self {
        Self::raw(status, value.to_string(), "application/json")
    }

    /// This status with plain text in UTF-8.
    pub fn text(status: u16, text: &str) -> Self {
        Self::raw(status, text, "text/plain; charset=utf-8")
    }

    /// This status with these bytes under this content type.
    ///
    /// # Panics
    ///
    /// When the status is not between 100 and 999.
    pub fn raw(status: u16, body: impl Into<Vec<u8>>, content_type: &str) -> Self {
        assert!((100..1000).contains(&status), "`{status}` is not an HTTP status");
        Self {
            course: Course::Answer,
            status,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: Bytes::from(body.into()),
            delay: Duration::ZERO,
            pieces: None,
        }
    }

    /// Status 200 that announces more bytes than these, sends these, and closes the connection.
    pub fn cut(bytes: impl AsRef<[u8]>) -> Self {
        Self { course: Course::Cut, ..Self::raw(200, bytes.as_ref(), "application/json") }
    }

    /// Takes the request and closes the connection without any answer.
    pub fn drop_connection() -> Self {
        Self { course: Course::Drop, ..Self::raw(200, "", "text/plain") }
    }

    /// Takes the request and never answers. The connection stays open until the client or the server goes.
    pub fn hang() -> Self {
        Self { course: Course::Hang, ..Self::raw(200, "", "text/plain") }
    }

    /// Adds a header, in place of any of the same name.
    ///
    /// # Panics
    ///
    /// The server reports a name or value that HTTP forbids as a mistake of the test.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Waits this long after the request before anything is sent or closed. A timer: no thread is held.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Sends the body in chunked transfer encoding, `size` bytes at a time with a pause between pieces.
    ///
    /// On [`cut`](Reply::cut) the pieces are sent and the chunk that ends the body is not.
    ///
    /// # Panics
    ///
    /// When `size` is 0.
    #[must_use]
    pub fn chunked(mut self, size: usize, pause: Duration) -> Self {
        assert!(size > 0, "a piece of a chunked reply has at least 1 byte");
        self.pieces = Some(Pieces { size, pause });
        self
    }
}
