//! How the members of a panel become one: an outcome of votes, or of combined scores, from the members' outcomes.
//!
//! Samples and orders come first: each member's outcome is reduced as that member says. Then members vote, before
//! contest and grade. An abstaining member does not vote, and the panel abstains when all of them do.
//!
//! Where every member scores single candidates and the vote is no majority, scores are combined, each member's on a
//! scale of its own ([`Scale`]). Everywhere else members vote in comparisons: 1 for the preferred candidate, shared
//! evenly by those tied.

use serde::{Deserialize, Serialize};
use tribunal_api::{
    Abstention, CandidateIndex, Combiner, Outcome, Protocol, Readout, Reason, Score, Shown, Vote,
};

use crate::ask::{self, Form};
use crate::cases::Case;
use crate::digest::Digest;
use crate::recipe::{Normalise, TieBreak};

/// How the members of a panel become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PanelRules {
    /// Mean, median or least of what the members say; a majority is the share of votes.
    pub vote: Vote,
    /// Who wins when the vote is split evenly.
    pub tie_break: TieBreak,
    /// How scores of single candidates are put on one scale before they are combined.
    pub normalise: Normalise,
}

/// What puts a member's scores on one scale with those of others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    mean: f64,
    deviation: f64,
}

impl Scale {
    /// Scores as they are.
    pub const OWN: Scale = Scale { mean: 0.0, deviation: 1.0 };

    /// The scale on which these scores have mean 0 and standard deviation 1 (divided by their number, not one less).
    /// Scores that are all equal become 0.
    ///
    /// Source: the score ensembles of RewardBench (`analysis/run_ensemble_offline.py`), which normalise each model over
    /// all its chosen and rejected scores.
    pub fn of(scores: impl Iterator<Item = f64> + Clone) -> Self {
        let count = scores.clone().count() as f64;
        if count == 0.0 {
            return Self::OWN;
        }
        let mean = scores.clone().sum::<f64>() / count;
        let squares: f64 = scores.map(|score| (score - mean).powi(2)).sum();
        Self { mean, deviation: (squares / count).sqrt() }
    }

    /// A score on this scale.
    pub fn apply(self, score: f64) -> f64 {
        let distance = score - self.mean;
        if self.deviation > 0.0 { distance / self.deviation } else { 0.0 }
    }
}

/// A member and what it says about an item.
#[derive(Clone, Copy)]
pub struct Voter<'a> {
    /// Its outcome.
    pub outcome: &'a Outcome,
    /// How much its vote counts, above 0.
    pub weight: f64,
    /// The scale of its scores.
    pub scale: Scale,
}

impl Voter<'_> {
    /// Its vote among the candidates of a question, in their order: shares of 1; `None` when it abstains.
    fn ballot(&self, group: &[CandidateIndex]) -> Option<Vec<f64>> {
        if let &[one, other] = group {
            let margin = self.outcome.margin(one, other)?;
            let share = match margin {
                margin if margin > 0.0 => 1.0,
                margin if margin < 0.0 => 0.0,
                _ => 0.5,
            };
            return Some(vec![share, 1.0 - share]);
        }
        let scores = self.scores(group)?;
        let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let at_top = scores.iter().filter(|&&score| score == top).count() as f64;
        Some(scores.iter().map(|&score| if score == top { 1.0 / at_top } else { 0.0 }).collect())
    }

    /// Its scores of all these candidates; `None` when one of them has none.
    fn scores(&self, group: &[CandidateIndex]) -> Option<Vec<f64>> {
        group.iter().map(|&candidate| self.outcome.score(candidate)).collect()
    }
}

/// The outcome of a panel about an item that it is asked about in this form.
///
/// Holds one presentation of each question, candidates in stored order, with the combined scores as its one sample.
/// Nobody was shown this order, so it says nothing about positions.
pub fn combine(
    case: &Case,
    form: Form,
    voters: &[Voter<'_>],
    rules: &PanelRules,
    seed: u64,
) -> Outcome {
    let protocol = ask::protocol_of(case, form);
    let groups = ask::questions(case, form);
    let shown = match protocol {
        Protocol::Pointwise => combined_scores(case, voters, rules),
        Protocol::Pairwise | Protocol::Listwise => groups
            .into_iter()
            .map(|group| {
                let samples = vec![elected(case, &group, voters, rules, seed)];
                Shown { order: group, samples }
            })
            .collect(),
    };
    Outcome { protocol, combiner: Combiner::MeanScore, vote: Vote::Mean, shown }
}

/// One score per candidate. A member without a score for one of them has no vote on the item: with its other scores
/// alone it would lift or lower those candidates against the rest.
fn combined_scores(case: &Case, voters: &[Voter<'_>], rules: &PanelRules) -> Vec<Shown> {
    let candidates: Vec<CandidateIndex> = case.item.indices().collect();
    let said: Vec<(f64, Vec<f64>)> = voters
        .iter()
        .filter_map(|voter| {
            let scores = voter.scores(&candidates)?;
            let scaled = scores.into_iter().map(|score| voter.scale.apply(score));
            Some((voter.weight, scaled.collect()))
        })
        .collect();
    let one = |(place, &candidate): (usize, &CandidateIndex)| {
        let scores = said.iter().map(|(weight, scores)| (*weight, scores[place]));
        let score = reduced(rules.vote, scores.collect());
        let readout = match score.map(Score::try_from) {
            Some(Ok(score)) => Readout::Scores(vec![score]),
            Some(Err(_)) => abstained(voters, "the members' scores are too large to combine"),
            None => abstained(voters, "no member scores all candidates"),
        };
        Shown { order: vec![candidate], samples: vec![readout] }
    };
    candidates.iter().enumerate().map(one).collect()
}

/// The votes on one comparison.
fn elected(
    case: &Case,
    group: &[CandidateIndex],
    voters: &[Voter<'_>],
    rules: &PanelRules,
    seed: u64,
) -> Readout {
    let ballots: Vec<(f64, Vec<f64>)> =
        voters.iter().filter_map(|voter| Some((voter.weight, voter.ballot(group)?))).collect();
    if ballots.is_empty() {
        return abstained(voters, "all members abstain");
    }
    let votes_for =
        |place: usize| ballots.iter().map(|(weight, ballot)| (*weight, ballot[place])).collect();
    let mut votes: Vec<f64> =
        (0..group.len()).filter_map(|place| reduced(rules.vote, votes_for(place))).collect();
    // Weights such as 0.1 + 0.2 against 0.3 are an even split, whatever is left of their sum's rounding.
    let top = votes.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    votes.iter_mut().filter(|votes| top - **votes < 1e-9).for_each(|votes| *votes = top);
    let tied: Vec<usize> = (0..group.len()).filter(|&place| votes[place] == top).collect();
    let preferred = preferred(case, group, &tied, &ballots, rules.tie_break, seed);
    if !preferred.is_empty() {
        // As if as many votes again were cast for them.
        let share = 1.0 / preferred.len() as f64;
        let cast = |place| if preferred.contains(&place) { share } else { 0.0 };
        votes
            .iter_mut()
            .enumerate()
            .for_each(|(place, votes)| *votes = (*votes + cast(place)) / 2.0);
    }
    let scores = votes
        .into_iter()
        .map(|votes| Score::try_from(votes).expect("shares of positive weights lie in 0 to 1"));
    Readout::Scores(scores.collect())
}

/// Those of the tied candidates that the tie rule prefers; none where the tie stands. It stands, too, where no member
/// tells those tied apart: the members are not split then.
fn preferred(
    case: &Case,
    group: &[CandidateIndex],
    tied: &[usize],
    ballots: &[(f64, Vec<f64>)],
    rule: TieBreak,
    seed: u64,
) -> Vec<usize> {
    let split =
        ballots.iter().any(|(_, ballot)| tied.iter().any(|&p| ballot[p] != ballot[tied[0]]));
    if tied.len() < 2 || !split {
        return Vec::new();
    }
    match rule {
        TieBreak::Tie => Vec::new(),
        TieBreak::FirstMember => {
            let mut kept = tied.to_vec();
            for (_, ballot) in ballots {
                let best = kept.iter().map(|&place| ballot[place]).fold(0.0, f64::max);
                kept.retain(|&place| ballot[place] == best);
            }
            kept
        }
        TieBreak::Seeded => {
            // In the order of their texts, so that the draw depends neither on gold nor on how the item is stored.
            let text = |place: usize| case.texts[group[place].at()];
            let mut kept = tied.to_vec();
            kept.sort_by_key(|&place| text(place));
            let mut fields = Digest::of("tribunal-tie-1");
            fields.number(seed).digest(case.prompt);
            kept.iter().for_each(|&place| {
                fields.digest(text(place));
            });
            let drawn = fields.finish().number() % kept.len() as u64;
            vec![kept[usize::try_from(drawn).expect("below the number of candidates")]]
        }
    }
}

/// The vote over pairs of weight and value; `None` without any.
fn reduced(vote: Vote, mut said: Vec<(f64, f64)>) -> Option<f64> {
    if !said.iter().map(|(weight, _)| weight).sum::<f64>().is_finite() {
        let greatest = said.iter().map(|(weight, _)| *weight).fold(0.0, f64::max);
        said.iter_mut().for_each(|(weight, _)| *weight /= greatest);
    }
    // Sorted, so that equal values of other members have the same sum to the last digit.
    said.sort_unstable_by(|(w, v), (x, u)| v.total_cmp(u).then(w.total_cmp(x)));
    let total: f64 = said.iter().map(|(weight, _)| weight).sum();
    let least = said.first()?.1;
    Some(match vote {
        Vote::Mean | Vote::Majority => {
            said.iter().map(|(weight, value)| weight * value).sum::<f64>() / total
        }
        Vote::Min => least,
        Vote::Median => {
            // The value up to which half of the weight lies; the mean with the next where it ends there exactly.
            let mut below = 0.0;
            let mut place = 0;
            while below + said[place].0 < total / 2.0 * (1.0 - 1e-12) {
                below += said[place].0;
                place += 1;
            }
            let even = (below + said[place].0 - total / 2.0).abs() <= total * 1e-12;
            let next = said.get(place + 1).filter(|_| even).unwrap_or(&said[place]).1;
            said[place].1 / 2.0 + next / 2.0
        }
    })
}

/// The panel's abstention, for the reason of the first member that gives one.
fn abstained(voters: &[Voter<'_>], note: &str) -> Readout {
    let samples = voters.iter().flat_map(|voter| &voter.outcome.shown).flat_map(|one| &one.samples);
    let mut reasons = samples.filter_map(|readout| match readout {
        Readout::Abstained(abstention) => Some(abstention.reason),
        Readout::Scores(_) => None,
    });
    let reason = reasons.next().unwrap_or(Reason::Missing);
    Readout::Abstained(Abstention { reason, note: note.to_owned() })
}

#[cfg(test)]
mod tests;
