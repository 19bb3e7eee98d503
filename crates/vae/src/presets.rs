//! The two models by name, with what they cost and what can be set.

use crate::model::{AeMlp, VaeMlp};
use crate::training::Training;
use glassbox_train::{Preset, Setting};

/// Both have the same settings, so that a comparison is one.
const SETTINGS: &[Setting] = &[
    Setting::count("batch", "pictures in a step", 128, 1, 8192),
    Setting::count("epochs", "passes over the training data", 10, 1, 100_000),
    Setting::real("lr", "Adam's learning rate", 1e-3, 1e-8, 1.0),
    Setting::count("hidden", "units of both hidden layers", 400, 1, 16_384),
    Setting::count("latents", "numbers of a code", 20, 1, 4096),
    Setting::count("sample_every", "steps between samples and held-out losses", 79, 1, 1_000_000_000),
    Setting::count("checkpoint_every", "steps between checkpoints", 395, 1, 1_000_000_000),
];

/// The plain autoencoder.
pub static AE: Preset = Preset {
    name: "ae",
    about: "an autoencoder of clothes, 784-400-20-400-784",
    cost: "5 seconds on two cores, 16 MB on disk",
    formula: "\
z = W21·relu(W1·x + b1) + b21                       the code, (B, 784) -> (B, 400) -> (B, 20)
logits = W4·relu(W3·z + b3) + b4                    (B, 20) -> (B, 400) -> (B, 784)
loss = −Σ_d [x·ln σ(logits) + (1 − x)·ln(1 − σ(logits))]    over the pixels d, mean over the batch, in nats",
    data: "fashion-mnist",
    settings: SETTINGS,
    build: |config, data| Ok(Box::new(Training::<AeMlp>::new(config, data)?)),
};

/// The variational autoencoder.
pub static VAE_MLP: Preset = Preset {
    name: "vae-mlp",
    about: "a variational autoencoder of clothes, 784-400-20-400-784",
    cost: "5 seconds on two cores, 16 MB on disk",
    formula: "\
h = relu(W1·x + b1)                                 (B, 784) -> (B, 400)
mu = W21·h + b21,  logvar = W22·h + b22             q(z|x) = N(mu, exp(logvar)), (B, 400) -> (B, 20), (B, 20)
z = mu + exp(logvar/2)·eps,  eps ~ N(0, I)          (B, 20)
logits = W4·relu(W3·z + b3) + b4                    (B, 20) -> (B, 400) -> (B, 784)
reconstruction = −Σ_d [x·ln σ(logits) + (1 − x)·ln(1 − σ(logits))]    over the pixels d
kl = −½ Σ_j (1 + logvar − mu² − exp(logvar))        over the latents j
loss = reconstruction + kl                          mean over the batch, in nats",
    data: "fashion-mnist",
    settings: SETTINGS,
    build: |config, data| Ok(Box::new(Training::<VaeMlp>::new(config, data)?)),
};

/// All presets of this family.
pub static PRESETS: &[&Preset] = &[&AE, &VAE_MLP];
