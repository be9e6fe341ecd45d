//! What a measure rests on: how many items and clusters, and how its variance splits over them.

use super::tree::{Board, Entry, Node, Root};

/// What a compiled tree rests on.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// Items with a grade of positive weight in some mean, or in a set.
    pub items: u64,
    /// Clusters of those items.
    pub clusters: u64,
    /// The tree is one mean.
    pub is_mean: bool,
    /// It is one mean of one item per cluster, all of one weight, and every credit is 0 or 1.
    pub is_plain: bool,
    /// Some part is no mean of grades.
    pub holds_set: bool,
    /// All credits are one number.
    pub all_equal: bool,
    /// The least and greatest credit.
    pub credits: Option<(f64, f64)>,
    /// Sum of credit times weight over all entries, and of weight; sampling weights do not enter.
    pub credit: f64,
    /// Sum of grade weights.
    pub weight: f64,
    /// Answered items that carry a grade or are excluded, each once.
    pub covered: Vec<u32>,
    /// Variance of the linearised value when clusters are drawn.
    pub clustered_variance: Option<f64>,
    /// Variance of the linearised value when items are drawn alone.
    pub independent_variance: Option<f64>,
}

impl Facts {
    /// Gathers the facts of a tree.
    ///
    /// The variances linearise the value: an item moves a mean by weight times (credit - mean) / sum of
    /// weights, times the share of the mean in the tree. Squares of these numbers, summed over items or
    /// over clusters, are the variances.
    ///
    /// Source: Woodruff, "A Simple Method for Approximating the Variance of a Complicated Estimate",
    /// JASA 66 (1971).
    pub fn of(board: &Board<'_>, root: Root) -> Self {
        let node = board.node(root);
        let mut walk = Walk::new(board);
        walk.visit(node, 1.0);
        walk.finish(matches!(node, Node::Mean(_)))
    }
}

struct Walk<'a> {
    board: &'a Board<'a>,
    facts: Facts,
    influence: Vec<f64>,
    counted: Vec<bool>,
    covered: Vec<bool>,
    weights_seen: Option<(f64, f64)>,
    fractional: bool,
}

impl<'a> Walk<'a> {
    fn new(board: &'a Board<'a>) -> Self {
        let items = board.cases.items.len();
        Self {
            board,
            facts: Facts::default(),
            influence: vec![0.0; items],
            counted: vec![false; items],
            covered: vec![false; items],
            weights_seen: None,
            fractional: false,
        }
    }

    fn visit(&mut self, node: &Node, share: f64) {
        match node {
            Node::Mean(bases) => {
                let mean = self.board.point(node, &|_| None);
                let weight: f64 = bases
                    .iter()
                    .map(|&basis| self.board.totals[self.board.bases[basis].weight])
                    .sum();
                for basis in bases.iter().map(|&basis| &self.board.bases[basis]) {
                    for &item in &basis.covered {
                        self.covered[item as usize] = true;
                    }
                    if let Some(mean) = mean {
                        for entry in &basis.entries {
                            self.count(entry, mean, share / weight);
                        }
                    }
                }
            }
            Node::Weighted(parts) => {
                // Whether a part is defined does not hang on the values of sets, only on their presence.
                let present =
                    |place: usize| (!self.board.sets[place].items.is_empty()).then_some(0.0);
                let defined: Vec<&(f64, Node)> = parts
                    .iter()
                    .filter(|(_, part)| self.board.point(part, &present).is_some())
                    .collect();
                let total: f64 = defined.iter().map(|(weight, _)| weight).sum();
                for (weight, part) in defined {
                    self.visit(part, share * weight / total);
                }
            }
            Node::Set(place) => {
                self.facts.holds_set = true;
                let set = &self.board.sets[*place];
                for &item in &set.items {
                    self.covered[item as usize] = true;
                    if !self.board.view(set.view)[item as usize].is_empty() {
                        self.counted[item as usize] = true;
                    }
                }
            }
        }
    }

    fn count(&mut self, entry: &Entry, mean: f64, share: f64) {
        if entry.weight <= 0.0 {
            return;
        }
        let item = entry.item as usize;
        let weight = entry.weight * self.board.cases.weights[item];
        self.counted[item] = true;
        self.influence[item] += share * weight * (entry.credit - mean);
        self.fractional |= entry.credit != 0.0 && entry.credit != 1.0;
        self.facts.credit += entry.credit * entry.weight;
        self.facts.weight += entry.weight;
        widen(&mut self.facts.credits, entry.credit);
        widen(&mut self.weights_seen, weight);
    }

    fn finish(mut self, is_mean: bool) -> Facts {
        let cases = self.board.cases;
        let mut by_cluster = vec![0.0; cases.cluster_count as usize];
        let mut present = vec![false; cases.cluster_count as usize];
        let mut independent = 0.0;
        for (item, _) in self.counted.iter().enumerate().filter(|(_, counted)| **counted) {
            let cluster = cases.clusters[item] as usize;
            self.facts.items += 1;
            present[cluster] = true;
            by_cluster[cluster] += self.influence[item];
            independent += self.influence[item].powi(2);
        }
        self.facts.clusters = present.iter().filter(|&&present| present).count() as u64;
        let same = |range: Option<(f64, f64)>| range.is_some_and(|(least, most)| least == most);
        self.facts.is_mean = is_mean;
        self.facts.all_equal = same(self.facts.credits) && !self.facts.holds_set;
        self.facts.is_plain = is_mean
            && self.facts.items == self.facts.clusters
            && same(self.weights_seen)
            && !self.fractional;
        if !self.facts.holds_set {
            self.facts.clustered_variance = Some(by_cluster.iter().map(|sum| sum * sum).sum());
            self.facts.independent_variance = Some(independent);
        }
        let covered = self.covered.iter().zip(0u32..);
        self.facts.covered = covered.filter(|(inside, _)| **inside).map(|(_, item)| item).collect();
        self.facts
    }
}

fn widen(range: &mut Option<(f64, f64)>, value: f64) {
    *range = Some(match *range {
        Some((least, most)) => (least.min(value), most.max(value)),
        None => (value, value),
    });
}
