//! How each subset is put to a source: pointwise, pairwise or listwise, settled once the items are known.

use std::collections::BTreeMap;
use std::sync::Arc;

use tribunal_api::{Arity, Contest, Protocol, conformance};

use super::{Cell, Plan, PlannedSource, PlannedSuite, composed};
use crate::ask::Form;
use crate::cases::Cases;
use crate::fault::{Fault, KeyPath};
use crate::recipe;
use crate::store::Member;

/// How a cell asks, settled: by itself, or through the sources that it stands for.
///
/// # Errors
///
/// A fault at the source's block when it cannot be asked about a subset: its arity does not fit, or it reads
/// texts and an item has none.
pub fn settle(plan: &Plan, cell: &Cell, cases: &Cases) -> Result<Member, Box<Fault>> {
    settle_within(plan, cell, cases, &|_| true)
}

/// The same for the subsets that `asked` admits.
pub(super) fn settle_within(
    plan: &Plan,
    cell: &Cell,
    cases: &Cases,
    asked: &dyn Fn(&str) -> bool,
) -> Result<Member, Box<Fault>> {
    if let Some(parts) = &cell.parts {
        return composed::settle(plan, cell, parts, cases, asked);
    }
    let source = &plan.sources[cell.source];
    let suite = &plan.suites[cell.suite];
    let mut counts: BTreeMap<Arc<str>, (usize, usize)> = BTreeMap::new();
    for case in cases.cases.iter().filter(|case| asked(&case.item.subset)) {
        if let Some(reason) = conformance::cannot_read(source.source.reads(), &case.item) {
            let hint = "ask sources that look answers up by key, such as `baseline.recorded`";
            return Err(Box::new(fault(source, suite, reason).hint(hint)));
        }
        let count = case.item.candidates.len();
        counts
            .entry(case.item.subset.clone())
            .and_modify(|(least, most)| (*least, *most) = ((*least).min(count), (*most).max(count)))
            .or_insert((count, count));
    }
    let mut forms = BTreeMap::new();
    for (subset, counts) in counts {
        let contest = suite.suite.contest(&subset);
        match choose(source.source.arity(), contest, counts, cell.protocol) {
            Some(protocol) => {
                forms.insert(subset, Form { protocol, contest });
            }
            None => {
                let fault = misfit(source, suite, &subset, contest, counts, cell.protocol);
                return Err(Box::new(fault));
            }
        }
    }
    let manner = cell.manner(forms);
    Ok(Member { source: cell.source, weight: 1.0, manner, members: Vec::new(), panel: None })
}

/// The protocol for lists of these sizes (fewest, most); `None` when the source fits none.
fn choose(
    arity: Arity,
    contest: Contest,
    (least, most): (usize, usize),
    wanted: recipe::Protocol,
) -> Option<Protocol> {
    let pointwise = arity.admits(1);
    let pairwise = contest != Contest::ScoresOnly && arity.admits(2);
    let listwise = contest == Contest::BestAgainstEach
        && arity.admits(least)
        && arity.admits(most)
        && most > 2;
    let fits = |protocol| match protocol {
        Protocol::Pointwise => pointwise,
        Protocol::Pairwise => pairwise,
        Protocol::Listwise => listwise,
    };
    let candidates: &[Protocol] = match wanted {
        recipe::Protocol::Auto => &[Protocol::Pointwise, Protocol::Listwise, Protocol::Pairwise],
        recipe::Protocol::Pointwise => &[Protocol::Pointwise],
        recipe::Protocol::Pairwise => &[Protocol::Pairwise],
        // A list of two is a pair.
        recipe::Protocol::Listwise if most == 2 => &[Protocol::Pairwise],
        recipe::Protocol::Listwise => &[Protocol::Listwise],
    };
    candidates.iter().copied().find(|&protocol| fits(protocol))
}

fn misfit(
    source: &PlannedSource,
    suite: &PlannedSuite,
    subset: &str,
    contest: Contest,
    (least, most): (usize, usize),
    wanted: recipe::Protocol,
) -> Fault {
    let arity = source.source.arity();
    let lists = if least == most { format!("{least}") } else { format!("{least} to {most}") };
    let needs = match contest {
        Contest::ScoresOnly => "needs scores of single candidates".to_owned(),
        Contest::EveryChosenRejected => {
            "compares every chosen with every rejected candidate".to_owned()
        }
        Contest::BestAgainstEach => format!("has lists of {lists} candidates"),
    };
    let demanded = match wanted {
        recipe::Protocol::Auto => String::new(),
        other => format!(" and is to be asked {other}"),
    };
    fault(
        source,
        suite,
        format!(
            "source `{}` takes {arity}{demanded}, and subset `{subset}` of suite `{}` {needs}",
            source.name, suite.name
        ),
    )
    .hint(
        "use a source that fits, keep other `subsets`, or name its `suites` in the source's block",
    )
}

fn fault(source: &PlannedSource, suite: &PlannedSuite, message: String) -> Fault {
    Fault::new(KeyPath::of(["source", source.name.as_ref()]), message)
        .also(KeyPath::of(["suite", suite.name.as_ref()]), "asked about this suite")
}

#[cfg(test)]
mod tests {
    use super::*;
    use recipe::Protocol::{Auto, Listwise, Pairwise, Pointwise};

    fn chosen(
        arity: Arity,
        contest: Contest,
        size: usize,
        wanted: recipe::Protocol,
    ) -> Option<Protocol> {
        choose(arity, contest, (size, size), wanted)
    }

    #[test]
    fn a_classifier_is_asked_pointwise_everywhere() {
        for contest in [Contest::BestAgainstEach, Contest::EveryChosenRejected, Contest::ScoresOnly]
        {
            assert_eq!(chosen(Arity::ONE, contest, 4, Auto), Some(Protocol::Pointwise));
        }
    }

    #[test]
    fn a_pairwise_judge_meets_lists_in_a_contest_but_not_score_rules() {
        let judge = |contest| chosen(Arity::TWO, contest, 4, Auto);
        assert_eq!(judge(Contest::BestAgainstEach), Some(Protocol::Pairwise));
        assert_eq!(judge(Contest::EveryChosenRejected), Some(Protocol::Pairwise));
        assert_eq!(judge(Contest::ScoresOnly), None);
    }

    #[test]
    fn a_listwise_source_ranks_lists_whole_unless_told_otherwise() {
        let list = |size, wanted| chosen(Arity::LIST, Contest::BestAgainstEach, size, wanted);
        assert_eq!(list(4, Auto), Some(Protocol::Listwise));
        assert_eq!(list(2, Auto), Some(Protocol::Pairwise));
        assert_eq!(list(4, Pairwise), Some(Protocol::Pairwise));
        assert_eq!(list(2, Listwise), Some(Protocol::Pairwise));
        assert_eq!(list(4, Pointwise), None);
    }

    #[test]
    fn every_chosen_against_every_rejected_is_never_asked_whole() {
        let contest = Contest::EveryChosenRejected;
        assert_eq!(chosen(Arity::LIST, contest, 6, Auto), Some(Protocol::Pairwise));
    }
}
