//! The reply to `score`: one entry for each question, each checked on its own.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tribunal_api::wire::ErrorBody;
use tribunal_api::{
    Abstention, Answer, Answers, Origin, Question, Readout, Reason, Score, SourceError, Usage,
};

type Sampled = Result<Vec<Answer>, SourceError>;

/// The shorthand, which nearly all replies are.
#[derive(Deserialize)]
struct Short {
    scores: Vec<Vec<Option<f64>>>,
}

#[derive(Deserialize)]
struct Long {
    scores: Option<Vec<Value>>,
    answers: Option<Vec<Value>>,
}

/// One sample as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sample {
    scores: Option<Vec<Option<f64>>>,
    abstained: Option<Abstained>,
    parts: Option<BTreeMap<String, Vec<Option<f64>>>>,
    transcript: Option<Value>,
    usage: Option<Usage>,
    served: Option<String>,
    requests: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Abstained {
    reason: String,
    note: Option<String>,
}

/// Reads a reply. What concerns one question costs that question alone.
pub(super) fn read(origin: &str, line: &str, batch: &[Question]) -> Answers {
    let broken =
        |what: String| SourceError::Broken { message: format!("the plugin `{origin}` {what}") };
    let whole = |what: String| Answers::failed(batch.len(), &broken(what));
    let answered = |count: usize| {
        (count != batch.len()).then(|| {
            let asked = batch.len();
            whole(format!("gave {} for {}", counted(count, "answer"), counted(asked, "question")))
        })
    };
    if let Ok(Short { scores }) = serde_json::from_str::<Short>(line) {
        return answered(scores.len()).unwrap_or_else(|| {
            let pairs = scores.into_iter().zip(batch);
            pairs.map(|(scores, question)| short(scores, question).map_err(broken)).collect()
        });
    }
    let entries = match serde_json::from_str::<Long>(line) {
        Ok(Long { scores: None, answers: Some(answers) }) => answers,
        // Scores that are no numbers: each question learns whether its own are.
        Ok(Long { scores: Some(scores), answers: None }) => {
            let entry = |scores| serde_json::json!({ "scores": scores });
            scores.into_iter().map(entry).collect()
        }
        Ok(Long { scores: Some(_), .. }) => {
            return whole("gave both `scores` and `answers`".to_owned());
        }
        Ok(Long { scores: None, answers: None }) => {
            return whole("gave neither `scores` nor `answers`".to_owned());
        }
        Err(cause) => return whole(format!("gave answers that cannot be read: {cause}")),
    };
    answered(entries.len()).unwrap_or_else(|| {
        let pairs = entries.into_iter().zip(batch);
        pairs.map(|(entry, question)| long(entry, question, &broken)).collect()
    })
}

fn short(scores: Vec<Option<f64>>, question: &Question) -> Result<Vec<Answer>, String> {
    samples(1, question)?;
    Ok(vec![Answer::new(Readout::Scores(finite(&scores, question)?))])
}

fn long(entry: Value, question: &Question, broken: &dyn Fn(String) -> SourceError) -> Sampled {
    if let Some(error) = entry.get("error").filter(|error| !error.is_null()) {
        let text = || ErrorBody::of("broken", error.to_string());
        let error: ErrorBody = serde_json::from_value(error.clone()).unwrap_or_else(|_| text());
        return Err(error.into_source_error());
    }
    let entries = match entry {
        Value::Object(mut table) => match table.remove("samples") {
            Some(samples) => parse::<Vec<Value>>(samples, "`samples`").map_err(broken)?,
            None => vec![Value::Object(table)],
        },
        other => vec![other],
    };
    samples(entries.len(), question).map_err(broken)?;
    let answers = entries.into_iter().map(|entry| sample(entry, question));
    answers.collect::<Result<_, _>>().map_err(broken)
}

fn sample(entry: Value, question: &Question) -> Result<Answer, String> {
    if !entry.is_object() {
        return Err(format!("gave an answer that is no object: `{entry}`"));
    }
    let sample: Sample = parse(entry, "an answer")?;
    let readout = match (sample.scores, sample.abstained) {
        (Some(scores), None) => Readout::Scores(finite(&scores, question)?),
        (None, Some(Abstained { reason, note })) => {
            let note = note.unwrap_or_default();
            let reason: Reason = serde_json::from_value(Value::String(reason.clone()))
                .map_err(|_| format!("abstained for the unknown reason `{reason}`"))?;
            Readout::Abstained(Abstention { reason, note })
        }
        (Some(_), Some(_)) => return Err("gave both scores and an abstention".to_owned()),
        (None, None) => return Err("gave neither scores nor an abstention".to_owned()),
    };
    let mut answer = Answer::new(readout);
    for (name, values) in sample.parts.unwrap_or_default() {
        let values =
            finite(&values, question).map_err(|what| format!("{what} in the part `{name}`"))?;
        answer.parts.insert(name, values.into_iter().map(Score::value).collect());
    }
    answer.transcript = sample.transcript;
    answer.usage = sample.usage.unwrap_or_default();
    answer.origin = Origin { served: sample.served, requests: sample.requests.unwrap_or_default() };
    Ok(answer)
}

/// One finite number for each candidate.
fn finite(values: &[Option<f64>], question: &Question) -> Result<Vec<Score>, String> {
    if values.len() != question.arity() {
        let (given, asked) = (values.len(), question.arity());
        return Err(format!(
            "gave {} for {}",
            counted(given, "score"),
            counted(asked, "candidate")
        ));
    }
    let score = |(place, value): (usize, &Option<f64>)| {
        value.and_then(|value| Score::try_from(value).ok()).ok_or_else(|| {
            format!("gave candidate {place} (from 0) a score that is not finite (`null`)")
        })
    };
    values.iter().enumerate().map(score).collect()
}

fn samples(given: usize, question: &Question) -> Result<(), String> {
    let asked = question.samples();
    match given == asked {
        true => Ok(()),
        false => Err(format!("gave {} for {}", counted(given, "sample"), counted(asked, "seed"))),
    }
}

fn parse<T: DeserializeOwned>(value: Value, what: &str) -> Result<T, String> {
    serde_json::from_value(value)
        .map_err(|cause| format!("gave {what} that cannot be read: {cause}"))
}

/// `1 score`, `2 scores`.
pub(super) fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn batch() -> Vec<Question> {
        vec![Question::of_text("p", &["a"]), Question::of_text("q", &["a", "b"])]
    }

    fn of(reply: Value, batch: &[Question]) -> Vec<Sampled> {
        read("x", &reply.to_string(), batch).into_vec()
    }

    fn scores(sampled: &Sampled) -> Vec<f64> {
        let scores = sampled.as_ref().unwrap()[0].readout.scores().unwrap();
        scores.iter().map(|score| score.value()).collect()
    }

    fn broken(sampled: &Sampled) -> &str {
        match sampled {
            Err(SourceError::Broken { message }) => message,
            other => panic!("not broken: {other:?}"),
        }
    }

    #[test]
    fn shorthand_and_answers_say_the_same() {
        for reply in [
            json!({"id": 1, "scores": [[1], [2.5, -3]]}),
            json!({"id": 1, "answers": [{"scores": [1]}, {"scores": [2.5, -3]}]}),
        ] {
            let found = of(reply, &batch());
            assert_eq!((scores(&found[0]), scores(&found[1])), (vec![1.0], vec![2.5, -3.0]));
        }
    }

    #[test]
    fn a_wrong_count_costs_its_question_alone() {
        let found = of(json!({"scores": [[1], [2]]}), &batch());
        assert_eq!(scores(&found[0]), [1.0]);
        assert_eq!(broken(&found[1]), "the plugin `x` gave 1 score for 2 candidates");
    }

    #[test]
    fn a_number_that_is_not_finite_costs_its_question_alone() {
        let found = of(json!({"scores": [[null], [2, 1]]}), &batch());
        assert_eq!(
            broken(&found[0]),
            "the plugin `x` gave candidate 0 (from 0) a score that is not finite (`null`)"
        );
        assert_eq!(scores(&found[1]), [2.0, 1.0]);
    }

    #[test]
    fn text_in_place_of_a_score_costs_its_question_alone() {
        let found = of(json!({"scores": [["1"], [2, 1]]}), &batch());
        assert!(broken(&found[0]).starts_with("the plugin `x` gave an answer that cannot be read"));
        assert_eq!(scores(&found[1]), [2.0, 1.0]);
    }

    #[test]
    fn a_missing_entry_costs_the_batch() {
        for found in of(json!({"scores": [[1]]}), &batch()) {
            assert_eq!(broken(&found), "the plugin `x` gave 1 answer for 2 questions");
        }
        for (reply, what) in [
            (json!({}), "neither `scores` nor `answers`"),
            (json!({"scores": [[1]], "answers": []}), "gave 1 answer for 2 questions"),
            (json!({"scores": [1, 2], "answers": []}), "both `scores` and `answers`"),
            (json!({"scores": 3}), "cannot be read"),
        ] {
            assert!(broken(&of(reply, &batch())[1]).contains(what));
        }
    }

    #[test]
    fn an_answer_may_hold_more_than_scores() {
        let found = of(
            json!({"answers": [
                {"abstained": {"reason": "too-long"}, "usage": {"input-tokens": 3}, "later": 1},
                {"scores": [1, 2], "parts": {"help": [3, 4]}, "transcript": {"a": 1}, "served": "m"},
            ]}),
            &batch(),
        );
        let one = &found[0].as_ref().unwrap()[0];
        assert_eq!(one.readout, Answer::abstain(Reason::TooLong, "").readout);
        assert_eq!(one.usage.input_tokens, Some(3));
        let two = &found[1].as_ref().unwrap()[0];
        assert_eq!(two.parts["help"], [3.0, 4.0]);
        assert_eq!(two.transcript, Some(json!({"a": 1})));
        assert_eq!(two.origin.served.as_deref(), Some("m"));
    }

    #[test]
    fn a_malformed_answer_is_broken() {
        for (entry, what) in [
            (json!({"abstained": {"reason": "tired"}}), "the unknown reason `tired`"),
            (json!({"scores": [1], "abstained": {"reason": "missing"}}), "both"),
            (json!({}), "neither"),
            (json!([1]), "no object: `[1]`"),
            (
                json!({"scores": [1], "parts": {"help": [1, 2]}}),
                "2 scores for 1 candidate in the part `help`",
            ),
            (json!({"samples": [{"scores": [1]}, {"scores": [1]}]}), "2 samples for 1 seed"),
            (json!({"samples": 3}), "`samples` that cannot be read"),
        ] {
            let found = of(json!({"answers": [entry]}), &batch()[..1]);
            assert!(broken(&found[0]).contains(what), "{found:?}");
        }
    }

    #[test]
    fn one_sample_stands_for_each_seed() {
        let batch = [Question::of_text("p", &["a"]).with_seeds(vec![1, 2])];
        let found =
            of(json!({"answers": [{"samples": [{"scores": [1]}, {"scores": [2]}]}]}), &batch);
        assert_eq!(found[0].as_ref().unwrap().len(), 2);
        let found = of(json!({"scores": [[1]]}), &batch);
        assert_eq!(broken(&found[0]), "the plugin `x` gave 1 sample for 2 seeds");
    }

    #[test]
    fn an_error_concerns_one_question() {
        let found = of(
            json!({"answers": [{"error": {"code": "rejected", "message": "no"}}, {"scores": [1, 2]}]}),
            &batch(),
        );
        assert_eq!(found[0], Err(SourceError::Rejected { message: "no".to_owned() }));
        assert_eq!(scores(&found[1]), [1.0, 2.0]);
    }
}
