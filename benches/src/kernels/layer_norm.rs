//! Layer normalisation of each row, with weight and bias.
//!
//! The bound covers two passes and Welford's one. Let u = 2⁻²⁴, σ and μ a row's spread and mean, A = Σ|x|/n, s² = σ² + eps. The mean is off
//! by at most δ = 2·γ(n + 1)·A, whichever way it is summed. The variance is off by a share of n·u·√(1 + μ²/σ²) of itself (Chan, Golub and
//! LeVeque 1983; the constant here is 4), and by δ². So with q = 4·n·u·σ·√(σ² + μ²)/s² + (n + 8)·u + (δ/s)² and r = 1/√(1 − q) − 1,
//!
//! |ŷ − y| ≤ |w|·(|x̂| + δ/s)·(r + 9·u·(1 + r)) + |w|·δ/s + 2·u·(|w·x̂| + |b|)
//!
//! The formula of the textbook, mean(x²) − mean(x)², errs by a share of n·u·(1 + μ²/σ²), and breaks it where μ is far from 0.

use super::Family;
use super::case::{Case, Expected, Run, TINY, U, Work, gamma, numbers, replace, within};
use glassbox_tensor::ladder::layer_norm as ladder;
use glassbox_tensor::random::Key;
use glassbox_tensor::simd::Isa;
use glassbox_tensor::{RowNorm, Tensor};
use ndarray::{ArrayView1, ArrayViewMut2};
use std::rc::Rc;

/// A layer normalisation.
pub trait LayerNorm: Sync {
    /// What the table calls it.
    fn name(&self) -> &str;
    /// y = (x − mean)·rstd·w + b of each row of x (rows, n), w and b (n): `x.as_slice()` and `y.make_mut()` are their floats.
    fn layer_norm(&self, x: &Tensor, w: &Tensor, b: &Tensor, eps: f32, y: &mut Tensor);
    /// Whether this machine has the instructions.
    fn runs_here(&self) -> bool {
        true
    }
}

/// Who takes part. Yours is one word more.
pub const CONTESTANTS: &[&dyn LayerNorm] = &[
    &Rung("1 two passes", ladder::two_passes),
    &Rung("2 Welford", ladder::welford),
    &Rung("3 SIMD", |x, w, b, eps, y| ladder::simd(Isa::current(), x, w, b, eps, y)),
    &Top,
    &Ndarray,
];

/// The family: [rows, n, mean of x in spreads].
pub const FAMILY: Family = Family {
    name: "layer_norm",
    computes: "y = (x − mean) / √(var + eps) · w + b along rows",
    axis: "elements of a row",
    timed: &[
        &[16384, 64, 0],
        &[4096, 256, 0],
        &[1024, 1024, 0],
        &[256, 4096, 0],
        &[64, 16384, 0],
        &[4096, 384, 0],
        &[4096, 1024, 0],
    ],
    awkward: &[
        &[3, 2, 0],
        &[5, 7, 1],
        &[2, 15, 30],
        &[3, 17, 1000],
        &[4, 100, 0],
        &[2, 1029, 5],
        &[1, 8200, 0],
        &[5, 16, 1000],
    ],
    case: |size| case_of(CONTESTANTS, size),
};

/// A rung's function: x, w, b, eps, y.
pub type RungFn = fn(&[f32], &[f32], &[f32], f32, &mut [f32]);

/// A rung of the ladder.
pub struct Rung(pub &'static str, pub RungFn);

impl LayerNorm for Rung {
    fn name(&self) -> &str {
        self.0
    }
    fn layer_norm(&self, x: &Tensor, w: &Tensor, b: &Tensor, eps: f32, y: &mut Tensor) {
        (self.1)(numbers(x), numbers(w), numbers(b), eps, y.make_mut());
    }
}

/// The engine's.
pub struct Top;

impl LayerNorm for Top {
    fn name(&self) -> &str {
        "4 Glassbox"
    }
    fn layer_norm(&self, x: &Tensor, w: &Tensor, b: &Tensor, eps: f32, y: &mut Tensor) {
        let [rows, channels] = [0, 1].map(|axis| x.shape()[axis]);
        let norm = RowNorm { rows, groups: 1, channels, inner: 1, centered: true, eps };
        replace(y, || norm.forward(x, Some(w), Some(b)).0);
    }
}

/// As one writes it with `ndarray`.
pub struct Ndarray;

impl LayerNorm for Ndarray {
    fn name(&self) -> &str {
        "ndarray"
    }
    fn layer_norm(&self, x: &Tensor, w: &Tensor, b: &Tensor, eps: f32, y: &mut Tensor) {
        y.make_mut().copy_from_slice(numbers(x));
        let (w, b) = (ArrayView1::from(numbers(w)), ArrayView1::from(numbers(b)));
        let mut y = ArrayViewMut2::from_shape((x.shape()[0], x.shape()[1]), y.make_mut()).expect("the shape of x");
        for mut row in y.rows_mut() {
            let (mean, var) = (row.mean().expect("a row has elements"), row.var(0.0));
            row -= mean;
            row *= 1.0 / (var + eps).sqrt();
            row *= &w;
            row += &b;
        }
    }
}

const EPS: f32 = 1e-5;

fn expected([x, w, b]: [&Tensor; 3]) -> Vec<Expected> {
    let n = x.shape()[1];
    let mut all = Vec::with_capacity(x.numel());
    for row in numbers(x).chunks_exact(n) {
        let of = |f: &dyn Fn(f64) -> f64| row.iter().map(|&x| f(f64::from(x))).sum::<f64>() / n as f64;
        let mean = of(&|x| x);
        let var = of(&|x| (x - mean) * (x - mean));
        let s = (var + f64::from(EPS)).sqrt();
        let delta = 2.0 * gamma(n as f64 + 1.0) * of(&f64::abs) / s;
        let q =
            4.0 * n as f64 * U * (var * (var + mean * mean)).sqrt() / (s * s) + (n as f64 + 8.0) * U + delta * delta;
        let r = if q < 1.0 { 1.0 / (1.0 - q).sqrt() - 1.0 } else { f64::INFINITY };
        all.extend(row.iter().zip(numbers(w)).zip(numbers(b)).map(|((&x, &w), &b)| {
            let (hat, w, b) = ((f64::from(x) - mean) / s, f64::from(w), f64::from(b));
            let scaled = w.abs() * (hat.abs() + delta) * (r + 9.0 * U * (1.0 + r)) + w.abs() * delta;
            let within = scaled + 2.0 * U * ((w * hat).abs() + b.abs()) + TINY;
            Expected { value: hat * w + b, within }
        }));
    }
    all
}

/// A case for these contestants.
pub fn case_of(contestants: &[&'static dyn LayerNorm], size: &[usize]) -> Case {
    let &[rows, n, mean] = size else { panic!("a size of layer_norm is [rows, n, mean]") };
    let random = |shape: &[usize], seed, mean| Tensor::randn(shape, Key::new(seed)).affine(1.0, mean);
    let all = Rc::new([random(&[rows, n], 1, mean as f32), random(&[n], 2, 1.0), random(&[n], 3, 0.0)]);
    let runs = contestants.iter().filter(|c| c.runs_here()).map(|&contestant| {
        let all = Rc::clone(&all);
        Run::new(contestant.name(), move |y| contestant.layer_norm(&all[0], &all[1], &all[2], EPS, y))
    });
    Case {
        label: format!("{rows} × {n}"),
        at: (rows * n == 1 << 20).then_some(n as f64),
        work: Work::Bytes(8 * (rows * n) as u64),
        shape: vec![rows, n],
        runs: runs.collect(),
        check: Box::new(move |y| within(&expected(all.each_ref()), y)),
    }
}
