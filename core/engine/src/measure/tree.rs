//! Aggregate trees compiled to sums per cluster, so that one pass over the drawn clusters evaluates
//! every measure.
//!
//! A mean is a ratio of two sums over items. Items of one subset and one cluster always occur together,
//! so each sum is kept as one number per cluster that is not 0: a *series*. A *basis* is the pair of
//! series (credit times weight, weight) of one grade in one subset. Equal series are kept once.

use std::collections::HashMap;
use std::sync::Arc;

use tribunal_api::{Grade, Graded, Over, Suite, Tree};

use super::cases::Cases;

/// The grades of every item under one rule, in item order. Empty for items that are excluded or
/// unanswered.
pub(super) type View = Vec<Vec<Grade>>;

/// Which of the board's views a tree reads its grades from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ViewPlace(pub usize);

/// Which of the board's scopes limits a tree's items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ScopePlace(pub usize);

/// A compiled tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Root(pub usize);

/// One grade of one item that takes part in a mean.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub item: u32,
    pub credit: f64,
    /// The grade's weight, without sampling weight.
    pub weight: f64,
}

pub(super) struct Basis {
    pub credit: usize,
    pub weight: usize,
    pub entries: Vec<Entry>,
    /// The answered items that carry the grade or are excluded.
    pub covered: Vec<u32>,
}

/// A set whose measure is no mean.
pub(super) struct SetPart {
    pub subset: Arc<str>,
    pub view: ViewPlace,
    /// The answered items of the subset.
    pub items: Vec<u32>,
}

pub(super) enum Node {
    Mean(Vec<usize>),
    Weighted(Vec<(f64, Node)>),
    Set(usize),
}

/// Sums per cluster in the form that is quickest to add up.
pub(super) enum Series {
    /// Small whole numbers, whose resampled sums stay below 65,536.
    Whole(Vec<(u32, u16)>),
    /// Any numbers.
    Real(Vec<(u32, f64)>),
}

impl Series {
    fn total(&self) -> f64 {
        match self {
            Series::Whole(sums) => sums.iter().map(|&(_, sum)| f64::from(sum)).sum(),
            Series::Real(sums) => sums.iter().map(|&(_, sum)| sum).sum(),
        }
    }
}

/// Trees compiled over the grades of one cell.
pub(super) struct Board<'a> {
    pub suite: &'a dyn Suite,
    pub cases: &'a Cases,
    views: Vec<View>,
    /// Per scope and item: answered and inside.
    scopes: Vec<Vec<bool>>,
    pub(super) series: Vec<Series>,
    pub(super) totals: Vec<f64>,
    pub(super) bases: Vec<Basis>,
    pub(super) sets: Vec<SetPart>,
    pub(super) nodes: Vec<Node>,
    known_series: HashMap<Vec<(u32, u64)>, usize>,
    known_bases: HashMap<(ViewPlace, ScopePlace, String, usize), usize>,
    known_sets: HashMap<(ViewPlace, ScopePlace, Arc<str>), usize>,
}

impl<'a> Board<'a> {
    pub fn new(suite: &'a dyn Suite, cases: &'a Cases) -> Self {
        Self {
            suite,
            cases,
            views: Vec::new(),
            scopes: Vec::new(),
            series: Vec::new(),
            totals: Vec::new(),
            bases: Vec::new(),
            sets: Vec::new(),
            nodes: Vec::new(),
            known_series: HashMap::new(),
            known_bases: HashMap::new(),
            known_sets: HashMap::new(),
        }
    }

    pub fn add_view(&mut self, view: View) -> ViewPlace {
        self.views.push(view);
        ViewPlace(self.views.len() - 1)
    }

    pub fn add_scope(&mut self, inside: Vec<bool>) -> ScopePlace {
        self.scopes.push(inside);
        ScopePlace(self.scopes.len() - 1)
    }

    pub fn view(&self, place: ViewPlace) -> &View {
        &self.views[place.0]
    }

    pub fn node(&self, root: Root) -> &Node {
        &self.nodes[root.0]
    }

    /// Compiles a tree over the grades of a view, limited to the items of a scope.
    pub fn compile(&mut self, tree: &Tree, view: ViewPlace, scope: ScopePlace) -> Root {
        let node = self.compile_node(tree, view, scope);
        self.nodes.push(node);
        Root(self.nodes.len() - 1)
    }

    fn compile_node(&mut self, tree: &Tree, view: ViewPlace, scope: ScopePlace) -> Node {
        match tree {
            Tree::Mean { grade, over } => {
                let subsets = subsets_of(over, self.cases);
                let bases = subsets.into_iter();
                Node::Mean(bases.map(|subset| self.basis(grade, subset, view, scope)).collect())
            }
            Tree::Average(parts) => Node::Weighted(
                parts.iter().map(|part| (1.0, self.compile_node(part, view, scope))).collect(),
            ),
            Tree::Weighted(parts) => Node::Weighted(
                parts
                    .iter()
                    .map(|(weight, part)| (*weight, self.compile_node(part, view, scope)))
                    .collect(),
            ),
            Tree::Set(subset) => Node::Set(self.set(subset, view, scope)),
        }
    }

    fn basis(&mut self, grade: &str, subset: usize, view: ViewPlace, scope: ScopePlace) -> usize {
        let key = (view, scope, grade.to_owned(), subset);
        if let Some(&known) = self.known_bases.get(&key) {
            return known;
        }
        let mut entries = Vec::new();
        let mut covered = Vec::new();
        for &item in self.cases.members(subset) {
            if !self.scopes[scope.0][item as usize] {
                continue;
            }
            let grades = &self.views[view.0][item as usize];
            let found = grades.iter().find(|one| one.name == grade);
            if let Some(&Grade { credit, weight, .. }) = found {
                entries.push(Entry { item, credit, weight });
            }
            if found.is_some() || grades.is_empty() {
                covered.push(item);
            }
        }
        let weigh = |entry: &Entry| entry.weight * self.cases.weights[entry.item as usize];
        let credit = self.by_cluster(&entries, |entry| entry.credit * weigh(entry));
        let weight = self.by_cluster(&entries, weigh);
        let credit = self.keep_series(credit);
        let weight = self.keep_series(weight);
        self.bases.push(Basis { credit, weight, entries, covered });
        let place = self.bases.len() - 1;
        self.known_bases.insert(key, place);
        place
    }

    fn by_cluster(&self, entries: &[Entry], of: impl Fn(&Entry) -> f64) -> Vec<(u32, f64)> {
        let mut values: Vec<(u32, f64)> = entries
            .iter()
            .map(|entry| (self.cases.clusters[entry.item as usize], of(entry)))
            .collect();
        values.sort_by_key(|&(cluster, _)| cluster);
        let mut sums: Vec<(u32, f64)> = Vec::new();
        for (cluster, value) in values {
            match sums.last_mut() {
                Some((last, sum)) if *last == cluster => *sum += value,
                _ => sums.push((cluster, value)),
            }
        }
        sums.retain(|&(_, sum)| sum != 0.0);
        sums
    }

    fn keep_series(&mut self, sums: Vec<(u32, f64)>) -> usize {
        let key = sums.iter().map(|&(cluster, sum)| (cluster, sum.to_bits())).collect();
        let next = self.series.len();
        let place = *self.known_series.entry(key).or_insert(next);
        if place == next {
            // A resample draws as many clusters as there are, so no sum exceeds this.
            let most = f64::from(u16::MAX) / f64::from(self.cases.cluster_count.max(1));
            let small = |&(_, sum): &(u32, f64)| sum >= 0.0 && sum.fract() == 0.0 && sum <= most;
            let series = if sums.iter().all(small) {
                Series::Whole(sums.iter().map(|&(cluster, sum)| (cluster, sum as u16)).collect())
            } else {
                Series::Real(sums)
            };
            self.totals.push(series.total());
            self.series.push(series);
        }
        place
    }

    fn set(&mut self, subset: &Arc<str>, view: ViewPlace, scope: ScopePlace) -> usize {
        let key = (view, scope, subset.clone());
        if let Some(&known) = self.known_sets.get(&key) {
            return known;
        }
        let members = match self.cases.subset_place(subset) {
            Some(place) => self.cases.members(place),
            None => &[],
        };
        let inside = &self.scopes[scope.0];
        let items = members.iter().copied().filter(|&item| inside[item as usize]).collect();
        self.sets.push(SetPart { subset: subset.clone(), view, items });
        let place = self.sets.len() - 1;
        self.known_sets.insert(key, place);
        place
    }

    /// What the suite is given of a set.
    pub fn graded(&self, set: &SetPart) -> Vec<Graded<'_>> {
        let view = self.view(set.view);
        let items = set.items.iter().map(|&item| item as usize);
        items.map(|item| Graded { item: &self.cases.items[item], grades: &view[item] }).collect()
    }

    /// The value at the items as they are. `None` when it is not defined.
    pub fn value(&self, root: Root) -> Option<f64> {
        let set = |place: usize| {
            let set = &self.sets[place];
            self.suite.grade_set(&set.subset, &self.graded(set), &vec![1; set.items.len()])
        };
        self.point(self.node(root), &set)
    }

    /// The value of a tree over grades that guessing earns, its sets as [`Suite::chance_set`] has them.
    pub fn chance_value(&self, root: Root) -> Option<f64> {
        let set = |place: usize| {
            let set = &self.sets[place];
            self.suite.chance_set(&set.subset, &self.graded(set))
        };
        self.point(self.node(root), &set)
    }

    /// The value of a node, given that of each set.
    pub(super) fn point(&self, node: &Node, set: &dyn Fn(usize) -> Option<f64>) -> Option<f64> {
        match node {
            Node::Mean(bases) => {
                let sum = |of: fn(&Basis) -> usize| -> f64 {
                    bases.iter().map(|&basis| self.totals[of(&self.bases[basis])]).sum()
                };
                let weight = sum(|basis| basis.weight);
                (weight > 0.0).then(|| sum(|basis| basis.credit) / weight)
            }
            Node::Weighted(parts) => {
                let (mut sum, mut weights) = (0.0, 0.0);
                for (weight, part) in parts {
                    if let Some(value) = self.point(part, set) {
                        sum += weight * value;
                        weights += weight;
                    }
                }
                (weights > 0.0).then(|| sum / weights)
            }
            Node::Set(place) => set(*place),
        }
    }
}

/// The places of the subsets that a mean runs over, each once.
fn subsets_of(over: &Over, cases: &Cases) -> Vec<usize> {
    let mut places: Vec<usize> = match over {
        Over::All => (0..cases.subsets().len()).collect(),
        Over::Subset(subset) => cases.subset_place(subset).into_iter().collect(),
        Over::Subsets(subsets) => {
            subsets.iter().filter_map(|subset| cases.subset_place(subset)).collect()
        }
    };
    places.sort_unstable();
    places.dedup();
    places
}

/// The subsets that a tree reads, by place, each once.
pub(super) fn subsets_read(tree: &Tree, cases: &Cases) -> Vec<usize> {
    let mut places = match tree {
        Tree::Mean { over, .. } => subsets_of(over, cases),
        Tree::Average(parts) => parts.iter().flat_map(|part| subsets_read(part, cases)).collect(),
        Tree::Weighted(parts) => {
            parts.iter().flat_map(|(_, part)| subsets_read(part, cases)).collect()
        }
        Tree::Set(subset) => cases.subset_place(subset).into_iter().collect(),
    };
    places.sort_unstable();
    places.dedup();
    places
}

/// True when some part of the tree is no mean of grades.
pub(crate) fn holds_set(tree: &Tree) -> bool {
    match tree {
        Tree::Mean { .. } => false,
        Tree::Average(parts) => parts.iter().any(holds_set),
        Tree::Weighted(parts) => parts.iter().any(|(_, part)| holds_set(part)),
        Tree::Set(_) => true,
    }
}
