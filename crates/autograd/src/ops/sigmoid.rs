//! The logistic function: y = σ(x) = 1 / (1 + e⁻ˣ).
//!
//! ∂y/∂x = e⁻ˣ / (1 + e⁻ˣ)² = y·(1 − y). The output is kept, so that backward computes no exponential.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::simd::{Lanes, Simd};
use glassbox_tensor::{Tensor, map_n};

/// y = σ(x).
#[derive(Clone, Debug)]
pub struct Sigmoid;

impl Op for Sigmoid {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::OUTPUT
    }

    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].sigmoid(), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        let y = kept.y();
        [Some(dy * &(y * &(1.0 - y)))].into()
    }

    fn backward_fused(&self, kept: &Kept<'_, ()>, dy: &Tensor, _: &[bool]) -> Option<TensorGrads> {
        Some([Some(map_n(&Backward, [kept.y().value(), dy]))].into())
    }
}

/// dy·y·(1 − y)
struct Backward;

impl Lanes<2> for Backward {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [y, dy]: [S::F; 2]) -> S::F {
        dy * (y * (s.splat(1.0) - y))
    }
}

impl Var {
    /// σ(x) = 1 / (1 + e⁻ˣ), elementwise.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let x = Var::input(tensor![0., 1.]);
    /// let y = x.sigmoid();
    /// assert_close!(*y.value(), tensor![0.5, 0.7310586]);
    /// assert_close!(*y.sum_all().backward().of(&x), tensor![0.25, 0.19661193]);
    /// ```
    #[track_caller]
    pub fn sigmoid(&self) -> Var {
        apply(Sigmoid, [self])
    }
}

/// What the registry knows of the logistic function.
pub static INFO: OpInfo<Sigmoid> = OpInfo {
    name: "sigmoid",
    formula: "y = 1 / (1 + exp(−x))",
    gradient: "dx = dy · y · (1 − y)",
    source: "definition; kernel: crates/tensor/src/simd/math",
    reference: |_, x| x[0].mapv(|x| 1.0 / (1.0 + (-x).exp())),
    sample: |d| Sample::new(Sigmoid, [Input::within(d.shape2(), -6.0..6.0)]),
    standard: |_| Sample::new(Sigmoid, [Input::within([2048, 2048], -6.0..6.0)]),
    wrong: &[],
    tolerance: Tolerance::Units(5.0),
    cost: |_, shapes| Cost::elementwise(1, shapes),
    derivatives: Derivatives::Any,
};
