//! The parts of all levels, made by one builder that knows the settings and hands each part a key of its own.

use super::attention::Attention;
use super::block_types::UpBlockType;
use super::config::{TimeScaleShift, UNet2dConfig};
use glassbox_autograd::Var;
use glassbox_nn::{Conv2d, GroupNorm, ResnetBlock, ResnetBlockOptions};
use glassbox_tensor::Conv2dOptions;
use glassbox_tensor::random::Key;

/// Channels of a picture that takes part in levels: diffusers builds them for colour alone.
pub(super) const PICTURE: usize = 3;
/// Groups of the normalisation before such a level's attention.
pub(super) const ATTENTION_GROUPS_OF_SKIPS: usize = 32;

/// Channels that come from below and from beside into each residual block of level `i` on the way up, counted from below.
pub(super) fn up_inputs(config: &UNet2dConfig, i: usize) -> Vec<[usize; 2]> {
    let of = |i: usize| config.block_out_channels[config.block_out_channels.len() - 1 - i];
    let (here, below) = (of(i), of(i.saturating_sub(1)));
    let above = of((i + 1).min(config.block_out_channels.len() - 1));
    let last = config.layers_per_block;
    (0..=last).map(|n| [if n == 0 { below } else { here }, if n == last { above } else { here }]).collect()
}

/// Groups over those channels where the picture takes part. The one with attention divides the second number alone by 4, in
/// diffusers, and checkpoints know no other.
pub(super) fn up_groups_of_skips(up: UpBlockType, [below, beside]: [usize; 2]) -> usize {
    let quarter = if up.attends() { below + beside / 4 } else { (below + beside) / 4 };
    quarter.min(32)
}

/// Makes parts by the settings.
pub(super) struct Builder<'a> {
    pub config: &'a UNet2dConfig,
    key: Key,
    made: u64,
}

impl<'a> Builder<'a> {
    pub fn new(config: &'a UNet2dConfig, key: Key) -> Self {
        Self { config, key, made: 0 }
    }

    /// A key that no other part has.
    pub fn key(&mut self) -> Key {
        self.made += 1;
        self.key.fold(self.made)
    }

    /// A residual block with groups of its own on both sides.
    pub fn resnet(&mut self, [inputs, outputs]: [usize; 2], [groups, groups_out]: [usize; 2]) -> ResnetBlock {
        let eps = self.config.norm_eps as f32;
        let options = ResnetBlockOptions {
            groups: 1, // replaced below
            eps,
            dropout: self.config.dropout as f32,
            time: Some(self.config.time_embed_dim()),
            scale_shift: self.config.resnet_time_scale_shift == TimeScaleShift::ScaleShift,
            activation: self.config.act_fn.into(),
        };
        let mut block = ResnetBlock::with(inputs, outputs, options, self.key());
        block.norm1 = GroupNorm::new(groups, inputs).with_eps(eps);
        block.norm2 = GroupNorm::new(groups_out, outputs).with_eps(eps);
        block
    }

    /// One that changes the picture's size where the picture takes part: its shortcut has a convolution always.
    pub fn resnet_of_skips(&mut self, channels: usize) -> ResnetBlock {
        let groups = (channels / 4).min(32);
        let mut block = self.resnet([channels, channels], [groups, groups]);
        block.conv_shortcut = Some(Conv2d::new(channels, channels, [1, 1], self.key()));
        block
    }

    /// Attention over the pixels of so many channels.
    pub fn attention(&mut self, channels: usize, groups: Option<usize>) -> Attention {
        let norm = groups.map(|groups| GroupNorm::new(groups, channels).with_eps(self.config.norm_eps as f32));
        Attention::new(channels, self.config.attention_head_dim, norm, self.key())
    }

    /// A 3 × 3 convolution that keeps the size.
    pub fn conv3(&mut self, inputs: usize, outputs: usize) -> Conv2d {
        Conv2d::with(inputs, outputs, [3, 3], Conv2dOptions::padded(1), self.key())
    }
}

/// x divided by `factor`, and x itself for 1.
pub(super) fn divided(x: Var, factor: f32) -> Var {
    if factor == 1.0 { x } else { &x * (1.0 / factor) }
}
