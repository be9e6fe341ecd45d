//! Strict reading: only the form that the prompt asks for, and nothing beside it.

use super::marker::{Held, Marker};
use super::number::Rating;
use super::tally::{Tally, missing};
use super::token::{self, plain};
use super::{Label, NumberForm, Verdict};

/// Reads labels: everything that the marker holds, or what stands alone on the last line for a bare marker.
pub(super) fn letter(labels: &[Label], marker: Marker<'_>, reply: &str) -> Verdict {
    let mut tally = Tally::default();
    if marker.is_bare() {
        let line = token::lines(reply).next_back().map(plain).unwrap_or_default();
        let line = plain(line.strip_suffix('.').unwrap_or(line));
        if let Some(label) = labels.iter().find(|label| label.text == line) {
            tally.says(&label.text, label.scores.clone(), line);
        }
    }
    for held in marker.held(reply) {
        match held {
            Held::Between(text) => {
                let text = text.trim();
                match labels.iter().find(|label| label.text == text) {
                    Some(label) => tally.says(&label.text, label.scores.clone(), text),
                    None if looks_like_a_label(text) => tally.spoils(text),
                    None => {}
                }
            }
            Held::Behind(line) => behind(labels, line, &mut tally),
        }
    }
    tally.verdict().unwrap_or_else(|| missing(reply))
}

/// Reads the label that a line begins with. Anything but a closing mark behind it makes it unclear.
fn behind(labels: &[Label], line: &str, tally: &mut Tally) {
    let line = plain(line);
    let bare = plain(line.trim_end_matches(['.', '!', '"', '\'', ')', ']']));
    if let Some(label) = labels.iter().find(|label| label.text == bare) {
        tally.says(&label.text, label.scores.clone(), bare);
    } else if labels.iter().any(|label| begins_with_word(line, &label.text)) {
        tally.spoils(line);
    } else if looks_like_a_label(bare) {
        tally.spoils(bare);
    }
}

fn begins_with_word(line: &str, word: &str) -> bool {
    line.strip_prefix(word)
        .is_some_and(|rest| !rest.starts_with(|character: char| character.is_alphanumeric()))
}

/// True for a single capital and for a comparison of capitals: what a judge writes when it means a label that was not
/// offered. Text in double brackets that is code or a quoted form is none of it.
fn looks_like_a_label(text: &str) -> bool {
    let capital = |part: &str| {
        let mut letters = part.chars();
        letters.next().is_some_and(|first| first.is_ascii_uppercase()) && letters.next().is_none()
    };
    let mut parts = text.split(['<', '>', '=']).filter(|part| !part.is_empty());
    match (parts.next(), parts.next(), parts.next()) {
        (Some(one), None, None) => capital(one) || text.eq_ignore_ascii_case("tie"),
        (Some(one), Some(other), None) => capital(one.trim()) && capital(other.trim()),
        _ => false,
    }
}

/// Reads a rating: everything that the marker holds, or the last word of the reply for a bare marker.
pub(super) fn number(form: &NumberForm, marker: Marker<'_>, reply: &str) -> Verdict {
    let mut tally = Tally::default();
    if marker.is_bare() {
        last_word(form, reply, &mut tally);
    }
    for held in marker.held(reply) {
        let (text, alone) = match held {
            Held::Between(text) => (text.trim(), text.trim()),
            Held::Behind(line) => {
                let line = plain(line);
                (line, plain(line.trim_end_matches(['.', '!', '"', '\'', ')', ']'])))
            }
        };
        // `[[1, 2], [3, 4]]` in an explanation is a matrix and no rating.
        if matches!(held, Held::Between(_)) && text.contains([',', '[', ']', '{', '}']) {
            continue;
        }
        match form.rating(alone, form.decimals) {
            Rating::On(value) => tally.says(&value.to_string(), vec![value], alone),
            Rating::Off => tally.spoils(text),
            Rating::Not => {}
        }
    }
    tally.verdict().unwrap_or_else(|| missing(reply))
}

/// Reads the last word of a reply, unless the words before it make it part of something else: `9 out of 10`.
fn last_word(form: &NumberForm, reply: &str, tally: &mut Tally) {
    let mut words = reply.split_whitespace().rev().map(plain).filter(|word| !word.is_empty());
    let Some(last) = words.next() else { return };
    let last = plain(last.strip_suffix(['.', '!']).unwrap_or(last));
    let before = words.next().unwrap_or_default();
    let joins = matches!(
        before,
        "/" | "-"
            | "–"
            | "—"
            | "="
            | "of"
            | "to"
            | "and"
            | "or"
            | "over"
            | "not"
            | "than"
            | "least"
            | "most"
    );
    let numeric = !matches!(form.rating(before.trim_end_matches(','), true), Rating::Not)
        && !before.ends_with(['.', ')', ':', ';', '?', '!']);
    match form.rating(last, form.decimals) {
        Rating::Not => {}
        Rating::On(value) if !joins && !numeric => {
            tally.says(&value.to_string(), vec![value], last)
        }
        Rating::On(_) => tally.spoils(&token::ending(reply)),
        Rating::Off => tally.spoils(last),
    }
}
