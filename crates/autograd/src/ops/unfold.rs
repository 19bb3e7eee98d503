//! Sliding windows: y[…, w, …, i] = x[…, w·step + i, …], a window every `step` entries, with the place in the window
//! as a new last axis. A view: overlapping windows share their entries.
//!
//! An entry stands in several windows, and its gradient is the sum over them: dx = overlap_add of dy.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;
use glassbox_tensor::shape::axis_index;
use ndarray::{Array, ArrayD};

/// y[…, w, …, i] = x[…, w·step + i, …] along `axis`, i below `size`.
#[derive(Clone, Debug)]
pub struct Unfold {
    /// Which axis; a negative one counts from the end.
    pub axis: isize,
    /// The entries of a window.
    pub size: usize,
    /// How far apart windows begin.
    pub step: usize,
}

impl Op for Unfold {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].unfold(self.axis, self.size, self.step), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        let shape = kept.shape(0);
        let len = shape[axis_index("unfold", self.axis, shape.len())];
        [Some(dy.overlap_add(self.axis, self.step, len))].into()
    }
}

impl Var {
    /// Windows of `size` entries along `axis` (a negative one counts from the end), one every `step` entries: y[…, w,
    /// …, i] = x[…, w·step + i, …]. The axis then counts ⌊(n − size)/step⌋ + 1 windows, and the place in the window is
    /// a new last axis. A view.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::input(tensor![1., 2., 3., 4., 5.]);
    /// let y = x.unfold(0, 3, 2); // (5) -> (2, 3)
    /// assert_eq!(y.value(), &tensor![[1., 2., 3.], [3., 4., 5.]]);
    /// assert_eq!(y.sum_all().backward().of(&x), &tensor![1., 1., 2., 1., 1.]);
    /// ```
    ///
    /// # Panics
    /// When there is no such axis, it is shorter than a window, or `step` is 0.
    #[track_caller]
    pub fn unfold(&self, axis: isize, size: usize, step: usize) -> Var {
        apply(Unfold { axis, size, step }, [self])
    }
}

pub(super) fn reference(op: &Unfold, x: &ArrayD<f64>) -> ArrayD<f64> {
    let axis = axis_index("unfold", op.axis, x.ndim());
    let mut shape = x.shape().to_vec();
    shape[axis] = (shape[axis] - op.size) / op.step + 1;
    shape.push(op.size);
    Array::from_shape_fn(shape, |index| {
        let mut from: Vec<usize> = ndarray::Dimension::slice(&index).to_vec();
        let i = from.pop().expect("the last axis is the place in the window");
        from[axis] = from[axis] * op.step + i;
        x[&from[..]]
    })
}

/// What the registry knows of sliding windows.
pub static INFO: OpInfo<Unfold> = OpInfo {
    name: "unfold",
    formula: "y[…, w, …, i] = x[…, w · step + i, …], i < size",
    gradient: "dx = overlap_add(dy): Σ dy over all windows that an entry stands in",
    source: "PyTorch, Tensor.unfold",
    reference: |op, x| reference(op, &x[0]),
    sample: |d| {
        let shape = [d.dim() % 64, d.dim(), d.dim()];
        let axis = d.choice(3);
        let size = shape[axis].min(1 + d.choice(7));
        let axis = [axis as isize, axis as isize - 3][d.choice(2)];
        Sample::new(Unfold { axis, size, step: 1 + d.choice(3) }, [Input::new(shape)])
    },
    standard: |_| Sample::new(Unfold { axis: -1, size: 400, step: 160 }, [Input::new([16, 1 << 16])]),
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).unfold(1, 4, 1)),
            says: "unfold: a window of 4 on axis 1 of shape [2, 3], which has 3; pad the axis, or use a smaller window",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).unfold(1, 2, 0)),
            says: "unfold: with a step of 0 all windows are the same one; use a step of 1 or more",
        },
    ],
    tolerance: Tolerance::Exact,
    cost: |_, _| Cost::VIEW,
    derivatives: Derivatives::Any,
};
