//! The transformer's encoder layer, as PyTorch names it; with a causal mask, a block of GPT.

use super::{AttentionMasks, LayerNorm, Linear, MultiHeadAttention, TransformerOptions};
use crate::Module;
use crate::context::Context;
use glassbox_autograd::Var;
use glassbox_tensor::random::Key;

/// Self-attention and a feed-forward layer, each added to what it read:
///
/// ```text
/// post-norm:  x ← norm1(x + attention(x)),   y = norm2(x + W₂·a(W₁·x + b₁) + b₂)
/// pre-norm:   x ← x + attention(norm1(x)),   y = x + W₂·a(W₁·norm2(x) + b₁) + b₂
/// ```
///
/// In training, dropout acts on each branch before it is added, and behind the activation a. PyTorch drops attention's
/// weights too; here they are never in memory (see [`MultiHeadAttention`]), and stay whole.
///
/// With [`AttentionMasks::CAUSAL`] it is a block of GPT.
///
/// Source: Vaswani et al. 2017, section 3.1; pre-norm Xiong et al. 2020; names of `torch.nn.TransformerEncoderLayer`
/// with `batch_first=True`.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::{AttentionMasks, Context, TransformerEncoderLayer, TransformerOptions};
/// use glassbox_tensor::{Tensor, random::Key};
///
/// let options = TransformerOptions { feed_forward: 24, norm_first: true, ..Default::default() };
/// let block = TransformerEncoderLayer::with(6, 2, options, Key::new(0));
/// let x = Var::constant(Tensor::randn([3, 5, 6], Key::new(1)));
/// let y = block.forward(&x, AttentionMasks::CAUSAL, &Context::eval()); // (3, 5, 6) -> (3, 5, 6)
/// assert_eq!(y.shape(), [3, 5, 6]);
/// ```
#[derive(Debug, Clone, Module)]
pub struct TransformerEncoderLayer {
    /// Attention of the sequence to itself.
    pub self_attn: MultiHeadAttention,
    /// W₁ (F, E) and b₁.
    pub linear1: Linear,
    /// W₂ (E, F) and b₂.
    pub linear2: Linear,
    /// Of attention's branch.
    pub norm1: LayerNorm,
    /// Of the feed-forward branch.
    pub norm2: LayerNorm,
    #[module(skip)]
    options: TransformerOptions,
}

impl TransformerEncoderLayer {
    /// On rows of `dim` numbers, with PyTorch's defaults.
    ///
    /// ```
    /// # use glassbox_nn::{Module, TransformerEncoderLayer};
    /// # use glassbox_tensor::random::Key;
    /// let layer = TransformerEncoderLayer::new(6, 2, Key::new(0));
    /// assert_eq!(layer.num_parameters(), 4 * (6 * 6 + 6) + (6 * 2048 + 2048) + (2048 * 6 + 6) + 2 * 12);
    /// ```
    ///
    /// # Panics
    /// If `heads` doesn't divide `dim`.
    #[track_caller]
    pub fn new(dim: usize, heads: usize, key: Key) -> Self {
        Self::with(dim, heads, TransformerOptions::default(), key)
    }

    /// As [`new`](TransformerEncoderLayer::new), with options.
    ///
    /// ```
    /// # use glassbox_nn::{TransformerEncoderLayer, TransformerOptions};
    /// # use glassbox_tensor::random::Key;
    /// let options = TransformerOptions { feed_forward: 24, bias: false, ..Default::default() };
    /// assert!(TransformerEncoderLayer::with(6, 2, options, Key::new(0)).norm1.bias.is_none());
    /// ```
    ///
    /// # Panics
    /// If `heads` doesn't divide `dim`, or the dropout is no probability.
    #[track_caller]
    pub fn with(dim: usize, heads: usize, options: TransformerOptions, key: Key) -> Self {
        Self {
            self_attn: options.attention(dim, heads, key.fold(0)),
            linear1: options.linear(dim, options.feed_forward, key.fold(1)),
            linear2: options.linear(options.feed_forward, dim, key.fold(2)),
            norm1: options.norm(dim),
            norm2: options.norm(dim),
            options: options.checked(),
        }
    }

    /// (B, T, E) -> (B, T, E).
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_nn::{AttentionMasks, Context, TransformerEncoderLayer};
    /// use glassbox_tensor::{Tensor, random::Key};
    /// let layer = TransformerEncoderLayer::new(6, 2, Key::new(0));
    /// let x = Var::constant(Tensor::randn([3, 5, 6], Key::new(1)));
    /// let run = |ctx| layer.forward(&x, AttentionMasks::NONE, &ctx).into_value();
    /// assert_ne!(run(Context::train(Key::new(2))), run(Context::eval())); // training drops a tenth of each branch
    /// ```
    ///
    /// # Panics
    /// If shapes don't fit together.
    #[track_caller]
    pub fn forward(&self, x: &Var, masks: AttentionMasks<'_>, ctx: &Context) -> Var {
        let o = &self.options;
        let x = o.add(x, &self.norm1, ctx, |x| self.self_attn.forward(x, masks));
        o.add(&x, &self.norm2, ctx, |x| o.feed_forward(&self.linear1, &self.linear2, x, ctx))
    }
}
