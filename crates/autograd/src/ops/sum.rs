//! The sum over any axes: y = Σ x.
//!
//! Every summed element has the derivative 1, so dx repeats dy along the summed axes.

use crate::axes;
use crate::info::{Cost, Derivatives, Draw, Input, OpInfo, Sample, Tolerance, Wrong, gamma};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;
use glassbox_tensor::shape::MAX_RANK;
use glassbox_tensor::simd::SUM_DEPTH;
use smallvec::SmallVec;

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
        [Some(axes::with_axes(dy, shape, &self.axes).expand(shape))].into()
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
    #[track_caller]
    pub fn sum_all(&self) -> Var {
        self.sum(axes::all(self.rank()), false)
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
        let axes: SmallVec<[isize; MAX_RANK]> = (0..self.rank()).filter(repeated).map(|a| a as isize).collect();
        self.sum(&axes, true).reshape(shape)
    }
}

/// By how much a sum of n terms may be wrong, as a share of Σ|x|: γ of n roundings in any order, and no more than what the blocks
/// of the kernel promise.
pub(super) fn sum_gamma(n: usize) -> f64 {
    gamma(n.min(SUM_DEPTH) as f64)
}

/// Some of three axes, in any way of naming them, and whether they stay. The harness' largest samples draw the second and the
/// third of these, which go beyond a block.
pub(super) fn sample_axes(d: &mut Draw) -> (Vec<isize>, bool) {
    let axes: &[isize] = [&[1][..], &[0], &[1, -1], &[-1], &[0, 2], &[0, 1, 2], &[]][d.choice(7)];
    (axes.to_vec(), d.choice(2) == 1)
}

/// One operation for each element read; the results are few.
pub(super) fn cost(flops: u64, shapes: &[&[usize]]) -> Cost {
    let n = shapes[0].iter().product::<usize>() as u64;
    Cost { flops: flops * n, bytes: 4 * n }
}

/// What the registry knows of the sum.
pub static INFO: OpInfo<Sum> = OpInfo {
    name: "sum",
    formula: "y = Σ x over the named axes",
    gradient: "dx = dy, repeated along the summed axes",
    source: "definition; bound: Higham 2002, Accuracy and Stability, section 4.2",
    reference: |op, x| axes::reduce(&x[0], &op.axes, op.keepdim, |x| x.iter().sum()),
    sample: |d| {
        let shape = [d.dim(), d.dim(), d.dim()];
        let (axes, keepdim) = sample_axes(d);
        Sample::new(Sum { axes, keepdim }, [Input::new(shape)])
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
    tolerance: Tolerance::Proven(|op, x| {
        let gamma = sum_gamma(axes::count(x[0].shape(), &op.axes));
        axes::reduce(&x[0], &op.axes, op.keepdim, |x| gamma * x.iter().map(|x| x.abs()).sum::<f64>())
    }),
    cost: |_, shapes| cost(1, shapes),
    derivatives: Derivatives::Any,
};
