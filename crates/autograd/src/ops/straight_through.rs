//! Another value with the gradient of x: y = v, dx = dy.
//!
//! What PyTorch writes as x + (v − x).detach(), without the rounding of the sum: for a v that is near x but computed by something
//! without a useful derivative, as a vector of a codebook is (VQ-VAE), or a number rounded to a grid.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use ndarray::ArrayD;

/// y = value, with the gradient of x.
#[derive(Clone, Debug)]
pub struct StraightThrough {
    /// What takes x's place.
    pub value: Tensor,
}

impl Op for StraightThrough {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        let (x, value) = (x[0].shape(), self.value.shape());
        assert!(x == value, "straight_through: a value of shape {value:?} can't stand for x of shape {x:?}; reshape it");
        (self.value.clone(), ())
    }

    fn backward(&self, _: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        [Some(dy.clone())].into()
    }

    fn surrogate(&self, x: &[ArrayD<f64>]) -> Option<ArrayD<f64>> {
        Some(x[0].clone())
    }
}

impl Var {
    /// `value` in the place of x, with x's place in the graph: the gradient that reaches it is x's. Copies nothing.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::input(tensor![0.9, 2.2]);
    /// let nearest = tensor![1., 2.]; // of a codebook
    /// let y = x.straight_through(&nearest);
    /// assert_eq!(y.value(), &nearest);
    /// assert_eq!(y.square().sum_all().backward().of(&x), &tensor![2., 4.]); // 2·y
    /// ```
    ///
    /// # Panics
    /// When the shapes differ.
    #[track_caller]
    pub fn straight_through(&self, value: &Tensor) -> Var {
        apply(StraightThrough { value: value.clone() }, [self])
    }
}

fn sample(shape: [usize; 2]) -> Sample<StraightThrough> {
    Sample::new(StraightThrough { value: Tensor::rand(shape, Key::new(3)) }, [Input::new(shape)])
}

/// What the registry knows of straight-through values.
pub static INFO: OpInfo<StraightThrough> = OpInfo {
    name: "straight_through",
    formula: "y = v, a given value",
    gradient: "dx = dy, straight through",
    source: "Bengio, Léonard & Courville 2013; van den Oord, Vinyals & Kavukcuoglu 2017, Neural Discrete Representation Learning",
    reference: |op, _| op.value.to_f64(),
    sample: |d| sample(d.shape2()),
    standard: |_| sample([2048, 2048]),
    wrong: &[Wrong {
        call: || drop(Var::constant(Tensor::ones([2, 3])).straight_through(&Tensor::ones([3]))),
        says: "straight_through: a value of shape [3] can't stand for x of shape [2, 3]; reshape it",
    }],
    tolerance: Tolerance::Exact,
    cost: |_, _| Cost::VIEW,
    derivatives: Derivatives::Any,
};
