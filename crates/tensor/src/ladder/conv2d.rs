//! Convolution of images, y[n, o, p] = Σ over c, i, j of w[o, c, i, j]·x[n, c, window p at (i, j)], for x (N, C, H, W), w (O, C/groups,
//! kh, kw) and y (N, O, H', W'), all row-major.
//!
//! Each output is a sum of K = C/groups·kh·kw products: 2·N·O·H'·W'·K operations, on 4·(|x| + |w| + |y|) bytes. Each element of x
//! is used by kh·kw windows of O filters; the rungs differ in where it lies the second time.
//!
//! |y − y₆₄| ≤ γ_K·(|w| ∗ |x|) holds for each of them, since it holds for any order of the additions.

use crate::gemm::{Epilogue, MatMut, MatRef, product};
use crate::simd::Isa;
use crate::{Conv2dOptions, conv2d_shape};
use std::ops::Range;

/// What a rung reads.
///
/// ```
/// use glassbox_tensor::{Conv2dOptions, ladder::conv2d::{Problem, direct}};
/// let x = [1., 2., 3., 4., 5., 6., 7., 8., 9.];
/// let problem = Problem {
///     x: &x,
///     x_shape: [1, 1, 3, 3],
///     w: &[1.; 4],
///     w_shape: [1, 1, 2, 2],
///     options: Conv2dOptions::default(),
/// };
/// let mut y = [0.0; 4];
/// assert_eq!(problem.y_shape(), [1, 1, 2, 2]);
/// direct(&problem, &mut y);
/// assert_eq!(y, [12., 16., 24., 28.]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Problem<'a> {
    /// Images.
    pub x: &'a [f32],
    /// (N, C, H, W).
    pub x_shape: [usize; 4],
    /// Weights.
    pub w: &'a [f32],
    /// (O, C/groups, kh, kw).
    pub w_shape: [usize; 4],
    /// Stride, padding, dilation, groups.
    pub options: Conv2dOptions,
}

impl Problem<'_> {
    /// (N, O, H', W').
    ///
    /// # Panics
    /// When the channels don't fit the weights or the groups, or the kernel is larger than the padded image.
    #[track_caller]
    pub fn y_shape(&self) -> [usize; 4] {
        let shape = conv2d_shape(&self.x_shape, &self.w_shape, None, &self.options);
        (*shape).try_into().expect("four axes")
    }

    /// The shape of y, when all slices are as long as their shapes say.
    #[track_caller]
    fn check(&self, y: &[f32]) -> [usize; 4] {
        let shape = self.y_shape();
        for (name, len, shape) in
            [("x", self.x.len(), self.x_shape), ("w", self.w.len(), self.w_shape), ("y", y.len(), shape)]
        {
            assert!(len == shape.iter().product::<usize>(), "conv2d: {name} has {len} elements, {shape:?} has not");
        }
        shape
    }

    /// The element along an axis (0 down, 1 across) that tap t of output q reads, if it lies in the image.
    #[inline(always)]
    fn element(&self, axis: usize, q: usize, t: usize) -> Option<usize> {
        let Conv2dOptions { stride, padding, dilation, .. } = &self.options;
        let at = (q * stride[axis] + t * dilation[axis]).checked_sub(padding[axis].0)?;
        (at < self.x_shape[2 + axis]).then_some(at)
    }

    /// The outputs across of which tap t lies in the image.
    fn inside(&self, t: usize, outputs: usize) -> Range<usize> {
        let reads = |q: usize| self.element(1, q, t).is_some();
        let first = (0..outputs).find(|&q| reads(q)).unwrap_or(outputs);
        let last = (first..outputs).rev().find(|&q| reads(q)).map_or(first, |q| q + 1);
        first..last
    }
}

/// Rung 1, the definition: for each output a sum over channels and taps, zeros outside of the image left out.
///
/// One chain of K additions for each output, and for each of its steps the question whether the tap lies in the image.
///
/// # Panics
/// When sizes don't fit.
#[track_caller]
pub fn direct(p: &Problem<'_>, y: &mut [f32]) {
    let ([_, outputs, rows, cols], [_, channels, height, width]) = (p.check(y), p.x_shape);
    let [_, c_group, kh, kw] = p.w_shape;
    let of_group = outputs / p.options.groups;
    for (at, y) in y.iter_mut().enumerate() {
        let (n, o, row, col) =
            (at / (outputs * rows * cols), at / (rows * cols) % outputs, at / cols % rows, at % cols);
        let mut sum = 0.0;
        for c in 0..c_group {
            let image = n * channels + o / of_group * c_group + c;
            for i in 0..kh {
                for j in 0..kw {
                    if let (Some(h), Some(l)) = (p.element(0, row, i), p.element(1, col, j)) {
                        sum += p.w[((o * c_group + c) * kh + i) * kw + j] * p.x[(image * height + h) * width + l];
                    }
                }
            }
        }
        *y = sum;
    }
}

/// Rung 2: the same additions in an order that compilers like.
///
/// What differs from [`direct`]:
/// 1. The loop over a row of outputs is the innermost: one weight times a piece of a row of x is added to a row of y. Where the
///    stride is 1 both are contiguous, so the compiler makes vectors of it, and no addition waits for its neighbour.
/// 2. Where a tap leaves the image is decided once for each row, not for each product.
///
/// What still costs: each multiply-add loads and stores an element of y, as in the second rung of
/// [`gemm`](crate::gemm::blocked).
///
/// ```
/// use glassbox_tensor::{Conv2dOptions, ladder::conv2d::{Problem, rows}};
/// let (x, w) = (&[1., 2., 3.], &[1., 10., 100.]);
/// let options = Conv2dOptions { padding: [(0, 0), (1, 1)], ..Conv2dOptions::default() };
/// let mut y = [0.0; 3];
/// rows(&Problem { x, x_shape: [1, 1, 1, 3], w, w_shape: [1, 1, 1, 3], options }, &mut y);
/// assert_eq!(y, [210., 321., 32.]);
/// ```
///
/// # Panics
/// When sizes don't fit.
#[track_caller]
pub fn rows(p: &Problem<'_>, y: &mut [f32]) {
    let ([_, outputs, rows, cols], [_, channels, height, width]) = (p.check(y), p.x_shape);
    let [_, c_group, kh, kw] = p.w_shape;
    let (of_group, step) = (outputs / p.options.groups, p.options.stride[1]);
    let inside: Vec<Range<usize>> = (0..kw).map(|j| p.inside(j, cols)).collect();
    for (at, y) in y.chunks_exact_mut(cols).enumerate() {
        let (n, o, row) = (at / (outputs * rows), at / rows % outputs, at % rows);
        y.fill(0.0);
        for c in 0..c_group {
            let image = n * channels + o / of_group * c_group + c;
            for i in 0..kh {
                let Some(h) = p.element(0, row, i) else { continue };
                let x = &p.x[(image * height + h) * width..][..width];
                for (j, inside) in inside.iter().enumerate().filter(|(_, inside)| !inside.is_empty()) {
                    let w = p.w[((o * c_group + c) * kh + i) * kw + j];
                    let first = p.element(1, inside.start, j).expect("inside says so");
                    let y = &mut y[inside.clone()];
                    match step {
                        1 => y.iter_mut().zip(&x[first..]).for_each(|(y, x)| *y += w * x),
                        _ => y.iter_mut().zip(x[first..].iter().step_by(step)).for_each(|(y, x)| *y += w * x),
                    }
                }
            }
        }
    }
}

/// Rung 3: a matrix of windows, and a product (Chellapilla, Puri and Simard 2006).
///
/// What differs from [`rows`]:
/// 1. The windows of an image and group are written side by side into a matrix of K rows (channel and tap) and H'·W' columns, zeros
///    where a tap leaves the image. Then y = W·windows is a product of (O/groups × K) and (K × H'·W'), and everything that the
///    ladder of [`gemm`](crate::gemm) knows is there for nothing.
/// 2. The price is memory: each element of x is copied kh·kw times. For a kernel of 3 × 3 that is 9·|x| floats, written and
///    read again, where the image may have lain in a cache.
///
/// The top, [`Tensor::conv2d`](crate::Tensor::conv2d), is this product without its matrix: the micro-kernel reads the windows out of a
/// padded copy of the image in the order in which a packed panel would hold them, so one copy of x replaces kh·kw.
///
/// ```
/// use glassbox_tensor::{Conv2dOptions, ladder::conv2d::{Problem, im2col}};
/// let (x, w) = (&[1., 2., 3., 4.], &[1., 1., 1., 1., 0., 0., 0., 2.]);
/// let p = Problem { x, x_shape: [1, 1, 2, 2], w, w_shape: [2, 1, 2, 2], options: Conv2dOptions::default() };
/// let mut y = [0.0; 2];
/// im2col(&p, &mut y);
/// assert_eq!(y, [10., 8.]);
/// ```
///
/// # Panics
/// When sizes don't fit.
#[track_caller]
pub fn im2col(p: &Problem<'_>, y: &mut [f32]) {
    let [images, outputs, rows, cols] = p.check(y);
    let [_, c_group, kh, kw] = p.w_shape;
    let (groups, pixels, k) = (p.options.groups, rows * cols, c_group * kh * kw);
    let of_group = outputs / groups;
    let mut b = vec![0.0; k * pixels];
    for (n, g) in (0..images).flat_map(|n| (0..groups).map(move |g| (n, g))) {
        windows(p, n, g, &mut b);
        let w = MatRef::row_major(&p.w[g * of_group * k..], of_group, k);
        let y = &mut y[(n * groups + g) * of_group * pixels..][..of_group * pixels];
        let (b, c) = (MatRef::row_major(&b, k, pixels), MatMut::row_major(y, of_group, pixels));
        product(Isa::current(), w, b, c, &Epilogue::default()); // (O/groups, K) × (K, H'·W')
    }
}

/// The matrix of windows of image n and group g, (C/groups·kh·kw, H'·W'): what each tap of each channel reads for each output.
///
/// ```
/// use glassbox_tensor::{Conv2dOptions, ladder::conv2d::{Problem, windows}};
/// let (x, w) = (&[1., 2., 3.], &[0.; 2]);
/// let p = Problem { x, x_shape: [1, 1, 1, 3], w, w_shape: [1, 1, 1, 2], options: Conv2dOptions::padded(0) };
/// let mut out = [0.0; 4];
/// windows(&p, 0, 0, &mut out);
/// assert_eq!(out, [1., 2., 2., 3.]); // the left of each pair, then the right
/// ```
///
/// # Panics
/// When there is no such image or group, or `out` is too short.
pub fn windows(p: &Problem<'_>, n: usize, g: usize, out: &mut [f32]) {
    let ([_, _, rows, cols], [_, channels, height, width]) = (p.y_shape(), p.x_shape);
    let [_, c_group, kh, kw] = p.w_shape;
    let taps = (0..c_group).flat_map(|c| (0..kh).flat_map(move |i| (0..kw).map(move |j| (c, i, j))));
    for (at, (c, i, j)) in taps.enumerate() {
        let image = n * channels + g * c_group + c;
        let inside = p.inside(j, cols);
        for (row, out) in out[at * rows * cols..][..rows * cols].chunks_exact_mut(cols).enumerate() {
            out.fill(0.0);
            let (Some(h), false) = (p.element(0, row, i), inside.is_empty()) else { continue };
            let first = p.element(1, inside.start, j).expect("inside says so");
            let x = p.x[(image * height + h) * width..][first..width].iter().step_by(p.options.stride[1]);
            out[inside.clone()].iter_mut().zip(x).for_each(|(out, x)| *out = *x);
        }
    }
}
