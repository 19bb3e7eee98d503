//! Axes in another order, without moving an element: axis i of y is axis `axes[i]` of x. `t()` exchanges the last two.
//!
//! dx is dy with its axes put back: the inverse permutation.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;
use glassbox_tensor::shape::{Dims, axis_index};

/// Axis i of y is axis `axes[i]` of x.
#[derive(Clone, Debug)]
pub struct Permute {
    /// The axes of x in the order of y.
    pub axes: Dims,
}

impl Op for Permute {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].permute(&self.axes), ())
    }

    fn backward(&self, _: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        let mut back = self.axes;
        self.axes.iter().enumerate().for_each(|(i, &axis)| back[axis] = i);
        [Some(dy.permute(&back))].into()
    }
}

impl Var {
    /// Axes in another order: axis i of the result is axis `axes[i]` of this. A view.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::Tensor;
    /// let x = Var::constant(Tensor::zeros([2, 3, 5]));
    /// assert_eq!(x.permute(&[2, 0, 1]).shape(), [5, 2, 3]);
    /// ```
    ///
    /// # Panics
    /// When `axes` is not a permutation of all axes.
    #[track_caller]
    pub fn permute(&self, axes: &[usize]) -> Var {
        apply(Permute { axes: Dims::new(axes) }, [self])
    }

    /// Two axes exchanged (negative ones count from the end). A view.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::Tensor;
    /// let x = Var::constant(Tensor::zeros([2, 3, 5]));
    /// assert_eq!(x.transpose(0, -1).shape(), [5, 3, 2]);
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist.
    #[track_caller]
    pub fn transpose(&self, a: isize, b: isize) -> Var {
        let rank = self.rank();
        let mut axes = in_order(rank);
        axes.swap(axis_index("transpose", a, rank), axis_index("transpose", b, rank));
        apply(Permute { axes }, [self])
    }

    /// The last two axes exchanged: each matrix transposed. A view.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::constant(tensor![[1., 2., 3.], [4., 5., 6.]]);
    /// assert_eq!(x.t().value(), &tensor![[1., 4.], [2., 5.], [3., 6.]]);
    /// ```
    ///
    /// # Panics
    /// With fewer than two axes.
    #[track_caller]
    pub fn t(&self) -> Var {
        let rank = self.rank();
        assert!(rank >= 2, "t: shape {:?} has fewer than two axes to exchange; unsqueeze(0) makes it a row", self.shape());
        let mut axes = in_order(rank);
        axes.swap(rank - 2, rank - 1);
        apply(Permute { axes }, [self])
    }
}

fn in_order(rank: usize) -> Dims {
    let mut axes = Dims::repeat(0, rank);
    axes.iter_mut().enumerate().for_each(|(i, axis)| *axis = i);
    axes
}

/// What the registry knows of permuted axes.
pub static INFO: OpInfo<Permute> = OpInfo {
    name: "permute",
    formula: "axis i of y = axis axes[i] of x",
    gradient: "axis axes[i] of dx = axis i of dy",
    source: "NumPy, transpose",
    reference: |op, x| x[0].clone().permuted_axes(&op.axes[..]),
    sample: |d| {
        let x = Input::new([d.dim(), d.dim(), d.dim()]);
        let axes = [[0, 2, 1], [1, 2, 0], [2, 0, 1], [2, 1, 0], [1, 0, 2], [0, 1, 2]][d.choice(6)];
        Sample::new(Permute { axes: Dims::new(&axes) }, [x])
    },
    standard: |_| Sample::new(Permute { axes: Dims::new(&[1, 0]) }, [Input::new([1024, 1024])]),
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).permute(&[0, 0])),
            says: "permute: [0, 0] must name each axis of shape [2, 3] once, as [0, 1] does",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).permute(&[1, 0, 2])),
            says: "permute: [1, 0, 2] must name each axis of shape [2, 3] once, as [0, 1] does",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([3])).t()),
            says: "t: shape [3] has fewer than two axes to exchange; unsqueeze(0) makes it a row",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).transpose(0, 2)),
            says: "transpose: axis 2 is out of range for a tensor with 2 axes; use -2 to 1",
        },
    ],
    tolerance: Tolerance::Exact,
    cost: |_, _| Cost::VIEW,
    derivatives: Derivatives::Any,
};
