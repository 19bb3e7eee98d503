//! One token through a model, as steps of a [`relay`](glassbox_tensor::relay): what writing with a cache costs.
//!
//! The layers' own `forward` says what a model is, for any number of tokens, with a graph if one is wanted. For a single token most of
//! its time would go into what surrounds the arithmetic. Here the same is said as places and steps, by the same weights; tests hold
//! what both write to each other.

use crate::cache::{Cache, kept, logits, row};
use crate::gpt::{Block, Gelu, Gpt, GptSizes};
use crate::llama::{Llama, LlamaSizes};
use glassbox_nn::{LayerNorm, Linear, Param, RmsNorm, TransformerBlock};
use glassbox_tensor::Tensor;
use glassbox_tensor::relay::{Span, Step, Then};

/// Stages of steps, or `None` where a weight isn't in one piece.
type Stages<'a> = Option<Vec<Vec<Step<'a>>>>;

fn slice(param: &Param) -> Option<&[f32]> {
    param.value().as_slice()
}

/// y = [y +] x·Wᵀ + b
fn linear(layer: &Linear, x: Span, y: Span, add: bool, then: Then) -> Option<Step<'_>> {
    let bias = match &layer.bias {
        None => None,
        Some(bias) => Some(slice(bias)?),
    };
    Some(Step::Linear { x, y, weight: slice(&layer.weight)?, bias, add, then })
}

fn layer_norm(layer: &LayerNorm, x: Span, y: Span) -> Option<Step<'_>> {
    let of = |p: &'_ Option<Param>| p.is_none() || p.as_ref().and_then(slice).is_some();
    let whole = of(&layer.weight) && of(&layer.bias);
    let [weight, bias] = [&layer.weight, &layer.bias].map(|p| p.as_ref().and_then(slice));
    whole.then_some(Step::Norm { x, y, weight, bias, centered: true, eps: layer.eps })
}

fn rms_norm(layer: &RmsNorm, x: Span, y: Span) -> Option<Step<'_>> {
    let weight = slice(layer.weight.as_ref()?)?;
    Some(Step::Norm { x, y, weight: Some(weight), bias: None, centered: false, eps: layer.eps })
}

/// The logits after one more token; `None` if it can't be done this way.
pub(crate) fn gpt(gpt: &Gpt, cache: &mut Cache, token: u32) -> Option<Tensor> {
    let &GptSizes { words, width: c, .. } = gpt.sizes();
    let (at, token) = (cache.len(), token as usize);
    let positions = gpt.wpe.weight.value().shape()[0];
    assert!(token < words, "Gpt: token {token} is not one of {words}");
    if at >= positions {
        return None; // whose panic says what is too long
    }
    let (wte, wpe) = (slice(&gpt.wte.weight)?, slice(&gpt.wpe.weight)?);
    let [word, place] = [&wte[token * c..][..c], &wpe[at * c..][..c]];
    let x0: Vec<f32> = word.iter().zip(place).map(|(w, p)| w + p).collect();
    let (x, h) = (row(0, c), row(c, c));
    let mut stages = Vec::with_capacity(7 * gpt.h.len() + 2);
    for (l, block) in gpt.h.iter().enumerate() {
        stages.extend(gpt_block(block, gpt.sizes(), l, at)?);
    }
    stages.push(vec![layer_norm(&gpt.ln_f, x, h)?]);
    stages.push(vec![head(wte, h, words)]);
    Some(cache.step(&x0, 8 * c, words, &stages))
}

fn head(weight: &[f32], x: Span, words: usize) -> Step<'_> {
    Step::Linear { x, y: logits(words), weight, bias: None, add: false, then: Then::Nothing }
}

/// x ← x + attn(ln_1(x)), then x + mlp(ln_2(x)), of a token at position `at`.
fn gpt_block<'a>(block: &'a Block, sizes: &GptSizes, l: usize, at: usize) -> Stages<'a> {
    let &GptSizes { width: c, heads, gelu, .. } = sizes;
    let [x, h, q, y] = [0, 1, 2, 3].map(|i| row(i * c, c));
    let f = row(4 * c, 4 * c);
    let (attn, mlp) = (&block.attn, &block.mlp);
    if [&attn.c_attn_lora, &attn.c_proj_lora, &mlp.c_fc_lora, &mlp.c_proj_lora].into_iter().any(Option::is_some) {
        return None; // what is learned besides has steps of its own, until it is merged
    }
    // The rows of the one product for queries, keys and values: each third has its own place.
    let (weight, bias) = (slice(&attn.c_attn.weight)?, attn.c_attn.bias.as_ref());
    let bias = bias.map(slice).map_or(Some(None), |bias| bias.map(Some))?;
    let third = |i: usize, y| {
        let weight = &weight[i * c * c..][..c * c];
        Step::Linear { x: h, y, weight, bias: bias.map(|b| &b[i * c..][..c]), add: false, then: Then::Nothing }
    };
    let then = match gelu {
        Gelu::Exact => Then::Gelu,
        Gelu::Tanh => Then::GeluTanh,
    };
    let [keys, values] = [0, 1].map(|which| kept(l, which, [0, at + 1], c));
    Some(vec![
        vec![layer_norm(&block.ln_1, x, h)?],
        vec![third(0, q), third(1, kept(l, 0, [at, at + 1], c)), third(2, kept(l, 1, [at, at + 1], c))],
        vec![Step::Attend { q, keys, values, y, heads, kv_heads: heads }],
        vec![linear(&attn.c_proj, y, x, true, Then::Nothing)?],
        vec![layer_norm(&block.ln_2, x, h)?],
        vec![linear(&mlp.c_fc, h, f, false, then)?],
        vec![linear(&mlp.c_proj, f, x, true, Then::Nothing)?],
    ])
}

/// The logits after one more token; `None` if it can't be done this way.
pub(crate) fn llama(llama: &Llama, cache: &mut Cache, token: u32) -> Option<Tensor> {
    let &LlamaSizes { words, context, width: c, feed_forward, .. } = llama.sizes();
    let (at, token) = (cache.len(), token as usize);
    assert!(token < words, "Llama: token {token} is not one of {words}");
    if at >= context || !llama.lora.layers.is_empty() {
        return None; // whose panic says what is too long; and what is learned besides has steps of its own, until it is merged
    }
    let embedding = slice(&llama.embed_tokens.weight)?;
    let weight = llama.lm_head.as_ref().map_or(Some(embedding), |head| slice(&head.weight))?;
    let (x, h) = (row(0, c), row(c, c));
    let angles = llama.rotary().table().cos_sin(at);
    let mut stages = Vec::with_capacity(9 * llama.layers.len() + 2);
    for (l, block) in llama.layers.iter().enumerate() {
        stages.extend(llama_block(block, llama.sizes(), angles, l, at)?);
    }
    stages.push(vec![rms_norm(&llama.norm, x, h)?]);
    stages.push(vec![head(weight, h, words)]);
    Some(cache.step(&embedding[token * c..][..c], 4 * c + 3 * feed_forward, words, &stages))
}

/// x ← x + attention(input_layernorm(x)), then x + (silu(gate)∘up)·W_downᵀ, of a token at position `at`.
fn llama_block<'a>(
    block: &'a TransformerBlock,
    sizes: &LlamaSizes,
    (cos, sin): (&'a [f32], &'a [f32]),
    l: usize,
    at: usize,
) -> Stages<'a> {
    let &LlamaSizes { width: c, heads, kv_heads, feed_forward, .. } = sizes;
    let [x, h, q, y] = [0, 1, 2, 3].map(|i| row(i * c, c));
    let [a, b, g] = [0, 1, 2].map(|i| row(4 * c + i * feed_forward, feed_forward));
    let kv = c / heads * kv_heads;
    let [new_key, new_value] = [0, 1].map(|which| kept(l, which, [at, at + 1], kv));
    let [keys, values] = [0, 1].map(|which| kept(l, which, [0, at + 1], kv));
    let (attn, mlp) = (&block.self_attn, &block.mlp);
    let plain = |layer: &'a Linear, x, y| linear(layer, x, y, false, Then::Nothing);
    let added = |layer: &'a Linear, y| linear(layer, y, x, true, Then::Nothing);
    Some(vec![
        vec![rms_norm(&block.input_layernorm, x, h)?],
        vec![plain(&attn.q_proj, h, q)?, plain(&attn.k_proj, h, new_key)?, plain(&attn.v_proj, h, new_value)?],
        vec![Step::Rotate { y: q, cos, sin }, Step::Rotate { y: new_key, cos, sin }],
        vec![Step::Attend { q, keys, values, y, heads, kv_heads }],
        vec![added(&attn.o_proj, y)?],
        vec![rms_norm(&block.post_attention_layernorm, x, h)?],
        vec![plain(&mlp.gate_proj, h, a)?, plain(&mlp.up_proj, h, b)?],
        vec![Step::Gate { a, b, y: g }],
        vec![added(&mlp.down_proj, g)?],
    ])
}
