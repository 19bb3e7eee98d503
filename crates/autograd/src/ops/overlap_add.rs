//! Windows added up where they overlap: y[…, i, …] = Σ x[…, w, …, j] over all w and j with w·step + j = i. What turns
//! the frames of a short-time transform back into a signal, and what the gradient of `unfold` is.
//!
//! Every element of x stands at one place of y, so dx takes the same windows of dy: dx = unfold of dy.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, UNIT, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;
use glassbox_tensor::shape::axis_index;
use ndarray::ArrayD;

/// y[…, i, …] = Σ x[…, w, …, j] over w·step + j = i.
#[derive(Clone, Debug)]
pub struct OverlapAdd {
    /// The axis of y that windows are added up along; a negative one counts from the end.
    pub axis: isize,
    /// How far apart windows begin.
    pub step: usize,
    /// The length of that axis of y.
    pub len: usize,
}

impl Op for OverlapAdd {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].overlap_add(self.axis, self.step, self.len), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        let shape = kept.shape(0);
        if shape.contains(&0) {
            return [Some(Var::constant(Tensor::zeros(shape)))].into();
        }
        let last = shape.len() - 1;
        let windows = shape[axis_index("overlap_add", self.axis, last)];
        // y may be longer than the windows reach; unfold would find more of them there. The axis counts in y's axes.
        let axis = if self.axis < 0 { self.axis - 1 } else { self.axis };
        [Some(dy.unfold(self.axis, shape[last], self.step).narrow(axis, 0, windows))].into()
    }
}

impl Var {
    /// Adds up windows, whose entries lie along the last axis, where they overlap: y[…, i, …] = Σ x[…, w, …, j] over
    /// all w and j with w·step + j = i. Axis `axis` of the result (a negative one counts from its end) has length
    /// `len`.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let frames = Var::constant(tensor![[1., 2., 3.], [10., 20., 30.]]);
    /// let y = frames.overlap_add(0, 2, 6); // (2, 3) -> (6)
    /// assert_eq!(y.value(), &tensor![1., 2., 13., 20., 30., 0.]);
    /// ```
    ///
    /// # Panics
    /// When there are fewer than two axes, the result has no such axis, `step` is 0, or the windows reach beyond `len`.
    #[track_caller]
    pub fn overlap_add(&self, axis: isize, step: usize, len: usize) -> Var {
        apply(OverlapAdd { axis, step, len }, [self])
    }
}

fn reference(op: &OverlapAdd, x: &ArrayD<f64>) -> ArrayD<f64> {
    let mut shape = x.shape().to_vec();
    shape.pop();
    let axis = axis_index("overlap_add", op.axis, shape.len());
    shape[axis] = op.len;
    let mut y = ArrayD::zeros(shape);
    for (index, &v) in x.indexed_iter() {
        let mut to: Vec<usize> = ndarray::Dimension::slice(&index).to_vec();
        let j = to.pop().expect("the last axis is the place in the window");
        to[axis] = to[axis] * op.step + j;
        y[&to[..]] += v;
    }
    y
}

/// What the registry knows of overlap-add.
pub static INFO: OpInfo<OverlapAdd> = OpInfo {
    name: "overlap_add",
    formula: "y[…, i, …] = Σ x[…, w, …, j] over w · step + j = i",
    gradient: "dx = unfold(dy): dx[…, w, …, j] = dy[…, w · step + j, …]",
    source: "Griffin & Lim 1984, Signal Estimation from Modified Short-Time Fourier Transform",
    reference: |op, x| reference(op, &x[0]),
    sample: |d| {
        let [mut a, mut b] = [d.dim() % 64, d.dim()];
        let (size, step, beyond) = (1 + d.choice(7), 1 + d.choice(3), d.choice(3));
        let first = d.choice(2) == 0;
        let windows = if first { &mut a } else { &mut b };
        let len = windows.saturating_sub(1) * step + size + beyond;
        let axis = [[0, -2], [1, -1]][!first as usize][d.choice(2)];
        Sample::new(OverlapAdd { axis, step, len }, [Input::new([a, b, size])])
    },
    standard: |_| Sample::new(OverlapAdd { axis: -1, step: 160, len: 1 << 16 }, [Input::new([16, 400, 400])]),
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([3, 4])).overlap_add(0, 2, 7)),
            says: "overlap_add: 3 windows of 4, one every 2 entries, reach 8 entries, beyond a length of 7; ask for 8 or more",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([4])).overlap_add(0, 1, 4)),
            says: "overlap_add: shape [4] has no axis of windows and one inside a window; unfold makes both",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([3, 4])).overlap_add(0, 0, 4)),
            says: "overlap_add: with a step of 0 all windows stand at one place; use a step of 1 or more, or sum",
        },
    ],
    // k windows over an entry: (k − 1)·u·Σ|x| in any order, here with 1.01 for the terms of u²
    tolerance: Tolerance::Proven(|op, x| {
        let size = *x[0].shape().last().expect("windows and the place in them");
        let k = size.div_ceil(op.step).max(1) as f64;
        reference(op, &x[0].mapv(f64::abs)).mapv(|sum| 1.01 * (k - 1.0) * UNIT * sum)
    }),
    cost: |op, shapes| {
        let (last, at) = (shapes[0].len() - 1, axis_index("overlap_add", op.axis, shapes[0].len() - 1));
        let n = shapes[0].iter().product::<usize>() as u64;
        let rest: usize = (0..last).filter(|&axis| axis != at).map(|axis| shapes[0][axis]).product();
        Cost { flops: n, bytes: 4 * (n + (rest * op.len) as u64) }
    },
    derivatives: Derivatives::Any,
};
