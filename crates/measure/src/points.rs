//! Clouds of points in f64, as all distances read them.

use glassbox_tensor::Tensor;

/// N points of D numbers each.
#[derive(Debug)]
pub(crate) struct Points {
    d: usize,
    values: Vec<f64>, // (N, D)
}

impl Points {
    /// The rows of `x`, (N, D); `who` is what the panics call the caller.
    #[track_caller]
    pub fn new(who: &str, x: &Tensor) -> Points {
        let &[n, d] = x.shape() else {
            panic!("{who}: features of shape {:?}; they are (N, D), one row an example", x.shape());
        };
        assert!(n > 0 && d > 0, "{who}: features of shape ({n}, {d}) have no number in them");
        Points { d, values: x.to_vec().into_iter().map(f64::from).collect() }
    }

    /// Both clouds, of N and M points in the same space.
    #[track_caller]
    pub fn pair(who: &str, x: &Tensor, y: &Tensor) -> (Points, Points) {
        let (x, y) = (Points::new(who, x), Points::new(who, y));
        assert!(x.d == y.d, "{who}: points of {} and of {} numbers; both sets are of one space", x.d, y.d);
        (x, y)
    }

    pub fn n(&self) -> usize {
        self.values.len() / self.d
    }

    pub fn d(&self) -> usize {
        self.d
    }

    pub fn rows(&self) -> std::slice::ChunksExact<'_, f64> {
        self.values.chunks_exact(self.d)
    }
}

/// Σ f(aᵢ, bᵢ). Four sums side by side, so that an addition need not wait for the one before.
#[inline]
pub(crate) fn sum_of_pairs(a: &[f64], b: &[f64], f: impl Fn(f64, f64) -> f64) -> f64 {
    let mut sums = [0.0; 4];
    let (a4, b4) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = a4.remainder().iter().zip(b4.remainder()).map(|(&a, &b)| f(a, b)).sum();
    for (a, b) in a4.zip(b4) {
        (0..4).for_each(|i| sums[i] += f(a[i], b[i]));
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

/// a·b
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    sum_of_pairs(a, b, |a, b| a * b)
}

/// |a − b|²
pub(crate) fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    sum_of_pairs(a, b, |a, b| (a - b) * (a - b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_sums_side_by_side_are_the_sum_at_every_length() {
        for n in 0..10 {
            let a: Vec<f64> = (1..=n).map(f64::from).collect();
            let b: Vec<f64> = a.iter().map(|a| a + 2.0).collect();
            assert_eq!(squared_distance(&a, &b), 4.0 * f64::from(n));
            assert_eq!(dot(&a, &vec![1.0; n as usize]), f64::from(n * (n + 1) / 2));
        }
    }

    #[test]
    #[should_panic(expected = "here: points of 2 and of 3 numbers; both sets are of one space")]
    fn two_spaces_are_refused() {
        Points::pair("here", &Tensor::zeros([4, 2]), &Tensor::zeros([4, 3]));
    }

    #[test]
    #[should_panic(expected = "here: features of shape [4, 1, 2]; they are (N, D), one row an example")]
    fn pictures_are_refused() {
        Points::new("here", &Tensor::zeros([4, 1, 2]));
    }
}
