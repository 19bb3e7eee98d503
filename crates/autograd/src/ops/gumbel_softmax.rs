//! Draws of categories with a gradient: y = softmax((x + g) / τ) along an axis, with g from Gumbel's distribution.
//!
//! The largest of x + g is a draw from softmax(x) (Gumbel 1954). The softmax at the temperature τ comes near to it for small τ, and
//! is differentiable: of y, dx = (1/τ)·y·(dy − Σ dy·y).
//!
//! With `hard` the value is the draw itself, 1 at the largest and 0 elsewhere; its gradient is that of the soft y, straight through.
//! The soft y is made again then, from x and the key: kept, it would take as much memory as x, which a second derivative needs.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::random::Key;
use glassbox_tensor::shape::axis_index;
use glassbox_tensor::simd::{Lanes, Simd};
use glassbox_tensor::{Tensor, map_n};
use ndarray::{ArrayD, Axis};

/// y = softmax((x + g) / temperature) along `axis`, or its largest element as a 1 among zeros.
#[derive(Clone, Debug)]
pub struct GumbelSoftmax {
    /// τ: for large ones y is even, for small ones nearly 0 and 1.
    pub temperature: f32,
    /// Which axis has the categories; a negative one counts from the end.
    pub axis: isize,
    /// Whether the value is 0 and 1.
    pub hard: bool,
    /// Whoever uses a key twice gets the same draws twice.
    pub key: Key,
}

impl GumbelSoftmax {
    fn noise(&self, shape: &[usize]) -> Tensor {
        Tensor::gumbel(shape, self.key)
    }
}

impl Op for GumbelSoftmax {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        if self.hard { Keep::input(0) } else { Keep::OUTPUT }
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        let (x, axis, t) = (x[0], self.axis, self.temperature);
        axis_index("gumbel_softmax", axis, x.rank());
        assert!(t > 0.0, "gumbel_softmax: the temperature {t} is not positive; for draws of 0 and 1 ask for hard ones");
        let soft = map_n(&Perturbed(t), [x, &self.noise(x.shape())]).softmax(axis);
        if !self.hard || x.numel() == 0 {
            return (soft, ());
        }
        let drawn = soft.argmax(axis, true);
        let ones = Tensor::ones(drawn.shape());
        let hard = Tensor::zeros(x.shape()).scatter_add(axis, &drawn, &ones);
        (map_n(&NanStays, [&hard, &soft]), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        let soft = if self.hard {
            let x = kept.x(0);
            (&(x + &Var::constant(self.noise(x.shape()))) / self.temperature).softmax(self.axis)
        } else {
            kept.y().clone()
        };
        let dot = (dy * &soft).sum(&[self.axis], true);
        [Some(&(&soft * &(dy - &dot)) / self.temperature)].into()
    }

    fn surrogate(&self, x: &[ArrayD<f64>]) -> Option<ArrayD<f64>> {
        Some(soft(self, &x[0]))
    }
}

/// (x + g) / τ
struct Perturbed(f32);

impl Lanes<2> for Perturbed {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x, g]: [S::F; 2]) -> S::F {
        (x + g) / s.splat(self.0)
    }
}

/// hard, or NaN where soft is: a row of NaN has no largest element.
struct NanStays;

impl Lanes<2> for NanStays {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [hard, soft]: [S::F; 2]) -> S::F {
        s.select(s.is_nan(soft), soft, hard)
    }
}

impl Var {
    /// softmax((x + g) / temperature) along `axis` (a negative one counts from the end), with g from Gumbel's distribution at `key`; with
    /// `hard` its largest element as a 1 among zeros, with the gradient of the soft value.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{Tensor, random::Key};
    /// let logits = Var::input(Tensor::zeros([1000, 4])); // four equally likely categories
    /// let y = logits.gumbel_softmax(1.0, -1, true, Key::new(1)); // (1000, 4), one 1 in each row
    /// let counts = y.value().sum(&[0], false);
    /// assert!(counts.to_vec().iter().all(|n| (n - 250.0).abs() < 60.0));
    /// let first = y.narrow(-1, 0, 1).sum_all();
    /// assert!(first.backward().of(&logits).at([0, 0]) > 0.0); // a larger logit makes its category likelier
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist, and for a temperature that is not positive.
    #[track_caller]
    pub fn gumbel_softmax(&self, temperature: f32, axis: isize, hard: bool, key: Key) -> Var {
        apply(GumbelSoftmax { temperature, axis, hard, key }, [self])
    }
}

/// (x + g) / τ in f64.
fn perturbed(op: &GumbelSoftmax, x: &ArrayD<f64>) -> ArrayD<f64> {
    let mut z = x.clone();
    z.iter_mut().enumerate().for_each(|(i, z)| *z = (*z + f64::from(op.key.gumbel(i as u64))) / f64::from(op.temperature));
    z
}

fn soft(op: &GumbelSoftmax, x: &ArrayD<f64>) -> ArrayD<f64> {
    let mut y = perturbed(op, x);
    for mut row in y.lanes_mut(Axis(axis_index("gumbel_softmax", op.axis, x.ndim()))) {
        let max = row.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
        row.mapv_inplace(|z| (z - max).exp());
        let total = row.sum();
        row /= total;
    }
    y
}

fn reference(op: &GumbelSoftmax, x: &ArrayD<f64>) -> ArrayD<f64> {
    let mut y = soft(op, x);
    if op.hard {
        for mut row in y.lanes_mut(Axis(axis_index("gumbel_softmax", op.axis, x.ndim()))) {
            let largest = (0..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best });
            row.indexed_iter_mut().filter(|(_, y)| !y.is_nan()).for_each(|(i, y)| *y = f64::from(i == largest));
        }
    }
    y
}

/// What the registry knows of Gumbel's softmax.
pub static INFO: OpInfo<GumbelSoftmax> = OpInfo {
    name: "gumbel_softmax",
    formula: "y = softmax((x + g) / τ) along an axis, g from Gumbel's distribution; hard: 1 at the largest, 0 elsewhere",
    gradient: "dx = soft · (dy − Σ dy · soft) / τ, where soft is the value without hard",
    source: "Jang, Gu & Poole 2017, Categorical Reparameterization with Gumbel-Softmax; Maddison, Mnih & Teh 2017, The Concrete Distribution",
    reference: |op, x| reference(op, &x[0]),
    sample: |d| {
        let x = Input::new([d.dim(), d.dim(), d.dim() % 3 + 1]); // the reference draws each number by itself
        let (axis, hard) = ([-1, 0, 1][d.choice(3)], d.choice(2) == 0);
        let temperature = [1.0, 0.7][d.choice(2)];
        Sample::new(GumbelSoftmax { temperature, axis, hard, key: Key::new(d.dim() as u64) }, [x])
    },
    standard: |_| {
        let op = GumbelSoftmax { temperature: 1.0, axis: -1, hard: false, key: Key::new(0) };
        Sample::new(op, [Input::new([2048, 1024])])
    },
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).gumbel_softmax(0.0, -1, false, Key::new(0))),
            says: "gumbel_softmax: the temperature 0 is not positive; for draws of 0 and 1 ask for hard ones",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).gumbel_softmax(1.0, 2, false, Key::new(0))),
            says: "gumbel_softmax: axis 2 is out of range for a tensor with 2 axes; use -2 to 1",
        },
    ],
    // z = (x + g) / τ is rounded before the exponential magnifies its errors by |z|
    tolerance: Tolerance::UnitsOf(4.0, |op, x| {
        let largest = perturbed(op, &x[0]).iter().fold(0.0f64, |a, &b| a.max(b.abs()));
        soft(op, &x[0]) * (1.0 + largest)
    }),
    cost: |_, shapes| {
        let n = shapes[0].iter().product::<usize>() as u64;
        Cost { flops: 30 * n, bytes: 8 * n }
    },
    derivatives: Derivatives::Any,
};
