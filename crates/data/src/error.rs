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

    /// A `--data` that is neither a name in the catalogue nor a folder.
    #[error("unknown data set {spec:?}{}; known are {}, or the path of a folder with IDX files",
            did_you_mean(nearest.as_deref()), known.join(", "))]
    UnknownName {
        /// What was asked for.
        spec: String,
        /// The name in the catalogue that is spelt most like it, if one is close.
        nearest: Option<String>,
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

    /// A path that should be a folder with IDX files and is something else, or nothing.
    #[error("{}: not a folder; give the folder that holds {}",
            path.display(), crate::source::FILE_NAMES.join(", "))]
    NotAFolder {
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

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or(String::new(), |n| format!(": did you mean {n:?}?"))
}
