//! IDX, the file format of MNIST and its relatives: a header that says the type and the dimensions, then
//! the values in row-major order.
//!
//! ```text
//! offset 0   0x00 0x00      magic: two zero bytes
//! offset 2   type           0x08 = u8 (also 0x09 i8, 0x0B i16, 0x0C i32, 0x0D f32, 0x0E f64)
//! offset 3   rank           how many dimensions follow
//! offset 4   dims           rank × u32, big-endian
//! then       values         product of dims × size of the type
//! ```
//!
//! Source: the last section of <http://yann.lecun.com/exdb/mnist/>, as archived.
//!
//! This is a border: the bytes may come from anyone. Nothing is believed because the header says it, and no
//! memory is reserved for what the header claims before the claim is compared with the size of the file:
//! a plain file must hold exactly the claimed bytes, and a gzip stream of `n` bytes cannot unpack to more
//! than [`DEFLATE_MAX_RATIO`] `· n`. Unpacking stops one byte after the claimed size, so a gzip bomb costs no
//! more than an honest file of the same header.

use crate::error::DataError;
use crate::files;
use flate2::{Compression, GzBuilder};
use glassbox_tensor::counted;
use std::fmt;
use std::io::Write;
use std::path::Path;

mod parse;
mod problem;

pub use parse::parse;
pub use problem::{IdxError, IdxProblem};

/// The most values that one file may hold: 2³⁰, one GiB. (Fashion-MNIST's largest file holds 47 million.)
pub const MAX_VALUES: usize = 1 << 30;

/// The most dimensions that a file may have.
pub const MAX_RANK: usize = 8;

/// No deflate stream unpacks to more than this many bytes for each of its own: a match of 258 bytes takes
/// at least two bits, so 4 · 258 = 1032 to the byte. Source: <https://zlib.net/zlib_tech.html>.
pub const DEFLATE_MAX_RATIO: usize = 1032;

const TYPE_U8: u8 = 0x08;

/// An array of bytes as an IDX file holds it: `dims`, and their product of values in row-major order.
#[derive(Clone, PartialEq, Eq)]
pub struct IdxArray {
    dims: Vec<usize>,
    data: Vec<u8>,
}

impl IdxArray {
    /// An array of these dimensions and values.
    ///
    /// # Panics
    /// If the product of `dims` is not the number of values, if there are no dimensions or more than
    /// [`MAX_RANK`], or if one of them does not fit in 32 bits: none of these can be written as IDX.
    #[track_caller]
    pub fn new(dims: &[usize], data: Vec<u8>) -> IdxArray {
        assert!(
            (1..=MAX_RANK).contains(&dims.len()) && dims.iter().all(|&d| u32::try_from(d).is_ok()),
            "IdxArray::new: dims {dims:?} cannot be written as IDX: 1 to {MAX_RANK} dimensions below 2^32"
        );
        assert!(
            volume(dims) == Some(data.len()),
            "IdxArray::new: dims {dims:?} do not describe {}",
            counted(data.len(), "value")
        );
        IdxArray { dims: dims.to_vec(), data }
    }

    /// The dimensions: `[count]` for labels, `[count, height, width]` for images.
    pub fn dims(&self) -> &[usize] {
        &self.dims
    }

    /// The values, in row-major order.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The values themselves, without a copy.
    pub fn into_data(self) -> Vec<u8> {
        self.data
    }

    /// The plain IDX file that holds this array: [`parse`] gives the array back.
    ///
    /// ```
    /// use glassbox_data::idx::{self, IdxArray};
    /// let labels = IdxArray::new(&[3], vec![9, 0, 7]);
    /// assert_eq!(labels.to_bytes(), [0, 0, 8, 1, 0, 0, 0, 3, 9, 0, 7]);
    /// assert_eq!(idx::parse("labels", &labels.to_bytes())?, labels);
    /// # Ok::<(), idx::IdxError>(())
    /// ```
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.header();
        out.extend_from_slice(&self.data);
        out
    }

    /// The same file packed by gzip at its best level. The same array always gives the same bytes: the gzip
    /// header carries no name and no time.
    pub fn to_gzip(&self) -> Vec<u8> {
        let mut gz = GzBuilder::new().write(Vec::new(), Compression::best());
        gz.write_all(&self.to_bytes()).expect("writing to a Vec does not fail");
        gz.finish().expect("writing to a Vec does not fail")
    }

    /// The bytes in front of the values.
    pub(crate) fn header(&self) -> Vec<u8> {
        let mut out = vec![0, 0, TYPE_U8, self.dims.len() as u8];
        for &d in &self.dims {
            out.extend_from_slice(&(d as u32).to_be_bytes());
        }
        out
    }
}

impl fmt::Debug for IdxArray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdxArray {{ dims: {:?}, .. }}", self.dims)
    }
}

/// Reads the IDX file at `path`, plain or gzip (told apart by their first bytes, not by their names).
///
/// # Errors
/// If it cannot be read, is not a regular file, or is not a whole IDX file of u8 values and nothing more.
pub fn read(path: &Path) -> Result<IdxArray, DataError> {
    let bytes = files::read_regular(path)?;
    Ok(parse(&path.display().to_string(), &bytes)?)
}

/// Writes `array` to `path`: packed if the name ends in `.gz`, plain otherwise. The file appears whole or
/// not at all.
///
/// # Errors
/// If the file cannot be written.
pub fn write(path: &Path, array: &IdxArray) -> Result<(), DataError> {
    let packed = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz"));
    let bytes = if packed { array.to_gzip() } else { array.to_bytes() };
    files::write_atomically(path, &bytes)
}

/// The product, unless it exceeds usize. A zero anywhere makes it zero, whatever the order.
fn volume(dims: &[usize]) -> Option<usize> {
    if dims.contains(&0) {
        return Some(0);
    }
    dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d))
}
