//! The theorem, at every size: |C − C₆₄| ≤ γ_K·|A|·|B| + K·2⁻¹⁴⁹ (Higham 2002, (3.13); the second term is for products that
//! underflow), with a term more in K for each of accumulate and bias. It holds for any order of summation, so a violation is never noise.
//!
//! Small sizes are corners of one large product, so one f64 sum serves them all; and since the bits of an element depend on its
//! row, its column and K alone, a corner must have the bits of the large product: a tail those of a body. Around each operand and each output lies NaN,
//! with a pattern of its own for each cell where it must stay.

use super::blocking::TileShape;
use super::tests::{Rung, numbers, rungs};
use super::{Activation, Epilogue, MatMut, MatRef, parallel, simd};
use crate::parallel::with_serial_threshold;
use crate::simd::Isa;

/// A product at its full size; smaller ones are its corners.
struct Full {
    rows: usize,
    cols: usize,
    depth: usize,
    a: Vec<f32>,
    b: Vec<f32>,
    /// What C holds before, where it is added to.
    c: Vec<f32>,
    bias: Vec<f32>,
}

impl Full {
    /// Numbers in [−1, 1), each multiplied by `scale` of another one.
    fn new(rows: usize, cols: usize, depth: usize, scale: impl Fn(f32) -> f32) -> Full {
        let draw = |len: usize, seed: u64| -> Vec<f32> {
            numbers(len, seed).into_iter().zip(numbers(len, seed + 100)).map(|(x, y)| x * scale(y)).collect()
        };
        let (a, b) = (draw(rows * depth, 1), draw(depth * cols, 2));
        Full { rows, cols, depth, a, b, c: draw(rows * cols, 3), bias: draw(cols, 4) }
    }

    /// Whole numbers from −8 to 8: all sums are below 2²⁴, so every order of summation is exact.
    fn whole(rows: usize, cols: usize, depth: usize) -> Full {
        let mut full = Full::new(rows, cols, depth, |_| 8.0);
        let Full { a, b, c, bias, .. } = &mut full;
        [a, b, c, bias].into_iter().flatten().for_each(|x| *x = x.round());
        full
    }

    /// Σ a·b and Σ |a·b| over the first k, in f64, for each of the depths `ks`, which ascend.
    fn exact(&self, ks: &[usize]) -> Vec<Exact> {
        let mut sums = vec![(0.0, 0.0); self.rows * self.cols];
        let mut from = 0;
        let mut all = Vec::new();
        for &k in ks {
            for p in from..k {
                for i in 0..self.rows {
                    let a = f64::from(self.a[i * self.depth + p]);
                    let row = &mut sums[i * self.cols..][..self.cols];
                    for ((sum, size), &b) in row.iter_mut().zip(&self.b[p * self.cols..]) {
                        let product = a * f64::from(b);
                        (*sum, *size) = (*sum + product, *size + product.abs());
                    }
                }
            }
            from = k;
            all.push(Exact { k, sums: sums.clone() });
        }
        all
    }
}

/// Sums and sums of magnitudes of a full product over the first k.
struct Exact {
    k: usize,
    sums: Vec<(f64, f64)>,
}

/// A corner, and how it lies in memory.
#[derive(Clone, Copy, Debug)]
struct Corner {
    m: usize,
    n: usize,
    k: usize,
    /// Of A and of B: 0 row-major, 1 column-major, 2 and 3 the same with gaps.
    layouts: (usize, usize),
    /// Floats from an address that is a multiple of 64 bytes to A, to B and to C.
    offsets: [usize; 3],
    /// Between the rows of C.
    gap: usize,
    /// 0 none, 1 accumulate, 2 bias, 3 accumulate and bias, 4 bias and relu.
    epilogue: usize,
}

impl Corner {
    /// Layouts, offsets and gap that differ from one size to the next.
    fn of(m: usize, n: usize, k: usize) -> Corner {
        let turn = m + 5 * n + 11 * k;
        let offsets = [turn % 8, (turn / 2 + m) % 8, (turn / 3 + n) % 8];
        Corner { m, n, k, layouts: (turn % 4, turn / 4 % 4), offsets, gap: [0, 1, 3, 17][turn / 16 % 4], epilogue: 0 }
    }
    fn accumulates(&self) -> bool {
        self.epilogue % 2 == 1
    }
    fn has_bias(&self) -> bool {
        self.epilogue >= 2
    }
}

/// Floats that begin `offset` floats beyond a multiple of 64 bytes, all of them NaN.
struct Place {
    data: Vec<f32>,
    start: usize,
}

impl Place {
    fn new(len: usize, offset: usize) -> Place {
        let data = vec![f32::NAN; len + offset + 16];
        let start = data.as_ptr().align_offset(64) + offset;
        Place { data, start }
    }
    fn floats(&self) -> &[f32] {
        &self.data[self.start..]
    }
    fn floats_mut(&mut self) -> &mut [f32] {
        &mut self.data[self.start..]
    }
}

/// The first `rows` × `cols` of `x`, whose rows are `width` long, in a place of its own; and its strides.
fn placed(x: &[f32], width: usize, [rows, cols]: [usize; 2], layout: usize, offset: usize) -> (Place, (usize, usize)) {
    let strides = [(cols, 1), (1, rows), (2 * cols + 3, 2), (3, 3 * rows + 1)][layout];
    let mut place = Place::new(rows * strides.0 + cols * strides.1, offset);
    for i in 0..rows {
        for j in 0..cols {
            place.floats_mut()[i * strides.0 + j * strides.1] = x[i * width + j];
        }
    }
    (place, strides)
}

/// A NaN that no computation makes, another one for each place.
fn mark(at: usize) -> u32 {
    0xffe0_0000 | at as u32
}

/// Runs a corner. Whoever writes outside C, or reads C where it is not added to, is found out.
fn run(full: &Full, corner: Corner, name: &str, rung: &Rung) -> Vec<f32> {
    let Corner { m, n, k, layouts, offsets, gap, .. } = corner;
    let (a, a_strides) = placed(&full.a, full.depth, [m, k], layouts.0, offsets[0]);
    let (b, b_strides) = placed(&full.b, full.cols, [k, n], layouts.1, offsets[1]);
    let stride = n + gap;
    let mut c = Place::new(m * stride + 3, offsets[2]);
    c.data.iter_mut().enumerate().for_each(|(at, x)| *x = f32::from_bits(mark(at)));
    if corner.accumulates() {
        for i in 0..m {
            c.floats_mut()[i * stride..][..n].copy_from_slice(&full.c[i * full.cols..][..n]);
        }
    }
    let epilogue = Epilogue {
        accumulate: corner.accumulates(),
        bias: corner.has_bias().then_some(&full.bias[..n]),
        activation: if corner.epilogue == 4 { Activation::Relu } else { Activation::None },
        ..Epilogue::default()
    };
    rung(
        MatRef::new(a.floats(), m, k, a_strides.0, a_strides.1),
        MatRef::new(b.floats(), k, n, b_strides.0, b_strides.1),
        MatMut::new(c.floats_mut(), m, n, stride),
        &epilogue,
    );
    let mut out = Vec::with_capacity(m * n);
    for (at, x) in c.data.iter().enumerate() {
        let inside = at.checked_sub(c.start).is_some_and(|at| stride > 0 && at / stride < m && at % stride < n);
        assert!(inside || x.to_bits() == mark(at), "{name}: {corner:?}: float {at}, outside C, was written");
        if inside {
            out.push(*x);
        }
    }
    out
}

/// Holds a corner's answer to the theorem, with whole numbers to equality.
fn check(full: &Full, exact: &Exact, corner: Corner, whole: bool, name: &str, answer: &[f32]) {
    let terms = (corner.k + usize::from(corner.accumulates()) + usize::from(corner.has_bias())) as f64;
    let unit = 2f64.powi(-24);
    let gamma = terms * unit / (1.0 - terms * unit);
    for (at, &x) in answer.iter().enumerate() {
        let (i, j) = (at / corner.n, at % corner.n);
        let (mut sum, mut size) = exact.sums[i * full.cols + j];
        for more in [corner.accumulates().then(|| full.c[i * full.cols + j]), corner.has_bias().then(|| full.bias[j])] {
            let more = f64::from(more.unwrap_or(0.0));
            (sum, size) = (sum + more, size + more.abs());
        }
        if corner.epilogue == 4 {
            sum = sum.max(0.0);
        }
        let bound = if whole { 0.0 } else { gamma * size + terms * 2f64.powi(-149) };
        let error = (f64::from(x) - sum).abs();
        assert!(error <= bound, "{name}: {corner:?} at ({i}, {j}): {x:e}, not {sum:e}: off by {error:e} > {bound:e}");
    }
}

/// The same element has the same bits in a corner and in the full product.
fn check_bits(full: &Full, whole: &[f32], corner: Corner, name: &str, answer: &[f32]) {
    for (at, x) in answer.iter().enumerate() {
        let (i, j) = (at / corner.n, at % corner.n);
        let y = whole[i * full.cols + j];
        assert!(x.to_bits() == y.to_bits(), "{name}: {corner:?} at ({i}, {j}): {x:e}, in a larger product {y:e}");
    }
}

const SMALL: usize = 20;

/// All 9261 sizes with M, N and K from 0 to 20.
fn for_all_small_sizes(mut f: impl FnMut(usize, usize, usize)) {
    for k in 0..=SMALL {
        for m in 0..=SMALL {
            (0..=SMALL).for_each(|n| f(m, n, k));
        }
    }
}

#[test]
fn every_rung_is_within_the_theorem_at_all_sizes_up_to_20() {
    let full = Full::new(SMALL, SMALL, SMALL, |_| 1.0);
    let exact = full.exact(&(0..=SMALL).collect::<Vec<_>>());
    for (name, rung) in rungs() {
        for_all_small_sizes(|m, n, k| {
            let plain = Corner::of(m, n, k);
            for corner in [plain, Corner { epilogue: 1 + (m + n + k) % 4, ..plain }] {
                check(&full, &exact[k], corner, false, &name, &run(&full, corner, &name, &rung));
            }
        });
    }
}

#[test]
fn every_rung_is_exact_for_whole_numbers_at_all_sizes_up_to_20() {
    let full = Full::whole(SMALL, SMALL, SMALL);
    let exact = full.exact(&(0..=SMALL).collect::<Vec<_>>());
    for (name, rung) in rungs() {
        for_all_small_sizes(|m, n, k| {
            let corner = Corner { epilogue: (m + 2 * n + 3 * k) % 5, ..Corner::of(m, n, k) };
            check(&full, &exact[k], corner, true, &name, &run(&full, corner, &name, &rung));
        });
    }
}

#[test]
fn every_rung_is_within_the_theorem_where_products_underflow_and_where_they_are_huge() {
    // 10⁻²²·10⁻²² is among the subnormal numbers; 10¹⁸·10¹⁸ is not far from the largest; and both at once.
    for (kind, least, most) in [("tiny", -22.0, -22.0), ("huge", 18.0, 18.0), ("of all sizes", -18.0, 18.0)] {
        let scale = |y: f32| 10f32.powf(least + (most - least) * (y + 1.0) / 2.0);
        let full = Full::new(SMALL, SMALL, SMALL, scale);
        let exact = full.exact(&(0..=SMALL).collect::<Vec<_>>());
        for (name, rung) in rungs() {
            let name = format!("{name}, {kind} numbers");
            let mut needed = false;
            for_all_small_sizes(|m, n, k| {
                if (m + n + k) % 3 == 0 {
                    let corner = Corner::of(m, n, k);
                    let answer = run(&full, corner, &name, &rung);
                    check(&full, &exact[k], corner, false, &name, &answer);
                    needed |= answer.iter().enumerate().any(|(at, &x)| {
                        let (sum, size) = exact[k].sums[at / n * SMALL + at % n];
                        (f64::from(x) - sum).abs() > 2.0 * k as f64 * 2f64.powi(-24) * size
                    });
                }
            });
            // Without K·2⁻¹⁴⁹ it would be violated, so it was put to the test.
            assert_eq!(needed, kind == "tiny", "{name}");
        }
    }
}

/// The two rungs whose bits are specified, on each instruction set; the parallel one with even the smallest product handed out.
fn specified(isa: Isa) -> [(String, Rung); 2] {
    let parallel: Rung = Box::new(move |a, b, c, e| with_serial_threshold(0, || parallel::sgemm(isa, a, b, c, e)));
    [
        (format!("simd {}", isa.name()), Box::new(move |a, b, c, e| simd::sgemm(isa, a, b, c, e))),
        (format!("parallel {}", isa.name()), parallel),
    ]
}

/// The numbers around which something changes: just below, at, and just above.
fn around(borders: &[usize], limit: usize) -> Vec<usize> {
    let mut all: Vec<usize> =
        borders.iter().flat_map(|&b| b.saturating_sub(1)..=b + 1).filter(|&b| b <= limit).collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[test]
fn small_products_have_the_bits_of_large_ones() {
    for isa in Isa::available() {
        let TileShape { mr, nr, .. } = TileShape::of(isa, isa.lanes());
        let full = Full::new((3 * mr).max(SMALL), (3 * nr).max(SMALL), SMALL, |_| 1.0);
        for (name, rung) in specified(isa) {
            for k in 0..=SMALL {
                let large = Corner { layouts: (0, 0), gap: 0, ..Corner::of(full.rows, full.cols, k) };
                let large = run(&full, large, &name, &rung);
                for (m, n) in (0..=SMALL).flat_map(|m| (0..=SMALL).map(move |n| (m, n))) {
                    let corner = Corner::of(m, n, k);
                    check_bits(&full, &large, corner, &name, &run(&full, corner, &name, &rung));
                }
            }
        }
    }
}

#[test]
fn the_theorem_and_the_bits_hold_around_every_border() {
    // Depths: the squares in which panels are packed, blocks of k (512), the four of them that are packed at once.
    let depths = around(&[16, 32, 512, 1024, 2048], 2100);
    let full = Full::new(122, 258, 2049, |_| 1.0);
    let exact = full.exact(&depths);
    for isa in Isa::available() {
        let TileShape { mr, nr, .. } = TileShape::of(isa, isa.lanes());
        // Rows: tiles, FEW_ROWS, TASK_ROWS, OWN_ROWS. Columns: half a tile, tiles, FEW_COLS, TRANSPOSED_RUN, TASK_COLS.
        let rows = around(&[1, mr, 2 * mr, 64, 112, 120], 122);
        let cols = around(&[1, nr / 2, nr, 2 * nr, 64, 128, 256], 258);
        for (name, rung) in specified(isa) {
            let large: Vec<Vec<f32>> = depths
                .iter()
                .map(|&k| run(&full, Corner { layouts: (0, 0), ..Corner::of(full.rows, full.cols, k) }, &name, &rung))
                .collect();
            for (x, &m) in rows.iter().enumerate() {
                for (y, &n) in cols.iter().enumerate() {
                    let at = (5 * x + 7 * y) % depths.len();
                    let corner = Corner::of(m, n, depths[at]);
                    let answer = run(&full, corner, &name, &rung);
                    check(&full, &exact[at], corner, false, &name, &answer);
                    check_bits(&full, &large[at], corner, &name, &answer);
                    let corner = Corner { epilogue: 1 + (x + y) % 4, ..corner };
                    check(&full, &exact[at], corner, false, &name, &run(&full, corner, &name, &rung));
                }
            }
        }
    }
}

#[test]
fn the_theorem_and_the_bits_hold_for_a_single_row_or_column_of_any_length() {
    let depths = [0, 1, 7, 8, 9, 16, 17, 40];
    for isa in Isa::available() {
        let lanes = isa.lanes();
        let lengths = around(&[1, lanes, 2 * lanes, 3 * lanes, 128, 1024], 1030);
        for (name, rung) in specified(isa) {
            for row in [true, false] {
                let long = if row { [2, 1030] } else { [1030, 2] };
                let full = Full::new(long[0], long[1], 40, |_| 1.0);
                for (exact, layout) in full.exact(&depths).iter().flat_map(|exact| (0..4).map(move |l| (exact, l))) {
                    let large = run(&full, Corner::of(long[0], long[1], exact.k), &name, &rung);
                    for &len in &lengths {
                        let (m, n) = if row { (1, len) } else { (len, 1) };
                        let corner = Corner { layouts: (layout, layout), ..Corner::of(m, n, exact.k) };
                        let corner = if row { corner } else { Corner { gap: corner.gap % 3, ..corner } };
                        let answer = run(&full, corner, &name, &rung);
                        check(&full, exact, corner, false, &name, &answer);
                        check_bits(&full, &large, corner, &name, &answer);
                    }
                }
            }
        }
    }
}

#[test]
fn bits_do_not_depend_on_where_operands_begin() {
    for isa in Isa::available() {
        let full = Full::new(35, 70, 40, |_| 1.0);
        for (name, rung) in specified(isa) {
            for (m, n, k) in [(1, 70, 40), (35, 1, 40), (5, 33, 19), (15, 65, 40), (35, 70, 7)] {
                for layouts in [(0, 0), (1, 1), (0, 1), (1, 0)] {
                    let aligned = Corner { layouts, offsets: [0; 3], gap: 0, ..Corner::of(m, n, k) };
                    let expected = run(&full, aligned, &name, &rung);
                    for offset in 1..8 {
                        for offsets in
                            [[offset, 0, 0], [0, offset, 0], [0, 0, offset], [offset, 8 - offset, offset / 2]]
                        {
                            let corner = Corner { offsets, ..aligned };
                            let answer = run(&full, corner, &name, &rung);
                            let same = answer.iter().zip(&expected).all(|(x, y)| x.to_bits() == y.to_bits());
                            assert!(same, "{name}: {corner:?}");
                        }
                    }
                }
            }
        }
    }
}

/// An independent implementation, held to the same bound: the f64 reference of this file is not wrong along with the rungs.
#[test]
fn another_library_is_within_the_theorem_too() {
    let theirs: Rung = Box::new(|a, b, mut c, epilogue| {
        let (m, n, k) = (c.rows(), c.cols(), a.cols());
        let mut out = vec![0.0f32; m * n];
        let whole =
            |x: MatRef<'_>| (0..x.rows() * x.cols()).map(|i| x.at(i / x.cols(), i % x.cols())).collect::<Vec<_>>();
        super::tests::matrixmultiply(&whole(a), &whole(b), &mut out, [m, n, k]);
        assert!(!epilogue.accumulate && epilogue.bias.is_none());
        (0..m).for_each(|i| c.row_mut(i).copy_from_slice(&out[i * n..][..n]));
    });
    let full = Full::new(65, 97, 130, |_| 1.0);
    let depths = [0, 1, 20, 130];
    let ours = |isa: Isa| -> Rung { Box::new(move |a, b, c, e| parallel::sgemm(isa, a, b, c, e)) };
    for exact in full.exact(&depths) {
        for (m, n) in [(1, 1), (1, 97), (65, 1), (8, 8), (33, 20), (65, 97)] {
            let corner = Corner::of(m, n, exact.k);
            let answer = run(&full, corner, "matrixmultiply", &theirs);
            check(&full, &exact, corner, false, "matrixmultiply", &answer);
            for isa in Isa::available() {
                // Two answers within the bound of the exact one are within twice the bound of each other.
                let gamma = 2.0 * exact.k as f64 * 2f64.powi(-24) * 1.001;
                for (at, (x, y)) in run(&full, corner, isa.name(), &ours(isa)).iter().zip(&answer).enumerate() {
                    let (_, size) = exact.sums[at / n * full.cols + at % n];
                    assert!((f64::from(*x) - f64::from(*y)).abs() <= gamma * size, "{isa:?}, {corner:?}: {x} and {y}");
                }
            }
        }
    }
}
