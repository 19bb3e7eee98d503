//! An optimiser's state in a file, so that a resumed run takes the very steps that the interrupted one would have
//! taken.

use super::optimizer::{Kept, Optimizer};
use super::rule::Rule;
use crate::checkpoint::{CheckpointError, MissingTensor, SafetensorsFile, write_safetensors};
use crate::module::Module;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The header's metadata says `step.fc1.weight`; a tensor is called `exp_avg.fc1.weight`, in the words of PyTorch's
/// state.
const T: &str = "step";

impl<R: Rule> Optimizer<R> {
    /// Saves the state of every parameter of `model` (Adam's m, v and t) by dotted name. A frozen one that has taken no
    /// step has none.
    ///
    /// The hyperparameters are not saved: they belong to the run's configuration. The file appears whole or not at all.
    ///
    /// ```
    /// use glassbox_nn::{Param, optim::Sgd};
    /// use glassbox_tensor::tensor;
    /// let step = |sgd: &mut Sgd, x: &mut Param| sgd.step(x, &x.var().square().sum_all().backward()).unwrap();
    ///
    /// let (mut x, mut sgd) = (Param::new(tensor![1.0]), Sgd::momentum(0.1, 0.9));
    /// step(&mut sgd, &mut x);
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("sgd.safetensors");
    /// sgd.save_state(&x, &path)?;
    ///
    /// let (mut y, mut resumed) = (Param::new(x.value().clone()), Sgd::momentum(0.1, 0.9));
    /// resumed.load_state(&y, &path)?;
    /// step(&mut sgd, &mut x);
    /// step(&mut resumed, &mut y);
    /// assert_eq!(x.value(), y.value());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the file can't be written, or two parameters have one name.
    pub fn save_state(&self, model: &(impl Module + ?Sized), path: impl AsRef<Path>) -> Result<(), CheckpointError> {
        let (mut tensors, mut steps) = (Vec::new(), Vec::new());
        for (name, param) in model.parameters() {
            match self.kept.get(&param.id()).filter(|kept| kept.t > 0) {
                Some(Kept { t, names, tensors: values, .. }) => {
                    tensors.extend(names.iter().zip(values).map(|(what, value)| (key(what, &name), value)));
                    steps.push((key(T, &name), t.to_string()));
                }
                None if param.is_frozen() => {}
                None => steps.push((key(T, &name), "0".into())),
            }
        }
        write_safetensors(path, tensors, steps)
    }

    /// Loads what [`save_state`](Optimizer::save_state) saved. From here on, equal gradients give equal parameters, bit
    /// for bit, as if nothing had been interrupted.
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
        let mut loaded = BTreeMap::new();
        for (name, param) in model.parameters() {
            let steps = key(T, &name);
            let Some(text) = file.metadata(&steps) else {
                if !param.is_frozen() {
                    missing.push(MissingTensor { name: steps, nearest: None });
                }
                continue;
            };
            let Ok(t) = text.parse::<u64>() else {
                let (path, found) = (file.path().into(), Some(text.to_owned()));
                return Err(CheckpointError::Metadata { path, key: steps, expected: "a number of steps", found });
            };
            if t == 0 {
                continue; // it has not taken a step yet, so nothing is kept
            }
            let shape = param.value().shape();
            let mut read = |what: &str| {
                let tensor = key(what, &name);
                let value = file.read(&tensor)?;
                if value.shape() != shape {
                    let (path, found) = (file.path().into(), value.shape().to_vec());
                    return Err(CheckpointError::Shape { path, tensor, expected: shape.to_vec(), found });
                }
                unread.remove(tensor.as_str());
                Ok(value)
            };
            let names = self.state_of(&name, param);
            let tensors = names.iter().map(|what| read(what)).collect::<Result<_, _>>()?;
            loaded.insert(param.id(), Kept { t, names, tensors, groups: None });
        }
        if !missing.is_empty() || !unread.is_empty() {
            let unexpected = unread.into_iter().map(str::to_owned).collect();
            let remedy = "load the optimiser together with the model that it was saved with";
            return Err(CheckpointError::Names { path: file.path().into(), missing, unexpected, remedy });
        }
        self.kept = loaded;
        Ok(())
    }
}

/// `exp_avg.fc1.weight`; the parameter of a model that is nothing else has no name of its own.
fn key(what: &str, name: &str) -> String {
    if name.is_empty() { what.into() } else { format!("{what}.{name}") }
}
