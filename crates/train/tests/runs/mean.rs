//! A tiny model in plain arrays, and runs of it.

use glassbox_autograd::Var;
use glassbox_data::DataSplits;
use glassbox_tensor::Tensor;
use glassbox_train::{
    Build, Experiment, Limits, Metrics, Parameter, Picture, Preset, Record, RunConfig, Runner, Setting, StepOutcome,
    TrainError, read_metrics,
};
use std::fs;
use std::path::Path;

/// The mean picture, by stochastic gradient descent with momentum, one picture at a time.
struct MeanPicture {
    data: DataSplits,
    seed: u64,
    lr: f64,
    nan_at: u64,
    unused: bool,
    weights: Vec<f64>,
    momentum: Vec<f64>,
}

pub static MEAN: Preset = Preset {
    name: "mean",
    about: "the mean picture",
    cost: "nothing",
    formula: "loss = sum (w - x)^2",
    data: "fashion-mnist",
    settings: &[
        Setting::count("batch", "pictures in a step", 1, 1, 1),
        Setting::count("epochs", "passes over the data", 1, 1, 1000),
        Setting::real("lr", "the learning rate", 0.01, 1e-6, 1.0),
        Setting::count("sample_every", "steps between samples", 4, 1, u64::MAX),
        Setting::count("checkpoint_every", "steps between checkpoints", 5, 1, u64::MAX),
        Setting::count("unused", "1 for a parameter that the loss doesn't depend on", 0, 0, 1),
        Setting::count("nan_at", "the step whose loss is not a number", 0, 0, 1000),
    ],
    steps: None,
    build: Build::Pictures(|config, data| {
        let pixels = data.train.pixels();
        Ok(Box::new(MeanPicture {
            data,
            seed: config.seed,
            lr: config.real("lr"),
            nan_at: config.count("nan_at"),
            unused: config.count("unused") == 1,
            weights: vec![0.0; pixels],
            momentum: vec![0.0; pixels],
        }))
    }),
};

impl MeanPicture {
    fn loss(&self, picture: &[u8]) -> f64 {
        self.weights.iter().zip(picture).map(|(w, &x)| (w - f64::from(x) / 255.0).powi(2)).sum()
    }
}

impl Experiment for MeanPicture {
    fn train_step(&mut self, step: u64) -> Result<StepOutcome, TrainError> {
        let picture =
            self.data.train.image(((self.seed + 7919 * step) % self.data.train.len() as u64) as usize).to_vec();
        let loss = match step + 1 == self.nan_at {
            true => Var::input(Tensor::scalar(-1.0)).ln().item().into(), // NaN
            false => self.loss(&picture),
        };
        for ((w, m), x) in self.weights.iter_mut().zip(&mut self.momentum).zip(picture) {
            *m = 0.9 * *m + (*w - f64::from(x) / 255.0);
            *w -= self.lr * *m;
        }
        Ok(StepOutcome { metrics: Metrics::new().with("loss", loss), examples: 1 })
    }

    fn evaluate(&self) -> Metrics {
        Metrics::new().with("loss", self.loss(self.data.test.image(0)))
    }

    fn samples(&self, n: usize, _seed: u64) -> Tensor {
        Tensor::from_vec(self.weights.iter().map(|&w| w as f32).collect(), [1, 1, 28, 28]).expand([n, 1, 28, 28])
    }

    fn pictures(&self) -> Vec<Picture> {
        vec![Picture { name: "mean", caption: "The mean picture".to_string(), image: self.sample(1, 0) }]
    }

    /// The mean, and a bias that nothing depends on: frozen, unless `unused` says that it should be trained.
    fn parameters(&self) -> Vec<Parameter> {
        let w = Tensor::from_vec(self.weights.iter().map(|&w| w as f32).collect(), [784]);
        let unused = Parameter { name: "head.bias".to_string(), value: Tensor::zeros([3]), trained: self.unused };
        vec![Parameter { name: "w".to_string(), value: w, trained: true }, unused]
    }

    fn loss_graph(&self) -> Var {
        Var::constant(Tensor::scalar(0.0))
    }

    fn save(&self, folder: &Path) -> Result<(), TrainError> {
        let bytes: Vec<u8> = self.weights.iter().chain(&self.momentum).flat_map(|x| x.to_le_bytes()).collect();
        fs::write(folder.join("weights.bin"), bytes).map_err(|source| TrainError::Io {
            path: folder.to_path_buf(),
            doing: "write",
            source,
        })
    }

    fn load(&mut self, folder: &Path) -> Result<(), TrainError> {
        let bytes = fs::read(folder.join("weights.bin")).unwrap();
        let values: Vec<f64> = bytes.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect();
        self.weights.copy_from_slice(&values[..784]);
        self.momentum.copy_from_slice(&values[784..]);
        Ok(())
    }
}

pub fn start(out: &Path, sets: &[&str]) -> Runner {
    let mut config = RunConfig::new(&MEAN);
    sets.iter().for_each(|s| config.set(s).unwrap());
    Runner::start(config, out).unwrap()
}

pub fn until(end: u64) -> Limits<'static> {
    Limits { end: Some(end), ..Limits::default() }
}

/// The metrics without the wall clock.
pub fn timeless(run: &Path) -> Vec<Record> {
    let mut records = read_metrics(&run.join("metrics.jsonl")).unwrap();
    records.iter_mut().for_each(|r| r.seconds = 0.0);
    records
}

pub fn weights(run: &Path, step: u64) -> Vec<u8> {
    fs::read(run.join(format!("checkpoints/step-{step}/weights.bin"))).unwrap()
}
