//! eˣ, eˣ − 1, and the two saturating curves that are made of them.
//!
//! ```text
//! n = round(x / ln 2),   r = x − n ln 2,   |r| ≤ ln 2 / 2          so that  eˣ = 2ⁿ eʳ
//! eʳ − 1 = r + r² p(r),   p of degree 5,   relative error 2⁻²⁸·⁷
//! ```
//!
//! All of it but 2ⁿ is a small number p that is added to 1 as the last step: eˣ = 2ⁿ (1 + p), and where eˣ − 1 is wanted
//! it is 2ⁿ p + (2ⁿ − 1), which does not lose the digits of a small x.

use super::{FUSED, LN2_HIGH, LN2_LOW, polynomial, power_of_two};
use crate::simd::Simd;

/// (eʳ − 1 − r) / r² on |r| ≤ ln 2 / 2.
const EXP: [f32; 6] = [1.984_586_6e-4, 1.394_072e-3, 8.333_39e-3, 4.166_636e-2, 1.666_666_6e-1, 5e-1];

/// (n, p) with eˣ = 2ⁿ (1 + p) and |p| < 0.42, for |x| ≤ 150.
#[inline(always)]
fn split<S: Simd>(s: S, x: S::F) -> (S::I, S::F) {
    let n = s.to_int(x * s.splat(std::f32::consts::LOG2_E));
    let n_float = s.to_float(n);
    // n · LN2_HIGH is exact and near x, so the first step is exact, fused or not; the second errs by 2⁻²⁴ · n · 1.4e-6.
    let r = s.mul_add(n_float, s.splat(-LN2_HIGH), x);
    let r = s.mul_add(n_float, s.splat(-LN2_LOW), r);
    (n, exp_minus_one_near_zero(s, r))
}

/// [`split`] of the exponent `high` + `low`, of which `low` holds digits that an f32 of that size has no room for: an error
/// of half a ULP in an exponent of 80 would be one of 32 ULP in the result.
#[inline(always)]
pub(super) fn split_sum<S: Simd>(s: S, high: S::F, low: S::F) -> (S::I, S::F) {
    let n = s.to_int(high * s.splat(std::f32::consts::LOG2_E));
    let n_float = s.to_float(n);
    let r = s.mul_add(n_float, s.splat(-LN2_HIGH), high);
    (n, exp_minus_one_near_zero(s, r + s.mul_add(n_float, s.splat(-LN2_LOW), low)))
}

/// eʳ − 1 for |r| ≤ ln 2 / 2.
#[inline(always)]
fn exp_minus_one_near_zero<S: Simd>(s: S, r: S::F) -> S::F {
    s.mul_add(r * r, polynomial::<S, FUSED, 6>(s, r, EXP), r)
}

/// eˣ: error ≤ 1 ULP.
///
/// +∞ from x = 88.72284 on; subnormal below −87.3365, 0 below −103.9721; exp(NaN) = NaN.
///
/// ```
/// use glassbox_tensor::simd::{Scalar, math};
/// assert_eq!(math::exp(Scalar, 0.0), 1.0);
/// assert_eq!(math::exp(Scalar, 1.0), std::f32::consts::E);
/// assert_eq!(math::exp(Scalar, f32::NEG_INFINITY), 0.0);
/// ```
#[inline(always)]
pub fn exp<S: Simd>(s: S, x: S::F) -> S::F {
    // Above 89 the result is ∞ anyway, and n would not fit; min keeps a NaN that stands second. Below −104 it is 0, but a
    // product that underflows takes a processor many times longer (3 times on Zen 5, where masked scores of attention are
    // all −∞), so such lanes compute e⁰ instead.
    let zero = s.splat(0.0);
    let vanishes = s.lt(x, s.splat(-104.0));
    let x = s.select(vanishes, zero, s.min(s.splat(89.0), x));
    let (n, p) = split(s, x);
    s.select(vanishes, zero, s.scale(s.splat(1.0) + p, n))
}

/// eˣ − 1, exact to the last digits also where x is tiny: error ≤ 1.5 ULP.
///
/// expm1(±0) = ±0; +∞ from x = 88.72284 on; −1 below −17.33. expm1(NaN) = NaN.
///
/// ```
/// use glassbox_tensor::simd::{Scalar, math};
/// assert_eq!(math::expm1(Scalar, 1e-20), 1e-20); // where exp(1e-20) − 1 would be 0
/// assert_eq!(math::expm1(Scalar, -50.0), -1.0);
/// ```
#[inline(always)]
pub fn expm1<S: Simd>(s: S, x: S::F) -> S::F {
    let (half, one) = (s.splat(0.5), s.i_splat(1));
    let (n, p) = split(s, s.max(s.splat(-20.0), s.min(s.splat(89.0), x)));
    // 2ⁿ (1 + p) − 1 = 2 (2ⁿ⁻¹ p + (2ⁿ⁻¹ − ½)): n = 128 would not fit into one factor.
    let scale = power_of_two(s, s.i_sub(n, one));
    let y = s.mul_add(scale, p, scale - half);
    // x itself, where x² is less than half a ULP; −0 would become 0, and the least numbers lose a digit in the half.
    s.select(s.lt(s.abs(x), s.splat(1.0 / 33_554_432.0)), x, y + y)
}

/// tanh x = (e²ˣ − 1) / (e²ˣ + 1): error ≤ 2.5 ULP.
///
/// Odd, bit for bit; ±1 from |x| = 9.011 on; tanh(±0) = ±0; tanh(NaN) = NaN.
///
/// ```
/// use glassbox_tensor::simd::{Scalar, math};
/// assert_eq!(math::tanh(Scalar, 1e-30), 1e-30);
/// assert_eq!(math::tanh(Scalar, -20.0), -1.0);
/// ```
#[inline(always)]
pub fn tanh<S: Simd>(s: S, x: S::F) -> S::F {
    // With E = e²ᵃ − 1, a = |x|: tanh a = E / (E + 2), exact to the last digits also where E is tiny. At a = 10 the 2 is
    // less than half a ULP of E and the quotient is 1.
    let a = s.min(s.splat(10.0), s.abs(x));
    let (n, p) = split(s, a + a);
    let scale = power_of_two(s, n);
    let e = s.mul_add(scale, p, scale - s.splat(1.0));
    s.copysign(e / (e + s.splat(2.0)), x)
}

/// The logistic function σ(x) = 1 / (1 + e⁻ˣ): error ≤ 2.5 ULP.
///
/// Nothing overflows on the way; like eˣ it passes through the subnormal numbers to 0 below −103.9721, and is 1 from
/// 16.636 on. σ(NaN) = NaN.
///
/// ```
/// use glassbox_tensor::simd::{Scalar, math};
/// assert_eq!(math::sigmoid(Scalar, 0.0), 0.5);
/// assert_eq!(math::sigmoid(Scalar, -100.0), math::exp(Scalar, -100.0));
/// ```
#[inline(always)]
pub fn sigmoid<S: Simd>(s: S, x: S::F) -> S::F {
    // e = e^−|x| ≤ 1. For x ≥ 0: 1 / (1 + e). For x < 0: multiplied through by eˣ = e, e / (1 + e).
    let (zero, one) = (s.splat(0.0), s.splat(1.0));
    let e = exp(s, -s.abs(x));
    s.select(s.lt(x, zero), e, one) / (one + e)
}
