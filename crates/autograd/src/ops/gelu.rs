//! The Gaussian error linear unit: y = x·Φ(x), with Φ the distribution function of the standard normal distribution.
//!
//! dy/dx = Φ(x) + x·φ(x), with the density φ(x) = e^(−x²/2) / √2π. The input is kept: Φ and φ are computed again from it, both
//! from one exponential.

use super::ndtr;
use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::simd::{Lanes, Simd, math};
use glassbox_tensor::{Tensor, map_n, testing};

/// y = x·Φ(x).
#[derive(Clone, Debug)]
pub struct Gelu;

impl Op for Gelu {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::input(0)
    }

    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (map_n(&Forward, [x[0]]), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        [Some(dy * &slope(kept.x(0)))].into()
    }

    fn backward_fused(&self, kept: &Kept<'_, ()>, dy: &Tensor, _: &[bool]) -> Option<TensorGrads> {
        Some([Some(map_n(&Backward, [kept.x(0).value(), dy]))].into())
    }
}

/// Φ(x) + x·φ(x)
pub(super) fn slope(x: &Var) -> Var {
    &x.ndtr() + &(x * &ndtr::density(x))
}

/// x·Φ(x)
struct Forward;

impl Lanes<1> for Forward {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x]: [S::F; 1]) -> S::F {
        math::gelu(s, x)
    }
}

/// dy·(Φ(x) + x·φ(x))
struct Backward;

impl Lanes<2> for Backward {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x, dy]: [S::F; 2]) -> S::F {
        dy * math::gelu_and_slope(s, x).1
    }
}

impl Var {
    /// x·Φ(x), elementwise, with the exact Φ; [`gelu_tanh`](Self::gelu_tanh) approximates it. It keeps its digits far to the left,
    /// and is 0 at −∞ (where PyTorch's product −∞ · 0 gives NaN).
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let x = Var::input(tensor![-1., 1.]);
    /// let y = x.gelu();
    /// assert_close!(*y.value(), tensor![-0.1586553, 0.8413447]);
    /// assert_close!(*y.sum_all().backward().of(&x), tensor![-0.08331547, 1.0833155]);
    /// ```
    #[track_caller]
    pub fn gelu(&self) -> Var {
        apply(Gelu, [self])
    }
}

/// x·Φ(x) in f64, with the limit 0 at −∞.
pub(super) fn reference(x: f64) -> f64 {
    if x == f64::NEG_INFINITY { 0.0 } else { x * testing::ndtr(x) }
}

/// What the registry knows of the Gaussian error linear unit.
pub static INFO: OpInfo<Gelu> = OpInfo {
    name: "gelu",
    formula: "y = x · Φ(x)",
    gradient: "dx = dy · (Φ(x) + x · exp(−x² / 2) / √2π)",
    source: "Hendrycks & Gimpel 2016, Gaussian Error Linear Units; kernel: crates/tensor/src/simd/math",
    reference: |_, x| x[0].mapv(reference),
    sample: |d| Sample::new(Gelu, [Input::within(d.shape2(), -6.0..4.0)]),
    standard: |_| Sample::new(Gelu, [Input::new([2048, 2048])]),
    wrong: &[],
    tolerance: Tolerance::Units(10.0),
    cost: |_, shapes| Cost::elementwise(2, shapes),
    derivatives: Derivatives::Any,
};
