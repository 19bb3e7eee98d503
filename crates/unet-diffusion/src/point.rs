//! What a sampler moves: pictures in f32, or plain numbers in f64 in which its order of convergence can be seen.

use glassbox_autograd::Var;
use glassbox_tensor::simd::{Simd, UpdateLanes};
use glassbox_tensor::{Tensor, map_inplace};

/// A point of a space of pictures. A sampler needs little of it: sums of multiples, and for some options a few functions of each
/// element.
///
/// Coefficients are computed in f64 and meet the numbers here. For a [`Tensor`] they are rounded to f32 once; a `Vec<f64>` keeps
/// everything in f64, and there the error of a step can be told from rounding.
pub trait Point: Clone {
    /// Σ cᵢ·xᵢ, one after the other.
    ///
    /// ```
    /// use glassbox_tensor::tensor;
    /// use glassbox_unet_diffusion::Point;
    /// let (x, y) = (vec![1.0, 2.0], vec![10.0, 20.0]);
    /// assert_eq!(Point::combine(&[(2.0, &x), (0.5, &y)]), vec![7.0, 14.0]);
    /// assert_eq!(Point::combine(&[(2.0, &tensor![1.]), (0.5, &tensor![10.])]), tensor![7.]);
    /// ```
    ///
    /// # Panics
    /// If there is nothing to sum, or shapes differ.
    #[must_use]
    fn combine(terms: &[(f64, &Self)]) -> Self;

    /// Each element, or the end of [low, high] that it is beyond.
    #[must_use]
    fn clamp(&self, low: f64, high: f64) -> Self;

    /// e to each element.
    #[must_use]
    fn exp(&self) -> Self;

    /// Element by element.
    ///
    /// # Panics
    /// If shapes differ.
    #[must_use]
    fn times(&self, other: &Self) -> Self;
}

impl Point for Vec<f64> {
    #[track_caller]
    fn combine(terms: &[(f64, &Self)]) -> Self {
        let (&(c, first), rest) = terms.split_first().expect("a sum of nothing has no shape");
        let mut sum: Vec<f64> = first.iter().map(|x| c * x).collect();
        for &(c, x) in rest {
            assert!(x.len() == sum.len(), "combine: {} numbers and {}; both are of one shape", sum.len(), x.len());
            sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += c * x);
        }
        sum
    }

    fn clamp(&self, low: f64, high: f64) -> Self {
        self.iter().map(|x| x.clamp(low, high)).collect()
    }

    fn exp(&self) -> Self {
        self.iter().map(|x| x.exp()).collect()
    }

    #[track_caller]
    fn times(&self, other: &Self) -> Self {
        assert!(self.len() == other.len(), "times: {} numbers and {}; both are of one shape", self.len(), other.len());
        self.iter().zip(other).map(|(x, y)| x * y).collect()
    }
}

/// sum ← sum + c·x
struct Add(f32);

impl UpdateLanes<1, 1> for Add {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [sum]: [S::F; 1], [x]: [S::F; 1]) -> [S::F; 1] {
        [s.mul_add(s.splat(self.0), x, sum)]
    }
}

impl Point for Tensor {
    #[track_caller]
    fn combine(terms: &[(f64, &Self)]) -> Self {
        let (&(c, first), rest) = terms.split_first().expect("a sum of nothing has no shape");
        let mut sum = first * (c as f32);
        for &(c, x) in rest {
            let (of, to) = (x.shape(), sum.shape());
            assert!(of == to, "combine: shapes {to:?} and {of:?}; both are of one shape");
            map_inplace(&Add(c as f32), &mut sum, [x]);
        }
        sum
    }

    fn clamp(&self, low: f64, high: f64) -> Self {
        Tensor::clamp(self, low as f32, high as f32)
    }

    fn exp(&self) -> Self {
        Tensor::exp(self)
    }

    #[track_caller]
    fn times(&self, other: &Self) -> Self {
        let (x, y) = (self.shape(), other.shape());
        assert!(x == y, "times: shapes {x:?} and {y:?}; both are of one shape");
        self * other
    }
}

/// With its graph, so that what a model says of x can be differentiated.
impl Point for Var {
    #[track_caller]
    fn combine(terms: &[(f64, &Self)]) -> Self {
        let (&(c, first), rest) = terms.split_first().expect("a sum of nothing has no shape");
        rest.iter().fold(first * (c as f32), |sum, &(c, x)| &sum + &(x * (c as f32)))
    }

    fn clamp(&self, low: f64, high: f64) -> Self {
        Var::clamp(self, low as f32, high as f32)
    }

    fn exp(&self) -> Self {
        Var::exp(self)
    }

    #[track_caller]
    fn times(&self, other: &Self) -> Self {
        self * other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glassbox_tensor::random::Key;

    #[test]
    fn all_kinds_of_points_compute_the_same() {
        let tensors = [0, 1, 2].map(|seed| Tensor::randn([300], Key::new(seed)));
        let exact = tensors.each_ref().map(|x| x.to_vec().iter().map(|&x| f64::from(x)).collect::<Vec<f64>>());
        let [a, b, c] = &tensors;
        let [u, v, w] = &exact;
        let pairs = [
            (Point::combine(&[(0.3, a), (-2.0, b), (1.7, c)]), Point::combine(&[(0.3, u), (-2.0, v), (1.7, w)])),
            (Point::clamp(a, -0.5, 1.0), Point::clamp(u, -0.5, 1.0)),
            (Point::exp(a), Point::exp(u)),
            (a.times(b), u.times(v)),
        ];
        for (ours, exact) in pairs {
            let apart = ours.to_vec().iter().zip(&exact).map(|(&x, y)| (f64::from(x) - y).abs()).fold(0.0, f64::max);
            assert!(apart < 1e-5, "{apart}");
        }
        let vars = tensors.each_ref().map(|x| Var::constant(x.clone()));
        let sum = Point::combine(&[(0.3, &vars[0]), (-2.0, &vars[1]), (1.7, &vars[2])]);
        let apart = sum.value() - &Point::combine(&[(0.3, a), (-2.0, b), (1.7, c)]);
        assert!(apart.to_vec().iter().all(|x| x.abs() < 1e-5));
    }

    #[test]
    fn a_sum_reads_views_as_they_are_seen() {
        let x = Tensor::randn([4, 3], Key::new(0));
        let sum = Point::combine(&[(1.0, &x.t()), (2.0, &x.t())]);
        assert_eq!(sum, &x.t() * 3.0);
    }

    #[test]
    #[should_panic(expected = "combine: shapes [2] and [3]; both are of one shape")]
    fn shapes_that_differ_are_no_sum() {
        let _ = Point::combine(&[(1.0, &Tensor::zeros([2])), (1.0, &Tensor::zeros([3]))]);
    }
}
