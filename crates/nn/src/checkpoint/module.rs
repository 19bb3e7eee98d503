//! Saving and loading a module by the dotted names of its parameters and buffers.

use super::error::{CheckpointError, MissingTensor};
use super::file::{SafetensorsFile, write_safetensors};
use crate::module::{Module, Slot};
use crate::name::{Name, nearest};
use glassbox_tensor::Tensor;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Saves every parameter and buffer, frozen ones included, as f32 under its dotted name.
///
/// The file appears whole or not at all; see [`write_safetensors`].
///
/// # Errors
/// If the file can't be written, or two parameters have one name.
pub fn save_safetensors(module: &(impl Module + ?Sized), path: impl AsRef<Path>) -> Result<(), CheckpointError> {
    let mut tensors: Vec<(String, Tensor)> = Vec::new();
    module.visit(Name::root(), &mut |name, slot: Slot<'_>| tensors.push((name.to_string(), slot.value())));
    write_safetensors(path, tensors.iter().map(|(name, value)| (name.clone(), value)), [])
}

/// Loads every parameter and buffer from a file that holds exactly these names, as PyTorch's `load_state_dict` does
/// when it is strict.
///
/// # Errors
/// If the file is unreadable or not whole, or if any name, shape or dtype doesn't fit. Then the module is as it was.
pub fn load_safetensors(module: &mut (impl Module + ?Sized), path: impl AsRef<Path>) -> Result<(), CheckpointError> {
    let file = SafetensorsFile::open(path)?;
    let Loaded { missing, unexpected } = compare(module, &file);
    if !missing.is_empty() || !unexpected.is_empty() {
        let remedy = "load the file into the model that saved it, or load what matches (`load_safetensors_partial`)";
        return Err(CheckpointError::Names { path: file.path().into(), missing, unexpected, remedy });
    }
    copy_from(module, &file)
}

/// What [`load_safetensors_partial`] left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// What the model has and the file lacks: it kept its values.
    pub missing: Vec<MissingTensor>,
    /// What the file has and the model lacks: it was not read.
    pub unexpected: Vec<String>,
}

/// Loads what the file and the module have in common, and says what each has alone; PyTorch calls this
/// `strict=False`.
///
/// # Errors
/// If the file is unreadable or not whole, or if a shape or dtype of what they have in common doesn't fit. Then the
/// module is as it was.
pub fn load_safetensors_partial(
    module: &mut (impl Module + ?Sized),
    path: impl AsRef<Path>,
) -> Result<Loaded, CheckpointError> {
    let file = SafetensorsFile::open(path)?;
    let loaded = compare(module, &file);
    copy_from(module, &file)?;
    Ok(loaded)
}

fn compare(module: &(impl Module + ?Sized), file: &SafetensorsFile) -> Loaded {
    let mut names = Vec::new();
    module.visit(Name::root(), &mut |name, _| names.push(name.to_string()));
    let known: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    let unexpected: Vec<String> = file.names().filter(|name| !known.contains(name)).map(str::to_owned).collect();
    let lacks = |name: &&String| file.shape(name).is_none();
    let missing = names.iter().filter(lacks).map(|name| {
        let nearest = nearest(name, unexpected.iter().map(String::as_str)).map(str::to_owned);
        MissingTensor { name: name.clone(), nearest }
    });
    Loaded { missing: missing.collect(), unexpected }
}

/// Reads all that is common before it changes anything, so that an error on the way leaves the module as it was.
fn copy_from(module: &mut (impl Module + ?Sized), file: &SafetensorsFile) -> Result<(), CheckpointError> {
    let mut common: Vec<(String, Vec<usize>)> = Vec::new();
    module.visit(Name::root(), &mut |name, slot| {
        let name = name.to_string();
        if file.shape(&name).is_some() {
            common.push((name, slot.value().shape().to_vec()));
        }
    });
    let mut tensors: BTreeMap<String, Tensor> = BTreeMap::new();
    for (tensor, expected) in common {
        let found = file.shape(&tensor).unwrap_or_default();
        if found != expected {
            let (path, found) = (file.path().into(), found.to_vec());
            return Err(CheckpointError::Shape { path, tensor, expected, found });
        }
        let value = file.read(&tensor)?;
        tensors.insert(tensor, value);
    }
    module.visit_mut(Name::root(), &mut |name, mut slot| {
        if let Some(value) = tensors.remove(&name.to_string()) {
            slot.set_value(value);
        }
    });
    Ok(())
}
