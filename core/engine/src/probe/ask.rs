//! Putting questions to a source before a run: as many at once as the run will ask, or each alone.

use std::borrow::Cow;
use std::sync::Arc;

use tokio::task::{JoinError, JoinSet};
use tribunal_api::{Answer, Question, Readout, RewardSource, SourceError, conformance};

use crate::lane;
use crate::plan::Calls;

/// The scores of one question in the order shown, or why there are none.
pub(super) type Said = Result<Vec<f64>, &'static str>;

/// How much is asked at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AtOnce {
    /// Questions in one call.
    pub(super) batch: usize,
    /// Calls.
    pub(super) in_flight: usize,
}

impl AtOnce {
    /// One question after the other.
    pub(super) const ALONE: AtOnce = AtOnce { batch: 1, in_flight: 1 };

    /// As a run asks this source.
    pub(super) fn of(source: &dyn RewardSource, calls: &Calls) -> Self {
        let limits = source.limits();
        Self {
            batch: calls.batch.unwrap_or(limits.batch).max(1),
            in_flight: calls.in_flight.unwrap_or(limits.in_flight).max(1),
        }
    }
}

/// What the source says to each question, in their order. A rejected question has no scores.
///
/// # Errors
///
/// The first error that concerns more than its question, after the retries that `calls` allows.
pub(super) async fn ask(
    source: &Arc<dyn RewardSource>,
    calls: &Calls,
    questions: &[Question],
    at_once: AtOnce,
) -> Result<Vec<Said>, SourceError> {
    let mut batches = questions.chunks(at_once.batch).enumerate();
    let mut answered: Vec<Vec<Said>> = vec![Vec::new(); batches.len()];
    let mut open = JoinSet::new();
    loop {
        while open.len() < at_once.in_flight
            && let Some((place, batch)) = batches.next()
        {
            let (source, calls, batch) = (source.clone(), calls.clone(), batch.to_vec());
            open.spawn(async move { (place, ask_batch(source, &calls, &batch).await) });
        }
        let Some(done) = open.join_next().await else { break };
        let (place, said) = done.map_err(broken_off)?;
        answered[place] = said?;
    }
    Ok(answered.into_iter().flatten().collect())
}

async fn ask_batch(
    source: Arc<dyn RewardSource>,
    calls: &Calls,
    batch: &[Question],
) -> Result<Vec<Said>, SourceError> {
    let answers = lane::retry(calls, batch, |open| call(&*source, calls, open)).await;
    batch.iter().zip(answers).map(|(question, answer)| said(question, answer)).collect()
}

async fn call(
    source: &dyn RewardSource,
    calls: &Calls,
    open: Cow<'_, [Question]>,
) -> Result<Vec<Result<Vec<Answer>, SourceError>>, SourceError> {
    match tokio::time::timeout(calls.timeout, source.score(&open)).await {
        Ok(answers) => Ok(answers.into_vec()),
        Err(_) => Err(lane::timed_out(calls.timeout)),
    }
}

fn said(
    question: &Question,
    answer: Result<Vec<Answer>, SourceError>,
) -> Result<Said, SourceError> {
    let samples = match answer {
        Ok(samples) => samples,
        Err(SourceError::Rejected { .. }) => return Ok(Err("rejected")),
        Err(error) => return Err(error),
    };
    let wrong = conformance::check_answer(question, &samples);
    match samples.first() {
        Some(sample) if wrong.is_empty() => Ok(match &sample.readout {
            Readout::Scores(scores) => Ok(scores.iter().map(|score| score.value()).collect()),
            Readout::Abstained(abstention) => Err(abstention.reason.as_str()),
        }),
        _ => Err(SourceError::Broken { message: wrong.join(", ") }),
    }
}

fn broken_off(error: JoinError) -> SourceError {
    SourceError::Broken { message: format!("the source broke off: {error}") }
}
