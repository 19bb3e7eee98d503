//! The entries of an axis that ids name: `y[…, i, …] = x[…, ids[i], …]`.
//!
//! An entry is read as often as ids name it, and its gradient is the sum over those: dx = index_add of dy by the same
//! ids.

use crate::info::{Cost, Derivatives, Draw, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::ops::index_add::zeros;
use crate::var::{Var, apply};
use glassbox_tensor::random::Key;
use glassbox_tensor::shape::axis_index;
use glassbox_tensor::{Ids, Tensor};
use ndarray::Axis;

/// `y[…, i, …] = x[…, ids[i], …]` along `axis`.
#[derive(Clone, Debug)]
pub struct IndexSelect {
    /// Which axis; a negative one counts from the end.
    pub axis: isize,
    /// A list.
    pub ids: Ids,
}

impl Op for IndexSelect {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].index_select(self.axis, &self.ids), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        [Some(zeros(kept.shape(0)).index_add(self.axis, &self.ids, dy))].into()
    }
}

impl Var {
    /// The entries of `axis` (a negative one counts from the end) that ids name: `y[…, i, …] = x[…, ids[i], …]`.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{Ids, tensor};
    /// let x = Var::input(tensor![[1., 2.], [3., 4.], [5., 6.]]);
    /// let y = x.index_select(0, &Ids::from([2, 0, 2])); // (3, 2) -> (3, 2)
    /// assert_eq!(y.value(), &tensor![[5., 6.], [1., 2.], [5., 6.]]);
    /// assert_eq!(y.sum_all().backward().of(&x), &tensor![[1., 1.], [0., 0.], [2., 2.]]);
    /// ```
    ///
    /// # Panics
    /// When there is no such axis, the ids have more axes than one, or one of them names no entry.
    #[track_caller]
    pub fn index_select(&self, axis: isize, ids: &Ids) -> Var {
        apply(IndexSelect { axis, ids: ids.clone() }, [self])
    }
}

/// A shape (a, b, c), an axis of it, and a list of ids: what `index_select` and `index_add` are checked on.
pub(super) fn sample(d: &mut Draw) -> ([usize; 3], isize, Ids) {
    let shape = [d.dim() % 64, d.dim(), d.dim()];
    let axis = d.choice(3);
    let n = shape[axis];
    let m = if n == 0 { 0 } else { n % 64 + d.choice(3) };
    let ids = Ids::randint(n as u32, [m], Key::new((n + m) as u64));
    (shape, [axis as isize, axis as isize - 3][d.choice(2)], ids)
}

/// What the registry knows of selected entries.
pub static INFO: OpInfo<IndexSelect> = OpInfo {
    name: "index_select",
    formula: "y[…, i, …] = x[…, ids[i], …]",
    gradient: "dx = index_add(dy): dx[…, ids[i], …] += dy[…, i, …]",
    source: "PyTorch, index_select",
    reference: |op, x| {
        let ids: Vec<usize> = op.ids.as_slice().iter().map(|&id| id as usize).collect();
        x[0].select(Axis(axis_index("index_select", op.axis, x[0].ndim())), &ids)
    },
    sample: |d| {
        let (shape, axis, ids) = sample(d);
        Sample::new(IndexSelect { axis, ids }, [Input::new(shape)])
    },
    standard: |_| {
        let ids = Ids::randint(4096, [4096], Key::new(0));
        Sample::new(IndexSelect { axis: 0, ids }, [Input::new([4096, 512])])
    },
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 5])).index_select(-1, &Ids::from([0, 5]))),
            says: "index_select: id 5 at [1] is out of range for axis 1 of shape [2, 5]; use ids below 5",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 5])).index_select(0, &Ids::from([[0, 1], [1, 1]]))),
            says: "index_select: ids of shape [2, 2] have 2 axes, not one; reshape them to [4]",
        },
    ],
    tolerance: Tolerance::Exact,
    cost: |op, shapes| {
        let at = axis_index("index_select", op.axis, shapes[0].len());
        let rest: usize = shapes[0].iter().enumerate().filter(|(axis, _)| *axis != at).map(|(_, n)| n).product();
        Cost { flops: 0, bytes: (8 * rest * op.ids.numel() + 4 * op.ids.numel()) as u64 }
    },
    derivatives: Derivatives::Any,
};
