//! Binary cross-entropy of logits: y = −t·ln σ(x) − (1 − t)·ln(1 − σ(x)), element by element, for a target t in 0…1.
//!
//! With ln σ(x) = min(x, 0) − ln(1 + e^−|x|) this is max(x, 0) − x·t + ln(1 + e^−|x|). Its first two terms cancel where t
//! is near the truth; together they are |x|·(1 − t) for x ≥ 0 and |x|·t below, a product of nonnegative numbers:
//!
//! ```text
//! y = |x|·(t if x < 0, else 1 − t) + ln(1 + e^−|x|)
//! ```
//!
//! so nothing overflows and no digit is lost. ∂y/∂x = σ(x) − t and ∂y/∂t = −x.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::simd::{Lanes, Simd, math};
use glassbox_tensor::{Tensor, map_n};

/// y = −t·ln σ(x) − (1 − t)·ln(1 − σ(x)), of the inputs x and t, which have one shape.
#[derive(Clone, Debug)]
pub struct BceWithLogits;

impl Op for BceWithLogits {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, needs: &[bool]) -> Keep {
        Keep::input(0).input_if(1, needs[0])
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        let (logits, targets) = (x[0].shape(), x[1].shape());
        assert!(
            logits == targets,
            "bce_with_logits: the shapes of logits {logits:?} and targets {targets:?} differ; a loss never broadcasts"
        );
        (map_n(&Forward, [x[0], x[1]]), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, needs: &[bool]) -> Grads {
        let x = kept.x(0);
        let dx = needs[0].then(|| dy * &(&x.sigmoid() - kept.x(1)));
        let dt = needs[1].then(|| -&(dy * x));
        [dx, dt].into()
    }

    fn backward_fused(&self, kept: &Kept<'_, ()>, dy: &Tensor, needs: &[bool]) -> Option<TensorGrads> {
        let x = kept.x(0).value();
        let dx = needs[0].then(|| map_n(&Backward, [x, kept.x(1).value(), dy]));
        let dt = needs[1].then(|| -&(dy * x));
        Some([dx, dt].into())
    }
}

/// |x|·(t if x < 0, else 1 − t) + ln(1 + e^−|x|)
struct Forward;

impl Lanes<2> for Forward {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x, t]: [S::F; 2]) -> S::F {
        let share = s.select(s.lt(x, s.splat(0.0)), t, s.splat(1.0) - t);
        s.mul_add(s.abs(x), share, math::log1p_exp_neg(s, x))
    }
}

/// dy·(σ(x) − t)
struct Backward;

impl Lanes<3> for Backward {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x, t, dy]: [S::F; 3]) -> S::F {
        dy * (math::sigmoid(s, x) - t)
    }
}

impl Var {
    /// The binary cross-entropy of these logits against `targets` in 0…1 of the same shape, element by element, in nats.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let x = Var::input(tensor![0., 100., 100.]);
    /// let y = x.bce_with_logits(&Var::constant(tensor![1., 1., 0.])); // undecided, right, wrong
    /// assert_close!(*y.value(), tensor![0.6931472, 0., 100.]);
    /// assert_close!(*y.sum_all().backward().of(&x), tensor![-0.5, 0., 1.]);
    /// ```
    ///
    /// # Panics
    /// When the shapes differ.
    #[track_caller]
    pub fn bce_with_logits(&self, targets: &Var) -> Var {
        apply(BceWithLogits, [self, targets])
    }
}

/// What the registry knows of the binary cross-entropy.
pub static INFO: OpInfo<BceWithLogits> = OpInfo {
    name: "bce_with_logits",
    formula: "y = max(x, 0) − x · t + ln(1 + exp(−|x|))",
    gradient: "dx = dy · (σ(x) − t), dt = −dy · x",
    source: "definition; the stable form as in TensorFlow's sigmoid_cross_entropy_with_logits",
    reference: |_, x| {
        let mut y = x[0].clone();
        y.zip_mut_with(&x[1], |x, &t| {
            *x = x.abs() * if *x < 0.0 { t } else { 1.0 - t } + (-x.abs()).exp().ln_1p();
        });
        y
    },
    sample: |d| {
        let shape = d.shape2();
        Sample::new(BceWithLogits, [Input::within(shape, -6.0..6.0), Input::within(shape, 0.0..1.0)])
    },
    standard: |_| {
        let shape = [2048, 2048];
        Sample::new(BceWithLogits, [Input::within(shape, -6.0..6.0), Input::within(shape, 0.0..1.0)])
    },
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).bce_with_logits(&Var::constant(Tensor::ones([3])))),
            says: "bce_with_logits: the shapes of logits [2, 3] and targets [3] differ; a loss never broadcasts",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([4, 1])).bce_with_logits(&Var::constant(Tensor::ones([4])))),
            says: "bce_with_logits: the shapes of logits [4, 1] and targets [4] differ; a loss never broadcasts",
        },
    ],
    tolerance: Tolerance::Units(5.0),
    cost: |_, shapes| Cost::elementwise(6, shapes),
    derivatives: Derivatives::Any,
};

#[cfg(test)]
mod tests {
    use super::*;
    use glassbox_tensor::assert_close;

    /// The form above, which the reference shares with the kernel, is the definition by σ.
    #[test]
    fn the_stable_form_is_the_definition() {
        let x = Tensor::linspace(-5.0, 5.0, 101);
        let t = Tensor::linspace(1.0, 0.0, 101);
        let y = BceWithLogits.forward(&[&x, &t]).0;
        let definition = |(x, t): (&f32, &f32)| {
            let (x, t) = (*x as f64, *t as f64);
            let sigma = 1.0 / (1.0 + (-x).exp());
            (-t * sigma.ln() - (1.0 - t) * (1.0 - sigma).ln()) as f32
        };
        let expected = x.to_vec().iter().zip(&t.to_vec()).map(definition).collect();
        assert_close!(y, Tensor::from_vec(expected, [101]));
    }
}
