//! Draws from U[0, 1): a function of (shape, key) and of nothing else.
//!
//! Element i is `key.uniform(i)`, 24 bits of Philox's word. x lends only its shape, so there is nothing to differentiate: the result is a
//! constant. It stands in the registry so that the same checks hold the parallel, vectorised fill to the function of one
//! position; that the function has the right distribution is tested where it is written, in
//! `crates/tensor/src/random`.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::Var;
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use ndarray::ArrayD;

/// Draws from U[0, 1) in the shape of x.
#[derive(Clone, Debug)]
pub struct RandLike {
    /// Whoever uses a key twice gets the same numbers twice.
    pub key: Key,
}

impl Op for RandLike {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (Tensor::rand(x[0].shape(), self.key), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, _: &Var, _: &[bool]) -> Grads {
        [Some(Var::constant(Tensor::zeros(kept.shape(0))))].into() // y doesn't depend on x's values
    }
}

impl Var {
    /// Draws from U[0, 1) in the shape of x. A constant: no gradient flows to `self`.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{Tensor, random::Key};
    /// let x = Var::constant(Tensor::zeros([2, 3]));
    /// let y = x.rand_like(Key::new(1));
    /// assert_eq!(y.shape(), [2, 3]);
    /// assert_eq!(y.value(), x.rand_like(Key::new(1)).value());
    /// assert_eq!(y.value().at([1, 0]), Key::new(1).uniform(3));
    /// ```
    #[track_caller]
    pub fn rand_like(&self, key: Key) -> Var {
        Var::constant(RandLike { key }.forward(&[self.value()]).0)
    }
}

/// What the registry knows of uniform draws.
pub static INFO: OpInfo<RandLike> = OpInfo {
    name: "rand_like",
    formula: "y[i] = ⌊word / 2⁸⌋ / 2²⁴, with the word from Philox at (key, i)",
    gradient: "none: y does not depend on the values of x",
    source: "Salmon et al. 2011, Parallel Random Numbers: As Easy as 1, 2, 3",
    reference: |op, x| {
        let draws = (0..x[0].len() as u64).map(|i| f64::from(op.key.uniform(i)));
        ArrayD::from_shape_vec(x[0].shape(), draws.collect()).expect("one draw for each element")
    },
    sample: |d| Sample::new(RandLike { key: Key::new(d.dim() as u64) }, [Input::new(d.shape2())]),
    standard: |_| Sample::new(RandLike { key: Key::new(0) }, [Input::new([2048, 2048])]),
    wrong: &[],
    tolerance: Tolerance::Exact,
    cost: |_, shapes| {
        let n = shapes[0].iter().product::<usize>() as u64;
        Cost { flops: 12 * n, bytes: 4 * n }
    },
    derivatives: Derivatives::Never("a random fill"),
};
