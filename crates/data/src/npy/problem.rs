//! What can be wrong with an NPY array, in words.

use super::{MAX_ARRAY_BYTES, MAX_RANK};
use glassbox_tensor::counted;
use thiserror::Error;

/// What is wrong with the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NpyProblem {
    /// The magic is not there.
    #[error("not a NumPy array: it begins with {found:02x?}, not with \\x93NUMPY")]
    NotNpy {
        /// The first bytes.
        found: Vec<u8>,
    },

    /// A version that doesn't exist yet.
    #[error("version {major}.{minor} of the format; 1.0, 2.0 and 3.0 are read")]
    Version {
        /// The larger part.
        major: u8,
        /// The smaller part.
        minor: u8,
    },

    /// The file ends within its header.
    #[error("the file ends within its header; fetch it again")]
    HeaderTruncated,

    /// The header is not the dictionary that NumPy writes.
    #[error("the header is not NumPy's dictionary: {0}; save the array again")]
    Header(String),

    /// Values that are no plain numbers.
    #[error(
        "values of type {descr:?}; whole numbers of 8 to 64 bits, bool, float16, float32 and float64 are read, so save the array as one of them"
    )]
    Type {
        /// The type, in NumPy's words.
        descr: String,
    },

    /// More dimensions than are read.
    #[error("{rank} dimensions; up to {MAX_RANK} are read")]
    Rank {
        /// How many there are.
        rank: usize,
    },

    /// More values than are read.
    #[error("the header says {shape:?}, which takes more than the {MAX_ARRAY_BYTES} bytes that are read of one array")]
    TooLarge {
        /// The shape in the header.
        shape: Vec<usize>,
    },

    /// The shape describes more than the file can hold.
    #[error("the header says {shape:?}, which a file of this size cannot hold; fetch it again")]
    Impossible {
        /// The shape in the header.
        shape: Vec<usize>,
    },

    /// The file ends before its last value.
    #[error("the file ends after {} of values of the {want} that its header {shape:?} says; fetch it again", counted(*have, "byte"))]
    Truncated {
        /// The shape in the header.
        shape: Vec<usize>,
        /// The bytes that there are.
        have: usize,
        /// The bytes that there should be.
        want: usize,
    },

    /// The file goes on after its last value.
    #[error("the file goes on after the values that its header {shape:?} says; fetch it again")]
    Trailing {
        /// The shape in the header.
        shape: Vec<usize>,
    },

    /// A whole number beyond 63 bits.
    #[error("value {index} is {value}, beyond the 63 bits that whole numbers are read with")]
    Range {
        /// The number of the value, in the order of the file.
        index: usize,
        /// The value.
        value: u64,
    },

    /// The packed stream that it comes from is damaged.
    #[error("the packed stream is damaged ({0}); fetch the file again")]
    Packed(String),
}
