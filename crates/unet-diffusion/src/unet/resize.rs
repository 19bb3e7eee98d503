//! How a picture is halved and doubled.

use super::config::{ResampleType, UNet2dConfig};
use super::parts::Builder;
use glassbox_autograd::Var;
use glassbox_nn::{Context, Conv2d, Module, ResnetBlock};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Conv2dOptions, ConvTranspose2dOptions, Pool2d, Tensor};

/// Every pixel four times: (N, C, H, W) -> (N, C, 2·H, 2·W).
pub(super) fn doubled(x: &Var) -> Var {
    let &[.., h, w] = x.shape() else { unreachable!("(N, C, H, W)") };
    x.upsample_nearest([2 * h, 2 * w])
}

/// The mean of each four pixels: (N, C, H, W) -> (N, C, H/2, W/2).
pub(super) fn halved(x: &Var) -> Var {
    x.avg_pool2d(&Pool2d::new([2, 2]), true)
}

/// The outer product of (1, 3, 3, 1) with itself, whose sum is `sum`: one kernel for each channel taken alone.
fn binomial(sum: f32) -> Var {
    let taps = [1.0f32, 3.0, 3.0, 1.0];
    let kernel = taps.iter().flat_map(|a| taps.map(|b| a * b * sum / 64.0)).collect();
    Var::constant(Tensor::from_vec(kernel, [1, 1, 4, 4]))
}

/// `f` of each channel as a picture of its own.
fn channel_by_channel(x: &Var, f: impl FnOnce(&Var) -> Var) -> Var {
    let &[n, c, h, w] = x.shape() else { unreachable!("(N, C, H, W)") };
    let y = f(&x.reshape([n * c, 1, h, w]));
    let &[_, _, h, w] = y.shape() else { unreachable!("(N·C, 1, H, W)") };
    y.reshape([n, c, h, w])
}

/// Halved after a filter (1, 3, 3, 1)/8 along both sides, which keeps fine stripes from becoming coarse ones: (Zhang 2019).
pub(super) fn halved_smoothly(x: &Var) -> Var {
    let halve = Conv2dOptions { stride: [2, 2], ..Conv2dOptions::padded(1) };
    channel_by_channel(x, |x| x.conv2d(&binomial(1.0), None, halve))
}

/// Doubled by zeros between the pixels, and the filter (1, 3, 3, 1)/4 along both sides.
pub(super) fn doubled_smoothly(x: &Var) -> Var {
    let double = ConvTranspose2dOptions { stride: [2, 2], padding: [(1, 1); 2], ..Default::default() };
    channel_by_channel(x, |x| x.conv_transpose2d(&binomial(4.0), None, double))
}

/// The end of a level on the way down: (N, C, H, W) -> (N, C, H/2, W/2), by a convolution or by a residual block.
#[derive(Debug, Clone, Module)]
pub struct Downsampler {
    /// 3 × 3 with stride 2.
    pub conv: Option<Conv2d>,
    /// The block, whose parameters are called as if they stood here.
    #[module(flatten)]
    pub resnet: Option<ResnetBlock>,
}

impl Downsampler {
    pub(super) fn build(how: ResampleType, channels: usize, groups: usize, make: &mut Builder<'_>) -> Self {
        match how {
            ResampleType::Conv => Self { conv: Some(halving(make.config, channels, make.key())), resnet: None },
            ResampleType::Resnet => {
                Self { conv: None, resnet: Some(make.resnet([channels, channels], [groups, groups])) }
            }
        }
    }

    #[track_caller]
    pub(super) fn forward(&self, x: &Var, e: &Var, ctx: &Context) -> Var {
        match (&self.conv, &self.resnet) {
            (_, Some(resnet)) => resnet.forward_resized(x, Some(e), ctx, halved),
            (Some(conv), None) => conv.forward(x),
            (None, None) => x.clone(),
        }
    }
}

/// A padding of 0 still adds a row of zeros below and a column on the right, so that even sizes halve evenly.
fn halving(config: &UNet2dConfig, channels: usize, key: Key) -> Conv2d {
    let side =
        if config.downsample_padding == 0 { (0, 1) } else { (config.downsample_padding, config.downsample_padding) };
    let options = Conv2dOptions { stride: [2, 2], padding: [side; 2], ..Default::default() };
    Conv2d::with(channels, channels, [3, 3], options, key)
}

/// The end of a level on the way up: (N, C, H, W) -> (N, C, 2·H, 2·W), by a convolution of the doubled picture or by a residual
/// block.
#[derive(Debug, Clone, Module)]
pub struct Upsampler {
    /// 3 × 3, after doubling.
    pub conv: Option<Conv2d>,
    /// The block, whose parameters are called as if they stood here.
    #[module(flatten)]
    pub resnet: Option<ResnetBlock>,
}

impl Upsampler {
    pub(super) fn build(how: ResampleType, channels: usize, groups: usize, make: &mut Builder<'_>) -> Self {
        match how {
            ResampleType::Conv => Self { conv: Some(make.conv3(channels, channels)), resnet: None },
            ResampleType::Resnet => {
                Self { conv: None, resnet: Some(make.resnet([channels, channels], [groups, groups])) }
            }
        }
    }

    #[track_caller]
    pub(super) fn forward(&self, x: &Var, e: &Var, ctx: &Context) -> Var {
        match (&self.conv, &self.resnet) {
            (_, Some(resnet)) => resnet.forward_resized(x, Some(e), ctx, doubled),
            (Some(conv), None) => conv.forward(&doubled(x)),
            (None, None) => doubled(x),
        }
    }
}
