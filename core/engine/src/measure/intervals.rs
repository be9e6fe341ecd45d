//! Interval formulas: percentiles of resampled values, and Wilson's interval.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// The confidence that intervals are made for.
pub const CONFIDENCE: f64 = 0.95;

/// The quantile `p` (0 to 1) of sorted numbers by linear interpolation between order statistics: with `n`
/// numbers the place is `p (n - 1)`, counted from 0.
///
/// Source: Hyndman and Fan, "Sample Quantiles in Statistical Packages", The American Statistician 50 (1996),
/// definition 7; also the default of NumPy and R.
///
/// # Panics
///
/// When there is no number.
pub fn quantile(sorted: &[f64], p: f64) -> f64 {
    let place = p * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}

/// The 2.5 and 97.5 % quantiles of resampled values. Undefined values (NaN) are left out; `None` when
/// fewer than half are defined.
pub fn percentile_interval(values: &[f64]) -> Option<(f64, f64)> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    if sorted.is_empty() || sorted.len() * 2 < values.len() {
        return None;
    }
    let tail = (1.0 - CONFIDENCE) / 2.0;
    Some((partial_quantile(&mut sorted, tail), partial_quantile(&mut sorted, 1.0 - tail)))
}

/// [`quantile`] without sorting all numbers.
fn partial_quantile(values: &mut [f64], p: f64) -> f64 {
    let place = p * (values.len() - 1) as f64;
    let below = place.floor() as usize;
    let (_, &mut low, rest) = values.select_nth_unstable_by(below, f64::total_cmp);
    let high = rest.iter().copied().fold(f64::INFINITY, f64::min);
    if high == f64::INFINITY { low } else { low + (place - below as f64) * (high - low) }
}

/// Wilson's score interval for a share of `trials` independent trials, at the standard normal or
/// Student quantile `z`. `share` and the result lie in 0 to 1; `trials` need not be whole.
///
/// Source: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22 (1927).
pub fn wilson(share: f64, trials: f64, z: f64) -> (f64, f64) {
    let z2 = z * z;
    let middle = share + z2 / (2.0 * trials);
    let half = z * (share * (1.0 - share) / trials + z2 / (4.0 * trials * trials)).max(0.0).sqrt();
    let scale = 1.0 + z2 / trials;
    (((middle - half) / scale).max(0.0), ((middle + half) / scale).min(1.0))
}

/// The two-sided 95 % quantile of the standard normal distribution, 1.959964.
pub fn normal_quantile() -> f64 {
    Normal::standard().inverse_cdf(0.5 + CONFIDENCE / 2.0)
}

/// The two-sided 95 % quantile of Student's t with this many degrees of freedom.
///
/// # Panics
///
/// When there is no degree of freedom.
pub fn student_quantile(freedom: f64) -> f64 {
    StudentsT::new(0.0, 1.0, freedom)
        .expect("the caller promises a positive number")
        .inverse_cdf(0.5 + CONFIDENCE / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate_between_order_statistics() {
        // Places 0.25 x 4 = 1 and 0.1 x 4 = 0.4: 20, and 10 + 0.4 (20 - 10) = 14.
        let numbers = [10.0, 20.0, 30.0, 40.0, 100.0];
        assert_eq!(quantile(&numbers, 0.25), 20.0);
        assert_eq!(quantile(&numbers, 0.1), 14.0);
        assert_eq!(quantile(&numbers, 1.0), 100.0);
        assert_eq!(quantile(&[3.0], 0.975), 3.0);
    }

    #[test]
    fn the_percentile_interval_follows_the_quantile_rule_on_any_order() {
        // 0..=100 shuffled by 37 k mod 101: place 2.5 % of 100 is 2.5, so 2.5; and 97.5.
        let values: Vec<f64> = (0..101).map(|k| f64::from(k * 37 % 101)).collect();
        let (low, high) = percentile_interval(&values).unwrap();
        assert!((low - 2.5).abs() < 1e-9 && (high - 97.5).abs() < 1e-9, "{low} {high}");
    }

    #[test]
    fn undefined_values_are_left_out_until_they_are_the_majority() {
        assert_eq!(percentile_interval(&[1.0, f64::NAN, 1.0]), Some((1.0, 1.0)));
        assert_eq!(percentile_interval(&[1.0, f64::NAN, f64::NAN]), None);
        assert_eq!(percentile_interval(&[]), None);
    }

    #[test]
    fn wilson_agrees_with_the_formula_by_hand() {
        // 8 of 10 with z = 1.96: z2 = 3.8416; (0.8 + 0.19208) / 1.38416 = 0.716738;
        // 1.96 sqrt(0.016 + 0.009604) / 1.38416 = 1.96 x 0.160012 / 1.38416 = 0.226580.
        let (low, high) = wilson(0.8, 10.0, 1.96);
        assert!((low - 0.490158).abs() < 5e-6 && (high - 0.943318).abs() < 5e-6, "{low} {high}");
    }

    #[test]
    fn wilson_does_not_collapse_at_the_ends() {
        // All of 20 right: low is 20 / (20 + z2) = 20 / 23.8416 = 0.838870 with z = 1.96.
        let (low, high) = wilson(1.0, 20.0, 1.96);
        assert!((low - 0.838870).abs() < 5e-6);
        assert!((high - 1.0).abs() < 1e-12);
    }

    #[test]
    fn quantiles_of_the_distributions_are_those_of_the_tables() {
        // Printed tables: 1.960 for the normal, 2.365 at 7 and 2.093 at 19 degrees of freedom.
        assert!((normal_quantile() - 1.959964).abs() < 1e-6);
        assert!((student_quantile(7.0) - 2.365).abs() < 5e-4);
        assert!((student_quantile(19.0) - 2.093).abs() < 5e-4);
    }
}
