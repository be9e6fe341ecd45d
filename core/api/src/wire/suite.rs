//! Suites in JSON: their items as authors write them, the requests of grading, and a suite served to a host.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Declares, ErrorBody};
use crate::error::SuiteError;
use crate::grading::{FailureRule, TieRule, best_of, chance_best_of};
use crate::item::{Absent, Candidate, Cluster, Item, Loaded, TagValue};
use crate::outcome::{Combiner, Outcome};
use crate::question::Turn;
use crate::suite::{
    Aggregate, Grade, Guess, Order, Published, Rules, Standing, Suite, SuiteCard, Tree,
};

/// Who grades the outcomes of a suite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grading {
    /// The host: the best candidates must be preferred to all others.
    #[default]
    Standard,
    /// The plugin.
    Own,
}

/// What a suite says of itself; absent keys say that nothing is known, and that the usual rules apply.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CardBody {
    /// Its name.
    pub name: Option<String>,
    /// The version of data or rules.
    pub version: Option<String>,
    /// The licence of the data.
    pub licence: Option<String>,
    /// Where it is published.
    pub source: Option<String>,
    /// The rules that its authors publish.
    pub published: Option<PublishedBody>,
    /// True when the stored order tells nothing about gold.
    pub neutral_order: bool,
}

/// The rules that a suite's authors publish; absent keys have the usual ones.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PublishedBody {
    /// The order of candidates.
    pub order: Option<Order>,
    /// How presentations combine.
    pub combiner: Option<Combiner>,
    /// What a tie is worth.
    pub ties: Option<String>,
    /// What a question without readout is worth.
    pub failures: Option<String>,
}

impl CardBody {
    /// The card of a suite of this kind.
    pub fn into_card(self, kind: &str, version: &str) -> SuiteCard {
        let published = self.published.unwrap_or_default();
        SuiteCard {
            name: self.name.unwrap_or_else(|| kind.to_owned()).into(),
            version: self.version.unwrap_or_else(|| version.to_owned()).into(),
            licence: self.licence.unwrap_or_else(|| "not stated".to_owned()).into(),
            source: self.source.unwrap_or_else(|| format!("the plugin kind `{kind}`")).into(),
            published: Published {
                order: published.order.unwrap_or(Order::Seeded),
                combiner: published.combiner.unwrap_or_default(),
                ties: published.ties.unwrap_or_else(|| "loss".to_owned()).into(),
                failures: published.failures.unwrap_or_else(|| "wrong".to_owned()).into(),
            },
            neutral_order: self.neutral_order,
        }
    }
}

impl From<SuiteCard> for CardBody {
    fn from(card: SuiteCard) -> Self {
        let published = PublishedBody {
            order: Some(card.published.order),
            combiner: Some(card.published.combiner),
            ties: Some(card.published.ties.into_owned()),
            failures: Some(card.published.failures.into_owned()),
        };
        Self {
            name: Some(card.name.into_owned()),
            version: Some(card.version.into_owned()),
            licence: Some(card.licence.into_owned()),
            source: Some(card.source.into_owned()),
            published: Some(published),
            neutral_order: card.neutral_order,
        }
    }
}

/// A page of a suite's items.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ItemsPage {
    /// The items.
    pub items: Vec<ItemBody>,
    /// What is missing from the suite; with any page.
    pub absent: Vec<Absent>,
    /// True with the last page.
    pub end: bool,
}

/// An item as authors write it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ItemBody {
    /// Unique within its subset.
    pub id: Arc<str>,
    /// The suite's division; `all` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subset: Option<Arc<str>>,
    /// What it is about; the subset when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<Arc<str>>,
    /// A name that items share which belong together; the conversation when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Arc<str>>,
    /// The dialogue.
    #[serde(default)]
    pub prompt: PromptBody,
    /// The replies.
    pub candidates: Vec<CandidateBody>,
    /// How good each is; the first is the best when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gold: Option<Vec<f64>>,
    /// The suite's own columns.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<Arc<str>, TagValue>,
}

/// A text of the user, or turns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PromptBody {
    /// One turn of the user.
    Text(String),
    /// A dialogue.
    Turns(Vec<Turn>),
}

impl Default for PromptBody {
    fn default() -> Self {
        Self::Turns(Vec::new())
    }
}

/// A text, or a candidate with its author.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CandidateBody {
    /// A text.
    Text(Arc<str>),
    /// A candidate.
    Whole(Candidate),
}

impl ItemBody {
    /// The item, with gold for every candidate.
    ///
    /// # Errors
    ///
    /// When there are no candidates, or gold does not fit them.
    pub fn into_item(self) -> Result<Item, SuiteError> {
        let count = self.candidates.len();
        let gold = self.gold.unwrap_or_else(|| Item::gold_first(1, count));
        let refuse = |what: String| SuiteError::new(format!("item `{}` {what}", self.id));
        if count == 0 || count > usize::from(u16::MAX) {
            return Err(refuse(format!("has {count} candidates")));
        }
        if gold.len() != count || gold.iter().any(|gold| !gold.is_finite()) {
            return Err(refuse(format!(
                "has {count} candidates and {} gold values; one finite number for each is needed",
                gold.len()
            )));
        }
        let subset = self.subset.unwrap_or_else(|| Arc::from("all"));
        let candidate = |one| match one {
            CandidateBody::Text(text) => Candidate::of_text(text),
            CandidateBody::Whole(candidate) => candidate,
        };
        Ok(Item {
            topic: self.topic.unwrap_or_else(|| subset.clone()),
            subset,
            id: self.id,
            cluster: self.cluster.map_or(Cluster::Conversation, Cluster::Named),
            prompt: match self.prompt {
                PromptBody::Text(text) => Arc::from([Turn::user(text)]),
                PromptBody::Turns(turns) => turns.into(),
            },
            candidates: self.candidates.into_iter().map(candidate).collect(),
            gold,
            tags: self.tags,
        })
    }
}

impl From<Item> for ItemBody {
    fn from(item: Item) -> Self {
        Self {
            id: item.id,
            subset: Some(item.subset),
            topic: Some(item.topic),
            cluster: match item.cluster {
                Cluster::Conversation => None,
                Cluster::Named(name) => Some(name),
            },
            prompt: PromptBody::Turns(item.prompt.to_vec()),
            candidates: item.candidates.into_iter().map(CandidateBody::Whole).collect(),
            gold: Some(item.gold),
            tags: item.tags,
        }
    }
}

/// The request for a page of items.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "docs/plugin-protocol.md has the words")]
pub struct ItemsRequest {
    pub from: usize,
    pub max: usize,
}

/// The request for grades of an outcome.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "docs/plugin-protocol.md has the words")]
pub struct GradeRequest {
    pub item: Item,
    pub outcome: Outcome,
    pub rules: Rules,
}

/// The request for grades of a guess.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "docs/plugin-protocol.md has the words")]
pub struct ChanceRequest {
    pub item: Item,
    pub guess: Guess,
}

/// The request for the contest of a subset.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "docs/plugin-protocol.md has the words")]
pub struct SubsetRequest {
    pub subset: Arc<str>,
}

/// The request for the measures of the subsets that are present.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "docs/plugin-protocol.md has the words")]
pub struct AggregatesRequest {
    pub subsets: Vec<Arc<str>>,
}

/// The reply to `grade` and `chance`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "docs/plugin-protocol.md has the words")]
pub struct Grades {
    pub grades: Vec<Grade>,
}

/// The measures of a suite that the host grades: the share of items whose best candidates beat all others, over all
/// items and for each subset.
pub fn standard_aggregates(subsets: &[Arc<str>]) -> Vec<Aggregate> {
    let mut aggregates =
        vec![Aggregate::new("accuracy", "", Standing::Headline, Tree::all("accuracy"))];
    if subsets.len() > 1 {
        let parts = subsets.iter().map(|subset| Tree::subset("accuracy", subset.clone()));
        let mean = Tree::Average(parts.collect());
        aggregates.push(Aggregate::new("macro-subsets", "", Standing::Beside, mean));
        aggregates.extend(subsets.iter().map(|subset| {
            let tree = Tree::subset("accuracy", subset.clone());
            Aggregate::new("accuracy", subset.clone(), Standing::Detail, tree)
        }));
    }
    aggregates
}

/// The grade of a suite that the host grades, by the rules of `pairs` and `best-of`.
pub fn standard_grade(item: &Item, outcome: &Outcome, rules: &Rules) -> Vec<Grade> {
    let ties = rules.ties.or(TieRule::Loss);
    let failures = rules.failures.or(FailureRule::Wrong);
    let credit = best_of(outcome, item, ties, failures);
    credit.map(|credit| Grade::new("accuracy", credit)).into_iter().collect()
}

/// What guessing earns in a suite that the host grades.
pub fn standard_chance(item: &Item, guess: &Guess) -> Vec<Grade> {
    let credit = chance_best_of(item, guess, guess.rules.ties.or(TieRule::Loss));
    credit.map(|credit| Grade::new("accuracy", credit)).into_iter().collect()
}

/// A suite as a plugin's side answers for it, in a library and in a child alike.
pub struct ServedSuite {
    suite: Arc<dyn Suite>,
    /// What was read, until its last page is asked for.
    loaded: Mutex<Option<Arc<Loaded>>>,
}

impl ServedSuite {
    /// Serves this suite.
    pub fn new(suite: Arc<dyn Suite>) -> Self {
        Self { suite, loaded: Mutex::default() }
    }

    /// What it is. How a suite grades does not show from outside, so it is always asked.
    pub fn declares(&self) -> Declares {
        Declares {
            card: Some(self.suite.card().into()),
            grading: Some(Grading::Own),
            ..Declares::default()
        }
    }

    /// The reply to `items`, `contest`, `grade`, `chance` or `aggregates`, given the request in JSON.
    ///
    /// # Errors
    ///
    /// `rejected` for data that cannot be read and for methods that suites do not have, `broken` for the rest.
    pub fn answer(&self, method: &str, request: &[u8]) -> Result<Value, Box<ErrorBody>> {
        let suite = &*self.suite;
        let reply = match method {
            "items" => to_value(self.items(read(request)?)?),
            "contest" => {
                let SubsetRequest { subset } = read(request)?;
                Ok(json!({ "contest": suite.contest(&subset) }))
            }
            "grade" => {
                let GradeRequest { item, outcome, rules } = read(request)?;
                to_value(Grades { grades: suite.grade(&item, &outcome, &rules) })
            }
            "chance" => {
                let ChanceRequest { item, guess } = read(request)?;
                to_value(Grades { grades: suite.chance(&item, &guess) })
            }
            "aggregates" => {
                let AggregatesRequest { subsets } = read(request)?;
                let aggregates = suite.aggregates(&subsets);
                let odd = aggregates.iter().find(|one| holds_a_set(&one.tree));
                match odd.map(|odd| &odd.measure) {
                    Some(measure) => Err(broken(format!(
                        "the measure `{measure}` is no mean of grades, and such measures cannot cross the plugin boundary"
                    ))),
                    None => Ok(json!({ "aggregates": aggregates })),
                }
            }
            other => {
                let message = format!("a suite has no method `{other}`");
                Err(Box::new(ErrorBody::of("rejected", message)))
            }
        }?;
        match suite.fault() {
            Some(fault) => Err(unreadable(&fault)),
            None => Ok(reply),
        }
    }

    fn items(&self, ItemsRequest { from, max }: ItemsRequest) -> Result<ItemsPage, Box<ErrorBody>> {
        let mut kept = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = match kept.take().filter(|_| from > 0) {
            Some(loaded) => loaded,
            None => Arc::new(self.suite.items().map_err(|error| unreadable(&error))?),
        };
        let until = from.saturating_add(max).min(loaded.items.len());
        let page = loaded.items.get(from..until).unwrap_or_default();
        let end = until >= loaded.items.len();
        let page = ItemsPage {
            items: page.iter().cloned().map(ItemBody::from).collect(),
            absent: if end { loaded.absent.clone() } else { Vec::new() },
            end,
        };
        if !end {
            *kept = Some(loaded);
        }
        Ok(page)
    }
}

fn read<T: DeserializeOwned>(request: &[u8]) -> Result<T, Box<ErrorBody>> {
    serde_json::from_slice(request)
        .map_err(|cause| broken(format!("the request cannot be read: {cause}")))
}

fn to_value(reply: impl Serialize) -> Result<Value, Box<ErrorBody>> {
    serde_json::to_value(reply).map_err(|cause| broken(format!("the reply is no JSON: {cause}")))
}

fn broken(message: String) -> Box<ErrorBody> {
    Box::new(ErrorBody::of("broken", message))
}

fn unreadable(error: &SuiteError) -> Box<ErrorBody> {
    let mut message = error.message.clone();
    if let Some(path) = &error.path
        && !message.contains(&*path.to_string_lossy())
    {
        message = format!("`{}`: {message}", path.display());
    }
    if let Some(hint) = &error.hint {
        message = format!("{message}; {hint}");
    }
    Box::new(ErrorBody::of("rejected", message))
}

fn holds_a_set(tree: &Tree) -> bool {
    match tree {
        Tree::Mean { .. } => false,
        Tree::Set(_) => true,
        Tree::Average(parts) => parts.iter().any(holds_a_set),
        Tree::Weighted(parts) => parts.iter().any(|(_, part)| holds_a_set(part)),
    }
}
