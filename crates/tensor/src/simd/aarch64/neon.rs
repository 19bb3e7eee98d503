//! NEON, which every 64-bit ARM processor has.

use crate::simd::{Isa, Kernel, Simd};
use std::arch::aarch64::*;

/// The token of 64-bit ARM with NEON: 4 lanes, 32 registers.
#[derive(Clone, Copy, Debug)]
pub struct Neon(());

/// 4 f32 in one register. Only a token's methods make one, so the instructions of its arithmetic exist.
#[derive(Clone, Copy)]
pub struct F32x4(float32x4_t);

impl Neon {
    /// The token, where the machine has the instructions.
    #[inline]
    pub fn detect() -> Option<Self> {
        std::arch::is_aarch64_feature_detected!("neon").then_some(Neon(()))
    }
}

/// The one place where the features are enabled; everything that is inlined into it may use them.
#[target_feature(enable = "neon")]
#[inline]
fn enter_neon<K: Kernel>(token: Neon, kernel: K) -> K::Out {
    kernel.run(token)
}

impl std::ops::Add for F32x4 {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: a vector exists only where a token did, so the instructions do.
        Self(unsafe { vaddq_f32(self.0, other.0) })
    }
}

impl std::ops::Sub for F32x4 {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: a vector exists only where a token did, so the instructions do.
        Self(unsafe { vsubq_f32(self.0, other.0) })
    }
}

impl std::ops::Mul for F32x4 {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: a vector exists only where a token did, so the instructions do.
        Self(unsafe { vmulq_f32(self.0, other.0) })
    }
}

impl std::ops::Div for F32x4 {
    type Output = Self;
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        // SAFETY: a vector exists only where a token did, so the instructions do.
        Self(unsafe { vdivq_f32(self.0, other.0) })
    }
}

impl std::ops::Neg for F32x4 {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        // SAFETY: as above.
        Self(unsafe { vnegq_f32(self.0) })
    }
}

impl Simd for Neon {
    const ISA: Isa = Isa::Neon;
    const LANES: usize = 4;
    type F = F32x4;
    type I = int32x4_t;
    type M = uint32x4_t;

    #[inline]
    fn enter<K: Kernel>(self, kernel: K) -> K::Out {
        // SAFETY: the token exists only where `detect` saw the feature.
        unsafe { enter_neon(self, kernel) }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> F32x4 {
        // SAFETY: the token proves the instructions.
        F32x4(unsafe { vdupq_n_f32(x) })
    }
    #[inline(always)]
    unsafe fn load_ptr(self, x: *const f32) -> F32x4 {
        // SAFETY: the caller promises LANES readable floats; the token proves the instruction, which asks for no alignment.
        F32x4(unsafe { vld1q_f32(x) })
    }
    #[inline(always)]
    unsafe fn store_ptr(self, out: *mut f32, x: F32x4) {
        // SAFETY: the caller promises LANES writable floats; the token proves the instruction, which asks for no alignment.
        unsafe { vst1q_f32(out, x.0) }
    }

    // NEON has no masks for memory: what is shorter than a vector goes through one on the stack.
    #[inline(always)]
    fn load_part(self, x: &[f32]) -> F32x4 {
        if x.len() >= 4 {
            return self.load(x);
        }
        let mut padded = [0.0; 4];
        padded.iter_mut().zip(x).for_each(|(to, &x)| *to = x);
        self.load(&padded)
    }
    #[inline(always)]
    fn store_part(self, out: &mut [f32], x: F32x4) {
        if out.len() >= 4 {
            return self.store(out, x);
        }
        let mut padded = [0.0; 4];
        self.store(&mut padded, x);
        out.iter_mut().zip(padded).for_each(|(to, x)| *to = x);
    }

    // Pairs, then the off-diagonal pairs change places: 8 shuffles.
    #[inline(always)]
    fn transpose(self, rows: &mut [F32x4]) {
        let r: &mut [F32x4; 4] = rows.try_into().expect("transpose: a square of vectors");
        // SAFETY: the token proves the instructions.
        unsafe {
            let (a, b) = (vtrn1q_f32(r[0].0, r[1].0), vtrn2q_f32(r[0].0, r[1].0));
            let (c, d) = (vtrn1q_f32(r[2].0, r[3].0), vtrn2q_f32(r[2].0, r[3].0));
            let [a, b, c, d] = [
                vreinterpretq_f64_f32(a),
                vreinterpretq_f64_f32(b),
                vreinterpretq_f64_f32(c),
                vreinterpretq_f64_f32(d),
            ];
            r[0].0 = vreinterpretq_f32_f64(vtrn1q_f64(a, c));
            r[1].0 = vreinterpretq_f32_f64(vtrn1q_f64(b, d));
            r[2].0 = vreinterpretq_f32_f64(vtrn2q_f64(a, c));
            r[3].0 = vreinterpretq_f32_f64(vtrn2q_f64(b, d));
        }
    }

    #[inline(always)]
    fn mul_add(self, a: F32x4, b: F32x4, c: F32x4) -> F32x4 {
        // SAFETY: the token proves the instructions.
        F32x4(unsafe { vfmaq_f32(c.0, a.0, b.0) })
    }
    // Not `vminq`, which gives NaN if either is NaN and tells +0 from −0: a comparison, as the trait says.
    #[inline(always)]
    fn min(self, a: F32x4, b: F32x4) -> F32x4 {
        // SAFETY: the token proves the instructions.
        F32x4(unsafe { vbslq_f32(vcltq_f32(a.0, b.0), a.0, b.0) })
    }
    #[inline(always)]
    fn max(self, a: F32x4, b: F32x4) -> F32x4 {
        // SAFETY: the token proves the instructions.
        F32x4(unsafe { vbslq_f32(vcgtq_f32(a.0, b.0), a.0, b.0) })
    }
    #[inline(always)]
    fn sqrt(self, x: F32x4) -> F32x4 {
        // SAFETY: the token proves the instructions.
        F32x4(unsafe { vsqrtq_f32(x.0) })
    }
    #[inline(always)]
    fn abs(self, x: F32x4) -> F32x4 {
        // SAFETY: the token proves the instructions.
        F32x4(unsafe { vabsq_f32(x.0) })
    }
    #[inline(always)]
    fn copysign(self, magnitude: F32x4, sign: F32x4) -> F32x4 {
        // SAFETY: the token proves the instructions.
        F32x4(unsafe { vbslq_f32(vdupq_n_u32(0x8000_0000), sign.0, magnitude.0) })
    }
    #[inline(always)]
    fn round(self, x: F32x4) -> F32x4 {
        // SAFETY: the token proves the instructions.
        F32x4(unsafe { vrndnq_f32(x.0) })
    }

    #[inline(always)]
    fn lt(self, a: F32x4, b: F32x4) -> uint32x4_t {
        // SAFETY: the token proves the instructions.
        unsafe { vcltq_f32(a.0, b.0) }
    }
    #[inline(always)]
    fn le(self, a: F32x4, b: F32x4) -> uint32x4_t {
        // SAFETY: the token proves the instructions.
        unsafe { vcleq_f32(a.0, b.0) }
    }
    #[inline(always)]
    fn eq(self, a: F32x4, b: F32x4) -> uint32x4_t {
        // SAFETY: the token proves the instructions.
        unsafe { vceqq_f32(a.0, b.0) }
    }
    #[inline(always)]
    fn is_nan(self, x: F32x4) -> uint32x4_t {
        // SAFETY: the token proves the instructions.
        unsafe { vmvnq_u32(vceqq_f32(x.0, x.0)) }
    }
    #[inline(always)]
    fn any(self, mask: uint32x4_t) -> bool {
        // SAFETY: the token proves the instructions.
        unsafe { vmaxvq_u32(mask) != 0 }
    }
    #[inline(always)]
    fn select(self, mask: uint32x4_t, a: F32x4, b: F32x4) -> F32x4 {
        // SAFETY: the token proves the instructions.
        F32x4(unsafe { vbslq_f32(mask, a.0, b.0) })
    }

    #[inline(always)]
    fn i_splat(self, x: i32) -> int32x4_t {
        // SAFETY: the token proves the instructions.
        unsafe { vdupq_n_s32(x) }
    }
    #[inline(always)]
    fn i_add(self, a: int32x4_t, b: int32x4_t) -> int32x4_t {
        // SAFETY: the token proves the instructions.
        unsafe { vaddq_s32(a, b) }
    }
    #[inline(always)]
    fn i_sub(self, a: int32x4_t, b: int32x4_t) -> int32x4_t {
        // SAFETY: the token proves the instructions.
        unsafe { vsubq_s32(a, b) }
    }
    #[inline(always)]
    fn i_and(self, a: int32x4_t, b: int32x4_t) -> int32x4_t {
        // SAFETY: the token proves the instructions.
        unsafe { vandq_s32(a, b) }
    }
    #[inline(always)]
    fn i_or(self, a: int32x4_t, b: int32x4_t) -> int32x4_t {
        // SAFETY: the token proves the instructions.
        unsafe { vorrq_s32(a, b) }
    }
    #[inline(always)]
    fn i_xor(self, a: int32x4_t, b: int32x4_t) -> int32x4_t {
        // SAFETY: the token proves the instructions.
        unsafe { veorq_s32(a, b) }
    }
    #[inline(always)]
    fn i_mul_wide(self, a: int32x4_t, b: int32x4_t) -> [int32x4_t; 2] {
        // SAFETY: the token proves the instructions.
        unsafe {
            let (a, b) = (vreinterpretq_u32_s32(a), vreinterpretq_u32_s32(b));
            let first = vreinterpretq_s32_u64(vmull_u32(vget_low_u32(a), vget_low_u32(b)));
            let last = vreinterpretq_s32_u64(vmull_high_u32(a, b));
            [vuzp1q_s32(first, last), vuzp2q_s32(first, last)]
        }
    }
    // Shifts by a vector of counts; to the right by negative ones. LLVM sees the constant and takes the short form.
    #[inline(always)]
    fn i_shl<const N: u32>(self, a: int32x4_t) -> int32x4_t {
        // SAFETY: the token proves the instructions.
        unsafe { vshlq_s32(a, vdupq_n_s32(N as i32)) }
    }
    #[inline(always)]
    fn i_shr<const N: u32>(self, a: int32x4_t) -> int32x4_t {
        // SAFETY: the token proves the instructions.
        unsafe { vshlq_s32(a, vdupq_n_s32(-(N as i32))) }
    }
    #[inline(always)]
    fn bits(self, x: F32x4) -> int32x4_t {
        // SAFETY: the token proves the instructions.
        unsafe { vreinterpretq_s32_f32(x.0) }
    }
    #[inline(always)]
    fn float_of_bits(self, x: int32x4_t) -> F32x4 {
        // SAFETY: the token proves the instructions.
        F32x4(unsafe { vreinterpretq_f32_s32(x) })
    }
    #[inline(always)]
    fn to_int(self, x: F32x4) -> int32x4_t {
        // SAFETY: the token proves the instructions.
        unsafe { vcvtnq_s32_f32(x.0) }
    }
    #[inline(always)]
    fn to_float(self, x: int32x4_t) -> F32x4 {
        // SAFETY: the token proves the instructions.
        F32x4(unsafe { vcvtq_f32_s32(x) })
    }

    #[inline(always)]
    fn sum(self, x: F32x4) -> f32 {
        // SAFETY: the token proves the instructions.
        unsafe {
            // 4 → 2 → 1 lanes
            let two = vadd_f32(vget_low_f32(x.0), vget_high_f32(x.0));
            vget_lane_f32::<0>(vpadd_f32(two, two))
        }
    }
    #[inline(always)]
    fn max_lane(self, x: F32x4) -> f32 {
        // SAFETY: the token proves the instructions.
        unsafe { vmaxnmvq_f32(x.0) } // passes over NaN
    }
}
