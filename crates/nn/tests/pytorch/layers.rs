//! Every layer: its state dict loads under PyTorch's names; outputs, gradients and buffers are PyTorch's.

use crate::fixture::{Case, Fixture, hold_all};
use glassbox_nn::Linear;
use glassbox_tensor::random::Key;

#[test]
fn every_layer_is_pytorchs() {
    hold_all(include_bytes!("layers.safetensors"), layer);
}

fn layer(fixture: &Fixture, case: &Case) -> Result<(), String> {
    let key = Key::new(0);
    match case.kind.as_str() {
        "linear" => {
            let (inputs, outputs) = (case.n("in"), case.n("out"));
            let layer = if case.flag("bias") {
                Linear::new(inputs, outputs, key)
            } else {
                Linear::without_bias(inputs, outputs, key)
            };
            fixture.hold(case, layer, |layer, x| vec![layer.forward(&x[0])])
        }
        other => Err(format!("{}: no layer {other}", case.name)),
    }
}
