//! The queue in front of a backend: how many calls run at once, how long each may take, and when it is asked again.
//!
//! One policy for all: sources that are asked by the engine, and generators that are asked by judges. Waits back
//! off exponentially with full jitter, and never fall below what the backend asks for (Retry-After).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;
use tribunal_api::{Completion, Generator, Identity, Limits, Prompt, SourceError};

use crate::digest::Digest;
use crate::plan::Calls;

/// A queue shared by all sources that name the same lane key.
#[derive(Clone)]
pub struct Lane {
    places: Arc<Semaphore>,
}

impl Lane {
    /// A lane of its own with room for this many calls.
    pub fn new(in_flight: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(in_flight.max(1))) }
    }

    /// Runs a call when there is room for it, and gives it up after `timeout`.
    ///
    /// # Errors
    ///
    /// `None` when the time is over.
    pub async fn call<T>(&self, timeout: Duration, call: impl Future<Output = T>) -> Option<T> {
        let place = self.places.acquire().await.expect("a lane's semaphore is never closed");
        let result = tokio::time::timeout(timeout, call).await.ok();
        drop(place);
        result
    }
}

/// The lanes of a run, by key.
#[derive(Default)]
pub struct Lanes(Mutex<HashMap<String, Lane>>);

impl Lanes {
    /// The lane for these limits: shared where they name a key. The first to name it decides its width.
    pub fn lane(&self, limits: &Limits, calls: &Calls) -> Lane {
        let width = calls.in_flight.unwrap_or(limits.in_flight);
        match &limits.lane {
            None => Lane::new(width),
            Some(key) => {
                let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                lanes.entry(key.clone()).or_insert_with(|| Lane::new(width)).clone()
            }
        }
    }
}

/// What a call that ran out of time counts as.
pub fn timed_out(timeout: Duration) -> SourceError {
    let message = format!("no answer within {}", crate::recipe::format_duration(timeout));
    SourceError::Unreachable { message }
}

/// How long to wait before call number `attempt` + 1: uniform between 0 and `wait` doubled for each further call,
/// at most `most`, and at least what the backend asks for.
pub fn backoff(calls: &Calls, attempt: u32, error: &SourceError, jitter: f64) -> Duration {
    let doubled = calls.wait.saturating_mul(1u32 << (attempt - 1).min(20)).min(calls.most);
    let jittered = doubled.mul_f64(jitter.clamp(0.0, 1.0));
    match error {
        SourceError::Busy { wait: Some(asked), .. } => jittered.max(*asked),
        _ => jittered,
    }
}

/// A number in 0..1 that differs between calls that fail together. Decides waits alone, never an answer.
pub fn jitter(salt: u64, attempt: u32) -> f64 {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos() as u64);
    let mixed = Digest::of("tribunal-jitter-1")
        .number(now)
        .number(salt)
        .number(u64::from(attempt))
        .finish();
    (mixed.number() >> 11) as f64 / (1u64 << 53) as f64
}

/// Calls until every entry of `batch` is answered, failed for good, or was asked `calls.attempts` times.
///
/// Only entries whose error may be cured by asking again are asked again, after the longest wait that one of them
/// needs. `call` gives one result per entry it is handed, in their order, or `None` when its time is over.
pub async fn retry<Q, T, F>(
    calls: &Calls,
    batch: &[Q],
    mut call: impl FnMut(Vec<Q>) -> F,
) -> Vec<Result<T, SourceError>>
where
    Q: Clone,
    F: Future<Output = Option<Vec<Result<T, SourceError>>>>,
{
    let mut results: Vec<Option<Result<T, SourceError>>> = batch.iter().map(|_| None).collect();
    let mut open: Vec<usize> = (0..batch.len()).collect();
    let mut attempt = 1;
    while !open.is_empty() {
        let asked: Vec<Q> = open.iter().map(|&place| batch[place].clone()).collect();
        let answers = match call(asked).await {
            None => open.iter().map(|_| Err(timed_out(calls.timeout))).collect(),
            Some(answers) if answers.len() != open.len() => {
                let message = format!("{} questions, {} answers", open.len(), answers.len());
                open.iter().map(|_| Err(SourceError::Broken { message: message.clone() })).collect()
            }
            Some(answers) => answers,
        };
        let mut again = Vec::new();
        let mut wait = Duration::ZERO;
        for (&place, answer) in open.iter().zip(answers) {
            if let Err(error) = &answer
                && error.may_retry()
                && attempt < calls.attempts
            {
                wait = wait.max(backoff(calls, attempt, error, jitter(place as u64, attempt)));
                again.push(place);
            }
            results[place] = Some(answer);
        }
        open = again;
        attempt += 1;
        if !open.is_empty() {
            tokio::time::sleep(wait).await;
        }
    }
    results.into_iter().map(|result| result.expect("every entry was asked once")).collect()
}

/// A generator behind its lane: what a judge's factory receives.
pub struct LanedGenerator {
    inner: Arc<dyn Generator>,
    calls: Calls,
    lane: Lane,
}

impl LanedGenerator {
    /// Puts a lane in front of a backend.
    pub fn new(inner: Arc<dyn Generator>, calls: Calls) -> Self {
        let lane = Lane::new(calls.in_flight.unwrap_or(inner.limits().in_flight));
        Self { inner, calls, lane }
    }

    /// Asks until every prompt is answered, may not be asked again, or has been asked often enough.
    async fn ask(&self, batch: &[Prompt]) -> Vec<Result<Completion, SourceError>> {
        let call = |prompts: Vec<Prompt>| async move {
            self.lane.call(self.calls.timeout, self.inner.generate(&prompts)).await
        };
        retry(&self.calls, batch, call).await
    }
}

#[async_trait]
impl Generator for LanedGenerator {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        self.inner.identify().await
    }

    async fn generate(&self, batch: &[Prompt]) -> Vec<Result<Completion, SourceError>> {
        let most = self.calls.batch.unwrap_or(self.inner.limits().batch).max(1);
        let mut results = Vec::with_capacity(batch.len());
        for part in batch.chunks(most) {
            results.extend(self.ask(part).await);
        }
        results
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls() -> Calls {
        Calls {
            timeout: Duration::from_secs(1),
            attempts: 3,
            wait: Duration::from_secs(2),
            most: Duration::from_secs(5),
            batch: None,
            in_flight: None,
        }
    }

    #[test]
    fn waits_double_up_to_the_most_and_are_scaled_by_jitter() {
        let error = SourceError::Unreachable { message: String::new() };
        let wait = |attempt| backoff(&calls(), attempt, &error, 1.0).as_secs();
        assert_eq!([wait(1), wait(2), wait(3), wait(60)], [2, 4, 5, 5]);
        assert_eq!(backoff(&calls(), 1, &error, 0.25), Duration::from_millis(500));
    }

    #[test]
    fn a_wait_is_never_shorter_than_the_backend_asks_for() {
        let error = SourceError::Busy {
            wait: Some(Duration::from_secs(9)),
            remaining: None,
            message: String::new(),
        };
        assert_eq!(backoff(&calls(), 1, &error, 0.0), Duration::from_secs(9));
    }

    #[tokio::test]
    async fn only_what_may_be_cured_is_asked_again_and_only_as_often_as_allowed() {
        let calls = Calls { wait: Duration::ZERO, ..calls() };
        let mut asked = Vec::new();
        let results = retry(&calls, &["good", "bad", "down"], |batch| {
            asked.push(batch.clone());
            let answer = |entry| match entry {
                "good" => Ok(entry),
                "bad" => Err(SourceError::Rejected { message: String::new() }),
                _ => Err(SourceError::Unreachable { message: String::new() }),
            };
            std::future::ready(Some(batch.into_iter().map(answer).collect()))
        })
        .await;
        assert_eq!(asked, [vec!["good", "bad", "down"], vec!["down"], vec!["down"]]);
        let names: Vec<_> =
            results.iter().map(|result| result.as_ref().map_err(|e| e.name())).collect();
        assert_eq!(names, [Ok(&"good"), Err("rejected"), Err("unreachable")]);
    }
}
