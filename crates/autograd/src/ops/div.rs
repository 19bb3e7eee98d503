//! Division, element by element: y = a / b, broadcast as NumPy does.
//!
//! ∂y/∂a = 1/b, and ∂y/∂b = −a/b² = −y/b. With da = dy/b the second is −da·y: the quotient is used again, and b² is never
//! formed, which would overflow where y doesn't.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;

/// y = a / b.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_tensor::tensor;
/// let (a, b) = (Var::input(tensor![6., 1.]), Var::input(tensor![2., 4.]));
/// let y = &a / &b;
/// assert_eq!(y.value(), &tensor![3., 0.25]);
/// let grads = y.sum_all().backward();
/// assert_eq!(grads.of(&a), &tensor![0.5, 0.25]); // 1/b
/// assert_eq!(grads.of(&b), &tensor![-1.5, -0.0625]); // −y/b
/// ```
#[derive(Clone, Debug)]
pub struct Div;

impl Op for Div {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    // b in any case; y for db alone. a is never read
    fn keep(&self, needs: &[bool]) -> Keep {
        let keep = if needs[1] { Keep::OUTPUT } else { Keep::NOTHING };
        keep.input_if(1, true)
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0] / x[1], ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, needs: &[bool]) -> Grads {
        let da = dy / kept.x(1);
        let db = needs[1].then(|| -&(&da * kept.y()).sum_to(kept.shape(1)));
        let da = needs[0].then(|| da.sum_to(kept.shape(0)));
        [da, db].into()
    }
}

impl std::ops::Div for &Var {
    type Output = Var;
    /// a / b, element by element, with broadcasting.
    #[track_caller]
    fn div(self, b: &Var) -> Var {
        apply(Div, [self, b])
    }
}

/// What the registry knows of division.
pub static INFO: OpInfo<Div> = OpInfo {
    name: "div",
    formula: "y = a / b, element by element",
    gradient: "da = dy / b, db = −dy · y / b, summed over repeated axes",
    source: "NumPy broadcasting rules",
    reference: |_, x| &x[0] / &x[1],
    sample: |d| {
        let [a, b] = d.broadcast_pair();
        let away_from_zero = if d.choice(2) == 0 { 0.5..3.0 } else { -3.0..-0.5 };
        Sample::new(Div, [Input::new(a), Input::within(b, away_from_zero)])
    },
    standard: |_| Sample::new(Div, [Input::new([2048, 2048]), Input::within([2048, 2048], 0.5..3.0)]),
    wrong: &[
        Wrong {
            call: || drop(&Var::constant(Tensor::ones([2, 3])) / &Var::constant(Tensor::ones([2]))),
            says: "div: shapes [2, 3] and [2] don't broadcast: axis -1 has 3 and 2, and neither is 1; reshape one of them, or insert an axis with unsqueeze",
        },
        Wrong {
            call: || drop(&Var::constant(Tensor::ones([4, 3])) / &Var::constant(Tensor::ones([2, 3]))),
            says: "div: shapes [4, 3] and [2, 3] don't broadcast: axis -2 has 4 and 2, and neither is 1; reshape one of them, or insert an axis with unsqueeze",
        },
    ],
    tolerance: Tolerance::Exact,
    cost: |_, shapes| Cost::elementwise(1, shapes),
    derivatives: Derivatives::Any,
};
