//! The mark around a verdict, such as `[[A]]` or `[RESULT] A`, and where it stands in a reply.

use super::token::{REACH, at_most};

/// A mark: what stands before the verdict and what behind it. Either may be empty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Marker<'a> {
    before: &'a str,
    after: &'a str,
}

/// What a mark holds in a reply.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Held<'a> {
    /// The text between the two parts of the mark.
    Between(&'a str),
    /// The rest of the line behind a mark that has no second part.
    Behind(&'a str),
}

impl<'a> Marker<'a> {
    /// The mark that surrounds a slot. A text without the slot is taken as what stands before it.
    pub(super) fn new(text: &'a str, slot: &str) -> Self {
        let (before, after) = text.split_once(slot).unwrap_or((text, ""));
        Self { before, after }
    }

    /// True when nothing surrounds the verdict.
    pub(super) fn is_bare(&self) -> bool {
        self.before.trim().is_empty() && self.after.trim().is_empty()
    }

    /// True when the mark ends behind the verdict.
    pub(super) fn is_closed(&self) -> bool {
        !self.after.trim().is_empty()
    }

    /// A verdict in its mark.
    pub(super) fn around(&self, verdict: &str) -> String {
        format!("{}{verdict}{}", self.before, self.after)
    }

    /// Everything that this mark holds in a text, first to last, none longer than a short line. Nothing for a bare
    /// mark.
    pub(super) fn held<'t>(&self, text: &'t str) -> Vec<Held<'t>> {
        let (before, after) = (self.before.trim(), self.after.trim());
        if before.is_empty() && after.is_empty() {
            return Vec::new();
        }
        let mut held = Vec::new();
        let mut from = 0;
        let looked_for = if before.is_empty() { after } else { before };
        while let Some(found) = text.get(from..).and_then(|rest| rest.find(looked_for)) {
            let start = from + found;
            let end = start + looked_for.len();
            if before.is_empty() {
                if let Some(word) = last_word(&text[..start]) {
                    held.push(Held::Between(word));
                }
            } else {
                let near = at_most(&text[end..], REACH);
                let line = near.split(['\n', '\r']).next().unwrap_or_default();
                if after.is_empty() {
                    held.push(Held::Behind(line));
                } else if let Some((inside, _)) = line.split_once(after) {
                    held.push(Held::Between(inside));
                }
            }
            // One character on, so that `[[[A]]]` holds `A` too.
            let step = text[start..].chars().next().map_or(1, char::len_utf8);
            from = start + step;
        }
        held
    }
}

fn last_word(text: &str) -> Option<&str> {
    let line = text.trim_end_matches([' ', '\t']);
    let mut start = line.len();
    for (at, character) in line.char_indices().rev().take(REACH) {
        if character.is_whitespace() {
            break;
        }
        start = at;
    }
    Some(&line[start..]).filter(|word| !word.is_empty())
}
