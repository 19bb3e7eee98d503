//! The smaller of two: y = min(a, b), broadcast as NumPy does; NaN where either is NaN.
//!
//! The gradient goes to the one that is y; where both are, half of it to each, as PyTorch does. (Where one is NaN it goes to
//! both.) The shares are constants: their own derivative is 0 wherever there is one.

use super::maximum;
use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;

/// y = min(a, b).
#[derive(Clone, Debug)]
pub struct Minimum;

impl Op for Minimum {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    // each gradient asks which of the two is the smaller
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::input(0).input_if(1, true)
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].minimum(x[1]), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, needs: &[bool]) -> Grads {
        let (a, b) = (kept.x(0).value(), kept.x(1).value());
        let da = needs[0].then(|| (dy * &share(a, b)).sum_to(kept.shape(0)));
        let db = needs[1].then(|| (dy * &share(b, a)).sum_to(kept.shape(1)));
        [da, db].into()
    }
}

/// What a gets of its gradient: all where it is the smaller one, half where both are equal.
fn share(a: &Tensor, b: &Tensor) -> Var {
    Var::constant(maximum::share(b, a))
}

impl Var {
    /// The smaller of a and b, element by element with broadcasting; NaN where either is NaN.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let (a, b) = (Var::input(tensor![1., 5., -2.]), Var::constant(tensor![1., 3., 0.]));
    /// let y = a.minimum(&b);
    /// assert_eq!(y.value(), &tensor![1., 3., -2.]);
    /// assert_eq!(y.sum_all().backward().of(&a), &tensor![0.5, 0., 1.]); // equal ones share the gradient
    /// ```
    ///
    /// # Panics
    /// When the shapes don't broadcast.
    #[track_caller]
    pub fn minimum(&self, b: &Var) -> Var {
        apply(Minimum, [self, b])
    }
}

/// What the registry knows of the smaller of two.
pub static INFO: OpInfo<Minimum> = OpInfo {
    name: "minimum",
    formula: "y = min(a, b)",
    gradient: "da = dy where a < b, dy / 2 where a = b, 0 elsewhere; db likewise; summed over repeated axes",
    source: "definition; ties and NaN as in PyTorch",
    // and not f64::min, which would swallow NaN
    reference: |_, x| maximum::pairwise(x, |a, b| if a < b || a.is_nan() { a } else { b }),
    sample: |d| Sample::new(Minimum, d.broadcast_pair().map(Input::new)),
    standard: |_| Sample::new(Minimum, [Input::new([2048, 2048]), Input::new([2048, 2048])]),
    wrong: &[Wrong {
        call: || drop(Var::constant(Tensor::ones([2, 3])).minimum(&Var::constant(Tensor::ones([2])))),
        says: "minimum: shapes [2, 3] and [2] don't broadcast: axis -1 has 3 and 2, and neither is 1; reshape one of them, or insert an axis with unsqueeze",
    }],
    tolerance: Tolerance::Exact,
    cost: |_, shapes| Cost::elementwise(1, shapes),
    derivatives: Derivatives::Any,
};
