//! More entries at the ends of the last axes: a constant, the entries mirrored at the edge, or the edge itself.
//!
//! ```text
//! constant:  y[before + i] = x[i], c elsewhere                   dx[i] = dy[before + i]
//! others:    y[j] = x[m(j)], where m mirrors or clamps           dx[i] = Σ dy[j] over all j with m(j) = i
//! ```
//!
//! An entry that a margin repeats gets the margin's gradients too: along each axis, dx = index_add of dy by m. Padding
//! one axis after the other is padding all at once, so backward undoes the axes one after the other.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::ops::index_add::zeros;
use crate::var::{Var, apply};
use glassbox_tensor::{Ids, Padding, Tensor};
use ndarray::{Array, ArrayD};

/// y = x with (before, after) more entries on each of the last axes.
#[derive(Clone, Debug)]
pub struct Pad {
    /// The pairs, the last one for the last axis.
    pub pads: Vec<(usize, usize)>,
    /// What stands there.
    pub padding: Padding,
}

impl Op for Pad {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].pad(&self.pads, self.padding), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        let shape = kept.shape(0);
        let first = shape.len() - self.pads.len();
        let mut dx = dy.clone();
        for (axis, &(before, after)) in (first..).zip(&self.pads).filter(|(_, pad)| **pad != (0, 0)) {
            let n = shape[axis];
            dx = match self.padding {
                Padding::Constant(_) => dx.narrow(axis as isize, before, n),
                _ => {
                    let len = before + n + after;
                    let from = (0..len).map(|j| source(self.padding, j, before, n).expect("no constant") as u32);
                    let ids = Ids::from_vec(from.collect(), [len]);
                    let mut to = dx.shape().to_vec();
                    to[axis] = n;
                    zeros(&to).index_add(axis as isize, &ids, &dx)
                }
            };
        }
        [Some(dx)].into()
    }
}

/// m(j): which of the n entries of x stands at j of the padded axis; `None` for the constant.
fn source(padding: Padding, j: usize, before: usize, n: usize) -> Option<usize> {
    let (j, last) = (j as isize - before as isize, n as isize - 1);
    let m = match padding {
        Padding::Constant(_) => Some(j).filter(|j| (0..=last).contains(j))?,
        Padding::Reflect if j < 0 => -j,
        Padding::Reflect if j > last => 2 * last - j,
        Padding::Reflect => j,
        Padding::Edge => j.clamp(0, last),
    };
    Some(m as usize)
}

impl Var {
    /// With `(before, after)` more entries on each of the last axes: the pairs stand in the order of the axes, and the
    /// last one is for the last axis.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{Padding, tensor};
    /// let x = Var::input(tensor![[1., 2., 3.]]);
    /// let y = x.pad(&[(0, 1), (1, 0)], Padding::Constant(0.)); // (1, 3) -> (2, 4)
    /// assert_eq!(y.value(), &tensor![[0., 1., 2., 3.], [0., 0., 0., 0.]]);
    /// let y = x.pad(&[(2, 1)], Padding::Reflect); // (1, 3) -> (1, 6)
    /// assert_eq!(y.value(), &tensor![[3., 2., 1., 2., 3., 2.]]);
    /// assert_eq!(y.sum_all().backward().of(&x), &tensor![[1., 3., 2.]]);
    /// assert_eq!(x.pad(&[(1, 2)], Padding::Edge).value(), &tensor![[1., 1., 2., 3., 3., 3.]]);
    /// ```
    ///
    /// # Panics
    /// With more pairs than axes; for a reflection that reaches beyond the other edge; and for the edge of an axis
    /// without entries.
    #[track_caller]
    pub fn pad(&self, pads: &[(usize, usize)], padding: Padding) -> Var {
        apply(Pad { pads: pads.to_vec(), padding }, [self])
    }
}

fn reference(op: &Pad, x: &ArrayD<f64>) -> ArrayD<f64> {
    let first = x.ndim() - op.pads.len();
    let pad = |axis: usize| if axis < first { (0, 0) } else { op.pads[axis - first] };
    let shape: Vec<usize> = (0..x.ndim()).map(|axis| pad(axis).0 + x.shape()[axis] + pad(axis).1).collect();
    Array::from_shape_fn(shape, |index| {
        let index = ndarray::Dimension::slice(&index);
        let from: Option<Vec<usize>> =
            index.iter().enumerate().map(|(axis, &j)| source(op.padding, j, pad(axis).0, x.shape()[axis])).collect();
        match (from, op.padding) {
            (Some(from), _) => x[&from[..]],
            (None, Padding::Constant(c)) => f64::from(c),
            (None, _) => unreachable!("only a constant comes from nowhere"),
        }
    })
}

/// What the registry knows of padding.
pub static INFO: OpInfo<Pad> = OpInfo {
    name: "pad",
    formula: "y[j] = x[m(j)], where m mirrors j at the edge or clamps it; or y[before + i] = x[i], c elsewhere",
    gradient: "dx[i] = Σ dy[j] over all j with m(j) = i",
    source: "NumPy, pad: modes constant, reflect and edge (PyTorch's replicate)",
    reference: |op, x| reference(op, &x[0]),
    sample: |d| {
        let shape = [d.dim() % 64, d.dim(), d.dim()];
        let padding = [Padding::Constant(0.0), Padding::Constant(1.5), Padding::Reflect, Padding::Edge][d.choice(4)];
        let most = |n: usize| match padding {
            Padding::Constant(_) => 4,
            Padding::Reflect => n.clamp(1, 4), // fewer than there are
            Padding::Edge => n.min(1) * 3 + 1,
        };
        let axes = 1 + d.choice(3);
        let pads = shape[3 - axes..].iter().map(|&n| (d.choice(most(n)), d.choice(most(n)))).collect();
        Sample::new(Pad { pads, padding }, [Input::new(shape)])
    },
    standard: |_| {
        let op = Pad { pads: vec![(1, 1), (1, 1)], padding: Padding::Reflect };
        Sample::new(op, [Input::new([64, 16, 64, 64])])
    },
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([3])).pad(&[(1, 1), (1, 1)], Padding::Edge)),
            says: "pad: 2 pairs for shape [3], which has 1 axis; give one for each of the last axes",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).pad(&[(0, 3)], Padding::Reflect)),
            says: "pad: a reflection of 3 entries on axis 1 of shape [2, 3], which has 3; reflect fewer than it has, or pad by Edge or Constant",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 0])).pad(&[(1, 1)], Padding::Edge)),
            says: "pad: axis 1 of shape [2, 0] has no edge to repeat; pad by Constant",
        },
    ],
    tolerance: Tolerance::Exact,
    cost: |op, shapes| {
        let first = shapes[0].len() - op.pads.len();
        let padded = |(axis, n): (usize, &usize)| match axis.checked_sub(first) {
            Some(i) => n + op.pads[i].0 + op.pads[i].1,
            None => *n,
        };
        let read: usize = shapes[0].iter().product();
        let written: usize = shapes[0].iter().enumerate().map(padded).product();
        Cost { flops: 0, bytes: 4 * (read + written) as u64 }
    },
    derivatives: Derivatives::Any,
};
