//! eˣ, eˣ − 1, and the two saturating curves that are made of them.
//!
//! ```text
//! n = round(x / ln 2),   r = x − n ln 2,   |r| ≤ ln 2 / 2          so that  eˣ = 2ⁿ eʳ
//! eʳ = 1 + r (1 + r p(r)),   p of degree 4,   error 2⁻²⁸·²
//! eʳ − 1 = r + r² q(r),      q of degree 5,   error 2⁻²⁸·⁷ relative to eʳ − 1
//! ```
//!
//! Where eˣ − 1 is wanted, it is 2ⁿ (eʳ − 1) + (2ⁿ − 1), which does not lose the digits of a small x; eˣ alone does with the shorter
//! polynomial.

use super::{FUSED, LN2_HIGH, LN2_LOW, polynomial, power_of_two, product};
use crate::simd::{Isa, Simd};

/// (eʳ − 1 − r) / r² on |r| ≤ ln 2 / 2, for an error that is small beside eʳ.
const EXP: [f32; 5] = [1.381_445_8e-3, 8.368_77e-3, 4.166_833_7e-2, 1.666_652e-1, 4.999_999_4e-1];

/// 1.5 · 2²³: what is added to it is rounded to a whole number, since floats of that size have no fraction.
const WHOLE: f32 = 12_582_912.0;

/// The same for an error that is small beside eʳ − 1.
const EXPM1: [f32; 6] = [1.984_586_6e-4, 1.394_072e-3, 8.333_39e-3, 4.166_636e-2, 1.666_666_6e-1, 5e-1];

/// (n, r) with eˣ = 2ⁿ eʳ and |r| ≤ ln 2 / 2 and a little more, for |x| ≤ 150.
#[inline(always)]
fn reduce<S: Simd>(s: S, x: S::F) -> (S::F, S::F) {
    let n = nearest(s, x);
    // n · LN2_HIGH is exact and near x, so the first step is exact, fused or not; the second errs by 2⁻²⁴ · n · 1.4e-6.
    let r = s.mul_add(n, s.splat(-LN2_HIGH), x);
    (n, s.mul_add(n, s.splat(-LN2_LOW), r))
}

/// round(x / ln 2), for |x| ≤ 10⁶.
#[inline(always)]
fn nearest<S: Simd>(s: S, x: S::F) -> S::F {
    let whole = s.splat(WHOLE);
    s.mul_add(x, s.splat(std::f32::consts::LOG2_E), whole) - whole
}

/// (n, p) with eˣ = 2ⁿ (1 + p) and |p| < 0.42, for |x| ≤ 150.
#[inline(always)]
fn split<S: Simd>(s: S, x: S::F) -> (S::F, S::F) {
    let (n, r) = reduce(s, x);
    (n, exp_minus_one_near_zero(s, r))
}

/// [`split`] of the exponent `high` + `low`, of which `low` holds digits that an f32 of that size has no room for: an error
/// of half a ULP in an exponent of 80 would be one of 32 ULP in the result.
#[inline(always)]
pub(super) fn split_sum<S: Simd>(s: S, high: S::F, low: S::F) -> (S::F, S::F) {
    let n = nearest(s, high);
    let r = s.mul_add(n, s.splat(-LN2_HIGH), high);
    (n, exp_minus_one_near_zero(s, r + s.mul_add(n, s.splat(-LN2_LOW), low)))
}

/// (n, eʳ) with e^(−a²/2) = 2ⁿ eʳ for 0 ≤ a ≤ 16. The exponent's digits that a² in f32 has no room for are taken along.
#[inline(always)]
pub(super) fn split_half_square<S: Simd>(s: S, a: S::F) -> (S::F, S::F) {
    let [high, low] = product(s, a, a);
    let (half, whole) = (s.splat(-0.5), s.splat(WHOLE));
    let n = s.mul_add(high, s.splat(-0.5 * std::f32::consts::LOG2_E), whole) - whole;
    // −2r = a² + 2n ln 2
    let r = s.mul_add(n, s.splat(2.0 * LN2_HIGH), high);
    let r = r + s.mul_add(n, s.splat(2.0 * LN2_LOW), low);
    (n, exp_near_zero(s, half * r))
}

/// eʳ for |r| ≤ ln 2 / 2.
#[inline(always)]
fn exp_near_zero<S: Simd>(s: S, r: S::F) -> S::F {
    let (one, p) = (s.splat(1.0), polynomial::<S, FUSED, 5>(s, r, EXP));
    match S::ISA {
        Isa::Scalar => one + s.mul_add(r * r, p, r), // here a product of r and 1 + r p would be rounded before the last sum
        _ => s.mul_add(s.mul_add(p, r, one), r, one),
    }
}

/// eʳ − 1 for |r| ≤ ln 2 / 2.
#[inline(always)]
fn exp_minus_one_near_zero<S: Simd>(s: S, r: S::F) -> S::F {
    s.mul_add(r * r, polynomial::<S, FUSED, 6>(s, r, EXPM1), r)
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
    // Above 89 the result is ∞ anyway, and n would not fit; min keeps a NaN that stands second.
    exp_below_89(s, s.min(s.splat(89.0), x))
}

/// [`exp`] of x ≤ 89, as are the exponents from which a maximum was taken away.
#[inline(always)]
pub(crate) fn exp_below_89<S: Simd>(s: S, x: S::F) -> S::F {
    // What vanishes is written as 0 and not computed: a product that underflows takes some processors many times longer (3 times on
    // Zen 5, where masked scores of attention are all −∞). What such lanes hold before is garbage, or NaN for −∞.
    let vanishes = s.lt(x, s.splat(-104.0));
    let (n, r) = reduce(s, x);
    s.select(vanishes, s.splat(0.0), s.scale(exp_near_zero(s, r), n))
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
    let (half, one) = (s.splat(0.5), s.splat(1.0));
    let (n, p) = split(s, s.max(s.splat(-20.0), s.min(s.splat(89.0), x)));
    // 2ⁿ (1 + p) − 1 = 2 (2ⁿ⁻¹ p + (2ⁿ⁻¹ − ½)): n = 128 would not fit into one factor.
    let scale = power_of_two(s, n - one);
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
    let e = exp_below_89(s, -s.abs(x));
    s.select(s.lt(x, zero), e, one) / (one + e)
}
