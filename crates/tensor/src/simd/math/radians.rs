//! Sine and cosine of an angle in radians, for every finite f32.
//!
//! ```text
//! k = round(2x / π),   r = x − k π/2,   |r| ≤ 0.8
//! sin r = r + r³ p(r²),                  p of degree 2,   relative error 2⁻²⁶·⁸
//! cos r = 1 − r²/2 + r⁴ q(r²),           q of degree 2,   relative error 2⁻³⁰·²
//! ```
//!
//! The difficulty is r. A float near a multiple of π/2 loses all its leading digits in the subtraction, so π/2 must be known
//! to as many digits more; and for an x of 2¹²⁷ all digits before the binary point of 2x / π must be right too. Up to
//! 2¹⁷ quarter turns, three floats of π/2 and fused multiply-adds are exact enough (Cody and Waite 1980). Beyond, and
//! without fused multiply-adds, an integer product with 256 bits of 2/π is (Payne and Hanek 1983).

use super::sin_cos::turn_by_quarters;
use super::{FUSED, polynomial, product};
use crate::simd::{Isa, MAX_LANES, Simd};

/// (sin r − r) / r³ of r².
const SIN: [f32; 3] = [-1.950_306_9e-4, 8.332_071e-3, -1.666_665_4e-1];
/// (cos r − 1 + r²/2) / r⁴ of r².
const COS: [f32; 3] = [2.441_919_8e-5, -1.388_719_4e-3, 4.166_664e-2];
/// π/2 = the sum of these, to 75 bits.
const HALF_PI: [f32; 3] = [1.570_796_4, -4.371_139e-8, -1.715_124_5e-15];
/// The floor of 2/π · 2²⁵⁶.
const TWO_OVER_PI: [u128; 2] = [0xa2f9_836e_4e44_1529_fc27_57d1_f534_ddc0, 0xdb62_9599_3c43_9041_fe51_63ab_debb_c561];
/// Up to here the vectors reduce the angle by themselves: 2¹⁷ quarter turns. Rounding errors of 2x / π then move the border of a
/// quarter by at most 2⁻⁷ of it, which the polynomials are made for.
const NEAR: f32 = 205_887.0;

/// sin x for every finite x: error ≤ 1.2 ULP fused, 1.5 scalar.
///
/// sin(±0) = ±0; sin(±∞) = sin(NaN) = NaN. Beyond |x| = 205887 the angle is reduced lane by lane, at a tenth of the speed.
///
/// ```
/// use glassbox_tensor::simd::{Scalar, math};
/// assert_eq!(math::sin(Scalar, 1.0), 1f32.sin());
/// assert_eq!(math::sin(Scalar, 1e30), -0.791_163_44); // of 1000000015047466219876688855040
/// ```
#[inline(always)]
pub fn sin<S: Simd>(s: S, x: S::F) -> S::F {
    sin_cos(s, x).0
}

/// cos x for every finite x: error ≤ 1.2 ULP fused, 1.5 scalar.
///
/// cos(±0) = 1; cos(±∞) = cos(NaN) = NaN. Beyond |x| = 205887 the angle is reduced lane by lane, at a tenth of the speed.
///
/// ```
/// use glassbox_tensor::simd::{Scalar, math};
/// assert_eq!(math::cos(Scalar, 0.0), 1.0);
/// assert_eq!(math::cos(Scalar, std::f32::consts::PI), -1.0);
/// ```
#[inline(always)]
pub fn cos<S: Simd>(s: S, x: S::F) -> S::F {
    sin_cos(s, x).1
}

#[inline(always)]
fn sin_cos<S: Simd>(s: S, x: S::F) -> (S::F, S::F) {
    let [k, r, low] = reduce(s, x);
    let r2 = r * r;
    // r and low together are the angle: sin(r + low) = sin r + low, cos(r + low) = cos r − r low, up to low r²/2.
    let sin = r + s.mul_add(r * r2, polynomial::<S, FUSED, 3>(s, r2, SIN), low);
    let q = s.mul_add(polynomial::<S, FUSED, 3>(s, r2, COS), r2, s.splat(-0.5));
    let cos = s.splat(1.0) + s.mul_add(r2, q, -(r * low));
    let (sin, cos) = turn_by_quarters(s, s.to_int(k), sin, cos);
    (s.select(s.eq(x, s.splat(0.0)), x, sin), cos) // the sum of −0 and +0 is +0; sin(−0) is −0
}

/// (k, r, low) with x = k π/2 + r + low, the whole number k modulo 4.
#[inline(always)]
fn reduce<S: Simd>(s: S, x: S::F) -> [S::F; 3] {
    let k = s.to_float(s.to_int(x * s.splat(std::f32::consts::FRAC_2_PI)));
    // k · HALF_PI[0] is a multiple of 2⁻²³ near x: fused, the first step is exact. The second one is made so by what it and its
    // product are rounded by (Knuth's two-sum), which `low` begins with.
    let first = s.mul_add(k, s.splat(-HALF_PI[0]), x);
    let [p, error] = product(s, k, s.splat(-HALF_PI[1]));
    let r = first + p;
    let added = r - first;
    let rounded = (first - (r - added)) + (p - added);
    let low = s.mul_add(k, s.splat(-HALF_PI[2]), rounded + error);
    let near = if S::ISA == Isa::Scalar { std::f32::consts::FRAC_PI_4 } else { NEAR };
    if s.any(s.gt(s.abs(x), s.splat(near))) {
        let mut lanes = [[0.0; MAX_LANES]; 4];
        s.store(&mut lanes[0], k);
        s.store(&mut lanes[1], r);
        s.store(&mut lanes[2], low);
        s.store(&mut lanes[3], x);
        reduce_beyond(near, &mut lanes);
        return [s.load(&lanes[0]), s.load(&lanes[1]), s.load(&lanes[2])];
    }
    [k, r, low]
}

/// [`reduce`] by integers, in the lanes `[k, r, low, x]` where |x| > `near`.
#[cold]
#[inline(never)]
fn reduce_beyond(near: f32, [k, r, low, x]: &mut [[f32; MAX_LANES]; 4]) {
    for i in (0..MAX_LANES).filter(|&i| x[i].abs() > near) {
        let (quarters, angle) = reduce_exactly(x[i]);
        (k[i], r[i]) = (quarters as f32, angle as f32);
        low[i] = (angle - f64::from(r[i])) as f32;
    }
}

/// (k mod 4, r) with x = k π/2 + r, |r| ≤ π/4, for |x| > ½: r to 53 bits, however near x is to a multiple of π/2.
fn reduce_exactly(x: f32) -> (i32, f64) {
    if x.is_infinite() {
        return (0, f64::NAN);
    }
    // |x| = m 2ᵉ. Of 2/π, the 128 bits from the weight 2¹⁻ᵉ on: those before make whole turns, those behind contribute less than
    // 2²⁴ 2⁻¹²⁶ quarter turns, and no float is nearer than 2⁻³¹ to a border.
    let (m, e) = (x.to_bits() & 0x007f_ffff | 0x0080_0000, (x.to_bits() >> 23 & 0xff) as i32 - 150);
    let [high, low] = TWO_OVER_PI;
    let bits = match 130 - e {
        shift @ ..128 => high << (128 - shift) | low >> shift,
        shift => high >> (shift - 128),
    };
    // |x| · 2/π modulo 4, in units of 2⁻¹²⁶.
    let quarters = bits.wrapping_mul(u128::from(m));
    let k = quarters.wrapping_add(1 << 125) >> 126;
    let rest = quarters.wrapping_sub(k << 126) as i128;
    let r = rest as f64 * (std::f64::consts::FRAC_PI_2 / 85_070_591_730_234_615_865_843_651_857_942_052_864.0); // 2¹²⁶
    if x < 0.0 { (-(k as i32), -r) } else { (k as i32, r) }
}
