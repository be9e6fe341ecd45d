//! When a call is made again: exponential waits with full jitter, never shorter than the backend asks for.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use tribunal_api::SourceError;

use super::NoResult;
use super::caller::{CALLER, Caller, sleep};
use crate::digest::Digest;
use crate::plan::Calls;

/// A backend that answers, if only to ask for patience, is asked this many times as often as one that fails.
const PATIENCE: u32 = 4;

/// A backend that asks to wait longer is given up, unless the recipe's `retry.most` is longer still: the run can go on
/// later.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// What a call that ran out of time counts as.
pub fn timed_out(timeout: Duration) -> SourceError {
    let message = format!("no answer within {}", crate::recipe::format_duration(timeout));
    SourceError::Unreachable { message }
}

/// What an entry counts as that had no result.
pub(crate) fn no_result(why: NoResult, timeout: Duration) -> SourceError {
    match why {
        NoResult::TimedOut => timed_out(timeout),
        NoResult::OverBudget => not_asked("the budget of the run is used up"),
        NoResult::Halted => not_asked("the run is to stop"),
    }
}

fn not_asked(why: &str) -> SourceError {
    SourceError::Busy { wait: None, remaining: Some(0), message: why.to_owned() }
}

/// The wait that a backend asks for, where it is longer than a run waits.
pub(crate) fn too_long_a_wait(calls: &Calls, error: &SourceError) -> Option<Duration> {
    match error {
        SourceError::Busy { wait: Some(wait), .. } if *wait > calls.most.max(LONGEST_WAIT) => {
            Some(*wait)
        }
        _ => None,
    }
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

/// How often one entry has failed, and how.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Patience {
    failed: u32,
    busy: u32,
}

impl Patience {
    /// How long to wait before the entry is asked again; `None` when it is given up.
    ///
    /// `calls.attempts` counts calls that failed; a backend that asks for patience may do so four times as often.
    pub(crate) fn next(
        &mut self,
        calls: &Calls,
        error: &SourceError,
        salt: u64,
    ) -> Option<Duration> {
        let (count, most) = match error {
            SourceError::Busy { .. } => (&mut self.busy, calls.attempts.saturating_mul(PATIENCE)),
            SourceError::Unreachable { .. } => (&mut self.failed, calls.attempts),
            SourceError::Rejected { .. }
            | SourceError::Broken { .. }
            | SourceError::Denied { .. } => return None,
        };
        *count += 1;
        let count = *count;
        if too_long_a_wait(calls, error).is_some() {
            return None;
        }
        let once = calls.attempts <= 1;
        (count < most && !once).then(|| backoff(calls, count, error, jitter(salt, count)))
    }
}

/// Calls until every entry of `batch` is answered, failed for good, or was asked often enough.
///
/// Only entries whose error may be cured by asking again are asked again, after the longest wait that one of them
/// needs, and not after the run was asked to stop. `call` gives one result per entry it is handed, in their order; the
/// first call is handed the batch itself.
pub async fn retry<'a, Q, T, F>(
    calls: &Calls,
    batch: &'a [Q],
    mut call: impl FnMut(Cow<'a, [Q]>) -> F,
) -> Vec<Result<T, SourceError>>
where
    Q: Clone,
    F: Future<Output = Result<Vec<Result<T, SourceError>>, SourceError>>,
{
    let mut results: Vec<Option<Result<T, SourceError>>> = batch.iter().map(|_| None).collect();
    let mut patience = vec![Patience::default(); batch.len()];
    let mut open: Vec<usize> = (0..batch.len()).collect();
    let mut attempt = 1;
    loop {
        let asked = match open.len() == batch.len() {
            true => Cow::Borrowed(batch),
            false => open.iter().map(|&place| batch[place].clone()).collect(),
        };
        let started = Instant::now();
        let answers = match call(asked).await {
            Err(error) => open.iter().map(|_| Err(error.clone())).collect(),
            Ok(answers) if answers.len() != open.len() => {
                let message = format!("{} questions, {} answers", open.len(), answers.len());
                open.iter().map(|_| Err(SourceError::Broken { message: message.clone() })).collect()
            }
            Ok(answers) => answers,
        };
        let took = started.elapsed();
        let mut again = Vec::new();
        let mut wait = Duration::ZERO;
        let mut reason = None;
        for (&place, answer) in open.iter().zip(answers) {
            if let Err(error) = &answer
                && let Some(needed) = patience[place].next(calls, error, place as u64)
            {
                wait = wait.max(needed);
                reason.get_or_insert_with(|| error.clone());
                again.push(place);
            }
            results[place] = Some(answer);
        }
        let Some(reason) = reason else { break };
        let _ = CALLER.try_with(|caller: &Caller| caller.failed(attempt, took, &reason, wait));
        if !sleep(wait).await {
            break;
        }
        open = again;
        attempt += 1;
    }
    results.into_iter().map(|result| result.expect("every entry was asked once")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls() -> Calls {
        Calls {
            timeout: Duration::from_secs(1),
            timeout_set: true,
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

    #[test]
    fn a_busy_backend_is_asked_four_times_as_often_as_a_failing_one() {
        let times = |error: SourceError| {
            let mut patience = Patience::default();
            1 + (0..100).take_while(|_| patience.next(&calls(), &error, 0).is_some()).count()
        };
        let message = String::new;
        assert_eq!(times(SourceError::Unreachable { message: message() }), 3);
        let busy = SourceError::Busy { wait: None, remaining: None, message: message() };
        assert_eq!(times(busy), 12);
        assert_eq!(times(SourceError::Rejected { message: message() }), 1);
        let wait = Some(Duration::from_secs(3600));
        assert_eq!(times(SourceError::Busy { wait, remaining: None, message: message() }), 1);
    }

    #[tokio::test]
    async fn only_what_may_be_cured_is_asked_again_and_only_as_often_as_allowed() {
        let calls = Calls { wait: Duration::ZERO, ..calls() };
        let mut asked = Vec::new();
        let results = retry(&calls, &["good", "bad", "down"], |batch| {
            asked.push(batch.to_vec());
            let answer = |entry| match entry {
                "good" => Ok(entry),
                "bad" => Err(SourceError::Rejected { message: String::new() }),
                _ => Err(SourceError::Unreachable { message: String::new() }),
            };
            std::future::ready(Ok(batch.iter().copied().map(answer).collect()))
        })
        .await;
        assert_eq!(asked, [vec!["good", "bad", "down"], vec!["down"], vec!["down"]]);
        let names: Vec<_> =
            results.iter().map(|result| result.as_ref().map_err(|e| e.name())).collect();
        assert_eq!(names, [Ok(&"good"), Err("rejected"), Err("unreachable")]);
    }
}
