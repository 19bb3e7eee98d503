//! What can be wrong with a checkpoint, in sentences that name the file, the tensor and the remedy.

use glassbox_tensor::counted;
use std::fmt;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Anything that keeps a checkpoint from being written or read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The operating system refused.
    #[error("{}: cannot {doing}: {source}", path.display())]
    Io {
        /// The file in question.
        path: PathBuf,
        /// What was tried, as a verb: "read", "write".
        doing: &'static str,
        /// The operating system's reason.
        source: io::Error,
    },

    /// A file that isn't safetensors, or whose header contradicts itself.
    #[error("{}: not a safetensors file: {problem}; copy it or download it again", path.display())]
    Malformed {
        /// The file in question.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },

    /// A file that is shorter or longer than its header says.
    #[error("{}: the header describes a file of {expected}, but this one has {found}; it was cut off or \
             overwritten: copy it or download it again", path.display(), expected = counted(*expected, "byte"))]
    Length {
        /// The file in question.
        path: PathBuf,
        /// The length that the header describes, in bytes.
        expected: u64,
        /// The length of the file.
        found: u64,
    },

    /// A tensor of numbers that aren't floating-point numbers of at most 32 bits.
    #[error("{}: tensor {tensor} is {found}; F32, F16, BF16 and small I64 can be read: convert it before saving", path.display())]
    Dtype {
        /// The file in question.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// Its dtype, in the format's word.
        found: String,
    },

    /// A tensor of another shape than the model's.
    #[error("{}: tensor {tensor} has shape {found:?}, but the model's has {expected:?}; build the model with the \
             configuration that the file was saved with", path.display())]
    Shape {
        /// The file in question.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// The model's shape.
        expected: Vec<usize>,
        /// The file's shape.
        found: Vec<usize>,
    },

    /// A tensor with more axes than a `Tensor` can have, or with lengths whose product is out of this world.
    #[error("{}: tensor {tensor} has shape {found:?}, which no tensor of this library can have; reshape it before saving", path.display())]
    Unrepresentable {
        /// The file in question.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// The file's shape.
        found: Vec<usize>,
    },

    /// The names of the file and of the model differ.
    #[error("{}: the names differ from the model's{}{}; {remedy}", path.display(), Missing(missing),
            Unexpected(unexpected))]
    Names {
        /// The file in question.
        path: PathBuf,
        /// What the model has and the file lacks.
        missing: Vec<MissingTensor>,
        /// What the file has and the model lacks.
        unexpected: Vec<String>,
        /// What to do about it.
        remedy: &'static str,
    },

    /// A tensor was asked for by a name that the file doesn't hold.
    #[error("{}: no tensor {tensor}{}", path.display(), did_you_mean(nearest.as_deref()))]
    NoSuchTensor {
        /// The file in question.
        path: PathBuf,
        /// The name that was asked for.
        tensor: String,
        /// The file's name that is spelt most like it.
        nearest: Option<String>,
    },

    /// A value beside the tensors is not there, or not of the form that it should have.
    #[error("{}: its metadata should say {key} = {expected}, but it says {}", path.display(),
            found.as_deref().unwrap_or("nothing"))]
    Metadata {
        /// The file in question.
        path: PathBuf,
        /// The key under `__metadata__`.
        key: String,
        /// What was expected, in words.
        expected: &'static str,
        /// What is there.
        found: Option<String>,
    },

    /// Two tensors to be saved have one name.
    #[error("{}: two tensors are called {name}; rename one with #[module(name = \"…\")]", path.display())]
    DuplicateName {
        /// The file that was to be written.
        path: PathBuf,
        /// The name that came twice.
        name: String,
    },
}

/// A tensor that the model has and the file lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingTensor {
    /// Its dotted name in the model.
    pub name: String,
    /// A name in the file, unused by the model, that is spelt most like it.
    pub nearest: Option<String>,
}

impl fmt::Display for MissingTensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        match &self.nearest {
            Some(nearest) => write!(f, " (the file has {nearest})"),
            None => Ok(()),
        }
    }
}

pub(crate) fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!("; did you mean {nearest}?"))
}

struct Missing<'a>(&'a [MissingTensor]);

impl fmt::Display for Missing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, "missing from the file", self.0)
    }
}

struct Unexpected<'a>(&'a [String]);

impl fmt::Display for Unexpected<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, "not in the model", self.0)
    }
}

/// At most this many names of a list stand in a sentence, and this much of each (a file can call a tensor anything);
/// the error's fields hold all of them.
const SHOWN: usize = 5;
const LETTERS: usize = 120;

pub(crate) fn list(f: &mut fmt::Formatter<'_>, what: &str, names: &[impl fmt::Display]) -> fmt::Result {
    if names.is_empty() {
        return Ok(());
    }
    write!(f, "; {what}: ")?;
    for (i, name) in names.iter().take(SHOWN).enumerate() {
        write!(f, "{}{name:.LETTERS$}", if i > 0 { ", " } else { "" })?;
    }
    match names.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}
