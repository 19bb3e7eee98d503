//! LoRA: a trained matrix stays as it is, and what it has to learn besides is a product of two thin ones.
//!
//! ```text
//! y = x·Wᵀ + b + (α/r)·(x·Aᵀ)·Bᵀ        W (out, in) frozen, A (r, in), B (out, r)
//! W ← W + (α/r)·B·A                      afterwards, so that nothing is left of it but other weights
//! ```
//!
//! What changes a trained model for a new task has a low rank (Hu et al. 2021, LoRA: Low-Rank Adaptation of Large Language Models), and
//! r·(in + out) numbers take its place instead of in·out. A begins as noise and B as 0, so that at first nothing is different.

use glassbox_autograd::Var;
use glassbox_nn::{Linear, Module, Param, init};
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;

/// What is learned beside the matrices of a trained model, which stay as they are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoraSizes {
    /// r: the rank.
    pub rank: usize,
    /// α: what is learned is scaled by α/r.
    pub alpha: f32,
    /// Whether the feed-forward parts learn too, and not only attention.
    pub feed_forward: bool,
}

/// What is learned besides one matrix: `c_attn.lora.A` and `c_attn.lora.B` beside `c_attn.weight`.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::{Linear, Module};
/// use glassbox_tensor::{Tensor, random::Key};
/// use glassbox_transformer::Lora;
/// let linear = Linear::without_bias(64, 48, Key::new(0));
/// let lora = Lora::new(&linear, 4, 8.0, Key::new(1));
/// assert_eq!(lora.num_parameters(), 4 * (64 + 48)); // of 64 · 48
/// let y = lora.forward(&Var::constant(Tensor::ones([2, 64]))); // (2, 64) -> (2, 48)
/// assert_eq!(y.value(), &Tensor::zeros([2, 48])); // before it has learned anything
/// ```
#[derive(Debug, Clone, Module)]
pub struct Lora {
    /// A (r, in).
    #[module(name = "A")]
    pub a: Param,
    /// B (out, r).
    #[module(name = "B")]
    pub b: Param,
    /// α/r.
    #[module(skip)]
    scale: f32,
}

impl Lora {
    /// Of this rank, for a layer. A is drawn from N(0, 1/in), B is 0.
    ///
    /// # Panics
    /// If the rank is 0.
    #[track_caller]
    pub fn new(linear: &Linear, rank: usize, alpha: f32, key: Key) -> Lora {
        assert!(rank > 0, "Lora::new: rank is 0, and nothing could be learned; give 1 at least");
        let &[outputs, inputs] = linear.weight.value().shape() else { unreachable!("(out, in)") };
        let a = init::normal([rank, inputs], 1.0 / (inputs as f32).sqrt(), key);
        let b = Tensor::zeros([outputs, rank]);
        Lora { a: Param::new(a), b: Param::new(b), scale: alpha / rank as f32 }
    }

    /// (α/r)·(x·Aᵀ)·Bᵀ: (…, in) -> (…, out).
    ///
    /// # Panics
    /// If the last axis of `x` isn't `in` long.
    #[track_caller]
    pub fn forward(&self, x: &Var) -> Var {
        &x.linear(&self.a.var(), None).linear(&self.b.var(), None) * self.scale
    }

    /// (α/r)·B·A, (out, in).
    pub fn delta(&self) -> Tensor {
        &self.b.value().matmul(self.a.value()) * self.scale
    }
}

/// What a layer gives, with what was learned besides.
pub(crate) fn product(linear: &Linear, lora: Option<&Lora>, x: &Var) -> Var {
    let y = linear.forward(x);
    lora.map_or(y.clone(), |lora| &y + &lora.forward(x))
}

/// Makes what was learned besides part of the layer.
pub(crate) fn merge(linear: &mut Linear, lora: &mut Option<Lora>) {
    if let Some(lora) = lora.take() {
        *linear.weight.value_mut() += &lora.delta();
    }
}
