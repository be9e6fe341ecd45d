//! All trials about one item, and how several readouts become one comparison.
//!
//! Reduction goes samples first, then orders: the samples of one presentation become one score per candidate as
//! the [`Vote`] says, then the presentations of one question are combined as the suite's [`Combiner`] says. An
//! abstaining vote is ignored; a question abstains only when all its votes do.

use serde::{Deserialize, Serialize};

use crate::answer::{Readout, Score};
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

impl Vote {
    /// The vote as it stands in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Vote::Mean => "mean",
            Vote::Majority => "majority",
            Vote::Median => "median",
            Vote::Min => "min",
        }
    }
}

/// One presentation of one question and what came back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    /// The candidates in the order shown.
    pub order: Vec<CandidateIndex>,
    /// One readout per sample; scores stand in the order shown.
    pub samples: Vec<Readout>,
}

impl Shown {
    /// The score of a candidate by the vote of the samples that hold scores; `None` when it was not shown or all
    /// samples abstain.
    pub fn score(&self, candidate: CandidateIndex, vote: Vote) -> Option<f64> {
        let place = self.order.iter().position(|&shown| shown == candidate)?;
        let samples = self.samples.iter().filter_map(Readout::scores);
        let scores = || samples.clone().filter_map(|scores| Some(scores.get(place)?.value()));
        match vote {
            Vote::Mean => mean(scores()),
            Vote::Majority if self.order.len() > 1 => {
                mean(samples.map(|scores| share_at_top(scores, place)))
            }
            Vote::Majority => most_frequent(scores().collect()),
            Vote::Median => median(scores().collect()),
            Vote::Min => scores().min_by(f64::total_cmp),
        }
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// How the item was put to the source.
    pub protocol: Protocol,
    /// How presentations combine.
    pub combiner: Combiner,
    /// How the samples of one presentation become one score.
    pub vote: Vote,
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
            vote: Vote::Mean,
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
        Self { protocol, combiner: Combiner::MeanScore, vote: Vote::Mean, shown }
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
        mean(self.votes(widest).filter_map(|shown| shown.score(candidate, self.vote)))
    }

    /// How far `one` is preferred to `other`: positive when it wins, 0 for a tie, in score units for
    /// `mean-score` and in games for the other combiners. `None` when no question compares them or it abstains.
    pub fn margin(&self, one: CandidateIndex, other: CandidateIndex) -> Option<f64> {
        if self.protocol == Protocol::Pointwise {
            return Some(self.score(one)? - self.score(other)?);
        }
        let both = self.comparing(one, other)?;
        let games = self.votes(both).filter_map(|shown| {
            Some(shown.score(one, self.vote)? - shown.score(other, self.vote)?)
        });
        match self.combiner {
            Combiner::MeanScore => {
                let score = |candidate| {
                    mean(self.votes(both).filter_map(|shown| shown.score(candidate, self.vote)))
                };
                Some(score(one)? - score(other)?)
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
    let scores = scores
        .iter()
        .map(|&score| Score::try_from(score).expect("the caller promises finite scores"));
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

/// One divided by the number of candidates at the top for each of them, 0 for the others.
fn share_at_top(scores: &[Score], place: usize) -> f64 {
    let top = scores.iter().map(|score| score.value()).fold(f64::NEG_INFINITY, f64::max);
    let at_top = |score: &&Score| score.value() == top;
    match scores.get(place).filter(at_top) {
        Some(_) => 1.0 / scores.iter().filter(at_top).count() as f64,
        None => 0.0,
    }
}

/// The value that occurs most often; the mean of those that do equally often.
fn most_frequent(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let runs = || values.chunk_by(|one, other| one == other);
    let most = runs().map(<[f64]>::len).max()?;
    mean(runs().filter(|run| run.len() == most).map(|run| run[0]))
}

/// The value in the middle; the mean of the two in the middle for an even number.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    mean([values[last / 2], values[last.div_ceil(2)]].into_iter())
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
        Outcome { protocol: Protocol::Pairwise, combiner, vote: Vote::Mean, shown }
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
        let outcome = Outcome { shown, ..Outcome::pointwise([]) };
        assert_eq!(outcome.score(A), Some(5.5));
        assert_eq!(outcome.first_samples(2).score(A), Some(7.0));
    }

    fn voted(samples: &[&[f64]], vote: Vote) -> Vec<Option<f64>> {
        let order: Vec<CandidateIndex> = (0..).map(CandidateIndex).take(samples[0].len()).collect();
        let samples = samples.iter().map(|scores| readout(scores)).collect();
        let shown = Shown { order: order.clone(), samples };
        order.into_iter().map(|candidate| shown.score(candidate, vote)).collect()
    }

    #[test]
    fn samples_of_a_single_candidate_vote_by_hand() {
        let score = |samples: &[f64], vote| {
            let samples: Vec<[f64; 1]> = samples.iter().map(|&score| [score]).collect();
            voted(&samples.iter().map(|one| &one[..]).collect::<Vec<_>>(), vote)[0]
        };
        // 8, 3, 8, 10: mean 29 / 4, most often 8, middle (8 + 8) / 2, least 3.
        let ratings = [8.0, 3.0, 8.0, 10.0];
        assert_eq!(score(&ratings, Vote::Mean), Some(7.25));
        assert_eq!(score(&ratings, Vote::Majority), Some(8.0));
        assert_eq!(score(&ratings, Vote::Median), Some(8.0));
        assert_eq!(score(&ratings, Vote::Min), Some(3.0));
        // 2 and 7 twice each, 9 once: (2 + 7) / 2. In order 2, 2, 7, 7, 9 the middle is 7.
        let split = [7.0, 2.0, 9.0, 2.0, 7.0];
        assert_eq!(score(&split, Vote::Majority), Some(4.5));
        assert_eq!(score(&split, Vote::Median), Some(7.0));
        assert_eq!(score(&[1.0, 4.0], Vote::Median), Some(2.5));
    }

    #[test]
    fn samples_of_several_candidates_vote_for_their_top() {
        // One large win does not outweigh two small ones, a tie gives half a vote to each.
        let games: [&[f64]; 3] = [&[9.0, 1.0], &[4.0, 5.0], &[6.0, 7.0]];
        assert_eq!(voted(&games, Vote::Majority), [Some(1.0 / 3.0), Some(2.0 / 3.0)]);
        assert_eq!(voted(&games, Vote::Mean), [Some(19.0 / 3.0), Some(13.0 / 3.0)]);
        assert_eq!(voted(&games, Vote::Median), [Some(6.0), Some(5.0)]);
        assert_eq!(voted(&games, Vote::Min), [Some(4.0), Some(1.0)]);
        let lists: [&[f64]; 2] = [&[3.0, 3.0, 1.0], &[0.0, 5.0, 2.0]];
        assert_eq!(voted(&lists, Vote::Majority), [Some(0.25), Some(0.75), Some(0.0)]);
    }

    #[test]
    fn an_abstaining_sample_has_no_vote() {
        let none = Readout::Abstained(Abstention { reason: Reason::Missing, note: String::new() });
        let mut outcome = Outcome::listwise(&[9.0, 1.0]);
        outcome.shown[0].samples.push(none.clone());
        for vote in [Vote::Mean, Vote::Majority, Vote::Median, Vote::Min] {
            outcome.vote = vote;
            assert!(outcome.margin(A, B).is_some_and(|margin| margin > 0.0), "{vote:?}");
            let silent = Shown { order: vec![A, B], samples: vec![none.clone()] };
            assert_eq!(silent.score(A, vote), None, "{vote:?}");
        }
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
