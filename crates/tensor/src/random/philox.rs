//! Philox 4×32-10: a random number generator without a state.
//!
//! A block cipher in miniature: it turns a counter of 128 bits and a key of 64 bits into 128 random bits. Ten rounds of
//! two multiplications each, where seven already pass every test of BigCrush (Salmon, Moraes, Dror and Shaw, *Parallel
//! Random Numbers: As Easy as 1, 2, 3*, SC 2011).

use crate::simd::Simd;

/// The multipliers of a round, from the authors' search for those that mix best.
const M: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// What each round adds to the key: the fractions of the golden ratio and of √3, so that no two rounds are alike.
const W: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// `LANES` blocks of random bits from as many counters under one key: lane l of the vector w is word w of block l.
///
/// ```text
/// ten times:  (h₀, l₀) = c₀ · M₀,  (h₁, l₁) = c₂ · M₁        high and low half of the 64-bit product
///             (c₀, c₁, c₂, c₃) = (h₁ ⊕ c₁ ⊕ k₀, l₁, h₀ ⊕ c₃ ⊕ k₁, l₀)
///             (k₀, k₁) += (W₀, W₁)
/// ```
#[inline(always)]
pub(super) fn philox<S: Simd>(s: S, counter: [S::I; 4], key: [u32; 2]) -> [S::I; 4] {
    let [mut c0, mut c1, mut c2, mut c3] = counter;
    let [mut k0, mut k1] = key;
    let [m0, m1] = [s.i_splat(M[0] as i32), s.i_splat(M[1] as i32)];
    for _ in 0..10 {
        let ([l0, h0], [l1, h1]) = (s.i_mul_wide(c0, m0), s.i_mul_wide(c2, m1));
        c0 = s.i_xor(s.i_xor(h1, c1), s.i_splat(k0 as i32));
        c2 = s.i_xor(s.i_xor(h0, c3), s.i_splat(k1 as i32));
        (c1, c3) = (l1, l0);
        k0 = k0.wrapping_add(W[0]);
        k1 = k1.wrapping_add(W[1]);
    }
    [c0, c1, c2, c3]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::{Isa, Kernel, MAX_LANES};

    /// Counter, key and output of the three lines `philox4x32 10` in `tests/kat_vectors` of Random123, the authors' own
    /// library: zeros, ones, and the digits of π.
    const KNOWN: [([u32; 4], [u32; 2], [u32; 4]); 3] = [
        ([0; 4], [0; 2], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]),
        ([u32::MAX; 4], [u32::MAX; 2], [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]),
        (
            [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
            [0xa4093822, 0x299f31d0],
            [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
        ),
    ];

    /// The words of blocks whose counters are `counters`, word by word.
    struct Blocks<'a>(&'a [[u32; 4]], [u32; 2]);

    impl Kernel for Blocks<'_> {
        type Out = Vec<[u32; 4]>;
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> Vec<[u32; 4]> {
            let mut out = vec![[0; 4]; self.0.len()];
            for (counters, out) in self.0.chunks_exact(S::LANES).zip(out.chunks_exact_mut(S::LANES)) {
                let mut words = [s.i_splat(0); 4];
                let mut lanes = [0.0; MAX_LANES];
                for w in 0..4 {
                    for (lane, counter) in lanes.iter_mut().zip(counters) {
                        *lane = f32::from_bits(counter[w]);
                    }
                    words[w] = s.bits(s.load(&lanes));
                }
                let words = philox(s, words, self.1);
                for w in 0..4 {
                    s.store(&mut lanes, s.float_of_bits(words[w]));
                    for (lane, out) in lanes.iter().zip(&mut *out) {
                        out[w] = lane.to_bits();
                    }
                }
            }
            out
        }
    }

    #[test]
    fn the_published_test_vectors_hold_in_every_lane() {
        for isa in Isa::available() {
            for (counter, key, words) in KNOWN {
                for lane in 0..MAX_LANES {
                    let mut counters = [[7; 4]; MAX_LANES];
                    counters[lane] = counter;
                    let out = isa.dispatch(Blocks(&counters, key));
                    assert_eq!(out[lane], words, "{}", isa.name());
                    assert!((0..MAX_LANES).all(|other| other == lane || out[other] == out[(lane + 1) % MAX_LANES]));
                }
            }
        }
    }
}
