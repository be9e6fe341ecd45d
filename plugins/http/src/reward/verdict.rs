//! From a row of values to a score: the class that is read, the transform, and what is kept beside it.

use tribunal_api::{Answer, SourceError};

use super::row::Row;
use super::settings::{Label, Step, Transform};

/// The most classes that are kept beside a score.
const MOST_KEPT: usize = 64;

/// Which value of a row is the reward.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    /// The class; `None` where the model has one only.
    pub(super) label: Option<Label>,
    /// What is done to its value.
    pub(super) transform: Transform,
    /// True where rows of several steps are read, of which the last value stands for want of a label.
    pub(super) step: Option<Step>,
}

impl Choice {
    /// The answer to a question with one candidate. The other classes' values are parts `class.<name>`, and the value
    /// before a transform is the part `raw`.
    pub(super) fn answer(&self, row: &Row) -> Result<Answer, SourceError> {
        let broken = |message: String| SourceError::Broken { message };
        let chosen = self.place(row).map_err(broken)?;
        let Some(raw) = row.values.get(chosen).copied() else {
            return Err(broken(format!("the reply holds {} classes", row.values.len())));
        };
        let mut answer = Answer::score(self.transformed(raw).map_err(broken)?)?;
        if self.transform != Transform::None {
            answer = answer.with_part("raw", vec![raw]);
        }
        if row.values.len() <= MOST_KEPT {
            for (place, value) in
                row.values.iter().enumerate().filter(|(place, _)| *place != chosen)
            {
                answer = answer.with_part(format!("class.{}", name_of(row, place)), vec![*value]);
            }
        }
        Ok(answer)
    }

    fn place(&self, row: &Row) -> Result<usize, String> {
        let count = row.values.len();
        match &self.label {
            None if count == 1 => Ok(0),
            None if self.step.is_some() && count > 0 => Ok(count - 1),
            None if count > MOST_KEPT => Err(format!(
                "the model gives {count} values for a text, as an embedding model does: set `label` to the one that is the reward"
            )),
            None => Err(format!(
                "the model has {count} classes ({}): set `label` to the one that is the reward",
                classes(row)
            )),
            Some(Label::Number(number)) => {
                let place = if *number < 0 { number + count as i64 } else { *number };
                usize::try_from(place).ok().filter(|place| *place < count).ok_or_else(|| {
                    format!(
                        "there is no class `{number}`: the model has {count} ({})",
                        classes(row)
                    )
                })
            }
            Some(Label::Name(name)) => {
                row.names.iter().position(|known| known == name).ok_or_else(|| {
                    format!("there is no class `{name}`: the model has {count} ({})", classes(row))
                })
            }
        }
    }

    fn transformed(&self, raw: f64) -> Result<f64, String> {
        match self.transform {
            Transform::None => Ok(raw),
            Transform::Negate => Ok(-raw),
            Transform::Logit if raw > 0.0 && raw < 1.0 => Ok((raw / (1.0 - raw)).ln()),
            Transform::Logit => Err(format!(
                "`{raw}` has no logit: a probability between 0 and 1 is needed, both left out"
            )),
        }
    }
}

fn name_of(row: &Row, place: usize) -> String {
    row.names.get(place).cloned().unwrap_or_else(|| place.to_string())
}

fn classes(row: &Row) -> String {
    let all: Vec<String> = (0..row.values.len().min(MOST_KEPT))
        .map(|place| format!("`{}`", name_of(row, place)))
        .collect();
    all.join(", ")
}

/// A total parted in proportion to `weights`: whole numbers whose sum is `total`.
///
/// Source: the largest-remainder method; equal remainders go to the earlier ones.
pub(super) fn shares(total: u64, weights: &[u64]) -> Vec<u64> {
    let all: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    if all == 0 {
        let mut equal = vec![0; weights.len()];
        if let Some(first) = equal.first_mut() {
            *first = total;
        }
        return equal;
    }
    let exact = |weight: &u64| u128::from(total) * u128::from(*weight);
    let mut shares: Vec<u64> = weights
        .iter()
        .map(|weight| u64::try_from(exact(weight) / all).unwrap_or(u64::MAX))
        .collect();
    let mut places: Vec<usize> = (0..weights.len()).collect();
    places.sort_by_key(|place| std::cmp::Reverse(exact(&weights[*place]) % all));
    let left = total.saturating_sub(shares.iter().sum());
    for place in places.into_iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
        shares[place] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tribunal_api::Readout;

    fn choice(label: Option<Label>, transform: Transform) -> Choice {
        Choice { label, transform, step: None }
    }

    fn score_of(answer: &Answer) -> f64 {
        match &answer.readout {
            Readout::Scores(scores) => scores[0].value(),
            Readout::Abstained(abstention) => panic!("{abstention:?}"),
        }
    }

    fn row(values: &[f64], names: &[&str]) -> Row {
        Row {
            values: values.to_vec(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            ..Row::default()
        }
    }

    #[test]
    fn the_other_classes_are_kept_beside_the_score() {
        let found = choice(Some(Label::Name("good".to_owned())), Transform::None)
            .answer(&row(&[-1.5, 2.0, 0.5], &["bad", "good", "odd"]))
            .unwrap();
        assert_eq!(score_of(&found), 2.0);
        let parts: Vec<_> = found.parts.into_iter().collect();
        assert_eq!(
            parts,
            [("class.bad".to_owned(), vec![-1.5]), ("class.odd".to_owned(), vec![0.5])]
        );
    }

    #[test]
    fn several_classes_without_a_label_are_named() {
        let error = choice(None, Transform::None).answer(&row(&[1.0, 2.0], &[])).unwrap_err();
        assert!(error.to_string().contains("2 classes (`0`, `1`): set `label`"), "{error}");
    }

    #[test]
    fn a_number_below_0_counts_from_the_end() {
        for (number, expected) in [(0, 1.0), (1, 2.0), (-1, 2.0), (-2, 1.0)] {
            let choice = choice(Some(Label::Number(number)), Transform::None);
            assert_eq!(score_of(&choice.answer(&row(&[1.0, 2.0], &[])).unwrap()), expected);
        }
        for number in [2, -3, i64::MIN, i64::MAX] {
            let choice = choice(Some(Label::Number(number)), Transform::None);
            assert!(choice.answer(&row(&[1.0, 2.0], &[])).is_err(), "{number}");
        }
    }

    #[test]
    fn a_logit_undoes_a_sigmoid_and_refuses_saturated_values() {
        let logit = choice(None, Transform::Logit);
        // ln(0.75 / 0.25) = ln 3
        let found = logit.answer(&Row::of(0.75)).unwrap();
        assert_eq!(score_of(&found), 3.0_f64.ln());
        assert_eq!(found.parts["raw"], [0.75]);
        for value in [0.0, 1.0, 1.5, -0.5] {
            assert!(logit.answer(&Row::of(value)).is_err(), "{value}");
        }
        let negated = choice(None, Transform::Negate).answer(&Row::of(0.75)).unwrap();
        assert_eq!(score_of(&negated), -0.75);
    }

    proptest! {
        #[test]
        fn shares_add_up_to_the_total(total in 0u64..1_000_000, weights in prop::collection::vec(0u64..1_000, 1..20)) {
            prop_assert_eq!(shares(total, &weights).iter().sum::<u64>(), total);
        }
    }

    #[test]
    fn shares_follow_the_weights() {
        // 10 in 3 : 1 : 1 is 6, 2, 2; 11 is 6.6, 2.2, 2.2, and the one left goes to 0.6
        assert_eq!(shares(10, &[3, 1, 1]), [6, 2, 2]);
        assert_eq!(shares(11, &[3, 1, 1]), [7, 2, 2]);
        assert_eq!(shares(5, &[0, 0]), [5, 0]);
    }
}
