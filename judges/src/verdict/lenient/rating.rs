//! Ratings as people write them.

use super::super::marker::{Held, Marker};
use super::super::number::Rating;
use super::super::tally::Tally;
use super::super::token::{self, at_most, is_emphasis, naked};
use super::super::{NumberForm, Verdict};
use super::known_marks;
use super::words::{COLON_CUES, GIVING, RATING_CUES, among, turns, words};

/// Characters of a line that are looked at.
const LINE: usize = 600;

/// Words between a cue and its number.
const SMALL: [&str; 16] = [
    "is", "of", "would", "be", "a", "an", "the", "-", "–", "as", "at", "i", "it", "this",
    "response", "rating",
];

/// Words that join numbers, and are no sentence by themselves.
const JOINTS: [&str; 9] = ["/", "out", "of", "and", "to", "or", "between", "-", "–"];

/// The verdict of the clearest form that says anything.
pub(super) fn read(form: &NumberForm, marker: Marker<'_>, reply: &str) -> Option<Verdict> {
    let mut own = Tally::default();
    for held in marker.held(reply) {
        match held {
            Held::Between(text) if !text.contains([',', '[', '{']) => {
                numbers(form, text, Which::All, &mut own);
            }
            Held::Behind(line) if begins_with_number(line) => {
                numbers(form, line, Which::First, &mut own);
            }
            Held::Between(_) | Held::Behind(_) => {}
        }
    }
    let mut known = Tally::default();
    for (head, text) in known_marks(reply) {
        let head = at_most(head, LINE);
        let rates = || !turns(head) && words(head).any(|word| among(word, &RATING_CUES));
        if (naked(head).is_empty() || rates()) && !text.contains([',', '[', '{']) {
            numbers(form, text, Which::All, &mut known);
        }
    }
    let last = token::lines(reply).next_back().map_or("", |line| at_most(line, LINE));
    let mut alone = Tally::default();
    if is_number_alone(form, last) {
        numbers(form, last, Which::All, &mut alone);
    }
    let mut announced = Tally::default();
    if let Some(said) = token::lines(reply).rev().find_map(announced_rating) {
        numbers(form, said, Which::First, &mut announced);
    }
    let mut given = Tally::default();
    given_at_the_end(form, last, &mut given);
    [own, known, alone, announced, given].into_iter().find_map(Tally::verdict)
}

/// True for a line of numbers and what joins them: `8/10`, `9 out of 10`, `between 7 and 8`.
fn is_number_alone(form: &NumberForm, line: &str) -> bool {
    let mut words = line.split_whitespace().map(sides).filter(|word| !word.is_empty()).peekable();
    let numeric = |word: &str| {
        let start = word.split('/').next().unwrap_or_default();
        form.rating(naked(start), true) != Rating::Not || among(word, &JOINTS)
    };
    words.peek().is_some() && words.all(numeric)
}

/// What stands behind the last cue of a line, if a number stands near it.
fn announced_rating(line: &str) -> Option<&str> {
    let line = at_most(line, LINE);
    let mut from = 0;
    let mut said = None;
    for word in line.split_whitespace() {
        let start = from + line[from..].find(word)?;
        from = start + word.len();
        let stem = naked(word).split([':', '=', '(', '[']).next().unwrap_or_default();
        let close = among(stem, &RATING_CUES);
        if !close && !among(stem, &COLON_CUES) {
            continue;
        }
        let behind = &line[start + word.find(stem)? + stem.len()..];
        let behind = behind.trim_start_matches(is_emphasis);
        if !close && !behind.trim_start().starts_with([':', '=']) {
            continue;
        }
        let behind = behind_scale(behind);
        said = begins_with_number(behind).then_some(behind).or(said);
    }
    said
}

/// What follows a cue without the scale that it may name: `(1-10): 8`, `on a scale from 1 to 10: 8`.
fn behind_scale(behind: &str) -> &str {
    let text = behind.trim_start();
    for (open, close) in [('(', ')'), ('[', ']')] {
        if let Some((inside, rest)) =
            text.strip_prefix(open).and_then(|text| text.split_once(close))
        {
            let is_scale = inside.contains(|one: char| one.is_alphabetic())
                || inside.trim_start_matches('-').contains(['-', '–']);
            return if is_scale { rest } else { behind };
        }
    }
    match text.split_once(':') {
        Some((head, rest)) if words(head).any(|word| word.eq_ignore_ascii_case("scale")) => rest,
        _ => behind,
    }
}

/// Takes the number that ends a line, if the line gives it (`I give it a 9`) or it carries its scale (`a solid 8/10`).
fn given_at_the_end(form: &NumberForm, line: &str, tally: &mut Tally) {
    let all: Vec<&str> =
        line.split_whitespace().map(sides).filter(|word| !word.is_empty()).collect();
    let verb = all.iter().rposition(|word| among(word, &GIVING));
    if let Some(at) = verb {
        let small = all[at + 1..].iter().take_while(|word| among(word, &SMALL)).count();
        if let [number] = all[at + 1 + small..] {
            numbers(form, number, Which::All, tally);
            return;
        }
    }
    let end = match all[..] {
        [.., last] if last.contains('/') => 1,
        [.., _, "/", _] => 3,
        [.., _, "out", "of", _] => 4,
        _ => return,
    };
    if !turns(line) {
        numbers(form, &all[all.len() - end..].join(" "), Which::All, tally);
    }
}

/// True when nothing but signs and small words stands before the first number.
fn begins_with_number(text: &str) -> bool {
    text.split_whitespace()
        .map(sides)
        .filter(|word| !word.is_empty())
        .find(|word| !among(word, &SMALL))
        .is_some_and(|word| word.starts_with(|one: char| one.is_ascii_digit() || one == '-'))
}

/// Which numbers of a text can be ratings.
#[derive(Clone, Copy, PartialEq)]
enum Which {
    /// All of them.
    All,
    /// The first, and what is joined to it (`7 or 8`).
    First,
}

/// Takes the ratings of a text. `8/10` and `8 out of 10` are 8 where the scale ends at 10; a range is unreadable.
fn numbers(form: &NumberForm, text: &str, which: Which, tally: &mut Tally) {
    let text = at_most(text, LINE);
    let words: Vec<&str> =
        text.split_whitespace().map(sides).filter(|word| !word.is_empty()).collect();
    let mut at = 0;
    let mut taken = false;
    while at < words.len() {
        let word = words[at];
        let (value, used) = match (word.split_once('/'), &words[at + 1..]) {
            (Some((number, top)), _) if !number.is_empty() => {
                (on_scale(form, naked(number), naked(top)), 1)
            }
            (None, ["/" | "of" | "over", top, ..]) => (on_scale(form, word, top), 3),
            (None, ["out", "of", top, ..]) => (on_scale(form, word, top), 4),
            _ => (form.rating(word.trim_end_matches('.'), true), 1),
        };
        if value == Rating::Not {
            // Without a number in front, `of` and `out of` join nothing.
            at += 1;
            if which == Which::First && taken && !among(word, &["or", "to", "and", "-", "–"]) {
                break;
            }
            continue;
        }
        at += used;
        taken = true;
        match value {
            Rating::On(value) => tally.says(&value.to_string(), vec![value], text),
            _ => tally.spoils(text),
        }
    }
}

fn on_scale(form: &NumberForm, number: &str, top: &str) -> Rating {
    let top = top.trim_end_matches('.');
    match form.rating(number, true) {
        Rating::Not => Rating::Not,
        _ if top.parse::<i64>().ok() != Some(form.high) => Rating::Off,
        rating => rating,
    }
}

/// A word without emphasis, quotes, brackets and sentence marks around it, but with its sign.
fn sides(word: &str) -> &str {
    naked(naked(word).trim_start_matches(['=', '≈']))
}
