//! The exponential: y = eˣ.
//!
//! It is its own derivative: dx = dy · y. The output is kept, not the input: backward reads no exponential again.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;

/// y = eˣ.
#[derive(Clone, Debug)]
pub struct Exp;

impl Op for Exp {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::OUTPUT
    }

    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].exp(), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        [Some(dy * kept.y())].into()
    }
}

impl Var {
    /// eˣ, elementwise.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let x = Var::input(tensor![0., 1.]);
    /// let grads = x.exp().sum_all().backward();
    /// assert_close!(grads.of(&x), tensor![1., 2.7182818]);
    /// ```
    #[track_caller]
    pub fn exp(&self) -> Var {
        apply(Exp, [self])
    }
}

/// What the registry knows of the exponential.
pub static INFO: OpInfo<Exp> = OpInfo {
    name: "exp",
    formula: "y = exp(x)",
    gradient: "dx = dy · y",
    source: "definition; kernel: crates/tensor/src/simd/math",
    reference: |_, x| x[0].mapv(f64::exp),
    sample: |d| Sample::new(Exp, [Input::within(d.shape2(), -10.0..10.0)]),
    standard: |_| Sample::new(Exp, [Input::new([2048, 2048])]),
    wrong: &[],
    tolerance: Tolerance::Units(3.0),
    cost: |_, shapes| Cost::elementwise(1, shapes),
    derivatives: Derivatives::Any,
};
