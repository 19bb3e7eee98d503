//! Where the largest element along an axis stands: the first of equal ones; NaN counts as the largest, as in PyTorch.
//!
//! An index is no function that could be differentiated. As an operation of the registry its value is the index as an f32,
//! so that the same checks hold it to the naive loop; what a program calls is [`Var::argmax`], which gives [`Ids`].

use super::sum::cost;
use crate::axes;
use crate::info::{Derivatives, Draw, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::Var;
use glassbox_tensor::{Ids, Tensor};

/// The index of the largest element along `axis`, which keeps length 1 with `keepdim`.
#[derive(Clone, Debug)]
pub struct Argmax {
    /// Which axis; a negative one counts from the end.
    pub axis: isize,
    /// Whether the axis stays, with length 1.
    pub keepdim: bool,
}

impl Op for Argmax {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].argmax(self.axis, self.keepdim).to_tensor(), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, _: &Var, _: &[bool]) -> Grads {
        [Some(Var::constant(Tensor::zeros(kept.shape(0))))].into() // constant, but for jumps
    }
}

/// Three axes of at least one element, of which one is searched.
pub(super) fn sample(d: &mut Draw) -> (Input, isize, bool) {
    let x = Input::new([d.dim() + 1, d.dim() + 1, d.dim() + 1]);
    (x, [-1, 0, 1, 2][d.choice(4)], d.choice(2) == 1)
}

impl Var {
    /// The index of the largest element along `axis` (a negative one counts from the end): the first of equal ones. NaN counts
    /// as the largest. The axis keeps length 1 with `keepdim`, or vanishes.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let logits = Var::constant(tensor![[0., 3., 1.], [2., 1., 2.]]);
    /// assert_eq!(logits.argmax(-1, false).as_slice(), [1, 0]); // (2, 3) -> (2)
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist, or has no elements.
    #[track_caller]
    pub fn argmax(&self, axis: isize, keepdim: bool) -> Ids {
        self.value().argmax(axis, keepdim)
    }
}

/// What the registry knows of the place of the maximum.
pub static INFO: OpInfo<Argmax> = OpInfo {
    name: "argmax",
    formula: "y = the least i with x[i] = max x along an axis",
    gradient: "none: y is a whole number",
    source: "definition; NaN as PyTorch's argmax",
    reference: |op, x| {
        axes::reduce(&x[0], &[op.axis], op.keepdim, |x| {
            let beats = |a: f64, b: f64| a > b || (a.is_nan() && !b.is_nan());
            (1..x.len()).fold(0, |best, i| if beats(x[i], x[best]) { i } else { best }) as f64
        })
    },
    sample: |d| {
        let (x, axis, keepdim) = sample(d);
        Sample::new(Argmax { axis, keepdim }, [x])
    },
    standard: |_| Sample::new(Argmax { axis: -1, keepdim: false }, [Input::new([2048, 2048])]),
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).argmax(2, false)),
            says: "argmax: axis 2 is out of range for a tensor with 2 axes; use -2 to 1",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 0])).argmax(-1, false)),
            says: "argmax: axis -1 of shape [2, 0] has no elements, so none of them is it; name an axis that has some",
        },
    ],
    tolerance: Tolerance::Exact,
    cost: |_, shapes| cost(1, shapes),
    derivatives: Derivatives::Never("an index"),
};
