//! RMSprop.

use super::{Optimizer, Rule};
use glassbox_autograd::ops::rmsprop_step::{RmsPropStep, rmsprop_step};
use glassbox_tensor::Tensor;

/// RMSprop (Tieleman and Hinton 2012, lecture 6.5), centred (Graves 2013, equations 38 to 41) and with momentum if one
/// likes, in PyTorch's form. For each parameter p with gradient g:
///
/// ```text
/// v ← α·v + (1 − α)·g²                 the gradient's running square
/// ḡ ← α·ḡ + (1 − α)·g                  centred: its running mean; else ḡ = 0
/// d = g / (√(v − ḡ²) + ε)
/// b ← μ·b + d                          with momentum; else b = d
/// p ← p − lr·b
/// ```
///
/// ```
/// use glassbox_nn::{Param, optim::RmsProp};
/// use glassbox_tensor::tensor;
///
/// let mut x = Param::new(tensor![100.0]);
/// let mut rmsprop = RmsProp::new(0.01);
/// let loss = x.var().square().sum_all();
/// rmsprop.step(&mut x, &loss.backward())?;
/// assert!((x.value().item() - 99.9).abs() < 1e-4); // lr/√(1 − α), whatever the gradient's size
/// # Ok::<(), glassbox_nn::optim::StepError>(())
/// ```
#[doc(alias = "RMSprop")]
pub type RmsProp = Optimizer<RmsPropRule>;

/// The hyperparameters of [`RmsProp`].
///
/// ```
/// use glassbox_nn::optim::{Optimizer, RmsPropRule};
/// let rmsprop = Optimizer::with(RmsPropRule { lr: 5e-5, ..RmsPropRule::default() }); // the Wasserstein GAN's
/// assert_eq!(rmsprop.alpha, 0.99);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct RmsPropRule {
    /// The learning rate.
    pub lr: f64,
    /// α in [0, 1): how much of the running square, and of the running mean, a step keeps.
    pub alpha: f64,
    /// ε, which bounds the step where the gradient has always been small.
    pub eps: f64,
    /// λ: how weights are drawn towards 0, through the gradient.
    pub weight_decay: f64,
    /// μ in [0, 1): how much of its velocity a parameter keeps. With 0 there is none.
    pub momentum: f64,
    /// Whether the gradient is measured by its deviation from its mean and not by its square.
    pub centered: bool,
}

/// lr = 10⁻², α = 0.99, ε = 10⁻⁸, and nothing else.
impl Default for RmsPropRule {
    fn default() -> Self {
        Self { lr: 1e-2, alpha: 0.99, eps: 1e-8, weight_decay: 0.0, momentum: 0.0, centered: false }
    }
}

impl Rule for RmsPropRule {
    fn state(&self, _: &[usize]) -> &'static [&'static str] {
        match (self.centered, self.momentum != 0.0) {
            (false, false) => &["square_avg"],
            (true, false) => &["square_avg", "grad_avg"],
            (false, true) => &["square_avg", "momentum_buffer"],
            (true, true) => &["square_avg", "grad_avg", "momentum_buffer"],
        }
    }

    fn update(&self, _: u64, p: &mut Tensor, state: &mut [Tensor], g: &Tensor) {
        let Self { lr, alpha, eps, weight_decay, momentum, centered } = *self;
        let [v, rest @ ..] = state else { unreachable!("v is kept") };
        let (mean, b) = if centered { rest.split_at_mut(1) } else { rest.split_at_mut(0) };
        let hyper = RmsPropStep { lr, alpha, eps, weight_decay, momentum, centered };
        rmsprop_step(&hyper, p, v, mean.first_mut(), b.first_mut(), g);
    }
}

impl RmsProp {
    /// RMSprop with α = 0.99 and ε = 10⁻⁸.
    pub fn new(lr: f64) -> Self {
        Self::with(RmsPropRule { lr, ..RmsPropRule::default() })
    }
}
