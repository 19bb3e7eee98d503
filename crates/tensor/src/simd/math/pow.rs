//! xʸ for all pairs of f32.
//!
//! ```text
//! |x| = 2ᵏ m,   √½ ≤ m < √2,   t = (m − 1) / (m + 1)
//! ln |x| = k ln 2 + 2 t (1 + t² (1/3 + t² q(t²))),   q of degree 2,   relative error 2⁻³⁶·⁷
//! |x|ʸ = e^(y ln |x|)
//! ```
//!
//! The exponent may be 100, and what it errs by, the power errs by relative to itself: so the logarithm, and its product with y,
//! need 8 bits more than an f32 has. They are sums of two floats here, `high + low` (Dekker, *A Floating-Point Technique for
//! Extending the Available Precision*, 1971).

use super::exp::split_sum;
use super::ln::{SUBNORMAL_SCALE, split};
use super::{FUSED, LN2_HIGH, LN2_LOW, polynomial, product};
use crate::simd::{Simd, Vector};

/// (atanh t / t − 1 − t²/3) / t⁴ of t², on t ≤ (√2 − 1) / (√2 + 1).
const ATANH: [f32; 3] = [1.170_965e-1, 1.427_355_4e-1, 2.000_007_6e-1];
/// 1/3 = these two.
const THIRD: [f32; 2] = [0.333_333_34, -9.934_108e-9];

/// xʸ: error ≤ 1 ULP.
///
/// The cases that have no value of their own are those of C's `pow` (ISO C23, F.10.4.4): x⁰ = 1ʸ = 1 even of NaN; of a negative x
/// whole powers alone; (±0)ʸ and (±∞)ʸ are 0 or ∞, with the sign of x where y is odd.
///
/// ```
/// use glassbox_tensor::simd::{Scalar, math};
/// assert_eq!(math::pow(Scalar, 2.0, 10.0), 1024.0);
/// assert_eq!(math::pow(Scalar, -2.0, 3.0), -8.0);
/// assert_eq!(math::pow(Scalar, f32::NAN, 0.0), 1.0);
/// assert!(math::pow(Scalar, -8.0, 1.0 / 3.0).is_nan());
/// ```
#[inline(always)]
pub fn pow<S: Simd>(s: S, x: S::F, y: S::F) -> S::F {
    let (zero, one, half) = (s.splat(0.0), s.splat(1.0), s.splat(0.5));
    let [high, low] = ln_as_sum(s, s.abs(x));
    // Even with the smallest logarithm, 6e-8, a y of 10¹⁰ gives 0 or ∞; a larger one would overflow on the way.
    let limit = s.splat(1e10);
    let bounded = s.max(-limit, s.min(limit, y));
    let [p, error] = product(s, bounded, high);
    // The low part of an exponent that is out of range, or infinite, means nothing.
    let low = s.select(s.lt(s.abs(p), s.splat(150.0)), s.mul_add(bounded, low, error), zero);
    let (n, e) = split_sum(s, s.max(s.splat(-110.0), s.min(s.splat(95.0), p)), low);
    let power = s.scale(one + e, n);

    // The sign that a negative x leaves: of y odd −1, even 1, and NaN if y is no whole number; but ∞ and −0 are no numbers
    // that a root could be taken of, and count as even then.
    let ends = s.select(s.eq(x, zero), one, s.select(s.eq(s.abs(x), s.splat(f32::INFINITY)), one, s.splat(f32::NAN)));
    let sign = s.select(is_whole(s, y), s.select(is_whole(s, half * y), one, -one), ends);
    let negative = s.lt(s.copysign(one, x), zero);
    let power = s.select(negative, power * sign, power);
    s.select(s.eq(x, one), one, s.select(s.eq(y, zero), one, power))
}

/// Whether it has no fraction; infinities have none.
#[inline(always)]
fn is_whole<S: Simd>(s: S, x: S::F) -> S::M {
    s.eq(s.round(x), x)
}

/// ln x for x ≥ 0 as high + low, with a relative error of 2⁻³⁵; ±∞ and NaN at the ends.
#[inline(always)]
fn ln_as_sum<S: Simd>(s: S, x: S::F) -> [S::F; 2] {
    let (zero, two) = (s.splat(0.0), s.splat(2.0));
    let subnormal = s.lt(x, s.splat(f32::MIN_POSITIVE));
    let (k, f) = split(s, s.select(subnormal, x * s.splat(SUBNORMAL_SCALE), x));
    let k = k - s.select(subnormal, s.splat(23.0), zero);
    // t = f / (2 + f): the divisor is rounded, and the quotient too. What is left of f after both gives the rest of t.
    let divisor = two + f;
    let lost = f - (divisor - two);
    let inverse = s.splat(1.0) / divisor;
    let t = f * inverse;
    let [p, error] = product(s, t, divisor);
    let t_low = s.mul_add(-t, lost, (f - p) - error) * inverse;
    // t² and t³
    let [t2, error] = product(s, t, t);
    let t2_low = s.mul_add(t + t, t_low, error);
    let [t3, error] = product(s, t2, t);
    let t3_low = s.mul_add(t2, t_low, s.mul_add(t2_low, t, error));
    // c = 1/3 + t² q(t²)
    let q = t2 * polynomial::<S, FUSED, 3>(s, t2, ATANH);
    let [c, c_low] = fast_sum(s.splat(THIRD[0]), q);
    let c_low = c_low + s.splat(THIRD[1]);
    // atanh t = t + t³ c, and twice that is ln m
    let [g, error] = product(s, t3, c);
    let g_low = s.mul_add(t3, c_low, s.mul_add(t3_low, c, error));
    let [a, a_low] = fast_sum(t, g);
    let a_low = a_low + (t_low + g_low);
    // k · LN2_HIGH is exact, and larger than ln m or 0.
    let [high, error] = fast_sum(k * s.splat(LN2_HIGH), a + a);
    let low = s.mul_add(k, s.splat(LN2_LOW), error + (a_low + a_low));
    let infinity = s.splat(f32::INFINITY);
    let inside = s.lt(x, infinity);
    let high = s.select(s.eq(x, zero), -infinity, s.select(inside, high, x));
    [high, low]
}

/// a + b = high + low exactly, for |a| ≥ |b| or a = 0.
#[inline(always)]
fn fast_sum<F: Vector>(a: F, b: F) -> [F; 2] {
    let high = a + b;
    [high, b - (high - a)]
}
