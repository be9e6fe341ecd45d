//! Which interval a measure gets.

use super::facts::Facts;
use super::intervals::{normal_quantile, percentile_interval, student_quantile, wilson};

/// Measures over fewer clusters get an interval that counts clusters instead of resampling them.
pub const FEW_CLUSTERS: u64 = 20;

/// From this many clusters on, shares get percentiles. Near 0 or 1 these cover too little at 200 clusters
/// and well enough at 1,000 (`docs/uncertainty.md` has the table); nothing between was measured.
pub const MANY_CLUSTERS: u64 = 500;

/// How an interval was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The 2.5 and 97.5 % quantiles of the measure over resampled clusters.
    BootstrapClusters,
    /// Wilson's interval with the effective number of items: as many independent ones as would give the
    /// standard error over resampled clusters. For shares over 20 to 499 clusters.
    WilsonEffective,
    /// Wilson's interval with the number of items: one item of one weight per cluster, each right or wrong.
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
/// deviation of the resampled values. `None` when the value is not defined in most resamples, when all
/// resamples agree (they then know nothing, which is not certainty), or when a set that is no mean rests on fewer than
/// [`FEW_CLUSTERS`].
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
    if (facts.holds_set && facts.clusters < FEW_CLUSTERS) || !differ(resampled) {
        return None;
    }
    percentile_interval(resampled).map(|interval| (interval, Method::BootstrapClusters))
}

/// True when some two of the defined values differ.
fn differ(values: &[f64]) -> bool {
    let mut defined = values.iter().filter(|value| !value.is_nan());
    defined.next().is_some_and(|first| defined.any(|value| value != first))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(clusters: u64, items: u64) -> Facts {
        Facts {
            clusters,
            items,
            weight: items as f64,
            credits: Some((0.0, 1.0)),
            ..Facts::default()
        }
    }

    #[test]
    fn effective_items_are_those_that_give_the_error_by_hand() {
        // 0.1 squared, raised by 26/25, is 0.0104; 0.25 / 0.0104 = 24.038.
        assert!((effective_items(0.5, &facts(26, 200), 0.1) - 24.038).abs() < 1e-3);
        assert_eq!(effective_items(0.5, &facts(26, 20), 0.1), 20.0, "never more than there are");
        assert_eq!(effective_items(0.5, &facts(26, 20), 0.0), 20.0);
    }

    #[test]
    fn figures_from_minus_one_to_one_keep_their_scale() {
        // Tau-b of 0.6 over 10 clusters is a share of 0.8 in 0 to 1; Wilson by hand 0.490158 to 0.943318.
        let few = Facts { credits: Some((-1.0, 1.0)), ..facts(10, 10) };
        let ((low, high), method) = interval(0.6, &few, (-1.0, 1.0), &[], None).unwrap();
        assert_eq!(method, Method::WilsonClusters);
        assert!((low - (2.0 * 0.490158 - 1.0)).abs() < 2e-5);
        assert!((high - (2.0 * 0.943318 - 1.0)).abs() < 2e-5);
    }

    #[test]
    fn credits_outside_their_range_keep_the_percentiles() {
        let wide = Facts { credits: Some((0.0, 2.0)), ..facts(10, 10) };
        let (_, method) = interval(0.6, &wide, (0.0, 1.0), &[0.5, 0.7], Some(0.1)).unwrap();
        assert_eq!(method, Method::BootstrapClusters);
    }
}
