//! Ids as vectors: y[…, c] = 1 where ids[…] = c, 0 elsewhere. A label for a network that takes or compares vectors.
//!
//! It has no inputs that a gradient could flow to: ids are not differentiated.

use crate::info::{Cost, Derivatives, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Ids, Tensor};
use ndarray::{Array, ArrayD};

/// y[…, c] = [ids[…] = c].
#[derive(Clone, Debug)]
pub struct OneHot {
    /// In any shape.
    pub ids: Ids,
    /// The length of the new last axis.
    pub classes: usize,
}

impl Op for OneHot {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, _: &[&Tensor]) -> (Tensor, ()) {
        (self.ids.one_hot(self.classes), ())
    }

    fn backward(&self, _: &Kept<'_, ()>, _: &Var, _: &[bool]) -> Grads {
        Grads::from([])
    }
}

impl Var {
    /// 1 where an id names a class, 0 elsewhere: (…) gives (…, classes). A constant.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{Ids, tensor};
    /// let y = Var::one_hot(&Ids::from([2, 0]), 3); // (2) -> (2, 3)
    /// assert_eq!(y.value(), &tensor![[0., 0., 1.], [1., 0., 0.]]);
    /// ```
    ///
    /// # Panics
    /// When an id is not below `classes`.
    #[track_caller]
    pub fn one_hot(ids: &Ids, classes: usize) -> Var {
        apply(OneHot { ids: ids.clone(), classes }, [])
    }
}

fn reference(op: &OneHot) -> ArrayD<f64> {
    let mut shape = op.ids.shape().to_vec();
    shape.push(op.classes);
    let ids = op.ids.as_slice().iter();
    let y = ids.flat_map(|&id| (0..op.classes).map(move |c| (id as usize == c) as u8 as f64)).collect();
    Array::from_shape_vec(shape, y).expect("a row for each id")
}

/// What the registry knows of ids as vectors.
pub static INFO: OpInfo<OneHot> = OpInfo {
    name: "one_hot",
    formula: "y[…, c] = 1 where ids[…] = c, 0 elsewhere",
    gradient: "none: ids are not differentiated",
    source: "PyTorch, nn.functional.one_hot",
    reference: |op, _| reference(op),
    sample: |d| {
        let ([a, b], classes) = (d.shape2(), d.dim() + 1);
        Sample::new(OneHot { ids: Ids::randint(classes as u32, [a, b], Key::new(classes as u64)), classes }, [])
    },
    standard: |_| Sample::new(OneHot { ids: Ids::randint(1000, [4096], Key::new(0)), classes: 1000 }, []),
    wrong: &[Wrong {
        call: || drop(Var::one_hot(&Ids::from([[0, 1], [9, 2]]), 5)),
        says: "one_hot: id 9 at [1, 0] is out of range for 5 classes; use ids below 5",
    }],
    tolerance: Tolerance::Exact,
    cost: |op, _| {
        let n = op.ids.numel() as u64;
        Cost { flops: 0, bytes: 4 * n * (op.classes as u64 + 1) }
    },
    derivatives: Derivatives::Never("ids are not differentiated"),
};
