//! The negative: y = −x.
//!
//! ∂y/∂x = −1, so dx = −dy, and nothing is kept.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;

/// y = −x.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_tensor::tensor;
/// let x = Var::input(tensor![2., -3.]);
/// let y = -&x;
/// assert_eq!(y.value(), &tensor![-2., 3.]);
/// assert_eq!((&y * &x).sum_all().backward().of(&x), &tensor![-4., 6.]); // of −x²: −2·x
/// ```
#[derive(Clone, Debug)]
pub struct Neg;

impl Op for Neg {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (-x[0], ())
    }

    fn backward(&self, _: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        [Some(-dy)].into()
    }
}

impl std::ops::Neg for &Var {
    type Output = Var;
    /// −x.
    #[track_caller]
    fn neg(self) -> Var {
        apply(Neg, [self])
    }
}

/// What the registry knows of the negative.
pub static INFO: OpInfo<Neg> = OpInfo {
    name: "neg",
    formula: "y = −x",
    gradient: "dx = −dy",
    source: "definition",
    reference: |_, x| -&x[0],
    sample: |d| Sample::new(Neg, [Input::new(d.shape2())]),
    standard: |_| Sample::new(Neg, [Input::new([2048, 2048])]),
    wrong: &[],
    tolerance: Tolerance::Exact,
    cost: |_, shapes| Cost::elementwise(1, shapes),
    derivatives: Derivatives::Any,
};
