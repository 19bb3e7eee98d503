//! Where the four files of an MNIST-like data set are, and how they are read and compared with their
//! published checksums.

use crate::error::DataError;
use crate::idx::{self, IdxArray};
use crate::sha256::sha256;
use std::path::{Path, PathBuf};

/// The files of a data set, named as Yann LeCun named MNIST's; each may have `.gz` after it.
pub(crate) const FILE_NAMES: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

/// The four files, in the order of [`FILE_NAMES`].
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    /// In the binary, packed by gzip.
    Embedded(&'a [&'static [u8]; 4]),
    /// In a folder.
    Folder(&'a Path),
}

/// The content of one file of a data set, as [`verify`](crate::verify) found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedFile {
    /// Where it lies.
    pub file: String,
    /// The size of its unpacked content in bytes.
    pub bytes: usize,
    /// The SHA-256 of its unpacked content.
    pub sha256: String,
    /// Whether there was a published sum to compare it with; false for a folder of one's own.
    pub compared: bool,
}

impl Source<'_> {
    /// What the errors call file `i`.
    fn label(self, i: usize) -> String {
        match self {
            Source::Embedded(_) => format!("embedded {}", FILE_NAMES[i]),
            Source::Folder(folder) => folder.join(FILE_NAMES[i]).display().to_string(),
        }
    }

    /// Reads file `i`, and says what the errors call it.
    pub(crate) fn read(self, i: usize) -> Result<(String, IdxArray), DataError> {
        match self {
            Source::Embedded(files) => {
                let label = self.label(i);
                let array = idx::parse(&label, files[i])?;
                Ok((label, array))
            }
            Source::Folder(folder) => {
                let path = find(folder, i)
                    .ok_or_else(|| DataError::MissingFile { folder: folder.to_path_buf(), file: FILE_NAMES[i] })?;
                Ok((path.display().to_string(), idx::read(&path)?))
            }
        }
    }

    /// Whether at least one of the files is there.
    pub(crate) fn any(self) -> bool {
        match self {
            Source::Embedded(_) => true,
            Source::Folder(folder) => (0..FILE_NAMES.len()).any(|i| find(folder, i).is_some()),
        }
    }

    /// The first file that is not there, if one is not.
    pub(crate) fn missing(self) -> Option<PathBuf> {
        match self {
            Source::Embedded(_) => None,
            Source::Folder(folder) => {
                (0..FILE_NAMES.len()).find(|&i| find(folder, i).is_none()).map(|i| folder.join(FILE_NAMES[i]))
            }
        }
    }

    /// Reads all files and compares their content with `published`, where there is such.
    pub(crate) fn verify(self, published: Option<&[&'static str]>) -> Result<Vec<VerifiedFile>, DataError> {
        (0..FILE_NAMES.len())
            .map(|i| {
                let (file, array) = self.read(i)?;
                let header = array.header();
                let found = sha256(&[&header, array.data()]);
                match published.map(|sums| sums[i]) {
                    Some(expected) if expected != found => Err(DataError::Checksum { file, found, expected }),
                    known => Ok(VerifiedFile {
                        file,
                        bytes: header.len() + array.data().len(),
                        sha256: found,
                        compared: known.is_some(),
                    }),
                }
            })
            .collect()
    }
}

/// File `i` in a folder: as it is if it is there, else with `.gz` after its name.
fn find(folder: &Path, i: usize) -> Option<PathBuf> {
    let plain = folder.join(FILE_NAMES[i]);
    let packed = folder.join(format!("{}.gz", FILE_NAMES[i]));
    [plain, packed].into_iter().find(|p| p.exists())
}
