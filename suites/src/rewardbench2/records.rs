//! Rows of RewardBench 2 become items.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use tribunal_api::{Absent, Candidate, Cluster, Item, Loaded, SuiteError, TagValue, Turn};
use tribunal_tables::{Place, as_text};

use super::{SUBSETS, TIES, ties};
use crate::columns::id;
use crate::folder::files_here_or_in_data;
use crate::nearest;
use crate::records::{Ids, each, misfit};
use crate::sharing::{Shared, Text};

/// Longest metadata text that becomes a tag, in characters: longer ones are contents, not categories.
const LONGEST_TAG: usize = 64;

#[derive(Deserialize)]
struct Row {
    id: Value,
    prompt: String,
    chosen: Vec<Text>,
    rejected: Vec<Text>,
    num_correct: Option<u64>,
    models: Option<Vec<Text>>,
    subset: String,
    additional_metadata: Option<Metadata>,
}

/// The metadata that tell rows apart. `index` and `valid` hold numbers that may be missing as "not a number", and
/// `prompt_norm` a text: none of them is read.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    category: Value,
    correct: Value,
    instruction_id_list: Value,
    label: Value,
    method: Value,
    models: Value,
    subcategory: Value,
}

impl Metadata {
    fn columns(&self) -> [(&'static str, &Value); 7] {
        [
            ("category", &self.category),
            ("correct", &self.correct),
            ("instruction_id_list", &self.instruction_id_list),
            ("label", &self.label),
            ("method", &self.method),
            ("models", &self.models),
            ("subcategory", &self.subcategory),
        ]
    }
}

/// Reads the items in file order, and says which subsets are missing or not whole.
pub(super) fn items(path: &Path) -> Result<Loaded, SuiteError> {
    let file = data_file(path)?;
    let mut ids = Ids::default();
    let mut shared = Shared::default();
    let mut items = Vec::new();
    each(&file, |place, row: Row| {
        let item = item(&file, place, row, &mut shared)?;
        ids.add(&item.subset, &item.id, &file, place)?;
        items.push(item);
        Ok(())
    })?;
    if items.is_empty() {
        return Err(SuiteError::at(file, "there are no records"));
    }
    let absent = absent(&items);
    Ok(Loaded { items, absent })
}

fn data_file(path: &Path) -> Result<PathBuf, SuiteError> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let hint = "set `path` to the file of the split `test`";
    let mut files = files_here_or_in_data(path, &["parquet", "jsonl", "json"])?;
    match (files.pop(), files.len()) {
        (Some(file), 0) => Ok(file),
        (Some(_), others) => {
            let message = format!("the folder holds {} data files", others + 1);
            Err(SuiteError::at(path, message).with_hint(hint))
        }
        (None, _) => {
            let message = "the folder holds no `.parquet`, `.jsonl` or `.json` file";
            Err(SuiteError::at(path, message).with_hint(hint))
        }
    }
}

fn item(path: &Path, place: Place, row: Row, shared: &mut Shared) -> Result<Item, SuiteError> {
    let id = id(path, place, "id", &row.id)?;
    let Some((known, _)) = SUBSETS.iter().find(|(name, _)| *name == row.subset) else {
        let message = format!("there is no subset `{}`", row.subset);
        let hint = nearest::hint(&row.subset, SUBSETS.map(|(name, _)| name));
        return Err(misfit(path, place, message).with_hint(hint));
    };
    let subset = shared.text(Arc::from(*known));
    check_answers(path, place, &row)?;
    let cluster = if *known == TIES {
        let Some((_, prompt)) = ties::parse_id(&id) else {
            let message =
                format!("the id `{id}` of a row of `{TIES}` is not `ref:` or `tied:` and a number");
            return Err(misfit(path, place, message));
        };
        Cluster::Named(Arc::from(format!("{TIES}/{prompt}")))
    } else {
        Cluster::Conversation
    };
    let tags = tags(&row, shared);
    let correct = row.chosen.len();
    let count = correct + row.rejected.len();
    // Names of another number than the answers cannot be told to whom they belong.
    let authors = row.models.filter(|models| models.len() == count).unwrap_or_default();
    let mut authors = authors.into_iter();
    let texts = row.chosen.into_iter().chain(row.rejected);
    let candidates = texts.map(|text| Candidate {
        text: Some(shared.text(text.0)),
        author: authors.next().map(|name| shared.text(name.0)),
    });
    let candidates = candidates.collect();
    Ok(Item {
        topic: subset.clone(),
        subset,
        id,
        cluster,
        prompt: shared.prompt(vec![Turn::user(row.prompt)]),
        candidates,
        gold: Item::gold_first(correct, count),
        tags,
    })
}

fn check_answers(path: &Path, place: Place, row: &Row) -> Result<(), SuiteError> {
    let chosen = row.chosen.len();
    let message = if chosen == 0 {
        "`chosen` is empty".to_owned()
    } else if row.rejected.is_empty() {
        "`rejected` is empty".to_owned()
    } else if row.subset != TIES && chosen > 1 {
        format!("`chosen` holds {chosen} texts, and only rows of `{TIES}` hold more than 1")
    } else if let Some(stated) = row.num_correct
        && stated != chosen as u64
    {
        format!("`num_correct` is {stated}, and `chosen` holds {chosen}")
    } else {
        return Ok(());
    };
    Err(misfit(path, place, message))
}

/// `num-correct`, and the metadata columns that hold something short.
fn tags(row: &Row, shared: &mut Shared) -> BTreeMap<Arc<str>, TagValue> {
    let mut tags = BTreeMap::new();
    let mut keep = |text: &str| shared.text(Arc::from(text));
    let correct = keep(&row.chosen.len().to_string());
    tags.insert(keep("num-correct"), TagValue::One(correct));
    for (name, value) in row.additional_metadata.iter().flat_map(Metadata::columns) {
        let mut short = |value: &Value| -> Option<Arc<str>> {
            let text = as_text(value)?;
            (!text.is_empty() && text.chars().nth(LONGEST_TAG).is_none()).then(|| keep(&text))
        };
        let tag = match value {
            Value::Array(several) => {
                let all: Option<Vec<Arc<str>>> = several.iter().map(&mut short).collect();
                all.filter(|all| !all.is_empty()).map(TagValue::Many)
            }
            one => short(one).map(TagValue::One),
        };
        if let Some(tag) = tag {
            tags.insert(keep(name), tag);
        }
    }
    tags
}

fn absent(items: &[Item]) -> Vec<Absent> {
    let absent = SUBSETS.iter().filter_map(|(name, published)| {
        let found = items.iter().filter(|item| &*item.subset == *name).count();
        let what = match found {
            0 => format!("subset `{name}`"),
            found if found < *published => {
                format!("{} of {published} rows of subset `{name}`", published - found)
            }
            _ => return None,
        };
        Some(Absent { what, subset: Some(Arc::from(*name)) })
    });
    absent.collect()
}
