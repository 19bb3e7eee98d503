//! Mean and variance of what a layer has seen in training, for evaluation.

use crate::Module;
use crate::param::Buffer;
use glassbox_tensor::Tensor;

/// Averages over the batches of training: running ← (1 − momentum) · running + momentum · new
///
/// What [`BatchNorm`](crate::BatchNorm) and [`InstanceNorm`](crate::InstanceNorm) normalise by in evaluation, under the
/// names that PyTorch gives them in its state dict. Beware: this momentum is the share of the new, where an optimiser's
/// is the share of the old.
///
/// ```
/// use glassbox_nn::RunningStats;
/// use glassbox_tensor::{assert_close, tensor};
///
/// let stats = RunningStats::new(2);
/// stats.update(&tensor![10., 20.], &tensor![3., 5.], 0.1);
/// assert_close!(stats.running_mean.value(), tensor![1., 2.], 1e-6); // from 0
/// assert_close!(stats.running_var.value(), tensor![1.2, 1.4], 1e-6); // from 1
/// ```
///
/// Source: Ioffe & Szegedy 2015, Batch Normalization, §3.1; `torch.nn.BatchNorm2d`.
#[derive(Debug, Clone, Module)]
pub struct RunningStats {
    /// The mean (C); begins as 0.
    pub running_mean: Buffer,
    /// The variance (C); begins as 1.
    pub running_var: Buffer,
    /// How many batches have been seen, (): a whole number, which PyTorch saves as I64.
    pub num_batches_tracked: Buffer,
}

impl RunningStats {
    /// Of nothing yet: mean 0 and variance 1 for each of the channels.
    ///
    /// ```
    /// # use glassbox_nn::RunningStats;
    /// assert_eq!(RunningStats::new(2).running_var.value().to_vec(), [1., 1.]);
    /// ```
    pub fn new(channels: usize) -> Self {
        Self {
            running_mean: Buffer::new(Tensor::zeros([channels])),
            running_var: Buffer::new(Tensor::ones([channels])),
            num_batches_tracked: Buffer::new(Tensor::scalar(0.0)),
        }
    }

    /// Counts a batch, and says how many there have been: exactly up to 2²⁴, as far as f32 counts.
    ///
    /// ```
    /// # use glassbox_nn::RunningStats;
    /// let stats = RunningStats::new(2);
    /// assert_eq!((stats.count_batch(), stats.count_batch()), (1.0, 2.0));
    /// ```
    pub fn count_batch(&self) -> f32 {
        let count = self.num_batches_tracked.value().item() + 1.0;
        self.num_batches_tracked.set_value(Tensor::scalar(count));
        count
    }

    /// Moves mean and variance (C) by `momentum` towards those of a batch.
    ///
    /// ```
    /// # use glassbox_nn::RunningStats;
    /// # use glassbox_tensor::tensor;
    /// let stats = RunningStats::new(1);
    /// stats.update(&tensor![4.], &tensor![9.], 1.0); // all the way
    /// assert_eq!((stats.running_mean.value().item(), stats.running_var.value().item()), (4.0, 9.0));
    /// ```
    ///
    /// # Panics
    /// If they aren't (C).
    #[track_caller]
    pub fn update(&self, mean: &Tensor, var: &Tensor, momentum: f32) {
        for (running, new) in [(&self.running_mean, mean), (&self.running_var, var)] {
            running.set_value(&(&running.value() * (1.0 - momentum)) + &(new * momentum));
        }
    }
}
