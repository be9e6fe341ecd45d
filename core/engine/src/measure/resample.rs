//! Compiled trees evaluated under every resample of a suite's clusters.

use rayon::prelude::*;

use super::draws::{Draws, LANES};
use super::tree::{Board, Node, Root, Series, SetPart};

type Lanes = [f64; LANES];

/// The value of each tree in every resample; NaN where it is not defined.
pub(super) fn resample(board: &Board<'_>, roots: &[Root], draws: &Draws) -> Vec<Vec<f64>> {
    assert_eq!(draws.clusters(), board.cases.cluster_count as usize, "draws belong to one suite");
    let needed = Needed::of(board, roots);
    let blocks: Vec<Vec<Lanes>> = (0..draws.blocks())
        .into_par_iter()
        .map(|block| draws.with_block(block, |counts| evaluate(board, roots, &needed, counts)))
        .collect();
    (0..roots.len())
        .into_par_iter()
        .map(|root| {
            let mut values = Vec::with_capacity(draws.resamples());
            for (block, lanes) in blocks.iter().enumerate() {
                values.extend_from_slice(&lanes[root][..draws.lanes_of(block)]);
            }
            values
        })
        .collect()
}

/// The series and sets that the wanted trees read.
struct Needed {
    series: Vec<bool>,
    sets: Vec<bool>,
}

impl Needed {
    fn of(board: &Board<'_>, roots: &[Root]) -> Self {
        let mut needed =
            Self { series: vec![false; board.series.len()], sets: vec![false; board.sets.len()] };
        for &root in roots {
            needed.mark(board, board.node(root));
        }
        needed
    }

    fn mark(&mut self, board: &Board<'_>, node: &Node) {
        match node {
            Node::Mean(bases) => {
                for basis in bases.iter().map(|&basis| &board.bases[basis]) {
                    self.series[basis.credit] = true;
                    self.series[basis.weight] = true;
                }
            }
            Node::Weighted(parts) => parts.iter().for_each(|(_, part)| self.mark(board, part)),
            Node::Set(place) => self.sets[*place] = true,
        }
    }
}

fn evaluate(board: &Board<'_>, roots: &[Root], needed: &Needed, counts: &[u8]) -> Vec<Lanes> {
    let mut sums = vec![[0.0; LANES]; board.series.len()];
    for (place, series) in
        board.series.iter().enumerate().filter(|(place, _)| needed.series[*place])
    {
        add_up(series, counts, &mut sums[place]);
    }
    let mut sets = vec![[f64::NAN; LANES]; board.sets.len()];
    for (place, set) in board.sets.iter().enumerate().filter(|(place, _)| needed.sets[*place]) {
        grade_set(board, set, counts, &mut sets[place]);
    }
    roots.iter().map(|&root| lanes_of(board, board.node(root), &sums, &sets)).collect()
}

fn lane_counts(counts: &[u8], cluster: u32) -> &[u8; LANES] {
    let start = cluster as usize * LANES;
    counts[start..start + LANES].try_into().expect("a block holds whole lanes of every cluster")
}

fn add_up(series: &Series, counts: &[u8], out: &mut Lanes) {
    match series {
        Series::Whole(sums) => {
            let mut whole = [0u16; LANES];
            for &(cluster, sum) in sums {
                let counts = lane_counts(counts, cluster);
                for lane in 0..LANES {
                    whole[lane] += u16::from(counts[lane]) * sum;
                }
            }
            for lane in 0..LANES {
                out[lane] = f64::from(whole[lane]);
            }
        }
        Series::Real(sums) => {
            for &(cluster, sum) in sums {
                let counts = lane_counts(counts, cluster);
                for lane in 0..LANES {
                    out[lane] += f64::from(counts[lane]) * sum;
                }
            }
        }
    }
}

/// Sets are graded under the count of each item's cluster; sampling weights do not enter.
fn grade_set(board: &Board<'_>, set: &SetPart, counts: &[u8], out: &mut Lanes) {
    let graded = board.graded(set);
    let clusters: Vec<u32> =
        set.items.iter().map(|&item| board.cases.clusters[item as usize]).collect();
    let mut weights = vec![0u32; set.items.len()];
    for (lane, value) in out.iter_mut().enumerate() {
        for (weight, &cluster) in weights.iter_mut().zip(&clusters) {
            *weight = u32::from(lane_counts(counts, cluster)[lane]);
        }
        *value = board.suite.grade_set(&set.subset, &graded, &weights).unwrap_or(f64::NAN);
    }
}

fn lanes_of(board: &Board<'_>, node: &Node, sums: &[Lanes], sets: &[Lanes]) -> Lanes {
    match node {
        Node::Mean(bases) => {
            let (mut credits, mut weights) = ([0.0; LANES], [0.0; LANES]);
            for basis in bases.iter().map(|&basis| &board.bases[basis]) {
                for lane in 0..LANES {
                    credits[lane] += sums[basis.credit][lane];
                    weights[lane] += sums[basis.weight][lane];
                }
            }
            divide(&credits, &weights)
        }
        Node::Weighted(parts) => {
            let (mut total, mut weights) = ([0.0; LANES], [0.0; LANES]);
            for (weight, part) in parts {
                let values = lanes_of(board, part, sums, sets);
                for lane in 0..LANES {
                    if !values[lane].is_nan() {
                        total[lane] += weight * values[lane];
                        weights[lane] += weight;
                    }
                }
            }
            divide(&total, &weights)
        }
        Node::Set(place) => sets[*place],
    }
}

fn divide(sums: &Lanes, weights: &Lanes) -> Lanes {
    std::array::from_fn(
        |lane| {
            if weights[lane] > 0.0 { sums[lane] / weights[lane] } else { f64::NAN }
        },
    )
}
