//! ln x, ln(1 + x), and the softplus curve that losses on logits are made of.
//!
//! ```text
//! x = 2ᵏ (1 + f),   √½ ≤ 1 + f < √2                               so that  ln x = k ln 2 + ln(1 + f)
//! ln(1 + f) = f − f²/2 + f³ p(f),   p of degree 8,   relative error 2⁻²⁸·³
//! ```
//!
//! The interval is chosen around 1, and not [1, 2), so that k = 0 wherever ln x is near 0: nothing cancels there.

use super::{FUSED, LN2_HIGH, LN2_LOW, exp_below_89, mul_add, polynomial};
use crate::simd::Simd;

/// (ln(1 + f) − f + f²/2) / f³ on √½ ≤ 1 + f ≤ √2.
const LN: [f32; 9] = [
    6.746_627e-2,
    -1.167_563_4e-1,
    1.188_815_9e-1,
    -1.240_559_1e-1,
    1.421_955_2e-1,
    -1.666_799_6e-1,
    2.000_211_9e-1,
    -2.500_001e-1,
    3.333_331_3e-1,
];

/// What turns every subnormal number into a normal one: 2²³.
pub(super) const SUBNORMAL_SCALE: f32 = 8_388_608.0;

/// The bits of √½.
const SQRT_HALF: i32 = 0x3f35_04f3;

/// ln(1 + f) − f for √½ ≤ 1 + f ≤ √2, which is at most a fifth of ln(1 + f): its own rounding errors matter little.
#[inline(always)]
fn tail<S: Simd, const R: bool>(s: S, f: S::F) -> S::F {
    let p = polynomial::<S, R, 9>(s, f, LN);
    f * f * mul_add::<S, R>(s, f, p, s.splat(-0.5))
}

/// (k, f) with x = 2ᵏ (1 + f), √½ ≤ 1 + f < √2, both exact, for normal positive x.
#[inline(always)]
pub(super) fn split<S: Simd>(s: S, x: S::F) -> (S::F, S::F) {
    // Seen as integers, the floats from √½ · 2ᵏ on begin k · 2²³ after √½: the distance from √½ holds k above the 23 bits
    // of the fraction, and what those bits say is counted from √½.
    let sqrt_half = s.i_splat(SQRT_HALF);
    let distance = s.i_sub(s.bits(x), sqrt_half);
    let k = s.i_shr::<23>(distance);
    let m = s.float_of_bits(s.i_add(s.i_and(distance, s.i_splat(0x007f_ffff)), sqrt_half));
    (s.to_float(k), m - s.splat(1.0))
}

/// k ln 2 + f + small, the largest last. k · LN2_HIGH is exact, so it does not matter whether it is fused.
#[inline(always)]
fn assemble<S: Simd, const R: bool>(s: S, k: S::F, f: S::F, small: S::F) -> S::F {
    let small = mul_add::<S, R>(s, k, s.splat(LN2_LOW), small);
    mul_add::<S, R>(s, k, s.splat(LN2_HIGH), f + small)
}

/// ln x: error ≤ 0.9 ULP.
///
/// Subnormal x included; ln(±0) = −∞, ln(∞) = ∞, ln(x < 0) = ln(NaN) = NaN.
///
/// ```
/// use glassbox_tensor::simd::{Scalar, math};
/// assert_eq!(math::ln(Scalar, 1.0), 0.0);
/// assert_eq!(math::ln(Scalar, 0.0), f32::NEG_INFINITY);
/// assert!(math::ln(Scalar, -1.0).is_nan());
/// ```
#[inline(always)]
pub fn ln<S: Simd>(s: S, x: S::F) -> S::F {
    ln_rounding::<S, FUSED>(s, x)
}

/// [`ln`], with a·b + c rounded as `R` says.
#[inline(always)]
pub(crate) fn ln_rounding<S: Simd, const R: bool>(s: S, x: S::F) -> S::F {
    let zero = s.splat(0.0);
    // A subnormal number has no leading 1 to count from: take 2²³ x and give the 23 back.
    let subnormal = s.lt(x, s.splat(f32::MIN_POSITIVE));
    let (k, f) = split(s, s.select(subnormal, x * s.splat(SUBNORMAL_SCALE), x));
    let k = k - s.select(subnormal, s.splat(23.0), zero);
    let y = assemble::<S, R>(s, k, f, tail::<S, R>(s, f));
    at_the_ends(s, x, x, y)
}

/// [`ln`] of a normal positive number below ∞, with a·b + c rounded as `R` says: the same bits without a look at the ends.
#[inline(always)]
pub(crate) fn ln_inside<S: Simd, const R: bool>(s: S, x: S::F) -> S::F {
    let (k, f) = split(s, x);
    assemble::<S, R>(s, k, f, tail::<S, R>(s, f))
}

/// `y` inside the domain: −∞ where its border `x` = 0, NaN where x < 0 or NaN, and `whole` where that is ∞.
#[inline(always)]
fn at_the_ends<S: Simd>(s: S, x: S::F, whole: S::F, y: S::F) -> S::F {
    let infinity = s.splat(f32::INFINITY);
    let outside = s.select(s.eq(x, s.splat(0.0)), -infinity, s.splat(f32::NAN));
    s.select(s.gt(x, s.splat(0.0)), s.select(s.lt(whole, infinity), y, whole), outside)
}

/// ln(1 + x), exact to the last digits also where x is tiny: error ≤ 1 ULP.
///
/// ln_1p(±0) = ±0, ln_1p(−1) = −∞, ln_1p(∞) = ∞, ln_1p(x < −1) = ln_1p(NaN) = NaN.
///
/// ```
/// use glassbox_tensor::simd::{Scalar, math};
/// assert_eq!(math::ln_1p(Scalar, 1e-20), 1e-20); // where ln(1.0 + 1e-20) would be 0
/// assert_eq!(math::ln_1p(Scalar, -1.0), f32::NEG_INFINITY);
/// ```
#[inline(always)]
pub fn ln_1p<S: Simd>(s: S, x: S::F) -> S::F {
    ln_1p_rounding::<S, FUSED>(s, x)
}

/// [`ln_1p`], with a·b + c rounded as `R` says.
#[inline(always)]
pub(crate) fn ln_1p_rounding<S: Simd, const R: bool>(s: S, x: S::F) -> S::F {
    let one = s.splat(1.0);
    // 1 + x = w + lost exactly (Dekker's fast two-sum: the larger summand first), and
    // ln(w + lost) = ln w + lost / w up to (lost / w)² < 2⁻⁴⁸.
    let w = one + x;
    let lost = s.select(s.lt(s.abs(x), one), x - (w - one), one - (w - x));
    let (k, f) = split(s, w);
    let y = assemble::<S, R>(s, k, f, tail::<S, R>(s, f) + lost / w);
    // The sum of +0 and −0 is +0; ln_1p(−0) is −0.
    s.select(s.eq(x, s.splat(0.0)), x, at_the_ends(s, w, x, y))
}

/// ln(1 + e^−|x|), what softplus and the binary cross-entropy of a logit are beside a straight line: error ≤
/// 1.8 ULP.
///
/// Even; ln 2 at 0, falling through the subnormal numbers to 0 at |x| = 103.9721. NaN gives NaN.
///
/// BCE of the logit x with target t: max(x, 0) − x t + ln(1 + e^−|x|).
///
/// ```
/// use glassbox_tensor::simd::{Scalar, math};
/// assert_eq!(math::log1p_exp_neg(Scalar, 0.0), std::f32::consts::LN_2);
/// assert_eq!(math::log1p_exp_neg(Scalar, -30.0), math::exp(Scalar, -30.0));
/// ```
#[inline(always)]
pub fn log1p_exp_neg<S: Simd>(s: S, x: S::F) -> S::F {
    // 1 + e lies in (1, 2], so k is 0 or 1 and nothing needs to be taken apart:
    // 1 + f = 1 + e up to √2, and (1 + e) / 2 beyond.
    let (zero, one, half) = (s.splat(0.0), s.splat(1.0), s.splat(0.5));
    let e = exp_below_89(s, -s.abs(x));
    let beyond = s.gt(e, s.splat(std::f32::consts::SQRT_2 - 1.0));
    let f = s.select(beyond, half * e - half, e);
    let k = s.select(beyond, one, zero);
    assemble::<S, FUSED>(s, k, f, tail::<S, FUSED>(s, f))
}

/// softplus(x) = ln(1 + eˣ) = max(x, 0) + ln(1 + e^−|x|): error ≤ 1.8 ULP.
///
/// Nothing overflows: softplus(x) = x from 14.557 on, ∞ at ∞; 0 below −103.9721. NaN gives NaN.
///
/// ```
/// use glassbox_tensor::simd::{Scalar, math};
/// assert_eq!(math::softplus(Scalar, 0.0), std::f32::consts::LN_2);
/// assert_eq!(math::softplus(Scalar, 1e30), 1e30);
/// ```
#[inline(always)]
pub fn softplus<S: Simd>(s: S, x: S::F) -> S::F {
    s.max(x, s.splat(0.0)) + log1p_exp_neg(s, x)
}
