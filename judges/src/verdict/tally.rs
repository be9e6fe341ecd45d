//! Collecting what a reply says in one form: agreement is a verdict, disagreement is none.

use super::Verdict;
use super::token;

/// What was found so far. Holds the first finding and the first that disagrees.
#[derive(Default)]
pub(super) struct Tally {
    first: Option<Finding>,
    against: Option<String>,
}

struct Finding {
    seen: String,
    /// `None` for something like a verdict that cannot count.
    scores: Option<Vec<f64>>,
    /// What two findings are compared by.
    key: String,
}

impl Tally {
    /// Takes a finding. Two findings agree when their keys are equal.
    pub(super) fn says(&mut self, key: &str, scores: Vec<f64>, seen: &str) {
        self.take(key, Some(scores), seen);
    }

    /// Takes something like a verdict that cannot count: a label that was not offered, a number off the scale.
    pub(super) fn spoils(&mut self, seen: &str) {
        self.take(&format!("?{seen}"), None, seen);
    }

    fn take(&mut self, key: &str, scores: Option<Vec<f64>>, seen: &str) {
        match &self.first {
            None => {
                let (seen, key) = (token::short(seen), key.to_owned());
                self.first = Some(Finding { seen, scores, key });
            }
            Some(first) if first.key != key && self.against.is_none() => {
                self.against = Some(token::short(seen));
            }
            Some(_) => {}
        }
    }

    /// The verdict, if anything was found.
    pub(super) fn verdict(self) -> Option<Verdict> {
        let first = self.first?;
        Some(match (first.scores, self.against) {
            (_, Some(against)) => Verdict::Unreadable(format!("{} and {against}", first.seen)),
            (Some(scores), None) => Verdict::Scores(scores),
            (None, None) => Verdict::Unreadable(first.seen),
        })
    }
}

/// What is left to say about a reply in which nothing was found.
pub(super) fn missing(reply: &str) -> Verdict {
    Verdict::Missing(token::ending(reply))
}
