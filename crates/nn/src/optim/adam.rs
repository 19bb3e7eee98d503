//! Adam and AdamW.

use super::error::StepError;
use crate::module::{Module, Slot, SlotMut};
use crate::name::{Name, is_under};
use glassbox_autograd::ops::adam_step::{AdamStep, adam_step};
use glassbox_autograd::{Gradients, LeafId};
use glassbox_tensor::Tensor;
use std::collections::HashMap;

/// Adam (Kingma and Ba 2015, algorithm 1), and AdamW (Loshchilov and Hutter 2019, algorithm 2) by its
/// [`weight_decay`](Adam::weight_decay). For each parameter p with gradient g, at its step t = 1, 2, …:
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
/// A step is one fused pass over each parameter, in place: it copies nothing, provided that no graph of the loss is
/// alive, as after `backward`.
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
#[derive(Debug, Clone)]
pub struct Adam {
    /// The learning rate: about how far a parameter moves in one step.
    pub lr: f64,
    /// (β₁, β₂) in [0, 1): how much of the running mean and the running square a step keeps.
    pub betas: (f64, f64),
    /// ε, which bounds the step where the gradient has always been small.
    pub eps: f64,
    /// How weights are drawn towards 0.
    pub weight_decay: WeightDecay,
    /// Dotted paths of parameters, or of modules, which the loss need not reach.
    allowed: Vec<String>,
    pub(super) moments: HashMap<LeafId, Moments>,
}

/// How weights are drawn towards 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum WeightDecay {
    /// λ, Adam's: g ← g + λ·p, before anything else. Where the gradient is large, little of it is left.
    L2(f64),
    /// λ, AdamW's: p ← p − lr·λ·p, apart from the gradient.
    Decoupled(f64),
}

/// What Adam keeps for a parameter.
#[derive(Debug, Clone)]
pub(super) struct Moments {
    /// How many steps this parameter has taken; it stays behind when a loss doesn't reach it.
    pub t: u64,
    pub m: Tensor,
    pub v: Tensor,
}

impl Adam {
    /// Adam with β = (0.9, 0.999), ε = 10⁻⁸ and no weight decay.
    pub fn new(lr: f64) -> Self {
        let weight_decay = WeightDecay::L2(0.0);
        Self { lr, betas: (0.9, 0.999), eps: 1e-8, weight_decay, allowed: Vec::new(), moments: HashMap::new() }
    }

    /// AdamW: as [`new`](Adam::new), with a decoupled weight decay of 0.01.
    #[doc(alias = "AdamW")]
    pub fn adamw(lr: f64) -> Self {
        Self { weight_decay: WeightDecay::Decoupled(0.01), ..Self::new(lr) }
    }

    /// Allows that a loss doesn't reach the parameter of this dotted path, or any that lies under it: `decoder` stands
    /// for `decoder.fc1.weight` too. In such a step it stays as it is, and so do its moments.
    pub fn allow_unreached(mut self, path: impl Into<String>) -> Self {
        self.allowed.push(path.into());
        self
    }

    /// Takes one step with every parameter of the model that isn't frozen.
    ///
    /// # Errors
    /// If `grads` lacks one of them which isn't [allowed](Adam::allow_unreached) to be unreached. All such parameters
    /// are named, and nothing has changed.
    pub fn step(&mut self, model: &mut (impl Module + ?Sized), grads: &Gradients) -> Result<(), StepError> {
        self.check_reached(model, grads)?;
        let Self { lr, betas: (beta1, beta2), eps, weight_decay, ref mut moments, .. } = *self;
        let (l2, weight_decay) = match weight_decay {
            WeightDecay::L2(l2) => (l2, 0.0),
            WeightDecay::Decoupled(weight_decay) => (0.0, weight_decay),
        };
        model.visit_mut(Name::root(), &mut |_, slot| {
            let SlotMut::Param(param) = slot else { return };
            let Some(g) = grads.get(param.id()).filter(|_| !param.is_frozen()) else { return };
            let Moments { t, m, v } = moments.entry(param.id()).or_insert_with(|| Moments::new(param.value().shape()));
            *t += 1;
            let hyper = AdamStep { lr, beta1, beta2, eps, weight_decay, l2, step: *t };
            adam_step(&hyper, param.value_mut(), m, v, g);
        });
        Ok(())
    }

    fn check_reached(&self, model: &(impl Module + ?Sized), grads: &Gradients) -> Result<(), StepError> {
        let mut names = Vec::new();
        model.visit(Name::root(), &mut |name, slot| {
            let Slot::Param(param) = slot else { return };
            if param.is_frozen() || grads.get(param.id()).is_some() {
                return;
            }
            let name = name.to_string();
            if !self.allowed.iter().any(|path| is_under(&name, path)) {
                names.push(name);
            }
        });
        if names.is_empty() { Ok(()) } else { Err(StepError::Unreached { names }) }
    }
}

impl Moments {
    fn new(shape: &[usize]) -> Self {
        Self { t: 0, m: Tensor::zeros(shape), v: Tensor::zeros(shape) }
    }
}
