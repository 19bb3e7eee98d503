//! A Llama: a decoder with rotary positions, RMSNorm, a gated feed-forward part, and fewer heads of keys than of queries.
//!
//! Letters: B sequences, T tokens, V words, C numbers for a token, H heads of queries and Hkv of keys and values with D = C/H
//! numbers each, F numbers between the products of the feed-forward part, L layers.

use crate::attention_map::attention_weights;
use crate::cache::Cache;
use crate::decoding;
use crate::llama_block::LlamaLora;
use crate::model::LanguageModel;
use glassbox_autograd::{Var, checkpoint};
use glassbox_nn::{
    BlockSizes, Context, Dropout, Embedding, Linear, Module, Name, RmsNorm, RotaryPositions, SlotMut, TransformerBlock,
    init,
};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Ids, Rotary, RotaryLayout, Tensor};

/// The standard deviation of all weights.
const STD: f32 = 0.02;

/// What a [`Llama`] is made by.
///
/// ```
/// use glassbox_transformer::LlamaSizes;
/// let stories260k = LlamaSizes {
///     words: 512, context: 512, layers: 5, heads: 8, kv_heads: 4, width: 64, feed_forward: 172,
/// };
/// assert_eq!(stories260k.width / stories260k.heads, 8);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LlamaSizes {
    /// V: how many words there are.
    pub words: usize,
    /// How many tokens it sees.
    pub context: usize,
    /// L: blocks.
    pub layers: usize,
    /// H: heads of queries in each.
    pub heads: usize,
    /// Hkv: heads of keys and values, which divides H.
    pub kv_heads: usize,
    /// C: numbers for each token.
    pub width: usize,
    /// F: numbers between the products of the feed-forward part.
    pub feed_forward: usize,
}

/// In what models of Llama's kind differ besides their sizes, by the names of a `config.json`.
///
/// ```
/// use glassbox_tensor::random::Key;
/// use glassbox_transformer::{Llama, LlamaOptions, LlamaSizes};
/// let sizes = LlamaSizes { words: 9, context: 8, layers: 1, heads: 2, kv_heads: 1, width: 8, feed_forward: 16 };
/// let llama = Llama::with(sizes, LlamaOptions { tied: false, ..LlamaOptions::default() }, Key::new(0));
/// assert!(llama.lm_head.is_some());
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LlamaOptions {
    /// The base of the angles: pair i of D numbers is turned by base^(−2i/D) for each position.
    pub rope_theta: f32,
    /// What normalisations add to the mean square.
    pub rms_norm_eps: f32,
    /// Whether the embedding is the head.
    pub tied: bool,
}

/// Llama 2's, with the embedding as the head.
impl Default for LlamaOptions {
    fn default() -> Self {
        Self { rope_theta: 10000.0, rms_norm_eps: 1e-5, tied: true }
    }
}

/// The model. Its parameters are called as in Llama's files at Hugging Face; as in the small ones, the embedding is the head unless
/// its options say otherwise.
///
/// ```text
/// x₀ = embed_tokens[ids]                                         (B, T) -> (B, T, C)
/// x ← x + attention(input_layernorm(x))                          q and k turned by their positions; H/Hkv queries for a key
/// x ← x + (silu(h·W_gateᵀ)∘(h·W_upᵀ))·W_downᵀ                    h = post_attention_layernorm(x); both L times
/// logits = norm(x)·embed_tokensᵀ                                 (B, T, C) -> (B, T, V)
/// ```
///
/// Nothing says where a token stands but the angle between its query and a key, which depends on how far apart the two are. Keys and
/// values of fewer heads make the cache smaller by H/Hkv.
///
/// Source: Touvron et al. 2023, LLaMA; Ainslie et al. 2023, GQA.
///
/// ```
/// use glassbox_nn::{Context, Module};
/// use glassbox_tensor::{Ids, random::Key};
/// use glassbox_transformer::{LanguageModel, Llama, LlamaSizes};
/// let sizes = LlamaSizes { words: 65, context: 64, layers: 4, heads: 4, kv_heads: 2, width: 128, feed_forward: 344 };
/// let llama = Llama::new(sizes, Key::new(0));
/// assert_eq!(llama.num_parameters(), 65 * 128 + 4 * (3 * 128 * 128 + 3 * 128 * 344 + 2 * 128) + 128);
/// let logits = llama.forward(&Ids::from_vec(vec![1, 2, 3, 4, 5, 6], [2, 3]), &Context::eval());
/// assert_eq!(logits.shape(), [2, 3, 65]);
/// assert_eq!(llama.bytes_per_token(), 2 * 4 * 2 * 32 * 4); // half of a GPT's of these sizes
/// ```
#[derive(Debug, Clone, Module)]
pub struct Llama {
    /// A vector for each word: (V, C).
    #[module(name = "model.embed_tokens")]
    pub embed_tokens: Embedding,
    /// The blocks.
    #[module(name = "model.layers")]
    pub layers: Vec<TransformerBlock>,
    /// What is learned besides the matrices of blocks, if anything.
    #[module(flatten)]
    pub lora: LlamaLora,
    /// Before the head.
    #[module(name = "model.norm")]
    pub norm: RmsNorm,
    /// The head (V, C), where it is not the embedding.
    pub lm_head: Option<Linear>,
    #[module(skip)]
    rotary: RotaryPositions,
    #[module(skip)]
    drop: Dropout,
    #[module(skip)]
    sizes: LlamaSizes,
    #[module(skip)]
    checkpointing: bool,
}

impl Llama {
    /// With weights from N(0, 0.02²), those that are added to the residual stream by 1/√(2·L) narrower.
    ///
    /// # Panics
    /// If the heads don't share the width, or the heads of keys those of queries, evenly; or if a head is no number of pairs.
    #[track_caller]
    pub fn new(sizes: LlamaSizes, key: Key) -> Self {
        Self::with(sizes, LlamaOptions::default(), key)
    }

    /// As [`new`](Self::new), with options.
    ///
    /// # Panics
    /// As [`new`](Self::new), or if an option is no positive number.
    #[track_caller]
    pub fn with(sizes: LlamaSizes, options: LlamaOptions, key: Key) -> Self {
        let LlamaOptions { rope_theta, rms_norm_eps, tied } = options;
        let LlamaSizes { words, context, layers, heads, kv_heads, width, feed_forward } = sizes;
        assert!(
            heads > 0 && width.is_multiple_of(heads),
            "Llama: {heads} heads can't share {width} numbers evenly; make the width a multiple of the heads"
        );
        let block = BlockSizes { dim: width, heads, kv_heads, head_dim: width / heads, feed_forward };
        let mut llama = Self {
            embed_tokens: Embedding::new(words, width, key),
            layers: (0..layers).map(|_| TransformerBlock::new(block, key)).collect(),
            lora: LlamaLora::default(),
            norm: RmsNorm::new([width]).with_eps(rms_norm_eps),
            lm_head: (!tied).then(|| Linear::without_bias(width, words, key)),
            rotary: RotaryPositions::with(Rotary::new(context, width / heads, rope_theta, RotaryLayout::Halves)),
            drop: Dropout::new(0.0),
            sizes,
            checkpointing: false,
        };
        for block in &mut llama.layers {
            (block.input_layernorm.eps, block.post_attention_layernorm.eps) = (rms_norm_eps, rms_norm_eps);
        }
        let mut number = 0;
        llama.visit_mut(Name::root(), &mut |name, slot| {
            let SlotMut::Param(param) = slot else { return };
            number += 1;
            let (name, shape) = (name.to_string(), param.value().shape().to_vec());
            let added = name.ends_with("o_proj.weight") || name.ends_with("down_proj.weight");
            let std = if added { STD / (2.0 * layers as f32).sqrt() } else { STD };
            if shape.len() == 2 {
                param.set_value(init::normal(shape, std, key.fold(number)));
            }
        });
        llama
    }

    /// As [`Gpt::with_checkpointing`](crate::Gpt::with_checkpointing).
    pub fn with_checkpointing(self, checkpointing: bool) -> Self {
        Self { checkpointing, ..self }
    }

    /// The same model, of which training drops a share p of the numbers of the embedding and of each branch before it is added, as of
    /// a GPT's. Llama's own training dropped none: it saw each text once. Who reads one text many times needs it.
    ///
    /// # Panics
    /// If p is no probability below 1.
    #[track_caller]
    pub fn with_dropout(self, p: f32) -> Self {
        Self { drop: Dropout::new(p), ..self }
    }

    /// What it was made by.
    ///
    /// ```
    /// # use glassbox_tensor::random::Key;
    /// # use glassbox_transformer::{Llama, LlamaSizes};
    /// let sizes = LlamaSizes { words: 9, context: 8, layers: 1, heads: 2, kv_heads: 1, width: 8, feed_forward: 16 };
    /// assert_eq!(Llama::new(sizes, Key::new(0)).sizes(), &sizes);
    /// ```
    pub fn sizes(&self) -> &LlamaSizes {
        &self.sizes
    }

    /// The angles of its positions.
    pub(crate) fn rotary(&self) -> &RotaryPositions {
        &self.rotary
    }

    /// The rows that the blocks read: (B, T) -> (B, T, C).
    ///
    /// # Panics
    /// If a token is no word.
    #[track_caller]
    pub fn embed(&self, ids: &Ids) -> Var {
        self.embed_tokens.forward(ids)
    }

    /// What training drops numbers with.
    pub(crate) fn drop(&self) -> Dropout {
        self.drop
    }

    /// The logits of the next token at each row, the first row being at position 0: (B, T, C) -> (B, T, V).
    ///
    /// # Panics
    /// If shapes don't fit together, or there are more rows than positions.
    #[track_caller]
    pub fn logits(&self, x: &Var, ctx: &Context) -> Var {
        let x = self.drop.forward(x, ctx);
        let x = (0..self.layers.len()).fold(x, |x, l| match self.checkpointing {
            true => checkpoint(|| self.block(l, &x, ctx, None)),
            false => self.block(l, &x, ctx, None),
        });
        self.head(&x)
    }

    /// (…, C) -> (…, V).
    fn head(&self, x: &Var) -> Var {
        let weight = self.lm_head.as_ref().map_or(&self.embed_tokens.weight, |head| &head.weight);
        self.norm.forward(x).linear(&weight.var(), None)
    }
}

impl LanguageModel for Llama {
    type State = Cache;

    fn context(&self) -> usize {
        self.sizes.context
    }

    fn vectors(&self, ids: &Ids) -> Var {
        self.embed(ids)
    }

    fn predict(&self, x: &Var, ctx: &Context) -> Var {
        self.logits(x, ctx)
    }

    fn begin(&self) -> Cache {
        let LlamaSizes { layers, heads, kv_heads, width, context, .. } = self.sizes;
        Cache::new(layers, [kv_heads, context, width / heads])
    }

    fn read(&self, cache: &mut Cache, tokens: &[u32]) -> Tensor {
        if let &[token] = tokens
            && let Some(logits) = decoding::llama(self, cache, token)
        {
            return logits;
        }
        let x = self.embed(&Ids::from_slice(tokens, [1, tokens.len()]));
        let layers = cache.layers().enumerate();
        let x = layers.fold(x, |x, (l, layer)| self.block(l, &x, &Context::eval(), Some(layer)));
        let last = x.narrow(1, tokens.len() - 1, 1).reshape([1, self.sizes.width]); // only its logits are wanted
        self.head(&last).value().reshape([self.sizes.words])
    }

    fn attention(&self, tokens: &[u32]) -> Vec<Tensor> {
        let mut x = self.embed(&Ids::from_slice(tokens, [1, tokens.len()]));
        let of_block = |l: usize| {
            let [q, k, _] = self.qkv(l, &self.layers[l].input_layernorm.forward(&x), 0);
            x = self.block(l, &x, &Context::eval(), None);
            attention_weights(q.value(), k.value())
        };
        (0..self.layers.len()).map(of_block).collect()
    }

    fn bytes_per_token(&self) -> usize {
        let LlamaSizes { layers, heads, kv_heads, width, .. } = self.sizes;
        2 * layers * kv_heads * (width / heads) * size_of::<f32>() // a key and a value in each layer
    }
}
