//! One step of RMSprop, in one pass over memory. For a parameter p with gradient g, running square v, and where they
//! are asked for a running mean ḡ and a velocity b:
//!
//! ```text
//! g ← g + weight_decay·p
//! v ← α·v + (1 − α)·g²
//! ḡ ← α·ḡ + (1 − α)·g                     centred; else ḡ = 0
//! d = g / (√(v − ḡ²) + eps)               v − ḡ² is an estimate of the variance
//! b ← μ·b + d                             with momentum; else b = d
//! p ← p − lr·b
//! ```
//!
//! Where rounding makes v − ḡ² negative, it is 0. It has no gradient; in the registry its output is (p, v), (p, v, ḡ),
//! (p, v, b) or (p, v, ḡ, b) along a new first axis; optimisers call [`rmsprop_step()`], which writes in place.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::step;
use crate::var::{Var, apply_many};
use glassbox_tensor::{Tensor, counted};
use glassbox_tensor::simd::{Simd, UpdateLanes};
use ndarray::ArrayD;

/// The hyperparameters of one step.
#[derive(Clone, Debug, PartialEq)]
pub struct RmsPropStep {
    /// The learning rate.
    pub lr: f64,
    /// α, how much of the mean square a step keeps.
    pub alpha: f64,
    /// Bounds the step where the gradient has always been small.
    pub eps: f64,
    /// The decay through the gradient; 0 for none.
    pub weight_decay: f64,
    /// μ, how much of its velocity a parameter keeps; with 0 it has none.
    pub momentum: f64,
    /// Whether the gradient is measured by its deviation and not by its square.
    pub centered: bool,
}

/// Takes the step in place: p, v, ḡ and b are overwritten. There is a ḡ if the step is centred, a b if the momentum
/// isn't 0.
///
/// ```
/// use glassbox_autograd::ops::rmsprop_step::{RmsPropStep, rmsprop_step};
/// use glassbox_tensor::{Tensor, assert_close, tensor};
/// let (mut p, mut v, g) = (tensor![1., 1.], Tensor::zeros([2]), tensor![0.3, -20.]);
/// let hyper = RmsPropStep { lr: 0.1, alpha: 0.75, eps: 1e-8, weight_decay: 0., momentum: 0., centered: false };
/// rmsprop_step(&hyper, &mut p, &mut v, None, None, &g);
/// assert_close!(p, tensor![0.8, 1.2], 1e-6); // the first step is lr/√(1 − α) against the gradient's sign
/// ```
///
/// # Panics
/// When the shapes differ, or ḡ or b is given and not asked for, or asked for and not given.
#[track_caller]
pub fn rmsprop_step(
    hyper: &RmsPropStep,
    p: &mut Tensor,
    v: &mut Tensor,
    mean: Option<&mut Tensor>,
    b: Option<&mut Tensor>,
    g: &Tensor,
) {
    let inputs: Vec<&Tensor> = [&*p, v].into_iter().chain(mean.as_deref()).chain(b.as_deref()).chain([g]).collect();
    check(hyper, &inputs);
    let update = Update::new(hyper);
    match (mean, b) {
        (Some(mean), Some(b)) => step::in_place(&update, [p, v, mean, b], g),
        (Some(one), None) | (None, Some(one)) => step::in_place(&update, [p, v, one], g),
        (None, None) => step::in_place(&update, [p, v], g),
    }
}

#[track_caller]
fn check(hyper: &RmsPropStep, x: &[&Tensor]) {
    let mut names = vec!["p", "v"];
    names.extend(hyper.centered.then_some("ḡ"));
    names.extend((hyper.momentum != 0.0).then_some("b"));
    names.push("g");
    assert!(
        x.len() == names.len(),
        "rmsprop_step: {} where these are expected: {}; ḡ belongs to a centred step, b to momentum",
        counted(x.len(), "tensor"),
        names.join(", "));
    step::check_shapes("rmsprop_step", &names, x);
}

/// The constants of a step, computed in f64 and rounded once.
struct Update {
    weight_decay: f32,
    alpha: f32,
    rest: f32,
    eps: f32,
    mu: f32,
    centered: bool,
    lr: f32,
}

impl Update {
    fn new(hyper: &RmsPropStep) -> Self {
        Self {
            weight_decay: hyper.weight_decay as f32,
            alpha: hyper.alpha as f32,
            rest: (1.0 - hyper.alpha) as f32,
            eps: hyper.eps as f32,
            mu: hyper.momentum as f32,
            centered: hyper.centered,
            lr: hyper.lr as f32,
        }
    }
}

/// The state is (p, v, ḡ, b), of which the last two may be missing: M is from 2 to 4. What is missing is 0.
impl<const M: usize> UpdateLanes<M, 1> for Update {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, state: [S::F; M], [g]: [S::F; 1]) -> [S::F; M] {
        let zero = s.splat(0.0);
        let has_velocity = M == if self.centered { 4 } else { 3 };
        let (p, v) = (state[0], state[1]);
        let mean = if self.centered { state[2] } else { zero };
        let b = if has_velocity { state[M - 1] } else { zero };

        let g = s.mul_add(s.splat(self.weight_decay), p, g);
        let v = s.mul_add(s.splat(self.alpha), v, s.splat(self.rest) * g * g);
        let mean = if self.centered { s.mul_add(s.splat(self.alpha), mean, s.splat(self.rest) * g) } else { zero };
        let variance = s.mul_add(zero - mean, mean, v);
        let variance = s.select(s.lt(variance, zero), zero, variance); // NaN stays
        let d = g / (s.sqrt(variance) + s.splat(self.eps));
        let b = if has_velocity { s.mul_add(s.splat(self.mu), b, d) } else { d };

        let mut after = state;
        (after[0], after[1]) = (s.mul_add(s.splat(-self.lr), b, p), v);
        if self.centered {
            after[2] = mean;
        }
        if has_velocity {
            after[M - 1] = b;
        }
        after
    }
}

impl Op for RmsPropStep {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        check(self, x);
        let update = Update::new(self);
        let y = match x.len() {
            3 => step::stacked::<2>(&update, x),
            4 => step::stacked::<3>(&update, x),
            _ => step::stacked::<4>(&update, x),
        };
        (y, ())
    }

    fn backward(&self, _: &Kept<'_, ()>, _: &Var, needs: &[bool]) -> Grads {
        step::no_gradients(needs.len())
    }
}

/// The state after the step. With `magnitudes`, what rounding errors are measured in: every summand by its absolute
/// value.
fn reference(op: &RmsPropStep, x: &[ArrayD<f64>], magnitudes: bool) -> ArrayD<f64> {
    let part = |x: f64| if magnitudes { x.abs() } else { x };
    let (alpha, rest) = (op.alpha, 1.0 - op.alpha);
    let (at_mean, at_b) = (op.centered.then_some(2), (op.momentum != 0.0).then(|| x.len() - 2));
    step::reference(x, |state, g| {
        let signed = g + op.weight_decay * state[0];
        let mean = at_mean.map_or(0.0, |i| alpha * state[i] + rest * signed);
        let variance = alpha * state[1] + rest * signed * signed - mean * mean;
        let scale = if variance < 0.0 { 0.0 } else { variance.sqrt() } + op.eps;

        let g = part(g) + part(op.weight_decay * state[0]);
        let b = at_b.map_or(0.0, |i| part(op.momentum * state[i])) + g / scale;
        state[1] = alpha * state[1] + rest * g * g;
        at_mean.into_iter().for_each(|i| state[i] = part(alpha * state[i]) + rest * g);
        at_b.into_iter().for_each(|i| state[i] = b);
        state[0] = part(state[0]) + part(-op.lr) * b;
    })
}

/// What the registry knows of the step.
pub static INFO: OpInfo<RmsPropStep> = OpInfo {
    name: "rmsprop_step",
    formula: "v ← α·v + (1 − α)·g², p ← p − lr · g/(√v + eps); centred: √(v − ḡ²), ḡ ← α·ḡ + (1 − α)·g; with momentum: b ← μ·b + g/(…), p ← p − lr·b",
    gradient: "none: an optimiser's step",
    source: "Tieleman & Hinton 2012, lecture 6.5; centred: Graves 2013, Generating Sequences with Recurrent Neural Networks, equations 38 to 41; eps outside the root, as in PyTorch",
    reference: |op, x| reference(op, x, false),
    sample: |d| {
        let shape = d.shape2();
        let (momentum, centered) = [(0.9, true), (0.0, false), (0.0, true), (0.9, false)][d.choice(4)];
        let weight_decay = [0.0, 0.1][d.choice(2)];
        let hyper = RmsPropStep { lr: 0.1, alpha: 0.9, eps: 1e-8, weight_decay, momentum, centered };
        // ḡ² stays below 4.9 and v above 8.1, so that little cancels.
        let mut inputs = vec![Input::new(shape), Input::within(shape, 9.0..12.0)];
        inputs.resize(3 + usize::from(centered) + usize::from(momentum != 0.0), Input::new(shape));
        Sample::new(hyper, inputs)
    },
    standard: |_| {
        let shape = [2048, 2048];
        let hyper =
            RmsPropStep { lr: 0.01, alpha: 0.99, eps: 1e-8, weight_decay: 0.0, momentum: 0.0, centered: false };
        Sample::new(hyper, [Input::new(shape), Input::within(shape, 0.01..4.0), Input::new(shape)])
    },
    wrong: &[
        Wrong {
            call: || wrong(&[&[2, 3], &[2, 3], &[3]], false),
            says: "rmsprop_step: the shapes of p [2, 3], v [2, 3] and g [3] differ; all are of one parameter",
        },
        Wrong {
            call: || wrong(&[&[2], &[2], &[2]], true),
            says: "rmsprop_step: 3 tensors where these are expected: p, v, ḡ, g; ḡ belongs to a centred step, b to momentum",
        },
    ],
    tolerance: Tolerance::UnitsOf(6.0, |op, x| reference(op, x, true)),
    cost: |op, shapes| {
        let n = shapes[0].iter().product::<usize>() as u64;
        let state = shapes.len() as u64 - 1;
        let flops = 11 + if op.centered { 5 } else { 0 } + if op.momentum == 0.0 { 0 } else { 2 };
        Cost { flops: flops * n, bytes: 4 * (2 * state + 1) * n } // all but g are read and written
    },
    derivatives: Derivatives::Never("an optimiser's step"),
};

fn wrong(shapes: &[&[usize]], centered: bool) {
    let x: Vec<Var> = shapes.iter().map(|shape| Var::constant(Tensor::ones(shape))).collect();
    let hyper = RmsPropStep { lr: 0.1, alpha: 0.99, eps: 1e-8, weight_decay: 0.0, momentum: 0.0, centered };
    drop(apply_many(hyper, &x.iter().collect::<Vec<_>>()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_place_is_the_registered_step_bit_for_bit() {
        let draw = |i| Tensor::rand([3, 7], glassbox_tensor::random::Key::new(i));
        for (momentum, centered) in [(0.0, false), (0.9, false), (0.0, true), (0.9, true)] {
            let [mut p, mut v, mean, b, g] = [0, 1, 2, 3, 4].map(draw);
            let (mut mean, mut b) = (centered.then_some(mean), (momentum != 0.0).then_some(b));
            let hyper = RmsPropStep { lr: 0.1, alpha: 0.9, eps: 1e-8, weight_decay: 0.1, momentum, centered };
            let inputs: Vec<&Tensor> = [&p, &v].into_iter().chain(&mean).chain(&b).chain([&g]).collect();
            let stacked = hyper.forward(&inputs).0;
            rmsprop_step(&hyper, &mut p, &mut v, mean.as_mut(), b.as_mut(), &g);
            for (i, one) in [p, v].iter().chain(&mean).chain(&b).enumerate() {
                assert_eq!(one, &stacked.select(0, i));
            }
        }
    }
}
