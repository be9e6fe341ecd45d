//! From logits to log-probabilities.

/// Lanes that are summed apart, so that the loop becomes vector code.
const LANES: usize = 16;

/// The natural logarithm of the sum of exponentials, which turns a logit into a log-probability when it is taken off.
///
/// Exponentials are computed in 32 bits relative to the largest logit and summed in 64; the error is below 1e-6 for vocabularies of
/// any size.
pub(crate) fn log_sum_exp(logits: &[f32]) -> f64 {
    let most = logits.get(largest(logits)).copied().unwrap_or(f32::NEG_INFINITY);
    if !most.is_finite() {
        return f64::from(most);
    }
    let mut sums = [0.0_f64; LANES];
    let chunks = logits.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (sum, logit) in sums.iter_mut().zip(chunk) {
            *sum += f64::from(exp(logit - most));
        }
    }
    let rest: f64 = rest.iter().map(|logit| f64::from(exp(logit - most))).sum();
    let total: f64 = sums.iter().sum::<f64>() + rest;
    f64::from(most) + total.ln()
}

/// The exponential of a number that is not above 0, to a relative error of 2e-7; 0 below -87.
///
/// Cut into a power of two and a rest within half a logarithm of two, of which a polynomial of degree 6 (Taylor's) gives the
/// exponential.
pub(crate) fn exp(x: f32) -> f32 {
    /// Added and taken off, it rounds to a whole number.
    const ROUND: f32 = 12_582_912.0;
    let clamped = x.max(-87.0);
    let whole = (clamped * std::f32::consts::LOG2_E + ROUND) - ROUND;
    // ln 2 in two parts: the first has so few digits that its product is exact.
    let rest = clamped - whole * 0.693_359_4 + whole * 2.121_944_4e-4;
    let mut value = 1.0 / 720.0;
    for coefficient in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        value = value * rest + coefficient;
    }
    let power = f32::from_bits((((whole as i32) + 127) << 23).cast_unsigned());
    if x < -87.0 { 0.0 } else { value * power }
}

/// The place of the largest logit; the first of equals.
pub(crate) fn largest(logits: &[f32]) -> usize {
    // Numbers that are none are passed over. In lanes, so that the loop becomes vector code.
    let mut most = [f32::NEG_INFINITY; LANES];
    let chunks = logits.chunks_exact(LANES);
    let rest = chunks.remainder().iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for chunk in chunks {
        for (most, logit) in most.iter_mut().zip(chunk) {
            *most = most.max(*logit);
        }
    }
    let most = most.into_iter().fold(rest, f32::max);
    logits.iter().position(|logit| *logit == most).unwrap_or(0)
}

/// The places of the `count` largest logits, largest first, the lower place first among equals.
pub(crate) fn top(logits: &[f32], count: usize) -> Vec<usize> {
    let mut best: Vec<usize> = Vec::with_capacity(count + 1);
    for (place, logit) in logits.iter().enumerate() {
        if best.len() == count && best.last().is_some_and(|last| *logit <= logits[*last]) {
            continue;
        }
        let at = best.partition_point(|other| logits[*other] >= *logit);
        best.insert(at, place);
        best.truncate(count);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_those_of_the_standard_library() {
        for step in 0..=8_700_i16 {
            let x = -f32::from(step) / 100.0;
            let exact = f64::from(x).exp();
            let error = (f64::from(exp(x)) - exact).abs() / exact;
            assert!(error < 3e-7, "exp({x}) is off by {error}");
        }
        assert_eq!(exp(-1000.0), 0.0);
        assert_eq!(exp(0.0), 1.0);
    }

    #[test]
    fn the_sum_is_that_of_plain_arithmetic() {
        let logits: Vec<f32> =
            (0..1000_u16).map(|i| f32::from(i * 37 % 101) / 10.0 - 3.0).collect();
        let exact = logits.iter().map(|x| f64::from(*x).exp()).sum::<f64>().ln();
        assert!((log_sum_exp(&logits) - exact).abs() < 1e-6);
        assert!((log_sum_exp(&[0.0, 0.0]) - 2.0_f64.ln()).abs() < 1e-12);
        assert_eq!(log_sum_exp(&[f32::NEG_INFINITY; 3]), f64::NEG_INFINITY);
    }

    #[test]
    fn the_largest_come_in_order() {
        let logits = [1.0, 5.0, 3.0, 5.0, -2.0];
        assert_eq!(largest(&logits), 1);
        assert_eq!(top(&logits, 3), [1, 3, 2]);
        assert_eq!(top(&logits, 9), [1, 3, 2, 0, 4]);
    }
}
