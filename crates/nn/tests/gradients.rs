//! A model's gradients: parts of a batch, tied parameters, checkpoints, and names where something is wrong.

use glassbox_autograd::{Gradients, Var, checkpoint, detect_anomaly};
use glassbox_nn::optim::Adam;
use glassbox_nn::{Linear, Module};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Tensor, copied_bytes};

/// A stack of layers whose decoder is its encoder's matrix, transposed.
#[derive(Module, Clone)]
struct Tied {
    encoder: Linear,
    layers: Vec<Linear>,
}

impl Tied {
    fn new() -> Tied {
        let layer = |i: u64| Linear::new(4, 4, Key::new(i));
        let mut model = Tied { encoder: Linear::new(6, 4, Key::new(0)), layers: (1..5).map(layer).collect() };
        model.name_parameters();
        model
    }

    /// (B, 6) -> (); with a checkpoint around every two layers, if asked for.
    fn loss(&self, x: &Var, checkpointed: bool) -> Var {
        let mut h = self.encoder.forward(x); // (B, 6) -> (B, 4)
        for pair in self.layers.chunks(2) {
            let run = || pair.iter().fold(h.clone(), |h, layer| layer.forward(&h).tanh());
            h = if checkpointed { checkpoint(run) } else { run() };
        }
        (&h.matmul(&self.encoder.weight.var()) - x).square().mean_all() // (B, 4) × (4, 6) -> (B, 6)
    }
}

fn batch(rows: usize) -> Tensor {
    Tensor::randn([rows, 6], Key::new(9))
}

fn values(model: &Tied) -> Vec<f32> {
    model.parameters().iter().flat_map(|(_, p)| p.value().to_vec()).collect()
}

#[test]
fn a_checkpoint_borrows_the_model_changes_no_bit_and_copies_nothing() {
    let x = Var::constant(batch(3));
    let train = |checkpointed: bool| {
        let (mut model, mut adam) = (Tied::new(), Adam::new(0.1));
        let before = copied_bytes();
        for _ in 0..5 {
            let loss = model.loss(&x, checkpointed);
            adam.step(&mut model, &loss.backward()).unwrap();
        }
        assert_eq!(copied_bytes(), before, "something of a step still held a parameter");
        values(&model)
    };
    assert_eq!(train(true), train(false));
}

#[test]
fn a_tied_parameter_has_one_gradient_also_for_backward_for() {
    let model = Tied::new();
    let loss = || model.loss(&Var::constant(batch(3)), false);
    let all = loss().backward();
    let id = model.encoder.weight.id();
    let alone = loss().backward_for(&[id]);
    assert_eq!((alone.get(id), alone.ids().count()), (all.get(id), 1));
    // both uses are in it: by differences of the loss along one direction
    let (g, mut moved) = (all.get(id).unwrap().clone(), [1.0f32, -1.0].map(|_| model.clone()));
    let direction = Tensor::randn([4, 6], Key::new(77));
    for (model, sign) in moved.iter_mut().zip([1.0, -1.0]) {
        let w = model.encoder.weight.value() + &(&direction * (sign * 1e-2));
        model.encoder.weight.set_value(w);
    }
    let [up, down] = moved.map(|model| model.loss(&Var::constant(batch(3)), false).item());
    let along = (&g * &direction).sum(&[0, 1], false).item();
    assert!(((up - down) / 2e-2 - along).abs() < 1e-2 * along.abs(), "{} {along}", (up - down) / 2e-2);
}

#[test]
fn parts_of_a_batch_train_as_the_whole() {
    let x = batch(8);
    let mut whole = Tied::new();
    let grads = whole.loss(&Var::constant(x.clone()), false).backward();
    Adam::new(0.1).step(&mut whole, &grads).unwrap();

    let mut parts = Tied::new();
    let mut grads = Gradients::default();
    for start in (0..8).step_by(2) {
        grads += parts.loss(&Var::constant(x.narrow(0, start, 2)), false).backward();
    }
    grads *= 0.25; // each loss is a mean over its own part
    Adam::new(0.1).step(&mut parts, &grads).unwrap();
    for (a, b) in values(&whole).iter().zip(values(&parts)) {
        assert!((a - b).abs() < 1e-4, "{a} {b}");
    }
}

#[test]
fn an_anomaly_is_reported_with_the_parameters_name() {
    let mut model = Tied::new();
    model.layers[0].weight.value_mut().make_mut()[5] = f32::MAX;
    let report = std::panic::catch_unwind(|| {
        detect_anomaly(|| model.loss(&Var::constant(Tensor::full([2, 6], 1e3)), true).item());
    });
    let sentence = *report.expect_err("an overflow").downcast::<String>().expect("a sentence");
    assert!(sentence.starts_with("linear: "), "{sentence}");
    assert!(sentence.contains("layers.0.weight [4, 4] from "), "{sentence}");
    assert!(sentence.contains("gradients.rs:"), "{sentence}");
}
