//! The two networks of fully connected layers.
//!
//! Both are those of PyTorch's well-known example (github.com/pytorch/examples, folder `vae`; Kingma and Welling 2014,
//! appendix C), with its names, so that its checkpoints fit. B pictures in a batch, D = 784 pixels, H = 400 hidden units, L = 20
//! latents.

use crate::model::{Autoencoder, Code, Sizes};
use glassbox_autograd::Var;
use glassbox_nn::{Linear, Module};
use glassbox_tensor::random::Key;

/// The variational autoencoder: an encoder q(z|x) = N(mu(x), diag(exp(logvar(x)))), a decoder p(x|z), a prior
/// p(z) = N(0, I).
#[derive(Debug, Clone, Module)]
pub struct VaeMlp {
    /// The encoder's hidden layer, D -> H.
    pub fc1: Linear,
    /// The mean of the code, H -> L.
    pub fc21: Linear,
    /// The logarithm of its variance, H -> L.
    pub fc22: Linear,
    /// The decoder's hidden layer, L -> H.
    pub fc3: Linear,
    /// The logits of the pixels, H -> D.
    pub fc4: Linear,
}

/// The plain autoencoder: the same layers without `fc22`. A code is a point, and nothing says where it should lie.
#[derive(Debug, Clone, Module)]
pub struct AeMlp {
    /// The encoder's hidden layer, D -> H.
    pub fc1: Linear,
    /// The code, H -> L.
    pub fc21: Linear,
    /// The decoder's hidden layer, L -> H.
    pub fc3: Linear,
    /// The logits of the pixels, H -> D.
    pub fc4: Linear,
}

impl Autoencoder for VaeMlp {
    fn new(sizes: Sizes, key: Key) -> VaeMlp {
        let (pixels, Sizes { hidden, latents, .. }) = (sizes.pixels(), sizes);
        VaeMlp {
            fc1: Linear::new(pixels, hidden, key.fold(1)),
            fc21: Linear::new(hidden, latents, key.fold(21)),
            fc22: Linear::new(hidden, latents, key.fold(22)),
            fc3: Linear::new(latents, hidden, key.fold(3)),
            fc4: Linear::new(hidden, pixels, key.fold(4)),
        }
    }

    fn encode(&self, x: &Var) -> Code {
        let h = self.fc1.forward_relu(x); // (B, D) -> (B, H)
        Code { mu: self.fc21.forward(&h), logvar: Some(self.fc22.forward(&h)) } // (B, H) -> (B, L), (B, L)
    }

    fn decode(&self, z: &Var) -> Var {
        self.fc4.forward(&self.fc3.forward_relu(z)) // (B, L) -> (B, H) -> (B, D)
    }
}

impl Autoencoder for AeMlp {
    fn new(sizes: Sizes, key: Key) -> AeMlp {
        let (pixels, Sizes { hidden, latents, .. }) = (sizes.pixels(), sizes);
        AeMlp {
            fc1: Linear::new(pixels, hidden, key.fold(1)),
            fc21: Linear::new(hidden, latents, key.fold(21)),
            fc3: Linear::new(latents, hidden, key.fold(3)),
            fc4: Linear::new(hidden, pixels, key.fold(4)),
        }
    }

    fn encode(&self, x: &Var) -> Code {
        let h = self.fc1.forward_relu(x); // (B, D) -> (B, H)
        Code { mu: self.fc21.forward(&h), logvar: None } // (B, H) -> (B, L)
    }

    fn decode(&self, z: &Var) -> Var {
        self.fc4.forward(&self.fc3.forward_relu(z)) // (B, L) -> (B, H) -> (B, D)
    }
}
