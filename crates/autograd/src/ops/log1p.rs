//! The logarithm of one and a little: y = ln(1 + x), to all digits where x is small.
//!
//! ∂y/∂x = 1 / (1 + x), so dx = dy / (1 + x). At −1 the value is −∞ and below it NaN.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;

/// y = ln(1 + x).
#[derive(Clone, Debug)]
pub struct Log1p;

impl Op for Log1p {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::input(0)
    }

    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].log1p(), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        [Some(dy / &(1.0 + kept.x(0)))].into()
    }
}

impl Var {
    /// ln(1 + x), elementwise, to all digits where x is small too; −∞ at −1, NaN below.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let x = Var::input(tensor![1e-10, 1.]);
    /// let y = x.log1p();
    /// assert_close!(*y.value(), tensor![1e-10, 0.6931472], 1e-6, 0.0); // where (1 + x).ln() begins with 0
    /// assert_eq!(y.sum_all().backward().of(&x), &tensor![1., 0.5]);
    /// ```
    #[track_caller]
    pub fn log1p(&self) -> Var {
        apply(Log1p, [self])
    }
}

/// What the registry knows of the logarithm of one and a little.
pub static INFO: OpInfo<Log1p> = OpInfo {
    name: "log1p",
    formula: "y = ln(1 + x)",
    gradient: "dx = dy / (1 + x)",
    source: "definition; kernel: crates/tensor/src/simd/math",
    reference: |_, x| x[0].mapv(f64::ln_1p),
    sample: |d| Sample::new(Log1p, [Input::within(d.shape2(), -0.8..4.0)]),
    standard: |_| Sample::new(Log1p, [Input::within([2048, 2048], -0.8..4.0)]),
    wrong: &[],
    tolerance: Tolerance::Units(2.0),
    cost: |_, shapes| Cost::elementwise(1, shapes),
    derivatives: Derivatives::Any,
};
