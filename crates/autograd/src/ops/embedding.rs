//! The rows of a table that ids name: y[…, d] = weight[ids[…], d]. A token's vector, a class' vector, a code of a
//! codebook.
//!
//! A row is read as often as ids name it, and its gradient is the sum over those: dweight = index_add of dy by the
//! same ids. All other rows have the gradient 0.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::ops::index_add::zeros;
use crate::var::{Var, apply};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Ids, Tensor};
use ndarray::{Array, ArrayD};

/// y[…, d] = weight[ids[…], d].
#[derive(Clone, Debug)]
pub struct Embedding {
    /// Which rows, in any shape.
    pub ids: Ids,
}

impl Op for Embedding {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].embedding(&self.ids), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        let (shape, count) = (kept.shape(0), self.ids.numel());
        let dy = dy.reshape([count, shape[1]]); // (…, D) -> (N, D)
        [Some(zeros(shape).index_add(0, &self.ids.reshape([count]), &dy))].into()
    }
}

impl Var {
    /// The rows of this table that ids name, in the ids' shape: (rows, features) and (…) give (…, features).
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{Ids, tensor};
    /// let weight = Var::input(tensor![[1., 2.], [3., 4.], [5., 6.]]);
    /// let y = weight.embedding(&Ids::from([[2, 0], [2, 2]])); // (3, 2), (2, 2) -> (2, 2, 2)
    /// assert_eq!(y.value(), &tensor![[[5., 6.], [1., 2.]], [[5., 6.], [5., 6.]]]);
    /// assert_eq!(y.sum_all().backward().of(&weight), &tensor![[1., 1.], [0., 0.], [3., 3.]]);
    /// ```
    ///
    /// # Panics
    /// When this is not a table of two axes, or an id names no row.
    #[track_caller]
    pub fn embedding(&self, ids: &Ids) -> Var {
        apply(Embedding { ids: ids.clone() }, [self])
    }
}

fn reference(op: &Embedding, weight: &ArrayD<f64>) -> ArrayD<f64> {
    let mut shape = op.ids.shape().to_vec();
    let features = weight.shape()[1];
    shape.push(features);
    let ids = op.ids.as_slice().iter();
    let y = ids.flat_map(|&id| (0..features).map(move |d| weight[[id as usize, d]])).collect();
    Array::from_shape_vec(shape, y).expect("a row for each id")
}

/// What the registry knows of embedding.
pub static INFO: OpInfo<Embedding> = OpInfo {
    name: "embedding",
    formula: "y[…, d] = weight[ids[…], d]",
    gradient: "dweight[r, d] = Σ dy[…, d] over all places with ids[…] = r",
    source: "Bengio et al. 2003, A Neural Probabilistic Language Model: its matrix C",
    reference: |op, x| reference(op, &x[0]),
    sample: |d| {
        let [rows, features] = d.shape2();
        let shape = if rows == 0 { vec![0, 2] } else { vec![2, rows / 2 + 1] };
        let ids = Ids::randint(rows as u32, shape, Key::new(rows as u64));
        Sample::new(Embedding { ids }, [Input::new([rows, features])])
    },
    standard: |_| {
        let ids = Ids::randint(50_000, [32, 1024], Key::new(0));
        Sample::new(Embedding { ids }, [Input::new([50_000, 128])])
    },
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([5, 3])).embedding(&Ids::from([[0, 4], [5, 1]]))),
            says: "embedding: id 5 at [1, 0] is out of range for a table of 5 rows; use ids below 5",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([5])).embedding(&Ids::from([0]))),
            says: "embedding: the table has shape [5]; it needs two axes, (rows, features)",
        },
    ],
    tolerance: Tolerance::Exact,
    cost: |op, shapes| {
        let n = op.ids.numel() as u64;
        Cost { flops: 0, bytes: 4 * n * (2 * shapes[0][1] as u64 + 1) }
    },
    derivatives: Derivatives::Any,
};
