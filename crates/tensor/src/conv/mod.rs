//! Convolution as an implicit matrix product: the panels, micro-kernels, threads and order of additions are
//! [`gemm`](crate::gemm)'s, but the second operand is an image seen through a window, and is never stored.
//!
//! Images are (N, C, H, W), weights (O, C/groups, kh, kw), as in PyTorch. Per image and group there are three products:
//!
//! | product | what it computes | file |
//! | --- | --- | --- |
//! | forward | y = W · windows(x): (O × K) · (K × P), with K = C/groups·kh·kw and P outputs | `correlate.rs` |
//! | input gradient | the same with dy in place of x and the kernel backwards; with a stride, one product for each phase | `correlate.rs` |
//! | weight gradient | dW = Σ over images of dy · windows(x)ᵀ: (O × P) · (P × K) | `weight.rs` |
//!
//! A vector holds outputs of one channel, side by side in a row, where rows fill vectors; otherwise channels of one output, which
//! waste no lanes however wide a row is: `tile.rs` has the micro-kernel for those.
//! `window.rs` knows which element a tap reads, `copy.rs` puts those of neighbouring outputs side by side, `cut.rs`, `bands.rs` and
//! `units.rs` are what tasks are made of, `depthwise.rs` is for channels that are alone in their groups, and `options.rs` has shapes
//! and errors.
//!
//! # How far it may be off
//!
//! |y − y₆₄| ≤ γ_K·(|W| ∗ |x|) + K·2⁻¹⁴⁹, with γ_K = K·u / (1 − K·u), u = 2⁻²⁴, and one term more with a bias: it is a sum of K
//! products, and the bound holds for any order of them. For the weight gradient K is the number of outputs of all images.
//!
//! # Padding, NaN and infinity
//!
//! Padding is zeros, which are multiplied like any other element: an infinite weight gives NaN where it meets padding. An
//! element of x reaches the outputs whose windows hold it, even where a weight is zero (0 · NaN is NaN), and no others.
//! So it is in the gradient of the weights, where dy meets the padding, and in a transposed convolution: a tap that falls
//! beside x multiplies a zero. What would lie between the inputs of a transposed convolution with a stride is multiplied by nothing.

mod bands;
mod copy;
mod correlate;
mod cut;
mod depthwise;
mod options;
mod tile;
mod units;
mod weight;
mod window;

pub use options::{
    Conv1dOptions, Conv2dOptions, ConvTranspose1dOptions, ConvTranspose2dOptions, conv_transpose1d_shape,
    conv_transpose2d_shape, conv1d_shape, conv2d_shape, conv2d_weight_shape,
};

use crate::gemm::{Epilogue, MatRef, sgemm_batch};
use crate::simd::Isa;
use crate::tensor::Tensor;
use correlate::{Correlation, Weights, correlate};
use weight::{WeightGradient, weight_gradient};
use window::{Axis, Phase};

/// The two axes of a convolution from images of `image` to outputs of `out`.
fn axes(image: &[usize], out: &[usize], kernel: &[usize], options: &Conv2dOptions) -> [Axis; 2] {
    std::array::from_fn(|a| Axis {
        image: image[a],
        taps: kernel[a],
        stride: options.stride[a],
        dilation: options.dilation[a],
        before: options.padding[a].0 as isize,
        out: out[a],
    })
}

/// Whether each output reads one pixel of all channels, and each pixel is read once: a plain product.
fn is_pointwise(w: &[usize], options: &Conv2dOptions) -> bool {
    w[2..] == [1, 1] && options.stride == [1, 1] && options.padding == [(0, 0); 2] && options.groups == 1
}

/// Images that are tasks enough for any number of threads.
const MANY_IMAGES: usize = 16;

/// Height and width. Those of a pointwise convolution are one long row, unless there are so few images that their rows are shared out.
fn sizes(of: &[usize], pointwise: bool, images: usize) -> [usize; 2] {
    if pointwise && images >= MANY_IMAGES { [1, of[2] * of[3]] } else { [of[2], of[3]] }
}

/// A pointwise convolution as a product for each image.
fn products(a: MatRef<'_>, problem: &Correlation<'_>, y: &mut [f32]) {
    let (channels, pixels) = (a.cols(), problem.out[0] * problem.out[1]);
    let image = |n: usize| MatRef::row_major(&problem.x[n * channels * pixels..], channels, pixels);
    let epilogue = Epilogue { row_bias: problem.bias, ..Epilogue::default() };
    sgemm_batch(Isa::current(), problem.images, |_| a, image, y, &epilogue);
}

impl Tensor {
    /// A convolution: y[n, o, p] = Σ over c, i, j of w[o, c, i, j] · x[n, c, window p at (i, j)] + b\[o\], for x (N, C, H, W), w (O, C/groups, kh,
    /// kw) and b (O); y is (N, O, H′, W′) with the sizes of [`Conv2dOptions`].
    ///
    /// ```
    /// use glassbox_tensor::{Conv2dOptions, Tensor, tensor};
    /// let x = tensor![[1., 2., 3.], [4., 5., 6.], [7., 8., 9.]].reshape([1, 1, 3, 3]);
    /// let w = Tensor::ones([1, 1, 2, 2]);
    /// let y = x.conv2d(&w, None, Conv2dOptions::default()); // (1, 1, 3, 3) * (1, 1, 2, 2) -> (1, 1, 2, 2)
    /// assert_eq!(y, tensor![[12., 16.], [24., 28.]].reshape([1, 1, 2, 2]));
    /// ```
    ///
    /// # Panics
    /// When the channels don't fit the weights or the groups, the kernel is larger than the padded image, or it hasn't the
    /// taps that are asked for.
    #[track_caller]
    pub fn conv2d(&self, weight: &Tensor, bias: Option<&Tensor>, options: Conv2dOptions) -> Tensor {
        let shape = conv2d_shape(self.shape(), weight.shape(), bias.map(Tensor::shape), &options);
        let (x, w, b) = (self.contiguous(), weight.contiguous(), bias.map(Tensor::contiguous));
        let (x, w, b) = (elements(&x), elements(&w), b.as_ref().map(elements));
        let mut y = Tensor::for_overwrite(&shape);
        let (&[images, channels, ..], &[outputs, _, kh, kw]) = (self.shape(), weight.shape()) else { unreachable!() };
        let groups = options.groups;
        let pointwise = is_pointwise(weight.shape(), &options);
        let [image, out] = [self.shape(), &shape].map(|shape| sizes(shape, pointwise, images));
        let [rows, cols] = axes(&image, &out, &[kh, kw], &options);
        let (rows_of_group, channels) = (outputs / groups, channels / groups);
        let row = channels * kh * kw;
        let problem = Correlation {
            images,
            groups,
            rows: rows_of_group,
            channels,
            phases: [Phase::all(rows), Phase::all(cols)],
            out,
            x,
            weights: Weights { data: w, group: rows_of_group * row, row, channel: kh * kw, width: kw },
            taps: options.taps_of([kh, kw]),
            bias: b,
        };
        if pointwise && !problem.is_by_channels(Isa::current()) {
            products(MatRef::row_major(w, outputs, channels), &problem, y.make_mut());
            return y;
        }
        correlate(Isa::current(), &problem, y.make_mut());
        y
    }

    /// A transposed convolution: the transpose, as a matrix, of the convolution with the same w, for x (N, C, H, W), w (C, O/groups,
    /// kh, kw) and b (O). Element (n, c, q) of x times w[c, o, i, j] is added to y[n, o, p] where the window of q has p at (i, j);
    /// y has the sizes of [`ConvTranspose2dOptions`]. Also the gradient of [`conv2d`](Self::conv2d) with respect to its x.
    ///
    /// ```
    /// use glassbox_tensor::{ConvTranspose2dOptions, Tensor, tensor};
    /// let x = tensor![[1., 2.], [3., 4.]].reshape([1, 1, 2, 2]);
    /// let doubled = ConvTranspose2dOptions { stride: [2, 2], ..Default::default() };
    /// let y = x.conv_transpose2d(&Tensor::ones([1, 1, 2, 2]), None, doubled); // (1, 1, 2, 2) -> (1, 1, 4, 4)
    /// let rows = tensor![[1., 1., 2., 2.], [1., 1., 2., 2.], [3., 3., 4., 4.], [3., 3., 4., 4.]];
    /// assert_eq!(y, rows.reshape([1, 1, 4, 4]));
    /// ```
    ///
    /// # Panics
    /// When the channels don't fit the weights or the groups, or the padding cuts off everything.
    #[track_caller]
    pub fn conv_transpose2d(&self, weight: &Tensor, bias: Option<&Tensor>, options: ConvTranspose2dOptions) -> Tensor {
        let shape = conv_transpose2d_shape(self.shape(), weight.shape(), bias.map(Tensor::shape), &options);
        let (x, w, b) = (self.contiguous(), weight.contiguous(), bias.map(Tensor::contiguous));
        let (x, w, b) = (elements(&x), elements(&w), b.as_ref().map(elements));
        let mut y = Tensor::for_overwrite(&shape);
        let (&[images, channels, ..], &[_, outputs, kh, kw]) = (self.shape(), weight.shape()) else { unreachable!() };
        let (groups, forward) = (options.groups, options.forward());
        let pointwise = is_pointwise(weight.shape(), &forward);
        let [image, out] = [self.shape(), &shape].map(|shape| sizes(shape, pointwise, images));
        let phases = axes(&out, &image, &[kh, kw], &forward).map(|axis| Phase::transposed(&axis));
        let channels = channels / groups;
        let problem = Correlation {
            images,
            groups,
            rows: outputs,
            channels,
            phases,
            out,
            x,
            weights: Weights {
                data: w,
                group: channels * outputs * kh * kw,
                row: kh * kw,
                channel: outputs * kh * kw,
                width: kw,
            },
            taps: forward.taps_of([kh, kw]),
            bias: b,
        };
        if pointwise && !problem.is_by_channels(Isa::current()) {
            products(MatRef::row_major(w, channels, outputs).t(), &problem, y.make_mut());
            return y;
        }
        correlate(Isa::current(), &problem, y.make_mut());
        y
    }

    /// The gradient of [`conv2d`](Self::conv2d) with respect to its weights: dw[o, c, i, j] = Σ over n, p of dy[n, o, p] · x[n, c, window p at (i, j)],
    /// for this x (N, C, H, W), dy (N, O, H′, W′) and a kernel (kh, kw); dw is (O, C/groups, kh, kw).
    ///
    /// ```
    /// use glassbox_tensor::{Conv2dOptions, Tensor, tensor};
    /// let x = tensor![[1., 2., 3.], [4., 5., 6.], [7., 8., 9.]].reshape([1, 1, 3, 3]);
    /// let dy = Tensor::ones([1, 1, 2, 2]);
    /// let dw = x.conv2d_weight(&dy, [2, 2], Conv2dOptions::default());
    /// assert_eq!(dw, tensor![[12., 16.], [24., 28.]].reshape([1, 1, 2, 2]));
    /// ```
    ///
    /// # Panics
    /// When dy is not of the shape that the convolution gives, or what [`conv2d`](Self::conv2d) refuses.
    #[track_caller]
    pub fn conv2d_weight(&self, dy: &Tensor, kernel: [usize; 2], options: Conv2dOptions) -> Tensor {
        let shape = conv2d_weight_shape(self.shape(), dy.shape(), kernel, &options);
        let (x, dy) = (self.contiguous(), dy.contiguous());
        let mut dw = Tensor::for_overwrite(&shape);
        let problem = WeightGradient {
            images: self.shape()[0],
            groups: options.groups,
            rows: shape[0] / options.groups,
            channels: shape[1],
            axes: axes(&x.shape()[2..], &dy.shape()[2..], &kernel, &options),
            taps: options.taps_of(kernel),
            x: elements(&x),
            dy: elements(&dy),
        };
        weight_gradient(Isa::current(), &problem, dw.make_mut());
        dw
    }

    /// A convolution of sequences: [`conv2d`](Self::conv2d) for x (N, C, L), w (O, C/groups, k) and b (O) -> (N, O, L′).
    ///
    /// ```
    /// use glassbox_tensor::{Conv1dOptions, Tensor, tensor};
    /// let x = tensor![1., 2., 3., 4.].reshape([1, 1, 4]);
    /// let y = x.conv1d(&Tensor::ones([1, 1, 2]), None, Conv1dOptions::causal(2, 1)); // xₜ₋₁ + xₜ
    /// assert_eq!(y, tensor![1., 3., 5., 7.].reshape([1, 1, 4]));
    /// ```
    ///
    /// # Panics
    /// As [`conv2d`](Self::conv2d).
    #[track_caller]
    pub fn conv1d(&self, weight: &Tensor, bias: Option<&Tensor>, options: Conv1dOptions) -> Tensor {
        let shape = conv1d_shape(self.shape(), weight.shape(), bias.map(Tensor::shape), &options);
        self.unsqueeze(2).conv2d(&weight.unsqueeze(2), bias, options.as_2d()).reshape(shape)
    }

    /// A transposed convolution of sequences: [`conv_transpose2d`](Self::conv_transpose2d) for x (N, C, L), w (C, O/groups, k) and b (O).
    ///
    /// ```
    /// use glassbox_tensor::{ConvTranspose1dOptions, Tensor, tensor};
    /// let x = tensor![1., 2.].reshape([1, 1, 2]);
    /// let doubled = ConvTranspose1dOptions { stride: 2, ..Default::default() };
    /// let y = x.conv_transpose1d(&Tensor::ones([1, 1, 2]), None, doubled); // (1, 1, 2) -> (1, 1, 4)
    /// assert_eq!(y, tensor![1., 1., 2., 2.].reshape([1, 1, 4]));
    /// ```
    ///
    /// # Panics
    /// As [`conv_transpose2d`](Self::conv_transpose2d).
    #[track_caller]
    pub fn conv_transpose1d(&self, weight: &Tensor, bias: Option<&Tensor>, options: ConvTranspose1dOptions) -> Tensor {
        let shape = conv_transpose1d_shape(self.shape(), weight.shape(), bias.map(Tensor::shape), &options);
        self.unsqueeze(2).conv_transpose2d(&weight.unsqueeze(2), bias, options.as_2d()).reshape(shape)
    }
}

/// The elements of a contiguous tensor.
fn elements(x: &Tensor) -> &[f32] {
    x.as_slice().expect("made contiguous")
}
