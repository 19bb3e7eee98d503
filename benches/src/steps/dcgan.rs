//! DCGAN for grey pictures of 32 × 32: Radford et al. 2016, with PyTorch's example as the model less one level.
//!
//! Two products are written as what they are: the generator's first layer meets one pixel, so it is a matrix, and the
//! discriminator's last one sees the whole picture at once, so it is a row of numbers. Their weights keep PyTorch's shapes.

use super::{Draw, Step, rule};
use glassbox_autograd::{Gradients, Var};
use glassbox_nn::loss::{Reduction, bce_with_logits};
use glassbox_nn::optim::{Adam, AdamRule};
use glassbox_nn::{BatchNorm, Context, Conv2d, ConvTranspose2d, Module};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Conv2dOptions, ConvTranspose2dOptions, Tensor};

/// Numbers of a code, and channels of the widest picture.
const CODE: usize = 100;
const WIDTH: usize = 64;

/// z (B, 100) to pictures (B, 1, 32, 32) in (−1, 1).
#[derive(Debug, Module)]
pub struct Generator {
    #[module(name = "0")]
    code: ConvTranspose2d,
    #[module(name = "1")]
    norm4: BatchNorm,
    #[module(name = "3")]
    to8: ConvTranspose2d,
    #[module(name = "4")]
    norm8: BatchNorm,
    #[module(name = "6")]
    to16: ConvTranspose2d,
    #[module(name = "7")]
    norm16: BatchNorm,
    #[module(name = "9")]
    to32: ConvTranspose2d,
}

impl Generator {
    /// With PyTorch's default initial weights.
    pub fn build(key: Key) -> Self {
        let double = ConvTranspose2dOptions { stride: [2, 2], padding: [(1, 1); 2], ..Default::default() };
        let up = |from, to, salt| ConvTranspose2d::with(from, to, [4, 4], double, key.fold(salt)).without_bias();
        Self {
            code: ConvTranspose2d::new(CODE, 4 * WIDTH, [4, 4], key.fold(0)).without_bias(),
            norm4: BatchNorm::new(4 * WIDTH),
            to8: up(4 * WIDTH, 2 * WIDTH, 1),
            norm8: BatchNorm::new(2 * WIDTH),
            to16: up(2 * WIDTH, WIDTH, 2),
            norm16: BatchNorm::new(WIDTH),
            to32: up(WIDTH, 1, 3),
        }
    }

    /// Pictures of the codes z.
    pub fn forward(&self, z: &Var, ctx: &Context) -> Var {
        let code = self.code.weight.var().reshape([CODE, 4 * WIDTH * 16]);
        let h = z.matmul(&code).reshape([z.shape()[0], 4 * WIDTH, 4, 4]); // (B, 100) × (100, 256·4·4)
        let h = self.norm4.forward(&h, ctx).relu();
        let h = self.norm8.forward(&self.to8.forward(&h), ctx).relu(); // -> (B, 128, 8, 8)
        let h = self.norm16.forward(&self.to16.forward(&h), ctx).relu(); // -> (B, 64, 16, 16)
        self.to32.forward(&h).tanh() // -> (B, 1, 32, 32)
    }
}

/// Pictures (B, 1, 32, 32) to logits (B): is this one real?
#[derive(Debug, Module)]
pub struct Discriminator {
    #[module(name = "0")]
    to16: Conv2d,
    #[module(name = "2")]
    to8: Conv2d,
    #[module(name = "3")]
    norm8: BatchNorm,
    #[module(name = "5")]
    to4: Conv2d,
    #[module(name = "6")]
    norm4: BatchNorm,
    #[module(name = "8")]
    answer: Conv2d,
}

impl Discriminator {
    /// With PyTorch's default initial weights.
    pub fn build(key: Key) -> Self {
        let halve = Conv2dOptions { stride: [2, 2], ..Conv2dOptions::padded(1) };
        let down = |from, to, salt| Conv2d::with(from, to, [4, 4], halve, key.fold(salt)).without_bias();
        Self {
            to16: down(1, WIDTH, 0),
            to8: down(WIDTH, 2 * WIDTH, 1),
            norm8: BatchNorm::new(2 * WIDTH),
            to4: down(2 * WIDTH, 4 * WIDTH, 2),
            norm4: BatchNorm::new(4 * WIDTH),
            answer: Conv2d::new(4 * WIDTH, 1, [4, 4], key.fold(3)).without_bias(),
        }
    }

    /// Logits of the pictures x.
    pub fn forward(&self, x: &Var, ctx: &Context) -> Var {
        const SLOPE: f32 = 0.2;
        let batch = x.shape()[0];
        let h = self.to16.forward(x).leaky_relu(SLOPE); // -> (B, 64, 16, 16)
        let h = self.norm8.forward(&self.to8.forward(&h), ctx).leaky_relu(SLOPE); // -> (B, 128, 8, 8)
        let h = self.norm4.forward(&self.to4.forward(&h), ctx).leaky_relu(SLOPE); // -> (B, 256, 4, 4)
        let answer = self.answer.weight.var().reshape([1, 4 * WIDTH * 16]);
        h.reshape([batch, 4 * WIDTH * 16]).linear(&answer, None).reshape([batch]) // (B, 256·4·4) -> (B)
    }
}

/// The step of both, 1,728,128 parameters: Adam with a rate of 2·10⁻⁴ and β₁ = ½ for each.
#[derive(Debug, Module)]
pub struct DcganStep {
    #[module(name = "G")]
    generator: Generator,
    #[module(name = "D")]
    discriminator: Discriminator,
    #[module(skip)]
    adam_g: Adam,
    #[module(skip)]
    adam_d: Adam,
    #[module(skip)]
    x: Tensor,
    #[module(skip)]
    z: Draw,
}

impl DcganStep {
    /// On one batch of pixels in [−1, 1); codes are drawn anew in each step.
    pub fn build(batch: usize, key: Key) -> Self {
        let adam = || Adam::with(AdamRule { lr: 2e-4, betas: (0.5, 0.999), ..AdamRule::default() });
        Self {
            generator: Generator::build(key.fold(0)),
            discriminator: Discriminator::build(key.fold(1)),
            adam_g: adam(),
            adam_d: adam(),
            x: &(&Tensor::rand([batch, 1, 32, 32], key.fold(2)) * 2.0) - 1.0,
            z: Draw::normal([batch, CODE], key.fold(3)),
        }
    }

    /// The mean of −ln p(answer) where all answers should be `target`.
    fn judge(&self, x: &Var, target: f32, ctx: &Context) -> Var {
        let logits = self.discriminator.forward(x, ctx);
        let targets = Var::constant(Tensor::full(logits.shape(), target));
        bce_with_logits(&logits, &targets, Reduction::Mean)
    }
}

impl Step for DcganStep {
    fn fix(&mut self) {
        rule::fill(self);
        self.x = rule::uniform("x", self.x.shape());
        self.z = Draw::fixed(rule::noise("z", [self.x.shape()[0], CODE]));
    }

    fn loss(&mut self) -> f32 {
        let ctx = Context::train(Key::new(0)); // nothing draws: it says that batches are normalised by themselves
        let fake = self.generator.forward(&Var::constant(self.z.next()), &ctx);
        let real = self.judge(&Var::constant(self.x.clone()), 1.0, &ctx);
        real.item() + self.judge(&fake, 0.0, &ctx).item() + self.judge(&fake, 1.0, &ctx).item()
    }

    fn step_watched(&mut self, watch: &mut dyn FnMut(&Gradients)) -> f32 {
        let ctx = Context::train(Key::new(0));
        // The discriminator: real pictures are real, and the generator's aren't.
        let real = self.judge(&Var::constant(self.x.clone()), 1.0, &ctx);
        let mut grads = real.backward();
        let fake = self.generator.forward(&Var::constant(self.z.next()), &ctx);
        let not_real = self.judge(&fake.detach(), 0.0, &ctx);
        grads += not_real.backward();
        watch(&grads);
        self.adam_d.step(&mut self.discriminator, &grads).expect("the loss reaches every parameter");
        // The generator: its pictures should pass. What the discriminator's weights would need for it is not computed.
        let passes = self.judge(&fake, 1.0, &ctx);
        let grads = passes.backward_for(&self.generator.leaf_ids());
        watch(&grads);
        self.adam_g.step(&mut self.generator, &grads).expect("the loss reaches every parameter");
        real.item() + not_real.item() + passes.item()
    }
}
