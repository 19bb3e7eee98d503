//! NPY, the file format of one NumPy array: a header that is a Python dictionary, then the values.
//!
//! ```text
//! offset 0   \x93NUMPY      magic
//! offset 6   major, minor   version 1.0, 2.0 or 3.0
//! offset 8   length         u16 of version 1, u32 of the others, little-endian
//! then       header         {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }   padded with spaces
//! then       values         product of shape × size of the type; the last axis runs fastest, or the first in Fortran's order
//! ```
//!
//! Source: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.
//!
//! As everywhere at the border, nothing is reserved for what a header claims before the claim is compared with what the file
//! can hold, packed or not. What is read takes at most [`MAX_ARRAY_BYTES`] of memory, besides the file itself.

use crate::error::{DataError, FormatError};
use crate::files;
use std::path::Path;

mod header;
mod parse;
mod problem;

pub use parse::parse;
pub(crate) use parse::parse_stream;
pub use problem::NpyProblem;

/// The most bytes that an array takes in memory, in the type that it is read as: one GiB.
pub const MAX_ARRAY_BYTES: usize = 1 << 30;

/// The most dimensions of an array.
pub const MAX_RANK: usize = 8;

/// A file that is not a whole NPY array of numbers.
pub type NpyError = FormatError<NpyProblem>;

/// An array of numbers, the last axis running fastest whatever the order in the file.
#[derive(Debug, Clone, PartialEq)]
pub struct NpyArray {
    /// The dimensions.
    pub shape: Vec<usize>,
    /// The values.
    pub values: NpyValues,
}

/// The values of an array, in the narrowest of four types that holds all of its own.
#[derive(Debug, Clone, PartialEq)]
pub enum NpyValues {
    /// Of `uint8` and `bool`.
    Bytes(Vec<u8>),
    /// Of all other whole numbers.
    Whole(Vec<i64>),
    /// Of `float16` and `float32`.
    Single(Vec<f32>),
    /// Of `float64`.
    Double(Vec<f64>),
}

impl NpyValues {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            NpyValues::Bytes(v) => v.len(),
            NpyValues::Whole(v) => v.len(),
            NpyValues::Single(v) => v.len(),
            NpyValues::Double(v) => v.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Reads a `.npy` file.
///
/// # Errors
/// If it cannot be read or is not one whole array of numbers.
pub fn read(path: &Path) -> Result<NpyArray, DataError> {
    let bytes = files::read_regular(path)?;
    Ok(parse(&path.display().to_string(), &bytes)?)
}
