//! The exponential less one: y = eˣ − 1, to all digits where x is small and eˣ is hardly more than 1.
//!
//! ∂y/∂x = eˣ = y + 1. The output is kept, so that backward computes no exponential.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;

/// y = eˣ − 1.
#[derive(Clone, Debug)]
pub struct Expm1;

impl Op for Expm1 {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::OUTPUT
    }

    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].expm1(), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        [Some(dy * &(kept.y() + 1.0))].into()
    }
}

impl Var {
    /// eˣ − 1, elementwise, to all digits where x is small too.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let x = Var::input(tensor![1e-10, 1.]);
    /// let y = x.expm1();
    /// assert_close!(*y.value(), tensor![1e-10, 1.7182818], 1e-6, 0.0); // where x.exp() − 1 begins with 0
    /// assert_close!(*y.sum_all().backward().of(&x), tensor![1., 2.7182818]);
    /// ```
    #[track_caller]
    pub fn expm1(&self) -> Var {
        apply(Expm1, [self])
    }
}

/// What the registry knows of the exponential less one.
pub static INFO: OpInfo<Expm1> = OpInfo {
    name: "expm1",
    formula: "y = exp(x) − 1",
    gradient: "dx = dy · (y + 1)",
    source: "definition; kernel: crates/tensor/src/simd/math",
    reference: |_, x| x[0].mapv(f64::exp_m1),
    sample: |d| Sample::new(Expm1, [Input::within(d.shape2(), -4.0..4.0)]),
    standard: |_| Sample::new(Expm1, [Input::new([2048, 2048])]),
    wrong: &[],
    tolerance: Tolerance::Units(3.0),
    cost: |_, shapes| Cost::elementwise(1, shapes),
    derivatives: Derivatives::Any,
};
