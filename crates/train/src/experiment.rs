//! What a family of models supplies, so that everything around it (the loop, the run directory, exact resume, the
//! report, the command line) is written once.

use crate::config::{RunConfig, Setting};
use crate::error::TrainError;
use crate::metrics::Metrics;
use crate::writer::{Sampling, Writer};
use glassbox_autograd::Var;
use glassbox_data::image::{Image, grid};
use glassbox_data::text::Text;
use glassbox_data::{DataSplits, open, open_text};
use glassbox_nn::Module;
use glassbox_tensor::Tensor;
use std::path::Path;

/// Samples in a row, and the black pixels around each.
const COLUMNS: usize = 8;
const PADDING: usize = 2;

/// Lines that are shown of a model that writes such.
const LINES: u64 = 20;

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
    ///
    /// # Panics
    /// If the model has a [`writer`](Experiment::writer): it makes text.
    fn samples(&self, n: usize, seed: u64) -> Tensor {
        let _ = (n, seed);
        unreachable!("a model that writes text is asked for text")
    }

    /// Whether [`Experiment::samples`] are new pictures, which can be judged beside those of the data. A classifier's are
    /// pictures of its test set.
    fn makes_pictures(&self) -> bool {
        self.writer().is_none()
    }

    /// Who writes, if what the model makes is text.
    fn writer(&self) -> Option<&dyn Writer> {
        None
    }

    /// What the model makes of noise as it stands: `n` pictures, a text, or twenty lines. Families don't write this.
    ///
    /// # Errors
    /// If a text can't be begun.
    fn shown(&self, n: usize, seed: u64) -> Result<Sample, TrainError> {
        Ok(match self.writer() {
            Some(writer) if writer.writes_lines() => {
                let line =
                    |i| Ok(writer.written("", &Sampling { seed: seed.wrapping_add(i), ..writer.usual() })? + "\n");
                Sample::Text((0..LINES).map(line).collect::<Result<_, TrainError>>()?)
            }
            Some(writer) => Sample::Text(writer.written("", &Sampling { seed, ..writer.usual() })?),
            None => Sample::Picture(self.sample(n, seed)),
        })
    }

    /// The [`Experiment::samples`] as one picture, eight in a row. Families don't write this.
    fn sample(&self, n: usize, seed: u64) -> Image {
        grid(&self.samples(n, seed), COLUMNS, PADDING)
    }

    /// What a report shows of the trained model: samples first, then whatever else the family has to show. Text is shown besides.
    fn pictures(&self) -> Vec<Picture> {
        Vec::new()
    }

    /// What a report shows besides, drawn in lines and letters: masks, what attention looks at.
    fn drawings(&self) -> Vec<Drawing> {
        Vec::new()
    }

    /// Every parameter, in the order of declaration; [`parameters_of`] makes them of a module.
    fn parameters(&self) -> Vec<Parameter>;

    /// The loss of the first batch with its graph: what `explain` prints.
    fn loss_graph(&self) -> Var;

    /// What `explain` says besides what it says of every model, such as the memory that one token takes; nothing if empty.
    fn remarks(&self) -> String {
        String::new()
    }

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

/// What a model made, as `samples/` keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sample {
    /// Pictures in a grid.
    Picture(Image),
    /// A text.
    Text(String),
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

/// A drawing with what it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawing {
    /// A word for file names: `masks`, `attention`.
    pub name: &'static str,
    /// What is to be seen, in a sentence.
    pub caption: String,
    /// The drawing, an SVG document.
    pub svg: String,
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
    /// The data set that it is trained on unless another is named; of one that makes its own, a word for that.
    pub data: &'static str,
    /// What `--set` can change. `batch`, `sample_every` and `checkpoint_every` must be among them, for the runner reads them;
    /// and `epochs`, if there are no `steps`.
    pub settings: &'static [Setting],
    /// How many steps a run takes, if its length doesn't come from its epochs.
    pub steps: Option<u64>,
    /// Makes the untrained model.
    pub build: Build,
}

/// What comes of making an untrained model.
pub type Built = Result<Box<dyn Experiment>, TrainError>;

/// Makes an untrained model for a configuration, on data of the kind that it is for.
#[derive(Debug, Clone, Copy)]
pub enum Build {
    /// Of problems that it makes itself, from the seed: it reads no data.
    Generated(fn(&RunConfig) -> Built),
    /// Of pictures.
    Pictures(fn(&RunConfig, DataSplits) -> Built),
    /// Of a text.
    Text(fn(&RunConfig, Text) -> Built),
}

impl Build {
    /// The untrained model of these pictures.
    ///
    /// # Errors
    /// If settings contradict each other, or the data.
    ///
    /// # Panics
    /// If it is of something else.
    #[track_caller]
    pub fn pictures(&self, config: &RunConfig, data: DataSplits) -> Built {
        match self {
            Build::Pictures(build) => build(config, data),
            _ => panic!("{} is no model of pictures", config.preset().name),
        }
    }

    /// The untrained model of this text.
    ///
    /// # Errors
    /// If settings contradict each other, or the data.
    ///
    /// # Panics
    /// If it is of something else.
    #[track_caller]
    pub fn text(&self, config: &RunConfig, data: Text) -> Built {
        match self {
            Build::Text(build) => build(config, data),
            _ => panic!("{} is no model of text", config.preset().name),
        }
    }
}

impl RunConfig {
    /// The untrained model on its data, which are opened. The horizon is fixed, unless it is already.
    ///
    /// # Errors
    /// If the data cannot be opened or are of another kind, if there should be none, or if settings contradict each other or the data.
    pub fn build(&mut self) -> Built {
        match self.preset().build {
            Build::Pictures(_) | Build::Generated(_) if self.from.is_some() => Err(TrainError::Contradiction(format!(
                "{} begins with nothing, and --from is for models that write; leave it out",
                self.preset().name
            ))),
            Build::Generated(build) => {
                let Preset { name, data, .. } = self.preset();
                if self.data != *data {
                    return Err(TrainError::Contradiction(format!(
                        "{name} makes its own problems from the seed and reads no data, so it can't be trained on {}; leave --data out",
                        self.data
                    )));
                }
                self.fix_horizon(0);
                build(self)
            }
            Build::Pictures(build) => {
                let data = open(&self.data)?;
                self.fix_horizon(data.train.len());
                build(self, data)
            }
            Build::Text(build) => {
                let data = open_text(&self.data)?;
                self.fix_horizon(data.characters()[0]);
                build(self, data)
            }
        }
    }
}

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
