//! The mean over any axes: y = Σ x / n, of n elements each.
//!
//! Every averaged element has the derivative 1/n, so dx repeats dy / n along the axes. The division belongs to the reduction:
//! the sum is not rounded to f32 before it.

use super::sum::{cost, sample_axes, sum_gamma};
use crate::axes;
use crate::info::{Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;

/// y = Σ x / n over `axes`; reduced axes keep length 1 with `keepdim`.
#[derive(Clone, Debug)]
pub struct Mean {
    /// Which axes; negative ones count from the end.
    pub axes: Vec<isize>,
    /// Whether reduced axes stay, with length 1.
    pub keepdim: bool,
}

impl Op for Mean {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].mean(&self.axes, self.keepdim), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        let shape = kept.shape(0);
        let share = dy * (1.0 / axes::count(shape, &self.axes) as f32);
        [Some(axes::with_axes(&share, shape, &self.axes).expand(shape))].into()
    }
}

impl Var {
    /// The mean over `axes` (negative ones count from the end); reduced axes keep length 1 with `keepdim`. The mean of nothing
    /// is NaN.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::input(tensor![[1., 2.], [3., 6.]]);
    /// let y = x.mean(&[0], false); // (2, 2) -> (2)
    /// assert_eq!(y.value(), &tensor![2., 4.]);
    /// assert_eq!(y.sum_all().backward().of(&x), &tensor![[0.5, 0.5], [0.5, 0.5]]);
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist or is named twice.
    #[track_caller]
    pub fn mean(&self, axes: &[isize], keepdim: bool) -> Var {
        apply(Mean { axes: axes.to_vec(), keepdim }, [self])
    }

    /// The mean of all elements, without axes.
    #[track_caller]
    pub fn mean_all(&self) -> Var {
        self.mean(axes::all(self.rank()), false)
    }
}

/// What the registry knows of the mean.
pub static INFO: OpInfo<Mean> = OpInfo {
    name: "mean",
    formula: "y = Σ x / n over the named axes, of n elements each",
    gradient: "dx = dy / n, repeated along the axes",
    source: "definition; bound: Higham 2002, Accuracy and Stability, section 4.2",
    reference: |op, x| axes::reduce(&x[0], &op.axes, op.keepdim, |x| x.iter().sum::<f64>() / x.len() as f64),
    sample: |d| {
        let shape = [d.dim(), d.dim(), d.dim()];
        let (axes, keepdim) = sample_axes(d);
        Sample::new(Mean { axes, keepdim }, [Input::new(shape)])
    },
    standard: |_| Sample::new(Mean { axes: vec![0, 1], keepdim: false }, [Input::new([2048, 2048])]),
    wrong: &[Wrong {
        call: || drop(Var::constant(Tensor::ones([2, 3])).mean(&[-3], false)),
        says: "mean: axis -3 is out of range for a tensor with 2 axes; use -2 to 1",
    }],
    // the sum's bound, and 2⁻¹⁴⁹ where the quotient underflows
    tolerance: Tolerance::Proven(|op, x| {
        let n = axes::count(x[0].shape(), &op.axes);
        axes::reduce(&x[0], &op.axes, op.keepdim, |x| {
            sum_gamma(n) * x.iter().map(|x| x.abs()).sum::<f64>() / n as f64 + 2f64.powi(-149)
        })
    }),
    cost: |_, shapes| cost(1, shapes),
    derivatives: Derivatives::Any,
};
