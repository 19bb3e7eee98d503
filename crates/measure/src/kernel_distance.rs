//! Kernel distance: how far apart two clouds of points are by all their moments up to the third, without a bias.

use crate::Estimate;
use crate::points::{Points, dot};
use glassbox_tensor::Tensor;

/// The squared maximum mean discrepancy between the distributions of `x` (N, D) and `y` (M, D), by the unbiased estimator with
/// the cubic kernel k(a, b) = (a·b/D + 1)³, and its standard error:
///
/// ```text
/// MMD² =  1/(N(N−1)) Σ_{i≠j} k(xᵢ, xⱼ)  +  1/(M(M−1)) Σ_{i≠j} k(yᵢ, yⱼ)  −  2/(NM) Σ_{i,j} k(xᵢ, yⱼ)
/// ```
///
/// Where both distributions are one, its mean is 0 at every N, so that it is negative as often as not. In one dimension it
/// estimates 3·(Δm₁)² + 3·(Δm₂)² + (Δm₃)², with Δmⱼ the difference of the j-th moments: the kernel's binomial.
///
/// The standard error is the jackknife's: with T₋ᵢ the estimate without point i, the variance is (n−1)/n Σᵢ (T₋ᵢ − mean)², for the
/// points of `x` and for those of `y`, added. It is right where the distributions differ, and never too small on average; where
/// they are one, the pairs alone scatter, the jackknife counts each pair at both of its points, and it is √2 too large (Efron
/// and Stein 1981).
///
/// Source: Bińkowski et al. 2018, Demystifying MMD GANs, who take it on features of Inception v3 and average over subsets; Gretton
/// et al. 2012, A Kernel Two-Sample Test, lemma 6.
///
/// ```
/// use glassbox_measure::kernel_distance;
/// use glassbox_tensor::{Tensor, random::Key};
/// let (x, y) = (Tensor::randn([200, 8], Key::new(0)), Tensor::randn([200, 8], Key::new(1)));
/// let same = kernel_distance(&x, &y);
/// assert!(same.value.abs() < 4.0 * same.standard_error);
/// let elsewhere = kernel_distance(&x, &(&y + &Tensor::full([8], 1.0)));
/// assert!(elsewhere.value > 10.0 * elsewhere.standard_error);
/// ```
///
/// # Panics
/// If they are not (N, D) and (M, D), or N or M is below 3.
#[track_caller]
pub fn kernel_distance(x: &Tensor, y: &Tensor) -> Estimate {
    let (x, y) = Points::pair("kernel_distance", x, y);
    let [n, m] = [x.n(), y.n()];
    assert!(n >= 3 && m >= 3, "kernel_distance: {n} and {m} points; the standard error takes at least 3 of each");
    let (xx, yy, (xy, yx)) = (within(&x), within(&y), between(&x, &y));
    let [n, m] = [n as f64, m as f64];
    let total = |rows: &[f64]| rows.iter().sum::<f64>();
    let (sum_xx, sum_yy, sum_xy) = (total(&xx), total(&yy), total(&xy));
    let (mean_xx, mean_yy) = (sum_xx / (n * (n - 1.0)), sum_yy / (m * (m - 1.0)));
    // Without xᵢ, the pairs of x lose row i and column i, and the pairs with y lose row i; likewise without yⱼ.
    let jackknife = |own: &[f64], other: &[f64], sum_own: f64, size: f64, others: f64| {
        let without: Vec<f64> = own
            .iter()
            .zip(other)
            .map(|(own, other)| {
                (sum_own - 2.0 * own) / ((size - 1.0) * (size - 2.0)) - 2.0 * (sum_xy - other) / ((size - 1.0) * others)
            })
            .collect();
        let mean = total(&without) / size;
        (size - 1.0) / size * without.iter().map(|t| (t - mean).powi(2)).sum::<f64>()
    };
    let variance = jackknife(&xx, &xy, sum_xx, n, m) + jackknife(&yy, &yx, sum_yy, m, n);
    Estimate { value: mean_xx + mean_yy - 2.0 * sum_xy / (n * m), standard_error: variance.sqrt() }
}

/// (a·b/D + 1)³
fn kernel(a: &[f64], b: &[f64]) -> f64 {
    (dot(a, b) / a.len() as f64 + 1.0).powi(3)
}

/// Σ_{j≠i} k(xᵢ, xⱼ) for each i.
fn within(x: &Points) -> Vec<f64> {
    let mut sums = vec![0.0; x.n()];
    for (i, a) in x.rows().enumerate() {
        for (j, b) in x.rows().enumerate().take(i) {
            let k = kernel(a, b);
            sums[i] += k;
            sums[j] += k;
        }
    }
    sums
}

/// Σⱼ k(xᵢ, yⱼ) for each i, and Σᵢ k(xᵢ, yⱼ) for each j.
fn between(x: &Points, y: &Points) -> (Vec<f64>, Vec<f64>) {
    let (mut of_x, mut of_y) = (vec![0.0; x.n()], vec![0.0; y.n()]);
    for (i, a) in x.rows().enumerate() {
        for (j, b) in y.rows().enumerate() {
            let k = kernel(a, b);
            of_x[i] += k;
            of_y[j] += k;
        }
    }
    (of_x, of_y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use glassbox_tensor::random::Key;
    use glassbox_tensor::tensor;

    #[test]
    fn point_masses_have_the_kernels_own_value() {
        let (a, b) = (tensor![[1., 1.]], tensor![[1., -1.]]);
        let many = |point: &Tensor, n: usize| point.expand([n, 2]).contiguous();
        // k(a, a) = (2/2 + 1)³ = 8 = k(b, b), k(a, b) = (0 + 1)³ = 1: 8 + 8 − 2
        let distance = kernel_distance(&many(&a, 5), &many(&b, 7));
        assert!((distance.value - 14.0).abs() < 1e-12 && distance.standard_error < 1e-12);
        let none = kernel_distance(&many(&a, 5), &many(&a, 3));
        assert!(none.value.abs() < 1e-12);
    }

    /// Three loops over the definition.
    #[test]
    fn the_sums_by_rows_are_the_definition() {
        let (x, y) = (Tensor::randn([6, 5], Key::new(1)), Tensor::randn([4, 5], Key::new(2)));
        let k = |a: &Tensor, i: usize, b: &Tensor, j: usize| {
            let dot: f64 = (0..5).map(|d| f64::from(a.at([i, d])) * f64::from(b.at([j, d]))).sum();
            (dot / 5.0 + 1.0).powi(3)
        };
        let mut value = 0.0;
        for i in 0..6 {
            value += (0..6).filter(|&j| j != i).map(|j| k(&x, i, &x, j)).sum::<f64>() / 30.0;
            value -= (0..4).map(|j| k(&x, i, &y, j)).sum::<f64>() / 12.0;
        }
        for i in 0..4 {
            value += (0..4).filter(|&j| j != i).map(|j| k(&y, i, &y, j)).sum::<f64>() / 12.0;
        }
        assert!((kernel_distance(&x, &y).value - value).abs() < 1e-12);
    }

    /// The definition of the jackknife: the estimate without each point in turn.
    #[test]
    fn the_standard_error_is_that_of_leaving_each_point_out() {
        let (x, y) = (Tensor::randn([6, 2], Key::new(3)), Tensor::randn([5, 2], Key::new(4)));
        let without = |t: &Tensor, i: usize| {
            let rows: Vec<f32> =
                t.to_vec().chunks(2).enumerate().filter(|(j, _)| *j != i).flat_map(|(_, r)| r.to_vec()).collect();
            Tensor::from_vec(rows, [t.shape()[0] - 1, 2])
        };
        let variance = |values: Vec<f64>| {
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            (n - 1.0) / n * values.iter().map(|v| (v - mean).powi(2)).sum::<f64>()
        };
        let of_x = variance((0..6).map(|i| kernel_distance(&without(&x, i), &y).value).collect());
        let of_y = variance((0..5).map(|i| kernel_distance(&x, &without(&y, i)).value).collect());
        assert!((kernel_distance(&x, &y).standard_error - (of_x + of_y).sqrt()).abs() < 1e-12);
    }

    /// The mean and the standard deviation of 400 estimates, and the root mean square of the standard errors that they name.
    fn over_repeats(shift: f32) -> (Estimate, f64, f64) {
        let estimates: Vec<Estimate> = (0..400)
            .map(|i| {
                let draw = |key: u64| Tensor::randn([40, 1], Key::new(shift as u64).fold(key));
                kernel_distance(&draw(2 * i), &(&draw(2 * i + 1) + &Tensor::full([1], shift)))
            })
            .collect();
        let mean = Estimate::mean(&estimates.iter().map(|e| e.value).collect::<Vec<_>>());
        let named = (estimates.iter().map(|e| e.standard_error.powi(2)).sum::<f64>() / 400.0).sqrt();
        (mean, mean.standard_error * 20.0, named)
    }

    #[test]
    fn equal_distributions_are_at_0_on_average_and_the_error_is_too_large_by_the_root_of_2() {
        let (mean, scatter, named) = over_repeats(0.0);
        assert!(mean.value.abs() < 4.0 * mean.standard_error, "{mean}");
        // 400 repeats of something with heavy tails: the ratio is known to a fifth
        assert!((named / scatter / 2f64.sqrt() - 1.0).abs() < 0.25, "{named} / {scatter}");
    }

    #[test]
    fn different_distributions_are_at_their_moments_distance_on_average_and_the_error_is_right() {
        let (mean, scatter, named) = over_repeats(1.0);
        // N(0, 1) has the moments 0, 1, 0 and N(1, 1) has 1, 2, 4: 3·1² + 3·1² + 4²
        assert!((mean.value - 22.0).abs() < 4.0 * mean.standard_error, "{mean}");
        assert!((named / scatter - 1.0).abs() < 0.25, "{named} / {scatter}");
    }
}
