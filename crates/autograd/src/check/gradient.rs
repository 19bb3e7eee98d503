//! The gradients: against central differences of the reference, once and twice.

use super::draws::{Case, LARGE, for_drawn_cases};
use crate::gradcheck::gradcheck;
use crate::info::{Derivatives, OpInfo};
use crate::op::Op;
use crate::registry::apply_slice;
use crate::sweep::grad;
use crate::var::Var;
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use glassbox_tensor::testing::worst;

fn is_never(derivatives: Derivatives) -> bool {
    matches!(derivatives, Derivatives::Never(_))
}

/// Weights that make a scalar of y and that no symmetry cancels.
fn weights(y: &Tensor, salt: u64) -> Var {
    Var::constant(&Tensor::rand(y.shape(), Key::new(salt)) + 0.25)
}

/// Σ w·y, whose gradient is the operation's, weighted.
fn weighted<O: Op>(op: &O, x: &[Var]) -> Var {
    let y = apply_slice(op.clone(), x);
    (&y * &weights(y.value(), 11)).sum_all()
}

/// Backward's gradient is that of central differences of the f64 reference.
pub fn gradient<O: Op>(info: &'static OpInfo<O>) {
    if is_never(info.derivatives) {
        return;
    }
    for_drawn_cases(info, 16, 1..=3, |case| check_first(case));
    for_drawn_cases(info, 4, 4..=9, |case| check_first(case));
}

fn check_first<O: Op>(case: &Case<O>) -> Result<(), String> {
    if case.run().numel() == 0 {
        return Ok(());
    }
    gradcheck(|x| weighted(&case.op, x), &case.x).map_err(|error| format!("{}: {error}", case.describe()))
}

/// So is the second derivative: the gradient of ⟨∇f(x; dy), v⟩ with respect to x and to dy.
pub fn second_derivative<O: Op>(info: &'static OpInfo<O>) {
    if info.derivatives != Derivatives::Any {
        return;
    }
    for_drawn_cases(info, 12, 1..=3, |case| {
        let n = case.x.len();
        let y = case.run();
        if y.numel() == 0 {
            return Ok(());
        }
        let mut inputs = case.x.clone();
        inputs.push(&Tensor::rand(y.shape(), Key::new(5)) + 0.25);
        let second = |x: &[Var]| {
            let (x, dy) = x.split_at(n);
            let f = (&apply_slice(case.op.clone(), x) * &dy[0]).sum_all();
            let gradients = grad(&f, &x.iter().collect::<Vec<_>>());
            let products = gradients.iter().enumerate().map(|(i, g)| (g * &weights(g.value(), i as u64)).sum_all());
            products.reduce(|a, b| &a + &b).expect("an operation has inputs")
        };
        gradcheck(second, &inputs).map_err(|error| format!("second derivative of {}: {error}", case.describe()))
    });
}

/// The fused backward (used when the graph is consumed) and the differentiable one (used when a graph is asked for) give
/// the same gradients, also beyond every block; and a gradient that nobody needs changes none of the others.
pub fn backward_agrees_with_itself<O: Op>(info: &'static OpInfo<O>) {
    if is_never(info.derivatives) {
        return;
    }
    let check = |case: &Case<O>| -> Result<(), String> {
        let leaves = || case.x.iter().map(|x| Var::input(x.clone())).collect::<Vec<_>>();
        let x = leaves();
        let graph = grad(&weighted(&case.op, &x), &x.iter().collect::<Vec<_>>());
        let x = leaves();
        let consumed = weighted(&case.op, &x).backward();
        for i in 0..x.len() {
            let top = graph[i].value().to_vec().iter().fold(0.0f32, |a, b| a.max(b.abs()));
            let near = |other: &Tensor, how: &str| match worst(other, graph[i].value(), 2e-5, 2e-6 * top + 1e-30) {
                Some(w) if w.beyond > 0 => Err(format!("{}: input {i}, {how}: {w:?}", case.describe())),
                _ => Ok(()),
            };
            near(consumed.of(&x[i]), "fused against differentiable backward")?;
            let mut alone: Vec<Var> = case.x.iter().map(|x| Var::constant(x.clone())).collect();
            alone[i] = Var::input(case.x[i].clone());
            near(weighted(&case.op, &alone).backward().of(&alone[i]), "needed alone against together")?;
        }
        Ok(())
    };
    for_drawn_cases(info, 16, 1..=7, check);
    check(&Case::new(info, LARGE[0], 3)).unwrap_or_else(|error| panic!("{}: {error}", info.name));
}
