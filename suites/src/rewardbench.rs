//! RewardBench, first version: chosen against rejected answers in four sections.

mod reading;
mod sections;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tribunal_api::grading::{FailureRule, TieRule, chance_pair, pair};
use tribunal_api::{
    Aggregate, CandidateIndex, Card, Combiner, Contest, Grade, Guess, Item, Loaded, Order, Outcome,
    PathSetting, Published, Registry, Rules, SelfCheck, Standing, Suite, SuiteCard, SuiteError,
    Tree,
};

use sections::{AVERAGED, PRIOR_SETS, SECTIONS, Section, core_subsets};

const CARD: Card = Card {
    kind: "rewardbench",
    summary: "RewardBench (first version): pairs in four sections, optionally with earlier test sets.",
    version: "1",
    example: "[suite.rewardbench]\nkind = \"rewardbench\"\npath = \"examples/data/rewardbench\"\n",
    self_check: SelfCheck::Skip,
};

/// The one grade.
const ACCURACY: &str = "accuracy";
/// The weight of each of the four sections in the paper's tables.
const WEIGHT_OF_SECTION: f64 = 2.0;
/// The weight of the earlier test sets in the paper's tables.
const WEIGHT_OF_PRIOR_SETS: f64 = 1.0;

/// Settings of `rewardbench`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Config {
    /// The data. A Parquet, JSON lines, JSON or CSV file with the columns `prompt`, `chosen`, `rejected`, `subset`
    /// and `id`, or a folder of such files (or the repository that holds them in `data`). Where a folder has files
    /// whose names start with `filtered`, only these are read.
    path: PathSetting,
    /// A folder of earlier test sets, one or more files a split, named after it: `anthropic_helpful.parquet` or
    /// `anthropic_helpful-00000-of-00001.parquet`. Without it the section `Prior Sets` is not reported.
    prior_sets: Option<PathSetting>,
    /// Where the ids of items come from. Those of the earlier test sets are always numbers of records.
    #[serde(default)]
    ids: IdsFrom,
}

/// Where the ids of items come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum IdsFrom {
    /// The column `id`, which must be unique within each subset.
    #[default]
    Column,
    /// The number of the record within its subset, counted from 1 over all files.
    Record,
}

struct RewardBench {
    config: Config,
}

/// Registers the kind `rewardbench`.
pub(crate) fn register(registry: &mut Registry) {
    registry.suite(CARD, |config: Config, _| Ok(RewardBench { config }));
}

impl Suite for RewardBench {
    fn card(&self) -> SuiteCard {
        SuiteCard {
            name: "RewardBench".into(),
            version: "1 (filtered, 2985 rows)".into(),
            licence: "ODC-BY".into(),
            source: "arXiv 2403.13787, allenai/reward-bench".into(),
            published: Published {
                order: Order::Seeded,
                combiner: Combiner::MeanScore,
                ties: "loss".into(),
                failures: "half".into(),
            },
            neutral_order: false,
        }
    }

    fn items(&self) -> Result<Loaded, SuiteError> {
        reading::items(&self.config)
    }

    fn contest(&self, _: &str) -> Contest {
        Contest::BestAgainstEach
    }

    /// `accuracy`: 1 when the chosen answer is strictly preferred. A question without readout earns one half, as
    /// for the generative judges of the leaderboard; a classifier never abstains there.
    fn grade(&self, _: &Item, outcome: &Outcome, rules: &Rules) -> Vec<Grade> {
        let (chosen, rejected) = (CandidateIndex(0), CandidateIndex(1));
        let ties = rules.ties.or(TieRule::Loss);
        let failures = rules.failures.or(FailureRule::Credit(0.5));
        let credit = pair(outcome, chosen, rejected, ties, failures);
        credit.map(|credit| Grade::new(ACCURACY, credit)).into_iter().collect()
    }

    fn chance(&self, _: &Item, guess: &Guess) -> Vec<Grade> {
        vec![Grade::new(ACCURACY, chance_pair(guess, guess.rules.ties.or(TieRule::Loss)))]
    }

    /// The headline is the leaderboard's: the mean of the four sections. `overall-with-prior-sets` is the mean of
    /// the paper's tables, in which each section weighs 2 and the earlier test sets weigh 1.
    fn aggregates(&self, subsets: &[Arc<str>]) -> Vec<Aggregate> {
        let sections: Vec<(&Section, Tree)> = SECTIONS
            .iter()
            .filter_map(|section| Some((section, section_tree(section, subsets)?)))
            .collect();
        let prior = prior_sets_tree(subsets);
        let trees = || sections.iter().map(|(_, tree)| tree.clone());
        let mut all = vec![Aggregate::new(
            "overall",
            "",
            Standing::Headline,
            Tree::Average(trees().collect()),
        )];
        let named = sections.iter().map(|(section, tree)| (section.name, tree));
        for (name, tree) in named.chain(prior.iter().map(|tree| (PRIOR_SETS, tree))) {
            all.push(Aggregate::new(ACCURACY, name, Standing::Group, tree.clone()));
        }
        let core: Vec<Arc<str>> = core_subsets().filter_map(|name| find(subsets, name)).collect();
        if !core.is_empty() {
            let tree = Tree::pooled(ACCURACY, core);
            all.push(Aggregate::new("micro", "", Standing::Beside, tree));
        }
        if let Some(prior) = prior {
            let parts = trees().map(|tree| (WEIGHT_OF_SECTION, tree));
            let tree = Tree::Weighted(parts.chain([(WEIGHT_OF_PRIOR_SETS, prior)]).collect());
            all.push(Aggregate::new("overall-with-prior-sets", "", Standing::Beside, tree));
        }
        all.extend(subsets.iter().map(|subset| {
            let tree = Tree::subset(ACCURACY, subset.clone());
            Aggregate::new(ACCURACY, subset.clone(), Standing::Detail, tree)
        }));
        all
    }
}

/// The section's mean over the subsets at hand, by weight; `None` when there is none.
fn section_tree(section: &Section, subsets: &[Arc<str>]) -> Option<Tree> {
    let parts: Vec<(f64, Tree)> = section
        .subsets
        .iter()
        .filter_map(|(name, weight)| Some((*weight, Tree::subset(ACCURACY, find(subsets, name)?))))
        .collect();
    (!parts.is_empty()).then_some(Tree::Weighted(parts))
}

/// The plain mean of the earlier test sets at hand; `None` when there is none.
fn prior_sets_tree(subsets: &[Arc<str>]) -> Option<Tree> {
    let parts: Vec<Tree> = AVERAGED
        .iter()
        .filter_map(|name| Some(Tree::subset(ACCURACY, find(subsets, name)?)))
        .collect();
    (!parts.is_empty()).then_some(Tree::Average(parts))
}

fn find(subsets: &[Arc<str>], name: &str) -> Option<Arc<str>> {
    subsets.iter().find(|subset| subset.as_ref() == name).cloned()
}
