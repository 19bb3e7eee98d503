//! What can be wrong with data from outside, in sentences that name the file, the place and the remedy.

use crate::idx::IdxError;
use crate::image::PngError;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Anything that keeps a data set from being opened or a picture from being read or written.
///
/// The text of each is one sentence (or two, the second being the remedy), fit to be shown to a person.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataError {
    /// The operating system refused.
    #[error("{}: cannot {doing}: {source}", path.display())]
    Io {
        /// The file or folder in question.
        path: PathBuf,
        /// What was tried, as a verb: "read", "write".
        doing: &'static str,
        /// The operating system's reason.
        source: io::Error,
    },

    /// A file that is not a whole and true IDX file.
    #[error(transparent)]
    Idx(#[from] IdxError),

    /// A file that is not a whole and true PNG picture.
    #[error(transparent)]
    Png(#[from] PngError),
}
