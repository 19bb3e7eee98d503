//! A single row times a matrix, at the speed of memory: each float of B is used once, so there is nothing to keep in a
//! tile, and reading B in long runs is all that counts.
//!
//! Where B is row-major, the order of additions is that of every other path (blocks of k, ascending inside). Where B is
//! transposed, each element is a scalar product of two contiguous rows, and is summed along the lanes: a class of its own, whose
//! order depends on K alone. To keep the other order there, each square of B would have to be transposed in registers, at a
//! third to a half of the speed.

#![expect(clippy::needless_range_loop, reason = "vectors are indexed by the letters of the formula")]

use super::blocking::k_blocks;
use super::meeting::in_phases;
use super::part::SharedMut;
use super::scratch::with_scratch;
use super::simd::Finish;
use super::{Epilogue, MatRef};
use crate::simd::{Kernel, Simd};
use std::ops::Range;

/// Columns of C in a task where B is row-major: a run of 16 KiB in each row of B.
const RUN: usize = 4096;
/// Rows of B that are added in one pass over the sums: 8 multiply-adds for each load and store of a sum.
const PASS: usize = 8;
/// Tasks of a row that several threads compute, where their runs don't become shorter than `SHORT_RUN`.
const TASKS_OF_A_ROW: usize = 4;
/// Columns in such a task at least.
const SHORT_RUN: usize = 1024;
/// Columns of C in a task where B is transposed.
const TRANSPOSED_RUN: usize = 128;

/// Whether each column of B lies together: then its product with a row is summed along the lanes.
pub(super) fn along_lanes(b: &MatRef<'_>) -> bool {
    b.row_stride() == 1 && (b.col_stride() != 1 || b.cols() == 1)
}

/// How many columns of C [`row_times`] should be given at a time; `None` where B has no unit stride and must be packed.
pub(crate) fn columns_at_once(b: &MatRef<'_>) -> Option<usize> {
    match b.col_stride() {
        _ if along_lanes(b) => Some(TRANSPOSED_RUN),
        1 => Some(RUN),
        _ => None,
    }
}

/// `c = x·B` with x the only row of `a`, then the epilogue, whose bias belongs to these columns. At most
/// [`columns_at_once`] columns.
pub(crate) fn row_times<S: Simd>(s: S, a: MatRef<'_>, b: MatRef<'_>, c: &mut [f32], epilogue: &Epilogue<'_>) {
    debug_assert!(a.rows() == 1 && a.cols() == b.rows() && b.cols() == c.len());
    if !along_lanes(&b) {
        s.enter(RowMajor { a, b, c, epilogue });
    } else if a.col_stride() == 1 {
        s.enter(Transposed { a, b, c, epilogue });
    } else {
        // The row is put together first, outside of the kernel: a closure inside it would be compiled without its features.
        with_scratch(a.cols(), |x| {
            x.iter_mut().enumerate().for_each(|(k, x)| *x = a.at(0, k));
            let a = MatRef::row_major(x, 1, a.cols());
            s.enter(Transposed { a, b, c, epilogue });
        });
    }
}

/// What a block's sums become on their way to C.
#[inline(always)]
fn finish<S: Simd>(s: S, sum: S::F, c: &mut [f32], bias: Option<&[f32]>, finish: &Finish<'_>) {
    let mut sum = if finish.add { s.load_part(c) + sum } else { sum };
    if let Some(bias) = bias {
        sum = sum + s.load_part(bias);
    }
    if let Some(bias) = finish.row_bias {
        sum = sum + s.splat(bias[0]);
    }
    if finish.relu {
        sum = s.max(s.splat(0.0), sum);
    }
    s.store_part(c, sum);
}

struct RowMajor<'a> {
    a: MatRef<'a>,
    b: MatRef<'a>,
    c: &'a mut [f32],
    epilogue: &'a Epilogue<'a>,
}

impl Kernel for RowMajor<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let RowMajor { a, b, c, epilogue } = self;
        let mut sums = [0.0f32; RUN];
        let sums = &mut sums[..c.len()];
        for block in k_blocks(a.cols()) {
            sum_block(s, &a, &b, block.clone(), sums);
            finish_row(s, sums, c, &Finish::new(epilogue, block.start == 0, block.end == a.cols()));
        }
    }
}

/// `sums = x·B` over one block of k.
#[inline(always)]
fn sum_block<S: Simd>(s: S, a: &MatRef<'_>, b: &MatRef<'_>, block: Range<usize>, sums: &mut [f32]) {
    sums.fill(0.0);
    let mut k0 = block.start;
    while k0 + PASS <= block.end {
        let (mut x, mut rows) = ([0.0; PASS], [&[0.0f32; 0][..]; PASS]);
        for p in 0..PASS {
            (x[p], rows[p]) = (a.at(0, k0 + p), b.row(k0 + p));
        }
        add_rows(s, sums, x, rows);
        k0 += PASS;
    }
    for k in k0..block.end {
        add_rows(s, sums, [a.at(0, k)], [b.row(k)]);
    }
}

/// What a block's sums become on their way to C, for a whole row.
#[inline(always)]
fn finish_row<S: Simd>(s: S, sums: &[f32], c: &mut [f32], last: &Finish<'_>) {
    let n = c.len();
    for j in (0..n).step_by(S::LANES) {
        let lanes = S::LANES.min(n - j);
        let bias = last.bias.map(|bias| &bias[j..j + lanes]);
        finish(s, s.load_part(&sums[j..j + lanes]), &mut c[j..j + lanes], bias, last);
    }
}

/// The sums of one block of k, for another thread to finish.
struct BlockSums<'a> {
    a: MatRef<'a>,
    b: MatRef<'a>,
    block: Range<usize>,
    sums: &'a mut [f32],
}

impl Kernel for BlockSums<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        sum_block(s, &self.a, &self.b, self.block, self.sums);
    }
}

/// Adds the sums of all blocks of k, which lie `stride` floats apart, in order.
struct FinishBlocks<'a> {
    k: usize,
    sums: &'a [f32],
    stride: usize,
    c: &'a mut [f32],
    epilogue: &'a Epilogue<'a>,
}

impl Kernel for FinishBlocks<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let FinishBlocks { k, sums, stride, c, epilogue } = self;
        for (t, block) in k_blocks(k).enumerate() {
            let last = Finish::new(epilogue, block.start == 0, block.end == k);
            finish_row(s, &sums[t * stride..][..c.len()], c, &last);
        }
    }
}

/// `c = x·B` for row-major B on all threads. Tasks are blocks of k by runs of columns: the blocks' sums are apart anyway, and
/// a task of whole rows reads B without a gap, where one of a few columns jumps from row to row. The bits are [`row_times`]'s.
pub(super) fn row_times_in_blocks<S: Simd>(s: S, a: MatRef<'_>, b: MatRef<'_>, c: &mut [f32], epilogue: &Epilogue<'_>) {
    let (n, k) = (c.len(), a.cols());
    let blocks = k_blocks(k).count();
    let wanted = TASKS_OF_A_ROW.max(2 * rayon::current_num_threads());
    let mut run = RUN.min(n.next_multiple_of(SHORT_RUN));
    while n.div_ceil(run) * blocks < wanted && run > SHORT_RUN {
        run /= 2;
    }
    let runs = n.div_ceil(run);
    let columns = |r: usize| r * run..n.min((r + 1) * run);
    let c = SharedMut(c.as_mut_ptr());
    with_scratch(blocks * n, |sums| {
        let sums = SharedMut(sums.as_mut_ptr());
        let task = |_: &mut (), &p: &usize, t: usize| {
            let j = columns(t % runs);
            if p == 0 {
                let (t, b) = (t / runs, b.block(0, j.start, k, j.len()));
                let block = k_blocks(k).nth(t).expect("there are as many blocks as were counted");
                // SAFETY: the scratch has a row of n floats for each block, and this task alone has columns j of row t.
                let sums = unsafe { sums.slice(t * n + j.start, j.len()) };
                return s.enter(BlockSums { a, b, block, sums });
            }
            let epilogue = &Epilogue { bias: epilogue.bias.map(|bias| &bias[j.clone()]), ..*epilogue };
            // SAFETY: all sums were written in the phase before, and from here on are only read.
            let sums = unsafe { std::slice::from_raw_parts(sums.0.cast_const(), blocks * n) };
            // SAFETY: columns j are inside C's only row, and this task's alone.
            let c = unsafe { c.slice(j.start, j.len()) };
            s.enter(FinishBlocks { k, sums: &sums[j.start..], stride: n, c, epilogue });
        };
        in_phases(2, |p| p, |p| if *p == 0 { blocks * runs } else { runs }, || (), task);
    });
}

/// `sums += x[0]·rows[0]`, then `+= x[1]·rows[1]`, and so on.
#[inline(always)]
fn add_rows<S: Simd, const P: usize>(s: S, sums: &mut [f32], x: [f32; P], rows: [&[f32]; P]) {
    let n = sums.len();
    for row in rows {
        assert!(row.len() == n, "a row of B has {} floats, C {n}", row.len());
    }
    let mut x_all = [s.splat(0.0); P];
    for p in 0..P {
        x_all[p] = s.splat(x[p]);
    }
    let x = x_all;
    let whole = n - n % S::LANES;
    for j in (0..whole).step_by(S::LANES) {
        // SAFETY: j + LANES ≤ n, and every slice holds n floats.
        unsafe {
            let mut sum = s.load_ptr(sums.as_ptr().add(j));
            for p in 0..P {
                sum = s.mul_add(x[p], s.load_ptr(rows[p].as_ptr().add(j)), sum);
            }
            s.store_ptr(sums.as_mut_ptr().add(j), sum);
        }
    }
    if whole < n {
        let mut sum = s.load_part(&sums[whole..]);
        for p in 0..P {
            sum = s.mul_add(x[p], s.load_part(&rows[p][whole..]), sum);
        }
        s.store_part(&mut sums[whole..], sum);
    }
}

struct Transposed<'a> {
    a: MatRef<'a>,
    b: MatRef<'a>,
    c: &'a mut [f32],
    epilogue: &'a Epilogue<'a>,
}

impl Kernel for Transposed<'_> {
    type Out = ();
    /// A column of B lies together: its product with x is a sum along the lanes. Four columns share the loads of x.
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Transposed { a, b, c, epilogue } = self;
        let (n, x, columns) = (c.len(), a.row(0), b.t());
        let last = Finish::new(epilogue, true, true);
        let mut j = 0;
        while j + TOGETHER <= n {
            let mut rows = [&x[..0]; TOGETHER];
            for r in 0..TOGETHER {
                rows[r] = columns.row(j + r);
            }
            let sums = dots(s, x, rows);
            for r in 0..TOGETHER {
                finish_one(sums[r], c, j + r, &last);
            }
            j += TOGETHER;
        }
        for j in j..n {
            finish_one(dots(s, x, [columns.row(j)])[0], c, j, &last);
        }
    }
}

/// What the sum of column `j` becomes on its way to C.
#[inline(always)]
fn finish_one(sum: f32, c: &mut [f32], j: usize, finish: &Finish<'_>) {
    let sum = if finish.add { c[j] + sum } else { sum };
    let sum = finish.bias.map_or(sum, |bias| sum + bias[j]);
    let sum = finish.row_bias.map_or(sum, |bias| sum + bias[0]);
    c[j] = if finish.relu && sum < 0.0 { 0.0 } else { sum };
}

/// Columns whose products are summed side by side.
const TOGETHER: usize = 4;

/// Σₖ x[k]·rows[r][k] for each r: lane l of vector v sums every k ≡ v·LANES + l (mod 2·LANES) in ascending order, then the two
/// vectors are added, and then the lanes. The order follows from K alone.
#[inline(always)]
fn dots<S: Simd, const R: usize>(s: S, x: &[f32], rows: [&[f32]; R]) -> [f32; R] {
    let k = x.len();
    for row in rows {
        assert!(row.len() == k, "a column of B has {} floats, the row {k}", row.len());
    }
    let mut sums = [[s.splat(0.0); 2]; R];
    let whole = k - k % (2 * S::LANES);
    let mut at = 0;
    while at < whole {
        for v in 0..2 {
            // SAFETY: at + 2·LANES ≤ k, and every slice holds k floats.
            unsafe {
                let x = s.load_ptr(x.as_ptr().add(at + v * S::LANES));
                for r in 0..R {
                    sums[r][v] = s.mul_add(x, s.load_ptr(rows[r].as_ptr().add(at + v * S::LANES)), sums[r][v]);
                }
            }
        }
        at += 2 * S::LANES;
    }
    for v in 0..2 {
        let part = k.min(at + v * S::LANES)..k.min(at + (v + 1) * S::LANES);
        if !part.is_empty() {
            let x = s.load_part(&x[part.clone()]);
            for r in 0..R {
                sums[r][v] = s.mul_add(x, s.load_part(&rows[r][part.clone()]), sums[r][v]);
            }
        }
    }
    let mut out = [0.0; R];
    for r in 0..R {
        out[r] = s.sum(sums[r][0] + sums[r][1]);
    }
    out
}
