//! # Diffusion
//!
//! Add noise to a picture step by step until nothing of it is left, and learn to undo one step. Then noise alone becomes a picture.
//!
//! ## Adding noise
//!
//! A step multiplies by a little less than 1 and adds a little noise: `x_t = √(1 − beta_t)·x_{t−1} + √beta_t·z`. Sums of Gaussians
//! are Gaussian, so any number of steps is one ([`Level::noised`]; [`Schedule`] has the betas and their product `alpha_bar`):
//!
//! ```text
//! q(x_t | x0) = N(alpha·x0, sigma²·I),   alpha² = alpha_bar_t = Π_{s≤t} (1 − beta_s),   sigma² = 1 − alpha_bar_t     Ho et al. 2020, 4
//! x = alpha·x0 + sigma·eps,   eps ~ N(0, I)
//! ```
//!
//! That is all that a [`Level`] is: alpha, sigma, and what the network is told of them. In y = x/alpha there is only the width of the
//! noise, ρ = sigma/alpha ([`Level::ratio`]). EDM works there; a rectified flow has alpha = 1 − s, sigma = s ([`Level::flow`]). They are
//! one process in other units, and every sampler below works in any.
//!
//! ## What is learned
//!
//! The network sees x and answers eps, or x0, or something between. Each gives the others, since x is known ([`Target::denoised`]):
//!
//! ```text
//! eps              x0 = (x − sigma·eps)/alpha
//! x0               eps = (x − alpha·x0)/sigma
//! v = alpha·eps − sigma·x0        x0 = alpha·x − sigma·v,    eps = sigma·x + alpha·v              Salimans and Ho 2022
//! u = eps − x0                    x0 = x − s·u,              eps = x + (1 − s)·u                  Liu et al. 2023
//! ```
//!
//! The loss is the squared error ([`simple_loss`]), perhaps weighted by level ([`weighted_loss`], [`min_snr_weight`]). Its minimum is
//! known: the best answer is the mean of all eps that x may contain, and that is the gradient of the density of noisy pictures,
//!
//! ```text
//! E[eps | x] = −sigma·∇ ln p(x)                    Vincent 2011; for a mixture of Gaussians: Mixture::denoised
//! ```
//!
//! Why the squared error of eps belongs to a likelihood: −ln p(x0) ≤ Σ_t KL(q(x_{t−1}|x_t, x0) ‖ p(x_{t−1}|x_t)) + …, all of them between
//! Gaussians of one width, so that only the squared distance of their means is left, which is a multiple of ‖eps − eps_theta‖²
//! (Ho et al. 2020, equations 5 to 12). [`bound_terms`] and [`prior_term`] are this bound itself, also with a width that is learned.
//! [`Edm`] multiplies inputs and answers so that both have width 1 at every level. In training each example of a batch has a level of
//! its own ([`noised_each`], [`Target::of_each`]).
//!
//! ## Going back
//!
//! By draws: given x0 and x_t, the step before is Gaussian by Bayes' rule, and the model's x0 stands in for the true one
//! ([`samplers::Ddpm`]):
//!
//! ```text
//! q(x_s | x_t, x0) ∝ q(x_t | x_s)·q(x_s | x0) = N(mu, beta_tilde·I)                    Ho et al. 2020, 6 and 7
//! ```
//!
//! Or without draws: there is an equation that carries the whole distribution of noise into that of pictures, and in y and ρ it is
//!
//! ```text
//! dy/dρ = eps(y; ρ)                                Song et al. 2021, 13; Karras et al. 2022, 3
//! ```
//!
//! Along it, the tangent is [`samplers::Euler`], which is [`samplers::Ddim`] with η = 0; two tangents are [`samplers::Heun`]; what is
//! linear can be integrated exactly, so that only x0 need be guessed between levels ([`samplers::DpmSolver`]), and corrected afterwards
//! ([`samplers::UniPc`]).
//!
//! ```
//! use glassbox_tensor::{Tensor, random::Key};
//! use glassbox_unet_diffusion::samplers::{DpmSolver, Sampler};
//! use glassbox_unet_diffusion::{Betas, End, Schedule, Spacing, Toy};
//!
//! let (schedule, truth) = (Schedule::new(Betas::DDPM, 1000), Toy::Moons.mixture());
//! let grid = schedule.grid(&Spacing::Linspace.multistep(1000, 20), End::Clean);
//! let noise: Vec<f64> = (0..40).map(|i| Key::new(0).normal(i).into()).collect();
//! let mut model = |x: &Vec<f64>, level: &_| truth.denoised(x, level); // the best model there is
//! let x = DpmSolver::default().sample(&grid, noise, &mut model, &mut |_| unreachable!("nothing is drawn"));
//! assert!(truth.log_density(&x, &glassbox_unet_diffusion::Level::CLEAN).iter().all(|&ln_p| ln_p > -5.0)); // on the moons
//! ```
//!
//! ## How likely a picture is
//!
//! What the equation does to a volume is known, too ([`carry_with_divergence`]):
//!
//! ```text
//! ln p(y; ρ_min) = ln p(y(ρ_max); ρ_max) + ∫ div eps dρ          Chen et al. 2018; Song et al. 2021, 39
//! ```
//!
//! with the divergence exactly ([`divergence`], a sweep for each dimension) or by one random sweep ([`hutchinson`]).
//!
//! ## How it is held to the truth
//!
//! - The density of a [`Mixture`] is known at every level. With its score, the error of each sampler falls as its theory says:
//!   measured from 20 to 320 steps against 10,000 steps of Runge and Kutta, the orders are 0.99 (DDIM, Euler), 2.03 (Heun), 2.00
//!   (DPM-Solver++ 2M), and for UniPC of p = 1, 2, 3 without corrector 0.99, 2.01, 3.10, with it 1.99, 3.00, 3.97 (`tests/order.rs`).
//! - 64 trajectories of diffusers' schedulers, with its noise and its model's answers, are walked again; the farthest is 3.5e-6 of its
//!   largest magnitude away (`tests/diffusers.rs`).
//! - The likelihood by the flow is the known density of a mixture to 1e-6 nats (`tests/likelihood.rs`).
//! - The preset [`DIFFUSION_2D`] teaches a small network ([`Mlp`]) a [`Toy`]: after half a minute its moons cost 1.37 nats a point, where the truth
//!   itself costs 1.35, and lie as near to a cloud of the truth as another cloud of the truth does (sliced Wasserstein distance 0.033 and 0.032).

#![forbid(unsafe_code)]

mod bound;
pub mod dit;
mod edm;
mod flow;
mod grid;
mod level;
mod loss;
mod mlp;
mod point;
mod presets;
pub mod samplers;
mod scatter;
mod schedule;
mod target;
mod training;
mod truth;
pub mod unet;

pub use bound::{Posterior, bound_terms, prior_term};
pub use edm::{Edm, karras_sigmas};
pub use flow::{Slope, carry, carry_with_divergence, divergence, gaussian_log_density, hutchinson};
pub use grid::{End, Spacing, exploding, flow_grid, geometric_grid, preserving};
pub use level::{Level, noised_each};
pub use loss::{min_snr_weight, simple_loss, weighted_loss};
pub use mlp::{Mlp, MlpBlock};
pub use point::Point;
pub use presets::{DIFFUSION_2D, PRESETS};
pub use schedule::{Betas, Schedule};
pub use target::{Denoised, Target};
pub use training::PlanarTraining;
pub use truth::{Component, Mixture, Seen, Toy};
