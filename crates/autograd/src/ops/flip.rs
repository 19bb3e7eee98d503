//! The entries of some axes in reverse order: `y[i] = x[n − 1 − i]` along each.
//!
//! Reversing is its own inverse, so dx is dy reversed along the same axes.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;
use glassbox_tensor::shape::axis_index;
use ndarray::Axis;

/// y = x, reversed along `axes`.
#[derive(Clone, Debug)]
pub struct Flip {
    /// Which axes; negative ones count from the end.
    pub axes: Vec<isize>,
}

impl Op for Flip {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].flip(&self.axes), ())
    }

    fn backward(&self, _: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        [Some(dy.flip(&self.axes))].into()
    }
}

impl Var {
    /// The entries of each of `axes` (negative ones count from the end) in reverse order. A copy.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::constant(tensor![[1., 2., 3.], [4., 5., 6.]]);
    /// assert_eq!(x.flip(&[-1]).value(), &tensor![[3., 2., 1.], [6., 5., 4.]]);
    /// assert_eq!(x.flip(&[0, 1]).value(), &tensor![[6., 5., 4.], [3., 2., 1.]]);
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist or is named twice.
    #[track_caller]
    pub fn flip(&self, axes: &[isize]) -> Var {
        apply(Flip { axes: axes.to_vec() }, [self])
    }
}

/// What the registry knows of reversed axes.
pub static INFO: OpInfo<Flip> = OpInfo {
    name: "flip",
    formula: "y[…, i, …] = x[…, n − 1 − i, …] along each named axis of length n",
    gradient: "dx = dy, reversed along the same axes",
    source: "NumPy, flip",
    reference: |op, x| {
        let mut y = x[0].clone();
        op.axes.iter().for_each(|&axis| y.invert_axis(Axis(axis_index("flip", axis, x[0].ndim()))));
        y
    },
    sample: |d| {
        let x = Input::new([d.dim(), d.dim(), d.dim()]);
        let axes: &[isize] = [&[0][..], &[1], &[-1], &[0, 2], &[-2, -1], &[0, 1, 2], &[]][d.choice(7)];
        Sample::new(Flip { axes: axes.to_vec() }, [x])
    },
    standard: |_| Sample::new(Flip { axes: vec![-1] }, [Input::new([2048, 2048])]),
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).flip(&[2])),
            says: "flip: axis 2 is out of range for a tensor with 2 axes; use -2 to 1",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).flip(&[1, -1])),
            says: "flip: axis -1 is named twice in [1, -1]; name each axis once",
        },
    ],
    tolerance: Tolerance::Exact,
    cost: |_, shapes| Cost::elementwise(0, shapes),
    derivatives: Derivatives::Any,
};
