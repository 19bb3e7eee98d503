//! The error function: y = erf x = 2/√π ∫₀ˣ e^(−t²) dt.
//!
//! ∂y/∂x = 2/√π·e^(−x²).

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::simd::{Lanes, Simd, math};
use glassbox_tensor::{Tensor, map_n, testing};

/// 2/√π, the slope at 0.
const SLOPE: f32 = std::f32::consts::FRAC_2_SQRT_PI;

/// y = erf x.
#[derive(Clone, Debug)]
pub struct Erf;

impl Op for Erf {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::input(0)
    }

    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].erf(), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        [Some(&(SLOPE * dy) * &(-&kept.x(0).square()).exp())].into()
    }

    fn backward_fused(&self, kept: &Kept<'_, ()>, dy: &Tensor, _: &[bool]) -> Option<TensorGrads> {
        Some([Some(map_n(&Backward, [kept.x(0).value(), dy]))].into())
    }
}

/// dy·2/√π·e^(−x²)
struct Backward;

impl Lanes<2> for Backward {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x, dy]: [S::F; 2]) -> S::F {
        dy * s.splat(SLOPE) * math::exp(s, -(x * x))
    }
}

impl Var {
    /// erf x, elementwise.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let x = Var::input(tensor![0., 1.]);
    /// let y = x.erf();
    /// assert_close!(*y.value(), tensor![0., 0.8427008]);
    /// assert_close!(*y.sum_all().backward().of(&x), tensor![1.1283792, 0.4151075]);
    /// ```
    #[track_caller]
    pub fn erf(&self) -> Var {
        apply(Erf, [self])
    }
}

/// What the registry knows of the error function.
pub static INFO: OpInfo<Erf> = OpInfo {
    name: "erf",
    formula: "y = erf(x) = 2 / √π · ∫₀ˣ exp(−t²) dt",
    gradient: "dx = dy · 2 / √π · exp(−x²)",
    source: "NIST Digital Library of Mathematical Functions, 7.2.1; kernel: crates/tensor/src/simd/math",
    reference: |_, x| x[0].mapv(testing::erf),
    sample: |d| Sample::new(Erf, [Input::within(d.shape2(), -2.5..2.5)]),
    standard: |_| Sample::new(Erf, [Input::new([2048, 2048])]),
    wrong: &[],
    tolerance: Tolerance::Units(2.6),
    cost: |_, shapes| Cost::elementwise(1, shapes),
    derivatives: Derivatives::Any,
};
