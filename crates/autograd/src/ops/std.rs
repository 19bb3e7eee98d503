//! The standard deviation over any axes: y = √var(x).
//!
//! dx = dy · ∂√v/∂v · ∂v/∂x = dy · (x − m) / (y·(n − correction)), with the variance v and the mean m. At y = 0 all x are equal and
//! there is no derivative; 0 is taken, as PyTorch does. What [`var`](super::var) says of large means, equal numbers and small n
//! holds here too.

use super::sum::cost;
use super::var::{divisor, reference, sample, times_distance, times_distance_fused};
use crate::axes;
use crate::info::{Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;

/// y = √(Σ (x − m)² / (n − correction)) over `axes`; reduced axes keep length 1 with `keepdim`.
#[derive(Clone, Debug)]
pub struct Std {
    /// Which axes; negative ones count from the end.
    pub axes: Vec<isize>,
    /// 1: the estimate from a sample; 0: the spread of the numbers themselves.
    pub correction: usize,
    /// Whether reduced axes stay, with length 1.
    pub keepdim: bool,
}

impl Op for Std {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = Tensor; // the mean: small, and known from forward

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::OUTPUT.input_if(0, true)
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, Tensor) {
        x[0].std_mean(&self.axes, self.correction, self.keepdim)
    }

    fn backward(&self, kept: &Kept<'_, Tensor>, dy: &Var, _: &[bool]) -> Grads {
        [Some(times_distance(kept.x(0), &self.share(kept, dy), &self.axes))].into()
    }

    fn backward_fused(&self, kept: &Kept<'_, Tensor>, dy: &Tensor, _: &[bool]) -> Option<TensorGrads> {
        let g = self.share(kept, &Var::constant(dy.clone())).into_value();
        Some([Some(times_distance_fused(kept.x(0).value(), kept.extra, &g, &self.axes))].into())
    }
}

impl Std {
    /// dy / (y·(n − correction)); where y is 0, x − m is too, and any number does
    fn share(&self, kept: &Kept<'_, Tensor>, dy: &Var) -> Var {
        dy / &(&axes::nonzero(kept.y()) * divisor(kept.shape(0), &self.axes, self.correction))
    }
}

impl Var {
    /// The standard deviation over `axes` (negative ones count from the end): √(Σ (x − mean)² / (n − correction)). Reduced axes
    /// keep length 1 with `keepdim`.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let x = Var::input(tensor![[1., 5.], [3., 3.]]);
    /// let y = x.std(&[1], 0, false); // (2, 2) -> (2)
    /// assert_eq!(y.value(), &tensor![2., 0.]);
    /// assert_eq!(y.sum_all().backward().of(&x), &tensor![[-0.5, 0.5], [0., 0.]]);
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist or is named twice.
    #[track_caller]
    pub fn std(&self, axes: &[isize], correction: usize, keepdim: bool) -> Var {
        apply(Std { axes: axes.to_vec(), correction, keepdim }, [self])
    }
}

/// What the registry knows of the standard deviation.
pub static INFO: OpInfo<Std> = OpInfo {
    name: "std",
    formula: "y = √(Σ (x − m)² / (n − correction)) over the named axes, m = mean x",
    gradient: "dx = dy · (x − m) / (y · (n − correction)); 0 where y is 0",
    source: "Chan, Golub & LeVeque 1983, Algorithms for Computing the Sample Variance",
    reference: |op, x| axes::reduce(&x[0], &op.axes, op.keepdim, |x| reference(x, op.correction).sqrt()),
    sample: |d| {
        let (x, axes, correction, keepdim) = sample(d, 3); // of two numbers the second derivative is 0 but for rounding
        Sample::new(Std { axes, correction, keepdim }, [x])
    },
    standard: |_| Sample::new(Std { axes: vec![-1], correction: 1, keepdim: false }, [Input::new([2048, 2048])]),
    wrong: &[Wrong {
        call: || drop(Var::constant(Tensor::ones([2, 3])).std(&[0, -2], 1, false)),
        says: "std: axis -2 is named twice in [0, -2]; name each axis once",
    }],
    tolerance: Tolerance::Units(4.0),
    cost: |_, shapes| cost(4, shapes),
    derivatives: Derivatives::Any,
};
