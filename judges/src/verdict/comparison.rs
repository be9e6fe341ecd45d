//! Labels that compare two candidates: `A>>B`, `A>B`, `A=B`, `B>A`, `B>>A`.

use super::{Label, best_of, tie_of};

/// The five labels. Strength is not kept: `A>>B` and `A>B` have the same scores.
pub(super) fn labels(names: &[String; 2]) -> Vec<Label> {
    let [a, b] = names;
    let label = |text: String, scores: Vec<f64>| Label { text, scores };
    vec![
        label(format!("{a}>>{b}"), best_of(0, 2)),
        label(format!("{a}>{b}"), best_of(0, 2)),
        label(format!("{a}={b}"), tie_of(2)),
        label(format!("{b}>{a}"), best_of(1, 2)),
        label(format!("{b}>>{a}"), best_of(1, 2)),
    ]
}

/// What any comparison of two names says, spaces aside: `b < a` says that A is better.
pub(super) fn scores(text: &str, names: &[String; 2]) -> Option<Vec<f64>> {
    let text: String = text.chars().filter(|character| !character.is_whitespace()).collect();
    let is_sign = |character: char| matches!(character, '<' | '>' | '=' | '≫' | '≪');
    let start = text.find(is_sign)?;
    let end =
        text.rfind(is_sign).map(|at| at + text[at..].chars().next().map_or(1, char::len_utf8))?;
    let position = |name: &str| names.iter().position(|one| one.eq_ignore_ascii_case(name));
    let (left, right) = (position(&text[..start])?, position(&text[end..])?);
    if left == right {
        return None;
    }
    match &text[start..end] {
        ">" | ">>" | ">>>" | "≫" => Some(best_of(left, 2)),
        "<" | "<<" | "<<<" | "≪" => Some(best_of(right, 2)),
        "=" | "==" => Some(tie_of(2)),
        _ => None,
    }
}
