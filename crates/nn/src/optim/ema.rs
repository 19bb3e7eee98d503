//! An exponential moving average of a model's weights.

use super::pass::{Item, Room, in_one_pass};
use super::towards::Towards;
use crate::checkpoint::{CheckpointError, SafetensorsFile, load_safetensors, write_safetensors};
use crate::module::{Module, Slot, SlotMut};
use crate::name::Name;
use glassbox_tensor::{Tensor, counted, map_inplace};
use std::path::Path;

/// A model whose parameters follow those of another one, which is being trained (Polyak and Juditsky 1992; with a
/// decay, Tarvainen and Valpola 2017). After each step of the optimiser:
///
/// ```text
/// θ̄ ← θ̄ + (1 − d)·(θ − θ̄)             the first update: θ̄ ← θ
/// ```
///
/// Buffers, such as running means, are averages already: they are taken over as they are. So it is PyTorch's
/// `AveragedModel` with `get_ema_multi_avg_fn(decay)`.
///
/// ```
/// use glassbox_nn::{Param, optim::Ema};
/// use glassbox_tensor::tensor;
///
/// let mut model = Param::new(tensor![0.0]);
/// let mut ema = Ema::new(&model, 0.75);
/// ema.update(&model);
/// for x in [4.0, 4.0] {
///     model.set_value(tensor![x]); // in place of a step
///     ema.update(&model);
/// }
/// assert_eq!(ema.model().value().item(), 1.75); // 0, then 0 + 4/4, then 1 + 3/4
/// ```
#[derive(Debug, Clone)]
pub struct Ema<M> {
    average: M,
    updates: u64,
    decay: f64,
    warms_up: bool,
    values: Room<Tensor>,
    pairs: Room<Item<Pair<'static>>>,
}

/// An average and the value that it follows.
type Pair<'a> = (&'a mut Tensor, Tensor);

/// The header's metadata says how many updates there were, in PyTorch's words.
const UPDATES: &str = "n_averaged";

impl<M: Module + Clone> Ema<M> {
    /// An average that begins as the model is. `decay` is d in [0, 1): 0.999 remembers about 1000 steps.
    ///
    /// # Panics
    /// If `decay` is not in [0, 1).
    #[track_caller]
    pub fn new(model: &M, decay: f64) -> Self {
        assert!((0.0..1.0).contains(&decay), "Ema::new: the decay is {decay}; it must be in [0, 1)");
        let mut average = model.clone();
        average.visit_mut(Name::root(), &mut |_, slot| {
            if let SlotMut::Param(param) = slot {
                param.value_mut().make_mut(); // memory of its own: the model's next step must not have to copy its
            }
        });
        Self { average, updates: 0, decay, warms_up: false, values: Room::new(), pairs: Room::new() }
    }

    /// Lets the decay grow as min(d, (1 + t)/(10 + t)) with the updates t that there were, so that a young average soon
    /// forgets the untrained weights (as TensorFlow's `ExponentialMovingAverage` does with `num_updates`).
    pub fn with_warmup(mut self) -> Self {
        self.warms_up = true;
        self
    }

    /// d, at the next update.
    pub fn decay(&self) -> f64 {
        let t = self.updates as f64;
        if self.warms_up { self.decay.min((1.0 + t) / (10.0 + t)) } else { self.decay }
    }

    /// Follows the model by one step: one pass over both, in place.
    ///
    /// # Panics
    /// If the model has not the parameters and buffers that it had in [`new`](Ema::new).
    #[track_caller]
    pub fn update(&mut self, model: &M) {
        let rate = if self.updates == 0 { 1.0 } else { 1.0 - self.decay() };
        let mut all: Vec<Tensor> = self.values.take();
        let mut pairs: Vec<Item<Pair<'_>>> = self.pairs.take();
        model.visit(Name::root(), &mut |_, slot: Slot<'_>| all.push(slot.value()));
        let (count, mut values, mut slots) = (all.len(), all.drain(..), 0);
        self.average.visit_mut(Name::root(), &mut |_, mut slot| {
            slots += 1;
            let Some(value) = values.next() else { return };
            match slot {
                SlotMut::Param(param) => pairs.push((value.numel(), Some((param.value_mut(), value)))),
                SlotMut::Buffer(_) => slot.set_value(value),
            }
        });
        assert!(
            slots == count,
            "Ema::update: the model has {count}, its average {slots}",
            count = counted(count, "tensor")
        );
        drop(values);
        self.values.put(all);
        let mut shapes = pairs.iter().flat_map(|(_, pair)| pair);
        let same = shapes.all(|(average, value)| average.shape() == value.shape());
        assert!(same, "Ema::update: the model's parameters have other shapes than its average's");
        in_one_pass(&mut pairs, |(average, value)| map_inplace(&Towards::new(rate), average, [&value]));
        self.pairs.put(pairs);
        self.updates += 1;
    }

    /// The averaged model, to be evaluated, sampled from and saved.
    pub fn model(&self) -> &M {
        &self.average
    }

    /// How many updates there were.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// Saves the average and the number of updates. The file is also that of a model: it can be loaded into one.
    ///
    /// ```
    /// use glassbox_nn::{Linear, load_safetensors, optim::Ema};
    /// use glassbox_tensor::random::Key;
    /// let folder = tempfile::tempdir()?;
    /// let file = folder.path().join("ema.safetensors");
    /// let ema = Ema::new(&Linear::new(3, 2, Key::new(0)), 0.999);
    /// ema.save(&file)?;
    /// let mut another = Linear::new(3, 2, Key::new(1));
    /// load_safetensors(&mut another, &file)?;
    /// assert_eq!(another.weight.value(), ema.model().weight.value());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the file can't be written, or two tensors have one name.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), CheckpointError> {
        let mut tensors: Vec<(String, Tensor)> = Vec::new();
        self.average.visit(Name::root(), &mut |name, slot: Slot<'_>| tensors.push((name.to_string(), slot.value())));
        let tensors = tensors.iter().map(|(name, value)| (name.clone(), value));
        write_safetensors(path, tensors, [(UPDATES.into(), self.updates.to_string())])
    }

    /// Loads what [`save`](Ema::save) saved; a resumed run then has the same averages, bit for bit.
    ///
    /// # Errors
    /// If the file is unreadable or not whole, has other names or shapes than the model, or doesn't say how many
    /// updates there were. Then nothing has changed.
    pub fn load(&mut self, path: impl AsRef<Path>) -> Result<(), CheckpointError> {
        let path = path.as_ref();
        let file = SafetensorsFile::open(path)?;
        let found = file.metadata(UPDATES).map(str::to_owned);
        let Some(updates) = found.as_ref().and_then(|text| text.parse().ok()) else {
            let (path, key) = (path.into(), UPDATES.into());
            return Err(CheckpointError::Metadata { path, key, expected: "a number of updates", found });
        };
        load_safetensors(&mut self.average, path)?;
        self.updates = updates;
        Ok(())
    }
}
