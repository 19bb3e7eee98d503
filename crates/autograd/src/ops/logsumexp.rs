//! The logarithm of a sum of exponentials over any axes: y = ln Σ e^x, computed as m + ln Σ e^(x − m) with m = max x.
//!
//! ∂y/∂xᵢ = e^xᵢ / Σ e^x = e^(xᵢ − y): the gradient is softmax(x), shared out by dy. Beside y its *low* part is kept, what the f32
//! y lacks of the true value: with it, e^((x − y) − low) is right to the last digits for logits of any size.
//!
//! | row | y | gradient |
//! | --- | --- | --- |
//! | finite, up to ±3·10³⁸ | finite, unless ln n takes it beyond f32 | finite, sums to dy |
//! | −∞ alone ("masked"), or no element | −∞ | NaN, as in PyTorch: no entry is likelier than another |
//! | some −∞ | that of the others | 0 for these |
//! | ∞ among them | ∞ | NaN for ∞, 0 for the others |
//! | NaN among them | NaN | NaN |

use super::sum::sample_axes;
use crate::axes;
use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::simd::{Lanes, Simd, math};
use glassbox_tensor::{Tensor, map_n};
use ndarray::ArrayD;

/// y = ln Σ e^x over `axes`; reduced axes keep length 1 with `keepdim`.
#[derive(Clone, Debug)]
pub struct Logsumexp {
    /// Which axes; negative ones count from the end.
    pub axes: Vec<isize>,
    /// Whether reduced axes stay, with length 1.
    pub keepdim: bool,
}

impl Op for Logsumexp {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = Tensor; // low: small, and the only trace of digits that y has no room for

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::OUTPUT.input_if(0, true)
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, Tensor) {
        x[0].logsumexp_with_low(&self.axes, self.keepdim)
    }

    fn backward(&self, kept: &Kept<'_, Tensor>, dy: &Var, _: &[bool]) -> Grads {
        let x = kept.x(0);
        let spread = |y: &Var| axes::with_axes(y, x.shape(), &self.axes);
        let low = Var::constant(kept.extra.clone());
        let softmax = (&(x - &spread(kept.y())) - &spread(&low)).exp();
        [Some(&spread(dy) * &softmax)].into()
    }

    fn backward_fused(&self, kept: &Kept<'_, Tensor>, dy: &Tensor, _: &[bool]) -> Option<TensorGrads> {
        let x = kept.x(0).value();
        let spread = |y: &Tensor| y.reshape(axes::kept(x.shape(), &self.axes));
        let [y, low, dy] = [kept.y().value(), kept.extra, dy].map(spread);
        Some([Some(map_n(&Backward, [x, &y, &low, &dy]))].into())
    }
}

/// dy·e^((x − y) − low)
struct Backward;

impl Lanes<4> for Backward {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x, y, low, dy]: [S::F; 4]) -> S::F {
        dy * math::exp(s, (x - y) - low)
    }
}

impl Var {
    /// ln Σ e^x over `axes` (negative ones count from the end); reduced axes keep length 1 with `keepdim`. Finite for any finite
    /// x; −∞ where all are −∞.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let x = Var::input(tensor![[0., 0.], [1e4, 1e4 + 1.]]);
    /// let y = x.logsumexp(&[1], false); // (2, 2) -> (2)
    /// assert_close!(*y.value(), tensor![0.6931472, 10001.313]);
    /// assert_close!(*y.sum_all().backward().of(&x), tensor![[0.5, 0.5], [0.26894142, 0.7310586]]);
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist or is named twice.
    #[track_caller]
    pub fn logsumexp(&self, axes: &[isize], keepdim: bool) -> Var {
        apply(Logsumexp { axes: axes.to_vec(), keepdim }, [self])
    }
}

/// ln Σ e^x of a row, in f64.
pub(super) fn reference(x: &[f64]) -> f64 {
    let max = x.iter().copied().fold(f64::NEG_INFINITY, axes::larger);
    if !max.is_finite() {
        return max; // e^(∞ − ∞) would be NaN
    }
    max + x.iter().map(|x| (x - max).exp()).sum::<f64>().ln()
}

/// What a value is made from: |max x| and the logarithm, which begins at ln 1.
pub(super) fn magnitude(op: &[isize], keepdim: bool, x: &ArrayD<f64>) -> ArrayD<f64> {
    axes::reduce(x, op, keepdim, |x| 1.0 + reference(x).abs())
}

/// What the registry knows of it.
pub static INFO: OpInfo<Logsumexp> = OpInfo {
    name: "logsumexp",
    formula: "y = m + ln Σ exp(x − m) over the named axes, m = max x",
    gradient: "dx = dy · exp(x − y)",
    source: "Blanchard, Higham & Higham 2021, Accurately Computing the Log-Sum-Exp and Softmax Functions",
    reference: |op, x| axes::reduce(&x[0], &op.axes, op.keepdim, reference),
    sample: |d| {
        let shape = [d.dim(), d.dim(), d.dim() % 4 + 1];
        let (axes, keepdim) = sample_axes(d);
        Sample::new(Logsumexp { axes, keepdim }, [Input::within(shape, -6.0..6.0)])
    },
    standard: |_| Sample::new(Logsumexp { axes: vec![-1], keepdim: false }, [Input::new([4096, 1024])]),
    wrong: &[Wrong {
        call: || drop(Var::constant(Tensor::ones([2, 3])).logsumexp(&[1, 1], false)),
        says: "logsumexp: axis 1 is named twice in [1, 1]; name each axis once",
    }],
    tolerance: Tolerance::UnitsOf(3.0, |op, x| magnitude(&op.axes, op.keepdim, &x[0])),
    cost: |_, shapes| {
        let n = shapes[0].iter().product::<usize>() as u64;
        Cost { flops: 4 * n, bytes: 4 * n }
    },
    derivatives: Derivatives::Any,
};
