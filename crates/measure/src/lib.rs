//! # Floor 5: what every family of models is judged by
//!
//! A loss compares a model with itself. To compare a GAN with a diffusion model one needs a question that both can be
//! asked, and there are two.
//!
//! ## The idea
//!
//! **How far are its samples from the data?** Pictures become points in a space where near means alike, and then two
//! clouds of points are compared. Pixels are no such space: a shoe that moved by two pixels is farther from itself
//! than from a blur. The last hidden layer of a classifier is one, for all that comes after it are straight borders
//! between the classes: what is to be told apart has been pulled apart before it, and what is called alike lies
//! together. That classifier is the [`Judge`], with 64 numbers in that layer. No single number sees everything, so
//! there are four, each with a blind spot of its own:
//!
//! | number | what it sees | what it doesn't |
//! | --- | --- | --- |
//! | [`frechet_distance`] | means and covariances | everything else; and it is biased, so N is part of it |
//! | [`kernel_distance`] | all moments up to the third, without bias | the fourth and beyond |
//! | [`precision_recall`] | what is made but not real apart from what is real but not made | how often each is made |
//! | [`sliced_wasserstein`] | the whole distribution along each direction | what shows in no random direction |
//!
//! None of them sees a model that repeats its training data: the perfect sample is a training picture. So [`nearest`]
//! looks for those.
//!
//! **What does it cost to say what happened?** A model with a likelihood is judged by −ln p(x) of held-out examples:
//! [`Likelihood`] and [`likelihood_table`].
//!
//! ## Where the formulas come from
//!
//! *Fréchet.* Two random vectors X ~ p and Y ~ q that are as near each other as they can be: d² = min E|X − Y|². With
//! E|X − Y|² = |μ₁ − μ₂|² + tr Σ₁ + tr Σ₂ − 2·tr C, all that is left to choose is their covariance C. For Gaussians
//! the largest trace that it can have is tr (Σ₁Σ₂)^½.
//!
//! *Kernel.* A kernel that is a polynomial, k(a, b) = φ(a)·φ(b), is a product of vectors of monomials. So E k(x, x')
//! over independent x and x' is |E φ(x)|², and the sum of the three terms is |E φ(x) − E φ(y)|²: the distance of all
//! moments up to the third. A pair of a point with itself is not independent; leaving those out takes the bias away.
//!
//! *Precision and recall.* Where are the real points? Within the balls that reach to each one's third neighbour:
//! small where points are dense, large where they are sparse. The rest is counting.
//!
//! *Sliced Wasserstein.* The d² of the first line without Gaussians, on a line: there the nearest coupling is the one
//! that crosses no ways, and that is sorting. Averaged over directions.
//!
//! ## The protocol
//!
//! Each number depends on the space and on how many points there are, so [`judge_samples`] fixes both: committed
//! weights, whose hash is part of the result, and 2,000 samples against 2,000 test pictures. Beside the numbers
//! stands the floor: what 2,000 training pictures get, which are as good as samples can be.
//!
//! The Fréchet distance here is not the FID, whose space is that of Inception v3. Another space gives other numbers,
//! and so they have another name.
//!
//! ## The code
//!
//! ```
//! use glassbox_measure::{frechet_distance, kernel_distance, precision_recall, sliced_wasserstein};
//! use glassbox_tensor::{Tensor, random::Key};
//!
//! let real = Tensor::randn([2000, 4], Key::new(0)); // (N, D)
//! let narrow = 0.5 * &Tensor::randn([2000, 4], Key::new(1)); // a model without variety
//!
//! // Along each of the 4 axes (1 − ½)², and a little for the bias
//! assert!((frechet_distance(&real, &narrow)? - 1.0).abs() < 0.1);
//! assert!((sliced_wasserstein(&real, &narrow, 64, Key::new(2)) - 0.5).abs() < 0.05);
//! let distance = kernel_distance(&real, &narrow);
//! assert!(distance.value > 10.0 * distance.standard_error);
//! let found = precision_recall(&real, &narrow, 3);
//! assert!(found.precision > 0.9 && found.recall < 0.6); // all of it is real, much that is real is missing
//! # Ok::<(), glassbox_measure::TooFew>(())
//! ```
//!
//! ## What comes out
//!
//! `glassbox eval RUN --judge` gives, with the defaults of each preset, seeds 0 to 2 (`glassbox repro` measures it
//! again):
//!
//! | samples of | judge | Fréchet | kernel | precision | recall | sliced | nearest |
//! | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |
//! | *floor, clothes* | `d2b044628bfd` | 1.45 | 0.3 | 0.875 | 0.882 | 0.147 | 3.54 |
//! | `ae` | `d2b044628bfd` | 272.1 | 489 | 0.435 | 0.018 | 1.875 | 3.82 |
//! | `vae-mlp` | `d2b044628bfd` | 189.6 | 428 | 0.516 | 0.127 | 1.616 | 3.80 |
//! | `vae-conv` | `d2b044628bfd` | 170.2 | 352 | 0.781 | 0.014 | 1.474 | 3.14 |
//! | *floor, digits* | `b1edb2b85acd` | 2.72 | 1.0 | 0.892 | 0.877 | 0.164 | 5.06 |
//! | `vae-binary` | `b1edb2b85acd` | 151.9 | 2928 | 0.703 | 0.484 | 1.440 | 4.69 |
//!
//! The autoencoder draws ghosts, and nothing of the data is among them. The convolutional VAE draws the clearest
//! clothes and the fewest: its code has two numbers. All are blurred, which no test picture is, and so all are far
//! from the floor.
//!
//! All of it is computed in f64 and is a function of its inputs alone (and of a key, where directions are drawn).

#![forbid(unsafe_code)]

mod estimate;
mod frechet;
mod judge;
mod kernel_distance;
mod likelihood;
pub mod linalg;
mod nearest;
mod points;
mod precision_recall;
mod protocol;
mod sliced_wasserstein;

pub use estimate::Estimate;
pub use frechet::{FRECHET_LEAST, TooFew, frechet, frechet_distance};
pub use judge::{FEATURES, JUDGE, JUDGE_DIGITS, Judge, JudgeTraining, PRESETS, RESULTS, WEIGHTS, Weights};
pub use kernel_distance::kernel_distance;
pub use likelihood::{Likelihood, likelihood_table};
pub use nearest::{Neighbour, nearest, nearest_picture};
pub use precision_recall::{PrecisionRecall, precision_recall};
pub use protocol::{JUDGED, JudgeError, LOOKED_UP, PROTOCOL, Report, Scores, judge_samples};
pub use sliced_wasserstein::sliced_wasserstein;
