//! Training or evaluation: what a layer that differs between the two is told.

use glassbox_tensor::random::Key;
use std::cell::Cell;

/// Says to a forward pass whether it is one of training, and then where its random numbers come from.
///
/// Dropout, batch normalisation and spectral normalisation do in training what they don't in evaluation. Here that is an
/// argument of `forward` and not a state of the model, so that no model is ever left in the wrong one.
///
/// In training every layer that draws takes the next key, so the same context on the same model gives the same numbers:
///
/// ```
/// use glassbox_nn::Context;
/// use glassbox_tensor::random::Key;
///
/// let step = 7;
/// let ctx = Context::train(Key::new(0).fold(step)); // one context for each step, from the run's seed
/// let (first, second) = (ctx.key(), ctx.key());
/// assert_ne!(first, second);
/// assert_eq!(Context::train(Key::new(0).fold(step)).key(), first);
/// assert!(!Context::eval().is_training());
/// ```
#[derive(Debug, Clone)]
pub struct Context {
    /// The stream of the keys, and how many have been taken; none in evaluation. The count has a place of its own on the heap:
    /// rustc 1.95 may give two contexts that begin alike one place on the stack, and then the second goes on where the first
    /// ended (rust-lang/rust#155241).
    training: Option<(Key, Box<Cell<u64>>)>,
}

impl Context {
    /// A forward pass of training, whose random numbers are functions of `key`.
    pub fn train(key: Key) -> Self {
        Self { training: Some((key, Box::new(Cell::new(0)))) }
    }

    /// A forward pass of evaluation or sampling: nothing is dropped, running statistics are used and not changed.
    pub fn eval() -> Self {
        Self { training: None }
    }

    /// Whether this is training.
    pub fn is_training(&self) -> bool {
        self.training.is_some()
    }

    /// The next key of the stream.
    ///
    /// # Panics
    /// In evaluation, which has no random numbers.
    #[track_caller]
    pub fn key(&self) -> Key {
        let Some((stream, taken)) = &self.training else {
            panic!("Context::key: evaluation draws nothing; ask is_training() first, or make it Context::train(key)")
        };
        stream.fold(taken.replace(taken.get() + 1))
    }
}
