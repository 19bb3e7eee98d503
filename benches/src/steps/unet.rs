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
use glassbox_unet_diffusion::unet::{DownBlockType as Down, UNet2d, UNet2dConfig, UpBlockType as Up};

/// Steps of the noise, from 10⁻⁴ to 0.02.
const TIMES: usize = 1000;

/// The network of that base: single heads, 8 groups, sines before cosines.
fn network(base: usize) -> UNet2dConfig {
    UNet2dConfig {
        in_channels: 1,
        out_channels: 1,
        flip_sin_to_cos: false,
        block_out_channels: vec![base, 2 * base, 4 * base],
        down_block_types: vec![Down::DownBlock2D, Down::DownBlock2D, Down::AttnDownBlock2D],
        up_block_types: vec![Up::AttnUpBlock2D, Up::UpBlock2D, Up::UpBlock2D],
        attention_head_dim: None,
        norm_num_groups: Some(8),
        ..Default::default()
    }
}

/// The step of a [`UNet2d`]: AdamW with a rate of 2·10⁻⁴, on noise of random strength.
#[derive(Debug, Module)]
pub struct UNetStep {
    #[module(flatten)]
    model: UNet2d,
    #[module(skip)]
    adamw: Adam,
    /// ᾱ of each time.
    #[module(skip)]
    alpha_bar: Vec<f32>,
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
        let beta = |t: usize| 1e-4 + (0.02 - 1e-4) * t as f64 / (TIMES - 1) as f64;
        let alpha_bar = (0..TIMES).scan(1.0, |product, t| {
            *product *= 1.0 - beta(t);
            Some(*product as f32)
        });
        Self {
            model: UNet2d::new(network(base), key.fold(0)),
            adamw: Adam::adamw(2e-4),
            alpha_bar: alpha_bar.collect(),
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
        let of_each = |f: fn(f32) -> f32| {
            let values = t.as_slice().iter().map(|&t| f(self.alpha_bar[t as usize])).collect();
            Tensor::from_vec(values, [batch, 1, 1, 1])
        };
        let x = &(&of_each(f32::sqrt) * &self.x0) + &(&of_each(|a| (1.0 - a).sqrt()) * &eps);
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
