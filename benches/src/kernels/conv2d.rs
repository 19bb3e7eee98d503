//! Convolutions of images, forward and without a bias.

use super::Family;
use super::case::{Case, Expected, Run, TINY, Work, gamma, numbers, replace, within};
use super::gemm::Gemm;
use super::peers::GemmCrate;
use glassbox_tensor::gemm::MatRef;
use glassbox_tensor::ladder::conv2d::{self as ladder, Problem};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Conv2dOptions, Tensor};
use std::rc::Rc;

/// A convolution.
pub trait Conv2d: Sync {
    /// What the table calls it.
    fn name(&self) -> &str;
    /// y (N, O, H', W') of x (N, C, H, W) and w (O, C/groups, kh, kw), all row-major: `x.as_slice()` and `y.make_mut()` are their
    /// floats.
    fn conv2d(&self, x: &Tensor, w: &Tensor, options: &Conv2dOptions, y: &mut Tensor);
    /// Whether this machine has the instructions.
    fn runs_here(&self) -> bool {
        true
    }
}

/// Who takes part. Yours is one word more.
pub const CONTESTANTS: &[&dyn Conv2d] = &[
    &Rung("1 direct", ladder::direct),
    &Rung("2 rows", ladder::rows),
    &Rung("3 im2col", ladder::im2col),
    &Rung("im2col, gemm", im2col_by_gemm),
    &Top,
];

/// The family: [N, C, H, W, O, kernel, stride, padding, groups], everything square.
pub const FAMILY: Family = Family {
    name: "conv2d",
    computes: "y = w ∗ x",
    axis: "channels, 3 × 3 on 8 images of 32 × 32",
    timed: &[
        &[8, 4, 32, 32, 4, 3, 1, 1, 1],
        &[8, 8, 32, 32, 8, 3, 1, 1, 1],
        &[8, 16, 32, 32, 16, 3, 1, 1, 1],
        &[8, 32, 32, 32, 32, 3, 1, 1, 1],
        &[8, 64, 32, 32, 64, 3, 1, 1, 1],
        &[8, 128, 32, 32, 128, 3, 1, 1, 1],
        &[16, 128, 16, 16, 128, 3, 1, 1, 1],
        &[64, 64, 14, 14, 128, 4, 2, 1, 1],
        &[32, 128, 14, 14, 128, 1, 1, 0, 1],
        &[32, 1, 28, 28, 32, 3, 1, 1, 1],
        &[16, 64, 32, 32, 64, 3, 1, 1, 64],
    ],
    awkward: &[
        &[1, 1, 1, 1, 1, 1, 1, 0, 1],
        &[2, 3, 7, 5, 4, 3, 1, 1, 1],
        &[1, 2, 9, 8, 3, 4, 2, 1, 1],
        &[3, 1, 28, 28, 5, 3, 1, 1, 1],
        &[2, 6, 5, 11, 4, 3, 1, 2, 2],
        &[1, 5, 6, 19, 5, 3, 2, 1, 5],
        &[2, 17, 6, 7, 33, 1, 1, 0, 1],
        &[1, 70, 9, 9, 15, 3, 1, 1, 1],
    ],
    case: |size| case_of(CONTESTANTS, size),
};

/// A rung of the ladder.
pub struct Rung(pub &'static str, pub fn(&Problem<'_>, &mut [f32]));

impl Conv2d for Rung {
    fn name(&self) -> &str {
        self.0
    }
    fn conv2d(&self, x: &Tensor, w: &Tensor, options: &Conv2dOptions, y: &mut Tensor) {
        (self.1)(&problem(x, w, options), y.make_mut());
    }
}

fn problem<'a>(x: &'a Tensor, w: &'a Tensor, options: &Conv2dOptions) -> Problem<'a> {
    let four = |x: &Tensor| x.shape().try_into().expect("four axes");
    Problem { x: numbers(x), x_shape: four(x), w: numbers(w), w_shape: four(w), options: *options }
}

/// What anybody can do who has a product: a matrix of windows, and the crate `gemm`.
fn im2col_by_gemm(p: &Problem<'_>, y: &mut [f32]) {
    let [images, outputs, rows, cols] = p.y_shape();
    let [_, channels, kh, kw] = p.w_shape;
    let (groups, pixels, k) = (p.options.groups, rows * cols, channels * kh * kw);
    let each = outputs / groups;
    let mut windows = vec![0.0; k * pixels];
    for (at, y) in y.chunks_exact_mut(each * pixels).enumerate().take(images * groups) {
        ladder::windows(p, at / groups, at % groups, &mut windows);
        let w = MatRef::row_major(&p.w[at % groups * each * k..], each, k);
        GemmCrate.product(w, MatRef::row_major(&windows, k, pixels), y);
    }
}

/// The engine's.
pub struct Top;

impl Conv2d for Top {
    fn name(&self) -> &str {
        "4 Glassbox"
    }
    fn conv2d(&self, x: &Tensor, w: &Tensor, options: &Conv2dOptions, y: &mut Tensor) {
        replace(y, || x.conv2d(w, None, *options));
    }
}

/// Every sum in f64, and what its terms amount to.
fn expected(p: &Problem<'_>) -> Vec<Expected> {
    let ([_, outputs, rows, cols], [_, channels, height, width]) = (p.y_shape(), p.x_shape);
    let ([_, each, kh, kw], Conv2dOptions { stride, padding, dilation, groups, .. }) = (p.w_shape, p.options);
    let inside = |q: usize, t: usize, axis: usize, size: usize| {
        let at = (q * stride[axis] + t * dilation[axis]) as isize - padding[axis].0 as isize;
        (0..size as isize).contains(&at).then_some(at as usize)
    };
    let element = |at: usize| {
        let (n, o, row, col) =
            (at / (outputs * rows * cols), at / (rows * cols) % outputs, at / cols % rows, at % cols);
        let (mut value, mut size) = (0.0, 0.0);
        for (c, i, j) in (0..each).flat_map(|c| (0..kh).flat_map(move |i| (0..kw).map(move |j| (c, i, j)))) {
            let (Some(h), Some(l)) = (inside(row, i, 0, height), inside(col, j, 1, width)) else { continue };
            let image = n * channels + o / (outputs / groups) * each + c;
            let x = f64::from(p.x[(image * height + h) * width + l]);
            let product = x * f64::from(p.w[((o * each + c) * kh + i) * kw + j]);
            (value, size) = (value + product, size + product.abs());
        }
        let k = (each * kh * kw) as f64;
        Expected { value, within: gamma(k) * size + k * TINY }
    };
    (0..p.y_shape().iter().product()).map(element).collect()
}

/// A case for these contestants.
pub fn case_of(contestants: &[&'static dyn Conv2d], size: &[usize]) -> Case {
    let &[n, c, h, w, o, kernel, stride, padding, groups] = size else {
        panic!("a size of conv2d is [N, C, H, W, O, kernel, stride, padding, groups]")
    };
    let options = Conv2dOptions { stride: [stride; 2], groups, ..Conv2dOptions::padded(padding) };
    let x = Tensor::randn([n, c, h, w], Key::new(1));
    let both = Rc::new((x, Tensor::randn([o, c / groups, kernel, kernel], Key::new(2))));
    let shape = problem(&both.0, &both.1, &options).y_shape();
    let mut label = format!("{n} × {c} × {h} × {w} → {o}, {kernel} × {kernel}");
    if stride > 1 {
        label += &format!(", stride {stride}");
    }
    if groups > 1 {
        label += &format!(", {groups} groups");
    }
    let runs = contestants.iter().filter(|c| c.runs_here()).map(|&contestant| {
        let both = Rc::clone(&both);
        Run::new(contestant.name(), move |y| contestant.conv2d(&both.0, &both.1, &options, y))
    });
    let plain = [n, h, w, kernel, stride, groups] == [8, 32, 32, 3, 1, 1];
    Case {
        label,
        at: plain.then_some(c as f64),
        work: Work::Flops(2 * (shape.iter().product::<usize>() * c / groups * kernel * kernel) as u64),
        shape: shape.to_vec(),
        runs: runs.collect(),
        check: Box::new(move |y| within(&expected(&problem(&both.0, &both.1, &options)), y)),
    }
}
