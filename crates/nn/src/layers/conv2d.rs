//! Convolution of images.

use super::conv::{draw, per_group};
use crate::Module;
use crate::param::Param;
use glassbox_autograd::Var;
use glassbox_tensor::Conv2dOptions;
use glassbox_tensor::random::Key;

/// `y[n, o, p] = b[o] + Σ over c, i, j of W[o, c, i, j] · x[n, c, p·stride + (i, j)·dilation − padding]`
///
/// x (N, C, H, W) gives y (N, O, H′, W′), where H′ = ⌊(H + above + below − dilation·(kh − 1) − 1) / stride⌋ + 1, and W′
/// likewise. `weight` is (O, C/groups, kh, kw), as PyTorch keeps it. Padding is zeros; for another kind, [`Var::pad`] x
/// first.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::Conv2d;
/// use glassbox_tensor::{Conv2dOptions, Tensor, random::Key};
///
/// let halve = Conv2dOptions { stride: [2, 2], ..Conv2dOptions::padded(1) };
/// let conv = Conv2d::with(3, 16, [3, 3], halve, Key::new(0)).without_bias(); // what follows normalises
/// let x = Var::constant(Tensor::zeros([8, 3, 32, 32]));
/// assert_eq!(conv.forward(&x).shape(), [8, 16, 16, 16]);
/// ```
///
/// Source: LeCun et al. 1989, Backpropagation Applied to Handwritten Zip Code Recognition; Dumoulin & Visin 2016, A
/// guide to convolution arithmetic.
#[derive(Debug, Clone, Module)]
pub struct Conv2d {
    /// W (O, C/groups, kh, kw).
    pub weight: Param,
    /// b (O), if the layer has one.
    pub bias: Option<Param>,
    /// Stride, padding, dilation and groups.
    #[module(skip)]
    pub options: Conv2dOptions,
}

impl Conv2d {
    /// From `inputs` channels to `outputs` channels with a kernel of (kh, kw), stride 1 and no padding.
    ///
    /// ```
    /// # use glassbox_nn::{Conv2d, Module};
    /// let conv = Conv2d::new(3, 16, [5, 5], glassbox_tensor::random::Key::new(0));
    /// assert_eq!(conv.num_parameters(), 16 * 3 * 5 * 5 + 16);
    /// ```
    ///
    /// # Panics
    /// If there is nothing to add up: 0 inputs or a kernel of 0.
    #[track_caller]
    pub fn new(inputs: usize, outputs: usize, kernel: [usize; 2], key: Key) -> Self {
        Self::with(inputs, outputs, kernel, Conv2dOptions::default(), key)
    }

    /// As [`new`](Self::new), with stride, padding, dilation and groups.
    ///
    /// ```
    /// # use glassbox_nn::Conv2d;
    /// # use glassbox_tensor::{Conv2dOptions, random::Key};
    /// let depthwise = Conv2dOptions { groups: 16, ..Conv2dOptions::padded(1) }; // each channel alone
    /// let conv = Conv2d::with(16, 16, [3, 3], depthwise, Key::new(0));
    /// assert_eq!(conv.weight.value().shape(), [16, 1, 3, 3]);
    /// ```
    ///
    /// # Panics
    /// As [`new`](Self::new), and if the groups don't divide both inputs and outputs.
    #[track_caller]
    pub fn with(inputs: usize, outputs: usize, kernel: [usize; 2], options: Conv2dOptions, key: Key) -> Self {
        per_group("Conv2d", "outputs", outputs, options.groups);
        let seen = per_group("Conv2d", "inputs", inputs, options.groups);
        let (weight, bias) = draw(&[outputs, seen, kernel[0], kernel[1]], outputs, key);
        Self { weight, bias, options }
    }

    /// The same without b.
    ///
    /// ```
    /// # use glassbox_nn::Conv2d;
    /// assert!(Conv2d::new(3, 16, [1, 1], glassbox_tensor::random::Key::new(0)).without_bias().bias.is_none());
    /// ```
    #[must_use]
    pub fn without_bias(mut self) -> Self {
        self.bias = None;
        self
    }

    /// y = W ⋆ x + b: (N, C, H, W) -> (N, O, H′, W′).
    ///
    /// # Panics
    /// If x isn't (N, C, H, W), or is smaller than the kernel.
    #[track_caller]
    pub fn forward(&self, x: &Var) -> Var {
        x.conv2d(&self.weight.var(), self.bias.as_ref().map(Param::var).as_ref(), self.options)
    }
}
