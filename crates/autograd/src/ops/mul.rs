//! Multiplication, element by element: y = a·b, broadcast as NumPy does.
//!
//! ∂y/∂a = b and ∂y/∂b = a, so each input's gradient is dy times the other input, summed where an axis was repeated.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;

/// y = a·b.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_tensor::tensor;
/// let (a, b) = (Var::input(tensor![2., 3.]), Var::input(tensor![5., 7.]));
/// let y = &a * &b;
/// assert_eq!(y.value(), &tensor![10., 21.]);
/// assert_eq!(y.sum_all().backward().of(&a), &tensor![5., 7.]); // b
/// assert_eq!((&a * &a).sum_all().backward().of(&a), &tensor![4., 6.]); // both factors add up: 2·a
/// ```
#[derive(Clone, Debug)]
pub struct Mul;

impl Op for Mul {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    // a mask or another constant b needs no a, and the other way round
    fn keep(&self, needs: &[bool]) -> Keep {
        Keep::NOTHING.input_if(1, needs[0]).input_if(0, needs[1])
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0] * x[1], ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, needs: &[bool]) -> Grads {
        let da = needs[0].then(|| (dy * kept.x(1)).sum_to(kept.shape(0)));
        let db = needs[1].then(|| (dy * kept.x(0)).sum_to(kept.shape(1)));
        [da, db].into()
    }
}

impl std::ops::Mul for &Var {
    type Output = Var;
    /// a·b, element by element, with broadcasting.
    #[track_caller]
    fn mul(self, b: &Var) -> Var {
        apply(Mul, [self, b])
    }
}

/// What the registry knows of multiplication.
pub static INFO: OpInfo<Mul> = OpInfo {
    name: "mul",
    formula: "y = a · b, element by element",
    gradient: "da = dy · b, db = dy · a, summed over repeated axes",
    source: "NumPy broadcasting rules",
    reference: |_, x| &x[0] * &x[1],
    sample: |d| Sample::new(Mul, d.broadcast_pair().map(Input::new)),
    standard: |_| Sample::new(Mul, [Input::new([2048, 2048]), Input::new([2048, 2048])]),
    wrong: &[
        Wrong {
            call: || drop(&Var::constant(Tensor::ones([2, 3])) * &Var::constant(Tensor::ones([2]))),
            says: "mul: shapes [2, 3] and [2] don't broadcast: axis -1 has 3 and 2, and neither is 1; reshape one of them, or insert an axis with unsqueeze",
        },
        Wrong {
            call: || drop(&Var::constant(Tensor::ones([4, 3])) * &Var::constant(Tensor::ones([2, 3]))),
            says: "mul: shapes [4, 3] and [2, 3] don't broadcast: axis -2 has 4 and 2, and neither is 1; reshape one of them, or insert an axis with unsqueeze",
        },
    ],
    tolerance: Tolerance::Exact,
    cost: |_, shapes| Cost::elementwise(1, shapes),
    derivatives: Derivatives::Any,
};
