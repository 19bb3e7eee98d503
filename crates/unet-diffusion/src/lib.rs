//! # Diffusion
//!
//! Add noise to a picture step by step until nothing of it is left, and learn to undo one step. Then noise alone becomes a picture.

#![forbid(unsafe_code)]

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

pub use edm::{Edm, karras_sigmas};
pub use flow::{Slope, carry, carry_with_divergence, divergence, gaussian_log_density, hutchinson};
pub use grid::{End, Spacing, exploding, flow_grid, geometric_grid, preserving};
pub use level::Level;
pub use loss::{min_snr_weight, simple_loss, weighted_loss};
pub use mlp::{Mlp, MlpBlock};
pub use point::Point;
pub use presets::{DIFFUSION_2D, PRESETS};
pub use schedule::{Betas, Schedule};
pub use target::{Denoised, Target};
pub use training::PlanarTraining;
pub use truth::{Component, Mixture, Seen, Toy};
