//! Ten steps of every optimiser, whole schedules, averages and clipping, as PyTorch has them:
//! `tools/torch/nn/optimisers.py` wrote the numbers.

use crate::fixture::{Case, Fixture, hold_all, near};
use glassbox_autograd::{Gradients, Var};
use glassbox_nn::checkpoint::SafetensorsFile;
use glassbox_nn::optim::{
    Adam, AdamRule, Anneal, Ema, LbfgsOptions, Lion, LionRule, Muon, MuonRule, OneCycle, Optimizer, RateScale, RmsProp,
    RmsPropRule, Rule, Schedule, Sgd, SgdRule, WeightDecay, clip_grad_norm, lbfgs,
};
use glassbox_nn::{Buffer, Module, Param};
use glassbox_tensor::Tensor;

const BYTES: &[u8] = include_bytes!("optimisers.safetensors");

/// The parameters of every case.
#[derive(Module)]
struct Model {
    weight: Param,
    bias: Param,
}

impl Model {
    fn of(fixture: &Fixture, case: &Case) -> Model {
        let param = |name: &str| Param::new(fixture.tensor(case, &format!("state.{name}")));
        Model { weight: param("weight"), bias: param("bias") }
    }

    /// The gradients that PyTorch's optimiser was given at this step.
    fn gradients(&self, fixture: &Fixture, case: &Case, step: usize) -> Gradients {
        let mut grads = Gradients::default();
        for (name, param) in self.parameters() {
            let g = Var::constant(fixture.tensor(case, &format!("g{step}.{name}")));
            grads += (&Param::var(param) * &g).sum_all().backward();
        }
        grads
    }
}

#[test]
fn optimisers_schedules_averages_and_clipping_are_pytorchs() {
    hold_all(BYTES, |fixture, case| match case.kind.as_str() {
        "sgd" => ten_steps(fixture, case, sgd(case)),
        "adam" => ten_steps(fixture, case, adam(case, WeightDecay::L2(case.f("weight_decay")))),
        "adamw" => ten_steps(fixture, case, adam(case, WeightDecay::Decoupled(case.f("weight_decay")))),
        "rmsprop" => ten_steps(fixture, case, rmsprop(case)),
        "lion" => ten_steps(fixture, case, lion(case)),
        "muon" => ten_steps(fixture, case, muon(case)),
        "groups" => groups(fixture, case),
        "frozen" => frozen(fixture, case),
        "schedule" => schedule(fixture, case),
        "ema" => ema(fixture, case),
        "clip" => clip(fixture, case),
        "lbfgs" => logistic_regression(fixture, case),
        kind => Err(format!("{kind}: nothing compares it")),
    });
}

fn ten_steps(fixture: &Fixture, case: &Case, mut optimizer: Optimizer<impl Rule>) -> Result<(), String> {
    let mut model = Model::of(fixture, case);
    for step in 0..10 {
        let grads = model.gradients(fixture, case, step);
        optimizer.step(&mut model, &grads).map_err(|error| error.to_string())?;
    }
    afterwards(fixture, case, &model, &optimizer)
}

/// The parameters, and all that is kept beside them, by its name in a file.
fn afterwards(fixture: &Fixture, case: &Case, model: &Model, optimizer: &Optimizer<impl Rule>) -> Result<(), String> {
    let theirs = fixture.under(case, "after");
    assert_eq!(theirs.len(), 2);
    for (name, param) in model.parameters() {
        near(case, &name, param.value(), &fixture.tensor(case, &format!("after.{name}")))?;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.safetensors");
    optimizer.save_state(model, &path).unwrap();
    let file = SafetensorsFile::open(&path).unwrap();
    let theirs = fixture.under(case, "kept");
    let (ours, names): (Vec<&str>, Vec<&str>) = (file.names().collect(), theirs.iter().map(|t| t.0.as_str()).collect());
    if ours != names {
        return Err(format!("{}: ours keeps {ours:?}, PyTorch's {names:?}", case.name));
    }
    for (name, theirs) in &theirs {
        near(case, name, &file.read(name).unwrap(), theirs)?;
    }
    Ok(())
}

fn sgd(case: &Case) -> Sgd {
    Optimizer::with(SgdRule {
        lr: case.f("lr"),
        momentum: case.f("momentum"),
        dampening: case.f("dampening"),
        nesterov: case.flag("nesterov"),
        weight_decay: case.f("weight_decay"),
    })
}

fn adam(case: &Case, weight_decay: WeightDecay) -> Adam {
    Optimizer::with(AdamRule { lr: case.f("lr"), betas: case.pair("betas"), eps: case.f("eps"), weight_decay })
}

fn rmsprop(case: &Case) -> RmsProp {
    Optimizer::with(RmsPropRule {
        lr: case.f("lr"),
        alpha: case.f("alpha"),
        eps: case.f("eps"),
        weight_decay: case.f("weight_decay"),
        momentum: case.f("momentum"),
        centered: case.flag("centered"),
    })
}

fn lion(case: &Case) -> Lion {
    let weight_decay = case.f("weight_decay");
    Optimizer::with(LionRule { lr: case.f("lr"), betas: case.pair("betas"), weight_decay })
}

fn muon(case: &Case) -> Muon {
    let rule = MuonRule::default();
    Optimizer::with(MuonRule {
        lr: case.f("lr"),
        momentum: case.f("momentum"),
        nesterov: case.flag("nesterov"),
        weight_decay: case.f("weight_decay"),
        scale: if case.text("scale") == "original" { RateScale::Original } else { RateScale::MatchAdamW },
        adamw: AdamRule { lr: case.f("adamw"), ..rule.adamw },
        ..rule
    })
}

fn groups(fixture: &Fixture, case: &Case) -> Result<(), String> {
    let mut model = Model::of(fixture, case);
    let mut adamw = Adam::adamw(case.f("lr")).group("bias", |rule| {
        rule.lr *= 0.1;
        rule.weight_decay = WeightDecay::Decoupled(0.0);
    });
    adamw.weight_decay = WeightDecay::Decoupled(case.f("weight_decay"));
    for step in 0..10 {
        let grads = model.gradients(fixture, case, step);
        adamw.step(&mut model, &grads).map_err(|error| error.to_string())?;
        adamw.lr *= case.f("decay_of_lr");
    }
    afterwards(fixture, case, &model, &adamw)
}

fn frozen(fixture: &Fixture, case: &Case) -> Result<(), String> {
    let mut model = Model::of(fixture, case);
    let mut sgd = Sgd::momentum(case.f("lr"), case.f("momentum"));
    for step in 0..10 {
        let grads = model.gradients(fixture, case, step);
        model.bias.freeze();
        sgd.step(&mut model, &grads).map_err(|error| error.to_string())?;
        model.bias.unfreeze();
    }
    afterwards(fixture, case, &model, &sgd)
}

fn schedule(fixture: &Fixture, case: &Case) -> Result<(), String> {
    let lr = case.f("lr");
    let cycle = || OneCycle {
        rise: case.f("rise"),
        div: case.f("div"),
        final_div: case.f("final_div"),
        anneal: if case.text("anneal") == "cosine" { Anneal::Cosine } else { Anneal::Linear },
        three_phases: case.flag("three_phases"),
        ..OneCycle::new(lr, case.n("steps") as u64)
    };
    let warmup = |then: Schedule| then.warmup(case.n("warmup") as u64);
    let schedule = match case.text("schedule") {
        "constant" => Schedule::constant(lr),
        "step" => Schedule::step(lr, case.n("every") as u64, case.f("gamma")),
        "cosine" => Schedule::Cosine { lr, steps: case.n("steps") as u64, min: case.f("min") },
        "one_cycle" => Schedule::OneCycle(cycle()),
        "warm_constant" => warmup(Schedule::constant(lr)),
        "warm_step" => warmup(Schedule::step(lr, case.n("every") as u64, case.f("gamma"))),
        "warm_cosine" => warmup(Schedule::cosine(lr, case.n("steps") as u64)),
        other => return Err(format!("{other}: nothing compares it")),
    };
    let theirs = fixture.tensor(case, "lr").to_vec();
    for (step, &theirs) in theirs.iter().enumerate() {
        let ours = schedule.lr(step as u64);
        // Relative to the rate itself, but for those that are 0 but for PyTorch's rounding.
        if (ours - f64::from(theirs)).abs() > 1e-6 * f64::from(theirs) + 1e-15 {
            return Err(format!("{}: {schedule:?} is {ours} at step {step}, PyTorch's {theirs}", case.name));
        }
    }
    if let Schedule::OneCycle(cycle) = schedule {
        for (step, &theirs) in fixture.tensor(case, "momentum").to_vec().iter().enumerate() {
            let ours = cycle.momentum(step as u64);
            if (ours - f64::from(theirs)).abs() > 1e-6 {
                return Err(format!("{}: the momentum is {ours} at step {step}, PyTorch's {theirs}", case.name));
            }
        }
    }
    Ok(())
}

#[derive(Module, Clone)]
struct Norm {
    weight: Param,
    bias: Param,
    running_mean: Buffer,
}

fn ema(fixture: &Fixture, case: &Case) -> Result<(), String> {
    let param = || Param::new(Tensor::ones([5]));
    let mut model = Norm { weight: param(), bias: param(), running_mean: Buffer::new(Tensor::zeros([5])) };
    let mut ema = Ema::new(&model, case.f("decay"));
    for step in 0..10 {
        model.weight.set_value(fixture.tensor(case, &format!("m{step}.weight")));
        model.bias.set_value(fixture.tensor(case, &format!("m{step}.bias")));
        model.running_mean.set_value(fixture.tensor(case, &format!("m{step}.running_mean")));
        ema.update(&model);
        let average = ema.model();
        let values = [average.weight.value().clone(), average.bias.value().clone(), average.running_mean.value()];
        for (name, ours) in ["weight", "bias", "running_mean"].iter().zip(&values) {
            near(
                case,
                &format!("{name} after update {step}"),
                ours,
                &fixture.tensor(case, &format!("a{step}.{name}")),
            )?;
        }
    }
    Ok(())
}

fn clip(fixture: &Fixture, case: &Case) -> Result<(), String> {
    let model = Model::of(fixture, case);
    let mut grads = model.gradients(fixture, case, 0);
    grads *= case.f("scale") as f32;
    let norm = clip_grad_norm(&mut grads, case.f("max_norm"));
    near(case, "the norm", &Tensor::scalar(norm), &fixture.tensor(case, "norm"))?;
    for (name, param) in model.parameters() {
        let ours = grads.get(param.id()).expect("it was there");
        near(case, &name, ours, &fixture.tensor(case, &format!("clipped.{name}")))?;
    }
    Ok(())
}

/// The mean of −ln p(y) plus ridge·‖w‖²/2.
fn logistic_regression(fixture: &Fixture, case: &Case) -> Result<(), String> {
    let (x, y) = (fixture.tensor(case, "x"), fixture.tensor(case, "y").to_vec());
    let (x, ridge) = (x.to_vec().iter().map(|&x| f64::from(x)).collect::<Vec<_>>(), case.f("ridge"));
    let n = y.len() as f64;
    let f = |w: &[f64], g: &mut [f64]| {
        let mut loss = 0.0;
        g.iter_mut().zip(w).for_each(|(g, w)| *g = ridge * w);
        for (x, &y) in x.chunks(6).zip(&y) {
            let (y, z) = (f64::from(y), x.iter().zip(w).map(|(x, w)| x * w).sum::<f64>());
            loss += (z.max(0.0) - z * y + (-z.abs()).exp().ln_1p()) / n;
            let error = 1.0 / (1.0 + (-z).exp()) - y;
            g.iter_mut().zip(x).for_each(|(g, x)| *g += error * x / n);
        }
        loss + ridge * w.iter().map(|w| w * w).sum::<f64>() / 2.0
    };
    let mut w = [0.0; 6];
    let outcome = lbfgs(f, &mut w, &LbfgsOptions::default());
    if !outcome.converged() {
        return Err(format!("{}: {outcome:?}", case.name));
    }
    let ours = Tensor::from_vec(w.iter().map(|&w| w as f32).collect(), [6]);
    near(case, "the minimum", &ours, &fixture.tensor(case, "w"))?;
    near(case, "the value", &Tensor::scalar(outcome.value as f32), &fixture.tensor(case, "loss"))
}
