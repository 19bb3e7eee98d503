//! The weights of a tile once more, from the scores and the logsumexp, and their gradient: what both parts of the
//! backward pass begin with.

use super::backward::{KEYS, QUERIES};
use super::problem::{Block, Heads, Problem};
use super::product::{Right, multiply};
use crate::gemm::{MatMut, TileShape};
use crate::simd::{MAX_LANES, Simd, math};
use std::ops::Range;

/// What the backward pass reads besides the inputs: y and dy (B, H, T, Dv), and the logsumexp (B, H, T), row-major.
#[derive(Clone, Copy)]
pub(super) struct Back<'a> {
    pub p: Problem<'a>,
    pub y: Heads<'a>,
    pub dy: Heads<'a>,
    pub logsumexp: &'a [f32],
}

/// What a task needs: Δ of its queries; and for a pair of blocks kᵀ and vᵀ packed, w and dx, and the last panels of k,
/// q and dy.
pub(super) struct Scratch<'a> {
    pub delta: &'a mut [f32],
    pub kt: &'a mut [f32],
    pub vt: &'a mut [f32],
    pub w: &'a mut [f32],
    pub dx: &'a mut [f32],
    pub k: &'a mut [f32],
    pub q: &'a mut [f32],
    pub dy: &'a mut [f32],
}

impl<'a> Scratch<'a> {
    pub fn lengths<S: Simd>(p: &Problem<'_>) -> [usize; 8] {
        let (keys, queries) = (p.keys().min(KEYS), p.queries().min(QUERIES));
        let pair = queries * Self::stride::<S>(p);
        let tail = |depth| Right::tail_len::<S>(depth);
        let [kt, vt] = [p.k.shape[3], p.v.shape[3]].map(|d| Right::transposed_len::<S>(keys, d));
        [p.group() * p.queries(), kt, vt, pair, pair, tail(keys), tail(queries), tail(queries)]
    }
    /// From a row of w or dx to the next.
    pub fn stride<S: Simd>(p: &Problem<'_>) -> usize {
        p.keys().min(KEYS).next_multiple_of(TileShape::of(S::ISA, S::LANES).nr)
    }
    pub fn new<S: Simd>(p: &Problem<'_>, scratch: &'a mut [f32]) -> Self {
        let mut rest = Some(scratch);
        let [delta, kt, vt, w, dx, k, q, dy] =
            Self::lengths::<S>(p).map(|len| take(&mut rest, len).expect("always some"));
        Scratch { delta, kt, vt, w, dx, k, q, dy }
    }
}

/// The first `len` floats, which leave `from`.
pub(super) fn take<'a>(from: &mut Option<&'a mut [f32]>, len: usize) -> Option<&'a mut [f32]> {
    let (now, later) = from.take()?.split_at_mut(len);
    *from = Some(later);
    Some(now)
}

/// Δ = Σ dy∘y of the queries `i` of a head.
#[inline(always)]
pub(super) fn deltas<S: Simd>(s: S, back: &Back<'_>, [b, h]: [usize; 2], i: Range<usize>, delta: &mut [f32]) {
    let (y, dy) = (back.y.head(b, h), back.dy.head(b, h));
    for (delta, i) in delta.iter_mut().zip(i) {
        let mut sum = s.splat(0.0);
        let vectors = y.row(i).chunks(S::LANES).zip(dy.row(i).chunks(S::LANES));
        for (y, dy) in vectors {
            sum = s.mul_add(s.load_part(dy), s.load_part(y), sum);
        }
        *delta = s.sum(sum);
    }
}

/// w and scale·dx of the queries `i`, at most a tile, for the keys `seen` of the block and around them up to whole
/// vectors: the range that it returns. Both are 0 where a query doesn't see a key.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "two matrices and what they are made of")]
pub(super) fn weights_and_their_gradient<S: Simd>(
    s: S,
    back: &Back<'_>,
    block: &Block<'_>,
    vt: &Right<'_>,
    (i, seen): (&Range<usize>, &Range<usize>),
    delta: &[f32],
    (w, dx): (&mut [f32], &mut [f32]),
    stride: usize,
    scale: f32,
) -> (usize, usize) {
    let (b, h) = (block.b, block.h);
    let dy = back.dy.head(b, h);
    let cover = block.scores(s, i, seen, w, stride, &mut [0.0; MAX_LANES]);
    let dw = &mut MatMut::new(dx, i.len(), stride, stride);
    multiply(s, dy.block(i.start, 0, i.len(), dy.cols()), vt, 0, seen.clone(), dw, false); // (rows, Dv) × (Dv, keys)
    for (r, i) in i.clone().enumerate() {
        let row = r * stride + cover.0..r * stride + cover.1;
        let lse = s.splat(back.logsumexp[(b * back.p.heads() + h) * back.p.queries() + i]);
        let (delta, scale, zero) = (s.splat(delta[r]), s.splat(scale), s.splat(0.0));
        let cells = w[row.clone()].chunks_exact_mut(S::LANES).zip(dx[row].chunks_exact_mut(S::LANES));
        for (w, dx) in cells {
            let weight = math::exp(s, s.load(w) - lse);
            let gradient = weight * (s.load(dx) - delta) * scale;
            s.store(w, weight);
            // A weight of 0 passes nothing on, not even NaN.
            s.store(dx, s.select(s.eq(weight, zero), zero, gradient));
        }
    }
    cover
}

/// Writes zeros to the left and to the right of what was computed, as far as a tile of keys can reach: of the keys in a
/// tile, each query that it is summed over sees at least one.
#[inline(always)]
pub(super) fn zeros_around<S: Simd>(
    s: S,
    matrices: [&mut [f32]; 2],
    rows: usize,
    stride: usize,
    (from, to): (usize, usize),
    reach: usize,
) {
    let left = from.saturating_sub(reach.next_multiple_of(S::LANES))..from;
    let right = to..stride.min(to + reach.next_multiple_of(S::LANES));
    for x in matrices {
        for x in x.chunks_mut(stride).take(rows) {
            for side in [left.clone(), right.clone()] {
                for cells in x[side].chunks_exact_mut(S::LANES) {
                    s.store(cells, s.splat(0.0));
                }
            }
        }
    }
}
