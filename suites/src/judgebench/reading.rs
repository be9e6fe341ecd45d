//! JudgeBench records into items.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use tribunal_api::{Candidate, Cluster, Item, Loaded, SuiteError, Turn};
use tribunal_tables::Place;

use super::CATEGORIES;
use crate::columns::{id, tag, text_tag};
use crate::folder::files_here_or_in_data;
use crate::records::{Ids, each, misfit};

/// The labels, each with the gold of the two answers.
const LABELS: [(&str, [f64; 2]); 2] = [("A>B", [1.0, 0.0]), ("B>A", [0.0, 1.0])];

#[derive(Deserialize)]
struct Record {
    pair_id: Value,
    original_id: Option<Value>,
    source: String,
    question: String,
    response_model: Option<String>,
    #[serde(rename = "response_A")]
    first: String,
    #[serde(rename = "response_B")]
    second: String,
    label: String,
}

/// Reads the items, by file name, then in file order.
pub(super) fn items(path: &Path) -> Result<Loaded, SuiteError> {
    let mut items = Vec::new();
    let mut ids = Ids::default();
    for file in files(path)? {
        each(&file, |place, record: Record| {
            let item = item(&file, place, record)?;
            ids.add(&item.subset, &item.id, &file, place)?;
            items.push(item);
            Ok(())
        })?;
    }
    if items.is_empty() {
        return Err(SuiteError::at(path, "there are no records"));
    }
    Ok(Loaded { items, absent: Vec::new() })
}

fn files(path: &Path) -> Result<Vec<PathBuf>, SuiteError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let files = files_here_or_in_data(path, &["jsonl"])?;
    if !files.is_empty() {
        return Ok(files);
    }
    Err(SuiteError::at(path, "the folder holds no `.jsonl` file")
        .with_hint("name the folder `data` of the repository, or one file of it"))
}

fn item(path: &Path, place: Place, record: Record) -> Result<Item, SuiteError> {
    let Some((category, _)) =
        CATEGORIES.iter().find(|(_, prefix)| record.source.starts_with(prefix))
    else {
        let known: Vec<String> =
            CATEGORIES.iter().map(|(_, prefix)| format!("`{prefix}`")).collect();
        let message = format!("the source `{}` belongs to no category", record.source);
        return Err(misfit(path, place, message)
            .with_hint(format!("let `source` start with one of {}", known.join(", "))));
    };
    let Some((_, gold)) = LABELS.iter().find(|(label, _)| *label == record.label) else {
        let message = format!("the label `{}` names no right answer", record.label);
        return Err(misfit(path, place, message).with_hint("write `A>B` or `B>A` as `label`"));
    };
    let mut tags = BTreeMap::new();
    tags.extend(text_tag("source", &record.source));
    tags.extend(
        record.response_model.as_deref().and_then(|model| text_tag("response-model", model)),
    );
    tags.extend(text_tag("label", &record.label));
    tags.extend(tag("original-id", record.original_id.as_ref()));
    let author: Option<Arc<str>> = record.response_model.map(Arc::from);
    let candidate =
        |text: String| Candidate { text: Some(Arc::from(text)), author: author.clone() };
    Ok(Item {
        subset: Arc::from(*category),
        id: id(path, place, "pair_id", &record.pair_id)?,
        topic: Arc::from(record.source),
        cluster: Cluster::Conversation,
        prompt: Arc::from([Turn::user(record.question)]),
        candidates: vec![candidate(record.first), candidate(record.second)],
        gold: gold.to_vec(),
        tags,
    })
}
