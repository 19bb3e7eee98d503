//! The forward pass: tiles of queries against blocks of keys, with the softmax on the way.
//!
//! What differs from `naive.rs`:
//! 1. Scores are computed for a tile of queries (as many as the micro-kernel has rows) and a block of `KEYS` keys at a
//!    time, in a scratch of 14 × 256 floats that stays in the first-level cache. They never go to memory.
//! 2. The softmax is online (Milakov & Gimelshein 2018): a row keeps its largest score m so far, the sum l of e^(x − m)
//!    and y = Σ e^(x − m)·v. When a block raises m to m', l and y are multiplied by e^(m − m') first. y/l is right at
//!    the end whatever m was (Dao et al. 2022).
//! 3. A block which none of the tile's queries sees is skipped, and inside a block the panels of keys beyond what they
//!    see: causal attention costs half.
//! 4. Keys are packed (transposed) once for all the tiles of a task; values are read where they lie.
//! 5. A single query, the newest token of a text, reads the keys where they lie. Heads that share their keys are
//!    queries of one head then.
//! 6. Tiles don't skip single keys: a hidden one has weight 0, and 0·v is 0 unless v is infinite or NaN. So where
//!    something is hidden the values are looked through first, and heads with such a v are left to `naive.rs`.

use super::naive;
use super::problem::{Block, Heads, Problem};
use super::product::{Right, multiply};
use crate::gemm::{MatMut, MatRef, Panels, TileShape, with_scratch};
use crate::parallel::for_each_piece_of;
use crate::simd::{Isa, Kernel, MAX_LANES, Simd, math};
use std::ops::Range;

/// Keys in a block: with D = 64 they are 64 KiB packed, and their values as many, for the second-level cache.
pub(super) const KEYS: usize = 256;
/// Queries in a task at most.
const QUERIES: usize = 256;
/// Queries in a task at least: a task packs the keys that it needs, which costs it as much as some 4 queries.
const QUERIES_AT_LEAST: usize = 64;
/// Tasks that a call is cut into where it can be.
const TASKS: usize = 64;

/// y (B, H, T, Dv) and the logsumexp (B, H, T), both row-major.
pub(super) fn forward(p: &Problem<'_>, y: &mut [f32], logsumexp: &mut [f32]) {
    struct Forward<'a, 'b>(&'a Problem<'a>, Panels, [&'b mut [f32]; 2]);
    impl Kernel for Forward<'_, '_> {
        type Out = ();
        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            let Forward(p, cut, outs) = self;
            let (t, dv, heads) = (p.queries(), p.v.shape[3], p.heads());
            let row = |i: usize| i / cut.count * t + cut.start(i % cut.count);
            let tasks = p.batch() * heads * cut.count;
            for_each_piece_of(outs, 0..tasks, 2 * p.work(), &|i| [row(i) * dv, row(i)], &|i, [y, logsumexp]| {
                let (head, rows) = (i / cut.count, cut.range(i % cut.count));
                let task = Task { b: head / heads, h: head % heads, rows, y, logsumexp };
                if p.hides_something() && !s.enter(IsFinite(&p.v, task.b, task.h / p.group())) {
                    return naive::forward(p, [task.b, task.h], task.rows, task.y, task.logsumexp);
                }
                with_scratch(Run::scratch_len::<S>(p), |scratch| s.enter(Run { p, task, scratch }));
            });
        }
    }
    let t = p.queries();
    let rows = (p.batch() * p.heads() * t / TASKS).clamp(QUERIES_AT_LEAST, QUERIES);
    Isa::current().dispatch(Forward(p, Panels::balanced(t, rows), [y, logsumexp]));
}

/// Some queries of one head.
struct Task<'a> {
    b: usize,
    h: usize,
    rows: Range<usize>,
    y: &'a mut [f32],
    logsumexp: &'a mut [f32],
}

/// Whether all floats of a head are finite: x·0 is 0 for these alone.
struct IsFinite<'a>(&'a Heads<'a>, usize, usize);

impl Kernel for IsFinite<'_> {
    type Out = bool;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> bool {
        let x = self.0.head(self.1, self.2);
        let mut sums = [s.splat(0.0); 4]; // four additions under way at once
        for i in 0..x.rows() {
            for cells in x.row(i).chunks(4 * S::LANES) {
                for (v, sum) in sums.iter_mut().enumerate() {
                    let cells = &cells[cells.len().min(v * S::LANES)..];
                    *sum = s.mul_add(s.load_part(cells), s.splat(0.0), *sum);
                }
            }
        }
        let sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
        s.sum(sum) == 0.0
    }
}

/// A task with its scratch: packed keys, the scores of a tile, and a last panel of values.
struct Run<'a> {
    p: &'a Problem<'a>,
    task: Task<'a>,
    scratch: &'a mut [f32],
}

impl Run<'_> {
    fn scratch_parts<S: Simd>(p: &Problem<'_>) -> [usize; 3] {
        let keys = p.keys().min(KEYS);
        let TileShape { mr, nr, .. } = TileShape::of(S::ISA, S::LANES);
        [Right::transposed_len::<S>(keys, p.q.shape[3]), mr * keys.next_multiple_of(nr), Right::tail_len::<S>(keys)]
    }
    fn scratch_len<S: Simd>(p: &Problem<'_>) -> usize {
        Self::scratch_parts::<S>(p).iter().sum()
    }
}

impl Kernel for Run<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Run { p, task: Task { b, h, rows, y, logsumexp }, scratch } = self;
        let (k, v) = (p.k.head(b, h / p.group()), p.v.head(b, h / p.group()));
        let [packed_len, scores_len, _] = Self::scratch_parts::<S>(p);
        let (packed, rest) = scratch.split_at_mut(packed_len);
        let (x, tail) = rest.split_at_mut(scores_len);
        let TileShape { mr, nr, .. } = TileShape::of(S::ISA, S::LANES);
        let stride = p.keys().min(KEYS).next_multiple_of(nr);
        let tiles = Panels::balanced(rows.len(), mr);

        y.fill(0.0);
        let top = logsumexp; // becomes the logsumexp at the end
        top.fill(f32::NEG_INFINITY);
        let mut sum = [0.0f32; QUERIES];
        let seen = p.seen_by(&rows);
        for start in (seen.start - seen.start % KEYS..seen.end).step_by(KEYS) {
            let keys = start..p.keys().min(start + KEYS);
            let k = k.block(start, 0, keys.len(), k.cols());
            let kt = if rows.len() == 1 { Right::transposed_in_place(k) } else { Right::transposed(s, k, packed) };
            let v = Right::in_place(s, v.block(start, 0, keys.len(), v.cols()), tail);
            let block = Block { problem: p, b, h, keys, kt };
            for r in (0..tiles.count).map(|t| tiles.range(t)) {
                let i = rows.start + r.start..rows.start + r.end;
                let seen = block.seen(&i);
                if seen.is_empty() {
                    continue;
                }
                let y = &mut y[r.start * p.v.shape[3]..r.end * p.v.shape[3]];
                let mut new = [f32::NEG_INFINITY; MAX_LANES];
                let cover = block.scores(s, &i, &seen, x, stride, &mut new);
                weights(s, x, stride, cover, y, &mut top[r.clone()], &mut sum[r.clone()], &new);
                let w = MatRef::new(&x[seen.start..], i.len(), seen.len(), stride, 1);
                let mut y = MatMut::row_major(y, i.len(), p.v.shape[3]);
                multiply(s, w, &v, seen.start, 0..p.v.shape[3], &mut y, true); // (rows, keys) × (keys, Dv)
            }
        }
        normalise(s, y, top, &sum[..rows.len()]);
    }
}

/// Turns a tile's scores x into weights e^(x − m), m being the largest score of the row so far, and brings what was
/// summed before to the new m.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a tile's rows and the state of each")]
fn weights<S: Simd>(
    s: S,
    x: &mut [f32],
    stride: usize,
    (from, to): (usize, usize),
    y: &mut [f32],
    top: &mut [f32],
    sum: &mut [f32],
    new: &[f32],
) {
    let dv = y.len() / top.len();
    for r in 0..top.len() {
        let (old, m) = (top[r], if new[r] > top[r] { new[r] } else { top[r] });
        // While every key was hidden there is no largest score; 0 does as well, since e^(−∞ − 0) = 0.
        let shift = s.splat(if m == f32::NEG_INFINITY { 0.0 } else { m });
        let mut added = s.splat(0.0);
        for cells in x[r * stride..][from..to].chunks_exact_mut(S::LANES) {
            let e = math::exp(s, s.load(cells) - shift);
            s.store(cells, e);
            added = added + e;
        }
        let added = s.sum(added);
        if old == m || old == f32::NEG_INFINITY {
            sum[r] += added; // what was summed before has this m already, or is 0
        } else {
            let factor = math::exp(s, s.splat(old) - shift);
            scale_row(s, &mut y[r * dv..][..dv], factor);
            sum[r] = s.max_lane(factor) * sum[r] + added;
        }
        top[r] = m;
    }
}

/// y/l, and the logsumexp m + ln l; zeros and ∞ for a query that saw nothing.
#[inline(always)]
fn normalise<S: Simd>(s: S, y: &mut [f32], top: &mut [f32], sum: &[f32]) {
    let dv = y.len() / top.len().max(1);
    for r in 0..sum.len() {
        if sum[r] != 0.0 {
            scale_row(s, &mut y[r * dv..][..dv], s.splat(1.0) / s.splat(sum[r]));
        }
    }
    for (top, sum) in top.chunks_mut(S::LANES).zip(sum.chunks(S::LANES)) {
        let l = s.load_part(sum);
        let lse = s.load_part(top) + math::ln(s, l);
        s.store_part(top, s.select(s.eq(l, s.splat(0.0)), s.splat(f32::INFINITY), lse));
    }
}

#[inline(always)]
fn scale_row<S: Simd>(s: S, row: &mut [f32], factor: S::F) {
    for cells in row.chunks_mut(S::LANES) {
        let scaled = s.load_part(cells) * factor;
        s.store_part(cells, scaled);
    }
}
