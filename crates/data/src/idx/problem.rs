//! What can be wrong with an IDX file, in words.

use super::{DEFLATE_MAX_RATIO, MAX_RANK, MAX_VALUES, volume};
use glassbox_tensor::counted;
use std::fmt;
use thiserror::Error;

/// A file that is not exactly one IDX file of u8 values: which file, where, and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdxError {
    /// The file, or whatever name was given to the bytes.
    pub file: String,
    /// Whether the file is packed by gzip; `offset` then counts in what it unpacks to.
    pub packed: bool,
    /// Where the problem was found, in bytes from the start.
    pub offset: u64,
    /// What is wrong.
    pub problem: IdxProblem,
}

impl std::error::Error for IdxError {}

impl fmt::Display for IdxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unpacked = if self.packed { " of the unpacked stream" } else { "" };
        write!(f, "{}: at byte {}{unpacked}: {}", self.file, self.offset, self.problem)
    }
}

/// What is wrong with the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IdxProblem {
    /// The first two bytes are not zero.
    #[error("not an IDX file: it begins with {found:02x?}, not with two zero bytes; give one in the format of MNIST")]
    NotIdx {
        /// The first four bytes.
        found: [u8; 4],
    },

    /// Values of another type than u8, or of none that exists.
    #[error("values of type 0x{code:02x} ({}); only u8 values (0x08) are read: convert it", type_name(*code))]
    Type {
        /// The type code of the header.
        code: u8,
    },

    /// No dimensions, or more than [`MAX_RANK`].
    #[error("{}; 1 to {MAX_RANK} are read: reshape it", counted(*rank, "dimension"))]
    Rank {
        /// The rank in the header.
        rank: u8,
    },

    /// The file ends within its header.
    #[error("the file ends within its header; fetch it again")]
    HeaderTruncated,

    /// The dimensions describe more values than are ever read.
    #[error(
        "the header says {dims:?}, which is more than the {MAX_VALUES} values that are read from one file; \
             fetch it again, or give a part of it"
    )]
    TooLarge {
        /// The dimensions in the header.
        dims: Vec<usize>,
    },

    /// The dimensions describe more values than the packed file can hold.
    #[error(
        "the header says {dims:?}, but {packed_bytes} packed bytes cannot unpack to more than \
         {DEFLATE_MAX_RATIO} times as many; fetch the file again"
    )]
    Impossible {
        /// The dimensions in the header.
        dims: Vec<usize>,
        /// The size of the gzip file.
        packed_bytes: usize,
    },

    /// The file ends before its last value.
    #[error("the file ends after {} of the {} that its header {dims:?} says; fetch it again", counted(*have, "value"),
            product(dims))]
    Truncated {
        /// The dimensions in the header.
        dims: Vec<usize>,
        /// How many values there are.
        have: u64,
    },

    /// The file goes on after its last value.
    #[error(
        "the file goes on after the {} that its header {dims:?} says; fetch it again",
        counted(product(dims), "value")
    )]
    Trailing {
        /// The dimensions in the header.
        dims: Vec<usize>,
    },

    /// Something follows the gzip stream.
    #[error("{} after the end of the gzip stream; fetch the file again", counted(*bytes, "byte"))]
    AfterGzip {
        /// How many.
        bytes: usize,
    },

    /// The gzip stream is damaged: its header, a code in it, its length or its CRC-32.
    #[error("the gzip stream is damaged ({0}); fetch the file again")]
    Gzip(String),
}

/// The name of an IDX type code.
fn type_name(code: u8) -> &'static str {
    match code {
        0x08 => "u8",
        0x09 => "i8",
        0x0b => "i16",
        0x0c => "i32",
        0x0d => "f32",
        0x0e => "f64",
        _ => "no type of the format",
    }
}

/// How many values these dimensions describe, in the words of an error. The border has checked that it fits, and with a 0 among
/// them it fits whatever the others are.
fn product(dims: &[usize]) -> usize {
    volume(dims).unwrap_or(usize::MAX)
}
