//! Cluster bootstrap draws: how often each cluster of a suite was drawn in each resample.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

/// Resamples that are held and evaluated together.
pub(super) const LANES: usize = 64;

/// Counts above this many bytes are not kept but made again each time they are needed.
const KEPT_BYTES: usize = 256 << 20;

/// The resamples that reports are made with.
pub const RESAMPLES: usize = 10_000;

/// Draws of clusters with replacement. One set of draws serves all subsets, measures and sources of a
/// suite, so that differences and sums of measures keep their correlation.
///
/// Resample `r` draws as many clusters as there are, each with equal probability, from stream `r` of a
/// ChaCha8 generator that starts at `seed`. Nothing depends on the number of threads. A cluster is
/// chosen by the high half of a 32-bit draw times the number of clusters, whose bias is below one part
/// in four billion times that number.
///
/// Source of the scheme: Davison and Hinkley, "Bootstrap Methods and their Application" (1997), section 3.8
/// (resampling of whole clusters).
pub struct Draws {
    clusters: usize,
    resamples: usize,
    seed: u64,
    kept: Vec<Box<[u8]>>,
}

impl Draws {
    /// Draws for a suite with this many clusters.
    pub fn new(cluster_count: u32, resamples: usize, seed: u64) -> Self {
        let mut draws =
            Self { clusters: cluster_count as usize, resamples, seed, kept: Vec::new() };
        if draws.blocks() * LANES * draws.clusters <= KEPT_BYTES {
            draws.kept =
                (0..draws.blocks()).into_par_iter().map(|block| draws.draw(block)).collect();
        }
        draws
    }

    /// The number of clusters that are drawn from.
    pub fn clusters(&self) -> usize {
        self.clusters
    }

    /// The number of resamples.
    pub fn resamples(&self) -> usize {
        self.resamples
    }

    /// The seed that the draws start from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// How often each cluster occurs in a resample, by cluster. Counts add up to the number of clusters.
    ///
    /// # Panics
    ///
    /// When there is no such resample.
    pub fn counts(&self, resample: usize) -> Vec<u32> {
        assert!(resample < self.resamples, "there are {} resamples", self.resamples);
        let lane = resample % LANES;
        self.with_block(resample / LANES, |counts| {
            counts.chunks_exact(LANES).map(|cluster| u32::from(cluster[lane])).collect()
        })
    }

    /// The number of blocks of [`LANES`] resamples. The last one may be partly unused.
    pub(super) fn blocks(&self) -> usize {
        self.resamples.div_ceil(LANES)
    }

    /// The resamples that a block holds.
    pub(super) fn lanes_of(&self, block: usize) -> usize {
        LANES.min(self.resamples - block * LANES)
    }

    /// Lends a block of counts: [`LANES`] resamples of the first cluster, then of the second and so on.
    pub(super) fn with_block<T>(&self, block: usize, use_it: impl FnOnce(&[u8]) -> T) -> T {
        match self.kept.get(block) {
            Some(counts) => use_it(counts),
            None => use_it(&self.draw(block)),
        }
    }

    fn draw(&self, block: usize) -> Box<[u8]> {
        let mut counts = vec![0u8; self.clusters * LANES].into_boxed_slice();
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        for lane in 0..self.lanes_of(block) {
            random.set_stream((block * LANES + lane) as u64);
            random.set_word_pos(0);
            for _ in 0..self.clusters {
                let drawn = (u64::from(random.next_u32()) * self.clusters as u64) >> 32;
                // A count of 256 needs more than 256 clusters, and is then less likely than 1 in 10^500.
                let count = &mut counts[drawn as usize * LANES + lane];
                *count = count.saturating_add(1);
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_resample_draws_as_many_clusters_as_there_are() {
        for clusters in [1, 7, 300] {
            let draws = Draws::new(clusters, 130, 7);
            for resample in 0..130 {
                assert_eq!(draws.counts(resample).iter().sum::<u32>(), clusters);
            }
        }
    }

    #[test]
    fn the_draws_depend_on_the_seed_and_the_resample_and_not_on_how_many_resamples_there_are() {
        let few = Draws::new(50, 3, 7);
        let many = Draws::new(50, 200, 7);
        assert_eq!(few.counts(2), many.counts(2));
        assert_ne!(many.counts(2), many.counts(3));
        assert_ne!(many.counts(2), Draws::new(50, 200, 8).counts(2));
    }

    #[test]
    fn the_number_of_threads_changes_no_draw() {
        let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let one = alone.install(|| Draws::new(90, 300, 3));
        let several = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
        let four = several.install(|| Draws::new(90, 300, 3));
        assert!((0..300).all(|resample| one.counts(resample) == four.counts(resample)));
    }

    #[test]
    fn counts_have_the_mean_and_variance_of_a_multinomial() {
        // 400 clusters, 1,000 resamples: each count has mean 1 and variance 1 - 1/400 = 0.9975. Over
        // 400,000 counts the variance is known to about sqrt(3 / 400000) = 0.003; four of these are allowed.
        let draws = Draws::new(400, 1_000, 11);
        let squares: f64 = (0..1_000)
            .flat_map(|resample| draws.counts(resample))
            .map(|count| (f64::from(count) - 1.0).powi(2))
            .sum();
        assert!((squares / 400_000.0 - 0.9975).abs() < 0.012);
    }

    #[test]
    fn what_is_not_kept_is_drawn_again_and_equal() {
        let kept = Draws::new(60, 100, 5);
        let mut again = Draws::new(60, 100, 5);
        again.kept.clear();
        assert!((0..100).all(|resample| kept.counts(resample) == again.counts(resample)));
    }
}
