//! Entries of `src` added to those that ids name: `y = x`, then `y[…, ids[i], …] += src[…, i, …]` along an axis.
//!
//! y is linear in both: dx = dy, and each entry of src gets the gradient of where it was added: dsrc = index_select of
//! dy.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, UNIT, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::random::Key;
use glassbox_tensor::shape::axis_index;
use glassbox_tensor::{Ids, Tensor};
use ndarray::{ArrayD, Axis};

/// y = x + Σ src, of the inputs x and src.
#[derive(Clone, Debug)]
pub struct IndexAdd {
    /// Which axis; a negative one counts from the end.
    pub axis: isize,
    /// A list, one for each entry of src.
    pub ids: Ids,
}

impl Op for IndexAdd {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].index_add(self.axis, &self.ids, x[1]), ())
    }

    fn backward(&self, _: &Kept<'_, ()>, dy: &Var, needs: &[bool]) -> Grads {
        let dx = needs[0].then(|| dy.clone());
        let dsrc = needs[1].then(|| dy.index_select(self.axis, &self.ids));
        [dx, dsrc].into()
    }
}

/// Zeros of a shape to add to: one zero, repeated, which takes no memory and isn't read from any.
pub(super) fn zeros(shape: &[usize]) -> Var {
    Var::constant(Tensor::scalar(0.0).expand(shape))
}

impl Var {
    /// Adds entries of `src` to those entries of `axis` (a negative one counts from the end) that ids name: y = x, then
    /// `y[…, ids[i], …] += src[…, i, …]` for each i.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{Ids, Tensor, tensor};
    /// let (x, src) = (Var::constant(Tensor::ones([2, 2])), Var::constant(tensor![[1., 2.], [3., 4.], [5., 6.]]));
    /// let y = x.index_add(0, &Ids::from([1, 0, 1]), &src); // (2, 2), (3, 2) -> (2, 2)
    /// assert_eq!(y.value(), &tensor![[4., 5.], [7., 9.]]);
    /// ```
    ///
    /// # Panics
    /// When there is no such axis, the ids have more axes than one, one of them names no entry, or `src` is not of x's
    /// shape with one entry for each id.
    #[track_caller]
    pub fn index_add(&self, axis: isize, ids: &Ids, src: &Var) -> Var {
        apply(IndexAdd { axis, ids: ids.clone() }, [self, src])
    }
}

fn reference(op: &IndexAdd, x: &ArrayD<f64>, src: &ArrayD<f64>) -> ArrayD<f64> {
    let axis = Axis(axis_index("index_add", op.axis, x.ndim()));
    let mut y = x.clone();
    for (entry, &id) in src.axis_iter(axis).zip(op.ids.as_slice()) {
        let mut to = y.index_axis_mut(axis, id as usize);
        to += &entry;
    }
    y
}

/// What the registry knows of adding entries by ids.
pub static INFO: OpInfo<IndexAdd> = OpInfo {
    name: "index_add",
    formula: "y = x, then y[…, ids[i], …] += src[…, i, …]",
    gradient: "dx = dy, dsrc = index_select(dy): dsrc[…, i, …] = dy[…, ids[i], …]",
    source: "PyTorch, index_add",
    reference: |op, x| reference(op, &x[0], &x[1]),
    sample: |d| {
        let (shape, axis, ids) = super::index_select::sample(d);
        let mut src = shape;
        src[axis.rem_euclid(3) as usize] = ids.numel();
        Sample::new(IndexAdd { axis, ids }, [Input::new(shape), Input::new(src)])
    },
    standard: |_| {
        let ids = Ids::randint(4096, [4096], Key::new(0));
        Sample::new(IndexAdd { axis: 0, ids }, [Input::new([4096, 512]), Input::new([4096, 512])])
    },
    wrong: &[
        Wrong {
            call: || {
                let [x, src] = [[2, 3], [2, 3]].map(|shape| Var::constant(Tensor::ones(shape)));
                drop(x.index_add(0, &Ids::from([0, 1, 1]), &src))
            },
            says: "index_add: 3 ids for axis 0 of shape [2, 3]: the source should have the shape [3, 3], and it has [2, 3]",
        },
        Wrong {
            call: || {
                let [x, src] = [[2, 3], [1, 3]].map(|shape| Var::constant(Tensor::ones(shape)));
                drop(x.index_add(0, &Ids::from([2]), &src))
            },
            says: "index_add: id 2 at [0] is out of range for axis 0 of shape [2, 3]; use ids below 2",
        },
    ],
    // k additions at a place with k terms, in any order: k·u·(|x| + Σ|src|), here with 1.01 for the terms of u²
    tolerance: Tolerance::Proven(|op, x| {
        let (zero, one) = (x[0].mapv(|_| 0.0), x[1].mapv(|_| 1.0));
        let k = reference(op, &zero, &one);
        reference(op, &x[0].mapv(f64::abs), &x[1].mapv(f64::abs)) * k * (1.01 * UNIT)
    }),
    cost: |_, shapes| {
        let [n, m] = [shapes[0], shapes[1]].map(|shape| shape.iter().product::<usize>() as u64);
        Cost { flops: m, bytes: 4 * (2 * n + m) }
    },
    derivatives: Derivatives::Any,
};
