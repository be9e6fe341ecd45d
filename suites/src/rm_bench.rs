//! RM-Bench: three styles of a right answer against three styles of a wrong one.

mod reading;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use tribunal_api::grading::{FailureRule, TieRule, chance_pair, pair};
use tribunal_api::{
    Aggregate, CandidateIndex, Card, Combiner, Contest, Grade, Guess, Item, Loaded, Order, Outcome,
    Over, PathSetting, Published, Registry, Rules, SelfCheck, Standing, Suite, SuiteCard,
    SuiteError, Tree,
};

const CARD: Card = Card {
    kind: "rm-bench",
    summary: "RM-Bench: sensitivity to small errors and robustness to style, in four domains.",
    version: "1",
    example: "[suite.rm-bench]\nkind = \"rm-bench\"\npath = \"examples/data/rm-bench\"\n",
    self_check: SelfCheck::Skip,
};

/// Answers of each side: concise, detailed plain text, detailed markdown.
const STYLES: u16 = 3;

/// The difficulties in the order reported.
const DIFFICULTIES: [Difficulty; 3] = [Difficulty::Hard, Difficulty::Normal, Difficulty::Easy];

/// A domain and the parts that it pools, as files and items name them.
struct Domain {
    name: &'static str,
    parts: &'static [&'static str],
}

const DOMAINS: [Domain; 4] = [
    Domain { name: "chat", parts: &["chat"] },
    Domain { name: "code", parts: &["code"] },
    Domain { name: "math", parts: &["math"] },
    Domain { name: "safety", parts: &["safety-refuse", "safety-response"] },
];

/// Settings of `rm-bench`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Config {
    /// The data. A folder with `chat_filtered.json`, `code_filtered.json`, `math_filtered.json`,
    /// `safety-refuse_filtered.json` and `safety-response_filtered.json` (or the repository that holds them in
    /// `data`), one such file, or one file with a `domain` column such as `total_dataset.json`.
    path: PathSetting,
}

struct RmBench {
    config: Config,
}

/// Registers the kind `rm-bench`.
pub(crate) fn register(registry: &mut Registry) {
    registry.suite(CARD, |config: Config, _| Ok(RmBench { config }));
}

/// How the style of the right answer compares to that of the wrong one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Difficulty {
    /// The wrong answer has the richer style.
    Hard,
    /// Both have the same style.
    Normal,
    /// The right answer has the richer style.
    Easy,
}

impl Difficulty {
    /// The difficulty of right answer `chosen` against wrong answer `rejected`, by their styles.
    fn of(chosen: u16, rejected: u16) -> Self {
        match chosen.cmp(&rejected) {
            std::cmp::Ordering::Less => Difficulty::Hard,
            std::cmp::Ordering::Equal => Difficulty::Normal,
            std::cmp::Ordering::Greater => Difficulty::Easy,
        }
    }

    /// The name of the grade and of the measure.
    fn as_str(self) -> &'static str {
        match self {
            Difficulty::Hard => "hard",
            Difficulty::Normal => "normal",
            Difficulty::Easy => "easy",
        }
    }
}

impl Suite for RmBench {
    fn card(&self) -> SuiteCard {
        SuiteCard {
            name: "RM-Bench".into(),
            version: "2024-10".into(),
            licence: "none stated".into(),
            source: "arXiv 2410.16184, THU-KEG/RM-Bench".into(),
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
        reading::items(self.config.path.as_path())
    }

    fn contest(&self, _: &str) -> Contest {
        Contest::EveryChosenRejected
    }

    /// `hard`, `normal` and `easy`, each the mean of its three comparisons, and `accuracy`, the mean of all nine.
    /// When failures are excluded, a grade is left out if one of its own comparisons has no readout.
    fn grade(&self, _: &Item, outcome: &Outcome, rules: &Rules) -> Vec<Grade> {
        let ties = rules.ties.or(TieRule::Loss);
        let failures = rules.failures.or(FailureRule::Wrong);
        let mut credits = Vec::with_capacity(usize::from(STYLES * STYLES));
        for chosen in 0..STYLES {
            for rejected in 0..STYLES {
                let better = CandidateIndex(chosen);
                let worse = CandidateIndex(STYLES + rejected);
                let credit = pair(outcome, better, worse, ties, failures);
                credits.push((Difficulty::of(chosen, rejected), credit));
            }
        }
        let of_difficulty = DIFFICULTIES.iter().map(|&wanted| {
            let own = credits.iter().filter(|(difficulty, _)| *difficulty == wanted);
            (wanted.as_str(), mean(own.map(|(_, credit)| *credit)))
        });
        of_difficulty
            .chain([("accuracy", mean(credits.iter().map(|(_, credit)| *credit)))])
            .filter_map(|(name, credit)| Some(Grade::new(name, credit?)))
            .collect()
    }

    /// That of a pair: every comparison stands alone.
    fn chance(&self, _: &Item, guess: &Guess) -> Vec<Grade> {
        let credit = chance_pair(guess, guess.rules.ties.or(TieRule::Loss));
        let names = DIFFICULTIES.map(Difficulty::as_str).into_iter().chain(["accuracy"]);
        names.map(|name| Grade::new(name, credit)).collect()
    }

    /// The headline is the mean of the domains; the two safety parts are pooled by example.
    ///
    /// Source: the maintainers' scoring script; the recorded safety figure of RM-R1, 3788/3969, fits pooling only.
    fn aggregates(&self, subsets: &[Arc<str>]) -> Vec<Aggregate> {
        let domains: Vec<(&Domain, Vec<Arc<str>>)> = DOMAINS
            .iter()
            .map(|domain| (domain, present(domain, subsets)))
            .filter(|(_, parts)| !parts.is_empty())
            .collect();
        let average = |grade: &'static str| {
            Tree::Average(domains.iter().map(|(_, parts)| mean_of(grade, parts)).collect())
        };
        let mut all = vec![Aggregate::new("overall", "", Standing::Headline, average("accuracy"))];
        for difficulty in DIFFICULTIES.map(Difficulty::as_str) {
            all.push(Aggregate::new(difficulty, "", Standing::Group, average(difficulty)));
        }
        for (domain, parts) in &domains {
            let tree = mean_of("accuracy", parts);
            all.push(Aggregate::new("accuracy", domain.name, Standing::Group, tree));
        }
        all.push(Aggregate::new("micro", "", Standing::Beside, Tree::all("accuracy")));
        for (domain, parts) in &domains {
            for difficulty in DIFFICULTIES.map(Difficulty::as_str) {
                let tree = mean_of(difficulty, parts);
                all.push(Aggregate::new(difficulty, domain.name, Standing::Detail, tree));
            }
            if domain.parts.len() > 1 {
                all.extend(parts.iter().flat_map(details_of_part));
            }
        }
        all
    }
}

/// All four grades of one part of a pooled domain.
fn details_of_part(part: &Arc<str>) -> impl Iterator<Item = Aggregate> + use<> {
    let part = part.clone();
    ["accuracy"].into_iter().chain(DIFFICULTIES.map(Difficulty::as_str)).map(move |grade| {
        let tree = Tree::subset(grade, part.clone());
        Aggregate::new(grade, part.clone(), Standing::Detail, tree)
    })
}

/// The parts of a domain that are among the subsets, in the domain's order.
fn present(domain: &Domain, subsets: &[Arc<str>]) -> Vec<Arc<str>> {
    let parts = domain.parts.iter();
    parts
        .filter_map(|part| subsets.iter().find(|subset| subset.as_ref() == *part).cloned())
        .collect()
}

fn mean_of(grade: &'static str, parts: &[Arc<str>]) -> Tree {
    match parts {
        [one] => Tree::Mean { grade: grade.into(), over: Over::Subset(one.clone()) },
        several => Tree::pooled(grade, several.iter().cloned()),
    }
}

/// The mean, or `None` when one of the credits is left out.
fn mean(credits: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let credits: Vec<f64> = credits.collect::<Option<_>>()?;
    Some(credits.iter().sum::<f64>() / credits.len() as f64)
}
