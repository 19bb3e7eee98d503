//! A level on the way up.

use super::attention::Attention;
use super::block_types::UpBlockType;
use super::config::ResampleType;
use super::parts::{ATTENTION_GROUPS_OF_SKIPS, Builder, PICTURE, divided, up_groups_of_skips, up_inputs};
use super::resize::{Upsampler, doubled_smoothly};
use glassbox_autograd::Var;
use glassbox_nn::{Context, Conv2d, GroupNorm, Module, ResnetBlock};
use std::f32::consts::SQRT_2;

/// Residual blocks, each of which also sees what the way down kept, perhaps with attention, and then twice the size.
#[derive(Debug, Clone, Module)]
pub struct UpBlock {
    /// One after each residual block, or one after the last where the picture itself takes part, or none.
    pub attentions: Vec<Attention>,
    /// One more than on the way down; each from the channels of x and of what was kept to those of this level.
    pub resnets: Vec<ResnetBlock>,
    /// One, or none at the largest size.
    pub upsamplers: Vec<Upsampler>,
    /// What doubles where the picture itself takes part.
    pub resnet_up: Option<ResnetBlock>,
    /// From this level's channels to what it adds to the picture, 3 × 3.
    pub skip_conv: Option<Conv2d>,
    /// Before it.
    pub skip_norm: Option<GroupNorm>,
    #[module(skip)]
    skips: bool,
}

impl UpBlock {
    /// Level `i`, from below.
    pub(super) fn build(i: usize, make: &mut Builder<'_>) -> Self {
        let config = make.config;
        let levels = config.block_out_channels.len();
        let (kind, outputs, doubles) =
            (config.up_block_types[i], config.block_out_channels[levels - 1 - i], i + 1 < levels);
        let skips = kind.skips();
        let own = if skips { (outputs / 4).min(32) } else { config.groups_of(outputs) };
        let (mut attentions, mut resnets) = (Vec::new(), Vec::new());
        for inputs in up_inputs(config, i) {
            let [below, beside] = inputs;
            let groups = if skips { up_groups_of_skips(kind, inputs) } else { own };
            resnets.push(make.resnet([below + beside, outputs], [groups, own]));
            if kind == UpBlockType::AttnUpBlock2D {
                attentions.push(make.attention(outputs, Some(own)));
            }
        }
        if kind == UpBlockType::AttnSkipUpBlock2D {
            attentions.push(make.attention(outputs, Some(ATTENTION_GROUPS_OF_SKIPS)));
        }
        let how = match kind {
            UpBlockType::UpBlock2D => Some(ResampleType::Conv),
            UpBlockType::AttnUpBlock2D => Some(config.upsample_type),
            UpBlockType::ResnetUpsampleBlock2D => Some(ResampleType::Resnet),
            UpBlockType::SkipUpBlock2D | UpBlockType::AttnSkipUpBlock2D => None,
        };
        let upsampler = how.filter(|_| doubles).map(|how| Upsampler::build(how, outputs, own, make));
        let adds = skips && doubles;
        Self {
            attentions,
            resnets,
            upsamplers: upsampler.into_iter().collect(),
            resnet_up: adds.then(|| make.resnet_of_skips(outputs)),
            skip_conv: adds.then(|| make.conv3(outputs, PICTURE)),
            skip_norm: adds.then(|| GroupNorm::new(own, outputs).with_eps(config.norm_eps as f32)),
            skips,
        }
    }

    /// x (N, C, H, W) -> (N, O, 2·H, 2·W); takes from `kept` what it sees beside x, the last first. `picture` is what the levels
    /// below have added to the picture itself, if any did.
    #[track_caller]
    pub(super) fn forward(
        &self,
        x: Var,
        e: &Var,
        picture: &mut Option<Var>,
        kept: &mut Vec<Var>,
        ctx: &Context,
    ) -> Var {
        let (mut x, scale) = (x, if self.skips { SQRT_2 } else { 1.0 });
        for (i, resnet) in self.resnets.iter().enumerate() {
            let beside = kept.pop().expect("as many as the way down kept");
            x = divided(resnet.forward(&Var::cat(&[&x, &beside], 1), Some(e), ctx), scale);
            if let Some(attention) = self.attentions.get(i).filter(|_| !self.skips) {
                x = attention.forward(&x);
            }
        }
        for upsampler in &self.upsamplers {
            x = upsampler.forward(&x, e, ctx);
        }
        if self.skips {
            for attention in &self.attentions {
                x = divided(attention.forward(&x), scale);
            }
            *picture = picture.as_ref().map(doubled_smoothly);
        }
        if let (Some(resnet), Some(conv), Some(norm)) = (&self.resnet_up, &self.skip_conv, &self.skip_norm) {
            let added = conv.forward(&norm.forward(&x).silu()); // (N, O, H, W) -> (N, 3, H, W)
            *picture = Some(match picture {
                Some(picture) => &*picture + &added,
                None => added,
            });
            x = divided(resnet.forward_resized(&x, Some(e), ctx, doubled_smoothly), scale);
        }
        x
    }
}
