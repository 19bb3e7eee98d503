//! One step of Lion, in one pass over memory. For a parameter p with gradient g and momentum m:
//!
//! ```text
//! c ← β₁·m + (1 − β₁)·g
//! p ← p − lr·(sign(c) + weight_decay·p)
//! m ← β₂·m + (1 − β₂)·g
//! ```
//!
//! sign(0) is 0. It has no gradient; in the registry its output is (p, m) along a new first axis; optimisers call
//! [`lion_step()`], which writes in place.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::step;
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;
use glassbox_tensor::simd::{Simd, UpdateLanes};
use ndarray::ArrayD;

/// The hyperparameters of one step.
#[derive(Clone, Debug, PartialEq)]
pub struct LionStep {
    /// The learning rate: how far every weight moves.
    pub lr: f64,
    /// β₁, how much of the momentum decides the sign.
    pub beta1: f64,
    /// β₂, how much of the momentum a step keeps.
    pub beta2: f64,
    /// The decoupled decay; 0 for none.
    pub weight_decay: f64,
}

/// Takes the step in place: p and m are overwritten.
///
/// ```
/// use glassbox_autograd::ops::lion_step::{LionStep, lion_step};
/// use glassbox_tensor::{Tensor, tensor};
/// let (mut p, mut m, g) = (tensor![1., 1., 1.], Tensor::zeros([3]), tensor![0.001, -20., 0.]);
/// lion_step(&LionStep { lr: 0.25, beta1: 0.9, beta2: 0.5, weight_decay: 0. }, &mut p, &mut m, &g);
/// assert_eq!(p, tensor![0.75, 1.25, 1.]); // lr against the sign, however small or large the gradient
/// assert_eq!(m, tensor![0.0005, -10., 0.]);
/// ```
///
/// # Panics
/// When the three shapes differ.
#[track_caller]
pub fn lion_step(hyper: &LionStep, p: &mut Tensor, m: &mut Tensor, g: &Tensor) {
    check(&[p, m, g]);
    step::in_place(&Update::new(hyper), [p, m], g);
}

#[track_caller]
fn check(x: &[&Tensor]) {
    step::check_shapes("lion_step", &["p", "m", "g"], x);
}

/// The constants of a step, computed in f64 and rounded once.
struct Update {
    decay: f32,
    beta1: f32,
    rest1: f32,
    beta2: f32,
    rest2: f32,
    lr: f32,
}

impl Update {
    fn new(hyper: &LionStep) -> Self {
        Self {
            decay: (1.0 - hyper.lr * hyper.weight_decay) as f32,
            beta1: hyper.beta1 as f32,
            rest1: (1.0 - hyper.beta1) as f32,
            beta2: hyper.beta2 as f32,
            rest2: (1.0 - hyper.beta2) as f32,
            lr: hyper.lr as f32,
        }
    }
}

impl UpdateLanes<2, 1> for Update {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [p, m]: [S::F; 2], [g]: [S::F; 1]) -> [S::F; 2] {
        let (zero, one) = (s.splat(0.0), s.splat(1.0));
        let c = s.mul_add(s.splat(self.beta1), m, s.splat(self.rest1) * g);
        let sign = s.select(s.lt(zero, c), one, s.select(s.lt(c, zero), zero - one, c)); // what is left is 0 or NaN
        let p = s.mul_add(s.splat(-self.lr), sign, s.splat(self.decay) * p);
        let m = s.mul_add(s.splat(self.beta2), m, s.splat(self.rest2) * g);
        [p, m]
    }
}

impl Op for LionStep {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        check(x);
        (step::stacked::<2>(&Update::new(self), x), ())
    }

    fn backward(&self, _: &Kept<'_, ()>, _: &Var, needs: &[bool]) -> Grads {
        step::no_gradients(needs.len())
    }
}

/// (p, m) after the step. With `magnitudes`, what rounding errors are measured in: every summand by its absolute value.
fn reference(op: &LionStep, x: &[ArrayD<f64>], magnitudes: bool) -> ArrayD<f64> {
    let part = |x: f64| if magnitudes { x.abs() } else { x };
    step::reference(x, |state, g| {
        let [p, m] = state else { unreachable!("p and m") };
        let c = op.beta1 * *m + (1.0 - op.beta1) * g;
        let sign = if c == 0.0 || c.is_nan() { c } else { c.signum() };
        *p = part(*p * (1.0 - op.lr * op.weight_decay)) + part(-op.lr * sign);
        *m = part(op.beta2 * *m) + part((1.0 - op.beta2) * g);
    })
}

/// What the registry knows of Lion's step.
pub static INFO: OpInfo<LionStep> = OpInfo {
    name: "lion_step",
    formula: "c = β₁·m + (1 − β₁)·g, p ← p − lr·(sign(c) + weight_decay·p), m ← β₂·m + (1 − β₂)·g",
    gradient: "none: an optimiser's step",
    source: "Chen et al. 2023, Symbolic Discovery of Optimization Algorithms, algorithm 2",
    reference: |op, x| reference(op, x, false),
    sample: |d| {
        let shape = d.shape2();
        let hyper = LionStep { lr: 0.3, beta1: 0.1, beta2: 0.9, weight_decay: [0.0, 0.1][d.choice(2)] };
        // |0.9·g| ≥ 0.045 and |0.1·m| ≤ 0.04: where c is next to 0, rounding decides its sign.
        let (m, g) = (Input::within(shape, -0.4..0.4), Input::new(shape).avoiding(&[0.0]));
        Sample::new(hyper, [Input::new(shape), m, g])
    },
    standard: |_| {
        let hyper = LionStep { lr: 1e-4, beta1: 0.9, beta2: 0.99, weight_decay: 0.1 };
        Sample::new(hyper, vec![Input::new([2048, 2048]); 3])
    },
    wrong: &[Wrong {
        call: || {
            let [p, m, g] = [[2, 3], [2, 3], [3, 2]].map(|shape| Var::constant(Tensor::ones(shape)));
            let hyper = LionStep { lr: 0.1, beta1: 0.9, beta2: 0.99, weight_decay: 0.0 };
            drop(apply(hyper, [&p, &m, &g]));
        },
        says: "lion_step: the shapes of p [2, 3], m [2, 3] and g [3, 2] differ; all are of one parameter",
    }],
    tolerance: Tolerance::UnitsOf(4.0, |op, x| reference(op, x, true)),
    cost: |_, shapes| {
        let n = shapes[0].iter().product::<usize>() as u64;
        Cost { flops: 10 * n, bytes: 4 * 5 * n } // p and m are read and written, g is read
    },
    derivatives: Derivatives::Never("an optimiser's step"),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_place_is_the_registered_step_bit_for_bit() {
        let draw = |i| Tensor::randn([3, 7], glassbox_tensor::random::Key::new(i));
        let [mut p, mut m, g] = [0, 1, 2].map(draw);
        let hyper = LionStep { lr: 0.01, beta1: 0.9, beta2: 0.99, weight_decay: 0.1 };
        let stacked = hyper.forward(&[&p, &m, &g]).0;
        lion_step(&hyper, &mut p, &mut m, &g);
        for (i, one) in [p, m].iter().enumerate() {
            assert_eq!(one, &stacked.select(0, i));
        }
    }
}
