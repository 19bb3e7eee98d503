//! # Floor 5: what every family of models is judged by
//!
//! A loss compares a model with itself. To compare a GAN with a diffusion model one needs a question that both can be asked, and
//! there are two.
//!
//! **How far are its samples from the data?** Pictures become points in a space where near means alike, and then two clouds of
//! points are compared. That space is the last hidden layer of a classifier, the [`Judge`]. No single number sees everything, so there are four, each of a blind spot of its own:
//!
//! | number | what it sees | what it doesn't |
//! | --- | --- | --- |
//! | [`frechet_distance`] | means and covariances | everything else; and it is biased, so N is part of it |
//! | [`kernel_distance`] | all moments up to the third, without bias | the fourth and beyond |
//! | [`precision_recall`] | what is made but not real apart from what is real but not made | how often each is made |
//! | [`sliced_wasserstein`] | the whole distribution along each direction | what shows in no random direction |
//!
//! Each depends on the space and on how many points there are, so [`judge_samples`] fixes both, and gives the floor beside the
//! numbers: what training pictures get, which are as good as samples can be.
//!
//! None of them sees a model that repeats its training data: the perfect sample is a training picture. So [`nearest`] looks for
//! those.
//!
//! **What does it cost to say what happened?** A model with a likelihood is judged by −ln p(x) of held-out examples:
//! [`Likelihood`] and [`likelihood_table`].
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
