//! RM-Bench records into items. The domain is the file's name, or the record's `domain` where it has one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use tribunal_api::{Absent, Candidate, Cluster, Item, Loaded, SuiteError, Turn};
use tribunal_tables::Place;

use super::{DOMAINS, STYLES};
use crate::columns::{id, tag, text_tag};
use crate::nearest;
use crate::records::{Ids, each, misfit};

/// What the name of a file adds to its domain.
const ENDING: &str = "_filtered";
/// The file of all domains, with a `domain` column.
const TOTAL: &str = "total_dataset.json";

#[derive(Deserialize)]
struct Record {
    id: Value,
    prompt: String,
    chosen: Vec<String>,
    rejected: Vec<String>,
    domain: Option<String>,
    subset: Option<Value>,
    error_key: Option<Value>,
    language: Option<Value>,
    task_id: Option<Value>,
}

/// Reads the items, by domain in the order of the parts, then in file order.
pub(super) fn items(path: &Path) -> Result<Loaded, SuiteError> {
    let mut reader = Reader::default();
    for (file, part) in files(path)? {
        reader.read(&file, part)?;
    }
    if reader.items.is_empty() {
        return Err(SuiteError::at(path, "there are no records"));
    }
    let place = |item: &Item| parts().position(|part| part == item.subset.as_ref());
    reader.items.sort_by_key(place);
    let absent = parts().filter(|part| !reader.items.iter().any(|item| *item.subset == **part));
    let absent = absent
        .map(|part| Absent { what: format!("{part}{ENDING}.json"), subset: Some(Arc::from(part)) });
    Ok(Loaded { absent: absent.collect(), items: reader.items })
}

/// The parts of all domains: what the files are named after.
fn parts() -> impl Iterator<Item = &'static str> {
    DOMAINS.iter().flat_map(|domain| domain.parts.iter().copied())
}

/// The files to read, each with its part where its name tells.
fn files(path: &Path) -> Result<Vec<(PathBuf, Option<&'static str>)>, SuiteError> {
    if !path.is_dir() {
        return Ok(vec![(path.to_owned(), part_of_name(path))]);
    }
    for folder in [path.to_owned(), path.join("data")] {
        let own: Vec<(PathBuf, Option<&'static str>)> = parts()
            .map(|part| (folder.join(format!("{part}{ENDING}.json")), Some(part)))
            .filter(|(file, _)| file.is_file())
            .collect();
        let total = folder.join(TOTAL);
        if own.len() < parts().count() && total.is_file() {
            return Ok(vec![(total, None)]);
        }
        if !own.is_empty() {
            return Ok(own);
        }
    }
    Err(SuiteError::at(path, "the folder holds no file of RM-Bench")
        .with_hint(format!("name the folder that holds `chat{ENDING}.json` or `{TOTAL}`")))
}

fn part_of_name(path: &Path) -> Option<&'static str> {
    let stem = path.file_stem()?.to_str()?;
    let part = stem.strip_suffix(ENDING)?;
    parts().find(|known| *known == part)
}

#[derive(Default)]
struct Reader {
    items: Vec<Item>,
    ids: Ids,
}

impl Reader {
    fn read(&mut self, path: &Path, part: Option<&'static str>) -> Result<(), SuiteError> {
        each(path, |place, record: Record| {
            let item = item(path, place, part, record)?;
            self.ids.add(&item.subset, &item.id, path, place)?;
            self.items.push(item);
            Ok(())
        })
    }
}

fn item(
    path: &Path,
    place: Place,
    part: Option<&'static str>,
    record: Record,
) -> Result<Item, SuiteError> {
    let part = part_of_record(path, place, part, record.domain.as_deref())?;
    for (key, texts) in [("chosen", &record.chosen), ("rejected", &record.rejected)] {
        if texts.len() != usize::from(STYLES) {
            let message = format!("`{key}` holds {} answers instead of {STYLES}", texts.len());
            return Err(misfit(path, place, message));
        }
    }
    let domain = DOMAINS.iter().find(|domain| domain.parts.contains(&part));
    let mut tags = BTreeMap::new();
    for (name, value) in [
        ("source-subset", &record.subset),
        ("error-key", &record.error_key),
        ("language", &record.language),
        ("task-id", &record.task_id),
    ] {
        tags.extend(tag(name, value.as_ref()));
    }
    tags.extend(domain.and_then(|domain| text_tag("domain", domain.name)));
    let subset: Arc<str> = Arc::from(part);
    Ok(Item {
        id: id(path, place, "id", &record.id)?,
        topic: subset.clone(),
        subset,
        cluster: Cluster::Conversation,
        prompt: Arc::from([Turn::user(record.prompt)]),
        candidates: record
            .chosen
            .into_iter()
            .chain(record.rejected)
            .map(Candidate::of_text)
            .collect(),
        gold: Item::gold_first(usize::from(STYLES), usize::from(2 * STYLES)),
        tags,
    })
}

/// The record's own `domain` when it has one, else the file's.
fn part_of_record(
    path: &Path,
    place: Place,
    of_file: Option<&'static str>,
    of_record: Option<&str>,
) -> Result<&'static str, SuiteError> {
    let Some(written) = of_record else {
        let hint = format!(
            "name the file after its domain, as in `chat{ENDING}.json`, or give each record a `domain`"
        );
        let message = "neither the file's name nor a key `domain` tells the domain";
        return of_file.ok_or_else(|| misfit(path, place, message).with_hint(hint));
    };
    parts().find(|part| *part == written).ok_or_else(|| {
        misfit(path, place, format!("`{written}` is no domain of RM-Bench"))
            .with_hint(nearest::hint(written, parts()))
    })
}
