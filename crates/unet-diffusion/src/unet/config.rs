//! What a UNet is made of, by the names of diffusers' `config.json`.

use super::block_types::{DownBlockType, MidBlockType, UpBlockType};
use glassbox_nn::Activation;
use serde::{Deserialize, Serialize};

/// The settings of a [`UNet2d`](super::UNet2d), under the names and with the defaults of diffusers' `UNet2DModel`.
///
/// A level is a size of the picture: level i has `block_out_channels[i]` channels, `down_block_types[i]` on the way down and, counted
/// from the other end, `up_block_types` on the way up.
///
/// ```
/// use glassbox_unet_diffusion::unet::{DownBlockType, UNet2dConfig, UpBlockType};
/// let config = UNet2dConfig {
///     in_channels: 1,
///     out_channels: 1,
///     block_out_channels: vec![16, 32],
///     down_block_types: vec![DownBlockType::DownBlock2D, DownBlockType::AttnDownBlock2D],
///     up_block_types: vec![UpBlockType::AttnUpBlock2D, UpBlockType::UpBlock2D],
///     norm_num_groups: Some(8),
///     ..Default::default()
/// };
/// assert_eq!(config.check(), Ok(()));
/// assert_eq!(config.time_embed_dim(), 64);
/// assert!(UNet2dConfig { norm_num_groups: Some(5), ..config }.check().unwrap_err().contains("norm_num_groups"));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UNet2dConfig {
    /// The side of the pictures, or (height, width): a note for who samples. The network takes every size that halves evenly.
    pub sample_size: Option<SampleSize>,
    /// Channels of x.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Whether x in [0, 1] is first taken to [−1, 1], as 2·x − 1.
    pub center_input_sample: bool,
    /// How the time is shown to the network.
    pub time_embedding_type: TimeEmbeddingType,
    /// Numbers of the time's embedding; 4 × the first level's channels if there is none.
    pub time_embedding_dim: Option<usize>,
    /// See [`TimestepOptions::shift`](glassbox_nn::TimestepOptions::shift).
    pub freq_shift: f64,
    /// Whether cosines come before sines.
    pub flip_sin_to_cos: bool,
    /// From the largest size to the smallest.
    pub down_block_types: Vec<DownBlockType>,
    /// At the smallest size; without, the way up begins where the way down ends.
    pub mid_block_type: Option<MidBlockType>,
    /// From the smallest size to the largest.
    pub up_block_types: Vec<UpBlockType>,
    /// From the largest size to the smallest.
    pub block_out_channels: Vec<usize>,
    /// Residual blocks of each level on the way down; one more on the way up.
    pub layers_per_block: usize,
    /// What the residual blocks and the attention of the middle are divided by.
    pub mid_block_scale_factor: f64,
    /// Of the convolutions that halve: 1, or 0 for a row below and a column on the right.
    pub downsample_padding: usize,
    /// How levels with attention halve.
    pub downsample_type: ResampleType,
    /// How levels with attention double.
    pub upsample_type: ResampleType,
    /// The probability of dropping a number in a residual block.
    pub dropout: f64,
    /// What bends the line in the residual blocks.
    pub act_fn: ActFn,
    /// Channels of one head; without, attention has a single head.
    pub attention_head_dim: Option<usize>,
    /// Groups of the normalisations. `None` is for levels with a skip of the picture itself, which count their own.
    pub norm_num_groups: Option<usize>,
    /// Groups of the normalisation before the middle's attention. `None`: `norm_num_groups` with
    /// [`TimeScaleShift::Default`], and no normalisation otherwise.
    pub attn_norm_num_groups: Option<usize>,
    /// What the normalisations add to the variance.
    pub norm_eps: f64,
    /// What time does to a residual block.
    pub resnet_time_scale_shift: TimeScaleShift,
    /// Whether the middle has attention.
    pub add_attention: bool,
    /// How a class is told, if not by its number.
    pub class_embed_type: Option<ClassEmbedType>,
    /// How many classes there are, where they are told by number.
    pub num_class_embeds: Option<usize>,
    /// How many times there are, where each learns an embedding of its own.
    pub num_train_timesteps: Option<usize>,
}

/// The size of a picture in a `config.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SampleSize {
    /// As high as wide.
    Square(usize),
    /// (height, width).
    Rectangle([usize; 2]),
}

/// How the time is shown to the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeEmbeddingType {
    /// Sines and cosines of the step (Ho et al. 2020).
    Positional,
    /// Sines and cosines of the noise's logarithm at random frequencies, and the output is divided by the noise (Song et al. 2021).
    Fourier,
    /// A row of a table for each step.
    Learned,
}

/// How the size of the picture changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResampleType {
    /// By a convolution with stride 2, or one of the doubled picture.
    Conv,
    /// By a residual block that averages or doubles pixels.
    Resnet,
}

/// What bends the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActFn {
    /// x·σ(x).
    #[serde(alias = "swish")]
    Silu,
    /// x·tanh(ln(1 + exp(x))).
    Mish,
    /// x·Φ(x).
    Gelu,
    /// max(0, x).
    Relu,
}

impl From<ActFn> for Activation {
    fn from(act: ActFn) -> Self {
        match act {
            ActFn::Silu => Activation::Silu,
            ActFn::Mish => Activation::Mish,
            ActFn::Gelu => Activation::Gelu,
            ActFn::Relu => Activation::Relu,
        }
    }
}

/// What time does to a residual block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeScaleShift {
    /// It adds a number to each channel.
    Default,
    /// It scales and shifts each channel (Nichol & Dhariwal 2021).
    ScaleShift,
}

/// How a class is told, if not by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassEmbedType {
    /// As a number that is embedded as the time is.
    Timestep,
    /// As a vector that is added to the time's embedding.
    Identity,
}

impl Default for UNet2dConfig {
    fn default() -> Self {
        use {DownBlockType as Down, UpBlockType as Up};
        Self {
            sample_size: None,
            in_channels: 3,
            out_channels: 3,
            center_input_sample: false,
            time_embedding_type: TimeEmbeddingType::Positional,
            time_embedding_dim: None,
            freq_shift: 0.0,
            flip_sin_to_cos: true,
            down_block_types: [&[Down::DownBlock2D][..], &[Down::AttnDownBlock2D; 3]].concat(),
            mid_block_type: Some(MidBlockType::UNetMidBlock2D),
            up_block_types: [&[Up::AttnUpBlock2D; 3][..], &[Up::UpBlock2D]].concat(),
            block_out_channels: vec![224, 448, 672, 896],
            layers_per_block: 2,
            mid_block_scale_factor: 1.0,
            downsample_padding: 1,
            downsample_type: ResampleType::Conv,
            upsample_type: ResampleType::Conv,
            dropout: 0.0,
            act_fn: ActFn::Silu,
            attention_head_dim: Some(8),
            norm_num_groups: Some(32),
            attn_norm_num_groups: None,
            norm_eps: 1e-5,
            resnet_time_scale_shift: TimeScaleShift::Default,
            add_attention: true,
            class_embed_type: None,
            num_class_embeds: None,
            num_train_timesteps: None,
        }
    }
}

impl UNet2dConfig {
    /// The network of [the page](super) for grey pictures of 28 × 28: b, 2·b and 4·b channels, attention with a single head at the
    /// smallest size and in the middle, 8 groups, sines before cosines (Ho et al. 2020, appendix B, for smaller pictures).
    ///
    /// ```
    /// use glassbox_nn::Module;
    /// use glassbox_tensor::random::Key;
    /// use glassbox_unet_diffusion::unet::{UNet2d, UNet2dConfig};
    /// assert_eq!(UNet2d::new(UNet2dConfig::grey(32), Key::new(0)).num_parameters(), 3_939_393);
    /// ```
    pub fn grey(b: usize) -> UNet2dConfig {
        use {DownBlockType as Down, UpBlockType as Up};
        UNet2dConfig {
            in_channels: 1,
            out_channels: 1,
            flip_sin_to_cos: false,
            block_out_channels: vec![b, 2 * b, 4 * b],
            down_block_types: vec![Down::DownBlock2D, Down::DownBlock2D, Down::AttnDownBlock2D],
            up_block_types: vec![Up::AttnUpBlock2D, Up::UpBlock2D, Up::UpBlock2D],
            attention_head_dim: None,
            norm_num_groups: Some(8),
            ..Default::default()
        }
    }

    /// Numbers of the time's embedding.
    pub fn time_embed_dim(&self) -> usize {
        self.time_embedding_dim.unwrap_or_else(|| self.block_out_channels.first().map_or(0, |c| c.saturating_mul(4)))
    }

    /// Groups of a normalisation of the middle or the end, over so many channels.
    pub(super) fn groups_of(&self, channels: usize) -> usize {
        self.norm_num_groups.unwrap_or((channels / 4).min(32))
    }

    /// Groups of the normalisation before the middle's attention, if it has one.
    pub(super) fn mid_attention_groups(&self) -> Option<usize> {
        let usual = || self.groups_of(self.block_out_channels.last().copied().unwrap_or(0));
        self.attn_norm_num_groups.or_else(|| (self.resnet_time_scale_shift == TimeScaleShift::Default).then(usual))
    }

    /// What a picture's sides must be multiples of: 2 for each halving.
    pub fn multiple(&self) -> usize {
        1 << (self.block_out_channels.len().clamp(1, 32) - 1)
    }
}
