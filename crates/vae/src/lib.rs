//! # Variational autoencoders
//!
//! ## The idea
//!
//! An autoencoder squeezes a picture x through a narrow code z and is trained to get x back. Its decoder turns any code into
//! a picture, so it seems that new codes give new pictures. But which codes? Training has placed them wherever it was
//! convenient; a code from elsewhere decodes to something that is no picture of anything.
//!
//! A variational autoencoder (Kingma and Welling 2014; Rezende, Mohamed and Wierstra 2014) begins at the other end. It
//! *decides* where codes come from, p(z) = N(0, I), and asks for the decoder p(x|z) under which the pictures that we have are
//! likely. The encoder is a means to that: a guess q(z|x) at the codes that may have produced x. Since the guess is a
//! distribution, a picture's code is a region and not a point, and since the regions of all pictures have to share N(0, I),
//! they fill it. So a code drawn from N(0, I) lies in the region of some picture, or between two alike.
//!
//! ## What is minimised
//!
//! The likelihood of x is p(x) = ∫ p(x|z) p(z) dz, and nobody can compute the integral. For any distribution q,
//!
//! ```text
//! ln p(x) = E_q[ ln p(x, z) − ln p(z|x) ]                                      p(x) does not depend on z
//!         = E_q[ ln p(x, z) − ln q(z|x) ] + E_q[ ln q(z|x) − ln p(z|x) ]       add and subtract ln q(z|x)
//!         = ELBO + KL( q(z|x) ‖ p(z|x) )
//!         ≥ ELBO                                                               a KL divergence is never negative
//! ```
//!
//! so the ELBO, the evidence lower bound, can be made large in place of ln p(x). With p(x, z) = p(x|z) p(z) it comes apart:
//!
//! ```text
//! −ELBO = −E_q[ ln p(x|z) ] + KL( q(z|x) ‖ p(z) )
//!          reconstruction     kl
//! ```
//!
//! Both are in nats. Three choices make them computable.
//!
//! 1. **q(z|x) = N(mu(x), diag(sigma(x)²))**, with the encoder giving mu and logvar = ln sigma². Against N(0, I) the
//!    divergence is known in closed form (their appendix B): `kl = −½ Σ (1 + logvar − mu² − exp(logvar))`.
//! 2. **z = mu + sigma · eps with eps ~ N(0, I)**: the reparameterisation. The expectation over q becomes one over eps, which
//!    does not depend on any parameter, so the gradient goes inside. One draw for each picture of a batch is enough.
//! 3. **p(x|z) is a product of Bernoulli distributions**, one for each pixel, with the decoder giving logits:
//!    `reconstruction = −Σ [x ln σ(logits) + (1 − x) ln(1 − σ(logits))]`. Our pixels are grey, x in [0, 1] and not in {0, 1},
//!    so this is the loss that the well-known example prints, not a likelihood of pixels.
//!
//! ## The code that computes it
//!
//! [`VaeMlp`] is three lines of network; the [`losses`](Autoencoder::losses) of any [`Autoencoder`] are the two terms above; the training step, in
//! [`Training`], is algorithm 1 of the paper line by line.
//!
//! ```
//! use glassbox_autograd::Var;
//! use glassbox_tensor::{Tensor, random::Key};
//! use glassbox_vae::{Autoencoder, Sizes, VaeMlp};
//!
//! let vae = VaeMlp::new(Sizes { image: [1, 28, 28], hidden: 400, latents: 20 }, Key::new(0));
//! let x = Var::constant(Tensor::rand([128, 784], Key::new(1)));
//! let eps = Tensor::randn([128, 20], Key::new(2));
//!
//! let losses = vae.losses(&x, &eps);
//! let grads = losses.total().backward();
//! assert!(losses.kl.unwrap().item() >= 0.0);
//! assert!(grads.get(vae.fc1.weight.id()).is_some());
//! ```
//!
//! ## What comes out
//!
//! `glassbox train vae` trains [`AeMlp`] and [`VaeMlp`] ([`compare`]) and draws three rows: the autoencoder's decoder on codes
//! from N(0, I), on codes from a Gaussian that was fitted to its training codes, and the VAE's decoder on codes from its prior.
//! The first row shows ghosts, for the autoencoder's codes lie elsewhere. The second shows garments, but also overlaps of two
//! and fragments of none: a Gaussian covers the region, not the codes. The third shows garments.
//!
//! After 10 epochs of the 10,000 embedded pictures (790 steps, 3 seconds) the VAE's held-out loss is 256 nats for each
//! picture, 16 of them for the code; after 60 epochs it is 245. The plain autoencoder gets below 220, as it must: its codes
//! may lie as far apart as it likes. The VAE pays for its prior, and the prior is what new pictures are drawn from.
//!
//! [`VaeConv`] (`glassbox train vae-conv`) has convolutions and a code of two numbers: its picture `plane` is all of its
//! latent space. [`VaeBinary`] (`vae-binary`) learns binary digits, for which −ELBO bounds −ln p(x); [`bounds`] has the tighter
//! bound by k draws, and counts the latents in use.
//!
//! Their pictures are blurred. Where the code does not tell what a pixel is, the best that a Bernoulli distribution can say is
//! grey. Sharper pictures need another p(x|z), or another family.

#![forbid(unsafe_code)]

mod binary;
pub mod bounds;
pub mod compare;
mod conv;
mod mlp;
mod model;
mod pictures;
mod presets;
mod results;
mod scatter;
mod training;

pub use binary::VaeBinary;
pub use conv::VaeConv;
pub use mlp::{AeMlp, VaeMlp};
pub use model::{Autoencoder, Code, Losses, Sizes};
pub use presets::{AE, PRESETS, VAE_BINARY, VAE_CONV, VAE_MLP};
pub use results::RESULTS;
pub use scatter::{Cloud, RADIUS_95, project, scatter_svg};
pub use training::Training;
