//! Sum and max over any axes, in a fixed order.
//!
//! Adjacent reduced axes form one group; a group turns `(outer, r, inner)` into `(outer, inner)`. Along r, fixed blocks are
//! reduced first (in the lanes and accumulators of one vector loop), then the blocks' results are combined in a
//! balanced tree. Neither depends on threads. A block of 512 and the tree keep a sum's error near log₂(r)·u instead of r·u.

use crate::parallel::for_each_chunk;
use crate::shape::{Dims, axis_mask};
use crate::simd::{Isa, Kernel, Simd};
use crate::tensor::Tensor;

/// Elements along r that one block reduces.
const BLOCK: usize = 512;
/// Columns that one task takes when inner > 1: 4 KiB of accumulators.
const COLUMNS: usize = 1024;

/// An associative operation with a neutral element.
trait Fold: Copy + Sync {
    const NEUTRAL: f32;
    fn lanes<S: Simd>(self, s: S, a: S::F, b: S::F) -> S::F;
    /// All lanes of one vector.
    fn across<S: Simd>(self, s: S, x: S::F) -> f32;
    fn scalars(self, a: f32, b: f32) -> f32;
}

#[derive(Clone, Copy)]
struct Sum;

impl Fold for Sum {
    const NEUTRAL: f32 = 0.0;
    #[inline(always)]
    fn lanes<S: Simd>(self, _: S, a: S::F, b: S::F) -> S::F {
        a + b
    }
    #[inline(always)]
    fn across<S: Simd>(self, s: S, x: S::F) -> f32 {
        s.sum(x)
    }
    fn scalars(self, a: f32, b: f32) -> f32 {
        a + b
    }
}

/// The maximum; NaN wins, as in NumPy.
#[derive(Clone, Copy)]
struct Max;

impl Fold for Max {
    const NEUTRAL: f32 = f32::NEG_INFINITY;
    #[inline(always)]
    fn lanes<S: Simd>(self, s: S, a: S::F, b: S::F) -> S::F {
        // `max` returns b when either is NaN; so only a NaN in a needs help.
        s.select(s.is_nan(a), a, s.max(a, b))
    }
    #[inline(always)]
    fn across<S: Simd>(self, s: S, x: S::F) -> f32 {
        let mut lanes = [Self::NEUTRAL; crate::simd::MAX_LANES];
        s.store(&mut lanes, x);
        lanes.into_iter().fold(Self::NEUTRAL, |a, b| self.scalars(a, b))
    }
    fn scalars(self, a: f32, b: f32) -> f32 {
        if a.is_nan() || a > b { a } else { b }
    }
}

impl Tensor {
    /// The sum over `axes` (negative ones count from the end; none named: all of them stay). Reduced axes keep length 1
    /// with `keepdim`, or vanish. The sum of nothing is 0.
    ///
    /// # Panics
    /// For an axis that doesn't exist or is named twice.
    #[track_caller]
    pub fn sum(&self, axes: &[isize], keepdim: bool) -> Tensor {
        reduce(self, "sum", Sum, axes, keepdim)
    }

    /// The largest element over `axes`, as [`sum`](Self::sum); NaN if one is NaN. The maximum of nothing is −∞.
    ///
    /// # Panics
    /// For an axis that doesn't exist or is named twice.
    #[track_caller]
    pub fn max(&self, axes: &[isize], keepdim: bool) -> Tensor {
        reduce(self, "max", Max, axes, keepdim)
    }

    /// The sum of all elements, as a tensor without axes.
    pub fn sum_all(&self) -> Tensor {
        self.reshape([self.numel()]).sum(&[0], false)
    }

    /// The mean over `axes`, as [`sum`](Self::sum). The mean of nothing is NaN.
    ///
    /// # Panics
    /// For an axis that doesn't exist or is named twice.
    #[track_caller]
    pub fn mean(&self, axes: &[isize], keepdim: bool) -> Tensor {
        let sum = reduce(self, "mean", Sum, axes, keepdim);
        let count = self.numel() / sum.numel().max(1);
        &sum / count as f32
    }

    /// The sum that undoes a broadcast: from this shape back to `shape`.
    ///
    /// # Panics
    /// When `shape` doesn't broadcast to this tensor's shape.
    #[track_caller]
    pub fn sum_to(&self, shape: &[usize]) -> Tensor {
        if self.shape() == shape {
            return self.clone();
        }
        let fits = crate::shape::broadcast(shape, self.shape()).is_some_and(|both| *both == *self.shape());
        assert!(fits, "sum_to: shape {:?} can't have been broadcast from {shape:?}", self.shape());
        let new = self.rank() - shape.len();
        let repeated = |axis: usize| axis < new || (shape[axis - new] == 1 && self.shape()[axis] != 1);
        let axes: Vec<isize> = (0..self.rank()).filter(|&a| repeated(a)).map(|a| a as isize).collect();
        self.sum(&axes, true).reshape(shape)
    }
}

#[track_caller]
fn reduce<F: Fold>(x: &Tensor, op: &str, f: F, axes: &[isize], keepdim: bool) -> Tensor {
    let rank = x.rank();
    let mask = axis_mask(op, axes, rank);
    let mut out = x.contiguous();
    // Groups from the last to the first: each pass shrinks what the next one reads.
    let mut end = rank;
    while end > 0 {
        let start = (0..end).rev().take_while(|&a| mask[a] == mask[end - 1]).last().expect("end − 1 is in its group");
        if mask[end - 1] {
            out = reduce_group(&out, f, start, end);
        }
        end = start;
    }
    if keepdim {
        return out;
    }
    let kept: Vec<usize> = (0..rank).filter(|&a| !mask[a]).map(|a| x.shape()[a]).collect();
    out.reshape(kept)
}

/// Reduces the axes start..end of a contiguous tensor to length 1.
fn reduce_group<F: Fold>(x: &Tensor, f: F, start: usize, end: usize) -> Tensor {
    let mut shape = Dims::new(x.shape());
    let outer: usize = shape[..start].iter().product();
    let r: usize = shape[start..end].iter().product();
    let inner: usize = shape[end..].iter().product();
    shape[start..end].fill(1);
    let mut out = Tensor::for_overwrite(&shape);
    let data = x.as_slice().expect("the caller made it contiguous");
    Isa::current().dispatch(Group { f, data, outer, r, inner, out: out.make_mut() });
    out
}

struct Group<'a, F> {
    f: F,
    data: &'a [f32], // (outer, r, inner)
    outer: usize,
    r: usize,
    inner: usize,
    out: &'a mut [f32], // (outer, inner)
}

impl<F: Fold> Kernel for Group<'_, F> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Group { f, data, outer, r, inner, out } = self;
        if out.is_empty() {
            return;
        }
        if r == 0 {
            return out.fill(F::NEUTRAL);
        }
        let blocks = r.div_ceil(BLOCK);
        if blocks == 1 && inner == 1 {
            // Short rows: several to a task.
            let rows = (4 * BLOCK).div_ceil(r);
            return for_each_chunk(out, rows, data.len(), |i, part| {
                for (row, o) in data[i * rows * r..].chunks_exact(r).zip(part) {
                    *o = s.enter(Row(f, row));
                }
            });
        }
        if blocks == 1 && inner <= COLUMNS {
            // Low stacks of rows: several to a task, and no tree.
            let stacks = (4 * BLOCK).div_ceil(r * inner);
            return for_each_chunk(out, stacks * inner, data.len(), |i, part| {
                for (stack, out) in
                    data[i * stacks * r * inner..].chunks_exact(r * inner).zip(part.chunks_exact_mut(inner))
                {
                    s.enter(Columns { f, data: stack, rows: r, inner, out });
                }
            });
        }
        // partials (outer, blocks, inner), then the tree over blocks
        let mut partials = Tensor::for_overwrite(&[outer * blocks * inner]);
        let columns = inner.min(COLUMNS);
        // One task fills `columns` of one block; rows whose length isn't a multiple of it end with a shorter task.
        let per_block = inner.div_ceil(columns);
        let mut slots: Vec<&mut [f32]> =
            partials.make_mut().chunks_mut(inner).flat_map(|b| b.chunks_mut(columns)).collect();
        for_each_slot(&mut slots, data.len(), |task, slot| {
            let (block, column) = (task / per_block, task % per_block * columns);
            let (o, b) = (block / blocks, block % blocks);
            let rows = BLOCK.min(r - b * BLOCK);
            let from = &data[(o * r + b * BLOCK) * inner + column..];
            if inner == 1 {
                slot[0] = s.enter(Row(f, &from[..rows]));
            } else {
                s.enter(Columns { f, data: from, rows, inner, out: slot });
            }
        });
        drop(slots);
        let partials = partials.make_mut();
        for (o, group) in out.chunks_mut(inner).zip(partials.chunks_mut(blocks * inner)) {
            tree(f, group, blocks, inner);
            o.copy_from_slice(&group[..inner]);
        }
    }
}

fn for_each_slot(slots: &mut [&mut [f32]], work: usize, task: impl Fn(usize, &mut [f32]) + Sync) {
    use rayon::prelude::*;
    if slots.len() > 1 && crate::parallel::worthwhile(work) {
        let seen = crate::parallel::observer();
        // Small slots are handed out several at a time.
        let together = (4 * BLOCK * slots.len()).div_ceil(work);
        slots.par_iter_mut().enumerate().with_min_len(together).for_each(|(i, slot)| {
            seen();
            task(i, slot)
        });
    } else {
        slots.iter_mut().enumerate().for_each(|(i, slot)| task(i, slot));
    }
}

/// Combines blocks 0 and 1, 2 and 3, …, then the results likewise, into block 0.
fn tree<F: Fold>(f: F, partials: &mut [f32], blocks: usize, inner: usize) {
    let mut step = 1;
    while step < blocks {
        for b in (0..blocks - step).step_by(2 * step) {
            let (left, right) = partials.split_at_mut((b + step) * inner);
            let left = &mut left[b * inner..][..inner];
            left.iter_mut().zip(&right[..inner]).for_each(|(a, &c)| *a = f.scalars(*a, c));
        }
        step *= 2;
    }
}

/// One contiguous stretch: four accumulators hide the latency of an addition.
struct Row<'a, F>(F, &'a [f32]);

impl<F: Fold> Kernel for Row<'_, F> {
    type Out = f32;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let Row(f, x) = self;
        let mut acc = [s.splat(F::NEUTRAL); 4];
        let mut chunks = x.chunks_exact(4 * S::LANES);
        for chunk in &mut chunks {
            for (j, a) in acc.iter_mut().enumerate() {
                *a = f.lanes(s, *a, s.load(&chunk[j * S::LANES..]));
            }
        }
        let mut vectors = chunks.remainder().chunks_exact(S::LANES);
        for v in &mut vectors {
            acc[0] = f.lanes(s, acc[0], s.load(v));
        }
        let pairs = f.lanes(s, f.lanes(s, acc[0], acc[1]), f.lanes(s, acc[2], acc[3]));
        vectors.remainder().iter().fold(f.across(s, pairs), |a, &b| f.scalars(a, b))
    }
}

/// Rows on top of each other: `out[c] = fold of data[i·inner + c]` over the rows, in their order.
struct Columns<'a, F> {
    f: F,
    data: &'a [f32],
    rows: usize,
    inner: usize,
    out: &'a mut [f32],
}

impl<F: Fold> Kernel for Columns<'_, F> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Columns { f, data, rows, inner, out } = self;
        let n = out.len();
        out.copy_from_slice(&data[..n]);
        for i in 1..rows {
            let row = &data[i * inner..][..n];
            let mut o = out.chunks_exact_mut(S::LANES);
            let mut x = row.chunks_exact(S::LANES);
            for (o, x) in (&mut o).zip(&mut x) {
                let sum = f.lanes(s, s.load(o), s.load(x));
                s.store(o, sum);
            }
            o.into_remainder().iter_mut().zip(x.remainder()).for_each(|(o, &x)| *o = f.scalars(*o, x));
        }
    }
}
