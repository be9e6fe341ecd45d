//! Asking a source, and holding two rounds of answers against each other.

use std::collections::BTreeMap;

use serde_json::json;
use tribunal_api::conformance::{self, check_answer};
use tribunal_api::{Answer, Arity, Question, Readout, RewardSource, SourceError};

use super::sheet::Finding;

/// What came back for a question.
pub(super) type Said = Result<Vec<Answer>, SourceError>;

/// The share of the range of all scores by which rounding may make two rounds differ.
const ROUNDING: f64 = 1e-3;

/// The numbers of candidates that are tried.
pub(super) fn arities(arity: Arity) -> Vec<usize> {
    let mut tried: Vec<usize> = [usize::from(arity.least), 1, 2, 3, 5]
        .into_iter()
        .filter(|&count| arity.admits(count))
        .collect();
    tried.sort_unstable();
    tried.dedup();
    tried
}

/// The known questions of each arity that the source admits.
pub(super) fn questions(source: &dyn RewardSource) -> Vec<Question> {
    let all = arities(source.arity()).into_iter().flat_map(conformance::questions);
    all.map(|question| drawn(source, question)).collect()
}

/// The question as a run would put it to a source that draws: two samples.
pub(super) fn drawn(source: &dyn RewardSource, question: Question) -> Question {
    if source.draws() { question.with_seeds([11, 12]) } else { question }
}

/// Asks in batches of the declared size, one after the other.
pub(super) async fn ask(source: &dyn RewardSource, questions: &[Question]) -> Vec<Said> {
    ask_by(source, questions, source.limits().batch.max(1)).await
}

/// Asks in batches of this size.
pub(super) async fn ask_by(
    source: &dyn RewardSource,
    questions: &[Question],
    batch: usize,
) -> Vec<Said> {
    let mut said = Vec::with_capacity(questions.len());
    for chunk in questions.chunks(batch) {
        let answers = source.score(chunk).await.into_vec();
        if answers.len() == chunk.len() {
            said.extend(answers);
        } else {
            let message = format!("{} questions, {} answers", chunk.len(), answers.len());
            said.extend(
                chunk.iter().map(|_| Err(SourceError::Broken { message: message.clone() })),
            );
        }
    }
    said
}

/// What was said, counted: `24 scored, 1 abstained (too-long)`.
pub(super) fn counted<'a>(said: impl IntoIterator<Item = &'a Said>) -> String {
    let mut scored = 0;
    let mut others: BTreeMap<String, usize> = BTreeMap::new();
    for one in said {
        match one {
            Ok(samples) => {
                let reason = samples.iter().find_map(|answer| match &answer.readout {
                    Readout::Scores(_) => None,
                    Readout::Abstained(abstention) => Some(abstention.reason.as_str()),
                });
                match reason {
                    None => scored += 1,
                    Some(reason) => {
                        *others.entry(format!("abstained ({reason})")).or_default() += 1
                    }
                }
            }
            Err(error) => *others.entry(error.name().to_owned()).or_default() += 1,
        }
    }
    let others = others.into_iter().map(|(what, count)| format!("{count} {what}"));
    std::iter::once(format!("{scored} scored")).chain(others).collect::<Vec<_>>().join(", ")
}

/// Whether the answers have the shape that is promised.
pub(super) fn shape(questions: &[Question], said: &[Said]) -> Finding {
    let mut wrong = Vec::new();
    let mut scored = 0;
    for (place, (question, one)) in questions.iter().zip(said).enumerate() {
        match one {
            Ok(samples) => {
                scored += samples.iter().filter(|answer| answer.readout.scores().is_some()).count();
                let texts = check_answer(question, samples);
                wrong.extend(texts.into_iter().map(|text| format!("question {place}: {text}")));
            }
            // A question that cannot be answered may be refused.
            Err(SourceError::Rejected { .. }) => {}
            Err(error) => wrong.push(format!("question {place}: {error}")),
        }
    }
    let mut arities: Vec<String> =
        questions.iter().map(|question| question.arity().to_string()).collect();
    arities.dedup();
    let candidates = if arities == ["1"] { "candidate" } else { "candidates" };
    let text = format!("{}; {} {candidates} each", counted(said), arities.join(", "));
    match wrong.as_slice() {
        [] if scored == 0 => Finding::warning(format!("nothing was scored: {text}")),
        [] => Finding::ok(text),
        [first] => Finding::failed(first.clone()),
        [first, rest @ ..] => Finding::failed(format!("{first}; and {} more", rest.len())),
    }
}

/// How two rounds of answers to the same questions differ.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Difference {
    /// The largest absolute difference of two scores.
    most: f64,
    /// The same as a share of the range of all scores.
    share: f64,
    /// Scores compared.
    scores: usize,
    /// Where one round has a score and the other has none.
    unlike: Option<String>,
}

/// Holds two rounds against each other. `names` say what they are.
pub(super) fn compare(left: &[Said], right: &[Said], names: [&str; 2]) -> Difference {
    let mut found = Difference::default();
    let (mut least, mut largest) = (f64::INFINITY, f64::NEG_INFINITY);
    for (place, (one, other)) in left.iter().zip(right).enumerate() {
        let unlike = |one: &str, other: &str| {
            Some(format!("question {place} is {one} {} and {other} {}", names[0], names[1]))
        };
        match (one, other) {
            (Ok(one), Ok(other)) => {
                for (one, other) in one.iter().zip(other) {
                    match (&one.readout, &other.readout) {
                        (Readout::Scores(one), Readout::Scores(other)) => {
                            for (one, other) in one.iter().zip(other) {
                                let (one, other) = (one.value(), other.value());
                                found.most = found.most.max((one - other).abs());
                                found.scores += 1;
                                least = least.min(one).min(other);
                                largest = largest.max(one).max(other);
                            }
                        }
                        (Readout::Abstained(one), Readout::Abstained(other))
                            if one.reason == other.reason => {}
                        (one, other) => {
                            found.unlike = found.unlike.or(unlike(word(one), word(other)));
                        }
                    }
                }
            }
            (Err(one), Err(other)) if one.name() == other.name() => {}
            (one, other) => {
                let name = |said: &Said| match said {
                    Ok(samples) => {
                        samples.first().map_or("unanswered", |answer| word(&answer.readout))
                    }
                    Err(error) => error.name(),
                };
                found.unlike = found.unlike.or(unlike(name(one), name(other)));
            }
        }
    }
    let range = largest - least;
    let scale = if range > 0.0 { range } else { largest.abs().max(f64::MIN_POSITIVE) };
    found.share = if found.most > 0.0 { found.most / scale } else { 0.0 };
    found
}

fn word(readout: &Readout) -> &'static str {
    match readout {
        Readout::Scores(_) => "scored",
        Readout::Abstained(_) => "abstained from",
    }
}

impl Difference {
    /// Equal passes, a little is measured, more fails. `hint` says what may cause it.
    pub(super) fn finding(&self, hint: &str) -> Finding {
        let Self { most, share, scores, unlike } = self;
        if let Some(unlike) = unlike {
            return Finding::failed(format!("{unlike}; {hint}"));
        }
        let value = json!({ "most": most, "share-of-range": share, "scores": scores });
        let text =
            format!("largest difference {most:.3e}, {share:.1e} of the range of {scores} scores");
        match (*scores, *most) {
            (0, _) => Finding::not_checked("nothing was scored"),
            (_, 0.0) => Finding::ok(format!("no difference in {scores} scores")),
            _ if *share <= ROUNDING => Finding::measured(text),
            _ => Finding::failed(format!("{text}; {hint}")),
        }
        .with(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::plugin::check::sheet::Status;
    use tribunal_api::Reason;

    fn scored(values: &[f64]) -> Vec<Said> {
        values.iter().map(|&value| Ok(vec![Answer::score(value).unwrap()])).collect()
    }

    fn status(left: &[f64], right: &[f64]) -> Status {
        compare(&scored(left), &scored(right), ["first", "then"]).finding("why").status
    }

    #[test]
    fn a_difference_counts_by_the_range_of_the_scores() {
        assert_eq!(status(&[1.0, 2.0], &[1.0, 2.0]), Status::Ok);
        // 1e-4 of a range of 1, and of 0.01.
        assert_eq!(status(&[1.0, 2.0], &[1.0, 2.0001]), Status::Measured);
        assert_eq!(status(&[1.0, 1.01], &[1.0, 1.0101]), Status::Failed);
        assert_eq!(status(&[0.0], &[0.0]), Status::Ok);
        assert_eq!(status(&[], &[]), Status::NotChecked);
    }

    #[test]
    fn a_score_in_the_place_of_an_abstention_is_no_small_difference() {
        let abstained: Vec<Said> = vec![Ok(vec![Answer::abstain(Reason::TooLong, "")])];
        let found = compare(&scored(&[1.0]), &abstained, ["alone", "together"]).finding("why");
        assert_eq!(found.status, Status::Failed);
        assert_eq!(found.text, "question 0 is scored alone and abstained from together; why");
        let same = compare(&abstained, &abstained.clone(), ["a", "b"]);
        assert_eq!(same.unlike, None);
    }

    #[test]
    fn answers_are_counted_in_words() {
        let mut said = scored(&[1.0, 2.0]);
        said.push(Ok(vec![Answer::abstain(Reason::TooLong, "")]));
        said.push(Err(SourceError::Rejected { message: String::new() }));
        assert_eq!(counted(&said), "2 scored, 1 abstained (too-long), 1 rejected");
    }

    #[test]
    fn a_few_numbers_of_candidates_are_tried() {
        assert_eq!(arities(Arity::ONE), [1]);
        assert_eq!(arities(Arity { least: 1, most: 3 }), [1, 2, 3]);
        assert_eq!(arities(Arity::LIST), [2, 3, 5]);
        assert_eq!(arities(Arity { least: 7, most: 9 }), [7]);
    }
}
