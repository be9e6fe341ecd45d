//! Scores from the probabilities of labels: how likely each label was at the place where the verdict stands.
//!
//! The place is the last token of the reply that reads as a label, or the only token. What else might have stood there
//! is sorted by label, whatever its case and the white space and punctuation around it; the probabilities of one label
//! are summed. A score is then the expectation over labels: `[p(A), p(B)]` divided by their sum for a pair, with half of
//! a tie's share each; `p(yes) / (p(yes) + p(no))` for a yes or no; `sum of r p(r) / sum of p(r)` for ratings.

use tribunal_api::Token;

use crate::verdict::Label;

/// What the probabilities of labels say.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// One score per candidate, in the order shown: the expectation over labels.
    pub scores: Vec<f64>,
    /// Probability on all labels together, above 0 to about 1. Little mass says that the judge meant to write
    /// something else.
    pub mass: f64,
    /// Each label's share of the mass, in the form's order; 0 for labels that the backend does not list.
    pub shares: Vec<(String, f64)>,
}

/// Share of the mass below which a label that may be the start of another one does no harm.
const NEGLIGIBLE: f64 = 0.001;

/// Every text that a label may stand as in one token: as written, lower, upper and capitalised, each bare and after a
/// space. What a generator is asked to report.
pub fn variants(labels: &[Label]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for label in labels {
        let text = label.text.as_str();
        let lower = text.to_lowercase();
        let mut letters = lower.chars();
        let capitalised: String = match letters.next() {
            Some(first) => first.to_uppercase().chain(letters).collect(),
            None => String::new(),
        };
        for form in [text.to_owned(), lower, text.to_uppercase(), capitalised] {
            for variant in [form.clone(), format!(" {form}")] {
                if !all.contains(&variant) {
                    all.push(variant);
                }
            }
        }
    }
    all
}

/// The expectation over labels at the place of the verdict.
///
/// # Errors
///
/// Why there is none, for a person: no token reads as a label, no label is listed, or a label is split into tokens so
/// that its probability cannot be told from that of another one (`1` and `10`).
pub fn expected(labels: &[Label], tokens: &[Token]) -> Result<Expected, String> {
    let token = place_of_verdict(labels, tokens)?;
    let mut seen: Vec<(&str, f64)> = vec![(&token.text, token.logprob)];
    for (text, logprob) in &token.others {
        if !seen.iter().any(|(known, _)| known == text) {
            seen.push((text, *logprob));
        }
    }
    let mut found = vec![0.0; labels.len()];
    for (text, logprob) in seen {
        if let Some(place) = label_of(labels, text) {
            found[place] += probability(logprob);
        }
    }
    let mass: f64 = found.iter().sum();
    if mass <= 0.0 {
        return Err("no label is among the likeliest tokens".to_owned());
    }
    check_starts(labels, &found, mass)?;
    let candidates = labels.first().map_or(0, |label| label.scores.len());
    let scores = (0..candidates)
        .map(|candidate| {
            let weighed = labels.iter().zip(&found).map(|(label, p)| label.scores[candidate] * p);
            weighed.sum::<f64>() / mass
        })
        .collect();
    let shares =
        labels.iter().zip(&found).map(|(label, p)| (label.text.clone(), p / mass)).collect();
    Ok(Expected { scores, mass, shares })
}

/// Servers report -9999 or less for what cannot happen; a number that is none counts as such.
fn probability(logprob: f64) -> f64 {
    if logprob.is_nan() { 0.0 } else { logprob.min(0.0).exp() }
}

/// The token where the last label of the reply stands; the only token, whatever it is.
fn place_of_verdict<'a>(labels: &[Label], tokens: &'a [Token]) -> Result<&'a Token, String> {
    if let [only] = tokens {
        return Ok(only);
    }
    let words = words(tokens);
    let reads = |word: &&std::ops::Range<usize>, exactly: bool| {
        let text: String =
            tokens[(*word).clone()].iter().map(|token| token.text.as_str()).collect();
        match exactly {
            true => labels.iter().any(|label| bare(&label.text) == bare(&text)),
            false => label_of(labels, &text).is_some(),
        }
    };
    // "a" is a word of English: a label in its own case is the verdict wherever there is one.
    let last = words
        .iter()
        .rev()
        .find(|word| reads(word, true))
        .or_else(|| words.iter().rev().find(|word| reads(word, false)));
    match last {
        Some(word) if word.len() == 1 => Ok(&tokens[word.start]),
        Some(word) => {
            let parts: Vec<&str> =
                tokens[word.clone()].iter().map(|token| token.text.as_str()).collect();
            Err(format!(
                "the label `{}` is split into {} tokens: name labels of one token each",
                parts.concat().trim(),
                parts.len()
            ))
        }
        None => Err("no token of the reply reads as a label".to_owned()),
    }
}

/// Runs of tokens without white space or punctuation between them. Tokens of punctuation stand alone.
fn words(tokens: &[Token]) -> Vec<std::ops::Range<usize>> {
    let mut words: Vec<std::ops::Range<usize>> = Vec::new();
    for (place, token) in tokens.iter().enumerate() {
        let joins = token.text.chars().next().is_some_and(char::is_alphanumeric)
            && place > 0
            && tokens[place - 1].text.chars().next_back().is_some_and(char::is_alphanumeric);
        match words.last_mut() {
            Some(word) if joins => word.end = place + 1,
            _ => words.push(place..place + 1),
        }
    }
    words
}

/// The label that a text says, whatever its case and what is around it; in its own case if two labels differ in case.
fn label_of(labels: &[Label], text: &str) -> Option<usize> {
    let said = bare(text);
    if said.is_empty() {
        return None;
    }
    labels.iter().position(|label| bare(&label.text) == said).or_else(|| {
        let lower = said.to_lowercase();
        labels.iter().position(|label| bare(&label.text).to_lowercase() == lower)
    })
}

/// A token without white space, brackets, punctuation and the mark that some tokenizers put for a space.
fn bare(text: &str) -> &str {
    let around =
        |c: char| c.is_whitespace() || matches!(c, '▁' | 'Ġ') || (!c.is_alphanumeric() && c != '-');
    let trimmed = text.trim_matches(around);
    if trimmed.is_empty() { text.trim() } else { trimmed }
}

/// A label that starts another one may be the first half of it, unless the longer one was listed as a token.
fn check_starts(labels: &[Label], found: &[f64], mass: f64) -> Result<(), String> {
    for (place, label) in labels.iter().enumerate() {
        let longer = labels.iter().zip(found).find(|(other, p)| {
            other.text.len() > label.text.len() && other.text.starts_with(&label.text) && **p == 0.0
        });
        if let Some((longer, _)) = longer
            && found[place] / mass > NEGLIGIBLE
        {
            return Err(format!(
                "`{}` may be the start of `{}`: take a scale whose numbers are one token each, such as 1 to 9",
                label.text, longer.text
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
