//! AVX2 with FMA.

use crate::simd::{Isa, Kernel, Simd};
use std::arch::x86_64::*;

/// The token of x86-64 with AVX2 and FMA: 8 lanes, 16 registers.
#[derive(Clone, Copy, Debug)]
pub struct Avx2(());

/// 8 f32 in one register. Only a token's methods make one, so the instructions of its arithmetic exist.
#[derive(Clone, Copy)]
pub struct F32x8(__m256);

impl Avx2 {
    /// The token, where the machine has the instructions.
    #[inline]
    pub fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Avx2(()))
    }
}

/// The one place where the features are enabled; everything that is inlined into it may use them.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn enter_avx2<K: Kernel>(token: Avx2, kernel: K) -> K::Out {
    kernel.run(token)
}

/// The mask of the first `n` lanes, all of them from 8 on.
#[inline(always)]
fn first(n: usize) -> __m256i {
    // SAFETY: only a token's methods call this, so the instructions exist.
    unsafe {
        let lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        _mm256_cmpgt_epi32(_mm256_set1_epi32(n.min(8) as i32), lane)
    }
}

impl std::ops::Add for F32x8 {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: a vector exists only where a token did, so the instructions do.
        Self(unsafe { _mm256_add_ps(self.0, other.0) })
    }
}

impl std::ops::Sub for F32x8 {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: a vector exists only where a token did, so the instructions do.
        Self(unsafe { _mm256_sub_ps(self.0, other.0) })
    }
}

impl std::ops::Mul for F32x8 {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: a vector exists only where a token did, so the instructions do.
        Self(unsafe { _mm256_mul_ps(self.0, other.0) })
    }
}

impl std::ops::Div for F32x8 {
    type Output = Self;
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        // SAFETY: a vector exists only where a token did, so the instructions do.
        Self(unsafe { _mm256_div_ps(self.0, other.0) })
    }
}

impl std::ops::Neg for F32x8 {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm256_xor_ps(self.0, _mm256_set1_ps(-0.0)) })
    }
}

impl Simd for Avx2 {
    const ISA: Isa = Isa::Avx2;
    const LANES: usize = 8;
    type F = F32x8;
    type I = __m256i;
    type M = __m256;

    #[inline]
    fn enter<K: Kernel>(self, kernel: K) -> K::Out {
        // SAFETY: the token exists only where `detect` saw every feature of the list.
        unsafe { enter_avx2(self, kernel) }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> F32x8 {
        // SAFETY: the token proves the instructions.
        F32x8(unsafe { _mm256_set1_ps(x) })
    }
    #[inline(always)]
    unsafe fn load_ptr(self, x: *const f32) -> F32x8 {
        // SAFETY: the caller promises LANES readable floats; the token proves the instruction.
        F32x8(unsafe { _mm256_loadu_ps(x) })
    }
    #[inline(always)]
    unsafe fn store_ptr(self, out: *mut f32, x: F32x8) {
        // SAFETY: the caller promises LANES writable floats; the token proves the instruction.
        unsafe { _mm256_storeu_ps(out, x.0) }
    }
    #[inline(always)]
    unsafe fn stream_ptr(self, out: *mut f32, x: F32x8) {
        // SAFETY: the caller promises LANES writable floats at a multiple of the vector's size, and to call `stream_end`; the
        // token proves the instruction.
        unsafe { _mm256_stream_ps(out, x.0) }
    }
    #[inline(always)]
    fn stream_end(self) {
        // SAFETY: every x86-64 has the instruction.
        unsafe { _mm_sfence() }
    }

    #[inline(always)]
    fn load_part(self, x: &[f32]) -> F32x8 {
        // SAFETY: the mask is set for the lanes below `x.len()` only, and lanes that are not set are not touched in memory;
        // the token proves the instruction.
        F32x8(unsafe { _mm256_maskload_ps(x.as_ptr(), first(x.len())) })
    }
    #[inline(always)]
    fn store_part(self, out: &mut [f32], x: F32x8) {
        // SAFETY: as for `load_part`.
        unsafe { _mm256_maskstore_ps(out.as_mut_ptr(), first(out.len()), x.0) }
    }

    // Pairs, then fours, within each half of the registers; then the off-diagonal halves change places: 24 shuffles.
    #[inline(always)]
    fn transpose(self, rows: &mut [F32x8]) {
        let r: &mut [F32x8; 8] = rows.try_into().expect("transpose: a square of vectors");
        // SAFETY: the token proves the instructions.
        unsafe {
            let mut t = *r;
            for i in (0..8).step_by(2) {
                t[i].0 = _mm256_unpacklo_ps(r[i].0, r[i + 1].0);
                t[i + 1].0 = _mm256_unpackhi_ps(r[i].0, r[i + 1].0);
            }
            let mut u = t;
            for i in (0..8).step_by(4) {
                u[i].0 = _mm256_shuffle_ps::<0x44>(t[i].0, t[i + 2].0);
                u[i + 1].0 = _mm256_shuffle_ps::<0xee>(t[i].0, t[i + 2].0);
                u[i + 2].0 = _mm256_shuffle_ps::<0x44>(t[i + 1].0, t[i + 3].0);
                u[i + 3].0 = _mm256_shuffle_ps::<0xee>(t[i + 1].0, t[i + 3].0);
            }
            for i in 0..4 {
                r[i].0 = _mm256_permute2f128_ps::<0x20>(u[i].0, u[i + 4].0);
                r[i + 4].0 = _mm256_permute2f128_ps::<0x31>(u[i].0, u[i + 4].0);
            }
        }
    }

    #[inline(always)]
    fn zip(self, a: F32x8, b: F32x8) -> (F32x8, F32x8) {
        // SAFETY: the token proves the instructions.
        unsafe {
            let (low, high) = (_mm256_unpacklo_ps(a.0, b.0), _mm256_unpackhi_ps(a.0, b.0)); // of each half
            (F32x8(_mm256_permute2f128_ps::<0x20>(low, high)), F32x8(_mm256_permute2f128_ps::<0x31>(low, high)))
        }
    }
    #[inline(always)]
    fn firsts(self, a: F32x8, b: F32x8) -> F32x8 {
        // SAFETY: the token proves the instructions.
        F32x8(unsafe {
            let halves = _mm256_shuffle_ps::<0x88>(a.0, b.0); // a0 a2 b0 b2, a4 a6 b4 b6
            _mm256_castpd_ps(_mm256_permute4x64_pd::<0xd8>(_mm256_castps_pd(halves)))
        })
    }

    #[inline(always)]
    fn mul_add(self, a: F32x8, b: F32x8, c: F32x8) -> F32x8 {
        // SAFETY: the token proves the instructions.
        F32x8(unsafe { _mm256_fmadd_ps(a.0, b.0, c.0) })
    }
    #[inline(always)]
    fn min(self, a: F32x8, b: F32x8) -> F32x8 {
        // SAFETY: the token proves the instructions.
        F32x8(unsafe { _mm256_min_ps(a.0, b.0) })
    }
    #[inline(always)]
    fn max(self, a: F32x8, b: F32x8) -> F32x8 {
        // SAFETY: the token proves the instructions.
        F32x8(unsafe { _mm256_max_ps(a.0, b.0) })
    }
    #[inline(always)]
    fn sqrt(self, x: F32x8) -> F32x8 {
        // SAFETY: the token proves the instructions.
        F32x8(unsafe { _mm256_sqrt_ps(x.0) })
    }
    #[inline(always)]
    fn abs(self, x: F32x8) -> F32x8 {
        // SAFETY: the token proves the instructions.
        F32x8(unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), x.0) })
    }
    #[inline(always)]
    fn copysign(self, magnitude: F32x8, sign: F32x8) -> F32x8 {
        // SAFETY: the token proves the instructions.
        F32x8(unsafe {
            let sign_bit = _mm256_set1_ps(-0.0);
            _mm256_or_ps(_mm256_andnot_ps(sign_bit, magnitude.0), _mm256_and_ps(sign_bit, sign.0))
        })
    }
    #[inline(always)]
    fn round(self, x: F32x8) -> F32x8 {
        // SAFETY: the token proves the instructions.
        F32x8(unsafe { _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x.0) })
    }

    #[inline(always)]
    fn lt(self, a: F32x8, b: F32x8) -> __m256 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm256_cmp_ps::<_CMP_LT_OQ>(a.0, b.0) }
    }
    #[inline(always)]
    fn le(self, a: F32x8, b: F32x8) -> __m256 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm256_cmp_ps::<_CMP_LE_OQ>(a.0, b.0) }
    }
    #[inline(always)]
    fn eq(self, a: F32x8, b: F32x8) -> __m256 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm256_cmp_ps::<_CMP_EQ_OQ>(a.0, b.0) }
    }
    #[inline(always)]
    fn is_nan(self, x: F32x8) -> __m256 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm256_cmp_ps::<_CMP_UNORD_Q>(x.0, x.0) }
    }
    #[inline(always)]
    fn any(self, mask: __m256) -> bool {
        // SAFETY: the token proves the instructions.
        unsafe { _mm256_movemask_ps(mask) != 0 }
    }
    #[inline(always)]
    fn select(self, mask: __m256, a: F32x8, b: F32x8) -> F32x8 {
        // SAFETY: the token proves the instructions.
        F32x8(unsafe { _mm256_blendv_ps(b.0, a.0, mask) })
    }

    #[inline(always)]
    fn i_splat(self, x: i32) -> __m256i {
        // SAFETY: the token proves the instructions.
        unsafe { _mm256_set1_epi32(x) }
    }
    #[inline(always)]
    fn i_add(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: the token proves the instructions.
        unsafe { _mm256_add_epi32(a, b) }
    }
    #[inline(always)]
    fn i_sub(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: the token proves the instructions.
        unsafe { _mm256_sub_epi32(a, b) }
    }
    #[inline(always)]
    fn i_and(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: the token proves the instructions.
        unsafe { _mm256_and_si256(a, b) }
    }
    #[inline(always)]
    fn i_or(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: the token proves the instructions.
        unsafe { _mm256_or_si256(a, b) }
    }
    #[inline(always)]
    fn i_xor(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: the token proves the instructions.
        unsafe { _mm256_xor_si256(a, b) }
    }
    // The multiplication takes the even lanes and writes pairs of halves; the odd ones are brought to even places first.
    #[inline(always)]
    fn i_mul_wide(self, a: __m256i, b: __m256i) -> [__m256i; 2] {
        // SAFETY: the token proves the instructions.
        unsafe {
            let even = _mm256_mul_epu32(a, b);
            let odd = _mm256_mul_epu32(_mm256_srli_epi64::<32>(a), _mm256_srli_epi64::<32>(b));
            let low = _mm256_blend_epi32::<0b1010_1010>(even, _mm256_slli_epi64::<32>(odd));
            [low, _mm256_blend_epi32::<0b1010_1010>(_mm256_srli_epi64::<32>(even), odd)]
        }
    }
    #[inline(always)]
    fn i_shl<const N: u32>(self, a: __m256i) -> __m256i {
        // SAFETY: the token proves the instructions.
        unsafe { _mm256_sllv_epi32(a, _mm256_set1_epi32(N as i32)) }
    }
    #[inline(always)]
    fn i_shr<const N: u32>(self, a: __m256i) -> __m256i {
        // SAFETY: the token proves the instructions.
        unsafe { _mm256_srav_epi32(a, _mm256_set1_epi32(N as i32)) }
    }
    #[inline(always)]
    fn bits(self, x: F32x8) -> __m256i {
        // SAFETY: the token proves the instructions.
        unsafe { _mm256_castps_si256(x.0) }
    }
    #[inline(always)]
    fn float_of_bits(self, x: __m256i) -> F32x8 {
        // SAFETY: the token proves the instructions.
        F32x8(unsafe { _mm256_castsi256_ps(x) })
    }
    #[inline(always)]
    fn to_int(self, x: F32x8) -> __m256i {
        // SAFETY: the token proves the instructions.
        unsafe { _mm256_cvtps_epi32(x.0) }
    }
    #[inline(always)]
    fn to_float(self, x: __m256i) -> F32x8 {
        // SAFETY: the token proves the instructions.
        F32x8(unsafe { _mm256_cvtepi32_ps(x) })
    }

    #[inline(always)]
    fn sum(self, x: F32x8) -> f32 {
        // SAFETY: the token proves the instructions.
        unsafe {
            // 8 → 4 → 2 → 1 lanes
            let four = _mm_add_ps(_mm256_castps256_ps128(x.0), _mm256_extractf128_ps::<1>(x.0));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }
    #[inline(always)]
    fn max_lane(self, x: F32x8) -> f32 {
        // SAFETY: the token proves the instructions.
        unsafe {
            // 8 → 4 → 2 → 1 lanes
            let four = _mm_max_ps(_mm256_castps256_ps128(x.0), _mm256_extractf128_ps::<1>(x.0));
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }
}
