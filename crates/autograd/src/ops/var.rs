//! The variance over any axes: y = Σ (x − m)² / (n − correction), of n numbers with the mean m.
//!
//! ∂y/∂xᵢ = 2·(xᵢ − m) / (n − correction): what m itself changes drops out, since Σ (x − m) = 0. The mean is kept.
//!
//! All digits are right however large the mean is; equal numbers have the variance 0 exactly. With n ≤ correction the division
//! is by 0: NaN for equal numbers (one alone among them), as in PyTorch. ∞ or NaN among the numbers gives NaN.

use super::sum::{cost, sample_axes};
use crate::axes;
use crate::info::{Derivatives, Draw, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::simd::{Lanes, Simd};
use glassbox_tensor::{Tensor, map_n};

/// y = Σ (x − m)² / (n − correction) over `axes`; reduced axes keep length 1 with `keepdim`.
#[derive(Clone, Debug)]
pub struct Variance {
    /// Which axes; negative ones count from the end.
    pub axes: Vec<isize>,
    /// 1: the unbiased estimate from a sample; 0: the spread of the numbers themselves.
    pub correction: usize,
    /// Whether reduced axes stay, with length 1.
    pub keepdim: bool,
}

impl Op for Variance {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = Tensor; // the mean: small, and known from forward

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::input(0)
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, Tensor) {
        x[0].var_mean(&self.axes, self.correction, self.keepdim)
    }

    fn backward(&self, kept: &Kept<'_, Tensor>, dy: &Var, _: &[bool]) -> Grads {
        let scale = 2.0 / divisor(kept.shape(0), &self.axes, self.correction);
        [Some(times_distance(kept.x(0), &(dy * scale), &self.axes))].into()
    }

    fn backward_fused(&self, kept: &Kept<'_, Tensor>, dy: &Tensor, _: &[bool]) -> Option<TensorGrads> {
        let scale = 2.0 / divisor(kept.shape(0), &self.axes, self.correction);
        Some([Some(times_distance_fused(kept.x(0).value(), kept.extra, &(dy * scale), &self.axes))].into())
    }
}

/// n − correction, not below 0.
pub(super) fn divisor(shape: &[usize], axes: &[isize], correction: usize) -> f32 {
    axes::count(shape, axes).saturating_sub(correction) as f32
}

/// g · (x − mean of x)
pub(super) fn times_distance(x: &Var, g: &Var, axes: &[isize]) -> Var {
    &axes::with_axes(g, x.shape(), axes) * &(x - &x.mean(axes, true))
}

/// The same with the mean that forward found, in one pass.
pub(super) fn times_distance_fused(x: &Tensor, mean: &Tensor, g: &Tensor, axes: &[isize]) -> Tensor {
    struct Product;
    impl Lanes<3> for Product {
        #[inline(always)]
        fn lanes<S: Simd>(&self, _: S, [x, mean, g]: [S::F; 3]) -> S::F {
            g * (x - mean)
        }
    }
    let kept = axes::kept(x.shape(), axes);
    map_n(&Product, [x, &mean.reshape(kept), &g.reshape(kept)])
}

impl Var {
    /// The variance over `axes` (negative ones count from the end): Σ (x − mean)² / (n − correction). Reduced axes keep length 1
    /// with `keepdim`. Correction 1 gives the unbiased estimate from a sample, 0 the spread of the numbers themselves.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let x = Var::input(tensor![[1., 2., 3.], [10001., 10002., 10003.]]);
    /// let y = x.var(&[1], 1, false); // (2, 3) -> (2)
    /// assert_eq!(y.value(), &tensor![1., 1.]);
    /// assert_eq!(y.sum_all().backward().of(&x), &tensor![[-1., 0., 1.], [-1., 0., 1.]]);
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist or is named twice.
    #[track_caller]
    pub fn var(&self, axes: &[isize], correction: usize, keepdim: bool) -> Var {
        apply(Variance { axes: axes.to_vec(), correction, keepdim }, [self])
    }
}

/// Σ (x − m)² / (n − correction) of a row, in f64.
pub(super) fn reference(x: &[f64], correction: usize) -> f64 {
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len().saturating_sub(correction) as f64
}

/// Axes of at least that many, and a correction that leaves something to divide by where there is anything.
pub(super) fn sample(d: &mut Draw, least: usize) -> (Input, Vec<isize>, usize, bool) {
    let shape = [d.dim() + least, d.dim() + least, d.dim() + least];
    let (axes, keepdim) = sample_axes(d);
    let correction = d.choice(3).min(axes::count(&shape, &axes).saturating_sub(1));
    (Input::new(shape), axes, correction, keepdim)
}

/// What the registry knows of the variance.
pub static INFO: OpInfo<Variance> = OpInfo {
    name: "var",
    formula: "y = Σ (x − m)² / (n − correction) over the named axes, m = mean x",
    gradient: "dx = dy · 2 · (x − m) / (n − correction)",
    source: "Chan, Golub & LeVeque 1983, Algorithms for Computing the Sample Variance",
    reference: |op, x| axes::reduce(&x[0], &op.axes, op.keepdim, |x| reference(x, op.correction)),
    sample: |d| {
        let (x, axes, correction, keepdim) = sample(d, 0);
        Sample::new(Variance { axes, correction, keepdim }, [x])
    },
    standard: |_| Sample::new(Variance { axes: vec![-1], correction: 1, keepdim: false }, [Input::new([2048, 2048])]),
    wrong: &[Wrong {
        call: || drop(Var::constant(Tensor::ones([2, 3])).var(&[2], 1, false)),
        says: "var: axis 2 is out of range for a tensor with 2 axes; use -2 to 1",
    }],
    tolerance: Tolerance::Units(6.0),
    cost: |_, shapes| cost(4, shapes),
    derivatives: Derivatives::Any,
};
