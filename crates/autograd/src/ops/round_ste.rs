//! Rounding with a straight-through gradient: y = the nearest whole number, halves to the even one; dx = dy.
//!
//! The derivative of rounding is 0 wherever there is one, and nothing would learn through it. The gradient is that of y = x, which
//! rounding stays within ½ of.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;
use ndarray::ArrayD;

/// y = round(x), with the gradient of x.
#[derive(Clone, Debug)]
pub struct RoundSte;

impl Op for RoundSte {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].round(), ())
    }

    fn backward(&self, _: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        [Some(dy.clone())].into()
    }

    fn surrogate(&self, x: &[ArrayD<f64>]) -> Option<ArrayD<f64>> {
        Some(x[0].clone())
    }
}

impl Var {
    /// The nearest whole number, elementwise, halves to the even one; its gradient is dy, as if it were x itself.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::input(tensor![0.4, 1.7, 2.5]);
    /// let y = x.round_ste();
    /// assert_eq!(y.value(), &tensor![0., 2., 2.]);
    /// assert_eq!(y.square().sum_all().backward().of(&x), &tensor![0., 4., 4.]); // 2·y
    /// ```
    #[track_caller]
    pub fn round_ste(&self) -> Var {
        apply(RoundSte, [self])
    }
}

/// What the registry knows of straight-through rounding.
pub static INFO: OpInfo<RoundSte> = OpInfo {
    name: "round_ste",
    formula: "y = the nearest whole number, halves to the even one",
    gradient: "dx = dy, straight through",
    source: "Bengio, Léonard & Courville 2013, Estimating or Propagating Gradients Through Stochastic Neurons",
    reference: |_, x| x[0].mapv(f64::round_ties_even),
    sample: |d| Sample::new(RoundSte, [Input::within(d.shape2(), -4.0..4.0)]),
    standard: |_| Sample::new(RoundSte, [Input::new([2048, 2048])]),
    wrong: &[],
    tolerance: Tolerance::Exact,
    cost: |_, shapes| Cost::elementwise(1, shapes),
    derivatives: Derivatives::Any,
};
