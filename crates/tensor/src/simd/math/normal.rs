//! The normal distribution: erf, Φ, and the GELU that is made of it.
//!
//! ```text
//! a = |x|,   Φ(−a) = e^(−a²/2) Q(a),   Q(a) = p(a) / (√2π a p(a) + q(a)),
//!                                      p and q of degree 4,   relative error 2⁻²⁵·⁴ for a ≤ 14.36
//! erf x = x + x p(x²),   |x| ≤ 1,      p of degree 6,   relative error 2⁻²⁷·⁸
//! ```
//!
//! Q falls from ½ to 1 / (a √2π), as a quotient of polynomials of neighbouring degrees does (Cody, *Rational Chebyshev Approximations
//! for the Error Function*, 1969). All coefficients are positive, so nothing cancels; and what p errs by where a is large, stands above and
//! below the line.

use super::exp::split_half_square;
use super::{FUSED, polynomial};
use crate::simd::Simd;

/// The numerator of Q…
const P: [f32; 5] = [4.845_435_3e-3, 4.544_893e-2, 1.973_546_9e-1, 4.570_74e-1, 0.5];
/// …and what its denominator is beside √2π a p(a).
const Q: [f32; 5] = [1.220_468_1e-6, 1.209_036_8e-2, 1.149_888_4e-1, 4.587_193e-1, 1.0];
const SQRT_TAU: f32 = 2.506_628_3;

/// (erf x − x) / x of x², on |x| ≤ 1.
const ERF: [f32; 7] =
    [7.853_858e-5, -8.010_192e-4, 5.188_327_3e-3, -2.685_381_1e-2, 1.128_358_5e-1, -3.761_262_6e-1, 1.283_791_7e-1];

/// 1 / √2π, the density of the normal distribution at 0.
const DENSITY: f32 = 0.398_942_3;

/// The lower tail at −a, for 0 ≤ a ≤ 16, in three factors: Φ(−a) = 2ⁿ · e · q.
///
/// The factor 2ⁿ stays apart, so that a product with Φ(−a) may be formed before it becomes subnormal.
#[inline(always)]
fn lower_tail<S: Simd>(s: S, a: S::F) -> (S::F, S::F, S::F) {
    let p = polynomial::<S, FUSED, 5>(s, a, P);
    let q = p / s.mul_add(s.splat(SQRT_TAU) * a, p, polynomial::<S, FUSED, 5>(s, a, Q));
    let (n, e) = split_half_square(s, a);
    (n, e, q)
}

/// |x|, at most 16, where all tails are 0; NaN stays.
#[inline(always)]
fn distance<S: Simd>(s: S, x: S::F) -> S::F {
    s.min(s.splat(16.0), s.abs(x))
}

/// Φ(x), the probability that a standard normal number is at most x: error ≤ 5 ULP, in the left tail too.
///
/// ½ at 0; 1 from 5.42 on; passes through the subnormal numbers to 0 below −14.1702. Φ(NaN) = NaN.
///
/// ```
/// use glassbox_tensor::simd::{Scalar, math};
/// assert_eq!(math::ndtr(Scalar, 0.0), 0.5);
/// assert!((math::ndtr(Scalar, -10.0) / 7.619_853e-24 - 1.0).abs() < 1e-6); // where 1 − ½ erfc is 0
/// ```
#[inline(always)]
pub fn ndtr<S: Simd>(s: S, x: S::F) -> S::F {
    let (n, e, q) = lower_tail(s, distance(s, x));
    let tail = s.scale(e * q, n);
    s.select(s.gt(x, s.splat(0.0)), s.splat(1.0) - tail, tail)
}

/// erf x = 2 Φ(√2 x) − 1: error ≤ 1.5 ULP.
///
/// Odd, bit for bit; ±1 from |x| = 3.9193 on; erf(±0) = ±0; erf(NaN) = NaN.
///
/// ```
/// use glassbox_tensor::simd::{Scalar, math};
/// assert_eq!(math::erf(Scalar, 0.5), 0.520_499_9);
/// assert_eq!(math::erf(Scalar, -5.0), -1.0);
/// ```
#[inline(always)]
pub fn erf<S: Simd>(s: S, x: S::F) -> S::F {
    let one = s.splat(1.0);
    let x2 = x * x;
    let small = s.mul_add(x, polynomial::<S, FUSED, 7>(s, x2, ERF), x);
    let (n, e, q) = lower_tail(s, s.min(s.splat(16.0), s.abs(x) * s.splat(std::f32::consts::SQRT_2)));
    let tail = s.scale(e * q, n);
    s.select(s.lt(s.abs(x), one), small, s.copysign(one - (tail + tail), x))
}

/// gelu(x) = x Φ(x): error ≤ 5.5 ULP, in the left tail too.
///
/// x from 5.35 on; passes through the subnormal numbers to −0 below −14.357, and is so at −∞. gelu(±0) = ±0; gelu(NaN) = NaN.
///
/// ```
/// use glassbox_tensor::simd::{Scalar, math};
/// assert!((math::gelu(Scalar, 1.0) - 0.841_344_75).abs() < 2e-7);
/// assert_eq!(math::gelu(Scalar, 10.0), 10.0);
/// ```
#[inline(always)]
pub fn gelu<S: Simd>(s: S, x: S::F) -> S::F {
    gelu_and_slope(s, x).0
}

/// gelu(x), and its derivative Φ(x) + x φ(x) with the density φ(x) = e^(−x²/2) / √2π: error ≤ 3 ULP where the derivative is not
/// near 0, which it is at x = −0.7517916; 2⁻²⁴ there.
///
/// ```
/// use glassbox_tensor::simd::{Scalar, math};
/// assert_eq!(math::gelu_and_slope(Scalar, 0.0), (0.0, 0.5));
/// assert_eq!(math::gelu_and_slope(Scalar, 10.0), (10.0, 1.0));
/// ```
#[inline(always)]
pub fn gelu_and_slope<S: Simd>(s: S, x: S::F) -> (S::F, S::F) {
    // Since Φ(a) = 1 − Φ(−a):  gelu(x) = max(x, 0) − a Φ(−a), and the slope at a is 1 less the slope at −a, which is
    // Φ(−a) − a φ(a) = e^(−a²/2) (Q(a) − a / √2π).
    let a = distance(s, x);
    let (n, e, q) = lower_tail(s, a);
    let value = s.max(s.splat(-0.0), x) - s.scale(a * (e * q), n); // −0 − 0 = −0, and max keeps x when both are 0
    let slope = s.scale(e * s.mul_add(a, s.splat(-DENSITY), q), n);
    (value, s.select(s.gt(x, s.splat(0.0)), s.splat(1.0) - slope, slope))
}
