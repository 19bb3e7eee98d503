//! The absolute value: y = |x|.
//!
//! ∂y/∂x is the sign of x; at the kink 0 is taken, the middle of −1 and 1, as PyTorch does. As a factor it is a constant: its own
//! derivative is 0 wherever there is one.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;

/// y = |x|.
#[derive(Clone, Debug)]
pub struct Abs;

impl Op for Abs {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::input(0)
    }

    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].abs(), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        [Some(dy * &Var::constant(kept.x(0).value().sign()))].into()
    }
}

impl Var {
    /// |x|, elementwise.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::input(tensor![-2., 0., 3.]);
    /// let y = x.abs();
    /// assert_eq!(y.value(), &tensor![2., 0., 3.]);
    /// assert_eq!(y.sum_all().backward().of(&x), &tensor![-1., 0., 1.]);
    /// ```
    #[track_caller]
    pub fn abs(&self) -> Var {
        apply(Abs, [self])
    }
}

/// What the registry knows of the absolute value.
pub static INFO: OpInfo<Abs> = OpInfo {
    name: "abs",
    formula: "y = |x|",
    gradient: "dx = dy · sign(x), 0 at 0",
    source: "definition",
    reference: |_, x| x[0].mapv(f64::abs),
    sample: |d| Sample::new(Abs, [Input::new(d.shape2()).avoiding(&[0.0])]),
    standard: |_| Sample::new(Abs, [Input::new([2048, 2048])]),
    wrong: &[],
    tolerance: Tolerance::Exact,
    cost: |_, shapes| Cost::elementwise(1, shapes),
    derivatives: Derivatives::Any,
};
