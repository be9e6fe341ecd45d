//! The trait of a benchmark: items, how they are graded, and how grades become its published number.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::SuiteError;
use crate::item::{Item, Loaded};
use crate::outcome::{Combiner, Outcome, Protocol};

/// In which orders the candidates of a question are shown.
///
/// The canonical order is candidates sorted by text digest, so no order depends on gold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// One seeded permutation per question.
    Seeded,
    /// Two candidates: canonical and reversed. More: a seeded permutation and its reverse.
    Both,
    /// All cyclic shifts of a seeded permutation.
    Rotations,
    /// This many different seeded permutations (all, when there are fewer).
    Random(u16),
    /// The first stored candidate exchanged with a seeded position (RewardBench 2's published protocol).
    SwapFirst,
    /// The stored order; only for suites whose stored order is neutral.
    Given,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Order::Seeded => f.write_str("seeded"),
            Order::Both => f.write_str("both"),
            Order::Rotations => f.write_str("rotations"),
            Order::Random(count) => write!(f, "random:{count}"),
            Order::SwapFirst => f.write_str("swap-first"),
            Order::Given => f.write_str("given"),
        }
    }
}

impl FromStr for Order {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "seeded" => Order::Seeded,
            "both" => Order::Both,
            "rotations" => Order::Rotations,
            "swap-first" => Order::SwapFirst,
            "given" => Order::Given,
            _ => match text.strip_prefix("random:").and_then(|count| count.parse().ok()) {
                Some(count) if count > 0 => Order::Random(count),
                _ => return Err(format!("`{text}` is not an order")),
            },
        })
    }
}

impl Serialize for Order {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Order {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// How a list of candidates is put to a source that takes two at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contest {
    /// Each correct candidate against each wrong one; it must beat them all. Lists may be asked whole.
    BestAgainstEach,
    /// Every chosen against every rejected candidate, each game graded. Never asked whole.
    EveryChosenRejected,
    /// The rule reads scores of single candidates: only pointwise sources can answer.
    ScoresOnly,
}

/// What a tie is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ties {
    /// As the suite's authors do it.
    #[default]
    Published,
    /// Nothing: the better candidate must be strictly preferred.
    Loss,
    /// One half.
    Half,
    /// One divided by the number of candidates at the top.
    Split,
}

/// What a question without readout is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failures {
    /// As the suite's authors do it.
    #[default]
    Published,
    /// Nothing.
    Wrong,
    /// The item is left out when a question that it needs has no readout at all.
    Exclude,
    /// The least grade that the missing readouts leave attainable, also when only some of a question are missing.
    Worst,
    /// The greatest grade that the missing readouts leave attainable, likewise.
    Best,
}

/// The rules that a grade applies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rules {
    /// What a tie is worth.
    pub ties: Ties,
    /// What a question without readout is worth.
    pub failures: Failures,
}

/// How a source that knows nothing is asked, and by which rules it is graded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Guess {
    /// How the item is put to it.
    pub protocol: Protocol,
    /// How presentations combine.
    pub combiner: Combiner,
    /// Presentations (orders) of each question, at least 1.
    pub presentations: u32,
    /// What ties and missing readouts are worth. A guess is never missing.
    pub rules: Rules,
}

impl Guess {
    /// The guess in place of what this outcome holds.
    pub fn in_place_of(outcome: &Outcome, rules: Rules) -> Self {
        let presentations = outcome.shown.first().map_or(1, |first| outcome.votes(first).count());
        Self {
            protocol: outcome.protocol,
            combiner: outcome.combiner,
            presentations: u32::try_from(presentations).unwrap_or(u32::MAX),
            rules,
        }
    }
}

/// A named credit that a suite gives to an item's outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grade {
    /// Which credit (`pairwise`, `hard`, ...); aggregates refer to it.
    pub name: Cow<'static, str>,
    /// The credit, mostly 0 to 1.
    pub credit: f64,
    /// How much it counts, mostly 1.
    pub weight: f64,
}

impl Grade {
    /// A grade of weight 1.
    pub fn new(name: impl Into<Cow<'static, str>>, credit: f64) -> Self {
        Self { name: name.into(), credit, weight: 1.0 }
    }
}

/// An item of a set with its grades, for measures that are no mean of grades.
#[derive(Clone, Copy, Debug)]
pub struct Graded<'a> {
    /// The item.
    pub item: &'a Item,
    /// Its grades; empty when it is excluded or unanswered.
    pub grades: &'a [Grade],
}

impl Graded<'_> {
    /// The credit of the grade with this name.
    pub fn credit(&self, name: &str) -> Option<f64> {
        self.grades.iter().find(|grade| grade.name == name).map(|grade| grade.credit)
    }
}

/// Which items a mean runs over.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Over {
    /// All items.
    All,
    /// The items of one subset.
    Subset(Arc<str>),
    /// The items of several subsets, pooled.
    Subsets(Vec<Arc<str>>),
}

/// How a measure is computed from grades. Evaluated under any item weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tree {
    /// The weighted mean of the grades with this name (micro average).
    Mean {
        /// The grade's name.
        grade: Cow<'static, str>,
        /// The items.
        over: Over,
    },
    /// The unweighted mean of those parts that are defined (macro average).
    Average(Vec<Tree>),
    /// The mean with these weights; parts that are not defined leave numerator and denominator.
    Weighted(Vec<(f64, Tree)>),
    /// What [`Suite::grade_set`] says for a subset.
    Set(Arc<str>),
}

impl Tree {
    /// The mean of a grade over one subset.
    pub fn subset(grade: impl Into<Cow<'static, str>>, subset: impl Into<Arc<str>>) -> Self {
        Tree::Mean { grade: grade.into(), over: Over::Subset(subset.into()) }
    }

    /// The mean of a grade over all items.
    pub fn all(grade: impl Into<Cow<'static, str>>) -> Self {
        Tree::Mean { grade: grade.into(), over: Over::All }
    }

    /// The pooled mean of a grade over several subsets.
    pub fn pooled(
        grade: impl Into<Cow<'static, str>>,
        subsets: impl IntoIterator<Item = Arc<str>>,
    ) -> Self {
        Tree::Mean { grade: grade.into(), over: Over::Subsets(subsets.into_iter().collect()) }
    }
}

/// How prominently a measure stands in a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// The suite's own number.
    Headline,
    /// A part of the headline (a set, a section, a domain).
    Group,
    /// Another convention of averaging, for comparison.
    Beside,
    /// A single subset.
    Detail,
}

/// A measure that a suite reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Aggregate {
    /// The measure's name (`overall`, `accuracy`, `best-of-n`, `hard`, ...), kebab-case.
    pub measure: Cow<'static, str>,
    /// What it covers; empty for the whole suite.
    pub subset: Arc<str>,
    /// How prominently it stands.
    pub standing: Standing,
    /// How it is computed.
    pub tree: Tree,
}

impl Aggregate {
    /// A measure of the whole suite or of one of its subsets.
    pub fn new(
        measure: impl Into<Cow<'static, str>>,
        subset: impl Into<Arc<str>>,
        standing: Standing,
        tree: Tree,
    ) -> Self {
        Self { measure: measure.into(), subset: subset.into(), standing, tree }
    }
}

/// The rules that a suite's authors publish.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// The order of candidates.
    pub order: Order,
    /// How presentations combine.
    pub combiner: Combiner,
    /// What a tie is worth: `loss`, `half`, `split`, or a sentence where it is none of these.
    pub ties: Cow<'static, str>,
    /// What a question without readout is worth, in a few words.
    pub failures: Cow<'static, str>,
}

/// What a suite says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SuiteCard {
    /// Its name.
    pub name: Cow<'static, str>,
    /// The version of data or rules.
    pub version: Cow<'static, str>,
    /// The licence of the data, or that none is stated.
    pub licence: Cow<'static, str>,
    /// Where it is published (paper, repository).
    pub source: Cow<'static, str>,
    /// The rules that its authors publish.
    pub published: Published,
    /// True when the stored order of candidates tells nothing about gold; only then `given` is allowed.
    pub neutral_order: bool,
}

/// A benchmark. Pure but for [`items`](Suite::items), which is the only method that opens files: a report
/// calls the others on stored items without text.
pub trait Suite: Send + Sync {
    /// What the suite says of itself.
    fn card(&self) -> SuiteCard;

    /// Reads the items, in an order that depends on the data alone.
    fn items(&self) -> Result<Loaded, SuiteError>;

    /// How lists of this subset are put to a source that takes two candidates at a time.
    fn contest(&self, subset: &str) -> Contest;

    /// The named credits of an outcome. Empty when the rules exclude the item.
    ///
    /// The item may come without texts. The outcome is complete: every planned presentation is answered.
    fn grade(&self, item: &Item, outcome: &Outcome, rules: &Rules) -> Vec<Grade>;

    /// The grades that guessing is expected to earn when asked like this. Empty when it is not known.
    fn chance(&self, item: &Item, guess: &Guess) -> Vec<Grade> {
        let _ = (item, guess);
        Vec::new()
    }

    /// The measures, given the subsets that are present, sorted. The first headline is the suite's own number.
    fn aggregates(&self, subsets: &[Arc<str>]) -> Vec<Aggregate>;

    /// The value of a set whose measure is no mean of grades, under integer item weights (how often
    /// each item was drawn). `None` when it is not defined. Only reached through [`Tree::Set`].
    fn grade_set(&self, subset: &str, graded: &[Graded<'_>], weights: &[u32]) -> Option<f64> {
        let _ = (subset, graded, weights);
        None
    }

    /// What went wrong in calls that cannot say so themselves, such as grading in another process; the first one.
    fn fault(&self) -> Option<SuiteError> {
        None
    }

    /// What guessing is expected to earn in a set, where that is known. The grades are those of
    /// [`chance`](Suite::chance): they say how each item was asked.
    fn chance_set(&self, subset: &str, guessed: &[Graded<'_>]) -> Option<f64> {
        let _ = (subset, guessed);
        None
    }
}
