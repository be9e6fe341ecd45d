//! All trials about one item, and how several readouts become one comparison.
//!
//! Reduction goes samples first, then orders: the samples of one presentation are averaged, then the
//! presentations of one question are combined as the suite's [`Combiner`] says. An abstaining vote is
//! ignored; a question abstains only when all its votes do.

use serde::{Deserialize, Serialize};

use crate::answer::Readout;
use crate::question::CandidateIndex;

/// How the item was put to the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Each candidate alone; scores compare across questions.
    Pointwise,
    /// Two candidates at a time; more than two stand in a contest.
    Pairwise,
    /// All candidates in one question.
    Listwise,
}

impl Protocol {
    /// The protocol as it stands in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Protocol::Pointwise => "pointwise",
            Protocol::Pairwise => "pairwise",
            Protocol::Listwise => "listwise",
        }
    }
}

/// How the presentations of one question become one comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Combiner {
    /// Scores are averaged over presentations.
    #[default]
    MeanScore,
    /// Each presentation is a game won, lost or drawn; wins minus losses decide; a game without verdict
    /// counts as drawn (JudgeBench's rule).
    TwoGame,
    /// A preference stands only if all presentations share it; otherwise it is a tie.
    ConsistentOnly,
}

impl Combiner {
    /// The combiner as it stands in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Combiner::MeanScore => "mean-score",
            Combiner::TwoGame => "two-game",
            Combiner::ConsistentOnly => "consistent-only",
        }
    }
}

/// How the samples of one presentation become one score per candidate. Samples without scores do not vote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vote {
    /// The mean of the scores.
    #[default]
    Mean,
    /// Several candidates: the share of samples in which a candidate is at the top, shared evenly among those tied.
    /// A single candidate: its most frequent score, the mean of those equally frequent.
    Majority,
    /// The median of the scores: the mean of the two in the middle for an even number.
    Median,
    /// The least score.
    Min,
}

/// One presentation of one question and what came back.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// The candidates in the order shown.
    pub order: Vec<CandidateIndex>,
    /// One readout per sample; scores stand in the order shown.
    pub samples: Vec<Readout>,
}

impl Shown {
    /// The mean score of a candidate over the samples that hold scores; `None` when it was not shown or all
    /// samples abstain.
    pub fn mean_score(&self, candidate: CandidateIndex) -> Option<f64> {
        let place = self.order.iter().position(|&shown| shown == candidate)?;
        let scores = self.samples.iter().filter_map(Readout::scores);
        mean(scores.filter_map(|scores| scores.get(place)).map(|score| score.value()))
    }

    /// True when some sample holds no scores, or there is none.
    pub fn lacks_readouts(&self) -> bool {
        self.samples.is_empty() || self.samples.iter().any(|readout| readout.scores().is_none())
    }

    /// True when no sample holds scores.
    pub fn abstains(&self) -> bool {
        self.samples.iter().all(|readout| readout.scores().is_none())
    }

    fn shows(&self, candidate: CandidateIndex) -> bool {
        self.order.contains(&candidate)
    }

    /// Same candidates, whatever the order.
    fn asks_the_same(&self, other: &Shown) -> bool {
        self.order.len() == other.order.len()
            && self.order.iter().all(|&candidate| other.shows(candidate))
    }
}

/// All answered presentations of all questions about one item. Raw: nothing is reduced yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// How the item was put to the source.
    pub protocol: Protocol,
    /// How presentations combine.
    pub combiner: Combiner,
    /// Every presentation that was answered, in plan order.
    pub shown: Vec<Shown>,
}

impl Outcome {
    /// The outcome of one score per candidate, each asked alone. For tests, and for scores that need no asking.
    ///
    /// # Panics
    ///
    /// When a number is not finite.
    pub fn pointwise(scores: impl IntoIterator<Item = f64>) -> Self {
        let shown = scores.into_iter().zip(0u16..).map(|(score, index)| Shown {
            order: vec![CandidateIndex(index)],
            samples: vec![readout(&[score])],
        });
        Self {
            protocol: Protocol::Pointwise,
            combiner: Combiner::MeanScore,
            shown: shown.collect(),
        }
    }

    /// The outcome of one question about all candidates, shown in stored order. For tests.
    ///
    /// # Panics
    ///
    /// When a number is not finite.
    pub fn listwise(scores: &[f64]) -> Self {
        let protocol = if scores.len() == 2 { Protocol::Pairwise } else { Protocol::Listwise };
        let order = (0u16..).map(CandidateIndex).take(scores.len()).collect();
        let shown = vec![Shown { order, samples: vec![readout(scores)] }];
        Self { protocol, combiner: Combiner::MeanScore, shown }
    }

    /// The same outcome reduced to the first `count` samples of every presentation.
    pub fn first_samples(&self, count: usize) -> Self {
        let mut outcome = self.clone();
        for shown in &mut outcome.shown {
            shown.samples.truncate(count);
        }
        outcome
    }

    /// The number of questions: sets of candidates that were shown together.
    pub fn questions(&self) -> usize {
        self.first_of_each_question().count()
    }

    /// The number of questions whose votes all abstain.
    pub fn abstained(&self) -> usize {
        self.first_of_each_question().filter(|first| self.votes(first).all(Shown::abstains)).count()
    }

    /// The score of a candidate: from its own question when pointwise, else from the question that shows most
    /// candidates. `None` when that question abstains or does not exist. Scores of a pairwise contest do
    /// not compare across its games: use [`Outcome::margin`].
    pub fn score(&self, candidate: CandidateIndex) -> Option<f64> {
        let widest = self
            .shown
            .iter()
            .filter(|shown| shown.shows(candidate))
            .max_by_key(|shown| shown.order.len())?;
        mean(self.votes(widest).filter_map(|vote| vote.mean_score(candidate)))
    }

    /// How far `one` is preferred to `other`: positive when it wins, 0 for a tie, in score units for
    /// `mean-score` and in games for the other combiners. `None` when no question compares them or it abstains.
    pub fn margin(&self, one: CandidateIndex, other: CandidateIndex) -> Option<f64> {
        if self.protocol == Protocol::Pointwise {
            return Some(self.score(one)? - self.score(other)?);
        }
        let both = self.comparing(one, other)?;
        let games = self
            .votes(both)
            .filter_map(|vote| Some(vote.mean_score(one)? - vote.mean_score(other)?));
        match self.combiner {
            Combiner::MeanScore => {
                let one = mean(self.votes(both).filter_map(|vote| vote.mean_score(one)))?;
                let other = mean(self.votes(both).filter_map(|vote| vote.mean_score(other)))?;
                Some(one - other)
            }
            Combiner::TwoGame => sum(games.map(sign)),
            Combiner::ConsistentOnly => {
                let signs: Vec<f64> = games.map(sign).collect();
                let first = *signs.first()?;
                Some(if signs.iter().all(|&sign| sign == first) { first } else { 0.0 })
            }
        }
    }

    /// The first presentation of the smallest question that shows both.
    pub(crate) fn comparing(&self, one: CandidateIndex, other: CandidateIndex) -> Option<&Shown> {
        let both = self.shown.iter().filter(|shown| shown.shows(one) && shown.shows(other));
        both.min_by_key(|shown| shown.order.len())
    }

    /// True when some readout is missing, whether or not its question abstains as a whole.
    pub fn lacks_readouts(&self) -> bool {
        self.shown.iter().any(Shown::lacks_readouts)
    }

    /// The presentations of the same question as `first`.
    pub fn votes<'a>(&'a self, first: &'a Shown) -> impl Iterator<Item = &'a Shown> + 'a {
        self.shown.iter().filter(move |shown| shown.asks_the_same(first))
    }

    /// The first presentation of each question, in plan order.
    pub fn first_of_each_question(&self) -> impl Iterator<Item = &Shown> + '_ {
        self.shown.iter().enumerate().filter_map(|(place, shown)| {
            let seen = self.shown[..place].iter().any(|earlier| earlier.asks_the_same(shown));
            (!seen).then_some(shown)
        })
    }
}

fn readout(scores: &[f64]) -> Readout {
    let scores = scores.iter().map(|&score| {
        crate::answer::Score::try_from(score).expect("the caller promises finite scores")
    });
    Readout::Scores(scores.collect())
}

/// The sign of a difference, 0 for equality; `f64::signum` knows no 0.
fn sign(difference: f64) -> f64 {
    if difference > 0.0 {
        1.0
    } else if difference < 0.0 {
        -1.0
    } else {
        0.0
    }
}

fn sum(values: impl Iterator<Item = f64>) -> Option<f64> {
    values.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

/// Summed from the least, so that equal numbers in another order have the same mean to the last digit.
fn mean(mut values: impl Iterator<Item = f64>) -> Option<f64> {
    let first = values.next()?;
    let Some(second) = values.next() else { return Some(first) };
    let mut all = vec![first, second];
    all.extend(values);
    all.sort_unstable_by(f64::total_cmp);
    Some(all.iter().sum::<f64>() / all.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::{Abstention, Reason};

    const A: CandidateIndex = CandidateIndex(0);
    const B: CandidateIndex = CandidateIndex(1);

    fn game(order: [CandidateIndex; 2], verdict: Option<[f64; 2]>) -> Shown {
        let samples = vec![match verdict {
            Some(scores) => readout(&scores),
            None => {
                Readout::Abstained(Abstention { reason: Reason::Unreadable, note: String::new() })
            }
        }];
        Shown { order: order.to_vec(), samples }
    }

    fn games(combiner: Combiner, shown: Vec<Shown>) -> Outcome {
        Outcome { protocol: Protocol::Pairwise, combiner, shown }
    }

    #[test]
    fn a_judge_that_always_picks_the_first_ties_under_every_combiner() {
        for combiner in [Combiner::MeanScore, Combiner::TwoGame, Combiner::ConsistentOnly] {
            let outcome = games(
                combiner,
                vec![game([A, B], Some([1.0, 0.0])), game([B, A], Some([1.0, 0.0]))],
            );
            assert_eq!(outcome.margin(A, B), Some(0.0), "{combiner:?}");
        }
    }

    #[test]
    fn a_win_and_a_tie_win_two_games_but_are_not_consistent() {
        let shown = vec![game([A, B], Some([1.0, 0.0])), game([B, A], Some([0.5, 0.5]))];
        assert_eq!(games(Combiner::TwoGame, shown.clone()).margin(A, B), Some(1.0));
        assert_eq!(games(Combiner::ConsistentOnly, shown).margin(A, B), Some(0.0));
    }

    #[test]
    fn an_abstaining_vote_is_ignored_and_a_question_abstains_when_all_votes_do() {
        let one = vec![game([A, B], Some([0.0, 1.0])), game([B, A], None)];
        let outcome = games(Combiner::TwoGame, one);
        assert_eq!(outcome.margin(A, B), Some(-1.0));
        assert_eq!((outcome.questions(), outcome.abstained()), (1, 0));
        let none = games(Combiner::TwoGame, vec![game([A, B], None), game([B, A], None)]);
        assert_eq!(none.margin(A, B), None);
        assert_eq!((none.questions(), none.abstained()), (1, 1));
    }

    #[test]
    fn scores_of_samples_are_averaged_over_those_that_exist() {
        let samples = vec![
            readout(&[7.0]),
            Readout::Abstained(Abstention { reason: Reason::Missing, note: String::new() }),
            readout(&[4.0]),
        ];
        let shown = vec![Shown { order: vec![A], samples }];
        let outcome =
            Outcome { protocol: Protocol::Pointwise, combiner: Combiner::MeanScore, shown };
        assert_eq!(outcome.score(A), Some(5.5));
        assert_eq!(outcome.first_samples(2).score(A), Some(7.0));
    }

    #[test]
    fn the_order_of_samples_and_of_presentations_moves_no_mean() {
        // In floating point 0.1 + 0.2 + 0.3 is not 0.3 + 0.2 + 0.1.
        let scores = [0.1, 0.2, 0.3];
        let samples = |turned: bool| -> Vec<Readout> {
            let score = |place: usize| scores[if turned { 2 - place } else { place }];
            (0..3).map(|place| readout(&[score(place)])).collect()
        };
        let mut outcome = Outcome::pointwise([0.0, 0.0]);
        outcome.shown[0].samples = samples(false);
        outcome.shown[1].samples = samples(true);
        assert_eq!(outcome.margin(A, B), Some(0.0));
        let shown = scores.iter().zip(scores.iter().rev());
        let shown = shown.map(|(one, other)| game([A, B], Some([*one, *other]))).collect();
        assert_eq!(games(Combiner::MeanScore, shown).margin(A, B), Some(0.0));
    }
}
