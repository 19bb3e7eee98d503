//! What is true of every rung, held against an f64 product that shares no code with them.

use super::{Activation, Epilogue, MatMut, MatRef, blocked, naive, packed, parallel, sgemm_batch, simd};
use crate::parallel::with_serial_threshold;
use crate::simd::Isa;
use proptest::prelude::*;

/// What is done to one product; everything that a rung may be asked.
#[derive(Clone, Debug)]
struct Case {
    m: usize,
    n: usize,
    k: usize,
    /// Layout of A and of B: 0 row-major, 1 column-major, 2 gaps in both directions, 3 broadcast along rows, 4 along columns.
    layouts: (u8, u8),
    /// Floats before the first element of A, B and C, and between the rows of C.
    offset: usize,
    accumulate: bool,
    bias: bool,
    relu: bool,
}

impl Case {
    fn plain(m: usize, n: usize, k: usize) -> Case {
        Case { m, n, k, layouts: (0, 0), offset: 0, accumulate: false, bias: false, relu: false }
    }
}

/// Numbers in [−1, 1), the same for the same seed.
pub(super) fn numbers(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

/// A matrix with its own storage.
struct Mat {
    data: Vec<f32>,
    offset: usize,
    rows: usize,
    cols: usize,
    strides: (usize, usize),
}

impl Mat {
    fn new(rows: usize, cols: usize, layout: u8, offset: usize, seed: u64) -> Mat {
        let strides = match layout {
            0 => (cols + offset, 1),
            1 => (1, rows + offset),
            2 => (2 * cols * 3 + 1, 3),
            3 => (0, 1),
            _ => (1, 0),
        };
        let reach = |count: usize, stride: usize| count.saturating_sub(1) * stride;
        // Exactly as long as the view needs, so that a sanitiser sees every step beyond.
        let len = if rows * cols == 0 { 0 } else { reach(rows, strides.0) + reach(cols, strides.1) + 1 };
        Mat { data: numbers(offset + len, seed), offset, rows, cols, strides }
    }
    fn view(&self) -> MatRef<'_> {
        MatRef::new(&self.data[self.offset..], self.rows, self.cols, self.strides.0, self.strides.1)
    }
}

const UNTOUCHED: f32 = 1234.5;

/// C with NaN in its cells (or numbers to add to) and a mark in all others.
fn prefilled(case: &Case) -> (Vec<f32>, usize) {
    let stride = case.n + case.offset;
    let len = if case.m * case.n == 0 { 0 } else { (case.m - 1) * stride + case.n };
    let mut c = vec![UNTOUCHED; case.offset + len];
    let old = numbers(case.m * case.n, 3);
    for i in 0..case.m {
        for j in 0..case.n {
            c[case.offset + i * stride + j] = if case.accumulate { old[i * case.n + j] } else { f32::NAN };
        }
    }
    (c, stride)
}

pub(super) type Rung = Box<dyn Fn(MatRef<'_>, MatRef<'_>, MatMut<'_>, &Epilogue<'_>)>;

pub(super) fn rungs() -> Vec<(String, Rung)> {
    let mut all: Vec<(String, Rung)> = vec![
        ("naive".into(), Box::new(naive::product)),
        ("blocked".into(), Box::new(blocked::product)),
        ("packed".into(), Box::new(packed::product)),
    ];
    for isa in Isa::available() {
        all.push((format!("simd {}", isa.name()), Box::new(move |a, b, c, e| simd::product(isa, a, b, c, e))));
        all.push((format!("parallel {}", isa.name()), Box::new(move |a, b, c, e| parallel::product(isa, a, b, c, e))));
    }
    all
}

/// Runs one rung; the answer without gaps. Panics if a cell outside C was written.
fn run(case: &Case, rung: &Rung) -> Vec<f32> {
    let a = Mat::new(case.m, case.k, case.layouts.0, case.offset, 1);
    let b = Mat::new(case.k, case.n, case.layouts.1, case.offset, 2);
    let bias = numbers(case.n, 4);
    let epilogue = Epilogue {
        accumulate: case.accumulate,
        bias: case.bias.then_some(&bias[..]),
        activation: if case.relu { Activation::Relu } else { Activation::None },
        ..Epilogue::default()
    };
    let (mut c, stride) = prefilled(case);
    rung(a.view(), b.view(), MatMut::new(&mut c[case.offset..], case.m, case.n, stride), &epilogue);
    let mut out = Vec::new();
    for (at, &x) in c.iter().enumerate() {
        let inside = at >= case.offset && (at - case.offset) % stride < case.n;
        if inside {
            out.push(x);
        } else {
            assert_eq!(x, UNTOUCHED, "{case:?}: float {at}, outside C, was written");
        }
    }
    out
}

/// The product in f64, and for each element the bound on its error.
fn reference(case: &Case) -> Vec<(f64, f64)> {
    let a = Mat::new(case.m, case.k, case.layouts.0, case.offset, 1);
    let b = Mat::new(case.k, case.n, case.layouts.1, case.offset, 2);
    let (bias, old) = (numbers(case.n, 4), numbers(case.m * case.n, 3));
    let unit = 2f64.powi(-24);
    let terms = (case.k + usize::from(case.accumulate) + usize::from(case.bias)) as f64;
    let gamma = terms * unit / (1.0 - terms * unit);
    let mut out = Vec::new();
    for i in 0..case.m {
        for j in 0..case.n {
            let mut all: Vec<f64> = (0..case.k)
                .map(|p| {
                    let at = |mat: &Mat, i: usize, j: usize| {
                        f64::from(mat.data[mat.offset + i * mat.strides.0 + j * mat.strides.1])
                    };
                    at(&a, i, p) * at(&b, p, j)
                })
                .collect();
            if case.accumulate {
                all.push(f64::from(old[i * case.n + j]));
            }
            if case.bias {
                all.push(f64::from(bias[j]));
            }
            let sum: f64 = all.iter().sum();
            let size: f64 = all.iter().map(|x| x.abs()).sum();
            out.push((if case.relu { sum.max(0.0) } else { sum }, gamma * size));
        }
    }
    out
}

fn check_rungs(case: &Case, rungs: &[(String, Rung)]) {
    let expected = reference(case);
    for (name, rung) in rungs {
        for (at, (x, (y, bound))) in run(case, rung).into_iter().zip(&expected).enumerate() {
            let error = (f64::from(x) - y).abs();
            assert!(
                error <= *bound,
                "{name}: {case:?}: element {at}: {x} instead of {y}, off by {error:e} > {bound:e}"
            );
        }
    }
}

/// Around the edges of tiles, vectors and blocks of k.
const EDGES: [usize; 12] = [4, 6, 8, 14, 16, 17, 28, 31, 32, 33, 56, 65];
const DEPTHS: [usize; 8] = [0, 1, 2, 16, 31, 511, 512, 513];

#[test]
fn every_rung_is_within_the_bound_at_the_edges_of_tiles_and_blocks() {
    let rungs = rungs();
    for (x, &m) in EDGES.iter().enumerate() {
        for (y, &n) in EDGES.iter().enumerate() {
            let k = DEPTHS[(x * 5 + y * 3) % DEPTHS.len()];
            let layouts = (((x + y) % 3) as u8, ((x + 2 * y) % 3) as u8);
            check_rungs(&Case { layouts, offset: (x * y) % 3, ..Case::plain(m, n, k) }, &rungs);
        }
    }
}

#[test]
fn products_larger_than_a_task_and_deeper_than_what_is_packed_at_once_are_within_the_bound() {
    let rungs: Vec<_> = rungs().split_off(2);
    for (m, n, k) in [(130, 530, 70), (70, 40, 2500), (3, 700, 1100), (300, 3, 900)] {
        for layouts in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            check_rungs(&Case { layouts, ..Case::plain(m, n, k) }, &rungs);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn every_rung_is_within_the_bound_for_any_layout_and_epilogue(
        m in 0usize..70, n in 0usize..70, k in 0usize..70, layouts in (0u8..5, 0u8..5), offset in 0usize..20,
        accumulate: bool, bias: bool, relu: bool,
    ) {
        check_rungs(&Case { m, n, k, layouts, offset, accumulate, bias, relu }, &rungs());
    }
}

#[test]
fn whole_numbers_are_exact() {
    // Products of integers below 2⁴, at most 600 of them: every sum is below 2²⁴.
    let (m, n, k) = (37, 61, 600);
    let whole = |len, seed| numbers(len, seed).into_iter().map(|x| (x * 15.0).round()).collect::<Vec<f32>>();
    let (a, b) = (whole(m * k, 1), whole(k * n, 2));
    let exact: Vec<f32> = (0..m * n)
        .map(|at| (0..k).map(|p| a[at / n * k + p] as i64 * b[p * n + at % n] as i64).sum::<i64>() as f32)
        .collect();
    for (name, rung) in rungs() {
        let mut c = vec![f32::NAN; m * n];
        let (a, b) = (MatRef::row_major(&a, m, k), MatRef::row_major(&b, k, n));
        rung(a, b, MatMut::row_major(&mut c, m, n), &Epilogue::default());
        assert_eq!(c, exact, "{name}");
    }
}

/// The product of row-major operands by another library, which shares no code with ours.
pub(super) fn matrixmultiply(a: &[f32], b: &[f32], c: &mut [f32], [m, n, k]: [usize; 3]) {
    assert!(a.len() == m * k && b.len() == k * n && c.len() == m * n);
    let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
    // SAFETY: the line above checked that the three hold m·k, k·n and m·n floats, in the order that the strides say.
    unsafe { matrixmultiply::sgemm(m, k, n, 1.0, a, k as isize, 1, b, n as isize, 1, 0.0, c, n as isize, 1) };
}

/// The bits of the top rung.
fn bits(case: &Case, isa: Isa) -> Vec<u32> {
    let rung: Rung = Box::new(move |a, b, c, e| parallel::product(isa, a, b, c, e));
    run(case, &rung).into_iter().map(f32::to_bits).collect()
}

#[test]
fn bits_do_not_depend_on_threads() {
    let cases = [
        (130, 600, 70),
        (200, 40, 700),
        (1, 900, 600),
        (600, 1, 300),
        (40, 300, 1030),
        (90, 530, 2200),
        (1, 5000, 700),
    ];
    for isa in Isa::available() {
        for (m, n, k) in cases {
            for layouts in [(0, 0), (1, 1)] {
                let case = Case { layouts, bias: true, accumulate: m == 200 || n == 5000, ..Case::plain(m, n, k) };
                let serial: Rung = Box::new(move |a, b, c, e| simd::product(isa, a, b, c, e));
                let serial: Vec<u32> = run(&case, &serial).into_iter().map(f32::to_bits).collect();
                // A row times a transposed matrix, and a matrix times a column, are summed along the lanes (row.rs).
                let lanes = (m == 1 && layouts.1 == 1) || (n == 1 && layouts.0 == 0);
                let serial = if lanes { bits(&case, isa) } else { serial };
                for threads in [1, 2, 3, 7] {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                    let parallel = pool.install(|| with_serial_threshold(0, || bits(&case, isa)));
                    assert!(parallel == serial, "{isa:?}, {threads} threads: {case:?}");
                }
            }
        }
    }
}

#[test]
fn bits_do_not_depend_on_layout_and_alignment() {
    for isa in Isa::available() {
        for (m, n, k) in [(2, 70, 40), (5, 33, 600), (60, 50, 530), (70, 2, 40)] {
            let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
            let product = |a: MatRef<'_>, b: MatRef<'_>| {
                let mut c = vec![f32::NAN; m * n];
                parallel::product(isa, a, b, MatMut::row_major(&mut c, m, n), &Epilogue::default());
                c
            };
            let (a, b) = (MatRef::row_major(&a, m, k), MatRef::row_major(&b, k, n));
            let plain = product(a, b);
            for (row_stride, col_stride, offset) in
                [(1, k.max(m).max(n) + 3, 1), (3 * k.max(n), 3, 2), (k.max(n), 1, 5)]
            {
                let copy = |x: MatRef<'_>| {
                    let mut data = vec![f32::NAN; offset + x.rows() * row_stride + x.cols() * col_stride];
                    for i in 0..x.rows() {
                        for j in 0..x.cols() {
                            data[offset + i * row_stride + j * col_stride] = x.at(i, j);
                        }
                    }
                    data
                };
                let (a_data, b_data) = (copy(a), copy(b));
                let a = MatRef::new(&a_data[offset..], m, k, row_stride, col_stride);
                let b = MatRef::new(&b_data[offset..], k, n, row_stride, col_stride);
                assert_eq!(product(a, b), plain, "{isa:?} {m} {n} {k}, strides ({row_stride}, {col_stride})");
            }
        }
    }
}

#[test]
fn a_row_does_not_depend_on_how_many_others_there_are() {
    for isa in Isa::available() {
        for (n, k, layout) in [(70, 600, 0), (70, 600, 1), (33, 20, 0), (1, 90, 0)] {
            let (m, b) = (80, Mat::new(k, n, layout, 0, 2));
            let a = Mat::new(m, k, 0, 0, 1);
            let product = |rows: usize| {
                let mut c = vec![f32::NAN; rows * n];
                let a = a.view().block(m - rows, 0, rows, k);
                parallel::product(isa, a, b.view(), MatMut::row_major(&mut c, rows, n), &Epilogue::default());
                c
            };
            let all = product(m);
            // A single row times a transposed matrix has an order of its own (row.rs), and so has a single column.
            let rows = [1, 2, 3, 7, 15, 40, 57].into_iter().filter(|&rows| rows > 1 || layout == 0);
            for rows in rows {
                assert_eq!(product(rows), all[(m - rows) * n..], "{isa:?}: {rows} rows, {n} columns, depth {k}");
            }
        }
    }
}

#[test]
fn nan_and_infinity_stay_in_their_rows_and_columns() {
    for (name, rung) in rungs() {
        let (m, n, k) = (20, 40, 30);
        let (mut a, mut b) = (vec![1.0f32; m * k], vec![1.0f32; k * n]);
        a[3 * k + 5] = f32::NAN;
        a[7 * k] = f32::INFINITY;
        b[2 * n + 11] = f32::NEG_INFINITY;
        let mut c = vec![0.0f32; m * n];
        let (a, b) = (MatRef::row_major(&a, m, k), MatRef::row_major(&b, k, n));
        rung(a, b, MatMut::row_major(&mut c, m, n), &Epilogue { activation: Activation::Relu, ..Epilogue::default() });
        for i in 0..m {
            for j in 0..n {
                let x = c[i * n + j];
                match (i, j) {
                    (3, _) | (7, 11) => assert!(x.is_nan(), "{name} ({i}, {j}): {x}"),
                    (7, _) => assert_eq!(x, f32::INFINITY, "{name} ({i}, {j})"),
                    (_, 11) => assert_eq!(x, 0.0, "{name} ({i}, {j}): max(−∞, 0)"),
                    _ => assert_eq!(x, k as f32, "{name} ({i}, {j})"),
                }
            }
        }
    }
}

#[test]
fn a_batch_is_its_products_one_by_one() {
    let isa = Isa::current();
    for (count, m, n, k) in [(0, 3, 4, 5), (1, 3, 4, 5), (7, 20, 30, 40), (3, 130, 70, 90), (5, 0, 3, 2), (50, 4, 4, 4)]
    {
        let (a, b) = (numbers(count * m * k, 1), numbers(k * n, 2));
        let (a_of, b_of) = (|p: usize| MatRef::row_major(&a[p * m * k..], m, k), |_| MatRef::row_major(&b, k, n));
        let mut expected = vec![f32::NAN; count * m * n];
        for p in 0..count {
            let c = MatMut::row_major(&mut expected[p * m * n..][..m * n], m, n);
            simd::product(isa, a_of(p), b_of(p), c, &Epilogue::default());
        }
        for threshold in [0, 160, usize::MAX / 64] {
            let mut c = vec![f32::NAN; count * m * n];
            with_serial_threshold(threshold, || sgemm_batch(isa, count, a_of, b_of, &mut c, &Epilogue::default()));
            assert_eq!(c, expected);
        }
    }
}

#[test]
#[should_panic(expected = "gemm: inner dimensions differ: [2, 3] × [4, 2]")]
fn inner_dimensions_must_agree() {
    let (data, mut c) = ([0.0; 8], [0.0; 4]);
    let (a, b) = (MatRef::row_major(&data, 2, 3), MatRef::row_major(&data, 4, 2));
    super::product(Isa::Scalar, a, b, MatMut::row_major(&mut c, 2, 2), &Epilogue::default());
}

#[test]
#[should_panic(expected = "MatRef: a 3 × 3 matrix with strides (3, 1) reaches beyond its 8 floats")]
fn a_view_must_lie_inside_its_slice() {
    MatRef::row_major(&[0.0; 8], 3, 3);
}

#[test]
#[should_panic(expected = "reaches beyond")]
fn strides_that_overflow_are_caught() {
    MatRef::new(&[0.0; 8], usize::MAX, 2, usize::MAX, 1);
}

#[test]
#[should_panic(expected = "MatMut: rows overlap")]
fn rows_that_are_written_must_not_overlap() {
    MatMut::new(&mut [0.0; 8], 2, 3, 2);
}

#[test]
fn a_bias_for_rows_is_added_to_each_of_them() {
    for (name, rung) in rungs() {
        for (m, n, k) in [(1, 40, 3), (40, 1, 3), (33, 50, 600), (3, 5, 0), (1, 1, 7)] {
            let (a, b, bias) = (numbers(m * k, 1), numbers(k * n, 2), numbers(m, 3));
            let (a, b) = (MatRef::row_major(&a, m, k), MatRef::row_major(&b, k, n));
            let product = |epilogue: Epilogue<'_>| {
                let mut c = vec![f32::NAN; m * n];
                rung(a, b, MatMut::row_major(&mut c, m, n), &epilogue);
                c
            };
            let plain = product(Epilogue::default());
            let with = product(Epilogue { row_bias: Some(&bias), ..Epilogue::default() });
            for (at, (x, y)) in with.iter().zip(&plain).enumerate() {
                assert_eq!(*x, y + bias[at / n], "{name}: ({}, {}) of {m} × {n}, depth {k}", at / n, at % n);
            }
        }
    }
}
