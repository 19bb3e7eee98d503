//! NPZ: several NumPy arrays in one ZIP archive, packed (`numpy.savez_compressed`) or not (`numpy.savez`).
//!
//! The array `x_train` is the member `x_train.npy`. No more is unpacked of a member than the array's header says, and no
//! more is reserved than [`DEFLATE_MAX_RATIO`] times what is packed, so that a bomb costs no more than an honest file.

use crate::error::FormatError;
use crate::idx::DEFLATE_MAX_RATIO;
use crate::npy::{NpyArray, NpyProblem, parse_stream};
use flate2::bufread::DeflateDecoder;
use rawzip::{CompressionMethod, ZipArchive, ZipSliceArchive};
use thiserror::Error;

/// The most members of an archive.
pub const MAX_MEMBERS: usize = 4096;

/// An archive that isn't whole, or lacks what is wanted.
pub type NpzError = FormatError<NpzProblem>;

/// What is wrong with the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NpzProblem {
    /// It has no directory, or one that doesn't fit.
    #[error("not a whole ZIP archive ({0}); fetch it again")]
    Zip(String),

    /// More members than are read.
    #[error("more than {MAX_MEMBERS} arrays; save those that are wanted in a file of their own")]
    Members,

    /// An array that isn't there.
    #[error("no array {name:?}; there are {}", known.join(", "))]
    Missing {
        /// The array that is wanted.
        name: String,
        /// The arrays that there are.
        known: Vec<String>,
    },

    /// A member that is packed in another way than deflate.
    #[error("{name}: packed by method {method}; save it by numpy.savez or numpy.savez_compressed")]
    Method {
        /// The array.
        name: String,
        /// The number of the method.
        method: u16,
    },

    /// A member that is not a whole array.
    #[error("{name}: {problem}")]
    Array {
        /// The array.
        name: String,
        /// What is wrong with it.
        problem: NpyProblem,
    },
}

/// An open archive.
pub struct Npz<'a> {
    file: String,
    archive: ZipSliceArchive<&'a [u8]>,
    names: Vec<String>,
}

impl<'a> Npz<'a> {
    /// Reads the directory of an archive. `file` is what the errors call it.
    ///
    /// # Errors
    /// If there is none, or one of more than [`MAX_MEMBERS`].
    pub fn open(file: &str, bytes: &'a [u8]) -> Result<Npz<'a>, NpzError> {
        let open = || {
            let archive = ZipArchive::from_slice(bytes).map_err(damaged)?;
            let mut names = Vec::new();
            let mut entries = archive.entries();
            while let Some(entry) = entries.next_entry().map_err(damaged)? {
                if names.len() == MAX_MEMBERS {
                    return Err(NpzProblem::Members);
                }
                let path = String::from_utf8_lossy(entry.file_path().as_bytes()).into_owned();
                names.push(path.strip_suffix(".npy").unwrap_or(&path).to_string());
            }
            Ok((archive, names))
        };
        match open() {
            Ok((archive, names)) => Ok(Npz { file: file.to_string(), archive, names }),
            Err(problem) => Err(FormatError { file: file.to_string(), problem }),
        }
    }

    /// The names of the arrays, in the order of the directory.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Reads one array.
    ///
    /// # Errors
    /// If it isn't there, or is damaged; its CRC-32 is compared.
    pub fn array(&self, name: &str) -> Result<NpyArray, NpzError> {
        self.read(name).map_err(|problem| FormatError { file: self.file.clone(), problem })
    }

    fn read(&self, name: &str) -> Result<NpyArray, NpzProblem> {
        let missing = || NpzProblem::Missing { name: name.to_string(), known: self.names.clone() };
        let number = self.names.iter().position(|n| n == name).ok_or_else(missing)?;
        let mut entries = self.archive.entries();
        for _ in 0..number {
            entries.next_entry().map_err(damaged)?;
        }
        let entry = entries.next_entry().map_err(damaged)?.ok_or_else(missing)?;
        let member = self.archive.get_entry(entry.wayfinder()).map_err(damaged)?;
        let packed = member.data();
        let array = match entry.compression_method() {
            CompressionMethod::STORE => parse_stream(member.verifying_reader(packed), packed.len()),
            CompressionMethod::DEFLATE => {
                let possible = packed.len().saturating_mul(DEFLATE_MAX_RATIO);
                parse_stream(member.verifying_reader(DeflateDecoder::new(packed)), possible)
            }
            other => return Err(NpzProblem::Method { name: name.to_string(), method: other.as_u16() }),
        };
        array.map_err(|problem| NpzProblem::Array { name: name.to_string(), problem })
    }
}

fn damaged(error: rawzip::Error) -> NpzProblem {
    NpzProblem::Zip(error.to_string())
}
