//! What holds for every optimiser: nothing is copied, runs resume bit for bit, threads can't be seen; and for what
//! stands around them, averages and clipping.

use glassbox_autograd::{Gradients, Var};
use glassbox_nn::checkpoint::CheckpointError;
use glassbox_nn::loss::{Reduction, mse};
use glassbox_nn::optim::{
    Adam, Ema, Lion, Muon, Optimizer, RmsProp, RmsPropRule, Rule, Sgd, StepError, WeightDecay, clip_grad_norm,
    grad_norm,
};
use glassbox_nn::{Buffer, Linear, Module, Name, Param};
use glassbox_tensor::parallel::with_serial_threshold;
use glassbox_tensor::random::Key;
use glassbox_tensor::{Tensor, copied_bytes, tensor};

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
    mse(&model.fc2.forward(&model.fc1.forward(&x).tanh()), &target, Reduction::Mean)
}

fn train(model: &mut Mlp, optimizer: &mut Optimizer<impl Rule>, from: u64, to: u64) {
    for t in from..to {
        let grads = loss(model, t).backward();
        optimizer.step(model, &grads).expect("reached");
    }
}

fn values(module: &impl Module) -> Vec<Tensor> {
    let mut values = Vec::new();
    module.visit(Name::root(), &mut |_, slot| values.push(slot.value().clone()));
    values
}

/// What is true of one optimiser, whichever it is.
trait Claim {
    fn check<R: Rule>(&self, name: &str, optimizer: Optimizer<R>);
}

fn for_every_optimiser(claim: &impl Claim) {
    let rmsprop = |momentum, centered| Optimizer::with(RmsPropRule { momentum, centered, ..RmsPropRule::default() });
    claim.check("sgd", Sgd::new(0.1));
    claim.check("momentum", Sgd::momentum(0.1, 0.9));
    claim.check("nesterov", Sgd::nesterov(0.1, 0.9));
    claim.check("rmsprop", RmsProp::new(0.01));
    claim.check("rmsprop, centred", rmsprop(0.0, true));
    claim.check("rmsprop with momentum", rmsprop(0.9, false));
    claim.check("rmsprop with both", rmsprop(0.9, true));
    claim.check("adam", Adam::new(0.01));
    claim.check("adamw", Adam::adamw(0.01));
    claim.check("lion", Lion::new(0.001));
    claim.check("muon", Muon::new(0.02));
    let last = |_: &str, p: &Param| p.value().shape().first() == Some(&3);
    claim.check("muon with a group", Muon::new(0.02).group_where(last, |rule| rule.by_adamw = true));
}

#[test]
fn the_loss_becomes_smaller() {
    struct Learns;
    impl Claim for Learns {
        fn check<R: Rule>(&self, name: &str, mut optimizer: Optimizer<R>) {
            let mut model = mlp(1);
            let before = loss(&model, 0).item();
            for _ in 0..30 {
                let grads = loss(&model, 0).backward();
                optimizer.step(&mut model, &grads).expect("reached");
            }
            let after = loss(&model, 0).item();
            assert!(after < 0.95 * before, "{name}: {before} and then {after}");
        }
    }
    for_every_optimiser(&Learns);
}

#[test]
fn a_step_copies_nothing() {
    struct CopiesNothing;
    impl Claim for CopiesNothing {
        fn check<R: Rule>(&self, name: &str, mut optimizer: Optimizer<R>) {
            let mut model = mlp(1);
            for t in 0..3 {
                let loss = loss(&model, t);
                let grads = loss.backward();
                let before = copied_bytes();
                optimizer.step(&mut model, &grads).expect("reached");
                assert_eq!(copied_bytes() - before, 0, "{name}, step {t}, loss {}", loss.item());
            }
        }
    }
    for_every_optimiser(&CopiesNothing);
}

#[test]
fn a_resumed_run_takes_the_same_steps_bit_for_bit() {
    struct Resumes;
    impl Claim for Resumes {
        fn check<R: Rule>(&self, name: &str, optimizer: Optimizer<R>) {
            let mut uninterrupted = mlp(1);
            train(&mut uninterrupted, &mut optimizer.clone(), 0, 10);
            let folder = tempfile::tempdir().expect("a temporary folder");
            let (weights, state) = (folder.path().join("model"), folder.path().join("optimizer"));
            for halfway in [0, 1, 5] {
                let (mut model, mut first) = (mlp(1), optimizer.clone());
                train(&mut model, &mut first, 0, halfway);
                glassbox_nn::save_safetensors(&model, &weights).expect("saved");
                first.save_state(&model, &state).expect("saved");
                // Another process: nothing is left but the files.
                let (mut model, mut second) = (mlp(7), optimizer.clone());
                glassbox_nn::load_safetensors(&mut model, &weights).expect("loaded");
                second.load_state(&model, &state).expect("loaded");
                train(&mut model, &mut second, halfway, 10);
                assert_eq!(values(&model), values(&uninterrupted), "{name}, resumed at {halfway}");
            }
        }
    }
    for_every_optimiser(&Resumes);
}

#[test]
fn threads_cannot_be_seen_in_the_bits() {
    struct Deterministic;
    impl Claim for Deterministic {
        fn check<R: Rule>(&self, name: &str, optimizer: Optimizer<R>) {
            // Small ones that share a task, between large ones that are cut.
            let shapes: [&[usize]; 7] = [&[7], &[150, 140], &[3, 5], &[1], &[40_000], &[0], &[30, 300]];
            let run = || {
                let draw = |key: Key| (0..).zip(shapes).map(move |(i, shape)| Tensor::randn(shape, key.fold(i)));
                let mut model: Vec<Param> = draw(Key::new(1)).map(Param::new).collect();
                let mut optimizer = optimizer.clone();
                for t in 0..3 {
                    let mut grads = Gradients::default();
                    for (param, g) in model.iter().zip(draw(Key::new(2).fold(t))) {
                        grads += (&param.var() * &Var::constant(g)).sum_all().backward();
                    }
                    optimizer.step(&mut model, &grads).expect("reached");
                }
                values(&model)
            };
            let serial = run();
            for threads in [1, 2, 3, 7] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a few threads");
                assert!(pool.install(|| with_serial_threshold(0, run)) == serial, "{name}: {threads} threads");
            }
        }
    }
    for_every_optimiser(&Deterministic);
}

#[test]
fn frozen_parameters_never_change_and_unreached_ones_are_named() {
    struct Leaves;
    impl Claim for Leaves {
        fn check<R: Rule>(&self, name: &str, mut optimizer: Optimizer<R>) {
            let mut model = mlp(1);
            model.fc1.freeze();
            let frozen = values(&model.fc1);
            train(&mut model, &mut optimizer, 0, 3);
            assert_eq!(values(&model.fc1), frozen, "{name}");
            model.unfreeze();
            let before = values(&model);
            let grads = model.fc1.forward(&Var::constant(Tensor::ones([2, 6]))).sum_all().backward();
            let error = optimizer.step(&mut model, &grads).expect_err("fc2 is not in the loss");
            assert_eq!(error, StepError::Unreached { names: vec!["fc2.weight".into(), "fc2.bias".into()] }, "{name}");
            assert_eq!(values(&model), before, "{name}");
        }
    }
    for_every_optimiser(&Leaves);
}

#[test]
fn a_state_is_in_pytorchs_words() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("state");
    let mut model = mlp(1);
    let mut muon = Muon::new(0.02);
    train(&mut model, &mut muon, 0, 2);
    muon.save_state(&model, &path).expect("saved");
    let file = glassbox_nn::checkpoint::SafetensorsFile::open(&path).expect("opened");
    let names: Vec<&str> = file.names().collect();
    let bias = ["exp_avg.fc1.bias", "exp_avg.fc2.bias", "exp_avg_sq.fc1.bias", "exp_avg_sq.fc2.bias"];
    assert_eq!(names[..4], bias);
    assert_eq!(names[4..], ["momentum_buffer.fc1.weight", "momentum_buffer.fc2.weight"]);
    assert_eq!(file.metadata("step.fc1.weight"), Some("2"));

    // Another optimiser's state is refused, and says which tensor it lacks.
    let error = Adam::new(0.1).load_state(&model, &path).expect_err("muon's");
    assert!(
        matches!(&error, CheckpointError::NoSuchTensor { tensor, .. } if tensor == "exp_avg.fc1.weight"),
        "{error}"
    );
    let error = Sgd::new(0.1).load_state(&model, &path).expect_err("muon's");
    assert!(matches!(&error, CheckpointError::Names { unexpected, .. } if unexpected.len() == 6), "{error}");
}

#[test]
fn momentum_that_is_turned_on_begins_at_zero() {
    let mut x = Param::new(tensor![1.0]);
    let mut sgd = Sgd::new(0.5);
    let step = |sgd: &mut Sgd, x: &mut Param| {
        let grads = x.var().sum_all().backward(); // g = 1
        sgd.step(x, &grads).expect("reached");
        x.value().item()
    };
    assert_eq!(step(&mut sgd, &mut x), 0.5);
    sgd.momentum = 0.5;
    assert_eq!(step(&mut sgd, &mut x), 0.0, "b = 1");
    assert_eq!(step(&mut sgd, &mut x), -0.75, "b = 1.5");
    sgd.momentum = 0.0;
    assert_eq!(step(&mut sgd, &mut x), -1.25);
    sgd.momentum = 0.5;
    assert_eq!(step(&mut sgd, &mut x), -1.75, "what was turned off is forgotten");
}

/// How far each of fc1.weight, fc1.bias, fc2.weight and fc2.bias moves in one step.
fn moves(mut sgd: Sgd) -> Vec<Tensor> {
    let mut model = mlp(1);
    let before = values(&model);
    let grads = loss(&model, 0).backward();
    sgd.step(&mut model, &grads).expect("reached");
    values(&model).iter().zip(&before).take(4).map(|(after, before)| after - before).collect()
}

#[test]
fn what_is_kept_stays_when_more_is_asked_for() {
    let mut x = Param::new(tensor![1.0]);
    let mut rmsprop = RmsProp::new(0.1);
    rmsprop.alpha = 0.5;
    let step = |rmsprop: &mut RmsProp, x: &mut Param| {
        let (grads, before) = (x.var().sum_all().backward(), x.value().item()); // g = 1
        rmsprop.step(x, &grads).expect("reached");
        before - x.value().item()
    };
    let near = |found: f32, exact: f64| assert!((f64::from(found) - exact).abs() < 1e-6, "{found} and {exact}");
    near(step(&mut rmsprop, &mut x), 0.1 / 0.5f64.sqrt()); // v = 1/2
    rmsprop.momentum = 0.5;
    near(step(&mut rmsprop, &mut x), 0.1 / 0.75f64.sqrt()); // v = 3/4, b = 1/√v
}

#[test]
fn groups_change_what_they_say_and_nothing_else() {
    let plain = moves(Sgd::new(0.5));
    let by = |factors: [f32; 4], found: Vec<Tensor>| {
        for ((plain, factor), found) in plain.iter().zip(factors).zip(&found) {
            glassbox_tensor::assert_close!(*found, plain * factor, 1e-5, 1e-6);
        }
    };
    by([1.0, 1.0, 0.25, 0.25], moves(Sgd::new(0.5).group("fc2", |rule| rule.lr *= 0.25)));
    by([1.0, 1.0, 1.0, 0.0], moves(Sgd::new(0.5).group("fc2.bias", |rule| rule.lr = 0.0)));
    let vectors = |_: &str, p: &Param| p.value().rank() < 2;
    by([1.0, 2.0, 1.0, 2.0], moves(Sgd::new(0.5).group_where(vectors, |rule| rule.lr *= 2.0)));
    let named = |name: &str, _: &Param| name.ends_with("1.weight");
    by([3.0, 1.0, 1.0, 1.0], moves(Sgd::new(0.5).group_where(named, |rule| rule.lr *= 3.0)));
    // One after the other, in the order in which they were made.
    let both = Sgd::new(0.5).group("fc2", |rule| rule.lr = 1.0).group_where(vectors, |rule| rule.lr *= 0.5);
    by([1.0, 0.5, 2.0, 1.0], moves(both));
    // A predicate that holds for nothing is a group of nothing.
    by([1.0; 4], moves(Sgd::new(0.5).group_where(|_, _| false, |rule| rule.lr = 0.0)));
}

#[test]
fn a_group_that_is_made_later_counts_from_the_next_step_on() {
    let mut x = Param::new(tensor![1.0]);
    let step = |sgd: &mut Sgd, x: &mut Param| {
        let grads = x.var().sum_all().backward(); // g = 1
        sgd.step(x, &grads).expect("reached");
        x.value().item()
    };
    let mut sgd = Sgd::new(0.5);
    assert_eq!(step(&mut sgd, &mut x), 0.5);
    let mut sgd = sgd.group("", |rule| rule.lr *= 0.5);
    assert_eq!(step(&mut sgd, &mut x), 0.25);
    sgd.lr = 2.0; // as a schedule does: the group has half of it
    assert_eq!(step(&mut sgd, &mut x), -0.75);
}

#[test]
fn a_group_of_what_the_model_lacks_is_an_error_and_nothing_changes() {
    let mut model = mlp(1);
    let before = values(&model);
    let grads = loss(&model, 0).backward();
    let mut sgd = Sgd::new(0.1).group("fc2.wieght", |rule| rule.lr = 0.0);
    for _ in 0..2 {
        let error = sgd.step(&mut model, &grads).expect_err("misspelt");
        let nearest = Some("fc2.weight".to_owned());
        assert_eq!(error, StepError::EmptyGroup { path: "fc2.wieght".into(), nearest });
        assert!(error.to_string().ends_with("lies under this path; did you mean fc2.weight?"), "{error}");
        assert_eq!(values(&model), before);
    }
}

#[test]
fn the_state_of_a_group_is_saved_by_its_own_rule() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("state");
    let make = || Sgd::momentum(0.1, 0.9).group("fc2", |rule| rule.momentum = 0.0);
    let (mut model, mut sgd) = (mlp(1), make());
    train(&mut model, &mut sgd, 0, 2);
    sgd.save_state(&model, &path).expect("saved");
    let file = glassbox_nn::checkpoint::SafetensorsFile::open(&path).expect("opened");
    let names: Vec<&str> = file.names().collect();
    assert_eq!(names, ["momentum_buffer.fc1.bias", "momentum_buffer.fc1.weight"]);
    make().load_state(&model, &path).expect("loaded");
    Sgd::momentum(0.1, 0.9).load_state(&model, &path).expect_err("without the group, fc2 should have a velocity");
}

/// Two gradients of this size.
fn gradients(n: usize) -> (Gradients, Vec<f32>) {
    let g = [Tensor::randn([n], Key::new(1)), Tensor::randn([3, 5], Key::new(2))];
    let mut grads = Gradients::default();
    for g in &g {
        let p = Param::new(Tensor::zeros(g.shape()));
        grads += (&p.var() * &Var::constant(g.clone())).sum_all().backward();
    }
    (grads, g.iter().flat_map(Tensor::to_vec).collect())
}

#[test]
fn the_global_norm_is_that_of_all_gradients_on_any_number_of_threads() {
    for n in [0, 1, 1003, 100_000] {
        let (grads, g) = gradients(n);
        let exact = g.iter().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt();
        let norm = grad_norm(&grads);
        assert!((norm - exact).abs() < 1e-12 * exact, "{n}: {norm} and {exact}");
        for threads in [1, 2, 3, 7] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a few threads");
            assert_eq!(pool.install(|| with_serial_threshold(0, || grad_norm(&grads))), norm, "{threads} threads");
        }
    }
}

#[test]
fn clipping_scales_what_is_too_long_and_nothing_else() {
    let (mut grads, before) = gradients(100);
    let all = |grads: &Gradients| grads.iter().flat_map(|(_, g)| g.to_vec()).collect::<Vec<f32>>();
    let norm = clip_grad_norm(&mut grads, 1e3);
    assert_eq!(clip_grad_norm(&mut grads, 1.5 * f64::from(norm)), norm);
    assert_eq!(all(&grads), before, "short enough: not a bit changes");
    assert_eq!(clip_grad_norm(&mut grads, 2.0), norm, "the norm that it had");
    assert!((grad_norm(&grads) - 2.0).abs() < 1e-5);
    for (after, before) in all(&grads).iter().zip(&before) {
        assert!((after - before * 2.0 / norm).abs() < 1e-6 * before.abs(), "{after} from {before}");
    }
}

#[test]
fn a_norm_says_when_a_gradient_is_not_finite() {
    for wrong in [f32::NAN, f32::INFINITY] {
        let (mut grads, _) = gradients(10);
        grads *= wrong;
        assert!(!clip_grad_norm(&mut grads, 1.0).is_finite());
    }
}

#[test]
fn an_average_follows_the_model_and_leaves_it_alone() {
    let mut model = mlp(1);
    let mut ema = Ema::new(&model, 0.9);
    let mut adam = Adam::new(0.01);
    let mut exact: Vec<Vec<f64>> = Vec::new();
    for t in 0..10 {
        let grads = loss(&model, t).backward();
        let before = copied_bytes();
        adam.step(&mut model, &grads).expect("reached");
        ema.update(&model);
        assert_eq!(copied_bytes() - before, 0, "step {t}: neither the step nor the average copies");
        let now: Vec<Vec<f64>> =
            values(&model).iter().map(|x| x.to_vec().into_iter().map(f64::from).collect()).collect();
        let rate = if t == 0 { 1.0 } else { 0.1 };
        exact.resize(now.len(), Vec::new());
        for (average, now) in exact.iter_mut().zip(&now) {
            average.resize(now.len(), 0.0);
            average.iter_mut().zip(now).for_each(|(a, x)| *a += rate * (x - *a));
        }
    }
    for (found, exact) in values(ema.model()).iter().zip(&exact) {
        for (found, exact) in found.to_vec().iter().zip(exact) {
            assert!((f64::from(*found) - exact).abs() < 1e-6, "{found} and {exact}");
        }
    }
    let mut alone = mlp(1);
    train(&mut alone, &mut Adam::new(0.01), 0, 10);
    assert_eq!(values(&alone), values(&model));
}

#[test]
fn the_first_update_takes_over_every_bit() {
    let mut model = Param::new(tensor![1e8]);
    let mut ema = Ema::new(&model, 0.999);
    model.set_value(tensor![1.234_567]); // 10⁸ + (1.234567 − 10⁸) is 0 in f32
    ema.update(&model);
    assert_eq!(ema.model().value(), model.value());
}

#[test]
fn a_young_average_forgets_faster() {
    let model = Param::new(tensor![1.0]);
    let mut ema = Ema::new(&model, 0.5).with_warmup();
    let decays: Vec<f64> = (0..12)
        .map(|_| {
            let decay = ema.decay();
            ema.update(&model);
            decay
        })
        .collect();
    let expected: Vec<f64> = (0..12).map(|t| f64::min(0.5, (1.0 + f64::from(t)) / (10.0 + f64::from(t)))).collect();
    assert_eq!(decays, expected);
    assert_eq!((decays[0], decays[8], decays[11]), (0.1, 0.5, 0.5));
}

#[test]
fn an_average_is_saved_and_goes_on_bit_for_bit() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("ema.safetensors");
    let (mut model, mut adam) = (mlp(1), Adam::new(0.01));
    let mut ema = Ema::new(&model, 0.999).with_warmup();
    let mut resumed = None;
    for t in 0..10 {
        if t == 5 {
            ema.save(&path).expect("saved");
            let mut other = Ema::new(&mlp(9), 0.999).with_warmup();
            other.load(&path).expect("loaded");
            assert_eq!(other.updates(), 5);
            resumed = Some(other);
        }
        train(&mut model, &mut adam, t, t + 1);
        ema.update(&model);
        resumed.iter_mut().for_each(|resumed| resumed.update(&model));
    }
    assert_eq!(values(resumed.expect("at step 5").model()), values(ema.model()));

    let mut plain = mlp(3);
    glassbox_nn::load_safetensors(&mut plain, &path).expect("the file is a model's too");
    glassbox_nn::save_safetensors(&plain, &path).expect("saved");
    let error = ema.load(&path).expect_err("a model's file doesn't say how many updates there were");
    assert!(matches!(&error, CheckpointError::Metadata { key, .. } if key == "n_averaged"), "{error}");
}

#[test]
fn weight_decay_alone_shrinks_by_the_closed_form() {
    // With gradients of 0, t steps of decoupled decay leave (1 − lr·λ)ᵗ.
    let mut x = Param::new(tensor![2.0]);
    let mut adamw = Adam::adamw(0.1);
    adamw.weight_decay = WeightDecay::Decoupled(0.5);
    for _ in 0..10 {
        let grads = (&x.var() * &Var::constant(tensor![0.0])).sum_all().backward();
        adamw.step(&mut x, &grads).expect("reached");
    }
    assert!((f64::from(x.value().item()) - 2.0 * 0.95f64.powi(10)).abs() < 1e-6);
}
