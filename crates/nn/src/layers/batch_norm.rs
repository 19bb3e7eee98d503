//! Batch normalisation.

use super::running_stats::RunningStats;
use crate::Module;
use crate::context::Context;
use crate::param::Param;
use glassbox_autograd::Var;
use glassbox_tensor::{Tensor, counted};

/// y = (x − m) / √(v + eps) · w + b, with the mean m and the variance v of each channel over the batch
///
/// x is (N, C), (N, C, L) or (N, C, H, W), and y of the same shape: one layer for PyTorch's `BatchNorm1d` and
/// `BatchNorm2d`.
///
/// | | m and v |
/// | --- | --- |
/// | training | the batch's own, Σ (x − m)² / count; their average is kept as well, there of Σ (x − m)² / (count − 1) |
/// | evaluation | the average of training, as constants; the batch's own where none is kept |
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::{BatchNorm, Context};
/// use glassbox_tensor::{assert_close, random::Key, tensor};
///
/// let norm = BatchNorm::new(2);
/// let x = Var::constant(tensor![[1., 10.], [3., 30.]]); // (N 2, C 2)
/// let y = norm.forward(&x, &Context::train(Key::new(0)));
/// assert_close!(*y.value(), tensor![[-1., -1.], [1., 1.]], 1e-4);
/// let stats = norm.stats.as_ref().expect("kept by default");
/// assert_close!(stats.running_mean.value(), tensor![0.2, 2.], 1e-6); // a tenth of the way from 0 to (2, 20)
/// ```
///
/// Source: Ioffe & Szegedy 2015, Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
/// Shift.
#[derive(Debug, Clone, Module)]
pub struct BatchNorm {
    /// w (C), if the layer has one; begins as 1.
    pub weight: Option<Param>,
    /// b (C), if the layer has one; begins as 0.
    pub bias: Option<Param>,
    /// The averages of training, if they are kept.
    #[module(flatten)]
    pub stats: Option<RunningStats>,
    #[module(skip)]
    channels: usize,
    /// What is added to the variance.
    #[module(skip)]
    pub eps: f32,
    /// The share of a new batch in the averages; `None` makes them the plain means over all batches.
    #[module(skip)]
    pub momentum: Option<f32>,
}

/// What a [`BatchNorm`] can be told; the defaults are PyTorch's.
///
/// ```
/// use glassbox_nn::{BatchNorm, BatchNormOptions, Module};
/// let plain = BatchNormOptions { affine: false, track_running_stats: false, ..Default::default() };
/// assert!(BatchNorm::with(8, plain).parameters().is_empty());
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNormOptions {
    /// What is added to the variance: 10⁻⁵.
    pub eps: f32,
    /// The share of a new batch in the averages, 0.1; `None` makes them the plain means over all batches.
    pub momentum: Option<f32>,
    /// Whether there are w and b: yes.
    pub affine: bool,
    /// Whether averages are kept for evaluation: yes.
    pub track_running_stats: bool,
}

impl Default for BatchNormOptions {
    fn default() -> Self {
        Self { eps: 1e-5, momentum: Some(0.1), affine: true, track_running_stats: true }
    }
}

impl BatchNorm {
    /// Normalises that many channels, with w, b and running averages.
    ///
    /// ```
    /// # use glassbox_nn::{BatchNorm, Module};
    /// let norm = BatchNorm::new(16);
    /// assert_eq!((norm.num_parameters(), norm.buffers().len()), (16 + 16, 3));
    /// ```
    pub fn new(channels: usize) -> Self {
        Self::with(channels, BatchNormOptions::default())
    }

    /// As [`new`](Self::new), with other options than PyTorch's defaults.
    ///
    /// ```
    /// # use glassbox_nn::{BatchNorm, BatchNormOptions};
    /// let norm = BatchNorm::with(16, BatchNormOptions { momentum: None, ..Default::default() });
    /// assert!(norm.weight.is_some());
    /// ```
    pub fn with(channels: usize, options: BatchNormOptions) -> Self {
        let BatchNormOptions { eps, momentum, affine, track_running_stats } = options;
        Self {
            weight: affine.then(|| Param::new(Tensor::ones([channels]))),
            bias: affine.then(|| Param::new(Tensor::zeros([channels]))),
            stats: track_running_stats.then(|| RunningStats::new(channels)),
            channels,
            eps,
            momentum,
        }
    }

    /// (x − m) / √(v + eps) · w + b: (N, C, …) -> (N, C, …). In training, the averages move.
    ///
    /// # Panics
    /// If x isn't (N, C, …), eps is less than 0, or the variance is the batch's own and there are fewer than two
    /// numbers of a channel.
    #[track_caller]
    pub fn forward(&self, x: &Var, ctx: &Context) -> Var {
        check_channels("BatchNorm", x.shape(), self.channels);
        let [w, b] = [&self.weight, &self.bias].map(|p| p.as_ref().map(Param::var));
        if let Some(stats) = self.stats.as_ref().filter(|_| !ctx.is_training()) {
            let (mean, var) = (stats.running_mean.value(), stats.running_var.value());
            return x.batch_norm_with(&mean, &var, w.as_ref(), b.as_ref(), self.eps);
        }
        let (y, batch) = x.batch_norm(w.as_ref(), b.as_ref(), self.eps);
        if let Some(stats) = &self.stats {
            let seen = stats.count_batch();
            stats.update(&batch.mean, &batch.unbiased_var(), self.momentum.unwrap_or(1.0 / seen));
        }
        y
    }
}

#[track_caller]
pub(super) fn check_channels(layer: &str, x: &[usize], channels: usize) {
    assert!(
        x.len() >= 2 && x[1] == channels,
        "{layer}: x {x:?} doesn't have the {counted_channels} of this layer on axis 1; it is (N, {channels}, …)",
        counted_channels = counted(channels, "channel")
    );
}
