//! The reparameterisation trick: z = mu + e^(logvar/2)·eps, broadcast as NumPy does.
//!
//! For eps from N(0, 1), z is distributed as N(mu, e^logvar); the randomness is an input, so z has derivatives:
//!
//! ```text
//! ∂z/∂mu = 1,   ∂z/∂logvar = ½·e^(logvar/2)·eps,   ∂z/∂eps = e^(logvar/2)
//! ```

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::shape::broadcast_or_panic;
use glassbox_tensor::simd::{Lanes, Simd, math};
use glassbox_tensor::{Tensor, map_n};
use ndarray::ArrayD;

/// z = mu + e^(logvar/2)·eps, of the inputs mu, logvar and eps.
#[derive(Clone, Debug)]
pub struct Reparameterize;

impl Op for Reparameterize {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    // e^(logvar/2) is computed again: to keep it would take a second output of the forward pass
    fn keep(&self, needs: &[bool]) -> Keep {
        Keep::NOTHING.input_if(1, needs[1] || needs[2]).input_if(2, needs[1])
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        let shape = broadcast_or_panic("reparameterize", x[0].shape(), x[1].shape());
        broadcast_or_panic("reparameterize", &shape, x[2].shape());
        (map_n(&Forward, [x[0], x[1], x[2]]), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dz: &Var, needs: &[bool]) -> Grads {
        let sigma = (needs[1] || needs[2]).then(|| (0.5 * kept.x(1)).exp());
        let through = |sigma: &Var| &(0.5 * sigma) * kept.x(2);
        let dmu = needs[0].then(|| dz.sum_to(kept.shape(0)));
        let dlogvar = sigma.as_ref().filter(|_| needs[1]).map(|s| (dz * &through(s)).sum_to(kept.shape(1)));
        let deps = sigma.as_ref().filter(|_| needs[2]).map(|s| (dz * s).sum_to(kept.shape(2)));
        [dmu, dlogvar, deps].into()
    }

    fn backward_fused(&self, kept: &Kept<'_, ()>, dz: &Tensor, needs: &[bool]) -> Option<TensorGrads> {
        let logvar = (needs[1] || needs[2]).then(|| kept.x(1).value());
        let dmu = needs[0].then(|| dz.sum_to(kept.shape(0)));
        let dlogvar = logvar
            .filter(|_| needs[1])
            .map(|logvar| map_n(&BackwardLogvar, [logvar, kept.x(2).value(), dz]).sum_to(kept.shape(1)));
        let deps = logvar.filter(|_| needs[2]).map(|logvar| map_n(&BackwardEps, [logvar, dz]).sum_to(kept.shape(2)));
        Some([dmu, dlogvar, deps].into())
    }
}

#[inline(always)]
fn sigma<S: Simd>(s: S, logvar: S::F) -> S::F {
    math::exp(s, s.splat(0.5) * logvar)
}

/// mu + σ·eps
struct Forward;

impl Lanes<3> for Forward {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [mu, logvar, eps]: [S::F; 3]) -> S::F {
        s.mul_add(sigma(s, logvar), eps, mu)
    }
}

/// dz·½·σ·eps
struct BackwardLogvar;

impl Lanes<3> for BackwardLogvar {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [logvar, eps, dz]: [S::F; 3]) -> S::F {
        dz * (s.splat(0.5) * sigma(s, logvar) * eps)
    }
}

/// dz·σ
struct BackwardEps;

impl Lanes<2> for BackwardEps {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [logvar, dz]: [S::F; 2]) -> S::F {
        dz * sigma(s, logvar)
    }
}

impl Var {
    /// mu + e^(logvar/2)·eps with broadcasting, where this is mu: a draw from N(mu, e^logvar) when eps is one from
    /// N(0, 1).
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let (mu, logvar) = (Var::input(tensor![1.0]), Var::input(tensor![0.0]));
    /// let eps = Var::constant(tensor![[3.], [-1.]]); // two draws
    /// let z = mu.reparameterize(&logvar, &eps); // (1), (1), (2, 1) -> (2, 1)
    /// assert_close!(*z.value(), tensor![[4.], [0.]]);
    /// let grads = z.sum_all().backward();
    /// assert_eq!((grads.of(&mu), grads.of(&logvar)), (&tensor![2.0], &tensor![1.0]));
    /// ```
    ///
    /// # Panics
    /// When the shapes don't broadcast.
    #[track_caller]
    pub fn reparameterize(&self, logvar: &Var, eps: &Var) -> Var {
        apply(Reparameterize, [self, logvar, eps])
    }
}

fn reference(x: &[ArrayD<f64>]) -> ArrayD<f64> {
    &x[0] + &(x[1].mapv(|logvar| (0.5 * logvar).exp()) * &x[2])
}

/// What the registry knows of the reparameterisation.
pub static INFO: OpInfo<Reparameterize> = OpInfo {
    name: "reparameterize",
    formula: "z = mu + exp(logvar / 2) · eps",
    gradient: "dmu = dz, dlogvar = dz · ½ · exp(logvar / 2) · eps, deps = dz · exp(logvar / 2), summed over repeated axes",
    source: "Kingma & Welling 2014, Auto-Encoding Variational Bayes, section 2.4",
    reference: |_, x| reference(x),
    sample: |d| {
        let [parameters, eps] = d.broadcast_pair();
        let logvar = Input::within(&parameters, -4.0..3.0);
        Sample::new(Reparameterize, [Input::new(&parameters), logvar, Input::new(eps)])
    },
    standard: |_| {
        let [mu, eps] = [Input::new([2048, 2048]), Input::new([2048, 2048])];
        Sample::new(Reparameterize, [mu, Input::within([2048, 2048], -4.0..3.0), eps])
    },
    wrong: &[
        Wrong {
            call: || {
                let [mu, logvar, eps] = [[2, 3], [2, 4], [2, 3]].map(|shape| Var::constant(Tensor::ones(shape)));
                drop(mu.reparameterize(&logvar, &eps))
            },
            says: "reparameterize: shapes [2, 3] and [2, 4] don't broadcast: axis -1 has 3 and 4, and neither is 1; reshape one of them, or insert an axis with unsqueeze",
        },
        Wrong {
            call: || {
                let [mu, logvar, eps] = [[2, 3], [2, 3], [5, 3]].map(|shape| Var::constant(Tensor::ones(shape)));
                drop(mu.reparameterize(&logvar, &eps))
            },
            says: "reparameterize: shapes [2, 3] and [5, 3] don't broadcast: axis -2 has 2 and 5, and neither is 1; reshape one of them, or insert an axis with unsqueeze",
        },
    ],
    // the exponential's error and the rounding of its product, where mu and σ·eps cancel
    tolerance: Tolerance::UnitsOf(4.0, |_, x| reference(&[x[0].mapv(f64::abs), x[1].clone(), x[2].mapv(f64::abs)])),
    cost: |_, shapes| Cost::elementwise(4, shapes),
    derivatives: Derivatives::Any,
};
