//! The gradient of a learned mask, such as a bias that depends on the distance: dx, added up over whatever the mask was
//! repeated along.
//!
//! It has the mask's own size and no other memory of that order is needed: a task owns some rows of the mask and goes
//! through all batches, heads and queries that read them, in their order. It costs the scores and dw once more, two
//! products.

use super::backward::{KEYS, QUERIES};
use super::problem::Block;
use super::product::Right;
use super::weights::{Back, Scratch, deltas, weights_and_their_gradient};
use crate::gemm::{Panels, TileShape, with_scratch};
use crate::parallel::for_each_piece_of;
use crate::simd::{Isa, Kernel, Simd};
use std::ops::Range;

/// Adds dmask to `dmask`, row-major of `shape`, whose axes are those of (B, H, T, S) or 1.
pub(super) fn mask_gradient(back: &Back<'_>, shape: [usize; 4], dmask: &mut [f32]) {
    Isa::current().dispatch(MaskGradient(back, shape, dmask));
}

/// What entry `i` of the mask's axis serves: itself alone, or all `count`.
fn served(i: usize, axis: usize, count: usize) -> Range<usize> {
    if axis == 1 { 0..count } else { i..i + 1 }
}

/// Some rows of the mask, with all that reads them.
struct Task<'a> {
    b: Range<usize>,
    h: Range<usize>,
    queries: Range<usize>,
    /// Whether all queries share one row.
    repeated: bool,
    /// S, or 1 where all keys share one number.
    cols: usize,
    dmask: &'a mut [f32],
}

struct MaskGradient<'a, 'b>(&'a Back<'a>, [usize; 4], &'b mut [f32]);

impl Kernel for MaskGradient<'_, '_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let MaskGradient(back, [batches, heads, rows, cols], dmask) = self;
        let (p, blocks) = (&back.p, rows.div_ceil(QUERIES));
        let len = Scratch::lengths::<S>(p).iter().sum();
        let start = |i: usize| [(i / blocks * rows + i % blocks * QUERIES) * cols];
        for_each_piece_of([dmask], 0..batches * heads * blocks, 2 * p.work(), &start, &|i, [dmask]| {
            let (head, first) = (i / blocks, i % blocks * QUERIES);
            let task = Task {
                b: served(head / heads, batches, p.batch()),
                h: served(head % heads, heads, p.heads()),
                queries: if rows == 1 { 0..p.queries() } else { first..rows.min(first + QUERIES) },
                repeated: rows == 1,
                cols,
                dmask,
            };
            with_scratch(len, |scratch| s.enter(Run { back, task, scratch }));
        });
    }
}

struct Run<'a> {
    back: &'a Back<'a>,
    task: Task<'a>,
    scratch: &'a mut [f32],
}

impl Kernel for Run<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Run { back, task, scratch } = self;
        let p = &back.p;
        let (stride, mr) = (Scratch::stride::<S>(p), TileShape::of(S::ISA, S::LANES).mr);
        let Scratch { delta, kt, vt, w, dx, .. } = Scratch::new::<S>(p, scratch);
        let tiles = Panels::balanced(task.queries.len(), mr);
        for (b, h) in task.b.clone().flat_map(|b| task.h.clone().map(move |h| (b, h))) {
            let (k, v) = (p.k.head(b, h / p.group()), p.v.head(b, h / p.group()));
            deltas(s, back, [b, h], task.queries.clone(), delta);
            for start in (0..p.keys()).step_by(KEYS) {
                let keys = start..p.keys().min(start + KEYS);
                let kt = Right::transposed(s, k.block(start, 0, keys.len(), k.cols()), kt);
                let vt = Right::transposed(s, v.block(start, 0, keys.len(), v.cols()), vt);
                let block = Block { problem: p, b, h, keys: keys.clone(), kt };
                for r in (0..tiles.count).map(|t| tiles.range(t)) {
                    let i = task.queries.start + r.start..task.queries.start + r.end;
                    let seen = block.seen(&i);
                    if seen.is_empty() {
                        continue;
                    }
                    weights_and_their_gradient(
                        s,
                        back,
                        &block,
                        &vt,
                        (&i, &seen),
                        &delta[r.start..],
                        (w, dx),
                        stride,
                        1.0,
                    );
                    for row in r {
                        let dx = &dx[(row - (i.start - task.queries.start)) * stride..][seen.clone()];
                        let row = if task.repeated { 0 } else { row };
                        if task.cols == 1 {
                            task.dmask[row] += dx.iter().sum::<f32>();
                        } else {
                            let dmask = &mut task.dmask[row * task.cols + keys.start + seen.start..];
                            dmask.iter_mut().zip(dx).for_each(|(sum, dx)| *sum += dx);
                        }
                    }
                }
            }
        }
    }
}
