//! The hyperbolic tangent: y = tanh x = (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ).
//!
//! ∂y/∂x = 1 − y², written (1 − y)·(1 + y): near saturation 1 − y² loses digits to cancellation, 1 − |y| is exact for
//! |y| ≥ ½. The output is kept, so that backward computes no tanh again.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::simd::{Lanes, Simd};
use glassbox_tensor::{Tensor, map_n};

/// y = tanh x.
#[derive(Clone, Debug)]
pub struct Tanh;

impl Op for Tanh {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::OUTPUT
    }

    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].tanh(), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        let y = kept.y();
        [Some(dy * &(&(1.0 - y) * &(1.0 + y)))].into()
    }

    fn backward_fused(&self, kept: &Kept<'_, ()>, dy: &Tensor, _: &[bool]) -> Option<TensorGrads> {
        Some([Some(map_n(&Backward, [kept.y().value(), dy]))].into())
    }
}

/// dy·(1 − y)·(1 + y)
struct Backward;

impl Lanes<2> for Backward {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [y, dy]: [S::F; 2]) -> S::F {
        let one = s.splat(1.0);
        dy * ((one - y) * (one + y))
    }
}

impl Var {
    /// tanh x, elementwise.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let x = Var::input(tensor![0., 1.]);
    /// let y = x.tanh();
    /// assert_close!(*y.value(), tensor![0., 0.76159416]);
    /// assert_close!(*y.sum_all().backward().of(&x), tensor![1., 0.41997434]);
    /// ```
    #[track_caller]
    pub fn tanh(&self) -> Var {
        apply(Tanh, [self])
    }
}

/// What the registry knows of the hyperbolic tangent.
pub static INFO: OpInfo<Tanh> = OpInfo {
    name: "tanh",
    formula: "y = tanh(x)",
    gradient: "dx = dy · (1 − y) · (1 + y)",
    source: "definition; kernel: crates/tensor/src/simd/math",
    reference: |_, x| x[0].mapv(f64::tanh),
    sample: |d| Sample::new(Tanh, [Input::within(d.shape2(), -4.0..4.0)]),
    standard: |_| Sample::new(Tanh, [Input::within([2048, 2048], -4.0..4.0)]),
    wrong: &[],
    tolerance: Tolerance::Units(5.0),
    cost: |_, shapes| Cost::elementwise(1, shapes),
    derivatives: Derivatives::Any,
};
