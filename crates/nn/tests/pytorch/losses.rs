//! Every loss: values and gradients are PyTorch's, on odd sizes, with all options, and on kinks. And every initialiser draws by
//! the bound or the standard deviation that PyTorch's draws by.

use crate::fixture::{Case, Fixture, hold_all, near};
use glassbox_autograd::Var;
use glassbox_nn::init::{self, Fan, Nonlinearity};
use glassbox_nn::loss::{
    BceWeights, CrossEntropyOptions, GaussianNllOptions, KlTarget, MultiMarginOptions, Reduction, bce_with_logits,
    bce_with_logits_weighted, cross_entropy, cross_entropy_soft, gaussian_kl, gaussian_kl_between, gaussian_nll, hinge,
    hinge_discriminator, hinge_embedding, hinge_generator, huber, kl_div, l1, mse, multi_margin, smooth_l1,
};
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;

#[test]
fn every_loss_and_initialiser_is_pytorchs() {
    hold_all(include_bytes!("losses.safetensors"), |fixture, case| match case.kind.as_str() {
        "init" => initialisers(case),
        _ => loss(fixture, case),
    });
}

fn loss(fixture: &Fixture, case: &Case) -> Result<(), String> {
    let given = |i: usize| fixture.get(case, &format!("x{i}"));
    let gradient = |i: usize| fixture.get(case, &format!("dx{i}"));
    // An input without a gradient is a target or a weight.
    let var = |(i, x)| if gradient(i).is_some() { Var::input(x) } else { Var::constant(x) };
    let x: Vec<Var> = (0..).map_while(given).enumerate().map(var).collect();
    let y = call(fixture, case, &x);
    near(case, "value", y.value(), &fixture.tensor(case, "y0"))?;
    let grads = (&y * &Var::constant(fixture.tensor(case, "w0"))).sum_all().backward();
    for (i, x) in x.iter().enumerate() {
        if let Some(theirs) = gradient(i) {
            near(case, &format!("gradient of input {i}"), grads.of(x), &theirs)?;
        }
    }
    Ok(())
}

fn call(fixture: &Fixture, case: &Case, x: &[Var]) -> Var {
    let reduction = match case.text("reduction") {
        "sum" => Reduction::Sum,
        "mean" => Reduction::Mean,
        "batchmean" => Reduction::BatchMean,
        _ => Reduction::None,
    };
    let f = |name| case.f(name) as f32;
    let ids = || fixture.ids(case, "ids0");
    match case.kind.as_str() {
        "mse" => mse(&x[0], &x[1], reduction),
        "l1" => l1(&x[0], &x[1], reduction),
        "huber" => huber(&x[0], &x[1], f("delta"), reduction),
        "smooth_l1" => smooth_l1(&x[0], &x[1], f("beta"), reduction),
        "bce" => {
            let mut rest = x[2..].iter().map(Var::value);
            let weight = case.flag("weight").then(|| rest.next().expect("a weight"));
            let pos_weight = case.flag("pos_weight").then(|| rest.next().expect("a weight"));
            match (weight, pos_weight) {
                (None, None) => bce_with_logits(&x[0], &x[1], reduction),
                _ => bce_with_logits_weighted(&x[0], &x[1], BceWeights { weight, pos_weight }, reduction),
            }
        }
        "cross_entropy" => {
            let ignore_index = (!case.is_null("ignored")).then(|| case.n("ignored") as u32);
            let weight = x.get(1).map(Var::value);
            let options = CrossEntropyOptions { label_smoothing: f("smoothing"), ignore_index, weight };
            cross_entropy(&x[0], &ids(), options, reduction)
        }
        "cross_entropy_soft" => cross_entropy_soft(&x[0], &x[1], reduction),
        "multi_margin" => {
            let weight = x.get(1).map(Var::value);
            let options = MultiMarginOptions { margin: f("margin"), squared: case.flag("squared"), weight };
            multi_margin(&x[0], &ids(), options, reduction)
        }
        "hinge" => hinge(&x[0], &x[1], reduction),
        "hinge_embedding" => hinge_embedding(&x[0], x[1].value(), f("margin"), reduction),
        "hinge_discriminator" => hinge_discriminator(&x[0], &x[1], reduction),
        "hinge_generator" => hinge_generator(&x[0], reduction),
        "gaussian_nll" => {
            let options = GaussianNllOptions { full: case.flag("full"), eps: f("eps") };
            gaussian_nll(&x[0], &x[1], &x[2], options, reduction)
        }
        "gaussian_kl" => gaussian_kl(&x[0], &x[1], reduction),
        "gaussian_kl_between" => gaussian_kl_between([&x[0], &x[1]], [&x[2], &x[3]], reduction),
        "kl_div" if case.flag("log_target") => kl_div(&x[0], KlTarget::LogProbabilities(&x[1]), reduction),
        "kl_div" => kl_div(&x[0], KlTarget::Probabilities(&x[1]), reduction),
        other => panic!("{}: no loss {other}", case.name),
    }
}

/// The numbers of the generators can't be compared; but with the same key ours are those of `Tensor::rand` and `Tensor::randn`
/// times the bound or the standard deviation, which can.
fn initialisers(case: &Case) -> Result<(), String> {
    let (shape, slope, key) = (case.sizes("shape"), case.f("slope") as f32, Key::new(1));
    let before = match case.text("nonlinearity") {
        "linear" => Nonlinearity::Linear,
        "sigmoid" => Nonlinearity::Sigmoid,
        "tanh" => Nonlinearity::Tanh,
        "relu" => Nonlinearity::Relu,
        "leaky_relu" => Nonlinearity::LeakyRelu(slope),
        "selu" => Nonlinearity::Selu,
        other => panic!("{}: no nonlinearity {other}", case.name),
    };
    let numbers = |x: f64, y: f64| (x - y).abs() <= 1e-6 * y;
    if init::fan_in_and_out(&shape) != (case.n("fan_in"), case.n("fan_out")) {
        return Err(format!("{}: the fans are {:?}", case.name, init::fan_in_and_out(&shape)));
    }
    if !numbers(before.gain(), case.f("gain")) {
        return Err(format!("{}: the gain is {}", case.name, before.gain()));
    }
    let (even, bell) = (Tensor::rand(&shape, key).affine(2.0, -1.0), Tensor::randn(&shape, key));
    let gain = before.gain() as f32;
    for (name, unit, ours) in [
        ("kaiming_uniform_in", &even, init::kaiming_uniform(&shape, Fan::In, before, key)),
        ("kaiming_uniform_out", &even, init::kaiming_uniform(&shape, Fan::Out, before, key)),
        ("kaiming_normal_in", &bell, init::kaiming_normal(&shape, Fan::In, before, key)),
        ("kaiming_normal_out", &bell, init::kaiming_normal(&shape, Fan::Out, before, key)),
        ("xavier_uniform", &even, init::xavier_uniform(&shape, gain, key)),
        ("xavier_normal", &bell, init::xavier_normal(&shape, gain, key)),
    ] {
        near(case, name, &ours, &(unit * case.f(name) as f32))?;
    }
    if case.text("nonlinearity") == "leaky_relu" && slope > 2.0 {
        // √5: what PyTorch's layers begin with.
        let ours = init::default_weight(&shape, case.n("fan_in"), key);
        near(case, "default_weight", &ours, &(&even * case.f("kaiming_uniform_in") as f32))?;
    }
    Ok(())
}
