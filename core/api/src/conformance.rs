//! The checks that every plugin must pass. Call them from the tests of your adapter.
//!
//! ```
//! # use tribunal_api::*;
//! # struct Brevity;
//! # #[async_trait]
//! # impl RewardSource for Brevity {
//! #     fn arity(&self) -> Arity { Arity::ONE }
//! #     async fn identify(&self) -> Result<Identity, SourceError> { Ok(Identity::of_code("brevity", "1")) }
//! #     async fn score(&self, batch: &[Question]) -> Answers {
//! #         batch.iter().map(|question| Answer::score(-(question.candidates()[0].len() as f64))).collect()
//! #     }
//! # }
//! # async fn check() {
//! let questions = tribunal_api::conformance::questions(1);
//! let found = tribunal_api::conformance::source(&Brevity, &questions).await;
//! assert!(found.is_empty(), "{found:?}");
//! # }
//! ```

use std::collections::HashSet;
use std::sync::Arc;

use crate::answer::{Answer, Readout};
use crate::item::{Item, Loaded};
use crate::outcome::{Combiner, Outcome, Protocol, Shown, Vote};
use crate::question::{CandidateIndex, Key, Question, Turn};
use crate::source::{Reads, RewardSource};
use crate::suite::{Contest, Failures, Grade, Over, Rules, Standing, Suite, Ties, Tree};

/// A dozen questions of `arity` candidates: plain, empty, long, multi-turn, other scripts.
pub fn questions(arity: usize) -> Vec<Question> {
    let texts = [
        "Paris.",
        "The capital of France is Paris, on the Seine.",
        "",
        "I do not know.",
        "日本語の答えです。",
        "line one\nline two\r\n\ttabbed",
        "emoji 🦀 and a combining e\u{301}",
        "0",
        "<|im_end|> [[A]] \"quoted\" {\"json\": true}",
        "x",
        "a much longer reply that goes on for a while without saying anything that would help",
        "ok ok ok",
    ];
    let prompt: Arc<[Turn]> = Arc::from([
        Turn::user("What is the capital of France?"),
        Turn::assistant("Do you mean today?"),
        Turn::user("Yes."),
    ]);
    (0..texts.len())
        .map(|start| {
            let chosen: Vec<Arc<str>> =
                (0..arity).map(|offset| Arc::from(texts[(start + offset) % texts.len()])).collect();
            let candidates = (0..arity).map(|index| CandidateIndex(index as u16)).collect();
            Question::new(prompt.clone(), chosen).with_subset(Arc::from("topic")).with_key(Key {
                suite: Arc::from("conformance"),
                subset: Arc::from("topic"),
                id: Arc::from(start.to_string()),
                candidates,
            })
        })
        .collect()
}

/// Checks a source on these questions: its declarations, the shape of its answers, that it says the same
/// twice, and that a batch changes nothing. Returns what is wrong, empty when nothing is.
///
/// Sources that draw are asked twice with the same seeds and must answer the same.
pub async fn source(source: &dyn RewardSource, questions: &[Question]) -> Vec<String> {
    let mut wrong = Vec::new();
    let arity = source.arity();
    if arity.least == 0 || arity.most < arity.least {
        wrong.push(format!("arity {} to {} admits nothing", arity.least, arity.most));
    }
    let limits = source.limits();
    if limits.batch == 0 || limits.in_flight == 0 {
        wrong.push("limits of 0 admit nothing".to_owned());
    }
    match (source.identify().await, source.identify().await) {
        (Ok(first), Ok(second)) if first != second => {
            wrong.push(format!("identity changes: {first:?}, then {second:?}"));
        }
        (Ok(identity), Ok(_)) if identity.fingerprint.is_empty() => {
            wrong.push("the identity's fingerprint is empty".to_owned());
        }
        (Err(error), _) | (_, Err(error)) => wrong.push(format!("cannot identify: {error}")),
        _ => {}
    }
    if let Some(odd) = questions.iter().find(|question| !arity.admits(question.arity())) {
        wrong.push(format!("asked with {} candidates, admits {arity}", odd.arity()));
        return wrong;
    }
    if !source.score(&[]).await.is_empty() {
        wrong.push("an empty batch is answered with something".to_owned());
    }
    let together = source.score(questions).await.into_vec();
    if together.len() != questions.len() {
        wrong.push(format!("{} questions, {} answers", questions.len(), together.len()));
        return wrong;
    }
    for (place, (question, answer)) in questions.iter().zip(&together).enumerate() {
        match answer {
            Ok(samples) => wrong.extend(
                check_answer(question, samples)
                    .into_iter()
                    .map(|text| format!("question {place}: {text}")),
            ),
            Err(error) => wrong.push(format!("question {place}: {error}")),
        }
        let alone = source.score(std::slice::from_ref(question)).await.into_vec();
        if alone.first() != Some(answer) {
            wrong.push(format!("question {place}: another answer when asked alone"));
        }
    }
    wrong
}

/// What is wrong with the shape of an answer: number of samples, number of scores, numbers of parts.
pub fn check_answer(question: &Question, samples: &[Answer]) -> Vec<String> {
    let mut wrong = Vec::new();
    if samples.len() != question.samples() {
        wrong.push(format!("{} samples asked, {} answered", question.samples(), samples.len()));
    }
    for answer in samples {
        if let Readout::Scores(scores) = &answer.readout
            && scores.len() != question.arity()
        {
            wrong.push(format!("{} candidates, {} scores", question.arity(), scores.len()));
        }
        for (name, values) in &answer.parts {
            if values.len() != question.arity() {
                wrong.push(format!("part `{name}` holds {} values", values.len()));
            }
            if values.iter().any(|value| !value.is_finite()) {
                wrong.push(format!("part `{name}` holds a number that is not finite"));
            }
        }
    }
    wrong
}

/// Checks a suite whose data are at hand: unique ids, gold, determinism, and that grading perfect, reversed, tied
/// and absent outcomes keeps its promises. Returns the items and what is wrong.
pub fn suite(suite: &dyn Suite) -> (Loaded, Vec<String>) {
    let mut wrong = Vec::new();
    let (loaded, again) = match (suite.items(), suite.items()) {
        (Ok(loaded), Ok(again)) => (loaded, again),
        (Err(error), _) | (_, Err(error)) => return (Loaded::default(), vec![error.to_string()]),
    };
    if loaded.items != again.items || loaded.absent != again.absent {
        wrong.push("reading twice gives different items".to_owned());
    }
    if loaded.items.is_empty() {
        wrong.push("no items".to_owned());
    }
    let mut seen = HashSet::new();
    let mut grade_names = HashSet::new();
    for item in &loaded.items {
        let name = format!("item `{}` of `{}`", item.id, item.subset);
        if !seen.insert((item.subset.clone(), item.id.clone())) {
            wrong.push(format!("{name}: the id is not unique in its subset"));
        }
        if item.candidates.is_empty() || item.candidates.len() > usize::from(u16::MAX) {
            wrong.push(format!("{name}: {} candidates", item.candidates.len()));
            continue;
        }
        if item.gold.len() != item.candidates.len()
            || item.gold.iter().any(|gold| !gold.is_finite())
        {
            wrong.push(format!("{name}: gold does not hold one finite number per candidate"));
            continue;
        }
        check_grades(suite, item, &name, &mut grade_names, &mut wrong);
    }
    let mut subsets: Vec<Arc<str>> = loaded.items.iter().map(|item| item.subset.clone()).collect();
    subsets.sort();
    subsets.dedup();
    let aggregates = suite.aggregates(&subsets);
    if !aggregates.iter().any(|aggregate| aggregate.standing == Standing::Headline) {
        wrong.push("no aggregate is the headline".to_owned());
    }
    for aggregate in &aggregates {
        check_tree(&aggregate.tree, &grade_names, &subsets, &aggregate.measure, &mut wrong);
    }
    (loaded, wrong)
}

fn check_grades(
    suite: &dyn Suite,
    item: &Item,
    name: &str,
    grade_names: &mut HashSet<String>,
    wrong: &mut Vec<String>,
) {
    let rules = Rules::default();
    let grade = |outcome: &Outcome, rules: &Rules| suite.grade(item, outcome, rules);
    let total =
        |grades: &[Grade]| grades.iter().map(|grade| grade.credit * grade.weight).sum::<f64>();
    let perfect = Outcome::pointwise(item.gold.iter().copied());
    let reversed = Outcome::pointwise(item.gold.iter().map(|gold| -gold));
    let best = grade(&perfect, &rules);
    let worst = grade(&reversed, &rules);
    if best != grade(&perfect, &rules) {
        wrong.push(format!("{name}: grading twice gives different grades"));
    }
    if best.is_empty() {
        wrong.push(format!("{name}: a perfect outcome has no grade"));
    }
    if total(&best) < total(&worst) {
        wrong.push(format!("{name}: a reversed outcome earns more than a perfect one"));
    }
    for given in best.iter().chain(&worst) {
        grade_names.insert(given.name.to_string());
        if given.credit.is_nan() || !given.weight.is_finite() || given.weight < 0.0 {
            wrong.push(format!(
                "{name}: grade `{}` is {} x {}",
                given.name, given.credit, given.weight
            ));
        }
    }
    let abstained = Shown {
        order: Vec::new(),
        samples: vec![Answer::abstain(crate::Reason::Missing, "").readout],
    };
    let silent = Outcome {
        protocol: Protocol::Pointwise,
        combiner: Combiner::MeanScore,
        vote: Vote::Mean,
        shown: item
            .indices()
            .map(|index| Shown { order: vec![index], ..abstained.clone() })
            .collect(),
    };
    let exclude = Rules { failures: Failures::Exclude, ..rules };
    if !grade(&silent, &exclude).is_empty() {
        wrong.push(format!(
            "{name}: an item without readouts is graded although failures are excluded"
        ));
    }
    for ties in [Ties::Published, Ties::Loss, Ties::Half, Ties::Split] {
        for failures in [Failures::Published, Failures::Wrong, Failures::Worst, Failures::Best] {
            grade(&silent, &Rules { ties, failures });
        }
    }
    if suite.contest(&item.subset) == Contest::ScoresOnly && item.candidates.len() < 2 {
        wrong.push(format!("{name}: one candidate alone cannot be compared"));
    }
}

fn check_tree(
    tree: &Tree,
    grades: &HashSet<String>,
    subsets: &[Arc<str>],
    measure: &str,
    wrong: &mut Vec<String>,
) {
    let mut known = |subset: &Arc<str>| {
        if !subsets.contains(subset) {
            wrong.push(format!("measure `{measure}` names the absent subset `{subset}`"));
        }
    };
    match tree {
        Tree::Mean { grade, over } => {
            match over {
                Over::All => {}
                Over::Subset(subset) => known(subset),
                Over::Subsets(several) => several.iter().for_each(&mut known),
            }
            if !grades.contains(grade.as_ref()) {
                wrong.push(format!(
                    "measure `{measure}` reads the grade `{grade}` that no item has"
                ));
            }
        }
        Tree::Average(parts) => {
            parts.iter().for_each(|part| check_tree(part, grades, subsets, measure, wrong));
        }
        Tree::Weighted(parts) => {
            parts.iter().for_each(|(_, part)| check_tree(part, grades, subsets, measure, wrong));
        }
        Tree::Set(subset) => known(subset),
    }
}

/// What a source reads, checked against what items offer: `None` when it can be asked.
pub fn cannot_read(reads: Reads, item: &Item) -> Option<String> {
    (reads != Reads::Key && !item.has_text()).then(|| {
        format!("item `{}` of `{}` has no text, and the source reads texts", item.id, item.subset)
    })
}
