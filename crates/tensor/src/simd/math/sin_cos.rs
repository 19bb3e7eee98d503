//! Sine and cosine of an angle counted in turns.
//!
//! ```text
//! k = round(4 t),   r = t − k/4,   |r| ≤ 1/8            both exact: in turns the reduction costs no digit
//! sin 2πr = r (2π + r² p(r²)),   p of degree 2,   relative error 2⁻²⁷·¹
//! cos 2πr = 1 + r² q(r²),        q of degree 3,   relative error 2⁻²⁶·⁵
//! ```
//!
//! and each quarter turn of k takes (sin, cos) to (cos, −sin).

use super::{FUSED, mul_add, polynomial};
use crate::simd::Simd;

/// (sin(2πr) / r − 2π) / r² of r².
const SIN: [f32; 3] = [-75.445_6, 81.593_765, -41.341_67];
/// (cos(2πr) − 1) / r² of r².
const COS: [f32; 4] = [59.229_244, -85.443_24, 64.939_32, -19.739_208];
/// 2π = `TAU` + `TAU_LOW` to 48 bits.
const TAU: f32 = std::f32::consts::TAU;
const TAU_LOW: f32 = -1.748_455_5e-7;

/// (sin 2πt, cos 2πt) for |t| ≤ 2²⁰: error ≤ 1.1 ULP fused, 1.7 scalar.
///
/// NaN gives NaN.
///
/// ```
/// use glassbox_tensor::simd::{Scalar, math};
/// assert_eq!(math::sin_cos_turns(Scalar, 0.25), (1.0, 0.0));
/// assert_eq!(math::sin_cos_turns(Scalar, 1.5), (0.0, -1.0));
/// ```
#[inline(always)]
pub fn sin_cos_turns<S: Simd>(s: S, t: S::F) -> (S::F, S::F) {
    sin_cos_turns_rounding::<S, FUSED>(s, t)
}

/// [`sin_cos_turns`], with a·b + c rounded as `R` says.
#[inline(always)]
pub(crate) fn sin_cos_turns_rounding<S: Simd, const R: bool>(s: S, t: S::F) -> (S::F, S::F) {
    let k = s.to_int(t * s.splat(4.0));
    let r = t - s.to_float(k) * s.splat(0.25);
    let r2 = r * r;
    let p = mul_add::<S, R>(s, polynomial::<S, R, 3>(s, r2, SIN), r2, s.splat(TAU_LOW));
    let sin = mul_add::<S, R>(s, r, s.splat(TAU), r * p);
    let cos = mul_add::<S, R>(s, polynomial::<S, R, 4>(s, r2, COS), r2, s.splat(1.0));
    turn_by_quarters(s, k, sin, cos)
}

/// Sine and cosine of an angle that is k quarter turns more than the one of `sin` and `cos`.
#[inline(always)]
pub(super) fn turn_by_quarters<S: Simd>(s: S, k: S::I, sin: S::F, cos: S::F) -> (S::F, S::F) {
    // k mod 4:   0 (sin, cos)   1 (cos, −sin)   2 (−sin, −cos)   3 (−cos, sin)
    let (one, two) = (s.i_splat(1), s.i_splat(2));
    let odd = s.eq(s.to_float(s.i_and(k, one)), s.splat(1.0));
    let sign_of = |k| s.to_float(s.i_sub(one, s.i_and(k, two))); // 1 − (k & 2): −1 where the second bit is set
    (s.select(odd, cos, sin) * sign_of(k), s.select(odd, sin, cos) * sign_of(s.i_add(k, one)))
}
