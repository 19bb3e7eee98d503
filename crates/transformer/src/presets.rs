//! The models by name, with what they cost and what can be set.

use crate::bert::BERT;
use crate::bigram::Bigram;
use crate::conv_lm::ConvLm;
use crate::documents::{DOCUMENTS, SPLIT};
use crate::encoder_decoder::ENCODER_DECODER;
use crate::gpt::Gpt;
use crate::llama::Llama;
use crate::longer::{GPT_CODE, GPT_SHAKESPEARE};
use crate::mlp_lm::MlpLm;
use crate::recurrence::Cell;
use crate::rnn_lm::RnnLm;
use crate::training::Training;
use glassbox_train::{Build, Preset, Setting};

/// How many settings all have.
const ALL: usize = 15;

/// What all have: the tokens, the windows of a step, nanoGPT's schedule, and when a run says how far it is.
const fn schedule(lr: f64, min_lr: f64, weight_decay: f64) -> [Setting; ALL] {
    [
        Setting::choice("tokens", "what a token is", &["characters", "bytes", "bpe"]),
        Setting::count("vocabulary", "tokens that there are, if they are byte pairs (bpe)", 512, 257, 65_536),
        Setting::count("batch", "windows in a step", 12, 1, 8192),
        Setting::count("accumulate", "parts that the batch is computed in, one after the other", 1, 1, 8192),
        Setting::count("context", "tokens of a window", 64, 1, 65_536),
        Setting::real("lr", "AdamW's learning rate after the warm-up", lr, 1e-8, 1.0),
        Setting::real("min_lr", "what it falls to along a cosine", min_lr, 0.0, 1.0),
        Setting::count("warmup", "steps in which it rises", 100, 0, 1_000_000_000),
        Setting::real("beta2", "how much of the running square of gradients a step keeps", 0.99, 0.0, 0.999_999),
        Setting::real("weight_decay", "how matrices are drawn towards 0", weight_decay, 0.0, 10.0),
        Setting::real("clip", "the largest norm of the gradient", 1.0, 1e-6, 1e9),
        DOCUMENTS,
        SPLIT,
        Setting::count("sample_every", "steps between texts and held-out losses", 500, 1, 1_000_000_000),
        Setting::count("checkpoint_every", "steps between checkpoints", 500, 1, 1_000_000_000),
    ]
}

/// Who updates the matrices in blocks.
const OPTIMIZER: Setting = Setting::choice("optimizer", "what updates the matrices of blocks", &["adamw", "muon"]);

/// Memory for time.
const CHECKPOINTING: Setting = Setting::choice(
    "checkpointing",
    "whether blocks are computed again in backward, for less memory",
    &["false", "true"],
);

/// Against learning one text by heart.
const DROPOUT: Setting =
    Setting::real("dropout", "share of the numbers that training drops from each branch", 0.0, 0.0, 0.99);

/// What is learned besides a trained model.
const LORA: Setting = Setting::count(
    "lora",
    "rank of what is learned besides a trained model's matrices (--from); 0 trains them",
    0,
    0,
    4096,
);
const LORA_ALPHA: Setting =
    Setting::real("lora_alpha", "by how much that counts, divided by the rank", 16.0, 1e-3, 1e6);
const LORA_ON: Setting = Setting::choice("lora_on", "which matrices have it", &["attention", "all"]);

/// Some settings and others; N is A + B.
pub(crate) const fn joined<const A: usize, const B: usize, const N: usize>(
    own: [Setting; A],
    all: [Setting; B],
) -> [Setting; N] {
    let mut settings = [all[0]; N];
    let mut i = 0;
    while i < N {
        settings[i] = if i < A { own[i] } else { all[i - A] };
        i += 1;
    }
    settings
}

/// Pairs of characters.
pub static BIGRAM: Preset = Preset {
    name: "bigram",
    about: "the first rung to a GPT: a table of which character follows which",
    cost: "a second on two cores, 1 MB on disk",
    formula: "\
logits = table[last token]                          (B, T) -> (B, T, V)
loss = −ln softmax(logits)[next token]              mean over all tokens of the batch, in nats; least where
                                                    softmax(table[i])[j] is the share of j among what follows i
held out: perplexity = e^loss,  bits_per_byte = loss·tokens / (bytes·ln 2)
          counted = −ln (n(i, j) + 1)/(n(i) + V)    of the table that needs no training, n counted in the text to learn from",
    data: "shakespeare",
    settings: &schedule(0.05, 0.005, 0.0),
    steps: Some(2000),
    build: Build::Text(|config, text| Ok(Box::new(Training::<Bigram>::new(config, text)?))),
};

/// A hidden layer on the last few characters.
pub static MLP_LM: Preset = Preset {
    name: "mlp-lm",
    about: "the second rung: a hidden layer of 256 on the last 8 characters",
    cost: "ten seconds on two cores, 3 MB on disk",
    formula: "\
h = tanh(W1·(C[x_{t−K+1}], …, C[x_t]) + b1)         the vectors of the last K tokens, (B, T, K·E) -> (B, T, H)
logits = W2·h + b2                                  (B, T, H) -> (B, T, V)
loss = −ln softmax(logits)[next token]              mean over all tokens of the batch, in nats
held out: perplexity = e^loss,  bits_per_byte = loss·tokens / (bytes·ln 2)",
    data: "shakespeare",
    settings: &joined::<3, ALL, { 3 + ALL }>(
        [
            Setting::count("seen", "tokens that a prediction looks at", 8, 1, 1024),
            Setting::count("width", "numbers for each of them", 24, 1, 65_536),
            Setting::count("hidden", "units of the hidden layer", 256, 1, 65_536),
        ],
        schedule(3e-3, 3e-4, 0.1),
    ),
    steps: Some(2000),
    build: Build::Text(|config, text| Ok(Box::new(Training::<MlpLm>::new(config, text)?))),
};

/// A recurrent network.
pub static RNN_LM: Preset = Preset {
    name: "rnn-lm",
    about: "the third rung: a recurrent network with a state of 256 numbers, with gates or without",
    cost: "a minute on two cores, 7 MB on disk",
    formula: "\
cell = tanh: h ← tanh(W_ih·C[x_t] + W_hh·h)
cell = gru:  r, z = σ(gates of C[x_t] and h)        what of the state is seen, what of it stays
             n = tanh(W_in·C[x_t] + r∘(W_hn·h)),  h ← (1 − z)∘n + z∘h
cell = lstm: i, f, o = σ(gates of C[x_t] and h),  c ← f∘c + i∘tanh(W_ig·C[x_t] + W_hg·h),  h ← o∘tanh(c)
logits = W·h + b                                    (B, T) -> (B, T, E) -> (B, T, H) -> (B, T, V)
loss = −ln softmax(logits)[next token]              mean over all tokens of the batch, in nats
held out: perplexity = e^loss,  bits_per_byte = loss·tokens / (bytes·ln 2)",
    data: "shakespeare",
    settings: &joined::<3, ALL, { 3 + ALL }>(
        [
            Setting::choice("cell", "what makes the next state", Cell::WORDS),
            Setting::count("width", "numbers for each token", 64, 1, 65_536),
            Setting::count("hidden", "numbers of the state", 256, 1, 65_536),
        ],
        schedule(3e-3, 3e-4, 0.1),
    ),
    steps: Some(2000),
    build: Build::Text(|config, text| Ok(Box::new(Training::<RnnLm>::new(config, text)?))),
};

/// Causal convolutions.
pub static CONV_LM: Preset = Preset {
    name: "conv-lm",
    about: "a WaveNet of characters: gated convolutions of two taps, 1, 2, 4, … 32 apart, on 64 characters",
    cost: "a minute on two cores, 7 MB on disk",
    formula: "\
x = C[ids]                                          (B, T) -> (B, C, T)
a, b = W·(x_{t−d}, x_t)                             d = 1, 2, 4, …; (B, C, T) -> (B, 2C, T)
x ← x + V·(tanh(a)∘σ(b))                            L times; 2^L tokens are seen
logits = W·relu(x)                                  (B, C, T) -> (B, T, V)
loss = −ln softmax(logits)[next token]              mean over all tokens of the batch, in nats
held out: perplexity = e^loss,  bits_per_byte = loss·tokens / (bytes·ln 2)",
    data: "shakespeare",
    settings: &joined::<2, ALL, { 2 + ALL }>(
        [
            Setting::count("layers", "layers, each of which doubles how many tokens are seen", 6, 1, 16),
            Setting::count("width", "numbers for each token", 128, 1, 16_384),
        ],
        schedule(3e-3, 3e-4, 0.1),
    ),
    steps: Some(2000),
    build: Build::Text(|config, text| Ok(Box::new(Training::<ConvLm>::new(config, text)?))),
};

/// nanoGPT's setting for a processor.
pub static GPT: Preset = Preset {
    name: "gpt",
    about: "a GPT of characters that writes plays: 4 layers of 4 heads, 128 wide, on 64 characters",
    cost: "a minute or two on two cores, 20 MB on disk",
    formula: "\
x = wte[ids] + wpe[0..T]                            (B, T) -> (B, T, C)
a = softmax(q·kᵀ/√D + causal mask)·v                q, k, v = ln_1(x)·W_attnᵀ in H heads of D = C/H, (B, H, T, D)
x ← x + a·W_projᵀ                                   (B, T, C)
x ← x + gelu(ln_2(x)·W_fcᵀ)·W_projᵀ                 (B, T, C) -> (B, T, 4C) -> (B, T, C); both steps L times
logits = ln_f(x)·wteᵀ                               (B, T, C) -> (B, T, V)
loss = −ln softmax(logits)[next token]              mean over all tokens of the batch, in nats
held out: perplexity = e^loss,  bits_per_byte = loss·tokens / (bytes·ln 2)",
    data: "shakespeare",
    settings: &joined::<9, ALL, { 9 + ALL }>(
        [
            Setting::count("layers", "blocks", 4, 1, 1024),
            Setting::count("heads", "heads of attention in each", 4, 1, 1024),
            Setting::count("width", "numbers for each token", 128, 1, 65_536),
            DROPOUT,
            OPTIMIZER,
            CHECKPOINTING,
            LORA,
            LORA_ALPHA,
            LORA_ON,
        ],
        schedule(1e-3, 1e-4, 0.1),
    ),
    steps: Some(2000),
    build: Build::Text(|config, text| Ok(Box::new(Training::<Gpt>::new(config, text)?))),
};

/// How many settings a Llama has.
pub(crate) const LLAMA: usize = 11 + ALL;

/// Those settings.
pub(crate) const OF_LLAMA: [Setting; LLAMA] = joined::<11, ALL, LLAMA>(
    [
        Setting::count("layers", "blocks", 4, 1, 1024),
        Setting::count("heads", "heads of queries in each", 4, 1, 1024),
        Setting::count("kv_heads", "heads of keys and values, which divide those of queries", 2, 1, 1024),
        Setting::count("width", "numbers for each token", 128, 1, 65_536),
        Setting::count("feed_forward", "numbers between the products of the feed-forward part", 344, 1, 262_144),
        DROPOUT,
        OPTIMIZER,
        CHECKPOINTING,
        LORA,
        LORA_ALPHA,
        LORA_ON,
    ],
    schedule(1e-3, 1e-4, 0.1),
);

/// The same size of a Llama.
pub static LLAMA_SMALL: Preset = Preset {
    name: "llama-small",
    about: "a Llama of characters: 4 layers of 4 heads of queries and 2 of keys, 128 wide, on 64 characters",
    cost: "a minute or two on two cores, 20 MB on disk",
    formula: "\
x = embed_tokens[ids]                               (B, T) -> (B, T, C)
a = softmax(R(q)·R(k)ᵀ/√D + causal mask)·v          R turns pairs by their position; (B, H, T, D), k and v in Hkv heads
x ← x + a·W_oᵀ                                      q, k, v are products of rms_norm(x), (B, T, C)
x ← x + (silu(h·W_gateᵀ)∘(h·W_upᵀ))·W_downᵀ         h = rms_norm(x), (B, T, C) -> (B, T, F) -> (B, T, C); both steps L times
logits = rms_norm(x)·embed_tokensᵀ                  (B, T, C) -> (B, T, V)
loss = −ln softmax(logits)[next token]              mean over all tokens of the batch, in nats
held out: perplexity = e^loss,  bits_per_byte = loss·tokens / (bytes·ln 2)",
    data: "shakespeare",
    settings: &OF_LLAMA,
    steps: Some(2000),
    build: Build::Text(|config, text| Ok(Box::new(Training::<Llama>::new(config, text)?))),
};

/// All presets of this family.
pub static PRESETS: &[&Preset] =
    &[&BIGRAM, &MLP_LM, &RNN_LM, &CONV_LM, &GPT, &LLAMA_SMALL, &GPT_SHAKESPEARE, &GPT_CODE, &ENCODER_DECODER, &BERT];
