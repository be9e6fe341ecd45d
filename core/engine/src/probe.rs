//! The self-check: known pairs are put to a source before money is spent on it.
//!
//! What it finds are mistakes of set-up rather than weak models: scores that say nothing, are squashed, are turned
//! round, or depend on what else is asked at the same time.

mod ask;
mod checkup;
mod finding;
mod judge;
mod longest;
mod pairs;
mod record;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use tribunal_api::{Question, Reads, RewardSource, Scale, SelfCheck, SourceError, Turn};

use crate::closing::Closing;
use crate::digest::Digest;
use crate::event::{Event, Reporter};
use crate::opening;
use crate::plan::{Calls, PlannedSource};
use crate::ready::Ready;
use ask::AtOnce;
use judge::{Shown, Tally};

pub use checkup::{Checkup, Example, checkup};
pub use finding::{End, Finding};
pub use pairs::{KnownPair, known_pairs};
pub use record::{Found, Record};

/// Questions that are asked a second time, alone.
const ASKED_ALONE: usize = 8;

/// What the self-check of a source says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// Comparisons with scores: one a known pair where replies are scored one by one, two (both orders) where they
    /// are shown together. 0 when the source was not asked.
    pub checked: usize,
    /// Comparisons in which the better reply scored higher.
    pub right: usize,
    /// Comparisons in which both scored the same.
    pub tied: usize,
    /// What is wrong; empty when all is well.
    pub findings: Vec<Finding>,
    /// What was not checked, and why.
    pub notes: Vec<String>,
}

/// A source whose self-check found something.
#[derive(Clone, Debug, PartialEq)]
pub struct Unfit {
    /// Name of the source's block.
    pub source_name: String,
    /// What was found; never empty.
    pub findings: Vec<Finding>,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "source `{}` fails its self-check", self.source_name)?;
        for finding in &self.findings {
            write!(f, "\n  {finding}\n    {}", finding.remedy())?;
        }
        Ok(())
    }
}

/// Why a run is not begun.
#[derive(Debug, thiserror::Error)]
pub enum ProbeFailure {
    /// Sources whose scores cannot be trusted; all of them are named, with findings and remedies.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Unfit(Vec<Unfit>),
    /// A source that could not be opened, by a fault of its own that no waiting mends.
    #[error("source `{source_name}` cannot be opened: {}", error.message())]
    Unopened {
        /// Name of the source's block.
        source_name: String,
        /// What it said.
        error: SourceError,
    },
    /// A source that did not answer.
    #[error("the self-check of source `{source_name}` got no answer: {error}")]
    Unanswered {
        /// Name of the source's block.
        source_name: String,
        /// What it said, after the retries that its recipe allows.
        error: SourceError,
    },
}

impl ProbeFailure {
    /// What a source said that did not open.
    pub(crate) fn opening(source_name: &str, error: SourceError) -> Self {
        let source_name = source_name.to_owned();
        match error {
            SourceError::Broken { .. } => ProbeFailure::Unopened { source_name, error },
            error => ProbeFailure::Unanswered { source_name, error },
        }
    }
}

/// Puts the known pairs to every source whose kind asks for it, one source at a time, and tells the reporters.
///
/// Sources whose record [`Ready::recall`] took from an earlier part of the run are not asked again.
///
/// With `accept_unverified`, what is found is noted in the stored plan (`unverified`), whose digest it leaves alone,
/// and is no failure.
///
/// Where the plan asks more sources than `run.open-sources` admits, each is closed behind its check.
///
/// # Errors
///
/// The first source that does not answer, or else all sources with findings.
pub async fn probe_all(
    ready: &mut Ready,
    accept_unverified: bool,
    reporters: &[Arc<dyn Reporter>],
) -> Result<(), ProbeFailure> {
    let mut unfit = Vec::new();
    let open = |place: &usize| {
        let known = ready.stored.sources[*place].self_check.is_some();
        !known && is_checked(&ready.plan.sources[*place])
    };
    let places: Vec<usize> = (0..ready.plan.sources.len()).filter(open).collect();
    let closing = Closing::new(&ready.plan.sources, places.iter().copied());
    let all_open = ready.plan.sources_asked() <= ready.plan.recipe.run.open_sources as usize;
    for place in places {
        let probed = probe_planned(ready, place).await;
        if !all_open {
            closing.done(place).await;
        }
        let verdict = probed?;
        let (planned, stored) = (&ready.plan.sources[place], &mut ready.stored.sources[place]);
        stored.self_check = Some(Record::from(&verdict));
        let texts: Vec<String> = verdict.findings.iter().map(ToString::to_string).collect();
        for reporter in reporters {
            reporter.event(&Event::Probed {
                source: &planned.name,
                right: verdict.right,
                tied: verdict.tied,
                of: verdict.checked,
                findings: texts.clone(),
                notes: verdict.notes.clone(),
            });
        }
        if accept_unverified || texts.is_empty() {
            stored.unverified = texts;
        } else {
            let source_name = planned.name.to_string();
            unfit.push(Unfit { source_name, findings: verdict.findings });
        }
    }
    if unfit.is_empty() { Ok(()) } else { Err(ProbeFailure::Unfit(unfit)) }
}

/// Puts the known pairs, and the longest question that the run would ask, to the source at this place of the plan.
///
/// # Errors
///
/// When the source does not answer.
pub async fn probe_planned(ready: &Ready, place: usize) -> Result<Verdict, ProbeFailure> {
    let planned = &ready.plan.sources[place];
    opening::open(&planned.source, &planned.generators, &planned.calls)
        .await
        .map_err(|error| ProbeFailure::opening(&planned.name, error))?;
    check(&planned.source, &planned.own_calls(), || longest::longest(ready, place))
        .await
        .map_err(|error| ProbeFailure::Unanswered { source_name: planned.name.to_string(), error })
}

/// Whether there is something to check: controls and recorded answers claim nothing, and sources that read keys alone
/// cannot be shown our texts.
pub fn is_checked(planned: &PlannedSource) -> bool {
    let reads_text = match planned.source.reads() {
        Reads::Text | Reads::Subset => true,
        Reads::Key => false,
    };
    planned.self_check == SelfCheck::KnownPairs && reads_text
}

/// Puts the known pairs to one source that reads texts.
///
/// Replies are shown one by one where the source takes single replies, else in pairs and both orders: 40 questions,
/// asked as a run would ask them. Eight of them are then asked alone, unless the source draws or asks nothing
/// at the same time anyway. A source that needs more than two candidates is not asked; a note says so.
///
/// # Errors
///
/// The first error that concerns more than its question, after the retries that `calls` allows.
pub async fn probe(source: &Arc<dyn RewardSource>, calls: &Calls) -> Result<Verdict, SourceError> {
    check(source, calls, || None).await
}

/// The known pairs, and then the longest question, where there is one and its score can tell something.
async fn check(
    source: &Arc<dyn RewardSource>,
    calls: &Calls,
    longest_question: impl FnOnce() -> Option<Question>,
) -> Result<Verdict, SourceError> {
    let arity = source.arity();
    let shown = if arity.admits(1) {
        Shown::Single
    } else if arity.admits(2) {
        Shown::Both
    } else {
        let note = format!("known pairs hold 2 candidates, and the source takes {arity}");
        return Ok(Verdict { notes: vec![note], ..Verdict::default() });
    };
    let pairs = known_pairs();
    let questions = questions(&pairs, shown, source.as_ref());
    let at_once = AtOnce::of(source.as_ref(), calls);
    // The first question goes alone: a server that refuses the key or a parameter is not asked forty times.
    let (first, rest) = questions.split_at(1);
    let mut said = ask::ask(source, calls, first, AtOnce::ALONE).await?;
    said.extend(ask::ask(source, calls, rest, at_once).await?);
    let mut notes = Vec::new();
    let mut alone = Vec::new();
    if source.draws() {
        notes.push(
            "answers are drawn, so whether they depend on the batch is not checked".to_owned(),
        );
    } else if at_once != AtOnce::ALONE {
        let places: Vec<usize> =
            (1..questions.len()).step_by(questions.len() / ASKED_ALONE).collect();
        let chosen: Vec<Question> = places.iter().map(|&place| questions[place].clone()).collect();
        let again = ask::ask(source, calls, &chosen, AtOnce::ALONE).await?;
        alone = places.into_iter().zip(again).collect();
    }
    let tally = Tally::of(shown, &pairs, &said);
    let mut findings = judge::findings(shown, tally, &said, &alone, source.scale());
    if source.scale() == Scale::Free && findings.is_empty() && judge::between_0_and_1(shown, &said)
    {
        notes.push(
            "all scores lie between 0 and 1, as after a sigmoid or as probabilities do".to_owned(),
        );
    }
    notes.extend(judge::drift(&said, &alone).and_then(judge::Drift::note));
    match longest::inspect(source, calls, &questions[0]).await {
        Ok(Some(inspection)) => findings.extend(
            inspection
                .bos
                .filter(|(_, count)| *count > 1)
                .map(|(token, count)| Finding::DoubleBos { token, count }),
        ),
        Ok(None) => {}
        Err(error) => notes.push(format!("the tokens of a question cannot be seen: {error}")),
    }
    if shown == Shown::Single
        && !source.draws()
        && longest::is_fine(&said)
        && let Some(question) = longest_question()
    {
        let told = longest::ask(source, calls, &question).await?;
        findings.extend(told.findings);
        notes.extend(told.notes);
    }
    Ok(Verdict { checked: tally.of, right: tally.right, tied: tally.tied, findings, notes })
}

/// Two questions a pair: its replies one by one, or both in the stored order and in the other.
fn questions(pairs: &[KnownPair], shown: Shown, source: &dyn RewardSource) -> Vec<Question> {
    let mut questions = Vec::with_capacity(2 * pairs.len());
    for pair in pairs {
        let prompt: Arc<[Turn]> = Arc::from([Turn::user(pair.prompt)]);
        let [one, other]: [Arc<str>; 2] = pair.replies.map(Arc::from);
        let asked = match shown {
            Shown::Single => [vec![one], vec![other]],
            Shown::Both => [vec![one.clone(), other.clone()], vec![other, one]],
        };
        for candidates in asked {
            let mut question = Question::new(prompt.clone(), candidates);
            if source.reads() == Reads::Subset {
                question = question.with_subset(Arc::from(pair.topic));
            }
            if source.draws() {
                let mut seed = Digest::of("tribunal-probe-1");
                let seed = seed.number(questions.len() as u64).finish().number();
                question = question.with_seeds([seed]);
            }
            questions.push(question);
        }
    }
    questions
}
