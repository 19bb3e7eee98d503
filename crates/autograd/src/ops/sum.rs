//! The sum over any axes: y = Σ x.
//!
//! Every summed element has the derivative 1, so dx repeats dy along the summed axes.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;
use ndarray::{ArrayD, Axis};

/// y = Σ x over `axes`; reduced axes keep length 1 with `keepdim`.
#[derive(Clone, Debug)]
pub struct Sum {
    /// Which axes; negative ones count from the end.
    pub axes: Vec<isize>,
    /// Whether reduced axes stay, with length 1.
    pub keepdim: bool,
}

impl Op for Sum {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].sum(&self.axes, self.keepdim), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        let shape = kept.shape(0);
        let rank = shape.len() as isize;
        let mut kept_dims = shape.to_vec();
        self.axes.iter().for_each(|&a| kept_dims[if a < 0 { a + rank } else { a } as usize] = 1);
        [Some(dy.reshape(&kept_dims).expand(shape))].into()
    }
}

impl Var {
    /// The sum over `axes` (negative ones count from the end); reduced axes keep length 1 with `keepdim`.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::constant(tensor![[1., 2.], [3., 4.]]);
    /// assert_eq!(x.sum(&[0], false).value(), &tensor![4., 6.]);
    /// assert_eq!(x.sum(&[-1], true).value(), &tensor![[3.], [7.]]);
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist or is named twice.
    #[track_caller]
    pub fn sum(&self, axes: &[isize], keepdim: bool) -> Var {
        apply(Sum { axes: axes.to_vec(), keepdim }, [self])
    }

    /// The sum of all elements, without axes.
    pub fn sum_all(&self) -> Var {
        let axes: Vec<isize> = (0..self.rank() as isize).collect();
        self.sum(&axes, false)
    }

    /// The mean of all elements, without axes.
    pub fn mean_all(&self) -> Var {
        &self.sum_all() * (1.0 / self.value().numel() as f32)
    }

    /// The sum that undoes a broadcast: from this shape back to `shape`.
    ///
    /// # Panics
    /// When `shape` doesn't broadcast to this shape.
    #[track_caller]
    pub fn sum_to(&self, shape: &[usize]) -> Var {
        if self.shape() == shape {
            return self.clone();
        }
        let new = self.rank() - shape.len();
        let repeated = |a: &usize| *a < new || (shape[a - new] == 1 && self.shape()[*a] != 1);
        let axes: Vec<isize> = (0..self.rank()).filter(repeated).map(|a| a as isize).collect();
        self.sum(&axes, true).reshape(shape)
    }
}

fn reference(op: &Sum, x: &ArrayD<f64>) -> ArrayD<f64> {
    let rank = x.ndim() as isize;
    let mut axes: Vec<usize> = op.axes.iter().map(|&a| if a < 0 { a + rank } else { a } as usize).collect();
    axes.sort();
    let mut y = x.clone();
    for &axis in axes.iter().rev() {
        y = y.sum_axis(Axis(axis));
        if op.keepdim {
            y = y.insert_axis(Axis(axis));
        }
    }
    y
}

/// What the registry knows of the sum.
pub static INFO: OpInfo<Sum> = OpInfo {
    name: "sum",
    formula: "y = Σ x over the named axes",
    gradient: "dx = dy, repeated along the summed axes",
    source: "definition; pairwise blocks after Higham 1993, The Accuracy of Floating Point Summation",
    reference: |op, x| reference(op, &x[0]),
    sample: |d| {
        let shape = [d.dim(), d.dim(), d.dim()];
        let axes: &[isize] = [&[0][..], &[1], &[-1], &[0, 2], &[1, -1], &[0, 1, 2], &[]][d.choice(7)];
        Sample::new(Sum { axes: axes.to_vec(), keepdim: d.choice(2) == 1 }, [Input::new(shape)])
    },
    standard: |_| Sample::new(Sum { axes: vec![0, 1], keepdim: false }, [Input::new([2048, 2048])]),
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).sum(&[2], false)),
            says: "sum: axis 2 is out of range for a tensor with 2 axes; use -2 to 1",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).sum(&[1, -1], false)),
            says: "sum: axis -1 is named twice in [1, -1]; name each axis once",
        },
    ],
    tolerance: Tolerance::UnitsOf(8.0, |op, x| reference(op, &x[0].mapv(f64::abs))),
    cost: |_, shapes| {
        let n = shapes[0].iter().product::<usize>() as u64;
        Cost { flops: n, bytes: 4 * n }
    },
    derivatives: Derivatives::Any,
};
