//! The little linear algebra of clouds of codes and features: mean and covariance, Cholesky's factor, eigenvectors. All in
//! f64 and in plain loops; the matrices are 64 × 64 and smaller.

/// A square matrix, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    n: usize,
    a: Vec<f64>,
}

impl Matrix {
    /// All zeros, n × n.
    pub fn zeros(n: usize) -> Matrix {
        Matrix { n, a: vec![0.0; n * n] }
    }

    /// The number of rows.
    pub fn n(&self) -> usize {
        self.n
    }

    /// The elements of row `i`.
    pub fn row(&self, i: usize) -> &[f64] {
        &self.a[i * self.n..(i + 1) * self.n]
    }

    /// The matrix product, self · other.
    ///
    /// # Panics
    /// If the sizes differ.
    #[track_caller]
    pub fn times(&self, other: &Matrix) -> Matrix {
        assert!(self.n == other.n, "Matrix::times: {} rows and {}; both are of one size", self.n, other.n);
        let mut product = Matrix::zeros(self.n);
        for i in 0..self.n {
            for k in 0..self.n {
                let a = self[(i, k)];
                (0..self.n).for_each(|j| product[(i, j)] += a * other[(k, j)]);
            }
        }
        product
    }

    /// All elements times `factor`.
    pub fn scaled(mut self, factor: f64) -> Matrix {
        self.a.iter_mut().for_each(|a| *a *= factor);
        self
    }

    /// The sum of the diagonal.
    pub fn trace(&self) -> f64 {
        (0..self.n).map(|i| self[(i, i)]).sum()
    }
}

impl std::ops::Index<(usize, usize)> for Matrix {
    type Output = f64;
    fn index(&self, (i, j): (usize, usize)) -> &f64 {
        &self.a[i * self.n + j]
    }
}

impl std::ops::IndexMut<(usize, usize)> for Matrix {
    fn index_mut(&mut self, (i, j): (usize, usize)) -> &mut f64 {
        &mut self.a[i * self.n + j]
    }
}

/// A Gaussian, N(mean, covariance).
#[derive(Debug, Clone, PartialEq)]
pub struct Gaussian {
    /// The mean.
    pub mean: Vec<f64>,
    /// The covariance.
    pub covariance: Matrix,
}

impl Gaussian {
    /// The most likely Gaussian for the rows of `x`, each `n` numbers: their mean, and the mean of (x − mean)(x − mean)ᵀ.
    ///
    /// # Panics
    /// If there is no row.
    pub fn fit(x: &[f32], n: usize) -> Gaussian {
        assert!(n > 0 && x.len() >= n, "Gaussian::fit: no row of {n} numbers");
        let rows = (x.len() / n) as f64;
        let mut mean = vec![0.0; n];
        for row in x.chunks_exact(n) {
            mean.iter_mut().zip(row).for_each(|(m, &v)| *m += f64::from(v) / rows);
        }
        let mut covariance = Matrix::zeros(n);
        for row in x.chunks_exact(n) {
            let d: Vec<f64> = row.iter().zip(&mean).map(|(&v, m)| f64::from(v) - m).collect();
            for i in 0..n {
                for j in 0..n {
                    covariance[(i, j)] += d[i] * d[j] / rows;
                }
            }
        }
        Gaussian { mean, covariance }
    }

    /// Turns the rows of `eps`, drawn from N(0, I), into draws from this Gaussian: mean + L · eps with L · Lᵀ = covariance.
    pub fn draw(&self, eps: &[f32]) -> Vec<f32> {
        let l = cholesky(&self.covariance);
        let transform = |eps: &[f32]| -> Vec<f32> {
            let dot = |i: usize| l.row(i).iter().zip(eps).map(|(a, &e)| a * f64::from(e)).sum::<f64>();
            (0..l.n()).map(|i| (self.mean[i] + dot(i)) as f32).collect()
        };
        eps.chunks_exact(self.mean.len()).flat_map(transform).collect()
    }
}

/// The lower triangular L with L · Lᵀ = a, for a symmetric `a` without negative eigenvalues.
///
/// A direction in which nothing varies, such as a latent that no picture uses, gives a column of zeros, not a division by 0.
/// Cholesky and Banachiewicz's order, row by row: Golub and Van Loan, Matrix Computations, section 4.2.
pub fn cholesky(a: &Matrix) -> Matrix {
    let n = a.n();
    let largest = (0..n).map(|i| a[(i, i)]).fold(0.0, f64::max);
    let mut l = Matrix::zeros(n);
    for i in 0..n {
        for j in 0..=i {
            let rest = a[(i, j)] - (0..j).map(|k| l[(i, k)] * l[(j, k)]).sum::<f64>();
            l[(i, j)] = if i == j {
                rest.max(0.0).sqrt()
            } else if l[(j, j)] * l[(j, j)] > 1e-14 * largest {
                rest / l[(j, j)]
            } else {
                0.0
            };
        }
    }
    l
}

/// The eigenvalues of a symmetric matrix, largest first, each with its eigenvector of length 1 whose largest component is
/// positive.
///
/// Jacobi's method: rotate in the plane of two axes so that their element becomes 0, for all pairs of axes, until nothing is
/// left beside the diagonal. It converges quadratically; 20 × 20 takes about 6 sweeps (Golub and Van Loan, section 8.5).
pub fn eigen(symmetric: &Matrix) -> Vec<(f64, Vec<f64>)> {
    let n = symmetric.n();
    let (mut a, mut v) = (symmetric.clone(), Matrix::zeros(n));
    (0..n).for_each(|i| v[(i, i)] = 1.0);
    let size: f64 = a.a.iter().map(|x| x * x).sum();
    for _sweep in 0..50 {
        let beside: f64 = (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|ij| a[ij] * a[ij]).sum();
        if beside <= 1e-30 * size {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut a, &mut v, p, q);
            }
        }
    }
    let mut pairs: Vec<(f64, Vec<f64>)> =
        (0..n).map(|j| (a[(j, j)], upright((0..n).map(|i| v[(i, j)]).collect()))).collect();
    pairs.sort_by(|x, y| y.0.total_cmp(&x.0));
    pairs
}

/// Rotates the axes p and q of `a`, and the vectors in the columns of `v`, so that a(p, q) becomes 0.
fn rotate(a: &mut Matrix, v: &mut Matrix, p: usize, q: usize) {
    if a[(p, q)] == 0.0 {
        return;
    }
    let theta = (a[(q, q)] - a[(p, p)]) / (2.0 * a[(p, q)]);
    let t = theta.signum() / (theta.abs() + theta.hypot(1.0)); // tan of the smaller angle
    let c = 1.0 / t.hypot(1.0);
    let s = t * c;
    for k in 0..a.n() {
        let (x, y) = (a[(k, p)], a[(k, q)]);
        (a[(k, p)], a[(k, q)]) = (c * x - s * y, s * x + c * y);
    }
    for k in 0..a.n() {
        let (x, y) = (a[(p, k)], a[(q, k)]);
        (a[(p, k)], a[(q, k)]) = (c * x - s * y, s * x + c * y);
        let (x, y) = (v[(k, p)], v[(k, q)]);
        (v[(k, p)], v[(k, q)]) = (c * x - s * y, s * x + c * y);
    }
}

/// An eigenvector's sign is free; this one is fixed, so that a drawing does not flip.
fn upright(x: Vec<f64>) -> Vec<f64> {
    let largest = x.iter().fold(0.0f64, |m, &v| if v.abs() > m.abs() { v } else { m });
    x.into_iter().map(|v| v * largest.signum()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use glassbox_tensor::Tensor;
    use glassbox_tensor::random::Key;

    /// B · Bᵀ for a random B: symmetric, without negative eigenvalues.
    fn random_covariance(n: usize, rank: usize) -> Matrix {
        let b = Tensor::randn([n, rank], Key::new(3)).to_vec();
        let mut a = Matrix::zeros(n);
        for i in 0..n {
            for j in 0..n {
                a[(i, j)] = (0..rank).map(|k| f64::from(b[i * rank + k]) * f64::from(b[j * rank + k])).sum();
            }
        }
        a
    }

    fn distance(a: &Matrix, b: &Matrix) -> f64 {
        a.a.iter().zip(&b.a).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn choleskys_factor_is_lower_triangular_and_its_square_is_the_matrix() {
        for rank in [20, 7] {
            let a = random_covariance(20, rank); // rank 7: directions without variance
            let l = cholesky(&a);
            let mut square = Matrix::zeros(20);
            for i in 0..20 {
                assert!((i + 1..20).all(|j| l[(i, j)] == 0.0));
                for j in 0..20 {
                    square[(i, j)] = l.row(i).iter().zip(l.row(j)).map(|(x, y)| x * y).sum();
                }
            }
            assert!(distance(&a, &square) < 1e-6, "rank {rank}: {}", distance(&a, &square));
        }
    }

    #[test]
    fn eigenvectors_are_orthogonal_and_stretch_by_their_eigenvalues() {
        let a = random_covariance(20, 30);
        let pairs = eigen(&a);
        assert!(pairs.windows(2).all(|w| w[0].0 >= w[1].0));
        for (i, (value, x)) in pairs.iter().enumerate() {
            for (j, (_, y)) in pairs.iter().enumerate() {
                let dot: f64 = x.iter().zip(y).map(|(p, q)| p * q).sum();
                assert!((dot - f64::from(u8::from(i == j))).abs() < 1e-12);
            }
            for (r, component) in x.iter().enumerate() {
                let ax: f64 = a.row(r).iter().zip(x).map(|(p, q)| p * q).sum();
                assert!((ax - value * component).abs() < 1e-9 * pairs[0].0);
            }
        }
    }

    #[test]
    fn a_two_by_two_matrix_has_the_eigenvalues_that_the_formula_gives() {
        let a = Matrix { n: 2, a: vec![2.0, 1.0, 1.0, 2.0] };
        let pairs = eigen(&a);
        assert!((pairs[0].0 - 3.0).abs() < 1e-12 && (pairs[1].0 - 1.0).abs() < 1e-12);
        assert!(pairs[0].1.iter().all(|x| (x - 0.5f64.sqrt()).abs() < 1e-12));
    }

    #[test]
    fn products_and_traces_are_the_sums_of_the_definition() {
        let (a, b) = (random_covariance(5, 7), random_covariance(5, 2));
        let product = a.times(&b);
        for i in 0..5 {
            for j in 0..5 {
                let sum: f64 = (0..5).map(|k| a[(i, k)] * b[(k, j)]).sum();
                assert!((product[(i, j)] - sum).abs() < 1e-12);
            }
        }
        let elementwise: f64 = a.a.iter().zip(&b.a).map(|(x, y)| x * y).sum();
        assert!((product.trace() - elementwise).abs() < 1e-12); // tr(AB) of symmetric matrices
        assert_eq!(a.clone().scaled(2.0)[(3, 1)], 2.0 * a[(3, 1)]);
    }

    #[test]
    fn draws_from_a_fitted_gaussian_fit_the_same_gaussian() {
        let covariance = random_covariance(4, 6);
        let truth = Gaussian { mean: vec![1.0, -2.0, 0.0, 10.0], covariance };
        let draws = truth.draw(&Tensor::randn([100_000, 4], Key::new(5)).to_vec());
        let fitted = Gaussian::fit(&draws, 4);
        // The standard error of a mean is sigma/√N, of a variance sigma²·√(2/N).
        let scale = (0..4).map(|i| truth.covariance[(i, i)]).fold(0.0, f64::max);
        let worst = truth.mean.iter().zip(&fitted.mean).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(worst < 5.0 * (scale / 1e5).sqrt(), "{worst}");
        assert!(distance(&truth.covariance, &fitted.covariance) < 5.0 * scale * (2.0f64 / 1e5).sqrt());
    }
}
