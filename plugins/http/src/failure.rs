//! What went wrong with a request, in the words of the engine.

use std::time::Duration;

use serde_json::Value;
use tribunal_api::SourceError;

/// What kind of failure it is, by who must act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// The server asks for patience.
    Busy,
    /// The server cannot be reached, broke off, or said something that it may not say the next time.
    Unreachable,
    /// The server refuses this request and will refuse it again.
    Rejected,
    /// The request does not fit into the model's context.
    TooLong,
    /// A content filter stopped it.
    Refused,
    /// The server takes no batch or body of this size (413).
    BatchTooLarge,
    /// The server does not know, or does not allow, this field of the request.
    UnknownField(String),
    /// There is no such route (404, 405, 501, or a redirection, which is not followed).
    NoRoute,
    /// The reply is well-formed and still not what it must be.
    Broken,
    /// The credentials are wrong, missing or exhausted, or the model may not be used with them.
    Denied,
}

/// A request that failed. All texts are scrubbed of secrets.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// The HTTP status, when there was a reply.
    pub status: Option<u16>,
    /// What kind of failure it is.
    pub kind: FailureKind,
    /// What happened, with the remedy where there is one.
    pub message: String,
    /// How long the server asks to wait.
    pub wait: Option<Duration>,
    /// The requests that the server still allows in its current window.
    pub remaining: Option<u64>,
    /// The server's id of the request.
    pub request_id: Option<String>,
    /// The body, when it was JSON.
    pub body: Option<Box<Value>>,
}

impl Failure {
    /// A failure without a reply.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            status: None,
            kind,
            message: message.into(),
            wait: None,
            remaining: None,
            request_id: None,
            body: None,
        }
    }

    /// A reply whose JSON has not the shape that was promised: `place` is where, `wanted` what should stand there. It may
    /// have it the next time: proxies and servers under load send odd bodies now and then.
    pub fn shape(place: &str, wanted: &str) -> Self {
        Self::new(FailureKind::Unreachable, format!("the reply has no {wanted} at `{place}`"))
    }

    /// The error that the engine understands. A request that is too long is `Rejected` with a message that starts with
    /// `too long: `, one that a content filter stopped with `refused: `.
    pub fn into_source_error(self) -> SourceError {
        let message = match &self.request_id {
            Some(id) => format!("{} (request `{id}`)", self.message),
            None => self.message,
        };
        match self.kind {
            FailureKind::Busy => {
                SourceError::Busy { wait: self.wait, remaining: self.remaining, message }
            }
            FailureKind::Unreachable => SourceError::Unreachable { message },
            FailureKind::Rejected | FailureKind::UnknownField(_) => {
                SourceError::Rejected { message }
            }
            FailureKind::TooLong | FailureKind::BatchTooLarge => {
                SourceError::Rejected { message: format!("too long: {message}") }
            }
            FailureKind::Refused => {
                SourceError::Rejected { message: format!("refused: {message}") }
            }
            FailureKind::NoRoute | FailureKind::Broken => SourceError::Broken { message },
            FailureKind::Denied => SourceError::Denied { message },
        }
    }
}

impl From<Failure> for SourceError {
    fn from(failure: Failure) -> Self {
        failure.into_source_error()
    }
}
