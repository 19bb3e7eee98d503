//! One over the square root: y = 1 / √x.
//!
//! ∂y/∂x = −½·x^(−3/2) = −½·y³. The output is kept, so that backward computes no root.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::simd::{Lanes, Simd};
use glassbox_tensor::{Tensor, map_n};

/// y = 1 / √x.
#[derive(Clone, Debug)]
pub struct Rsqrt;

impl Op for Rsqrt {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::OUTPUT
    }

    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].rsqrt(), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        let y = kept.y();
        [Some(&(-0.5 * dy) * &(&y.square() * y))].into()
    }

    fn backward_fused(&self, kept: &Kept<'_, ()>, dy: &Tensor, _: &[bool]) -> Option<TensorGrads> {
        Some([Some(map_n(&Backward, [kept.y().value(), dy]))].into())
    }
}

/// −½·dy·y³
struct Backward;

impl Lanes<2> for Backward {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [y, dy]: [S::F; 2]) -> S::F {
        s.splat(-0.5) * dy * (y * y * y)
    }
}

impl Var {
    /// 1 / √x, elementwise; ∞ at 0, NaN below.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::input(tensor![1., 4.]);
    /// let y = x.rsqrt();
    /// assert_eq!(y.value(), &tensor![1., 0.5]);
    /// assert_eq!(y.sum_all().backward().of(&x), &tensor![-0.5, -0.0625]);
    /// ```
    #[track_caller]
    pub fn rsqrt(&self) -> Var {
        apply(Rsqrt, [self])
    }
}

/// What the registry knows of one over the square root.
pub static INFO: OpInfo<Rsqrt> = OpInfo {
    name: "rsqrt",
    formula: "y = 1 / √x",
    gradient: "dx = −½ · dy · y³",
    source: "definition; kernel: crates/tensor/src/simd/math",
    reference: |_, x| x[0].mapv(|x| 1.0 / x.sqrt()),
    sample: |d| Sample::new(Rsqrt, [Input::within(d.shape2(), 0.2..10.0)]),
    standard: |_| Sample::new(Rsqrt, [Input::within([2048, 2048], 0.2..10.0)]),
    wrong: &[],
    tolerance: Tolerance::Units(2.5),
    cost: |_, shapes| Cost::elementwise(2, shapes),
    derivatives: Derivatives::Any,
};
