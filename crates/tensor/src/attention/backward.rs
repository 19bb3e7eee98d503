//! The backward pass: the tiles of weights once more, from the scores and the logsumexp, and the gradients out of them.
//!
//! With x = scale·q·kᵀ + mask, L the logsumexp of its rows, and dy the gradient of y:
//!
//! ```text
//! w = e^(x − L)               the weights, complete at once: no maximum, no sum
//! dv = wᵀ·dy
//! dw = dy·vᵀ
//! dx = w∘(dw − Δ),   Δ = Σⱼ wⱼ·dwⱼ = Σ dy∘y of the row: the softmax's own backward (Dao et al. 2022, B.4)
//! dq = scale·dx·k,   dk = scale·dxᵀ·q,   dmask = dx
//! ```
//!
//! Blocks of `KEYS` keys are the outer loop and blocks of `QUERIES` queries the inner one: w and dx of such a pair are
//! 64 × 128 floats each and stay in the second-level cache while the five products are made of them. Inside a pair all
//! products leave out the tiles that no query sees.
//!
//! **The order is fixed**: dk and dv add up the blocks of queries of a head in their order, head after head of a group,
//! and dq the blocks of keys. Where there are at least `GROUPS` heads of keys, one task has such a head with all of its
//! group, and makes each pair's weights once. Where there are fewer, tasks have some queries (and make dq) or a block
//! of keys (and make dk and dv), and the weights are made twice; the sums are the same, and so are their bits.

use super::problem::{Block, Problem};
use super::product::{Right, multiply};
use super::weights::{Back, Scratch, deltas, weights_and_their_gradient, zeros_around};
use crate::gemm::{MatMut, MatRef, Panels, TileShape, with_scratch};
use crate::parallel::for_each_piece_of;
use crate::simd::{Isa, Kernel, Simd};
use std::ops::Range;

/// Keys in a block.
pub(super) const KEYS: usize = 128;
/// Queries in a block.
pub(super) const QUERIES: usize = 64;
/// Heads of keys from which each is one task.
const GROUPS: usize = 8;

/// Adds to the row-major gradients, of which any may be missing: dq (B, H, T, D), dk (B, Hkv, S, D) and dv (B, Hkv, S,
/// Dv).
pub(super) fn backward(back: &Back<'_>, dq: Option<&mut [f32]>, dk: Option<&mut [f32]>, dv: Option<&mut [f32]>) {
    let cut = Cut::new(&back.p, [dq.is_some(), dk.is_some(), dv.is_some()]);
    Isa::current().dispatch(Backward(back, cut, [dq, dk, dv].map(Option::unwrap_or_default)));
}

/// The tasks by their numbers: those that make dq, and then those that make dk and dv; or those that make all three.
struct Cut {
    wanted: [bool; 3],
    /// Whether a task has a head of keys with all of its group, and makes all three.
    whole: bool,
    /// Heads of queries and of keys in the batch.
    heads: [usize; 2],
    /// Heads of queries for each example, and for each head of keys.
    per: [usize; 2],
    /// Queries and keys, and the blocks that they make.
    len: [usize; 2],
    blocks: [usize; 2],
    /// D and Dv.
    cols: [usize; 2],
}

impl Cut {
    fn new(p: &Problem<'_>, wanted: [bool; 3]) -> Cut {
        let heads = [p.batch() * p.heads(), p.batch() * p.k.shape[1]];
        let len = [p.queries(), p.keys()];
        Cut {
            wanted,
            whole: heads[1] >= GROUPS,
            heads,
            per: [p.heads(), p.group()],
            len,
            blocks: [len[0].div_ceil(QUERIES), len[1].div_ceil(KEYS)],
            cols: [p.k.shape[3], p.v.shape[3]],
        }
    }

    /// Tasks that make dq alone.
    fn for_queries(&self) -> usize {
        self.heads[0] * self.blocks[0]
    }

    /// Those whose gradients somebody wants.
    fn tasks(&self) -> Range<usize> {
        let [dq, dk, dv] = self.wanted;
        if self.whole {
            return 0..if dq || dk || dv { self.heads[1] } else { 0 };
        }
        let first = if dq { 0 } else { self.for_queries() };
        first..self.for_queries() + if dk || dv { self.heads[1] * self.blocks[1] } else { 0 }
    }

    /// Where task `i` begins in dq, dk and dv.
    fn starts(&self, i: usize) -> [usize; 3] {
        let ([t, s], [blocks_of_t, blocks_of_s], [d, dv]) = (self.len, self.blocks, self.cols);
        let row = |i: usize, blocks: usize, len: usize, step: usize| match blocks {
            0 => 0,
            _ => i / blocks * len + i % blocks * step,
        };
        let (queries, keys) = match i.checked_sub(self.for_queries()) {
            _ if self.whole => (i * self.per[1] * t, i * s),
            None => (row(i, blocks_of_t, t, QUERIES), 0),
            Some(j) => (self.heads[0] * t, row(j, blocks_of_s, s, KEYS)),
        };
        [queries * d, keys * d, keys * dv]
    }

    /// Task `i`, given what it writes.
    fn task<'a>(&self, i: usize, outs: [&'a mut [f32]; 3]) -> Task<'a> {
        let [t, s] = self.len;
        let of = |g: Range<usize>, queries, keys, made: [bool; 3]| {
            let [dq, dk, dv] = outs;
            let give = |j: usize, out| (made[j] && self.wanted[j]).then_some(out);
            let (b, first) = (g.start / self.per[0], g.start % self.per[0]);
            Task { b, heads: first..first + g.len(), queries, keys, dq: give(0, dq), dk: give(1, dk), dv: give(2, dv) }
        };
        let group = |g: usize| g * self.per[1]..(g + 1) * self.per[1];
        match i.checked_sub(self.for_queries()) {
            _ if self.whole => of(group(i), 0..t, 0..s, [true; 3]),
            None => {
                let (h, first) = (i / self.blocks[0], i % self.blocks[0] * QUERIES);
                of(h..h + 1, first..t.min(first + QUERIES), 0..s, [true, false, false])
            }
            Some(j) => {
                let (g, first) = (j / self.blocks[1], j % self.blocks[1] * KEYS);
                of(group(g), 0..t, first..s.min(first + KEYS), [false, true, true])
            }
        }
    }
}

/// Some heads that share their keys, some of their queries, some of their keys.
struct Task<'a> {
    b: usize,
    heads: Range<usize>,
    queries: Range<usize>,
    keys: Range<usize>,
    dq: Option<&'a mut [f32]>,
    dk: Option<&'a mut [f32]>,
    dv: Option<&'a mut [f32]>,
}

struct Backward<'a, 'b>(&'a Back<'a>, Cut, [&'b mut [f32]; 3]);

impl Kernel for Backward<'_, '_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Backward(back, cut, outs) = self;
        let len = Scratch::lengths::<S>(&back.p).iter().sum();
        for_each_piece_of(outs, cut.tasks(), 5 * back.p.work(), &|i| cut.starts(i), &|i, outs| {
            let task = cut.task(i, outs.each_mut().map(|out| &mut **out));
            with_scratch(len, |scratch| s.enter(Run { back, task, scratch }));
        });
    }
}

/// A task with its scratch.
struct Run<'a> {
    back: &'a Back<'a>,
    task: Task<'a>,
    scratch: &'a mut [f32],
}

impl Kernel for Run<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Run { back, task: Task { b, heads, queries, keys, mut dq, mut dk, mut dv }, scratch } = self;
        let p = &back.p;
        let (stride, mr) = (Scratch::stride::<S>(p), TileShape::of(S::ISA, S::LANES).mr);
        let Scratch { delta, kt, vt, w, dx, k: k_tail, q: q_tail, dy: dy_tail } = Scratch::new::<S>(p, scratch);
        let (d, dv_cols, kv) = (p.q.shape[3], p.v.shape[3], heads.start / p.group());
        let for_keys = dk.is_some() || dv.is_some();
        for (n, h) in heads.clone().enumerate() {
            deltas(s, back, [b, h], queries.clone(), &mut delta[n * queries.len()..][..queries.len()]);
        }
        for start in keys.clone().step_by(KEYS) {
            let keys_here = start..keys.end.min(start + KEYS);
            let k = p.k.head(b, kv).block(start, 0, keys_here.len(), d);
            let v = p.v.head(b, kv).block(start, 0, keys_here.len(), dv_cols);
            let (kt, vt) = (Right::transposed(s, k, kt), Right::transposed(s, v, vt));
            let k = Right::in_place(s, k, k_tail);
            let seeing = p.sight.queries_of_all(&keys_here, p.queries(), p.keys());
            for h in heads.clone() {
                let block = Block { problem: p, b, h, keys: keys_here.clone(), kt };
                let delta = &delta[(h - heads.start) * queries.len()..];
                for first in queries.clone().step_by(QUERIES) {
                    let i = first..queries.end.min(first + QUERIES);
                    if i.start.max(seeing.start) >= i.end.min(seeing.end) {
                        continue;
                    }
                    // 1. w and dx, a tile of queries at a time, and dq from it
                    let tiles = Panels::balanced(i.len(), mr);
                    for r in (0..tiles.count).map(|t| tiles.range(t)) {
                        let i = first + r.start..first + r.end;
                        let seen = block.seen(&i);
                        if seen.is_empty() {
                            continue;
                        }
                        let (w, dx) = (&mut w[r.start * stride..], &mut dx[r.start * stride..]);
                        let delta = &delta[i.start - queries.start..];
                        let cover = weights_and_their_gradient(
                            s,
                            back,
                            &block,
                            &vt,
                            (&i, &seen),
                            delta,
                            (w, dx),
                            stride,
                            p.scale,
                        );
                        if for_keys {
                            zeros_around(s, [&mut *w, &mut *dx], i.len(), stride, cover, mr);
                        }
                        if let Some(dq) = &mut dq {
                            let row = (h - heads.start) * queries.len() + i.start - queries.start;
                            let mut dq = MatMut::row_major(&mut dq[row * d..], i.len(), d);
                            let dx = MatRef::new(&dx[seen.start..], i.len(), seen.len(), stride, 1);
                            multiply(s, dx, &k, seen.start, 0..d, &mut dq, true); // (rows, keys) × (keys, D)
                        }
                    }
                    if !for_keys {
                        continue;
                    }
                    // 2. dk and dv, a tile of keys at a time
                    let q = Right::in_place(s, p.q.head(b, h).block(first, 0, i.len(), d), q_tail);
                    let dy = Right::in_place(s, back.dy.head(b, h).block(first, 0, i.len(), dv_cols), dy_tail);
                    let tiles = Panels::balanced(keys_here.len(), mr);
                    for r in (0..tiles.count).map(|t| tiles.range(t)) {
                        let seeing = p.sight.queries_of_all(&(start + r.start..start + r.end), p.queries(), p.keys());
                        let (from, to) = (seeing.start.max(i.start), seeing.end.min(i.end));
                        if from >= to {
                            continue;
                        }
                        let (at, row) = ((from - first) * stride + r.start, start - keys.start + r.start);
                        for (x, right, grad, cols) in [(&*w, &dy, &mut dv, dv_cols), (&*dx, &q, &mut dk, d)] {
                            if let Some(grad) = grad {
                                let mut grad = MatMut::row_major(&mut grad[row * cols..], r.len(), cols);
                                let x = MatRef::new(&x[at..], r.len(), to - from, 1, stride);
                                multiply(s, x, right, from - first, 0..cols, &mut grad, true); // (keys, rows) × (rows, D)
                            }
                        }
                    }
                }
            }
        }
    }
}
