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
                    None if looks_like_a_label(labels, text) => tally.spoils(text),
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
    } else if looks_like_a_label(labels, bare) {
        tally.spoils(bare);
    }
}

fn begins_with_word(line: &str, word: &str) -> bool {
    line.strip_prefix(word)
        .is_some_and(|rest| !rest.starts_with(|character: char| character.is_alphanumeric()))
}

/// Letters behind the last one offered that are taken for a label: a tie, or a candidate that is not there.
const BEYOND: usize = 3;

/// True for what a judge writes when it means a label that was not offered: a capital near the labels of the form
/// (`C` of two candidates), a comparison of such capitals, the word for a tie. Text in double brackets that is code, a
/// link, or a quoted form is none of it.
pub(super) fn looks_like_a_label(labels: &[Label], text: &str) -> bool {
    let candidates = labels.first().map_or(0, |label| label.scores.len());
    let last = b'A'.saturating_add((candidates + BEYOND).clamp(1, 26) as u8 - 1);
    let capital = |part: &str| match part.trim().as_bytes() {
        [one] => (b'A'..=last).contains(one),
        _ => false,
    };
    let mut parts = text.split(['<', '>', '=']).filter(|part| !part.is_empty());
    match (parts.next(), parts.next(), parts.next()) {
        (Some(one), None, None) => capital(one) || text.eq_ignore_ascii_case("tie"),
        (Some(one), Some(other), None) => capital(one) && capital(other),
        _ => false,
    }
}

/// Reads a rating: everything that the marker holds, or the last line for a bare marker.
pub(super) fn number(form: &NumberForm, marker: Marker<'_>, reply: &str) -> Verdict {
    let mut tally = Tally::default();
    if marker.is_bare() {
        last_line(form, reply, &mut tally);
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

/// Words in front of a number that make it the rating, and those that do before a colon.
const CUES: [&str; 3] = ["rating", "score", "grade"];
const COLON_CUES: [&str; 3] = ["verdict", "overall", "scale"];

/// Reads the last line: a number by itself, or behind a cue (`Rating: 9`, `My score is 9`, `On a scale from 1 to 10:
/// 9`). A number that ends any other line belongs to what stands before it: `9 out of 10`, `as shown in step 3`.
fn last_line(form: &NumberForm, reply: &str, tally: &mut Tally) {
    let Some(line) = token::lines(reply).next_back().map(plain) else { return };
    let (before, word) = match line.rsplit_once(char::is_whitespace) {
        Some((before, word)) => (before.trim_end(), plain(word)),
        None => ("", line),
    };
    let word = plain(word.strip_suffix(['.', '!']).unwrap_or(word));
    match form.rating(word, form.decimals) {
        Rating::Not => {}
        Rating::On(value) if plain(before).is_empty() || is_cue(before) => {
            tally.says(&value.to_string(), vec![value], word)
        }
        Rating::On(_) => tally.spoils(&token::ending(reply)),
        Rating::Off => tally.spoils(word),
    }
}

/// True for what announces a rating: a head that names one before a colon, or that ends in `rating` or `rating is`.
fn is_cue(head: &str) -> bool {
    let named = |word: &str| CUES.iter().any(|cue| word.eq_ignore_ascii_case(cue));
    let mut words = head.split_whitespace().map(token::naked).filter(|word| !word.is_empty());
    if plain(head).ends_with([':', '=']) {
        let announces = |word: &str| COLON_CUES.iter().any(|cue| word.eq_ignore_ascii_case(cue));
        return words.any(|word| named(word) || announces(word));
    }
    let last = words.next_back().unwrap_or_default();
    let cue = match last.eq_ignore_ascii_case("is") {
        true => words.next_back().unwrap_or_default(),
        false => last,
    };
    named(cue)
}
