//! The residual block of image classifiers.

use super::batch_norm::BatchNorm;
use super::conv2d::Conv2d;
use crate::Module;
use crate::context::Context;
use glassbox_autograd::Var;
use glassbox_tensor::Conv2dOptions;
use glassbox_tensor::random::Key;

/// y = relu(shortcut(x) + bn2(conv2(relu(bn1(conv1(x))))))
///
/// x (N, C, H, W) gives y (N, O, H′, W′), of the size that the stride leaves. Convolutions are 3 × 3 without b. The
/// shortcut is x itself, or, where channels or size change, a 1 × 1 convolution of the same stride and a normalisation.
/// Names are those of `BasicBlock` in torchvision.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::{BasicBlock, Context};
/// use glassbox_tensor::{Tensor, random::Key};
///
/// let block = BasicBlock::new(16, 32, 2, Key::new(0));
/// let x = Var::constant(Tensor::zeros([2, 16, 8, 8]));
/// assert_eq!(block.forward(&x, &Context::eval()).shape(), [2, 32, 4, 4]);
/// ```
///
/// Source: He et al. 2015, Deep Residual Learning for Image Recognition, figure 2 and option B.
#[derive(Debug, Clone, Module)]
pub struct BasicBlock {
    /// From C to O channels, by the stride.
    pub conv1: Conv2d,
    /// Over O channels.
    pub bn1: BatchNorm,
    /// From O to O channels.
    pub conv2: Conv2d,
    /// Over O channels.
    pub bn2: BatchNorm,
    /// From C to O channels and over O channels, where the block changes channels or size.
    pub downsample: Option<Downsample>,
}

/// The shortcut of a block that changes channels or size: its convolution, `0`, and the normalisation after it, `1`.
///
/// ```
/// # use glassbox_nn::{BasicBlock, Module};
/// let block = BasicBlock::new(16, 32, 1, glassbox_tensor::random::Key::new(0));
/// assert!(block.parameters().iter().any(|(name, _)| name == "downsample.0.weight"));
/// ```
#[derive(Debug, Clone, Module)]
pub struct Downsample(pub Conv2d, pub BatchNorm);

impl BasicBlock {
    /// From `inputs` channels to `outputs` channels; a stride of 2 halves height and width.
    ///
    /// ```
    /// # use glassbox_nn::{BasicBlock, Module};
    /// let block = BasicBlock::new(64, 64, 1, glassbox_tensor::random::Key::new(0));
    /// assert_eq!(block.num_parameters(), 2 * (64 * 64 * 9 + 64 + 64)); // nothing for the shortcut
    /// ```
    ///
    /// # Panics
    /// If there are 0 inputs or outputs.
    #[track_caller]
    pub fn new(inputs: usize, outputs: usize, stride: usize, key: Key) -> Self {
        let conv = |from, k, options: Conv2dOptions, i| {
            Conv2d::with(from, outputs, [k, k], options, key.fold(i)).without_bias()
        };
        let by_stride = |options| Conv2dOptions { stride: [stride, stride], ..options };
        let changes = inputs != outputs || stride != 1;
        let shortcut = || Downsample(conv(inputs, 1, by_stride(Conv2dOptions::default()), 2), BatchNorm::new(outputs));
        Self {
            conv1: conv(inputs, 3, by_stride(Conv2dOptions::padded(1)), 0),
            bn1: BatchNorm::new(outputs),
            conv2: conv(outputs, 3, Conv2dOptions::padded(1), 1),
            bn2: BatchNorm::new(outputs),
            downsample: changes.then(shortcut),
        }
    }

    /// (N, C, H, W) -> (N, O, H′, W′).
    ///
    /// # Panics
    /// If x isn't (N, C, H, W), or in training there is but one number of a channel.
    #[track_caller]
    pub fn forward(&self, x: &Var, ctx: &Context) -> Var {
        let h = self.bn1.forward(&self.conv1.forward(x), ctx).relu(); // (N, C, H, W) -> (N, O, H′, W′)
        let h = self.bn2.forward(&self.conv2.forward(&h), ctx);
        match &self.downsample {
            Some(Downsample(conv, bn)) => (&bn.forward(&conv.forward(x), ctx) + &h).relu(),
            None => (x + &h).relu(),
        }
    }
}
