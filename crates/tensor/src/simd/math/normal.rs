//! The normal distribution: erf, Φ, and the GELU that is made of it.
//!
//! ```text
//! a = |x|,   Φ(−a) = e^(−a²/2) Q(a),   Q(a) = (a + k)⁻¹ p((a − k) / (a + k)),   k = 1.5,
//!                                      p of degree 11,   relative error 2⁻²⁵·⁶ for a ≤ 14.3
//! erf x = x + x p(x²),   |x| ≤ 1,      p of degree 6,   relative error 2⁻²⁷·⁸
//! ```
//!
//! Q falls from ½ to 1 / (a √2π): without the exponential nothing varies fast, and the quotient, which goes from −1 to 1, bends
//! it into a polynomial (Shepherd and Laframboise, *Chebyshev Approximation of (1 + 2x) exp(x²) erfc x*, 1981).

use super::exp::split_sum;
use super::{FUSED, polynomial, upper_half};
use crate::simd::Simd;

/// (a + k) Q(a) of (a − k) / (a + k).
const Q: [f32; 12] = [
    1.456_388_3e-4,
    4.588_855_7e-4,
    2.616_010_6e-4,
    -1.029_229e-3,
    -2.718_570_6e-3,
    -2.442_456_3e-3,
    3.990_787e-3,
    1.764_263e-2,
    1.789_615_7e-2,
    -5.749_566e-2,
    -1.950_994_6e-1,
    6.173_42e-1,
];
const K: f32 = 1.5;

/// (erf x − x) / x of x², on |x| ≤ 1.
const ERF: [f32; 7] =
    [7.853_858e-5, -8.010_192e-4, 5.188_327_3e-3, -2.685_381_1e-2, 1.128_358_5e-1, -3.761_262_6e-1, 1.283_791_7e-1];

/// 1 / √2π, the density of the normal distribution at 0.
const DENSITY: f32 = 0.398_942_3;

/// The lower tail at −a, for 0 ≤ a ≤ 16, in three factors: Φ(−a) = 2ⁿ · e · q.
///
/// The factor 2ⁿ stays apart, so that a product with Φ(−a) may be formed before it becomes subnormal.
#[inline(always)]
fn lower_tail<S: Simd>(s: S, a: S::F) -> (S::I, S::F, S::F) {
    let one = s.splat(1.0);
    let inverse = one / (a + s.splat(K));
    let quotient = s.mul_add(s.splat(-2.0 * K), inverse, one); // (a − k) / (a + k)
    let q = inverse * polynomial::<S, FUSED, 12>(s, quotient, Q);
    // a² = h² + (a − h)(a + h), where h has 12 bits and so an exact square.
    let h = upper_half(s, a);
    let half = s.splat(-0.5);
    let (n, p) = split_sum(s, half * h * h, half * (a - h) * (a + h));
    (n, one + p, q)
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
    let (zero, a) = (s.splat(0.0), distance(s, x));
    let right = s.gt(x, zero);
    let (n, e, q) = lower_tail(s, a);
    let value = s.scale(a * (e * q), n);
    let slope = s.scale(e * s.mul_add(a, s.splat(-DENSITY), q), n);
    (s.select(right, x - value, s.copysign(value, x)), s.select(right, s.splat(1.0) - slope, slope))
}
