//! Which interval a measure gets.

use super::facts::Facts;
use super::intervals::{normal_quantile, percentile_interval, student_quantile, wilson};

/// Measures over fewer clusters get an interval that counts clusters instead of resampling them.
pub const FEW_CLUSTERS: u64 = 20;

/// From this many clusters on, percentiles of resampled shares cover as they should; below, near 0 or 1,
/// they do not (`docs/uncertainty.md` has the table).
pub const MANY_CLUSTERS: u64 = 500;

/// How an interval was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The 2.5 and 97.5 % quantiles of the measure over resampled clusters.
    BootstrapClusters,
    /// Wilson's interval with the effective number of items: as many independent ones as would give the
    /// standard error over resampled clusters. For shares over 20 to 499 clusters.
    WilsonEffective,
    /// Wilson's interval with the number of items: one item of one weight per cluster.
    Wilson,
    /// Wilson's interval with the number of clusters: few clusters, or all grades equal.
    WilsonClusters,
}

impl Method {
    /// The method as it stands in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::BootstrapClusters => "bootstrap-clusters",
            Method::WilsonEffective => "wilson-effective",
            Method::Wilson => "wilson",
            Method::WilsonClusters => "wilson-clusters",
        }
    }
}

/// The interval of a value whose credits lie in `range`, and how it was made; `error` is the standard
/// deviation of the resampled values. `None` when the value is not defined in most resamples.
pub(super) fn interval(
    value: f64,
    facts: &Facts,
    range: (f64, f64),
    resampled: &[f64],
    error: Option<f64>,
) -> Option<((f64, f64), Method)> {
    let (least, most) = range;
    let bounded =
        !facts.holds_set && facts.credits.is_some_and(|(low, high)| least <= low && high <= most);
    let share = ((value - least) / (most - least)).clamp(0.0, 1.0);
    let score = |trials: f64, quantile: f64| {
        let (low, high) = wilson(share, trials, quantile);
        (least + low * (most - least), least + high * (most - least))
    };
    if bounded && (facts.all_equal || facts.clusters < FEW_CLUSTERS) && facts.clusters > 0 {
        return Some((score(facts.clusters as f64, normal_quantile()), Method::WilsonClusters));
    }
    if bounded && facts.is_plain {
        return Some((score(facts.items as f64, normal_quantile()), Method::Wilson));
    }
    if bounded && facts.clusters < MANY_CLUSTERS {
        let trials = effective_items(share, facts, error? / (most - least));
        let quantile = student_quantile(facts.clusters as f64 - 1.0);
        return Some((score(trials, quantile), Method::WilsonEffective));
    }
    percentile_interval(resampled).map(|interval| (interval, Method::BootstrapClusters))
}

/// How many independent items give a share this standard error, at most as many as there are. The
/// bootstrap's variance is raised by c / (c - 1) for c clusters, by which it falls short.
///
/// Source: Korn and Graubard, "Confidence Intervals for Proportions with Small Expected Number of Positive
/// Counts Estimated from Survey Data", Survey Methodology 24 (1998), with Wilson's interval in place of
/// Clopper and Pearson's.
fn effective_items(share: f64, facts: &Facts, error: f64) -> f64 {
    let clusters = facts.clusters as f64;
    let variance = error * error * clusters / (clusters - 1.0);
    let present = facts.weight.max(facts.items as f64);
    let alike = share * (1.0 - share);
    if variance * present > alike { (alike / variance).max(1.0) } else { present }
}
