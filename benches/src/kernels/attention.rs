//! Attention, forward.
//!
//! The bound is the one that `crates/tensor/src/attention/mod.rs` derives, with a step that raises the maximum for every key, so that it
//! holds for a softmax in one go, in blocks, or key by key: scores are off by ε(j) = γ(D + 2)·|scale|·Σ|q·k(j)|, weights of the numerator
//! and the denominator by the share r(j) = e^(ε(j) + u·(X − x(j) + 2·max ε) + u·(5·S + 4)) − 1, X the largest score of S, and
//!
//! |ŷ − y| ≤ (Σ w·r·|v| + Σ w·r · Σ w·|v|) / (1 − Σ w·r) + 2⁻¹⁴⁹·(S + 3)·(S + Σ|v|)

use super::Family;
use super::case::{Case, Expected, Run, TINY, U, Work, gamma, numbers, replace, within};
use glassbox_tensor::ladder::attention::{self as ladder, Problem};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Sight, Tensor};
use ndarray::{ArrayView2, ArrayViewMut2};
use std::rc::Rc;

/// An attention.
pub trait Attention: Sync {
    /// What the table calls it.
    fn name(&self) -> &str;
    /// y = softmax(q·kᵀ/√D)·v for each batch and head, all of them (B, H, T, D), row-major; a causal one sees keys up to the
    /// query's own. `q.as_slice()` and `y.make_mut()` are their floats.
    fn attention(&self, qkv: [&Tensor; 3], causal: bool, y: &mut Tensor);
    /// Whether this machine has the instructions.
    fn runs_here(&self) -> bool {
        true
    }
}

/// Who takes part. Yours is one word more.
pub const CONTESTANTS: &[&dyn Attention] = &[
    &Rung("1 matrix", ladder::matrix),
    &Rung("2 products", ladder::products),
    &Rung("3 tiled", ladder::tiled),
    &Top,
    &Ndarray,
];

/// The family: [B, H, T, D, causal: 0 or 1].
pub const FAMILY: Family = Family {
    name: "attention",
    computes: "y = softmax(q·kᵀ/√D)·v",
    axis: "queries and keys, causal, 8 heads of 64",
    timed: &[
        &[1, 8, 32, 64, 1],
        &[1, 8, 64, 64, 1],
        &[1, 8, 128, 64, 1],
        &[1, 8, 256, 64, 1],
        &[1, 8, 512, 64, 1],
        &[1, 8, 1024, 64, 1],
        &[8, 6, 256, 64, 1],
        &[1, 8, 512, 64, 0],
    ],
    awkward: &[
        &[1, 1, 1, 1, 1],
        &[2, 1, 3, 5, 0],
        &[1, 2, 17, 8, 1],
        &[1, 3, 33, 16, 0],
        &[2, 2, 70, 7, 1],
        &[1, 1, 130, 64, 1],
        &[1, 1, 300, 20, 1],
        &[1, 2, 260, 33, 0],
    ],
    case: |size| case_of(CONTESTANTS, size),
};

/// A rung of the ladder.
pub struct Rung(pub &'static str, pub fn(&Problem<'_>, &mut [f32]));

impl Attention for Rung {
    fn name(&self) -> &str {
        self.0
    }
    fn attention(&self, qkv: [&Tensor; 3], causal: bool, y: &mut Tensor) {
        (self.1)(&problem(qkv, causal), y.make_mut());
    }
}

fn problem<'a>([q, k, v]: [&'a Tensor; 3], causal: bool) -> Problem<'a> {
    let &[b, h, t, d] = q.shape() else { panic!("(B, H, T, D)") };
    let scale = 1.0 / (d as f32).sqrt();
    Problem { q: numbers(q), k: numbers(k), v: numbers(v), shape: [b * h, t, d], causal, scale }
}

/// The engine's.
pub struct Top;

impl Attention for Top {
    fn name(&self) -> &str {
        "4 Glassbox"
    }
    fn attention(&self, [q, k, v]: [&Tensor; 3], causal: bool, y: &mut Tensor) {
        let sight = if causal { Sight::CAUSAL } else { Sight::ALL };
        let scale = 1.0 / (q.shape()[3] as f32).sqrt();
        replace(y, || glassbox_tensor::Attention { q, k, v, mask: None, sight, scale }.forward().0);
    }
}

/// As one writes it with `ndarray`: the matrix of scores, and two products.
pub struct Ndarray;

impl Attention for Ndarray {
    fn name(&self) -> &str {
        "ndarray"
    }
    fn attention(&self, qkv: [&Tensor; 3], causal: bool, y: &mut Tensor) {
        let Problem { q, k, v, shape: [_, t, d], scale, .. } = problem(qkv, causal);
        let heads = q.chunks_exact(t * d).zip(k.chunks_exact(t * d)).zip(v.chunks_exact(t * d));
        for (((q, k), v), y) in heads.zip(y.make_mut().chunks_exact_mut(t * d)) {
            let [q, k, v] = [q, k, v].map(|x| ArrayView2::from_shape((t, d), x).expect("a head"));
            let mut w = q.dot(&k.t());
            for (i, mut row) in w.rows_mut().into_iter().enumerate() {
                row *= scale;
                if causal {
                    row.iter_mut().skip(i + 1).for_each(|x| *x = f32::NEG_INFINITY);
                }
                let max = row.fold(f32::NEG_INFINITY, |m, &x| m.max(x));
                row.mapv_inplace(|x| (x - max).exp());
                row /= row.sum();
            }
            ArrayViewMut2::from_shape((t, d), y).expect("a head").assign(&w.dot(&v));
        }
    }
}

fn expected(p: &Problem<'_>) -> Vec<Expected> {
    let [heads, t, d] = p.shape;
    let scale = f64::from(p.scale);
    let mut all = Vec::with_capacity(heads * t * d);
    for (head, i) in (0..heads).flat_map(|h| (0..t).map(move |i| (h, i))) {
        let [q, k, v] = [p.q, p.k, p.v].map(|x| &x[head * t * d..][..t * d]);
        let row = |x: &[f32], i: usize| x[i * d..][..d].iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
        let q = row(q, i);
        let s = if p.causal { i + 1 } else { t };
        // Scores, and how far each may be off.
        let score = |j: usize| {
            let terms = q.iter().zip(row(k, j)).map(|(q, k)| q * k);
            let (x, size) = terms.fold((0.0, 0.0), |(sum, size), term| (sum + term, size + term.abs()));
            (scale * x, gamma(d as f64 + 2.0) * scale.abs() * size)
        };
        let x: Vec<(f64, f64)> = (0..s).map(score).collect();
        let top = x.iter().fold(f64::MIN, |m, x| m.max(x.0));
        let far = x.iter().fold(0.0, |m: f64, x| m.max(x.1));
        let sum: f64 = x.iter().map(|x| (x.0 - top).exp()).sum();
        let weights = x.iter().map(|&(x, eps)| {
            let r = (eps + U * (top - x + 2.0 * far) + U * (5.0 * s as f64 + 4.0)).exp_m1();
            ((x - top).exp() / sum, r)
        });
        let weights: Vec<(f64, f64)> = weights.collect();
        let off: f64 = weights.iter().map(|(w, r)| w * r).sum();
        let mut sums = vec![[0.0; 4]; d]; // Σ w·v, Σ w·r·|v|, Σ w·|v|, Σ|v|
        for (j, (w, r)) in weights.iter().enumerate() {
            for (sums, v) in sums.iter_mut().zip(row(v, j)) {
                let terms = [w * v, w * r * v.abs(), w * v.abs(), v.abs()];
                sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
            }
        }
        all.extend(sums.iter().map(|&[value, far, size, v]| {
            let tiny = TINY * (s as f64 + 3.0) * (s as f64 + v);
            Expected { value, within: (far + off * size) / (1.0 - off) + tiny }
        }));
    }
    all
}

/// A case for these contestants.
pub fn case_of(contestants: &[&'static dyn Attention], size: &[usize]) -> Case {
    let &[b, h, t, d, causal] = size else { panic!("a size of attention is [B, H, T, D, causal]") };
    let causal = causal == 1;
    let qkv = Rc::new([1, 2, 3].map(|seed| Tensor::randn([b, h, t, d], Key::new(seed))));
    let runs = contestants.iter().filter(|c| c.runs_here()).map(|&contestant| {
        let qkv = Rc::clone(&qkv);
        Run::new(contestant.name(), move |y| contestant.attention(qkv.each_ref(), causal, y))
    });
    let pairs = if causal { t * (t + 1) / 2 } else { t * t };
    Case {
        label: format!("{b} × {h} × {t} × {d}{}", if causal { ", causal" } else { "" }),
        at: (causal && (b, h, d) == (1, 8, 64)).then_some(t as f64),
        work: Work::Flops(4 * (b * h * pairs * d) as u64),
        shape: vec![b, h, t, d],
        runs: runs.collect(),
        check: Box::new(move |y| within(&expected(&problem(qkv.each_ref(), causal)), y)),
    }
}
