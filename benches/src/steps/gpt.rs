//! GPT-2's transformer at two sizes: pre-norm blocks without biases, GELU, learned positions, and the embedding as the head.
//!
//! | | layers | heads | C | context | batch | words | parameters |
//! | --- | --- | --- | --- | --- | --- | --- | --- |
//! | char | 4 | 4 | 128 | 64 | 12 | 65 | 804,096 |
//! | baby | 6 | 6 | 384 | 256 | 16 | 65 | 10,745,088 |
//!
//! Radford et al. 2019, Language Models are Unsupervised Multitask Learners; the sizes are nanoGPT's.

use super::{Step, rule};
use glassbox_autograd::{AttentionOptions, CrossEntropyOptions, Gradients, Var};
use glassbox_nn::optim::{Adam, AdamRule, WeightDecay, clip_grad_norm};
use glassbox_nn::{Embedding, LayerNorm, Linear, Module, Name, SlotMut};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Ids, Tensor};

/// What a GPT is made by.
#[derive(Debug, Clone, Copy)]
pub struct GptSizes {
    /// Blocks.
    pub layers: usize,
    /// Heads of attention in each.
    pub heads: usize,
    /// C: numbers for each token.
    pub dim: usize,
    /// T: tokens that it sees.
    pub context: usize,
    /// V: words.
    pub words: usize,
}

impl GptSizes {
    /// 4 layers of 128.
    pub const CHAR: Self = Self { layers: 4, heads: 4, dim: 128, context: 64, words: 65 };
    /// 6 layers of 384.
    pub const BABY: Self = Self { layers: 6, heads: 6, dim: 384, context: 256, words: 65 };
}

#[derive(Debug, Module)]
struct Block {
    ln1: LayerNorm,
    qkv: Linear,
    proj: Linear,
    ln2: LayerNorm,
    fc: Linear,
    fc2: Linear,
    #[module(skip)]
    heads: usize,
}

impl Block {
    fn build(c: usize, heads: usize, key: Key) -> Self {
        Self {
            ln1: LayerNorm::new([c]).without_bias(),
            qkv: Linear::without_bias(c, 3 * c, key.fold(0)),
            proj: Linear::without_bias(c, c, key.fold(1)),
            ln2: LayerNorm::new([c]).without_bias(),
            fc: Linear::without_bias(c, 4 * c, key.fold(2)),
            fc2: Linear::without_bias(4 * c, c, key.fold(3)),
            heads,
        }
    }

    fn forward(&self, x: &Var) -> Var {
        let &[b, t, c] = x.shape() else { unreachable!("(B, T, C)") };
        let qkv = self.qkv.forward(&self.ln1.forward(x)); // (B, T, C) -> (B, T, 3C)
        let heads = qkv.reshape([b, t, 3 * self.heads, c / self.heads]).permute(&[0, 2, 1, 3]).chunk(3, 1);
        let causal = AttentionOptions { causal: true, ..Default::default() };
        let y = heads[0].attention(&heads[1], &heads[2], causal); // 3 × (B, H, T, C/H) -> (B, H, T, C/H)
        let x = x + &self.proj.forward(&y.permute(&[0, 2, 1, 3]).reshape([b, t, c]));
        &x + &self.fc2.forward(&self.fc.forward(&self.ln2.forward(&x)).gelu()) // C -> 4C -> C
    }
}

/// The transformer. Its head is the embedding again, so it has no name of its own.
#[derive(Debug, Module)]
pub struct Gpt {
    wte: Embedding,
    wpe: Embedding,
    blocks: Vec<Block>,
    lnf: LayerNorm,
}

impl Gpt {
    /// All matrices from N(0, 0.02²).
    pub fn build(sizes: GptSizes, key: Key) -> Self {
        let GptSizes { layers, heads, dim: c, context, words } = sizes;
        let mut gpt = Self {
            wte: Embedding::new(words, c, key),
            wpe: Embedding::new(context, c, key),
            blocks: (0..layers).map(|_| Block::build(c, heads, key)).collect(),
            lnf: LayerNorm::new([c]).without_bias(),
        };
        let mut number = 0;
        gpt.visit_mut(Name::root(), &mut |_, slot| {
            if let SlotMut::Param(param) = slot
                && param.value().rank() == 2
            {
                number += 1;
                param.set_value(&Tensor::randn(param.value().shape(), key.fold(number)) * 0.02);
            }
        });
        gpt
    }

    /// The mean of −ln p(y | x up to here) over all tokens: x and y are (B, T).
    pub fn loss(&self, x: &Ids, y: &Ids) -> Var {
        let mut h = &self.wte.forward(x) + &self.wpe.weight.var().narrow(0, 0, x.shape()[1]); // (B, T, C) + (T, C)
        for block in &self.blocks {
            h = block.forward(&h);
        }
        let logits = self.lnf.forward(&h).linear(&self.wte.weight.var(), None); // (B, T, C) -> (B, T, V)
        logits.cross_entropy(y, CrossEntropyOptions::default())
    }
}

/// The step of [`Gpt`]: gradients clipped to a norm of 1, AdamW with decay for matrices alone.
#[derive(Debug, Module)]
pub struct GptStep {
    #[module(flatten)]
    model: Gpt,
    #[module(skip)]
    adamw: Adam,
    #[module(skip)]
    words: usize,
    #[module(skip)]
    x: Ids,
    #[module(skip)]
    y: Ids,
}

impl GptStep {
    /// On one batch of words.
    pub fn build(sizes: GptSizes, batch: usize, key: Key) -> Self {
        let decay = WeightDecay::Decoupled(0.1);
        let adamw = Adam::with(AdamRule { betas: (0.9, 0.99), weight_decay: decay, ..AdamRule::default() })
            .group_where(|_, p| p.value().rank() < 2, |rule| rule.weight_decay = WeightDecay::Decoupled(0.0));
        let ids = |salt| Ids::randint(sizes.words as u32, [batch, sizes.context], key.fold(salt));
        Self { model: Gpt::build(sizes, key.fold(0)), adamw, words: sizes.words, x: ids(1), y: ids(2) }
    }
}

impl Step for GptStep {
    fn fix(&mut self) {
        rule::fill(&mut self.model);
        let shape = self.x.shape().to_vec();
        (self.x, self.y) = (rule::ids("x", self.words as u32, &shape), rule::ids("y", self.words as u32, &shape));
    }

    fn loss(&mut self) -> f32 {
        self.model.loss(&self.x, &self.y).item()
    }

    fn step_watched(&mut self, watch: &mut dyn FnMut(&Gradients)) -> f32 {
        let loss = self.model.loss(&self.x, &self.y);
        let mut grads = loss.backward();
        watch(&grads);
        clip_grad_norm(&mut grads, 1.0);
        self.adamw.step(&mut self.model, &grads).expect("the loss reaches every parameter");
        loss.item()
    }
}
