//! The block of today's language models: pre-norm with RMSNorm, rotary positions, grouped queries and a gated
//! feed-forward layer.

use super::attention_masks::{AttentionMasks, split_heads};
use super::{Linear, RmsNorm, RotaryPositions, SwigluMlp};
use crate::Module;
use glassbox_autograd::Var;
use glassbox_tensor::counted;
use glassbox_tensor::random::Key;

/// The sizes of a [`TransformerBlock`].
///
/// ```
/// use glassbox_nn::BlockSizes;
/// let llama3_8b = BlockSizes { dim: 4096, heads: 32, kv_heads: 8, head_dim: 128, feed_forward: 14336 };
/// assert_eq!(llama3_8b.heads / llama3_8b.kv_heads, 4); // queries for each key
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockSizes {
    /// E, the numbers of a row.
    pub dim: usize,
    /// H, the heads of queries.
    pub heads: usize,
    /// Hkv, the heads of keys and values, which divides H.
    pub kv_heads: usize,
    /// D, the numbers of a head; E/H in most models.
    pub head_dim: usize,
    /// F, the numbers between the feed-forward layer's products.
    pub feed_forward: usize,
}

/// Attention in which H/Hkv heads of queries share one head of keys and values, with rotary positions and no biases:
///
/// ```text
/// q = R(x·W_qᵀ),   k = R(x·W_kᵀ),   v = x·W_vᵀ,   R turns pairs by their position
/// y = (head₁, …, head_H)·W_oᵀ,   head_h = softmax(q_h·k_gᵀ/√D + mask)·v_g,   g = ⌊h·Hkv/H⌋
/// ```
///
/// Source: Ainslie et al. 2023, GQA; Su et al. 2021, RoFormer; named as in Llama's files.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::{AttentionMasks, BlockSizes, GroupedQueryAttention, RotaryPositions};
/// use glassbox_tensor::{Tensor, random::Key};
/// let sizes = BlockSizes { dim: 12, heads: 6, kv_heads: 2, head_dim: 4, feed_forward: 0 };
/// let attention = GroupedQueryAttention::new(sizes, Key::new(0));
/// let x = Var::constant(Tensor::randn([2, 5, 12], Key::new(1)));
/// let y = attention.forward(&x, &RotaryPositions::new(5, 4), AttentionMasks::CAUSAL); // (2, 5, 12) -> (2, 5, 12)
/// assert_eq!(y.shape(), [2, 5, 12]);
/// ```
#[derive(Debug, Clone, Module)]
pub struct GroupedQueryAttention {
    /// W_q (H·D, E).
    pub q_proj: Linear,
    /// W_k (Hkv·D, E).
    pub k_proj: Linear,
    /// W_v (Hkv·D, E).
    pub v_proj: Linear,
    /// W_o (E, H·D).
    pub o_proj: Linear,
    #[module(skip)]
    sizes: BlockSizes,
}

impl GroupedQueryAttention {
    /// With [`Linear`]'s initial values.
    ///
    /// ```
    /// # use glassbox_nn::{BlockSizes, GroupedQueryAttention, Module};
    /// # use glassbox_tensor::random::Key;
    /// let sizes = BlockSizes { dim: 12, heads: 6, kv_heads: 2, head_dim: 4, feed_forward: 0 };
    /// assert_eq!(GroupedQueryAttention::new(sizes, Key::new(0)).num_parameters(), 12 * (24 + 8 + 8 + 24));
    /// ```
    ///
    /// # Panics
    /// If `kv_heads` doesn't divide `heads`, or `head_dim` is odd.
    #[track_caller]
    pub fn new(sizes: BlockSizes, key: Key) -> Self {
        let BlockSizes { dim, heads, kv_heads, head_dim, .. } = sizes;
        assert!(
            kv_heads > 0 && heads.is_multiple_of(kv_heads),
            "GroupedQueryAttention: {heads} heads of queries can't share {kv_heads} of keys evenly; heads is a multiple"
        );
        assert!(
            head_dim.is_multiple_of(2),
            "GroupedQueryAttention: heads of {head_dim} are no pairs, which rotary positions turn; make it even",
            head_dim = counted(head_dim, "number")
        );
        Self {
            q_proj: Linear::without_bias(dim, heads * head_dim, key.fold(0)),
            k_proj: Linear::without_bias(dim, kv_heads * head_dim, key.fold(1)),
            v_proj: Linear::without_bias(dim, kv_heads * head_dim, key.fold(2)),
            o_proj: Linear::without_bias(heads * head_dim, dim, key.fold(3)),
            sizes,
        }
    }

    /// (B, T, E) -> (B, T, E), where the first row of x is at position 0.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_nn::{AttentionMasks, BlockSizes, GroupedQueryAttention, RotaryPositions};
    /// use glassbox_tensor::{Tensor, assert_close, random::Key};
    /// let sizes = BlockSizes { dim: 12, heads: 6, kv_heads: 2, head_dim: 4, feed_forward: 20 };
    /// let (layer, rotary) = (GroupedQueryAttention::new(sizes, Key::new(0)), RotaryPositions::new(5, 4));
    /// let x = Var::constant(Tensor::randn([1, 5, 12], Key::new(1)));
    /// let [whole, part] = [&x, &x.narrow(1, 0, 2)].map(|x| layer.forward(x, &rotary, AttentionMasks::CAUSAL));
    /// assert_close!(whole.value().narrow(1, 0, 2), *part.value(), 1e-5, 1e-6); // no row sees what comes after it
    /// ```
    ///
    /// # Panics
    /// If shapes don't fit together, or the table of positions is shorter than T.
    #[track_caller]
    pub fn forward(&self, x: &Var, rotary: &RotaryPositions, masks: AttentionMasks<'_>) -> Var {
        let BlockSizes { heads, kv_heads, .. } = self.sizes;
        let q = rotary.forward(&split_heads(&self.q_proj.forward(x), heads), 0); // (B, T, E) -> (B, H, T, D)
        let k = rotary.forward(&split_heads(&self.k_proj.forward(x), kv_heads), 0); // (B, T, E) -> (B, Hkv, T, D)
        let v = split_heads(&self.v_proj.forward(x), kv_heads); // (B, T, E) -> (B, Hkv, T, D)
        self.o_proj.forward(&masks.attend(&q, &k, &v)) // (B, T, H·D) -> (B, T, E)
    }
}

/// One block of a decoder, as in Llama:
///
/// ```text
/// x ← x + attention(rms_norm(x)),   y = x + mlp(rms_norm(x))
/// ```
///
/// Source: Touvron et al. 2023, LLaMA, section 2.2; named as in its files at Hugging Face (`model.layers.0.…`).
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::{AttentionMasks, BlockSizes, Module, RotaryPositions, TransformerBlock};
/// use glassbox_tensor::{Tensor, random::Key};
///
/// let sizes = BlockSizes { dim: 12, heads: 6, kv_heads: 2, head_dim: 4, feed_forward: 20 };
/// let block = TransformerBlock::new(sizes, Key::new(0));
/// let rotary = RotaryPositions::new(100, 4); // one table for all blocks
/// let x = Var::constant(Tensor::randn([2, 5, 12], Key::new(1)));
/// let y = block.forward(&x, &rotary, AttentionMasks::CAUSAL); // (2, 5, 12) -> (2, 5, 12)
/// assert_eq!(y.shape(), [2, 5, 12]);
/// let names: Vec<String> = block.parameters().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names[..2], ["self_attn.q_proj.weight", "self_attn.k_proj.weight"]);
/// assert_eq!(names[7..], ["input_layernorm.weight", "post_attention_layernorm.weight"]);
/// ```
#[derive(Debug, Clone, Module)]
pub struct TransformerBlock {
    /// Attention of the sequence to itself.
    pub self_attn: GroupedQueryAttention,
    /// The feed-forward layer.
    pub mlp: SwigluMlp,
    /// Before attention.
    pub input_layernorm: RmsNorm,
    /// Before the feed-forward layer.
    pub post_attention_layernorm: RmsNorm,
}

impl TransformerBlock {
    /// With [`Linear`]'s initial values, and Llama's eps = 10⁻⁵ in its norms, whose fields can be set.
    ///
    /// ```
    /// # use glassbox_nn::{BlockSizes, Module, TransformerBlock};
    /// # use glassbox_tensor::random::Key;
    /// let sizes = BlockSizes { dim: 12, heads: 6, kv_heads: 2, head_dim: 4, feed_forward: 20 };
    /// let mut block = TransformerBlock::new(sizes, Key::new(0));
    /// block.input_layernorm.eps = 1e-6;
    /// assert_eq!(block.num_parameters(), 12 * (24 + 8 + 8 + 24) + 3 * 12 * 20 + 2 * 12);
    /// ```
    ///
    /// # Panics
    /// If `kv_heads` doesn't divide `heads`, or `head_dim` is odd.
    #[track_caller]
    pub fn new(sizes: BlockSizes, key: Key) -> Self {
        let norm = || RmsNorm::new([sizes.dim]).with_eps(1e-5);
        Self {
            self_attn: GroupedQueryAttention::new(sizes, key.fold(0)),
            mlp: SwigluMlp::new(sizes.dim, sizes.feed_forward, key.fold(1)),
            input_layernorm: norm(),
            post_attention_layernorm: norm(),
        }
    }

    /// (B, T, E) -> (B, T, E), where the first row of x is at position 0.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_nn::{AttentionMasks, BlockSizes, TransformerBlock, RotaryPositions};
    /// use glassbox_tensor::{Tensor, assert_close, random::Key};
    /// let sizes = BlockSizes { dim: 12, heads: 6, kv_heads: 2, head_dim: 4, feed_forward: 20 };
    /// let (layer, rotary) = (TransformerBlock::new(sizes, Key::new(0)), RotaryPositions::new(5, 4));
    /// let x = Var::constant(Tensor::randn([1, 5, 12], Key::new(1)));
    /// let [whole, part] = [&x, &x.narrow(1, 0, 2)].map(|x| layer.forward(x, &rotary, AttentionMasks::CAUSAL));
    /// assert_close!(whole.value().narrow(1, 0, 2), *part.value(), 1e-5, 1e-6); // no row sees what comes after it
    /// ```
    ///
    /// # Panics
    /// If shapes don't fit together, or the table of positions is shorter than T.
    #[track_caller]
    pub fn forward(&self, x: &Var, rotary: &RotaryPositions, masks: AttentionMasks<'_>) -> Var {
        let x = x + &self.self_attn.forward(&self.input_layernorm.forward(x), rotary, masks);
        &x + &self.mlp.forward(&self.post_attention_layernorm.forward(&x))
    }
}
