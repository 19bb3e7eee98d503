//! One element of `src` added for each id: y = x, then y[…, ids[…, i, …], …] += src[…, i, …] along an axis.
//!
//! y is linear in both: dx = dy, and each element of src gets the gradient of where it was added: dsrc = gather of dy.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, UNIT, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::random::Key;
use glassbox_tensor::shape::axis_index;
use glassbox_tensor::{Ids, Tensor};
use ndarray::{ArrayD, Dimension};

/// y = x + Σ src, of the inputs x and src.
#[derive(Clone, Debug)]
pub struct ScatterAdd {
    /// Which axis; a negative one counts from the end.
    pub axis: isize,
    /// In the shape of src.
    pub ids: Ids,
}

impl Op for ScatterAdd {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].scatter_add(self.axis, &self.ids, x[1]), ())
    }

    fn backward(&self, _: &Kept<'_, ()>, dy: &Var, needs: &[bool]) -> Grads {
        let dx = needs[0].then(|| dy.clone());
        let dsrc = needs[1].then(|| dy.gather(self.axis, &self.ids));
        [dx, dsrc].into()
    }
}

impl Var {
    /// Adds one element of `src` for each id, along `axis` (a negative one counts from the end): y = x, then
    /// y[…, ids[…, i, …], …] += src[…, i, …]. The ids and `src` have the shape of x but for the length of that axis.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{Ids, Tensor, tensor};
    /// let (x, src) = (Var::constant(Tensor::zeros([2, 2])), Var::constant(tensor![[1., 2., 3.], [4., 5., 6.]]));
    /// let y = x.scatter_add(1, &Ids::from([[1, 1, 0], [0, 0, 0]]), &src); // (2, 2), (2, 3) -> (2, 2)
    /// assert_eq!(y.value(), &tensor![[3., 3.], [15., 0.]]);
    /// ```
    ///
    /// # Panics
    /// When there is no such axis, the shapes of the ids and of `src` differ, the ids' differs from x's on another
    /// axis, or an id names no entry.
    #[track_caller]
    pub fn scatter_add(&self, axis: isize, ids: &Ids, src: &Var) -> Var {
        apply(ScatterAdd { axis, ids: ids.clone() }, [self, src])
    }
}

fn reference(op: &ScatterAdd, x: &ArrayD<f64>, src: &ArrayD<f64>) -> ArrayD<f64> {
    let axis = axis_index("scatter_add", op.axis, x.ndim());
    let mut y = x.clone();
    for ((index, &v), &id) in src.indexed_iter().zip(op.ids.as_slice()) {
        let mut to = index.slice().to_vec();
        to[axis] = id as usize;
        y[&to[..]] += v;
    }
    y
}

/// What the registry knows of adding by ids.
pub static INFO: OpInfo<ScatterAdd> = OpInfo {
    name: "scatter_add",
    formula: "y = x, then y[…, ids[…, i, …], …] += src[…, i, …]",
    gradient: "dx = dy, dsrc = gather(dy): dsrc[…, i, …] = dy[…, ids[…, i, …], …]",
    source: "PyTorch, scatter_add",
    reference: |op, x| reference(op, &x[0], &x[1]),
    sample: |d| {
        let (shape, axis, ids) = super::gather::sample(d);
        let inputs = [Input::new(shape), Input::new(ids.shape())];
        Sample::new(ScatterAdd { axis, ids }, inputs)
    },
    standard: |_| {
        let ids = Ids::randint(1024, [1024, 1024], Key::new(0));
        Sample::new(ScatterAdd { axis: -1, ids }, [Input::new([1024, 1024]), Input::new([1024, 1024])])
    },
    wrong: &[
        Wrong {
            call: || {
                let [x, src] = [[2, 3], [2, 2]].map(|shape| Var::constant(Tensor::ones(shape)));
                drop(x.scatter_add(1, &Ids::from([[0, 3], [1, 2]]), &src))
            },
            says: "scatter_add: id 3 at [0, 1] is out of range for axis 1 of shape [2, 3]; use ids below 3",
        },
        Wrong {
            call: || {
                let [x, src] = [[2, 3], [2, 1]].map(|shape| Var::constant(Tensor::ones(shape)));
                drop(x.scatter_add(1, &Ids::from([[0, 2], [1, 2]]), &src))
            },
            says: "scatter_add: a source of shape [2, 1] and ids of shape [2, 2] differ; each element needs an id",
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
        Cost { flops: m, bytes: 4 * (2 * n + 2 * m) }
    },
    derivatives: Derivatives::Any,
};
