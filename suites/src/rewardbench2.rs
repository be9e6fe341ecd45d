//! RewardBench 2: one right answer of four in five subsets, and prompts with several right answers.
//!
//! Source: Malik et al., "RewardBench 2: Advancing Reward Model Evaluation", arXiv 2506.01937, and
//! `rewardbench/utils.py` of `allenai/reward-bench`, where alone the weights of the Ties subset are written down. The
//! published score is the unweighted mean of six subset scores.

mod records;
#[cfg(test)]
mod tests;
mod ties;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use tribunal_api::grading::{FailureRule, TieRule, best_of, chance_best_of};
use tribunal_api::{
    Aggregate, Card, Combiner, Contest, Grade, Graded, Guess, Item, Loaded, Order, Outcome,
    PathSetting, Published, Registry, Rules, SelfCheck, Standing, Suite, SuiteCard, SuiteError,
    Tree,
};

const CARD: Card = Card {
    kind: "rewardbench-2",
    summary: "RewardBench 2: the right one of four answers in five subsets, and several right answers in Ties.",
    version: "1",
    example: "[suite.rewardbench-2]\nkind = \"rewardbench-2\"\npath = \"examples/data/rewardbench-2\"\n",
    self_check: SelfCheck::Skip,
};

/// The subsets with their published numbers of rows, in the order of the published table.
const SUBSETS: [(&str, usize); 6] = [
    ("Factuality", 475),
    ("Precise IF", 160),
    ("Math", 183),
    ("Safety", 450),
    ("Focus", 495),
    (TIES, 102),
];

/// The subset whose score is no mean of grades.
const TIES: &str = "Ties";

/// Settings of `rewardbench-2`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Config {
    /// The data as published: a `.parquet`, `.jsonl` or `.json` file, or a folder with one (or with one in its
    /// folder `data`).
    path: PathSetting,
}

struct RewardBench2 {
    config: Config,
}

/// Registers the kind `rewardbench-2`.
pub(crate) fn register(registry: &mut Registry) {
    registry.suite(CARD, |config: Config, _| Ok(RewardBench2 { config }));
}

impl Suite for RewardBench2 {
    fn card(&self) -> SuiteCard {
        SuiteCard {
            name: "RewardBench 2".into(),
            version: "2506.01937".into(),
            licence: "ODC-BY".into(),
            source: "arXiv 2506.01937; allenai/reward-bench-2".into(),
            published: Published {
                order: Order::SwapFirst,
                combiner: Combiner::MeanScore,
                ties: "split".into(),
                failures: "0.25 when no candidate is readable, else an unreadable candidate ranks below every \
                           readable one; in Ties an unreadable rating is the number -1"
                    .into(),
            },
            neutral_order: false,
        }
    }

    fn items(&self) -> Result<Loaded, SuiteError> {
        records::items(self.config.path.as_path())
    }

    fn contest(&self, subset: &str) -> Contest {
        if subset == TIES { Contest::ScoresOnly } else { Contest::BestAgainstEach }
    }

    fn grade(&self, item: &Item, outcome: &Outcome, rules: &Rules) -> Vec<Grade> {
        if &*item.subset == TIES {
            return ties::grade(item, outcome, rules.failures);
        }
        let ties = rules.ties.or(TieRule::Split);
        let failures = rules.failures.or(FailureRule::Lowest);
        let credit = best_of(outcome, item, ties, failures);
        credit.map(|credit| Grade::new("accuracy", credit)).into_iter().collect()
    }

    fn chance(&self, item: &Item, guess: &Guess) -> Vec<Grade> {
        if &*item.subset == TIES {
            return ties::chance(item);
        }
        let credit = chance_best_of(item, guess, guess.rules.ties.or(TieRule::Split));
        credit.map(|credit| Grade::new("accuracy", credit)).into_iter().collect()
    }

    fn aggregates(&self, subsets: &[Arc<str>]) -> Vec<Aggregate> {
        let present = SUBSETS
            .iter()
            .filter_map(|(name, _)| subsets.iter().find(|subset| &***subset == *name).cloned());
        let present: Vec<Arc<str>> = present.collect();
        let four_way: Vec<Arc<str>> =
            present.iter().filter(|subset| &***subset != TIES).cloned().collect();
        let parts = present.iter().map(subset_score).collect();
        let mut aggregates =
            vec![Aggregate::new("overall", "", Standing::Headline, Tree::Average(parts))];
        for subset in &present {
            let measure = if &**subset == TIES { "ties-score" } else { "accuracy" };
            let tree = subset_score(subset);
            aggregates.push(Aggregate::new(measure, subset.clone(), Standing::Group, tree));
        }
        if !four_way.is_empty() {
            let micro = Tree::pooled("accuracy", four_way.iter().cloned());
            aggregates.push(Aggregate::new("micro", "", Standing::Beside, micro));
            let mean = Tree::Average(four_way.iter().map(subset_score).collect());
            aggregates.push(Aggregate::new("mean-without-ties", "", Standing::Beside, mean));
        }
        if present.len() > four_way.len() {
            for (measure, grade) in ties::ACCURACIES {
                let tree = Tree::subset(grade, TIES);
                aggregates.push(Aggregate::new(measure, TIES, Standing::Beside, tree));
            }
        }
        aggregates
    }

    fn grade_set(&self, subset: &str, graded: &[Graded<'_>], weights: &[u32]) -> Option<f64> {
        if subset == TIES { ties::score(graded, weights) } else { None }
    }

    fn chance_set(&self, subset: &str, guessed: &[Graded<'_>]) -> Option<f64> {
        if subset == TIES { ties::chance_score(guessed) } else { None }
    }
}

fn subset_score(subset: &Arc<str>) -> Tree {
    match &**subset {
        TIES => Tree::Set(subset.clone()),
        _ => Tree::subset("accuracy", subset.clone()),
    }
}
