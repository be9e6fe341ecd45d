//! Drawing clusters, never rows: items that share a prompt stay together.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::cases::{Case, KeepError, cluster_name};
use crate::digest::Digest;
use crate::fault::KeyPath;
use crate::recipe::Sample;

/// Keeps a seeded draw of clusters, in proportion to the values of a tag, and weights what stays by the full
/// over the sampled size of its subset. Returns how the suite was limited, if it was.
///
/// A cluster's place in the draw depends on the seed and its own content, so dropping an item moves no other.
pub(super) fn draw(
    cases: &mut Vec<Case>,
    sample: &Sample,
    seed: u64,
) -> Result<Option<String>, KeepError> {
    let mut strata: BTreeMap<Arc<str>, Vec<Digest>> = BTreeMap::new();
    let mut seen = HashSet::new();
    for case in cases.iter() {
        let name = cluster_name(case);
        if seen.insert(name) {
            strata.entry(stratum(case, sample.by.as_deref())?).or_default().push(name);
        }
    }
    let total = seen.len();
    let wanted = usize::try_from(sample.clusters).unwrap_or(usize::MAX);
    if wanted >= total {
        return Ok(None);
    }
    let sizes: Vec<usize> = strata.values().map(Vec::len).collect();
    let mut kept = HashSet::new();
    for (clusters, quota) in strata.into_values().zip(quotas(&sizes, wanted)) {
        let mut ranked: Vec<(Digest, Digest)> = clusters
            .into_iter()
            .map(|name| (Digest::of("tribunal-sample-1").number(seed).digest(name).finish(), name))
            .collect();
        ranked.sort();
        kept.extend(ranked.into_iter().take(quota).map(|(_, name)| name));
    }
    let full = count_by_subset(cases);
    let before = cases.len();
    cases.retain(|case| kept.contains(&cluster_name(case)));
    let sampled = count_by_subset(cases);
    for case in cases.iter_mut() {
        let subset = &case.item.subset;
        case.weight *= full[subset] as f64 / sampled[subset] as f64;
    }
    let by = sample.by.as_ref().map(|tag| format!(" by {tag}")).unwrap_or_default();
    let mut emptied: Vec<&str> =
        full.keys().filter(|subset| !sampled.contains_key(*subset)).map(AsRef::as_ref).collect();
    emptied.sort_unstable();
    let emptied = match emptied.len() {
        0 => String::new(),
        count => format!("; no item is left of {count} subsets: {}", emptied.join(", ")),
    };
    Ok(Some(format!(
        "a seeded sample of {wanted} of {total} clusters{by} ({} of {before} items{emptied})",
        cases.len()
    )))
}

fn stratum(case: &Case, by: Option<&str>) -> Result<Arc<str>, KeepError> {
    let Some(tag) = by else { return Ok(Arc::from("")) };
    if let Some(value) = case.item.tags.get(tag) {
        return Ok(value.values().first().cloned().unwrap_or_else(|| Arc::from("")));
    }
    match tag {
        "subset" => Ok(case.item.subset.clone()),
        "topic" => Ok(case.item.topic.clone()),
        _ => Err(KeepError {
            key: KeyPath::of(["sample", "by"]),
            found: tag.to_owned(),
            message: format!(
                "item `{}` of `{}` has no tag `{tag}`",
                case.item.id, case.item.subset
            ),
            known: ["subset", "topic"]
                .into_iter()
                .map(str::to_owned)
                .chain(case.item.tags.keys().map(|key| key.to_string()))
                .collect(),
        }),
    }
}

/// Shares `wanted` in proportion to the sizes, by largest remainder; equal remainders go to the first.
fn quotas(sizes: &[usize], wanted: usize) -> Vec<usize> {
    let total: usize = sizes.iter().sum();
    let mut quotas: Vec<usize> = sizes.iter().map(|size| size * wanted / total.max(1)).collect();
    let mut rest: Vec<(usize, usize)> = sizes
        .iter()
        .enumerate()
        .map(|(place, size)| (size * wanted % total.max(1), place))
        .collect();
    rest.sort_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(&other.1)));
    let left = wanted - quotas.iter().sum::<usize>();
    for (_, place) in rest.into_iter().take(left) {
        quotas[place] += 1;
    }
    quotas
}

fn count_by_subset(cases: &[Case]) -> HashMap<Arc<str>, usize> {
    let mut counts = HashMap::new();
    for case in cases {
        *counts.entry(case.item.subset.clone()).or_insert(0) += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_are_proportional_and_add_up() {
        assert_eq!(quotas(&[50, 30, 20], 10), [5, 3, 2]);
        // 7 of 3 + 3 + 3: each 2 1/3, the one left over goes to the first.
        assert_eq!(quotas(&[3, 3, 3], 7), [3, 2, 2]);
    }
}
