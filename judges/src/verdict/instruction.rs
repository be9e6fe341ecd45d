//! The sentence that tells a judge in which form to give its verdict.

use super::{JsonForm, LetterForm, NumberForm, Readout, VerdictForm};

/// The instruction of a readout: the prompt file's own, or one that is written from the form.
pub(super) fn text(form: &VerdictForm, readout: Readout, candidates: usize) -> String {
    let own = match readout {
        Readout::Letter => form.letter.as_ref().and_then(|form| form.instruction.as_ref()),
        Readout::Number => form.number.as_ref().and_then(|form| form.instruction.as_ref()),
        Readout::Json => form.json.as_ref().and_then(|form| form.instruction.as_ref()),
        Readout::LabelLogprob => {
            form.label_logprob.as_ref().and_then(|form| form.instruction.as_ref())
        }
    };
    if let Some(own) = own {
        return own.clone();
    }
    match readout {
        Readout::Letter => letter(form, candidates),
        Readout::Number => number(form),
        Readout::Json => json(form, candidates),
        Readout::LabelLogprob => label(form, candidates),
    }
}

/// `A if Response A is best, ...`, each label in the readout's mark.
fn meanings(form: &VerdictForm, readout: Readout, candidates: usize) -> String {
    let default = LetterForm::default();
    let letters = form.letter.as_ref().unwrap_or(&default);
    let marker = form.marker(readout);
    let noun = form.noun();
    let name = |position| format!("{noun} {}", form.candidate_label(position));
    let mut parts: Vec<String> = Vec::new();
    if !letters.words.is_empty() {
        let labels = form.labels(Readout::Letter, candidates);
        return one_of(labels.iter().map(|label| marker.around(&label.text)).collect());
    }
    if letters.comparison {
        let (a, b) = (name(0), name(1));
        let meant = [
            format!("if {a} is much better"),
            format!("if {a} is slightly better"),
            "if they are equally good".to_owned(),
            format!("if {b} is slightly better"),
            format!("if {b} is much better"),
        ];
        let labels = form.labels(Readout::Letter, candidates);
        parts.extend(
            labels
                .iter()
                .zip(meant)
                .map(|(label, meant)| format!("{} {meant}", marker.around(&label.text))),
        );
        return one_of(parts);
    }
    let better = if candidates == 2 { "better" } else { "best" };
    for position in 0..candidates {
        let label = marker.around(&form.candidate_label(position));
        parts.push(format!("{label} if {} is {better}", name(position)));
    }
    if let Some(tie) = &letters.tie {
        parts.push(format!("{} if they are equally good", marker.around(tie)));
    }
    one_of(parts)
}

fn one_of(parts: Vec<String>) -> String {
    match parts.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

fn letter(form: &VerdictForm, candidates: usize) -> String {
    let meanings = meanings(form, Readout::Letter, candidates);
    format!("Give your verdict once, in exactly this form: {meanings}.")
}

fn number(form: &VerdictForm) -> String {
    let scale = form.number.clone().unwrap_or_default();
    let NumberForm { low, high, .. } = scale;
    let kind = if scale.decimals { "number" } else { "whole number" };
    let marker = form.marker(Readout::Number);
    if marker.is_bare() {
        return format!(
            "End your reply with a line that holds your rating and nothing else: a {kind} from {low} to {high}, without \
             markdown."
        );
    }
    // A number in the example would draw ratings towards it, so a letter stands in its place.
    let shown = marker.around("N");
    format!(
        "Give your rating once, in exactly this form: {shown}, where N is a {kind} from {low} (worst) to {high} (best)."
    )
}

fn label(form: &VerdictForm, candidates: usize) -> String {
    if form.letter.is_some() {
        let meanings = meanings(form, Readout::LabelLogprob, candidates);
        return format!("Give your verdict as one label and nothing else: {meanings}.");
    }
    let NumberForm { low, high, .. } = form.number.clone().unwrap_or_default();
    format!(
        "Give your rating as one whole number from {low} (worst) to {high} (best) and nothing else."
    )
}

fn json(form: &VerdictForm, candidates: usize) -> String {
    let default = JsonForm::default();
    let keys = form.json.as_ref().unwrap_or(&default);
    let NumberForm { low, high, .. } = form.number.clone().unwrap_or_default();
    let mut parts = Vec::new();
    if let Some(key) = &keys.reason {
        parts.push(format!("\"{key}\" (a short explanation)"));
    }
    if let Some(key) = &keys.winner {
        let meanings = meanings(form, Readout::Json, candidates);
        parts.push(format!("\"{key}\" (a string: {meanings})"));
    }
    if let Some(key) = &keys.rating {
        parts.push(format!("\"{key}\" (a number from {low}, worst, to {high}, best)"));
    }
    if let Some(key) = &keys.ratings {
        let names: Vec<String> =
            (0..candidates).map(|at| format!("\"{}\"", form.candidate_label(at))).collect();
        parts.push(format!(
            "\"{key}\" (an object with the keys {}, each a number from {low}, worst, to {high}, best)",
            names.join(", ")
        ));
    }
    let keys = match parts.len() {
        1 => "the key",
        _ => "the keys",
    };
    format!("Give your verdict as one JSON object with {keys} {}.", parts.join(" and "))
}
