//! The checks of a source: who it is, what it answers, what its answers depend on, what ends it, how fast it is.

use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;
use tribunal_api::{Identity, Key, Question, Reads, RewardSource, Scale, SourceError, Strength};

use super::answers::{Said, ask, ask_by, compare, counted, drawn, questions, shape};
use super::sheet::{Finding, Sheet, Status};
use super::speed::{human, latency, throughput};
use super::{odd, speed};
use crate::exit::Failure;

/// How often calls at once are repeated.
const ROUNDS: usize = 8;
/// How long that may take.
const TOGETHER: Duration = Duration::from_secs(3);
/// Calls that are dropped.
const DROPPED: usize = 3;
/// What a call may take longer than usual on a busy machine.
const SLACK: Duration = Duration::from_millis(500);

/// How long a plugin may take.
#[derive(Clone, Copy)]
pub(super) struct Times {
    /// To load what is heavy.
    pub load: Duration,
    /// To end a call that is no longer wanted.
    pub cancel: Duration,
}

/// Puts all checks to a source. Ends early when it no longer answers.
pub(super) async fn check(
    source: Arc<dyn RewardSource>,
    times: Times,
    sheet: &mut Sheet,
) -> Result<(), Failure> {
    sheet.note("declares", declares(source.as_ref()))?;
    let Some(identity) = sheet.run("identity", identity(source.as_ref())).await? else {
        return Ok(());
    };
    let opening = opening(source.open());
    let Some(opened) = sheet.run_for("opening", times.load, opening).await? else { return Ok(()) };
    // What took long once takes as long again.
    let again = sheet.within() + 3 * opened;
    let asked = questions(source.as_ref());
    let first = async {
        let said = ask(source.as_ref(), &asked).await;
        (shape(&asked, &said), said)
    };
    let Some(said) = sheet.run("answers", first).await? else { return Ok(()) };
    let mut known = Known { source, asked, said, identity, steady: true };
    let Some(steady) = sheet.run("same twice", known.twice()).await? else { return Ok(()) };
    known.steady = steady;
    // After one that does not end, the sheet begins no other.
    sheet.run("order of batch", known.order()).await?;
    sheet.run("size of batch", known.alone()).await?;
    sheet.run("position", known.position()).await?;
    sheet.run("odd texts", odd::texts(known.source.as_ref())).await?;
    sheet.run("refusals", known.refusals()).await?;
    sheet.run("calls at once", known.together()).await?;
    sheet.run("cancelling", known.cancelling(times.cancel)).await?;
    sheet.run_for("opening again", again, known.reopened()).await?;
    sheet.run("latency", latency(&known.source)).await?;
    sheet.run("throughput", throughput(&known.source)).await?;
    Ok(())
}

/// What the source says of itself.
fn declares(source: &dyn RewardSource) -> Finding {
    let (arity, limits) = (source.arity(), source.limits());
    let reads = match source.reads() {
        Reads::Text => "reads texts",
        Reads::Subset => "reads texts and topics",
        Reads::Key => "reads keys",
    };
    let scale = match source.scale() {
        Scale::Free => "free scale",
        Scale::Logit => "logits",
        Scale::Unit => "0 to 1",
    };
    let draws = if source.draws() { ", draws" } else { "" };
    let text = format!(
        "{arity}, {reads}{draws}, {scale}, batch {}, {} in flight",
        limits.batch, limits.in_flight
    );
    if arity.least == 0 || arity.most < arity.least || limits.batch == 0 || limits.in_flight == 0 {
        return Finding::failed(format!("nothing can be asked: {text}"));
    }
    Finding::ok(text)
}

/// Whether it says who it is, twice the same.
async fn identity(source: &dyn RewardSource) -> (Finding, Option<Identity>) {
    identity_of(source.identify().await, source.identify().await)
}

/// What two answers to who it is come to, of sources and generators.
pub(super) fn identity_of(
    first: Result<Identity, SourceError>,
    second: Result<Identity, SourceError>,
) -> (Finding, Option<Identity>) {
    let (first, second) = match (first, second) {
        (Ok(first), Ok(second)) => (first, second),
        (Err(error), _) | (_, Err(error)) => {
            return (Finding::failed(format!("it does not say who it is: {error}")), None);
        }
    };
    let strength = match first.strength {
        Strength::Weights => "weights",
        Strength::Revision => "revision",
        Strength::Name => "name",
    };
    let Identity { name, fingerprint, .. } = &first;
    let text = format!("{name} {fingerprint}, by {strength}");
    let finding = if first != second {
        Finding::failed(format!("it changes: `{fingerprint}`, then `{}`", second.fingerprint))
    } else if name.trim().is_empty() || fingerprint.trim().is_empty() {
        Finding::failed("name or fingerprint is empty")
    } else if first.strength == Strength::Name {
        Finding::warning(format!("{text}: answers are reused only with `accept-weak = true`"))
    } else {
        Finding::ok(text)
    };
    (finding, Some(first))
}

/// What loading came to, of sources and generators.
pub(super) async fn opening(
    open: impl Future<Output = Result<(), SourceError>>,
) -> (Finding, Duration) {
    let begun = Instant::now();
    let opened = open.await;
    let taken = begun.elapsed();
    let finding = match opened {
        Ok(()) => Finding::ok(format!("in {}", human(taken))),
        Err(error) => Finding::failed(format!("what is heavy cannot be loaded: {error}")),
    };
    (finding.with(json!({ "seconds": taken.as_secs_f64() })), taken)
}

/// A source, the questions put to it, and what it said the first time.
struct Known {
    source: Arc<dyn RewardSource>,
    asked: Vec<Question>,
    said: Vec<Said>,
    identity: Option<Identity>,
    /// False when the same questions get other answers anyway, so that nothing else can be told from a difference.
    steady: bool,
}

impl Known {
    /// The same questions again; whether the answers are the same.
    async fn twice(&self) -> (Finding, bool) {
        let again = ask(self.source.as_ref(), &self.asked).await;
        let finding = compare(&self.said, &again, ["the first time", "the second time"])
            .finding("fix its seeds, or declare that it draws");
        let steady = finding.status != Status::Failed;
        (finding, steady)
    }

    /// What another round of the same questions says. `names` are those of the first round and of this one.
    fn judge(&self, again: &[Said], names: [&str; 2], hint: &str) -> Finding {
        if !self.steady {
            return Finding::not_checked("its answers change in any case");
        }
        compare(&self.said, again, names).finding(hint)
    }

    /// The same questions, the last first.
    async fn order(&self) -> (Finding, ()) {
        let reversed: Vec<Question> = self.asked.iter().rev().cloned().collect();
        let mut said = ask(self.source.as_ref(), &reversed).await;
        said.reverse();
        let hint = "an answer must not depend on what was asked before";
        (self.judge(&said, ["in order", "in reverse order"], hint), ())
    }

    /// Every question alone.
    async fn alone(&self) -> (Finding, ()) {
        if self.source.limits().batch == 1 {
            return (Finding::not_checked("it takes one question at a time"), ());
        }
        let alone = ask_by(self.source.as_ref(), &self.asked, 1).await;
        let hint = "an answer must not depend on its batch; look at padding and masks";
        (self.judge(&alone, ["among others", "alone"], hint), ())
    }

    /// How often the order of candidates decides who is preferred.
    async fn position(&self) -> (Finding, ()) {
        let several: Vec<usize> =
            (0..self.asked.len()).filter(|&at| self.asked[at].arity() > 1).collect();
        if several.is_empty() {
            return (Finding::not_checked("it is shown one candidate at a time"), ());
        }
        let turned: Vec<Question> = several
            .iter()
            .map(|&at| drawn(self.source.as_ref(), turned(&self.asked[at])))
            .collect();
        let said = ask(self.source.as_ref(), &turned).await;
        let pairs = several.iter().zip(&said).filter_map(|(&at, turned)| {
            let (one, other) = (scores(&self.said[at])?, scores(turned)?);
            let other: Vec<f64> = other.into_iter().rev().collect();
            Some(best(&one) != best(&other))
        });
        let (mut changed, mut of) = (0, 0);
        for one in pairs {
            changed += usize::from(one);
            of += 1;
        }
        if of == 0 {
            return (Finding::not_checked("nothing was scored in both orders"), ());
        }
        let text = format!(
            "another candidate is preferred in {changed} of {of} questions shown in reverse"
        );
        (Finding::measured(text).with(json!({ "changed": changed, "of": of })), ())
    }

    /// What it says to what should not be asked, and that it goes on afterwards.
    async fn refusals(&self) -> (Finding, ()) {
        let mut told = Vec::new();
        let empty = self.source.score(&[]).await;
        if !empty.is_empty() {
            let text = format!("an empty batch is answered with {} answers", empty.len());
            return (Finding::failed(text), ());
        }
        told.push("an empty batch: nothing".to_owned());
        let arity = self.source.arity();
        let beyond = [
            (arity.most < 100).then(|| usize::from(arity.most) + 1),
            (arity.least > 1).then(|| usize::from(arity.least) - 1),
        ];
        for count in beyond.into_iter().flatten() {
            let asked = tribunal_api::conformance::questions(count);
            let said = ask(self.source.as_ref(), &asked[..1]).await;
            told.push(format!("{count} candidates: {}", counted(&said)));
        }
        let after = ask(self.source.as_ref(), &self.asked).await;
        let text = told.join("; ");
        let hint = "a question that it does not admit must not change it";
        let gone_on = self.judge(&after, ["before", "afterwards"], hint);
        let finding = match gone_on.status {
            Status::Failed => Finding::failed(format!("{text}; {}", gone_on.text)),
            _ => Finding::ok(text),
        };
        (finding, ())
    }

    /// As many calls at once as it declares.
    async fn together(&self) -> (Finding, ()) {
        let in_flight = self.source.limits().in_flight;
        if in_flight == 1 {
            return (Finding::not_checked("it takes one call at a time"), ());
        }
        let begun = Instant::now();
        let mut calls = 0;
        let mut measured = None;
        for _ in 0..ROUNDS {
            let mut tasks = JoinSet::new();
            for shift in 0..in_flight.min(256) {
                let (source, mut asked) = (self.source.clone(), self.asked.clone());
                let shift = shift % asked.len().max(1);
                asked.rotate_left(shift);
                tasks.spawn(async move {
                    let mut said = ask(source.as_ref(), &asked).await;
                    said.rotate_right(shift);
                    said
                });
            }
            while let Some(said) = tasks.join_next().await {
                calls += 1;
                let Ok(said) = said else {
                    return (Finding::failed("a call panicked"), ());
                };
                let hint =
                    format!("guard what calls share, or declare fewer than {in_flight} in flight");
                let finding = self.judge(&said, ["by itself", "beside other calls"], &hint);
                match finding.status {
                    Status::Ok => {}
                    // Rounding differs on some devices: a race would differ by more.
                    Status::Measured => measured = Some(finding),
                    Status::Failed | Status::NotChecked | Status::Warning => return (finding, ()),
                }
            }
            if begun.elapsed() > TOGETHER {
                break;
            }
        }
        let same = || {
            let note =
                format!("{calls} rounds of questions, {in_flight} at once: the same answers");
            Finding::ok(note)
        };
        (measured.unwrap_or_else(same), ())
    }

    /// Calls that nobody waits for any longer must not hold up the next one.
    async fn cancelling(&self, cancel_within: Duration) -> (Finding, ()) {
        let one = &self.asked[..1];
        let begun = Instant::now();
        ask(self.source.as_ref(), one).await;
        let usual = begun.elapsed();
        let many = speed::questions(self.source.as_ref(), self.source.limits().batch.min(256));
        let mut dropped = 0;
        for round in 0..DROPPED {
            let mut call = self.source.score(&many);
            let ended = if round == 0 {
                // As soon as it is made.
                std::future::poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_ready()))
                    .await
            } else {
                tokio::time::timeout(Duration::from_millis(1), call).await.is_ok()
            };
            dropped += usize::from(!ended);
        }
        let most = 2 * usual + cancel_within + SLACK;
        let begun = Instant::now();
        if tokio::time::timeout(most, ask(self.source.as_ref(), one)).await.is_err() {
            let text = format!(
                "the next question had no answer within {} (2 x usual + cancel-within): return when cancelled",
                human(most)
            );
            return (Finding::failed(text), ());
        }
        let after = begun.elapsed();
        let said = ask(self.source.as_ref(), &self.asked).await;
        let hint = "a call that is dropped must leave nothing behind";
        let found = self.judge(&said, ["before", "after a dropped call"], hint);
        if found.status == Status::Failed {
            return (found, ());
        }
        let text = match dropped {
            0 => format!("calls of {} questions end before they can be dropped", many.len()),
            _ => format!(
                "{dropped} of {DROPPED} calls dropped; the next question took {}, usually {}",
                human(after),
                human(usual)
            ),
        };
        (Finding::ok(text), ())
    }

    /// Gives everything back, and answers the same again.
    async fn reopened(&self) -> (Finding, ()) {
        self.source.close().await;
        if let Err(error) = self.source.open().await {
            return (Finding::failed(format!("it cannot be opened again: {error}")), ());
        }
        let identity = self.source.identify().await.ok();
        let said = ask(self.source.as_ref(), &self.asked).await;
        if identity != self.identity {
            return (Finding::failed("it is somebody else after it was closed"), ());
        }
        let hint = "make the same again from the same settings";
        (self.judge(&said, ["before", "after it was closed"], hint), ())
    }
}

/// The question with its candidates in reverse.
fn turned(question: &Question) -> Question {
    let candidates: Vec<Arc<str>> = question.candidates().iter().rev().cloned().collect();
    let mut turned = Question::new(question.prompt().clone(), candidates);
    if let Some(subset) = question.subset() {
        turned = turned.with_subset(Arc::from(subset));
    }
    if let Some(key) = question.key() {
        let candidates = key.candidates.iter().rev().copied().collect();
        turned = turned.with_key(Key { candidates, ..key.clone() });
    }
    turned
}

/// The scores of the first sample.
fn scores(said: &Said) -> Option<Vec<f64>> {
    let scores = said.as_ref().ok()?.first()?.readout.scores()?;
    Some(scores.iter().map(|score| score.value()).collect())
}

/// The places of the largest score.
fn best(scores: &[f64]) -> Vec<usize> {
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (0..scores.len()).filter(|&at| scores[at] == most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turned_question_has_its_key_turned_too() {
        let question = &tribunal_api::conformance::questions(3)[0];
        let turned = turned(question);
        assert_eq!(turned.candidates()[0], question.candidates()[2]);
        let places = |question: &Question| -> Vec<u16> {
            question.key().unwrap().candidates.iter().map(|index| index.0).collect()
        };
        assert_eq!(places(&turned), [2, 1, 0]);
        assert_eq!(turned.subset(), question.subset());
    }

    #[test]
    fn several_candidates_may_share_the_first_place() {
        assert_eq!(best(&[1.0, 3.0, 3.0]), [1, 2]);
        assert_eq!(best(&[1.0]), [0]);
    }
}
