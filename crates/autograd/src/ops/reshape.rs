//! The same elements, in row-major order, under another shape.
//!
//! Each element of y is one element of x, so dx is dy in x's shape.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;

/// y = x under another shape.
#[derive(Clone, Debug)]
pub struct Reshape {
    /// The new shape.
    pub shape: Vec<usize>,
}

impl Op for Reshape {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].reshape(&self.shape), ())
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
        apply(Reshape { shape: shape.as_ref().to_vec() }, [self])
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
        Sample::new(Reshape { shape }, [Input::new([a, b, c])])
    },
    standard: |_| Sample::new(Reshape { shape: vec![1 << 20] }, [Input::new([1024, 1024])]),
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).reshape([4])),
            says: "reshape: [2, 3] has 6 elements, but [4] has 4",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).reshape([2, 0])),
            says: "reshape: [2, 3] has 6 elements, but [2, 0] has 0",
        },
    ],
    tolerance: Tolerance::Exact,
    cost: |_, _| Cost::VIEW,
    derivatives: Derivatives::Any,
};
