//! Items as a run folder keeps them: everything but the texts, unless the recipe keeps those, too.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tribunal_api::{Absent, Candidate, Cluster, Item, TagValue, Turn};

use crate::cases::{Case, Cases, number_clusters};
use crate::digest::Digest;

/// One line of `items.jsonl`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StoredItem {
    /// Place of the suite in `plan.json`.
    pub suite: usize,
    /// The item's subset.
    pub subset: Arc<str>,
    /// Its id, unique within the subset.
    pub id: Arc<str>,
    /// Its topic, when it is not the subset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<Arc<str>>,
    /// Its cluster, when it is not the conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Arc<str>>,
    /// Its weight, when it is not 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// Gold relevance, one number per candidate.
    pub gold: Vec<f64>,
    /// The suite's own columns.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<Arc<str>, TagValue>,
    /// Who wrote each candidate; empty when nobody is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authors: Vec<Option<Arc<str>>>,
    /// Unicode scalar values of each candidate; absent without texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lengths: Option<Vec<u32>>,
    /// Digest of the conversation.
    pub prompt: Digest,
    /// Digest of each candidate.
    pub digests: Vec<Digest>,
    /// The conversation, when texts are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turns: Option<Arc<[Turn]>>,
    /// The candidates, when texts are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub texts: Option<Vec<Arc<str>>>,
}

impl StoredItem {
    /// What is wrong with the item, in words.
    pub(crate) fn flaw(&self) -> Option<&'static str> {
        let count = self.digests.len();
        if count == 0 {
            Some("the item has no candidates")
        } else if self.gold.len() != count || self.gold.iter().any(|gold| !gold.is_finite()) {
            Some("gold does not hold one number per candidate")
        } else if self.lengths.as_ref().is_some_and(|lengths| lengths.len() != count) {
            Some("lengths do not hold one number per candidate")
        } else {
            None
        }
    }
}

/// The stored form of a case.
pub fn row(suite: usize, case: &Case, keep_texts: bool) -> StoredItem {
    let item = &case.item;
    let named = item.candidates.iter().any(|candidate| candidate.author.is_some());
    let texts = keep_texts
        .then(|| item.candidates.iter().map(|candidate| candidate.text.clone()).collect())
        .flatten();
    StoredItem {
        suite,
        subset: item.subset.clone(),
        id: item.id.clone(),
        topic: (item.topic != item.subset).then(|| item.topic.clone()),
        cluster: match &item.cluster {
            Cluster::Conversation => None,
            Cluster::Named(name) => Some(name.clone()),
        },
        weight: (case.weight != 1.0).then_some(case.weight),
        gold: item.gold.clone(),
        tags: item.tags.clone(),
        authors: if named {
            item.candidates.iter().map(|candidate| candidate.author.clone()).collect()
        } else {
            Vec::new()
        },
        lengths: case.lengths.clone(),
        prompt: case.prompt,
        digests: case.texts.clone(),
        turns: keep_texts.then(|| item.prompt.clone()),
        texts,
    }
}

/// The cases of one suite from its stored rows, in stored order.
pub fn from_rows(rows: Vec<StoredItem>, absent: Vec<Absent>, limited: Vec<String>) -> Cases {
    let mut cases: Vec<Case> = rows.into_iter().map(case).collect();
    let clusters = number_clusters(&mut cases);
    Cases { cases, clusters, absent, limited }
}

fn case(row: StoredItem) -> Case {
    let count = row.digests.len();
    let texts = row.texts.unwrap_or_default();
    let candidates = (0..count)
        .map(|index| Candidate {
            text: texts.get(index).cloned(),
            author: row.authors.get(index).cloned().flatten(),
        })
        .collect();
    let item = Item {
        topic: row.topic.unwrap_or_else(|| row.subset.clone()),
        subset: row.subset,
        id: row.id,
        cluster: row.cluster.map(Cluster::Named).unwrap_or_default(),
        prompt: row.turns.unwrap_or_else(|| Arc::from([])),
        candidates,
        gold: row.gold,
        tags: row.tags,
    };
    Case {
        item,
        prompt: row.prompt,
        texts: row.digests,
        lengths: row.lengths,
        cluster: 0,
        weight: row.weight.unwrap_or(1.0),
    }
}
