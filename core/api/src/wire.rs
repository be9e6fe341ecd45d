//! The JSON that crosses the plugin boundary: the records of `docs/plugin-protocol.md`, for libraries and children alike.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{SourceError, SuiteError};
use crate::generator::Completion;
use crate::grading::{FailureRule, TieRule, best_of, chance_best_of};
use crate::item::{Absent, Candidate, Cluster, Item, TagValue};
use crate::outcome::{Combiner, Outcome};
use crate::question::Turn;
use crate::settings::{SettingsError, Step};
use crate::source::{Arity, Limits, Reads, Scale};
use crate::suite::{
    Aggregate, Contest, Grade, Guess, Order, Published, Rules, Standing, SuiteCard, Tree,
};

/// The most questions in one call of a plugin, whatever it declares.
const MOST_BATCH: usize = 65_536;
/// The most calls of a plugin at the same time, whatever it declares: each may take a thread.
const MOST_IN_FLIGHT: usize = 1024;

/// What a component with certain settings is. Absent keys have the defaults of `docs/plugin-protocol.md`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Declares {
    /// Least and most candidates of a question; 65535 is any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arity: Option<[u16; 2]>,
    /// What a question lends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reads: Option<Reads>,
    /// Whether samples differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draws: Option<bool>,
    /// What scores of single candidates are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<Scale>,
    /// Most questions or prompts in one call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<usize>,
    /// Most calls at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<usize>,
    /// The queue that is shared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lane: Option<String>,
    /// See [`Generator::renders_markers`](crate::Generator::renders_markers).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renders_markers: Option<bool>,
    /// See [`Generator::samples_at_once`](crate::Generator::samples_at_once).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samples_at_once: Option<usize>,
    /// What a suite says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card: Option<CardBody>,
    /// How a suite with standard grading puts lists to sources that take two candidates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contest: Option<Contest>,
    /// Who grades.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grading: Option<Grading>,
}

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

impl Declares {
    /// The arity, at least 1, in order.
    pub fn arity(&self) -> Arity {
        let [least, most] = self.arity.unwrap_or([1, 1]);
        let least = least.max(1);
        Arity { least, most: most.max(least) }
    }

    /// The limits; `batch` is the default where none is declared.
    pub fn limits(&self, batch: usize) -> Limits {
        Limits {
            batch: self.batch.unwrap_or(batch).clamp(1, MOST_BATCH),
            in_flight: self.in_flight.unwrap_or(1).clamp(1, MOST_IN_FLIGHT),
            lane: self.lane.clone(),
        }
    }
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

/// An error as it crosses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct ErrorBody {
    /// `busy`, `unreachable`, `rejected`, `broken`, `denied`, `settings`, `cancelled`.
    pub code: String,
    /// What happened.
    pub message: String,
    /// Seconds to wait before asking again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait: Option<f64>,
    /// A stack trace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// Of settings: keys and positions from the block on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<StepBody>,
    /// Of settings: the key itself is wrong, not its value.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub at_key: bool,
    /// Of settings: what would be right.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<String>,
    /// Of settings: what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// A step into a settings table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum StepBody {
    /// A position in a list.
    Index(usize),
    /// A key of a table.
    Key(String),
}

impl ErrorBody {
    /// An error with this code.
    pub fn of(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), ..Self::default() }
    }

    /// The error of a question. An unknown code is an error of the adapter; a stack trace joins the message.
    pub fn into_source_error(self) -> SourceError {
        let Self { code, mut message, wait, trace, .. } = self;
        if message.is_empty() {
            message = "it gave no reason".to_owned();
        }
        match code.as_str() {
            "busy" => SourceError::Busy {
                wait: wait.and_then(|wait| Duration::try_from_secs_f64(wait).ok()),
                remaining: None,
                message,
            },
            "unreachable" => SourceError::Unreachable { message },
            "cancelled" => {
                SourceError::Unreachable { message: format!("it was cancelled: {message}") }
            }
            "rejected" => SourceError::Rejected { message },
            "denied" => SourceError::Denied { message },
            _ => {
                if let Some(trace) = trace.filter(|trace| !trace.is_empty()) {
                    message = format!("{message}\n{trace}");
                }
                SourceError::Broken { message }
            }
        }
    }

    /// The fault of a settings table.
    pub fn into_settings_error(self) -> SettingsError {
        let step = |step| match step {
            StepBody::Key(key) => Step::Key(key),
            StepBody::Index(index) => Step::Index(index),
        };
        SettingsError {
            path: self.path.into_iter().map(step).collect(),
            at_key: self.at_key,
            message: self.message,
            known: self.known,
            hint: self.hint,
        }
    }
}

impl From<&SourceError> for ErrorBody {
    fn from(error: &SourceError) -> Self {
        let (wait, message) = match error {
            SourceError::Busy { wait, message, .. } => {
                (wait.map(|wait| wait.as_secs_f64()), message)
            }
            SourceError::Unreachable { message }
            | SourceError::Rejected { message }
            | SourceError::Broken { message }
            | SourceError::Denied { message } => (None, message),
        };
        Self { wait, ..Self::of(error.name(), message) }
    }
}

impl From<SettingsError> for ErrorBody {
    fn from(error: SettingsError) -> Self {
        let step = |step| match step {
            Step::Key(key) => StepBody::Key(key),
            Step::Index(index) => StepBody::Index(index),
        };
        Self {
            path: error.path.into_iter().map(step).collect(),
            at_key: error.at_key,
            known: error.known,
            hint: error.hint,
            ..Self::of("settings", error.message)
        }
    }
}

/// The reply to `generate`: one entry for each prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Completions {
    /// In the order asked.
    pub completions: Vec<CompletionBody>,
}

/// What came back for a prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CompletionBody {
    /// Nothing.
    Failed {
        /// Why.
        error: ErrorBody,
    },
    /// Texts.
    Done(Completion),
}

impl CompletionBody {
    /// The result as traits have it.
    pub fn into_result(self) -> Result<Completion, SourceError> {
        match self {
            CompletionBody::Failed { error } => Err(error.into_source_error()),
            CompletionBody::Done(completion) => Ok(completion),
        }
    }

    /// The result as it crosses.
    pub fn of(result: Result<Completion, SourceError>) -> Self {
        match result {
            Ok(completion) => CompletionBody::Done(completion),
            Err(error) => CompletionBody::Failed { error: ErrorBody::from(&error) },
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
