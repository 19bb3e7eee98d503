//! The smallest element over any axes: y = min x; NaN wins.
//!
//! What [`max`](super::max) says of the largest holds of the smallest: equally small elements share the gradient equally.

use super::max::{shared, shared_tensor};
use super::sum::{cost, sample_axes};
use crate::axes;
use crate::info::{Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Density, Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;

/// y = min x over `axes`; reduced axes keep length 1 with `keepdim`.
#[derive(Clone, Debug)]
pub struct Min {
    /// Which axes; negative ones count from the end.
    pub axes: Vec<isize>,
    /// Whether reduced axes stay, with length 1.
    pub keepdim: bool,
}

impl Op for Min {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();
    const GRADIENT: Density = Density::Sparse("the gradient goes to the smallest elements alone");

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::OUTPUT.input_if(0, true)
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].min(&self.axes, self.keepdim), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        [Some(shared(kept.x(0), kept.y(), dy, &self.axes))].into()
    }

    fn backward_fused(&self, kept: &Kept<'_, ()>, dy: &Tensor, _: &[bool]) -> Option<TensorGrads> {
        Some([Some(shared_tensor(kept.x(0).value(), kept.y().value(), dy, &self.axes))].into())
    }
}

impl Var {
    /// The smallest element over `axes` (negative ones count from the end); reduced axes keep length 1 with `keepdim`. NaN if
    /// one is NaN; the minimum of nothing is ∞. Equally small elements share the gradient equally.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::input(tensor![[9., 5., 5.], [3., 2., 1.]]);
    /// let y = x.min(&[1], false); // (2, 3) -> (2)
    /// assert_eq!(y.value(), &tensor![5., 1.]);
    /// assert_eq!(y.sum_all().backward().of(&x), &tensor![[0., 0.5, 0.5], [0., 0., 1.]]);
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist or is named twice.
    #[track_caller]
    pub fn min(&self, axes: &[isize], keepdim: bool) -> Var {
        apply(Min { axes: axes.to_vec(), keepdim }, [self])
    }
}

/// What the registry knows of the minimum.
pub static INFO: OpInfo<Min> = OpInfo {
    name: "min",
    formula: "y = min x over the named axes",
    gradient: "dx = dy / n where x is y, which n elements are; 0 elsewhere",
    source: "definition; ties as PyTorch's amin",
    reference: |op, x| {
        axes::reduce(&x[0], &op.axes, op.keepdim, |x| {
            x.iter().copied().fold(f64::INFINITY, axes::smaller)
        })
    },
    sample: |d| {
        let shape = [d.dim(), d.dim(), d.dim()];
        let (axes, keepdim) = sample_axes(d);
        Sample::new(Min { axes, keepdim }, [Input::new(shape)])
    },
    standard: |_| Sample::new(Min { axes: vec![1], keepdim: false }, [Input::new([2048, 2048])]),
    wrong: &[Wrong {
        call: || drop(Var::constant(Tensor::ones([2, 3])).min(&[2], false)),
        says: "min: axis 2 is out of range for a tensor with 2 axes; use -2 to 1",
    }],
    tolerance: Tolerance::Exact,
    cost: |_, shapes| cost(1, shapes),
    derivatives: Derivatives::Any,
};
