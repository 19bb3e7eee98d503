//! The soft rectifier: y = ln(1 + eˣ), computed as max(x, 0) + ln(1 + e^−|x|), where nothing overflows.
//!
//! ∂y/∂x = eˣ / (1 + eˣ) = σ(x), so dx = dy·σ(x).

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::simd::{Lanes, Simd, math};
use glassbox_tensor::{Tensor, map_n};

/// y = ln(1 + eˣ).
#[derive(Clone, Debug)]
pub struct Softplus;

impl Op for Softplus {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    // σ(x) = 1 − e⁻ʸ would need no input, but lose its digits where y is small
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::input(0)
    }

    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (map_n(&Forward, [x[0]]), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        [Some(dy * &kept.x(0).sigmoid())].into()
    }

    fn backward_fused(&self, kept: &Kept<'_, ()>, dy: &Tensor, _: &[bool]) -> Option<TensorGrads> {
        Some([Some(map_n(&Backward, [kept.x(0).value(), dy]))].into())
    }
}

/// ln(1 + eˣ)
struct Forward;

impl Lanes<1> for Forward {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x]: [S::F; 1]) -> S::F {
        math::softplus(s, x)
    }
}

/// dy·σ(x)
struct Backward;

impl Lanes<2> for Backward {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x, dy]: [S::F; 2]) -> S::F {
        dy * math::sigmoid(s, x)
    }
}

impl Var {
    /// ln(1 + eˣ), elementwise: finite for any finite input.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let x = Var::input(tensor![0., 100.]);
    /// let y = x.softplus();
    /// assert_close!(*y.value(), tensor![0.6931472, 100.]);
    /// assert_close!(*y.sum_all().backward().of(&x), tensor![0.5, 1.]);
    /// ```
    #[track_caller]
    pub fn softplus(&self) -> Var {
        apply(Softplus, [self])
    }
}

/// What the registry knows of the soft rectifier.
pub static INFO: OpInfo<Softplus> = OpInfo {
    name: "softplus",
    formula: "y = ln(1 + exp(x))",
    gradient: "dx = dy · σ(x)",
    source: "Dugas et al. 2001, Incorporating Second-Order Functional Knowledge; kernel: crates/tensor/src/simd/math",
    reference: |_, x| x[0].mapv(|x| x.max(0.0) + (-x.abs()).exp().ln_1p()),
    sample: |d| Sample::new(Softplus, [Input::within(d.shape2(), -6.0..6.0)]),
    standard: |_| Sample::new(Softplus, [Input::within([2048, 2048], -6.0..6.0)]),
    wrong: &[],
    tolerance: Tolerance::Units(3.6),
    cost: |_, shapes| Cost::elementwise(4, shapes),
    derivatives: Derivatives::Any,
};
