//! Philox 4×32-10: a random number generator without a state.
//!
//! A block cipher in miniature: it turns a counter of 128 bits and a key of 64 bits into 128 random bits. Ten rounds of
//! two multiplications each, where seven already pass every test of BigCrush (Salmon, Moraes, Dror and Shaw, *Parallel
//! Random Numbers: As Easy as 1, 2, 3*, SC 2011).

/// The multipliers of a round, from the authors' search for those that mix best.
const M: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// What each round adds to the key: the fractions of the golden ratio and of √3, so that no two rounds are alike.
const W: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// `L` blocks of random bits from `L` counters under one key: word `w` of block `l` is `[w][l]`.
///
/// ```text
/// ten times:  (h₀, l₀) = c₀ · M₀,  (h₁, l₁) = c₂ · M₁        high and low half of the 64-bit product
///             (c₀, c₁, c₂, c₃) = (h₁ ⊕ c₁ ⊕ k₀, l₁, h₀ ⊕ c₃ ⊕ k₁, l₀)
///             (k₀, k₁) += (W₀, W₁)
/// ```
///
/// The lanes are plain arrays: inlined into a function with an instruction set's features, these loops become vectors.
#[inline(always)]
pub(super) fn philox<const L: usize>(counter: [[u32; L]; 4], key: [u32; 2]) -> [[u32; L]; 4] {
    let [mut c0, mut c1, mut c2, mut c3] = counter;
    let [mut k0, mut k1] = key;
    for _ in 0..10 {
        for l in 0..L {
            let (p0, p1) = (u64::from(c0[l]) * u64::from(M[0]), u64::from(c2[l]) * u64::from(M[1]));
            c0[l] = (p1 >> 32) as u32 ^ c1[l] ^ k0;
            c1[l] = p1 as u32;
            c2[l] = (p0 >> 32) as u32 ^ c3[l] ^ k1;
            c3[l] = p0 as u32;
        }
        k0 = k0.wrapping_add(W[0]);
        k1 = k1.wrapping_add(W[1]);
    }
    [c0, c1, c2, c3]
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn the_published_test_vectors_hold() {
        for (counter, key, words) in KNOWN {
            assert_eq!(philox(counter.map(|c| [c]), key), words.map(|w| [w]));
        }
    }

    #[test]
    fn lanes_do_not_touch_each_other() {
        let (counter, key, words) = KNOWN[2];
        let mut lanes = [[7u32; 16]; 4];
        for w in 0..4 {
            lanes[w][11] = counter[w];
        }
        let out = philox(lanes, key);
        assert_eq!([out[0][11], out[1][11], out[2][11], out[3][11]], words);
        assert_eq!(out[0][0], out[0][15]);
    }
}
