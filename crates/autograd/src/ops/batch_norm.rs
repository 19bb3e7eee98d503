//! Batch normalisation of x (N, C, …): each channel is normalised over the batch and all that follows the channel axis.
//!
//! ```text
//! y = x̂·w + b,   x̂ = (x − m)·r,   r = 1 / √(v + eps)
//! ```
//!
//! In training m and v are the channel's own mean and variance (with no correction), which are handed out for whoever keeps a
//! running average; then, with g = dy·w and means over the channel,
//!
//! ```text
//! dx = r·(g − mean g − x̂·mean(g·x̂)),   dw = Σ dy·x̂,   db = Σ dy.
//! ```
//!
//! In evaluation they are given, as constants: dx = r·g. A constant channel gives b exactly; ∞ or NaN spoils its channel alone.

use super::layer_norm::{Parameters, check_eps, check_parameter, choose, cost, dx, inputs, magnitude, normalized, value};
use crate::info::{Derivatives, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply_many, apply_with};
use glassbox_tensor::{ChannelNorm, Tensor, counted};
use ndarray::{ArrayD, Axis};

/// y = (x − m)·r·w + b with m and r of each channel, of the inputs x (N, C, …) and, if there are, w (C) and b (C).
#[derive(Clone, Debug)]
pub struct BatchNorm {
    /// Mean and variance to normalise by; `None`: those of x itself.
    pub given: Option<(Tensor, Tensor)>,
    /// Which parameters there are.
    pub parameters: Parameters,
    /// What is added to the variance.
    pub eps: f32,
}

/// The statistics of a batch, a number for each channel.
#[derive(Clone, Debug)]
pub struct BatchStats {
    /// The mean (C).
    pub mean: Tensor,
    /// The variance (C): Σ (x − mean)² / count.
    pub var: Tensor,
    /// How many numbers of each channel.
    pub count: usize,
}

impl BatchStats {
    /// The unbiased variance, Σ (x − mean)² / (count − 1): what PyTorch's running average takes.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let (_, stats) = Var::constant(tensor![[1.], [3.]]).batch_norm(None, None, 1e-5);
    /// assert_eq!((stats.mean.item(), stats.var.item(), stats.unbiased_var().item()), (2.0, 1.0, 2.0));
    /// ```
    pub fn unbiased_var(&self) -> Tensor {
        &self.var * (self.count as f32 / (self.count as f32 - 1.0))
    }
}

impl Op for BatchNorm {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = (BatchStats, Tensor); // and rstd: small; the normalised input is computed again

    fn keep(&self, needs: &[bool]) -> Keep {
        let [dx, dw, _] = self.parameters.needs(needs);
        let reads_x = dw || (dx && self.given.is_none());
        Keep::NOTHING.input_if(0, reads_x).input_if(1, self.parameters.weight && dx)
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, Self::Extra) {
        let [w, b] = self.parameters.of(x);
        self.check(x[0].shape(), [w, b].map(|p| p.map(Tensor::shape)));
        let norm = norm(x[0].shape());
        let [mean, var, rstd] = match self.given.clone() {
            Some((mean, var)) => [mean, var.clone(), norm.rstd(&var, self.eps)],
            None => norm.statistics(x[0], self.eps),
        };
        let scale = w.map_or(rstd.clone(), |w| w * &rstd);
        let shift = b.cloned().unwrap_or_else(|| Tensor::zeros([norm.channels]));
        let y = norm.affine(x[0], &mean, &scale, &shift);
        (y, (BatchStats { mean, var, count: norm.batch * norm.inner }, rstd))
    }

    fn backward(&self, kept: &Kept<'_, Self::Extra>, dy: &Var, needs: &[bool]) -> Grads {
        let norm = norm(kept.shape(0));
        let (seen, beside, axes) = ([norm.batch, norm.channels, norm.inner], [norm.channels, 1], [0, 2]);
        let ([need_x, need_w, need_b], [w, b]) = (self.parameters.needs(needs), self.parameters.at());
        let (stats, rstd) = kept.extra;
        let constant = |t: &Tensor| Var::constant(t.reshape(beside));
        let dy = dy.reshape(seen);
        let own = self.given.is_none();
        let x_hat = (need_w || (need_x && own)).then(|| match own {
            true => normalized(&kept.x(0).reshape(seen), &axes, true, self.eps),
            false => (&(&kept.x(0).reshape(seen) - &constant(&stats.mean)) * &constant(rstd), constant(rstd)),
        });
        let x_hat = || x_hat.as_ref().expect("computed for dw, and for dx in training");
        let dx = need_x.then(|| {
            let g = w.map_or(dy.clone(), |w| &dy * &kept.x(w).reshape(beside));
            if own { dx(&g, x_hat(), &axes, true) } else { &g * &constant(rstd) }.reshape(kept.shape(0))
        });
        let sum = |d: Var, p: Option<usize>| d.sum_to(&beside).reshape(kept.shape(p.expect("needed, so there")));
        let dw = need_w.then(|| sum(&dy * &x_hat().0, w));
        let db = need_b.then(|| sum(dy.clone(), b));
        self.parameters.each([dx, dw, db])
    }

    // two readings of x and dy: the sums of each channel, which are dw and db, and then dx
    fn backward_fused(&self, kept: &Kept<'_, Self::Extra>, dy: &Tensor, needs: &[bool]) -> Option<TensorGrads> {
        let [need_x, need_w, need_b] = self.parameters.needs(needs);
        if self.given.is_some() || (!need_x && !need_w) {
            return None;
        }
        let (norm, x) = (norm(kept.shape(0)), kept.x(0).value());
        let (BatchStats { mean, count, .. }, rstd) = kept.extra;
        let (sums, products) = norm.sums(x, dy, mean); // Σ dy and Σ dy·(x − m)
        let products = &products * rstd; // Σ dy·x̂
        let dx = need_x.then(|| {
            let w = self.parameters.at()[0].map(|w| kept.x(w).value());
            let scale = w.map_or(rstd.clone(), |w| w * rstd);
            let share = &scale * (1.0 / *count as f32);
            let (flat, tilt) = (&share * &sums, &(&share * &products) * rstd);
            norm.dx(x, dy, [mean, &scale, &flat, &tilt])
        });
        Some(self.parameters.each([dx, need_w.then_some(products), need_b.then_some(sums)]))
    }
}

fn norm(x: &[usize]) -> ChannelNorm {
    ChannelNorm { batch: x[0], channels: x[1], inner: x[2..].iter().product() }
}

impl BatchNorm {
    #[track_caller]
    fn check(&self, x: &[usize], parameters: [Option<&[usize]>; 2]) {
        let &[batch, channels, ..] = x else { panic!("batch_norm: x {x:?} has no channels; it is (N, C, …)") };
        check_eps("batch_norm", self.eps);
        for (p, name) in parameters.into_iter().zip(["weight", "bias"]) {
            check_parameter("batch_norm", name, p, &[channels]);
        }
        match &self.given {
            Some((mean, var)) => {
                check_parameter("batch_norm", "mean", Some(mean.shape()), &[channels]);
                check_parameter("batch_norm", "var", Some(var.shape()), &[channels]);
            }
            None => {
                let count = batch * x[2..].iter().product::<usize>();
                assert!(
                    count > 1,
                    "batch_norm: x {x:?} has {count} of each channel, and a variance is of two at least; take a \
                     larger batch, or batch_norm_with", count = counted(count, "number"));
            }
        }
    }
}

impl Var {
    /// Batch normalisation of x (N, C, …) in training: (x − m)·w / √(v + eps) + b, with the mean m and the variance v of each
    /// channel over the batch and all that follows the channel axis. w and b have a number for each channel; without them they
    /// count as 1 and 0. Beside the value: m and v, for a running average.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let x = Var::input(tensor![[1., 10.], [3., 30.]]); // (N 2, C 2)
    /// let b = Var::input(tensor![0., 5.]);
    /// let (y, stats) = x.batch_norm(None, Some(&b), 1e-12);
    /// assert_close!(*y.value(), tensor![[-1., 4.], [1., 6.]]);
    /// assert_eq!((stats.mean, stats.var), (tensor![2., 20.], tensor![1., 100.]));
    /// ```
    ///
    /// # Panics
    /// When x has fewer than two axes, or fewer than two numbers of each channel; when w or b isn't (C), or eps is less than 0.
    #[track_caller]
    pub fn batch_norm(&self, w: Option<&Var>, b: Option<&Var>, eps: f32) -> (Var, BatchStats) {
        let (parameters, inputs) = Parameters::given(self, w, b);
        apply_with(BatchNorm { given: None, parameters, eps }, &inputs, |(stats, _)| stats.clone())
    }

    /// Batch normalisation in evaluation: by the given mean and variance (C), which are constants.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let x = Var::constant(tensor![[1., 10.], [3., 30.]]);
    /// let y = x.batch_norm_with(&tensor![1., 20.], &tensor![4., 100.], None, None, 0.0);
    /// assert_close!(*y.value(), tensor![[0., -1.], [1., 1.]]);
    /// ```
    ///
    /// # Panics
    /// When x has fewer than two axes; when mean, var, w or b isn't (C), or eps is less than 0.
    #[track_caller]
    pub fn batch_norm_with(&self, mean: &Tensor, var: &Tensor, w: Option<&Var>, b: Option<&Var>, eps: f32) -> Var {
        let (parameters, inputs) = Parameters::given(self, w, b);
        apply_many(BatchNorm { given: Some((mean.clone(), var.clone())), parameters, eps }, &inputs)
    }
}

/// The naive normalisation: `f` of x, m, r, w and b for each element.
fn reference(op: &BatchNorm, x: &[ArrayD<f64>], f: impl Fn(f64, f64, f64, f64, f64) -> f64) -> ArrayD<f64> {
    let [w, b] = op.parameters.at().map(|at| at.map(|i| &x[i]));
    let mut y = x[0].clone();
    for (c, mut channel) in y.axis_iter_mut(Axis(1)).enumerate() {
        let n = channel.len() as f64;
        let (m, v) = match &op.given {
            Some((mean, var)) => (f64::from(mean.at([c])), f64::from(var.at([c]))),
            None => {
                let m = channel.sum() / n;
                (m, channel.iter().map(|x| (x - m).powi(2)).sum::<f64>() / n)
            }
        };
        let r = 1.0 / (v + f64::from(op.eps)).sqrt();
        channel.mapv_inplace(|x| f(x, m, r, w.map_or(1.0, |w| w[[c]]), b.map_or(0.0, |b| b[[c]])));
    }
    y
}

/// What the registry knows of batch normalisation.
pub static INFO: OpInfo<BatchNorm> = OpInfo {
    name: "batch_norm",
    formula: "y = x̂ · w + b, x̂ = (x − m) · r, r = 1 / √(v + eps), m and v of each channel of x (N, C, …), or given",
    gradient: "g = dy · w; dx = r · (g − mean g − x̂ · mean(g · x̂)), or r · g if given; dw = Σ dy · x̂, db = Σ dy",
    source: "Ioffe & Szegedy 2015, Batch Normalization",
    reference: |op, x| reference(op, x, value),
    sample: |d| {
        // from 4 numbers on, as for layer_norm
        let (n, c, long) = (d.dim(), d.dim() % 23, d.dim());
        let x = match d.choice(4) {
            0 => vec![n % 3 + 1, c, long % 4 + 2, 2],
            1 => vec![n + 4, c],
            2 => vec![n % 50 + 1, c, long + 33],
            _ => vec![2, c, long % 100 + 4],
        };
        let parameters = choose(d.choice(5));
        let given = (d.choice(3) == 0).then(|| (Tensor::linspace(-1.0, 1.0, c), Tensor::linspace(0.5, 2.0, c)));
        let inputs = inputs(x, parameters, &[c]);
        Sample::new(BatchNorm { given, parameters, eps: [1e-5, 0.1][d.choice(2)] }, inputs)
    },
    standard: |_| {
        let parameters = Parameters { weight: true, bias: true };
        let op = BatchNorm { given: None, parameters, eps: 1e-5 };
        Sample::new(op, inputs(vec![32, 64, 32, 32], parameters, &[64]))
    },
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([1, 3])).batch_norm(None, None, 1e-5)),
            says: "batch_norm: x [1, 3] has 1 number of each channel, and a variance is of two at least; take a larger batch, or batch_norm_with",
        },
        Wrong {
            call: || {
                let w = Var::constant(Tensor::ones([2]));
                drop(Var::constant(Tensor::ones([2, 3])).batch_norm(Some(&w), None, 1e-5))
            },
            says: "batch_norm: weight [2] doesn't fit; it is [3]",
        },
        Wrong {
            call: || {
                let (mean, var) = (Tensor::zeros([3]), Tensor::ones([1, 3]));
                drop(Var::constant(Tensor::ones([2, 3])).batch_norm_with(&mean, &var, None, None, 1e-5))
            },
            says: "batch_norm: var [1, 3] doesn't fit; it is [3]",
        },
    ],
    tolerance: Tolerance::UnitsOf(4.0, |op, x| reference(op, x, magnitude)),
    cost: |_, shapes| {
        let mut cost = cost(shapes);
        cost.bytes += 4 * shapes[0].iter().product::<usize>() as u64; // x once more, for the statistics
        cost
    },
    derivatives: Derivatives::Any,
};
