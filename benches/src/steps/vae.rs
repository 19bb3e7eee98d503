//! The VAE of 784-400-20-400-784: Kingma & Welling 2014 on rows of 784 pixels, with Bernoulli pixels and Adam.

use super::{Draw, Step, rule};
use glassbox_autograd::{Gradients, Var};
use glassbox_nn::loss::{Reduction, bce_with_logits, gaussian_kl};
use glassbox_nn::optim::Adam;
use glassbox_nn::{Linear, Module};
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;

/// The numbers of a code.
const CODE: usize = 20;

/// 652,824 parameters, called as in PyTorch's example of a VAE.
#[derive(Debug, Module)]
pub struct Vae {
    fc1: Linear,
    fc21: Linear,
    fc22: Linear,
    fc3: Linear,
    fc4: Linear,
}

impl Vae {
    /// With PyTorch's initial weights.
    pub fn build(key: Key) -> Self {
        Self {
            fc1: Linear::new(784, 400, key.fold(0)),
            fc21: Linear::new(400, CODE, key.fold(1)),
            fc22: Linear::new(400, CODE, key.fold(2)),
            fc3: Linear::new(CODE, 400, key.fold(3)),
            fc4: Linear::new(400, 784, key.fold(4)),
        }
    }

    /// The negative ELBO of all rows together, in nats: −Σ ln p(x | z) + KL(q(z | x) ‖ N(0, 1)) with z = mu + σ·eps.
    pub fn loss(&self, x: &Var, eps: &Var) -> Var {
        let h = self.fc1.forward_relu(x); // (B, 784) -> (B, 400)
        let (mu, logvar) = (self.fc21.forward(&h), self.fc22.forward(&h)); // -> (B, 20) each
        let z = mu.reparameterize(&logvar, eps);
        let logits = self.fc4.forward(&self.fc3.forward_relu(&z)); // (B, 20) -> (B, 400) -> (B, 784)
        let reconstruction = bce_with_logits(&logits, x, Reduction::Sum);
        &reconstruction + &gaussian_kl(&mu, &logvar, Reduction::Sum)
    }
}

/// The step of [`Vae`]: Adam with a rate of 10⁻³.
#[derive(Debug, Module)]
pub struct VaeStep {
    #[module(flatten)]
    model: Vae,
    #[module(skip)]
    adam: Adam,
    #[module(skip)]
    x: Tensor,
    #[module(skip)]
    eps: Draw,
}

impl VaeStep {
    /// On one batch of pixels in [0, 1); eps is drawn anew in each step.
    pub fn build(batch: usize, key: Key) -> Self {
        Self {
            model: Vae::build(key.fold(0)),
            adam: Adam::new(1e-3),
            x: Tensor::rand([batch, 784], key.fold(1)),
            eps: Draw::normal([batch, CODE], key.fold(2)),
        }
    }

    fn forward(&mut self) -> Var {
        self.model.loss(&Var::constant(self.x.clone()), &Var::constant(self.eps.next()))
    }
}

impl Step for VaeStep {
    fn fix(&mut self) {
        rule::fill(&mut self.model);
        self.x = &(&rule::uniform("x", self.x.shape()) * 0.5) + 0.5;
        self.eps = Draw::fixed(rule::noise("eps", [self.x.shape()[0], CODE]));
    }

    fn loss(&mut self) -> f32 {
        self.forward().item()
    }

    fn step_watched(&mut self, watch: &mut dyn FnMut(&Gradients)) -> f32 {
        let loss = self.forward();
        let grads = loss.backward();
        watch(&grads);
        self.adam.step(&mut self.model, &grads).expect("the loss reaches every parameter");
        loss.item()
    }
}
