//! Training the judge: one step, and the promises of [`Experiment`] around it.

use super::shift::shifted;
use super::{Judge, pictures};
use glassbox_autograd::Var;
use glassbox_data::{Batches, DataSplits, ImageSet, in_order};
use glassbox_nn::loss::{Reduction, cross_entropy};
use glassbox_nn::optim::{Adam, Schedule};
use glassbox_nn::{Context, Module};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Ids, Tensor};
use glassbox_train::{
    Experiment, Metrics, Parameter, Picture, RunConfig, StepOutcome, TrainError, load_weights, parameters_of,
    save_weights,
};
use std::path::Path;

/// Pictures at a time where no gradient is wanted; it bounds memory, not the result.
const EVALUATION_BATCH: usize = 500;

/// The most pixels of a picture: at this size `fc1` has 134 million weights, which with gradients and moments take 2 GiB.
const MOST_PIXELS: usize = 1 << 20;

/// A [`Judge`] in training.
#[derive(Debug)]
pub struct JudgeTraining {
    /// The classifier.
    pub judge: Judge,
    adam: Adam,
    schedule: Schedule,
    data: DataSplits,
    batches: Batches,
    shift: usize,
    shifts: Key,
    dropout: Key,
}

impl JudgeTraining {
    /// An untrained judge for this configuration, on its data. Initial values, batches, shifts and what is dropped are
    /// independent streams of the seed.
    ///
    /// # Errors
    /// If the pictures are too small to be halved twice, or too large for a common machine's memory.
    pub fn new(config: &RunConfig, data: DataSplits) -> Result<JudgeTraining, TrainError> {
        let [c, h, w] = data.train.image_shape();
        if h < 4 || w < 4 || h * w > MOST_PIXELS {
            return Err(TrainError::Contradiction(format!(
                "the judge halves pictures twice and sees all that is left, and these are {h} × {w}; use pictures of at least \
                 4 × 4 and at most {MOST_PIXELS} pixels"
            )));
        }
        let key = Key::new(config.seed);
        let mut planned = config.clone();
        planned.fix_horizon(data.train.len());
        let mut judge = Judge::new([c, h, w], data.train.classes().len(), config.real("dropout") as f32, key.fold(0));
        judge.name_parameters();
        Ok(JudgeTraining {
            judge,
            adam: Adam::new(config.real("lr")),
            schedule: Schedule::cosine(config.real("lr"), planned.horizon()),
            batches: Batches::new(data.train.len(), config.count("batch") as usize, key.fold(1)),
            shift: config.count("shift") as usize,
            shifts: key.fold(2),
            dropout: key.fold(3),
            data,
        })
    }

    /// The data that it is trained on and tested by.
    pub fn data(&self) -> &DataSplits {
        &self.data
    }

    /// What the judge says to these training pictures in this step, (B, classes), and their classes, (B).
    fn logits(&self, batch: &[u32], step: u64) -> (Var, Ids) {
        let (x, y) = self.data.train.batch(batch); // (B, C, H, W), (B)
        let x = Var::constant(shifted(&x, self.shift, self.shifts.fold(step)));
        (self.judge.forward(&x, &Context::train(self.dropout.fold(step))), y)
    }

    /// The probability of each class for the pictures of a set in its order, (N, classes).
    pub fn probabilities(&self, set: &ImageSet) -> Tensor {
        let logits = |x: &Var| self.judge.frozen().forward(x, &Context::eval());
        over(set, |x| logits(x).softmax(1).value().clone())
    }
}

/// `f` over the set in its order, batch for batch: (B, C, H, W) -> (B, K); the rows of the results one after the other.
pub(crate) fn over(set: &ImageSet, f: impl Fn(&Var) -> Tensor) -> Tensor {
    let parts: Vec<Tensor> =
        in_order(set.len(), EVALUATION_BATCH).map(|batch| f(&Var::constant(set.batch(&batch).0))).collect();
    Tensor::cat(&parts.iter().collect::<Vec<_>>(), 0)
}

/// The share of the rows of `scores` (B, classes) that are largest at their own class.
fn accuracy(scores: &Tensor, classes: &Ids) -> f64 {
    let named = scores.argmax(1, false);
    let right = named.as_slice().iter().zip(classes.as_slice()).filter(|(a, b)| a == b).count();
    right as f64 / classes.as_slice().len() as f64
}

impl Experiment for JudgeTraining {
    fn train_step(&mut self, step: u64) -> Result<StepOutcome, TrainError> {
        let batch = self.batches.at(step);
        let (logits, y) = self.logits(&batch, step); // (B, classes), (B)
        let loss = cross_entropy(&logits, &y, Default::default(), Reduction::Mean);
        let grads = loss.backward();
        self.adam.lr = self.schedule.lr(step); // falls to 0 at the end of the planned run
        self.adam
            .step(&mut self.judge, &grads)
            .map_err(|source| TrainError::Step { step: step + 1, source: source.into() })?;
        let metrics = Metrics::new().with("loss", loss.item().into()).with("accuracy", accuracy(logits.value(), &y));
        let metrics = metrics.with("lr", self.adam.lr);
        Ok(StepOutcome { metrics, examples: batch.len() })
    }

    fn evaluate(&self) -> Metrics {
        let (judge, test) = (self.judge.frozen(), &self.data.test);
        let (mut loss, mut right) = (0.0, 0.0);
        for batch in in_order(test.len(), EVALUATION_BATCH) {
            let (x, y) = test.batch(&batch);
            let logits = judge.forward(&Var::constant(x), &Context::eval());
            loss += f64::from(cross_entropy(&logits, &y, Default::default(), Reduction::Sum).item());
            right += accuracy(logits.value(), &y) * batch.len() as f64;
        }
        let n = test.len() as f64;
        Metrics::new().with("loss", loss / n).with("accuracy", right / n)
    }

    /// Test pictures drawn by the seed, the least understood first.
    fn samples(&self, n: usize, seed: u64) -> Tensor {
        pictures::drawn(self, n, seed)
    }

    fn makes_pictures(&self) -> bool {
        false
    }

    fn pictures(&self) -> Vec<Picture> {
        pictures::all(self)
    }

    fn parameters(&self) -> Vec<Parameter> {
        parameters_of(&self.judge)
    }

    fn loss_graph(&self) -> Var {
        let (logits, y) = self.logits(&self.batches.clone().at(0), 0);
        cross_entropy(&logits, &y, Default::default(), Reduction::Mean)
    }

    fn save(&self, folder: &Path) -> Result<(), TrainError> {
        save_weights(&self.judge, &self.adam, folder)
    }

    fn load(&mut self, folder: &Path) -> Result<(), TrainError> {
        load_weights(&mut self.judge, &mut self.adam, folder)
    }
}
