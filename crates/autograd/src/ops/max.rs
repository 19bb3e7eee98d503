//! The largest element over any axes: y = max x; NaN wins.
//!
//! y changes with the element that is the maximum, and with no other. Where n elements are equally large, each gets an n-th of
//! the gradient, as PyTorch's `amax` does it: dx = dy / n where x = y, 0 elsewhere. (A row whose maximum is NaN has no such
//! element, and gets NaN.) The mask is a constant: its own derivative is 0 wherever there is one.

use super::sum::{cost, sample_axes};
use crate::axes;
use crate::info::{Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Density, Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::simd::{Lanes, Simd};
use glassbox_tensor::{Tensor, map_n};

/// y = max x over `axes`; reduced axes keep length 1 with `keepdim`.
#[derive(Clone, Debug)]
pub struct Max {
    /// Which axes; negative ones count from the end.
    pub axes: Vec<isize>,
    /// Whether reduced axes stay, with length 1.
    pub keepdim: bool,
}

impl Op for Max {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();
    const GRADIENT: Density = Density::Sparse("the gradient goes to the largest elements alone");

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::OUTPUT.input_if(0, true)
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].max(&self.axes, self.keepdim), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        [Some(shared(kept.x(0), kept.y(), dy, &self.axes))].into()
    }

    fn backward_fused(&self, kept: &Kept<'_, ()>, dy: &Tensor, _: &[bool]) -> Option<TensorGrads> {
        Some([Some(shared_tensor(kept.x(0).value(), kept.y().value(), dy, &self.axes))].into())
    }
}

/// dy, shared equally among the elements of x that are y.
pub(super) fn shared(x: &Var, y: &Var, dy: &Var, axes: &[isize]) -> Var {
    let shape = x.shape();
    let ones = Tensor::ones(y.shape());
    let share = shared_tensor(x.value(), y.value(), &ones, axes); // a constant
    &axes::with_axes(dy, shape, axes).expand(shape) * &Var::constant(share)
}

/// The same in the fewest passes.
pub(super) fn shared_tensor(x: &Tensor, y: &Tensor, dy: &Tensor, axes: &[isize]) -> Tensor {
    /// share where x = y, 0·share elsewhere (so that a share of NaN reaches the whole row)
    struct Share;
    impl Lanes<3> for Share {
        #[inline(always)]
        fn lanes<S: Simd>(&self, s: S, [x, y, share]: [S::F; 3]) -> S::F {
            s.select(s.eq(x, y), s.splat(1.0), s.splat(0.0)) * share
        }
    }
    let kept = axes::kept(x.shape(), axes);
    let (y, dy) = (y.reshape(kept), dy.reshape(kept));
    let count = x.equal(&y).sum(axes, true);
    map_n(&Share, [x, &y, &(&dy / &count)])
}

impl Var {
    /// The largest element over `axes` (negative ones count from the end); reduced axes keep length 1 with `keepdim`. NaN if
    /// one is NaN; the maximum of nothing is −∞. Equally large elements share the gradient equally.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::input(tensor![[1., 5., 5.], [3., 2., 1.]]);
    /// let y = x.max(&[1], false); // (2, 3) -> (2)
    /// assert_eq!(y.value(), &tensor![5., 3.]);
    /// assert_eq!(y.sum_all().backward().of(&x), &tensor![[0., 0.5, 0.5], [1., 0., 0.]]);
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist or is named twice.
    #[track_caller]
    pub fn max(&self, axes: &[isize], keepdim: bool) -> Var {
        apply(Max { axes: axes.to_vec(), keepdim }, [self])
    }
}

/// What the registry knows of the maximum.
pub static INFO: OpInfo<Max> = OpInfo {
    name: "max",
    formula: "y = max x over the named axes",
    gradient: "dx = dy / n where x is y, which n elements are; 0 elsewhere",
    source: "definition; ties as PyTorch's amax",
    reference: |op, x| {
        axes::reduce(&x[0], &op.axes, op.keepdim, |x| {
            x.iter().copied().fold(f64::NEG_INFINITY, axes::larger)
        })
    },
    sample: |d| {
        let shape = [d.dim(), d.dim(), d.dim()];
        let (axes, keepdim) = sample_axes(d);
        Sample::new(Max { axes, keepdim }, [Input::new(shape)])
    },
    standard: |_| Sample::new(Max { axes: vec![1], keepdim: false }, [Input::new([2048, 2048])]),
    wrong: &[Wrong {
        call: || drop(Var::constant(Tensor::ones([2, 3])).max(&[0, 0], false)),
        says: "max: axis 0 is named twice in [0, 0]; name each axis once",
    }],
    tolerance: Tolerance::Exact,
    cost: |_, shapes| cost(1, shapes),
    derivatives: Derivatives::Any,
};
