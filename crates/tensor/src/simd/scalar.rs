//! The scalar token: one lane, plain Rust. It is what the other tokens are read against.

use super::{Isa, Kernel, Simd};

/// The token that every machine has.
///
/// ```
/// use glassbox_tensor::simd::{Scalar, Simd};
/// assert_eq!(Scalar.mul_add(2.0, 3.0, 1.0), 7.0); // its vectors are f32: kernels can be tried out on numbers
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Scalar;

impl Simd for Scalar {
    const ISA: Isa = Isa::Scalar;
    const LANES: usize = 1;
    type F = f32;
    type I = i32;
    type M = bool;

    #[inline]
    fn enter<K: Kernel>(self, kernel: K) -> K::Out {
        kernel.run(self)
    }

    #[inline(always)]
    fn splat(self, x: f32) -> f32 {
        x
    }
    #[inline(always)]
    unsafe fn load_ptr(self, x: *const f32) -> f32 {
        // SAFETY: the caller promises one readable float; alignment is not promised.
        unsafe { x.read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store_ptr(self, out: *mut f32, x: f32) {
        // SAFETY: the caller promises one writable float; alignment is not promised.
        unsafe { out.write_unaligned(x) }
    }

    #[inline(always)]
    fn transpose(self, rows: &mut [f32]) {
        assert_eq!(rows.len(), 1, "transpose: a square of vectors"); // its own transpose
    }

    // Two roundings: `f32::mul_add` without hardware FMA is a call into the C library, 20 times slower.
    #[inline(always)]
    fn mul_add(self, a: f32, b: f32, c: f32) -> f32 {
        a * b + c
    }
    #[inline(always)]
    fn min(self, a: f32, b: f32) -> f32 {
        if a < b { a } else { b }
    }
    #[inline(always)]
    fn max(self, a: f32, b: f32) -> f32 {
        if a > b { a } else { b }
    }
    #[inline(always)]
    fn sqrt(self, x: f32) -> f32 {
        x.sqrt()
    }
    #[inline(always)]
    fn abs(self, x: f32) -> f32 {
        x.abs()
    }
    #[inline(always)]
    fn copysign(self, magnitude: f32, sign: f32) -> f32 {
        magnitude.copysign(sign)
    }
    // `round_ties_even` is a call without SSE4.1. Adding and taking away 2²³ leaves no room for a fraction, so the
    // hardware's own rounding (to even) does it; from 2²³ on every float is an integer already.
    #[inline(always)]
    fn round(self, x: f32) -> f32 {
        if x.abs() < 8_388_608.0 { ((x.abs() + 8_388_608.0) - 8_388_608.0).copysign(x) } else { x }
    }

    #[inline(always)]
    fn lt(self, a: f32, b: f32) -> bool {
        a < b
    }
    #[inline(always)]
    fn le(self, a: f32, b: f32) -> bool {
        a <= b
    }
    #[inline(always)]
    fn eq(self, a: f32, b: f32) -> bool {
        a == b
    }
    #[inline(always)]
    fn is_nan(self, x: f32) -> bool {
        x.is_nan()
    }
    #[inline(always)]
    fn any(self, mask: bool) -> bool {
        mask
    }
    #[inline(always)]
    fn select(self, mask: bool, a: f32, b: f32) -> f32 {
        if mask { a } else { b }
    }

    #[inline(always)]
    fn i_splat(self, x: i32) -> i32 {
        x
    }
    #[inline(always)]
    fn i_add(self, a: i32, b: i32) -> i32 {
        a.wrapping_add(b)
    }
    #[inline(always)]
    fn i_sub(self, a: i32, b: i32) -> i32 {
        a.wrapping_sub(b)
    }
    #[inline(always)]
    fn i_and(self, a: i32, b: i32) -> i32 {
        a & b
    }
    #[inline(always)]
    fn i_or(self, a: i32, b: i32) -> i32 {
        a | b
    }
    #[inline(always)]
    fn i_xor(self, a: i32, b: i32) -> i32 {
        a ^ b
    }
    #[inline(always)]
    fn i_mul_wide(self, a: i32, b: i32) -> [i32; 2] {
        let product = u64::from(a as u32) * u64::from(b as u32);
        [product as i32, (product >> 32) as i32]
    }
    #[inline(always)]
    fn i_shl<const N: u32>(self, a: i32) -> i32 {
        a << N
    }
    #[inline(always)]
    fn i_shr<const N: u32>(self, a: i32) -> i32 {
        a >> N
    }
    #[inline(always)]
    fn bits(self, x: f32) -> i32 {
        x.to_bits() as i32
    }
    #[inline(always)]
    fn float_of_bits(self, x: i32) -> f32 {
        f32::from_bits(x as u32)
    }
    #[inline(always)]
    fn to_int(self, x: f32) -> i32 {
        self.round(x) as i32
    }
    #[inline(always)]
    fn to_float(self, x: i32) -> f32 {
        x as f32
    }

    #[inline(always)]
    fn sum(self, x: f32) -> f32 {
        x
    }
    #[inline(always)]
    fn max_lane(self, x: f32) -> f32 {
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_is_round_ties_even() {
        for bits in (0..=u32::MAX).step_by(997).chain([5_000_001.0f32, 4_194_305.0, 0.5, 1.5, -2.5].map(f32::to_bits)) {
            let x = f32::from_bits(bits);
            let (ours, std) = (Scalar.round(x), x.round_ties_even());
            assert!(ours.to_bits() == std.to_bits() || x.is_nan(), "round({x:e}) = {ours:e}, not {std:e}");
        }
    }
}
