//! What can be wrong with a model of somebody else's, in sentences with the file and the remedy.

use crate::tokenizer::TokenizerError;
use glassbox_data::DataError;
use glassbox_nn::checkpoint::CheckpointError;
use thiserror::Error;

/// Anything that keeps a model of somebody else's from being read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PretrainedError {
    /// A file cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),

    /// The weights are not those of the model.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),

    /// The tokens can't be read.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),

    /// A file that says something which can't be, or is not done here.
    #[error("{file}: {problem}")]
    Wrong {
        /// The file, or whatever name was given to the bytes.
        file: String,
        /// What is wrong with it, and what can be done.
        problem: String,
    },
}
