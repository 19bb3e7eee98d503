//! Subtraction: y = a − b, broadcast as NumPy does.
//!
//! ∂y/∂a = 1 and ∂y/∂b = −1, each summed where an axis was repeated by broadcasting.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;

/// y = a − b.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_tensor::tensor;
/// let (a, b) = (Var::input(tensor![[5., 6.], [7., 8.]]), Var::input(tensor![[1.], [2.]]));
/// let y = &a - &b; // a column, taken from each column of a
/// assert_eq!(y.value(), &tensor![[4., 5.], [5., 6.]]);
/// assert_eq!(y.sum_all().backward().of(&b), &tensor![[-2.], [-2.]]);
/// ```
#[derive(Clone, Debug)]
pub struct Sub;

impl Op for Sub {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0] - x[1], ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, needs: &[bool]) -> Grads {
        let da = needs[0].then(|| dy.sum_to(kept.shape(0)));
        let db = needs[1].then(|| -&dy.sum_to(kept.shape(1))); // negated after the sum: the smaller of the two tensors
        [da, db].into()
    }
}

impl std::ops::Sub for &Var {
    type Output = Var;
    /// a − b with broadcasting.
    #[track_caller]
    fn sub(self, b: &Var) -> Var {
        apply(Sub, [self, b])
    }
}

/// What the registry knows of subtraction.
pub static INFO: OpInfo<Sub> = OpInfo {
    name: "sub",
    formula: "y = a − b",
    gradient: "da = dy, db = −dy, summed over repeated axes",
    source: "NumPy broadcasting rules",
    reference: |_, x| &x[0] - &x[1],
    sample: |d| Sample::new(Sub, d.broadcast_pair().map(Input::new)),
    standard: |_| Sample::new(Sub, [Input::new([2048, 2048]), Input::new([2048, 2048])]),
    wrong: &[
        Wrong {
            call: || drop(&Var::constant(Tensor::ones([2, 3])) - &Var::constant(Tensor::ones([2]))),
            says: "sub: shapes [2, 3] and [2] don't broadcast: axis -1 has 3 and 2, and neither is 1; reshape one of them, or insert an axis with unsqueeze",
        },
        Wrong {
            call: || drop(&Var::constant(Tensor::ones([4, 3])) - &Var::constant(Tensor::ones([2, 3]))),
            says: "sub: shapes [4, 3] and [2, 3] don't broadcast: axis -2 has 4 and 2, and neither is 1; reshape one of them, or insert an axis with unsqueeze",
        },
    ],
    tolerance: Tolerance::Exact,
    cost: |_, shapes| Cost::elementwise(1, shapes),
    derivatives: Derivatives::Any,
};
