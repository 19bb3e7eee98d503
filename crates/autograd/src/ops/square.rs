//! The square: y = x².
//!
//! ∂y/∂x = 2x, so dx = 2·x·dy. The product x·x would give the same gradient in two halves; here it is one pass.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::simd::{Lanes, Simd};
use glassbox_tensor::{Tensor, map_n};

/// y = x².
#[derive(Clone, Debug)]
pub struct Square;

impl Op for Square {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::input(0)
    }

    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (map_n(&Forward, [x[0]]), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        [Some(&(2.0 * kept.x(0)) * dy)].into()
    }

    fn backward_fused(&self, kept: &Kept<'_, ()>, dy: &Tensor, _: &[bool]) -> Option<TensorGrads> {
        Some([Some(map_n(&Backward, [kept.x(0).value(), dy]))].into())
    }
}

/// x·x
struct Forward;

impl Lanes<1> for Forward {
    #[inline(always)]
    fn lanes<S: Simd>(&self, _: S, [x]: [S::F; 1]) -> S::F {
        x * x
    }
}

/// 2·x·dy
struct Backward;

impl Lanes<2> for Backward {
    #[inline(always)]
    fn lanes<S: Simd>(&self, _: S, [x, dy]: [S::F; 2]) -> S::F {
        (x + x) * dy
    }
}

impl Var {
    /// x², elementwise.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::input(tensor![3., -1.]);
    /// let y = x.square();
    /// assert_eq!(y.value(), &tensor![9., 1.]);
    /// assert_eq!(y.sum_all().backward().of(&x), &tensor![6., -2.]);
    /// ```
    #[track_caller]
    pub fn square(&self) -> Var {
        apply(Square, [self])
    }
}

/// What the registry knows of the square.
pub static INFO: OpInfo<Square> = OpInfo {
    name: "square",
    formula: "y = x²",
    gradient: "dx = 2 · x · dy",
    source: "definition",
    reference: |_, x| x[0].mapv(|x| x * x),
    sample: |d| Sample::new(Square, [Input::new(d.shape2())]),
    standard: |_| Sample::new(Square, [Input::new([2048, 2048])]),
    wrong: &[],
    tolerance: Tolerance::Exact,
    cost: |_, shapes| Cost::elementwise(1, shapes),
    derivatives: Derivatives::Any,
};
