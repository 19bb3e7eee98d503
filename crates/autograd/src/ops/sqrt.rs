//! The square root: y = √x.
//!
//! ∂y/∂x = 1 / (2√x), so dx = dy / (2y): infinite at 0, where the curve is upright. Below 0 the value is NaN.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;

/// y = √x.
#[derive(Clone, Debug)]
pub struct Sqrt;

impl Op for Sqrt {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::OUTPUT
    }

    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].sqrt(), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        [Some(dy / &(2.0 * kept.y()))].into()
    }
}

impl Var {
    /// √x, elementwise, correctly rounded; NaN below 0.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::input(tensor![1., 16.]);
    /// let y = x.sqrt();
    /// assert_eq!(y.value(), &tensor![1., 4.]);
    /// assert_eq!(y.sum_all().backward().of(&x), &tensor![0.5, 0.125]);
    /// ```
    #[track_caller]
    pub fn sqrt(&self) -> Var {
        apply(Sqrt, [self])
    }
}

/// What the registry knows of the square root.
pub static INFO: OpInfo<Sqrt> = OpInfo {
    name: "sqrt",
    formula: "y = √x",
    gradient: "dx = dy / (2 · y)",
    source: "definition",
    reference: |_, x| x[0].mapv(f64::sqrt),
    sample: |d| Sample::new(Sqrt, [Input::within(d.shape2(), 0.2..10.0)]),
    standard: |_| Sample::new(Sqrt, [Input::within([2048, 2048], 0.2..10.0)]),
    wrong: &[],
    tolerance: Tolerance::Exact,
    cost: |_, shapes| Cost::elementwise(1, shapes),
    derivatives: Derivatives::Any,
};
