//! The same elements, in row-major order, under another shape.
//!
//! Each element of y is one element of x, so dx is dy in x's shape.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;
use glassbox_tensor::shape::{Dims, axis_index, new_axis_index};

/// y = x under another shape.
#[derive(Clone, Debug)]
pub struct Reshape {
    /// The new shape.
    pub shape: Dims,
}

impl Op for Reshape {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].reshape(self.shape), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        [Some(dy.reshape(kept.shape(0)))].into()
    }
}

impl Var {
    /// The same elements in row-major order under another shape; a view where the layout allows, or else a copy.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::constant(tensor![[1., 2.], [3., 4.]]);
    /// assert_eq!(x.reshape([4]).value(), &tensor![1., 2., 3., 4.]);
    /// assert_eq!(x.reshape([4, 1]).shape(), [4, 1]);
    /// ```
    ///
    /// # Panics
    /// When the numbers of elements differ.
    #[track_caller]
    pub fn reshape(&self, shape: impl AsRef<[usize]>) -> Var {
        apply(Reshape { shape: Dims::new(shape.as_ref()) }, [self])
    }

    /// With a new axis of length 1 that is axis `axis` of the result (`-1` puts it last). A view.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::Tensor;
    /// let x = Var::constant(Tensor::zeros([2, 3]));
    /// assert_eq!((x.unsqueeze(1).shape(), x.unsqueeze(-1).shape()), (&[2, 1, 3][..], &[2, 3, 1][..]));
    /// ```
    ///
    /// # Panics
    /// When the result has no such axis.
    #[track_caller]
    pub fn unsqueeze(&self, axis: isize) -> Var {
        let at = new_axis_index("unsqueeze", axis, self.rank());
        let mut shape = Dims::new(self.shape());
        shape.push(1);
        shape[at..].rotate_right(1);
        self.reshape(shape)
    }

    /// Without `axis`, which has length 1. A view.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::Tensor;
    /// assert_eq!(Var::constant(Tensor::zeros([2, 1, 3])).squeeze(1).shape(), [2, 3]);
    /// ```
    ///
    /// # Panics
    /// When there is no such axis, or it is longer.
    #[track_caller]
    pub fn squeeze(&self, axis: isize) -> Var {
        let at = axis_index("squeeze", axis, self.rank());
        let dim = self.shape()[at];
        assert!(dim == 1, "squeeze: axis {axis} of shape {:?} has {dim} entries, not one; select one", self.shape());
        self.reshape(Dims::new(self.shape()).without(at))
    }
}

/// What the registry knows of reshaping.
pub static INFO: OpInfo<Reshape> = OpInfo {
    name: "reshape",
    formula: "y = the elements of x, in their order, under another shape",
    gradient: "dx = dy in the shape of x",
    source: "NumPy, reshape in C order",
    reference: |op, x| x[0].to_shape(&op.shape[..]).expect("the same number of elements").into_owned(),
    sample: |d| {
        let [a, b, c] = [d.dim(), d.dim(), d.dim()];
        let shape = match d.choice(4) {
            0 => vec![a * b, c],
            1 => vec![a, b * c],
            2 => vec![a * b * c],
            _ => vec![c, 1, b, a],
        };
        Sample::new(Reshape { shape: Dims::new(&shape) }, [Input::new([a, b, c])])
    },
    standard: |_| Sample::new(Reshape { shape: Dims::new(&[1 << 20]) }, [Input::new([1024, 1024])]),
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).reshape([4])),
            says: "reshape: [2, 3] has 6 elements, but [4] has 4; a new shape holds as many",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).reshape([2, 0])),
            says: "reshape: [2, 3] has 6 elements, but [2, 0] has 0; a new shape holds as many",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).squeeze(-1)),
            says: "squeeze: axis -1 of shape [2, 3] has 3 entries, not one; select one",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).unsqueeze(4)),
            says: "unsqueeze: a new axis 4 for a tensor with 2 axes; use -3 to 2",
        },
    ],
    tolerance: Tolerance::Exact,
    cost: |_, _| Cost::VIEW,
    derivatives: Derivatives::Any,
};
