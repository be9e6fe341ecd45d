//! Data of any shape: what `pairs` and `best-of` share in finding values by a field map.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use tribunal_api::settings::Step;
use tribunal_api::{
    Aggregate, Candidate, Cluster, Item, Loaded, SettingsError, Standing, SuiteError, TagValue,
    Tree, Turn,
};
use tribunal_tables::{Absent, FieldPath, Place, as_text};

use crate::columns::id;
use crate::folder::files_here_or_in_data;
use crate::records::{Ids, Refused, each, misfit};
use crate::sharing::Shared;

const EXTENSIONS: [&str; 6] = ["parquet", "jsonl", "ndjson", "json", "csv", "tsv"];

/// The subset of all items where no field names one.
const ONE_SUBSET: &str = "all";

/// The fields that every kind of item has. Each path is optional.
#[derive(Default)]
pub(crate) struct Common {
    /// The item's id; without it the number of the record, from 1 over all files.
    pub(crate) id: Option<FieldPath>,
    /// The item's subset; without it `all`.
    pub(crate) subset: Option<FieldPath>,
    /// The prompt, text or messages.
    pub(crate) prompt: Option<FieldPath>,
    /// What items share when they are drawn together.
    pub(crate) cluster: Option<FieldPath>,
    /// The columns to slice reports by.
    pub(crate) tags: Vec<FieldPath>,
}

/// The path of a key of the table `fields`.
pub(crate) fn field(
    key: &str,
    written: &Option<String>,
) -> Result<Option<FieldPath>, SettingsError> {
    let steps = || vec![Step::Key("fields".to_owned()), Step::Key(key.to_owned())];
    written.as_ref().map(|written| path(written, steps)).transpose()
}

/// The paths of a list of columns, which stands at `steps` of the settings.
pub(crate) fn columns(
    written: &[String],
    steps: impl Fn() -> Vec<Step>,
) -> Result<Vec<FieldPath>, SettingsError> {
    let numbered = written.iter().enumerate().map(|(index, written)| {
        path(written, || {
            let mut steps = steps();
            steps.push(Step::Index(index));
            steps
        })
    });
    numbered.collect()
}

/// The paths of the key `tags`.
pub(crate) fn tags(written: &[String]) -> Result<Vec<FieldPath>, SettingsError> {
    columns(written, || vec![Step::Key("tags".to_owned())])
}

fn path(written: &str, steps: impl Fn() -> Vec<Step>) -> Result<FieldPath, SettingsError> {
    written.parse().map_err(|bad: tribunal_tables::BadPath| {
        SettingsError::at(steps(), bad.to_string()).with_hint(bad.hint())
    })
}

/// What a kind makes of a record: its candidates, and how good each is.
pub(crate) struct Body {
    /// The candidates in stored order.
    pub(crate) candidates: Vec<Candidate>,
    /// Their gold relevance.
    pub(crate) gold: Vec<f64>,
}

/// Reads a file, or the data files of a folder sorted by name, into items in file order.
pub(crate) fn items(
    path: &Path,
    common: &Common,
    body: impl Fn(&Row<'_>) -> Result<Body, SuiteError>,
) -> Result<Loaded, SuiteError> {
    let mut reading = Reading {
        common,
        count: 0,
        ids: Ids::default(),
        shared: Shared::default(),
        tags: common.tags.iter().map(TagColumn::new).collect(),
        items: Vec::new(),
    };
    for file in files(path)? {
        each(&file, |place, record: Value| {
            let row = Row { path: &file, place, record: &record };
            reading.take(&row, body(&row)?)
        })?;
    }
    if reading.items.is_empty() {
        return Err(SuiteError::at(path, "there are no records"));
    }
    match reading.tags.into_iter().find(|tag| !tag.found).and_then(|tag| tag.absence) {
        Some(never_found) => Err(never_found),
        None => Ok(Loaded { items: reading.items, absent: Vec::new() }),
    }
}

fn files(path: &Path) -> Result<Vec<PathBuf>, SuiteError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let files = files_here_or_in_data(path, &EXTENSIONS)?;
    if files.is_empty() {
        return Err(SuiteError::at(path, "the folder holds no data file")
            .with_hint(format!("set `path` to a file with one of .{}", EXTENSIONS.join(", ."))));
    }
    Ok(files)
}

struct Reading<'a> {
    common: &'a Common,
    count: u64,
    ids: Ids,
    shared: Shared,
    tags: Vec<TagColumn<'a>>,
    items: Vec<Item>,
}

/// A column of tags. Some records may lack it, not all.
struct TagColumn<'a> {
    path: &'a FieldPath,
    name: Arc<str>,
    found: bool,
    /// The error of the first record that lacks it.
    absence: Option<SuiteError>,
}

impl<'a> TagColumn<'a> {
    fn new(path: &'a FieldPath) -> Self {
        Self { path, name: Arc::from(path.as_str()), found: false, absence: None }
    }
}

impl Reading<'_> {
    fn take(&mut self, row: &Row<'_>, body: Body) -> Result<(), SuiteError> {
        self.count += 1;
        let id: Arc<str> = match &self.common.id {
            Some(path) => id(row.path, row.place, path.as_str(), &*row.value(path)?)?,
            None => Arc::from(self.count.to_string()),
        };
        let subset: Arc<str> = match &self.common.subset {
            Some(path) => self::id(row.path, row.place, path.as_str(), &*row.value(path)?)?,
            None => Arc::from(ONE_SUBSET),
        };
        let subset = self.shared.text(subset);
        let prompt = match &self.common.prompt {
            Some(path) => row.turns(path)?,
            None => Vec::new(),
        };
        let named = match &self.common.cluster {
            Some(path) => row.text_or_null(path)?,
            None => None,
        };
        let cluster = match named {
            Some(name) => Cluster::Named(self.shared.text(name)),
            None if prompt.is_empty() => Cluster::Named(Arc::from(format!("{subset}/{id}"))),
            None => Cluster::Conversation,
        };
        self.ids.add(&subset, &id, row.path, row.place)?;
        let candidates = body.candidates.into_iter().map(|candidate| Candidate {
            text: candidate.text.map(|text| self.shared.text(text)),
            author: candidate.author.map(|author| self.shared.text(author)),
        });
        let candidates = candidates.collect();
        let tags = self.tags_of(row);
        self.items.push(Item {
            topic: subset.clone(),
            subset,
            id,
            cluster,
            prompt: self.shared.prompt(prompt),
            candidates,
            gold: body.gold,
            tags,
        });
        Ok(())
    }

    fn tags_of(&mut self, row: &Row<'_>) -> BTreeMap<Arc<str>, TagValue> {
        let mut tags = BTreeMap::new();
        for column in &mut self.tags {
            let value = match row.value(column.path) {
                Ok(value) => value,
                Err(error) => {
                    column.absence.get_or_insert(error);
                    continue;
                }
            };
            column.found = true;
            let mut text = |value: &Value| {
                let text = as_text(value).filter(|text| !text.is_empty())?;
                Some(self.shared.text(Arc::from(&*text)))
            };
            let tag = match &*value {
                Value::Array(several) => {
                    let several: Option<Vec<Arc<str>>> = several.iter().map(text).collect();
                    several.filter(|several| !several.is_empty()).map(TagValue::Many)
                }
                one => text(one).map(TagValue::One),
            };
            tags.extend(tag.map(|tag| (column.name.clone(), tag)));
        }
        tags
    }
}

/// A record with its place.
pub(crate) struct Row<'a> {
    path: &'a Path,
    place: Place,
    record: &'a Value,
}

#[derive(Deserialize)]
struct Message<'a> {
    role: tribunal_api::Role,
    #[serde(borrow)]
    content: Cow<'a, str>,
}

impl<'a> Row<'a> {
    /// The value at a path; an error with the nearest key when there is none.
    pub(crate) fn value(&self, path: &FieldPath) -> Result<Cow<'a, Value>, SuiteError> {
        let refused =
            |absent: Absent| Refused::from(absent.in_record(self.path, self.place)).into();
        path.require(self.record).map_err(refused)
    }

    /// An error about the record.
    pub(crate) fn refuse(&self, message: impl std::fmt::Display) -> SuiteError {
        misfit(self.path, self.place, message)
    }

    /// The text at a path; numbers and booleans as text. An error for null, lists and tables.
    pub(crate) fn text(&self, path: &FieldPath) -> Result<Arc<str>, SuiteError> {
        self.text_of(path.as_str(), &*self.value(path)?)
    }

    /// A value as text, named as the error shall name it.
    pub(crate) fn text_of(&self, name: &str, value: &Value) -> Result<Arc<str>, SuiteError> {
        match as_text(value) {
            Some(text) => Ok(Arc::from(&*text)),
            None => Err(self.refuse(format_args!("`{name}` is {}, not a text", describe(value)))),
        }
    }

    /// The text at a path; `None` for null and for no text at all.
    pub(crate) fn text_or_null(&self, path: &FieldPath) -> Result<Option<Arc<str>>, SuiteError> {
        let value = self.value(path)?;
        if value.is_null() {
            return Ok(None);
        }
        Ok(Some(self.text_of(path.as_str(), &value)?).filter(|text| !text.is_empty()))
    }

    /// A dialogue: text is one turn of the user; messages stay as they are, as a list or as text that holds one.
    fn turns(&self, path: &FieldPath) -> Result<Vec<Turn>, SuiteError> {
        let value = self.value(path)?;
        let Value::Array(list) = &*value else {
            let text = self.text_of(path.as_str(), &value)?;
            return Ok(messages_within(&text).unwrap_or_else(|| vec![Turn::user(&*text)]));
        };
        let turns: Result<Vec<Turn>, _> = list.iter().map(turn).collect();
        match turns {
            Ok(turns) if !turns.is_empty() => Ok(turns),
            Ok(_) => Err(self.refuse(format_args!("`{path}` is an empty list"))),
            Err(cause) => {
                let message = format!("`{path}` holds something that is no message: {cause}");
                let hint = "write messages as `role` (system, user or assistant) and `content`";
                Err(self.refuse(message).with_hint(hint))
            }
        }
    }
}

fn turn(value: &Value) -> Result<Turn, serde_json::Error> {
    let Message { role, content } = Message::deserialize(value)?;
    Ok(Turn { role, content: content.into_owned() })
}

/// The messages that a text holds as a JSON list, as cells of CSV do.
fn messages_within(text: &str) -> Option<Vec<Turn>> {
    if !text.trim_start().starts_with('[') {
        return None;
    }
    let list: Vec<Value> = serde_json::from_str(text).ok()?;
    let turns: Vec<Turn> = list.iter().map(turn).collect::<Result<_, _>>().ok()?;
    (!turns.is_empty()).then_some(turns)
}

/// A value in words, for errors.
pub(crate) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) => format!("`{value}`"),
        Value::String(text) => {
            let start: String = text.chars().take(40).collect();
            let more = if start.len() < text.len() { "..." } else { "" };
            format!("`{start}{more}`")
        }
        Value::Array(list) => format!("a list of {}", list.len()),
        Value::Object(_) => "a table".to_owned(),
    }
}

/// The mean over all items as headline; where there are several subsets, the mean of their means beside it and
/// each of them.
pub(crate) fn aggregates(measure: &'static str, subsets: &[Arc<str>]) -> Vec<Aggregate> {
    let mut aggregates = vec![Aggregate::new(measure, "", Standing::Headline, Tree::all(measure))];
    if subsets.len() > 1 {
        let parts = subsets.iter().map(|subset| Tree::subset(measure, subset.clone()));
        let mean = Tree::Average(parts.collect());
        aggregates.push(Aggregate::new("macro-subsets", "", Standing::Beside, mean));
        aggregates.extend(subsets.iter().map(|subset| {
            let tree = Tree::subset(measure, subset.clone());
            Aggregate::new(measure, subset.clone(), Standing::Detail, tree)
        }));
    }
    aggregates
}
