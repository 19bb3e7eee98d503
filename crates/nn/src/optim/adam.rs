//! Adam and AdamW.

use super::{Optimizer, Rule};
use glassbox_autograd::Cost;
use glassbox_autograd::ops::adam_step::{AdamStep, INFO, adam_step};
use glassbox_tensor::Tensor;

/// Adam (Kingma and Ba 2015, algorithm 1), and AdamW (Loshchilov and Hutter 2019, algorithm 2) by its
/// [`weight_decay`](AdamRule::weight_decay). For each parameter p with gradient g, at its step t = 1, 2, …:
///
/// ```text
/// m ← β₁·m + (1 − β₁)·g                the gradient's running mean
/// v ← β₂·v + (1 − β₂)·g²               and its running square
/// m̂ = m / (1 − β₁ᵗ),  v̂ = v / (1 − β₂ᵗ)    as if they had not begun at 0
/// p ← p − lr · m̂ / (√v̂ + ε)
/// ```
///
/// The defaults are PyTorch's. The fields can change between steps, as a schedule changes `lr`.
///
/// ```
/// use glassbox_nn::{Param, optim::Adam};
/// use glassbox_tensor::tensor;
///
/// let mut x = Param::new(tensor![5.0]);
/// let mut adam = Adam::new(0.1);
/// for _ in 0..200 {
///     let loss = x.var().square().sum_all();
///     adam.step(&mut x, &loss.backward())?;
/// }
/// assert!(x.value().item().abs() < 0.01);
/// # Ok::<(), glassbox_nn::optim::StepError>(())
/// ```
pub type Adam = Optimizer<AdamRule>;

/// The hyperparameters of [`Adam`].
///
/// ```
/// use glassbox_nn::optim::{AdamRule, Optimizer};
/// let adam = Optimizer::with(AdamRule { lr: 2e-4, betas: (0.5, 0.999), ..AdamRule::default() }); // DCGAN's
/// assert_eq!(adam.eps, 1e-8);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct AdamRule {
    /// The learning rate: about how far a parameter moves in one step.
    pub lr: f64,
    /// (β₁, β₂) in [0, 1): how much of the running mean and the running square a step keeps.
    pub betas: (f64, f64),
    /// ε, which bounds the step where the gradient has always been small.
    pub eps: f64,
    /// How weights are drawn towards 0.
    pub weight_decay: WeightDecay,
}

/// How weights are drawn towards 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum WeightDecay {
    /// λ, Adam's: g ← g + λ·p, before anything else. Where the gradient is large, little of it is left.
    L2(f64),
    /// λ, AdamW's: p ← p − lr·λ·p, apart from the gradient.
    Decoupled(f64),
}

/// lr = 10⁻³, β = (0.9, 0.999), ε = 10⁻⁸ and no weight decay.
impl Default for AdamRule {
    fn default() -> Self {
        Self { lr: 1e-3, betas: (0.9, 0.999), eps: 1e-8, weight_decay: WeightDecay::L2(0.0) }
    }
}

impl Rule for AdamRule {
    fn state(&self, _: &[usize]) -> &'static [&'static str] {
        &["exp_avg", "exp_avg_sq"]
    }

    fn update(&self, t: u64, p: &mut Tensor, state: &mut [Tensor], g: &Tensor) {
        let [m, v] = state else { unreachable!("m and v are kept") };
        let Self { lr, betas: (beta1, beta2), eps, weight_decay } = *self;
        let (l2, weight_decay) = match weight_decay {
            WeightDecay::L2(l2) => (l2, 0.0),
            WeightDecay::Decoupled(weight_decay) => (0.0, weight_decay),
        };
        adam_step(&AdamStep { lr, beta1, beta2, eps, weight_decay, l2, step: t }, p, m, v, g);
    }

    fn cost(&self, shape: &[usize]) -> Cost {
        let (beta1, beta2) = self.betas;
        let step = AdamStep { lr: self.lr, beta1, beta2, eps: self.eps, weight_decay: 0.0, l2: 0.0, step: 1 };
        (INFO.cost)(&step, &[shape; 4])
    }
}

impl Adam {
    /// Adam with β = (0.9, 0.999), ε = 10⁻⁸ and no weight decay.
    pub fn new(lr: f64) -> Self {
        Self::with(AdamRule { lr, ..AdamRule::default() })
    }

    /// AdamW: as [`new`](Adam::new), with a decoupled weight decay of 0.01.
    ///
    /// ```
    /// use glassbox_nn::optim::{Adam, WeightDecay};
    /// assert_eq!(Adam::adamw(1e-3).weight_decay, WeightDecay::Decoupled(0.01));
    /// ```
    #[doc(alias = "AdamW")]
    pub fn adamw(lr: f64) -> Self {
        Self::with(AdamRule { lr, weight_decay: WeightDecay::Decoupled(0.01), ..AdamRule::default() })
    }
}
