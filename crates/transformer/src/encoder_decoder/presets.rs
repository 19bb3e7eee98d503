//! The original transformer by name.

use crate::encoder_decoder::training::ProblemTraining;
use glassbox_train::{Build, Preset, Setting};

/// An encoder and a decoder that answer.
pub static ENCODER_DECODER: Preset = Preset {
    name: "encoder-decoder",
    about: "the original transformer, on problems with a known answer: strings to reverse or to sort, numbers to add",
    cost: "a minute or two on two cores, 20 MB on disk",
    formula: "\
x = √C·E[source] + positions                        (B, S) -> (B, S, C), positions of sines and cosines
x ← norm(x + attention(x))                          softmax(q·kᵀ/√D + padding mask)·v in H heads of D = C/H
x ← norm(x + W2·relu(W1·x))                         (B, S, C) -> (B, S, F) -> (B, S, C); both steps L times: the encoder
y = √C·E[target] + positions                        (B, T) -> (B, T, C)
y ← norm(y + attention(y))                          with the causal mask
y ← norm(y + attention(y; x))                       queries of y, keys and values of x, with its padding mask
y ← norm(y + W2·relu(W1·y))                         all three L times: the decoder
logits = norm(y)·Eᵀ                                 (B, T, C) -> (B, T, V)
loss = −Σ q·ln softmax(logits)                      mean over all that is no padding; q has 1 − ε at the next word and ε/V everywhere
lr = rate·C^(−1/2)·min(s^(−1/2), s·warmup^(−3/2))   at step s; at the end it falls besides, in a line
held out: exact_match = share of answers that are right to the last letter, written greedily",
    data: "none",
    settings: &[
        Setting::choice("task", "what is to be done", &["reverse", "add", "sort"]),
        Setting::count("length", "the most letters of a string to reverse or sort", 10, 2, 1000),
        Setting::count("digits", "the most digits of each number to add", 3, 2, 1000),
        Setting::count("layers", "layers of the encoder, and as many of the decoder", 2, 1, 1024),
        Setting::count("heads", "heads of each attention", 4, 1, 1024),
        Setting::count("width", "numbers for each token", 128, 1, 65_536),
        Setting::count("feed_forward", "numbers between the products of the feed-forward part", 256, 1, 262_144),
        Setting::choice("norm", "whether sums are normalised (post) or what branches read (pre)", &["post", "pre"]),
        Setting::real("dropout", "share of the numbers that training drops from each branch", 0.0, 0.0, 0.99),
        Setting::real("smoothing", "share of the target that goes to all words alike", 0.1, 0.0, 0.99),
        Setting::count("batch", "problems in a step", 128, 1, 8192),
        Setting::real("rate", "what the schedule is multiplied by", 0.3, 1e-8, 100.0),
        Setting::count("warmup", "steps in which the rate rises", 400, 1, 1_000_000_000),
        Setting::real("cooldown", "share of the run, at its end, in which the rate falls to a hundredth", 0.15, 0.0, 1.0),
        Setting::real("beta2", "how much of the running square of gradients a step keeps", 0.98, 0.0, 0.999_999),
        Setting::real("clip", "the largest norm of the gradient", 1.0, 1e-6, 1e9),
        Setting::count("sample_every", "steps between answers and held-out losses", 500, 1, 1_000_000_000),
        Setting::count("checkpoint_every", "steps between checkpoints", 500, 1, 1_000_000_000),
    ],
    steps: Some(3000),
    build: Build::Generated(|config| Ok(Box::new(ProblemTraining::new(config)?))),
};
