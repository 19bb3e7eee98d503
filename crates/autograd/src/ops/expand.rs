//! Repetition along axes of length 1 (and along new axes in front), without a copy: what broadcasting does by itself.
//!
//! Each element of x stands at several places of y, and its gradient is the sum over all of them.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;
use glassbox_tensor::shape::Dims;

/// y = x, repeated to a shape.
#[derive(Clone, Debug)]
pub struct Expand {
    /// The shape of y.
    pub shape: Dims,
}

impl Op for Expand {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].expand(self.shape), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        [Some(dy.sum_to(kept.shape(0)))].into()
    }
}

impl Var {
    /// Repeated to a shape, as broadcasting does: axes of length 1 become longer, new axes come in front. A view.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::input(tensor![1., 2.]);
    /// let y = x.expand([3, 2]);
    /// assert_eq!(y.value(), &tensor![[1., 2.], [1., 2.], [1., 2.]]);
    /// assert_eq!(y.sum_all().backward().of(&x), &tensor![3., 3.]);
    /// ```
    ///
    /// # Panics
    /// When the shape can't be reached by repeating axes of length 1.
    #[track_caller]
    pub fn expand(&self, shape: impl AsRef<[usize]>) -> Var {
        apply(Expand { shape: Dims::new(shape.as_ref()) }, [self])
    }
}

/// What the registry knows of repetition.
pub static INFO: OpInfo<Expand> = OpInfo {
    name: "expand",
    formula: "y = x, repeated along axes of length 1",
    gradient: "dx = dy, summed over repeated axes",
    source: "NumPy, broadcast_to",
    reference: |op, x| x[0].broadcast(&op.shape[..]).expect("a shape that x can be repeated to").to_owned(),
    sample: |d| {
        let [a, b, c] = [d.dim(), d.dim(), d.dim()];
        let from = match d.choice(5) {
            0 => vec![a, 1, c],
            1 => vec![c],
            2 => vec![1, b, 1],
            3 => vec![],
            _ => vec![a, b, c],
        };
        Sample::new(Expand { shape: Dims::new(&[a, b, c]) }, [Input::new(from)])
    },
    standard: |_| Sample::new(Expand { shape: Dims::new(&[64, 1 << 16]) }, [Input::new([1 << 16])]),
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).expand([2, 4])),
            says: "expand: [2, 3] can't be repeated to [2, 4]; only axes of length 1 repeat",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).expand([3])),
            says: "expand: [2, 3] can't be repeated to [3]; only axes of length 1 repeat",
        },
    ],
    tolerance: Tolerance::Exact,
    cost: |_, _| Cost::VIEW,
    derivatives: Derivatives::Any,
};
