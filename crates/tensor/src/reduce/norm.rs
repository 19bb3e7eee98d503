//! The p-norm (Σ |x|ᵖ)^(1/p).
//!
//! |x| and x² are added as they are, and once more in f64 where a sum leaves the range in which f32 keeps all digits (a square does
//! beyond 10¹⁹ and below 10⁻¹⁹). Other powers are of |x| / max |x|, which is at most 1, so that none overflows.

use super::extreme::Extreme;
use super::{Fold, reduce};
use crate::simd::{Simd, SumLanes, math, sum_lanes};
use crate::tensor::Tensor;

/// max |x|
#[derive(Clone, Copy)]
struct Largest;

impl Largest {
    #[inline(always)]
    fn of_row<S: Simd>(self, s: S, x: &[f32]) -> f32 {
        let (max, min) = (Extreme::<false>.of_row(s, x), Extreme::<true>.of_row(s, x));
        if max.is_nan() { max } else { max.max(-min) }
    }
}

impl Fold for Largest {
    type Part = f32;
    type Out = f32;

    fn nothing(self) -> f32 {
        0.0
    }
    #[inline(always)]
    fn row<S: Simd>(self, s: S, x: &[f32], _: usize) -> f32 {
        self.of_row(s, x)
    }
    fn join(self, a: f32, b: f32) -> f32 {
        Extreme::<false>.of_scalars(a, b)
    }
    fn finish(self, largest: f32) -> f32 {
        largest
    }
}

/// Σ |x|, or √Σ x² if `TWO`.
#[derive(Clone, Copy)]
pub(crate) struct Plain<const TWO: bool>;

impl<const TWO: bool> SumLanes<1, 1> for Plain<TWO> {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x]: [S::F; 1]) -> [S::F; 1] {
        [if TWO { x * x } else { s.abs(x) }]
    }
}

impl<const TWO: bool> Plain<TWO> {
    /// Σ |x| or Σ x² in f64, also where f32 doesn't reach.
    #[inline(always)]
    pub(crate) fn of_row<S: Simd>(self, s: S, x: &[f32]) -> f64 {
        let [sum] = sum_lanes(s, &self, [x]);
        // Below 2⁻⁸⁰ a square that is subnormal may have mattered; a sum of |x| has lost nothing.
        let low = if TWO { 2f64.powi(-80) } else { 0.0 };
        if (low..=f64::from(f32::MAX)).contains(&sum) { sum } else { in_f64::<TWO>(x) }
    }
}

#[cold]
fn in_f64<const TWO: bool>(x: &[f32]) -> f64 {
    x.iter().map(|&x| f64::from(x)).map(|x| if TWO { x * x } else { x.abs() }).sum()
}

impl<const TWO: bool> Fold for Plain<TWO> {
    type Part = f64;
    type Out = f32;

    fn nothing(self) -> f64 {
        0.0
    }
    #[inline(always)]
    fn row<S: Simd>(self, s: S, x: &[f32], _: usize) -> f64 {
        self.of_row(s, x)
    }
    fn join(self, a: f64, b: f64) -> f64 {
        a + b
    }
    fn finish(self, sum: f64) -> f32 {
        (if TWO { sum.sqrt() } else { sum }) as f32
    }
}

/// (Σ |x|ᵖ)^(1/p) for any p > 0.
#[derive(Clone, Copy)]
struct Powers {
    p: f32,
}

/// Σ |x|ᵖ = sum · largestᵖ
#[derive(Clone, Copy)]
struct Scaled {
    largest: f32,
    sum: f64,
}

/// (|x| / largest)ᵖ
struct Power {
    largest: f32,
    p: f32,
}

impl SumLanes<1, 1> for Power {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x]: [S::F; 1]) -> [S::F; 1] {
        [math::pow(s, s.abs(x) / s.splat(self.largest), s.splat(self.p))]
    }
}

impl Fold for Powers {
    type Part = Scaled;
    type Out = f32;

    fn nothing(self) -> Scaled {
        Scaled { largest: 0.0, sum: 0.0 }
    }
    #[inline(always)]
    fn row<S: Simd>(self, s: S, x: &[f32], _: usize) -> Scaled {
        let largest = Largest.of_row(s, x);
        match largest {
            0.0 => self.nothing(),
            _ if largest.is_finite() => Scaled { largest, sum: sum_lanes(s, &Power { largest, p: self.p }, [x])[0] },
            _ => Scaled { largest, sum: 1.0 }, // ∞ or NaN is the result
        }
    }
    fn join(self, a: Scaled, b: Scaled) -> Scaled {
        let largest = Extreme::<false>.of_scalars(a.largest, b.largest);
        let share = |part: Scaled| match part.largest == largest {
            true => part.sum,
            false => part.sum * (f64::from(part.largest) / f64::from(largest)).powf(f64::from(self.p)),
        };
        Scaled { largest, sum: share(a) + share(b) }
    }
    fn finish(self, all: Scaled) -> f32 {
        match all.largest.is_finite() && all.largest > 0.0 {
            true => (f64::from(all.largest) * all.sum.powf(1.0 / f64::from(self.p))) as f32,
            false => all.largest,
        }
    }
}

impl Tensor {
    /// The p-norm (Σ |x|ᵖ)^(1/p) over `axes`, as [`sum`](Self::sum); `p = f32::INFINITY` gives max |x|. The norm of nothing
    /// is 0; it is ∞ only if an x is, or if it is beyond f32 itself.
    ///
    /// ```
    /// use glassbox_tensor::{assert_close, tensor};
    /// let x = tensor![[3., -4.], [3e30, 4e30]];
    /// assert_close!(x.norm(2.0, &[1], false), tensor![5., 5e30]);
    /// assert_close!(x.norm(1.0, &[1], false), tensor![7., 7e30]);
    /// assert_close!(x.norm(f32::INFINITY, &[1], false), tensor![4., 4e30]);
    /// ```
    ///
    /// # Panics
    /// When p is not greater than 0; for an axis that doesn't exist or is named twice.
    #[track_caller]
    pub fn norm(&self, p: f32, axes: &[isize], keepdim: bool) -> Tensor {
        assert!(p > 0.0, "norm: p is {p}; use p > 0, or f32::INFINITY for the largest |x|");
        match p {
            1.0 => reduce(self, "norm", Plain::<false>, axes, keepdim),
            2.0 => reduce(self, "norm", Plain::<true>, axes, keepdim),
            f32::INFINITY => reduce(self, "norm", Largest, axes, keepdim),
            _ => reduce(self, "norm", Powers { p }, axes, keepdim),
        }
    }
}
