//! A single row times a matrix, at the speed of memory: each float of B is used once, so there is nothing to keep in a
//! tile, and reading B in long runs is all that counts.
//!
//! Both kernels add up in the order that every other path has (blocks of k, ascending inside), so a batch of one gives the
//! bits of a batch of many.

#![expect(clippy::needless_range_loop, reason = "vectors are indexed by the letters of the formula")]

use super::blocking::k_blocks;
use super::simd::Finish;
use super::{Epilogue, MatRef};
use crate::simd::{Kernel, MAX_LANES, Simd};

/// Columns of C in a task where B is row-major: a run of 4 KiB in each row of B.
const RUN: usize = 1024;
/// Rows of B that are added in one pass over the sums: 8 multiply-adds for each load and store of a sum.
const PASS: usize = 8;
/// Columns of C in a task where B is transposed.
const TRANSPOSED_RUN: usize = 128;

/// How many columns of C [`row_times`] should be given at a time; `None` where B has no unit stride and must be packed.
pub(crate) fn columns_at_once(b: &MatRef<'_>) -> Option<usize> {
    match (b.row_stride(), b.col_stride()) {
        (_, 1) => Some(RUN),
        (1, _) => Some(TRANSPOSED_RUN),
        _ => None,
    }
}

/// `c = x·B` with x the only row of `a`, then the epilogue, whose bias belongs to these columns. At most
/// [`columns_at_once`] columns.
pub(crate) fn row_times<S: Simd>(s: S, a: MatRef<'_>, b: MatRef<'_>, c: &mut [f32], epilogue: &Epilogue<'_>) {
    debug_assert!(a.rows() == 1 && a.cols() == b.rows() && b.cols() == c.len());
    if b.col_stride() == 1 {
        s.enter(RowMajor { a, b, c, epilogue });
    } else {
        s.enter(Transposed { a, b, c, epilogue });
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
        let (n, k) = (c.len(), a.cols());
        let mut sums = [0.0f32; RUN];
        for block in k_blocks(k) {
            sums[..n].fill(0.0);
            let mut k0 = block.start;
            while k0 + PASS <= block.end {
                let (mut x, mut rows) = ([0.0; PASS], [&[0.0f32; 0][..]; PASS]);
                for p in 0..PASS {
                    (x[p], rows[p]) = (a.at(0, k0 + p), b.row(k0 + p));
                }
                add_rows(s, &mut sums[..n], x, rows);
                k0 += PASS;
            }
            for k in k0..block.end {
                add_rows(s, &mut sums[..n], [a.at(0, k)], [b.row(k)]);
            }
            let last = Finish::new(epilogue, block.start == 0, block.end == k);
            for j in (0..n).step_by(S::LANES) {
                let lanes = S::LANES.min(n - j);
                let bias = last.bias.map(|bias| &bias[j..j + lanes]);
                finish(s, s.load_part(&sums[j..j + lanes]), &mut c[j..j + lanes], bias, &last);
            }
        }
    }
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
    /// Lane j sums column j of B. LANES columns of LANES floats each are loaded along the columns, which are contiguous, and
    /// transposed in registers. Two vectors of sums at a time: while one waits for its additions, the other is shuffled.
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Transposed { a, b, c, epilogue } = self;
        let (n, k) = (c.len(), a.cols());
        for block in k_blocks(k) {
            let last = Finish::new(epilogue, block.start == 0, block.end == k);
            let x = a.block(0, block.start, 1, block.len());
            let columns = b.block(block.start, 0, block.len(), n).t();
            let mut j = 0;
            while j < n {
                let pair = j + 2 * S::LANES <= n;
                let sums =
                    if pair { dot_columns::<S, 2>(s, x, columns, j) } else { dot_columns::<S, 1>(s, x, columns, j) };
                for sum in sums.into_iter().take(1 + usize::from(pair)) {
                    let lanes = S::LANES.min(n - j);
                    let bias = last.bias.map(|bias| &bias[j..j + lanes]);
                    finish(s, sum, &mut c[j..j + lanes], bias, &last);
                    j += lanes;
                }
            }
        }
    }
}

/// The sums over k of `x` times G vectors of columns from `j` on; row r of `columns` is a column of B.
#[inline(always)]
fn dot_columns<S: Simd, const G: usize>(s: S, x: MatRef<'_>, columns: MatRef<'_>, j: usize) -> [S::F; 2] {
    let mut sums = [s.splat(0.0); 2];
    let (n, depth) = (columns.rows(), columns.cols());
    for k in (0..depth).step_by(S::LANES) {
        let deep = S::LANES.min(depth - k);
        for g in 0..G {
            let j = j + g * S::LANES;
            sums[g] = add_square(s, x.block(0, k, 1, deep), columns.block(j, k, S::LANES.min(n - j), deep), sums[g]);
        }
    }
    sums
}

/// `sum[r] += x[0]·rows[r][0]`, then `+= x[1]·rows[r][1]`, and so on, for at most LANES rows of at most LANES floats.
#[inline(always)]
fn add_square<S: Simd>(s: S, x: MatRef<'_>, rows: MatRef<'_>, mut sum: S::F) -> S::F {
    let mut square = [s.splat(0.0); MAX_LANES];
    if rows.rows() == S::LANES && rows.cols() == S::LANES {
        for r in 0..S::LANES {
            // SAFETY: the view holds LANES rows of LANES floats, contiguous in each row.
            square[r] = unsafe { s.load_ptr(rows.as_ptr().add(r * rows.row_stride())) };
        }
        s.transpose(&mut square[..S::LANES]);
        for k in 0..S::LANES {
            sum = s.mul_add(s.splat(x.at(0, k)), square[k], sum);
        }
        return sum;
    }
    for k in 0..rows.cols() {
        let mut column = [0.0; MAX_LANES];
        for r in 0..rows.rows() {
            column[r] = rows.at(r, k);
        }
        sum = s.mul_add(s.splat(x.at(0, k)), s.load(&column), sum);
    }
    sum
}
