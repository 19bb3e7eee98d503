//! The UNet: a network whose answer is as large as its question.
//!
//! It is asked for the noise in a picture, so its output is a picture of the same size. On the way down residual blocks look at ever
//! smaller pictures with ever more channels, where few layers see far; on the way up the size is doubled again, and each block also sees
//! what a block of the same size kept on the way down, so that nothing fine is lost. The time, and a class if there is one, is told to
//! every residual block.
//!
//! The UNet of three levels with b, 2·b and 4·b channels, two residual blocks for each and attention at the smallest size, for grey
//! pictures of 28 × 28, where (C, side) stands for (B, C, side, side):
//!
//! | part | in | beside, from the way down | out | attention | kept for the way up |
//! | --- | --- | --- | --- | --- | --- |
//! | `conv_in` | (1, 28) | | (b, 28) | | (b, 28) |
//! | `down_blocks.0` | (b, 28) | | (b, 14) | | 2 × (b, 28), (b, 14) |
//! | `down_blocks.1` | (b, 14) | | (2b, 7) | | 2 × (2b, 14), (2b, 7) |
//! | `down_blocks.2` | (2b, 7) | | (4b, 7) | yes | 2 × (4b, 7) |
//! | `mid_block` | (4b, 7) | | (4b, 7) | yes | |
//! | `up_blocks.0` | (4b, 7) | 2 × (4b, 7), (2b, 7) | (4b, 14) | yes | |
//! | `up_blocks.1` | (4b, 14) | 2 × (2b, 14), (b, 14) | (2b, 28) | | |
//! | `up_blocks.2` | (2b, 28) | 3 × (b, 28) | (b, 28) | | |
//! | `conv_norm_out`, `conv_out` | (b, 28) | | (1, 28) | | |
//!
//! With b = 32 and 8 groups it has 3,939,393 parameters.
//!
//! | step | where |
//! | --- | --- |
//! | the settings, by the names of diffusers' `config.json` | [`UNet2dConfig`] |
//! | t → e, the embedding of the time, and of the class | [`TimeProjection`], [`TimestepEmbedding`], [`ClassEmbedding`] |
//! | h → h + conv(silu(norm(conv(silu(norm(h))) + linear(silu(e))))) | [`ResnetBlock`](glassbox_nn::ResnetBlock) |
//! | every pixel looks at every pixel | [`Attention`] |
//! | half the size, twice the size | [`Downsampler`], [`Upsampler`] |
//! | a level down, the middle, a level up | [`DownBlock`], [`MidBlock`], [`UpBlock`] |
//! | all of it | [`UNet2d`] |
//! | a folder as diffusers keeps it | [`UNet2d::load`], [`UNet2d::save`], [`UNetError`] |
//!
//! Names of parameters and settings are those of diffusers' `UNet2DModel`, so its checkpoints load, whichever of these levels they are
//! built of: [`DownBlockType`], [`UpBlockType`]. The tests hold outputs and gradients to diffusers' own.
//!
//! Sources: Ronneberger et al. 2015, U-Net; Ho et al. 2020, Denoising Diffusion Probabilistic Models, appendix B; Nichol & Dhariwal
//! 2021, Improved DDPM (scale and shift); Song et al. 2021, Score-Based Generative Modeling (the levels with a skip of the picture).

mod attention;
mod block_types;
mod check;
mod config;
mod down;
mod error;
mod folder;
mod mid;
mod model;
mod parts;
mod resize;
mod time;
mod up;

pub use attention::Attention;
pub use block_types::{DownBlockType, MidBlockType, UpBlockType};
pub use config::{ActFn, ClassEmbedType, ResampleType, SampleSize, TimeEmbeddingType, TimeScaleShift, UNet2dConfig};
pub use down::DownBlock;
pub use error::UNetError;
pub use mid::MidBlock;
pub use model::UNet2d;
pub use resize::{Downsampler, Upsampler};
pub use time::{Class, ClassEmbedding, TimeProjection, TimestepEmbedding};
pub use up::UpBlock;
