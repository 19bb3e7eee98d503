//! The entries of an axis in order: `y = x[ids]`, where ids is the permutation that sorts them.
//!
//! Where no two are equal the order stays the same nearby, so y depends on x as a gather does, and dx is dy put back
//! where it came from: scatter_add of dy by the ids. Forward leaves the ids.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::ops::index_add::zeros;
use crate::var::{Var, apply_with};
use glassbox_tensor::shape::axis_index;
use glassbox_tensor::{Ids, Tensor};
use ndarray::{ArrayD, Axis};

/// y = x in order along `axis`.
#[derive(Clone, Debug)]
pub struct Sort {
    /// Which axis; a negative one counts from the end.
    pub axis: isize,
    /// Whether the largest comes first.
    pub descending: bool,
}

impl Op for Sort {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = Ids; // where each entry came from: 4 bytes for each, and no search in backward

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, Ids) {
        x[0].sort(self.axis, self.descending)
    }

    fn backward(&self, kept: &Kept<'_, Ids>, dy: &Var, _: &[bool]) -> Grads {
        [Some(zeros(kept.shape(0)).scatter_add(self.axis, kept.extra, dy))].into()
    }
}

impl Var {
    /// The entries of `axis` (a negative one counts from the end) in ascending or descending order, and where each
    /// came from. Equal ones keep their order. NaN counts as the largest, as in PyTorch.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{Ids, tensor};
    /// let x = Var::input(tensor![3., 1., 2.]);
    /// let (y, ids) = x.sort(0, false);
    /// assert_eq!((y.value(), ids), (&tensor![1., 2., 3.], Ids::from([1, 2, 0])));
    /// assert_eq!((&y * &Var::constant(tensor![10., 20., 30.])).sum_all().backward().of(&x), &tensor![30., 10., 20.]);
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist.
    #[track_caller]
    pub fn sort(&self, axis: isize, descending: bool) -> (Var, Ids) {
        apply_with(Sort { axis, descending }, &[self], Ids::clone)
    }

    /// Where the entries of `axis` come from when they are sorted: the ids of [`sort`](Self::sort).
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{Ids, tensor};
    /// assert_eq!(Var::constant(tensor![3., 1., 2.]).argsort(0, true), Ids::from([0, 2, 1]));
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist.
    #[track_caller]
    pub fn argsort(&self, axis: isize, descending: bool) -> Ids {
        self.value().argsort(axis, descending)
    }
}

/// Each row along `axis` in order, NaN as the largest.
pub(super) fn reference(axis: isize, descending: bool, x: &ArrayD<f64>) -> ArrayD<f64> {
    let mut y = x.clone();
    for mut row in y.lanes_mut(Axis(axis_index("sort", axis, x.ndim()))) {
        let mut sorted = row.to_vec();
        sorted.sort_by(|a, b| a.partial_cmp(b).unwrap_or(a.is_nan().cmp(&b.is_nan())));
        if descending {
            sorted.reverse();
        }
        row.assign(&ArrayD::from_shape_vec(&[sorted.len()][..], sorted).expect("as long as the row"));
    }
    y
}

/// What the registry knows of sorting.
pub static INFO: OpInfo<Sort> = OpInfo {
    name: "sort",
    formula: "y[i] = x[ids[i]], with ids such that y[i] ≤ y[i + 1] (≥ when descending)",
    gradient: "dx[ids[i]] = dy[i]",
    source: "PyTorch, sort with stable=True",
    reference: |op, x| reference(op.axis, op.descending, &x[0]),
    sample: |d| {
        // A wide range: two numbers within the step of central differences would change places.
        let x = Input::within([d.dim(), d.dim(), d.dim()], -50.0..50.0);
        Sample::new(Sort { axis: [-1, 0, 1, 2][d.choice(4)], descending: d.choice(2) == 1 }, [x])
    },
    standard: |_| Sample::new(Sort { axis: -1, descending: false }, [Input::new([1024, 1024])]),
    wrong: &[Wrong {
        call: || drop(Var::constant(Tensor::ones([2, 3])).sort(2, false)),
        says: "sort: axis 2 is out of range for a tensor with 2 axes; use -2 to 1",
    }],
    tolerance: Tolerance::Exact,
    cost: |op, shapes| {
        let n = shapes[0].iter().product::<usize>() as u64;
        let row = shapes[0][axis_index("sort", op.axis, shapes[0].len())] as u64;
        Cost { flops: n * u64::from(row.max(1).ilog2()), bytes: 12 * n } // log₂ n comparisons; values and ids written
    },
    derivatives: Derivatives::Any,
};
