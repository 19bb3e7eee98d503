//! What can be wrong with a folder that should hold a UNet, in sentences with the file, the place and the remedy.

use glassbox_data::DataError;
use glassbox_nn::CheckpointError;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Anything that keeps a UNet from being read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UNetError {
    /// A file cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),

    /// A file cannot be written.
    #[error("{}: cannot write: {source}", path.display())]
    Write {
        /// The file in question.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },

    /// A folder without one of the two files.
    #[error("{}: {problem}", folder.display())]
    Folder {
        /// The folder in question.
        folder: PathBuf,
        /// What is not there, and what can be done.
        problem: String,
    },

    /// A `config.json` that can't be read, or that describes what can't be or isn't built here.
    #[error("{}: {problem}", path.display())]
    Config {
        /// The file in question.
        path: PathBuf,
        /// The setting, what is wrong with it, and what can be done.
        problem: String,
    },

    /// The weights aren't those of the network that `config.json` describes.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}
