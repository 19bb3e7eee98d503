//! What can be wrong with data from outside, in sentences that name the file, the place and the remedy.

use crate::idx::IdxError;
use crate::image::{JpegError, PngError};
use crate::names::did_you_mean;
use crate::npy::NpyError;
use crate::npz::NpzError;
use crate::sound::WavError;
use crate::table::CsvError;
use std::fmt;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// A file that is not what its format asks for: which file, and what is wrong, with the place where it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatError<P> {
    /// The file, or whatever name was given to the bytes.
    pub file: String,
    /// What is wrong.
    pub problem: P,
}

impl<P: fmt::Debug + fmt::Display> std::error::Error for FormatError<P> {}

impl<P: fmt::Display> fmt::Display for FormatError<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.problem)
    }
}

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

    /// A file that is not a whole JPEG picture.
    #[error(transparent)]
    Jpeg(#[from] JpegError),

    /// A file that is not a whole NPY array of numbers.
    #[error(transparent)]
    Npy(#[from] NpyError),

    /// A file that is not a whole NPZ archive with the array that is wanted.
    #[error(transparent)]
    Npz(#[from] NpzError),

    /// A file that is not a whole table.
    #[error(transparent)]
    Csv(#[from] CsvError),

    /// A file that is not a whole WAV recording.
    #[error(transparent)]
    Wav(#[from] WavError),

    /// Something after the question mark of a spec that is no option there.
    #[error("{spec}: {problem}")]
    Option {
        /// What was asked for.
        spec: String,
        /// What is wrong with it, and the remedy.
        problem: String,
    },

    /// Data of another kind than the one that was wanted.
    #[error("{path}: not {wanted} but {found}; `glassbox data show` shows what it holds")]
    OtherKind {
        /// The path that was given.
        path: String,
        /// What was wanted, such as "a folder of pictures".
        wanted: &'static str,
        /// What is there.
        found: &'static str,
    },

    /// A folder in which nothing is that could be read.
    #[error("{}: no data in this folder; there may be PNG, JPEG or WAV files in it or in its subfolders, which are then the \
             classes, or the four files {}, or an emoji.json with sheets in img/",
            folder.display(), crate::source::FILE_NAMES.join(", "))]
    NoData {
        /// The folder that was given.
        folder: PathBuf,
    },

    /// A `--data` that is neither a name in the catalogue nor a path.
    #[error(
        "there is no data set {spec:?}; {}",
        did_you_mean(spec, known, "give the path of a folder or file, or one of")
    )]
    UnknownName {
        /// What was asked for.
        spec: String,
        /// All names in the catalogue.
        known: Vec<&'static str>,
    },

    /// A data set of the catalogue which is not on this machine.
    #[error("data set {name} is not installed ({} is missing); install it with `{install}`",
            missing.display())]
    NotInstalled {
        /// Its name in the catalogue.
        name: &'static str,
        /// The first of its files that was not found.
        missing: PathBuf,
        /// The command that installs it.
        install: &'static str,
    },

    /// A folder that lacks one of the four IDX files.
    #[error("{}: no {file} or {file}.gz in this folder; a data set is the four files {}",
            folder.display(), crate::source::FILE_NAMES.join(", "))]
    MissingFile {
        /// The folder that was given.
        folder: PathBuf,
        /// The file that it lacks, without `.gz`.
        file: &'static str,
    },

    /// A path at which nothing lies.
    #[error("{}: not a folder or file that is there; check the path", path.display())]
    NotThere {
        /// The path that was given.
        path: PathBuf,
    },

    /// Files that are each in order but do not belong together.
    #[error("{name}: {problem}")]
    Inconsistent {
        /// The data set, and the part of it.
        name: String,
        /// What contradicts what, with both numbers.
        problem: String,
    },

    /// A file whose content is not what its publisher published.
    #[error("{file}: SHA-256 of the content is {found}, expected {expected}; install the data set again")]
    Checksum {
        /// The file.
        file: String,
        /// The sum of what is there.
        found: String,
        /// The sum on record.
        expected: &'static str,
    },
}
