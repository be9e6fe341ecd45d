//! Lists of your own: one best answer among several, in any file, found by a field map.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use tribunal_api::grading::{FailureRule, TieRule, best_of, chance_best_of};
use tribunal_api::settings::Step;
use tribunal_api::{
    Aggregate, Candidate, Card, Combiner, Contest, Grade, Guess, Item, Loaded, Order, Outcome,
    PathSetting, Published, Registry, Rules, SelfCheck, SettingsError, Suite, SuiteCard,
    SuiteError,
};
use tribunal_tables::{FieldPath, as_list, as_number};

use crate::own_data::{self, Body, Common, Row, describe, field};

const CARD: Card = Card {
    kind: "best-of",
    summary: "Lists of your own: the best of several answers in JSON, JSON lines, CSV or Parquet.",
    version: "1",
    example: "[suite.best-of]\nkind = \"best-of\"\npath = \"examples/data/best-of/lists.jsonl\"\n\
              fields = { id = \"id\", subset = \"topic\", prompt = \"question\", candidates = \"answers\", \
              best = \"best\" }\n",
    self_check: SelfCheck::Skip,
};

/// Settings of `best-of`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Config {
    /// The data. A `.jsonl`, `.json`, `.csv`, `.tsv` or `.parquet` file, or a folder of such files.
    path: PathSetting,
    /// Where each record keeps what. Paths such as `id`, `answers.0` or `/meta/source`.
    fields: Fields,
    /// The index of the best answer in every record, counted from 0. In place of the field `best`.
    best: Option<u16>,
    /// The number of answers of every record without texts. In place of the field `count`.
    #[schemars(range(min = 2))]
    count: Option<u16>,
    /// Paths of columns to slice reports by. No others are kept.
    #[serde(default)]
    tags: Vec<String>,
}

/// The field map of `best-of`. Without texts (`prompt`, `candidates` and `columns` left out) the items are known by
/// subset and id alone, for recorded scores; `count` then says how many answers there are.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Fields {
    /// The id, unique within the subset. Default: the number of the record, from 1.
    id: Option<String>,
    /// The subset; `/` separates levels. Default: one subset `all`.
    subset: Option<String>,
    /// The prompt: a text, or a list of messages with `role` and `content`.
    prompt: Option<String>,
    /// The list of answers: texts, or tables with a text at `text`.
    candidates: Option<String>,
    /// The path of the text within each element of `candidates`.
    text: Option<String>,
    /// The path of the author within each element of `candidates`.
    author: Option<String>,
    /// The texts of the answers where each has a column of its own, in place of `candidates`.
    columns: Option<Vec<String>>,
    /// The best answer: its index counted from 0, a list of indexes, or a list with `true` or `false` for each answer.
    best: Option<String>,
    /// The number of answers of a record without texts: a number, or a list with an element for each answer.
    count: Option<String>,
    /// What items share that are drawn together. Default: equal prompts; without prompt, each item by itself.
    cluster: Option<String>,
}

struct BestOf {
    path: PathSetting,
    common: Common,
    answers: Answers,
    best: Best,
}

/// Where the answers are.
enum Answers {
    List { path: FieldPath, text: Option<FieldPath>, author: Option<FieldPath> },
    Columns(Vec<FieldPath>),
    Counted(FieldPath),
    Always(u16),
}

/// Where it is said which is best.
enum Best {
    Field(FieldPath),
    Always(u16),
}

/// Registers the kind `best-of`.
pub(crate) fn register(registry: &mut Registry) {
    registry.suite(CARD, |config: Config, _| BestOf::new(config));
}

impl BestOf {
    fn new(config: Config) -> Result<Self, SettingsError> {
        let fields = &config.fields;
        let answers = Answers::of(&config)?;
        let with_texts = matches!(answers, Answers::List { .. } | Answers::Columns(_));
        if fields.prompt.is_some() && !with_texts {
            let message = "`prompt` is there without the answers";
            let hint = "name the answers, or leave the prompt out to know items by their ids alone";
            return Err(SettingsError::of_key("fields", message).with_hint(hint));
        }
        let best = match (field("best", &fields.best)?, config.best) {
            (Some(path), None) => Best::Field(path),
            (None, Some(index)) => Best::Always(index),
            (Some(_), Some(_)) => {
                let message = "`best` is set twice, as an index and as a field";
                return Err(SettingsError::of_key("best", message).with_hint("keep one of them"));
            }
            (None, None) => {
                let hint = "name the field `best`, or set `best = 0` where the first answer is always best";
                let message = "nothing says which answer is best";
                return Err(SettingsError::of_key("fields", message).with_hint(hint));
            }
        };
        Ok(Self {
            common: Common {
                id: field("id", &fields.id)?,
                subset: field("subset", &fields.subset)?,
                prompt: field("prompt", &fields.prompt)?,
                cluster: field("cluster", &fields.cluster)?,
                tags: own_data::tags(&config.tags)?,
            },
            answers,
            best,
            path: config.path,
        })
    }

    fn body(&self, row: &Row<'_>) -> Result<Body, SuiteError> {
        let candidates = self.answers.read(row)?;
        if candidates.len() < 2 {
            let message = format!("{} answers leave nothing to choose", candidates.len());
            return Err(row.refuse(message));
        }
        if candidates.len() > usize::from(u16::MAX) {
            return Err(row.refuse(format_args!("{} answers are too many", candidates.len())));
        }
        let gold = self.best.gold(row, candidates.len())?;
        if gold.iter().all(|gold| *gold == 1.0) {
            return Err(row.refuse("every answer is the best: nothing tells them apart"));
        }
        Ok(Body { candidates, gold })
    }
}

impl Answers {
    fn of(config: &Config) -> Result<Self, SettingsError> {
        let fields = &config.fields;
        let list = field("candidates", &fields.candidates)?;
        let text = field("text", &fields.text)?;
        let author = field("author", &fields.author)?;
        let counted = field("count", &fields.count)?;
        let fault = |message: &str, hint: &str| {
            Err(SettingsError::of_key("fields", message).with_hint(hint))
        };
        if list.is_none() && (text.is_some() || author.is_some()) {
            return fault(
                "`candidates` is missing",
                "name the list whose elements hold text and author",
            );
        }
        let ways =
            [list.is_some(), fields.columns.is_some(), counted.is_some(), config.count.is_some()];
        if ways.iter().filter(|way| **way).count() > 1 {
            return fault(
                "`candidates`, `columns` and `count` do not go together",
                "name the list of answers or their columns, or say how many there are without texts",
            );
        }
        if let Some(path) = list {
            return Ok(Answers::List { path, text, author });
        }
        if let Some(columns) = &fields.columns {
            let steps = || ["fields", "columns"].map(|key| Step::Key(key.to_owned())).into();
            return own_data::columns(columns, steps).map(Answers::Columns);
        }
        if let Some(path) = counted {
            return Ok(Answers::Counted(path));
        }
        match config.count {
            Some(count) => Ok(Answers::Always(count)),
            None => fault(
                "nothing says where the answers are",
                "name the list `candidates` or the `columns`, or set `count` for items without texts",
            ),
        }
    }

    fn read(&self, row: &Row<'_>) -> Result<Vec<Candidate>, SuiteError> {
        let textless = |count: usize| vec![Candidate::default(); count];
        match self {
            Answers::List { path, text, author } => {
                let value = row.value(path)?;
                let Some(elements) = as_list(&value) else {
                    let message = format!("`{path}` is {}, not a list", describe(&value));
                    return Err(row.refuse(message));
                };
                let numbered = elements.iter().enumerate();
                numbered
                    .map(|(index, element)| {
                        let name = format!("{path}.{index}");
                        candidate(row, &name, element, text.as_ref(), author.as_ref())
                    })
                    .collect()
            }
            Answers::Columns(columns) => {
                let texts = columns.iter().map(|column| row.text(column).map(Candidate::of_text));
                texts.collect()
            }
            Answers::Counted(path) => {
                let value = row.value(path)?;
                match (as_list(&value), whole(&value)) {
                    (Some(list), _) => Ok(textless(list.len())),
                    (None, Some(count)) if count <= usize::from(u16::MAX) => Ok(textless(count)),
                    _ => {
                        let found = describe(&value);
                        Err(row
                            .refuse(format_args!("`{path}` is {found}, not a number of answers")))
                    }
                }
            }
            Answers::Always(count) => Ok(textless(usize::from(*count))),
        }
    }
}

fn candidate(
    row: &Row<'_>,
    name: &str,
    element: &Value,
    text: Option<&FieldPath>,
    author: Option<&FieldPath>,
) -> Result<Candidate, SuiteError> {
    let inside = |path: &FieldPath| {
        path.require(element).map_err(|absent| {
            let error = row.refuse(format_args!("in `{name}`: {absent}"));
            match absent.hint {
                Some(hint) => error.with_hint(hint),
                None => error,
            }
        })
    };
    let text = match text {
        Some(path) => row.text_of(&format!("{name}.{path}"), &*inside(path)?)?,
        None => row.text_of(name, element).map_err(|error| match element {
            Value::Object(_) => {
                error.with_hint("set the field `text` to the path of the text within it")
            }
            _ => error,
        })?,
    };
    let author = match author {
        Some(path) => tribunal_tables::as_text(&*inside(path)?).map(|author| Arc::from(&*author)),
        None => None,
    };
    Ok(Candidate { text: Some(text), author })
}

/// A whole number from 0; `None` for anything else.
fn whole(value: &Value) -> Option<usize> {
    let number = as_number(value)?;
    // Beyond 2^53 a double holds no more exact whole numbers, and no list is that long.
    (number >= 0.0 && number.fract() == 0.0 && number < 9e15).then_some(number as usize)
}

impl Best {
    fn gold(&self, row: &Row<'_>, count: usize) -> Result<Vec<f64>, SuiteError> {
        let mut gold = vec![0.0; count];
        let path = match self {
            Best::Always(index) => {
                let place = gold.get_mut(usize::from(*index));
                let out_of_range = || row.refuse(out_of_range("best", usize::from(*index), count));
                *place.ok_or_else(out_of_range)? = 1.0;
                return Ok(gold);
            }
            Best::Field(path) => path,
        };
        let value = row.value(path)?;
        let list = match &*value {
            Value::Bool(_) => None,
            value => as_list(value).or_else(|| Some(std::slice::from_ref(value).into())),
        };
        let wrong = || {
            let found = describe(&value);
            row.refuse(format_args!("`{path}` is {found}, not an index and no list of indexes"))
        };
        let list = list.ok_or_else(wrong)?;
        if list.is_empty() {
            return Err(
                row.refuse(format_args!("`{path}` is an empty list: no answer is the best"))
            );
        }
        if list.iter().all(Value::is_boolean) {
            if list.len() != count {
                let message = format!("`{path}` holds {} values for {count} answers", list.len());
                return Err(row.refuse(message));
            }
            gold = list
                .iter()
                .map(|flag| if *flag == Value::Bool(true) { 1.0 } else { 0.0 })
                .collect();
            if !gold.contains(&1.0) {
                return Err(row.refuse(format_args!("`{path}` names no answer as the best")));
            }
            return Ok(gold);
        }
        for index in list.iter() {
            let index = whole(index).ok_or_else(wrong)?;
            let place = gold.get_mut(index);
            *place.ok_or_else(|| row.refuse(out_of_range(path.as_str(), index, count)))? = 1.0;
        }
        Ok(gold)
    }
}

fn out_of_range(name: &str, index: usize, count: usize) -> String {
    format!("`{name}` is {index}, and the {count} answers have the indexes 0 to {}", count - 1)
}

impl Suite for BestOf {
    fn card(&self) -> SuiteCard {
        SuiteCard {
            name: "Best of".into(),
            version: CARD.version.into(),
            licence: "that of the data".into(),
            source: "the user's own data".into(),
            published: Published {
                order: Order::Seeded,
                combiner: Combiner::MeanScore,
                ties: "split".into(),
                failures: "chance when no answer is readable, else an unreadable answer ranks below every \
                           readable one"
                    .into(),
            },
            neutral_order: false,
        }
    }

    fn items(&self) -> Result<Loaded, SuiteError> {
        own_data::items(self.path.as_path(), &self.common, |row| self.body(row))
    }

    fn contest(&self, _: &str) -> Contest {
        Contest::BestAgainstEach
    }

    fn grade(&self, item: &Item, outcome: &Outcome, rules: &Rules) -> Vec<Grade> {
        let ties = rules.ties.or(TieRule::Split);
        let failures = rules.failures.or(FailureRule::Lowest);
        let credit = best_of(outcome, item, ties, failures);
        credit.map(|credit| Grade::new("best-of-n", credit)).into_iter().collect()
    }

    fn chance(&self, item: &Item, guess: &Guess) -> Vec<Grade> {
        let credit = chance_best_of(item, guess, guess.rules.ties.or(TieRule::Split));
        credit.map(|credit| Grade::new("best-of-n", credit)).into_iter().collect()
    }

    fn aggregates(&self, subsets: &[Arc<str>]) -> Vec<Aggregate> {
        own_data::aggregates("best-of-n", subsets)
    }
}
