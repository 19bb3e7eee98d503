//! Every layer: its state dict loads under PyTorch's names; outputs, gradients and buffers are PyTorch's.

use crate::fixture::{Case, Fixture, hold_all, save_all};
use glassbox_nn::{
    BasicBlock, BatchNorm, BatchNormOptions, Context, Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d, Dropout,
    Dropout2d, Embedding, GroupNorm, InstanceNorm, InstanceNormOptions, LayerNorm, Linear, ResnetBlock,
    ResnetBlockOptions, RmsNorm, SpectralNorm, SpectralNormOptions, WeightNorm, Weighted,
};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Conv1dOptions, Conv2dOptions, ConvTranspose1dOptions, ConvTranspose2dOptions};

const FILE: &[u8] = include_bytes!("layers.safetensors");

#[test]
fn every_layer_is_pytorchs() {
    hold_all(FILE, layer);
}

/// `tools/torch/nn/loads_ours.py` loads what this saves, and runs it.
#[test]
#[ignore = "for loads_ours.py, which names the folder in GLASSBOX_SAVE"]
fn save_for_pytorch() {
    save_all(FILE, layer);
}

fn layer(fixture: &Fixture, case: &Case) -> Result<(), String> {
    let ctx = if case.flag("training") { Context::train(Key::new(1)) } else { Context::eval() };
    let ctx = &ctx;
    match case.kind.as_str() {
        "linear" => fixture.hold(case, linear(case), |layer, x| vec![layer.forward(&x[0])]),
        "conv1d" => fixture.hold(case, conv1d(case), |layer, x| vec![layer.forward(&x[0])]),
        "conv2d" => fixture.hold(case, conv2d(case), |layer, x| vec![layer.forward(&x[0])]),
        "conv_transpose1d" => fixture.hold(case, conv_transpose1d(case), |layer, x| vec![layer.forward(&x[0])]),
        "conv_transpose2d" => fixture.hold(case, conv_transpose2d(case), |layer, x| vec![layer.forward(&x[0])]),
        "layer_norm" => fixture.hold(case, layer_norm(case), |layer, x| vec![layer.forward(&x[0])]),
        "rms_norm" => fixture.hold(case, rms_norm(case), |layer, x| vec![layer.forward(&x[0])]),
        "group_norm" => fixture.hold(case, group_norm(case), |layer, x| vec![layer.forward(&x[0])]),
        "instance_norm" => fixture.hold(case, instance_norm(case), |layer, x| vec![layer.forward(&x[0], ctx)]),
        "batch_norm" => fixture.hold(case, batch_norm(case), |layer, x| vec![layer.forward(&x[0], ctx)]),
        "embedding" => {
            let ids = fixture.ids(case, "ids0");
            fixture.hold(case, embedding(case), |layer, _| vec![layer.forward(&ids)])
        }
        "dropout" => fixture.hold(case, Dropout::new(case.f("p") as f32), |layer, x| vec![layer.forward(&x[0], ctx)]),
        "dropout2d" => {
            fixture.hold(case, Dropout2d::new(case.f("p") as f32), |layer, x| vec![layer.forward(&x[0], ctx)])
        }
        "resnet_block" => fixture.hold(case, resnet_block(case), |block, x| vec![block.forward(&x[0], x.get(1), ctx)]),
        "basic_block" => {
            let block = BasicBlock::new(case.n("in"), case.n("out"), case.n("stride"), key());
            fixture.hold(case, block, |block, x| vec![block.forward(&x[0], ctx)])
        }
        "spectral_norm" | "weight_norm" => match case.text("layer") {
            "linear" => normalised(fixture, case, linear(case), ctx),
            "conv1d" => normalised(fixture, case, conv1d(case), ctx),
            "conv2d" => normalised(fixture, case, conv2d(case), ctx),
            "conv_transpose1d" => normalised(fixture, case, conv_transpose1d(case), ctx),
            "conv_transpose2d" => normalised(fixture, case, conv_transpose2d(case), ctx),
            other => Err(format!("{}: no layer {other}", case.name)),
        },
        other => Err(format!("{}: no layer {other}", case.name)),
    }
}

fn normalised<L: Weighted>(fixture: &Fixture, case: &Case, layer: L, ctx: &Context) -> Result<(), String> {
    let axis = (!case.is_null("dim")).then(|| case.n("dim"));
    if case.kind == "weight_norm" {
        return fixture.hold(case, WeightNorm::along(layer, axis), |layer, x| vec![layer.forward(&x[0])]);
    }
    let options = SpectralNormOptions { n_power_iterations: case.n("steps"), eps: case.f("eps") as f32, axis };
    fixture.hold(case, SpectralNorm::with(layer, options, key()), |layer, x| vec![layer.forward(&x[0], ctx)])
}

fn key() -> Key {
    Key::new(0)
}

fn linear(case: &Case) -> Linear {
    let (inputs, outputs) = (case.n("in"), case.n("out"));
    if case.flag("bias") { Linear::new(inputs, outputs, key()) } else { Linear::without_bias(inputs, outputs, key()) }
}

fn conv1d(case: &Case) -> Conv1d {
    let ([kernel], [stride], [dilation]) = (case.array("kernel"), case.array("stride"), case.array("dilation"));
    let options = Conv1dOptions { stride, padding: case.pairs("padding")[0], dilation, groups: case.n("groups") };
    let conv = Conv1d::with(case.n("in"), case.n("out"), kernel, options, key());
    if case.flag("bias") { conv } else { conv.without_bias() }
}

fn conv2d(case: &Case) -> Conv2d {
    let (kernel, stride, dilation) = (case.array("kernel"), case.array("stride"), case.array("dilation"));
    let padding = case.pairs("padding").try_into().unwrap();
    let options = Conv2dOptions { stride, padding, dilation, groups: case.n("groups"), taps: None };
    let conv = Conv2d::with(case.n("in"), case.n("out"), kernel, options, key());
    if case.flag("bias") { conv } else { conv.without_bias() }
}

fn conv_transpose1d(case: &Case) -> ConvTranspose1d {
    let ([kernel], [stride], [dilation]) = (case.array("kernel"), case.array("stride"), case.array("dilation"));
    let ([output_padding], padding, groups) =
        (case.array("output_padding"), case.pairs("padding")[0], case.n("groups"));
    let options = ConvTranspose1dOptions { stride, padding, output_padding, dilation, groups };
    let conv = ConvTranspose1d::with(case.n("in"), case.n("out"), kernel, options, key());
    if case.flag("bias") { conv } else { conv.without_bias() }
}

fn conv_transpose2d(case: &Case) -> ConvTranspose2d {
    let (kernel, stride, dilation) = (case.array("kernel"), case.array("stride"), case.array("dilation"));
    let (output_padding, groups) = (case.array("output_padding"), case.n("groups"));
    let padding = case.pairs("padding").try_into().unwrap();
    let options = ConvTranspose2dOptions { stride, padding, output_padding, dilation, groups, taps: None };
    let conv = ConvTranspose2d::with(case.n("in"), case.n("out"), kernel, options, key());
    if case.flag("bias") { conv } else { conv.without_bias() }
}

fn layer_norm(case: &Case) -> LayerNorm {
    let norm = LayerNorm::new(case.sizes("shape")).with_eps(case.f("eps") as f32);
    match (case.flag("affine"), case.flag("bias")) {
        (true, true) => norm,
        (true, false) => norm.without_bias(),
        (false, _) => norm.without_affine(),
    }
}

fn rms_norm(case: &Case) -> RmsNorm {
    let norm = RmsNorm::new(case.sizes("shape")).with_eps(case.f("eps") as f32);
    if case.flag("affine") { norm } else { norm.without_affine() }
}

fn group_norm(case: &Case) -> GroupNorm {
    let norm = GroupNorm::new(case.n("groups"), case.n("channels")).with_eps(case.f("eps") as f32);
    if case.flag("affine") { norm } else { norm.without_affine() }
}

fn instance_norm(case: &Case) -> InstanceNorm {
    let options = InstanceNormOptions {
        eps: case.f("eps") as f32,
        momentum: case.f("momentum") as f32,
        affine: case.flag("affine"),
        track_running_stats: case.flag("track"),
    };
    InstanceNorm::with(case.n("channels"), options)
}

fn batch_norm(case: &Case) -> BatchNorm {
    let options = BatchNormOptions {
        eps: case.f("eps") as f32,
        momentum: (!case.is_null("momentum")).then(|| case.f("momentum") as f32),
        affine: case.flag("affine"),
        track_running_stats: case.flag("track"),
    };
    BatchNorm::with(case.n("channels"), options)
}

fn embedding(case: &Case) -> Embedding {
    let table = Embedding::new(case.n("rows"), case.n("features"), key());
    if case.is_null("padding") { table } else { table.with_padding(case.n("padding") as u32) }
}

fn resnet_block(case: &Case) -> ResnetBlock {
    let options = ResnetBlockOptions {
        groups: case.n("groups"),
        eps: case.f("eps") as f32,
        dropout: case.f("dropout") as f32,
        time: (!case.is_null("time")).then(|| case.n("time")),
        scale_shift: case.flag("scale_shift"),
        ..Default::default()
    };
    ResnetBlock::with(case.n("in"), case.n("out"), options, key())
}
