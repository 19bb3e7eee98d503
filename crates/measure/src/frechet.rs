//! Fréchet distance: how far apart the two Gaussians are that fit two clouds of points best.

use crate::linalg::{Gaussian, Matrix, eigen};
use crate::points::Points;
use glassbox_tensor::Tensor;
use std::fmt;

/// The fewest points of each cloud that [`frechet_distance`] takes.
pub const FRECHET_LEAST: usize = 2000;

/// The squared Fréchet distance of two Gaussians, which is their squared 2-Wasserstein distance:
///
/// ```text
/// d² = |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2·(Σ₁Σ₂)^½)
/// ```
///
/// Σ₁Σ₂ is not symmetric, but it has the eigenvalues of Σ₁^½ Σ₂ Σ₁^½, which is; so the trace of the root is the sum of the
/// roots of those. A covariance that is estimated may have eigenvalues a little below 0 by rounding: they count as 0.
///
/// Source: Dowson and Landau 1982, The Fréchet Distance between Multivariate Normal Distributions.
///
/// ```
/// use glassbox_measure::{frechet, linalg::{Gaussian, Matrix}};
/// let gaussian = |mean: [f64; 2], variance: [f64; 2]| {
///     let mut covariance = Matrix::zeros(2);
///     (0..2).for_each(|i| covariance[(i, i)] = variance[i]);
///     Gaussian { mean: mean.to_vec(), covariance }
/// };
/// // Along each axis (μ₁ − μ₂)² + (σ₁ − σ₂)²: (3² + 1²) + (4² + 2²)
/// let d2 = frechet(&gaussian([0., 0.], [1., 9.]), &gaussian([3., 4.], [4., 1.]));
/// assert!((d2 - 30.0).abs() < 1e-12);
/// ```
///
/// # Panics
/// If the Gaussians are not of the same dimension.
#[track_caller]
pub fn frechet(p: &Gaussian, q: &Gaussian) -> f64 {
    let d = p.mean.len();
    assert!(d == q.mean.len(), "frechet: Gaussians of {d} and of {} dimensions; both are of one space", q.mean.len());
    let means: f64 = p.mean.iter().zip(&q.mean).map(|(a, b)| (a - b) * (a - b)).sum();
    let root = square_root(&p.covariance); // Σ₁^½
    let between = root.times(&q.covariance).times(&root); // Σ₁^½ Σ₂ Σ₁^½
    let roots: f64 = eigen(&between).iter().map(|(value, _)| value.max(0.0).sqrt()).sum();
    let squared = means + p.covariance.trace() + q.covariance.trace() - 2.0 * roots;
    if squared < 0.0 { 0.0 } else { squared } // rounding; `max` would turn NaN into 0
}

/// The [`frechet`] of the Gaussians with the means and the unbiased covariances (divided by N − 1) of `x` (N, D) and `y` (M, D).
///
/// It sees only these two moments: two clouds that share them are at distance 0, whatever their shapes. And it is biased,
/// for estimated moments differ even where the distributions don't. Of N points each from one N(μ, σ²I), to first order in 1/N,
///
/// ```text
/// E[d²] = σ²·D·(D + 5) / 2N,   of which 2·D·σ²/N are the means'
/// ```
///
/// which for D = 64 and N = 2000 is 1.1 σ². Values for different N can't be compared, and below 2,000 points there is no value.
///
/// On features of a classifier: Heusel et al. 2017, GANs Trained by a Two Time-Scale Update Rule. Their FID is this distance on
/// the features of Inception v3, and no other number should be called so.
///
/// ```
/// use glassbox_measure::frechet_distance;
/// use glassbox_tensor::{Tensor, random::Key};
/// let x = Tensor::randn([2000, 2], Key::new(0));
/// let y = &x + &Tensor::full([2], 3.0); // the same shape elsewhere: |(3, 3)|² = 18
/// assert!((frechet_distance(&x, &y)? - 18.0).abs() < 1e-5);
///
/// let few = x.narrow(0, 0, 100);
/// assert!(frechet_distance(&few, &y).unwrap_err().to_string().starts_with("100 points"));
/// # Ok::<(), glassbox_measure::TooFew>(())
/// ```
///
/// # Errors
/// If either has fewer than [`FRECHET_LEAST`] points.
///
/// # Panics
/// If they are not (N, D) and (M, D).
#[track_caller]
pub fn frechet_distance(x: &Tensor, y: &Tensor) -> Result<f64, TooFew> {
    let (p, q) = Points::pair("frechet_distance", x, y);
    match p.n().min(q.n()) {
        few if few < FRECHET_LEAST => Err(TooFew { points: few }),
        _ => Ok(frechet(&moments(x), &moments(y))),
    }
}

/// Fewer points than a Fréchet distance takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooFew {
    /// The points of the smaller cloud.
    pub points: usize,
}

impl fmt::Display for TooFew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} points are too few for a Fréchet distance, whose bias falls as 1/N; take {FRECHET_LEAST} or more, or the kernel \
             distance, which has no bias",
            self.points
        )
    }
}

impl std::error::Error for TooFew {}

/// Mean and unbiased covariance of the rows of `x`, (N, D).
fn moments(x: &Tensor) -> Gaussian {
    let n = x.shape()[0] as f64;
    let fitted = Gaussian::fit(&x.to_vec(), x.shape()[1]);
    Gaussian { covariance: fitted.covariance.scaled(n / (n - 1.0)), ..fitted }
}

/// The symmetric A^½ with A^½·A^½ = A, for a symmetric A without negative eigenvalues: V diag(√λ) Vᵀ.
fn square_root(a: &Matrix) -> Matrix {
    let mut root = Matrix::zeros(a.n());
    for (value, v) in eigen(a) {
        let scale = value.max(0.0).sqrt();
        for i in 0..a.n() {
            for j in 0..a.n() {
                root[(i, j)] += scale * v[i] * v[j];
            }
        }
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;
    use glassbox_tensor::random::Key;

    fn matrix(rows: &[&[f64]]) -> Matrix {
        let mut m = Matrix::zeros(rows.len());
        rows.iter().enumerate().for_each(|(i, row)| row.iter().enumerate().for_each(|(j, &v)| m[(i, j)] = v));
        m
    }

    fn centred(covariance: Matrix) -> Gaussian {
        Gaussian { mean: vec![0.0; covariance.n()], covariance }
    }

    /// For 2 × 2, tr(M^½) = √(tr M + 2·√det M), with M = Σ₁Σ₂: the roots of M's eigenvalues a and b have
    /// (√a + √b)² = a + b + 2·√(ab). No eigenvector in it.
    fn two_by_two(a: [f64; 3], b: [f64; 3]) -> f64 {
        let product_trace = a[0] * b[0] + 2.0 * a[1] * b[1] + a[2] * b[2];
        let det = |[p, q, r]: [f64; 3]| p * r - q * q;
        a[0] + a[2] + b[0] + b[2] - 2.0 * (product_trace + 2.0 * (det(a) * det(b)).sqrt()).sqrt()
    }

    const PAIRS: [[[f64; 3]; 2]; 3] =
        [[[2.0, 1.0, 3.0], [1.0, -0.7, 0.8]], [[5.0, 0.1, 0.2], [1.0, 0.9, 1.0]], [[1.0, 0.0, 4.0], [2.0, 1.9, 2.0]]];

    #[test]
    fn covariances_that_do_not_commute_have_the_closed_form_of_two_by_two() {
        for [a, b] in PAIRS {
            let [p, q] = [a, b].map(|[p, q, r]| centred(matrix(&[&[p, q], &[q, r]])));
            assert!((frechet(&p, &q) - two_by_two(a, b)).abs() < 1e-12);
            assert!((frechet(&q, &p) - two_by_two(a, b)).abs() < 1e-12);
        }
    }

    /// Three planes of two dimensions each, all reflected at one hyperplane: full 6 × 6 covariances whose distance is the sum.
    #[test]
    fn a_reflection_changes_nothing_and_orthogonal_planes_add_up() {
        let normal = [0.5, -0.1, 0.3, 0.7, -0.2, 0.35f64];
        let length: f64 = normal.iter().map(|v| v * v).sum();
        let mut reflection = Matrix::zeros(6);
        let (mut a, mut b) = (Matrix::zeros(6), Matrix::zeros(6));
        for i in 0..6 {
            for j in 0..6 {
                reflection[(i, j)] = f64::from(u8::from(i == j)) - 2.0 * normal[i] * normal[j] / length;
                if i / 2 == j / 2 {
                    let element = i % 2 + j % 2;
                    (a[(i, j)], b[(i, j)]) = (PAIRS[i / 2][0][element], PAIRS[i / 2][1][element]);
                }
            }
        }
        let [p, q] = [a, b].map(|m| centred(reflection.times(&m).times(&reflection)));
        let sum: f64 = PAIRS.iter().map(|&[a, b]| two_by_two(a, b)).sum();
        assert!((frechet(&p, &q) - sum).abs() < 1e-11, "{} ≠ {sum}", frechet(&p, &q));
    }

    #[test]
    fn a_gaussian_is_at_distance_0_from_itself_and_a_flat_one_at_its_variance() {
        let p = centred(matrix(&[&[2.0, 1.0], &[1.0, 3.0]]));
        assert!(frechet(&p, &p) < 1e-12);
        assert!((frechet(&p, &centred(Matrix::zeros(2))) - 5.0).abs() < 1e-12); // all of it moves to one point
    }

    #[test]
    fn samples_of_one_gaussian_are_as_far_apart_as_the_bias_says() {
        let (n, d, repeats, sigma) = (2000, 8, 10, 3.0f32);
        let draw = |key: u64| sigma * &Tensor::randn([n, d], Key::new(key));
        let values: Vec<f64> =
            (0..repeats).map(|i| frechet_distance(&draw(2 * i), &draw(2 * i + 1)).unwrap()).collect();
        let mean = crate::Estimate::mean(&values);
        let expected = 9.0 * (d * (d + 5)) as f64 / (2 * n) as f64;
        assert!((mean.value - expected).abs() < 4.0 * mean.standard_error, "{mean} ≠ {expected}");
        assert!(mean.standard_error < 0.1 * expected);
    }

    #[test]
    fn a_sample_that_is_not_a_number_is_no_distance() {
        let x = Tensor::randn([2000, 2], Key::new(0));
        let mut broken = x.clone();
        broken.make_mut()[7] = f32::NAN;
        assert!(frechet_distance(&x, &broken).unwrap().is_nan());
    }
}
