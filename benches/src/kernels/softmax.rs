//! Softmax of each row.
//!
//! The bound holds for any algorithm that takes a row's largest element away, in one go or step by step. With u = 2⁻²⁴, n elements
//! in a row and D = max x − min x: an exponent is off by u·D, an exponential by 2u of itself, a sum of n terms by n·u, n steps that raise
//! the maximum by 3u each, a quotient by 2u. Numerator and denominator both carry the first two, so
//!
//! |ŷ − y| ≤ y·(e^(u·(2·D + 4·n + 8)) − 1) + 4·2⁻¹⁴⁹

use super::Family;
use super::case::{Case, Expected, Run, TINY, U, Work, numbers, replace, within};
use glassbox_tensor::Tensor;
use glassbox_tensor::ladder::softmax as ladder;
use glassbox_tensor::random::Key;
use glassbox_tensor::simd::Isa;
use ndarray::ArrayViewMut2;
use std::rc::Rc;

/// A softmax.
pub trait Softmax: Sync {
    /// What the table calls it.
    fn name(&self) -> &str;
    /// y of x, both (rows, n), row-major: `x.as_slice()` and `y.make_mut()` are their floats.
    fn softmax(&self, x: &Tensor, y: &mut Tensor);
    /// Whether this machine has the instructions.
    fn runs_here(&self) -> bool {
        true
    }
}

/// Who takes part. Yours is one word more.
pub const CONTESTANTS: &[&dyn Softmax] = &[
    &Rung("1 three passes", ladder::three_passes),
    &Rung("2 online", ladder::online),
    &Rung("3 SIMD", |x, n, y| ladder::simd(Isa::current(), x, n, y)),
    &Top,
    &Ndarray,
];

/// The family: [rows, n].
pub const FAMILY: Family = Family {
    name: "softmax",
    computes: "y = e^(x − max x) / Σ e^(x − max x) along rows",
    axis: "elements of a row",
    timed: &[
        &[65536, 16],
        &[16384, 64],
        &[4096, 256],
        &[1024, 1024],
        &[256, 4096],
        &[64, 16384],
        &[20, 50257],
        &[4096, 1024],
    ],
    awkward: &[&[1, 1], &[3, 2], &[5, 7], &[2, 15], &[3, 17], &[4, 100], &[2, 1029], &[1, 8200]],
    case: |size| case_of(CONTESTANTS, size),
};

/// A rung of the ladder.
pub struct Rung(pub &'static str, pub fn(&[f32], usize, &mut [f32]));

impl Softmax for Rung {
    fn name(&self) -> &str {
        self.0
    }
    fn softmax(&self, x: &Tensor, y: &mut Tensor) {
        (self.1)(numbers(x), x.shape()[1], y.make_mut());
    }
}

/// The engine's.
pub struct Top;

impl Softmax for Top {
    fn name(&self) -> &str {
        "4 Glassbox"
    }
    fn softmax(&self, x: &Tensor, y: &mut Tensor) {
        replace(y, || x.softmax(-1));
    }
}

/// As one writes it with `ndarray`.
pub struct Ndarray;

impl Softmax for Ndarray {
    fn name(&self) -> &str {
        "ndarray"
    }
    fn softmax(&self, x: &Tensor, y: &mut Tensor) {
        y.make_mut().copy_from_slice(numbers(x));
        let mut y = ArrayViewMut2::from_shape((x.shape()[0], x.shape()[1]), y.make_mut()).expect("the shape of x");
        for mut row in y.rows_mut() {
            let max = row.fold(f32::NEG_INFINITY, |m, &x| m.max(x));
            row.mapv_inplace(|x| (x - max).exp());
            row /= row.sum();
        }
    }
}

fn expected(x: &Tensor) -> Vec<Expected> {
    let n = x.shape()[1];
    let mut all = Vec::with_capacity(x.numel());
    for row in numbers(x).chunks_exact(n) {
        let row: Vec<f64> = row.iter().map(|&x| f64::from(x)).collect();
        let (max, min) = (row.iter().copied().fold(f64::MIN, f64::max), row.iter().copied().fold(f64::MAX, f64::min));
        let sum: f64 = row.iter().map(|x| (x - max).exp()).sum();
        let share = (U * (2.0 * (max - min) + 4.0 * n as f64 + 8.0)).exp_m1();
        all.extend(row.iter().map(|x| {
            let value = (x - max).exp() / sum;
            Expected { value, within: value * share + 4.0 * TINY }
        }));
    }
    all
}

/// A case for these contestants.
pub fn case_of(contestants: &[&'static dyn Softmax], size: &[usize]) -> Case {
    let &[rows, n] = size else { panic!("a size of softmax is [rows, n]") };
    let x = Rc::new(Tensor::randn([rows, n], Key::new(1)).affine(3.0, 40.0));
    let runs = contestants.iter().filter(|c| c.runs_here()).map(|&contestant| {
        let x = Rc::clone(&x);
        Run::new(contestant.name(), move |y| contestant.softmax(&x, y))
    });
    Case {
        label: format!("{rows} × {n}"),
        at: (rows * n <= 1 << 20).then_some(n as f64),
        work: Work::Bytes(8 * (rows * n) as u64),
        shape: vec![rows, n],
        runs: runs.collect(),
        check: Box::new(move |y| within(&expected(&x), y)),
    }
}
