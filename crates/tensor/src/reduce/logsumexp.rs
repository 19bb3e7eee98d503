//! ln Σ eˣ, and what is made of it.
//!
//! With the maximum taken away no exponential overflows: ln Σ eˣ = m + ln Σ e^(x − m), m = max x. The result is a number in f64, so
//! that what is left of it beside its f32 (the *low* part, below half a unit) can be handed on: e^(x − y) = softmax(x) is right
//! only to u·|y| without it, which for logits near 10⁴ is 3 digits.

use super::extreme::Extreme;
use super::{BLOCK, Fold, reduce_into, reduced_shape};
use crate::rows::{Rows, map_rows};
use crate::shape::axis_mask;
use crate::simd::{Lanes, Simd, SumLanes, map_lanes, math, sum_lanes};
use crate::tensor::Tensor;

/// ln Σ eˣ, and Σ x if `TOTAL` (or else 0).
#[derive(Clone, Copy)]
pub(crate) struct LogSumExp<const TOTAL: bool>;

/// Σ eˣ = sum · e^max.
#[derive(Clone, Copy)]
pub(crate) struct Scaled {
    max: f32,
    sum: f64,
    total: f64,
}

/// e^(x − shift)
struct Exponential {
    shift: f32,
}

impl SumLanes<1, 1> for Exponential {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x]: [S::F; 1]) -> [S::F; 1] {
        [math::exp(s, x - s.splat(self.shift))]
    }
}

impl<const TOTAL: bool> LogSumExp<TOTAL> {
    /// Of a row of any length, on this thread.
    #[inline(always)]
    pub(crate) fn of_row<S: Simd>(self, s: S, x: &[f32]) -> [f64; 2] {
        let mut all = self.nothing();
        for block in x.chunks(BLOCK) {
            all = self.join(all, self.row(s, block, 0));
        }
        self.finish(all)
    }
}

impl<const TOTAL: bool> Fold for LogSumExp<TOTAL> {
    type Part = Scaled;
    type Out = [f64; 2];

    fn nothing(self) -> Scaled {
        Scaled { max: f32::NEG_INFINITY, sum: 0.0, total: 0.0 }
    }
    #[inline(always)]
    fn row<S: Simd>(self, s: S, x: &[f32], _: usize) -> Scaled {
        let max = Extreme::<false>.of_row(s, x);
        // −∞ alone, or a row with ∞ or NaN, is its own result
        let sum = if max.is_finite() { sum_lanes(s, &Exponential { shift: max }, [x])[0] } else { 1.0 };
        Scaled { max, sum, total: if TOTAL { super::sum::of_row(s, x) } else { 0.0 } }
    }
    fn join(self, a: Scaled, b: Scaled) -> Scaled {
        let max = Extreme::<false>.of_scalars(a.max, b.max);
        let share = |part: Scaled| match part.max == max {
            true => part.sum, // ∞ − ∞ among them
            false => part.sum * (f64::from(part.max) - f64::from(max)).exp(),
        };
        Scaled { max, sum: share(a) + share(b), total: a.total + b.total }
    }
    fn finish(self, all: Scaled) -> [f64; 2] {
        let y = if all.max.is_finite() { f64::from(all.max) + all.sum.ln() } else { f64::from(all.max) };
        [y, all.total]
    }
}

/// A number as two f32: the nearest one and what is left, 0 beside an infinity.
pub(crate) fn high_and_low(y: f64) -> [f32; 2] {
    let high = y as f32;
    [high, if high.is_finite() { (y - f64::from(high)) as f32 } else { 0.0 }]
}

/// x − ln Σ eˣ along the last axis.
struct LogSoftmax;

impl Rows<1> for LogSoftmax {
    #[inline(always)]
    fn row<S: Simd>(&self, s: S, [x]: [&[f32]; 1], out: &mut [f32]) {
        let [y, _] = LogSumExp::<false>.of_row(s, x);
        let [high, low] = high_and_low(y);
        // as in PyTorch, ∞ anywhere makes all of the row NaN
        let low = if high == f32::INFINITY { f32::NAN } else { low };
        map_lanes(s, &Minus { high, low }, [x], out);
    }
}

/// (x − high) − low
struct Minus {
    high: f32,
    low: f32,
}

impl Lanes<1> for Minus {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x]: [S::F; 1]) -> S::F {
        (x - s.splat(self.high)) - s.splat(self.low)
    }
}

impl Tensor {
    /// ln Σ eˣ over `axes`, as [`sum`](Self::sum): finite for any finite input. −∞ of a row of −∞ (and of no elements), ∞ if one
    /// is ∞, NaN if one is NaN.
    ///
    /// ```
    /// use glassbox_tensor::{Tensor, assert_close, tensor};
    /// assert_close!(tensor![[0., 0.], [1e38, 1e38]].logsumexp(&[1], false), tensor![0.6931472, 1e38]);
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist or is named twice.
    #[track_caller]
    pub fn logsumexp(&self, axes: &[isize], keepdim: bool) -> Tensor {
        self.logsumexp_with_low(axes, keepdim).0
    }

    /// [`logsumexp`](Self::logsumexp) y, and what is missing from y because it is an f32: e^((x − y) − low) is softmax to the
    /// last digits, however large x is.
    ///
    /// ```
    /// use glassbox_tensor::{assert_close, tensor};
    /// let x = tensor![10000., 10000.];
    /// let (y, low) = x.logsumexp_with_low(&[0], true); // 10000.693359375 − 2.12e-4
    /// assert_close!((&(&x - &y) - &low).exp(), tensor![0.5, 0.5]);
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist or is named twice.
    #[track_caller]
    pub fn logsumexp_with_low(&self, axes: &[isize], keepdim: bool) -> (Tensor, Tensor) {
        let mask = axis_mask("logsumexp", axes, self.rank());
        let shape = reduced_shape(self.shape(), &mask, keepdim);
        let mut all = vec![[0.0; 2]; shape.iter().product()];
        reduce_into(self, &mask, LogSumExp::<false>, &mut all);
        let part = |i: usize| Tensor::from_vec(all.iter().map(|&[y, _]| high_and_low(y)[i]).collect(), shape);
        (part(0), part(1))
    }

    /// x − ln Σ eˣ along `axis`, the logarithm of [`softmax`](Self::softmax) without its underflow: finite for any finite input.
    /// A row of −∞, and one with ∞ or NaN, gives NaN, as in PyTorch.
    ///
    /// ```
    /// use glassbox_tensor::{assert_close, tensor};
    /// assert_close!(tensor![0., 0., 200.].log_softmax(0), tensor![-200., -200., 0.]);
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist.
    #[track_caller]
    pub fn log_softmax(&self, axis: isize) -> Tensor {
        self.along_last("log_softmax", axis, |x| map_rows(&LogSoftmax, [x]))
    }
}
