//! The numbers that the book states of this family, for `glassbox repro` to measure again.
//!
//! Ours are those of the AVX-512 instruction set, one a seed. The peer's are PyTorch's: `tools/twins/vae.py` with the same model,
//! data, schedule and seeds.

use crate::presets::{AE, VAE_BINARY, VAE_CONV, VAE_MLP};
use glassbox_train::{Claim, Number, Pace};

const BURDA: &str = "Burda, Grosse and Salakhutdinov 2016, table 1, VAE with k = 1 and one stochastic layer, on 60,000 digits \
                     and far longer; ours are 7,996";

/// 3·√(s² + 2·0.17²), with s pooled over the seeds of both.
const TEST_PIXELS: &str = "ours and PyTorch draw the binary pixels of the test digits once each, and a draw moves the mean by 0.17 \
                           (standard deviation of 20 draws), which no spread over seeds shows";

/// All results of this family.
#[expect(clippy::approx_constant, reason = "a precision of 0.5235 is measured, and is not π/6")]
pub static RESULTS: &[Claim] = &[
    Claim {
        name: "ae",
        what: "the autoencoder of the page on VAEs, and its samples",
        preset: &AE,
        settings: &[],
        seeds: &[0, 1, 2],
        n: 2000,
        pace: Pace::Fast,
        judged: true,
        numbers: &[
            Number::of("loss", &[226.2869, 226.6175, 226.9073]).peer(&[226.2785, 227.526, 226.9172]),
            Number::of("frechet", &[276.7304, 279.8338, 259.8293]),
            Number::of("kernel", &[492.7682, 485.5293, 487.7223]),
            Number::of("precision", &[0.4015, 0.476, 0.429]),
            Number::of("recall", &[0.0195, 0.0165, 0.0175]),
            Number::of("sliced", &[1.9023, 1.8778, 1.8453]),
            Number::of("nearest", &[3.9222, 3.7679, 3.7768]),
        ],
    },
    Claim {
        name: "vae-mlp",
        what: "the variational autoencoder of the page on VAEs, and its samples",
        preset: &VAE_MLP,
        settings: &[],
        seeds: &[0, 1, 2],
        n: 2000,
        pace: Pace::Fast,
        judged: true,
        numbers: &[
            Number::of("loss", &[256.3179, 256.3095, 256.5925]).peer(&[257.4609, 256.8469, 256.0554]),
            Number::of("reconstruction", &[240.5135, 241.1253, 242.4834]).peer(&[242.3004, 240.6335, 240.8741]),
            Number::of("kl", &[15.8044, 15.1842, 14.1091]).peer(&[15.1605, 16.2134, 15.1813]),
            Number::of("frechet", &[194.0405, 186.5488, 188.3571]),
            Number::of("kernel", &[429.906, 426.4932, 428.8273]),
            Number::of("precision", &[0.5235, 0.517, 0.507]),
            Number::of("recall", &[0.1545, 0.121, 0.104]),
            Number::of("sliced", &[1.6306, 1.6069, 1.61]),
            Number::of("nearest", &[3.6929, 3.7743, 3.9477]),
        ],
    },
    Claim {
        name: "vae-conv-short",
        what: "an epoch of the convolutional one",
        preset: &VAE_CONV,
        settings: &["epochs=1"],
        seeds: &[0, 1, 2],
        n: 2000,
        pace: Pace::Shortened,
        judged: false,
        numbers: &[
            Number::of("loss", &[290.9011, 307.4798, 300.1326]).peer(&[291.8003, 296.8504, 297.4126]),
            Number::of("reconstruction", &[285.2808, 302.3672, 294.1052]).peer(&[286.3997, 291.1393, 291.4145]),
            Number::of("kl", &[5.6203, 5.1126, 6.0274]).peer(&[5.4007, 5.7111, 5.9982]),
        ],
    },
    Claim {
        name: "vae-conv",
        what: "the convolutional one with a code of two numbers, and its samples",
        preset: &VAE_CONV,
        settings: &[],
        seeds: &[0, 1, 2],
        n: 2000,
        pace: Pace::Slow,
        judged: true,
        numbers: &[
            Number::of("loss", &[267.9686, 268.4762, 269.194]).peer(&[268.5469, 269.4134, 268.7733]),
            Number::of("reconstruction", &[262.1846, 262.3921, 263.3381]).peer(&[262.6356, 263.6942, 262.7688]),
            Number::of("kl", &[5.784, 6.0841, 5.8559]).peer(&[5.9113, 5.7192, 6.0045]),
            Number::of("frechet", &[170.6533, 170.6688, 169.1976]),
            Number::of("kernel", &[353.3747, 355.4929, 346.3955]),
            Number::of("precision", &[0.7945, 0.77, 0.78]),
            Number::of("recall", &[0.0195, 0.015, 0.009]),
            Number::of("sliced", &[1.4792, 1.4788, 1.4639]),
            Number::of("nearest", &[3.1546, 2.8596, 3.4166]),
        ],
    },
    Claim {
        name: "vae-binary-short",
        what: "three epochs of binary digits, with the bounds on their likelihood",
        preset: &VAE_BINARY,
        settings: &["epochs=3"],
        seeds: &[0, 1, 2, 3, 4, 5],
        n: 2004,
        pace: Pace::Shortened,
        judged: false,
        numbers: &[
            Number::of("loss", &[212.072, 211.5843, 210.9784, 211.3518, 211.8077, 210.8543])
                .peer(&[207.4924, 212.0954, 210.6412, 209.4658, 207.4643, 211.8134]),
            Number::of("reconstruction", &[209.0267, 208.7335, 207.9297, 208.1028, 207.3254, 207.6831])
                .peer(&[203.4964, 208.1308, 206.9455, 205.6378, 203.7089, 208.1905]),
            Number::of("kl", &[3.0453, 2.8508, 3.0487, 3.249, 4.4822, 3.1712])
                .peer(&[3.996, 3.9646, 3.6957, 3.828, 3.7555, 3.6228]),
            Number::of("nll_k", &[206.4695, 205.4296, 206.5513, 205.7315, 206.3263, 205.8478])
                .peer(&[202.6344, 207.5372, 205.78, 204.331, 203.1334, 206.2014]),
        ],
    },
    Claim {
        name: "vae-binary-30",
        what: "binary digits after 30 epochs, with the bounds on their likelihood",
        preset: &VAE_BINARY,
        settings: &["epochs=30"],
        seeds: &[0, 1, 2],
        n: 2004,
        pace: Pace::Slow,
        judged: false,
        numbers: &[
            Number::of("loss", &[123.8552, 124.1081, 124.0941]).peer(&[124.089, 124.2098, 124.2585]),
            Number::of("reconstruction", &[109.1556, 109.6414, 109.9157]).peer(&[109.5121, 109.9148, 109.8728]),
            Number::of("kl", &[14.6996, 14.4667, 14.1784]).peer(&[14.5769, 14.2949, 14.3857]),
            Number::of("nll_1", &[123.8552, 124.1081, 124.0941]).peer(&[124.089, 124.2098, 124.2585]),
            Number::of("nll_k", &[119.6558, 120.038, 120.2026]).peer(&[120.3039, 120.4765, 120.2546]),
            Number::of("active_units", &[40.0, 42.0, 33.0]).peer(&[28.0, 41.0, 41.0]),
        ],
    },
    Claim {
        name: "vae-binary-30-beta-0.1",
        what: "the same with a divergence that weighs a tenth",
        preset: &VAE_BINARY,
        settings: &["epochs=30", "beta=0.1"],
        seeds: &[0, 1, 2],
        n: 2004,
        pace: Pace::Slow,
        judged: false,
        numbers: &[
            Number::of("loss", &[96.813, 96.3961, 94.9272]).peer(&[95.5159, 95.5665, 95.5559]),
            Number::of("reconstruction", &[92.2535, 91.8272, 90.3554]).peer(&[91.0098, 90.9158, 91.2243]),
            Number::of("kl", &[45.5951, 45.6896, 45.7174]).peer(&[45.0611, 46.5073, 43.3156]),
            Number::of("nll_1", &[137.8485, 137.5168, 136.0728]).peer(&[136.0709, 137.4231, 134.54]),
            Number::of("nll_k", &[131.649, 131.3426, 129.9203]).peer(&[129.9066, 131.3007, 128.4185]),
            Number::of("active_units", &[50.0, 50.0, 50.0]).peer(&[50.0, 50.0, 50.0]),
        ],
    },
    Claim {
        name: "vae-binary-30-beta-4",
        what: "the same with a divergence that weighs four times as much",
        preset: &VAE_BINARY,
        settings: &["epochs=30", "beta=4"],
        seeds: &[0, 1, 2],
        n: 2004,
        pace: Pace::Slow,
        judged: false,
        numbers: &[
            Number::of("loss", &[160.7364, 160.796, 160.5093])
                .peer(&[161.6225, 161.4597, 161.385])
                .within(0.83, TEST_PIXELS),
            Number::of("reconstruction", &[138.5745, 139.0024, 137.2017]).peer(&[139.5724, 139.4274, 139.173]),
            Number::of("kl", &[5.5405, 5.4484, 5.8269]).peer(&[5.5125, 5.5081, 5.553]),
            Number::of("nll_1", &[144.115, 144.4508, 143.0286]).peer(&[145.0849, 144.9355, 144.726]),
            Number::of("nll_k", &[137.1333, 136.7876, 136.6052])
                .peer(&[137.6569, 137.6131, 138.1151])
                .within(1.09, TEST_PIXELS),
            Number::of("active_units", &[12.0, 11.0, 5.0]).peer(&[27.0, 16.0, 17.0]),
        ],
    },
    Claim {
        name: "vae-binary",
        what: "binary digits, the preset as it stands, and its samples",
        preset: &VAE_BINARY,
        settings: &[],
        seeds: &[0, 1, 2],
        n: 2004,
        pace: Pace::Slow,
        judged: true,
        numbers: &[
            Number::of("loss", &[109.2091, 108.6482, 109.3842]).peer(&[108.813]),
            Number::of("reconstruction", &[90.1838, 88.9901, 90.2519]).peer(&[89.73]),
            Number::of("kl", &[19.0253, 19.6581, 19.1323]).peer(&[19.083]),
            Number::of("nll_k", &[104.2665, 103.8391, 104.5065]).peer(&[104.034]).paper(86.76, BURDA),
            Number::of("active_units", &[26.0, 24.0, 25.0]).peer(&[30.0]).paper(19.0, BURDA).within(
                16.0,
                "PyTorch has one seed here, and its counts after 30 epochs differ by 7.5 (standard deviation of three)",
            ),
            Number::of("frechet", &[145.4728, 147.6301, 162.4829]),
            Number::of("kernel", &[2838.3769, 2833.4922, 3112.6088]),
            Number::of("precision", &[0.7115, 0.698, 0.698]),
            Number::of("recall", &[0.482, 0.4695, 0.5005]),
            Number::of("sliced", &[1.4051, 1.438, 1.4769]),
            Number::of("nearest", &[4.4855, 4.5274, 5.0564]),
        ],
    },
];
