//! Copies a block of an operand into the order in which the micro-kernel reads it.
//!
//! A panel of A and a panel of B are the same thing seen from two sides: `height` rows of `x` (of A, or of Bᵀ), stored so
//! that the `height` numbers of one k lie together. Two layouts are fast: where they lie together already (`row_stride`
//! 1: transposed A, row-major B), vectors are copied; where each row is contiguous (`col_stride` 1: row-major A,
//! transposed B), squares of vectors are transposed in registers.

#![expect(clippy::needless_range_loop, reason = "tiles and squares are indexed by the letters of the formula")]

use super::MatRef;
use crate::simd::{Kernel, MAX_LANES, Simd};

/// `out[k·width + r] = x(r, k)` for all rows r and depths k of `x`; what lies between `rows` and `width` is padding whose
/// contents don't matter.
///
/// # Panics
/// When `out` is not exactly `width`·depth long, or `x` has more than `width` rows.
pub(super) fn pack_panel<S: Simd>(s: S, x: MatRef<'_>, width: usize, out: &mut [f32]) {
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
        for r0 in (0..x.rows()).step_by(S::LANES) {
            let rows = S::LANES.min(x.rows() - r0);
            // A store of a whole vector may spill over the end of its row only where the next store mends that.
            let spill = r0 == 0 || rows == S::LANES || width.is_multiple_of(S::LANES);
            let strip = x.block(r0, 0, rows, x.cols());
            if strip.row_stride() == 1 {
                copy(s, strip, width, r0, spill, out);
            } else if strip.col_stride() == 1 {
                transpose(s, strip, width, r0, spill, out);
            } else {
                gather(strip, 0, width, r0, out);
            }
        }
    }
}

/// Writes one vector at `at`, whole where it may be.
#[inline(always)]
fn put<S: Simd>(s: S, out: &mut [f32], at: usize, rows: usize, spill: bool, x: S::F) {
    if spill && at + S::LANES <= out.len() {
        s.store(&mut out[at..], x);
    } else {
        s.store_part(&mut out[at..at + rows], x);
    }
}

/// The numbers of one k lie together.
#[inline(always)]
fn copy<S: Simd>(s: S, x: MatRef<'_>, width: usize, r0: usize, spill: bool, out: &mut [f32]) {
    for k in 0..x.cols() {
        let column = &x.data()[k * x.col_stride()..][..x.rows()];
        let v = if column.len() == S::LANES { s.load(column) } else { s.load_part(column) };
        put(s, out, k * width + r0, x.rows(), spill, v);
    }
}

/// The numbers of one row lie together: squares of LANES × LANES are transposed, the rest is gathered.
#[inline(always)]
fn transpose<S: Simd>(s: S, x: MatRef<'_>, width: usize, r0: usize, spill: bool, out: &mut [f32]) {
    let whole = x.cols() - x.cols() % S::LANES;
    for k0 in (0..whole).step_by(S::LANES) {
        let mut square = [s.splat(0.0); MAX_LANES];
        for r in 0..S::LANES {
            if r < x.rows() {
                square[r] = s.load(&x.data()[r * x.row_stride() + k0..]);
            }
        }
        s.transpose(&mut square[..S::LANES]);
        for k in 0..S::LANES {
            put(s, out, (k0 + k) * width + r0, x.rows(), spill, square[k]);
        }
    }
    gather(x, whole, width, r0, out);
}

/// Any strides, from depth `k0` on.
#[inline(always)]
fn gather(x: MatRef<'_>, k0: usize, width: usize, r0: usize, out: &mut [f32]) {
    for k in k0..x.cols() {
        for r in 0..x.rows() {
            out[k * width + r0 + r] = x.at(r, k);
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
