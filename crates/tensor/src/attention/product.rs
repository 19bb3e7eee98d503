//! The matrix products of attention: a few rows times a block of keys or values, by the micro-kernel of
//! [`gemm`](crate::gemm).
//!
//! Of the five products of a block (scores, weights·v, and three more on the way back) every left side is read where it
//! lies, transposed or not: a tile takes it number by number. A right side is read by whole vectors along its rows;
//! where these lie in one piece, as those of v do, it stays where it is as well, and only kᵀ and a last panel of less
//! than a vector are packed. A single row on the left, the newest token of a text, would use a packed panel once: it
//! has kernels of its own.

use crate::gemm::{Epilogue, MatMut, MatRef, Source, Tile, TileShape, columns_at_once, pack_panel, row_times, tile_fn};
use crate::simd::Simd;
use std::ops::Range;

/// A right side: `depth` × `cols`, in panels of the tile's width.
#[derive(Clone, Copy)]
pub(super) struct Right<'a> {
    depth: usize,
    cols: usize,
    /// Panel p begins at `panels[p·apart]`; from one depth to the next are `step` floats.
    panels: &'a [f32],
    apart: usize,
    step: usize,
    /// The last panel, where it is packed apart.
    tail: Option<&'a [f32]>,
    /// All of it where it lies, for a single row on the left.
    whole: Option<MatRef<'a>>,
}

const fn tile_shape<S: Simd>() -> TileShape {
    TileShape::of(S::ISA, S::LANES)
}

impl<'a> Right<'a> {
    /// Floats that [`transposed`](Self::transposed) needs for `rows` × `cols`.
    pub fn transposed_len<S: Simd>(rows: usize, cols: usize) -> usize {
        rows.next_multiple_of(tile_shape::<S>().nr) * cols
    }

    /// xᵀ, packed into `buffer`.
    pub fn transposed<S: Simd>(s: S, x: MatRef<'_>, buffer: &'a mut [f32]) -> Self {
        let (nr, depth) = (tile_shape::<S>().nr, x.cols());
        let buffer = &mut buffer[..Self::transposed_len::<S>(x.rows(), depth)];
        for j in (0..x.rows()).step_by(nr) {
            let panel = x.block(j, 0, nr.min(x.rows() - j), depth);
            pack_panel(s, panel, nr, &mut buffer[j * depth..][..nr * depth]);
        }
        Right { depth, cols: x.rows(), panels: buffer, apart: nr * depth, step: nr, tail: None, whole: None }
    }

    /// xᵀ where it lies: for single rows on the left.
    pub fn transposed_in_place(x: MatRef<'a>) -> Self {
        Right { depth: x.cols(), cols: x.rows(), panels: &[], apart: 0, step: 0, tail: None, whole: Some(x.t()) }
    }

    /// Floats that [`in_place`](Self::in_place) needs at a depth.
    pub fn tail_len<S: Simd>(depth: usize) -> usize {
        tile_shape::<S>().nr * depth
    }

    /// x itself, whose rows lie in one piece; the last columns are packed into `buffer` where they are no whole
    /// vectors.
    pub fn in_place<S: Simd>(s: S, x: MatRef<'a>, buffer: &'a mut [f32]) -> Self {
        let (nr, depth, cols) = (tile_shape::<S>().nr, x.rows(), x.cols());
        assert!(x.col_stride() == 1, "attention: a right side whose rows are scattered");
        let rest = cols % nr;
        let whole = depth == 0 || rest == 0 || rest == nr / 2;
        let tail = (!whole).then(|| {
            let buffer = &mut buffer[..nr * depth];
            pack_panel(s, x.block(0, cols - rest, depth, rest).t(), nr, buffer);
            &*buffer
        });
        Right { depth, cols, panels: x.data(), apart: nr, step: x.row_stride(), tail, whole: Some(x) }
    }
}

/// C = A·B or C + A·B for at most a tile of rows. A begins at depth `k0` of B; of C's columns, which are B's, those in
/// `cols` are computed, and around them up to whole panels of a tile or half of one: the range that is returned. C may
/// be wider than B: then the columns beyond hold anything.
///
/// An element is the sum of its products in the order of k, from zero, and is added to C as a whole.
///
/// # Panics
/// When shapes don't fit together.
pub(super) fn multiply<S: Simd>(
    s: S,
    a: MatRef<'_>,
    b: &Right<'_>,
    k0: usize,
    cols: Range<usize>,
    c: &mut MatMut<'_>,
    add: bool,
) -> (usize, usize) {
    let TileShape { mr, nr, .. } = const { tile_shape::<S>() };
    let (rows, k) = (a.rows(), a.cols());
    assert!(rows <= mr && rows == c.rows() && k0 + k <= b.depth, "attention: a product of [{rows}, {k}] from {k0} on");
    assert!(cols.end <= b.cols && b.cols <= c.cols(), "attention: columns {cols:?} of {} into {}", b.cols, c.cols());
    let from = cols.start - cols.start % nr;
    if rows == 0 || cols.is_empty() {
        return (from, from);
    }
    if let (1, Some(b)) = (rows, &b.whole) {
        return (from, one_row(s, a, b.block(k0, 0, k, b.cols()), cols, c.row_mut(0), add));
    }
    let mut end = from;
    for j in (from..cols.end).step_by(nr) {
        let width = if cols.end - j <= nr / 2 { nr / 2 } else { nr };
        let (panel, step) = match b.tail {
            Some(tail) if j + nr > b.cols => (&tail[k0 * nr..], nr),
            _ => (&b.panels[j / nr * b.apart + k0 * b.step..], b.step),
        };
        assert!(k == 0 || (k - 1) * step + width <= panel.len(), "attention: a panel of {} floats", panel.len());
        end = (j + width).min(c.cols());
        let (a_step, a_row, c_stride) = (a.col_stride(), a.row_stride(), c.row_stride());
        let tile = Tile {
            k,
            a: a.as_ptr(),
            a_step,
            a_row,
            b: panel.as_ptr(),
            b_step: step,
            window: None,
            c: c.tile_ptr(0..rows, j..end),
            c_stride,
            cols: end - j,
            add,
            bias: None,
            row_bias: None,
            relu: false,
        };
        let source = if a_row == 1 { Source::Panels } else { Source::Rows };
        // SAFETY: `a` is a view of rows × k, which MatRef checked; the panel holds `width` floats for each of k steps,
        // as the assertion above found; the rows and columns of C lie inside it, and it is borrowed for this call.
        unsafe { tile_fn::<S>(rows, width, source)(s, tile) };
    }
    (from, end)
}

/// [`multiply`] for a single row; returns the end of the columns, up to whole vectors.
fn one_row<S: Simd>(s: S, a: MatRef<'_>, b: MatRef<'_>, cols: Range<usize>, c: &mut [f32], add: bool) -> usize {
    let epilogue = Epilogue { accumulate: add, ..Epilogue::default() };
    let at_once = columns_at_once(&b).expect("rows or columns in one piece");
    for j in cols.clone().step_by(at_once) {
        let end = cols.end.min(j + at_once);
        row_times(s, a, b.block(0, j, a.cols(), end - j), &mut c[j..end], &epilogue);
    }
    cols.end.next_multiple_of(S::LANES).min(c.len())
}
