//! The token of a reply where its verdict stands.

use std::ops::Range;

use tribunal_api::Token;

use super::{bare, label_of};
use crate::prompt::Reasoning;
use crate::verdict::{Label, behind_thinking};

/// Words that may stand before a colon in front of the label.
const HEADS: [&str; 13] = [
    "verdict", "answer", "winner", "choice", "decision", "rating", "score", "result", "the", "my",
    "our", "final", "overall",
];

/// Words that say that an `A` before them is a label and no article.
const AFTER_A: [&str; 9] = ["is", "was", "wins", "because", "since", "as", "with", "over", "by"];

/// The token where the verdict stands: the only one, whatever it is; the label that the reply begins with, where the
/// verdict comes first; else the label alone on the last line.
///
/// # Errors
///
/// Why there is none, for a person.
pub(super) fn of_verdict<'a>(
    labels: &[Label],
    tokens: &'a [Token],
    reasoning: Reasoning,
    mark: &str,
) -> Result<&'a Token, String> {
    let tokens = without_ends(tokens);
    if let [only] = tokens {
        return Ok(only);
    }
    let whole: String = tokens.iter().map(|token| token.text.as_str()).collect();
    let said = behind_thinking(&whole).unwrap_or(&whole);
    let start = whole.len() - said.len();
    let found = match reasoning {
        Reasoning::After => first_word(labels, said),
        Reasoning::None | Reasoning::Before | Reasoning::Native => {
            alone_on_last_line(labels, said, mark)
        }
    };
    match found {
        Some(range) => token_at(tokens, labels, start + range.start..start + range.end),
        None if reasoning == Reasoning::After => {
            Err("the reply does not begin with a label".to_owned())
        }
        None => Err("no label stands alone on the last line of the reply".to_owned()),
    }
}

/// The tokens without those at the end that only end a reply (`<|im_end|>`, `</s>`).
fn without_ends(tokens: &[Token]) -> &[Token] {
    let ends = |token: &Token| {
        let text = token.text.trim();
        text.is_empty()
            || matches!(text, "</s>" | "<eos>" | "<end_of_turn>" | "[EOS]")
            || ((text.starts_with("<|") || text.starts_with("<｜")) && text.ends_with('>'))
    };
    match tokens.iter().rposition(|token| !ends(token)) {
        Some(last) => &tokens[..=last],
        None => &tokens[..tokens.len().min(1)],
    }
}

/// The label that a text begins with, white space, punctuation and brackets aside.
fn first_word(labels: &[Label], text: &str) -> Option<Range<usize>> {
    let start = text.find(char::is_alphanumeric)?;
    let negative = text[..start].ends_with('-') && label_of(labels, "-1").is_some();
    let length = text[start..].find(|one: char| !one.is_alphanumeric());
    let end = length.map_or(text.len(), |length| start + length);
    let word = &text[start..end];
    if negative || label_of(labels, word).is_none() {
        return None;
    }
    let line = text[end..].lines().next().unwrap_or_default();
    let next = line.strip_prefix(' ').unwrap_or_default();
    let next = next.split(|one: char| !one.is_alphanumeric()).next().unwrap_or_default();
    let article = word.eq_ignore_ascii_case("a") && !next.is_empty() && !AFTER_A.contains(&next);
    // The fraction of a number, or the other half of a scale, is no explanation.
    let goes_on = word.ends_with(|one: char| one.is_ascii_digit())
        && line.starts_with(['.', ',', '/', '-', '–'])
        && line.chars().nth(1).is_some_and(|one| one.is_ascii_digit());
    (!article && !goes_on).then_some(start..end)
}

/// The label that fills the last line but for the prompt's mark, punctuation, or a cue before a colon.
fn alone_on_last_line(labels: &[Label], text: &str, mark: &str) -> Option<Range<usize>> {
    let line = text.lines().rfind(|line| line.contains(char::is_alphanumeric))?;
    let mut said = line.trim();
    let slot = ["{label}", "{number}"].into_iter().find(|slot| mark.contains(slot));
    if let Some((before, after)) = slot.and_then(|slot| mark.split_once(slot)) {
        let ends = |one: char| matches!(one, '*' | '_' | '`' | '.') || one.is_whitespace();
        let inside = said.trim_matches(ends).strip_prefix(before.trim());
        said = inside.and_then(|rest| rest.strip_suffix(after.trim())).unwrap_or(said);
    }
    let said = match said.split_once(':') {
        Some((head, rest)) => {
            let mut words =
                head.split(|one: char| !one.is_alphanumeric()).filter(|word| !word.is_empty());
            let known = |word: &str| HEADS.iter().any(|one| word.eq_ignore_ascii_case(one));
            words.all(known).then_some(rest)?
        }
        None => said,
    };
    let label = bare(said);
    label_of(labels, label)?;
    let start = offset(text, label)?;
    Some(start..start + label.len())
}

/// Where a piece of a text begins in it.
fn offset(text: &str, piece: &str) -> Option<usize> {
    (piece.as_ptr() as usize).checked_sub(text.as_ptr() as usize)
}

/// The token that holds these bytes of the reply.
fn token_at<'a>(
    tokens: &'a [Token],
    labels: &[Label],
    label: Range<usize>,
) -> Result<&'a Token, String> {
    let mut end = 0;
    let mut parts = tokens.iter().filter(|token| {
        let start = end;
        end += token.text.len();
        start < label.end && end > label.start
    });
    let (first, more) = (parts.next(), parts.count());
    match first {
        Some(token) if more == 0 && label_of(labels, &token.text).is_some() => Ok(token),
        Some(token) if more == 0 => {
            Err(format!("the token `{}` holds more than a label", token.text.trim()))
        }
        Some(_) => Err(format!(
            "the label is split into {} tokens: name labels of one token each",
            more + 1
        )),
        None => Err("no token of the reply reads as a label".to_owned()),
    }
}
