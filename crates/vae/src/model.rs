//! What every autoencoder here has in common: it encodes, it decodes, and what is minimised follows from the two.
//!
//! Letters: B pictures in a batch, D pixels of one, H hidden units, L latents.

use glassbox_autograd::Var;
use glassbox_nn::Module;
use glassbox_nn::loss::{Reduction, bce_with_logits, gaussian_kl};
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;

/// How large the layers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// The shape of a picture, (C, H, W).
    pub image: [usize; 3],
    /// H, the units of the hidden layers.
    pub hidden: usize,
    /// L, the numbers of a code.
    pub latents: usize,
}

impl Sizes {
    /// D, the pixels of a picture: all its numbers, colours included.
    pub fn pixels(&self) -> usize {
        self.image.iter().product()
    }
}

/// Where the code of each picture lies.
#[derive(Debug, Clone)]
pub struct Code {
    /// The code, or its mean where it is a distribution, (B, L).
    pub mu: Var,
    /// ln σ² of q(z|x) = N(mu, σ²), (B, L); a plain autoencoder's code is a point and has none.
    pub logvar: Option<Var>,
}

impl Code {
    /// One draw: mu + σ·eps with `eps` (B, L) from N(0, I), the reparameterisation; a point is always itself.
    pub fn draw(&self, eps: &Tensor) -> Var {
        match &self.logvar {
            Some(logvar) => self.mu.reparameterize(logvar, &Var::constant(eps.clone())),
            None => self.mu.clone(),
        }
    }
}

/// The parts of the loss in nats per picture, each of shape ().
#[derive(Debug, Clone)]
pub struct Losses {
    /// −ln p(x|z): the binary cross-entropy, summed over the pixels.
    pub reconstruction: Var,
    /// KL(q(z|x) ‖ p(z)), summed over the latents; a plain autoencoder has none.
    pub kl: Option<Var>,
}

impl Losses {
    /// The negative of the evidence lower bound: reconstruction + kl.
    pub fn total(&self) -> Var {
        self.weighted(1.0)
    }

    /// reconstruction + beta·kl, what a β-VAE minimises (Higgins et al. 2017, equation 4). Below 1 the code may say more, and
    /// it is no bound on −ln p(x) any more; above 1 the code is pressed towards the prior, and the bound is looser.
    pub fn weighted(&self, beta: f32) -> Var {
        match &self.kl {
            Some(kl) if beta == 1.0 => &self.reconstruction + kl,
            Some(kl) => &self.reconstruction + &(beta * kl),
            None => self.reconstruction.clone(),
        }
    }
}

/// A network with a code in its middle. What differs is how it encodes and decodes; all else follows.
pub trait Autoencoder: Module + Clone {
    /// Whether a pixel is a coin: 1 with the probability that its grey value says, drawn anew for every step. Then the decoder's
    /// Bernoulli distributions are a likelihood of pictures, and bounds on it can be compared with other models'.
    const BINARY: bool = false;

    /// Untrained, with PyTorch's default initialiser.
    fn new(sizes: Sizes, key: Key) -> Self;

    /// Whether the network exists for pictures of this size.
    ///
    /// # Errors
    /// A sentence that says what would do.
    fn admits(_sizes: Sizes) -> Result<(), String> {
        Ok(())
    }

    /// Where the codes of the pictures `x` (B, D) in [0, 1] lie.
    fn encode(&self, x: &Var) -> Code;

    /// The logits of the pixels, (B, L) -> (B, D).
    fn decode(&self, z: &Var) -> Var;

    /// The losses of the pictures `x` (B, D), means over the batch. `eps` (B, L) is the noise from N(0, I).
    fn losses(&self, x: &Var, eps: &Tensor) -> Losses {
        let code = self.encode(x); // (B, D) -> (B, L), (B, L)
        let logits = self.decode(&code.draw(eps)); // (B, L) -> (B, D)
        Losses {
            reconstruction: bce_with_logits(&logits, x, Reduction::BatchMean),
            kl: code.logvar.map(|logvar| gaussian_kl(&code.mu, &logvar, Reduction::BatchMean)),
        }
    }

    /// The same network as constants: what it computes records no graph.
    fn frozen(&self) -> Self {
        let mut frozen = self.clone();
        frozen.freeze();
        frozen
    }
}
