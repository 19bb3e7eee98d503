//! What a block of a [`Llama`] computes: a [`TransformerBlock`](glassbox_nn::TransformerBlock) whose products may have something learned
//! besides, whose branches training may drop numbers from, and which may come after rows that are kept.
//!
//! ```text
//! x ← x + drop(attention(input_layernorm(x)))
//! x ← x + drop((silu(h·W_gateᵀ)∘(h·W_upᵀ))·W_downᵀ)      h = post_attention_layernorm(x)
//! ```
//!
//! A test holds it to the block of the floor below, whose weights it has.

use crate::cache::Layer;
use crate::llama::{Llama, LlamaSizes};
use crate::lora::{Lora, LoraSizes, merge, product};
use glassbox_autograd::{AttentionOptions, Var};
use glassbox_nn::{Context, Linear, Module};
use glassbox_tensor::random::Key;

/// What is learned besides the matrices of a block: `self_attn.q_proj.lora.A` beside `self_attn.q_proj.weight`.
#[derive(Debug, Clone, Module)]
pub struct BlockLora {
    /// Beside the queries' matrix.
    #[module(name = "self_attn.q_proj.lora")]
    pub q_proj: Option<Lora>,
    /// Beside the keys'.
    #[module(name = "self_attn.k_proj.lora")]
    pub k_proj: Option<Lora>,
    /// Beside the values'.
    #[module(name = "self_attn.v_proj.lora")]
    pub v_proj: Option<Lora>,
    /// Beside that of what attention gives.
    #[module(name = "self_attn.o_proj.lora")]
    pub o_proj: Option<Lora>,
    /// Beside the gate's.
    #[module(name = "mlp.gate_proj.lora")]
    pub gate_proj: Option<Lora>,
    /// Beside that of what the gate lets through.
    #[module(name = "mlp.up_proj.lora")]
    pub up_proj: Option<Lora>,
    /// Beside the last.
    #[module(name = "mlp.down_proj.lora")]
    pub down_proj: Option<Lora>,
}

/// What is learned besides a [`Llama`]'s matrices.
#[derive(Debug, Clone, Default, Module)]
pub struct LlamaLora {
    /// Beside those of each block; of a model that isn't [adapted](Llama::with_lora), none.
    #[module(name = "model.layers")]
    pub layers: Vec<BlockLora>,
}

impl Llama {
    /// The same model, of which nothing is trained but what [`Lora`] adds to its matrices.
    ///
    /// ```
    /// use glassbox_nn::Module;
    /// use glassbox_tensor::random::Key;
    /// use glassbox_transformer::{Llama, LlamaSizes, LoraSizes};
    /// let sizes = LlamaSizes { words: 65, context: 64, layers: 4, heads: 4, kv_heads: 2, width: 128, feed_forward: 344 };
    /// let lora = LoraSizes { rank: 4, alpha: 8.0, feed_forward: false };
    /// let llama = Llama::new(sizes, Key::new(0)).with_lora(lora, Key::new(1));
    /// let trained = llama.parameters().iter().filter(|(_, p)| !p.is_frozen()).map(|(_, p)| p.value().numel()).sum::<usize>();
    /// assert_eq!(trained, 4 * 4 * (2 * (128 + 128) + 2 * (128 + 64))); // layers × rank × (in + out) of q and o, k and v
    /// ```
    ///
    /// # Panics
    /// If the rank is 0.
    #[track_caller]
    pub fn with_lora(mut self, sizes: LoraSizes, key: Key) -> Self {
        self.freeze();
        let LoraSizes { rank, alpha, feed_forward } = sizes;
        let of_block = |(i, block): (usize, &glassbox_nn::TransformerBlock)| {
            let lora = |linear: &Linear, salt| Some(Lora::new(linear, rank, alpha, key.fold(i as u64).fold(salt)));
            let (attn, mlp) = (&block.self_attn, &block.mlp);
            let fed = |linear: &Linear, salt| if feed_forward { lora(linear, salt) } else { None };
            BlockLora {
                q_proj: lora(&attn.q_proj, 0),
                k_proj: lora(&attn.k_proj, 1),
                v_proj: lora(&attn.v_proj, 2),
                o_proj: lora(&attn.o_proj, 3),
                gate_proj: fed(&mlp.gate_proj, 4),
                up_proj: fed(&mlp.up_proj, 5),
                down_proj: fed(&mlp.down_proj, 6),
            }
        };
        self.lora.layers = self.layers.iter().enumerate().map(of_block).collect();
        self
    }

    /// The same model without what [`Lora`] had added: it is part of the matrices now.
    pub fn merged(mut self) -> Self {
        for (block, mut lora) in self.layers.iter_mut().zip(std::mem::take(&mut self.lora.layers)) {
            let (attn, mlp) = (&mut block.self_attn, &mut block.mlp);
            merge(&mut attn.q_proj, &mut lora.q_proj);
            merge(&mut attn.k_proj, &mut lora.k_proj);
            merge(&mut attn.v_proj, &mut lora.v_proj);
            merge(&mut attn.o_proj, &mut lora.o_proj);
            merge(&mut mlp.gate_proj, &mut lora.gate_proj);
            merge(&mut mlp.up_proj, &mut lora.up_proj);
            merge(&mut mlp.down_proj, &mut lora.down_proj);
        }
        self
    }

    /// x·Wᵀ of one of block `l`'s matrices, with what was learned besides it.
    fn product(&self, l: usize, linear: &Linear, lora: impl Fn(&BlockLora) -> &Option<Lora>, x: &Var) -> Var {
        product(linear, self.lora.layers.get(l).and_then(|all| lora(all).as_ref()), x)
    }

    /// Block `l`'s queries, keys and values of rows that stand from position `offset` on: (B, T, C) -> (B, H, T, D) and
    /// 2 × (B, Hkv, T, D).
    pub(crate) fn qkv(&self, l: usize, h: &Var, offset: usize) -> [Var; 3] {
        let &LlamaSizes { heads, kv_heads, width, .. } = self.sizes();
        let (attn, b, t) = (&self.layers[l].self_attn, h.shape()[0], h.shape()[1]);
        let split = |x: Var, of: usize| x.reshape([b, t, of, width / heads]).permute(&[0, 2, 1, 3]);
        let q = split(self.product(l, &attn.q_proj, |lora| &lora.q_proj, h), heads);
        let q = self.rotary().forward(&q, offset);
        let k = split(self.product(l, &attn.k_proj, |lora| &lora.k_proj, h), kv_heads);
        let k = self.rotary().forward(&k, offset);
        [q, k, split(self.product(l, &attn.v_proj, |lora| &lora.v_proj, h), kv_heads)]
    }

    /// Block `l`: (B, T, C) -> (B, T, C). With a layer of a cache, which is of one sequence, the rows come after those that are in it.
    pub(crate) fn block(&self, l: usize, x: &Var, ctx: &Context, layer: Option<&mut Layer>) -> Var {
        let (block, drop) = (&self.layers[l], self.drop());
        let offset = layer.as_ref().map_or(0, |layer| layer.len());
        let [q, k, v] = &self.qkv(l, &block.input_layernorm.forward(x), offset);
        let causal = AttentionOptions { causal: true, ..Default::default() };
        let y = match layer {
            None => q.attention(k, v, causal), // -> (B, H, T, D)
            Some(layer) => {
                let [k, v] = layer.append(k.value(), v.value()).map(Var::constant); // (1, Hkv, S, D), S tokens until now
                q.attention(&k, &v, causal)
            }
        };
        let y = y.permute(&[0, 2, 1, 3]).reshape(x.shape());
        let x = x + &drop.forward(&self.product(l, &block.self_attn.o_proj, |lora| &lora.o_proj, &y), ctx);
        let (h, mlp) = (block.post_attention_layernorm.forward(&x), &block.mlp);
        let gate = self.product(l, &mlp.gate_proj, |lora| &lora.gate_proj, &h); // (B, T, C) -> (B, T, F)
        let h = gate.swiglu(&self.product(l, &mlp.up_proj, |lora| &lora.up_proj, &h));
        &x + &drop.forward(&self.product(l, &mlp.down_proj, |lora| &lora.down_proj, &h), ctx)
    }
}
