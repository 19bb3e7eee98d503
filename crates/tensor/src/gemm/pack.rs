//! Copies a block of an operand into the order in which the micro-kernel reads it.
//!
//! A panel of A and a panel of B are the same thing seen from two sides: `height` rows of `x` (of A, or of Bᵀ), stored so
//! that the `height` numbers of one k lie together. Two layouts are fast: where they lie together already (`row_stride`
//! 1: transposed A, row-major B), vectors are copied; where each row is contiguous (`col_stride` 1: row-major A,
//! transposed B), squares of vectors are transposed in registers.

#![expect(clippy::needless_range_loop, reason = "tiles and squares are indexed by the letters of the formula")]

use super::MatRef;
use super::tile::{LINE, prefetch};
use crate::simd::{Kernel, MAX_LANES, Simd};

/// Depths ahead of the one that is copied, whose lines are asked for: each may be on another page, where no prefetcher follows.
const AHEAD: usize = 16;

/// `out[k·width + r] = x(r, k)` for all rows r and depths k of `x`; what lies between `rows` and `width` is padding whose
/// contents don't matter.
///
/// # Panics
/// When `out` is not exactly `width`·depth long, or `x` has more than `width` rows.
pub(crate) fn pack_panel<S: Simd>(s: S, x: MatRef<'_>, width: usize, out: &mut [f32]) {
    assert!(x.rows() <= width && out.len() == width * x.cols(), "pack_panel: a panel of another size");
    s.enter(Pack { x, width, out });
}

struct Pack<'a> {
    x: MatRef<'a>,
    width: usize,
    out: &'a mut [f32],
}

impl Kernel for Pack<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Pack { x, width, out } = self;
        if x.row_stride() == 1 || x.rows() == 1 {
            copy(s, x, width, out);
        } else if x.col_stride() == 1 {
            transpose(s, x, width, out);
        } else {
            gather(x, 0, width, out);
        }
    }
}

/// The numbers of one k lie together.
#[inline(always)]
fn copy<S: Simd>(s: S, x: MatRef<'_>, width: usize, out: &mut [f32]) {
    let (rows, depth, step) = (x.rows(), x.cols(), x.col_stride());
    let vectors = rows.div_ceil(S::LANES) * S::LANES;
    // As many depths as have whole vectors to read and room for whole vectors: what they carry beyond their rows is padding, or
    // the next depth mends it.
    let whole = |len: usize, stride: usize| match len.checked_sub(vectors) {
        None => 0,
        Some(last) => last.checked_div(stride).map_or(depth, |last| depth.min(last + 1)),
    };
    let whole = whole(x.data().len(), step).min(whole(out.len(), width));
    for k in 0..whole {
        let (from, to) = (x.as_ptr().wrapping_add(k * step), out.as_mut_ptr().wrapping_add(k * width));
        for v in (0..vectors).step_by(LINE) {
            prefetch(from.wrapping_add(AHEAD * step + v));
        }
        for v in (0..vectors).step_by(S::LANES) {
            // SAFETY: k < `whole`, so that `vectors` floats from here on are inside the data of x and inside `out`.
            unsafe { s.store_ptr(to.add(v), s.load_ptr(from.add(v))) };
        }
    }
    for k in whole..depth {
        let (from, to) = (&x.data()[k * step..][..rows], &mut out[k * width..][..rows]);
        for (from, to) in from.chunks(S::LANES).zip(to.chunks_mut(S::LANES)) {
            s.store_part(to, s.load_part(from));
        }
    }
}

/// The numbers of one row lie together: squares of LANES × LANES are transposed, the rest is gathered.
#[inline(always)]
fn transpose<S: Simd>(s: S, x: MatRef<'_>, width: usize, out: &mut [f32]) {
    let whole = x.cols() - x.cols() % S::LANES;
    for r0 in (0..x.rows()).step_by(S::LANES) {
        let rows = S::LANES.min(x.rows() - r0);
        // Stores of whole vectors may spill over into the next depth where the next store mends that.
        let may_spill = rows == S::LANES || r0 == 0;
        for k0 in (0..whole).step_by(S::LANES) {
            let mut square = [s.splat(0.0); MAX_LANES];
            let strip = x.block(r0, k0, rows, S::LANES);
            for r in 0..S::LANES {
                if r < rows {
                    // SAFETY: the strip has this row, of LANES contiguous floats.
                    square[r] = unsafe { s.load_ptr(strip.as_ptr().add(r * strip.row_stride())) };
                }
            }
            s.transpose(&mut square[..S::LANES]);
            let end = (k0 + S::LANES - 1) * width + r0 + S::LANES;
            if may_spill && end <= out.len() {
                for k in 0..S::LANES {
                    // SAFETY: the last of these stores ends at `end`, which the line above checked.
                    unsafe { s.store_ptr(out.as_mut_ptr().add((k0 + k) * width + r0), square[k]) };
                }
            } else {
                for k in 0..S::LANES {
                    s.store_part(&mut out[(k0 + k) * width + r0..][..rows], square[k]);
                }
            }
        }
    }
    gather(x, whole, width, out);
}

/// Any strides, from depth `k0` on.
#[inline(always)]
fn gather(x: MatRef<'_>, k0: usize, width: usize, out: &mut [f32]) {
    for k in k0..x.cols() {
        for (r, out) in out[k * width..][..x.rows()].iter_mut().enumerate() {
            *out = x.at(r, k);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Isa;

    struct Test<'a>(MatRef<'a>, usize, &'a mut [f32]);
    impl Kernel for Test<'_> {
        type Out = ();
        fn run<S: Simd>(self, s: S) {
            pack_panel(s, self.0, self.1, self.2);
        }
    }

    #[test]
    fn a_panel_holds_its_rows_side_by_side() {
        let data: Vec<f32> = (0..40 * 40).map(|i| i as f32).collect();
        for isa in Isa::available() {
            for (rows, width) in [(1, 1), (5, 5), (6, 6), (12, 12), (14, 14), (20, 32), (32, 32), (3, 8), (9, 16)] {
                for depth in [0, 1, 7, 16, 33] {
                    for (row_stride, col_stride) in [(1, 40), (40, 1), (41, 2), (0, 1), (1, 0)] {
                        let x = MatRef::new(&data, rows, depth, row_stride, col_stride.min(1 + depth * 40));
                        let mut out = vec![f32::NAN; width * depth];
                        isa.dispatch(Test(x, width, &mut out));
                        for k in 0..depth {
                            for r in 0..rows {
                                assert_eq!(out[k * width + r], x.at(r, k), "{isa:?} {rows}/{width} × {depth}");
                            }
                        }
                    }
                }
            }
        }
    }
}
