//! Where the smallest element along an axis stands: the first of equal ones; NaN counts as the smallest, as in PyTorch.
//!
//! Registered as [`argmax`](super::argmax) is: its value is the index as an f32, and [`Var::argmin`] gives [`Ids`].

use super::argmax::sample;
use super::sum::cost;
use crate::axes;
use crate::info::{Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::Var;
use glassbox_tensor::{Ids, Tensor};

/// The index of the smallest element along `axis`, which keeps length 1 with `keepdim`.
#[derive(Clone, Debug)]
pub struct Argmin {
    /// Which axis; a negative one counts from the end.
    pub axis: isize,
    /// Whether the axis stays, with length 1.
    pub keepdim: bool,
}

impl Op for Argmin {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].argmin(self.axis, self.keepdim).to_tensor(), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, _: &Var, _: &[bool]) -> Grads {
        [Some(Var::constant(Tensor::zeros(kept.shape(0))))].into() // constant, but for jumps
    }
}

impl Var {
    /// The index of the smallest element along `axis` (a negative one counts from the end): the first of equal ones. NaN counts
    /// as the smallest. The axis keeps length 1 with `keepdim`, or vanishes.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::constant(tensor![[3., 0., 1.], [2., 1., 1.]]);
    /// assert_eq!(x.argmin(-1, false).as_slice(), [1, 1]); // (2, 3) -> (2)
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist, or has no elements.
    #[track_caller]
    pub fn argmin(&self, axis: isize, keepdim: bool) -> Ids {
        self.value().argmin(axis, keepdim)
    }
}

/// What the registry knows of the place of the minimum.
pub static INFO: OpInfo<Argmin> = OpInfo {
    name: "argmin",
    formula: "y = the least i with x[i] = min x along an axis",
    gradient: "none: y is a whole number",
    source: "definition; NaN as PyTorch's argmin",
    reference: |op, x| {
        axes::reduce(&x[0], &[op.axis], op.keepdim, |x| {
            let beats = |a: f64, b: f64| a < b || (a.is_nan() && !b.is_nan());
            (1..x.len()).fold(0, |best, i| if beats(x[i], x[best]) { i } else { best }) as f64
        })
    },
    sample: |d| {
        let (x, axis, keepdim) = sample(d);
        Sample::new(Argmin { axis, keepdim }, [x])
    },
    standard: |_| Sample::new(Argmin { axis: -1, keepdim: false }, [Input::new([2048, 2048])]),
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).argmin(2, false)),
            says: "argmin: axis 2 is out of range for a tensor with 2 axes; use -2 to 1",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 0])).argmin(-1, false)),
            says: "argmin: axis -1 of shape [2, 0] has no elements, so none of them is it; name an axis that has some",
        },
    ],
    tolerance: Tolerance::Exact,
    cost: |_, shapes| cost(1, shapes),
    derivatives: Derivatives::Never("an index"),
};
