//! The transpose of a convolution of sequences, which makes them longer.

use super::conv::{draw, per_group};
use crate::Module;
use crate::param::Param;
use glassbox_autograd::Var;
use glassbox_tensor::ConvTranspose1dOptions;
use glassbox_tensor::random::Key;

/// `y[n, o, q·stride + i·dilation − padding] += W[c, o, i] · x[n, c, q]`, and then `y += b`
///
/// As [`ConvTranspose2d`](crate::ConvTranspose2d), for sequences: x (N, C, L) gives y (N, O, L′), where L′ = (L −
/// 1)·stride − before − after + dilation·(k − 1) + output_padding + 1. `weight` is (C, O/groups, k), as PyTorch keeps
/// it.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::ConvTranspose1d;
/// use glassbox_tensor::{ConvTranspose1dOptions, Tensor, random::Key};
///
/// let double = ConvTranspose1dOptions { stride: 2, padding: (1, 1), ..Default::default() };
/// let conv = ConvTranspose1d::with(16, 8, 4, double, Key::new(0));
/// let x = Var::constant(Tensor::zeros([8, 16, 50]));
/// assert_eq!(conv.forward(&x).shape(), [8, 8, 100]);
/// ```
///
/// Source: Zeiler et al. 2010, Deconvolutional Networks; Dumoulin & Visin 2016, A guide to convolution arithmetic.
#[derive(Debug, Clone, Module)]
pub struct ConvTranspose1d {
    /// W (C, O/groups, k).
    pub weight: Param,
    /// b (O), if the layer has one.
    pub bias: Option<Param>,
    /// Stride, padding, output padding, dilation and groups.
    #[module(skip)]
    pub options: ConvTranspose1dOptions,
}

impl ConvTranspose1d {
    /// From `inputs` channels to `outputs` channels with a kernel of k, stride 1 and no padding.
    ///
    /// ```
    /// # use glassbox_nn::{ConvTranspose1d, Module};
    /// let conv = ConvTranspose1d::new(16, 3, 5, glassbox_tensor::random::Key::new(0));
    /// assert_eq!(conv.num_parameters(), 16 * 3 * 5 + 3);
    /// ```
    ///
    /// # Panics
    /// If there are 0 outputs or a kernel of 0.
    #[track_caller]
    pub fn new(inputs: usize, outputs: usize, kernel: usize, key: Key) -> Self {
        Self::with(inputs, outputs, kernel, ConvTranspose1dOptions::default(), key)
    }

    /// As [`new`](Self::new), with stride, padding, output padding, dilation and groups.
    ///
    /// ```
    /// # use glassbox_nn::ConvTranspose1d;
    /// # use glassbox_tensor::{ConvTranspose1dOptions, random::Key};
    /// let grouped = ConvTranspose1dOptions { groups: 2, ..Default::default() };
    /// assert_eq!(ConvTranspose1d::with(6, 4, 3, grouped, Key::new(0)).weight.value().shape(), [6, 2, 3]);
    /// ```
    ///
    /// # Panics
    /// As [`new`](Self::new), and if the groups don't divide both inputs and outputs.
    #[track_caller]
    pub fn with(inputs: usize, outputs: usize, kernel: usize, options: ConvTranspose1dOptions, key: Key) -> Self {
        per_group("ConvTranspose1d", "inputs", inputs, options.groups);
        let reached = per_group("ConvTranspose1d", "outputs", outputs, options.groups);
        let (weight, bias) = draw(&[inputs, reached, kernel], outputs, key);
        Self { weight, bias, options }
    }

    /// The same without b.
    ///
    /// ```
    /// # use glassbox_nn::ConvTranspose1d;
    /// assert!(ConvTranspose1d::new(3, 16, 1, glassbox_tensor::random::Key::new(0)).without_bias().bias.is_none());
    /// ```
    #[must_use]
    pub fn without_bias(mut self) -> Self {
        self.bias = None;
        self
    }

    /// y = Wᵀ ⋆ x + b: (N, C, L) -> (N, O, L′).
    ///
    /// # Panics
    /// If x isn't (N, C, L), the output padding isn't less than the stride, or the padding cuts off more than there is.
    #[track_caller]
    pub fn forward(&self, x: &Var) -> Var {
        x.conv_transpose1d(&self.weight.var(), self.bias.as_ref().map(Param::var).as_ref(), self.options)
    }
}
