//! Every operation against PyTorch: the values and gradients in `operations.safetensors`, which
//! `tools/torch/operations.py` wrote, on odd sizes and with all options.
//!
//! PyTorch computed them in f64. Ours agree to 1e-5, relative to the larger of the element and the root mean square of its
//! tensor: where terms cancel, an element is small against what it was made from.

mod calls;
mod fixture;

use fixture::{Case, Fixture};
use glassbox_autograd::Var;
use glassbox_autograd::ops::registry;
use glassbox_tensor::Tensor;
use std::collections::BTreeSet;

const TOLERANCE: f64 = 1e-5;

/// Operations that PyTorch has no counterpart of, and where they are held against something else.
const NOT_IN_PYTORCH: &[(&str, &str)] = &[
    ("adam_step", "an optimiser's step: held against PyTorch's in the tests of nn and of vae"),
    (
        "conv2d_weight",
        "it has no name of its own there: it is the gradient of conv2d and conv_transpose2d, which are compared",
    ),
    ("gumbel_softmax", "random numbers of our own generator: distributions and the gradient in tests/sampling.rs"),
    ("lion_step", "an optimiser's step: held against a twin of its paper's algorithm in the tests of nn"),
    ("logistic_sample", "random numbers of our own generator: distributions in tests/sampling.rs"),
    ("rand_like", "random numbers of our own generator: Random123's test vectors, and distributions"),
    ("randn_like", "random numbers of our own generator: Random123's test vectors, and distributions"),
    ("rmsprop_step", "an optimiser's step: held against PyTorch's in the tests of nn"),
    ("round_ste", "PyTorch has no such gradient; it is the identity's"),
    ("sgd_step", "an optimiser's step: held against PyTorch's in the tests of nn"),
    ("sign_ste", "PyTorch has no such gradient; it is clamp's"),
    ("straight_through", "PyTorch has no such gradient; it is the identity's"),
];

#[test]
fn values_and_gradients_are_pytorchs() {
    let fixture = Fixture::read();
    let wrong: Vec<String> = fixture.cases.iter().filter_map(|case| differs(&fixture, case).err()).collect();
    assert!(wrong.is_empty(), "{} of {} cases differ:\n{}", wrong.len(), fixture.cases.len(), wrong.join("\n"));
}

#[test]
fn every_operation_is_compared() {
    let fixture = Fixture::read();
    let reached: BTreeSet<&str> = fixture.cases.iter().map(|case| calls::operation(&case.op)).collect();
    let apart: BTreeSet<&str> = NOT_IN_PYTORCH.iter().map(|(name, _)| *name).collect();
    let missing: Vec<&str> =
        registry().iter().map(|op| op.name()).filter(|name| !reached.contains(name) && !apart.contains(name)).collect();
    assert!(missing.is_empty(), "no case in tools/torch/operations.py, and no reason here: {missing:?}");
}

fn differs(fixture: &Fixture, case: &Case) -> Result<(), String> {
    let leaf = |(x, &wanted): (Tensor, &bool)| if wanted { Var::input(x) } else { Var::constant(x) };
    let x: Vec<Var> = fixture.inputs(case).into_iter().zip(&case.wants).map(leaf).collect();
    let y = calls::call(case, &x, &fixture.ids(case));
    near(case, "value", y.value(), &fixture.tensor(&case.name, "y"))?;
    if !case.wants.contains(&true) {
        return Ok(());
    }
    let grads = (&y * &Var::constant(fixture.tensor(&case.name, "w"))).sum_all().backward();
    for (i, x) in x.iter().enumerate().filter(|(i, _)| case.wants[*i]) {
        near(case, &format!("gradient of input {i}"), grads.of(x), &fixture.tensor(&case.name, &format!("dx{i}")))?;
    }
    Ok(())
}

fn near(case: &Case, what: &str, ours: &Tensor, theirs: &Tensor) -> Result<(), String> {
    let name = &case.name;
    if ours.shape() != theirs.shape() {
        return Err(format!("{name}: {what} of shape {:?}, PyTorch's is {:?}", ours.shape(), theirs.shape()));
    }
    let (ours, theirs) = (ours.to_vec(), theirs.to_vec());
    let squares: f64 = theirs.iter().map(|x| f64::from(*x).powi(2)).sum();
    let scale = (squares / theirs.len().max(1) as f64).sqrt();
    for (i, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        let apart = f64::from(*ours) - f64::from(*theirs);
        if apart.abs() > TOLERANCE * scale.max(f64::from(theirs.abs())) || apart.is_nan() {
            return Err(format!("{name}: {what}, element {i} is {ours}, PyTorch's {theirs} ({:?})", case.options));
        }
    }
    Ok(())
}
