//! Lion.

use super::{Optimizer, Rule};
use glassbox_autograd::ops::lion_step::{LionStep, lion_step};
use glassbox_tensor::Tensor;

/// Lion, "evolved sign momentum" (Chen et al. 2023, Symbolic Discovery of Optimization Algorithms, algorithm 2). For
/// each parameter p with gradient g:
///
/// ```text
/// c ← β₁·m + (1 − β₁)·g
/// p ← p − lr·(sign(c) + λ·p)           every weight moves by lr
/// m ← β₂·m + (1 − β₂)·g
/// ```
///
/// It keeps one number for each weight, where Adam keeps two. The authors use a learning rate 3 to 10 times smaller
/// than AdamW's, and a weight decay as many times larger.
///
/// ```
/// use glassbox_nn::{Param, optim::Lion};
/// use glassbox_tensor::tensor;
///
/// let mut x = Param::new(tensor![5.0, -0.001]);
/// let mut lion = Lion::new(0.25);
/// let loss = x.var().square().sum_all();
/// lion.step(&mut x, &loss.backward())?;
/// assert_eq!(x.value(), &tensor![4.75, 0.249]);
/// # Ok::<(), glassbox_nn::optim::StepError>(())
/// ```
pub type Lion = Optimizer<LionRule>;

/// The hyperparameters of [`Lion`].
///
/// ```
/// use glassbox_nn::optim::{LionRule, Optimizer};
/// let lion = Optimizer::with(LionRule { lr: 1e-4, weight_decay: 0.1, ..LionRule::default() });
/// assert_eq!(lion.betas, (0.9, 0.99));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LionRule {
    /// The learning rate: how far every weight moves in one step.
    pub lr: f64,
    /// (β₁, β₂) in [0, 1): how much of the momentum decides the direction, and how much of it a step keeps.
    pub betas: (f64, f64),
    /// λ, decoupled: p ← p − lr·λ·p.
    pub weight_decay: f64,
}

/// lr = 10⁻⁴, β = (0.9, 0.99) and no weight decay.
impl Default for LionRule {
    fn default() -> Self {
        Self { lr: 1e-4, betas: (0.9, 0.99), weight_decay: 0.0 }
    }
}

impl Rule for LionRule {
    fn state(&self, _: &[usize]) -> &'static [&'static str] {
        &["exp_avg"]
    }

    fn update(&self, _: u64, p: &mut Tensor, state: &mut [Tensor], g: &Tensor) {
        let [m] = state else { unreachable!("m is kept") };
        let Self { lr, betas: (beta1, beta2), weight_decay } = *self;
        lion_step(&LionStep { lr, beta1, beta2, weight_decay }, p, m, g);
    }
}

impl Lion {
    /// Lion with β = (0.9, 0.99) and no weight decay.
    pub fn new(lr: f64) -> Self {
        Self::with(LionRule { lr, ..LionRule::default() })
    }
}
