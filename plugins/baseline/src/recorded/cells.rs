//! Values of a record, read as scores, verdicts, rankings, keys and candidate numbers.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Value;
use tribunal_api::settings::Step;
use tribunal_api::{Abstention, Reason, SettingsError};
use tribunal_tables::{as_list, as_number, as_text};

use super::settings::Values;

/// One sample of what is recorded.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Slot {
    /// Scores of the candidates shown, or, for rankings, of all candidates in stored order.
    Scores(Vec<f64>),
    /// The best of a list alone.
    Best(u16),
    /// No answer, and why.
    Abstained(Abstention),
}

/// All samples that are recorded for one question.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cell {
    /// The samples, in recorded order.
    pub(super) slots: Vec<Slot>,
    /// True when the file holds a list of samples here.
    pub(super) several: bool,
}

/// A value that cannot be read: what is wrong, and a remedy where one is known.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unfit {
    pub(super) message: String,
    pub(super) hint: Option<&'static str>,
}

impl Unfit {
    pub(super) fn new(message: String) -> Self {
        Self { message, hint: None }
    }

    fn with_hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }
}

impl Cell {
    /// A single sample.
    pub(super) fn one(slot: Slot) -> Self {
        Self { slots: vec![slot], several: false }
    }
}

impl Slot {
    /// Nothing is recorded.
    pub(super) fn missing(note: &str) -> Self {
        Slot::Abstained(Abstention { reason: Reason::Missing, note: note.to_owned() })
    }
}

/// A number, null, or a list of them: the score of one candidate.
pub(super) fn score(value: &Value) -> Result<Cell, Unfit> {
    samples(value, as_list(value), |sample| match as_number(sample) {
        Some(number) => Ok(Slot::Scores(vec![number])),
        None if is_nothing(sample) => Ok(Slot::missing("the recorded score is null")),
        None => {
            Err(Unfit::new(format!("{} is no score: a score is a finite number", shown(sample))))
        }
    })
}

/// A text or number that stands for a verdict, null, or a list of them.
pub(super) fn verdict(value: &Value, words: &Words) -> Result<Cell, Unfit> {
    let list = value.as_array().map(|list| Cow::Borrowed(list.as_slice()));
    samples(value, list, |sample| words.read(sample))
}

/// Candidate numbers, best first, or the best alone, or a list of such lists.
pub(super) fn ranking(value: &Value, base: u16) -> Result<Cell, Unfit> {
    samples(value, list_of_lists(value), |sample| {
        let Some(list) = as_list(sample) else {
            return if is_nothing(sample) {
                Ok(Slot::missing("the recorded ranking is null"))
            } else {
                candidate(sample, base).map(Slot::Best)
            };
        };
        let order: Vec<u16> =
            list.iter().map(|value| candidate(value, base)).collect::<Result<_, _>>()?;
        if let [best] = order.as_slice() {
            return Ok(Slot::Best(*best));
        }
        let mut scores = vec![None; order.len()];
        for (place, index) in order.iter().enumerate() {
            match scores.get_mut(usize::from(*index)) {
                Some(score @ None) => *score = Some((order.len() - 1 - place) as f64),
                _ => return Err(not_an_order(sample)),
            }
        }
        match scores.into_iter().collect::<Option<Vec<f64>>>() {
            Some(scores) if !scores.is_empty() => Ok(Slot::Scores(scores)),
            _ => Err(not_an_order(sample)),
        }
    })
}

/// The rank of each candidate, the least the best, or a list of such lists. A candidate scores the number of those
/// ranked behind it.
pub(super) fn ranks(value: &Value) -> Result<Cell, Unfit> {
    samples(value, list_of_lists(value), |sample| {
        let Some(list) = as_list(sample) else {
            return if is_nothing(sample) {
                Ok(Slot::missing("the recorded ranks are null"))
            } else {
                Err(Unfit::new(format!("{} is no list of ranks", shown(sample))))
            };
        };
        if list.is_empty() {
            return Err(Unfit::new("the list of ranks is empty".to_owned()));
        }
        if list.iter().any(is_nothing) {
            return Ok(Slot::missing("a recorded rank is null"));
        }
        let rank = |value: &Value| {
            as_number(value).ok_or_else(|| {
                Unfit::new(format!("{} is no rank: a rank is a finite number", shown(value)))
            })
        };
        let ranks: Vec<f64> = list.iter().map(rank).collect::<Result<_, _>>()?;
        let behind = |own: &f64| ranks.iter().filter(|other| *other > own).count() as f64;
        Ok(Slot::Scores(ranks.iter().map(behind).collect()))
    })
}

/// The number of a candidate, counted from 0.
pub(super) fn candidate(value: &Value, base: u16) -> Result<u16, Unfit> {
    let number = as_number(value).filter(|number| number.fract() == 0.0).ok_or_else(|| {
        Unfit::new(format!("{} is no candidate: candidates are named by number", shown(value)))
    })?;
    let index = number - f64::from(base);
    if (0.0..=f64::from(u16::MAX)).contains(&index) {
        return Ok(index as u16);
    }
    let unfit = Unfit::new(format!("there is no candidate `{number}` when the first is `{base}`"));
    Err(if base == 1 { unfit.with_hint("set `candidate-base = 0`") } else { unfit })
}

/// The text of a key. A whole number is the same key as its text, however it is stored.
pub(super) fn key(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Number(number) if number.is_f64() => Some(Cow::Owned(plain(number.as_f64()?))),
        _ => as_text(value),
    }
}

/// Which texts stand for which verdict.
pub(super) struct Words(HashMap<String, [f64; 2]>);

impl Words {
    /// The texts of the settings, or the usual ones.
    ///
    /// # Errors
    ///
    /// A text that stands for two verdicts.
    pub(super) fn new(values: Values) -> Result<Self, SettingsError> {
        let lists = [
            (
                "first",
                values.first,
                ["A>B", "A>>B", "A"].as_slice(),
                ["1", "first"].as_slice(),
                [1.0, 0.0],
            ),
            ("second", values.second, &["B>A", "B>>A", "B"], &["2", "second"], [0.0, 1.0]),
            ("tie", values.tie, &["A=B", "B=A", "C"], &["tie", "0.5"], [0.5, 0.5]),
        ];
        let mut words = HashMap::new();
        for (name, given, letters, others, scores) in lists {
            let texts = given.unwrap_or_else(|| {
                let bracketed = letters.iter().map(|text| format!("[[{text}]]"));
                letters
                    .iter()
                    .chain(others)
                    .map(|text| (*text).to_owned())
                    .chain(bracketed)
                    .collect()
            });
            for text in texts {
                if words.insert(folded(&text), scores).is_some_and(|before| before != scores) {
                    let place = ["values", name].map(|key| Step::Key(key.to_owned())).to_vec();
                    let message = format!("`{text}` stands for two verdicts");
                    return Err(SettingsError::at(place, message)
                        .with_hint("set all of `first`, `second` and `tie`"));
                }
            }
        }
        Ok(Self(words))
    }

    fn read(&self, value: &Value) -> Result<Slot, Unfit> {
        let unreadable =
            |note: String| Ok(Slot::Abstained(Abstention { reason: Reason::Unreadable, note }));
        if value.is_null() {
            return unreadable(String::new());
        }
        let Some(text) = key(value) else {
            return Err(Unfit::new(format!("{} is no verdict", shown(value))));
        };
        match self.0.get(&folded(&text)) {
            Some(scores) => Ok(Slot::Scores(scores.to_vec())),
            None => unreadable(text.chars().take(MOST_NOTE_CHARACTERS).collect()),
        }
    }
}

/// A judge's whole reply may stand where a verdict was expected.
const MOST_NOTE_CHARACTERS: usize = 200;

/// The text without outer white space and case; a number as its plain text, so that `1.0` is `1`.
fn folded(text: &str) -> String {
    let text = text.trim();
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => plain(number),
        _ => text.to_ascii_lowercase(),
    }
}

/// Reads a list of samples, or the single sample that is there instead.
fn samples(
    value: &Value,
    list: Option<Cow<'_, [Value]>>,
    read: impl Fn(&Value) -> Result<Slot, Unfit>,
) -> Result<Cell, Unfit> {
    match list {
        Some(list) => {
            let slots = list.iter().map(read).collect::<Result<_, _>>()?;
            Ok(Cell { slots, several: true })
        }
        None => read(value).map(Cell::one),
    }
}

/// The elements, where one of them is a list itself.
fn list_of_lists(value: &Value) -> Option<Cow<'_, [Value]>> {
    as_list(value).filter(|list| list.iter().any(|element| as_list(element).is_some()))
}

fn not_an_order(list: &Value) -> Unfit {
    Unfit::new(format!("{} does not name each candidate once", shown(list)))
        .with_hint("set `candidate-base` to the number of the first candidate, 0 or 1")
}

/// Null, or the empty text that stands for it in tables.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        _ => false,
    }
}

fn plain(number: f64) -> String {
    // Adding 0 turns -0 into 0.
    format!("{}", number + 0.0)
}

/// The value for an error message, cut where it is long.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("`{}...`", &text[..end]),
        None => format!("`{text}`"),
    }
}
