//! What a family of models supplies, so that everything around it (the loop, the run directory, exact resume, the
//! report, the command line) is written once.

use crate::config::{RunConfig, Setting};
use crate::error::TrainError;
use crate::metrics::Metrics;
use glassbox_autograd::Var;
use glassbox_data::DataSplits;
use glassbox_data::image::{Image, grid};
use glassbox_nn::Module;
use glassbox_tensor::Tensor;
use std::path::Path;

/// Samples in a row, and the black pixels around each.
const COLUMNS: usize = 8;
const PADDING: usize = 2;

/// A model in training: its parameters, its optimiser and its data.
///
/// All of it is a function of the configuration (the seed included) and of the number of steps taken: batches and noise are
/// drawn from (seed, step), never from a stream that would have to be saved. That is what makes resume exact.
pub trait Experiment {
    /// Takes step `step`, counted from 0: one batch, one update of the parameters. The loss that it returns is that of
    /// the batch before the update.
    ///
    /// # Errors
    /// If the optimiser finds a parameter that the loss doesn't reach.
    fn train_step(&mut self, step: u64) -> Result<StepOutcome, TrainError>;

    /// The held-out metrics, `loss` first: the test set in fixed order, with noise from one fixed seed, so that two calls
    /// give the same bits.
    fn evaluate(&self) -> Metrics;

    /// `n` pictures that show what the model does, (N, C, H, W) with values in 0..1, drawn by the seed. They are made batch for
    /// batch: beside the pictures themselves, memory doesn't grow with `n`.
    fn samples(&self, n: usize, seed: u64) -> Tensor;

    /// Whether [`Experiment::samples`] are new pictures, which can be judged beside those of the data. A classifier's are
    /// pictures of its test set.
    fn makes_pictures(&self) -> bool {
        true
    }

    /// The [`Experiment::samples`] as one picture, eight in a row. Families don't write this.
    fn sample(&self, n: usize, seed: u64) -> Image {
        grid(&self.samples(n, seed), COLUMNS, PADDING)
    }

    /// What a report shows of the trained model: samples first, then whatever else the family has to show.
    fn pictures(&self) -> Vec<Picture>;

    /// Every parameter, in the order of declaration; [`parameters_of`] makes them of a module.
    fn parameters(&self) -> Vec<Parameter>;

    /// The loss of the first batch with its graph: what `explain` prints.
    fn loss_graph(&self) -> Var;

    /// Writes everything that training has changed into the folder: parameters and optimiser, as safetensors.
    ///
    /// # Errors
    /// If a file cannot be written.
    fn save(&self, folder: &Path) -> Result<(), TrainError>;

    /// Reads what [`Experiment::save`] wrote; afterwards the next step gives the bits that it would have given then.
    ///
    /// # Errors
    /// If a file is missing, damaged, or of another model.
    fn load(&mut self, folder: &Path) -> Result<(), TrainError>;
}

/// What one training step tells.
#[derive(Debug, Clone, PartialEq)]
pub struct StepOutcome {
    /// `loss` first, then every part of it; `lr`, if a schedule changes it; and `grad_norm`, the norm of the gradient of all parameters together, if the
    /// family has one: a gradient that is no number ends the run before the weights that it spoilt are saved.
    pub metrics: Metrics,
    /// How many examples the batch had.
    pub examples: usize,
}

/// A parameter of a model in training.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Its dotted name.
    pub name: String,
    /// Its value, shared with the model: who keeps it makes the next step copy it.
    pub value: Tensor,
    /// Whether training is meant to change it. A run warns of one that should change and doesn't.
    pub trained: bool,
}

/// The parameters of a module, all to be trained but those that are frozen.
///
/// ```
/// use glassbox_nn::Param;
/// use glassbox_tensor::tensor;
/// use glassbox_train::parameters_of;
///
/// let mut layers = vec![Param::new(tensor![1.0, 2.0]), Param::new(tensor![3.0])];
/// layers[1].freeze();
/// let parameters = parameters_of(&layers);
/// assert_eq!((parameters[0].name.as_str(), parameters[0].trained, parameters[1].trained), ("0", true, false));
/// ```
pub fn parameters_of(model: &impl Module) -> Vec<Parameter> {
    let all = model.parameters().into_iter();
    all.map(|(name, p)| Parameter { name, value: p.value().clone(), trained: !p.is_frozen() }).collect()
}

/// A picture with what it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// A word for file names: `samples`, `reconstructions`.
    pub name: &'static str,
    /// What is to be seen, in a sentence.
    pub caption: String,
    /// The picture.
    pub image: Image,
}

/// A model with a name: what `glassbox train NAME` trains.
#[derive(Debug)]
pub struct Preset {
    /// The name on the command line.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// What a run with the defaults costs.
    pub cost: &'static str,
    /// The model and its loss as formulas, in the paper's letters, one to a line.
    pub formula: &'static str,
    /// The data set that it is trained on unless another is named.
    pub data: &'static str,
    /// What `--set` can change. `batch`, `epochs`, `sample_every` and `checkpoint_every` must be among them, for the
    /// runner reads them.
    pub settings: &'static [Setting],
    /// Makes the untrained model, on data which the runner has opened.
    pub build: Build,
}

/// Makes an untrained model for a configuration, on its data.
pub type Build = fn(&RunConfig, DataSplits) -> Result<Box<dyn Experiment>, TrainError>;

/// The preset of that name.
///
/// # Errors
/// If there is none: names the nearest one, and all.
pub fn find_preset(presets: &[&'static Preset], name: &str) -> Result<&'static Preset, TrainError> {
    presets.iter().find(|p| p.name == name).copied().ok_or_else(|| TrainError::UnknownPreset {
        name: name.to_string(),
        known: presets.iter().map(|p| p.name).collect(),
    })
}
