//! RewardBench records, and those of the earlier test sets, into items.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use tribunal_api::{Absent, Candidate, Cluster, Item, Loaded, Role, SuiteError, Turn};
use tribunal_tables::{Place, as_text};

use super::sections::{AVERAGED, PRIOR_SETS, core_subsets, section_of, splits};
use super::{Config, IdsFrom};
use crate::columns::{id, text_tag};
use crate::folder::files_here_or_in_data;
use crate::nearest;
use crate::records::{Ids, each, misfit};

const EXTENSIONS: [&str; 6] = ["parquet", "jsonl", "ndjson", "json", "csv", "tsv"];
/// How the files of the published split begin; the split `raw` stands beside it.
const FILTERED: &str = "filtered";

#[derive(Deserialize)]
struct Record {
    prompt: Value,
    chosen: String,
    rejected: String,
    chosen_model: Option<String>,
    rejected_model: Option<String>,
    subset: Option<String>,
    id: Option<Value>,
}

/// Reads the items: by file name, then in file order; the earlier test sets last.
pub(super) fn items(config: &Config) -> Result<Loaded, SuiteError> {
    let mut reader = Reader { ids_from: config.ids, ..Reader::default() };
    let path = config.path.as_path();
    for file in core_files(path)? {
        each(&file, |place, record: Record| {
            let subset = core_subset(&file, place, record.subset.as_deref())?;
            reader.add(&file, place, subset, record)
        })?;
    }
    if reader.items.is_empty() {
        return Err(SuiteError::at(path, "there are no records"));
    }
    let mut wanted: Vec<&str> = core_subsets().collect();
    if let Some(folder) = &config.prior_sets {
        for (split, file) in split_files(folder.as_path())? {
            each(&file, |place, record: Record| reader.add(&file, place, split, record))?;
        }
        wanted.extend(AVERAGED);
    }
    let absent = wanted.into_iter().filter(|subset| !reader.counts.contains_key(subset));
    let absent = absent
        .map(|subset| Absent { what: subset.to_owned(), subset: Some(Arc::from(subset)) })
        .collect();
    Ok(Loaded { items: reader.items, absent })
}

fn core_files(path: &Path) -> Result<Vec<PathBuf>, SuiteError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let files = files_here_or_in_data(path, &EXTENSIONS)?;
    let filtered: Vec<PathBuf> =
        files.iter().filter(|file| stem(file).starts_with(FILTERED)).cloned().collect();
    match (filtered.is_empty(), files.is_empty()) {
        (false, _) => Ok(filtered),
        (true, false) => Ok(files),
        (true, true) => Err(SuiteError::at(path, "the folder holds no data file").with_hint(
            "name a Parquet, JSON lines, JSON or CSV file, or the folder that holds it",
        )),
    }
}

/// The files of the earlier test sets, each with its split, in the order of the splits.
fn split_files(folder: &Path) -> Result<Vec<(&'static str, PathBuf)>, SuiteError> {
    let files = files_here_or_in_data(folder, &EXTENSIONS)?;
    let mut found = Vec::new();
    for split in splits() {
        let own = files.iter().filter(|file| is_of_split(stem(file), split));
        found.extend(own.map(|file| (split, file.clone())));
    }
    if found.is_empty() {
        let named: Vec<String> = splits().map(|split| format!("`{split}`")).collect();
        return Err(SuiteError::at(
            folder,
            "the folder holds no file named after an earlier test set",
        )
        .with_hint(format!("name the files after {}", named.join(", "))));
    }
    Ok(found)
}

/// True for the split itself and for numbered parts of it (`shp-00000-of-00001`).
fn is_of_split(stem: &str, split: &str) -> bool {
    stem.strip_prefix(split).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

fn stem(file: &Path) -> &str {
    file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default()
}

fn core_subset(
    path: &Path,
    place: Place,
    written: Option<&str>,
) -> Result<&'static str, SuiteError> {
    let Some(written) = written else {
        return Err(misfit(path, place, "the record has no `subset`")
            .with_hint("give each record the name of its RewardBench subset as `subset`"));
    };
    core_subsets().find(|subset| *subset == written).ok_or_else(|| {
        misfit(path, place, format!("`{written}` is no subset of RewardBench"))
            .with_hint(nearest::hint(written, core_subsets()))
    })
}

#[derive(Default)]
struct Reader {
    ids_from: IdsFrom,
    items: Vec<Item>,
    ids: Ids,
    counts: HashMap<&'static str, u64>,
}

impl Reader {
    fn add(
        &mut self,
        path: &Path,
        place: Place,
        subset: &'static str,
        record: Record,
    ) -> Result<(), SuiteError> {
        let count = self.counts.entry(subset).or_default();
        *count += 1;
        let section = section_of(subset).map_or(PRIOR_SETS, |section| section.name);
        let id: Arc<str> = match (&record.id, self.ids_from) {
            _ if section == PRIOR_SETS => Arc::from(count.to_string()),
            (_, IdsFrom::Record) => Arc::from(count.to_string()),
            (Some(value), IdsFrom::Column) => id(path, place, "id", value)?,
            (None, IdsFrom::Column) => {
                return Err(misfit(path, place, "the record has no `id`")
                    .with_hint("set `ids = \"record\"` to number the records"));
            }
        };
        let item = item(path, place, section, subset, id, record)?;
        self.ids.add(&item.subset, &item.id, path, place).map_err(|error| {
            error.with_hint("set `ids = \"record\"` to number the records, or make the ids unique")
        })?;
        self.items.push(item);
        Ok(())
    }
}

fn item(
    path: &Path,
    place: Place,
    section: &'static str,
    subset: &'static str,
    id: Arc<str>,
    record: Record,
) -> Result<Item, SuiteError> {
    let mut tags = BTreeMap::new();
    tags.extend(text_tag("section", section));
    for (name, model) in
        [("chosen-model", &record.chosen_model), ("rejected-model", &record.rejected_model)]
    {
        tags.extend(model.as_deref().and_then(|model| text_tag(name, model)));
    }
    let candidate = |text: String, author: Option<String>| Candidate {
        text: Some(Arc::from(text)),
        author: author.filter(|name| !name.is_empty()).map(Arc::from),
    };
    Ok(Item {
        subset: Arc::from(subset),
        id,
        topic: Arc::from(section),
        cluster: Cluster::Conversation,
        prompt: Arc::from(turns(path, place, record.prompt)?),
        candidates: vec![
            candidate(record.chosen, record.chosen_model),
            candidate(record.rejected, record.rejected_model),
        ],
        gold: Item::gold_first(1, 2),
        tags,
    })
}

/// A prompt is one text of the user or a list of messages with `role` and `content`.
fn turns(path: &Path, place: Place, prompt: Value) -> Result<Vec<Turn>, SuiteError> {
    let messages = match prompt {
        Value::String(text) => return Ok(vec![Turn::user(text)]),
        Value::Array(messages) if !messages.is_empty() => messages,
        Value::Array(_) => return Err(misfit(path, place, "`prompt` is an empty list")),
        _ => return Err(misfit(path, place, "`prompt` is neither text nor a list of messages")),
    };
    messages
        .iter()
        .enumerate()
        .map(|(index, message)| {
            let read = |key: &str| {
                message.get(key).and_then(as_text).ok_or_else(|| {
                    misfit(path, place, format!("`prompt.{index}` has no text `{key}`"))
                })
            };
            let role = match read("role")?.as_ref() {
                "system" => Role::System,
                "user" => Role::User,
                "assistant" => Role::Assistant,
                other => {
                    let message = format!("`prompt.{index}` has the unknown role `{other}`");
                    return Err(misfit(path, place, message)
                        .with_hint("use `system`, `user` or `assistant`"));
                }
            };
            Ok(Turn { role, content: read("content")?.into_owned() })
        })
        .collect()
}
