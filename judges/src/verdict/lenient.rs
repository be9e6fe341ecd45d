//! Lenient reading: also the forms that people understand at once.
//!
//! What strict reading finds stands. Then forms are tried from the clearest to the weakest: the prompt's own mark,
//! other marks such as `\boxed{B}`, lines such as `**Answer:** B`, and what the last line says. The first form that says
//! anything decides, and within it disagreement is an abstention.

mod choice;
mod rating;
mod words;

use std::borrow::Cow;

use super::marker::Marker;
use super::tally::missing;
use super::token::{self, naked};
use super::{Label, NumberForm, Verdict, VerdictForm};

/// Marks that are understood whatever the prompt asks for.
const MARKS: [(&str, &str); 6] = [
    ("[[", "]]"),
    ("\\boxed{", "}"),
    ("<answer>", "</answer>"),
    ("<verdict>", "</verdict>"),
    ("<rating>", "</rating>"),
    ("【", "】"),
];

/// Reads a label.
pub(super) fn letter(
    form: &VerdictForm,
    labels: &[Label],
    marker: Marker<'_>,
    reply: &str,
) -> Verdict {
    let reply = narrow(reply);
    let found = choice::read(form, labels, marker, &reply);
    found.unwrap_or_else(|| missing(&reply))
}

/// Reads a rating.
pub(super) fn number(form: &NumberForm, marker: Marker<'_>, reply: &str) -> Verdict {
    let reply = narrow(reply);
    rating::read(form, marker, &reply).unwrap_or_else(|| missing(&reply))
}

/// The text with the wide forms of ASCII (`［`, `：`, `Ａ`, `８`) made narrow.
fn narrow(text: &str) -> Cow<'_, str> {
    let wide = |one: char| ('\u{ff01}'..='\u{ff5e}').contains(&one);
    if !text.contains(wide) {
        return Cow::Borrowed(text);
    }
    let narrowed = text.chars().map(|one| match wide(one) {
        true => char::from_u32(u32::from(one) - 0xff01 + 0x21).unwrap_or(one),
        false => one,
    });
    Cow::Owned(narrowed.collect())
}

/// What the marks that everybody knows hold where they end a line, each with what stands before it on the line. A mark
/// in the middle of a sentence is quoted more often than meant.
fn known_marks(reply: &str) -> impl Iterator<Item = (&str, &str)> {
    token::lines(reply).flat_map(|line| {
        MARKS.iter().filter_map(move |(open, close)| {
            let start = line.rfind(open)?;
            let (inside, tail) = line[start + open.len()..].split_once(close)?;
            naked(tail).is_empty().then_some((&line[..start], inside))
        })
    })
}
