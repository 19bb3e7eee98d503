//! The sine: y = sin x, of x in radians, to the last digits for every finite x.
//!
//! ∂y/∂x = cos x.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::simd::{Lanes, Simd, math};
use glassbox_tensor::{Tensor, map_n};

/// y = sin x.
#[derive(Clone, Debug)]
pub struct Sin;

impl Op for Sin {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::input(0)
    }

    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].sin(), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        [Some(dy * &kept.x(0).cos())].into()
    }

    fn backward_fused(&self, kept: &Kept<'_, ()>, dy: &Tensor, _: &[bool]) -> Option<TensorGrads> {
        Some([Some(map_n(&Backward, [kept.x(0).value(), dy]))].into())
    }
}

/// dy·cos x
struct Backward;

impl Lanes<2> for Backward {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x, dy]: [S::F; 2]) -> S::F {
        dy * math::cos(s, x)
    }
}

impl Var {
    /// sin x, elementwise, of x in radians.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let x = Var::input(tensor![0., 1.5707964]); // 0 and π/2
    /// let y = x.sin();
    /// assert_close!(*y.value(), tensor![0., 1.], 1e-6, 1e-6);
    /// assert_close!(*y.sum_all().backward().of(&x), tensor![1., 0.], 1e-6, 1e-6);
    /// ```
    #[track_caller]
    pub fn sin(&self) -> Var {
        apply(Sin, [self])
    }
}

/// What the registry knows of the sine.
pub static INFO: OpInfo<Sin> = OpInfo {
    name: "sin",
    formula: "y = sin(x)",
    gradient: "dx = dy · cos(x)",
    source: "definition; kernel: crates/tensor/src/simd/math",
    reference: |_, x| x[0].mapv(f64::sin),
    sample: |d| Sample::new(Sin, [Input::within(d.shape2(), -20.0..20.0)]),
    standard: |_| Sample::new(Sin, [Input::within([2048, 2048], -20.0..20.0)]),
    wrong: &[],
    tolerance: Tolerance::Units(3.0),
    cost: |_, shapes| Cost::elementwise(1, shapes),
    derivatives: Derivatives::Any,
};
