//! The Kullback–Leibler divergence KL(N(μ, σ²) ‖ N(0, 1)), element by element, of `mu` = μ and `logvar` = ln σ²:
//!
//! ```text
//! y = −½·(1 + logvar − mu² − e^logvar)
//! ```
//!
//! ∂y/∂mu = mu and ∂y/∂logvar = ½·(e^logvar − 1): both are 0 at the standard normal distribution, as y is.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::simd::{Lanes, Simd, math};
use glassbox_tensor::{Tensor, map_n};
use ndarray::ArrayD;

/// y = −½·(1 + logvar − mu² − e^logvar), of the inputs mu and logvar, which have one shape.
#[derive(Clone, Debug)]
pub struct GaussianKl;

impl Op for GaussianKl {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, needs: &[bool]) -> Keep {
        Keep::NOTHING.input_if(0, needs[0]).input_if(1, needs[1])
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        let (mu, logvar) = (x[0].shape(), x[1].shape());
        assert!(
            mu == logvar,
            "gaussian_kl: the shapes of mu {mu:?} and logvar {logvar:?} differ; a loss never broadcasts"
        );
        (map_n(&Forward, [x[0], x[1]]), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, needs: &[bool]) -> Grads {
        let dmu = needs[0].then(|| dy * kept.x(0));
        let dlogvar = needs[1].then(|| dy * &kept.x(1).exp().affine(0.5, -0.5));
        [dmu, dlogvar].into()
    }

    fn backward_fused(&self, kept: &Kept<'_, ()>, dy: &Tensor, needs: &[bool]) -> Option<TensorGrads> {
        let dmu = needs[0].then(|| dy * kept.x(0).value());
        let dlogvar = needs[1].then(|| map_n(&BackwardLogvar, [kept.x(1).value(), dy]));
        Some([dmu, dlogvar].into())
    }
}

/// ½·((mu² + e^logvar) − (1 + logvar))
struct Forward;

impl Lanes<2> for Forward {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [mu, logvar]: [S::F; 2]) -> S::F {
        let spread = s.mul_add(mu, mu, math::exp(s, logvar));
        s.splat(0.5) * (spread - (s.splat(1.0) + logvar))
    }
}

/// dy·½·(e^logvar − 1)
struct BackwardLogvar;

impl Lanes<2> for BackwardLogvar {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [logvar, dy]: [S::F; 2]) -> S::F {
        dy * s.mul_add(s.splat(0.5), math::exp(s, logvar), s.splat(-0.5))
    }
}

impl Var {
    /// KL(N(mu, e^logvar) ‖ N(0, 1)) in nats, element by element, where this is mu.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let (mu, logvar) = (Var::input(tensor![0., 2., 0.]), Var::input(tensor![0., 0., 1.]));
    /// let kl = mu.gaussian_kl(&logvar);
    /// assert_close!(*kl.value(), tensor![0., 2., 0.35914090]); // the last is (e − 2) / 2
    /// let grads = kl.sum_all().backward();
    /// assert_eq!(grads.of(&mu), &tensor![0., 2., 0.]);
    /// assert_close!(*grads.of(&logvar), tensor![0., 0., 0.85914092]);
    /// ```
    ///
    /// # Panics
    /// When the shapes differ.
    #[track_caller]
    pub fn gaussian_kl(&self, logvar: &Var) -> Var {
        apply(GaussianKl, [self, logvar])
    }
}

/// ½·(mu² + e^logvar + last(logvar)).
fn combine(x: &[ArrayD<f64>], last: impl Fn(f64) -> f64) -> ArrayD<f64> {
    let mut y = x[0].clone();
    y.zip_mut_with(&x[1], |mu, &logvar| *mu = 0.5 * (*mu * *mu + logvar.exp() + last(logvar)));
    y
}

/// What the registry knows of the Gaussian divergence.
pub static INFO: OpInfo<GaussianKl> = OpInfo {
    name: "gaussian_kl",
    formula: "y = −½ · (1 + logvar − mu² − exp(logvar))",
    gradient: "dmu = dy · mu, dlogvar = dy · ½ · (exp(logvar) − 1)",
    source: "Kingma & Welling 2014, Auto-Encoding Variational Bayes, appendix B",
    reference: |_, x| combine(x, |logvar| -(1.0 + logvar)),
    sample: |d| {
        let shape = d.shape2();
        Sample::new(GaussianKl, [Input::new(shape), Input::within(shape, -4.0..3.0)])
    },
    standard: |_| Sample::new(GaussianKl, [Input::new([2048, 2048]), Input::within([2048, 2048], -4.0..3.0)]),
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).gaussian_kl(&Var::constant(Tensor::ones([3])))),
            says: "gaussian_kl: the shapes of mu [2, 3] and logvar [3] differ; a loss never broadcasts",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([4, 1])).gaussian_kl(&Var::constant(Tensor::ones([4])))),
            says: "gaussian_kl: the shapes of mu [4, 1] and logvar [4] differ; a loss never broadcasts",
        },
    ],
    // near the standard normal distribution the terms cancel down to (mu² + logvar²/2) / 2
    tolerance: Tolerance::UnitsOf(3.0, |_, x| combine(x, |logvar| 1.0 + logvar.abs())),
    cost: |_, shapes| Cost::elementwise(6, shapes),
    derivatives: Derivatives::Any,
};
