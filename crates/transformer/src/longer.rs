//! Presets that take minutes: plays by a larger model, and code with holes in it.

use crate::llama::Llama;
use crate::presets::{LLAMA, LLAMA_SMALL, OF_LLAMA, joined};
use crate::training::Training;
use glassbox_train::{Build, Preset, Setting, Value};

/// A larger model of plays.
pub static GPT_SHAKESPEARE: Preset = Preset {
    name: "gpt-shakespeare",
    about: "plays, with more of everything: a Llama of 6 layers of 6 heads, 192 wide, on 128 byte pairs",
    cost: "a quarter of an hour on two cores, 64 MB on disk",
    formula: LLAMA_SMALL.formula,
    data: "shakespeare",
    settings: &with(
        OF_LLAMA,
        [
            ("tokens", Value::Word("bpe")),
            ("vocabulary", Value::Count(512)),
            ("context", Value::Count(128)),
            ("layers", Value::Count(6)),
            ("heads", Value::Count(6)),
            ("kv_heads", Value::Count(6)),
            ("width", Value::Count(192)),
            ("feed_forward", Value::Count(512)),
            ("dropout", Value::Real(0.2)),
            ("lr", Value::Real(2e-3)),
        ],
    ),
    steps: Some(4800),
    build: Build::Text(|config, text| Ok(Box::new(Training::<Llama>::new(config, text)?))),
};

/// Rust, also in the middle.
pub static GPT_CODE: Preset = Preset {
    name: "gpt-code",
    about: "completes Rust, also in the middle, after Glassbox's own source: a Llama, 4 layers of 4 heads, 192 wide, on 256 byte pairs",
    cost: "ten minutes on two cores, 64 MB on disk",
    formula: "\
prefix middle suffix → <|fim_prefix|> prefix <|fim_suffix|> suffix <|fim_middle|> middle <|endoftext|>
                                                    in a share fim of the windows, cut at two characters drawn alike
x = embed_tokens[ids]                               (B, T) -> (B, T, C)
a = softmax(R(q)·R(k)ᵀ/√D + causal mask)·v          R turns pairs by their position; (B, H, T, D), k and v in Hkv heads
x ← x + a·W_oᵀ                                      q, k, v are products of rms_norm(x), (B, T, C)
x ← x + (silu(h·W_gateᵀ)∘(h·W_upᵀ))·W_downᵀ         h = rms_norm(x), (B, T, C) -> (B, T, F) -> (B, T, C); both steps L times
logits = rms_norm(x)·embed_tokensᵀ                  (B, T, C) -> (B, T, V)
loss = −ln softmax(logits)[next token]              mean over all tokens of the batch, in nats
held out: perplexity = e^loss,  bits_per_byte = loss·tokens / (bytes·ln 2)",
    data: "source",
    settings: &joined::<1, LLAMA, { 1 + LLAMA }>(
        [Setting::real("fim", "share of the windows whose middle comes last", 0.5, 0.0, 1.0)],
        with(
            OF_LLAMA,
            [
                ("tokens", Value::Word("bpe")),
                ("vocabulary", Value::Count(1024)),
                ("context", Value::Count(256)),
                ("batch", Value::Count(8)),
                ("width", Value::Count(192)),
                ("feed_forward", Value::Count(512)),
                ("dropout", Value::Real(0.2)),
                ("lr", Value::Real(2e-3)),
            ],
        ),
    ),
    steps: Some(3000),
    build: Build::Text(|config, text| Ok(Box::new(Training::<Llama>::new(config, text)?))),
};

/// These settings with other values where they aren't set.
const fn with<const N: usize, const M: usize>(mut all: [Setting; N], values: [(&str, Value); M]) -> [Setting; N] {
    let (mut j, mut found) = (0, 0);
    while j < M {
        let mut i = 0;
        while i < N {
            if alike(all[i].name, values[j].0) {
                all[i] = all[i].or(values[j].1);
                found += 1;
            }
            i += 1;
        }
        j += 1;
    }
    assert!(found == M, "each value is of a setting that there is");
    all
}

/// `==` of texts, which constants have none of.
const fn alike(a: &str, b: &str) -> bool {
    let (a, b, mut i) = (a.as_bytes(), b.as_bytes(), 0);
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}
