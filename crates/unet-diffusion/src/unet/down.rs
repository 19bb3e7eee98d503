//! A level on the way down.

use super::attention::Attention;
use super::block_types::DownBlockType;
use super::config::ResampleType;
use super::parts::{ATTENTION_GROUPS_OF_SKIPS, Builder, PICTURE, divided};
use super::resize::{Downsampler, halved_smoothly};
use glassbox_autograd::Var;
use glassbox_nn::{Context, Conv2d, Module, ResnetBlock};
use std::f32::consts::SQRT_2;

/// Residual blocks, perhaps each with attention, and then half the size. What comes out of each is kept for the way up.
#[derive(Debug, Clone, Module)]
pub struct DownBlock {
    /// One after each residual block, or none.
    pub attentions: Vec<Attention>,
    /// The first from the channels of the level above to those of this one.
    pub resnets: Vec<ResnetBlock>,
    /// One, or none at the smallest size.
    pub downsamplers: Vec<Downsampler>,
    /// What halves where the picture itself takes part.
    pub resnet_down: Option<ResnetBlock>,
    /// From the halved picture to this level's channels, 1 × 1.
    pub skip_conv: Option<Conv2d>,
    /// What each block's output is divided by: √2 where the picture takes part.
    #[module(skip)]
    scale: f32,
}

impl DownBlock {
    /// Level `i`, from above.
    pub(super) fn build(i: usize, make: &mut Builder<'_>) -> Self {
        let config = make.config;
        let (kind, outputs) = (config.down_block_types[i], config.block_out_channels[i]);
        let halves = i + 1 < config.block_out_channels.len();
        let groups = |channels: usize| match kind.skips() {
            true => (channels / 4).min(32),
            false => config.groups_of(channels),
        };
        let attention_groups = if kind.skips() { ATTENTION_GROUPS_OF_SKIPS } else { groups(outputs) };
        let (mut attentions, mut resnets, mut now) =
            (Vec::new(), Vec::new(), config.block_out_channels[i.saturating_sub(1)]);
        for _ in 0..config.layers_per_block {
            resnets.push(make.resnet([now, outputs], [groups(now), groups(outputs)]));
            if kind.attends() {
                attentions.push(make.attention(outputs, Some(attention_groups)));
            }
            now = outputs;
        }
        let how = match kind {
            DownBlockType::DownBlock2D => Some(ResampleType::Conv),
            DownBlockType::AttnDownBlock2D => Some(config.downsample_type),
            DownBlockType::ResnetDownsampleBlock2D => Some(ResampleType::Resnet),
            DownBlockType::SkipDownBlock2D | DownBlockType::AttnSkipDownBlock2D => None,
        };
        let skips = halves && kind.skips();
        Self {
            attentions,
            resnets,
            downsamplers: how
                .filter(|_| halves)
                .map(|how| Downsampler::build(how, outputs, groups(outputs), make))
                .into_iter()
                .collect(),
            resnet_down: skips.then(|| make.resnet_of_skips(outputs)),
            skip_conv: skips.then(|| Conv2d::new(PICTURE, outputs, [1, 1], make.key())),
            scale: if kind.skips() { SQRT_2 } else { 1.0 },
        }
    }

    /// x (N, C, H, W) -> (N, O, H/2, W/2); each output is added to `kept`, and `picture` is halved with x where it takes part.
    #[track_caller]
    pub(super) fn forward(&self, x: Var, e: &Var, picture: &mut Var, kept: &mut Vec<Var>, ctx: &Context) -> Var {
        let mut x = x;
        for (i, resnet) in self.resnets.iter().enumerate() {
            x = divided(resnet.forward(&x, Some(e), ctx), self.scale);
            if let Some(attention) = self.attentions.get(i) {
                x = divided(attention.forward(&x), self.scale);
            }
            kept.push(x.clone());
        }
        for downsampler in &self.downsamplers {
            x = downsampler.forward(&x, e, ctx);
            kept.push(x.clone());
        }
        if let (Some(resnet), Some(conv)) = (&self.resnet_down, &self.skip_conv) {
            x = divided(resnet.forward_resized(&x, Some(e), ctx, halved_smoothly), self.scale);
            *picture = halved_smoothly(picture);
            x = &conv.forward(picture) + &x;
            kept.push(x.clone());
        }
        x
    }
}
