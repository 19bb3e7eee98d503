//! The network: down, through the middle, and up again.

use super::config::{TimeEmbeddingType, UNet2dConfig};
use super::down::DownBlock;
use super::mid::MidBlock;
use super::parts::Builder;
use super::time::{Class, ClassEmbedding, TimeProjection, TimestepEmbedding};
use super::up::UpBlock;
use glassbox_autograd::Var;
use glassbox_nn::{Context, Conv2d, GroupNorm, Module};
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;

/// eps_theta(x, t): a picture in and one of the same size out, as [the page](super) tells. Parameters are called as in diffusers'
/// `UNet2DModel`.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::{Context, Module};
/// use glassbox_tensor::{Tensor, random::Key};
/// use glassbox_unet_diffusion::unet::{DownBlockType, UNet2d, UNet2dConfig, UpBlockType};
///
/// let config = UNet2dConfig {
///     in_channels: 1,
///     out_channels: 1,
///     block_out_channels: vec![8, 16],
///     down_block_types: vec![DownBlockType::DownBlock2D, DownBlockType::AttnDownBlock2D],
///     up_block_types: vec![UpBlockType::AttnUpBlock2D, UpBlockType::UpBlock2D],
///     layers_per_block: 1,
///     norm_num_groups: Some(4),
///     ..Default::default()
/// };
/// let mut unet = UNet2d::new(config, Key::new(0));
/// let x = Var::constant(Tensor::randn([2, 1, 14, 14], Key::new(1)));
/// let t = Tensor::from_slice(&[10.0, 500.0], [2]);
/// let eps = unet.forward(&x, &t, None, &Context::train(Key::new(2)));
/// assert_eq!(eps.shape(), [2, 1, 14, 14]);
///
/// unet.freeze(); // nothing is recorded from here on: as for sampling
/// assert!(!unet.forward(&x, &t, None, &Context::eval()).is_recorded());
/// ```
#[derive(Debug, Clone, Module)]
pub struct UNet2d {
    /// From the picture to the first level's channels.
    pub conv_in: Conv2d,
    /// From the time to numbers.
    pub time_proj: TimeProjection,
    /// From those to the embedding (B, E).
    pub time_embedding: TimestepEmbedding,
    /// What is added to it for the class, if the network is told one.
    pub class_embedding: Option<ClassEmbedding>,
    /// From the largest size to the smallest.
    pub down_blocks: Vec<DownBlock>,
    /// At the smallest.
    pub mid_block: Option<MidBlock>,
    /// From the smallest size to the largest.
    pub up_blocks: Vec<UpBlock>,
    /// Before the last convolution.
    pub conv_norm_out: GroupNorm,
    /// From the first level's channels to the output's.
    pub conv_out: Conv2d,
    #[module(skip)]
    config: UNet2dConfig,
}

impl UNet2d {
    /// With PyTorch's default initial weights.
    ///
    /// # Panics
    /// If the settings don't fit together: [`UNet2dConfig::check`] says so without a panic.
    #[track_caller]
    pub fn new(config: UNet2dConfig, key: Key) -> Self {
        if let Err(problem) = config.check() {
            panic!("UNet2d: {problem}");
        }
        let mut make = Builder::new(&config, key);
        let (levels, first) = (config.block_out_channels.len(), config.block_out_channels[0]);
        let conv_in = make.conv3(config.in_channels, first);
        let time_proj = TimeProjection::build(&mut make);
        let width = time_proj.width();
        let time_embedding = TimestepEmbedding::build(width, &mut make);
        let class_embedding = ClassEmbedding::build(width, &mut make);
        let down_blocks = (0..levels).map(|i| DownBlock::build(i, &mut make)).collect();
        let last = config.block_out_channels[levels - 1];
        let mid_block = config.mid_block_type.map(|_| MidBlock::build(last, &mut make));
        let up_blocks = (0..levels).map(|i| UpBlock::build(i, &mut make)).collect();
        let conv_norm_out = GroupNorm::new(config.groups_of(first), first).with_eps(config.norm_eps as f32);
        let conv_out = make.conv3(first, config.out_channels);
        Self {
            conv_in,
            time_proj,
            time_embedding,
            class_embedding,
            down_blocks,
            mid_block,
            up_blocks,
            conv_norm_out,
            conv_out,
            config,
        }
    }

    /// The settings that it was made with.
    pub fn config(&self) -> &UNet2dConfig {
        &self.config
    }

    /// x (B, C, H, W) at the times t (B), or one for all of them (1), of the given class -> (B, out, H, W).
    ///
    /// # Panics
    /// If shapes don't fit; if a side isn't a multiple of [`UNet2dConfig::multiple`]; if a class is given and the network is told
    /// none, or the other way round.
    #[track_caller]
    pub fn forward(&self, x: &Var, t: &Tensor, class: Option<Class<'_>>, ctx: &Context) -> Var {
        let &[b, channels, h, w] = x.shape() else {
            panic!("UNet2d: x {:?} is not (B, C, H, W); reshape it", x.shape())
        };
        let multiple = self.config.multiple();
        assert!(
            channels == self.config.in_channels && h.is_multiple_of(multiple) && w.is_multiple_of(multiple),
            "UNet2d: x {:?} should have {} channels and sides that are multiples of {multiple}; pad or scale it",
            x.shape(),
            self.config.in_channels
        );
        let t = match t.numel() {
            1 => t.reshape([1]).expand([b]),
            n => {
                assert!(
                    t.rank() == 1 && n == b,
                    "UNet2d: t {:?} is not ({b}); give a time for each picture",
                    t.shape()
                );
                t.clone()
            }
        };
        let x = if self.config.center_input_sample { &(x * 2.0) - 1.0 } else { x.clone() };
        let e = self.embedding(&t, class); // (B, E)

        let mut picture = x.clone();
        let mut h = self.conv_in.forward(&x);
        let mut kept = vec![h.clone()];
        for block in &self.down_blocks {
            h = block.forward(h, &e, &mut picture, &mut kept, ctx);
        }
        if let Some(mid) = &self.mid_block {
            h = mid.forward(h, &e, ctx);
        }
        let mut added = None;
        for block in &self.up_blocks {
            h = block.forward(h, &e, &mut added, &mut kept, ctx);
        }
        let mut y = self.conv_out.forward(&self.conv_norm_out.forward(&h).silu());
        if let Some(added) = added {
            y = &y + &added;
        }
        match self.config.time_embedding_type {
            TimeEmbeddingType::Fourier => &y / &Var::constant(t.reshape([b, 1, 1, 1])),
            _ => y,
        }
    }

    /// What the residual blocks are told: t (B), class (B) -> (B, E).
    #[track_caller]
    fn embedding(&self, t: &Tensor, class: Option<Class<'_>>) -> Var {
        let e = self.time_embedding.forward(&self.time_proj.forward(t));
        match (&self.class_embedding, class) {
            (None, None) => e,
            (Some(embedding), Some(class)) => &e + &embedding.forward(class, &self.time_proj),
            (Some(_), None) => panic!("UNet2d: this network is told a class, and there is none; pass Some(class)"),
            (None, Some(_)) => {
                panic!("UNet2d: this network is told no class, and there is one; pass None, or set num_class_embeds")
            }
        }
    }
}
