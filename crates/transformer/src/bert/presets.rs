//! BERT by name.

use crate::bert::training::MaskedTraining;
use glassbox_train::{Build, Preset, Setting};

/// A small BERT of characters.
pub static BERT: Preset = Preset {
    name: "bert",
    about: "a BERT of characters that fills blanks: 4 layers of 4 heads, 128 wide, on 64 characters to both sides",
    cost: "three minutes on two cores, 20 MB on disk",
    formula: "\
x = norm(words[ids] + positions[0..T] + types[0])   (B, T) -> (B, T, C)
x ← norm(x + attention(x))                          softmax(q·kᵀ/√D)·v in H heads of D = C/H; all see all, to both sides
x ← norm(x + W2·gelu(W1·x))                         (B, T, C) -> (B, T, F) -> (B, T, C); both steps L times
logits = norm(gelu(W·x + b))·wordsᵀ + bias          (B, T, C) -> (B, T, V)
loss = −ln softmax(logits)[what stood there]        mean over the 15% of tokens that are asked about: 80% of them are hidden,
                                                    10% are another word, 10% stand as they were
held out: accuracy = share of them that the likeliest word is right about, under fixed masks",
    data: "shakespeare",
    settings: &[
        Setting::count("layers", "layers", 4, 1, 1024),
        Setting::count("heads", "heads of attention in each", 4, 1, 1024),
        Setting::count("width", "numbers for each token", 128, 1, 65_536),
        Setting::count("feed_forward", "numbers between the products of the feed-forward part", 512, 1, 262_144),
        Setting::choice("tokens", "what a token is", &["characters", "bytes"]),
        Setting::real("dropout", "share of the numbers that training drops from each branch", 0.0, 0.0, 0.99),
        Setting::real("masked", "share of the tokens that are asked about", 0.15, 0.01, 0.9),
        Setting::count("batch", "windows in a step", 24, 1, 8192),
        Setting::count("context", "tokens of a window", 64, 4, 65_536),
        Setting::real("lr", "AdamW's learning rate after the warm-up", 1e-3, 1e-8, 1.0),
        Setting::real("min_lr", "what it falls to along a cosine", 1e-4, 0.0, 1.0),
        Setting::count("warmup", "steps in which it rises", 200, 0, 1_000_000_000),
        Setting::real("beta2", "how much of the running square of gradients a step keeps", 0.99, 0.0, 0.999_999),
        Setting::real("weight_decay", "how matrices are drawn towards 0", 0.01, 0.0, 10.0),
        Setting::real("clip", "the largest norm of the gradient", 1.0, 1e-6, 1e9),
        Setting::count("sample_every", "steps between texts and held-out losses", 500, 1, 1_000_000_000),
        Setting::count("checkpoint_every", "steps between checkpoints", 500, 1, 1_000_000_000),
    ],
    steps: Some(3000),
    build: Build::Text(|config, text| Ok(Box::new(MaskedTraining::new(config, text)?))),
};
