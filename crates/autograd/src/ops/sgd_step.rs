//! One step of stochastic gradient descent, with momentum or without, in one pass over memory. For a parameter p with
//! gradient g and velocity b, at step t = 1, 2, …:
//!
//! ```text
//! g ← g + weight_decay·p
//! b ← μ·b + (1 − τ)·g                     at t = 1, b ← g
//! p ← p − lr·b                            Nesterov: p ← p − lr·(g + μ·b)
//! ```
//!
//! With μ = 0 there is no b, and p ← p − lr·g. It has no gradient; in the registry its output is (p, b), or (p), along
//! a new first axis; optimisers call [`sgd_step()`], which writes in place.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::step;
use crate::var::{Var, apply_many};
use glassbox_tensor::Tensor;
use glassbox_tensor::simd::{Simd, UpdateLanes};
use ndarray::ArrayD;

/// The hyperparameters of one step.
#[derive(Clone, Debug, PartialEq)]
pub struct SgdStep {
    /// The learning rate.
    pub lr: f64,
    /// μ, how much of its velocity a parameter keeps; with 0 it has none.
    pub momentum: f64,
    /// τ, what part of the gradient doesn't enter the velocity.
    pub dampening: f64,
    /// Whether the step looks ahead, to where the velocity leads.
    pub nesterov: bool,
    /// The decay through the gradient; 0 for none.
    pub weight_decay: f64,
    /// t, which begins at 1.
    pub step: u64,
}

impl SgdStep {
    /// 1 − τ, or 1 where the velocity begins.
    fn share(&self) -> f64 {
        if self.momentum == 0.0 || self.step == 1 { 1.0 } else { 1.0 - self.dampening }
    }
}

/// Takes the step in place: p and b are overwritten. There is a b if, and only if, the momentum isn't 0.
///
/// ```
/// use glassbox_autograd::ops::sgd_step::{SgdStep, sgd_step};
/// use glassbox_tensor::{Tensor, tensor};
/// let (mut p, mut b, g) = (tensor![1., 1.], Tensor::zeros([2]), tensor![0.5, -1.]);
/// let mut hyper = SgdStep { lr: 0.5, momentum: 0.5, dampening: 0., nesterov: false, weight_decay: 0., step: 1 };
/// sgd_step(&hyper, &mut p, Some(&mut b), &g);
/// assert_eq!((&p, &b), (&tensor![0.75, 1.5], &g));
/// hyper.step = 2;
/// sgd_step(&hyper, &mut p, Some(&mut b), &g);
/// assert_eq!((p, b), (tensor![0.375, 2.25], tensor![0.75, -1.5]));
/// ```
///
/// # Panics
/// When the shapes differ, when there is a b without momentum or momentum without a b, or when `step` is 0.
#[track_caller]
pub fn sgd_step(hyper: &SgdStep, p: &mut Tensor, b: Option<&mut Tensor>, g: &Tensor) {
    match b {
        Some(b) => {
            check(hyper, &[p, b, g]);
            step::in_place(&Update::new(hyper), [p, b], g);
        }
        None => {
            check(hyper, &[p, g]);
            step::in_place(&Update::new(hyper), [p], g);
        }
    }
}

#[track_caller]
fn check(hyper: &SgdStep, x: &[&Tensor]) {
    let (mu, given) = (hyper.momentum, x.len() == 3);
    assert!(given || mu == 0.0, "sgd_step: momentum {mu} without a velocity b; give one of p's shape, at first 0");
    assert!(!given || mu != 0.0, "sgd_step: a velocity b without momentum; leave it out");
    step::check_shapes("sgd_step", if given { &["p", "b", "g"] } else { &["p", "g"] }, x);
    assert!(hyper.step > 0, "sgd_step: there is no step 0; the first step is 1");
}

/// The constants of a step, computed in f64 and rounded once.
struct Update {
    weight_decay: f32,
    mu: f32,
    share: f32,
    nesterov: bool,
    lr: f32,
}

impl Update {
    fn new(hyper: &SgdStep) -> Self {
        Self {
            weight_decay: hyper.weight_decay as f32,
            mu: hyper.momentum as f32,
            share: hyper.share() as f32,
            nesterov: hyper.nesterov,
            lr: hyper.lr as f32,
        }
    }
}

/// M is 2, or 1 without b, which is 0 then.
impl<const M: usize> UpdateLanes<M, 1> for Update {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, state: [S::F; M], [g]: [S::F; 1]) -> [S::F; M] {
        let (p, b) = (state[0], if M == 2 { state[1] } else { s.splat(0.0) });
        let g = s.mul_add(s.splat(self.weight_decay), p, g);
        let b = s.mul_add(s.splat(self.mu), b, s.splat(self.share) * g);
        let velocity = if self.nesterov { s.mul_add(s.splat(self.mu), b, g) } else { b };
        let mut after = state;
        after[0] = s.mul_add(s.splat(-self.lr), velocity, p);
        if M == 2 {
            after[1] = b;
        }
        after
    }
}

impl Op for SgdStep {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        check(self, x);
        let update = Update::new(self);
        (if x.len() == 3 { step::stacked::<2>(&update, x) } else { step::stacked::<1>(&update, x) }, ())
    }

    fn backward(&self, _: &Kept<'_, ()>, _: &Var, needs: &[bool]) -> Grads {
        step::no_gradients(needs.len())
    }
}

/// (p, b) after the step. With `magnitudes`, what rounding errors are measured in: every summand by its absolute value.
fn reference(op: &SgdStep, x: &[ArrayD<f64>], magnitudes: bool) -> ArrayD<f64> {
    let part = |x: f64| if magnitudes { x.abs() } else { x };
    step::reference(x, |state, g| {
        let g = part(g) + part(op.weight_decay * state[0]);
        let b = state.get(1).map_or(0.0, |b| part(op.momentum * b)) + op.share() * g;
        let velocity = if op.nesterov { g + op.momentum * b } else { b };
        state[0] = part(state[0]) + part(-op.lr) * velocity;
        state.iter_mut().skip(1).for_each(|old| *old = b);
    })
}

/// What the registry knows of the step.
pub static INFO: OpInfo<SgdStep> = OpInfo {
    name: "sgd_step",
    formula: "g ← g + weight_decay·p, b ← μ·b + (1 − τ)·g, p ← p − lr·b, or p − lr·(g + μ·b) with Nesterov's momentum",
    gradient: "none: an optimiser's step",
    source: "Polyak 1964; Sutskever et al. 2013, On the importance of initialization and momentum in deep learning, section 2; in PyTorch's form, where lr multiplies the velocity",
    reference: |op, x| reference(op, x, false),
    sample: |d| {
        let shape = d.shape2();
        let (momentum, nesterov) = [(0.9, false), (0.0, false), (0.9, true)][d.choice(3)];
        let dampening = if nesterov { 0.0 } else { [0.0, 0.25][d.choice(2)] };
        let (weight_decay, step) = ([0.0, 0.1][d.choice(2)], [10, 1][d.choice(2)]);
        let hyper = SgdStep { lr: 0.3, momentum, dampening, nesterov, weight_decay, step };
        Sample::new(hyper, vec![Input::new(shape); if momentum == 0.0 { 2 } else { 3 }])
    },
    standard: |_| {
        let hyper =
            SgdStep { lr: 0.1, momentum: 0.9, dampening: 0.0, nesterov: true, weight_decay: 1e-4, step: 1000 };
        Sample::new(hyper, vec![Input::new([2048, 2048]); 3])
    },
    wrong: &[
        Wrong {
            call: || wrong(&[&[2, 3], &[2, 3], &[3]], 0.9, 1),
            says: "sgd_step: the shapes of p [2, 3], b [2, 3] and g [3] differ; all are of one parameter",
        },
        Wrong { call: || wrong(&[&[2], &[2]], 0.9, 1), says: "sgd_step: momentum 0.9 without a velocity b; give one of p's shape, at first 0" },
        Wrong { call: || wrong(&[&[2], &[2], &[2]], 0.0, 1), says: "sgd_step: a velocity b without momentum; leave it out" },
        Wrong { call: || wrong(&[&[2], &[2]], 0.0, 0), says: "sgd_step: there is no step 0; the first step is 1" },
    ],
    tolerance: Tolerance::UnitsOf(4.0, |op, x| reference(op, x, true)),
    cost: |op, shapes| {
        let n = shapes[0].iter().product::<usize>() as u64;
        let state = shapes.len() as u64 - 1;
        let flops = 4 + if op.momentum == 0.0 { 0 } else { 3 } + if op.nesterov { 2 } else { 0 };
        Cost { flops: flops * n, bytes: 4 * (2 * state + 1) * n } // p and b are read and written, g is read
    },
    derivatives: Derivatives::Never("an optimiser's step"),
};

fn wrong(shapes: &[&[usize]], momentum: f64, step: u64) {
    let x: Vec<Var> = shapes.iter().map(|shape| Var::constant(Tensor::ones(shape))).collect();
    let hyper = SgdStep { lr: 0.1, momentum, dampening: 0.0, nesterov: false, weight_decay: 0.0, step };
    drop(apply_many(hyper, &x.iter().collect::<Vec<_>>()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_place_is_the_registered_step_bit_for_bit() {
        let draw = |i| Tensor::rand([3, 7], glassbox_tensor::random::Key::new(i));
        for (momentum, nesterov) in [(0.0, false), (0.9, false), (0.9, true)] {
            let [mut p, b, g] = [0, 1, 2].map(draw);
            let mut b = (momentum != 0.0).then_some(b);
            let hyper = SgdStep { lr: 0.1, momentum, dampening: 0.0, nesterov, weight_decay: 0.1, step: 2 };
            let inputs: Vec<&Tensor> = [&p].into_iter().chain(&b).chain([&g]).collect();
            let stacked = hyper.forward(&inputs).0;
            sgd_step(&hyper, &mut p, b.as_mut(), &g);
            for (i, one) in [p].iter().chain(&b).enumerate() {
                assert_eq!(one, &stacked.select(0, i));
            }
        }
    }
}
