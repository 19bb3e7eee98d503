//! The rectifier: y = max(x, 0).
//!
//! ∂y/∂x = 1 where x > 0 and 0 elsewhere; at the kink, 0 is taken, as PyTorch does. x > 0 exactly where y > 0, so the output
//! is kept and not the input: it is what the next layer keeps anyway. The mask is a constant, since its own derivative
//! is 0 wherever there is one. Where y is NaN the gradient passes, as in PyTorch: a NaN that forward shows, backward hides not.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::simd::{Lanes, Simd};
use glassbox_tensor::{Tensor, map_n};

/// y = max(x, 0).
#[derive(Clone, Debug)]
pub struct Relu;

impl Op for Relu {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::OUTPUT
    }

    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].relu(), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        [Some(dy * &mask(kept.y()))].into()
    }

    fn backward_fused(&self, kept: &Kept<'_, ()>, dy: &Tensor, _: &[bool]) -> Option<TensorGrads> {
        Some([Some(masked(kept.y().value(), dy))].into())
    }
}

/// 0 where y ≤ 0, 1 elsewhere.
pub(super) fn mask(y: &Var) -> Var {
    Var::constant(masked(y.value(), &Tensor::scalar(1.0)))
}

/// 0 where y ≤ 0, dy elsewhere, in one pass.
pub(super) fn masked(y: &Tensor, dy: &Tensor) -> Tensor {
    struct Masked;
    impl Lanes<2> for Masked {
        #[inline(always)]
        fn lanes<S: Simd>(&self, s: S, [y, dy]: [S::F; 2]) -> S::F {
            let zero = s.splat(0.0);
            s.select(s.le(y, zero), zero, dy)
        }
    }
    map_n(&Masked, [y, dy])
}

impl Var {
    /// max(x, 0), elementwise; NaN stays NaN.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::input(tensor![-1., 0., 2.]);
    /// let y = x.relu();
    /// assert_eq!(y.value(), &tensor![0., 0., 2.]);
    /// assert_eq!(y.sum_all().backward().of(&x), &tensor![0., 0., 1.]);
    /// ```
    #[track_caller]
    pub fn relu(&self) -> Var {
        apply(Relu, [self])
    }
}

/// What the registry knows of the rectifier.
pub static INFO: OpInfo<Relu> = OpInfo {
    name: "relu",
    formula: "y = max(x, 0)",
    gradient: "dx = 0 where y ≤ 0, dy elsewhere",
    source: "Nair & Hinton 2010, Rectified Linear Units Improve Restricted Boltzmann Machines",
    reference: |_, x| x[0].mapv(|x| if x < 0.0 { 0.0 } else { x }), // and not f64::max, which would swallow NaN
    sample: |d| Sample::new(Relu, [Input::new(d.shape2()).avoiding(&[0.0])]),
    standard: |_| Sample::new(Relu, [Input::new([2048, 2048])]),
    wrong: &[],
    tolerance: Tolerance::Exact,
    cost: |_, shapes| Cost::elementwise(1, shapes),
    derivatives: Derivatives::Any,
};
