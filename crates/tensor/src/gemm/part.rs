//! A part of a product: what is packed at once, and the rectangles of C that are computed from it.

use super::Epilogue;
use super::MatRef;
use super::blocking::{Panels, TileShape, k_blocks};
use super::pack::pack_panel;
use super::scratch::{Scratch, with_scratch};
use super::simd::Finish;
use super::tile::{Source, Tile, tile_fn};
use crate::simd::Simd;
use std::ops::Range;

/// Rows of C in a task at most: 112 × 512 floats of A are 224 KiB of the second-level cache.
const TASK_ROWS: usize = 112;
/// Columns of C in a task at most.
const TASK_COLS: usize = 256;
/// Tasks that a product is cut into, where each of them is still `TASK_WORK`.
const TASKS: usize = 32;
/// Multiply-adds in a task at least: about 7 µs.
const TASK_WORK: usize = 400_000;
/// Floats to pack in a task at least: about 5 µs.
const PACK_TASK: usize = 1 << 15;

/// Where a task finds its panels of A.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum APanels {
    /// In the shared buffer, packed for all tasks.
    Shared,
    /// In A itself, which is small.
    InPlace,
    /// In a buffer of its own, which no other core has touched: the task has its rows of C to their full width, so nobody
    /// else needs them. Where two cores share no cache, what one packs comes to the other line by line, each in hundreds of nanoseconds.
    Own,
}

/// Where a task finds its panels of B.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum BPanels {
    /// In the shared buffer, packed for all tasks.
    Shared,
    /// In B itself, whose rows are contiguous.
    InPlace,
    /// In a buffer of its own, packed panel by panel.
    Own,
    /// In a buffer of its thread, which packs all of them when it comes to its first task: what another core packs comes
    /// dearer than packing.
    OfThread,
}

/// B as a thread has packed it for itself.
pub(super) struct OwnB {
    panels: Scratch,
    /// The first column and the first k of what is packed.
    packed: Option<(usize, usize)>,
}

impl OwnB {
    /// Room for so many floats.
    pub fn new(len: usize) -> OwnB {
        OwnB { panels: Scratch::new(len), packed: None }
    }
}

/// An address that tasks share. Each of them writes where no other one reads or writes.
#[derive(Clone, Copy)]
pub(crate) struct SharedMut(pub *mut f32);
// SAFETY: an address by itself is harmless; whoever uses it says why nobody else is there.
unsafe impl Send for SharedMut {}
// SAFETY: as above.
unsafe impl Sync for SharedMut {}

impl SharedMut {
    /// # Safety
    /// The floats from `start` to `start + len` exist, and nobody else uses them while the slice lives.
    #[expect(clippy::mut_from_ref, reason = "disjoint parts of one buffer")]
    pub unsafe fn slice(&self, start: usize, len: usize) -> &mut [f32] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(start), len) }
    }
}

/// What is packed at once: rows `i0..` and columns `j0..` of C over the blocks of k in `deep`.
///
/// Packed A holds, block of k after block, for each panel of rows its `rows`·kc floats; packed B likewise.
pub(super) struct Part<'a, S> {
    pub s: S,
    pub shape: TileShape,
    pub a: MatRef<'a>,
    pub b: MatRef<'a>,
    pub a_from: APanels,
    pub b_panels: BPanels,
    pub deep: Range<usize>,
    pub i0: usize,
    pub rows: Panels,
    pub j0: usize,
    pub cols: Panels,
    pub packed_a: SharedMut,
    pub packed_b: SharedMut,
    pub c: SharedMut,
    pub c_stride: usize,
    pub epilogue: &'a Epilogue<'a>,
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

    /// How many panels of A and of B are packed in one task.
    fn pack_groups(&self) -> (usize, usize) {
        let group = |width: usize| PACK_TASK.div_ceil(width * self.deep.len().max(1));
        (group(self.shape.mr), group(self.shape.nr))
    }

    /// How many tasks pack B: it is packed for all rows together with the first of them.
    fn b_packs(&self) -> usize {
        let here = self.b_panels == BPanels::Shared && self.i0 == 0;
        if here { self.cols.count.div_ceil(self.pack_groups().1) } else { 0 }
    }

    /// How many tasks pack what must be packed.
    pub fn packs(&self) -> usize {
        self.b_packs() + if self.a_from == APanels::Shared { self.rows.count.div_ceil(self.pack_groups().0) } else { 0 }
    }

    /// One of them.
    pub fn pack(&self, t: usize) {
        let (a_group, b_group) = self.pack_groups();
        let panels = |t: usize, group: usize, count: usize| t * group..count.min((t + 1) * group);
        match t.checked_sub(self.b_packs()) {
            None => panels(t, b_group, self.cols.count).for_each(|p| self.pack_b(p)),
            Some(t) => panels(t, a_group, self.rows.count).for_each(|p| self.pack_a(p)),
        }
    }

    fn pack_a(&self, p: usize) {
        for block in self.blocks() {
            let (start, len) = self.place_a(&block, p);
            // SAFETY: the buffer has room for all rows over all of `deep`; panels don't overlap, each is packed by one task,
            // and nobody reads before all are packed.
            self.pack_a_block(&block, p, unsafe { self.packed_a.slice(start, len) });
        }
    }

    fn pack_a_block(&self, block: &Range<usize>, p: usize, out: &mut [f32]) {
        let i = self.rows.range(p);
        pack_panel(self.s, self.a.block(self.i0 + i.start, block.start, i.len(), block.len()), i.len(), out);
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
    /// once then. Tasks with panels of A of their own have all columns.
    pub fn tasks(&self) -> (usize, usize) {
        let (m, n) = (self.rows.total, self.cols.total);
        let enough = TASKS.min(m * n * self.deep.len() / TASK_WORK);
        if self.a_from == APanels::Own {
            return (m.div_ceil(TASK_ROWS).max(enough).min(self.rows.count), 1);
        }
        let (mut down, mut across) = (m.div_ceil(TASK_ROWS), n.div_ceil(TASK_COLS));
        while down * across < enough && (down < self.rows.count || across < self.cols.count) {
            let taller = m * across > n * down && self.b_panels == BPanels::Shared;
            if taller && down < self.rows.count || across == self.cols.count { down += 1 } else { across += 1 }
        }
        (down, across)
    }

    /// One rectangle of C, over all blocks of k in order.
    pub fn task(&self, own_b: &mut OwnB, t: usize, (down, across): (usize, usize)) {
        let b = match self.b_panels {
            BPanels::OfThread => self.pack_all_of_b(own_b),
            _ => self.packed_b.0.cast_const(),
        };
        let share = |panels: usize, parts: usize, part: usize| part * panels / parts..(part + 1) * panels / parts;
        let (rows, cols) = (share(self.rows.count, down, t / across), share(self.cols.count, across, t % across));
        for block in self.blocks() {
            if self.a_from != APanels::Own {
                let packed =
                    self.packed_a.0.cast_const().wrapping_add(self.rows.total * (block.start - self.deep.start));
                self.block(&block, rows.clone(), cols.clone(), (packed, b));
                continue;
            }
            let (first, end) = (self.rows.start(rows.start), self.rows.start(rows.end));
            with_scratch((end - first) * block.len(), |own| {
                let mut rest = &mut *own;
                for p in rows.clone() {
                    let (panel, after) = rest.split_at_mut(self.rows.range(p).len() * block.len());
                    self.pack_a_block(&block, p, panel);
                    rest = after;
                }
                // Panels are found by their first row: as if the rows before this task's stood in front.
                let a = own.as_ptr().wrapping_sub(first * block.len());
                self.block(&block, rows.clone(), cols.clone(), (a, b));
            });
        }
    }

    /// All panels of B in the buffer of this thread, which packs them unless they are there already.
    fn pack_all_of_b(&self, own: &mut OwnB) -> *const f32 {
        let these = Some((self.j0, self.deep.start));
        if own.packed != these {
            own.packed = these;
            for p in 0..self.cols.count {
                for block in self.blocks() {
                    let (start, len) = self.place_b(&block, p);
                    self.pack_b_block(&block, p, &mut own.panels[start..start + len]);
                }
            }
        }
        own.panels.as_ptr()
    }

    /// One block of k of a rectangle; row i of A's panels begins at `a` + i·block.len(), and packed B, if there is one, at `b`.
    fn block(&self, block: &Range<usize>, rows: Range<usize>, cols: Range<usize>, (a, b): (*const f32, *const f32)) {
        let finish = Finish::new(self.epilogue, block.start == 0, block.end == self.a.cols());
        for q in cols {
            let j = self.cols.range(q);
            let width = self.width(q);
            match self.b_panels {
                BPanels::InPlace if j.len() == width => {
                    let panel = self.b.block(block.start, self.j0 + j.start, block.len(), j.len());
                    self.column(block, q, rows.clone(), (a, panel.data().as_ptr(), panel.row_stride()), &finish);
                }
                BPanels::Shared | BPanels::OfThread => {
                    let panel = b.wrapping_add(self.place_b(block, q).0);
                    self.column(block, q, rows.clone(), (a, panel, width), &finish);
                }
                BPanels::InPlace | BPanels::Own => with_scratch(width * block.len(), |panel| {
                    self.pack_b_block(block, q, panel);
                    self.column(block, q, rows.clone(), (a, panel.as_ptr(), width), &finish);
                }),
            }
        }
    }

    /// One panel of B against the panels of A in `rows`.
    fn column(
        &self,
        block: &Range<usize>,
        q: usize,
        rows: Range<usize>,
        (packed_a, b, b_step): (*const f32, *const f32, usize),
        finish: &Finish<'_>,
    ) {
        let (j, width) = (self.cols.range(q), self.width(q));
        let j = self.j0 + j.start..self.j0 + j.end;
        for p in rows {
            let i = self.rows.range(p);
            let (a, a_step, a_row) = if self.a_from == APanels::InPlace {
                let panel = self.a.block(self.i0 + i.start, block.start, i.len(), block.len());
                (panel.as_ptr(), panel.col_stride(), panel.row_stride())
            } else {
                (packed_a.wrapping_add(i.start * block.len()), i.len(), 1)
            };
            let tile = Tile {
                k: block.len(),
                a,
                a_step,
                a_row,
                b,
                b_step,
                window: None,
                c: self.c.0.wrapping_add((self.i0 + i.start) * self.c_stride + j.start),
                c_stride: self.c_stride,
                cols: j.len(),
                add: finish.add,
                bias: finish.bias.map(|bias| &bias[j.clone()]),
                row_bias: finish.row_bias.map(|bias| &bias[self.i0 + i.start..self.i0 + i.end]),
                relu: finish.relu,
            };
            let source = if a_row == 1 { Source::Panels } else { Source::Rows };
            // SAFETY: A's panel was packed before and holds block.len() steps of i.len() floats, or is a block of A itself;
            // `b` is a panel of `width` floats a step, packed before and now only read, or in place inside B; rows i and columns
            // j lie inside C, and of all tasks this one alone has their rectangle.
            unsafe { tile_fn::<S>(i.len(), width, source)(self.s, tile) };
        }
    }
}
