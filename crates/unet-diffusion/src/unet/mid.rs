//! The middle, at the smallest size.

use super::attention::Attention;
use super::parts::{Builder, divided};
use glassbox_autograd::Var;
use glassbox_nn::{Context, Module, ResnetBlock};

/// A residual block, attention, and another residual block.
#[derive(Debug, Clone, Module)]
pub struct MidBlock {
    /// One, or none.
    pub attentions: Vec<Attention>,
    /// Two.
    pub resnets: [ResnetBlock; 2],
    /// What each one's output is divided by.
    #[module(skip)]
    scale: f32,
}

impl MidBlock {
    pub(super) fn build(channels: usize, make: &mut Builder<'_>) -> Self {
        let config = make.config;
        let groups = config.groups_of(channels);
        let resnet = |make: &mut Builder<'_>| make.resnet([channels, channels], [groups, groups]);
        let first = resnet(make);
        let attention = config.add_attention.then(|| make.attention(channels, config.mid_attention_groups()));
        Self {
            attentions: attention.into_iter().collect(),
            resnets: [first, resnet(make)],
            scale: config.mid_block_scale_factor as f32,
        }
    }

    /// (N, C, H, W) -> (N, C, H, W).
    #[track_caller]
    pub(super) fn forward(&self, x: Var, e: &Var, ctx: &Context) -> Var {
        let [first, second] = &self.resnets;
        let mut x = divided(first.forward(&x, Some(e), ctx), self.scale);
        for attention in &self.attentions {
            x = divided(attention.forward(&x), self.scale);
        }
        divided(second.forward(&x, Some(e), ctx), self.scale)
    }
}
