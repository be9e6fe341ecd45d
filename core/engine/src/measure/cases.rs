//! The items of one suite as measured.

use std::collections::BTreeMap;
use std::sync::Arc;

use tribunal_api::Item;

/// The items of one suite, without need of their texts, and what the statistics must know of them.
///
/// All lists have one entry per item, in the same order.
pub struct Cases {
    /// The items. Texts may be absent.
    pub items: Vec<Item>,
    /// The ordinal of each item's cluster, counted from 0, below [`cluster_count`](Cases::cluster_count).
    pub clusters: Vec<u32>,
    /// The number of clusters of the whole suite.
    pub cluster_count: u32,
    /// How many items of the full suite each item stands for; 1 when the suite is not sampled.
    pub weights: Vec<f64>,
    /// Unicode characters of each candidate; `None` for items without text.
    pub lengths: Vec<Option<Vec<u32>>>,
    subsets: Vec<Arc<str>>,
    members: Vec<Vec<u32>>,
}

impl Cases {
    /// Gathers the cases.
    ///
    /// # Panics
    ///
    /// When the lists differ in length or a cluster is out of range: both come from one plan.
    pub fn new(
        items: Vec<Item>,
        clusters: Vec<u32>,
        weights: Vec<f64>,
        lengths: Vec<Option<Vec<u32>>>,
    ) -> Self {
        assert_eq!(items.len(), clusters.len(), "one cluster per item");
        assert_eq!(items.len(), weights.len(), "one weight per item");
        assert_eq!(items.len(), lengths.len(), "one entry of lengths per item");
        let cluster_count = clusters.iter().max().map_or(0, |last| last + 1);
        let mut by_subset: BTreeMap<Arc<str>, Vec<u32>> = BTreeMap::new();
        for (item, place) in items.iter().zip(0u32..) {
            by_subset.entry(item.subset.clone()).or_default().push(place);
        }
        let (subsets, members) = by_subset.into_iter().unzip();
        Self { items, clusters, cluster_count, weights, lengths, subsets, members }
    }

    /// Unsampled cases, each cluster given by any name that its items share.
    pub fn unsampled<N: Ord>(
        items: Vec<Item>,
        cluster_names: Vec<N>,
        lengths: Vec<Option<Vec<u32>>>,
    ) -> Self {
        let clusters = ordinals(&cluster_names);
        let weights = vec![1.0; items.len()];
        Self::new(items, clusters, weights, lengths)
    }

    /// The subsets that are present, sorted.
    pub fn subsets(&self) -> &[Arc<str>] {
        &self.subsets
    }

    /// The items of a subset, by its place in [`subsets`](Cases::subsets), in item order.
    pub(super) fn members(&self, subset: usize) -> &[u32] {
        &self.members[subset]
    }

    pub(super) fn subset_place(&self, subset: &str) -> Option<usize> {
        self.subsets.binary_search_by(|present| (**present).cmp(subset)).ok()
    }
}

/// Ordinals of names in order of first appearance: equal names get equal ordinals, counted from 0.
pub fn ordinals<N: Ord>(names: &[N]) -> Vec<u32> {
    let mut seen: BTreeMap<&N, u32> = BTreeMap::new();
    names
        .iter()
        .map(|name| {
            let next = u32::try_from(seen.len()).expect("a suite has fewer than 2^32 items");
            *seen.entry(name).or_insert(next)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_share_an_ordinal_in_order_of_appearance() {
        assert_eq!(ordinals(&["b", "a", "b", "c", "a"]), [0, 1, 0, 2, 1]);
    }
}
