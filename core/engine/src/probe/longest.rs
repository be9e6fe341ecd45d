//! Whether a long question reaches the model whole: each of its ends is changed, and its score must change, too.

use std::collections::HashSet;
use std::sync::Arc;

use tribunal_api::{Inspection, Question, Reads, RewardSource, SourceError, Turn};

use super::ask::{self, AtOnce, Said};
use super::finding::{End, Finding};
use crate::cases::Case;
use crate::plan::Calls;
use crate::ready::Ready;

/// How many characters of an end are changed, one after the other until the score changes: a score of few digits may
/// stay the same by chance, and a text may be cut by a little only.
const CHANGED: [usize; 3] = [24, 96, 384];

/// Of a hundred scores of known pairs at least so many must differ for an unchanged score to mean anything.
const DISTINCT: usize = 50;

/// What stands in place of what was there: other words, and fewer characters.
const INSTEAD: &str = "Nothing of that is here any more, seven green boats went home. ";

/// What the longest question tells.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) findings: Vec<Finding>,
    pub(super) notes: Vec<String>,
}

impl Told {
    fn note(note: String) -> Self {
        Self { findings: Vec::new(), notes: vec![note] }
    }
}

/// The longest question with one candidate that a run would ask of the source at this place of the plan.
pub(super) fn longest(ready: &Ready, place: usize) -> Option<Question> {
    let mut found: Option<(usize, &Case, usize)> = None;
    let asks = ready.stored.asks().into_iter().filter(|(_, _, ask)| ask.source == place);
    let cases = asks.flat_map(|(_, cell, ask)| {
        let cases = ready.suites[cell.suite].cases.iter();
        cases.filter(move |case| ask.manner.forms.contains_key(&case.item.subset))
    });
    for case in cases {
        let prompt: usize = case.item.prompt.iter().map(|turn| turn.content.len()).sum();
        for (at, candidate) in case.item.candidates.iter().enumerate() {
            let Some(text) = &candidate.text else { continue };
            let length = prompt + text.len();
            if found.is_none_or(|(most, _, _)| length > most) {
                found = Some((length, case, at));
            }
        }
    }
    let (_, case, at) = found?;
    let candidates: Vec<Arc<str>> = vec![case.item.candidates[at].text.clone()?];
    let question = Question::new(case.item.prompt.clone(), candidates);
    Some(match ready.plan.sources[place].source.reads() {
        Reads::Subset => question.with_subset(case.item.topic.clone()),
        _ => question,
    })
}

/// True when equal scores of different questions are rare enough to tell something.
pub(super) fn is_fine(said: &[Said]) -> bool {
    let scores: Vec<f64> = said.iter().flatten().flatten().copied().collect();
    let distinct: HashSet<u64> = scores.iter().map(|score| score.to_bits()).collect();
    !scores.is_empty() && 100 * distinct.len() >= DISTINCT * scores.len()
}

/// Asks the longest question as it is, with its end changed and with its beginning changed.
///
/// # Errors
///
/// What stops the source as a whole. That this one question gets no answer is a note.
pub(super) async fn ask(
    source: &Arc<dyn RewardSource>,
    calls: &Calls,
    question: &Question,
) -> Result<Told, SourceError> {
    let length = characters(question);
    let score = match one(source, calls, question).await? {
        Ok(score) => score,
        Err(reason) => {
            return Ok(Told::note(format!(
                "the longest question ({length} characters) gets no score ({reason})"
            )));
        }
    };
    let mut told = Told::default();
    let inspected = inspect(source, calls, question).await;
    if let Ok(Some(Inspection { tokens, most_tokens: Some(most), .. })) = inspected
        && tokens.len() as u64 > most
    {
        told.findings.push(Finding::LongerThanModel { tokens: tokens.len() as u64, most });
    }
    for end in [End::End, End::Beginning] {
        if is_unread(source, calls, question, end, score).await? {
            told.findings.push(Finding::Cut { end, characters: length });
        }
    }
    Ok(told)
}

/// What the source shows of a question, within the time of a call.
pub(super) async fn inspect(
    source: &Arc<dyn RewardSource>,
    calls: &Calls,
    question: &Question,
) -> Result<Option<Inspection>, SourceError> {
    match tokio::time::timeout(calls.timeout, source.inspect(question)).await {
        Ok(inspection) => inspection,
        Err(_) => Err(crate::lane::timed_out(calls.timeout)),
    }
}

async fn is_unread(
    source: &Arc<dyn RewardSource>,
    calls: &Calls,
    question: &Question,
    end: End,
    score: f64,
) -> Result<bool, SourceError> {
    let mut same = false;
    for count in CHANGED {
        let Some(changed) = changed(question, end, count) else { break };
        match one(source, calls, &changed).await? {
            Ok(other) if other.to_bits() == score.to_bits() => same = true,
            _ => return Ok(false),
        }
    }
    Ok(same)
}

/// The score of one question asked alone, or why there is none.
async fn one(
    source: &Arc<dyn RewardSource>,
    calls: &Calls,
    question: &Question,
) -> Result<Result<f64, String>, SourceError> {
    let said = ask::ask(source, calls, std::slice::from_ref(question), AtOnce::ALONE).await;
    match said.map(|mut said| said.pop()) {
        Ok(Some(Ok(scores))) => Ok(scores.first().copied().ok_or_else(|| "nothing".to_owned())),
        Ok(Some(Err(reason))) => Ok(Err(reason.to_owned())),
        Ok(None) => Ok(Err("nothing".to_owned())),
        Err(error) if error.may_retry() => Ok(Err(error.to_string())),
        Err(error) => Err(error),
    }
}

fn characters(question: &Question) -> usize {
    let prompt: usize = question.prompt().iter().map(|turn| turn.content.chars().count()).sum();
    prompt + question.candidates().iter().map(|text| text.chars().count()).sum::<usize>()
}

/// The question with so many characters of an end exchanged for fewer others; `None` where it is too short for that.
fn changed(question: &Question, end: End, count: usize) -> Option<Question> {
    let mut prompt: Vec<Turn> = question.prompt().to_vec();
    let mut candidates = question.candidates().to_vec();
    match end {
        End::End => {
            let text = candidates.last_mut()?;
            let kept = text.char_indices().rev().nth(count.checked_sub(1)?)?.0;
            *text = Arc::from(format!("{}{}", &text[..kept], instead(count)));
        }
        End::Beginning => {
            let text = &mut prompt.iter_mut().find(|turn| !turn.content.is_empty())?.content;
            let from = text.char_indices().nth(count)?.0;
            *text = format!("{}{}", instead(count), &text[from..]);
        }
    }
    let changed = Question::new(prompt, candidates);
    Some(match question.subset() {
        Some(subset) => changed.with_subset(Arc::from(subset)),
        None => changed,
    })
}

/// Two thirds of so many characters.
fn instead(count: usize) -> String {
    INSTEAD.chars().cycle().take((2 * count).div_ceil(3)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_are_exchanged_and_nothing_else() {
        let (prompt, reply) = ("p".repeat(100), "r".repeat(100));
        let question = Question::of_text(&prompt, &[&reply]);
        let end = changed(&question, End::End, 24).expect("long enough");
        assert_eq!(end.prompt(), question.prompt());
        // 76 characters stay, 16 = 24 x 2 / 3 are put in.
        assert_eq!(end.candidates()[0].len(), 76 + 16);
        assert!(end.candidates()[0].starts_with(&"r".repeat(76)));
        let beginning = changed(&question, End::Beginning, 96).expect("long enough");
        assert_eq!(beginning.candidates(), question.candidates());
        assert!(beginning.prompt()[0].content.ends_with("pppp"));
        assert_eq!(beginning.prompt()[0].content.len(), 4 + 64);
        assert_eq!(changed(&question, End::End, 384), None);
    }

    #[test]
    fn scores_of_few_values_tell_nothing_by_staying_the_same() {
        let said = |values: usize| -> Vec<Said> {
            (0..40).map(|place| Ok(vec![(place % values) as f64])).collect()
        };
        assert!(is_fine(&said(20)));
        assert!(!is_fine(&said(19)));
        assert!(!is_fine(&[]));
    }
}
