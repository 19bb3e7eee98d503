//! The network for binary pictures: two hidden layers of tanh on both sides, that of Burda, Grosse and Salakhutdinov 2016
//! (*Importance Weighted Autoencoders*, section 5) with one stochastic layer. H = 200 hidden units, L = 50 latents there.

use crate::model::{Autoencoder, Code, Sizes};
use glassbox_autograd::Var;
use glassbox_nn::{Linear, Module};
use glassbox_tensor::random::Key;

/// A variational autoencoder of pictures whose pixels are 0 or 1.
#[derive(Debug, Clone, Module)]
pub struct VaeBinary {
    /// The encoder's hidden layers, D -> H -> H.
    pub encoder: [Linear; 2],
    /// The mean of the code, H -> L.
    pub mu: Linear,
    /// The logarithm of its variance, H -> L.
    pub logvar: Linear,
    /// The decoder's hidden layers, L -> H -> H.
    pub decoder: [Linear; 2],
    /// The logits of the pixels, H -> D.
    pub logits: Linear,
}

impl Autoencoder for VaeBinary {
    const BINARY: bool = true;

    fn new(sizes: Sizes, key: Key) -> VaeBinary {
        let (pixels, Sizes { hidden, latents, .. }) = (sizes.pixels(), sizes);
        let layer = |inputs, outputs, i| Linear::new(inputs, outputs, key.fold(i));
        VaeBinary {
            encoder: [layer(pixels, hidden, 0), layer(hidden, hidden, 1)],
            mu: layer(hidden, latents, 2),
            logvar: layer(hidden, latents, 3),
            decoder: [layer(latents, hidden, 4), layer(hidden, hidden, 5)],
            logits: layer(hidden, pixels, 6),
        }
    }

    fn encode(&self, x: &Var) -> Code {
        let h = hidden(&self.encoder, x); // (B, D) -> (B, H)
        Code { mu: self.mu.forward(&h), logvar: Some(self.logvar.forward(&h)) } // (B, H) -> (B, L), (B, L)
    }

    fn decode(&self, z: &Var) -> Var {
        self.logits.forward(&hidden(&self.decoder, z)) // (B, L) -> (B, H) -> (B, D)
    }
}

fn hidden(layers: &[Linear; 2], x: &Var) -> Var {
    layers.iter().fold(x.clone(), |h, layer| layer.forward(&h).tanh())
}
