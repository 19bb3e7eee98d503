//! The sigmoid linear unit: y = x·σ(x), with σ(x) = 1 / (1 + e⁻ˣ).
//!
//! dy/dx = σ + x·σ·(1 − σ) = σ + y·(1 − σ). The input is kept: σ is computed again, which is cheaper than a second tensor.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::simd::{Lanes, Simd, math};
use glassbox_tensor::{Tensor, map_n};

/// y = x·σ(x).
#[derive(Clone, Debug)]
pub struct Silu;

impl Lanes<1> for Silu {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x]: [S::F; 1]) -> S::F {
        value_and_slope(s, x).0
    }
}

impl Op for Silu {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::input(0)
    }

    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (map_n(self, [x[0]]), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        let sigma = kept.x(0).sigmoid();
        let y = kept.x(0) * &sigma;
        [Some(dy * &(&sigma + &(&y * &(1.0 - &sigma))))].into()
    }

    fn backward_fused(&self, kept: &Kept<'_, ()>, dy: &Tensor, _: &[bool]) -> Option<TensorGrads> {
        Some([Some(map_n(&Backward, [kept.x(0).value(), dy]))].into())
    }
}

/// dy·(σ + x·σ·(1 − σ))
struct Backward;

impl Lanes<2> for Backward {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x, dy]: [S::F; 2]) -> S::F {
        dy * value_and_slope(s, x).1
    }
}

/// x·σ(x), and its derivative.
#[inline(always)]
pub(super) fn value_and_slope<S: Simd>(s: S, x: S::F) -> (S::F, S::F) {
    let sigma = math::sigmoid(s, x);
    let y = x * sigma;
    (y, s.mul_add(y, s.splat(1.0) - sigma, sigma))
}

impl Var {
    /// x·σ(x), elementwise.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let x = Var::input(tensor![0., 1.]);
    /// let y = x.silu();
    /// assert_close!(*y.value(), tensor![0., 0.7310586]);
    /// assert_close!(*y.sum_all().backward().of(&x), tensor![0.5, 0.92767054]);
    /// ```
    #[track_caller]
    pub fn silu(&self) -> Var {
        apply(Silu, [self])
    }
}

/// What the registry knows of the sigmoid linear unit.
pub static INFO: OpInfo<Silu> = OpInfo {
    name: "silu",
    formula: "y = x · σ(x)",
    gradient: "dx = dy · (σ + y · (1 − σ))",
    source: "Hendrycks & Gimpel 2016, Gaussian Error Linear Units, section 2",
    reference: |_, x| x[0].mapv(|x| x / (1.0 + (-x).exp())),
    sample: |d| Sample::new(Silu, [Input::within(d.shape2(), -8.0..8.0)]),
    standard: |_| Sample::new(Silu, [Input::new([2048, 2048])]),
    wrong: &[],
    tolerance: Tolerance::Units(4.0),
    cost: |_, shapes| Cost::elementwise(2, shapes),
    derivatives: Derivatives::Any,
};
