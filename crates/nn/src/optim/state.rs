//! Adam's moments in a file, so that a resumed run takes the very steps that the interrupted one would have taken.

use super::adam::{Adam, Moments};
use crate::checkpoint::{CheckpointError, MissingTensor, SafetensorsFile, write_safetensors};
use crate::module::Module;
use glassbox_autograd::LeafId;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

/// PyTorch's words for m and v; a tensor is called `exp_avg.fc1.weight`, and the header's metadata says
/// `step.fc1.weight`.
const M: &str = "exp_avg";
const V: &str = "exp_avg_sq";
const T: &str = "step";

impl Adam {
    /// Saves m, v and t of every parameter of `model`, by dotted name. A frozen one that has taken no step has none.
    ///
    /// The hyperparameters are not saved: they belong to the run's configuration. The file appears whole or not at all.
    ///
    /// # Errors
    /// If the file can't be written, or two parameters have one name.
    pub fn save_state(&self, model: &(impl Module + ?Sized), path: impl AsRef<Path>) -> Result<(), CheckpointError> {
        let (mut tensors, mut steps) = (Vec::new(), Vec::new());
        for Entry { name, id, frozen, .. } in entries(model) {
            match self.moments.get(&id) {
                Some(Moments { t, m, v }) => {
                    tensors.extend([(key(M, &name), m), (key(V, &name), v)]);
                    steps.push((key(T, &name), t.to_string()));
                }
                None if frozen => {}
                None => steps.push((key(T, &name), "0".into())),
            }
        }
        write_safetensors(path, tensors, steps)
    }

    /// Loads what [`save_state`](Adam::save_state) saved. From here on, equal gradients give equal parameters, bit for
    /// bit, as if nothing had been interrupted.
    ///
    /// # Errors
    /// If the file is unreadable or not whole, lacks the state of a parameter that isn't frozen, has one of another
    /// shape, or one of a parameter that the model doesn't have. Then this optimiser is as it was.
    pub fn load_state(
        &mut self,
        model: &(impl Module + ?Sized),
        path: impl AsRef<Path>,
    ) -> Result<(), CheckpointError> {
        let file = SafetensorsFile::open(path)?;
        let mut unread: BTreeSet<&str> = file.names().collect();
        let mut missing = Vec::new();
        let mut loaded = HashMap::new();
        for Entry { name, id, shape, frozen } in entries(model) {
            let steps = key(T, &name);
            let Some(text) = file.metadata(&steps) else {
                if !frozen {
                    missing.push(MissingTensor { name: steps, nearest: None });
                }
                continue;
            };
            let Ok(t) = text.parse::<u64>() else {
                let (path, found) = (file.path().into(), Some(text.to_owned()));
                return Err(CheckpointError::Metadata { path, key: steps, expected: "a number of steps", found });
            };
            if t == 0 {
                continue; // it has not taken a step yet, so there are no moments
            }
            let mut read = |moment: &str| {
                let tensor = key(moment, &name);
                let value = file.read(&tensor)?;
                if value.shape() != shape {
                    let (path, found) = (file.path().into(), value.shape().to_vec());
                    return Err(CheckpointError::Shape { path, tensor, expected: shape.clone(), found });
                }
                unread.remove(tensor.as_str());
                Ok(value)
            };
            loaded.insert(id, Moments { t, m: read(M)?, v: read(V)? });
        }
        if !missing.is_empty() || !unread.is_empty() {
            let unexpected = unread.into_iter().map(str::to_owned).collect();
            let remedy = "load the optimiser together with the model that it was saved with";
            return Err(CheckpointError::Names { path: file.path().into(), missing, unexpected, remedy });
        }
        self.moments = loaded;
        Ok(())
    }
}

/// What there is to know of a parameter here.
struct Entry {
    name: String,
    id: LeafId,
    shape: Vec<usize>,
    frozen: bool,
}

fn entries(model: &(impl Module + ?Sized)) -> Vec<Entry> {
    let parameters = model.parameters().into_iter();
    parameters
        .map(|(name, param)| {
            let shape = param.value().shape().to_vec();
            Entry { name, id: param.id(), shape, frozen: param.is_frozen() }
        })
        .collect()
}

/// `exp_avg.fc1.weight`; the parameter of a model that is nothing else has no name of its own.
fn key(what: &str, name: &str) -> String {
    if name.is_empty() { what.into() } else { format!("{what}.{name}") }
}
