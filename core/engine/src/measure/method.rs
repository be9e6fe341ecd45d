//! Which interval a measure gets.

use super::facts::Facts;
use super::intervals::{normal_quantile, percentile_interval, wilson};

/// Measures over fewer clusters get an interval that counts clusters instead of resampling them.
pub const FEW_CLUSTERS: u64 = 20;

/// How an interval was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The 2.5 and 97.5 % quantiles of the measure over resampled clusters.
    BootstrapClusters,
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
            Method::Wilson => "wilson",
            Method::WilsonClusters => "wilson-clusters",
        }
    }
}

/// The interval of a value whose credits lie in `range`, and how it was made. `None` when the value is
/// not defined in most resamples.
pub(super) fn interval(
    value: f64,
    facts: &Facts,
    range: (f64, f64),
    resampled: &[f64],
) -> Option<((f64, f64), Method)> {
    let (least, most) = range;
    let bounded = !facts.holds_set
        && facts.credits.is_some_and(|(low, high)| least <= low && high <= most);
    let score = |trials: u64| {
        let share = ((value - least) / (most - least)).clamp(0.0, 1.0);
        let (low, high) = wilson(share, trials as f64, normal_quantile());
        (least + low * (most - least), least + high * (most - least))
    };
    if bounded && (facts.all_equal || facts.clusters < FEW_CLUSTERS) && facts.clusters > 0 {
        return Some((score(facts.clusters), Method::WilsonClusters));
    }
    if bounded && facts.is_plain {
        return Some((score(facts.items), Method::Wilson));
    }
    percentile_interval(resampled).map(|interval| (interval, Method::BootstrapClusters))
}
