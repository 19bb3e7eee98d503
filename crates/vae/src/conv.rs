//! The convolutional network: two convolutions that halve the picture, two transposed ones that double it again, and a code of
//! two numbers, so that all of its latent space can be looked at.
//!
//! Shapes for pictures of 28 × 28 and H = 128; a kernel of 4 with stride 2 and padding 1 halves exactly, and its transpose
//! covers every pixel equally often.

use crate::model::{Autoencoder, Code, Sizes};
use glassbox_autograd::Var;
use glassbox_nn::{Conv2d, ConvTranspose2d, Linear, Module};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Conv2dOptions, ConvTranspose2dOptions};

/// Channels after the first convolution and after the second.
const CHANNELS: [usize; 2] = [32, 64];

/// A variational autoencoder with convolutions.
#[derive(Debug, Clone, Module)]
pub struct VaeConv {
    /// The first halving, C -> 32 channels.
    pub conv1: Conv2d,
    /// The second, 32 -> 64.
    pub conv2: Conv2d,
    /// All that is left of the picture, 64·H/4·W/4 -> H.
    pub fc1: Linear,
    /// The mean of the code, H -> L.
    pub fc21: Linear,
    /// The logarithm of its variance, H -> L.
    pub fc22: Linear,
    /// The decoder's hidden layer, L -> H.
    pub fc3: Linear,
    /// H -> 64·H/4·W/4.
    pub fc4: Linear,
    /// The first doubling, 64 -> 32 channels.
    pub conv3: ConvTranspose2d,
    /// The logits of the pixels, 32 -> C.
    pub conv4: ConvTranspose2d,
    #[module(skip)]
    image: [usize; 3],
}

impl Autoencoder for VaeConv {
    fn new(sizes: Sizes, key: Key) -> VaeConv {
        let Sizes { image: [c, h, w], hidden, latents } = sizes;
        let [c1, c2] = CHANNELS;
        let small = c2 * (h / 4) * (w / 4);
        let halve = Conv2dOptions { stride: [2, 2], ..Conv2dOptions::padded(1) };
        let double = ConvTranspose2dOptions { stride: [2, 2], padding: [(1, 1); 2], ..Default::default() };
        VaeConv {
            conv1: Conv2d::with(c, c1, [4, 4], halve, key.fold(1)),
            conv2: Conv2d::with(c1, c2, [4, 4], halve, key.fold(2)),
            fc1: Linear::new(small, hidden, key.fold(3)),
            fc21: Linear::new(hidden, latents, key.fold(21)),
            fc22: Linear::new(hidden, latents, key.fold(22)),
            fc3: Linear::new(latents, hidden, key.fold(4)),
            fc4: Linear::new(hidden, small, key.fold(5)),
            conv3: ConvTranspose2d::with(c2, c1, [4, 4], double, key.fold(6)),
            conv4: ConvTranspose2d::with(c1, c, [4, 4], double, key.fold(7)),
            image: sizes.image,
        }
    }

    fn admits(sizes: Sizes) -> Result<(), String> {
        let [_, h, w] = sizes.image;
        if h > 0 && w > 0 && h.is_multiple_of(4) && w.is_multiple_of(4) {
            return Ok(());
        }
        Err(format!(
            "vae-conv halves pictures twice, and these are {h} × {w}; their sides must be multiples of 4; \
             ?size=32 after the data set scales them"
        ))
    }

    fn encode(&self, x: &Var) -> Code {
        let ([c, h, w], b) = (self.image, x.shape()[0]);
        let a = self.conv1.forward(&x.reshape([b, c, h, w])).relu(); // (B, 1, 28, 28) -> (B, 32, 14, 14)
        let a = self.conv2.forward(&a).relu(); // -> (B, 64, 7, 7)
        let a = self.fc1.forward_relu(&a.reshape([b, CHANNELS[1] * (h / 4) * (w / 4)])); // (B, 3136) -> (B, H)
        Code { mu: self.fc21.forward(&a), logvar: Some(self.fc22.forward(&a)) } // (B, H) -> (B, L), (B, L)
    }

    fn decode(&self, z: &Var) -> Var {
        let ([c, h, w], b) = (self.image, z.shape()[0]);
        let a = self.fc4.forward_relu(&self.fc3.forward_relu(z)); // (B, L) -> (B, H) -> (B, 3136)
        let a = a.reshape([b, CHANNELS[1], h / 4, w / 4]); // (B, 64, 7, 7)
        let a = self.conv3.forward(&a).relu(); // -> (B, 32, 14, 14)
        self.conv4.forward(&a).reshape([b, c * h * w]) // -> (B, 1, 28, 28) -> (B, D)
    }
}
