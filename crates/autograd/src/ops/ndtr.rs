//! The distribution function of the standard normal distribution: y = Φ(x) = ½·(1 + erf(x / √2)).
//!
//! ∂y/∂x is the density φ(x) = e^(−x²/2) / √2π. The name is PyTorch's (torch.special) and SciPy's. Far to the left, where the
//! formula with erf would give 0, the value keeps its digits.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::simd::{Lanes, Simd, math};
use glassbox_tensor::{Tensor, map_n, testing};

/// 1/√2π, the density at 0.
const DENSITY: f32 = 0.398_942_3;

/// y = Φ(x).
#[derive(Clone, Debug)]
pub struct Ndtr;

impl Op for Ndtr {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::input(0)
    }

    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].ndtr(), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        [Some(dy * &density(kept.x(0)))].into()
    }

    fn backward_fused(&self, kept: &Kept<'_, ()>, dy: &Tensor, _: &[bool]) -> Option<TensorGrads> {
        Some([Some(map_n(&Backward, [kept.x(0).value(), dy]))].into())
    }
}

/// The density φ(x) = e^(−x²/2) / √2π.
pub(super) fn density(x: &Var) -> Var {
    DENSITY * &(-0.5 * &x.square()).exp()
}

/// dy·φ(x)
struct Backward;

impl Lanes<2> for Backward {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x, dy]: [S::F; 2]) -> S::F {
        dy * s.splat(DENSITY) * math::exp(s, s.splat(-0.5) * x * x)
    }
}

impl Var {
    /// Φ(x), the probability that a standard normal number is at most x, elementwise.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let x = Var::input(tensor![0., 1.]);
    /// let y = x.ndtr();
    /// assert_close!(*y.value(), tensor![0.5, 0.8413447]);
    /// assert_close!(*y.sum_all().backward().of(&x), tensor![0.3989423, 0.2419707]);
    /// ```
    #[track_caller]
    pub fn ndtr(&self) -> Var {
        apply(Ndtr, [self])
    }
}

/// What the registry knows of the normal distribution function.
pub static INFO: OpInfo<Ndtr> = OpInfo {
    name: "ndtr",
    formula: "y = Φ(x) = ½ · (1 + erf(x / √2))",
    gradient: "dx = dy · exp(−x² / 2) / √2π",
    source: "NIST Digital Library of Mathematical Functions, 7.18; kernel: crates/tensor/src/simd/math",
    reference: |_, x| x[0].mapv(testing::ndtr),
    sample: |d| Sample::new(Ndtr, [Input::within(d.shape2(), -6.0..4.0)]),
    standard: |_| Sample::new(Ndtr, [Input::new([2048, 2048])]),
    wrong: &[],
    tolerance: Tolerance::Units(8.0),
    cost: |_, shapes| Cost::elementwise(1, shapes),
    derivatives: Derivatives::Any,
};
