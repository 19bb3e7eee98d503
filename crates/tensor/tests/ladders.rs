//! Each ladder's rungs, from the second to the engine's, are held to the first.

use glassbox_tensor::ladder::{attention, conv2d, layer_norm, softmax};
use glassbox_tensor::random::Key;
use glassbox_tensor::simd::Isa;
use glassbox_tensor::{Attention, Conv2dOptions, RowNorm, Sight, Tensor, assert_close};

/// What a rung computes.
type Rung<'a> = Box<dyn Fn(&mut [f32]) + 'a>;
/// Each with its name.
type Rungs<'a> = Vec<(String, Rung<'a>)>;

/// Runs the first rung and all others; `same(name, y, first)` compares. What a rung leaves unwritten stays NaN.
fn climb(len: usize, rungs: Rungs<'_>, same: impl Fn(&str, &Tensor, &Tensor)) {
    let run = |rung: &Rung<'_>| {
        let mut y = vec![f32::NAN; len];
        rung(&mut y);
        Tensor::from_vec(y, [len])
    };
    let first = run(&rungs[0].1);
    assert!(rungs.len() >= 4, "a ladder of {}", rungs.len());
    for (name, rung) in &rungs[1..] {
        same(name, &run(rung), &first);
    }
}

fn named<'a>(name: impl Into<String>, rung: impl Fn(&mut [f32]) + 'a) -> (String, Rung<'a>) {
    (name.into(), Box::new(rung))
}

fn slice(x: &Tensor) -> &[f32] {
    x.as_slice().expect("contiguous")
}

/// For a top rung, which makes a tensor of its own.
fn write(y: &mut [f32], tensor: &Tensor) {
    y.copy_from_slice(slice(tensor));
}

/// Numbers near `mean`, `spread` apart.
fn numbers(shape: impl AsRef<[usize]>, seed: u64, mean: f32, spread: f32) -> Tensor {
    Tensor::randn(shape, Key::new(seed)).affine(spread, mean)
}

#[test]
fn every_rung_of_the_softmax_is_the_first() {
    for len in [1, 2, 7, 16, 33, 200, 1029] {
        for (mean, spread) in [(0.0, 1.0), (500.0, 30.0), (-1e4, 0.1)] {
            let x = numbers([5, len], len as u64, mean, spread);
            let data = slice(&x);
            let mut rungs: Rungs<'_> = vec![
                named("three_passes", |y| softmax::three_passes(data, len, y)),
                named("online", |y| softmax::online(data, len, y)),
            ];
            for isa in Isa::available() {
                rungs.push(named(isa.name(), move |y| softmax::simd(isa, data, len, y)));
            }
            rungs.push(named("the engine", |y| write(y, &x.softmax(-1))));
            climb(x.numel(), rungs, |name, y, first| {
                let whole: f64 = slice(y).iter().map(|&y| f64::from(y)).sum();
                assert!((whole - 5.0).abs() < 1e-4, "{name}: rows of {len} add up to {whole} / 5");
                assert_close!(*y, *first, 2e-5, 1e-30);
            });
        }
    }
}

#[test]
fn every_rung_of_layer_normalisation_is_the_first() {
    for len in [2, 7, 16, 33, 200, 1029] {
        for (mean, spread) in [(0.0, 1.0), (20.0, 1.0), (-3.0, 1e-3)] {
            let x = numbers([5, len], len as u64, mean, spread);
            let (w, b) = (numbers([len], 1, 1.0, 0.5), numbers([len], 2, 0.0, 1.0));
            let [x_data, w_data, b_data] = [&x, &w, &b].map(slice);
            let mut rungs: Rungs<'_> = vec![
                named("two_passes", |y| layer_norm::two_passes(x_data, w_data, b_data, 1e-5, y)),
                named("welford", |y| layer_norm::welford(x_data, w_data, b_data, 1e-5, y)),
            ];
            for isa in Isa::available() {
                rungs.push(named(isa.name(), move |y| layer_norm::simd(isa, x_data, w_data, b_data, 1e-5, y)));
            }
            let norm = RowNorm { rows: 5, groups: 1, channels: len, inner: 1, centered: true, eps: 1e-5 };
            rungs.push(named("the engine", |y| write(y, &norm.forward(&x, Some(&w), Some(&b)).0)));
            // Each rung knows x/spread to some roundings of a sum of `len`, which near a mean of 3000 spreads are 3000 times
            // as large as near 0; eps takes a part of that back.
            let far = 1e-5 + 100.0 * 2f32.powi(-24) * mean.abs() / (spread * spread + 1e-5).sqrt();
            climb(x.numel(), rungs, |_, y, first| assert_close!(*y, *first, 1e-5, far));
        }
    }
}

#[test]
fn every_rung_of_the_convolution_is_the_first() {
    let plain = Conv2dOptions::default();
    let cases = [
        ([1, 1, 1, 1], [1, 1, 1, 1], plain),
        ([2, 3, 7, 5], [4, 3, 3, 3], Conv2dOptions::padded(1)),
        ([1, 2, 9, 8], [3, 2, 4, 4], Conv2dOptions { stride: [2, 2], ..Conv2dOptions::padded(1) }),
        ([2, 4, 6, 11], [6, 2, 2, 3], Conv2dOptions { groups: 2, dilation: [2, 3], ..Conv2dOptions::padded(2) }),
        ([1, 4, 1, 40], [4, 1, 1, 3], Conv2dOptions { groups: 4, padding: [(0, 0), (2, 0)], ..plain }),
        ([1, 1, 2, 2], [2, 1, 5, 5], Conv2dOptions { padding: [(3, 1), (1, 4)], ..plain }),
        ([1, 33, 10, 17], [31, 33, 3, 3], Conv2dOptions { stride: [1, 3], ..Conv2dOptions::padded(1) }),
    ];
    for (x_shape, w_shape, options) in cases {
        // Whole numbers, whose sums are exact in any order: the rungs agree to the last bit.
        let whole = |shape: [usize; 4], seed| numbers(shape, seed, 0.0, 3.0).map_whole();
        let (x, w) = (whole(x_shape, 1), whole(w_shape, 2));
        let p = conv2d::Problem { x: slice(&x), x_shape, w: slice(&w), w_shape, options };
        let rungs: Rungs<'_> = vec![
            named("direct", |y| conv2d::direct(&p, y)),
            named("rows", |y| conv2d::rows(&p, y)),
            named("im2col", |y| conv2d::im2col(&p, y)),
            named("the engine", |y| write(y, &x.conv2d(&w, None, options))),
        ];
        let len = p.y_shape().iter().product();
        climb(len, rungs, |name, y, first| assert!(y == first, "{name}: {x_shape:?} * {w_shape:?}, {options:?}"));
    }
}

trait Whole {
    fn map_whole(&self) -> Tensor;
}

impl Whole for Tensor {
    fn map_whole(&self) -> Tensor {
        Tensor::from_vec(self.to_vec().iter().map(|x| x.round()).collect(), self.shape())
    }
}

#[test]
fn every_rung_of_attention_is_the_first() {
    for (heads, t, d) in [(1, 1, 1), (2, 3, 5), (1, 16, 8), (3, 33, 16), (2, 70, 7), (1, 130, 64), (1, 300, 20)] {
        for causal in [false, true] {
            let [q, k, v] = [1, 2, 3].map(|seed| numbers([1, heads, t, d], seed, 0.1, 1.5));
            let scale = 1.0 / (d as f32).sqrt();
            let p =
                attention::Problem { q: slice(&q), k: slice(&k), v: slice(&v), shape: [heads, t, d], causal, scale };
            let sight = if causal { Sight::CAUSAL } else { Sight::ALL };
            let engine = Attention { q: &q, k: &k, v: &v, mask: None, sight, scale };
            let rungs: Rungs<'_> = vec![
                named("matrix", |y| attention::matrix(&p, y)),
                named("products", |y| attention::products(&p, y)),
                named("tiled", |y| attention::tiled(&p, y)),
                named("the engine", |y| write(y, &engine.forward().0)),
            ];
            climb(heads * t * d, rungs, |_, y, first| assert_close!(*y, *first, 1e-5, 2e-5));
        }
    }
}
