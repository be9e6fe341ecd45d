//! JudgeBench: pairs of answers of which one is provably right.

mod grading;
mod reading;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tribunal_api::grading::{TieRule, chance_pair};
use tribunal_api::{
    Aggregate, Card, Combiner, Contest, Grade, Guess, Item, Loaded, Order, Outcome, PathSetting,
    Published, Registry, Rules, SelfCheck, Standing, Suite, SuiteCard, SuiteError, Tree,
};

const CARD: Card = Card {
    kind: "judgebench",
    summary: "JudgeBench: which of two answers to a hard question is right, played in both orders.",
    version: "1",
    example: "[suite.judgebench]\nkind = \"judgebench\"\npath = \"examples/data/judgebench\"\n",
    self_check: SelfCheck::Skip,
};

/// The categories in the order reported, with the prefix of the sources that they hold.
const CATEGORIES: [(&str, &str); 4] = [
    ("Knowledge", "mmlu-pro"),
    ("Reasoning", "livebench-reasoning"),
    ("Math", "livebench-math"),
    ("Coding", "livecodebench"),
];

/// Settings of `judgebench`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Config {
    /// The data. A `.jsonl` file, a folder of them (`data` of the repository), or the repository itself. The
    /// published tables cover the GPT-4o pairs alone: name that file to compare with them.
    path: PathSetting,
    /// How a pair is decided.
    #[serde(default)]
    rule: Rule,
}

/// How the games of a pair decide it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Rule {
    /// Both orders are played. The pair is right when the right answer wins more games than it loses; a tie or a
    /// game without verdict counts as drawn. Equal scores of single answers are never right.
    #[default]
    TwoGame,
    /// One game in the stored order, right when the verdict is the label. Equal scores of single answers are read
    /// as a verdict for the second answer.
    SingleGame,
}

struct JudgeBench {
    config: Config,
}

/// Registers the kind `judgebench`.
pub(crate) fn register(registry: &mut Registry) {
    registry.suite(CARD, |config: Config, _| Ok(JudgeBench { config }));
}

impl Suite for JudgeBench {
    fn card(&self) -> SuiteCard {
        SuiteCard {
            name: "JudgeBench".into(),
            version: "2024-10".into(),
            licence: "none stated".into(),
            source: "arXiv 2410.12784, ScalerLab/JudgeBench".into(),
            published: match self.config.rule {
                Rule::TwoGame => Published {
                    order: Order::Both,
                    combiner: Combiner::TwoGame,
                    ties: "loss".into(),
                    failures: "a game without verdict is drawn, a pair without any is wrong".into(),
                },
                Rule::SingleGame => Published {
                    order: Order::Given,
                    combiner: Combiner::MeanScore,
                    ties:
                        "equal scores of single answers speak for the second; a tied verdict loses"
                            .into(),
                    failures: "wrong".into(),
                },
            },
            neutral_order: true,
        }
    }

    fn items(&self) -> Result<Loaded, SuiteError> {
        reading::items(self.config.path.as_path())
    }

    fn contest(&self, _: &str) -> Contest {
        Contest::BestAgainstEach
    }

    fn grade(&self, item: &Item, outcome: &Outcome, rules: &Rules) -> Vec<Grade> {
        let credit = grading::credit(self.config.rule, item, outcome, rules);
        credit.map(|credit| Grade::new("accuracy", credit)).into_iter().collect()
    }

    /// One half, but one quarter for verdicts in two games where ties lose: a coin must win both, as win and loss
    /// cancel out.
    fn chance(&self, _: &Item, guess: &Guess) -> Vec<Grade> {
        vec![Grade::new("accuracy", chance_pair(guess, guess.rules.ties.or(TieRule::Loss)))]
    }

    /// The headline weights every pair alike; `category-mean` is the average of the categories that other papers
    /// print.
    fn aggregates(&self, subsets: &[Arc<str>]) -> Vec<Aggregate> {
        let present: Vec<Arc<str>> = CATEGORIES
            .iter()
            .filter_map(|(name, _)| subsets.iter().find(|subset| subset.as_ref() == *name).cloned())
            .collect();
        let of_category = |name: &Arc<str>| Tree::subset("accuracy", name.clone());
        let mut all =
            vec![Aggregate::new("accuracy", "", Standing::Headline, Tree::all("accuracy"))];
        all.extend(present.iter().map(|name| {
            Aggregate::new("accuracy", name.clone(), Standing::Group, of_category(name))
        }));
        let mean = Tree::Average(present.iter().map(of_category).collect());
        all.push(Aggregate::new("category-mean", "", Standing::Beside, mean));
        all
    }
}
