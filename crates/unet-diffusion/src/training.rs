//! Training on points of the plane whose distribution is known: one step, and the promises of [`Experiment`] around it.

use crate::edm::karras_sigmas;
use crate::flow::{carry_with_divergence, divergence, gaussian_log_density};
use crate::grid::{End, Spacing};
use crate::level::{Level, column, noised_each};
use crate::loss::{min_snr_weight, weighted_loss};
use crate::mlp::Mlp;
use crate::samplers::{Ddim, Ddpm, DpmSolver, Euler, Heun, Sampler, Trajectory, UniPc, Variance};
use crate::scatter::{cloud, scatter_svg};
use crate::schedule::{Betas, Schedule};
use crate::target::Target;
use crate::truth::{Mixture, Toy};
use glassbox_autograd::Var;
use glassbox_measure::sliced_wasserstein;
use glassbox_nn::optim::{Adam, Schedule as Rate, clip_grad_norm};
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use glassbox_train::{
    Drawing, Experiment, Metrics, Parameter, RunConfig, StepOutcome, TrainError, load_weights, parameters_of,
    save_weights,
};
use std::path::Path;

/// T, the timesteps of the schedule.
const TIMESTEPS: usize = 1000;

/// The noise of the evaluation, the same for every model of every run.
const EVALUATION_SEED: u64 = 12345;

/// Points whose loss is taken, whose likelihood is, and of each cloud that is drawn or compared.
const LOSS_POINTS: usize = 2000;
const LIKELIHOOD_POINTS: usize = 250;
const CLOUD_POINTS: usize = 2000;

/// Steps of Runge and Kutta's method along the flow for a likelihood: with 64, the known score gives the known likelihood of a ring to 0.001.
const FLOW_STEPS: usize = 64;

/// Random directions of the sliced distance.
const DIRECTIONS: usize = 256;

/// All toys lie within this: an x0 beyond it is an error of the model's, which a small alpha has made large.
const FARTHEST: f64 = 4.0;

/// An [`Mlp`] that learns a [`Toy`].
#[derive(Debug)]
pub struct PlanarTraining {
    /// The network.
    pub model: Mlp,
    /// What it learns.
    pub truth: Mixture,
    schedule: Schedule,
    target: Target,
    min_snr: bool,
    sampler: &'static str,
    sample_steps: usize,
    adam: Adam,
    rate: Rate,
    clip: f64,
    batch: usize,
    points: Key,
    noise: Key,
}

impl PlanarTraining {
    /// An untrained network for this configuration. Initial values, points and noise are independent streams of the seed.
    pub fn new(config: &RunConfig) -> PlanarTraining {
        let key = Key::new(config.seed);
        let count = |name| config.count(name) as usize;
        PlanarTraining {
            model: Mlp::new(2, count("width"), count("layers"), key.fold(0)),
            truth: Toy::named(config.word("shape")).expect("the setting's words are the toys'").mixture(),
            schedule: Schedule::new(
                if config.word("betas") == "cosine" { Betas::Cosine } else { Betas::DDPM },
                TIMESTEPS,
            ),
            target: match config.word("target") {
                "epsilon" => Target::Epsilon,
                "x0" => Target::X0,
                _ => Target::V,
            },
            min_snr: config.word("weights") == "min-snr",
            sampler: config.word("sampler"),
            sample_steps: count("sample_steps"),
            adam: Adam::new(config.real("lr")),
            rate: Rate::cosine(config.real("lr"), config.horizon()),
            clip: config.real("clip"),
            batch: count("batch"),
            points: key.fold(1),
            noise: key.fold(2),
        }
    }

    /// The loss of these points x0 (B, 2), with the noise eps, at these timesteps: algorithm 1 of Ho et al. 2020 up to the gradient.
    fn loss(&self, model: &Mlp, x0: &Tensor, eps: &Tensor, timesteps: &[usize]) -> Var {
        let levels: Vec<Level> = timesteps.iter().map(|&t| self.schedule.level(t)).collect();
        let x = noised_each(&levels, x0, eps);
        let answer = model.forward(&Var::constant(x), &column(levels.iter().map(|level| level.t), 1));
        let weight = |level: &Level| if self.min_snr { min_snr_weight(self.target, level, 5.0) } else { 1.0 };
        let weights: Vec<f64> = levels.iter().map(weight).collect();
        weighted_loss(&answer, &self.target.of_each(&levels, x0, eps), &weights)
    }

    /// The loss of a step's batch, drawn from (seed, step).
    fn loss_at(&self, step: u64) -> Var {
        let (points, noise) = (self.points.fold(step), self.noise.fold(step));
        let x0 = tensor(&self.truth.draw(self.batch, points)); // x0 ~ q(x0)
        let t: Vec<usize> = (0..self.batch as u64).map(|i| noise.fold(0).below(i, TIMESTEPS as u32) as usize).collect(); // t ~ Uniform
        let eps = Tensor::randn([self.batch, 2], noise.fold(1)); // eps ~ N(0, I)
        self.loss(&self.model, &x0, &eps, &t)
    }

    /// n points (n, 2) from noise, by the sampler of the configuration; `each` sees them at the beginning and after every step, in units in
    /// which their width stays 1.
    pub fn draw(&self, n: usize, key: Key, each: &mut dyn FnMut(&Tensor)) -> Tensor {
        let steps = self.sample_steps;
        let of = |timesteps: &[f64]| self.schedule.grid(timesteps, End::Clean);
        let single = || of(&Spacing::Trailing.timesteps(TIMESTEPS, steps));
        let multistep = || of(&Spacing::Linspace.multistep(TIMESTEPS, steps));
        let karras = || {
            // A tangent is followed for as long as the step is: the last step of a cosine, from 20,000 to 5, would be too far
            let (min, max) = (self.schedule.level(0).ratio(), self.schedule.level(TIMESTEPS - 1).ratio());
            self.schedule.grid_of_sigmas(&karras_sigmas(steps, min, max.min(80.0), 7.0))
        };
        match self.sampler {
            "ddpm" => self.walk(&Ddpm { variance: Variance::FixedSmall }, &single(), n, key, each),
            "ddim" => self.walk(&Ddim { eta: 0.0 }, &single(), n, key, each),
            "euler" => self.walk(&Euler, &karras(), n, key, each),
            "heun" => self.walk(&Heun, &karras(), n, key, each),
            "uni-pc" => self.walk(&UniPc::default(), &multistep(), n, key, each),
            _ => self.walk(&DpmSolver::default(), &multistep(), n, key, each),
        }
    }

    fn walk(
        &self,
        sampler: &impl Sampler,
        grid: &[Level],
        n: usize,
        key: Key,
        each: &mut dyn FnMut(&Tensor),
    ) -> Tensor {
        let model = self.model.frozen();
        let mut seen = self.target.seen_by(|x: &Tensor, t| {
            model.forward(&Var::constant(x.clone()), &Tensor::full([n], t as f32)).value().clone()
        });
        let mut clipped = |x: &Tensor, level: &Level| seen(x, level).clipped(FARTHEST);
        let mut noise = |step: usize| Tensor::randn([n, 2], key.fold(1 + step as u64));
        let scale = |level: &Level| level.as_preserving().1 as f32; // to width 1
        let mut at = Trajectory::new(&Tensor::randn([n, 2], key.fold(0)) * (1.0 / scale(&grid[0])));
        each(&(&at.x * scale(&grid[0])));
        while at.step + 1 < grid.len() {
            at = sampler.step(grid, at, &mut clipped, &mut noise);
            each(&(&at.x * scale(&grid[at.step])));
        }
        at.x
    }

    /// The nats of points y (N, 2), −ln p(y) by the probability flow, at the least noise of the schedule, in units where alpha = 1.
    pub fn nats(&self, y: &Tensor) -> Vec<f64> {
        let (model, n) = (self.model.frozen(), y.shape()[0]);
        let (min, max) = (self.schedule.level(0).ratio(), self.schedule.level(TIMESTEPS - 1).ratio());
        let sigmas: Vec<f64> = (0..=FLOW_STEPS).map(|i| min * (max / min).powf(i as f64 / FLOW_STEPS as f64)).collect();
        let (noise, integral) = carry_with_divergence(y.clone(), &sigmas, &mut |y: &Tensor, rho| {
            let t = self.schedule.time_of(rho);
            divergence(y, |y| {
                let answer = |x: &Var, t: f64| model.forward(x, &Tensor::full([n], t as f32));
                self.target.seen_by(answer)(y, &Level::exploding(t, rho)).eps
            })
        });
        let noise: Vec<f64> = noise.to_vec().into_iter().map(f64::from).collect();
        let end = gaussian_log_density(&noise, 2, max.hypot(1.0)); // toys have width 1
        end.iter().zip(&integral).map(|(end, integral)| -end - integral).collect()
    }

    /// Draws of the truth.
    fn true_points(&self, n: usize, key: Key) -> Tensor {
        tensor(&self.truth.draw(n, key))
    }
}

/// Points (N, 2).
fn tensor(points: &[f64]) -> Tensor {
    Tensor::from_vec(points.iter().map(|&x| x as f32).collect(), [points.len() / 2, 2])
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

impl Experiment for PlanarTraining {
    /// Denoising Diffusion Probabilistic Models, algorithm 1 of Ho et al. 2020, with Adam for the update.
    fn train_step(&mut self, step: u64) -> Result<StepOutcome, TrainError> {
        // x0 ~ q(x0), t ~ Uniform, eps ~ N(0, I); g <- gradient of the loss
        let loss = self.loss_at(step);
        let mut grads = loss.backward();
        let norm = clip_grad_norm(&mut grads, self.clip);
        // parameters <- updated by g, at the rate of this step
        self.adam.lr = self.rate.lr(step);
        self.adam
            .step(&mut self.model, &grads)
            .map_err(|source| TrainError::Step { step: step + 1, source: source.into() })?;
        let metrics =
            Metrics::new().with("loss", loss.item().into()).with("lr", self.adam.lr).with("grad_norm", norm.into());
        Ok(StepOutcome { metrics, examples: self.batch })
    }

    /// The loss of new points at timesteps spread evenly; how far a cloud of samples is from one of the truth, and how far two of the truth
    /// are from each other; the nats of new points, and what the truth says that they are.
    fn evaluate(&self) -> Metrics {
        let key = Key::new(EVALUATION_SEED);
        let timesteps: Vec<usize> = (0..LOSS_POINTS).map(|i| i * TIMESTEPS / LOSS_POINTS).collect();
        let (x0, eps) = (self.true_points(LOSS_POINTS, key.fold(0)), Tensor::randn([LOSS_POINTS, 2], key.fold(1)));
        let loss = self.loss(&self.model.frozen(), &x0, &eps, &timesteps).item();

        let [cloud, other] = [2, 3].map(|i| self.true_points(CLOUD_POINTS, key.fold(i)));
        let drawn = self.draw(CLOUD_POINTS, key.fold(4), &mut |_| ());
        let far = |points: &Tensor| sliced_wasserstein(points, &cloud, DIRECTIONS, key.fold(5));

        let least = self.schedule.level(0).as_exploding();
        let eps = Tensor::randn([LIKELIHOOD_POINTS, 2], key.fold(7));
        let y = least.noised(&self.true_points(LIKELIHOOD_POINTS, key.fold(6)), &eps);
        let known: Vec<f64> = y.to_vec().into_iter().map(f64::from).collect();
        Metrics::new()
            .with("loss", loss.into())
            .with("sliced_wasserstein", far(&drawn))
            .with("sliced_wasserstein_of_truth", far(&other))
            .with("nats", mean(&self.nats(&y)))
            .with("nats_of_truth", -mean(&self.truth.log_density(&known, &least)))
    }

    /// n clouds along the way from noise to the picture, the last of which is what was drawn, (n, 1, 64, 64). They are closer to each
    /// other towards the end: most of the way nothing is to be seen.
    fn samples(&self, n: usize, seed: u64) -> Tensor {
        let (steps, ways) = (self.sample_steps, n.max(2) - 1);
        let shown: Vec<usize> =
            (0..n).map(|i| n - 1 - i).map(|left| steps - steps * left * left / (ways * ways)).collect();
        let stages = steps + 1;
        let mut clouds = Vec::with_capacity(stages);
        self.draw(CLOUD_POINTS, Key::new(seed), &mut |x| clouds.push(cloud(x)));
        let pictures: Vec<&Tensor> = shown.iter().map(|&stage| &clouds[stage]).collect();
        Tensor::cat(&pictures, 0)
    }

    fn makes_pictures(&self) -> bool {
        false // of clouds: no judge has seen such
    }

    fn drawings(&self) -> Vec<Drawing> {
        let n = CLOUD_POINTS / 2;
        let [truth, drawn] = [self.true_points(n, Key::new(0)), self.draw(n, Key::new(1), &mut |_| ())];
        vec![Drawing {
            name: "points",
            caption: format!(
                "{n} points of the truth, and {n} that the model drew by {} in {} steps.",
                self.sampler, self.sample_steps
            ),
            svg: scatter_svg(&[("the truth", &truth), ("the model", &drawn)]),
        }]
    }

    fn parameters(&self) -> Vec<Parameter> {
        parameters_of(&self.model)
    }

    fn loss_graph(&self) -> Var {
        self.loss_at(0)
    }

    fn save(&self, folder: &Path) -> Result<(), TrainError> {
        save_weights(&self.model, &self.adam, folder)
    }

    fn load(&mut self, folder: &Path) -> Result<(), TrainError> {
        load_weights(&mut self.model, &mut self.adam, folder)
    }
}
