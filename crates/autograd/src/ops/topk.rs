//! The k largest entries of an axis, the largest first: `y = x[ids]`.
//!
//! As in a sort, y depends on x as a gather does: dx is dy put back where it came from, and 0 for what was not taken.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::ops::index_add::zeros;
use crate::ops::sort;
use crate::var::{Var, apply_with};
use glassbox_tensor::shape::axis_index;
use glassbox_tensor::{Ids, Tensor};
use ndarray::{Axis, Slice};

/// y = the k largest of x along `axis`.
#[derive(Clone, Debug)]
pub struct TopK {
    /// How many.
    pub k: usize,
    /// Which axis; a negative one counts from the end.
    pub axis: isize,
}

impl Op for TopK {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = Ids; // where each entry came from

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, Ids) {
        x[0].topk(self.k, self.axis)
    }

    fn backward(&self, kept: &Kept<'_, Ids>, dy: &Var, _: &[bool]) -> Grads {
        [Some(zeros(kept.shape(0)).scatter_add(self.axis, kept.extra, dy))].into()
    }
}

impl Var {
    /// The k largest entries of `axis` (a negative one counts from the end), the largest first, and where they came
    /// from. Of equal ones the first come first. NaN counts as the largest, as in PyTorch.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{Ids, tensor};
    /// let x = Var::input(tensor![1., 4., 2., 4., 3.]);
    /// let (y, ids) = x.topk(3, 0); // (5) -> (3)
    /// assert_eq!((y.value(), ids), (&tensor![4., 4., 3.], Ids::from([1, 3, 4])));
    /// assert_eq!(y.sum_all().backward().of(&x), &tensor![0., 1., 0., 1., 1.]);
    /// ```
    ///
    /// # Panics
    /// When there is no such axis, or it has fewer than k entries.
    #[track_caller]
    pub fn topk(&self, k: usize, axis: isize) -> (Var, Ids) {
        apply_with(TopK { k, axis }, &[self], Ids::clone)
    }
}

/// What the registry knows of the largest entries.
pub static INFO: OpInfo<TopK> = OpInfo {
    name: "topk",
    formula: "y[i] = x[ids[i]], the k largest, y[i] ≥ y[i + 1]",
    gradient: "dx[ids[i]] = dy[i], 0 elsewhere",
    source: "PyTorch, topk",
    reference: |op, x| {
        let axis = Axis(axis_index("topk", op.axis, x[0].ndim()));
        sort::reference(op.axis, true, &x[0]).slice_axis(axis, Slice::from(..op.k)).to_owned()
    },
    sample: |d| {
        let shape = [d.dim(), d.dim(), d.dim()];
        let axis = d.choice(3);
        let n = shape[axis];
        let k = [n, n.div_ceil(2), n.div_ceil(2), n.min(3)][d.choice(4)];
        let axis = [axis as isize, axis as isize - 3][d.choice(2)];
        // A wide range: two numbers within the step of central differences would change places.
        Sample::new(TopK { k, axis }, [Input::within(shape, -50.0..50.0)])
    },
    standard: |_| Sample::new(TopK { k: 50, axis: -1 }, [Input::new([64, 50_000])]),
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 5])).topk(7, -1)),
            says: "topk: the 7 largest on axis -1 of shape [2, 5], which has 5; ask for 5 or fewer",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 5])).topk(1, 2)),
            says: "topk: axis 2 is out of range for a tensor with 2 axes; use -2 to 1",
        },
    ],
    tolerance: Tolerance::Exact,
    cost: |op, shapes| {
        let n = shapes[0].iter().product::<usize>() as u64;
        let row = shapes[0][axis_index("topk", op.axis, shapes[0].len())].max(1) as u64;
        Cost { flops: n, bytes: 4 * n + 8 * (n / row * op.k as u64) } // at least one comparison for each
    },
    derivatives: Derivatives::Any,
};
