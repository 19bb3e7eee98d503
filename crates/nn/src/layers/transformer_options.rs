//! What PyTorch's transformer layers have in common: their options, and how a branch is added to what it read.

use super::{Activation, Dropout, LayerNorm, Linear, MultiHeadAttention, MultiHeadAttentionOptions};
use crate::context::Context;
use glassbox_autograd::Var;
use glassbox_tensor::random::Key;

/// What a [`TransformerEncoderLayer`](crate::TransformerEncoderLayer) or a
/// [`TransformerDecoderLayer`](crate::TransformerDecoderLayer) is made with beside its sizes.
///
/// ```
/// use glassbox_nn::{Activation, TransformerOptions};
/// let gpt2 = TransformerOptions { norm_first: true, activation: Activation::Gelu, ..Default::default() };
/// assert_eq!((gpt2.dropout, gpt2.feed_forward), (0.1, 2048));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TransformerOptions {
    /// How many numbers stand between the two products of the feed-forward layer.
    pub feed_forward: usize,
    /// What stands between them.
    pub activation: Activation,
    /// The share of numbers that training drops from each branch before it is added, and between the two products.
    pub dropout: f32,
    /// Whether a branch reads its input normalised (pre-norm); otherwise the sum is normalised (post-norm).
    pub norm_first: bool,
    /// Whether products and normalisations have biases.
    pub bias: bool,
    /// What normalisation adds to the variance.
    pub eps: f32,
}

/// PyTorch's.
impl Default for TransformerOptions {
    fn default() -> Self {
        let activation = Activation::Relu;
        Self { feed_forward: 2048, activation, dropout: 0.1, norm_first: false, bias: true, eps: 1e-5 }
    }
}

impl TransformerOptions {
    /// # Panics
    /// If the dropout is no probability.
    #[track_caller]
    pub(crate) fn checked(self) -> Self {
        Dropout::new(self.dropout);
        self
    }

    #[track_caller]
    pub(crate) fn attention(&self, dim: usize, heads: usize, key: Key) -> MultiHeadAttention {
        let options = MultiHeadAttentionOptions { bias: self.bias, ..Default::default() };
        MultiHeadAttention::with(dim, heads, options, key)
    }

    #[track_caller]
    pub(crate) fn linear(&self, inputs: usize, outputs: usize, key: Key) -> Linear {
        if self.bias { Linear::new(inputs, outputs, key) } else { Linear::without_bias(inputs, outputs, key) }
    }

    pub(crate) fn norm(&self, dim: usize) -> LayerNorm {
        let norm = LayerNorm::new([dim]).with_eps(self.eps);
        if self.bias { norm } else { norm.without_bias() }
    }

    /// x with a branch added: x + branch(norm(x)), or norm(x + branch(x)).
    pub(crate) fn add(&self, x: &Var, norm: &LayerNorm, ctx: &Context, branch: impl FnOnce(&Var) -> Var) -> Var {
        let dropout = Dropout::new(self.dropout);
        if self.norm_first {
            x + &dropout.forward(&branch(&norm.forward(x)), ctx)
        } else {
            norm.forward_of_sum(x, &dropout.forward(&branch(x), ctx))
        }
    }

    /// linear2(dropout(activation(linear1(x)))): (B, T, E) -> (B, T, F) -> (B, T, E).
    pub(crate) fn feed_forward(&self, linear1: &Linear, linear2: &Linear, x: &Var, ctx: &Context) -> Var {
        let hidden = match self.activation {
            Activation::Relu => linear1.forward_relu(x), // while each tile of the product is hot
            other => other.apply(&linear1.forward(x)),
        };
        linear2.forward(&Dropout::new(self.dropout).forward(&hidden, ctx))
    }
}
