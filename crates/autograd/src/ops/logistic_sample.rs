//! A draw from a logistic distribution with a gradient: z = mu + e^log_scale·l, where l = ln(u / (1 − u)) of a uniform u, broadcast
//! as NumPy does. It is distributed with P(z ≤ t) = σ((t − mu) / e^log_scale).
//!
//! ```text
//! ∂z/∂mu = 1,   ∂z/∂log_scale = e^log_scale·l
//! ```

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::random::Key;
use glassbox_tensor::shape::{broadcast, broadcast_or_panic};
use glassbox_tensor::simd::{Lanes, Simd, math};
use glassbox_tensor::{Tensor, map_n};
use ndarray::ArrayD;

/// z = mu + e^log_scale·l, of the inputs mu and log_scale.
#[derive(Clone, Debug)]
pub struct LogisticSample {
    /// Whoever uses a key twice gets the same draws twice.
    pub key: Key,
}

impl Op for LogisticSample {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = Tensor; // l: a logarithm and ten rounds of Philox for each element, more than it costs to read it

    fn keep(&self, needs: &[bool]) -> Keep {
        Keep::NOTHING.input_if(1, needs[1])
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, Tensor) {
        let shape = broadcast_or_panic("logistic_sample", x[0].shape(), x[1].shape());
        let l = Tensor::logistic(&*shape, self.key);
        (map_n(&Forward, [x[0], x[1], &l]), l)
    }

    fn backward(&self, kept: &Kept<'_, Tensor>, dz: &Var, needs: &[bool]) -> Grads {
        let dmu = needs[0].then(|| dz.sum_to(kept.shape(0)));
        let dlog_scale = needs[1].then(|| {
            let slope = &kept.x(1).exp() * &Var::constant(kept.extra.clone());
            (dz * &slope).sum_to(kept.shape(1))
        });
        [dmu, dlog_scale].into()
    }

    fn backward_fused(&self, kept: &Kept<'_, Tensor>, dz: &Tensor, needs: &[bool]) -> Option<TensorGrads> {
        let dmu = needs[0].then(|| dz.sum_to(kept.shape(0)));
        let dlog_scale =
            needs[1].then(|| map_n(&BackwardLogScale, [kept.x(1).value(), kept.extra, dz]).sum_to(kept.shape(1)));
        Some([dmu, dlog_scale].into())
    }
}

/// mu + e^log_scale·l
struct Forward;

impl Lanes<3> for Forward {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [mu, log_scale, l]: [S::F; 3]) -> S::F {
        s.mul_add(math::exp(s, log_scale), l, mu)
    }
}

/// dz·e^log_scale·l
struct BackwardLogScale;

impl Lanes<3> for BackwardLogScale {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [log_scale, l, dz]: [S::F; 3]) -> S::F {
        dz * math::exp(s, log_scale) * l
    }
}

impl Var {
    /// mu + e^log_scale·l with broadcasting, where this is mu: a draw from the logistic distribution with that mean and scale, a function of
    /// the inputs and `key`.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, random::Key, tensor};
    /// let (mu, log_scale) = (Var::input(tensor![5., -5.]), Var::input(tensor![0.]));
    /// let z = mu.logistic_sample(&log_scale, Key::new(1));
    /// let l = [Key::new(1).logistic(0), Key::new(1).logistic(1)];
    /// assert_close!(*z.value(), tensor![5. + l[0], -5. + l[1]]);
    /// let grads = z.sum_all().backward();
    /// assert_eq!(grads.of(&mu), &tensor![1., 1.]);
    /// assert_close!(*grads.of(&log_scale), tensor![l[0] + l[1]]);
    /// ```
    ///
    /// # Panics
    /// When the shapes don't broadcast.
    #[track_caller]
    pub fn logistic_sample(&self, log_scale: &Var, key: Key) -> Var {
        apply(LogisticSample { key }, [self, log_scale])
    }
}

/// f(mu) + e^log_scale·f(l)
fn combine(op: &LogisticSample, x: &[ArrayD<f64>], f: fn(f64) -> f64) -> ArrayD<f64> {
    let shape = broadcast(x[0].shape(), x[1].shape()).expect("shapes that broadcast");
    let [mu, log_scale] = [0, 1].map(|i| x[i].broadcast(&shape[..]).expect("its own shape, repeated"));
    let pairs = mu.iter().zip(&log_scale).enumerate();
    let z = pairs.map(|(i, (mu, log_scale))| f(*mu) + log_scale.exp() * f(f64::from(op.key.logistic(i as u64))));
    ArrayD::from_shape_vec(&shape[..], z.collect()).expect("one draw for each element")
}

/// What the registry knows of logistic draws.
pub static INFO: OpInfo<LogisticSample> = OpInfo {
    name: "logistic_sample",
    formula: "z = mu + exp(log_scale) · l, l = ln(u / (1 − u)) of a uniform u",
    gradient: "dmu = dz, dlog_scale = dz · exp(log_scale) · l, summed over repeated axes",
    source: "Maddison, Mnih & Teh 2017, The Concrete Distribution; Kingma et al. 2016, Improved Variational Inference with Inverse Autoregressive Flow",
    reference: |op, x| combine(op, x, |v| v),
    sample: |d| {
        let [mu, log_scale] = d.broadcast_pair();
        let key = Key::new(d.dim() as u64);
        Sample::new(LogisticSample { key }, [Input::new(mu), Input::within(log_scale, -2.0..1.0)])
    },
    standard: |_| {
        let inputs = [Input::new([2048, 2048]), Input::within([2048, 2048], -2.0..1.0)];
        Sample::new(LogisticSample { key: Key::new(0) }, inputs)
    },
    wrong: &[Wrong {
        call: || {
            let [mu, log_scale] = [[2, 3], [2, 4]].map(|shape| Var::constant(Tensor::ones(shape)));
            drop(mu.logistic_sample(&log_scale, Key::new(0)))
        },
        says: "logistic_sample: shapes [2, 3] and [2, 4] don't broadcast: axis -1 has 3 and 4, and neither is 1; reshape one of them, or insert an axis with unsqueeze",
    }],
    // the exponential's error and the rounding of its product, where mu and the rest cancel
    tolerance: Tolerance::UnitsOf(4.0, |op, x| combine(op, x, f64::abs)),
    cost: |_, shapes| Cost::elementwise(20, shapes),
    derivatives: Derivatives::Any,
};
