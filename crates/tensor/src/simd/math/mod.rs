//! exp, ln, tanh, sigmoid and their kin, built from the token's operations alone.
//!
//! Each function is written once and is right on every instruction set. All treat the whole of f32: subnormal numbers
//! are neither flushed nor taken for zero, infinities give limits, NaN gives NaN.
//!
//! | function | fused | scalar |
//! | --- | --- | --- |
//! | [`exp`] | 1 | 1 |
//! | [`expm1`] | 1.5 | 1.5 |
//! | [`ln`] | 0.9 | 0.9 |
//! | [`ln_1p`] | 1 | 1 |
//! | [`tanh`] | 2.5 | 2.5 |
//! | [`sigmoid`] | 2.5 | 2.5 |
//! | [`log1p_exp_neg`] | 1.8 | 1.8 |
//! | [`softplus`] | 1.8 | 1.8 |
//! | [`erf`] | 1.5 | 1.5 |
//! | [`ndtr`] | 5 | 5 |
//! | [`gelu`] | 5.5 | 5.5 |
//! | [`sin`], [`cos`] | 1.2 | 1.5 |
//! | [`pow`] | 1 | 1 |
//! | [`rsqrt`] | 1.5 | 1.5 |
//! | [`sin_cos_turns`] | 1.1 | 1.7 |
//!
//! The numbers bound the error in ULP: units in the last place of the exact result, 2⁻¹⁴⁹ at least. "Fused" is NEON,
//! AVX2 and AVX-512, whose results are equal bit for bit; the scalar token rounds twice in `mul_add`. They were measured
//! against f64 at all 2³² inputs on the scalar token, AVX2 and AVX-512, powers along one cut and at random pairs; on NEON,
//! which was emulated, at every 8191st. `cargo test --release -- --ignored exhaustive` does it again, `… exhaustive::erf` for
//! one function; docs/results/proof.md has what was found.
//!
//! The polynomials are minimax fits made by `tools/math/minimax.py`; the file of each function says over which interval
//! and how good. The plan of all of them is the usual one (Muller, *Elementary Functions*, 3rd edition 2016): reduce the
//! argument exactly, evaluate a short polynomial, put the exponent back.

mod exp;
mod ln;
mod normal;
mod pow;
mod radians;
mod sin_cos;
#[cfg(test)]
mod tests;

pub(crate) use exp::exp_below_89;
pub use exp::{exp, expm1, sigmoid, tanh};
pub use ln::{ln, ln_1p, log1p_exp_neg, softplus};
pub use normal::{erf, gelu, gelu_and_slope, ndtr};
pub use pow::pow;
pub use radians::{cos, sin};
pub use sin_cos::sin_cos_turns;

pub(crate) use ln::{ln_1p_rounding, ln_inside};
pub(crate) use sin_cos::sin_cos_turns_rounding;

use super::{Isa, Simd};

/// How a·b + c is rounded. Random numbers ask for two roundings, which every instruction set can do, so that their bits
/// are the same everywhere; all else takes what is fastest.
pub(crate) const FUSED: bool = true;
/// See [`FUSED`].
pub(crate) const TWICE: bool = false;

/// ln 2 = `LN2_HIGH` + `LN2_LOW`. The high part is 22713 / 2¹⁵, 15 bits, so its product with an exponent (of 9 bits) is
/// exact in the 24 bits of f32; the low part carries 24 bits more (Cody and Waite 1980).
const LN2_HIGH: f32 = 0.693_145_75;
const LN2_LOW: f32 = 1.428_606_8e-6;

/// a·b + c, rounded as `R` says.
#[inline(always)]
fn mul_add<S: Simd, const R: bool>(s: S, a: S::F, b: S::F, c: S::F) -> S::F {
    if R == FUSED { s.mul_add(a, b, c) } else { a * b + c }
}

/// The polynomial with coefficients `c`, the highest degree first, at `x`: Horner's scheme.
#[inline(always)]
fn polynomial<S: Simd, const R: bool, const N: usize>(s: S, x: S::F, c: [f32; N]) -> S::F {
    let mut y = s.splat(c[0]);
    for &c in &c[1..] {
        y = mul_add::<S, R>(s, y, x, s.splat(c));
    }
    y
}

/// The number with the lower 12 of its 24 digits zero: products of two such numbers are exact.
#[inline(always)]
fn upper_half<S: Simd>(s: S, x: S::F) -> S::F {
    s.float_of_bits(s.i_and(s.bits(x), s.i_splat(!0xfff)))
}

/// a b = high + low exactly, unless it overflows or comes near to subnormal numbers.
#[inline(always)]
fn product<S: Simd>(s: S, a: S::F, b: S::F) -> [S::F; 2] {
    let high = a * b;
    if S::ISA != Isa::Scalar {
        return [high, s.mul_add(a, b, -high)];
    }
    // Halves of 12 bits have exact products.
    let (a1, b1) = (upper_half(s, a), upper_half(s, b));
    let (a2, b2) = (a - a1, b - b1);
    [high, a2 * b2 - (((high - a1 * b1) - a2 * b1) - a1 * b2)]
}

/// 1 / √x, x ≥ 0: error ≤ 1.5 ULP, from the roundings of the root and of the quotient.
///
/// rsqrt(±0) = ±∞, rsqrt(∞) = 0, rsqrt(x < 0) = rsqrt(NaN) = NaN.
///
/// ```
/// use glassbox_tensor::simd::{Scalar, math};
/// assert_eq!(math::rsqrt(Scalar, 4.0), 0.5);
/// assert_eq!(math::rsqrt(Scalar, 0.0), f32::INFINITY);
/// ```
#[inline(always)]
pub fn rsqrt<S: Simd>(s: S, x: S::F) -> S::F {
    s.splat(1.0) / s.sqrt(x)
}

/// 2ⁿ for whole n, −126 ≤ n ≤ 127: n is the exponent of the float, with its bias.
#[inline(always)]
fn power_of_two<S: Simd>(s: S, n: S::F) -> S::F {
    s.float_of_bits(s.i_shl::<23>(s.i_add(s.to_int(n), s.i_splat(127))))
}
