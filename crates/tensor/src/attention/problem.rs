//! What one call of attention reads: heads, the mask, and the scores of some queries against some keys.

use super::product::{Right, multiply};
use super::sight::Sight;
use crate::gemm::{MatMut, MatRef};
use crate::simd::{MAX_LANES, Simd};
use std::ops::Range;

/// (batch, head, rows, columns), where a row lies in one piece and everything else may lie anywhere.
#[derive(Clone, Copy)]
pub(super) struct Heads<'a> {
    pub data: &'a [f32],
    pub shape: [usize; 4],
    pub strides: [usize; 4],
}

impl<'a> Heads<'a> {
    /// One head's matrix.
    pub fn head(&self, b: usize, h: usize) -> MatRef<'a> {
        let start = if self.shape.contains(&0) { 0 } else { b * self.strides[0] + h * self.strides[1] };
        MatRef::new(&self.data[start..], self.shape[2], self.shape[3], self.strides[2], 1)
    }
}

/// The additive mask (B, H, T, S); a stride of 0 repeats it along that axis, and the last one is 0 or 1.
#[derive(Clone, Copy)]
pub(super) struct Mask<'a> {
    pub data: &'a [f32],
    pub strides: [usize; 4],
}

/// The mask of one query, from some key on.
#[derive(Clone, Copy)]
pub(super) struct MaskRow<'a> {
    data: &'a [f32],
    step: usize,
}

impl<'a> Mask<'a> {
    /// The mask of query `i`, for the keys `j`.
    pub fn row(&self, [b, h, i]: [usize; 3], j: &Range<usize>) -> MaskRow<'a> {
        let [along_b, along_h, along_i, step] = self.strides;
        let start = b * along_b + h * along_h + i * along_i + j.start * step;
        let len = if step == 0 { 1.min(j.len()) } else { j.len() };
        MaskRow { data: &self.data[start.min(self.data.len())..][..len], step }
    }
}

impl MaskRow<'_> {
    /// The number of key `j`.
    pub fn at(&self, j: usize) -> f32 {
        self.data[j * self.step]
    }

    /// A vector of keys from `j` on; zeros beyond the row.
    #[inline(always)]
    fn load<S: Simd>(&self, s: S, j: usize) -> S::F {
        if self.step == 0 {
            s.splat(self.data[0])
        } else if j + S::LANES <= self.data.len() {
            s.load(&self.data[j..])
        } else {
            s.load_part(&self.data[j.min(self.data.len())..])
        }
    }
}

/// One call.
#[derive(Clone, Copy)]
pub(super) struct Problem<'a> {
    /// (B, H, T, D).
    pub q: Heads<'a>,
    /// (B, Hkv, S, D), where Hkv divides H.
    pub k: Heads<'a>,
    /// (B, Hkv, S, Dv).
    pub v: Heads<'a>,
    pub mask: Option<Mask<'a>>,
    pub sight: Sight,
    pub scale: f32,
}

impl Problem<'_> {
    /// B.
    pub fn batch(&self) -> usize {
        self.q.shape[0]
    }
    /// H.
    pub fn heads(&self) -> usize {
        self.q.shape[1]
    }
    /// T.
    pub fn queries(&self) -> usize {
        self.q.shape[2]
    }
    /// S.
    pub fn keys(&self) -> usize {
        self.k.shape[2]
    }
    /// How many heads of queries share a head of keys.
    pub fn group(&self) -> usize {
        self.heads() / self.k.shape[1].max(1)
    }

    /// Of one query for each head and several heads for each head of keys, the same with these heads as queries of one:
    /// their keys are then read once for all of them. `None` for others.
    pub fn with_heads_as_queries(&self) -> Option<Self> {
        let (group, seen) = (self.group(), self.seen_by(&(0..1)));
        if self.queries() != 1 || group <= 1 || seen.is_empty() {
            return None;
        }
        let merged = |[b, h, _, c]: [usize; 4]| [b, h * group, h, c]; // strides
        let mut p = *self;
        p.q.shape = [self.batch(), self.heads() / group, group, self.q.shape[3]];
        p.q.strides = merged(self.q.strides);
        // All of them see the same keys.
        for x in [&mut p.k, &mut p.v].into_iter().filter(|x| !x.shape.contains(&0)) {
            x.data = &x.data[seen.start * x.strides[2]..];
        }
        (p.k.shape[2], p.v.shape[2], p.sight) = (seen.len(), seen.len(), Sight::ALL);
        if let Some(mask) = &mut p.mask {
            mask.data = &mask.data[seen.start * mask.strides[3]..];
            mask.strides = merged(mask.strides);
        }
        Some(p)
    }

    /// Multiply-adds of one matrix product over all pairs of a query and a key, in units of
    /// [`parallel`](crate::parallel)'s threshold: the vectors do some 64 of them while one float comes from memory.
    pub fn work(&self) -> usize {
        let rows = self.batch() * self.heads() * self.queries();
        rows.saturating_mul(self.keys()).saturating_mul(self.q.shape[3] + self.v.shape[3]) / 64
    }

    /// Whether some query doesn't see some key.
    pub fn hides_something(&self) -> bool {
        self.sight.causal || self.mask.is_some()
    }

    /// The keys that one of the queries `i` sees.
    pub fn seen_by(&self, i: &Range<usize>) -> Range<usize> {
        self.sight.keys_of_all(i, self.queries(), self.keys())
    }
}

/// A query's scores, in a row of whole vectors: for key j of a block, at `row[j]`,
///
/// x(j) = scale·(q·k(j)) + mask(j) where the query sees the key, −∞ where it doesn't.
///
/// Returns the largest; NaN is passed over.
#[inline(always)]
fn finish_scores<S: Simd>(
    s: S,
    row: &mut [f32],
    (from, to): (usize, usize),
    seen: Range<usize>,
    scale: f32,
    mask: Option<MaskRow<'_>>,
) -> f32 {
    const LANE: [f32; MAX_LANES] = [0., 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11., 12., 13., 14., 15.];
    let (scale, lane, hidden) = (s.splat(scale), s.load(&LANE), s.splat(f32::NEG_INFINITY));
    let mut top = hidden;
    for (n, cells) in row[from..to].chunks_exact_mut(S::LANES).enumerate() {
        let (j, product) = (from + n * S::LANES, s.load(cells));
        let mut x = match mask {
            None => product * scale,
            // A key that the mask hides is hidden whatever it holds, be it NaN.
            Some(mask) => {
                let m = mask.load(s, j);
                s.select(s.eq(m, hidden), hidden, s.mul_add(product, scale, m))
            }
        };
        if j < seen.start || j + S::LANES > seen.end {
            let at = lane + s.splat(j as f32);
            x = s.select(s.lt(at, s.splat(seen.end as f32)), x, hidden);
            x = s.select(s.lt(at, s.splat(seen.start as f32)), hidden, x);
        }
        s.store(cells, x);
        top = s.max(x, top);
    }
    s.max_lane(top)
}

/// Some queries of a head against a block of its keys.
pub(super) struct Block<'a> {
    pub problem: &'a Problem<'a>,
    pub b: usize,
    pub h: usize,
    /// The block's keys.
    pub keys: Range<usize>,
    /// kᵀ of these keys.
    pub kt: Right<'a>,
}

impl Block<'_> {
    /// The keys of this block that one of the queries `i` sees, counted from the block's first.
    pub fn seen(&self, i: &Range<usize>) -> Range<usize> {
        let seen = self.problem.seen_by(i);
        let (start, end) = (seen.start.max(self.keys.start), seen.end.min(self.keys.end));
        start.saturating_sub(self.keys.start)..end.saturating_sub(self.keys.start)
    }

    /// Writes the scores of the queries `i`, at most a tile of them, into the rows of `x`, one below the other, for the
    /// keys `seen` and around them up to whole vectors: the range that it returns. `top` gets each row's largest.
    #[inline(always)]
    pub fn scores<S: Simd>(
        &self,
        s: S,
        i: &Range<usize>,
        seen: &Range<usize>,
        x: &mut [f32],
        stride: usize,
        top: &mut [f32],
    ) -> (usize, usize) {
        let p = self.problem;
        let q = p.q.head(self.b, self.h).block(i.start, 0, i.len(), p.q.shape[3]); // (rows, D)
        let cover = multiply(s, q, &self.kt, 0, seen.clone(), &mut MatMut::new(x, i.len(), stride, stride), false);
        for (r, i) in i.clone().enumerate() {
            let seen = self.seen(&(i..i + 1));
            let mask = p.mask.as_ref().map(|mask| mask.row([self.b, self.h, i], &self.keys));
            top[r] = finish_scores(s, &mut x[r * stride..][..stride], cover, seen, p.scale, mask);
        }
        cover
    }
}
