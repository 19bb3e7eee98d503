//! How random bits become numbers of a distribution.
//!
//! Every formula here is made of single additions, multiplications, divisions, roots and the functions of
//! [`math`] in the form which rounds a·b and the sum apart. IEEE 754 fixes each of them to the bit,
//! so the numbers are the same on every instruction set; a fused multiply-add would make them differ in the last place.
//!
//! The formulas are functions and not closures: a closure which isn't inlined has no vector instructions.

use crate::simd::{
    Simd,
    math::{TWICE, ln_1p_rounding, ln_inside, sin_cos_turns_rounding},
};

/// 2⁻²⁴, 2⁻³¹ and 2⁻³².
const POW_24: f32 = 1.0 / 16_777_216.0;
const POW_31: f32 = 1.0 / 2_147_483_648.0;
const POW_32: f32 = 1.0 / 4_294_967_296.0;

/// A distribution: from the four words of a Philox block to four numbers, in vectors of `LANES` blocks.
pub(super) trait Distribution: Copy + Send + Sync {
    /// The four numbers of each block. Mark it `#[inline(always)]`.
    fn numbers<S: Simd>(self, s: S, words: [S::I; 4]) -> [S::F; 4];
}

/// The upper 31 bits as a number of (0, 1]: (n + ½) / 2³¹, rounded to f32. Near 0, where logarithms look closely, it keeps
/// all of the 31 bits; 2⁻³² is the least.
#[inline(always)]
fn positive<S: Simd>(s: S, word: S::I) -> S::F {
    let n = s.i_and(s.i_shr::<1>(word), s.i_splat(i32::MAX));
    (s.to_float(n) + s.splat(0.5)) * s.splat(POW_31)
}

/// n / 2²⁴ with n the upper 24 bits.
#[derive(Clone, Copy)]
pub(super) struct Uniform;

impl Distribution for Uniform {
    #[inline(always)]
    fn numbers<S: Simd>(self, s: S, [a, b, c, d]: [S::I; 4]) -> [S::F; 4] {
        [uniform(s, a), uniform(s, b), uniform(s, c), uniform(s, d)]
    }
}

#[inline(always)]
fn uniform<S: Simd>(s: S, word: S::I) -> S::F {
    s.to_float(s.i_and(s.i_shr::<8>(word), s.i_splat(0x00ff_ffff))) * s.splat(POW_24)
}

/// Box and Muller (*A Note on the Generation of Random Normal Deviates*, 1958): a point of the plane whose two coordinates
/// are normal has a squared radius that is exponential, and an angle that is uniform and independent of it.
///
/// ```text
/// r = √(−2 ln u),   z = (r cos 2πt, r sin 2πt),   u uniform on (0, 1], t on [−½, ½]
/// ```
#[derive(Clone, Copy)]
pub(super) struct Normal;

impl Distribution for Normal {
    #[inline(always)]
    fn numbers<S: Simd>(self, s: S, [u0, t0, u1, t1]: [S::I; 4]) -> [S::F; 4] {
        let ([x0, y0], [x1, y1]) = (normal_point(s, u0, t0), normal_point(s, u1, t1));
        [x0, y0, x1, y1]
    }
}

#[inline(always)]
fn normal_point<S: Simd>(s: S, u: S::I, t: S::I) -> [S::F; 2] {
    let r = s.sqrt(s.splat(-2.0) * ln_inside::<S, TWICE>(s, positive(s, u)));
    let (sin, cos) = sin_cos_turns_rounding::<S, TWICE>(s, s.to_float(t) * s.splat(POW_32));
    [r * cos, r * sin]
}

/// −ln E of an exponential E = −ln(1 − v), v uniform on (0, 1). The long tail of Gumbel's distribution is where E is small:
/// there v has all its bits and ln(1 − v) loses none.
#[derive(Clone, Copy)]
pub(super) struct Gumbel;

impl Distribution for Gumbel {
    #[inline(always)]
    fn numbers<S: Simd>(self, s: S, [a, b, c, d]: [S::I; 4]) -> [S::F; 4] {
        [gumbel(s, a), gumbel(s, b), gumbel(s, c), gumbel(s, d)]
    }
}

#[inline(always)]
fn gumbel<S: Simd>(s: S, word: S::I) -> S::F {
    // v = 1 would give −∞; the largest f32 below 1 gives −2.81, and below that lies 2⁻²⁴ of all numbers.
    let v = s.min(positive(s, word), s.splat(1.0 - POW_24));
    -ln_inside::<S, TWICE>(s, -ln_1p_rounding::<S, TWICE>(s, -v))
}

/// ±ln((1 − t) / t) with t, the share of the numbers beyond it on its side, uniform on (0, ½], and the sign from the last
/// bit. The inverse of the distribution function, ln(p / (1 − p)), would have fewer digits on one side than on the other.
#[derive(Clone, Copy)]
pub(super) struct Logistic;

impl Distribution for Logistic {
    #[inline(always)]
    fn numbers<S: Simd>(self, s: S, [a, b, c, d]: [S::I; 4]) -> [S::F; 4] {
        [logistic(s, a), logistic(s, b), logistic(s, c), logistic(s, d)]
    }
}

#[inline(always)]
fn logistic<S: Simd>(s: S, word: S::I) -> S::F {
    let t = s.splat(0.5) * positive(s, word);
    let magnitude = ln_inside::<S, TWICE>(s, (s.splat(1.0) - t) / t);
    s.copysign(magnitude, s.float_of_bits(s.i_shl::<31>(word)))
}
