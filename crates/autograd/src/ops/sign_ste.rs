//! The sign with a straight-through gradient: y = −1, 0 or 1 by the sign of x; dx = dy where |x| ≤ 1, 0 elsewhere.
//!
//! The derivative of the sign is 0 wherever there is one, and nothing would learn through it. The gradient is that of
//! clamp(x, −1, 1), the line through the jump: beyond ±1 it stops, so that x doesn't run away while y stays. Without that stop it is
//! [`straight_through`](super::straight_through) of the sign.

use super::{clamp::Clamp, sign};
use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::{Tensor, map_n};
use ndarray::ArrayD;

/// Where the gradient passes.
const STRAIGHT: Clamp = Clamp { low: -1.0, high: 1.0 };

/// y = sign(x), with the gradient of clamp(x, −1, 1).
#[derive(Clone, Debug)]
pub struct SignSte;

impl Op for SignSte {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::input(0)
    }

    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].sign(), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        let inside = map_n(&STRAIGHT, [kept.x(0).value(), &Tensor::scalar(1.0)]);
        [Some(dy * &Var::constant(inside))].into()
    }

    fn backward_fused(&self, kept: &Kept<'_, ()>, dy: &Tensor, _: &[bool]) -> Option<TensorGrads> {
        Some([Some(map_n(&STRAIGHT, [kept.x(0).value(), dy]))].into())
    }

    fn surrogate(&self, x: &[ArrayD<f64>]) -> Option<ArrayD<f64>> {
        Some(x[0].mapv(|x| x.clamp(-1.0, 1.0)))
    }
}

impl Var {
    /// −1, 0 or 1 by the sign of x, elementwise; its gradient is dy where |x| ≤ 1 and 0 elsewhere, as if it were x clamped.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::input(tensor![-3., -0.2, 0.7]);
    /// let y = x.sign_ste();
    /// assert_eq!(y.value(), &tensor![-1., -1., 1.]);
    /// assert_eq!(y.sum_all().backward().of(&x), &tensor![0., 1., 1.]);
    /// ```
    #[track_caller]
    pub fn sign_ste(&self) -> Var {
        apply(SignSte, [self])
    }
}

/// What the registry knows of the straight-through sign.
pub static INFO: OpInfo<SignSte> = OpInfo {
    name: "sign_ste",
    formula: "y = −1, 0 or 1 by the sign of x",
    gradient: "dx = dy where |x| ≤ 1, 0 elsewhere: straight through clamp(x, −1, 1)",
    source: "Hubara et al. 2016, Binarized Neural Networks, section 2.3",
    reference: |_, x| x[0].mapv(sign::reference),
    sample: |d| Sample::new(SignSte, [Input::new(d.shape2()).avoiding(&[-1.0, 0.0, 1.0])]),
    standard: |_| Sample::new(SignSte, [Input::new([2048, 2048])]),
    wrong: &[],
    tolerance: Tolerance::Exact,
    cost: |_, shapes| Cost::elementwise(1, shapes),
    derivatives: Derivatives::Any,
};
