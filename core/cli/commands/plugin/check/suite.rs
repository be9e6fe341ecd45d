//! The checks of a suite: its card, its items, and that grading keeps its promises.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use serde_json::json;
use tribunal_api::{Suite, conformance};

use super::sheet::{Finding, Sheet};
use super::speed::human;
use crate::exit::Failure;

/// Items of which a fault is shown.
const SHOWN: usize = 3;

/// Puts all checks to a suite.
pub(super) fn check(suite: &Arc<dyn Suite>, sheet: &mut Sheet) -> Result<(), Failure> {
    sheet.note("declares", card(suite.as_ref()))?;
    let read = suite.clone();
    let items = move || {
        let begun = Instant::now();
        match read.items() {
            Ok(loaded) => {
                let taken = begun.elapsed();
                let subsets: BTreeSet<&str> =
                    loaded.items.iter().map(|item| &*item.subset).collect();
                let text = format!(
                    "{} in {} subsets, read in {}",
                    loaded.items.len(),
                    subsets.len(),
                    human(taken)
                );
                let value = json!({ "items": loaded.items.len(), "seconds": taken.as_secs_f64() });
                let finding = match (loaded.items.is_empty(), loaded.absent.len()) {
                    (true, _) => Finding::failed("it holds no items"),
                    (false, 0) => Finding::ok(text),
                    (false, absent) => {
                        Finding::warning(format!("{text}; {absent} parts are absent"))
                    }
                };
                (finding.with(value), !loaded.items.is_empty())
            }
            Err(error) => {
                let hint = error.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
                let text = format!("{error}{hint}; `--set path=...` names other data");
                (Finding::failed(text), false)
            }
        }
    };
    match sheet.run_blocking("items", items)? {
        Some(true) => {}
        Some(false) => {
            return sheet.note("grading", Finding::not_checked("there is nothing to grade"));
        }
        None => return Ok(()),
    }
    let graded = suite.clone();
    let grading = move || {
        let (_, mut wrong) = conformance::suite(graded.as_ref());
        wrong.extend(graded.fault().map(|fault| fault.to_string()));
        let finding = match wrong.len() {
            0 => Finding::ok(
                "items read the same twice; perfect, reversed and absent outcomes are graded as they should",
            ),
            count => {
                let more = if count > SHOWN {
                    format!("; and {} more", count - SHOWN)
                } else {
                    String::new()
                };
                wrong.truncate(SHOWN);
                Finding::failed(format!("{}{more}", wrong.join("; ")))
            }
        };
        (finding, ())
    };
    sheet.run_blocking("grading", grading)?;
    Ok(())
}

fn card(suite: &dyn Suite) -> Finding {
    let card = suite.card();
    let text =
        format!("{} {}, licence {}, from {}", card.name, card.version, card.licence, card.source);
    if card.name.trim().is_empty() || card.version.trim().is_empty() {
        return Finding::failed("name or version is empty");
    }
    if card.licence.trim().is_empty() || card.source.trim().is_empty() {
        return Finding::warning(format!(
            "{text}; say under which licence the data are, and where they are from"
        ));
    }
    Finding::ok(text)
}
