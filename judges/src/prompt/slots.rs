//! The slots that a prompt may use, and where a template uses one that does not exist.

use std::collections::BTreeSet;

use minijinja::Environment;

use super::fault::{FileFault, line_at};
use super::file::{Candidates, TurnText};

/// Slots of every prompt.
const ALWAYS: [&str; 18] = [
    "question",
    "history",
    "dialogue",
    "multi_turn",
    "candidates",
    "count",
    "labels",
    "criteria",
    "reasoning",
    "verdict",
    "reference",
    "examples",
    "scale_low",
    "scale_high",
    "topic",
    "fence_note",
    "noun",
    "mode",
];
/// Slots of prompts with one candidate.
const ONE: [&str; 2] = ["answer", "transcript"];
/// Slots of prompts with two candidates.
const TWO: [&str; 4] = ["answer_a", "answer_b", "transcript_a", "transcript_b"];
/// What the template language itself brings.
const LANGUAGE: [&str; 3] = ["range", "dict", "namespace"];

/// The slots of a prompt with this many candidates.
pub fn slots(candidates: Candidates) -> Vec<&'static str> {
    let own: &[&str] = match candidates {
        Candidates::One => &ONE,
        Candidates::Two => &TWO,
        Candidates::Many => &[],
    };
    ALWAYS.iter().chain(own).copied().collect()
}

/// Adds a template under `name`; returns the slots that it uses.
///
/// # Errors
///
/// Text that is no template, and slots that do not exist.
pub(super) fn add_template(
    env: &mut Environment<'static>,
    name: &str,
    turn: &TurnText,
    candidates: Candidates,
    place: &str,
    file: &str,
) -> Result<BTreeSet<String>, FileFault> {
    let text = turn.text.get_ref().trim_end_matches(['\n', '\r']).to_owned();
    let span = turn.text.span();
    if let Err(error) = env.add_template_owned(name.to_owned(), text) {
        let start = line_at(file, span.start) + usize::from(starts_on_next_line(file, span.start));
        let line = error.line().map(|line| start + line - 1);
        let what = error.detail().map_or_else(|| error.kind().to_string(), ToOwned::to_owned);
        return Err(FileFault::new(place, format!("the text is no template, {what}"))
            .in_line(line)
            .with_hint("write `{{ slot }}`, `{% if slot %}` or `{% for c in candidates %}`"));
    }
    let template = env.get_template(name).map_err(|error| {
        FileFault::new(place, format!("the template cannot be read back: {error}"))
    })?;
    let used: BTreeSet<String> = template.undeclared_variables(false).into_iter().collect();
    let known = slots(candidates);
    let unknown = used
        .iter()
        .filter(|name| !known.contains(&name.as_str()) && !LANGUAGE.contains(&name.as_str()))
        .map(|name| (first_use(file, span.start, span.end, name), name))
        .min();
    match unknown {
        Some((byte, name)) => Err(FileFault::new(place, format!("`{name}` is not a slot"))
            .in_line(Some(line_at(file, byte)))
            .with_known(known)
            .with_hint("use one of the slots that `docs/judges.md` describes")),
        None => Ok(used),
    }
}

/// True when the text begins behind a line break that TOML drops.
fn starts_on_next_line(file: &str, start: usize) -> bool {
    let rest = file.get(start..).unwrap_or_default();
    ["\"\"\"\n", "'''\n", "\"\"\"\r\n", "'''\r\n"].iter().any(|opening| rest.starts_with(opening))
}

/// The byte of the file where a template first names a variable; where the template starts when it cannot be found.
fn first_use(file: &str, start: usize, end: usize, name: &str) -> usize {
    let text = file.get(start..end).unwrap_or_default();
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let found = text.match_indices(name).find(|(at, _)| {
        let before = text[..*at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        let opened = text[..*at].rfind('{').is_some_and(|open| !text[open..*at].contains('}'));
        opened && !before.is_some_and(word) && !after.is_some_and(word)
    });
    start + found.map_or(0, |(at, _)| at)
}
