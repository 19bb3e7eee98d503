//! Optimisers: what turns gradients into better parameters.
//!
//! An optimiser borrows the model for one step at a time: `adam.step(&mut model, &grads)?`. It knows parameters by their
//! identity, so the same optimiser goes on when values are loaded or averaged, and it keeps its own tensors (moments)
//! beside them.

mod adam;
mod error;
mod state;

pub use adam::{Adam, WeightDecay};
pub use error::StepError;
