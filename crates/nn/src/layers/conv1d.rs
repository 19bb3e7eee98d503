//! Convolution of sequences.

use super::conv::{draw, per_group};
use crate::Module;
use crate::param::Param;
use glassbox_autograd::Var;
use glassbox_tensor::Conv1dOptions;
use glassbox_tensor::random::Key;

/// `y[n, o, p] = b[o] + Σ over c, i of W[o, c, i] · x[n, c, p·stride + i·dilation − padding]`
///
/// x (N, C, L) gives y (N, O, L′), where L′ = ⌊(L + before + after − dilation·(k − 1) − 1) / stride⌋ + 1. `weight` is
/// (O, C/groups, k), as PyTorch keeps it. Padding is zeros; for another kind, [`Var::pad`] x first.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::Conv1d;
/// use glassbox_tensor::{Conv1dOptions, Tensor, random::Key};
///
/// let causal = Conv1dOptions::causal(2, 4); // output t sees inputs t and t − 4
/// let conv = Conv1d::with(1, 32, 2, causal, Key::new(0));
/// let x = Var::constant(Tensor::zeros([8, 1, 100]));
/// assert_eq!(conv.forward(&x).shape(), [8, 32, 100]);
/// ```
///
/// Source: van den Oord et al. 2016, WaveNet, for causal and dilated ones; Dumoulin & Visin 2016, A guide to
/// convolution arithmetic.
#[derive(Debug, Clone, Module)]
pub struct Conv1d {
    /// W (O, C/groups, k).
    pub weight: Param,
    /// b (O), if the layer has one.
    pub bias: Option<Param>,
    /// Stride, padding, dilation and groups.
    #[module(skip)]
    pub options: Conv1dOptions,
}

impl Conv1d {
    /// From `inputs` channels to `outputs` channels with a kernel of k, stride 1 and no padding.
    ///
    /// ```
    /// # use glassbox_nn::{Conv1d, Module};
    /// let conv = Conv1d::new(3, 16, 5, glassbox_tensor::random::Key::new(0));
    /// assert_eq!(conv.num_parameters(), 16 * 3 * 5 + 16);
    /// ```
    ///
    /// # Panics
    /// If there is nothing to add up: 0 inputs or a kernel of 0.
    #[track_caller]
    pub fn new(inputs: usize, outputs: usize, kernel: usize, key: Key) -> Self {
        Self::with(inputs, outputs, kernel, Conv1dOptions::default(), key)
    }

    /// As [`new`](Self::new), with stride, padding, dilation and groups.
    ///
    /// ```
    /// # use glassbox_nn::Conv1d;
    /// # use glassbox_tensor::{Conv1dOptions, random::Key};
    /// let grouped = Conv1dOptions { groups: 2, ..Conv1dOptions::default() };
    /// assert_eq!(Conv1d::with(6, 4, 3, grouped, Key::new(0)).weight.value().shape(), [4, 3, 3]);
    /// ```
    ///
    /// # Panics
    /// As [`new`](Self::new), and if the groups don't divide both inputs and outputs.
    #[track_caller]
    pub fn with(inputs: usize, outputs: usize, kernel: usize, options: Conv1dOptions, key: Key) -> Self {
        per_group("Conv1d", "outputs", outputs, options.groups);
        let seen = per_group("Conv1d", "inputs", inputs, options.groups);
        let (weight, bias) = draw(&[outputs, seen, kernel], outputs, key);
        Self { weight, bias, options }
    }

    /// The same without b.
    ///
    /// ```
    /// # use glassbox_nn::Conv1d;
    /// assert!(Conv1d::new(3, 16, 1, glassbox_tensor::random::Key::new(0)).without_bias().bias.is_none());
    /// ```
    #[must_use]
    pub fn without_bias(mut self) -> Self {
        self.bias = None;
        self
    }

    /// y = W ⋆ x + b: (N, C, L) -> (N, O, L′).
    ///
    /// # Panics
    /// If x isn't (N, C, L), or is shorter than the kernel.
    #[track_caller]
    pub fn forward(&self, x: &Var) -> Var {
        x.conv1d(&self.weight.var(), self.bias.as_ref().map(Param::var).as_ref(), self.options)
    }
}
