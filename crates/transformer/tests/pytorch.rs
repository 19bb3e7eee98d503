//! The same 200 steps as PyTorch takes them in f64, through the training step of the preset: `data/pytorch.py` wrote the numbers.

mod common;

use glassbox_data::text::Text;
use glassbox_nn::{Module, Name, SlotMut};
use glassbox_tensor::Tensor;
use glassbox_train::{Experiment, RunConfig};
use glassbox_transformer::{GPT, Gpt, Training};
use serde_json::Value;

const STEPS: u64 = 200;

/// Eleven characters, of which nine are learned from: one window of eight, the same in every row of every step.
fn training() -> Training<Gpt> {
    let mut config = RunConfig::new(&GPT);
    config.steps = Some(STEPS);
    for setting in [
        "context=8",
        "layers=2",
        "heads=2",
        "width=8",
        "batch=3",
        "lr=0.003",
        "min_lr=0.0003",
        "warmup=20",
        "beta2=0.99",
        "weight_decay=0.1",
        "clip=0.5",
    ] {
        config.set(setting).unwrap();
    }
    let text = Text::parse("eleven", b"abcadbebcae").unwrap();
    let mut training: Training<Gpt> = Training::new(&config, text).unwrap();
    let mut k = 0.0;
    training.model.visit_mut(Name::root(), &mut |name, slot| {
        let SlotMut::Param(param) = slot else { return };
        k += 1.0;
        let scale = if name.to_string().contains("ln_") { 1.0 } else { 0.0 };
        let number = |i: usize| (0.4 * (12.9898 * (i as f64 + 1.0) + 78.233 * k).sin() + scale) as f32;
        let shape = param.value().shape().to_vec();
        param.set_value(Tensor::from_vec((0..param.value().numel()).map(number).collect(), shape));
    });
    training
}

#[test]
fn every_step_is_the_one_that_pytorch_takes() {
    let theirs: Value = serde_json::from_str(include_str!("data/pytorch.json")).unwrap();
    let mut training = training();
    for step in 0..STEPS {
        let ours = training.train_step(step).unwrap().metrics;
        let theirs = &theirs["steps"][step as usize];
        for (i, (name, tolerance)) in [("loss", 1e-3), ("lr", 1e-12), ("grad_norm", 5e-3)].into_iter().enumerate() {
            let (is, should) = (ours.get(name).unwrap(), theirs[i].as_f64().unwrap());
            assert!((is - should).abs() <= tolerance * should, "step {step}: {name} is {is}, PyTorch's {should}");
        }
    }
    for (name, param) in training.model.parameters() {
        let norm = param.value().to_vec().iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        let should = theirs["final"][&name].as_f64().unwrap_or_else(|| panic!("PyTorch has no {name}"));
        assert!((norm - should).abs() < 1e-4 * should, "{name}: {norm}, PyTorch's {should}");
    }
}
