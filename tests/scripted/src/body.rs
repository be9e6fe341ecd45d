//! The body of a reply on its way out: whole, in pieces, or cut short.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::reply::{Course, Pieces};
use crate::tally::Flight;

/// Time that the bytes of a cut reply have to leave before the connection closes.
const BEFORE_THE_CUT: Duration = Duration::from_millis(10);

/// The bytes still to be sent.
pub(crate) struct Outgoing {
    rest: Bytes,
    pieces: Option<Pieces>,
    cut: bool,
    pause: Option<Pin<Box<Sleep>>>,
    flight: Option<Flight>,
}

impl Outgoing {
    pub(crate) fn new(body: Bytes, pieces: Option<Pieces>, course: Course, flight: Flight) -> Self {
        let mut outgoing = Self {
            rest: body,
            pieces,
            cut: course == Course::Cut,
            pause: None,
            flight: Some(flight),
        };
        // A client must never see the end of a reply that still counts as in flight: its next request would
        // be counted beside this one.
        if pieces.is_none() || outgoing.rest.is_empty() {
            outgoing.flight = None;
        }
        outgoing
    }

    fn next_piece(&mut self) -> Bytes {
        let size = self.pieces.map_or(self.rest.len(), |pieces| pieces.size.min(self.rest.len()));
        let piece = self.rest.split_to(size);
        if self.rest.is_empty() {
            self.flight = None;
            self.pause = self.cut.then(|| Box::pin(sleep(BEFORE_THE_CUT)));
        } else if let Some(Pieces { pause, .. }) = self.pieces {
            self.pause = (!pause.is_zero()).then(|| Box::pin(sleep(pause)));
        }
        piece
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(context));
            self.pause = None;
        }
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(self.next_piece()))));
        }
        Poll::Ready(self.cut.then(|| Err(io::Error::other("the script cuts this reply"))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && !self.cut
    }

    fn size_hint(&self) -> SizeHint {
        if self.cut || self.pieces.is_some() {
            SizeHint::default()
        } else {
            SizeHint::with_exact(self.rest.len() as u64)
        }
    }
}
