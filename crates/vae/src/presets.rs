//! The two models by name, with what they cost and what can be set.

use crate::binary::VaeBinary;
use crate::conv::VaeConv;
use crate::mlp::{AeMlp, VaeMlp};
use crate::training::Training;
use glassbox_train::{Build, Preset, Setting};

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
    steps: None,
    build: Build::Pictures(|config, data| Ok(Box::new(Training::<AeMlp>::new(config, data)?))),
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
    steps: None,
    build: Build::Pictures(|config, data| Ok(Box::new(Training::<VaeMlp>::new(config, data)?))),
};

/// The convolutional variational autoencoder, with a code of two numbers.
pub static VAE_CONV: Preset = Preset {
    name: "vae-conv",
    about: "a convolutional variational autoencoder of clothes, with a plane of codes to look at",
    cost: "20 seconds on two cores, 10 MB on disk",
    formula: "\
a = relu(conv 4×4, stride 2 of relu(conv 4×4, stride 2 of x))    (B, 1, 28, 28) -> (B, 32, 14, 14) -> (B, 64, 7, 7)
h = relu(W1·a + b1)                                              (B, 3136) -> (B, 128)
mu = W21·h + b21,  logvar = W22·h + b22                          q(z|x) = N(mu, exp(logvar)), (B, 2), (B, 2)
z = mu + exp(logvar/2)·eps,  eps ~ N(0, I)                       (B, 2)
logits = two transposed convolutions of relu(W4·relu(W3·z + b3) + b4)    (B, 64, 7, 7) -> (B, 32, 14, 14) -> (B, 1, 28, 28)
reconstruction = −Σ_d [x·ln σ(logits) + (1 − x)·ln(1 − σ(logits))]    over the pixels d
kl = −½ Σ_j (1 + logvar − mu² − exp(logvar))                     over the latents j
loss = reconstruction + beta·kl                                  mean over the batch, in nats",
    data: "fashion-mnist",
    settings: &[
        Setting::count("batch", "pictures in a step", 128, 1, 8192),
        Setting::count("epochs", "passes over the training data", 10, 1, 100_000),
        Setting::real("lr", "Adam's learning rate", 1e-3, 1e-8, 1.0),
        Setting::real("beta", "weight of the divergence; 1 is the bound", 1.0, 0.0, 1000.0),
        Setting::count("hidden", "units of both hidden layers", 128, 1, 16_384),
        Setting::count("latents", "numbers of a code", 2, 1, 4096),
        Setting::count("sample_every", "steps between samples and held-out losses", 79, 1, 1_000_000_000),
        Setting::count("checkpoint_every", "steps between checkpoints", 395, 1, 1_000_000_000),
    ],
    steps: None,
    build: Build::Pictures(|config, data| Ok(Box::new(Training::<VaeConv>::new(config, data)?))),
};

/// The variational autoencoder of binary pictures, whose bounds are likelihoods.
pub static VAE_BINARY: Preset = Preset {
    name: "vae-binary",
    about: "a variational autoencoder of binary digits, 784-200-200-50-200-200-784, with bounds on ln p(x)",
    cost: "25 seconds on two cores, 9 MB on disk",
    formula: "\
x_d ~ Bernoulli(grey_d)                             drawn anew for every step, (B, 784)
h = tanh(W2·tanh(W1·x + b1) + b2)                   (B, 784) -> (B, 200) -> (B, 200)
mu, logvar = two linear layers of h                 q(z|x) = N(mu, exp(logvar)), (B, 50), (B, 50)
z = mu + exp(logvar/2)·eps,  eps ~ N(0, I)          (B, 50)
logits = W·tanh(W4·tanh(W3·z + b3) + b4) + b        p(x|z) = Bernoulli(σ(logits)), (B, 784)
reconstruction = −ln p(x|z),  kl = KL(q(z|x) ‖ N(0, I))
loss = reconstruction + beta·kl                     mean over the batch, in nats
held out: nll_1 = reconstruction + kl,  nll_k = −ln 1/k Σᵢ p(x|zᵢ)·p(zᵢ)/q(zᵢ|x) with k = draws,
active_units = the latents with Var_x(mu) > 0.01",
    data: "digits",
    settings: &[
        Setting::count("batch", "pictures in a step", 100, 1, 8192),
        Setting::count("epochs", "passes over the training data", 100, 1, 100_000),
        Setting::real("lr", "Adam's learning rate", 1e-3, 1e-8, 1.0),
        Setting::real("beta", "weight of the divergence; 1 is the bound", 1.0, 0.0, 1000.0),
        Setting::count("draws", "codes drawn for the held-out bound", 64, 1, 100_000),
        Setting::count("hidden", "units of each hidden layer", 200, 1, 16_384),
        Setting::count("latents", "numbers of a code", 50, 1, 4096),
        Setting::count("sample_every", "steps between samples and held-out losses", 800, 1, 1_000_000_000),
        Setting::count("checkpoint_every", "steps between checkpoints", 4000, 1, 1_000_000_000),
    ],
    steps: None,
    build: Build::Pictures(|config, data| Ok(Box::new(Training::<VaeBinary>::new(config, data)?))),
};

/// All presets of this family.
pub static PRESETS: &[&Preset] = &[&AE, &VAE_MLP, &VAE_CONV, &VAE_BINARY];
