//! One source looked at closely: who it is, what becomes of an item on its way to the model, and its self-check.

use std::sync::Arc;

use tribunal_api::{Identity, Inspection, Question};

use super::ask::{self, AtOnce};
use super::longest;
use super::{ProbeFailure, Verdict, is_checked, probe_planned};
use crate::ask as questions;
use crate::opening;
use crate::ready::{self, Ready};

/// What was seen of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkup {
    /// Who it says it is.
    pub identity: Identity,
    /// The item that was shown; `None` when no suite holds one that the source can be asked about.
    pub item: Option<Example>,
    /// The known pairs and the longest question; `None` for a source that has nothing to check.
    pub verdict: Option<Verdict>,
}

/// An item of a suite, and what the source makes of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// Name of the suite.
    pub suite: Arc<str>,
    /// The item's subset.
    pub subset: Arc<str>,
    /// The item's id.
    pub id: Arc<str>,
    /// What becomes of the question on its way to the model; `None` when there is nothing to see, else what the server
    /// said instead.
    pub inspection: Result<Option<Inspection>, String>,
    /// The scores of its first sample in the order shown, or why there are none.
    pub scores: Result<Vec<f64>, String>,
}

/// Looks at the source at this place of the plan. Nothing is stored.
///
/// # Errors
///
/// When the source cannot say who it is, or does not answer.
pub async fn checkup(ready: &Ready, place: usize) -> Result<Checkup, ProbeFailure> {
    let planned = &ready.plan.sources[place];
    let unanswered =
        |error| ProbeFailure::Unanswered { source_name: planned.name.to_string(), error };
    let identity = ready::identify(planned).await.map_err(unanswered)?;
    opening::open(&planned.source, &planned.generators, &planned.calls)
        .await
        .map_err(|error| ProbeFailure::opening(&planned.name, error))?;
    let item = match example(ready, place) {
        None => None,
        Some((suite, case, question)) => {
            let (source, calls) = (&planned.source, &planned.own_calls());
            let inspection = longest::inspect(source, calls, &question).await;
            let one = std::slice::from_ref(&question);
            let said = ask::ask(source, calls, one, AtOnce::ALONE).await.map_err(unanswered)?.pop();
            let item = &ready.suites[suite].cases[case].item;
            Some(Example {
                suite: ready.plan.suites[suite].name.clone(),
                subset: item.subset.clone(),
                id: item.id.clone(),
                inspection: inspection.map_err(|error| error.to_string()),
                scores: said
                    .map_or(Err("nothing"), |said| said)
                    .map_err(|reason: &str| reason.to_owned()),
            })
        }
    };
    let verdict = match is_checked(planned) {
        true => Some(probe_planned(ready, place).await?),
        false => None,
    };
    Ok(Checkup { identity, item, verdict })
}

/// The first question that the plan holds for a source, with the places of its suite and item.
fn example(ready: &Ready, place: usize) -> Option<(usize, usize, Question)> {
    let plan = &ready.stored;
    let asked = &plan.sources[place].asked;
    for (_, cell, ask) in plan.asks().into_iter().filter(|(_, _, ask)| ask.source == place) {
        let suite = &ready.plan.suites[cell.suite].name;
        for (at, case) in ready.suites[cell.suite].cases.iter().enumerate() {
            let units = questions::units(suite, case, asked, ask.manner, plan.seed);
            if let Some(unit) = units.first() {
                let question = questions::question(suite, case, unit, asked, ask.manner, plan.seed);
                return Some((cell.suite, at, question));
            }
        }
    }
    None
}
