//! Asking a server for the rows of a few texts: one request, and halves of it when the server refuses the whole.
//!
//! Parting a batch is no retry: it finds the one text that a server refuses, so that the others are still scored, and
//! it finds the batch that a server takes.

use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Method;
use tribunal_api::{Answer, Reason, SourceError};

use super::generic::{Generic, Unread};
use super::kept::Kept;
use super::piece::Piece;
use super::read::{self, Page};
use super::row::Row;
use super::verdict::shares;
use super::wire::{Known, Wire};
use crate::classify::asks_for_patience;
use crate::client::{Client, Reply};
use crate::failure::{Failure, FailureKind};

/// What was learned of one text.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// Its values.
    pub(super) row: Row,
    /// The tokens read for it.
    pub(super) tokens: Option<u64>,
    /// The model that answered, as the reply names it.
    pub(super) served: Option<String>,
    /// The server's id of the request.
    pub(super) request: Option<String>,
}

/// Why a text has no values.
#[derive(Clone, Debug)]
pub(super) enum Miss {
    /// The server did answer, and gives no score.
    Abstains(Reason, String),
    /// Something went wrong.
    Error(SourceError),
}

impl Miss {
    /// The answer or the error that it is.
    pub(super) fn into_answer(self) -> Result<Answer, SourceError> {
        match self {
            Miss::Abstains(reason, note) => Ok(Answer::abstain(reason, note)),
            Miss::Error(error) => Err(error),
        }
    }
}

/// One row or miss per piece.
pub(super) type Rows = Vec<Result<Found, Miss>>;

/// Rows or misses of some pieces, with their places.
type Rowed = Vec<(usize, Result<Found, Miss>)>;

/// How rows are asked for.
pub(super) struct Asker {
    /// The transport.
    pub(super) client: Client,
    /// What stands in a request.
    pub(super) wire: Wire,
    /// The description of a server of one's own.
    pub(super) generic: Option<Generic>,
    /// The name of the model, as set or as learned from the server.
    pub(super) model: super::identify::Model,
    /// The most texts in one request; falls when the server refuses that many.
    pub(super) most: AtomicUsize,
    /// The activation switch that the server knows.
    pub(super) known: Known,
    /// What came of parts of calls that have not ended.
    pub(super) kept: Kept,
}

/// Why a request gave no rows.
enum Trouble {
    /// The server does not know the newest name for a field; an older one is sent from now on.
    OlderName,
    /// Anything else.
    Failed(Failure),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Trouble::Failed(failure)
    }
}

/// Texts that are asked for at once, by their places.
#[derive(Clone, Copy, Debug)]
struct Part {
    start: usize,
    end: usize,
    /// How often it was cut.
    depth: usize,
}

impl Part {
    /// Both halves, the first one last: parts are taken from the end.
    fn halves(self) -> [Part; 2] {
        let middle = self.start + (self.end - self.start) / 2;
        let depth = self.depth + 1;
        [Part { start: middle, depth, ..self }, Part { end: middle, depth, ..self }]
    }
}

/// What a failed request means for its texts.
enum Course {
    /// Asked in halves.
    Parted,
    /// This is the outcome of all of them.
    Ended(Miss),
}

impl Asker {
    /// The rows of these pieces, in their order. All share a `lead`.
    ///
    /// What came of a part is kept while others are asked for, in this call or after it (`goes_on_after`): when the
    /// engine gives up in between, it asks again for the rest alone. The caller forgets what is kept once it has all.
    pub(super) async fn rows(&self, pieces: &[&Piece<'_>], goes_on_after: bool) -> Rows {
        let mut rows = self.kept.known(pieces);
        let open: Vec<usize> = (0..pieces.len()).filter(|place| rows[*place].is_none()).collect();
        let asked: Vec<&Piece<'_>> = open.iter().map(|place| pieces[*place]).collect();
        let most = self.most.load(Ordering::Relaxed).max(1);
        let mut waiting: Vec<Part> = (0..asked.len())
            .step_by(most)
            .map(|start| Part { start, end: asked.len().min(start + most), depth: 0 })
            .rev()
            .collect();
        // Halves of a whole that was refused, which are not cut before both were asked.
        let mut refused: Vec<(Part, String)> = Vec::new();
        while let Some(part) = waiting.pop() {
            let texts = &asked[part.start..part.end];
            let mut found = None;
            match self.ask(texts).await {
                Ok(each) => found = Some(each),
                Err(Trouble::OlderName) => waiting.push(part),
                Err(Trouble::Failed(failure)) => {
                    let was_refused = failure.kind == FailureKind::Rejected;
                    let message = failure.message.clone();
                    match self.course(failure, texts.len()) {
                        Course::Parted if was_refused && part.depth == 1 => {
                            refused.push((part, message));
                        }
                        Course::Parted => waiting.extend(part.halves()),
                        Course::Ended(miss) => found = Some(vec![Err(miss); texts.len()]),
                    }
                }
            }
            let mut ended: Rowed = (part.start..).zip(found.into_iter().flatten()).collect();
            if goes_on_after || !waiting.is_empty() || !refused.is_empty() {
                ended.iter().for_each(|(at, outcome)| self.kept.keep(asked[*at], outcome));
            }
            let goes_on = waiting.last().is_some_and(|next| next.depth == 1);
            if !goes_on {
                ended.extend(self.cut_on(&mut refused, &mut waiting, &asked).await);
            }
            for (at, outcome) in ended {
                rows[open[at]] = Some(outcome);
            }
        }
        let unasked = || {
            let message = "a text was not asked".to_owned();
            Err(Miss::Error(SourceError::Broken { message }))
        };
        rows.into_iter().map(|row| row.unwrap_or_else(unasked)).collect()
    }

    /// Cuts halves that were refused. When both were refused in the same words, and so is the first text alone, it is
    /// the request that the server refuses and no text of it: then all of them end here. Returns what ended, by place.
    async fn cut_on(
        &self,
        refused: &mut Vec<(Part, String)>,
        waiting: &mut Vec<Part>,
        asked: &[&Piece<'_>],
    ) -> Rowed {
        let mut ended = Vec::new();
        if let [(one, words), (other, same)] = &mut refused[..]
            && words == same
        {
            match self.ask(&asked[one.start..=one.start]).await {
                Ok(found) => {
                    ended.extend(found.into_iter().map(|outcome| (one.start, outcome)));
                    one.start += 1;
                }
                Err(Trouble::Failed(failure)) if failure.message == *words => {
                    if let Course::Ended(miss) = self.course(failure, 1) {
                        let all = (one.start..one.end).chain(other.start..other.end);
                        ended.extend(all.map(|at| (at, Err(miss.clone()))));
                        refused.clear();
                    }
                }
                Err(_) => {}
            }
        }
        while let Some((part, _)) = refused.pop() {
            if part.end - part.start > 1 {
                waiting.extend(part.halves());
            } else {
                waiting.push(part);
            }
        }
        ended
    }

    /// One request.
    async fn ask(&self, pieces: &[&Piece<'_>]) -> Result<Rows, Trouble> {
        let (reply, page) = match &self.generic {
            None => {
                let reply = self.post(pieces).await?;
                let page = read::page(self.wire.server, &reply.body, pieces.len(), self.wire.step);
                (reply, page.map_err(Unread::Wrong))
            }
            Some(generic) => {
                let reply = self.send(generic, pieces).await?;
                let page = generic.page(&reply.body, pieces.len());
                (reply, page)
            }
        };
        let (kind, message) = match page {
            Ok(page) => return Ok(rows_of(page, &reply, pieces)),
            Err(Unread::Refused(message)) if asks_for_patience(&message) => {
                (FailureKind::Busy, message)
            }
            Err(Unread::Refused(message)) => (FailureKind::Rejected, message),
            // It may be right the next time; a server that never is ends the run.
            Err(Unread::Wrong(message)) => (FailureKind::Unreachable, message),
        };
        let failure = Failure::new(kind, self.client.scrub(&message));
        Err(Trouble::Failed(Failure {
            status: Some(reply.status),
            request_id: reply.request_id,
            ..failure
        }))
    }

    async fn post(&self, pieces: &[&Piece<'_>]) -> Result<Reply, Trouble> {
        let switch = self.known.switch();
        let body = self.wire.body(pieces, self.model.name(), switch);
        let posted = self.client.post(self.wire.server.path(), &body).await;
        posted.map_err(|failure| match (&failure.kind, switch.field()) {
            // Requests that were on their way when another one learned of the older name end here too.
            (FailureKind::UnknownField(field), Some(sent)) if names(field, sent) => {
                self.known.lower(switch.older());
                Trouble::OlderName
            }
            _ => Trouble::Failed(failure),
        })
    }

    async fn send(&self, generic: &Generic, pieces: &[&Piece<'_>]) -> Result<Reply, Failure> {
        let broken = |message: String| Failure::new(FailureKind::Rejected, message);
        let body = generic.body(pieces).map_err(broken)?;
        let bytes = serde_json::to_vec(&body).map_err(|cause| broken(cause.to_string()))?;
        let method = Method::from_bytes(generic.method.as_str().as_bytes()).unwrap_or(Method::POST);
        let sent = self.client.send(method, &generic.path, bytes).await;
        sent.map_err(|failure| {
            let said = failure.body.as_ref().and_then(|body| generic.error_of(body));
            match (said, failure.status) {
                (Some(said), Some(status)) if !failure.message.contains(&said) => {
                    let message = self.client.scrub(&format!("HTTP {status}: {said}"));
                    Failure { message, ..failure }
                }
                _ => failure,
            }
        })
    }

    fn course(&self, failure: Failure, count: usize) -> Course {
        let server = self.wire.server;
        let wrong_model = server.is_tei() && failure.status == Some(424);
        let with_remedy = |failure: Failure| {
            let message = format!("{}; {}", failure.message, server.remedy());
            let failure = Failure { kind: FailureKind::Broken, message, ..failure };
            Course::Ended(Miss::Error(failure.into_source_error()))
        };
        match &failure.kind {
            FailureKind::UnknownField(_) => Course::Ended(Miss::Error(SourceError::Broken {
                message: format!(
                    "{}; this version of the server does not fit `{}` with these settings",
                    failure.message,
                    server.as_str()
                ),
            })),
            FailureKind::NoRoute => with_remedy(failure),
            FailureKind::Rejected if wrong_model => with_remedy(failure),
            // TEI says 413 of a batch with too many texts and of a text with too many tokens.
            FailureKind::BatchTooLarge if count > 1 && failure.message.contains("tokens") => {
                Course::Parted
            }
            FailureKind::BatchTooLarge if count > 1 => {
                self.most.fetch_min(count.div_ceil(2), Ordering::Relaxed);
                Course::Parted
            }
            FailureKind::TooLong | FailureKind::Rejected | FailureKind::Refused if count > 1 => {
                Course::Parted
            }
            FailureKind::TooLong | FailureKind::BatchTooLarge => {
                Course::Ended(Miss::Abstains(Reason::TooLong, failure.message))
            }
            FailureKind::Refused => Course::Ended(Miss::Abstains(Reason::Refused, failure.message)),
            FailureKind::Busy
            | FailureKind::Unreachable
            | FailureKind::Rejected
            | FailureKind::Broken
            | FailureKind::Denied => Course::Ended(Miss::Error(failure.into_source_error())),
        }
    }
}

/// True when the field that a server complains of (`use_activation`, `body.use_activation`) is this one.
fn names(complained: &str, field: &str) -> bool {
    complained.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case(field))
}

fn rows_of(page: Page, reply: &Reply, pieces: &[&Piece<'_>]) -> Rows {
    let weights: Vec<u64> = pieces.iter().map(|piece| piece.weight()).collect();
    let shares = page.tokens.map(|tokens| shares(tokens, &weights));
    let request = reply.request_id.clone().or(page.id);
    let one = |(place, row): (usize, Result<Row, String>)| match row {
        Ok(row) if row.cut => {
            Err(Miss::Abstains(Reason::TooLong, "the server cut the text".to_owned()))
        }
        Ok(row) => Ok(Found {
            tokens: row.tokens.or_else(|| shares.as_ref().map(|shares| shares[place])),
            row,
            served: page.model.clone(),
            request: request.clone(),
        }),
        Err(message) => Err(Miss::Error(SourceError::Broken { message })),
    };
    page.rows.into_iter().enumerate().map(one).collect()
}
