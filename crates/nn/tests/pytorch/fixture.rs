//! The files that the scripts in `tools/torch/nn` write; `fixture.py` says what is in them.

use glassbox_autograd::{Gradients, Var};
use glassbox_nn::checkpoint::{load_safetensors, save_safetensors, write_safetensors};
use glassbox_nn::{Module, Name, Slot};
use glassbox_tensor::{Ids, Tensor};
use safetensors::SafeTensors;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const TOLERANCE: f64 = 1e-5;

/// A layer, loss or optimiser with its options.
#[derive(Deserialize)]
pub struct Case {
    pub name: String,
    pub kind: String,
    #[serde(flatten)]
    options: Map<String, Value>,
}

pub struct Fixture {
    pub cases: Vec<Case>,
    file: SafeTensors<'static>,
    /// Where `hold` saves our layers instead of comparing them.
    save_to: Option<PathBuf>,
}

impl Fixture {
    pub fn read(bytes: &'static [u8]) -> Fixture {
        let (_, header) = SafeTensors::read_metadata(bytes).unwrap();
        let metadata = header.metadata().clone().unwrap();
        let cases = serde_json::from_str(&metadata["cases"]).unwrap();
        Fixture { cases, file: SafeTensors::deserialize(bytes).unwrap(), save_to: None }
    }

    /// The tensor of this name of the case, such as `x0`.
    pub fn tensor(&self, case: &Case, what: &str) -> Tensor {
        self.get(case, what).unwrap_or_else(|| panic!("{}: no tensor {what}", case.name))
    }

    pub fn get(&self, case: &Case, what: &str) -> Option<Tensor> {
        let view = self.file.tensor(&format!("{}.{what}", case.name)).ok()?;
        let numbers = view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        Some(Tensor::from_vec(numbers, view.shape()))
    }

    pub fn ids(&self, case: &Case, what: &str) -> Ids {
        let x = self.tensor(case, what);
        Ids::from_vec(x.to_vec().iter().map(|&id| id as u32).collect(), x.shape())
    }

    /// All tensors of the case under `prefix`, such as `state`, with the rest of their names.
    pub fn under(&self, case: &Case, prefix: &str) -> Vec<(String, Tensor)> {
        let prefix = format!("{}.{prefix}.", case.name);
        let names = self.file.names().into_iter().filter_map(|name| name.strip_prefix(&prefix));
        let mut found: Vec<(String, Tensor)> = names
            .map(|rest| (rest.to_owned(), self.tensor(case, &format!("{}{rest}", &prefix[case.name.len() + 1..]))))
            .collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        found
    }

    /// Loads PyTorch's state dict into our layer as a user would: from a safetensors file, and strictly.
    pub fn load(&self, case: &Case, module: &mut (impl Module + ?Sized)) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.safetensors");
        let state = self.under(case, "state");
        write_safetensors(&file, state.iter().map(|(name, value)| (name.clone(), value)), []).unwrap();
        load_safetensors(module, &file).unwrap_or_else(|error| panic!("{}: {error}", case.name));
    }

    /// Holds a layer to its case: the state dict loads; outputs, all gradients and the buffers afterwards are PyTorch's.
    /// `forward` gets the inputs as leaves.
    pub fn hold<M: Module>(
        &self,
        case: &Case,
        mut module: M,
        forward: impl FnOnce(&M, &[Var]) -> Vec<Var>,
    ) -> Result<(), String> {
        let x: Vec<Var> = (0..case.n("inputs")).map(|i| Var::input(self.tensor(case, &format!("x{i}")))).collect();
        if let Some(folder) = &self.save_to {
            return save(folder, case, &module, || forward(&module, &x));
        }
        self.load(case, &mut module);
        let y = forward(&module, &x);
        let mut loss: Option<Var> = None;
        for (i, y) in y.iter().enumerate() {
            near(case, &format!("output {i}"), y.value(), &self.tensor(case, &format!("y{i}")))?;
            let part = (y * &Var::constant(self.tensor(case, &format!("w{i}")))).sum_all();
            loss = Some(loss.map_or(part.clone(), |sum| &sum + &part));
        }
        if self.get(case, &format!("y{}", y.len())).is_some() {
            return Err(format!("{}: PyTorch has more than {} outputs", case.name, y.len()));
        }
        let grads = loss.expect("one output at least").backward();
        for (i, x) in x.iter().enumerate() {
            near(case, &format!("gradient of input {i}"), grads.of(x), &self.tensor(case, &format!("dx{i}")))?;
        }
        self.hold_gradients(case, &module, &grads)?;
        for (name, buffer) in module.buffers() {
            let unchanged = || self.tensor(case, &format!("state.{name}"));
            let theirs = self.get(case, &format!("after.{name}")).unwrap_or_else(unchanged);
            near(case, &format!("{name} afterwards"), &buffer.value(), &theirs)?;
        }
        Ok(())
    }

    fn hold_gradients(&self, case: &Case, module: &impl Module, grads: &Gradients) -> Result<(), String> {
        let theirs = self.under(case, "grad");
        let mut ours = BTreeSet::new();
        let mut outcome = Ok(());
        module.visit(Name::root(), &mut |name, slot| {
            let Slot::Param(param) = slot else { return };
            let name = name.to_string();
            let compared = match (theirs.iter().find(|(theirs, _)| *theirs == name), grads.get(param.id())) {
                (Some((_, theirs)), Some(g)) => near(case, &format!("gradient of {name}"), g, theirs),
                (theirs, g) => Err(format!("{}: {name}: PyTorch's gradient {theirs:?}, ours {g:?}", case.name)),
            };
            ours.insert(name);
            if outcome.is_ok() {
                outcome = compared;
            }
        });
        match theirs.iter().find(|(name, _)| !ours.contains(name)) {
            Some((name, _)) => Err(format!("{}: no gradient of {name}", case.name)),
            None => outcome,
        }
    }
}

impl Case {
    fn option(&self, name: &str) -> &Value {
        self.options.get(name).unwrap_or_else(|| panic!("{}: no option {name}", self.name))
    }

    pub fn f(&self, name: &str) -> f64 {
        self.option(name).as_f64().unwrap()
    }

    pub fn n(&self, name: &str) -> usize {
        self.option(name).as_u64().unwrap() as usize
    }

    pub fn flag(&self, name: &str) -> bool {
        self.option(name).as_bool().unwrap()
    }

    pub fn text(&self, name: &str) -> &str {
        self.option(name).as_str().unwrap()
    }

    pub fn is_null(&self, name: &str) -> bool {
        self.option(name).is_null()
    }

    pub fn sizes(&self, name: &str) -> Vec<usize> {
        self.option(name).as_array().unwrap().iter().map(|x| x.as_u64().unwrap() as usize).collect()
    }

    /// Two real numbers.
    pub fn pair(&self, name: &str) -> (f64, f64) {
        let pair = self.option(name);
        (pair[0].as_f64().unwrap(), pair[1].as_f64().unwrap())
    }

    /// So many numbers.
    pub fn array<const N: usize>(&self, name: &str) -> [usize; N] {
        self.sizes(name).try_into().unwrap()
    }

    /// Pairs of numbers.
    pub fn pairs(&self, name: &str) -> Vec<(usize, usize)> {
        serde_json::from_value(self.option(name).clone()).unwrap()
    }
}

/// Equal to 1e-5, relative to the larger of the element and the root mean square of its tensor: where terms cancel, an element
/// is small against what it was made from.
pub fn near(case: &Case, what: &str, ours: &Tensor, theirs: &Tensor) -> Result<(), String> {
    let name = &case.name;
    if ours.shape() != theirs.shape() {
        return Err(format!("{name}: {what} of shape {:?}, PyTorch's is {:?}", ours.shape(), theirs.shape()));
    }
    let (ours, theirs) = (ours.to_vec(), theirs.to_vec());
    let squares: f64 = theirs.iter().map(|x| f64::from(*x).powi(2)).sum();
    let scale = (squares / theirs.len().max(1) as f64).sqrt();
    for (i, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        let apart = f64::from(*ours) - f64::from(*theirs);
        if apart.abs() > TOLERANCE * scale.max(f64::from(theirs.abs())) || apart.is_nan() {
            return Err(format!("{name}: {what}, element {i} is {ours}, PyTorch's {theirs} ({:?})", case.options));
        }
    }
    Ok(())
}

/// What our layer begins with, as a user saves it: CASE.safetensors; and beside it what it computes: CASE.outputs.safetensors.
fn save(folder: &Path, case: &Case, module: &impl Module, run: impl FnOnce() -> Vec<Var>) -> Result<(), String> {
    let file = |what: &str| folder.join(format!("{}.{what}safetensors", case.name));
    let saved = save_safetensors(module, file("")); // before the call, which may change buffers
    let y: Vec<(String, Var)> = run().into_iter().enumerate().map(|(i, y)| (format!("y{i}"), y)).collect();
    saved
        .and_then(|()| write_safetensors(file("outputs."), y.iter().map(|(name, y)| (name.clone(), y.value())), []))
        .map_err(|error| error.to_string())
}

/// Saves our layer of every case to the folder that GLASSBOX_SAVE names.
pub fn save_all(bytes: &'static [u8], hold: impl Fn(&Fixture, &Case) -> Result<(), String>) {
    let folder = std::env::var_os("GLASSBOX_SAVE").expect("GLASSBOX_SAVE names a folder");
    let fixture = Fixture { save_to: Some(folder.into()), ..Fixture::read(bytes) };
    fixture.cases.iter().for_each(|case| hold(&fixture, case).unwrap());
}

/// Fails with every case that differs.
pub fn hold_all(bytes: &'static [u8], hold: impl Fn(&Fixture, &Case) -> Result<(), String>) {
    let fixture = Fixture::read(bytes);
    assert!(!fixture.cases.is_empty(), "a fixture without cases proves nothing");
    let wrong: Vec<String> = fixture.cases.iter().filter_map(|case| hold(&fixture, case).err()).collect();
    assert!(wrong.is_empty(), "{} of {} cases differ:\n{}", wrong.len(), fixture.cases.len(), wrong.join("\n"));
}
