//! The files of a checkpoint that a model and its optimiser have in every family.

use crate::error::TrainError;
use glassbox_nn::optim::{Optimizer, Rule};
use glassbox_nn::{CheckpointError, Module, load_safetensors, save_safetensors};
use std::path::Path;

const MODEL: &str = "model.safetensors";
const OPTIMIZER: &str = "optimizer.safetensors";

/// Writes `model.safetensors` and `optimizer.safetensors` into the folder of a checkpoint.
///
/// ```
/// use glassbox_nn::{Param, optim::Adam};
/// use glassbox_tensor::tensor;
/// use glassbox_train::{load_weights, save_weights};
///
/// let step = |adam: &mut Adam, x: &mut Param| adam.step(x, &x.var().square().sum_all().backward()).unwrap();
/// let (mut x, mut adam) = (Param::new(tensor![1.0]), Adam::new(0.1));
/// step(&mut adam, &mut x);
/// let folder = tempfile::tempdir()?;
/// save_weights(&x, &adam, folder.path())?;
///
/// let (mut y, mut resumed) = (Param::new(tensor![0.0]), Adam::new(0.1));
/// load_weights(&mut y, &mut resumed, folder.path())?;
/// step(&mut adam, &mut x);
/// step(&mut resumed, &mut y);
/// assert_eq!(x.value(), y.value());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If one of them can't be written.
pub fn save_weights<R: Rule>(
    model: &(impl Module + ?Sized),
    optimizer: &Optimizer<R>,
    folder: &Path,
) -> Result<(), TrainError> {
    save_safetensors(model, folder.join(MODEL)).map_err(at(folder, MODEL))?;
    optimizer.save_state(model, folder.join(OPTIMIZER)).map_err(at(folder, OPTIMIZER))
}

/// Reads what [`save_weights`] has written.
///
/// # Errors
/// If one of them can't be read or doesn't fit the model.
pub fn load_weights<R: Rule>(
    model: &mut (impl Module + ?Sized),
    optimizer: &mut Optimizer<R>,
    folder: &Path,
) -> Result<(), TrainError> {
    load_safetensors(model, folder.join(MODEL)).map_err(at(folder, MODEL))?;
    optimizer.load_state(model, folder.join(OPTIMIZER)).map_err(at(folder, OPTIMIZER))
}

fn at<'a>(folder: &'a Path, file: &'a str) -> impl Fn(CheckpointError) -> TrainError + 'a {
    move |source| match source {
        CheckpointError::Io { path, doing, source } => TrainError::Io { path, doing, source },
        source => TrainError::Model { path: folder.join(file), source: source.into() },
    }
}
