//! GPT: a decoder of pre-norm blocks with learned positions, whose embedding is its head again.
//!
//! Letters: B sequences, T tokens of each, V words, C numbers for a token, H heads of D = C/H numbers, L layers, P positions.

use crate::attention_map::attention_weights;
use crate::cache::{Cache, Layer};
use crate::decoding;
use crate::lora::{Lora, LoraSizes, merge, product};
use crate::model::LanguageModel;
use glassbox_autograd::{AttentionOptions, Var, checkpoint};
use glassbox_nn::{Context, Dropout, Embedding, LayerNorm, LearnedPositions, Linear, Module, Param, init};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Ids, Tensor};

/// GPT-2's standard deviation of all weights.
const STD: f32 = 0.02;

/// What a [`Gpt`] is made by.
///
/// ```
/// use glassbox_transformer::GptSizes;
/// let gpt2 = GptSizes { words: 50_257, context: 1024, layers: 12, heads: 12, width: 768, ..GptSizes::CHAR };
/// assert_eq!(gpt2.width / gpt2.heads, 64);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GptSizes {
    /// V: how many words there are.
    pub words: usize,
    /// P: how many tokens it sees.
    pub context: usize,
    /// L: blocks.
    pub layers: usize,
    /// H: heads of attention in each.
    pub heads: usize,
    /// C: numbers for each token.
    pub width: usize,
    /// Whether products and normalisations have biases. GPT-2's have; nanoGPT's small models do without.
    pub bias: bool,
    /// The share of numbers that training drops from the embedding and from each branch before it is added.
    pub dropout: f32,
    /// What stands between the two products of the feed-forward part.
    pub gelu: Gelu,
}

/// The two forms of GELU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gelu {
    /// x·Φ(x), with the normal distribution function.
    Exact,
    /// ½·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))), as GPT-2 computes it.
    Tanh,
}

impl GptSizes {
    /// nanoGPT's setting for a processor: 4 layers of 4 heads, 128 wide, on 64 of 65 characters.
    pub const CHAR: Self =
        Self { words: 65, context: 64, layers: 4, heads: 4, width: 128, bias: false, dropout: 0.0, gelu: Gelu::Tanh };
    /// Its baby GPT: 6 layers of 6 heads, 384 wide, on 256 characters.
    pub const BABY: Self = Self { context: 256, layers: 6, heads: 6, width: 384, ..Self::CHAR };
}

/// Causal attention of a sequence to itself, with one product for queries, keys and values.
///
/// ```text
/// q, k, v = x·W_attnᵀ + b,   y = (head₁, …, head_H)·W_projᵀ + b,   head = softmax(q·kᵀ/√D + causal mask)·v
/// ```
#[derive(Debug, Clone, Module)]
pub struct CausalSelfAttention {
    /// Queries, keys and values below each other: (3·C, C).
    pub c_attn: Linear,
    /// (C, C).
    pub c_proj: Linear,
    /// What is learned besides the first.
    #[module(name = "c_attn.lora")]
    pub c_attn_lora: Option<Lora>,
    /// What is learned besides the second.
    #[module(name = "c_proj.lora")]
    pub c_proj_lora: Option<Lora>,
    #[module(skip)]
    heads: usize,
}

impl CausalSelfAttention {
    /// Queries, keys and values of all heads: (B, T, C) -> 3 × (B, H, T, D).
    fn qkv(&self, x: &Var) -> [Var; 3] {
        let &[b, t, c] = x.shape() else { panic!("CausalSelfAttention: x {:?} is not (B, T, C)", x.shape()) };
        let qkv = product(&self.c_attn, self.c_attn_lora.as_ref(), x); // (B, T, C) -> (B, T, 3C)
        let heads = qkv.reshape([b, t, 3 * self.heads, c / self.heads]).permute(&[0, 2, 1, 3]).chunk(3, 1);
        heads.try_into().expect("three chunks")
    }

    /// (B, T, C) -> (B, T, C). With a layer of a cache, the rows of x come after those that are in it.
    fn forward(&self, x: &Var, layer: Option<&mut Layer>) -> Var {
        let [q, k, v] = &self.qkv(x); // (B, H, T, D) each
        let causal = AttentionOptions { causal: true, ..Default::default() };
        let y = match layer {
            None => q.attention(k, v, causal), // -> (B, H, T, D)
            Some(layer) => {
                let [k, v] = layer.append(k.value(), v.value()).map(Var::constant); // (B, H, S, D), S tokens until now
                q.attention(&k, &v, causal)
            }
        };
        product(&self.c_proj, self.c_proj_lora.as_ref(), &y.permute(&[0, 2, 1, 3]).reshape(x.shape()))
    }
}

/// The feed-forward part: two products with a GELU between them, on each row by itself.
#[derive(Debug, Clone, Module)]
pub struct Mlp {
    /// (4·C, C).
    pub c_fc: Linear,
    /// (C, 4·C).
    pub c_proj: Linear,
    /// What is learned besides the first.
    #[module(name = "c_fc.lora")]
    pub c_fc_lora: Option<Lora>,
    /// What is learned besides the second.
    #[module(name = "c_proj.lora")]
    pub c_proj_lora: Option<Lora>,
    #[module(skip)]
    gelu: Gelu,
}

impl Mlp {
    /// (B, T, C) -> (B, T, C).
    fn forward(&self, x: &Var) -> Var {
        let h = product(&self.c_fc, self.c_fc_lora.as_ref(), x); // (B, T, C) -> (B, T, 4C)
        let h = match self.gelu {
            Gelu::Exact => h.gelu(),
            Gelu::Tanh => h.gelu_tanh(),
        };
        product(&self.c_proj, self.c_proj_lora.as_ref(), &h)
    }
}

/// One block: x ← x + attn(ln_1(x)), then x + mlp(ln_2(x)).
#[derive(Debug, Clone, Module)]
pub struct Block {
    /// Before attention.
    pub ln_1: LayerNorm,
    /// Attention.
    pub attn: CausalSelfAttention,
    /// Before the feed-forward part.
    pub ln_2: LayerNorm,
    /// The feed-forward part.
    pub mlp: Mlp,
    #[module(skip)]
    drop: Dropout,
}

impl Block {
    fn new(sizes: &GptSizes, key: Key) -> Self {
        let GptSizes { layers, heads, width: c, bias, dropout, gelu, .. } = *sizes;
        // Each of the 2·L branches adds to x; so scaled, their sum has the variance of one (Radford et al. 2019, section 2.3).
        let added = STD / (2.0 * layers as f32).sqrt();
        let linear = |inputs, outputs, std, salt| Linear {
            weight: Param::new(init::normal([outputs, inputs], std, key.fold(salt))),
            bias: bias.then(|| Param::new(Tensor::zeros([outputs]))),
        };
        Self {
            ln_1: norm(c, bias),
            attn: CausalSelfAttention {
                c_attn: linear(c, 3 * c, STD, 0),
                c_proj: linear(c, c, added, 1),
                c_attn_lora: None,
                c_proj_lora: None,
                heads,
            },
            ln_2: norm(c, bias),
            mlp: Mlp {
                c_fc: linear(c, 4 * c, STD, 2),
                c_proj: linear(4 * c, c, added, 3),
                c_fc_lora: None,
                c_proj_lora: None,
                gelu,
            },
            drop: Dropout::new(dropout),
        }
    }

    /// (B, T, C) -> (B, T, C).
    fn forward(&self, x: &Var, ctx: &Context, layer: Option<&mut Layer>) -> Var {
        let x = x + &self.drop.forward(&self.attn.forward(&self.ln_1.forward(x), layer), ctx);
        &x + &self.drop.forward(&self.mlp.forward(&self.ln_2.forward(&x)), ctx)
    }
}

fn norm(width: usize, bias: bool) -> LayerNorm {
    let norm = LayerNorm::new([width]);
    if bias { norm } else { norm.without_bias() }
}

/// The model. Its parameters are called as in GPT-2's files; matrices lie as PyTorch's `Linear` keeps them, (out, in).
///
/// ```text
/// x₀ = wte[ids] + wpe[0..T]                          (B, T) -> (B, T, C)
/// x ← x + attn(ln_1(x)),  x ← x + mlp(ln_2(x))       L times
/// logits = ln_f(x)·wteᵀ                              (B, T, C) -> (B, T, V)
/// ```
///
/// The head is the embedding again (Press and Wolf 2017), so it has no name of its own. The T × T weights of attention are never
/// in memory, so that training can't drop from them, as GPT-2 did; it drops from what they give.
///
/// Sources: Radford et al. 2019, Language Models are Unsupervised Multitask Learners; Vaswani et al. 2017.
///
/// ```
/// use glassbox_nn::{Context, Module};
/// use glassbox_tensor::{Ids, random::Key};
/// use glassbox_transformer::{Gpt, GptSizes, LanguageModel};
///
/// let gpt = Gpt::new(GptSizes::CHAR, Key::new(0));
/// assert_eq!(gpt.num_parameters(), 804_096);
/// let logits = gpt.forward(&Ids::from_vec(vec![1, 2, 3, 4, 5, 6], [2, 3]), &Context::eval());
/// assert_eq!(logits.shape(), [2, 3, 65]);
/// ```
#[derive(Debug, Clone, Module)]
pub struct Gpt {
    /// A vector for each word: (V, C).
    pub wte: Embedding,
    /// A vector for each position: (P, C).
    pub wpe: LearnedPositions,
    /// The blocks.
    pub h: Vec<Block>,
    /// Before the head.
    pub ln_f: LayerNorm,
    #[module(skip)]
    drop: Dropout,
    #[module(skip)]
    sizes: GptSizes,
    #[module(skip)]
    checkpointing: bool,
}

impl Gpt {
    /// With GPT-2's initial weights: N(0, 0.02²), those that are added to the residual stream by 1/√(2·L) narrower, biases 0.
    ///
    /// # Panics
    /// If `heads` doesn't divide `width`, or the dropout is no probability.
    #[track_caller]
    pub fn new(sizes: GptSizes, key: Key) -> Self {
        let GptSizes { words, context, layers, heads, width, bias, dropout, .. } = sizes;
        assert!(
            heads > 0 && width.is_multiple_of(heads),
            "Gpt: {heads} heads can't share {width} numbers evenly; make the width a multiple of the heads"
        );
        let mut wte = Embedding::new(words, width, key.fold(0));
        wte.weight.set_value(init::normal([words, width], STD, key.fold(0)));
        Self {
            wte,
            wpe: LearnedPositions::new(context, width, key.fold(1)),
            h: (0..layers).map(|i| Block::new(&sizes, key.fold(2).fold(i as u64))).collect(),
            ln_f: norm(width, bias),
            drop: Dropout::new(dropout),
            sizes,
            checkpointing: false,
        }
    }

    /// The same model, which keeps of each block only what it reads, and computes the rest again when backward comes to it: the
    /// same bits in less memory, for one more forward pass of the blocks (see [`checkpoint`]).
    ///
    /// ```
    /// use glassbox_nn::Context;
    /// use glassbox_tensor::{Ids, random::Key};
    /// use glassbox_transformer::{Gpt, GptSizes, LanguageModel};
    /// let gpt = Gpt::new(GptSizes::CHAR, Key::new(0));
    /// let ids = Ids::from_vec(vec![1, 2, 3, 4], [1, 4]);
    /// let loss = gpt.loss(&ids, &ids, &Context::eval()).item();
    /// assert_eq!(gpt.with_checkpointing(true).loss(&ids, &ids, &Context::eval()).item(), loss);
    /// ```
    pub fn with_checkpointing(self, checkpointing: bool) -> Self {
        Self { checkpointing, ..self }
    }

    /// The same model, of which nothing is trained but what [`Lora`] adds to its matrices.
    ///
    /// ```
    /// use glassbox_nn::Module;
    /// use glassbox_tensor::random::Key;
    /// use glassbox_transformer::{Gpt, GptSizes, LoraSizes};
    /// let sizes = LoraSizes { rank: 4, alpha: 8.0, feed_forward: false };
    /// let gpt = Gpt::new(GptSizes::CHAR, Key::new(0)).with_lora(sizes, Key::new(1));
    /// let trained = gpt.parameters().iter().filter(|(_, p)| !p.is_frozen()).map(|(_, p)| p.value().numel()).sum::<usize>();
    /// assert_eq!(trained, 4 * 4 * ((128 + 3 * 128) + (128 + 128))); // layers × rank × (in + out) of two matrices
    /// ```
    ///
    /// # Panics
    /// If the rank is 0.
    #[track_caller]
    pub fn with_lora(mut self, sizes: LoraSizes, key: Key) -> Self {
        self.freeze();
        let LoraSizes { rank, alpha, feed_forward } = sizes;
        for (i, Block { attn, mlp, .. }) in self.h.iter_mut().enumerate() {
            let lora = |linear, salt| Some(Lora::new(linear, rank, alpha, key.fold(i as u64).fold(salt)));
            attn.c_attn_lora = lora(&attn.c_attn, 0);
            attn.c_proj_lora = lora(&attn.c_proj, 1);
            if feed_forward {
                mlp.c_fc_lora = lora(&mlp.c_fc, 2);
                mlp.c_proj_lora = lora(&mlp.c_proj, 3);
            }
        }
        self
    }

    /// The same model without what [`Lora`] had added: it is part of the matrices now.
    pub fn merged(mut self) -> Self {
        for Block { attn, mlp, .. } in &mut self.h {
            merge(&mut attn.c_attn, &mut attn.c_attn_lora);
            merge(&mut attn.c_proj, &mut attn.c_proj_lora);
            merge(&mut mlp.c_fc, &mut mlp.c_fc_lora);
            merge(&mut mlp.c_proj, &mut mlp.c_proj_lora);
        }
        self
    }

    /// What it was made by.
    ///
    /// ```
    /// # use glassbox_tensor::random::Key;
    /// # use glassbox_transformer::{Gpt, GptSizes};
    /// assert_eq!(Gpt::new(GptSizes::CHAR, Key::new(0)).sizes(), &GptSizes::CHAR);
    /// ```
    pub fn sizes(&self) -> &GptSizes {
        &self.sizes
    }

    /// The rows that the blocks read, of tokens from position `offset` on: (B, T) -> (B, T, C).
    ///
    /// # Panics
    /// If a token is no word, or the positions end too soon.
    #[track_caller]
    pub fn embed(&self, ids: &Ids, offset: usize) -> Var {
        self.wpe.forward(&self.wte.forward(ids), offset)
    }

    /// The logits of the next token at each row: (B, T, C) -> (B, T, V). With a cache, the rows come after those in it, and what
    /// later rows need of them is added to it.
    ///
    /// # Panics
    /// If shapes don't fit together.
    #[track_caller]
    pub fn logits(&self, x: &Var, ctx: &Context, cache: Option<&mut Cache>) -> Var {
        let x = self.trunk(x, ctx, cache);
        x.linear(&self.wte.weight.var(), None) // (B, T, C) × (C, V) -> (B, T, V)
    }

    /// What the head reads: (B, T, C) -> (B, T, C).
    fn trunk(&self, x: &Var, ctx: &Context, cache: Option<&mut Cache>) -> Var {
        let mut x = self.drop.forward(x, ctx);
        match cache {
            None if self.checkpointing => {
                self.h.iter().for_each(|block| x = checkpoint(|| block.forward(&x, ctx, None)));
            }
            None => self.h.iter().for_each(|block| x = block.forward(&x, ctx, None)),
            Some(cache) => {
                let layers = self.h.iter().zip(cache.layers());
                layers.for_each(|(block, layer)| x = block.forward(&x, ctx, Some(layer)));
            }
        }
        self.ln_f.forward(&x)
    }
}

impl LanguageModel for Gpt {
    type State = Cache;

    fn context(&self) -> usize {
        self.sizes.context
    }

    fn vectors(&self, ids: &Ids) -> Var {
        self.embed(ids, 0)
    }

    fn predict(&self, x: &Var, ctx: &Context) -> Var {
        self.logits(x, ctx, None)
    }

    fn begin(&self) -> Cache {
        let GptSizes { layers, heads, width, context, .. } = self.sizes;
        Cache::new(layers, [heads, context, width / heads])
    }

    fn read(&self, cache: &mut Cache, tokens: &[u32]) -> Tensor {
        if let &[token] = tokens
            && let Some(logits) = decoding::gpt(self, cache, token)
        {
            return logits;
        }
        let x = self.embed(&Ids::from_slice(tokens, [1, tokens.len()]), cache.len());
        let x = self.trunk(&x, &Context::eval(), Some(cache));
        let last = x.narrow(1, tokens.len() - 1, 1).reshape([1, self.sizes.width]); // only its logits are wanted
        last.linear(&self.wte.weight.var(), None).value().reshape([self.sizes.words])
    }

    fn attention(&self, tokens: &[u32]) -> Vec<Tensor> {
        let mut x = self.embed(&Ids::from_slice(tokens, [1, tokens.len()]), 0);
        let of_block = |block: &Block| {
            let [q, k, _] = block.attn.qkv(&block.ln_1.forward(&x));
            x = block.forward(&x, &Context::eval(), None);
            attention_weights(q.value(), k.value())
        };
        self.h.iter().map(of_block).collect()
    }

    fn bytes_per_token(&self) -> usize {
        2 * self.sizes.layers * self.sizes.width * size_of::<f32>() // a key and a value in each layer
    }
}
