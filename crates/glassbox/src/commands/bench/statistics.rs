//! What is said of samples: their middle, their spread, and between which of them the true middle lies.

/// The middle value; of an even number, the mean of the two in the middle. NaN for none.
pub fn median(samples: &[f64]) -> f64 {
    quantile(&sorted(samples), 0.5)
}

/// How far the middle half of the samples lies apart, as a share of the median.
pub fn spread(samples: &[f64]) -> f64 {
    let sorted = sorted(samples);
    (quantile(&sorted, 0.75) - quantile(&sorted, 0.25)) / quantile(&sorted, 0.5)
}

/// Two samples between which the median of what they were drawn from lies, but for a chance of `error` at most. Nothing is
/// assumed of the distribution: each sample is below its median with a chance of one half, so the k-th smallest of n is above it
/// with that of fewer than k heads in n throws of a coin. `None` where even the smallest and the largest are not sure enough.
pub fn median_interval(samples: &[f64], error: f64) -> Option<(f64, f64)> {
    let (sorted, n) = (sorted(samples), samples.len());
    let k = rank(n, error)?;
    Some((sorted[k - 1], sorted[n - k]))
}

/// The largest k for which 2 · P(fewer than k heads in n throws) ≤ error.
fn rank(n: usize, error: f64) -> Option<usize> {
    let mut heads = 0.5f64.powi(n as i32); // P(0 heads)
    let mut fewer = 0.0;
    let mut found = None;
    for k in 1..=n.div_ceil(2) {
        fewer += heads; // now P(fewer than k heads)
        if 2.0 * fewer > error {
            break;
        }
        found = Some(k);
        heads *= (n - k + 1) as f64 / k as f64; // P(k heads)
    }
    found
}

/// How much longer `b` takes than `a`: the ratio of the medians, and between what it lies but for a chance of `error`.
pub fn ratio(a: &[f64], b: &[f64], error: f64) -> Option<(f64, [f64; 2])> {
    // Each of the two intervals misses with half of it at most.
    let (a_low, a_high) = median_interval(a, error / 2.0)?;
    let (b_low, b_high) = median_interval(b, error / 2.0)?;
    Some((median(b) / median(a), [b_low / a_high, b_high / a_low]))
}

fn sorted(samples: &[f64]) -> Vec<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Between the samples, linear.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = q * sorted.len().saturating_sub(1) as f64;
    let (below, rest) = (at as usize, at.fract());
    match sorted {
        [] => f64::NAN,
        _ if rest == 0.0 => sorted[below],
        _ => sorted[below] * (1.0 - rest) + sorted[below + 1] * rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_spread_are_those_of_the_book() {
        assert_eq!((median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0, 2.0, 3.0])), (2.0, 2.5));
        assert_eq!(spread(&[1.0, 2.0, 3.0, 4.0, 5.0]), (4.0 - 2.0) / 3.0);
        assert!(median(&[]).is_nan());
    }

    /// The table of the sign test: with 15 samples the third smallest and the third largest hold the median with 99.26 %, the
    /// fourth with 96.48 %.
    #[test]
    fn ranks_are_those_of_the_binomial_distribution() {
        assert_eq!(rank(15, 0.0075), Some(3)); // 2 · (1 + 15 + 105) / 2¹⁵ = 0.00739
        assert_eq!(rank(15, 0.0073), Some(2));
        assert_eq!(rank(15, 0.0352), Some(4)); // 2 · (1 + 15 + 105 + 455) / 2¹⁵ = 0.03516
        assert_eq!(rank(15, 0.0351), Some(3));
        assert_eq!((rank(5, 0.05), rank(6, 0.05), rank(0, 0.05)), (None, Some(1), None)); // 2/2⁵ and 2/2⁶
        let samples: Vec<f64> = (1..=15).map(f64::from).collect();
        assert_eq!(median_interval(&samples, 0.0075), Some((3.0, 13.0)));
    }

    #[test]
    fn a_ratio_lies_within_its_interval_and_one_of_equals_does_too() {
        let a: Vec<f64> = (0..21).map(|i| 1.0 + 0.001 * f64::from(i)).collect();
        let slower: Vec<f64> = a.iter().map(|x| 1.2 * x).collect();
        let (ratio_, [low, high]) = ratio(&a, &slower, 0.05).unwrap();
        assert!((ratio_ - 1.2).abs() < 1e-12 && low < ratio_ && ratio_ < high && low > 1.1, "{ratio_} {low} {high}");
        let (one, [low, high]) = ratio(&a, &a, 0.05).unwrap();
        assert!(one == 1.0 && low < 1.0 && high > 1.0);
        assert_eq!(ratio(&a[..3], &a, 0.05), None, "three samples are sure of nothing");
    }

    /// Of intervals that may miss in 5 of 100, no more do, whatever the distribution.
    #[test]
    fn intervals_miss_the_median_as_rarely_as_they_say() {
        use glassbox_tensor::random::Key;
        let trials = 4000;
        let misses = (0..trials)
            .filter(|&trial| {
                let key = Key::new(7).fold(trial);
                let samples: Vec<f64> = (0..25).map(|i| f64::from(key.normal(i)).exp()).collect(); // its median is 1
                let (low, high) = median_interval(&samples, 0.05).unwrap();
                low > 1.0 || high < 1.0
            })
            .count();
        assert!(misses as f64 <= 0.06 * trials as f64, "{misses} of {trials}");
        assert!(misses as f64 >= 0.02 * trials as f64, "{misses} of {trials}: far too wide"); // exactly 0.0433
    }
}
