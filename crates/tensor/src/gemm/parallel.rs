//! Rung 5, the top: tiles handed out to threads, and no copy where none pays.

use super::blocking::{Panels, TileShape, floats_in_l3, k_blocks, rows_in_l2};
use super::pack::pack_panel;
use super::row::{columns_at_once, row_times};
use super::scratch::with_scratch;
use super::simd::Finish;
use super::tile::{Tile, tile_fn};
use super::{Epilogue, MatMut, MatRef, check};
use crate::simd::{Isa, Kernel, Simd};
use rayon::prelude::*;
use std::ops::Range;

/// Rows of C in a task at most: 112 × 512 floats of A are 224 KiB of the second-level cache.
const TASK_ROWS: usize = 112;
/// Columns of C in a task at most.
const TASK_COLS: usize = 256;
/// Tasks that a product is cut into, where each of them is still `TASK_WORK`.
const TASKS: usize = 16;
/// Multiply-adds in a task at least: about 8 µs.
const TASK_WORK: usize = 1 << 20;
/// Floats to pack in a task at least: about 5 µs.
const PACK_TASK: usize = 1 << 15;
/// Rows up to which a panel of B is used by one task only.
const FEW_ROWS: usize = 64;
/// Columns up to which a packed panel of A would be used too seldom: twice.
const FEW_COLS: usize = 64;
/// Floats of A that lie in the nearest caches wherever they are: 64 KiB.
const SMALL_A: usize = 1 << 14;
/// Blocks of k that are packed at once at most.
const BLOCKS_AT_ONCE: usize = 4;

/// `C = A·B` with the vectors of `isa` on the current rayon pool, then the epilogue. The one to call.
///
/// What differs from [`simd`](super::simd):
/// 1. C is cut into rectangles of about `TASK_ROWS` × `TASK_COLS`; threads take one after the other, so a thread that
///    is held up takes fewer. Each rectangle is one thread's for all of k: no sum is ever split between threads, and the
///    bits do not depend on their number.
/// 2. A and B are packed first, by all threads, as deep as fits the third-level cache: one meeting of the threads for each
///    few megabytes instead of one for each block of k.
/// 3. With at most `FEW_ROWS` rows a panel of B would be used by one task only. Row-major B is then read where it
///    lies; otherwise the task packs the panel itself and uses it while it is in the nearest cache. A small A is
///    read in place too when C has at most `FEW_COLS` columns: that makes 32 squares half again as fast.
/// 4. A single row has kernels of its own (`row.rs`), which read B once, in long runs. A single column is computed as a
///    single row, from Cᵀ = Bᵀ·Aᵀ.
/// 5. Below a threshold of work (`serial_threshold`) everything stays on the calling thread.
///
/// # Panics
/// When shapes don't fit together, or this machine lacks `isa`.
#[track_caller]
pub fn sgemm(isa: Isa, a: MatRef<'_>, b: MatRef<'_>, c: MatMut<'_>, epilogue: &Epilogue<'_>) {
    check(&a, &b, &c, epilogue);
    // A single row or column waits for memory, so it is worth a second thread earlier.
    let work = c.rows().saturating_mul(c.cols()).saturating_mul(a.cols());
    let work = work.saturating_mul(if c.rows() == 1 || c.cols() == 1 { 8 } else { 1 });
    let parallel = work >= serial_threshold() && rayon::current_num_threads() > 1;
    let product = Product { a, b, c, epilogue, parallel };
    if parallel && rayon::current_thread_index().is_none() {
        // Packing and tiles are several meetings of the threads: go to the pool once, not for each of them.
        return rayon::scope(|_| isa.dispatch(product));
    }
    isa.dispatch(product);
}

/// Multiply-adds below which a product stays on one thread: 2 million take about 15 µs, some three times what waking a
/// thread costs. The vectors do some 64 of them while one float comes from memory, hence the factor to the threshold of
/// all operations.
pub(super) fn serial_threshold() -> usize {
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

/// Where a task finds its panels of B.
#[derive(Clone, Copy, PartialEq, Eq)]
enum BPanels {
    /// In the shared buffer, packed for all tasks.
    Shared,
    /// In B itself, whose rows are contiguous.
    InPlace,
    /// In a buffer of its own, packed panel by panel.
    Own,
}

impl Product<'_> {
    fn drive<S: Simd>(self, s: S) {
        let Product { a, b, mut c, epilogue, parallel } = self;
        let (m, n, k) = (c.rows(), c.cols(), a.cols());
        if m == 0 || n == 0 {
            return;
        }
        if n == 1 && m > 1 && c.row_stride() == 1 {
            // The column as a row: the products are the same and so is their order. Its bias is one number for all.
            let len = if epilogue.bias.is_some() { m } else { 0 };
            return with_scratch(len, |bias| {
                bias.fill(epilogue.bias.map_or(0.0, |bias| bias[0]));
                let epilogue = &Epilogue { bias: epilogue.bias.map(|_| &*bias), ..*epilogue };
                Product { a: b.t(), b: a.t(), c: c.column_as_row(), epilogue, parallel }.drive(s);
            });
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
        let b_panels = match (m <= FEW_ROWS, b.col_stride() == 1) {
            (false, _) => BPanels::Shared,
            (true, true) => BPanels::InPlace,
            (true, false) => BPanels::Own,
        };
        // Some whole blocks of k, then as many rows and columns as the share of the third-level cache holds at that depth.
        let deep = k.clamp(1, BLOCKS_AT_ONCE * super::block_depth(k).max(1));
        let mc = (floats_in_l3() / deep).max(FEW_ROWS).min(m);
        let nc = (floats_in_l3() / deep).next_multiple_of(shape.nr).min(n.next_multiple_of(shape.nr));
        let shared = b_panels == BPanels::Shared;
        let b_len = if shared { nc * deep } else { 0 };
        let a_in_place = n <= FEW_COLS && m * k <= SMALL_A && (a.row_stride() == 1 || a.col_stride() == 1);
        let a_len = if a_in_place { 0 } else { mc * deep };
        let (c, c_stride) = (SharedMut(c.tile_ptr(0..m, 0..n)), c.row_stride());
        with_scratch(b_len + a_len, |scratch| {
            let (packed_b, packed_a) = scratch.split_at_mut(b_len);
            let (packed_a, packed_b) = (SharedMut(packed_a.as_mut_ptr()), SharedMut(packed_b.as_mut_ptr()));
            for j0 in (0..n).step_by(nc) {
                let cols = Panels::fixed(nc.min(n - j0), shape.nr);
                for k0 in (0..k.max(1)).step_by(deep) {
                    let deep = k0..k.min(k0 + deep);
                    for i0 in (0..m).step_by(mc) {
                        let rows = Panels::balanced(mc.min(m - i0), shape.mr);
                        let deep = deep.clone();
                        let part = Part {
                            s,
                            shape,
                            a,
                            b,
                            a_in_place,
                            b_panels,
                            deep,
                            i0,
                            rows,
                            j0,
                            cols,
                            packed_a,
                            packed_b,
                            c,
                            c_stride,
                            epilogue,
                        };
                        part.pack(parallel, shared && i0 == 0);
                        let tasks = if parallel { part.tasks() } else { (rows.total.div_ceil(rows_in_l2()), 1) };
                        for_each(parallel, tasks.0 * tasks.1, |t| part.task(t, tasks));
                    }
                }
            }
        });
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

/// An address that tasks share. Each of them writes where no other one reads or writes.
#[derive(Clone, Copy)]
struct SharedMut(*mut f32);
// SAFETY: an address by itself is harmless; whoever uses it says why nobody else is there.
unsafe impl Send for SharedMut {}
// SAFETY: as above.
unsafe impl Sync for SharedMut {}

impl SharedMut {
    /// # Safety
    /// The floats from `start` to `start + len` exist, and nobody else uses them while the slice lives.
    #[expect(clippy::mut_from_ref, reason = "disjoint parts of one buffer")]
    unsafe fn slice(&self, start: usize, len: usize) -> &mut [f32] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(start), len) }
    }
}

/// What is packed at once: rows `i0..` and columns `j0..` of C over the blocks of k in `deep`.
///
/// Packed A holds, block of k after block, for each panel of rows its `rows`·kc floats; packed B likewise.
struct Part<'a, S> {
    s: S,
    shape: TileShape,
    a: MatRef<'a>,
    b: MatRef<'a>,
    a_in_place: bool,
    b_panels: BPanels,
    deep: Range<usize>,
    i0: usize,
    rows: Panels,
    j0: usize,
    cols: Panels,
    packed_a: SharedMut,
    packed_b: SharedMut,
    c: SharedMut,
    c_stride: usize,
    epilogue: &'a Epilogue<'a>,
}

impl<S: Simd> Part<'_, S> {
    /// The blocks of k that are packed.
    fn blocks(&self) -> impl Iterator<Item = Range<usize>> {
        let deep = self.deep.clone();
        k_blocks(self.a.cols()).filter(move |block| block.start >= deep.start && block.end <= deep.end)
    }

    /// Where panel `p` of A lies in its buffer, for one block of k.
    fn place_a(&self, block: &Range<usize>, p: usize) -> (usize, usize) {
        let before = self.rows.total * (block.start - self.deep.start);
        (before + self.rows.start(p) * block.len(), self.rows.range(p).len() * block.len())
    }

    /// Where panel `p` of B lies in its buffer, for one block of k.
    fn place_b(&self, block: &Range<usize>, p: usize) -> (usize, usize) {
        let before = self.cols.count * self.shape.nr * (block.start - self.deep.start);
        (before + self.cols.start(p) * block.len(), self.width(p) * block.len())
    }

    /// Width in floats of panel `p` of B.
    fn width(&self, p: usize) -> usize {
        self.shape.panel_width(self.cols.range(p).len())
    }

    /// Packs all panels of A, and of B where asked to, some of them in a task.
    fn pack(&self, parallel: bool, b_too: bool) {
        let group = |width: usize| PACK_TASK.div_ceil(width * self.deep.len().max(1));
        let (a_group, b_group) = (group(self.shape.mr), group(self.shape.nr));
        let b_tasks = if b_too { self.cols.count.div_ceil(b_group) } else { 0 };
        let a_tasks = if self.a_in_place { 0 } else { self.rows.count.div_ceil(a_group) };
        for_each(parallel, b_tasks + a_tasks, |t| {
            let panels = |t: usize, group: usize, count: usize| t * group..count.min((t + 1) * group);
            if t < b_tasks {
                panels(t, b_group, self.cols.count).for_each(|p| self.pack_b(p));
            } else {
                panels(t - b_tasks, a_group, self.rows.count).for_each(|p| self.pack_a(p));
            }
        });
    }

    fn pack_a(&self, p: usize) {
        let i = self.rows.range(p);
        for block in self.blocks() {
            let (start, len) = self.place_a(&block, p);
            // SAFETY: the buffer has room for all rows over all of `deep`; panels don't overlap, each is packed by one task,
            // and nobody reads before all are packed.
            let out = unsafe { self.packed_a.slice(start, len) };
            pack_panel(self.s, self.a.block(self.i0 + i.start, block.start, i.len(), block.len()), i.len(), out);
        }
    }

    fn pack_b(&self, p: usize) {
        for block in self.blocks() {
            let (start, len) = self.place_b(&block, p);
            // SAFETY: as in `pack_a`, with columns in place of rows.
            self.pack_b_block(&block, p, unsafe { self.packed_b.slice(start, len) });
        }
    }

    fn pack_b_block(&self, block: &Range<usize>, p: usize, out: &mut [f32]) {
        let j = self.cols.range(p);
        let panel = self.b.block(block.start, self.j0 + j.start, block.len(), j.len()).t();
        pack_panel(self.s, panel, self.width(p), out);
    }

    /// How many rectangles there are below each other, and side by side. Few rows are one: each panel of B is packed
    /// once then.
    fn tasks(&self) -> (usize, usize) {
        let (m, n) = (self.rows.total, self.cols.total);
        let (mut down, mut across) = (m.div_ceil(TASK_ROWS), n.div_ceil(TASK_COLS));
        let enough = TASKS.min(m * n * self.deep.len() / TASK_WORK);
        while down * across < enough && (down < self.rows.count || across < self.cols.count) {
            let taller = m * across > n * down && self.b_panels == BPanels::Shared;
            if taller && down < self.rows.count || across == self.cols.count { down += 1 } else { across += 1 }
        }
        (down, across)
    }

    /// One rectangle of C, over all blocks of k in order.
    fn task(&self, t: usize, (down, across): (usize, usize)) {
        let share = |panels: usize, parts: usize, part: usize| part * panels / parts..(part + 1) * panels / parts;
        let (rows, cols) = (share(self.rows.count, down, t / across), share(self.cols.count, across, t % across));
        for block in self.blocks() {
            let finish = Finish::new(self.epilogue, block.start == 0, block.end == self.a.cols());
            for q in cols.clone() {
                let j = self.cols.range(q);
                let width = self.width(q);
                let in_place = self.b_panels == BPanels::InPlace && j.len() == width;
                if in_place {
                    let panel = self.b.block(block.start, self.j0 + j.start, block.len(), j.len());
                    self.column(&block, q, rows.clone(), panel.data().as_ptr(), panel.row_stride(), &finish);
                } else if self.b_panels == BPanels::Shared {
                    let (start, len) = self.place_b(&block, q);
                    // SAFETY: the panel was packed before the tasks began, and now is only read.
                    let panel: &[f32] = unsafe { self.packed_b.slice(start, len) };
                    self.column(&block, q, rows.clone(), panel.as_ptr(), width, &finish);
                } else {
                    with_scratch(width * block.len(), |panel| {
                        self.pack_b_block(&block, q, panel);
                        self.column(&block, q, rows.clone(), panel.as_ptr(), width, &finish);
                    });
                }
            }
        }
    }

    /// One panel of B against the panels of A in `rows`.
    fn column(
        &self,
        block: &Range<usize>,
        q: usize,
        rows: Range<usize>,
        b: *const f32,
        b_step: usize,
        finish: &Finish<'_>,
    ) {
        let (j, width) = (self.cols.range(q), self.width(q));
        let j = self.j0 + j.start..self.j0 + j.end;
        for p in rows {
            let i = self.rows.range(p);
            let (a, a_step, a_row) = if self.a_in_place {
                let panel = self.a.block(self.i0 + i.start, block.start, i.len(), block.len());
                (panel.as_ptr(), panel.col_stride(), panel.row_stride())
            } else {
                (self.packed_a.0.cast_const().wrapping_add(self.place_a(block, p).0), i.len(), 1)
            };
            let tile = Tile {
                k: block.len(),
                a,
                a_step,
                a_row,
                b,
                b_step,
                c: self.c.0.wrapping_add((self.i0 + i.start) * self.c_stride + j.start),
                c_stride: self.c_stride,
                cols: j.len(),
                add: finish.add,
                bias: finish.bias.map(|bias| &bias[j.clone()]),
                relu: finish.relu,
            };
            // SAFETY: A's panel was packed before the tasks began and holds block.len() steps of i.len() floats, or is a
            // block of A itself; `b` is a
            // panel of `width` floats a step, packed or in place inside B; rows i and columns j lie inside C, and of
            // all tasks this one alone has their rectangle.
            unsafe { tile_fn::<S>(i.len(), width, a_row == 1)(self.s, tile) };
        }
    }
}
