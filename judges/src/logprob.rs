//! Scores from the probabilities of labels: how likely each label was at the place where the verdict stands.
//!
//! The place is the only token of the reply; of a longer reply whose verdict comes first (`reasoning = "after"`), the
//! label that it begins with; else the label that stands alone on the last line. What else might have stood there is
//! sorted by label, whatever its case and the white space and punctuation around it; the probabilities of one label are
//! summed. A score is then the expectation over labels: `[p(A), p(B)]` divided by their sum for a pair, with half of a
//! tie's share each; `p(yes) / (p(yes) + p(no))` for a yes or no; `sum of r p(r) / sum of p(r)` for ratings.

mod place;

use tribunal_api::Token;

use crate::prompt::Reasoning;
use crate::verdict::Label;

/// What the probabilities of labels say.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// One score per candidate, in the order shown: the expectation over labels.
    pub scores: Vec<f64>,
    /// Probability on all labels together, [`LEAST_MASS`] to about 1. Little mass says that the judge meant to write
    /// something else.
    pub mass: f64,
    /// Each label's share of the mass, in the form's order; 0 for labels that the backend does not list.
    pub shares: Vec<(String, f64)>,
}

/// Probability on all labels together below which there is no expectation: the judge was about to write something else.
pub const LEAST_MASS: f64 = 0.05;

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

/// The expectation over labels at the place of the verdict. `mark` is what the prompt may ask for around a label, with
/// `{label}` or `{number}` in its place.
///
/// # Errors
///
/// Why there is none, for a person: no label stands where the verdict belongs, the labels listed there hold too little
/// of the probability, or a label is split into tokens so that its probability cannot be told from that of another one
/// (`1` and `10`).
pub fn expected(
    labels: &[Label],
    tokens: &[Token],
    reasoning: Reasoning,
    mark: &str,
) -> Result<Expected, String> {
    let token = place::of_verdict(labels, tokens, reasoning, mark)?;
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
    if mass < LEAST_MASS {
        return Err(format!(
            "the labels hold only {mass:.4} of the probability where `{}` stands: let the prompt ask for the label alone, \
             or take another readout",
            token.text.trim()
        ));
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
