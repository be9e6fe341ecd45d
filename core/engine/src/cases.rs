//! A suite's items made ready: texts shared and digested, clusters numbered, filtered and sampled.

mod sampling;
mod stored;

use std::collections::BTreeSet;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};
use rayon::prelude::*;
use tribunal_api::{Absent, Candidate, Cluster, Item, Loaded, Turn};

use crate::digest::Digest;
use crate::fault::KeyPath;
use crate::recipe::Sample;

pub use stored::{StoredItem, from_rows, row};

/// An item with what the engine needs to know about its texts, whether or not it still holds them.
#[derive(Clone, Debug)]
pub struct Case {
    /// The item. Its texts are present while a run asks and absent when it is read back from a run folder.
    pub item: Item,
    /// Digest of the conversation.
    pub prompt: Digest,
    /// Digest of each candidate's text; without text, of the item's key and the candidate's index.
    pub texts: Vec<Digest>,
    /// Unicode scalar values of each candidate; `None` for items without text.
    pub lengths: Option<Vec<u32>>,
    /// Number of the item's cluster, from 0 in order of appearance.
    pub cluster: u32,
    /// Items of the subset in the full suite divided by those kept by a sample; 1 when nothing was sampled.
    pub weight: f64,
}

/// The items of one suite in one run.
#[derive(Clone, Debug, Default)]
pub struct Cases {
    /// The items, in the suite's order.
    pub cases: Vec<Case>,
    /// How many clusters they form.
    pub clusters: u32,
    /// What the suite misses.
    pub absent: Vec<Absent>,
    /// How the suite was cut down, in words; empty when it was not.
    pub limited: Vec<String>,
}

impl Cases {
    /// The subsets present, sorted.
    pub fn subsets(&self) -> Vec<Arc<str>> {
        let subsets: BTreeSet<&Arc<str>> =
            self.cases.iter().map(|case| &case.item.subset).collect();
        subsets.into_iter().cloned().collect()
    }

    /// Digest of everything that decides questions, grades and slices: all that is stored but lengths and texts.
    pub fn digest(&self) -> Digest {
        let parts: Vec<Digest> = self.cases.par_chunks(1024).map(digest_part).collect();
        let mut fields = Digest::of("tribunal-items-1");
        for part in parts {
            fields.digest(part);
        }
        fields.finish()
    }
}

fn digest_part(cases: &[Case]) -> Digest {
    let mut fields = Digest::of("tribunal-items-part-1");
    for case in cases {
        let item = &case.item;
        fields.text(&item.subset).text(&item.id).text(&item.topic).digest(case.prompt);
        fields.digest(cluster_name(case)).number(case.weight.to_bits());
        for (name, value) in &item.tags {
            fields.text(name).number(value.values().len() as u64);
            value.values().iter().for_each(|value| {
                fields.text(value);
            });
        }
        for candidate in &item.candidates {
            fields.text(candidate.author.as_deref().unwrap_or_default());
        }
        for (text, gold) in case.texts.iter().zip(&case.item.gold) {
            fields.digest(*text).number(gold.to_bits());
        }
    }
    fields.finish()
}

/// What a recipe keeps of a suite.
#[derive(Clone, Debug, Default)]
pub struct Keep {
    /// Subsets, or groups of subsets by their first levels; `None` for all.
    pub subsets: Option<Vec<String>>,
    /// Item ids; `None` for all.
    pub items: Option<BTreeSet<String>>,
    /// A draw of clusters.
    pub sample: Option<Sample>,
    /// At most this many clusters, drawn by subset (`--limit`).
    pub limit: Option<u64>,
    /// Seed of the draw.
    pub seed: u64,
}

/// Digests, filters and samples what a suite read.
///
/// # Errors
///
/// A filter that names nothing in the suite, in words; the caller points it at the recipe.
pub fn prepare(loaded: Loaded, keep: &Keep) -> Result<Cases, KeepError> {
    let Loaded { items, absent } = loaded;
    let mut cases = digest_all(items);
    share_texts(&mut cases);
    let mut limited = Vec::new();
    let full = cases.len();
    let unknown_ids = keep.items.as_ref().map_or(Ok(0), |ids| check_items(&cases, ids))?;
    if let Some(subsets) = &keep.subsets {
        check_subsets(&cases, &absent, subsets)?;
        cases.retain(|case| subsets.iter().any(|kept| within(&case.item.subset, kept)));
        if cases.len() < full {
            limited.push(format!("subsets {}", subsets.join(", ")));
        }
    }
    if let Some(ids) = &keep.items {
        let before = cases.len();
        cases.retain(|case| ids.contains(case.item.id.as_ref()));
        if cases.len() < before {
            let unknown = match unknown_ids {
                0 => String::new(),
                count => format!(" ({count} of the {} ids are not in the suite)", ids.len()),
            };
            limited.push(format!("{} of {before} items by id{unknown}", cases.len()));
        }
    }
    if let Some(sample) = &keep.sample {
        limited.extend(sampling::draw(&mut cases, sample, keep.seed)?);
    }
    if let Some(limit) = keep.limit {
        let by_subset = Sample { clusters: limit, by: Some("subset".to_owned()) };
        limited.extend(sampling::draw(&mut cases, &by_subset, keep.seed)?);
    }
    let absent = match &keep.subsets {
        Some(subsets) => absent
            .into_iter()
            .filter(|one| match &one.subset {
                Some(subset) => subsets.iter().any(|kept| within(subset, kept)),
                None => true,
            })
            .collect(),
        None => absent,
    };
    let clusters = number_clusters(&mut cases);
    Ok(Cases { cases, clusters, absent, limited })
}

/// A filter of the recipe that does not fit the suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeepError {
    /// The place in the suite's block: `subsets[0]`, `items`, `sample.by`.
    pub key: KeyPath,
    /// What was named and is not there.
    pub found: String,
    /// What is wrong.
    pub message: String,
    /// What could have been named.
    pub known: Vec<String>,
}

/// True when `subset` is `kept` or lies below it.
fn within(subset: &str, kept: &str) -> bool {
    subset
        .strip_prefix(kept.trim_end_matches('/'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn check_subsets(cases: &[Case], absent: &[Absent], wanted: &[String]) -> Result<(), KeepError> {
    let present: BTreeSet<&str> = cases.iter().map(|case| case.item.subset.as_ref()).collect();
    let missing: BTreeSet<&str> = absent.iter().filter_map(|one| one.subset.as_deref()).collect();
    let everything = || present.iter().chain(&missing).copied();
    let odd = wanted.iter().position(|kept| !everything().any(|subset| within(subset, kept)));
    let Some(place) = odd else { return Ok(()) };
    // As many levels as were written: a suite may have many subsets and few groups of them.
    let levels = wanted[place].trim_end_matches('/').split('/').count();
    let known: BTreeSet<String> = everything()
        .map(|subset| subset.split('/').take(levels).collect::<Vec<_>>().join("/"))
        .collect();
    Err(KeepError {
        key: KeyPath::of(["subsets"]).index(place),
        found: wanted[place].clone(),
        message: format!("the suite has no subset `{}`", wanted[place]),
        known: known.into_iter().collect(),
    })
}

/// How many of the ids are not in the suite.
fn check_items(cases: &[Case], ids: &BTreeSet<String>) -> Result<usize, KeepError> {
    let present: BTreeSet<&str> = cases.iter().map(|case| case.item.id.as_ref()).collect();
    let unknown = ids.iter().filter(|id| !present.contains(id.as_str())).count();
    if unknown < ids.len() {
        return Ok(unknown);
    }
    let first = ids.first().map(String::as_str).unwrap_or_default();
    Err(KeepError {
        key: KeyPath::of(["items"]),
        found: first.to_owned(),
        message: match ids.len() {
            0 => "the list of item ids is empty".to_owned(),
            1 => format!("the item id `{first}` is not in the suite"),
            count => {
                format!("none of the {count} item ids is in the suite; the first is `{first}`")
            }
        },
        known: Vec::new(),
    })
}

fn digest_all(items: Vec<Item>) -> Vec<Case> {
    let prompts = prompt_digests(&items);
    items
        .into_par_iter()
        .zip(prompts)
        .map(|(item, prompt)| {
            let texts: Vec<Digest> = item
                .candidates
                .iter()
                .enumerate()
                .map(|(index, candidate)| match &candidate.text {
                    Some(text) => Digest::of_text(text),
                    None => Digest::of("tribunal-untold-1")
                        .text(&item.subset)
                        .text(&item.id)
                        .number(index as u64)
                        .finish(),
                })
                .collect();
            let lengths: Option<Vec<u32>> =
                item.candidates.iter().map(|one| one.text.as_deref().map(characters)).collect();
            Case { item, prompt, texts, lengths, cluster: 0, weight: 1.0 }
        })
        .collect()
}

/// Unicode scalar values of a text: bytes that do not continue one.
fn characters(text: &str) -> u32 {
    let count = text.as_bytes().iter().filter(|&&byte| (byte as i8) >= -0x40).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Digests each shared conversation once.
fn prompt_digests(items: &[Item]) -> Vec<Digest> {
    let mut known: HashMap<*const Turn, Digest> = HashMap::new();
    items
        .iter()
        .map(|item| {
            let turns = &item.prompt;
            if turns.is_empty() {
                return prompt_digest(turns);
            }
            *known.entry(turns.as_ptr()).or_insert_with(|| prompt_digest(turns))
        })
        .collect()
}

fn prompt_digest(turns: &[Turn]) -> Digest {
    let mut fields = Digest::of("tribunal-prompt-1");
    for turn in turns {
        fields.text(turn.role.as_str()).text(&turn.content);
    }
    fields.finish()
}

/// Keeps one copy of every text and every conversation.
fn share_texts(cases: &mut [Case]) {
    let mut prompts: HashMap<Digest, Arc<[Turn]>> = HashMap::new();
    let mut texts: HashMap<Digest, Arc<str>> = HashMap::new();
    for case in cases {
        if !case.item.prompt.is_empty() {
            case.item.prompt =
                prompts.entry(case.prompt).or_insert_with(|| case.item.prompt.clone()).clone();
        }
        for (digest, candidate) in case.texts.iter().zip(&mut case.item.candidates) {
            if let Candidate { text: Some(text), .. } = candidate {
                *text = texts.entry(*digest).or_insert_with(|| text.clone()).clone();
            }
        }
    }
}

/// What names a case's cluster: the digest of the conversation, or of the name that the suite gives.
pub(crate) fn cluster_name(case: &Case) -> Digest {
    match &case.item.cluster {
        Cluster::Conversation => case.prompt,
        Cluster::Named(name) => Digest::of("tribunal-cluster-1").text(name).finish(),
    }
}

fn number_clusters(cases: &mut [Case]) -> u32 {
    let mut numbers: HashMap<Digest, u32> = HashMap::new();
    for case in cases {
        let next = numbers.len() as u32;
        case.cluster = *numbers.entry(cluster_name(case)).or_insert(next);
    }
    numbers.len() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_unicode_scalar_values() {
        for text in ["", "abc", "é", "e\u{301}", "日本", "🦀!", "\u{10FFFF}"] {
            assert_eq!(characters(text) as usize, text.chars().count(), "{text:?}");
        }
    }

    #[test]
    fn a_subset_is_kept_by_its_name_or_its_first_levels() {
        assert!(within("A/B/C", "A/B"));
        assert!(within("A/B", "A/B/"));
        assert!(!within("A/BC", "A/B"));
    }
}
