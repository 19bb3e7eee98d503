//! Training either network: one step, and the promises of [`Experiment`] around it.

use crate::bounds::{active_units, importance_weighted};
use crate::model::{Autoencoder, Sizes};
use crate::pictures;
use glassbox_autograd::Var;
use glassbox_data::{Batches, DataSplits, ImageSet, in_order};
use glassbox_nn::optim::{Adam, grad_norm};
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use glassbox_train::{
    Experiment, Metrics, Parameter, Picture, RunConfig, StepOutcome, TrainError, load_weights, parameters_of,
    save_weights,
};
use std::path::Path;

/// The noise of the evaluation, the same for every model of every run.
const EVALUATION_SEED: u64 = 12345;

/// Pictures at a time where no gradient is wanted; it bounds memory, not the result.
const EVALUATION_BATCH: usize = 500;

/// Weights, gradients and both moments of so many take 4 GiB.
const MOST_WEIGHTS: usize = 1 << 28;

/// A network in training, such as [`VaeMlp`](crate::VaeMlp).
#[derive(Debug)]
pub struct Training<M> {
    /// The network.
    pub model: M,
    adam: Adam,
    data: DataSplits,
    batches: Batches,
    noise: Key,
    pixels: Key,
    latents: usize,
    beta: f32,
    draws: usize,
}

impl<M: Autoencoder> Training<M> {
    /// An untrained network for this configuration, on its data. Initial values, batches and noise are independent streams
    /// of the seed.
    ///
    /// # Errors
    /// If the network would be too large for a common machine's memory.
    pub fn new(config: &RunConfig, data: DataSplits) -> Result<Training<M>, TrainError> {
        let key = Key::new(config.seed);
        let sizes = Sizes {
            image: data.train.image_shape(),
            hidden: config.count("hidden") as usize,
            latents: config.count("latents") as usize,
        };
        M::admits(sizes).map_err(TrainError::Contradiction)?;
        let weights = 2 * sizes.hidden * (sizes.pixels() + sizes.latents);
        if weights > MOST_WEIGHTS {
            return Err(TrainError::Contradiction(format!(
                "hidden = {} makes a network of about {weights} weights for pictures of {} pixels; at most {MOST_WEIGHTS} \
                 are trained, so set a smaller hidden",
                sizes.hidden,
                sizes.pixels()
            )));
        }
        let mut model = M::new(sizes, key.fold(0));
        model.name_parameters();
        Ok(Training {
            model,
            adam: Adam::new(config.real("lr")),
            batches: Batches::new(data.train.len(), config.count("batch") as usize, key.fold(1)),
            noise: key.fold(2),
            pixels: key.fold(3),
            latents: sizes.latents,
            beta: config.real_or("beta", 1.0) as f32,
            draws: config.count_or("draws", 0) as usize,
            data,
        })
    }

    /// The data that it is trained on and judged by.
    pub fn data(&self) -> &DataSplits {
        &self.data
    }

    /// The codes of all pictures of the set, (N, L) in its order, drawn once for each (see [`Code::draw`](crate::Code::draw)).
    pub fn draw_codes(&self, set: &ImageSet, key: Key) -> Tensor {
        let model = self.model.frozen();
        let eps = Tensor::randn([set.len(), self.latents], key); // (N, L)
        self.over(set, |x, start| model.encode(x).draw(&rows(&eps, start, x)))
    }

    /// The mean codes of all pictures of the set, (N, L) in its order.
    pub fn codes(&self, set: &ImageSet) -> Tensor {
        let model = self.model.frozen();
        self.over(set, |x, _| model.encode(x).mu)
    }

    /// Pictures of the data's shape from codes, (N, L) -> (N, C, H, W): the probability of each pixel.
    pub fn decode(&self, z: &Tensor) -> Tensor {
        let [c, h, w] = self.data.train.image_shape();
        let probabilities = self.model.frozen().decode(&Var::constant(z.clone())).sigmoid(); // (N, L) -> (N, D)
        probabilities.value().reshape([z.shape()[0], c, h, w])
    }

    /// Noise from the prior N(0, I), (N, L).
    pub fn prior(&self, n: usize, key: Key) -> Tensor {
        Tensor::randn([n, self.latents], key)
    }

    /// The pictures of these numbers as the network sees them, (B, D): grey, or each pixel a coin with its grey value's
    /// probability of 1, tossed by `key` and the picture's number.
    pub fn seen(&self, set: &ImageSet, numbers: &[u32], key: Key) -> Var {
        let grey = flat(set, numbers);
        if !M::BINARY {
            return grey;
        }
        let coins = numbers.iter().flat_map(|&n| Tensor::rand([set.pixels()], key.fold(u64::from(n))).to_vec());
        let coins = Tensor::from_vec(coins.collect(), [numbers.len(), set.pixels()]); // U[0, 1)
        Var::constant(Var::constant(coins).less(&grey))
    }

    /// As [`Training::seen`], the same pixels in every evaluation.
    pub(crate) fn held_out(&self, set: &ImageSet, numbers: &[u32]) -> Var {
        self.seen(set, numbers, Key::new(EVALUATION_SEED).fold(1))
    }

    /// `f` over the set in its order, batch for batch; the rows of the results one after the other.
    fn over(&self, set: &ImageSet, f: impl Fn(&Var, usize) -> Var) -> Tensor {
        let mut all = Vec::with_capacity(set.len() * self.latents);
        for batch in in_order(set.len(), EVALUATION_BATCH) {
            all.extend(f(&self.held_out(set, &batch), batch[0] as usize).value().to_vec());
        }
        Tensor::from_vec(all, [set.len(), self.latents])
    }
}

impl<M: Autoencoder> Training<M> {
    /// With what tells models of binary pictures apart: the bounds of −ln p(x) by one draw and by k, and the active latents.
    fn bounds(&self, model: &M, metrics: Metrics) -> Metrics {
        let test = &self.data.test;
        let mut bound = 0.0;
        for batch in in_order(test.len(), EVALUATION_BATCH) {
            let x = self.held_out(test, &batch);
            let key = Key::new(EVALUATION_SEED).fold(2).fold(batch[0].into());
            let nll = importance_weighted(model, x.value(), self.draws, key); // (B)
            bound += nll.to_vec().iter().map(|&nats| f64::from(nats)).sum::<f64>() / test.len() as f64;
        }
        let elbo = metrics.get("reconstruction").unwrap_or(0.0) + metrics.get("kl").unwrap_or(0.0);
        let active = active_units(&self.codes(test));
        metrics.with("nll_1", elbo).with("nll_k", bound).with("active_units", active as f64)
    }
}

/// The pictures of these numbers as rows of pixels, (B, D) in [0, 1].
fn flat(set: &ImageSet, numbers: &[u32]) -> Var {
    Var::constant(set.batch(numbers).0.reshape([numbers.len(), set.pixels()]))
}

/// The rows of `eps` that belong to the batch `x` which begins at row `start`.
fn rows(eps: &Tensor, start: usize, x: &Var) -> Tensor {
    eps.narrow(0, start, x.shape()[0])
}

fn metrics(loss: f64, reconstruction: f64, kl: Option<f64>) -> Metrics {
    let metrics = Metrics::new().with("loss", loss).with("reconstruction", reconstruction);
    match kl {
        Some(kl) => metrics.with("kl", kl),
        None => metrics,
    }
}

impl<M: Autoencoder> Experiment for Training<M> {
    /// Auto-Encoding Variational Bayes, algorithm 1 of Kingma and Welling 2014, with Adam for the update.
    fn train_step(&mut self, step: u64) -> Result<StepOutcome, TrainError> {
        // X <- random minibatch
        let batch = self.batches.at(step);
        let x = self.seen(&self.data.train, &batch, self.pixels.fold(step)); // (B, D)
        // eps <- random samples from p(eps) = N(0, I)
        let eps = Tensor::randn([batch.len(), self.latents], self.noise.fold(step)); // (B, L)
        // g <- gradient of the bound's estimate on X and eps, with respect to all parameters
        let losses = self.model.losses(&x, &eps);
        let loss = losses.weighted(self.beta);
        let grads = loss.backward();
        // parameters <- updated by g
        self.adam
            .step(&mut self.model, &grads)
            .map_err(|source| TrainError::Step { step: step + 1, source: source.into() })?;
        let kl = losses.kl.map(|kl| f64::from(kl.item()));
        let metrics = metrics(loss.item().into(), losses.reconstruction.item().into(), kl);
        Ok(StepOutcome { metrics: metrics.with("grad_norm", grad_norm(&grads)), examples: batch.len() })
    }

    fn evaluate(&self) -> Metrics {
        let (model, test) = (self.model.frozen(), &self.data.test);
        let eps = Tensor::randn([test.len(), self.latents], Key::new(EVALUATION_SEED)); // (N, L)
        let (mut reconstruction, mut kl) = (0.0, None);
        for batch in in_order(test.len(), EVALUATION_BATCH) {
            let x = self.held_out(test, &batch);
            let losses = model.losses(&x, &rows(&eps, batch[0] as usize, &x));
            let share = batch.len() as f64 / test.len() as f64; // of the mean over all
            reconstruction += share * f64::from(losses.reconstruction.item());
            if let Some(part) = losses.kl {
                *kl.get_or_insert(0.0) += share * f64::from(part.item());
            }
        }
        let loss = reconstruction + kl.map_or(0.0, |kl| f64::from(self.beta) * kl);
        let metrics = metrics(loss, reconstruction, kl);
        if self.draws == 0 { metrics } else { self.bounds(&model, metrics) }
    }

    /// Decoded codes from the prior N(0, I).
    fn samples(&self, n: usize, seed: u64) -> Tensor {
        let z = self.prior(n, Key::new(seed)); // (N, L)
        let batches = in_order(n, EVALUATION_BATCH);
        let parts: Vec<Tensor> =
            batches.map(|batch| self.decode(&z.narrow(0, batch[0] as usize, batch.len()))).collect();
        Tensor::cat(&parts.iter().collect::<Vec<_>>(), 0) // (N, C, H, W)
    }

    fn pictures(&self) -> Vec<Picture> {
        pictures::all(self)
    }

    fn parameters(&self) -> Vec<Parameter> {
        parameters_of(&self.model)
    }

    fn loss_graph(&self) -> Var {
        let batch: Vec<u32> = self.batches.clone().at(0);
        let eps = Tensor::randn([batch.len(), self.latents], self.noise.fold(0));
        let x = self.seen(&self.data.train, &batch, self.pixels.fold(0));
        self.model.losses(&x, &eps).weighted(self.beta)
    }

    fn save(&self, folder: &Path) -> Result<(), TrainError> {
        save_weights(&self.model, &self.adam, folder)
    }

    fn load(&mut self, folder: &Path) -> Result<(), TrainError> {
        load_weights(&mut self.model, &mut self.adam, folder)
    }
}
