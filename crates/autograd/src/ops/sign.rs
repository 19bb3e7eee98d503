//! The sign: y = −1, 0 or 1 as x is negative, zero or positive; 0 for NaN, as in PyTorch.
//!
//! It is constant but for its jump, so dx = 0. A gradient that passes the jump is [`sign_ste`](crate::ops::sign_ste)'s.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance};
use crate::op::{Density, Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;

/// y = the sign of x.
#[derive(Clone, Debug)]
pub struct Sign;

impl Op for Sign {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();
    const GRADIENT: Density = Density::Zero("a sign is constant but for its jump");

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].sign(), ())
    }

    fn backward(&self, _: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        [Some(0.0 * dy)].into()
    }
}

impl Var {
    /// −1, 0 or 1 by the sign of x, elementwise. Its gradient is 0.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::input(tensor![-2., 0., 3.]);
    /// let y = x.sign();
    /// assert_eq!(y.value(), &tensor![-1., 0., 1.]);
    /// assert_eq!(y.sum_all().backward().of(&x), &tensor![0., 0., 0.]);
    /// ```
    #[track_caller]
    pub fn sign(&self) -> Var {
        apply(Sign, [self])
    }
}

/// −1, 0 or 1 by the sign of x.
pub(super) fn reference(x: f64) -> f64 {
    f64::from(i8::from(x > 0.0) - i8::from(x < 0.0))
}

/// What the registry knows of the sign.
pub static INFO: OpInfo<Sign> = OpInfo {
    name: "sign",
    formula: "y = −1, 0 or 1 by the sign of x",
    gradient: "dx = 0 · dy",
    source: "definition; NaN as in PyTorch",
    reference: |_, x| x[0].mapv(reference),
    sample: |d| Sample::new(Sign, [Input::new(d.shape2()).avoiding(&[0.0])]),
    standard: |_| Sample::new(Sign, [Input::new([2048, 2048])]),
    wrong: &[],
    tolerance: Tolerance::Exact,
    cost: |_, shapes| Cost::elementwise(1, shapes),
    derivatives: Derivatives::Any,
};
