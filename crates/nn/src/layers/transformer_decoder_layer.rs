//! The transformer's decoder layer, as PyTorch names it.

use super::{AttentionMasks, LayerNorm, Linear, MultiHeadAttention, TransformerOptions};
use crate::Module;
use crate::context::Context;
use glassbox_autograd::Var;
use glassbox_tensor::random::Key;

/// As [`TransformerEncoderLayer`](crate::TransformerEncoderLayer), with attention to a memory, what an encoder made,
/// between its two branches:
///
/// ```text
/// post-norm:  x ← norm1(x + attention(x)),   x ← norm2(x + attention(x; memory)),   y = norm3(x + feed_forward(x))
/// pre-norm:   x ← x + attention(norm1(x)),   x ← x + attention(norm2(x); memory),   y = x + feed_forward(norm3(x))
/// ```
///
/// Source: Vaswani et al. 2017, section 3.1; names of `torch.nn.TransformerDecoderLayer` with `batch_first=True`.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::{AttentionMasks, Context, TransformerDecoderLayer};
/// use glassbox_tensor::{Tensor, random::Key};
///
/// let block = TransformerDecoderLayer::new(6, 2, Key::new(0));
/// let [x, memory] = [[3, 5, 6], [3, 7, 6]].map(|shape| Var::constant(Tensor::randn(shape, Key::new(1))));
/// let (masks, all) = (AttentionMasks::CAUSAL, AttentionMasks::NONE);
/// let y = block.forward(&x, &memory, masks, all, &Context::eval()); // (3, 5, 6) -> (3, 5, 6)
/// assert_eq!(y.shape(), [3, 5, 6]);
/// ```
#[derive(Debug, Clone, Module)]
pub struct TransformerDecoderLayer {
    /// Attention of the sequence to itself.
    pub self_attn: MultiHeadAttention,
    /// Attention of the sequence to the memory.
    pub multihead_attn: MultiHeadAttention,
    /// W₁ (F, E) and b₁.
    pub linear1: Linear,
    /// W₂ (E, F) and b₂.
    pub linear2: Linear,
    /// Of self-attention's branch.
    pub norm1: LayerNorm,
    /// Of the memory's branch.
    pub norm2: LayerNorm,
    /// Of the feed-forward branch.
    pub norm3: LayerNorm,
    #[module(skip)]
    options: TransformerOptions,
}

impl TransformerDecoderLayer {
    /// On rows of `dim` numbers, with PyTorch's defaults.
    ///
    /// ```
    /// # use glassbox_nn::{Module, TransformerDecoderLayer};
    /// # use glassbox_tensor::random::Key;
    /// let layer = TransformerDecoderLayer::new(6, 2, Key::new(0));
    /// assert_eq!(layer.num_parameters(), 8 * (6 * 6 + 6) + (6 * 2048 + 2048) + (2048 * 6 + 6) + 3 * 12);
    /// ```
    ///
    /// # Panics
    /// If `heads` doesn't divide `dim`.
    #[track_caller]
    pub fn new(dim: usize, heads: usize, key: Key) -> Self {
        Self::with(dim, heads, TransformerOptions::default(), key)
    }

    /// As [`new`](TransformerDecoderLayer::new), with options.
    ///
    /// ```
    /// # use glassbox_nn::{TransformerDecoderLayer, TransformerOptions};
    /// # use glassbox_tensor::random::Key;
    /// let options = TransformerOptions { feed_forward: 24, bias: false, ..Default::default() };
    /// assert!(TransformerDecoderLayer::with(6, 2, options, Key::new(0)).norm1.bias.is_none());
    /// ```
    ///
    /// # Panics
    /// If `heads` doesn't divide `dim`, or the dropout is no probability.
    #[track_caller]
    pub fn with(dim: usize, heads: usize, options: TransformerOptions, key: Key) -> Self {
        Self {
            self_attn: options.attention(dim, heads, key.fold(0)),
            multihead_attn: options.attention(dim, heads, key.fold(1)),
            linear1: options.linear(dim, options.feed_forward, key.fold(2)),
            linear2: options.linear(options.feed_forward, dim, key.fold(3)),
            norm1: options.norm(dim),
            norm2: options.norm(dim),
            norm3: options.norm(dim),
            options: options.checked(),
        }
    }

    /// (B, T, E) and a memory (B, S, E) -> (B, T, E). `masks` are those of the sequence, usually
    /// [`AttentionMasks::CAUSAL`]; `memory_masks` say which of the memory is seen.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_nn::{AttentionMasks, Context, TransformerDecoderLayer};
    /// use glassbox_tensor::{Tensor, random::Key, tensor};
    /// let layer = TransformerDecoderLayer::new(6, 2, Key::new(0));
    /// let [x, memory] = [[1, 5, 6], [1, 3, 6]].map(|shape| Var::constant(Tensor::randn(shape, Key::new(1))));
    /// let padding = tensor![[0., 0., 1.]]; // the last row of the memory only fills it up
    /// let memory_masks = AttentionMasks { key_padding: Some(&padding), ..AttentionMasks::NONE };
    /// let y = layer.forward(&x, &memory, AttentionMasks::CAUSAL, memory_masks, &Context::eval());
    /// assert_eq!(y.shape(), [1, 5, 6]);
    /// ```
    ///
    /// # Panics
    /// If shapes don't fit together.
    #[track_caller]
    pub fn forward(
        &self,
        x: &Var,
        memory: &Var,
        masks: AttentionMasks<'_>,
        memory_masks: AttentionMasks<'_>,
        ctx: &Context,
    ) -> Var {
        let attention = |x: &Var| self.self_attn.forward(x, masks);
        self.forward_by(x, ctx, attention, |x| self.multihead_attn.attend(x, memory, memory, memory_masks))
    }

    /// The same with attentions that the caller computes, (B, T, E) -> (B, T, E) each: to the sequence itself, and to the memory.
    /// That is how keys and values are kept from token to token.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_nn::{AttentionMasks, Context, TransformerDecoderLayer};
    /// use glassbox_tensor::{Tensor, random::Key};
    /// let layer = TransformerDecoderLayer::new(6, 2, Key::new(0));
    /// let [x, memory] = [[1, 5, 6], [1, 3, 6]].map(|shape| Var::constant(Tensor::randn(shape, Key::new(1))));
    /// let [k, v] = layer.multihead_attn.keys_and_values(&memory, &memory);
    /// let to_memory = |x: &Var| {
    ///     layer.multihead_attn.attend_heads(&layer.multihead_attn.queries(x), &k, &v, AttentionMasks::NONE)
    /// };
    /// let ctx = Context::eval();
    /// let y = layer.forward_by(&x, &ctx, |x| layer.self_attn.forward(x, AttentionMasks::CAUSAL), to_memory);
    /// assert_eq!(y.value(), layer.forward(&x, &memory, AttentionMasks::CAUSAL, AttentionMasks::NONE, &ctx).value());
    /// ```
    ///
    /// # Panics
    /// If shapes don't fit together.
    #[track_caller]
    pub fn forward_by(
        &self,
        x: &Var,
        ctx: &Context,
        attention: impl FnOnce(&Var) -> Var,
        to_memory: impl FnOnce(&Var) -> Var,
    ) -> Var {
        let o = &self.options;
        let x = o.add(x, &self.norm1, ctx, attention);
        let x = o.add(&x, &self.norm2, ctx, to_memory);
        o.add(&x, &self.norm3, ctx, |x| o.feed_forward(&self.linear1, &self.linear2, x, ctx))
    }
}
