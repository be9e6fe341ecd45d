//! How fast a source is: one question after the other, and as many as it declares at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;
use tribunal_api::{CandidateIndex, Key, Question, RewardSource, Turn};

use super::answers::{Said, drawn};
use super::sheet::Finding;

/// Bytes of a candidate.
const BYTES: usize = 2048;
/// Single questions asked at most.
const SINGLE: usize = 500;
/// How long each measurement takes at most, the call under way apart.
const LONGEST: Duration = Duration::from_secs(1);

/// Texts of 2 KB that differ from one another.
pub(super) fn texts(count: usize) -> Vec<Arc<str>> {
    let words = [
        "river", "stone", "of", "the", "answer", "is", "that", "seven", "go", "again", "because",
        "it",
    ];
    (0..count)
        .map(|number| {
            let mut text = format!("Reply {number}:");
            let mut place = number;
            while text.len() + 9 < BYTES {
                text.push(' ');
                text.push_str(words[place % words.len()]);
                place = place.wrapping_mul(5).wrapping_add(number + 3);
            }
            text.extend(std::iter::repeat_n('.', BYTES - text.len()));
            Arc::from(text)
        })
        .collect()
}

/// Questions about 2 KB replies, each with as few candidates as the source admits.
pub(super) fn questions(source: &dyn RewardSource, count: usize) -> Vec<Question> {
    let arity = usize::from(source.arity().least.max(1));
    let prompt: Arc<[Turn]> = Arc::from([Turn::user("Say something about rivers.")]);
    let texts = texts(count + arity);
    let one = |place: usize| {
        let key = Key {
            suite: Arc::from("check"),
            subset: Arc::from("speed"),
            id: Arc::from(place.to_string()),
            candidates: (0..arity).map(|index| CandidateIndex(index as u16)).collect(),
        };
        let question = Question::new(prompt.clone(), texts[place..place + arity].to_vec())
            .with_subset(Arc::from("speed"))
            .with_key(key);
        drawn(source, question)
    };
    (0..count).map(one).collect()
}

/// The time of single questions.
pub(super) async fn latency(source: &Arc<dyn RewardSource>) -> (Finding, ()) {
    let asked = questions(source.as_ref(), 64);
    let begun = Instant::now();
    let mut times = Vec::new();
    while times.len() < SINGLE && (times.is_empty() || begun.elapsed() < LONGEST) {
        let question = &asked[times.len() % asked.len()];
        let start = Instant::now();
        source.score(std::slice::from_ref(question)).await;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
    let (median, late) = (at(0.5), at(0.99));
    let text = format!(
        "median {}, 99 % within {} (n = {}, one question of 2 KB at a time)",
        human(median),
        human(late),
        times.len()
    );
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let value = json!({ "median-ms": ms(median), "p99-ms": ms(late), "n": times.len() });
    (Finding::measured(text).with(value), ())
}

/// Candidates a second with batches and calls at once as it declares them.
pub(super) async fn throughput(source: &Arc<dyn RewardSource>) -> (Finding, ()) {
    let limits = source.limits();
    let (batch, in_flight) = (limits.batch.clamp(1, 1024), limits.in_flight.clamp(1, 256));
    let asked: Arc<[Question]> = questions(source.as_ref(), batch.max(256)).into();
    let scored = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let mut workers = JoinSet::new();
    for worker in 0..in_flight {
        let (source, asked, scored) = (source.clone(), asked.clone(), scored.clone());
        workers.spawn(async move {
            let mut from = worker * batch;
            loop {
                let start = from % (asked.len() - batch + 1);
                let said = source.score(&asked[start..start + batch]).await.into_vec();
                scored.fetch_add(said.iter().map(candidates).sum(), Ordering::Relaxed);
                from += in_flight * batch;
                if begun.elapsed() >= LONGEST {
                    break;
                }
            }
        });
    }
    while workers.join_next().await.is_some() {}
    let (scored, taken) = (scored.load(Ordering::Relaxed), begun.elapsed().as_secs_f64());
    if scored == 0 {
        return (Finding::not_checked("nothing was scored"), ());
    }
    let rate = scored as f64 / taken;
    let text = format!(
        "{} candidates/s (n = {}, 2 KB each, batch {batch}, {in_flight} in flight)",
        grouped(rate.round() as u64),
        grouped(scored as u64)
    );
    let value = json!({ "candidates-per-second": rate, "n": scored, "batch": batch, "in-flight": in_flight });
    (Finding::measured(text).with(value), ())
}

/// Candidates that have a score in the first sample.
fn candidates(said: &Said) -> usize {
    let first = said.as_ref().ok().and_then(|samples| samples.first());
    first.and_then(|answer| answer.readout.scores()).map_or(0, <[_]>::len)
}

/// A time in the unit that suits it.
pub(super) fn human(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        short if short < 1e-3 => format!("{:.0} us", short * 1e6),
        middle if middle < 1.0 => format!("{:.1} ms", middle * 1e3),
        long => format!("{long:.1} s"),
    }
}

/// A whole number with commas between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_two_kilobytes_and_differ() {
        let texts = texts(300);
        assert!(texts.iter().all(|text| text.len() == BYTES));
        let different: std::collections::HashSet<_> = texts.iter().collect();
        assert_eq!(different.len(), 300);
    }

    #[test]
    fn numbers_and_times_are_written_for_people() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(human(Duration::from_micros(12)), "12 us");
        assert_eq!(human(Duration::from_micros(12_340)), "12.3 ms");
        assert_eq!(human(Duration::from_millis(2500)), "2.5 s");
    }
}
