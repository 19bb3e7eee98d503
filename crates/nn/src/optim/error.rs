//! What can be wrong with a step.

use crate::checkpoint::{did_you_mean, list};
use std::fmt;
use thiserror::Error;

/// A step that was not taken. No parameter has changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StepError {
    /// The loss doesn't depend on some parameters: they would silently stay as they are.
    #[error(
        "no step was taken{}; let the loss depend on them, freeze them, or allow it with `allow_unreached`",
        Unreached(names)
    )]
    Unreached {
        /// Their dotted names, in the order of their declaration.
        names: Vec<String>,
    },

    /// A group was made of what the model doesn't have: its members would silently be updated like all others.
    #[error("no step was taken: the group `{path}` has no members, for no parameter of the model lies under this path{}",
            did_you_mean(nearest.as_deref()))]
    EmptyGroup {
        /// The group's path.
        path: String,
        /// The parameter's name that is spelt most like it.
        nearest: Option<String>,
    },
}

struct Unreached<'a>(&'a [String]);

impl fmt::Display for Unreached<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, "the loss did not reach", self.0)
    }
}
