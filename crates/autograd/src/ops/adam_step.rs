//! One step of Adam, of AdamW by its `weight_decay`, in one pass over memory. For a parameter p with gradient g, running
//! mean m and running square v, at step t = 1, 2, …:
//!
//! ```text
//! g ← g + l2·p                            Adam's weight decay, through the gradient
//! p ← p·(1 − lr·weight_decay)             AdamW's, apart from it
//! m ← β₁·m + (1 − β₁)·g
//! v ← β₂·v + (1 − β₂)·g²
//! p ← p − lr/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + eps)
//! ```
//!
//! It has no gradient; it stands in the registry so that the same checks hold it to the formula. There its output is
//! (p, m, v) along a new first axis; optimisers call [`adam_step()`], which writes in place.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::step;
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;
use glassbox_tensor::simd::{Simd, UpdateLanes};
use ndarray::ArrayD;

/// The hyperparameters of one step, in the letters of the formulas.
#[derive(Clone, Debug, PartialEq)]
pub struct AdamStep {
    /// The learning rate.
    pub lr: f64,
    /// β₁, how much of the mean a step keeps.
    pub beta1: f64,
    /// β₂, how much of the mean square a step keeps.
    pub beta2: f64,
    /// Bounds the step where the gradient has always been small.
    pub eps: f64,
    /// AdamW's decoupled decay; 0 for none.
    pub weight_decay: f64,
    /// Adam's decay through the gradient; 0 for none.
    pub l2: f64,
    /// t, which begins at 1.
    pub step: u64,
}

impl AdamStep {
    /// lr/(1 − β₁ᵗ) and 1/√(1 − β₂ᵗ): what makes up for moments that began at 0.
    fn corrections(&self) -> (f64, f64) {
        let t = self.step as f64;
        (self.lr / (1.0 - self.beta1.powf(t)), 1.0 / (1.0 - self.beta2.powf(t)).sqrt())
    }
}

/// Takes the step in place: p, m and v are overwritten.
///
/// ```
/// use glassbox_autograd::ops::adam_step::{AdamStep, adam_step};
/// use glassbox_tensor::{Tensor, assert_close, tensor};
/// let (mut p, g) = (tensor![1., 1.], tensor![0.3, -20.]);
/// let (mut m, mut v) = (Tensor::zeros([2]), Tensor::zeros([2]));
/// let hyper = AdamStep { lr: 0.1, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0., l2: 0., step: 1 };
/// adam_step(&hyper, &mut p, &mut m, &mut v, &g);
/// assert_close!(p, tensor![0.9, 1.1]); // the first step is lr against the gradient's sign
/// ```
///
/// # Panics
/// When the four shapes differ, or `step` is 0.
#[track_caller]
pub fn adam_step(hyper: &AdamStep, p: &mut Tensor, m: &mut Tensor, v: &mut Tensor, g: &Tensor) {
    check(hyper, &[p, m, v, g]);
    step::in_place(&Update::new(hyper), [p, m, v], g);
}

#[track_caller]
fn check(hyper: &AdamStep, x: &[&Tensor]) {
    step::check_shapes("adam_step", &["p", "m", "v", "g"], x);
    assert!(hyper.step > 0, "adam_step: step 0 has no bias correction; the first step is 1");
}

/// The constants of a step, computed in f64 and rounded once.
struct Update {
    l2: f32,
    decay: f32,
    beta1: f32,
    rest1: f32,
    beta2: f32,
    rest2: f32,
    rate: f32,
    root: f32,
    eps: f32,
}

impl Update {
    fn new(hyper: &AdamStep) -> Self {
        let (rate, root) = hyper.corrections();
        Self {
            l2: hyper.l2 as f32,
            decay: (1.0 - hyper.lr * hyper.weight_decay) as f32,
            beta1: hyper.beta1 as f32,
            rest1: (1.0 - hyper.beta1) as f32,
            beta2: hyper.beta2 as f32,
            rest2: (1.0 - hyper.beta2) as f32,
            rate: rate as f32,
            root: root as f32,
            eps: hyper.eps as f32,
        }
    }
}

impl UpdateLanes<3, 1> for Update {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [p, m, v]: [S::F; 3], [g]: [S::F; 1]) -> [S::F; 3] {
        let g = s.mul_add(s.splat(self.l2), p, g);
        let m = s.mul_add(s.splat(self.beta1), m, s.splat(self.rest1) * g);
        let v = s.mul_add(s.splat(self.beta2), v, s.splat(self.rest2) * g * g);
        let scale = s.mul_add(s.sqrt(v), s.splat(self.root), s.splat(self.eps));
        let p = s.splat(self.decay) * p - s.splat(self.rate) * m / scale;
        [p, m, v]
    }
}

impl Op for AdamStep {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        check(self, x);
        (step::stacked::<3>(&Update::new(self), x), ())
    }

    fn backward(&self, _: &Kept<'_, ()>, _: &Var, _: &[bool]) -> Grads {
        step::no_gradients(4)
    }
}

/// (p, m, v) after the step. With `magnitudes`, what rounding errors are measured in: every summand by its absolute value.
fn reference(op: &AdamStep, x: &[ArrayD<f64>], magnitudes: bool) -> ArrayD<f64> {
    let (rate, root) = op.corrections();
    let part = |x: f64| if magnitudes { x.abs() } else { x };
    step::reference(x, |state, g| {
        let [p, m, v] = state else { unreachable!("p, m and v") };
        let v_new = op.beta2 * *v + (1.0 - op.beta2) * (g + op.l2 * *p).powi(2);
        let g = part(g) + part(op.l2 * *p);
        *m = part(op.beta1 * *m) + (1.0 - op.beta1) * g;
        *v = op.beta2 * *v + (1.0 - op.beta2) * g * g;
        let delta = rate * *m / (v_new.sqrt() * root + op.eps);
        *p = part(*p * (1.0 - op.lr * op.weight_decay)) + part(-1.0) * delta;
    })
}

/// What the registry knows of Adam's step.
pub static INFO: OpInfo<AdamStep> = OpInfo {
    name: "adam_step",
    formula: "m ← β₁·m + (1 − β₁)·g, v ← β₂·v + (1 − β₂)·g², p ← p − lr/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + eps)",
    gradient: "none: an optimiser's step",
    source: "Kingma & Ba 2015, Adam, algorithm 1; Loshchilov & Hutter 2019, Decoupled Weight Decay Regularization, algorithm 2; in PyTorch's order",
    reference: |op, x| reference(op, x, false),
    sample: |d| {
        let shape = d.shape2();
        let (weight_decay, l2) = [(0.0, 0.0), (0.01, 0.0), (0.0, 0.1)][d.choice(3)];
        let step = [1, 10, 100_000][d.choice(3)];
        let hyper = AdamStep { lr: 0.01, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay, l2, step };
        let v = Input::within(shape, 0.01..4.0);
        Sample::new(hyper, [Input::new(shape), Input::new(shape), v, Input::new(shape)])
    },
    standard: |_| {
        let shape = [2048, 2048];
        let (weight_decay, l2) = (0.01, 0.0);
        let hyper = AdamStep { lr: 0.001, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay, l2, step: 1000 };
        let v = Input::within(shape, 0.01..4.0);
        Sample::new(hyper, [Input::new(shape), Input::new(shape), v, Input::new(shape)])
    },
    wrong: &[
        Wrong {
            call: || wrong([&[2, 3], &[2, 3], &[2, 3], &[3]], 1),
            says: "adam_step: the shapes of p [2, 3], m [2, 3], v [2, 3] and g [3] differ; all are of one parameter",
        },
        Wrong {
            call: || wrong([&[2], &[2], &[2], &[2]], 0),
            says: "adam_step: step 0 has no bias correction; the first step is 1",
        },
    ],
    tolerance: Tolerance::UnitsOf(6.0, |op, x| reference(op, x, true)),
    cost: |_, shapes| {
        let n = shapes[0].iter().product::<usize>() as u64;
        Cost { flops: 14 * n, bytes: 4 * 7 * n } // p, m, v are read and written, g is read
    },
    derivatives: Derivatives::Never("an optimiser's step"),
};

fn wrong(shapes: [&[usize]; 4], step: u64) {
    let [p, m, v, g] = shapes.map(|shape| Var::constant(Tensor::ones(shape)));
    let (weight_decay, l2) = (0.0, 0.0);
    let hyper = AdamStep { lr: 0.01, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay, l2, step };
    drop(apply(hyper, [&p, &m, &v, &g]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_place_is_the_registered_step_bit_for_bit() {
        let draw = |i| Tensor::rand([3, 7], glassbox_tensor::random::Key::new(i));
        let [mut p, mut m, mut v, g] = [0, 1, 2, 3].map(draw);
        let (weight_decay, l2) = (0.1, 0.2);
        let hyper = AdamStep { lr: 0.01, beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay, l2, step: 3 };
        let stacked = hyper.forward(&[&p, &m, &v, &g]).0;
        adam_step(&hyper, &mut p, &mut m, &mut v, &g);
        for (i, one) in [p, m, v].iter().enumerate() {
            assert_eq!(one, &stacked.select(0, i));
        }
    }
}
