//! The transpose of a convolution of images, which makes them larger.

use super::conv::{draw, per_group};
use crate::Module;
use crate::param::Param;
use glassbox_autograd::Var;
use glassbox_tensor::ConvTranspose2dOptions;
use glassbox_tensor::random::Key;

/// `y[n, o, q·stride + (i, j)·dilation − padding] += W[c, o, i, j] · x[n, c, q]`, and then `y += b`
///
/// The transpose of the matrix that a convolution is: each x is sent to all that such a convolution would have made it
/// from. x (N, C, H, W) gives y (N, O, H′, W′), where H′ = (H − 1)·stride − above − below + dilation·(kh − 1) +
/// output_padding + 1, and W′ likewise. `weight` is (C, O/groups, kh, kw), as PyTorch keeps it.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::ConvTranspose2d;
/// use glassbox_tensor::{ConvTranspose2dOptions, Tensor, random::Key};
///
/// let double = ConvTranspose2dOptions { stride: [2, 2], padding: [(1, 1), (1, 1)], ..Default::default() };
/// let conv = ConvTranspose2d::with(16, 3, [4, 4], double, Key::new(0)); // a multiple of the stride: no chequerboard
/// let x = Var::constant(Tensor::zeros([8, 16, 14, 14]));
/// assert_eq!(conv.forward(&x).shape(), [8, 3, 28, 28]);
/// ```
///
/// Source: Zeiler et al. 2010, Deconvolutional Networks; Dumoulin & Visin 2016, A guide to convolution arithmetic;
/// Odena et al. 2016, Deconvolution and Checkerboard Artifacts, for the choice of the kernel.
#[derive(Debug, Clone, Module)]
pub struct ConvTranspose2d {
    /// W (C, O/groups, kh, kw).
    pub weight: Param,
    /// b (O), if the layer has one.
    pub bias: Option<Param>,
    /// Stride, padding, output padding, dilation and groups.
    #[module(skip)]
    pub options: ConvTranspose2dOptions,
}

impl ConvTranspose2d {
    /// From `inputs` channels to `outputs` channels with a kernel of (kh, kw), stride 1 and no padding.
    ///
    /// ```
    /// # use glassbox_nn::{ConvTranspose2d, Module};
    /// let conv = ConvTranspose2d::new(16, 3, [5, 5], glassbox_tensor::random::Key::new(0));
    /// assert_eq!(conv.num_parameters(), 16 * 3 * 5 * 5 + 3);
    /// ```
    ///
    /// # Panics
    /// If there are 0 outputs or a kernel of 0.
    #[track_caller]
    pub fn new(inputs: usize, outputs: usize, kernel: [usize; 2], key: Key) -> Self {
        Self::with(inputs, outputs, kernel, ConvTranspose2dOptions::default(), key)
    }

    /// As [`new`](Self::new), with stride, padding, output padding, dilation and groups.
    ///
    /// ```
    /// # use glassbox_nn::ConvTranspose2d;
    /// # use glassbox_tensor::{ConvTranspose2dOptions, random::Key};
    /// let grouped = ConvTranspose2dOptions { groups: 2, ..Default::default() };
    /// assert_eq!(ConvTranspose2d::with(6, 4, [3, 3], grouped, Key::new(0)).weight.value().shape(), [6, 2, 3, 3]);
    /// ```
    ///
    /// # Panics
    /// As [`new`](Self::new), and if the groups don't divide both inputs and outputs.
    #[track_caller]
    pub fn with(inputs: usize, outputs: usize, kernel: [usize; 2], options: ConvTranspose2dOptions, key: Key) -> Self {
        per_group("ConvTranspose2d", "inputs", inputs, options.groups);
        let reached = per_group("ConvTranspose2d", "outputs", outputs, options.groups);
        let (weight, bias) = draw(&[inputs, reached, kernel[0], kernel[1]], outputs, key);
        Self { weight, bias, options }
    }

    /// The same without b.
    ///
    /// ```
    /// # use glassbox_nn::ConvTranspose2d;
    /// # use glassbox_tensor::random::Key;
    /// assert!(ConvTranspose2d::new(3, 16, [1, 1], Key::new(0)).without_bias().bias.is_none());
    /// ```
    #[must_use]
    pub fn without_bias(mut self) -> Self {
        self.bias = None;
        self
    }

    /// y = Wᵀ ⋆ x + b: (N, C, H, W) -> (N, O, H′, W′).
    ///
    /// # Panics
    /// If x isn't (N, C, H, W), the output padding isn't less than the stride, or the padding cuts off more than there
    /// is.
    #[track_caller]
    pub fn forward(&self, x: &Var) -> Var {
        x.conv_transpose2d(&self.weight.var(), self.bias.as_ref().map(Param::var).as_ref(), self.options)
    }
}
