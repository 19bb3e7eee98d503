//! Which kinds of levels there are.

use serde::{Deserialize, Serialize};

/// A level on the way down. An older name, with `UNetRes` before it, is read too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::enum_variant_names)] // they are diffusers'
pub enum DownBlockType {
    /// Residual blocks, and a convolution that halves.
    #[serde(alias = "UNetResDownBlock2D")]
    DownBlock2D,
    /// The same with attention after each residual block; it halves by [`downsample_type`](super::UNet2dConfig::downsample_type).
    #[serde(alias = "UNetResAttnDownBlock2D")]
    AttnDownBlock2D,
    /// Residual blocks, the last of which halves.
    #[serde(alias = "UNetResResnetDownsampleBlock2D")]
    ResnetDownsampleBlock2D,
    /// Residual blocks, the last of which halves; the picture itself is halved, too, and added (Song et al. 2021, NCSN++).
    #[serde(alias = "UNetResSkipDownBlock2D")]
    SkipDownBlock2D,
    /// The same with attention after each residual block.
    #[serde(alias = "UNetResAttnSkipDownBlock2D")]
    AttnSkipDownBlock2D,
}

impl DownBlockType {
    /// Whether it has attention.
    pub fn attends(self) -> bool {
        matches!(self, Self::AttnDownBlock2D | Self::AttnSkipDownBlock2D)
    }

    /// Whether the picture itself takes part.
    pub fn skips(self) -> bool {
        matches!(self, Self::SkipDownBlock2D | Self::AttnSkipDownBlock2D)
    }
}

/// The middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MidBlockType {
    /// A residual block, attention and another residual block.
    UNetMidBlock2D,
}

/// A level on the way up. An older name, with `UNetRes` before it, is read too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::enum_variant_names)] // they are diffusers'
pub enum UpBlockType {
    /// Residual blocks, and a convolution of the doubled picture.
    #[serde(alias = "UNetResUpBlock2D")]
    UpBlock2D,
    /// The same with attention after each residual block; it doubles by [`upsample_type`](super::UNet2dConfig::upsample_type).
    #[serde(alias = "UNetResAttnUpBlock2D")]
    AttnUpBlock2D,
    /// Residual blocks, the last of which doubles.
    #[serde(alias = "UNetResResnetUpsampleBlock2D")]
    ResnetUpsampleBlock2D,
    /// Residual blocks, the last of which doubles; what the level adds to the picture itself is summed up beside (NCSN++).
    #[serde(alias = "UNetResSkipUpBlock2D")]
    SkipUpBlock2D,
    /// The same with attention after the last residual block.
    #[serde(alias = "UNetResAttnSkipUpBlock2D")]
    AttnSkipUpBlock2D,
}

impl UpBlockType {
    /// Whether it has attention.
    pub fn attends(self) -> bool {
        matches!(self, Self::AttnUpBlock2D | Self::AttnSkipUpBlock2D)
    }

    /// Whether the picture itself takes part.
    pub fn skips(self) -> bool {
        matches!(self, Self::SkipUpBlock2D | Self::AttnSkipUpBlock2D)
    }
}
