//! The two networks, and what is minimised.
//!
//! Both are those of PyTorch's well-known example (github.com/pytorch/examples, folder `vae`; Kingma and Welling 2014,
//! appendix C), with its names, so that its checkpoints fit. Letters: B pictures in a batch, D = 784 pixels, H = 400 hidden
//! units, L = 20 latents.

use glassbox_autograd::Var;
use glassbox_nn::loss::{Reduction, bce_with_logits, gaussian_kl};
use glassbox_nn::{Linear, Module};
use glassbox_tensor::Tensor;
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

/// How large the layers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// D, the pixels of a picture.
    pub pixels: usize,
    /// H, the units of both hidden layers.
    pub hidden: usize,
    /// L, the numbers of a code.
    pub latents: usize,
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
    /// What is minimised: for the VAE, the negative of the evidence lower bound.
    pub fn total(&self) -> Var {
        match &self.kl {
            Some(kl) => &self.reconstruction + kl,
            None => self.reconstruction.clone(),
        }
    }
}

/// What training, sampling and drawing need of either network.
pub trait Autoencoder: Module + Clone {
    /// Untrained, with PyTorch's default initialiser.
    fn new(sizes: Sizes, key: Key) -> Self;

    /// The losses of the pictures `x` (B, D) in [0, 1], means over the batch. `eps` (B, L) is the noise from N(0, I).
    fn losses(&self, x: &Var, eps: &Tensor) -> Losses;

    /// The codes of the pictures, (B, D) -> (B, L): where a picture's code lies, or lies on average.
    fn code(&self, x: &Var) -> Var;

    /// One draw of the codes: of a distribution if the network has one, else [`Autoencoder::code`].
    fn draw_code(&self, x: &Var, eps: &Tensor) -> Var;

    /// The logits of the pixels, (B, L) -> (B, D).
    fn decode(&self, z: &Var) -> Var;

    /// The same network as constants: what it computes records no graph.
    fn frozen(&self) -> Self {
        let mut frozen = self.clone();
        frozen.freeze();
        frozen
    }
}

impl VaeMlp {
    /// q(z|x), as (mu, logvar).
    pub fn encode(&self, x: &Var) -> (Var, Var) {
        let h = self.fc1.forward_relu(x); // (B, D) -> (B, H)
        (self.fc21.forward(&h), self.fc22.forward(&h)) // (B, H) -> (B, L), (B, L)
    }
}

impl Autoencoder for VaeMlp {
    fn new(sizes: Sizes, key: Key) -> VaeMlp {
        let Sizes { pixels, hidden, latents } = sizes;
        VaeMlp {
            fc1: Linear::new(pixels, hidden, key.fold(1)),
            fc21: Linear::new(hidden, latents, key.fold(21)),
            fc22: Linear::new(hidden, latents, key.fold(22)),
            fc3: Linear::new(latents, hidden, key.fold(3)),
            fc4: Linear::new(hidden, pixels, key.fold(4)),
        }
    }

    fn losses(&self, x: &Var, eps: &Tensor) -> Losses {
        let (mu, logvar) = self.encode(x); // (B, D) -> (B, L), (B, L)
        let z = mu.reparameterize(&logvar, &Var::constant(eps.clone())); // mu + exp(logvar/2)·eps, (B, L)
        let logits = self.decode(&z); // (B, L) -> (B, D)
        Losses {
            reconstruction: bce_with_logits(&logits, x, Reduction::BatchMean),
            kl: Some(gaussian_kl(&mu, &logvar, Reduction::BatchMean)),
        }
    }

    fn code(&self, x: &Var) -> Var {
        self.encode(x).0
    }

    fn draw_code(&self, x: &Var, eps: &Tensor) -> Var {
        let (mu, logvar) = self.encode(x);
        mu.reparameterize(&logvar, &Var::constant(eps.clone()))
    }

    fn decode(&self, z: &Var) -> Var {
        self.fc4.forward(&self.fc3.forward_relu(z)) // (B, L) -> (B, H) -> (B, D)
    }
}

impl Autoencoder for AeMlp {
    fn new(sizes: Sizes, key: Key) -> AeMlp {
        let Sizes { pixels, hidden, latents } = sizes;
        AeMlp {
            fc1: Linear::new(pixels, hidden, key.fold(1)),
            fc21: Linear::new(hidden, latents, key.fold(21)),
            fc3: Linear::new(latents, hidden, key.fold(3)),
            fc4: Linear::new(hidden, pixels, key.fold(4)),
        }
    }

    fn losses(&self, x: &Var, _eps: &Tensor) -> Losses {
        let logits = self.decode(&self.code(x)); // (B, D) -> (B, L) -> (B, D)
        Losses { reconstruction: bce_with_logits(&logits, x, Reduction::BatchMean), kl: None }
    }

    fn code(&self, x: &Var) -> Var {
        self.fc21.forward(&self.fc1.forward_relu(x)) // (B, D) -> (B, H) -> (B, L)
    }

    fn draw_code(&self, x: &Var, _eps: &Tensor) -> Var {
        self.code(x)
    }

    fn decode(&self, z: &Var) -> Var {
        self.fc4.forward(&self.fc3.forward_relu(z)) // (B, L) -> (B, H) -> (B, D)
    }
}
