//! One element for each id: y[…, i, …] = x[…, ids[…, i, …], …] along an axis.
//!
//! An element of x is read as often as ids name it, and its gradient is the sum over those: dx = scatter_add of dy by
//! the same ids.

use crate::info::{Cost, Derivatives, Draw, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::ops::index_add::zeros;
use crate::var::{Var, apply};
use glassbox_tensor::random::Key;
use glassbox_tensor::shape::axis_index;
use glassbox_tensor::{Ids, Tensor};
use ndarray::{Array, ArrayD};

/// y[…, i, …] = x[…, ids[…, i, …], …] along `axis`.
#[derive(Clone, Debug)]
pub struct Gather {
    /// Which axis; a negative one counts from the end.
    pub axis: isize,
    /// In the shape of y.
    pub ids: Ids,
}

impl Op for Gather {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].gather(self.axis, &self.ids), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        [Some(zeros(kept.shape(0)).scatter_add(self.axis, &self.ids, dy))].into()
    }
}

impl Var {
    /// One element for each id, along `axis` (a negative one counts from the end): y[…, i, …] = x[…, ids[…, i, …], …].
    /// The ids have the shape of x but for the length of that axis.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{Ids, tensor};
    /// let logp = Var::input(tensor![[-1., -2., -3.], [-4., -5., -6.]]);
    /// let y = logp.gather(-1, &Ids::from([[2], [0]])); // (2, 3), (2, 1) -> (2, 1)
    /// assert_eq!(y.value(), &tensor![[-3.], [-4.]]);
    /// assert_eq!(y.sum_all().backward().of(&logp), &tensor![[0., 0., 1.], [1., 0., 0.]]);
    /// ```
    ///
    /// # Panics
    /// When there is no such axis, the shapes differ on another one, or an id names no entry.
    #[track_caller]
    pub fn gather(&self, axis: isize, ids: &Ids) -> Var {
        apply(Gather { axis, ids: ids.clone() }, [self])
    }
}

fn reference(op: &Gather, x: &ArrayD<f64>) -> ArrayD<f64> {
    let axis = axis_index("gather", op.axis, x.ndim());
    let ids = Array::from_shape_vec(op.ids.shape(), op.ids.as_slice().to_vec()).expect("an id for each element");
    Array::from_shape_fn(ids.raw_dim(), |index| {
        let mut from = index.clone();
        from[axis] = ids[&index] as usize;
        x[from]
    })
}

/// A shape (a, b, c), an axis of it, and ids in that shape but for the axis: what `gather` and `scatter_add` are
/// checked on.
pub(super) fn sample(d: &mut Draw) -> (Vec<usize>, isize, Ids) {
    let shape = vec![d.dim() % 64, d.dim(), d.dim()];
    let axis = d.choice(3);
    let n = shape[axis];
    let mut beside = shape.clone();
    beside[axis] = if n == 0 { 0 } else { n % 64 + d.choice(3) };
    let ids = Ids::randint(n as u32, &beside, Key::new(beside.iter().sum::<usize>() as u64));
    (shape, [axis as isize, axis as isize - 3][d.choice(2)], ids)
}

/// What the registry knows of gathering.
pub static INFO: OpInfo<Gather> = OpInfo {
    name: "gather",
    formula: "y[…, i, …] = x[…, ids[…, i, …], …]",
    gradient: "dx = scatter_add(dy): dx[…, ids[…, i, …], …] += dy[…, i, …]",
    source: "PyTorch, gather",
    reference: |op, x| reference(op, &x[0]),
    sample: |d| {
        let (shape, axis, ids) = sample(d);
        Sample::new(Gather { axis, ids }, [Input::new(shape)])
    },
    standard: |_| {
        let ids = Ids::randint(1024, [1024, 1024], Key::new(0));
        Sample::new(Gather { axis: -1, ids }, [Input::new([1024, 1024])])
    },
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 5])).gather(1, &Ids::from([[0, 1], [4, 7]]))),
            says: "gather: id 7 at [1, 1] is out of range for axis 1 of shape [2, 5]; use ids below 5",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 5])).gather(1, &Ids::from([[0], [1], [2]]))),
            says: "gather: ids of shape [3, 1] and a tensor of shape [2, 5] differ on axis 0, where they must agree; only axis 1 is free",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 5])).gather(1, &Ids::from([0, 1]))),
            says: "gather: ids of shape [2] have 1 axis, and a tensor of shape [2, 5] has 2; reshape the ids",
        },
    ],
    tolerance: Tolerance::Exact,
    cost: |op, _| Cost { flops: 0, bytes: 12 * op.ids.numel() as u64 }, // an id and an element read, one written
    derivatives: Derivatives::Any,
};
