//! From a question to the recorded answers.

use std::sync::Arc;

use tribunal_api::{Answer, Key, Question, Readout, Reason, SourceError};

use super::cells::{Cell, Slot};
use super::layout::{Layout, Shape};
use super::settings::Swapped;
use super::table::{RowKey, Table};

/// One answer for each sample asked. What is not recorded is a `missing` abstention.
pub(super) fn answers(
    layout: &Layout,
    table: &Table,
    question: &Question,
) -> Result<Vec<Answer>, SourceError> {
    let Some(key) = question.key() else {
        return Err(SourceError::Rejected { message: "the question has no key".to_owned() });
    };
    let found = find(layout, table, key);
    (0..question.samples())
        .map(|sample| match &found {
            Found::As(cell, turn) => one(cell, *turn, sample, key),
            Found::Nothing(note) => Ok(Answer::abstain(Reason::Missing, *note)),
        })
        .collect()
}

/// How recorded scores become scores in the order shown.
#[derive(Clone, Copy)]
enum Turn {
    /// They are in that order.
    Keep,
    /// They are in the opposite order.
    Reverse,
    /// They are in stored order, of all candidates.
    Pick,
}

enum Found<'a> {
    As(&'a Cell, Turn),
    Nothing(&'static str),
}

fn find<'a>(layout: &Layout, table: &'a Table, key: &Key) -> Found<'a> {
    let part = |mapped: bool, part: &Arc<str>| if mapped { part.clone() } else { Arc::from("") };
    let row = table.rows.get(&RowKey {
        suite: part(layout.suite.is_some(), &key.suite),
        subset: part(layout.subset.is_some(), &key.subset),
        id: key.id.clone(),
    });
    let Some(row) = row else { return Found::Nothing("no record has this key") };
    let entry = |reversed: bool| {
        row.entries.iter().find(|entry| {
            let asked = key.candidates.iter().map(|candidate| candidate.0);
            if reversed {
                entry.shown.iter().copied().eq(asked.rev())
            } else {
                entry.shown.iter().copied().eq(asked)
            }
        })
    };
    match &layout.shape {
        Shape::Ranking(_) | Shape::Ranks(_) => match row.entries.first() {
            Some(entry) => Found::As(&entry.cell, Turn::Pick),
            None => Found::Nothing("the record has no ranking"),
        },
        Shape::ScoreList(_) | Shape::ScoreEach { .. } => match entry(false) {
            Some(entry) => Found::As(&entry.cell, Turn::Keep),
            None => Found::Nothing("no score is recorded for this candidate"),
        },
        Shape::Verdicts { swapped, .. } => match (entry(false), swapped) {
            (Some(entry), _) => Found::As(&entry.cell, Turn::Keep),
            (None, Swapped::Missing) => {
                Found::Nothing("no verdict is recorded for this pair in this order")
            }
            (None, Swapped::Flip) => match entry(true) {
                Some(entry) => Found::As(&entry.cell, Turn::Reverse),
                None => Found::Nothing("no verdict is recorded for this pair"),
            },
        },
    }
}

fn one(cell: &Cell, turn: Turn, sample: usize, key: &Key) -> Result<Answer, SourceError> {
    let Some(slot) = cell.slots.get(sample) else {
        let note = format!("recorded samples: {}", cell.slots.len());
        return Ok(Answer::abstain(Reason::Missing, note));
    };
    match (slot, turn) {
        (Slot::Abstained(abstention), _) => Ok(Answer::new(Readout::Abstained(abstention.clone()))),
        (Slot::Scores(scores), Turn::Keep) => Answer::scores(scores.iter().copied()),
        (Slot::Scores(scores), Turn::Reverse) => Answer::scores(scores.iter().rev().copied()),
        (Slot::Scores(scores), Turn::Pick) => {
            let picked: Option<Vec<f64>> = key
                .candidates
                .iter()
                .map(|candidate| scores.get(candidate.at()).copied())
                .collect();
            match picked {
                Some(picked) => Answer::scores(picked),
                None => {
                    let note = format!("candidates ranked: {}", scores.len());
                    Ok(Answer::abstain(Reason::Missing, note))
                }
            }
        }
        (Slot::Best(best), _) => {
            let scores =
                key.candidates.iter().map(|shown| if shown.0 == *best { 1.0 } else { 0.0 });
            if key.candidates.iter().any(|shown| shown.0 == *best) {
                Answer::scores(scores)
            } else {
                Ok(Answer::abstain(Reason::Missing, "the recorded winner is not among those shown"))
            }
        }
    }
}
