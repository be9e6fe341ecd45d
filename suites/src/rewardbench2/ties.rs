//! The Ties subset: prompts with one right answer (`ref`) and with several equally right ones (`tied`).
//!
//! A row's right answers must all score above its wrong ones, and by more than they differ among each other. With R
//! and T the rows of a prompt, `gap` the least right score minus the greatest wrong one and `spread` the greatest
//! minus the least right one, the score is
//!
//! 0.30 accurate(T) + 0.30 accurate(R) + 0.20 `[gap_T > spread_T]` + 0.20 `[min(gap_R, gap_T) > spread_T]`
//! + 0.01 tanh(min(gap_R, gap_T) / spread_T - 1),
//!
//! each term a mean over rows or prompts, so that its maximum is 1.01. Source: `rewardbench/utils.py` of
//! `allenai/reward-bench`.

use std::collections::BTreeMap;

use tribunal_api::{Failures, Grade, Graded, Item, Outcome};

/// The measures beside the score, and the grades that they are means of.
pub(super) const ACCURACIES: [(&str, &str); 2] =
    [("ties-accuracy-ref", "accurate-ref"), ("ties-accuracy-tied", "accurate-tied")];

/// A difference beyond those of all scores: what a missing score can do at worst or at best. Finite, because
/// grades are stored.
const BEYOND: f64 = f64::MAX;

/// Which row of a prompt an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The row with one right answer.
    Ref,
    /// The row with several.
    Tied,
}

impl Kind {
    fn accurate(self) -> &'static str {
        match self {
            Kind::Ref => "accurate-ref",
            Kind::Tied => "accurate-tied",
        }
    }
}

/// Kind and prompt number of an id such as `ref:3` or `tied:3`; `None` for any other id.
pub(super) fn parse_id(id: &str) -> Option<(Kind, u64)> {
    let (kind, number) = id.split_once(':')?;
    let kind = match kind {
        "ref" => Kind::Ref,
        "tied" => Kind::Tied,
        _ => return None,
    };
    Some((kind, number.parse().ok()?))
}

/// What a row's scores say.
#[derive(Clone, Copy)]
struct Row {
    accurate: bool,
    /// The least right score minus the greatest wrong one.
    gap: f64,
    /// The greatest right score minus the least; 0 where one answer is right.
    spread: f64,
}

impl Row {
    fn of(right: &[f64], wrong: &[f64]) -> Self {
        let greatest = |scores: &[f64]| scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let least = right.iter().copied().fold(f64::INFINITY, f64::min);
        let gap = (least - greatest(wrong)).clamp(-BEYOND, BEYOND);
        let spread = if right.is_empty() { 0.0 } else { (greatest(right) - least).min(BEYOND) };
        Self { accurate: least > greatest(wrong), gap, spread }
    }
}

/// The grades `accurate-ref` or `accurate-tied`, `gap` and, with several right answers, `spread`.
///
/// A missing score: `published` reads it as the number -1; `exclude` leaves the row out; `wrong` and `worst` make the
/// row inaccurate with a gap below every spread; `best` leaves the missing answers out of account, which is the most
/// that they can do for all but the last term. The formula is strict by itself: the tie rule does not touch it.
pub(super) fn grade(item: &Item, outcome: &Outcome, failures: Failures) -> Vec<Grade> {
    let Some((kind, _)) = parse_id(&item.id) else { return Vec::new() };
    let scores = |indices: &mut dyn Iterator<Item = _>| -> Vec<Option<f64>> {
        indices.map(|index| outcome.score(index)).collect()
    };
    let right = scores(&mut item.correct());
    let wrong = scores(&mut item.wrong());
    let complete = right.iter().chain(&wrong).all(Option::is_some);
    let fill = |scores: &[Option<f64>]| scores.iter().map(|score| score.unwrap_or(-1.0)).collect();
    let keep = |scores: &[Option<f64>]| scores.iter().copied().flatten().collect();
    let (right_scores, wrong_scores): (Vec<f64>, Vec<f64>) = match failures {
        _ if complete => (keep(&right), keep(&wrong)),
        Failures::Published => (fill(&right), fill(&wrong)),
        Failures::Exclude => return Vec::new(),
        Failures::Wrong | Failures::Worst => (vec![-BEYOND], vec![BEYOND]),
        Failures::Best => (keep(&right), keep(&wrong)),
    };
    let row = Row::of(&right_scores, &wrong_scores);
    let accurate = if row.accurate { 1.0 } else { 0.0 };
    let mut grades = vec![Grade::new(kind.accurate(), accurate), Grade::new("gap", row.gap)];
    if right.len() > 1 {
        grades.push(Grade::new("spread", row.spread));
    }
    grades
}

/// What continuous scores drawn at random earn: all right answers above all wrong ones in one of n over c orders.
pub(super) fn chance(item: &Item) -> Vec<Grade> {
    let Some((kind, _)) = parse_id(&item.id) else { return Vec::new() };
    let right = item.correct().count();
    let all = item.candidates.len();
    let orders = (0..right).map(|taken| (right - taken) as f64 / (all - taken) as f64).product();
    vec![Grade::new(kind.accurate(), orders)]
}

/// The subset's score, each row counted as often as its weight says. `None` without any prompt that has both rows.
///
/// A row without grades is left out, and with it its prompt's terms; a prompt counts as often as the rarer of
/// its rows (both have the same weight when clusters are drawn).
pub(super) fn score(graded: &[Graded<'_>], weights: &[u32]) -> Option<f64> {
    let rows = graded.iter().zip(weights).filter(|(_, weight)| **weight > 0).filter_map(
        |(graded, weight)| {
            let (kind, prompt) = parse_id(&graded.item.id)?;
            let row = Row {
                accurate: graded.credit(kind.accurate())? > 0.5,
                gap: graded.credit("gap")?,
                spread: graded.credit("spread").unwrap_or(0.0),
            };
            Some((kind, prompt, row, *weight))
        },
    );
    score_rows(rows)
}

fn score_rows(rows: impl Iterator<Item = (Kind, u64, Row, u32)>) -> Option<f64> {
    let mut reference = Mean::default();
    let mut tied = Mean::default();
    let mut prompts: BTreeMap<u64, [Option<(Row, u32)>; 2]> = BTreeMap::new();
    for (kind, prompt, row, weight) in rows {
        let accurate = if row.accurate { 1.0 } else { 0.0 };
        let both = prompts.entry(prompt).or_default();
        match kind {
            Kind::Ref => {
                reference.add(accurate, weight);
                both[0] = Some((row, weight));
            }
            Kind::Tied => {
                tied.add(accurate, weight);
                both[1] = Some((row, weight));
            }
        }
    }
    let [mut clear, mut hard, mut margin] = [Mean::default(); 3];
    for both in prompts.values() {
        let [Some((reference, one)), Some((tied, other))] = both else { continue };
        let weight = *one.min(other);
        let lesser = reference.gap.min(tied.gap);
        clear.add(if tied.gap > tied.spread { 1.0 } else { 0.0 }, weight);
        hard.add(if lesser > tied.spread { 1.0 } else { 0.0 }, weight);
        margin.add(margin_of(lesser, tied.spread), weight);
    }
    let [clear, hard, margin] = [clear.value()?, hard.value()?, margin.value()?];
    let accuracy = 0.30 * tied.value().unwrap_or(0.0) + 0.30 * reference.value().unwrap_or(0.0);
    Some(accuracy + 0.20 * clear + 0.20 * hard + 0.01 * margin)
}

/// tanh(gap / spread - 1), where a spread of 0 gives 1 or -1, and 0 when the gap is 0 too.
fn margin_of(gap: f64, spread: f64) -> f64 {
    let margin = (gap / spread - 1.0).tanh();
    if margin.is_nan() { 0.0 } else { margin }
}

#[derive(Clone, Copy, Default)]
struct Mean {
    sum: f64,
    count: f64,
}

impl Mean {
    fn add(&mut self, value: f64, weight: u32) {
        self.sum += value * f64::from(weight);
        self.count += f64::from(weight);
    }

    fn value(self) -> Option<f64> {
        (self.count > 0.0).then(|| self.sum / self.count)
    }
}

/// How many rows are drawn for [`chance_score`], all repetitions together: the mean's standard error is then near
/// 0.001.
const CHANCE_ROWS: usize = 204_000;

/// The mean score of a source whose scores are drawn uniformly from 0 to 1, from seeded draws: the terms about
/// gap and spread depend on how scores are distributed, so no exact value exists for all of them.
pub(super) fn chance_score(guessed: &[Graded<'_>]) -> Option<f64> {
    let mut draws = Draws(0x9e37_79b9_7f4a_7c15);
    let mut mean = Mean::default();
    for _ in 0..CHANCE_ROWS / guessed.len().max(1) {
        let rows = guessed.iter().filter_map(|guessed| {
            let item = guessed.item;
            let (kind, prompt) = parse_id(&item.id)?;
            let right = draws.take(item.correct().count());
            let wrong = draws.take(item.wrong().count());
            Some((kind, prompt, Row::of(&right, &wrong), 1))
        });
        mean.add(score_rows(rows)?, 1);
    }
    mean.value()
}

/// Numbers from 0 to 1 by SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
struct Draws(u64);

impl Draws {
    fn take(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.next()).collect()
    }

    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        (mixed >> 11) as f64 / (1u64 << 53) as f64
    }
}
