//! Reductions over any axes, in a fixed order.
//!
//! What a reduction does is a [`Fold`]: of a block of elements it makes a *part* (a sum in f64; a mean with the spread around
//! it), it joins two parts, and the last part becomes the result. Where to cut and in which order to join is decided here,
//! by the shape alone: blocks along the longest reduced run of axes first, then their parts in a balanced tree, then the
//! other runs, of whose elements only parts are left. Nothing depends on threads, and the input is read once, in its own order.

mod arg;
mod extreme;
pub(crate) mod logsumexp;
pub(crate) mod moments;
pub(crate) mod norm;
mod sum;

use crate::list::List;
use crate::parallel::chunks_on_pool;
use crate::shape::{Dims, axis_mask};
use crate::simd::{Isa, Kernel, Simd, UpdateLanes, update_lanes};
use crate::tensor::Tensor;

/// Elements of a block along the last axis: 32 KiB, which a second look at a block finds in the first-level cache.
const BLOCK: usize = 8192;
/// Rows of a block of columns…
const ROWS: usize = 256;
/// …and how many of them stand side by side: 4 KiB of each row.
const COLUMNS: usize = 1024;
/// With fewer columns than this, several rows are taken for one.
const NARROW: usize = 32;
/// The least elements of a task: 64 KiB, some 2 µs of reading.
const TASK: usize = 16 * 1024;

/// A reduction. Its joining is associative but for rounding.
pub(crate) trait Fold: Copy + Sync {
    /// What is known of some of the elements.
    type Part: Copy + Send + Sync + 'static;
    /// The result.
    type Out: Copy + Send;
    /// Whether rows may be counted in another order than that in which they lie.
    const ANY_ORDER: bool = false;

    /// The part of no elements.
    fn nothing(self) -> Self::Part;
    /// The part of a row of at least one element, the first of which is number `at` of those that are reduced together.
    /// Mark it `#[inline(always)]`, as [`columns`](Self::columns).
    fn row<S: Simd>(self, s: S, x: &[f32], at: usize) -> Self::Part;
    /// The parts of two stretches, `a` before `b`.
    fn join(self, a: Self::Part, b: Self::Part) -> Self::Part;
    /// The result for all elements.
    fn finish(self, part: Self::Part) -> Self::Out;

    /// Of each column the part, as `emit` says. A fold that knows no better has 16 columns at a time copied out into rows.
    #[inline(always)]
    fn columns<S: Simd, T>(self, s: S, x: Columns<'_>, at: usize, out: &mut [T], emit: impl Fn(Self::Part) -> T) {
        const WIDTH: usize = 16;
        let mut square = [0.0f32; WIDTH * ROWS];
        for (i, out) in out.chunks_mut(WIDTH).enumerate() {
            let mut parts = [self.nothing(); WIDTH];
            for top in (0..x.rows).step_by(ROWS) {
                let rows = ROWS.min(x.rows - top);
                for row in 0..rows {
                    let from = &x.row(top + row)[i * WIDTH..][..out.len()];
                    square[row..].iter_mut().step_by(ROWS).zip(from).for_each(|(to, &x)| *to = x);
                }
                for (column, part) in square.chunks(ROWS).zip(&mut parts[..out.len()]) {
                    *part = self.join(*part, self.row(s, &column[..rows], at + top));
                }
            }
            out.iter_mut().zip(parts).for_each(|(out, part)| *out = emit(part));
        }
    }
}

/// Rows on top of each other, some of whose columns are reduced.
#[derive(Clone, Copy)]
pub(crate) struct Columns<'a> {
    /// From the first column of the first row on.
    data: &'a [f32],
    /// From one row to the next.
    stride: usize,
    rows: usize,
    /// How many columns.
    width: usize,
}

impl<'a> Columns<'a> {
    fn row(self, i: usize) -> &'a [f32] {
        &self.data[i * self.stride..][..self.width]
    }

    /// `acc[c] = f(…f(x[0][c], x[1][c])…)` over `rows`, the first one alone and then eight at a time: so acc is read and
    /// written once for eight rows, and each passes through three levels of a tree and an eighth of the rows.
    #[inline(always)]
    fn gather<S: Simd>(
        self,
        s: S,
        f: &(impl UpdateLanes<1, 8> + UpdateLanes<1, 1>),
        rows: std::ops::Range<usize>,
        acc: &mut [f32],
    ) {
        acc.copy_from_slice(self.row(rows.start));
        let mut i = rows.start + 1;
        while i + 8 <= rows.end {
            update_lanes(s, f, [&mut *acc], std::array::from_fn::<_, 8, _>(|j| self.row(i + j)));
            i += 8;
        }
        (i..rows.end).for_each(|i| update_lanes(s, f, [&mut *acc], [self.row(i)]));
    }
}

/// Reduces the axes of `mask` with `f`, whose results are one f32 each; reduced axes keep length 1 with `keepdim`, or vanish.
#[track_caller]
pub(crate) fn reduce<F: Fold<Out = f32>>(x: &Tensor, op: &str, f: F, axes: &[isize], keepdim: bool) -> Tensor {
    let mask = axis_mask(op, axes, x.rank());
    let mut out = Tensor::for_overwrite(&reduced_shape(x.shape(), &mask, keepdim));
    reduce_into(x, &mask, f, out.make_mut());
    out
}

/// The shape that is left.
pub(crate) fn reduced_shape(shape: &[usize], mask: &[bool], keepdim: bool) -> Dims {
    let mut left = Dims::new(&[]);
    for (&dim, &reduced) in shape.iter().zip(mask) {
        match reduced {
            true if keepdim => left.push(1),
            true => {}
            false => left.push(dim),
        }
    }
    left
}

/// How many elements make one result.
pub(crate) fn reduced_count(shape: &[usize], mask: &[bool]) -> usize {
    shape.iter().zip(mask).filter(|(_, reduced)| **reduced).map(|(dim, _)| dim).product()
}

/// Fills `out`, which has one element for each of the axes that stay, in their order.
pub(crate) fn reduce_into<F: Fold>(x: &Tensor, mask: &[bool], f: F, out: &mut [F::Out]) {
    if x.numel() == 0 {
        return out.fill(f.finish(f.nothing()));
    }
    let x = x.contiguous();
    let data = x.as_slice().expect("contiguous() makes it so");
    let mut runs = runs(x.shape(), mask);
    let Some(longest) = (0..runs.len()).filter(|&i| runs[i].reduced).max_by_key(|&i| runs[i].len) else {
        // each element alone
        return fill(Task { f, data, r: 1, inner: data.len(), emit: |part| f.finish(part) }, out);
    };
    let [r, inner] = [runs[longest].len, length(&runs[longest + 1..])];
    let blocks = r.div_ceil(block(inner));
    if blocks == 1 && runs.iter().filter(|run| run.reduced).count() == 1 {
        return fill(Task { f, data, r, inner, emit: |part| f.finish(part) }, out);
    }
    let mut parts = List::repeat(f.nothing(), data.len() / r * blocks);
    fill(Task { f, data, r, inner, emit: |part| part }, &mut parts);
    runs[longest].len = blocks;
    while let Some(last) = runs.iter().rposition(|run| run.reduced) {
        let r = runs.remove(last).len;
        tree(f, &mut parts, r, length(&runs[last..]));
    }
    out.iter_mut().zip(&parts).for_each(|(out, &part)| *out = f.finish(part));
}

/// Neighbouring axes that are reduced together, or stay together.
struct Run {
    len: usize,
    reduced: bool,
}

fn runs(shape: &[usize], mask: &[bool]) -> List<Run> {
    let mut runs: List<Run> = List::new();
    for (&len, &reduced) in shape.iter().zip(mask).filter(|(len, _)| **len != 1) {
        match runs.last_mut().filter(|run| run.reduced == reduced) {
            Some(run) => run.len *= len,
            None => runs.push(Run { len, reduced }),
        }
    }
    runs
}

fn length(runs: &[Run]) -> usize {
    runs.iter().map(|run| run.len).product()
}

/// How many rows of `inner` columns a block has.
fn block(inner: usize) -> usize {
    if inner == 1 { BLOCK } else { ROWS.max(BLOCK / inner) }
}

/// Data (outer, r, inner), to become parts (outer, blocks, inner), each of which is written as `emit` says.
struct Task<'a, F, E> {
    f: F,
    data: &'a [f32],
    r: usize,
    inner: usize,
    emit: E,
}

fn fill<F: Fold, T: Send, E: Fn(F::Part) -> T + Copy + Sync>(task: Task<'_, F, E>, out: &mut [T]) {
    struct Fill<'a, F, E, T>(Task<'a, F, E>, &'a mut [T]);
    impl<F: Fold, T: Send, E: Fn(F::Part) -> T + Copy + Sync> Kernel for Fill<'_, F, E, T> {
        type Out = ();
        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            let Fill(Task { f, data, r, inner, emit }, out) = self;
            strips(data, r, inner, out, &|x, at, out| s.enter(Strip { f, x, at, out, emit }));
        }
    }
    Isa::current().dispatch(Fill(task, out));
}

/// Calls `strip` with the rows of a block, the number of the first of them, and what is to be filled: a result for each
/// of neighbouring columns; or, of data with one column, for each of neighbouring stretches of that many rows.
fn strips<T: Send>(
    data: &[f32],
    r: usize,
    inner: usize,
    out: &mut [T],
    strip: &(dyn Fn(Columns<'_>, usize, &mut [T]) + Sync),
) {
    let block = block(inner);
    let blocks = r.div_ceil(block);
    let wide = inner.min(COLUMNS);
    let each = (TASK / block.min(r)).max(1).next_multiple_of(wide);
    chunks_on_pool(out, each, data.len(), &|i, mut part| {
        let mut at = i * each;
        while !part.is_empty() {
            let (column, stack) = (at % inner, at / inner);
            let top = stack % blocks * block;
            let rows = block.min(r - top);
            let most = match inner {
                1 if blocks == 1 => usize::MAX, // stretch after stretch
                1 => 1,
                _ => wide.min(inner - column),
            };
            let (now, later) = part.split_at_mut(most.min(part.len()));
            let data = &data[(stack / blocks * r + top) * inner + column..];
            let width = if inner == 1 { 1 } else { now.len() };
            strip(Columns { data, stride: inner, rows, width }, top, now);
            at += now.len();
            part = later;
        }
    });
}

struct Strip<'a, F, E, T> {
    f: F,
    x: Columns<'a>,
    at: usize,
    out: &'a mut [T],
    emit: E,
}

impl<F: Fold, T, E: Fn(F::Part) -> T> Kernel for Strip<'_, F, E, T> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Strip { f, x, at, out, emit } = self;
        if x.stride == 1 {
            for (row, out) in x.data.chunks_exact(x.rows).zip(out) {
                *out = emit(f.row(s, row, at));
            }
            return;
        }
        let together = NARROW.div_ceil(x.width) * 2; // rows that are taken for one of them all
        if !F::ANY_ORDER || x.width >= NARROW || x.width < x.stride || x.rows < 2 * together {
            return f.columns(s, x, at, out, emit);
        }
        let wide = x.width * together;
        let (mut parts, mut many) = ([f.nothing(); NARROW], [f.nothing(); 4 * NARROW]);
        let (parts, many) = (&mut parts[..x.width], &mut many[..wide]);
        f.columns(s, Columns { data: x.data, stride: wide, rows: x.rows / together, width: wide }, at, many, |part| {
            part
        });
        let rest = x.rows % together;
        if rest > 0 {
            let data = &x.data[(x.rows - rest) * x.stride..];
            f.columns(s, Columns { data, rows: rest, ..x }, at, parts, |part| part);
        }
        for row in many.chunks_exact(x.width) {
            parts.iter_mut().zip(row).for_each(|(a, &b)| *a = f.join(*a, b));
        }
        out.iter_mut().zip(parts).for_each(|(out, part)| *out = emit(*part));
    }
}

/// Reduces parts (outer, r, inner) to (outer, inner): joins 0 and 1, 2 and 3, …, then the results likewise.
fn tree<F: Fold>(f: F, parts: &mut Vec<F::Part>, r: usize, inner: usize) {
    for (o, group) in (0..).zip(0..parts.len() / (r * inner)) {
        let from = group * r * inner;
        let mut step = 1;
        while step < r {
            for i in (0..r - step).step_by(2 * step) {
                let (left, right) = parts[from + i * inner..].split_at_mut(step * inner);
                left.iter_mut().zip(&right[..inner]).take(inner).for_each(|(a, &b)| *a = f.join(*a, b));
            }
            step *= 2;
        }
        parts.copy_within(from..from + inner, o * inner);
    }
    parts.truncate(parts.len() / r);
}
