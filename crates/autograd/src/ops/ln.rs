//! The natural logarithm: y = ln x.
//!
//! ∂y/∂x = 1/x, so dx = dy / x. At 0 the value is −∞ and below it NaN, as in IEEE 754.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;

/// y = ln x.
#[derive(Clone, Debug)]
pub struct Ln;

impl Op for Ln {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::input(0)
    }

    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].ln(), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        [Some(dy / kept.x(0))].into()
    }
}

impl Var {
    /// ln x, elementwise; −∞ at 0, NaN below.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let x = Var::input(tensor![1., 4.]);
    /// let y = x.ln();
    /// assert_close!(*y.value(), tensor![0., 1.3862944]);
    /// assert_eq!(y.sum_all().backward().of(&x), &tensor![1., 0.25]);
    /// ```
    #[track_caller]
    pub fn ln(&self) -> Var {
        apply(Ln, [self])
    }
}

/// What the registry knows of the logarithm.
pub static INFO: OpInfo<Ln> = OpInfo {
    name: "ln",
    formula: "y = ln(x)",
    gradient: "dx = dy / x",
    source: "definition; kernel: crates/tensor/src/simd/math",
    reference: |_, x| x[0].mapv(f64::ln),
    sample: |d| Sample::new(Ln, [Input::within(d.shape2(), 0.2..10.0)]),
    standard: |_| Sample::new(Ln, [Input::within([2048, 2048], 0.2..10.0)]),
    wrong: &[],
    tolerance: Tolerance::Units(2.0),
    cost: |_, shapes| Cost::elementwise(1, shapes),
    derivatives: Derivatives::Any,
};
