//! Instance normalisation.

use super::batch_norm::check_channels;
use super::running_stats::RunningStats;
use crate::Module;
use crate::context::Context;
use crate::param::Param;
use glassbox_autograd::Var;
use glassbox_tensor::Tensor;

/// y = (x − m) / √(v + eps) · w + b, with the mean m and the variance v of each channel of each example
///
/// x is (N, C, L) or (N, C, H, W), and y of the same shape: one layer for PyTorch's `InstanceNorm1d` and
/// `InstanceNorm2d`. As they, it has by default neither w and b nor averages of training, and does the same in training
/// and evaluation. Where averages are kept, they are over the examples of a batch and over batches, and are what
/// evaluation normalises by.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::{Context, InstanceNorm};
/// use glassbox_tensor::{assert_close, tensor};
///
/// let norm = InstanceNorm::new(2);
/// let y = norm.forward(&Var::constant(tensor![[[1., 3.], [10., 30.]]]), &Context::eval()); // (N 1, C 2, L 2)
/// assert_close!(*y.value(), tensor![[[-1., 1.], [-1., 1.]]], 1e-4);
/// ```
///
/// Source: Ulyanov, Vedaldi & Lempitsky 2016, Instance Normalization: The Missing Ingredient for Fast Stylization.
#[derive(Debug, Clone, Module)]
pub struct InstanceNorm {
    /// w (C), if the layer has one; begins as 1.
    pub weight: Option<Param>,
    /// b (C), if the layer has one; begins as 0.
    pub bias: Option<Param>,
    /// The averages of training, if they are kept. PyTorch counts no batches here, so the count stays 0.
    #[module(flatten)]
    pub stats: Option<RunningStats>,
    #[module(skip)]
    channels: usize,
    /// What is added to the variance.
    #[module(skip)]
    pub eps: f32,
    /// The share of a new batch in the averages.
    #[module(skip)]
    pub momentum: f32,
}

/// What an [`InstanceNorm`] can be told; the defaults are PyTorch's.
///
/// ```
/// use glassbox_nn::{InstanceNorm, InstanceNormOptions, Module};
/// let affine = InstanceNormOptions { affine: true, ..Default::default() };
/// assert_eq!(InstanceNorm::with(8, affine).num_parameters(), 8 + 8);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InstanceNormOptions {
    /// What is added to the variance: 10⁻⁵.
    pub eps: f32,
    /// The share of a new batch in the averages: 0.1.
    pub momentum: f32,
    /// Whether there are w and b: no.
    pub affine: bool,
    /// Whether averages are kept for evaluation: no.
    pub track_running_stats: bool,
}

impl Default for InstanceNormOptions {
    fn default() -> Self {
        Self { eps: 1e-5, momentum: 0.1, affine: false, track_running_stats: false }
    }
}

impl InstanceNorm {
    /// Normalises that many channels; nothing is learned and nothing kept.
    ///
    /// ```
    /// # use glassbox_nn::{InstanceNorm, Module};
    /// assert_eq!(InstanceNorm::new(16).num_parameters(), 0);
    /// ```
    pub fn new(channels: usize) -> Self {
        Self::with(channels, InstanceNormOptions::default())
    }

    /// As [`new`](Self::new), with other options than PyTorch's defaults.
    ///
    /// ```
    /// # use glassbox_nn::{InstanceNorm, InstanceNormOptions, Module};
    /// let tracking = InstanceNormOptions { track_running_stats: true, ..Default::default() };
    /// assert_eq!(InstanceNorm::with(16, tracking).buffers().len(), 3);
    /// ```
    pub fn with(channels: usize, options: InstanceNormOptions) -> Self {
        let InstanceNormOptions { eps, momentum, affine, track_running_stats } = options;
        Self {
            weight: affine.then(|| Param::new(Tensor::ones([channels]))),
            bias: affine.then(|| Param::new(Tensor::zeros([channels]))),
            stats: track_running_stats.then(|| RunningStats::new(channels)),
            channels,
            eps,
            momentum,
        }
    }

    /// (x − m) / √(v + eps) · w + b: (N, C, …) -> (N, C, …). In training, averages that are kept move.
    ///
    /// # Panics
    /// If x isn't (N, C, …), a channel of an example has fewer than two numbers, or eps is less than 0.
    #[track_caller]
    pub fn forward(&self, x: &Var, ctx: &Context) -> Var {
        check_channels("InstanceNorm", x.shape(), self.channels);
        let [w, b] = [&self.weight, &self.bias].map(|p| p.as_ref().map(Param::var));
        if let Some(stats) = self.stats.as_ref().filter(|_| !ctx.is_training()) {
            let (mean, var) = (stats.running_mean.value(), stats.running_var.value());
            return x.batch_norm_with(&mean, &var, w.as_ref(), b.as_ref(), self.eps);
        }
        let y = x.instance_norm(w.as_ref(), b.as_ref(), self.eps);
        if let Some(stats) = &self.stats {
            let inner: Vec<isize> = (2..x.rank() as isize).collect();
            let mean = x.value().mean(&inner, false); // (N, C, …) -> (N, C)
            let var = x.value().var(&inner, 1, false); // with count − 1, as PyTorch
            stats.update(&mean.mean(&[0], false), &var.mean(&[0], false), self.momentum);
        }
        y
    }
}
