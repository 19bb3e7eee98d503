//! ln Σ eˣ, and what is made of it.
//!
//! With the maximum taken away no exponential overflows: ln Σ eˣ = m + ln Σ e^(x − m), m = max x, or a number so near to it that
//! no x − m exceeds 2. Both terms are handed on, or their sum as an f32 with what is left of it (the *low* part): e^(x − y) =
//! softmax(x) is right only to u·|y| without it, which for logits near 10⁴ is 3 digits, and beyond 10⁸ none.

use super::extreme::Extreme;
use super::{BLOCK, Fold, reduce_into, reduced_shape};
use crate::list::List;
use crate::rows::{Rows, map_rows};
use crate::shape::axis_mask;
use crate::simd::{Lanes, MAX_LANES, Simd, map_lanes, math};
use crate::tensor::Tensor;

/// ln Σ eˣ, and Σ x if `TOTAL` (or else 0).
#[derive(Clone, Copy)]
pub(crate) struct LogSumExp<const TOTAL: bool>;

/// Σ eˣ = sum · e^max, with the maximum or, where it is finite, a number near it.
#[derive(Clone, Copy)]
pub(crate) struct Scaled {
    max: f32,
    sum: f64,
    total: f64,
}

/// ln Σ eˣ = max + ln, and Σ x; max as in [`Scaled`].
#[derive(Clone, Copy)]
pub(crate) struct LogSum {
    pub(crate) max: f64,
    pub(crate) ln: f64,
    pub(crate) total: f64,
}

impl LogSum {
    /// Of no elements.
    pub(crate) const NONE: LogSum = LogSum { max: f64::NEG_INFINITY, ln: 0.0, total: 0.0 };

    /// As an f32.
    pub(crate) fn high(self) -> f32 {
        (self.max + self.ln) as f32
    }

    /// What is left; 0 beside an infinity. Not the difference of two sums in f64, in which 10³⁸ + ln 2 is 10³⁸.
    pub(crate) fn low(self) -> f32 {
        let high = self.high();
        if high.is_finite() { ((self.max - f64::from(high)) + self.ln) as f32 } else { 0.0 }
    }
}

/// Elements whose maximum is taken for that of a whole block, unless the block has one that is larger by more than [`ABOVE`].
const HEAD: usize = 1024;
/// Exponents up to 2 are rounded to 2⁻²⁴, which is no more than e^x errs by itself.
const ABOVE: f32 = 2.0;

/// Σ e^(x − shift), and the largest exponent (passing over NaN, which the sum shows). Wrong, and to be thrown away, if that is
/// above 89.
#[inline(always)]
fn sum_of_exponentials<S: Simd>(s: S, x: &[f32], shift: f32) -> (f64, f32) {
    const STEP: usize = 4; // accumulators, which hide the latency of an addition
    const FLIGHT: usize = 16 * STEP; // vectors that are added up in f32, as in `sum_lanes`
    let (shift, low) = (s.splat(shift), s.splat(f32::NEG_INFINITY));
    let body = x.len() - x.len() % (STEP * S::LANES);
    let (mut total, mut tops) = (0.0, [low; STEP]);
    for flight in x[..body].chunks(FLIGHT * S::LANES) {
        let mut acc = [s.splat(0.0); STEP];
        for step in flight.chunks_exact(STEP * S::LANES) {
            for j in 0..STEP {
                let exponent = s.load(&step[j * S::LANES..]) - shift;
                tops[j] = s.max(exponent, tops[j]);
                acc[j] = acc[j] + math::exp_below_89(s, exponent);
            }
        }
        total += f64::from(s.sum((acc[0] + acc[1]) + (acc[2] + acc[3])));
    }
    let mut top = s.max_lane(s.max(s.max(tops[0], tops[1]), s.max(tops[2], tops[3])));
    let mut last = [0.0; MAX_LANES];
    for part in x[body..].chunks(S::LANES) {
        let exponent = s.load_part(part) - shift;
        s.store_part(&mut last[..part.len()], exponent);
        top = last[..part.len()].iter().fold(top, |top, &e| if e > top { e } else { top });
        s.store_part(&mut last[..part.len()], math::exp_below_89(s, exponent));
        total = last[..part.len()].iter().fold(total, |total, &e| total + f64::from(e));
    }
    (total, top)
}

impl<const TOTAL: bool> LogSumExp<TOTAL> {
    /// Of a row of any length, on this thread.
    #[inline(always)]
    pub(crate) fn of_row<S: Simd>(self, s: S, x: &[f32]) -> LogSum {
        let mut all = self.nothing();
        for block in x.chunks(BLOCK) {
            all = self.join(all, self.row(s, block, 0));
        }
        self.finish(all)
    }
}

impl<const TOTAL: bool> Fold for LogSumExp<TOTAL> {
    type Part = Scaled;
    type Out = LogSum;

    fn nothing(self) -> Scaled {
        Scaled { max: f32::NEG_INFINITY, sum: 0.0, total: 0.0 }
    }
    #[inline(always)]
    fn row<S: Simd>(self, s: S, x: &[f32], _: usize) -> Scaled {
        let total = if TOTAL { super::sum::of_row(s, x) } else { 0.0 };
        // In one pass, memory and arithmetic don't wait for each other: the maximum of the first elements will do, if the others
        // aren't much larger.
        let guess = Extreme::<false>.of_row(s, &x[..x.len().min(HEAD)]);
        if guess.is_finite() {
            let (sum, top) = sum_of_exponentials(s, x, guess);
            if top <= ABOVE && sum.is_finite() {
                return Scaled { max: guess, sum, total };
            }
        }
        let max = Extreme::<false>.of_row(s, x);
        // −∞ alone, or a row with ∞ or NaN, is its own result
        let sum = if max.is_finite() { sum_of_exponentials(s, x, max).0 } else { 1.0 };
        Scaled { max, sum, total }
    }
    fn join(self, a: Scaled, b: Scaled) -> Scaled {
        let max = Extreme::<false>.of_scalars(a.max, b.max);
        let share = |part: Scaled| match part.max == max {
            true => part.sum, // ∞ − ∞ among them
            false => part.sum * (f64::from(part.max) - f64::from(max)).exp(),
        };
        Scaled { max, sum: share(a) + share(b), total: a.total + b.total }
    }
    fn finish(self, all: Scaled) -> LogSum {
        let ln = if all.max.is_finite() { all.sum.ln() } else { 0.0 };
        LogSum { max: f64::from(all.max), ln, total: all.total }
    }
}

/// x − ln Σ eˣ along the last axis.
struct LogSoftmax;

impl Rows<1> for LogSoftmax {
    #[inline(always)]
    fn row<S: Simd>(&self, s: S, [x]: [&[f32]; 1], out: &mut [f32]) {
        let LogSum { max, ln, .. } = LogSumExp::<false>.of_row(s, x);
        // as in PyTorch, ∞ anywhere makes all of the row NaN
        let ln = if max == f64::INFINITY { f32::NAN } else { ln as f32 };
        map_lanes(s, &Minus { max: max as f32, ln }, [x], out);
    }
}

/// (x − max) − ln
struct Minus {
    max: f32,
    ln: f32,
}

impl Lanes<1> for Minus {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x]: [S::F; 1]) -> S::F {
        (x - s.splat(self.max)) - s.splat(self.ln)
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
        let mut all = List::repeat(LogSum::NONE, shape.iter().product());
        reduce_into(self, &mask, LogSumExp::<false>, &mut all);
        let of = |f: fn(LogSum) -> f32| Tensor::of_each(&all, shape, |&all| f(all));
        (of(LogSum::high), of(LogSum::low))
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
