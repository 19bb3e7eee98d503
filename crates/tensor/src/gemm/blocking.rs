//! How a product is cut: the depth of a block from K alone, because it decides the bits; rows and columns from the caches,
//! because they don't.

use crate::ceiling::caches;
use crate::simd::Isa;
use std::ops::Range;

/// The deepest block of k.
pub(super) const KC: usize = 512;

/// Depth of the blocks that K is cut into: the fewest blocks of at most 512, of equal depth but for the last, rounded up to 16
/// so that transposing loads stay whole. 784 becomes 400 + 384 and not 512 + 272.
///
/// ```
/// use glassbox_tensor::gemm::block_depth;
/// assert_eq!([500, 512, 513, 784].map(block_depth), [512, 512, 272, 400]); // one block, one, two, two
/// ```
pub fn block_depth(k: usize) -> usize {
    k.div_ceil(k.div_ceil(KC).max(1)).next_multiple_of(16).min(KC)
}

/// The blocks of k, in order: one empty block for K = 0, so that C is written all the same.
pub(crate) fn k_blocks(k: usize) -> impl Iterator<Item = Range<usize>> + Clone {
    let depth = block_depth(k).max(1);
    (0..k.max(1)).step_by(depth).map(move |k0| k0..k.min(k0 + depth))
}

/// The tile of C that stays in registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TileShape {
    /// Rows at most; fewer at will.
    pub mr: usize,
    /// Columns in vectors; the last tile of a row may be half as wide.
    pub nv: usize,
    /// Columns in floats.
    pub nr: usize,
}

impl TileShape {
    /// The shape for an instruction set. [`tile`](super::tile) says why.
    pub const fn of(isa: Isa, lanes: usize) -> TileShape {
        let (mr, nv) = match isa {
            Isa::Scalar => (4, 8),
            Isa::Neon => (6, 4),
            Isa::Avx2 => (6, 2),
            Isa::Avx512 => (14, 2),
        };
        TileShape { mr, nv, nr: nv * lanes }
    }

    /// Width in floats of the panel that holds `cols` columns.
    pub fn panel_width(self, cols: usize) -> usize {
        if cols <= self.nr / 2 { self.nr / 2 } else { self.nr }
    }
}

/// Rows or columns cut into panels: the first `longer` of them have `size` + 1, the others `size`, the last what is left.
/// Kept so that no place in it costs a division.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panels {
    /// Rows or columns.
    pub total: usize,
    /// Panels.
    pub count: usize,
    size: usize,
    longer: usize,
}

impl Panels {
    /// The fewest panels of at most `max` rows, all of nearly the same height: 128 rows are 8 × 13 + 2 × 12, not
    /// 9 × 14 + 2, since a tile of 2 rows has too few sums to hide the latency of an addition.
    pub fn balanced(total: usize, max: usize) -> Panels {
        let count = total.div_ceil(max);
        Panels { total, count, size: total / count.max(1), longer: total % count.max(1) }
    }

    /// Panels of `width` columns and a rest.
    pub fn fixed(total: usize, width: usize) -> Panels {
        Panels { total, count: total.div_ceil(width), size: width, longer: 0 }
    }

    /// Where panel `p` starts; for `p` = `count`, the end.
    pub fn start(&self, p: usize) -> usize {
        self.total.min(p * self.size + p.min(self.longer))
    }

    /// The rows or columns of panel `p`.
    pub fn range(&self, p: usize) -> Range<usize> {
        self.start(p)..self.start(p + 1)
    }
}

/// Bytes of the second- and third-level cache, within what any machine has.
pub(super) fn cache_sizes() -> (usize, usize) {
    let level = |level: usize| caches().iter().find(|cache| cache.level == level).map_or(0, |cache| cache.bytes);
    (level(2).clamp(256 << 10, 16 << 20), level(3).clamp(2 << 20, 256 << 20))
}

/// Rows of A in a block: half of the second-level cache at full depth.
pub(super) fn rows_in_l2() -> usize {
    cache_sizes().0 / 2 / (KC * size_of::<f32>())
}

/// Floats of A or of B that are packed at once: an eighth of the third-level cache each, at most 8 MiB.
pub(super) fn floats_in_l3() -> usize {
    (cache_sizes().1 / 8).min(8 << 20) / size_of::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_fill_their_share_of_the_caches() {
        let (l2, l3) = cache_sizes();
        let row = KC * size_of::<f32>();
        assert!(rows_in_l2() * row <= l2 / 2 && (rows_in_l2() + 1) * row > l2 / 2, "{} rows, {l2} bytes", rows_in_l2());
        let bytes = floats_in_l3() * size_of::<f32>();
        assert_eq!(bytes, (l3 / 8).min(8 << 20), "{l3} bytes");
    }

    #[test]
    fn blocks_cover_k_in_order() {
        for k in 0..3000 {
            let mut next = 0;
            for block in k_blocks(k) {
                assert_eq!(block.start, next);
                assert!(block.len() <= KC && (k == 0 || !block.is_empty()));
                next = block.end;
            }
            assert_eq!(next, k);
        }
        assert_eq!(k_blocks(784).map(|b| b.len()).collect::<Vec<_>>(), [400, 384]);
    }

    #[test]
    fn panels_cover_rows_and_are_level() {
        for total in 0..200 {
            let panels = Panels::balanced(total, 14);
            let heights: Vec<_> = (0..panels.count).map(|p| panels.range(p).len()).collect();
            assert_eq!(heights.iter().sum::<usize>(), total);
            assert!(heights.iter().all(|h| (1..=14).contains(h)), "{heights:?}");
            assert!(heights.iter().max().unwrap_or(&0) - heights.iter().min().unwrap_or(&0) <= 1, "{heights:?}");
        }
    }
}
