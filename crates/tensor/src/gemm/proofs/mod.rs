//! The theorem, at every size: |C − C₆₄| ≤ γ_K·|A|·|B| + K·2⁻¹⁴⁹ (Higham 2002, (3.13); the second term is for products
//! that underflow), with a term more in K for each of accumulate and bias. It holds for any order of summation, so a
//! violation is never noise.
//!
//! Small sizes are corners of one large product, so one f64 sum serves them all; and since the bits of an element
//! depend on its row, its column and K alone, a corner must have the bits of the large product: a tail those of a body.
//! Around each operand and each output lies NaN, with a pattern of its own for each cell where it must stay.

mod borders;
mod sizes;

use super::tests::{Rung, numbers};
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

/// The same element has the same bits in a corner and in the full product; in one that is summed along the lanes, the bits that
/// the order of its additions says.
fn check_bits(full: &Full, whole: &[f32], corner: Corner, name: &str, answer: &[f32]) {
    let along_lanes = summed_along_lanes(corner, name);
    for (at, x) in answer.iter().enumerate() {
        let (i, j) = (at / corner.n, at % corner.n);
        let y = match along_lanes {
            None => whole[i * full.cols + j],
            Some(isa) => {
                let terms = (0..corner.k).map(|k| (full.a[i * full.depth + k], full.b[k * full.cols + j]));
                let sum = sum_along_lanes(isa, &terms.collect::<Vec<_>>());
                let sum = if corner.accumulates() { full.c[i * full.cols + j] + sum } else { sum };
                let sum = if corner.has_bias() { sum + full.bias[j] } else { sum };
                if corner.epilogue == 4 && sum < 0.0 { 0.0 } else { sum }
            }
        };
        assert!(x.to_bits() == y.to_bits(), "{name}: {corner:?} at ({i}, {j}): {x:e}, and not {y:e}");
    }
}

/// The instruction set whose vectors the corner's products run along, if they do: the top rung of a single row or column whose
/// matrix has the other operand's direction together (row.rs).
fn summed_along_lanes(corner: Corner, name: &str) -> Option<Isa> {
    let isa = Isa::available().into_iter().find(|isa| name == format!("parallel {}", isa.name()))?;
    let Corner { m, n, k, layouts, gap, .. } = corner;
    let column = n == 1 && m > 1 && gap == 0;
    // From an entry of k to the next, and from a row of A or a column of B to the next.
    let (step, other, count) = if column {
        ([1, m, 2, 3 * m + 1][layouts.0], [k, 1, 2 * k + 3, 3][layouts.0], m)
    } else {
        ([n, 1, 2 * n + 3, 3][layouts.1], [1, k, 2, 3 * k + 1][layouts.1], n)
    };
    ((column || m == 1) && step == 1 && (other != 1 || count == 1)).then_some(isa)
}

/// Lane l of vector v sums the terms k ≡ v·L + l (mod 2·L) in ascending order; then the vectors are added, then halves of the
/// lanes until one is left.
fn sum_along_lanes(isa: Isa, terms: &[(f32, f32)]) -> f32 {
    let lanes = isa.lanes();
    let mut sums = vec![0.0f32; 2 * lanes];
    for (k, &(x, y)) in terms.iter().enumerate() {
        let sum = &mut sums[k % (2 * lanes)];
        *sum = if isa == Isa::Scalar { x * y + *sum } else { x.mul_add(y, *sum) };
    }
    while sums.len() > 1 {
        let half = sums.len() / 2;
        sums = (0..half).map(|l| sums[l] + sums[l + half]).collect();
    }
    sums[0]
}

/// The two rungs whose bits are specified, on each instruction set; the parallel one with even the smallest product
/// handed out.
fn specified(isa: Isa) -> [(String, Rung); 2] {
    let parallel: Rung = Box::new(move |a, b, c, e| with_serial_threshold(0, || parallel::product(isa, a, b, c, e)));
    [
        (format!("simd {}", isa.name()), Box::new(move |a, b, c, e| simd::product(isa, a, b, c, e))),
        (format!("parallel {}", isa.name()), parallel),
    ]
}
