//! The gradients: against central differences of the reference, once and twice.

use super::draws::{LARGE, case, for_drawn_cases};
use crate::gradcheck::{F32_ERROR, gradcheck, gradcheck_within};
use crate::info::Derivatives;
use crate::op::Density;
use crate::registry::{AnyOp, Drawn, OpEntry};
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
fn weighted(op: &dyn AnyOp, x: &[Var]) -> Var {
    let y = op.apply(&x.iter().collect::<Vec<_>>());
    (&y * &weights(y.value(), 11)).sum_all()
}

/// Backward's gradient is that of central differences of the f64 reference; and it is not a gradient of zeros, which a
/// forgotten path would have too.
///
/// ```
/// glassbox_autograd::check::gradient(&glassbox_autograd::ops::tanh::INFO);
/// ```
pub fn gradient(op: &dyn OpEntry) {
    if is_never(op.derivatives()) {
        return;
    }
    let mut seen = Seen::default();
    let mut check = |case: &Drawn| {
        if case.run().numel() == 0 {
            return Ok(());
        }
        let leaves: Vec<Var> = case.x.iter().map(|x| Var::input(x.clone())).collect();
        let gradients = weighted(&*case.op, &leaves).backward();
        leaves.iter().enumerate().for_each(|(i, x)| seen.count(i, gradients.of(x)));
        gradcheck(|x| weighted(&*case.op, x), &case.x).map_err(|error| format!("{}: {error}", case.describe()))
    };
    for_drawn_cases(op, 16, 1..=3, &mut check);
    for_drawn_cases(op, 4, 4..=9, &mut check);
    seen.judge(op);
}

/// How much of the gradient of each input is not zero, over all cases.
#[derive(Default)]
struct Seen(Vec<[usize; 4]>);

impl Seen {
    fn count(&mut self, input: usize, g: &Tensor) {
        if self.0.len() <= input {
            self.0.resize(input + 1, [0; 4]);
        }
        let nonzero = g.to_vec().iter().filter(|g| **g != 0.0).count();
        let [elements, nonzeros, cases, reached] = &mut self.0[input];
        *elements += g.numel();
        *nonzeros += nonzero;
        *cases += (g.numel() > 0) as usize;
        *reached += (nonzero > 0) as usize;
    }

    fn judge(&self, op: &dyn OpEntry) {
        let name = op.name();
        for (i, [elements, nonzeros, cases, reached]) in self.0.iter().enumerate() {
            let enough = match op.density() {
                Density::Dense => 4 * nonzeros >= *elements,
                Density::Sparse(_) => 2 * reached >= *cases && *nonzeros > 0,
                Density::Zero(_) => *nonzeros == 0,
            };
            assert!(
                enough,
                "{name}: {nonzeros} of {elements} elements of the gradients of input {i} are not zero, in {reached} of {cases} \
                 cases; that doesn't fit {:?}: draw samples that reach it, or say why by Op::GRADIENT",
                op.density()
            );
        }
    }
}

/// So is the second derivative: the gradient of ⟨∇f(x; dy), v⟩ with respect to x and to dy.
///
/// ```
/// glassbox_autograd::check::second_derivative(&glassbox_autograd::ops::tanh::INFO);
/// ```
pub fn second_derivative(op: &dyn OpEntry) {
    if op.derivatives() != Derivatives::Any {
        return;
    }
    for_drawn_cases(op, 12, 1..=3, |case| {
        let n = case.x.len();
        let y = case.run();
        if y.numel() == 0 {
            return Ok(());
        }
        let mut inputs = case.x.clone();
        inputs.push(&Tensor::rand(y.shape(), Key::new(5)) + 0.25);
        let second = |x: &[Var]| {
            let (x, dy) = x.split_at(n);
            let x: Vec<&Var> = x.iter().collect();
            let f = (&case.op.apply(&x) * &dy[0]).sum_all();
            let gradients = grad(&f, &x);
            let products = gradients.iter().enumerate().map(|(i, g)| (g * &weights(g.value(), i as u64)).sum_all());
            products.reduce(|a, b| &a + &b).expect("an operation has inputs")
        };
        gradcheck_within(&second, &inputs, 4.0 * F32_ERROR)
            .map_err(|error| format!("second derivative of {}: {error}", case.describe()))
    });
}

/// The fused backward (used when the graph is consumed) and the differentiable one (used when a graph is asked for) give
/// the same gradients, also beyond every block; and a gradient that nobody needs changes none of the others.
///
/// ```
/// glassbox_autograd::check::backward_agrees_with_itself(&glassbox_autograd::ops::tanh::INFO);
/// ```
pub fn backward_agrees_with_itself(op: &dyn OpEntry) {
    if is_never(op.derivatives()) {
        return;
    }
    let check = |case: &Drawn| -> Result<(), String> {
        let leaves = || case.x.iter().map(|x| Var::input(x.clone())).collect::<Vec<_>>();
        let x = leaves();
        let graph = grad(&weighted(&*case.op, &x), &x.iter().collect::<Vec<_>>());
        let x = leaves();
        let consumed = weighted(&*case.op, &x).backward();
        for i in 0..x.len() {
            let top = graph[i].value().to_vec().iter().fold(0.0f32, |a, b| a.max(b.abs()));
            let near = |other: &Tensor, how: &str| match worst(other, graph[i].value(), 2e-5, 2e-6 * top + 1e-30) {
                Some(w) if w.beyond > 0 => Err(format!("{}: input {i}, {how}: {w:?}", case.describe())),
                _ => Ok(()),
            };
            near(consumed.of(&x[i]), "fused against differentiable backward")?;
            let mut alone: Vec<Var> = case.x.iter().map(|x| Var::constant(x.clone())).collect();
            alone[i] = Var::input(case.x[i].clone());
            near(weighted(&*case.op, &alone).backward().of(&alone[i]), "needed alone against together")?;
        }
        Ok(())
    };
    for_drawn_cases(op, 16, 1..=7, check);
    check(&case(op, LARGE[0], 3)).unwrap_or_else(|error| panic!("{}: {error}", op.name()));
}
