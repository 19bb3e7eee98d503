//! The models by name, with what they cost and what can be set.

use crate::gpt::{Gelu, Gpt, GptSizes};
use crate::llama::{Llama, LlamaSizes};
use crate::training::{Trainable, Training};
use glassbox_tensor::random::Key;
use glassbox_train::{Build, Preset, RunConfig, Setting};

/// nanoGPT's setting for a processor.
pub static GPT: Preset = Preset {
    name: "gpt",
    about: "a GPT of characters that writes plays: 4 layers of 4 heads, 128 wide, on 64 characters",
    cost: "1 to 2 minutes on two cores, 27 MB on disk",
    formula: "\
x = wte[ids] + wpe[0..T]                            (B, T) -> (B, T, C)
a = softmax(q·kᵀ/√D + causal mask)·v                q, k, v = ln_1(x)·W_attnᵀ in H heads of D = C/H, (B, H, T, D)
x ← x + a·W_projᵀ                                   (B, T, C)
x ← x + gelu(ln_2(x)·W_fcᵀ)·W_projᵀ                 (B, T, C) -> (B, T, 4C) -> (B, T, C); both steps L times
logits = ln_f(x)·wteᵀ                               (B, T, C) -> (B, T, V)
loss = −ln softmax(logits)[next token]              mean over all tokens of the batch, in nats
held out: perplexity = e^loss,  bits_per_byte = loss·tokens / (bytes·ln 2)",
    data: "shakespeare",
    settings: &[
        Setting::count("batch", "windows in a step", 12, 1, 8192),
        Setting::count("context", "tokens of a window", 64, 1, 65_536),
        Setting::count("layers", "blocks", 4, 1, 1024),
        Setting::count("heads", "heads of attention in each", 4, 1, 1024),
        Setting::count("width", "numbers for each token", 128, 1, 65_536),
        Setting::real("dropout", "share of the numbers that training drops from each branch", 0.0, 0.0, 0.99),
        Setting::real("lr", "AdamW's learning rate after the warm-up", 1e-3, 1e-8, 1.0),
        Setting::real("min_lr", "what it falls to along a cosine", 1e-4, 0.0, 1.0),
        Setting::count("warmup", "steps in which it rises", 100, 0, 1_000_000_000),
        Setting::real("beta2", "how much of the running square of gradients a step keeps", 0.99, 0.0, 0.999_999),
        Setting::real("weight_decay", "how matrices are drawn towards 0", 0.1, 0.0, 10.0),
        Setting::real("clip", "the largest norm of the gradient", 1.0, 1e-6, 1e9),
        Setting::count("sample_every", "steps between texts and held-out losses", 500, 1, 1_000_000_000),
        Setting::count("checkpoint_every", "steps between checkpoints", 500, 1, 1_000_000_000),
    ],
    steps: Some(2000),
    build: Build::Text(|config, text| Ok(Box::new(Training::<Gpt>::new(config, text)?))),
};

/// The same size of a Llama.
pub static LLAMA_SMALL: Preset = Preset {
    name: "llama-small",
    about: "a Llama of characters: 4 layers of 4 heads of queries and 2 of keys, 128 wide, on 64 characters",
    cost: "1 to 2 minutes on two cores, 25 MB on disk",
    formula: "\
x = embed_tokens[ids]                               (B, T) -> (B, T, C)
a = softmax(R(q)·R(k)ᵀ/√D + causal mask)·v          R turns pairs by their position; (B, H, T, D), k and v in Hkv heads
x ← x + a·W_oᵀ                                      q, k, v are products of rms_norm(x), (B, T, C)
x ← x + (silu(h·W_gateᵀ)∘(h·W_upᵀ))·W_downᵀ         h = rms_norm(x), (B, T, C) -> (B, T, F) -> (B, T, C); both steps L times
logits = rms_norm(x)·embed_tokensᵀ                  (B, T, C) -> (B, T, V)
loss = −ln softmax(logits)[next token]              mean over all tokens of the batch, in nats
held out: perplexity = e^loss,  bits_per_byte = loss·tokens / (bytes·ln 2)",
    data: "shakespeare",
    settings: &[
        Setting::count("batch", "windows in a step", 12, 1, 8192),
        Setting::count("context", "tokens of a window", 64, 1, 65_536),
        Setting::count("layers", "blocks", 4, 1, 1024),
        Setting::count("heads", "heads of queries in each", 4, 1, 1024),
        Setting::count("kv_heads", "heads of keys and values, which divide those of queries", 2, 1, 1024),
        Setting::count("width", "numbers for each token", 128, 1, 65_536),
        Setting::count("feed_forward", "numbers between the products of the feed-forward part", 344, 1, 262_144),
        Setting::real("lr", "AdamW's learning rate after the warm-up", 1e-3, 1e-8, 1.0),
        Setting::real("min_lr", "what it falls to along a cosine", 1e-4, 0.0, 1.0),
        Setting::count("warmup", "steps in which it rises", 100, 0, 1_000_000_000),
        Setting::real("beta2", "how much of the running square of gradients a step keeps", 0.99, 0.0, 0.999_999),
        Setting::real("weight_decay", "how matrices are drawn towards 0", 0.1, 0.0, 10.0),
        Setting::real("clip", "the largest norm of the gradient", 1.0, 1e-6, 1e9),
        Setting::count("sample_every", "steps between texts and held-out losses", 500, 1, 1_000_000_000),
        Setting::count("checkpoint_every", "steps between checkpoints", 500, 1, 1_000_000_000),
    ],
    steps: Some(2000),
    build: Build::Text(|config, text| Ok(Box::new(Training::<Llama>::new(config, text)?))),
};

/// All presets of this family.
pub static PRESETS: &[&Preset] = &[&GPT, &LLAMA_SMALL];

impl Trainable for Gpt {
    fn of(config: &RunConfig, words: usize, key: Key) -> Result<Self, String> {
        let sizes = sizes(config, words);
        let GptSizes { heads, width, .. } = sizes;
        match width.is_multiple_of(heads) {
            true => Ok(Gpt::new(sizes, key)),
            false => Err(format!(
                "heads = {heads} can't share width = {width} evenly; set a width that is a multiple of the heads"
            )),
        }
    }

    fn weights(config: &RunConfig, words: usize) -> usize {
        let GptSizes { context, layers, width, .. } = sizes(config, words);
        width.saturating_mul(words + context).saturating_add(layers.saturating_mul(12 * width * width))
    }
}

fn sizes(config: &RunConfig, words: usize) -> GptSizes {
    let count = |name| config.count(name) as usize;
    GptSizes {
        words,
        context: count("context"),
        layers: count("layers"),
        heads: count("heads"),
        width: count("width"),
        bias: false,
        dropout: config.real("dropout") as f32,
        gelu: Gelu::Tanh,
    }
}

impl Trainable for Llama {
    fn of(config: &RunConfig, words: usize, key: Key) -> Result<Self, String> {
        let sizes = llama_sizes(config, words);
        let LlamaSizes { heads, kv_heads, width, .. } = sizes;
        if !width.is_multiple_of(2 * heads) {
            return Err(format!(
                "heads = {heads} can't share width = {width} in pairs, which rotary positions turn; set a width that is a \
                 multiple of twice the heads"
            ));
        }
        match heads.is_multiple_of(kv_heads) {
            true => Ok(Llama::new(sizes, key)),
            false => Err(format!(
                "kv_heads = {kv_heads} can't serve heads = {heads} evenly; set heads that are a multiple of them"
            )),
        }
    }

    fn weights(config: &RunConfig, words: usize) -> usize {
        let LlamaSizes { layers, width, feed_forward, .. } = llama_sizes(config, words);
        width.saturating_mul(words).saturating_add(layers.saturating_mul(4 * width * width + 3 * width * feed_forward))
    }
}

fn llama_sizes(config: &RunConfig, words: usize) -> LlamaSizes {
    let count = |name| config.count(name) as usize;
    LlamaSizes {
        words,
        context: count("context"),
        layers: count("layers"),
        heads: count("heads"),
        kv_heads: count("kv_heads"),
        width: count("width"),
        feed_forward: count("feed_forward"),
    }
}
