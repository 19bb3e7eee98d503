//! The family's models by name.

use crate::training::PlanarTraining;
use glassbox_train::{Build, Preset, Setting};

/// A diffusion model of points in the plane, whose distribution is known.
pub static DIFFUSION_2D: Preset = Preset {
    name: "diffusion-2d",
    about: "diffusion of points in the plane: a ring, a grid of dots, two moons or a Swiss roll, held to the truth",
    cost: "half a minute on two cores, 3 MB on disk",
    formula: "\
x = alpha_t·x0 + sigma_t·eps,  eps ~ N(0, I)        t uniform in 0 … 999, alpha_t² = Π (1 − beta), sigma_t² = 1 − alpha_t², (B, 2)
e = silu(W2·silu(W1·embedding(t)))                  (B) -> (B, H)
h = W·x                                             (B, 2) -> (B, H)
h ← h + W_2·silu(W_1·silu(h) + W_t·e)               L times
answer = W·silu(h)                                  (B, H) -> (B, 2); it starts at 0
target = eps, x0, or v = alpha_t·eps − sigma_t·x0
loss = w_t·mean (answer − target)²                  w_t = 1, or min(SNR, 5)/SNR for eps and likewise for the others
lr = rate·½(1 + cos(π·step/steps))
held out: sliced_wasserstein between 2,000 samples and 2,000 points of the truth, and between two clouds of the truth;
nats = −ln p by the probability flow ODE with its exact divergence, and by the formula of the truth",
    data: "none",
    settings: &[
        Setting::choice("shape", "what the points form", &["moons", "ring", "grid", "swiss-roll"]),
        Setting::choice("target", "what the network answers", &["epsilon", "v", "x0"]),
        Setting::choice("weights", "how timesteps are weighed against each other", &["simple", "min-snr"]),
        Setting::choice("betas", "how the noise grows", &["linear", "cosine"]),
        Setting::choice("sampler", "how points are drawn", &["dpm-solver", "uni-pc", "heun", "ddim", "euler", "ddpm"]),
        Setting::count("sample_steps", "steps from noise to points", 50, 1, 999),
        Setting::count("width", "units of each layer", 128, 4, 8192),
        Setting::count("layers", "residual blocks", 3, 1, 1024),
        Setting::count("batch", "points in a step", 512, 1, 1_000_000),
        Setting::real("lr", "Adam's learning rate at the beginning", 2e-3, 1e-8, 1.0),
        Setting::real("clip", "the largest norm of the gradient", 1.0, 1e-6, 1e9),
        Setting::count("sample_every", "steps between samples and held-out metrics", 1000, 1, 1_000_000_000),
        Setting::count("checkpoint_every", "steps between checkpoints", 1000, 1, 1_000_000_000),
    ],
    steps: Some(4000),
    build: Build::Generated(|config| Ok(Box::new(PlanarTraining::new(config)))),
};

/// All presets of this family.
pub static PRESETS: &[&Preset] = &[&DIFFUSION_2D];
