//! What may be changed about a training step, and what stays: the gradient of a batch in parts, blocks that are computed again,
//! Muon beside AdamW.

mod common;

use common::{small, text};
use glassbox_autograd::Gradients;
use glassbox_nn::{Context, Module};
use glassbox_tensor::{Tensor, assert_close};
use glassbox_train::{Experiment, Metrics, Preset, RunConfig};
use glassbox_transformer::{GPT, Gpt, LLAMA_SMALL, LanguageModel, Llama, Trainable, Training, Windows};

fn config(preset: &'static Preset, settings: &[&str]) -> RunConfig {
    let mut config = small(preset);
    config.steps = Some(20);
    settings.iter().for_each(|setting| config.set(setting).unwrap());
    config
}

fn training<M: Trainable>(preset: &'static Preset, settings: &[&str]) -> Training<M> {
    Training::new(&config(preset, settings), text()).unwrap()
}

fn metrics<M: Trainable>(training: &mut Training<M>, steps: u64) -> Vec<Metrics> {
    (0..steps).map(|step| training.train_step(step).unwrap().metrics).collect()
}

fn values<M: Module>(model: &M) -> Vec<(String, Tensor)> {
    model.parameters().into_iter().map(|(name, param)| (name, param.value().clone())).collect()
}

#[test]
fn a_batch_in_parts_has_the_gradient_of_the_whole() {
    let model = training::<Gpt>(&GPT, &["batch=12"]).model;
    let tokens: Vec<u32> = (0..200).map(|i| i * i % 17).collect();
    let windows = Windows::random(&tokens, 12, 16, glassbox_tensor::random::Key::new(3));
    let whole = model.loss(&windows.x, &windows.y, &Context::eval()).backward();
    for n in [2, 3, 4, 6, 12] {
        let mut sum = Gradients::default();
        windows.parts(n).for_each(|part| sum += model.loss(&part.x, &part.y, &Context::eval()).backward());
        sum *= 1.0 / n as f32;
        for (name, param) in model.parameters() {
            let [sum, whole] = [&sum, &whole].map(|grads| grads.get(param.id()).unwrap().clone());
            assert!(whole.abs().sum_all().item() > 0.0, "{name}");
            assert_close!(sum, whole, 1e-4, 1e-6);
        }
    }
}

#[test]
fn a_run_that_accumulates_takes_the_steps_of_the_large_batch() {
    let large = metrics(&mut training::<Gpt>(&GPT, &["batch=12"]), 10);
    let parts = metrics(&mut training::<Gpt>(&GPT, &["batch=12", "accumulate=4"]), 10);
    for (large, parts) in large.iter().zip(&parts) {
        for name in ["loss", "grad_norm", "lr"] {
            let [large, parts] = [large, parts].map(|metrics| metrics.get(name).unwrap());
            assert!((large - parts).abs() < 2e-4 * large, "{name}: {parts}, and at once {large}");
        }
    }
    let refused = Training::<Gpt>::new(&config(&GPT, &["batch=12", "accumulate=5"]), text()).unwrap_err().to_string();
    assert_eq!(refused, "accumulate = 5 can't part batch = 12 evenly; set a batch that is a multiple of it");
}

#[test]
fn blocks_that_are_computed_again_change_no_bit() {
    fn check<M: Trainable>(preset: &'static Preset, settings: &[&str]) {
        let mut kept = training::<M>(preset, settings);
        let mut again = training::<M>(preset, &[settings, &["checkpointing=true"]].concat());
        assert_eq!(metrics(&mut kept, 6), metrics(&mut again, 6), "{}", preset.name);
        assert_eq!(values(&kept.model), values(&again.model), "{}", preset.name);
    }
    check::<Gpt>(&GPT, &["dropout=0.2"]);
    check::<Llama>(&LLAMA_SMALL, &["dropout=0.2"]);
}

/// After one step of Muon the matrices of blocks have moved by 0.2·√max(A, B)·lr times a matrix whose singular values are about 1,
/// and everything else as AdamW moves it.
#[test]
fn muon_moves_the_matrices_of_blocks_and_adamw_the_rest() {
    fn check<M: Trainable>(preset: &'static Preset) {
        let settings = ["weight_decay=0", "warmup=0"];
        let before = training::<M>(preset, &settings);
        let [mut adamw, mut muon] = ["optimizer=adamw", "optimizer=muon"]
            .map(|which| training::<M>(preset, &[settings[0], settings[1], which]));
        adamw.train_step(0).unwrap();
        muon.train_step(0).unwrap();
        let mut seen = [0, 0];
        for (((name, before), (_, adamw)), (_, muon)) in
            values(&before.model).into_iter().zip(values(&adamw.model)).zip(values(&muon.model))
        {
            let hidden = M::hidden(&name) && before.rank() == 2;
            seen[usize::from(hidden)] += 1;
            if !hidden {
                assert_eq!(adamw, muon, "{name}");
                continue;
            }
            let (a, b) = (before.shape()[0], before.shape()[1]);
            let moved = &(&before - &muon) * (1.0 / (0.01 * 0.2 * (a.max(b) as f32).sqrt()));
            // Of a matrix of rank r with singular values about 1, the squares add up to about r.
            let squares = (&moved * &moved).sum_all().item() / a.min(b) as f32;
            assert!((0.4..1.4).contains(&squares), "{name}: {squares}");
        }
        assert!(seen[0] > 2 && seen[1] > 7, "{seen:?}");
    }
    check::<Gpt>(&GPT);
    check::<Llama>(&LLAMA_SMALL);
}
