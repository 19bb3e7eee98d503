//! Layers for sequences: their state dicts load under PyTorch's names; outputs and all gradients are PyTorch's.

use crate::fixture::{Case, Fixture, hold_all, near, save_all};
use glassbox_nn::{
    Activation, AttentionMasks, BlockSizes, Context, Gru, LearnedPositions, Lstm, LstmState, MultiHeadAttention,
    MultiHeadAttentionOptions, RecurrentOptions, Rnn, RotaryPositions, SinusoidalPositions, TimestepOptions,
    TransformerBlock, TransformerDecoderLayer, TransformerEncoderLayer, TransformerOptions, timestep_embedding,
};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Rotary, RotaryLayout};

const FILE: &[u8] = include_bytes!("sequences.safetensors");

#[test]
fn every_layer_for_sequences_is_pytorchs() {
    hold_all(FILE, layer);
}

/// `tools/torch/nn/loads_ours.py` loads what this saves, and runs it.
#[test]
#[ignore = "for loads_ours.py, which names the folder in GLASSBOX_SAVE"]
fn save_for_pytorch() {
    save_all(FILE, layer);
}

fn layer(fixture: &Fixture, case: &Case) -> Result<(), String> {
    let key = Key::new(0);
    match case.kind.as_str() {
        "lstm" => {
            let layer = Lstm::with(case.n("in"), case.n("hidden"), recurrent(case), key);
            fixture.hold(case, layer, |layer, x| {
                let state = x.get(1).map(|h| LstmState { h: h.clone(), c: x[2].clone() });
                let (y, LstmState { h, c }) = layer.forward(&x[0], state.as_ref(), &context(case));
                vec![y, h, c]
            })
        }
        "gru" => {
            let layer = Gru::with(case.n("in"), case.n("hidden"), recurrent(case), key);
            fixture.hold(case, layer, |layer, x| {
                let (y, h) = layer.forward(&x[0], x.get(1), &context(case));
                vec![y, h]
            })
        }
        "rnn" => {
            let layer = Rnn::with(case.n("in"), case.n("hidden"), recurrent(case), key);
            fixture.hold(case, layer, |layer, x| {
                let (y, h) = layer.forward(&x[0], x.get(1), &context(case));
                vec![y, h]
            })
        }
        "multi_head_attention" => {
            let width = |name| (!case.is_null(name)).then(|| case.n(name));
            let options =
                MultiHeadAttentionOptions { bias: case.flag("bias"), kdim: width("kdim"), vdim: width("vdim") };
            let layer = MultiHeadAttention::with(case.n("dim"), case.n("heads"), options, key);
            fixture.hold(case, layer, |layer, x| {
                let padding = case.flag("padded").then(|| fixture.tensor(case, "ids0"));
                let masks = AttentionMasks {
                    causal: case.flag("causal"),
                    key_padding: padding.as_ref(),
                    mask: case.flag("masked").then(|| x.last().expect("the mask is the last input")),
                };
                vec![if case.flag("cross") {
                    layer.attend(&x[0], &x[1], &x[2], masks)
                } else {
                    layer.forward(&x[0], masks)
                }]
            })
        }
        "sinusoidal" => {
            let layer = SinusoidalPositions::new(case.n("positions"), case.n("dim"));
            fixture.hold(case, layer, |layer, x| vec![layer.forward(&x[0], case.n("offset"))])
        }
        "learned" => {
            let layer = LearnedPositions::new(case.n("positions"), case.n("dim"), key);
            fixture.hold(case, layer, |layer, x| vec![layer.forward(&x[0], case.n("offset"))])
        }
        "rotary" => {
            let layout = if case.flag("interleaved") { RotaryLayout::Interleaved } else { RotaryLayout::Halves };
            let layer = RotaryPositions::with(Rotary::new(20, case.n("dim"), case.f("base") as f32, layout));
            fixture.hold(case, layer, |layer, x| vec![layer.forward(&x[0], case.n("offset"))])
        }
        "timestep" => {
            let (cos_first, shift, max_period) = (case.flag("cos_first"), case.f("shift"), case.f("max_period"));
            let options = TimestepOptions { cos_first, shift, max_period };
            let ours = timestep_embedding(&fixture.tensor(case, "x0"), case.n("dim"), options);
            near(case, "the embedding", &ours, &fixture.tensor(case, "y0"))
        }
        "transformer_encoder_layer" => {
            let layer = TransformerEncoderLayer::with(case.n("dim"), case.n("heads"), transformer(case), key);
            fixture.hold(case, layer, |layer, x| {
                let padding = case.flag("padded").then(|| fixture.tensor(case, "ids0"));
                let masks = AttentionMasks { causal: case.flag("causal"), key_padding: padding.as_ref(), mask: None };
                vec![layer.forward(&x[0], masks, &context(case))]
            })
        }
        "transformer_decoder_layer" => {
            let layer = TransformerDecoderLayer::with(case.n("dim"), case.n("heads"), transformer(case), key);
            fixture.hold(case, layer, |layer, x| {
                let padding = case.flag("padded").then(|| fixture.tensor(case, "ids0"));
                let masks = AttentionMasks { causal: case.flag("causal"), ..AttentionMasks::NONE };
                let memory_masks = AttentionMasks { key_padding: padding.as_ref(), ..AttentionMasks::NONE };
                vec![layer.forward(&x[0], &x[1], masks, memory_masks, &context(case))]
            })
        }
        "transformer_block" => {
            let sizes = BlockSizes {
                dim: case.n("dim"),
                heads: case.n("heads"),
                kv_heads: case.n("kv_heads"),
                head_dim: case.n("head_dim"),
                feed_forward: case.n("feed_forward"),
            };
            let table = Rotary::new(9, sizes.head_dim, case.f("base") as f32, RotaryLayout::Halves);
            fixture.hold(case, TransformerBlock::new(sizes, key), |layer, x| {
                let masks = AttentionMasks { causal: case.flag("causal"), ..AttentionMasks::NONE };
                vec![layer.forward(&x[0], &RotaryPositions::with(table), masks)]
            })
        }
        other => Err(format!("{}: no layer {other}", case.name)),
    }
}

fn context(case: &Case) -> Context {
    if case.flag("training") { Context::train(Key::new(1)) } else { Context::eval() }
}

fn recurrent(case: &Case) -> RecurrentOptions {
    RecurrentOptions {
        layers: case.n("layers"),
        bidirectional: case.flag("bidirectional"),
        bias: case.flag("bias"),
        dropout: case.f("dropout") as f32,
    }
}

fn transformer(case: &Case) -> TransformerOptions {
    TransformerOptions {
        feed_forward: case.n("feed_forward"),
        activation: match case.text("activation") {
            "relu" => Activation::Relu,
            "gelu" => Activation::Gelu,
            other => panic!("no activation {other}"),
        },
        dropout: case.f("dropout") as f32,
        norm_first: case.flag("norm_first"),
        bias: case.flag("bias"),
        eps: case.f("eps") as f32,
    }
}
