//! A safetensors file: 8 bytes of header length, a JSON header, then the tensors' bytes without gaps.

use super::error::CheckpointError;
use super::half::{widen_bf16, widen_f16};
use crate::name::nearest;
use glassbox_tensor::shape::MAX_RANK;
use glassbox_tensor::{Tensor, counted};
use safetensors::tensor::{Metadata, TensorInfo};
use safetensors::{Dtype, View};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The longest header that the format allows, in bytes; longer ones are refused before any memory is asked for.
const MAX_HEADER: u64 = 100_000_000;

/// An open safetensors file whose header has been read and believed only as far as the file bears it out.
///
/// The tensors stay on disk until they are asked for, one by one.
#[derive(Debug)]
pub struct SafetensorsFile {
    path: PathBuf,
    file: File,
    /// Where the first tensor's bytes begin.
    data_start: u64,
    /// By name, so that every list of them comes out in one order.
    tensors: BTreeMap<String, TensorInfo>,
    metadata: BTreeMap<String, String>,
}

impl SafetensorsFile {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// If it can't be read, isn't safetensors, or is shorter or longer than its header says. The memory used is bounded
    /// by the length of the file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CheckpointError> {
        let path = path.as_ref().to_path_buf();
        let io = |source| CheckpointError::Io { path: path.clone(), doing: "read", source };
        let malformed = |problem: String| CheckpointError::Malformed { path: path.clone(), problem };

        // Asked before opening: opening a pipe waits until somebody writes to it.
        if !fs::metadata(&path).map_err(io)?.is_file() {
            return Err(malformed("it is not a regular file".into()));
        }
        let mut file = File::open(&path).map_err(io)?;
        let found = file.metadata().map_err(io)?.len();
        if found < 8 {
            return Err(malformed(format!(
                "it has {found}, too few for the length of a header",
                found = counted(found, "byte")
            )));
        }
        let mut length = [0; 8];
        file.read_exact(&mut length).map_err(io)?;
        let length = u64::from_le_bytes(length);
        if length > MAX_HEADER {
            return Err(malformed(format!(
                "it says that its header has {length} bytes; at most {MAX_HEADER} are allowed"
            )));
        }
        if length > found - 8 {
            return Err(CheckpointError::Length { path, expected: 8 + length, found });
        }
        let mut header = vec![0; length as usize];
        file.read_exact(&mut header).map_err(io)?;
        // The crate checks the header against itself: shapes × dtypes = sizes, without overflow, gaps or overlaps.
        let header: Metadata = serde_json::from_slice(&header).map_err(|error| malformed(error.to_string()))?;
        let data_start = 8 + length;
        let expected = data_start.checked_add(header.data_len() as u64);
        match expected {
            Some(expected) if expected == found => {}
            _ => return Err(CheckpointError::Length { path, expected: expected.unwrap_or(u64::MAX), found }),
        }
        let tensors = header.tensors().into_iter().map(|(name, info)| (name, info.clone())).collect();
        let metadata = header.metadata().iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
        Ok(Self { path, file, data_start, tensors, metadata })
    }

    /// The names of its tensors, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// A tensor's shape; `None` if the file doesn't hold it.
    pub fn shape(&self, tensor: &str) -> Option<&[usize]> {
        self.tensors.get(tensor).map(|info| info.shape.as_slice())
    }

    /// The text under `key` in the header's `__metadata__`.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }

    /// Where the file lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a tensor; F16 and BF16 are widened to f32, exactly; I64, as PyTorch counts, is read where f32 holds it.
    ///
    /// # Errors
    /// If there is no such tensor (the nearest name is named), it holds other numbers, or the file can't be read.
    pub fn read(&self, tensor: &str) -> Result<Tensor, CheckpointError> {
        let path = || self.path.clone();
        let Some(info) = self.tensors.get(tensor) else {
            let nearest = nearest(tensor, self.names()).map(str::to_owned);
            return Err(CheckpointError::NoSuchTensor { path: path(), tensor: tensor.into(), nearest });
        };
        // With an axis of length 0 the others can say anything, such as 2⁶³: strides would overflow.
        let extent = info.shape.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim.max(1)));
        if info.shape.len() > MAX_RANK || extent.is_none() {
            let found = info.shape.clone();
            return Err(CheckpointError::Unrepresentable { path: path(), tensor: tensor.into(), found });
        }
        let widen: fn(u16) -> f32 = match info.dtype {
            Dtype::F32 => {
                // Straight into place. The format is little-endian, as is every machine that the engine supports.
                let mut values = vec![0.0f32; info.shape.iter().product()];
                self.read_bytes(info, bytemuck::cast_slice_mut(&mut values))?;
                return Ok(Tensor::from_vec(values, &info.shape));
            }
            Dtype::I64 => {
                let mut counts = vec![0i64; info.shape.iter().product()];
                self.read_bytes(info, bytemuck::cast_slice_mut(&mut counts))?;
                if counts.iter().any(|n| n.unsigned_abs() > 1 << 24) {
                    let found = "I64 with numbers beyond 2²⁴".to_string();
                    return Err(CheckpointError::Dtype { path: path(), tensor: tensor.into(), found });
                }
                return Ok(Tensor::from_vec(counts.into_iter().map(|n| n as f32).collect(), &info.shape));
            }
            Dtype::F16 => widen_f16,
            Dtype::BF16 => widen_bf16,
            other => {
                return Err(CheckpointError::Dtype { path: path(), tensor: tensor.into(), found: other.to_string() });
            }
        };
        let mut halves = vec![0u16; info.shape.iter().product()];
        self.read_bytes(info, bytemuck::cast_slice_mut(&mut halves))?;
        Ok(Tensor::from_vec(halves.into_iter().map(widen).collect(), &info.shape))
    }

    fn read_bytes(&self, info: &TensorInfo, bytes: &mut [u8]) -> Result<(), CheckpointError> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(self.data_start + info.data_offsets.0 as u64))
            .and_then(|_| file.read_exact(bytes))
            .map_err(|source| CheckpointError::Io { path: self.path.clone(), doing: "read", source })
    }
}

/// Writes tensors and `metadata` (text beside them, which the header holds) to a safetensors file.
///
/// The file appears whole or not at all: it is written under a temporary name in the same folder, synced to the disk,
/// and renamed. A file that was there before is replaced in one moment.
///
/// # Errors
/// If two tensors have one name, or the file can't be written; then whatever was there before is still there.
pub fn write_safetensors<'a>(
    path: impl AsRef<Path>,
    tensors: impl IntoIterator<Item = (String, &'a Tensor)>,
    metadata: impl IntoIterator<Item = (String, String)>,
) -> Result<(), CheckpointError> {
    let path = path.as_ref();
    let tensors: Vec<(String, F32View<'a>)> = tensors.into_iter().map(|(name, t)| (name, F32View(t))).collect();
    let mut names = BTreeSet::new();
    if let Some((name, _)) = tensors.iter().find(|(name, _)| !names.insert(name)) {
        return Err(CheckpointError::DuplicateName { path: path.into(), name: name.clone() });
    }
    // "format": "pt" is what Hugging Face's loaders ask for before they read a file.
    let mut metadata: HashMap<String, String> = metadata.into_iter().collect();
    metadata.insert("format".into(), "pt".into());
    let malformed = |problem: String| CheckpointError::Malformed { path: path.into(), problem };
    let bytes = safetensors::serialize(tensors, Some(metadata)).map_err(|error| malformed(error.to_string()))?;
    let bytes = in_sorted_order(&bytes).map_err(|error| malformed(error.to_string()))?;
    write_whole(path, &bytes).map_err(|source| CheckpointError::Io { path: path.into(), doing: "write", source })
}

/// The same file with its header's keys sorted: the metadata comes in a hash map's order, and equal states should be equal
/// bytes. The header is its length in 8 bytes, then JSON padded by spaces to a multiple of 8.
fn in_sorted_order(bytes: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    let (length, rest) = bytes.split_at(8);
    let length = u64::from_le_bytes(length.try_into().expect("8 bytes were split off")) as usize;
    let (header, data) = rest.split_at(length);
    let header: BTreeMap<String, serde_json::Value> = serde_json::from_slice(header)?;
    let mut header = serde_json::to_vec(&header)?;
    header.resize(header.len().next_multiple_of(8), b' ');
    Ok([&(header.len() as u64).to_le_bytes(), &header[..], data].concat())
}

/// A tensor as the safetensors crate wants to see it.
struct F32View<'a>(&'a Tensor);

impl View for F32View<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }
    fn shape(&self) -> &[usize] {
        self.0.shape()
    }
    fn data(&self) -> Cow<'_, [u8]> {
        match self.0.as_slice() {
            Some(values) => Cow::Borrowed(bytemuck::cast_slice(values)),
            None => Cow::Owned(self.0.to_bytes()),
        }
    }
    fn data_len(&self) -> usize {
        self.0.numel() * size_of::<f32>()
    }
}

/// Replaces `path` by a file of these bytes; a kill at any moment leaves the old file or the new one.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let Some(file_name) = path.file_name() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"));
    };
    // In the same folder, since a rename is atomic only within one file system; the process id keeps two runs apart.
    let temporary = path.with_file_name(format!(".{}.{}.tmp", file_name.to_string_lossy(), std::process::id()));
    let written = File::create(&temporary)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary); // what matters is the first error
        return written;
    }
    // The new name is on the disk once its folder is; not every system can sync a folder, so it is not insisted on.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}
