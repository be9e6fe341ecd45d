//! A suite that lives elsewhere: its items come in pages of JSON, and it is graded by the host unless it grades itself.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tribunal_api::wire::{self, ChanceRequest, Declares, GradeRequest, Grades, Grading, ItemsPage};
use tribunal_api::{
    Aggregate, Contest, Grade, Guess, Item, Loaded, Outcome, Rules, SourceError, Suite, SuiteCard,
    SuiteError,
};

/// Items asked for at once.
const PAGE: usize = 1000;

/// One request to a component in JSON, waited for.
pub(crate) trait Call: Send + Sync {
    /// The reply to a request without `op`, `id` and `handle`.
    fn call(&self, method: &str, request: Value) -> Result<Value, SourceError>;
}

/// A suite behind a boundary. What fails where a trait has no room for errors is kept for [`Suite::fault`].
pub(crate) struct ForeignSuite {
    kind: String,
    card: SuiteCard,
    contest: Contest,
    grading: Grading,
    call: Arc<dyn Call>,
    fault: Mutex<Option<SuiteError>>,
}

/// The suite of a kind that says this of itself.
pub(crate) fn foreign_suite(
    kind: &str,
    version: &str,
    declares: &Declares,
    call: Arc<dyn Call>,
) -> Arc<dyn Suite> {
    Arc::new(ForeignSuite {
        kind: kind.to_owned(),
        card: declares.card.clone().unwrap_or_default().into_card(kind, version),
        contest: declares.contest.unwrap_or(Contest::BestAgainstEach),
        grading: declares.grading.unwrap_or_default(),
        call,
        fault: Mutex::new(None),
    })
}

impl ForeignSuite {
    fn ask<R: DeserializeOwned>(
        &self,
        method: &str,
        request: &impl Serialize,
    ) -> Result<R, SuiteError> {
        // What is graded after a fault is thrown away, and every call may take its time.
        if let Some(known) = self.fault() {
            return Err(known);
        }
        let failed =
            |what: String| SuiteError::new(format!("the plugin kind `{}` {what}", self.kind));
        let request = serde_json::to_value(request)
            .map_err(|cause| failed(format!("cannot be asked for `{method}`: {cause}")))?;
        let reply = self
            .call
            .call(method, request)
            .map_err(|error| failed(format!("did not answer `{method}`: {}", error.message())))?;
        serde_json::from_value(reply)
            .map_err(|cause| failed(format!("answered `{method}` with something else: {cause}")))
    }

    /// The answer, or a default when there is none; the first fault is kept.
    fn or_fault<T: Default>(&self, answer: Result<T, SuiteError>) -> T {
        answer.unwrap_or_else(|error| {
            let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
            fault.get_or_insert(error);
            T::default()
        })
    }
}

impl Suite for ForeignSuite {
    fn card(&self) -> SuiteCard {
        self.card.clone()
    }

    fn items(&self) -> Result<Loaded, SuiteError> {
        let mut loaded = Loaded::default();
        loop {
            let from = loaded.items.len();
            let page: ItemsPage = self.ask("items", &json!({ "from": from, "max": PAGE }))?;
            let count = page.items.len();
            if from > 0
                && page.items.first().map(|item| &item.id)
                    == loaded.items.first().map(|item| &item.id)
                && page
                    .items
                    .first()
                    .and_then(|item| item.subset.clone())
                    .unwrap_or_else(|| "all".into())
                    == loaded.items[0].subset
            {
                let what =
                    format!("the plugin kind `{}` gives its first page of items again", self.kind);
                return Err(SuiteError::new(what)
                    .with_hint("begin at `from`, and set `end` to true with the last page"));
            }
            for item in page.items {
                loaded.items.push(item.into_item()?);
            }
            for absent in page.absent {
                if !loaded.absent.contains(&absent) {
                    loaded.absent.push(absent);
                }
            }
            if page.end {
                return Ok(loaded);
            }
            if count == 0 {
                let what = format!(
                    "the plugin kind `{}` gave an empty page of items that is not the last",
                    self.kind
                );
                return Err(SuiteError::new(what).with_hint("set `end` to true with the last page"));
            }
        }
    }

    fn contest(&self, subset: &str) -> Contest {
        if self.grading == Grading::Standard {
            return self.contest;
        }
        let reply = self.ask::<Value>("contest", &json!({ "subset": subset }));
        let contest = reply.and_then(|reply| {
            serde_json::from_value(reply.get("contest").cloned().unwrap_or_default()).map_err(
                |cause| {
                    SuiteError::new(format!(
                        "the plugin kind `{}` names no contest: {cause}",
                        self.kind
                    ))
                },
            )
        });
        self.or_fault(contest.map(Some)).unwrap_or(self.contest)
    }

    fn grade(&self, item: &Item, outcome: &Outcome, rules: &Rules) -> Vec<Grade> {
        if self.grading == Grading::Standard {
            return wire::standard_grade(item, outcome, rules);
        }
        let request = GradeRequest { item: item.clone(), outcome: outcome.clone(), rules: *rules };
        self.or_fault(self.ask::<Grades>("grade", &request)).grades
    }

    fn chance(&self, item: &Item, guess: &Guess) -> Vec<Grade> {
        if self.grading == Grading::Standard {
            return wire::standard_chance(item, guess);
        }
        let request = ChanceRequest { item: item.clone(), guess: *guess };
        self.or_fault(self.ask::<Grades>("chance", &request)).grades
    }

    fn aggregates(&self, subsets: &[Arc<str>]) -> Vec<Aggregate> {
        if self.grading == Grading::Standard {
            return wire::standard_aggregates(subsets);
        }
        let reply = self.ask::<Value>("aggregates", &json!({ "subsets": subsets }));
        let aggregates = reply.and_then(|reply| {
            serde_json::from_value(reply.get("aggregates").cloned().unwrap_or_default()).map_err(
                |cause| {
                    SuiteError::new(format!(
                        "the plugin kind `{}` names no aggregates: {cause}",
                        self.kind
                    ))
                },
            )
        });
        self.or_fault(aggregates)
    }

    fn fault(&self) -> Option<SuiteError> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
