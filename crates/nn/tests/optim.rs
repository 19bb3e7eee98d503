//! Adam and AdamW against f64, against PyTorch, and against an interruption.

use glassbox_autograd::{Gradients, Var};
use glassbox_nn::checkpoint::CheckpointError;
use glassbox_nn::loss::{Reduction, mse};
use glassbox_nn::optim::{Adam, StepError, WeightDecay};
use glassbox_nn::{Buffer, Linear, Module, Name, Param};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Tensor, copied_bytes, tensor};
use std::path::Path;

#[derive(Module, Clone)]
struct Mlp {
    fc1: Linear,
    fc2: Linear,
    running_mean: Buffer,
}

fn mlp(seed: u64) -> Mlp {
    let key = Key::new(seed);
    let running_mean = Buffer::new(Tensor::ones([4]));
    Mlp { fc1: Linear::new(6, 4, key.fold(1)), fc2: Linear::new(4, 3, key.fold(2)), running_mean }
}

/// The loss at step `t`, on inputs and targets that are functions of `t` alone.
fn loss(model: &Mlp, t: u64) -> Var {
    let key = Key::new(100).fold(t);
    let x = Var::constant(Tensor::randn([5, 6], key.fold(0)));
    let target = Var::constant(Tensor::randn([5, 3], key.fold(1)));
    mse(&model.fc2.forward(&model.fc1.forward(&x).relu()), &target, Reduction::Mean)
}

fn values(module: &impl Module) -> Vec<Tensor> {
    let mut values = Vec::new();
    module.visit(Name::root(), &mut |_, slot| values.push(slot.value().clone()));
    values
}

/// A loss whose gradient with respect to `param` is `g`, exactly.
fn with_gradient(param: &Param, g: &Tensor) -> Gradients {
    (&param.var() * &Var::constant(g.clone())).sum_all().backward()
}

/// The algorithm as the papers print it, one number at a time.
struct Reference {
    p: Vec<f64>,
    m: Vec<f64>,
    v: Vec<f64>,
}

impl Reference {
    fn step(&mut self, adam: &Adam, t: i32, g: &[f32]) {
        let (b1, b2) = adam.betas;
        for i in 0..self.p.len() {
            let mut g = f64::from(g[i]);
            match adam.weight_decay {
                WeightDecay::L2(decay) => g += decay * self.p[i],
                WeightDecay::Decoupled(decay) => self.p[i] -= adam.lr * decay * self.p[i],
            }
            self.m[i] = b1 * self.m[i] + (1.0 - b1) * g;
            self.v[i] = b2 * self.v[i] + (1.0 - b2) * g * g;
            let (m_hat, v_hat) = (self.m[i] / (1.0 - b1.powi(t)), self.v[i] / (1.0 - b2.powi(t)));
            self.p[i] -= adam.lr * m_hat / (v_hat.sqrt() + adam.eps);
        }
    }
}

#[test]
fn ten_steps_agree_with_f64() {
    let decays = [WeightDecay::L2(0.0), WeightDecay::L2(0.1), WeightDecay::Decoupled(0.1)];
    for decay in decays {
        // 1003 elements: whole vectors and a remainder.
        let start = Tensor::randn([17, 59], Key::new(1));
        let mut param = Param::new(start.clone());
        let mut adam = Adam::new(0.01);
        adam.weight_decay = decay;
        adam.betas = (0.8, 0.95);
        let p: Vec<f64> = start.to_vec().into_iter().map(f64::from).collect();
        let mut reference = Reference { m: vec![0.0; p.len()], v: vec![0.0; p.len()], p };
        for t in 1..=10 {
            adam.lr *= 0.9; // as a schedule does
            let g = Tensor::randn([17, 59], Key::new(2).fold(t));
            let grads = with_gradient(&param, &g);
            adam.step(&mut param, &grads).expect("reached");
            reference.step(&adam, t as i32, &g.to_vec());
        }
        for (i, (found, expected)) in param.value().to_vec().into_iter().zip(&reference.p).enumerate() {
            let error = (f64::from(found) - expected).abs();
            assert!(error < 1e-6, "{decay:?}, element {i}: {found} and {expected}");
        }
    }
}

#[test]
fn three_steps_agree_with_pytorch() {
    // torch 2.15, p = [1, −2, 3], loss Σ p³, lr 0.1: Adam; Adam(weight_decay=0.5); AdamW(weight_decay=0.5).
    let cases = [
        (WeightDecay::L2(0.0), [0.704_153_7, -2.300_493_7, 2.700_868_8]),
        (WeightDecay::L2(0.5), [0.703_699_3, -2.300_496, 2.700_839_5]),
        (WeightDecay::Decoupled(0.5), [0.579_909_5, -2.0, 2.289_884_3]),
    ];
    for (weight_decay, expected) in cases {
        let mut p = Param::new(tensor![1.0, -2.0, 3.0]);
        let mut adam = Adam::new(0.1);
        adam.weight_decay = weight_decay;
        for _ in 0..3 {
            let x = p.var();
            let grads = (&x.square() * &x).sum_all().backward();
            drop(x);
            adam.step(&mut p, &grads).expect("reached");
        }
        glassbox_tensor::assert_close!(*p.value(), Tensor::from_slice(&expected, [3]), 5e-7);
    }
}

#[test]
fn a_step_copies_nothing_even_while_the_loss_is_in_scope() {
    let mut model = mlp(1);
    let mut adam = Adam::adamw(0.01);
    for t in 0..3 {
        let loss = loss(&model, t);
        let grads = loss.backward();
        let before = copied_bytes();
        adam.step(&mut model, &grads).expect("reached");
        assert_eq!(copied_bytes() - before, 0, "step {t}, loss {}", loss.item());
    }
}

#[test]
fn a_step_names_every_parameter_that_the_loss_did_not_reach_and_changes_nothing() {
    let mut model = mlp(1);
    let before = values(&model);
    let x = Var::constant(Tensor::ones([2, 6]));
    let grads = model.fc1.forward(&x).sum_all().backward();
    let mut adam = Adam::new(0.1);
    let error = adam.step(&mut model, &grads).expect_err("fc2 is not in the loss");
    assert_eq!(error, StepError::Unreached { names: vec!["fc2.weight".into(), "fc2.bias".into()] });
    assert!(error.to_string().contains("the loss did not reach: fc2.weight, fc2.bias"), "{error}");
    assert_eq!(values(&model), before);
}

#[test]
fn what_is_allowed_to_be_unreached_stays_as_it_is() {
    let mut model = mlp(1);
    let before = values(&model.fc2);
    let x = Var::constant(Tensor::ones([2, 6]));
    let grads = model.fc1.forward(&x).sum_all().backward();
    let error = Adam::new(0.1).allow_unreached("fc2.weight").step(&mut model, &grads).expect_err("the bias is not");
    assert_eq!(error, StepError::Unreached { names: vec!["fc2.bias".into()] });
    Adam::new(0.1).allow_unreached("fc2").step(&mut model, &grads).expect("allowed");
    assert_eq!(values(&model.fc2), before);
}

#[test]
fn frozen_parameters_and_buffers_never_change() {
    let mut model = mlp(1);
    model.fc1.freeze();
    let (frozen, free, kept) = (values(&model.fc1), values(&model.fc2), model.running_mean.value().clone());
    let mut adam = Adam::adamw(0.1);
    for t in 0..3 {
        let grads = loss(&model, t).backward();
        assert!(grads.get(model.fc1.weight.id()).is_none(), "no gradient is computed for a frozen parameter");
        adam.step(&mut model, &grads).expect("fc1 need not be reached");
    }
    assert_eq!(values(&model.fc1), frozen);
    assert_eq!(model.running_mean.value(), kept);
    assert!(values(&model.fc2).iter().zip(&free).all(|(now, before)| now != before));

    // Frozen between backward and step: the gradient is there, and is not used.
    model.unfreeze();
    let grads = loss(&model, 9).backward();
    model.fc1.freeze();
    adam.step(&mut model, &grads).expect("reached");
    assert_eq!(values(&model.fc1), frozen);
}

#[test]
fn one_parameter_in_two_places_gets_the_sum_of_both_gradients() {
    // A tied autoencoder, W used as an encoder and, transposed, as a decoder.
    let w = Param::new(Tensor::randn([3, 5], Key::new(1)));
    let x = Var::constant(Tensor::randn([4, 5], Key::new(2)));
    let loss = |encoder: &Var, decoder: &Var| x.matmul(&encoder.t()).matmul(decoder).square().mean_all();
    let tied = loss(&w.var(), &w.var()).backward();
    let (encoder, decoder) = (Param::new(w.value().clone()), Param::new(w.value().clone()));
    let apart = loss(&encoder.var(), &decoder.var()).backward();
    let gradient = |param: &Param| apart.get(param.id()).expect("reached");
    let sum = gradient(&encoder) + gradient(&decoder);
    glassbox_tensor::assert_close!(*tied.get(w.id()).expect("reached"), sum, 1e-5, 1e-6);
}

#[test]
fn two_optimisers_each_move_their_own_model() {
    let (mut a, mut b) = (mlp(1), mlp(2));
    let grads = (&loss(&a, 0) + &loss(&b, 0)).backward();
    let before = values(&b);
    Adam::new(0.1).step(&mut a, &grads).expect("reached");
    assert_eq!(values(&b), before);
    Adam::new(0.1).step(&mut b, &grads).expect("reached");
    assert_ne!(values(&b), before);
}

/// Trains from step `from` to step `to`.
fn train(model: &mut Mlp, adam: &mut Adam, from: u64, to: u64) {
    for t in from..to {
        let grads = loss(model, t).backward();
        adam.step(model, &grads).expect("reached");
    }
}

fn resumed(folder: &Path, halfway: u64, end: u64) -> Mlp {
    let (weights, moments) = (folder.join("model.safetensors"), folder.join("adam.safetensors"));
    let mut model = mlp(1);
    let mut adam = Adam::adamw(0.01);
    train(&mut model, &mut adam, 0, halfway);
    glassbox_nn::save_safetensors(&model, &weights).expect("saved");
    adam.save_state(&model, &moments).expect("saved");
    // Another process: nothing is left but the files.
    let mut model = mlp(7);
    let mut adam = Adam::adamw(0.01);
    glassbox_nn::load_safetensors(&mut model, &weights).expect("loaded");
    adam.load_state(&model, &moments).expect("loaded");
    train(&mut model, &mut adam, halfway, end);
    model
}

#[test]
fn a_resumed_run_takes_the_same_steps_bit_for_bit() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut uninterrupted = mlp(1);
    train(&mut uninterrupted, &mut Adam::adamw(0.01), 0, 10);
    for halfway in [0, 1, 5] {
        assert_eq!(values(&resumed(folder.path(), halfway, 10)), values(&uninterrupted), "resumed at {halfway}");
    }
}

#[test]
fn moments_of_a_parameter_that_is_frozen_for_a_while_are_kept() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("adam.safetensors");
    let (mut model, mut adam) = (mlp(1), Adam::new(0.01));
    train(&mut model, &mut adam, 0, 2);
    model.fc1.freeze();
    train(&mut model, &mut adam, 2, 3);
    adam.save_state(&model, &path).expect("saved");
    // A clone has identities of its own: its optimiser can know the moments by their names only.
    let (mut resumed, mut its_adam) = (model.clone(), Adam::new(0.01));
    its_adam.load_state(&resumed, &path).expect("loaded");
    model.unfreeze();
    resumed.unfreeze();
    train(&mut model, &mut adam, 3, 5);
    train(&mut resumed, &mut its_adam, 3, 5);
    assert_eq!(values(&model), values(&resumed));
}

#[test]
fn a_state_of_another_model_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("adam.safetensors");
    let mut model = mlp(1);
    let mut adam = Adam::new(0.1);
    train(&mut model, &mut adam, 0, 2);
    adam.save_state(&model, &path).expect("saved");

    // Fewer parameters: what is left over is named.
    let error = Adam::new(0.1).load_state(&model.fc1, &path).expect_err("other names");
    let CheckpointError::Names { missing, unexpected, .. } = &error else { panic!("{error}") };
    assert_eq!(missing[0].name, "step.weight");
    assert!(unexpected.contains(&"exp_avg.fc1.weight".to_owned()), "{error}");

    #[derive(Module)]
    struct Half {
        fc1: Linear,
    }
    let error = Adam::new(0.1).load_state(&Half { fc1: model.fc1.clone() }, &path).expect_err("too much");
    let CheckpointError::Names { missing, unexpected, .. } = &error else { panic!("{error}") };
    assert!(missing.is_empty(), "{error}");
    let left_over = ["exp_avg.fc2.bias", "exp_avg.fc2.weight", "exp_avg_sq.fc2.bias", "exp_avg_sq.fc2.weight"];
    assert_eq!(unexpected, &left_over);

    // The same names with other shapes.
    let mut other = mlp(1);
    other.fc2 = Linear::new(4, 2, Key::new(0));
    let error = Adam::new(0.1).load_state(&other, &path).expect_err("other shapes").to_string();
    assert!(error.contains("tensor exp_avg.fc2.weight has shape [3, 4], but the model's has [2, 4]"), "{error}");

    // Steps that are no number.
    let param = Param::new(tensor![1.0]);
    let steps = [("step".to_owned(), "-1".to_owned())];
    glassbox_nn::checkpoint::write_safetensors(&path, [], steps).expect("written");
    let error = Adam::new(0.1).load_state(&param, &path).expect_err("no number").to_string();
    assert!(error.contains("its metadata should say step = a number of steps, but it says -1"), "{error}");
}
