//! Optimisers: what turns gradients into better parameters.
//!
//! An optimiser borrows the model for one step at a time: `adam.step(&mut model, &grads)?`. Each is an [`Optimizer`],
//! which visits the parameters, keeps its own tensors (moments) beside them, and saves them; and a [`Rule`], which is
//! one formula.
//!
//! | optimiser | keeps for each weight | its formula |
//! | --- | --- | --- |
//! | [`Sgd`] | nothing, or a velocity | p ← p − lr·g, with momentum, with Nesterov's |
//! | [`RmsProp`] | 1 to 3 numbers | the gradient over the root of its mean square |
//! | [`Adam`], [AdamW](Adam::adamw) | 2 | the gradient's mean over the root of its mean square |
//! | [`Lion`] | 1 | the sign of the gradient's mean |
//! | [`Muon`] | 1 for a matrix | the gradient's mean with all singular values made 1 |
//!
//! Around them stand [parameter groups](Optimizer::group), [`clip_grad_norm`], a [`Schedule`] for the learning rate,
//! and [`Ema`], which averages the weights. [`lbfgs`](lbfgs()) is for another kind of problem: few numbers, in f64, and
//! a function without noise.

mod adam;
mod clip;
mod ema;
mod error;
mod group;
mod lbfgs;
mod line_search;
mod lion;
mod muon;
mod one_cycle;
mod optimizer;
mod pass;
mod rmsprop;
mod rule;
mod schedule;
mod sgd;
mod state;
mod towards;

pub use adam::{Adam, AdamRule, WeightDecay};
pub use clip::{clip_grad_norm, grad_norm};
pub use ema::Ema;
pub use error::StepError;
pub use lbfgs::{LbfgsOptions, LbfgsOutcome, LbfgsStop, lbfgs};
pub use lion::{Lion, LionRule};
pub use muon::{Muon, MuonRule, RateScale, newton_schulz};
pub use one_cycle::{Anneal, OneCycle};
pub use optimizer::Optimizer;
pub use rmsprop::{RmsProp, RmsPropRule};
pub use rule::Rule;
pub use schedule::Schedule;
pub use sgd::{Sgd, SgdRule};
