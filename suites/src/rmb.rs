//! RMB: 49 scenarios of helpfulness and harmlessness, as pairs and as best-of-N lists.
//!
//! Source: Zhou et al., "RMB: Comprehensively Benchmarking Reward Models in LLM Alignment", arXiv 2410.09893, and its
//! repository. The published overall score is the unweighted mean of four set scores (two goals x two sets); within
//! a set every record weighs the same.

mod files;
mod records;
mod scenarios;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;
use tribunal_api::grading::{FailureRule, TieRule, best_of, chance_best_of};
use tribunal_api::{
    Absent, Aggregate, Card, Combiner, Contest, Grade, Guess, Item, Loaded, Order, Outcome,
    PathSetting, Published, Registry, Rules, SelfCheck, Standing, Suite, SuiteCard, SuiteError,
    Tree,
};

use files::ScenarioFile;
use scenarios::{Goal, SCENARIOS, Set};

const CARD: Card = Card {
    kind: "rmb",
    summary: "RMB: 49 scenarios of helpfulness and harmlessness, as pairs and as best-of-N lists.",
    version: "1",
    example: "[suite.rmb]\nkind = \"rmb\"\npath = \"examples/data/rmb\"\n",
    self_check: SelfCheck::Skip,
};

/// Settings of `rmb`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Config {
    /// The folder `RMB_dataset` of RMB's repository, or a folder that holds it. Scenario files may be missing;
    /// the result is then called partial.
    path: PathSetting,
}

struct Rmb {
    config: Config,
}

/// Registers the kind `rmb`.
pub(crate) fn register(registry: &mut Registry) {
    registry.suite(CARD, |config: Config, _| Ok(Rmb { config }));
}

impl Set {
    /// The name of the grade that an item of the set earns.
    fn grade(self) -> &'static str {
        match self {
            Set::Pairwise => "pairwise",
            Set::BestOfN => "best-of-n",
        }
    }

    /// The name of the mean of that grade.
    fn measure(self) -> &'static str {
        match self {
            Set::Pairwise => "accuracy",
            Set::BestOfN => "best-of-n",
        }
    }
}

impl Suite for Rmb {
    fn card(&self) -> SuiteCard {
        SuiteCard {
            name: "RMB".into(),
            version: "2410.09893".into(),
            licence: "none stated".into(),
            source: "arXiv 2410.09893; Zhou-Zoey/RMB-Reward-Model-Benchmark".into(),
            published: Published {
                order: Order::Seeded,
                combiner: Combiner::MeanScore,
                ties: "loss".into(),
                failures: "wrong".into(),
            },
            neutral_order: false,
        }
    }

    fn items(&self) -> Result<Loaded, SuiteError> {
        let root = files::root(self.config.path.as_path())?;
        let files = files::list(&root)?;
        // Collected first and searched for errors afterwards, so that the first file's error is the one reported.
        let read: Vec<Result<Vec<Item>, SuiteError>> =
            files.par_iter().with_max_len(1).map(records::items).collect();
        let parts = read.into_iter().collect::<Result<Vec<_>, _>>()?;
        let counts: Vec<usize> = parts.iter().map(Vec::len).collect();
        let mut items = Vec::with_capacity(counts.iter().sum());
        for part in parts {
            items.extend(part);
        }
        Ok(Loaded { items, absent: absent(&files, &counts) })
    }

    fn contest(&self, _: &str) -> Contest {
        Contest::BestAgainstEach
    }

    fn grade(&self, item: &Item, outcome: &Outcome, rules: &Rules) -> Vec<Grade> {
        let ties = rules.ties.or(TieRule::Loss);
        let failures = rules.failures.or(FailureRule::Wrong);
        let credit = best_of(outcome, item, ties, failures);
        credit.map(|credit| grade_of(item, credit)).into_iter().flatten().collect()
    }

    fn chance(&self, item: &Item, guess: &Guess) -> Vec<Grade> {
        let credit = chance_best_of(item, guess, guess.rules.ties.or(TieRule::Loss));
        credit.and_then(|credit| grade_of(item, credit)).into_iter().collect()
    }

    fn aggregates(&self, subsets: &[Arc<str>]) -> Vec<Aggregate> {
        let sections: Vec<Section> = Goal::ALL
            .into_iter()
            .flat_map(|goal| Set::ALL.map(|set| Section::new(set, goal, subsets)))
            .filter(|section| !section.subsets.is_empty())
            .collect();
        let parts = sections.iter().map(Section::micro).collect();
        let mut aggregates =
            vec![Aggregate::new("overall", "", Standing::Headline, Tree::Average(parts))];
        aggregates.extend(sections.iter().flat_map(Section::means));
        aggregates.extend(sections.iter().flat_map(Section::details));
        aggregates
    }
}

fn grade_of(item: &Item, credit: f64) -> Option<Grade> {
    Set::of(&item.subset).map(|set| Grade::new(set.grade(), credit))
}

/// One of the four sets that the published table has a column for.
struct Section {
    set: Set,
    goal: Goal,
    name: String,
    subsets: Vec<Arc<str>>,
}

impl Section {
    fn new(set: Set, goal: Goal, subsets: &[Arc<str>]) -> Self {
        let name = format!("{}/{}", set.folder(), goal.folder());
        let within = format!("{name}/");
        let subsets =
            subsets.iter().filter(|subset| subset.starts_with(&within)).cloned().collect();
        Self { set, goal, name, subsets }
    }

    fn micro(&self) -> Tree {
        Tree::pooled(self.set.grade(), self.subsets.iter().cloned())
    }

    /// The set's score, and what other ways of averaging make of it.
    fn means(&self) -> Vec<Aggregate> {
        let named = |suffix: &str, standing, tree| {
            Aggregate::new(
                format!("{}{suffix}", self.set.measure()),
                self.name.as_str(),
                standing,
                tree,
            )
        };
        let scenarios = self.subsets.iter().map(|subset| self.scenario(subset)).collect();
        let mut means = vec![
            named("", Standing::Group, self.micro()),
            named("-macro-scenarios", Standing::Beside, Tree::Average(scenarios)),
        ];
        if self.goal == Goal::Helpfulness {
            let mut tasks: BTreeMap<&str, Vec<Arc<str>>> = BTreeMap::new();
            for subset in &self.subsets {
                let task = subset.rsplit_once('/').map_or("", |(task, _)| task);
                tasks.entry(task).or_default().push(subset.clone());
            }
            let pooled = tasks.into_values().map(|subsets| Tree::pooled(self.set.grade(), subsets));
            let tree = Tree::Average(pooled.collect());
            means.push(named("-macro-tasks", Standing::Beside, tree));
        }
        means
    }

    fn details(&self) -> impl Iterator<Item = Aggregate> + '_ {
        self.subsets.iter().map(|subset| {
            let tree = self.scenario(subset);
            Aggregate::new(self.set.measure(), subset.clone(), Standing::Detail, tree)
        })
    }

    fn scenario(&self, subset: &Arc<str>) -> Tree {
        Tree::subset(self.set.grade(), subset.clone())
    }
}

/// The published files that are not there, and those that hold fewer records than published.
fn absent(files: &[ScenarioFile], counts: &[usize]) -> Vec<Absent> {
    let mut absent = Vec::new();
    for set in Set::ALL {
        for scenario in &SCENARIOS {
            let subset = format!("{}/{}", set.folder(), scenario.topic);
            let found = files.iter().position(|file| file.subset() == subset);
            let published = scenario.records(set);
            let what = match found.map(|place| counts[place]) {
                None => format!("{subset}.json"),
                Some(count) if count < published => {
                    format!("{} of {published} records of {subset}.json", published - count)
                }
                Some(_) => continue,
            };
            absent.push(Absent { what, subset: Some(Arc::from(subset)) });
        }
    }
    absent
}
