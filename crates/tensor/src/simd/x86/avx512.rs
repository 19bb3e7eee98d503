//! AVX-512 with the foundation and the byte/word, double/quad and vector-length extensions.

use crate::simd::{Isa, Kernel, Simd};
use std::arch::x86_64::*;

/// The token of x86-64 with AVX-512 F, BW, DQ and VL: 16 lanes, 32 registers.
#[derive(Clone, Copy, Debug)]
pub struct Avx512(());

/// 16 f32 in one register. Only a token's methods make one, so the instructions of its arithmetic exist.
#[derive(Clone, Copy)]
pub struct F32x16(__m512);

impl Avx512 {
    /// The token, where the machine has the instructions.
    #[inline]
    pub fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma"))
        .then_some(Avx512(()))
    }
}

/// The one place where the features are enabled; everything that is inlined into it may use them.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
#[inline]
fn enter_avx512<K: Kernel>(token: Avx512, kernel: K) -> K::Out {
    kernel.run(token)
}

/// The mask of the first `n` lanes, all of them from 16 on.
#[inline(always)]
fn first(n: usize) -> __mmask16 {
    ((1u32 << n.min(16)) - 1) as __mmask16
}

impl std::ops::Add for F32x16 {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: a vector exists only where a token did, so the instructions do.
        Self(unsafe { _mm512_add_ps(self.0, other.0) })
    }
}

impl std::ops::Sub for F32x16 {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: a vector exists only where a token did, so the instructions do.
        Self(unsafe { _mm512_sub_ps(self.0, other.0) })
    }
}

impl std::ops::Mul for F32x16 {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: a vector exists only where a token did, so the instructions do.
        Self(unsafe { _mm512_mul_ps(self.0, other.0) })
    }
}

impl std::ops::Div for F32x16 {
    type Output = Self;
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        // SAFETY: a vector exists only where a token did, so the instructions do.
        Self(unsafe { _mm512_div_ps(self.0, other.0) })
    }
}

impl std::ops::Neg for F32x16 {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_xor_ps(self.0, _mm512_set1_ps(-0.0)) })
    }
}

impl Simd for Avx512 {
    const ISA: Isa = Isa::Avx512;
    const LANES: usize = 16;
    type F = F32x16;
    type I = __m512i;
    type M = __mmask16;

    #[inline]
    fn enter<K: Kernel>(self, kernel: K) -> K::Out {
        // SAFETY: the token exists only where `detect` saw every feature of the list.
        unsafe { enter_avx512(self, kernel) }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> F32x16 {
        // SAFETY: the token proves the instructions.
        F32x16(unsafe { _mm512_set1_ps(x) })
    }
    #[inline(always)]
    unsafe fn load_ptr(self, x: *const f32) -> F32x16 {
        // SAFETY: the caller promises LANES readable floats; the token proves the instruction.
        F32x16(unsafe { _mm512_loadu_ps(x) })
    }
    #[inline(always)]
    unsafe fn store_ptr(self, out: *mut f32, x: F32x16) {
        // SAFETY: the caller promises LANES writable floats; the token proves the instruction.
        unsafe { _mm512_storeu_ps(out, x.0) }
    }
    #[inline(always)]
    unsafe fn stream_ptr(self, out: *mut f32, x: F32x16) {
        // SAFETY: the caller promises LANES writable floats at a multiple of the vector's size, and to call `stream_end`; the
        // token proves the instruction.
        unsafe { _mm512_stream_ps(out, x.0) }
    }
    #[inline(always)]
    fn stream_end(self) {
        // SAFETY: every x86-64 has the instruction.
        unsafe { _mm_sfence() }
    }

    #[inline(always)]
    fn scale(self, x: F32x16, n: F32x16) -> F32x16 {
        // SAFETY: the token proves the instructions.
        F32x16(unsafe { _mm512_scalef_ps(x.0, n.0) })
    }

    #[inline(always)]
    fn load_part(self, x: &[f32]) -> F32x16 {
        // SAFETY: the mask is set for the lanes below `x.len()` only, and lanes that are not set are not touched in memory;
        // the token proves the instruction.
        F32x16(unsafe { _mm512_maskz_loadu_ps(first(x.len()), x.as_ptr()) })
    }
    #[inline(always)]
    fn store_part(self, out: &mut [f32], x: F32x16) {
        // SAFETY: as for `load_part`.
        unsafe { _mm512_mask_storeu_ps(out.as_mut_ptr(), first(out.len()), x.0) }
    }

    // Pairs, then fours, within each quarter of the registers; then the quarters themselves are a 4 × 4 matrix to
    // transpose, in two steps: 64 shuffles.
    #[inline(always)]
    fn transpose(self, rows: &mut [F32x16]) {
        let r: &mut [F32x16; 16] = rows.try_into().expect("transpose: a square of vectors");
        // SAFETY: the token proves the instructions.
        unsafe {
            let mut t = *r;
            for i in (0..16).step_by(2) {
                t[i].0 = _mm512_unpacklo_ps(r[i].0, r[i + 1].0);
                t[i + 1].0 = _mm512_unpackhi_ps(r[i].0, r[i + 1].0);
            }
            let mut u = t;
            for i in (0..16).step_by(4) {
                u[i].0 = _mm512_shuffle_ps::<0x44>(t[i].0, t[i + 2].0);
                u[i + 1].0 = _mm512_shuffle_ps::<0xee>(t[i].0, t[i + 2].0);
                u[i + 2].0 = _mm512_shuffle_ps::<0x44>(t[i + 1].0, t[i + 3].0);
                u[i + 3].0 = _mm512_shuffle_ps::<0xee>(t[i + 1].0, t[i + 3].0);
            }
            for i in 0..4 {
                let (a, b) = (u[i].0, u[i + 4].0);
                let (c, d) = (u[i + 8].0, u[i + 12].0);
                let even_ab = _mm512_shuffle_f32x4::<0x88>(a, b); // quarters a0 a2 b0 b2
                let odd_ab = _mm512_shuffle_f32x4::<0xdd>(a, b); // a1 a3 b1 b3
                let even_cd = _mm512_shuffle_f32x4::<0x88>(c, d);
                let odd_cd = _mm512_shuffle_f32x4::<0xdd>(c, d);
                r[i].0 = _mm512_shuffle_f32x4::<0x88>(even_ab, even_cd); // a0 b0 c0 d0
                r[i + 4].0 = _mm512_shuffle_f32x4::<0x88>(odd_ab, odd_cd); // a1 b1 c1 d1
                r[i + 8].0 = _mm512_shuffle_f32x4::<0xdd>(even_ab, even_cd); // a2 b2 c2 d2
                r[i + 12].0 = _mm512_shuffle_f32x4::<0xdd>(odd_ab, odd_cd); // a3 b3 c3 d3
            }
        }
    }

    #[inline(always)]
    fn zip(self, a: F32x16, b: F32x16) -> (F32x16, F32x16) {
        // SAFETY: the token proves the instructions.
        unsafe {
            let low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            let high = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
            (F32x16(_mm512_permutex2var_ps(a.0, low, b.0)), F32x16(_mm512_permutex2var_ps(a.0, high, b.0)))
        }
    }
    #[inline(always)]
    fn firsts(self, a: F32x16, b: F32x16) -> F32x16 {
        // SAFETY: the token proves the instructions.
        F32x16(unsafe {
            let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            _mm512_permutex2var_ps(a.0, even, b.0)
        })
    }

    #[inline(always)]
    fn mul_add(self, a: F32x16, b: F32x16, c: F32x16) -> F32x16 {
        // SAFETY: the token proves the instructions.
        F32x16(unsafe { _mm512_fmadd_ps(a.0, b.0, c.0) })
    }
    #[inline(always)]
    fn min(self, a: F32x16, b: F32x16) -> F32x16 {
        // SAFETY: the token proves the instructions.
        F32x16(unsafe { _mm512_min_ps(a.0, b.0) })
    }
    #[inline(always)]
    fn max(self, a: F32x16, b: F32x16) -> F32x16 {
        // SAFETY: the token proves the instructions.
        F32x16(unsafe { _mm512_max_ps(a.0, b.0) })
    }
    #[inline(always)]
    fn sqrt(self, x: F32x16) -> F32x16 {
        // SAFETY: the token proves the instructions.
        F32x16(unsafe { _mm512_sqrt_ps(x.0) })
    }
    #[inline(always)]
    fn abs(self, x: F32x16) -> F32x16 {
        // SAFETY: the token proves the instructions.
        F32x16(unsafe { _mm512_andnot_ps(_mm512_set1_ps(-0.0), x.0) })
    }
    #[inline(always)]
    fn copysign(self, magnitude: F32x16, sign: F32x16) -> F32x16 {
        // SAFETY: the token proves the instructions.
        F32x16(unsafe {
            let sign_bit = _mm512_set1_ps(-0.0);
            _mm512_or_ps(_mm512_andnot_ps(sign_bit, magnitude.0), _mm512_and_ps(sign_bit, sign.0))
        })
    }
    #[inline(always)]
    fn round(self, x: F32x16) -> F32x16 {
        // SAFETY: the token proves the instructions.
        F32x16(unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x.0) })
    }

    #[inline(always)]
    fn lt(self, a: F32x16, b: F32x16) -> __mmask16 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_cmp_ps_mask::<_CMP_LT_OQ>(a.0, b.0) }
    }
    #[inline(always)]
    fn le(self, a: F32x16, b: F32x16) -> __mmask16 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_cmp_ps_mask::<_CMP_LE_OQ>(a.0, b.0) }
    }
    #[inline(always)]
    fn eq(self, a: F32x16, b: F32x16) -> __mmask16 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a.0, b.0) }
    }
    #[inline(always)]
    fn is_nan(self, x: F32x16) -> __mmask16 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(x.0, x.0) }
    }
    #[inline(always)]
    fn any(self, mask: __mmask16) -> bool {
        mask != 0
    }
    #[inline(always)]
    fn select(self, mask: __mmask16, a: F32x16, b: F32x16) -> F32x16 {
        // SAFETY: the token proves the instructions.
        F32x16(unsafe { _mm512_mask_blend_ps(mask, b.0, a.0) })
    }

    #[inline(always)]
    fn i_splat(self, x: i32) -> __m512i {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_set1_epi32(x) }
    }
    #[inline(always)]
    fn i_add(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_add_epi32(a, b) }
    }
    #[inline(always)]
    fn i_sub(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_sub_epi32(a, b) }
    }
    #[inline(always)]
    fn i_and(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_and_si512(a, b) }
    }
    #[inline(always)]
    fn i_or(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_or_si512(a, b) }
    }
    #[inline(always)]
    fn i_xor(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_xor_si512(a, b) }
    }
    // The multiplication takes the even lanes and writes pairs of halves; the odd ones are brought to even places first.
    #[inline(always)]
    fn i_mul_wide(self, a: __m512i, b: __m512i) -> [__m512i; 2] {
        // SAFETY: the token proves the instructions.
        unsafe {
            let even = _mm512_mul_epu32(a, b);
            let odd = _mm512_mul_epu32(_mm512_srli_epi64::<32>(a), _mm512_srli_epi64::<32>(b));
            let low = _mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64::<32>(odd));
            [low, _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64::<32>(even), odd)]
        }
    }
    #[inline(always)]
    fn i_shl<const N: u32>(self, a: __m512i) -> __m512i {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_sllv_epi32(a, _mm512_set1_epi32(N as i32)) }
    }
    #[inline(always)]
    fn i_shr<const N: u32>(self, a: __m512i) -> __m512i {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_srav_epi32(a, _mm512_set1_epi32(N as i32)) }
    }
    #[inline(always)]
    fn bits(self, x: F32x16) -> __m512i {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_castps_si512(x.0) }
    }
    #[inline(always)]
    fn float_of_bits(self, x: __m512i) -> F32x16 {
        // SAFETY: the token proves the instructions.
        F32x16(unsafe { _mm512_castsi512_ps(x) })
    }
    #[inline(always)]
    fn to_int(self, x: F32x16) -> __m512i {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_cvtps_epi32(x.0) }
    }
    #[inline(always)]
    fn to_float(self, x: __m512i) -> F32x16 {
        // SAFETY: the token proves the instructions.
        F32x16(unsafe { _mm512_cvtepi32_ps(x) })
    }

    #[inline(always)]
    fn sum(self, x: F32x16) -> f32 {
        // SAFETY: the token proves the instructions.
        unsafe {
            // 16 → 8 → 4 → 2 → 1 lanes
            let eight = _mm256_add_ps(_mm512_castps512_ps256(x.0), _mm512_extractf32x8_ps::<1>(x.0));
            let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }
    #[inline(always)]
    fn max_lane(self, x: F32x16) -> f32 {
        // SAFETY: the token proves the instructions.
        unsafe {
            // 16 → 8 → 4 → 2 → 1 lanes
            let eight = _mm256_max_ps(_mm512_castps512_ps256(x.0), _mm512_extractf32x8_ps::<1>(x.0));
            let four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }
}
