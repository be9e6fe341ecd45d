//! `score`, with texts in the line or behind it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tribunal_api::wire::ErrorBody;
use tribunal_api::{Answer, Answers, Key, Origin, Question, Role, Turn};

use super::session::{Body, Refusal, broken, fields};
use super::work::{Held, Part, parse};

#[derive(Deserialize)]
struct InLine {
    prompts: Vec<Vec<Turn>>,
    questions: Vec<Asked<Arc<str>>>,
}

#[derive(Deserialize)]
struct Behind {
    prompts: Vec<Vec<(Role, usize)>>,
    questions: Vec<Asked<usize>>,
}

#[derive(Deserialize)]
struct Asked<T> {
    prompt: usize,
    candidates: Option<Vec<T>>,
    seeds: Option<Vec<u64>>,
    subset: Option<Arc<str>>,
    key: Option<Key>,
}

/// Answers the questions of a request.
pub(super) async fn score(held: &Held, line: &str, blob: Option<Vec<u8>>) -> Body {
    let Part::Source(source) = &held.part else { return Err(held.lacks("score")) };
    let batch = match blob {
        Some(bytes) => behind(parse(line)?, &bytes)?,
        None => in_line(parse(line)?)?,
    };
    let _permit = held.permit().await?;
    let answers = source.score(&batch).await;
    written(answers, &batch)
}

fn in_line(request: InLine) -> Result<Vec<Question>, Refusal> {
    let prompts: Vec<Arc<[Turn]>> = request.prompts.into_iter().map(Arc::from).collect();
    request.questions.into_iter().map(|asked| question(asked, &prompts)).collect()
}

fn behind(request: Behind, bytes: &[u8]) -> Result<Vec<Question>, Refusal> {
    let wrong = |what: &str| broken(format!("the raw bytes {what}"));
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("are no UTF-8"))?;
    let mut at = 0usize;
    let mut next = |length: usize| {
        let start = at;
        at = at.saturating_add(length);
        text.get(start..at).ok_or_else(|| wrong("are not as long as the line says"))
    };
    let mut prompts = Vec::with_capacity(request.prompts.len());
    for prompt in request.prompts {
        let turns = prompt.into_iter().map(|(role, length)| {
            next(length).map(|content| Turn { role, content: content.to_owned() })
        });
        prompts.push(turns.collect::<Result<Vec<Turn>, _>>()?.into());
    }
    let mut batch = Vec::with_capacity(request.questions.len());
    for asked in request.questions {
        let Asked { prompt, candidates, seeds, subset, key } = asked;
        let candidates = candidates
            .map(|lengths| lengths.into_iter().map(|length| next(length).map(Arc::from)).collect())
            .transpose()?;
        batch.push(question(Asked { prompt, candidates, seeds, subset, key }, &prompts)?);
    }
    match at == text.len() {
        true => Ok(batch),
        false => Err(wrong("are more than the line says")),
    }
}

fn question(asked: Asked<Arc<str>>, prompts: &[Arc<[Turn]>]) -> Result<Question, Refusal> {
    let prompt = prompts
        .get(asked.prompt)
        .ok_or_else(|| broken(format!("there is no prompt {} in the request", asked.prompt)))?;
    let mut question = Question::new(prompt.clone(), asked.candidates.unwrap_or_default());
    if let Some(seeds) = asked.seeds.filter(|seeds| !seeds.is_empty()) {
        question = question.with_seeds(seeds);
    }
    if let Some(subset) = asked.subset {
        question = question.with_subset(subset);
    }
    if let Some(key) = asked.key {
        question = question.with_key(key);
    }
    Ok(question)
}

/// One entry of `answers`.
#[derive(Serialize)]
#[serde(untagged)]
enum Entry {
    Failed { error: ErrorBody },
    One(Answer),
    Samples { samples: Vec<Answer> },
}

fn written(answers: Answers, batch: &[Question]) -> Body {
    let answers = answers.into_vec();
    let plain: Option<Vec<_>> = answers
        .iter()
        .zip(batch)
        .map(|(answer, question)| match answer.as_deref() {
            Ok([one]) if question.samples() == 1 && bare(one) => one.readout.scores(),
            _ => None,
        })
        .collect();
    if let Some(scores) = plain.filter(|scores| scores.len() == answers.len()) {
        return fields(&json!({ "scores": scores }));
    }
    let samples: Vec<usize> = batch.iter().map(Question::samples).collect();
    let entries = answers.into_iter().enumerate().map(|(place, answer)| match answer {
        Err(error) => Entry::Failed { error: ErrorBody::from(&error) },
        Ok(mut answers) if answers.len() == 1 && samples.get(place) == Some(&1) => {
            Entry::One(answers.remove(0))
        }
        Ok(samples) => Entry::Samples { samples },
    });
    #[derive(Serialize)]
    struct Reply {
        answers: Vec<Entry>,
    }
    fields(&Reply { answers: entries.collect() })
}

fn bare(answer: &Answer) -> bool {
    answer.parts.is_empty()
        && answer.transcript.is_none()
        && answer.usage.is_unknown()
        && answer.origin == Origin::default()
}
