//! Stochastic gradient descent.

use super::{Optimizer, Rule};
use glassbox_autograd::ops::sgd_step::{SgdStep, sgd_step};
use glassbox_tensor::Tensor;

/// Stochastic gradient descent, with momentum (Polyak 1964) and Nesterov's (Sutskever et al. 2013) if one likes, in
/// PyTorch's form. For each parameter p with gradient g:
///
/// ```text
/// g ← g + λ·p                          weight decay
/// b ← μ·b + (1 − τ)·g                  the velocity; the first is g
/// p ← p − lr·b                         or, Nesterov's: p ← p − lr·(g + μ·b)
/// ```
///
/// ```
/// use glassbox_nn::{Param, optim::Sgd};
/// use glassbox_tensor::tensor;
///
/// let mut x = Param::new(tensor![1.0]);
/// let mut sgd = Sgd::new(0.25);
/// for _ in 0..3 {
///     let loss = x.var().square().sum_all(); // g = 2x, so that each step halves x
///     sgd.step(&mut x, &loss.backward())?;
/// }
/// assert_eq!(x.value().item(), 0.125);
/// # Ok::<(), glassbox_nn::optim::StepError>(())
/// ```
#[doc(alias = "SGD")]
pub type Sgd = Optimizer<SgdRule>;

/// The hyperparameters of [`Sgd`].
///
/// ```
/// use glassbox_nn::optim::{Optimizer, SgdRule};
/// let sgd = Optimizer::with(SgdRule { lr: 0.1, momentum: 0.9, weight_decay: 1e-4, ..SgdRule::default() }); // ResNet's
/// assert!(!sgd.nesterov);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SgdRule {
    /// The learning rate.
    pub lr: f64,
    /// μ in [0, 1): how much of its velocity a parameter keeps. With 0 there is none, and nothing is kept.
    pub momentum: f64,
    /// τ: what part of a gradient doesn't enter the velocity, from the second step on.
    pub dampening: f64,
    /// Whether a step looks ahead to where the velocity leads.
    pub nesterov: bool,
    /// λ: how weights are drawn towards 0, through the gradient.
    pub weight_decay: f64,
}

/// lr = 10⁻³, and nothing else.
impl Default for SgdRule {
    fn default() -> Self {
        Self { lr: 1e-3, momentum: 0.0, dampening: 0.0, nesterov: false, weight_decay: 0.0 }
    }
}

impl Rule for SgdRule {
    fn state(&self, _: &[usize]) -> &'static [&'static str] {
        if self.momentum == 0.0 { &[] } else { &["momentum_buffer"] }
    }

    fn update(&self, t: u64, p: &mut Tensor, state: &mut [Tensor], g: &Tensor) {
        let Self { lr, momentum, dampening, nesterov, weight_decay } = *self;
        sgd_step(&SgdStep { lr, momentum, dampening, nesterov, weight_decay, step: t }, p, state.first_mut(), g);
    }
}

impl Sgd {
    /// Gradient descent without momentum.
    pub fn new(lr: f64) -> Self {
        Self::with(SgdRule { lr, ..SgdRule::default() })
    }

    /// With momentum: 0.9 is usual.
    ///
    /// ```
    /// use glassbox_nn::{Param, optim::Sgd};
    /// use glassbox_tensor::tensor;
    /// let (mut x, mut sgd) = (Param::new(tensor![0.0]), Sgd::momentum(0.5, 0.5));
    /// for _ in 0..3 {
    ///     let grads = x.var().sum_all().backward(); // g = 1
    ///     sgd.step(&mut x, &grads)?; // b = 1, 1.5, 1.75
    /// }
    /// assert_eq!(x.value().item(), -0.5 * (1.0 + 1.5 + 1.75));
    /// # Ok::<(), glassbox_nn::optim::StepError>(())
    /// ```
    pub fn momentum(lr: f64, momentum: f64) -> Self {
        Self::with(SgdRule { lr, momentum, ..SgdRule::default() })
    }

    /// With Nesterov's momentum.
    ///
    /// ```
    /// use glassbox_nn::{Param, optim::Sgd};
    /// use glassbox_tensor::tensor;
    /// let (mut x, mut sgd) = (Param::new(tensor![0.0]), Sgd::nesterov(0.5, 0.5));
    /// let grads = x.var().sum_all().backward(); // g = 1
    /// sgd.step(&mut x, &grads)?; // b = 1
    /// assert_eq!(x.value().item(), -0.5 * (1.0 + 0.5 * 1.0));
    /// # Ok::<(), glassbox_nn::optim::StepError>(())
    /// ```
    pub fn nesterov(lr: f64, momentum: f64) -> Self {
        Self::with(SgdRule { lr, momentum, nesterov: true, ..SgdRule::default() })
    }
}
