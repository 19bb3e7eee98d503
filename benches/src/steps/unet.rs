//! The U-Net of a diffusion model for grey pictures of 28 × 28, and its step: Ho et al. 2020, Denoising Diffusion Probabilistic Models.
//!
//! Three sizes, 28, 14 and 7, with 1, 2 and 4 times the base's channels; two residual blocks at each on the way down and three on
//! the way up, attention at 7 × 7 and in the middle. Base 32 has 3,939,393 parameters, base 64 15,722,625.

use super::unet_blocks::{Attn, Res, conv3};
use super::{Draw, Step, rule};
use glassbox_autograd::{Gradients, Var};
use glassbox_nn::loss::{Reduction, mse};
use glassbox_nn::optim::Adam;
use glassbox_nn::{Conv2d, GroupNorm, Linear, Module, Name, Slot, SlotMut, TimestepOptions, timestep_embedding};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Conv2dOptions, Ids, Tensor};

const MULTIPLES: [usize; 3] = [1, 2, 4];
/// Residual blocks of each size on the way down; one more on the way up.
const BLOCKS: usize = 2;
/// Steps of the noise, from 10⁻⁴ to 0.02.
const TIMES: usize = 1000;

/// One stage of a way. Its parts are called 0 and 1, as in a list of PyTorch's.
#[derive(Debug)]
enum Stage {
    /// A residual block, perhaps with attention.
    Block(Box<Res>, Option<Box<Attn>>),
    /// A convolution between two sizes.
    Resize(Box<Conv2d>),
}

impl Stage {
    fn block(res: Res, attn: Option<Attn>) -> Self {
        Stage::Block(Box::new(res), attn.map(Box::new))
    }
}

impl Module for Stage {
    fn visit<'a>(&'a self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, Slot<'a>)) {
        match self {
            Stage::Resize(conv) => conv.visit(name.index(0), f),
            Stage::Block(res, attn) => {
                res.visit(name.index(0), f);
                attn.visit(name.index(1), f);
            }
        }
    }

    fn visit_mut<'a>(&'a mut self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, SlotMut<'a>)) {
        match self {
            Stage::Resize(conv) => conv.visit_mut(name.index(0), f),
            Stage::Block(res, attn) => {
                res.visit_mut(name.index(0), f);
                attn.visit_mut(name.index(1), f);
            }
        }
    }
}

/// A residual block and what attention adds to it.
fn through(res: &Res, attn: &Option<Box<Attn>>, x: &Var, e: &Var) -> Var {
    let h = res.forward(x, e);
    match attn {
        Some(attn) => attn.forward(&h),
        None => h,
    }
}

/// eps_theta(x, t): the noise in x, as far as it can be seen.
#[derive(Debug, Module)]
pub struct UNet {
    t1: Linear,
    t2: Linear,
    inp: Conv2d,
    down: Vec<Stage>,
    up: Vec<Stage>,
    m1: Res,
    ma: Attn,
    m2: Res,
    no: GroupNorm,
    out: Conv2d,
    #[module(skip)]
    base: usize,
}

impl UNet {
    /// With PyTorch's default initial weights.
    pub fn build(base: usize, key: Key) -> Self {
        let (time, lowest) = (4 * base, MULTIPLES.len() - 1);
        let mut number = 0;
        let mut fresh = || {
            number += 1;
            key.fold(number)
        };
        let (mut c, mut down, mut up, mut kept) = (base, Vec::new(), Vec::new(), vec![base]);
        for (i, m) in MULTIPLES.iter().enumerate() {
            for _ in 0..BLOCKS {
                let attn = (i == lowest).then(|| Attn::build(base * m, fresh()));
                down.push(Stage::block(Res::build(c, base * m, time, fresh()), attn));
                c = base * m;
                kept.push(c);
            }
            if i < lowest {
                let halve = Conv2dOptions { stride: [2, 2], ..Conv2dOptions::padded(1) };
                down.push(Stage::Resize(Box::new(Conv2d::with(c, c, [3, 3], halve, fresh()))));
                kept.push(c);
            }
        }
        let (m1, ma, m2) = (Res::build(c, c, time, fresh()), Attn::build(c, fresh()), Res::build(c, c, time, fresh()));
        for (i, m) in MULTIPLES.iter().enumerate().rev() {
            for _ in 0..=BLOCKS {
                let attn = (i == lowest).then(|| Attn::build(base * m, fresh()));
                let beside = kept.pop().expect("as many up as down");
                up.push(Stage::block(Res::build(c + beside, base * m, time, fresh()), attn));
                c = base * m;
            }
            if i > 0 {
                up.push(Stage::Resize(Box::new(conv3(c, c, fresh()))));
            }
        }
        Self {
            t1: Linear::new(base, time, fresh()),
            t2: Linear::new(time, time, fresh()),
            inp: conv3(1, base, fresh()),
            down,
            up,
            m1,
            ma,
            m2,
            no: GroupNorm::new(8, c),
            out: conv3(c, 1, fresh()),
            base,
        }
    }

    /// x (B, 1, 28, 28) at the times t (B) -> (B, 1, 28, 28).
    pub fn forward(&self, x: &Var, t: &Tensor) -> Var {
        let waves = TimestepOptions { shift: 0.0, ..TimestepOptions::default() };
        let e = Var::constant(timestep_embedding(t, self.base, waves)); // (B) -> (B, base)
        let e = self.t2.forward(&self.t1.forward(&e).silu()).silu(); // -> (B, 4·base)
        let mut h = self.inp.forward(x);
        let mut kept = vec![h.clone()];
        for stage in &self.down {
            h = match stage {
                Stage::Block(res, attn) => through(res, attn, &h, &e),
                Stage::Resize(halve) => halve.forward(&h),
            };
            kept.push(h.clone());
        }
        h = self.m2.forward(&self.ma.forward(&self.m1.forward(&h, &e)), &e);
        for stage in &self.up {
            h = match stage {
                Stage::Block(res, attn) => {
                    let beside = kept.pop().expect("as many up as down");
                    through(res, attn, &Var::cat(&[&h, &beside], 1), &e)
                }
                Stage::Resize(conv) => {
                    let [rows, cols] = [h.shape()[2], h.shape()[3]];
                    conv.forward(&h.upsample_nearest([2 * rows, 2 * cols]))
                }
            };
        }
        self.out.forward(&self.no.forward(&h).silu())
    }
}

/// The step of [`UNet`]: AdamW with a rate of 2·10⁻⁴, on noise of random strength.
#[derive(Debug, Module)]
pub struct UNetStep {
    #[module(flatten)]
    model: UNet,
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
            model: UNet::build(base, key.fold(0)),
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
        let eps_theta = self.model.forward(&Var::constant(x), &t.to_tensor());
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
