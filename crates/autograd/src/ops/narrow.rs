//! A range of one axis: y[…, i, …] = x[…, start + i, …] for i below `len`. A view, which copies nothing.
//!
//! dx is dy where y was taken from, and 0 elsewhere: dy padded with zeros. What picks entries and ranges by other
//! words is made of it: `select`, `index`, `split` and `chunk`.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::shape::{axis_index, chunk_lengths, split_starts};
use glassbox_tensor::{Padding, Picked, Picks, Tensor};
use ndarray::{Axis, Slice};
use std::ops::Range;

/// y[…, i, …] = x[…, start + i, …] along `axis`.
#[derive(Clone, Debug)]
pub struct Narrow {
    /// Which axis; a negative one counts from the end.
    pub axis: isize,
    /// The first entry.
    pub start: usize,
    /// How many entries.
    pub len: usize,
}

impl Op for Narrow {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].narrow(self.axis, self.start, self.len), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        let shape = kept.shape(0);
        let at = axis_index("narrow", self.axis, shape.len());
        let mut pads = vec![(0, 0); shape.len() - at];
        pads[0] = (self.start, shape[at] - self.start - self.len);
        [Some(dy.pad(&pads, Padding::Constant(0.0)))].into()
    }

    fn part(&self) -> Option<(isize, Range<usize>)> {
        Some((self.axis, self.start..self.start + self.len))
    }
}

impl Var {
    /// `len` entries of `axis` (a negative one counts from the end) from `start` on. A view.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::input(tensor![[1., 2., 3.], [4., 5., 6.]]);
    /// let y = x.narrow(-1, 1, 2); // (2, 3) -> (2, 2)
    /// assert_eq!(y.value(), &tensor![[2., 3.], [5., 6.]]);
    /// assert_eq!(y.sum_all().backward().of(&x), &tensor![[0., 1., 1.], [0., 1., 1.]]);
    /// ```
    ///
    /// # Panics
    /// When the axis doesn't exist or is shorter than that.
    #[track_caller]
    pub fn narrow(&self, axis: isize, start: usize, len: usize) -> Var {
        apply(Narrow { axis, start, len }, [self])
    }

    /// Entry `index` of `axis`, without that axis. A view.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::constant(tensor![[1., 2., 3.], [4., 5., 6.]]);
    /// assert_eq!(x.select(0, 1).value(), &tensor![4., 5., 6.]);
    /// assert_eq!(x.select(-1, 0).value(), &tensor![1., 4.]);
    /// ```
    ///
    /// # Panics
    /// When there is no such axis or entry.
    #[track_caller]
    pub fn select(&self, axis: isize, index: usize) -> Var {
        let shape = self.shape();
        let at = axis_index("select", axis, shape.len());
        assert!(index < shape[at], "select: entry {index} on axis {axis} of shape {shape:?}, which has {}; the first is 0", shape[at]);
        self.narrow(axis, index, 1).squeeze(axis)
    }

    /// An entry or a range of each of the first axes; the axes after them stay whole. An axis of which one entry is
    /// taken vanishes. A view.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::constant(tensor![[1., 2., 3.], [4., 5., 6.]]);
    /// assert_eq!(x.index((1,)).value(), &tensor![4., 5., 6.]);
    /// assert_eq!(x.index((.., 1..)).value(), &tensor![[2., 3.], [5., 6.]]);
    /// assert_eq!(x.index((0, 2)).item(), 3.0);
    /// ```
    ///
    /// # Panics
    /// When there are more picks than axes, or an axis is shorter than what is taken of it.
    #[track_caller]
    pub fn index(&self, picks: impl Picks) -> Var {
        let picked = Picked::new(picks, self.shape());
        let mut x = self.clone();
        for (axis, &(start, len)) in picked.ranges.iter().enumerate().filter(|&(a, range)| range.1 != self.shape()[a]) {
            x = x.narrow(axis as isize, start, len);
        }
        if x.shape() == picked.shape { x } else { x.reshape(picked.shape) }
    }

    /// Consecutive pieces of these lengths along `axis`. Views.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::constant(tensor![1., 2., 3., 4.]);
    /// let [a, b] = &x.split(&[1, 3], 0)[..] else { unreachable!("two lengths, two pieces") };
    /// assert_eq!((a.value(), b.value()), (&tensor![1.], &tensor![2., 3., 4.]));
    /// ```
    ///
    /// # Panics
    /// When there is no such axis, or the lengths don't add up to its own.
    #[track_caller]
    pub fn split(&self, lengths: &[usize], axis: isize) -> Vec<Var> {
        let starts = split_starts(self.shape(), lengths, axis);
        starts.iter().zip(lengths).map(|(&start, &len)| self.narrow(axis, start, len)).collect()
    }

    /// `n` pieces of one length along `axis`. Views. (PyTorch's last chunk may be shorter; here the length must be
    /// shared evenly, so that n pieces are asked for and n come.)
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::Tensor;
    /// let qkv = Var::constant(Tensor::zeros([2, 5, 12])).chunk(3, -1); // (2, 5, 12) -> 3 × (2, 5, 4)
    /// assert_eq!((qkv.len(), qkv[0].shape()), (3, &[2, 5, 4][..]));
    /// ```
    ///
    /// # Panics
    /// When there is no such axis, or n doesn't divide its length.
    #[track_caller]
    pub fn chunk(&self, n: usize, axis: isize) -> Vec<Var> {
        self.split(&chunk_lengths(self.shape(), n, axis), axis)
    }
}

/// What the registry knows of a range.
pub static INFO: OpInfo<Narrow> = OpInfo {
    name: "narrow",
    formula: "y[…, i, …] = x[…, start + i, …], i < len",
    gradient: "dx = dy, padded with zeros to the shape of x",
    source: "PyTorch, Tensor.narrow",
    reference: |op, x| {
        let axis = Axis(axis_index("narrow", op.axis, x[0].ndim()));
        x[0].slice_axis(axis, Slice::from(op.start..op.start + op.len)).to_owned()
    },
    sample: |d| {
        let shape = [d.dim(), d.dim(), d.dim()];
        let axis = d.choice(3);
        let third = shape[axis] / 3 + 1;
        let (start, cut) = (d.choice(third), d.choice(third));
        let axis = [axis as isize, axis as isize - 3][d.choice(2)];
        let len = shape[axis.rem_euclid(3) as usize].saturating_sub(start + cut);
        Sample::new(Narrow { axis, start, len }, [Input::new(shape)])
    },
    standard: |_| Sample::new(Narrow { axis: 1, start: 256, len: 512 }, [Input::new([1024, 1024])]),
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).narrow(1, 2, 2)),
            says: "narrow: 2 entries from 2 on axis 1 of shape [2, 3], which has 3; start + len is 3 at most",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).select(-1, 3)),
            says: "select: entry 3 on axis -1 of shape [2, 3], which has 3; the first is 0",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).index((.., 1..5))),
            says: "index: entries 1..5 on axis 1 of shape [2, 3], which has 3; end at 3 or before",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).index((0, 0, ..))),
            says: "index: 3 picks for shape [2, 3], which has 2 axes; pick once for each axis",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).split(&[1, 1], -1)),
            says: "split: the lengths [1, 1] add up to 2, but axis -1 of shape [2, 3] has 3; they make up the whole axis",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 7])).chunk(3, 1)),
            says: "chunk: axis 1 of shape [2, 7] has 7 entries, which don't make 3 equal chunks; use split, which takes any lengths",
        },
    ],
    tolerance: Tolerance::Exact,
    cost: |_, _| Cost::VIEW,
    derivatives: Derivatives::Any,
};
