//! How good the judges are, for `glassbox repro` to measure again.
//!
//! Ours are those of the AVX-512 instruction set, one a seed. The peer's are PyTorch's: `tools/twins/judge.py` with the same network,
//! data, schedule and seeds.

use super::presets::{JUDGE, JUDGE_DIGITS};
use glassbox_train::{Claim, Number, Pace};

/// Both judges, and short schedules of theirs.
pub static RESULTS: &[Claim] = &[
    Claim {
        name: "judge",
        what: "the judge of clothes; seed 0 is the committed one",
        preset: &JUDGE,
        settings: &[],
        seeds: &[0, 1, 2],
        n: 2000,
        pace: Pace::Slow,
        judged: false,
        numbers: &[Number::of("accuracy", &[0.9005, 0.903, 0.905]).peer(&[0.9085, 0.9005, 0.9])],
    },
    Claim {
        name: "judge-short",
        what: "an epoch of the judge of clothes",
        preset: &JUDGE,
        settings: &["epochs=1"],
        seeds: &[0, 1, 2],
        n: 2000,
        pace: Pace::Shortened,
        judged: false,
        numbers: &[Number::of("accuracy", &[0.756, 0.754, 0.766]).peer(&[0.732, 0.745, 0.777])],
    },
    Claim {
        name: "judge-digits",
        what: "the judge of digits; seed 0 is the committed one",
        preset: &JUDGE_DIGITS,
        settings: &[],
        seeds: &[0, 1, 2],
        n: 2004,
        pace: Pace::Slow,
        judged: false,
        numbers: &[Number::of("accuracy", &[0.977, 0.9785, 0.9795]).peer(&[0.9795, 0.9795, 0.9825])],
    },
    Claim {
        name: "judge-digits-short",
        what: "an epoch of the judge of digits",
        preset: &JUDGE_DIGITS,
        settings: &["epochs=1"],
        seeds: &[0, 1, 2],
        n: 2004,
        pace: Pace::Shortened,
        judged: false,
        numbers: &[Number::of("accuracy", &[0.8114, 0.8278, 0.8303]).peer(&[0.8298, 0.8393, 0.8443])],
    },
];
