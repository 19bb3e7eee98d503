//! Rung 5, the top: tiles handed out to threads, and no copy where none pays.

use super::blocking::{KC, Panels, TileShape, floats_in_l3, rows_in_l2};
use super::meeting::in_phases;
use super::part::{APanels, BPanels, OwnB, Part, SharedMut};
use super::row::{along_lanes, columns_at_once, row_times, row_times_in_blocks};
use super::scratch::with_scratch;
use super::simd::Finish;
use super::tile::{Source, Tile, tile_fn};
use super::{Epilogue, MatMut, MatRef, check};
use crate::simd::{Isa, Kernel, Simd};
use rayon::prelude::*;

/// Rows up to which a panel of B is used by one task only.
const FEW_ROWS: usize = 64;
/// Rows up to which row-major B is read where it lies, if it is small: packing it costs a copy, which pays when it is read often.
const IN_PLACE_ROWS: usize = 1024;
/// Columns of B at most for that: of a wider one, every step along k is on another page.
const IN_PLACE_COLS: usize = 896;
/// Floats of B at most for that: 2.5 MiB.
const IN_PLACE_B: usize = 640 << 10;
/// Columns up to which a packed panel of A would be used too seldom: twice.
const FEW_COLS: usize = 64;
/// Rows from which there are enough tasks when each of them has all columns: nine panels of AVX-512.
const OWN_ROWS: usize = 120;
/// Floats of B that every thread packs for itself at most, beside its rows of A in the second-level cache: 512 KiB.
const OWN_B: usize = 128 << 10;
/// Rows for each thread from which packing all of B takes no more than a twelfth of its time.
const OWN_B_ROWS: usize = 128;
/// Floats of A that lie in the nearest caches wherever they are: 64 KiB.
const SMALL_A: usize = 1 << 14;
/// Blocks of k that are packed at once at most.
const BLOCKS_AT_ONCE: usize = 4;

/// `C = A·B` with the vectors of `isa` on the current rayon pool, then the epilogue. The one to call.
///
/// What differs from [`simd`](super::simd):
/// 1. C is cut into rectangles of about `TASK_ROWS` × `TASK_COLS`; threads take one after the other, each from a share of its own
///    at first, so a thread that is held up does fewer. Each rectangle is one thread's for all of k: no sum is ever split between threads, and the
///    bits do not depend on their number.
/// 2. B is packed first, by all threads, as deep as fits the third-level cache. The threads meet once for a product,
///    and stay awake between its phases (`meeting.rs`). From `OWN_ROWS` rows on each task has all columns and packs its rows of
///    A itself: what another core has packed would come from its cache. A of fewer rows is packed with B.
///    For the same reason each thread packs a small B for itself where it has many rows to use it for.
/// 3. Row-major B that is small is read where it lies. With at most `FEW_ROWS` rows a panel of B would be used by one task
///    only: row-major B is then read in place at any size, and otherwise the task packs the panel itself and uses it while it is
///    in the nearest cache. A small A is read in place too when C has at most `FEW_COLS` columns: that makes 32 squares half
///    again as fast.
/// 4. A single row has kernels of its own (`row.rs`), which read B once, in long runs, by several threads in blocks of k. A
///    single column is computed as a single row, from Cᵀ = Bᵀ·Aᵀ.
/// 5. Below a threshold of work (`serial_threshold`) everything stays on the calling thread.
///
/// ```
/// use glassbox_tensor::gemm::{Epilogue, MatMut, MatRef, product};
/// use glassbox_tensor::simd::Isa;
/// let (x, mut gram) = ([1., 2., 3., 4.], [100.; 4]);
/// let x = MatRef::row_major(&x, 2, 2);
/// let add = Epilogue { accumulate: true, ..Epilogue::default() };
/// product(Isa::current(), x.t(), x, MatMut::row_major(&mut gram, 2, 2), &add); // += Xᵀ·X
/// assert_eq!(gram, [110., 114., 114., 120.]);
/// ```
///
/// # Panics
/// When shapes don't fit together, or this machine lacks `isa`.
#[track_caller]
pub fn product(isa: Isa, a: MatRef<'_>, b: MatRef<'_>, c: MatMut<'_>, epilogue: &Epilogue<'_>) {
    check(&a, &b, &c, epilogue);
    // A single row or column waits for memory, so it is worth a second thread earlier.
    let work = c.rows().saturating_mul(c.cols()).saturating_mul(a.cols());
    let work = work.saturating_mul(if c.rows() == 1 || c.cols() == 1 { 8 } else { 1 });
    let parallel = work >= serial_threshold() && rayon::current_num_threads() > 1;
    let product = Product { a, b, c, epilogue, parallel };
    if parallel && rayon::current_thread_index().is_none() {
        // The caller would only wait; inside the pool it is one of the workers.
        return rayon::scope(|_| isa.dispatch(product));
    }
    isa.dispatch(product);
}

/// Multiply-adds below which a product stays on one thread: 2 million take about 15 µs, some three times what waking a
/// thread costs. The vectors do some 64 of them while one float comes from memory, hence the factor to the threshold of
/// all operations.
pub(crate) fn serial_threshold() -> usize {
    crate::parallel::serial_threshold().saturating_mul(64)
}

/// One product, to be dispatched: on one thread, or cut into tasks.
pub(super) struct Product<'a> {
    pub a: MatRef<'a>,
    pub b: MatRef<'a>,
    pub c: MatMut<'a>,
    pub epilogue: &'a Epilogue<'a>,
    pub parallel: bool,
}

impl Kernel for Product<'_> {
    type Out = ();
    fn run<S: Simd>(self, s: S) {
        self.drive(s);
    }
}

impl Product<'_> {
    fn drive<S: Simd>(self, s: S) {
        let Product { a, b, mut c, epilogue, parallel } = self;
        let (m, n, k) = (c.rows(), c.cols(), a.cols());
        if m == 0 || n == 0 {
            return;
        }
        if n == 1 && m > 1 && c.row_stride() == 1 {
            // The column as a row: the products are the same and so is their order.
            let epilogue = &Epilogue { bias: epilogue.row_bias, row_bias: epilogue.bias, ..*epilogue };
            return Product { a: b.t(), b: a.t(), c: c.column_as_row(), epilogue, parallel }.drive(s);
        }
        if m == 1 && parallel && b.col_stride() == 1 && !along_lanes(&b) {
            return row_times_in_blocks(s, a, b, c.row_mut(0), epilogue);
        }
        if let (1, Some(run)) = (m, columns_at_once(&b)) {
            let c = SharedMut(c.tile_ptr(0..1, 0..n));
            return for_each(parallel, n.div_ceil(run), |t| {
                let j = t * run..n.min((t + 1) * run);
                let epilogue = &Epilogue { bias: epilogue.bias.map(|bias| &bias[j.clone()]), ..*epilogue };
                // SAFETY: columns j are inside C's only row, and this task's alone.
                let c = unsafe { c.slice(j.start, j.len()) };
                row_times(s, a, b.block(0, j.start, k, j.len()), c, epilogue);
            });
        }
        let shape = const { TileShape::of(S::ISA, S::LANES) };
        let a_in_place = n <= FEW_COLS && m * k <= SMALL_A && (a.row_stride() == 1 || a.col_stride() == 1);
        if a_in_place && !parallel && k <= KC && b.col_stride() == 1 && n.is_multiple_of(shape.nr / 2) {
            return in_place(s, shape, (a, b), &mut c, epilogue);
        }
        let b_panels = match b.col_stride() == 1 {
            true if m <= FEW_ROWS => BPanels::InPlace,
            true if m <= IN_PLACE_ROWS && n <= IN_PLACE_COLS && k * n <= IN_PLACE_B => BPanels::InPlace,
            false if m <= FEW_ROWS => BPanels::Own,
            _ if parallel
                && m / rayon::current_num_threads() >= OWN_B_ROWS
                && n.next_multiple_of(shape.nr) * k <= OWN_B =>
            {
                BPanels::OfThread
            }
            _ => BPanels::Shared,
        };
        // Some whole blocks of k, then as many rows and columns as the share of the third-level cache holds at that depth.
        let deep = k.clamp(1, BLOCKS_AT_ONCE * super::block_depth(k).max(1));
        let mc = (floats_in_l3() / deep).max(FEW_ROWS).min(m);
        let nc = (floats_in_l3() / deep).next_multiple_of(shape.nr).min(n.next_multiple_of(shape.nr));
        let len_of_b = |panels: BPanels| if b_panels == panels { nc * deep } else { 0 };
        let (b_len, own_b_len) = (len_of_b(BPanels::Shared), len_of_b(BPanels::OfThread));
        let a_from = match (a_in_place, m >= OWN_ROWS) {
            (true, _) => APanels::InPlace,
            (_, true) => APanels::Own,
            _ => APanels::Shared,
        };
        let a_len = if a_from == APanels::Shared { mc * deep } else { 0 };
        let (c, c_stride) = (SharedMut(c.tile_ptr(0..m, 0..n)), c.row_stride());
        with_scratch(b_len + a_len, |scratch| {
            let (packed_b, packed_a) = scratch.split_at_mut(b_len);
            let (packed_a, packed_b) = (SharedMut(packed_a.as_mut_ptr()), SharedMut(packed_b.as_mut_ptr()));
            let part = |j0: usize, k0: usize, i0: usize| Part {
                s,
                shape,
                a,
                b,
                a_from,
                b_panels,
                deep: k0..k.min(k0 + deep),
                i0,
                rows: Panels::balanced(mc.min(m - i0), shape.mr),
                j0,
                cols: Panels::fixed(nc.min(n - j0), shape.nr),
                packed_a,
                packed_b,
                c,
                c_stride,
                epilogue,
            };
            if !parallel {
                for j0 in (0..n).step_by(nc) {
                    for k0 in (0..k.max(1)).step_by(deep) {
                        for i0 in (0..m).step_by(mc) {
                            let part = part(j0, k0, i0);
                            (0..part.packs()).for_each(|t| part.pack(t));
                            let tasks = (part.rows.total.div_ceil(rows_in_l2()), 1);
                            (0..tasks.0).for_each(|t| part.task(&mut OwnB::new(0), t, tasks));
                        }
                    }
                }
                return;
            }
            // The same parts in the same order, each of them two phases of one meeting: packing, then tiles.
            let (down, deeper) = (m.div_ceil(mc), k.max(1).div_ceil(deep));
            let phases = 2 * down * deeper * n.div_ceil(nc);
            let phase = |p: usize| {
                let at = p / 2;
                let part = part(at / down / deeper * nc, at / down % deeper * deep, at % down * mc);
                let tiles = (p % 2 == 1).then(|| part.tasks());
                (part, tiles)
            };
            in_phases(
                phases,
                phase,
                |(part, tiles)| tiles.map_or_else(|| part.packs(), |(down, across)| down * across),
                || OwnB::new(own_b_len),
                |own_b, (part, tiles), t| match tiles {
                    None => part.pack(t),
                    Some(tasks) => part.task(own_b, t, *tasks),
                },
            );
        });
    }
}

/// A product so small that neither operand is copied: whole vectors of B, all of k at once.
fn in_place<S: Simd>(
    s: S,
    shape: TileShape,
    (a, b): (MatRef<'_>, MatRef<'_>),
    c: &mut MatMut<'_>,
    epilogue: &Epilogue<'_>,
) {
    let (rows, cols) = (Panels::balanced(c.rows(), shape.mr), Panels::fixed(c.cols(), shape.nr));
    let (k, c_stride, finish) = (a.cols(), c.row_stride(), Finish::new(epilogue, true, true));
    for q in 0..cols.count {
        let j = cols.range(q);
        let width = shape.panel_width(j.len());
        assert!(width == j.len(), "the columns are whole vectors");
        let b = b.block(0, j.start, k, width);
        for p in 0..rows.count {
            let i = rows.range(p);
            let a = a.block(i.start, 0, i.len(), k);
            let tile = Tile {
                k,
                a: a.as_ptr(),
                a_step: a.col_stride(),
                a_row: a.row_stride(),
                b: b.as_ptr(),
                b_step: b.row_stride(),
                window: None,
                c: c.tile_ptr(i.clone(), j.clone()),
                c_stride,
                cols: width,
                add: finish.add,
                bias: finish.bias.map(|bias| &bias[j.clone()]),
                row_bias: finish.row_bias.map(|bias| &bias[i.clone()]),
                relu: finish.relu,
            };
            let source = if a.row_stride() == 1 { Source::Panels } else { Source::Rows };
            // SAFETY: the blocks lie in A and in B, whose rows are contiguous and `width` floats wide here; `tile_ptr` checked
            // that rows i and columns j lie inside C, which is borrowed for this call alone.
            unsafe { tile_fn::<S>(i.len(), width, source)(s, tile) };
        }
    }
}

/// `f(0)`, `f(1)`, … on whichever thread is free, or here in order.
fn for_each(parallel: bool, count: usize, f: impl Fn(usize) + Sync + Send) {
    if parallel && count > 1 {
        let seen = crate::parallel::observer();
        (0..count).into_par_iter().with_max_len(1).for_each(|i| {
            seen();
            f(i)
        });
    } else {
        (0..count).for_each(f);
    }
}
