//! The U-Net of a diffusion model for grey pictures of 28 × 28, and its step: Ho et al. 2020, Denoising Diffusion Probabilistic Models.
//!
//! Three sizes, 28, 14 and 7, with 1, 2 and 4 times the base's channels; two residual blocks at each on the way down and three on
//! the way up, attention at 7 × 7 and in the middle. Base 32 has 3,939,393 parameters, base 64 15,722,625.

use super::{Draw, Step, rule};
use glassbox_autograd::{Gradients, Var};
use glassbox_nn::loss::{Reduction, mse};
use glassbox_nn::optim::Adam;
use glassbox_nn::{Context, Module};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Ids, Tensor};
use glassbox_unet_diffusion::unet::{UNet2d, UNet2dConfig};
use glassbox_unet_diffusion::{Betas, Level, Schedule, noised_each};

/// Steps of the noise, from 10⁻⁴ to 0.02.
const TIMES: usize = 1000;

/// The step of a [`UNet2d`]: AdamW with a rate of 2·10⁻⁴, on noise of random strength.
#[derive(Debug, Module)]
pub struct UNetStep {
    #[module(flatten)]
    model: UNet2d,
    #[module(skip)]
    adamw: Adam,
    #[module(skip)]
    schedule: Schedule,
    #[module(skip)]
    x0: Tensor,
    #[module(skip)]
    eps: Draw,
    /// The times of all steps, if they are fixed.
    #[module(skip)]
    t: Option<Ids>,
}

impl UNetStep {
    /// On one batch of pixels in [−1, 1); times and noise are drawn anew in each step.
    pub fn build(base: usize, batch: usize, key: Key) -> Self {
        Self {
            model: UNet2d::new(UNet2dConfig::grey(base), key.fold(0)),
            adamw: Adam::adamw(2e-4),
            schedule: Schedule::of(Betas::DDPM.values(TIMES)),
            x0: &(&Tensor::rand([batch, 1, 28, 28], key.fold(1)) * 2.0) - 1.0,
            eps: Draw::normal([batch, 1, 28, 28], key.fold(2)),
            t: None,
        }
    }

    /// ‖eps − eps_theta(√ᾱ·x₀ + √(1 − ᾱ)·eps, t)‖², the mean of all pixels.
    fn forward(&mut self) -> Var {
        let batch = self.x0.shape()[0];
        let times = self.eps.key().fold(1);
        let t = self.t.clone().unwrap_or_else(|| Ids::randint(TIMES as u32, [batch], times));
        let eps = self.eps.next();
        let levels: Vec<Level> = t.as_slice().iter().map(|&t| self.schedule.level(t as usize)).collect();
        let x = noised_each(&levels, &self.x0, &eps);
        let eps_theta = self.model.forward(&Var::constant(x), &t.to_tensor(), None, &Context::eval());
        mse(&eps_theta, &Var::constant(eps), Reduction::Mean)
    }
}

impl Step for UNetStep {
    fn fix(&mut self) {
        rule::fill(&mut self.model);
        let shape = self.x0.shape().to_vec();
        self.x0 = rule::uniform("x0", &shape);
        self.eps = Draw::fixed(rule::noise("eps", &shape));
        self.t = Some(rule::ids("t", TIMES as u32, [shape[0]]));
    }

    fn loss(&mut self) -> f32 {
        self.forward().item()
    }

    fn step_watched(&mut self, watch: &mut dyn FnMut(&Gradients)) -> f32 {
        let loss = self.forward();
        let grads = loss.backward();
        watch(&grads);
        self.adamw.step(&mut self.model, &grads).expect("the loss reaches every parameter");
        loss.item()
    }
}
